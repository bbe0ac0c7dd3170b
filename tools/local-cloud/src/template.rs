//! Reads `template.yaml` (AWS SAM): the functions and what starts them.

mod function;
mod yaml;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_yaml_ng::{Mapping, Value};

use self::function::Reader;
pub use self::function::{Function, Route, Schedule};
use self::yaml::{Parameters, map_of, mapping, referred, text_of};
use crate::cors;

/// What the local cloud uses of a template.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// Every function, by package name.
    pub functions: Vec<Function>,
    /// The CORS rule of the API.
    pub api_cors: cors::Rule,
    /// The buckets that functions use.
    pub buckets: Vec<Bucket>,
    /// The log group of the functions. `None`: they have no group in common.
    pub function_logs: Option<String>,
    /// The access log of the API. `None`: it has none.
    pub access_log: Option<AccessLog>,
}

/// A bucket whose name is a parameter, such as `FilesBucket`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name in the local cloud: `caretrail-files` for `FilesBucket`.
    pub name: String,
    /// The variable with which functions get its name: `FILES_BUCKET` for `FilesBucket`.
    pub variable: String,
    /// Whether versions can be locked.
    pub object_lock: bool,
    /// Its CORS rule. `None`: pages can't use it.
    pub cors: Option<cors::Rule>,
}

/// The access log of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// The name of its log group.
    pub group: String,
    /// The form of a line, with variables such as `$context.requestId`.
    pub format: String,
}

impl Template {
    /// Reads a template file.
    ///
    /// # Errors
    /// The file can't be read or isn't YAML, or a function is incomplete; names the function.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("{} can't be read", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    /// Reads a template's text.
    ///
    /// # Errors
    /// As [`Template::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let document: Value = serde_yaml_ng::from_str(text)?;
        let nothing = Mapping::new();
        let parameters = mapping(&document, "Parameters").unwrap_or(&nothing);
        let globals =
            mapping(&document, "Globals").and_then(|globals| map_of(globals.get("Function")?));
        let resources = mapping(&document, "Resources").context("the template has no Resources")?;

        let parameters = Parameters {
            parameters,
            resources,
        };
        let groups = log_groups(resources, parameters);
        let group = |value| groups.get(referred(value)?).cloned();
        let mut template = Self {
            function_logs: globals
                .and_then(|globals| map_of(globals.get("LoggingConfig")?))
                .and_then(|logging| group(logging.get("LogGroup"))),
            ..Self::default()
        };
        for (name, resource) in resources {
            let (Some(name), Some(resource)) = (name.as_str(), map_of(resource)) else {
                continue;
            };
            let properties = resource
                .get("Properties")
                .and_then(map_of)
                .unwrap_or(&nothing);
            match text_of(resource.get("Type")).as_deref() {
                Some("AWS::Serverless::Function") => {
                    let reader = Reader {
                        properties,
                        globals: globals.unwrap_or(&nothing),
                        parameters,
                    };
                    let function = reader.function();
                    template
                        .functions
                        .push(function.with_context(|| format!("function {name}"))?);
                }
                Some("AWS::Serverless::HttpApi") => {
                    template.api_cors =
                        rule(properties.get("CorsConfiguration"), "Allow", "Expose");
                    let access_log = properties.get("AccessLogSettings").and_then(map_of);
                    template.access_log = access_log.and_then(|settings| {
                        Some(AccessLog {
                            group: group(settings.get("DestinationArn"))?,
                            format: text_of(settings.get("Format"))?.trim().to_owned(),
                        })
                    });
                }
                Some("AWS::S3::Bucket") => template.buckets.extend(bucket(name, properties)),
                _ => {}
            }
        }
        template
            .functions
            .sort_by(|left, right| left.package.cmp(&right.package));
        Ok(template)
    }

    /// The function of `package`.
    pub fn function(&self, package: &str) -> Option<&Function> {
        self.functions
            .iter()
            .find(|function| function.package == package)
    }
}

/// The names of the log groups, by logical id.
fn log_groups(resources: &Mapping, parameters: Parameters<'_>) -> BTreeMap<String, String> {
    let groups = resources.iter().filter_map(|(id, resource)| {
        let resource = map_of(resource)?;
        let is_group = text_of(resource.get("Type"))? == "AWS::Logs::LogGroup";
        let properties = map_of(resource.get("Properties")?)?;
        let name = parameters.resolve(properties.get("LogGroupName"))?;
        is_group.then(|| Some((id.as_str()?.to_owned(), name)))?
    });
    groups.collect()
}

/// A bucket that functions use; `None` for one that only AWS writes to, which has a generated name.
fn bucket(id: &str, properties: &Mapping) -> Option<Bucket> {
    properties.get("BucketName")?;
    let stem = id.strip_suffix("Bucket")?;
    let cors = properties.get("CorsConfiguration").and_then(map_of);
    let cors = cors.and_then(|cors| cors.get("CorsRules")?.as_sequence()?.first());
    Some(Bucket {
        name: format!("caretrail-{}", stem.to_lowercase()),
        variable: format!("{}_BUCKET", stem.to_uppercase()),
        object_lock: text_of(properties.get("ObjectLockEnabled")).as_deref() == Some("true"),
        cors: cors.map(|cors| rule(Some(cors), "Allowed", "Exposed")),
    })
}

