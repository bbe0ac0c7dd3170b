//! Each endpoint has one route, which is the same in the template, the code, the event and
//! cargo-lambda's table.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::none;
use crate::project::{DEFAULT_ROUTE, Function, PROJECT};

#[test]
fn the_first_line_of_a_function_says_what_starts_it() {
    let mut problems = Vec::new();
    for function in &PROJECT.functions {
        let first = function.source.lines().next().unwrap_or_default();
        let Some(deployed) = function.deployed() else {
            continue;
        };
        let expected = match function.route() {
            Some(route) => format!("//! `{route}`: "),
            None if deployed.on_upload => "//! S3 event, ".to_owned(),
            None if deployed.on_rule => "//! EventBridge event, ".to_owned(),
            None => "//! Schedule, ".to_owned(),
        };
        if !first.starts_with(&expected) {
            problems.push(format!(
                "{}: begins {first:?}, not {expected:?}",
                function.name()
            ));
        }
    }
    none(
        problems,
        "begin lib.rs with the function's trigger, as in template.yaml, and its purpose in plain words",
    );
}

#[test]
fn the_template_starts_a_function_by_the_routes_of_its_endpoint() {
    let mut problems = Vec::new();
    for function in &PROJECT.functions {
        let Some(deployed) = function.deployed() else {
            continue; // its absence fails elsewhere
        };
        let routes = function.routes();
        let declared = function.declared_routes();
        if routes.iter().collect::<BTreeSet<_>>() != declared.iter().collect() {
            problems.push(format!("{}: {routes:?}, not {declared:?}", function.name()));
        }
        let others = deployed.schedules.len()
            + usize::from(deployed.on_upload)
            + usize::from(deployed.on_rule);
        if others != usize::from(declared.is_empty()) {
            problems.push(format!(
                "{}: {others} schedules and events",
                function.name()
            ));
        }
    }
    none(
        problems,
        "give the function an event in template.yaml for each route of its ENDPOINT, and one for HEAD beside each \
         GET, or one schedule, \
         rule or notification of the bucket. `cargo dev new-endpoint` writes both for a new endpoint",
    );
}

#[test]
fn the_sealer_knows_which_routes_have_no_caller() {
    let sealer = PROJECT.template.function("seal-audit");
    let told = sealer.and_then(|sealer| sealer.environment.get("PUBLIC_ROUTES")?.clone());
    let told = told.unwrap_or_default();
    let told: BTreeSet<_> = told.split(',').map(str::to_owned).collect();
    let public = PROJECT.functions.iter();
    let public = public.filter(|function| function.described().is_none());
    let public: BTreeSet<_> = public.flat_map(Function::routes).collect();
    none(
        public.symmetric_difference(&told).cloned(),
        "write the routes of all functions without caller, and no other, into PUBLIC_ROUTES of SealAudit in template.yaml: \
         their requests have no audit row",
    );
}

#[test]
fn the_sealer_knows_which_functions_events_start() {
    let sealer = PROJECT.template.function("seal-audit");
    let told = sealer.and_then(|sealer| sealer.environment.get("EVENT_FUNCTIONS")?.clone());
    let told = told.unwrap_or_default();
    let told: BTreeSet<_> = told.split(',').collect();
    let started = PROJECT.functions.iter();
    let started = started.filter(|function| {
        function
            .described()
            .is_some_and(|described| described.endpoint.routes().next().is_none())
    });
    let started: BTreeSet<_> = started.map(Function::name).collect();
    none(
        started.symmetric_difference(&told).map(ToString::to_string),
        "name all functions that an event or a schedule starts and that write audit rows, and no other, in \
         EVENT_FUNCTIONS of SealAudit in template.yaml",
    );
}

#[test]
fn cargo_lambda_watch_has_the_routes_of_the_template() {
    let router = &PROJECT.metadata["lambda"]["watch"]["router"];
    let mut table = BTreeSet::new();
    for (path, targets) in router.as_object().into_iter().flatten() {
        for target in targets.as_array().into_iter().flatten() {
            let text = |field: &str| target[field].as_str().unwrap_or_default().to_owned();
            table.insert(format!("{} {path} → {}", text("method"), text("function")));
        }
    }
    let routes: BTreeSet<_> = PROJECT
        .functions
        .iter()
        .flat_map(|function| {
            let routes = function
                .routes()
                .into_iter()
                .filter(|route| route != DEFAULT_ROUTE);
            routes.map(move |route| format!("{route} → {}", function.name()))
        })
        .collect();
    none(
        routes.symmetric_difference(&table).cloned(),
        "add the route to [workspace.metadata.lambda.watch.router] of Cargo.toml as \
         \"/path\" = [{ method = \"POST\", function = \"name\" }], as `cargo dev new-endpoint` does, or remove it \
         there",
    );
}

