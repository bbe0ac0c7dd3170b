//! One function of a template, and what starts it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_yaml_ng::Mapping;

use super::yaml::{Parameters, map_of, package, text_of};

/// Seconds; Lambda's default.
const DEFAULT_TIMEOUT: u64 = 3;
/// MB; Lambda's default.
const DEFAULT_MEMORY: u64 = 128;

/// One `AWS::Serverless::Function`.
#[derive(Debug, Clone)]
pub struct Function {
    /// The package and its binary, such as `get-patient`: the last segment of `CodeUri`.
    pub package: String,
    /// The HTTP routes that start it.
    pub routes: Vec<Route>,
    /// The schedules that start it.
    pub schedules: Vec<Schedule>,
    /// Whether a new object in the files bucket starts it.
    pub on_upload: bool,
    /// Whether an EventBridge rule starts it. The local cloud sends no such events.
    pub on_rule: bool,
    /// The longest time of one invocation.
    pub timeout: Duration,
    /// Memory in MB.
    pub memory: u64,
    /// The environment variables declared for it. A value is known if it is a text, a number, or made of
    /// parameters' defaults and the names of functions.
    pub environment: BTreeMap<String, Option<String>>,
}

/// An `HttpApi` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method in upper case; `ANY` means all.
    pub method: String,
    /// The path, such as `/v1/patients/{id}`.
    pub path: String,
}

/// A `ScheduleV2` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The event's name in the template.
    pub name: String,
    /// A time such as `rate(1 minute)` or `cron(0 3 * * ? *)`.
    pub expression: String,
    /// The function's event; `None` means EventBridge Scheduler's own event.
    pub input: Option<String>,
}

/// The parts of a template that describe one function.
pub struct Reader<'a> {
    /// Of the function.
    pub properties: &'a Mapping,
    /// Of all functions; the function's own win.
    pub globals: &'a Mapping,
    /// Of the template.
    pub parameters: Parameters<'a>,
}

impl Reader<'_> {
    /// Reads the function.
    ///
    /// # Errors
    /// It is incomplete, or an event has an unknown type; names the event.
    pub fn function(&self) -> Result<Function> {
        let code = text_of(self.properties.get("CodeUri")).context("CodeUri is missing")?;
        let mut function = Function {
            package: package(&code),
            routes: Vec::new(),
            schedules: Vec::new(),
            on_upload: false,
            on_rule: false,
            timeout: Duration::from_secs(self.number("Timeout")?.unwrap_or(DEFAULT_TIMEOUT)),
            memory: self.number("MemorySize")?.unwrap_or(DEFAULT_MEMORY),
            environment: self.variables().collect(),
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
                        .parameters
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
            .parameters
            .resolve(Some(value))
            .with_context(|| format!("{name} has no plain value"))?;
        Ok(Some(
            text.parse()
                .with_context(|| format!("{name} is no number"))?,
        ))
    }

    /// The environment variables. The function's own come last.
    fn variables(&self) -> impl Iterator<Item = (String, Option<String>)> {
        [self.globals, self.properties]
            .into_iter()
            .filter_map(|source| map_of(map_of(source.get("Environment")?)?.get("Variables")?))
            .flatten()
            .filter_map(|(name, value)| {
                Some((
                    name.as_str()?.to_owned(),
                    self.parameters.resolve(Some(value)),
                ))
            })
    }
}