/// A CORS rule. An API and a bucket name its parts differently.
fn rule(source: Option<&Value>, allowed: &str, exposed: &str) -> cors::Rule {
    let part = |name: String| source.and_then(map_of)?.get(name);
    let list = |name| {
        let values = part(name)
            .and_then(Value::as_sequence)
            .into_iter()
            .flatten();
        values.filter_map(|value| text_of(Some(value))).collect()
    };
    cors::Rule {
        methods: list(format!("{allowed}Methods")),
        headers: list(format!("{allowed}Headers")),
        exposed: list(format!("{exposed}Headers")),
        max_age: part("MaxAge".to_owned())
            .and_then(Value::as_u64)
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SMALL: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  RequireAal2: {Type: String, Default: "true"}
  SecretPrefix: {Type: String, Default: clinic}
Globals:
  Function:
    Timeout: 10
    MemorySize: 256
    LoggingConfig: {LogFormat: JSON, LogGroup: !Ref FunctionLogs}
    Environment:
      Variables:
        SECRET_ID: !Sub "${SecretPrefix}/people"
        REQUIRE_AAL2: !Ref RequireAal2
        SUPABASE_URL: !Sub https://${Project}.supabase.example
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        {AllowOrigins: [!Ref Origin], AllowMethods: [GET, POST], AllowHeaders: [if-match], ExposeHeaders: [etag], MaxAge: 600}
      AccessLogSettings:
        DestinationArn: !GetAtt AccessLogs.Arn
        Format: >-
          {"id":"$context.requestId"}
  FunctionLogs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Sub "/clinic/${AWS::StackName}/functions"}}
  AccessLogs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Sub "/clinic/${AWS::StackName}/access"}}
  AuditBucket: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref AuditBucketName, ObjectLockEnabled: true}}
  FilesBucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Ref FilesBucketName
      CorsConfiguration:
        CorsRules: [{AllowedOrigins: [!Ref Origin], AllowedMethods: [PUT], AllowedHeaders: [content-type], MaxAge: 60}]
  Logs: {Type: AWS::S3::Bucket}
  GetPatient:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/get-patient/
      Events:
        Http: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: get, Path: "/v1/patients/{id}"}}
  ProcessUpload:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/process-upload
      Timeout: 300
      Environment:
        Variables: {FILES_BUCKET: !Ref FilesBucketName, LIMIT: 5}
      Events:
        Uploaded:
          Type: S3
          Properties: {Bucket: !Ref FilesBucket, Events: "s3:ObjectCreated:*"}
        Nightly:
          Type: ScheduleV2
          Properties: {ScheduleExpression: "rate(1 day)", Input: '{"all":true}'}
"#;

    #[test]
    fn functions_are_read_with_routes_schedules_and_limits() {
        let template = Template::parse(SMALL).unwrap();
        let packages: Vec<_> = template
            .functions
            .iter()
            .map(|function| function.package.as_str())
            .collect();
        assert_eq!(packages, ["get-patient", "process-upload"]);

        let get = template.function("get-patient").unwrap();
        assert_eq!(
            get.routes,
            [Route {
                method: "GET".into(),
                path: "/v1/patients/{id}".into()
            }]
        );
        assert_eq!((get.timeout, get.memory), (Duration::from_secs(10), 256));
        assert!(!get.on_upload);

        let process = template.function("process-upload").unwrap();
        assert!(process.on_upload);
        assert_eq!(
            (process.timeout, process.memory),
            (Duration::from_secs(300), 256)
        );
        let nightly = Schedule {
            name: "Nightly".into(),
            expression: "rate(1 day)".into(),
            input: Some(r#"{"all":true}"#.into()),
        };
        assert_eq!(process.schedules, [nightly]);
    }

    #[test]
    fn the_environment_is_the_declared_one_with_the_values_that_are_known() {
        let template = Template::parse(SMALL).unwrap();
        let environment = &template.function("process-upload").unwrap().environment;
        assert_eq!(environment["SECRET_ID"].as_deref(), Some("clinic/people"));
        assert_eq!(environment["SUPABASE_URL"], None);
        assert_eq!(environment["FILES_BUCKET"], None);
        assert_eq!(environment["REQUIRE_AAL2"].as_deref(), Some("true"));
        assert_eq!(environment["LIMIT"].as_deref(), Some("5"));
        assert!(
            !template
                .function("get-patient")
                .unwrap()
                .environment
                .contains_key("FILES_BUCKET")
        );
    }

    #[test]
    fn buckets_are_read_and_what_pages_may_do() {
        let template = Template::parse(SMALL).unwrap();
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let api = cors::Rule {
            methods: words(&["GET", "POST"]),
            headers: words(&["if-match"]),
            exposed: words(&["etag"]),
            max_age: 600,
        };
        let files = cors::Rule {
            methods: words(&["PUT"]),
            headers: words(&["content-type"]),
            exposed: Vec::new(),
            max_age: 60,
        };
        assert_eq!(template.api_cors, api);
        let bucket = |stem: &str, object_lock, cors| Bucket {
            name: format!("caretrail-{stem}"),
            variable: format!("{}_BUCKET", stem.to_uppercase()),
            object_lock,
            cors,
        };
        let buckets = [
            bucket("audit", true, None),
            bucket("files", false, Some(files)),
        ];
        assert_eq!(template.buckets, buckets);
    }

    #[test]
    fn the_log_groups_of_functions_and_api_are_read_with_the_form_of_an_access_line() {
        let template = Template::parse(SMALL).unwrap();
        let functions = template.function_logs.as_deref();
        assert_eq!(functions, Some("/clinic/local/functions"));
        let access = AccessLog {
            group: "/clinic/local/access".into(),
            format: r#"{"id":"$context.requestId"}"#.into(),
        };
        assert_eq!(template.access_log, Some(access));
    }

    #[test]
    fn a_mistake_names_the_function_and_the_event() {
        let wrong = SMALL.replace("Type: ScheduleV2", "Type: SQS");
        let error = format!("{:#}", Template::parse(&wrong).unwrap_err());
        assert!(
            error.contains("function ProcessUpload: event Nightly"),
            "{error}"
        );
    }
}