#[test]
fn the_openapi_document_has_the_routes_of_the_template() {
    let document: Value =
        serde_json::from_str(&PROJECT.text("openapi.json")).expect("openapi.json is JSON");
    let mut documented = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let name = operation["operationId"].as_str().unwrap_or_default();
            documented.insert(format!("{} {path} → {name}", method.to_uppercase()));
        }
    }
    let routes: BTreeSet<_> = PROJECT
        .functions
        .iter()
        .filter_map(|function| Some((function.route()?, function.name())))
        .filter(|(route, _)| route != DEFAULT_ROUTE)
        .map(|(route, name)| format!("{route} → {name}"))
        .collect();
    none(
        routes.symmetric_difference(&documented).cloned(),
        "run UPDATE=1 cargo test -p openapi-document. The endpoint needs its line in tools/openapi/Cargo.toml, \
         which `cargo dev new-endpoint` writes",
    );
}

#[test]
fn events_match_what_the_template_would_send() {
    let mut problems = Vec::new();
    for function in &PROJECT.functions {
        let path = format!("events/{}.json", function.name());
        let Ok(text) = std::fs::read_to_string(PROJECT.root.join(&path)) else {
            continue; // another test reports a missing event
        };
        let event: Value = match serde_json::from_str(&text) {
            Ok(event) => event,
            Err(error) => {
                problems.push(format!("{path}: {error}"));
                continue;
            }
        };
        let uploaded = function
            .deployed()
            .is_some_and(|deployed| deployed.on_upload);
        let found = match function.route() {
            Some(route) if route == DEFAULT_ROUTE => Vec::new(),
            Some(route) => request(&event, &route, takes_body(function)),
            None if uploaded => notification(&event),
            None => Vec::new(),
        };
        problems.extend(
            found
                .into_iter()
                .map(|problem| format!("{path}: {problem}")),
        );
        if text.contains("eyJ") {
            problems.push(format!("{path}: seems to contain a token"));
        }
    }
    none(
        problems,
        "write requests in API Gateway's payload format 2.0 and without tokens, as `cargo dev new-endpoint` does",
    );
}

fn takes_body(function: &Function) -> bool {
    let described = function.described();
    described.is_some_and(|described| described.description.body.is_some())
}

/// What a request lacks to reach `route`, whose function reads a body or doesn't.
fn request(event: &Value, route: &str, reads_body: bool) -> Vec<String> {
    let (method, template) = route.split_once(' ').unwrap_or_default();
    let raw_path = event["rawPath"].as_str().unwrap_or_default();
    let names = template
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let mut path = template.to_owned();
    for name in names.clone() {
        let value = event["pathParameters"][name]
            .as_str()
            .unwrap_or("(missing)");
        path = path.replace(&format!("{{{name}}}"), value);
    }
    let given = event["pathParameters"]
        .as_object()
        .map_or(0, |map| map.len());
    let body = event["body"].as_str();
    let facts = [
        (event["version"] == "2.0", "version is not 2.0"),
        (
            event["routeKey"] == route,
            "routeKey isn't the function's route",
        ),
        (
            event["requestContext"]["routeKey"] == route,
            "requestContext.routeKey isn't the function's route",
        ),
        (
            event["requestContext"]["http"]["method"] == method,
            "the method isn't that of the route",
        ),
        (
            raw_path == path,
            "rawPath doesn't match the route and pathParameters",
        ),
        (
            given == names.count(),
            "pathParameters doesn't match the route",
        ),
        (
            method != "POST" || body.is_some() == reads_body,
            "a POST must have a body exactly if its function reads one",
        ),
        (
            body.is_none_or(|body| serde_json::from_str::<Value>(body).is_ok()),
            "the body is not JSON",
        ),
    ];
    let wrong = facts.into_iter().filter(|(holds, _)| !holds);
    wrong.map(|(_, problem)| problem.to_owned()).collect()
}

/// Returns what an S3 notification lacks.
fn notification(event: &Value) -> Vec<String> {
    let record = &event["Records"][0];
    let facts = [
        (
            record["eventSource"] == "aws:s3",
            "Records[0].eventSource is not aws:s3",
        ),
        (record["s3"]["bucket"]["name"].is_string(), "no bucket"),
        (record["s3"]["object"]["key"].is_string(), "no key"),
    ];
    let wrong = facts.into_iter().filter(|(holds, _)| !holds);
    wrong.map(|(_, problem)| problem.to_owned()).collect()
}
