//! Describes one operation, from `ENDPOINT` and the handler's signature.

use api::description::{BodyKind, Describe, IfMatchKind};
use api::endpoint::{Method, PublicEndpoint, Route};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::event::Event;
use crate::functions::Function;
use crate::problems;
use crate::schemas::{Schemas, pascal_case, without_null};

const SUCCEEDED: &str = "The request succeeded, and the body holds the result.";

/// An operation with a caller, at one of its routes.
pub(crate) fn with_caller(function: &Function, route: Route, schemas: &mut Schemas) -> Value {
    let (endpoint, description) = (&function.endpoint, &function.description);
    let event = Event::of(endpoint.name);
    let mut parameters = path_parameters(function, route, &event, schemas);
    parameters.extend(query_parameters(function, &event, schemas));
    if endpoint.is_idempotent() {
        parameters.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
    }
    if let Some(kind) = description.if_match {
        let parameter = match kind {
            IfMatchKind::ToReplace => "IfMatchToReplace",
            IfMatchKind::Required => "IfMatch",
        };
        parameters.push(json!({"$ref": format!("#/components/parameters/{parameter}")}));
    }
    let is_versioned_read = route.method == Method::Get && has_version(function);
    if is_versioned_read {
        parameters.push(json!({"$ref": "#/components/parameters/IfNoneMatch"}));
    }
    let mut responses = problems::references(&statuses(function, route));
    if is_versioned_read {
        responses.insert(
            "304".into(),
            json!({"$ref": "#/components/responses/NotModified"}),
        );
    }
    if let Some((status, answer)) = description.answer {
        responses.insert(
            status.to_string(),
            success(function, status, answer, schemas),
        );
    }
    responses.sort_keys();
    let mut described = json!({
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": text(function),
        "tags": [function.resource],
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(body) = description.body {
        described["requestBody"] = request_body(endpoint.name, body, &event, schemas);
    }
    described
}

/// An operation without caller, which answers this content.
pub(crate) fn without_caller(endpoint: &PublicEndpoint, content: Value, problems: &[u16]) -> Value {
    let mut responses = problems::references(problems);
    responses.insert(
        "200".into(),
        json!({
            "description": SUCCEEDED,
            "headers": {"x-request-id": {"$ref": "#/components/headers/RequestId"}},
            "content": content,
        }),
    );
    responses.sort_keys();
    let event = Event::of(endpoint.name);
    let parameters = endpoint.route.parameters().map(|name| {
        json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": path_description(name, false, endpoint.route.path),
            "schema": {"type": "string"},
            "example": event.path_parameter(name),
        })
    });
    let parameters: Vec<_> = parameters.collect();
    json!({
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": "Requires no access token. The request is not recorded in the audit log.",
        "tags": ["system"],
        "security": [],
        "parameters": parameters,
        "responses": responses,
    })
}

fn text(function: &Function) -> String {
    let endpoint = &function.endpoint;
    let mut text = format!(
        "Requires the permission `{}`. The audit log records the request as `{}` of `{}`.",
        endpoint.permission, endpoint.action, endpoint.resource
    );
    let conflicts: Vec<_> = endpoint.conflicts.iter().copied().flatten().collect();
    if !conflicts.is_empty() {
        text.push_str("\n\nThe response is 409, with one of these details, if the state of the data does not allow the request:");
        for conflict in conflicts {
            text.push_str("\n- ");
            text.push_str(conflict);
        }
    }
    text
}

/// The statuses that it may answer besides success.
fn statuses(function: &Function, route: Route) -> Vec<u16> {
    let description = &function.description;
    // 422 for any: an unknown parameter is refused.
    let mut statuses = vec![401, 403, 422, 500, 503];
    let is_write = route.method != Method::Get;
    // 400 for any of them: a header can be malformed.
    if !is_write || description.body.is_some() || description.if_match.is_some() {
        statuses.push(400);
    }
    if description.body.is_some() {
        statuses.extend([413, 415]);
    }
    if is_write || !description.path.is_empty() {
        statuses.push(404);
    }
    if is_write {
        statuses.push(409);
    }
    if description.if_match.is_some() {
        statuses.push(428);
    }
    if !is_write || description.if_match.is_some() {
        statuses.push(412);
    }
    // Events after the cursor may be deleted.
    if route.path == "/v1/events" {
        statuses.push(410);
    }
    statuses
}

/// Whether its answer has an `ETag`: the resource in it has a version.
fn has_version(function: &Function) -> bool {
    let mut inline = SchemaSettings::draft2020_12();
    inline.inline_subschemas = true;
    let answer = function.description.answer;
    let schema = answer.map(|(_, describe)| describe(&mut inline.into_generator()));
    schema.is_some_and(|schema| {
        schema
            .get("properties")
            .is_some_and(|properties| properties.get("version").is_some())
    })
}

