//! A cloud for one test, with functions that are this very program.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use client::Client;
use local_cloud::cloud::{Cloud, Settings};
use local_cloud::template::Template;
use tempfile::TempDir;

const TEMPLATE: &str = r#"
Globals: {Function: {Timeout: 20, MemorySize: 128, Environment: {Variables: {SECRET_ID: caretrail/jobs, AWS_ENDPOINT_URL_SECRETS_MANAGER: !Sub "https://secretsmanager.${AWS::Region}.${AWS::URLSuffix}", LITERAL: plain}}}}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        {AllowOrigins: [!Ref Origin], AllowMethods: [GET, POST], AllowHeaders: [authorization, content-type], ExposeHeaders: [etag], MaxAge: 600}
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      CorsConfiguration:
        CorsRules: [{AllowedOrigins: [!Ref Origin], AllowedMethods: [GET, PUT], AllowedHeaders: [content-type, x-amz-checksum-sha256], MaxAge: 600}]
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/echo/
      Events:
        Get: {Type: HttpApi, Properties: {Method: GET, Path: "/v1/things/{id}"}}
        Post: {Type: HttpApi, Properties: {Method: POST, Path: /v1/things}}
  Crash: {Type: AWS::Serverless::Function, Properties: {CodeUri: crash/, Events: {Http: {Type: HttpApi, Properties: {Method: GET, Path: /crash}}}}}
  Hang: {Type: AWS::Serverless::Function, Properties: {CodeUri: hang/, Timeout: 1, Events: {Http: {Type: HttpApi, Properties: {Method: GET, Path: /hang}}}}}
  Report: {Type: AWS::Serverless::Function, Properties: {CodeUri: report/, Events: {Http: {Type: HttpApi, Properties: {Method: GET, Path: /report}}}}}
  Large: {Type: AWS::Serverless::Function, Properties: {CodeUri: large/, Events: {Http: {Type: HttpApi, Properties: {Method: GET, Path: /large}}}}}
  Missing: {Type: AWS::Serverless::Function, Properties: {CodeUri: missing/, Events: {Http: {Type: HttpApi, Properties: {Method: GET, Path: /missing}}}}}
  Hold: {Type: AWS::Serverless::Function, Properties: {CodeUri: hold/}}
  Environment: {Type: AWS::Serverless::Function, Properties: {CodeUri: environment/, Environment: {Variables: {FILES_BUCKET: !Ref Bucket}}}}
  Secrets: {Type: AWS::Serverless::Function, Properties: {CodeUri: secrets/, Environment: {Variables: {CURSOR_KEY: ""}}}}
  OnUpload: {Type: AWS::Serverless::Function, Properties: {CodeUri: on-upload/, Events: {New: {Type: S3, Properties: {Bucket: !Ref Bucket, Events: "s3:ObjectCreated:*"}}}}}
"#;

pub struct World {
    pub cloud: Cloud,
    pub client: Client,
    pub folder: TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let template = Arc::new(Template::parse(TEMPLATE).unwrap());
        let binaries = folder.path().join("binaries");
        fs::create_dir(&binaries).unwrap();
        let program = env::current_exe().unwrap();
        let script = format!(
            "#!/bin/sh\nexec {} runs_as_a_function_when_started_as_one --exact --nocapture\n",
            program.display()
        );
        for function in template
            .functions
            .iter()
            .filter(|function| function.package != "missing")
        {
            let binary = binaries.join(&function.package);
            fs::write(&binary, &script).unwrap();
            fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let database = "postgres://caretrail_people:secret@nowhere/caretrail";
        let mut settings = Settings::new(&folder.path().join("data"), database, "", template);
        settings.binaries = binaries;
        change(&mut settings);
        let cloud = Cloud::start(settings).await.unwrap();
        let client = Client::new(cloud.url());
        Self {
            cloud,
            client,
            folder,
        }
    }

    pub fn binary(&self, function: &str) -> PathBuf {
        self.folder.path().join("binaries").join(function)
    }
}
