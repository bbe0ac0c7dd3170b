//! Reads `template.yaml` (AWS SAM): the functions, and what starts them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_yaml_ng::{Mapping, Value};

use crate::cors;

/// Lambda's own default where the template is silent.
const DEFAULT_TIMEOUT: u64 = 3;
/// Lambda's own default where the template is silent, MB.
const DEFAULT_MEMORY: u64 = 128;

/// What the local cloud takes from a template.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// Every function, by package name.
    pub functions: Vec<Function>,
    /// What pages may ask of the API.
    pub api_cors: cors::Rule,
    /// What pages may ask of the files bucket.
    pub files_cors: cors::Rule,
}

/// One `AWS::Serverless::Function`.
#[derive(Debug, Clone)]
pub struct Function {
    /// Package and binary, the last segment of `CodeUri`: `get-patient`.
    pub package: String,
    /// HTTP routes that lead to it.
    pub routes: Vec<Route>,
    /// When it runs by itself.
    pub schedules: Vec<Schedule>,
    /// Whether a new object in the files bucket starts it.
    pub on_upload: bool,
    /// Whether an EventBridge rule starts it; no such event happens here by itself.
    pub on_rule: bool,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// MB.
    pub memory: u64,
    /// The environment variables declared for it, with their value where it is a plain text, a
    /// number, or a parameter's default.
    pub environment: BTreeMap<String, Option<String>>,
}

/// An `HttpApi` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Upper case; `ANY` stands for all.
    pub method: String,
    /// `/v1/patients/{id}`.
    pub path: String,
}

/// A `ScheduleV2` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The event's name in the template.
    pub name: String,
    /// `rate(1 minute)` or `cron(0 3 * * ? *)`.
    pub expression: String,
    /// What the function gets; EventBridge Scheduler's own event when silent.
    pub input: Option<String>,
}

impl Template {
    /// Reads a template file.
    ///
    /// # Errors
    /// When it can't be read, is no YAML, or a function in it is incomplete: names the function.
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
                // The one that pages may use.
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

struct Reader<'a> {
    properties: &'a Mapping,
    globals: &'a Mapping,
    parameters: &'a Mapping,
}

impl Reader<'_> {
    fn function(&self) -> Result<Function> {
        let code = text_of(self.properties.get("CodeUri")).context("CodeUri is missing")?;
        let package = code
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let mut function = Function {
            package,
            routes: Vec::new(),
            schedules: Vec::new(),
            on_upload: false,
            on_rule: false,
            timeout: Duration::from_secs(self.number("Timeout")?.unwrap_or(DEFAULT_TIMEOUT)),
            memory: self.number("MemorySize")?.unwrap_or(DEFAULT_MEMORY),
            environment: self.environment(),
        };
        for (name, event) in self
            .properties
            .get("Events")
            .and_then(map_of)
            .into_iter()
            .flatten()
        {
            let name = name.as_str().unwrap_or_default();
            let event = map_of(event).with_context(|| format!("event {name} is empty"))?;
            self.event(&mut function, name, event)
                .with_context(|| format!("event {name}"))?;
        }
        Ok(function)
    }

    fn event(&self, function: &mut Function, name: &str, event: &Mapping) -> Result<()> {
        let nothing = Mapping::new();
        let properties = event.get("Properties").and_then(map_of).unwrap_or(&nothing);
        match text_of(event.get("Type")).as_deref() {
            Some("HttpApi") => function.routes.push(Route {
                method: text_of(properties.get("Method"))
                    .context("Method is missing")?
                    .to_uppercase(),
                path: text_of(properties.get("Path")).context("Path is missing")?,
            }),
            Some("Schedule" | "ScheduleV2") => {
                let expression = properties
                    .get("ScheduleExpression")
                    .or_else(|| properties.get("Schedule"));
                function.schedules.push(Schedule {
                    name: name.to_owned(),
                    expression: self
                        .resolve(expression)
                        .context("ScheduleExpression is missing")?,
                    input: text_of(properties.get("Input")),
                });
            }
            Some("S3") => function.on_upload = true,
            Some("EventBridgeRule") => function.on_rule = true,
            other => bail!(
                "the local cloud knows no event of type {}",
                other.unwrap_or("(none)")
            ),
        }
        Ok(())
    }

    fn number(&self, name: &str) -> Result<Option<u64>> {
        let value = self.properties.get(name).or_else(|| self.globals.get(name));
        let Some(value) = value else { return Ok(None) };
        let text = self
            .resolve(Some(value))
            .with_context(|| format!("{name} has no plain value"))?;
        Ok(Some(
            text.parse()
                .with_context(|| format!("{name} is no number"))?,
        ))
    }

    fn environment(&self) -> BTreeMap<String, Option<String>> {
        [self.globals, self.properties]
            .into_iter()
            .filter_map(|source| map_of(map_of(source.get("Environment")?)?.get("Variables")?))
            .flatten()
            .filter_map(|(name, value)| {
                Some((name.as_str()?.to_owned(), self.resolve(Some(value))))
            })
            .collect()
    }

    /// A plain value, or the default of the parameter that `!Ref` names.
    fn resolve(&self, value: Option<&Value>) -> Option<String> {
        match value? {
            Value::Tagged(tagged) if tagged.tag == "Ref" => {
                let parameter = self.parameters.get(tagged.value.as_str()?)?;
                text_of(map_of(parameter)?.get("Default"))
            }
            Value::Tagged(_) => None,
            plain => text_of(Some(plain)),
        }
    }
}

/// A CORS rule, whose parts an API and a bucket name a little differently.
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

fn mapping<'a>(document: &'a Value, name: &str) -> Option<&'a Mapping> {
    map_of(document.get(name)?)
}

fn map_of(value: &Value) -> Option<&Mapping> {
    match value {
        Value::Tagged(tagged) => tagged.value.as_mapping(),
        plain => plain.as_mapping(),
    }
}

fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  RequireAal2: {Type: String, Default: "true"}
  DatabaseUrl: {Type: String, NoEcho: true}
Globals:
  Function:
    Timeout: 10
    MemorySize: 256
    Environment:
      Variables:
        DATABASE_URL: !Ref DatabaseUrl
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
        assert_eq!(environment["DATABASE_URL"], None);
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
