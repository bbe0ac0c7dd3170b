//! Reads values of a template. A value may carry a tag of CloudFormation, such as `!Sub`.

use serde_yaml_ng::{Mapping, Value};

/// The name of the stack, which `AWS::StackName` stands for.
const STACK: &str = "local";

/// The mapping of this name at the top of a document.
pub fn mapping<'a>(document: &'a Value, name: &str) -> Option<&'a Mapping> {
    map_of(document.get(name)?)
}

/// A mapping, with or without a tag.
pub fn map_of(value: &Value) -> Option<&Mapping> {
    match value {
        Value::Tagged(tagged) => tagged.value.as_mapping(),
        plain => plain.as_mapping(),
    }
}

/// A text, number or truth value as text; `None` if it carries a tag.
pub fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// The parameters and the resources of a template, which `!Ref` and `!Sub` name.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a> {
    pub parameters: &'a Mapping,
    pub resources: &'a Mapping,
}

impl Parameters<'_> {
    /// A plain value, or what `!Ref` or `!Sub` makes of parameters with a default and of functions.
    pub fn resolve(&self, value: Option<&Value>) -> Option<String> {
        match value? {
            Value::Tagged(tagged) if tagged.tag == "Ref" => self.named(tagged.value.as_str()?),
            Value::Tagged(tagged) if tagged.tag == "Sub" => {
                let mut parts = tagged.value.as_str()?.split("${");
                let mut text = parts.next()?.to_owned();
                for part in parts {
                    let (name, rest) = part.split_once('}')?;
                    text.push_str(&self.named(name)?);
                    text.push_str(rest);
                }
                Some(text)
            }
            Value::Tagged(_) => None,
            plain => text_of(Some(plain)),
        }
    }

    fn named(&self, name: &str) -> Option<String> {
        if name == "AWS::StackName" {
            return Some(STACK.to_owned());
        }
        match self.parameters.get(name) {
            Some(parameter) => text_of(map_of(parameter)?.get("Default")),
            None => self.function(name),
        }
    }

    /// The name of a function, which is that of its package here.
    fn function(&self, id: &str) -> Option<String> {
        let function = map_of(self.resources.get(id)?)?;
        let is_function = text_of(function.get("Type"))? == "AWS::Serverless::Function";
        let code = text_of(map_of(function.get("Properties")?)?.get("CodeUri"))?;
        is_function.then(|| package(&code))
    }
}

/// The package of a function with this `CodeUri`: the last segment.
pub fn package(code: &str) -> String {
    let code = code.trim_end_matches('/');
    code.rsplit('/').next().unwrap_or_default().to_owned()
}

/// The logical id of the resource that `!Ref Name` or `!GetAtt Name.Arn` means.
pub fn referred(value: Option<&Value>) -> Option<&str> {
    let Value::Tagged(tagged) = value? else {
        return None;
    };
    let name = tagged.value.as_str()?;
    Some(name.strip_suffix(".Arn").unwrap_or(name))
}
