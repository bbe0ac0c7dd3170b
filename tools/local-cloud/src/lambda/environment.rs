//! The environment variables of an instance: those the template declares, and those AWS sets.

use std::collections::BTreeMap;

use crate::template::{Function, Template};

/// The AWS region, unless `AWS_REGION` is set.
pub const REGION: &str = "us-east-1";

/// The variables that any function of the template declares and that have a value, and AWS credentials. A
/// variable whose value differs between functions has that of the first.
pub fn of_all(template: &Template, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for function in &template.functions {
        for (name, value) in declared(function, values) {
            variables.entry(name).or_insert(value);
        }
    }
    let credentials = values.iter().filter(|(name, _)| name.starts_with("AWS_"));
    variables.extend(credentials.map(|(name, value)| (name.clone(), value.clone())));
    variables
        .entry("AWS_REGION".into())
        .or_insert_with(|| REGION.into());
    variables.retain(|_, value| !value.is_empty());
    variables
}

/// The variables that the template declares for the function and that have a value.
fn declared(function: &Function, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let declared = function.environment.iter().filter_map(|(name, literal)| {
        let value = values.get(name).or(literal.as_ref())?;
        Some((name.clone(), value.clone()))
    });
    declared.collect()
}

/// All variables of one instance. A variable that the template doesn't declare is absent.
pub fn of_instance(
    function: &Function,
    values: &BTreeMap<String, String>,
    runtime_api: String,
    log_group: Option<&str>,
    log_stream: &str,
) -> Vec<(String, String)> {
    let package = &function.package;
    let mut variables = declared(function, values);
    // Reserved variables win over declared ones, as on AWS.
    // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
    ] {
        variables.remove(name);
        variables.extend(
            values
                .get(name)
                .map(|value| (name.to_owned(), value.clone())),
        );
    }
    let region = variables
        .entry("AWS_REGION".into())
        .or_insert_with(|| REGION.into())
        .clone();
    variables.extend(
        [
            ("AWS_DEFAULT_REGION", region),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".into()),
            (
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                function.memory.to_string(),
            ),
            ("AWS_LAMBDA_FUNCTION_NAME", package.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".into()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".into()),
            (
                "AWS_LAMBDA_LOG_GROUP_NAME",
                log_group.map_or_else(|| format!("/aws/lambda/{package}"), str::to_owned),
            ),
            ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream.to_owned()),
            ("AWS_LAMBDA_RUNTIME_API", runtime_api),
            ("LANG", "en_US.UTF-8".into()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin".into()),
            ("TZ", ":UTC".into()),
            ("_HANDLER", "bootstrap".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    variables.into_iter().collect()
}
