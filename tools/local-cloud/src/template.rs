//! Reads `template.yaml` (AWS SAM): the functions and what starts them.

mod function;
mod yaml;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_yaml_ng::{Mapping, Value};

use self::function::Reader;
pub use self::function::{Function, Route, Schedule};
use self::yaml::{map_of, mapping, text_of};
use crate::cors;

/// What the local cloud uses of a template.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// Every function, by package name.
    pub functions: Vec<Function>,
    /// The CORS rule of the API.
    pub api_cors: cors::Rule,
    /// The CORS rule of the files bucket.
    pub files_cors: cors::Rule,
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

        let mut functions = Vec::new();
        let (mut api_cors, mut files_cors) = Default::default();
        for (name, resource) in resources {
            let (Some(name), Some(resource)) = (name.as_str(), map_of(resource)) else {
                continue;
            };
            let properties = resource
                .get("Properties")
                .and_then(map_of)
                .unwrap_or(&nothing);
            match text_of(resource.get("Type")).as_deref() {
                Some("AWS::Serverless::Function") => {}
                Some("AWS::Serverless::HttpApi") => {
                    api_cors = rule(properties.get("CorsConfiguration"), "Allow", "Expose");
                    continue;
                }
                // Only the files bucket has a CORS rule.
                Some("AWS::S3::Bucket") if properties.contains_key("CorsConfiguration") => {
                    let rules = properties.get("CorsConfiguration").and_then(map_of);
                    let rules = rules.and_then(|rules| rules.get("CorsRules")?.as_sequence());
                    files_cors = rule(rules.and_then(|rules| rules.first()), "Allowed", "Exposed");
                    continue;
                }
                _ => continue,
            }
            let reader = Reader {
                properties,
                globals: globals.unwrap_or(&nothing),
                parameters,
            };
            functions.push(
                reader
                    .function()
                    .with_context(|| format!("function {name}"))?,
            );
        }
        functions.sort_by(|left, right| left.package.cmp(&right.package));
        Ok(Self {
            functions,
            api_cors,
            files_cors,
        })
    }

    /// The function of `package`.
    pub fn function(&self, package: &str) -> Option<&Function> {
        self.functions
            .iter()
            .find(|function| function.package == package)
    }
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
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Sub "${AWS::StackName}-files"
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
        Variables: {FILES_BUCKET: !Ref Bucket, LIMIT: 5}
      Events:
        Uploaded:
          Type: S3
          Properties: {Bucket: !Ref Bucket, Events: "s3:ObjectCreated:*"}
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
    fn what_pages_may_do_is_read_of_api_and_bucket() {
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
        assert_eq!((template.api_cors, template.files_cors), (api, files));
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
