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
Globals: {Function: {Timeout: 20, MemorySize: 128, LoggingConfig: {LogFormat: JSON, LogGroup: !Ref FunctionLogs}, Environment: {Variables: {SECRET_ID: caretrail/jobs, AWS_ENDPOINT_URL_SECRETS_MANAGER: !Sub "https://secretsmanager.${AWS::Region}.${AWS::URLSuffix}", LITERAL: plain}}}}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        {AllowOrigins: [!Ref Origin], AllowMethods: [GET, POST], AllowHeaders: [authorization, content-type], ExposeHeaders: [etag], MaxAge: 600}
      AccessLogSettings:
        DestinationArn: !GetAtt AccessLogs.Arn
        Format: >-
          {"request_id":"$context.requestId","time":"$context.requestTime","time_epoch":"$context.requestTimeEpoch","source_ip":"$context.identity.sourceIp","method":"$context.httpMethod","route":"$context.routeKey","status":"$context.status","bytes":"$context.responseLength","error":"$context.error.message","integration_error":"$context.integrationErrorMessage","integration_status":"$context.integration.status","integration_request_id":"$context.integration.requestId"}
  FunctionLogs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Sub "/caretrail/${AWS::StackName}/functions"}}
  AccessLogs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Sub "/caretrail/${AWS::StackName}/access"}}
  AuditBucket: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref AuditBucketName, ObjectLockEnabled: true}}
  FilesBucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Ref FilesBucketName
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
  Hold: {Type: AWS::Serverless::Function, Properties: {CodeUri: hold/, Events: {Http: {Type: HttpApi, Properties: {Method: POST, Path: /hold}}}}}
  Chatter: {Type: AWS::Serverless::Function, Properties: {CodeUri: chatter/}}
  Environment: {Type: AWS::Serverless::Function, Properties: {CodeUri: environment/, Environment: {Variables: {FILES_BUCKET: !Ref FilesBucketName, AUDIT_BUCKET: !Ref AuditBucketName, FUNCTION_LOG_GROUP: !Ref FunctionLogs, ACCESS_LOG_GROUP: !Ref AccessLogs, AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: !Sub "https://logs.${AWS::Region}.${AWS::URLSuffix}"}}}}
  Secrets: {Type: AWS::Serverless::Function, Properties: {CodeUri: secrets/, Environment: {Variables: {CURSOR_KEY: ""}}}}
  OnUpload: {Type: AWS::Serverless::Function, Properties: {CodeUri: on-upload/, Events: {New: {Type: S3, Properties: {Bucket: !Ref FilesBucket, Events: "s3:ObjectCreated:*"}}}}}
"#;

pub struct World {
    pub cloud: Cloud,
    pub client: Client,
    pub folder: TempDir,
    settings: Settings,
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
        let cloud = Cloud::start(settings.clone()).await.unwrap();
        let client = Client::new(cloud.url());
        Self {
            cloud,
            client,
            folder,
            settings,
        }
    }

    /// Ends the cloud and starts another on the same data.
    pub async fn restarted(self) -> Self {
        self.cloud.shutdown().await;
        let cloud = Cloud::start(self.settings.clone()).await.unwrap();
        let client = Client::new(cloud.url());
        Self {
            cloud,
            client,
            ..self
        }
    }

    pub fn binary(&self, function: &str) -> PathBuf {
        self.folder.path().join("binaries").join(function)
    }
}