fn path_parameters(
    function: &Function,
    route: Route,
    event: &Event,
    schemas: &mut Schemas,
) -> Vec<Value> {
    let types = function.description.path.iter();
    let described = route.parameters().zip(types).map(|(name, describe)| {
        let schema = match schemas.read(*describe)["format"].as_str() {
            Some(format) => json!({"type": "string", "format": format}),
            None => json!({"type": "string"}),
        };
        json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": path_description(name, schema["format"] == "uuid", route.path),
            "schema": schema,
            "example": event.path_parameter(name),
        })
    });
    described.collect()
}

/// The parameter in words, by the segment before it: `/v1/patients/{id}` has the id of a patient.
fn path_description(name: &str, is_id: bool, path: &str) -> String {
    let before = path.split(&format!("/{{{name}}}")).next().unwrap_or(path);
    let segment = before.rsplit('/').next().unwrap_or_default();
    let resource = segment.trim_end_matches('s').replace('-', " ");
    match is_id {
        true => format!("The id of the {resource}, a UUID."),
        false => format!("The {name} of the {resource}."),
    }
}

/// Describes the parameters of the query's type and those of a page, in the order of their names.
fn query_parameters(function: &Function, event: &Event, schemas: &mut Schemas) -> Vec<Value> {
    let mut properties = match function.description.is_paged {
        true => page_parameters(),
        false => Map::new(),
    };
    let mut filter = match function.description.query {
        Some(describe) => schemas.read(describe),
        None => json!({}),
    };
    if let Value::Object(own) = filter["properties"].take() {
        properties.extend(own);
    }
    properties.sort_keys();
    let is_required = |name: &String| {
        let names = filter["required"].as_array();
        names.is_some_and(|names| names.contains(&json!(name)))
    };
    let described = properties.iter().map(|(name, schema)| {
        let is_required = is_required(name);
        query_parameter(name, schema.clone(), is_required, event)
    });
    described.collect()
}

/// Describes the parameters that every list takes.
pub(crate) fn page_parameters() -> Map<String, Value> {
    let limit = json!({
        "type": "integer",
        "format": "int32",
        "minimum": 1,
        "maximum": 100,
        "default": 50,
        "description": "The greatest number of items in the page, from 1 to 100.",
    });
    let cursor = json!({
        "type": "string",
        "description": "The `next_cursor` of the page before. Leave it out for the first page.",
    });
    Map::from_iter([("limit".to_owned(), limit), ("cursor".to_owned(), cursor)])
}

fn query_parameter(name: &str, mut schema: Value, is_required: bool, event: &Event) -> Value {
    let description = schema
        .as_object_mut()
        .and_then(|it| it.remove("description"));
    let schema = without_null(schema);
    let mut parameter = json!({
        "name": name,
        "in": "query",
        "required": is_required,
        "description": description,
        "schema": schema,
    });
    if let Some(example) = event.query_parameter(name) {
        parameter["example"] = typed(example, &schema);
    }
    parameter
}

/// Returns the example with the type of the schema. An event holds every parameter as text.
fn typed(example: &Value, schema: &Value) -> Value {
    match (schema["type"].as_str(), example.as_str()) {
        (Some("integer" | "number" | "boolean"), Some(text)) => {
            serde_json::from_str(text).unwrap_or_else(|_| example.clone())
        }
        _ => example.clone(),
    }
}

fn request_body(package: &str, body: BodyKind, event: &Event, schemas: &mut Schemas) -> Value {
    let (media_type, suffix, describe) = match body {
        BodyKind::Whole(describe) => ("application/json", "Body", describe),
        BodyKind::MergePatch(describe) => ("application/merge-patch+json", "Patch", describe),
    };
    let mut schema = schemas.read(describe);
    if let (BodyKind::MergePatch(_), Some(members)) = (body, schema.as_object_mut()) {
        // A patch leaves out what it doesn't change.
        members.remove("required");
        if let Some(always) = members.remove("x-required-in-patch") {
            members.insert("required".to_owned(), always);
        }
    }
    let schema = schemas.keep(pascal_case(package) + suffix, schema);
    let mut content = json!({"schema": schema});
    if let Some(example) = event.body() {
        content["example"] = example;
    }
    json!({"required": true, "content": {media_type: content}})
}

fn success(function: &Function, status: u16, answer: Describe, schemas: &mut Schemas) -> Value {
    let endpoint = &function.endpoint;
    let mut headers = json!({"x-request-id": {"$ref": "#/components/headers/RequestId"}});
    if has_version(function) {
        headers["etag"] = json!({"$ref": "#/components/headers/ETag"});
    }
    if status == 201 {
        headers["location"] = json!({"$ref": "#/components/headers/Location"});
    }
    if endpoint.is_idempotent() {
        headers["idempotency-replayed"] =
            json!({"$ref": "#/components/headers/IdempotencyReplayed"});
    }
    json!({
        "description": match status {
            201 => "The resource was created, and the body describes it.",
            _ => SUCCEEDED,
        },
        "headers": headers,
        "content": {"application/json": {"schema": schemas.answered(answer)}},
    })
}
