//! Assembles the document.

use serde_json::{Map, Value, json};

use crate::examples;
use crate::operation::{Body, Operation};
use crate::operations::operations;
use crate::problems;
use crate::schemas::{Schemas, without_null};
use crate::sources::{Source, object, pascal_case};

/// Returns the document.
///
/// # Panics
/// Panics if an endpoint's files are missing or incomplete.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for operation in operations() {
        let source = Source::of(operation.endpoint.name);
        let described = with_caller(&operation, &source, &mut schemas);
        add(&mut paths, &source, described);
    }
    for (package, answers) in public() {
        let source = Source::of(package);
        let described = without_caller(package, &source, answers);
        add(&mut paths, &source, described);
    }
    let responses = problems::responses(&mut schemas);
    let mut document = json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Caretrail",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The backend of a clinic, with an audit trail of everything done with patient data.",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server of this document."}],
        "security": [{"bearer": []}],
        "tags": tags(&paths),
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "responses": responses,
            "parameters": {
                "IdempotencyKey": {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "description": "Makes repeating a request safe. For a day, the same request with the same \
                        key gets the same answer. Another request with the same key gets 422.",
                    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-+.-~-]+$"},
                    "example": "3f1c0e9a-8d64-4b52-9a57-1f6f0c2f7d11",
                },
                "IfMatch": {
                    "name": "If-Match",
                    "in": "header",
                    "required": true,
                    "description": "The `ETag` of the version to change, or `*` for any version. The answer \
                        is 428 without this header, and 412 if the resource has another version.",
                    "schema": {"type": "string"},
                    "example": "\"1\"",
                },
                "IfMatchToReplace": {
                    "name": "If-Match",
                    "in": "header",
                    "description": "The `ETag` of the version to replace, or `*` for any version. Omit it \
                        to create the resource. The answer is 428 if the resource exists and the \
                        header is missing, and 412 if the resource has another version or doesn't \
                        exist.",
                    "schema": {"type": "string"},
                    "example": "\"1\"",
                },
            },
            "headers": {
                "RequestId": {
                    "description": "The id of the request, which its audit row and the logs contain too.",
                    "schema": {"type": "string"},
                },
                "ETag": {
                    "description": "The resource's version, for `If-Match`.",
                    "schema": {"type": "string"},
                    "example": "\"1\"",
                },
                "Location": {
                    "description": "The path of the created resource.",
                    "schema": {"type": "string"},
                },
                "IdempotencyReplayed": {
                    "description": "`true` if the answer is the stored answer to an earlier request.",
                    "schema": {"const": "true"},
                },
            },
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A Supabase access token. All roles but PATIENT need a second \
                        factor (`aal2`).",
                },
            },
        },
    });
    examples::add(&mut document);
    document
}

const DESCRIPTION: &str = "Bodies are JSON in snake_case, times are in RFC 3339 and UTC, ids are UUIDs. Unknown \
    fields and parameters are refused. Lists answer `items` and `next_cursor`; pass the latter as `cursor` \
    to get the next page. A change is a merge patch (RFC 7396) and names the current version in \
    `If-Match`. Errors are problems (RFC 9457). The answer is 404 both for a resource that doesn't exist \
    and for one that the caller may not see. Every request under `/v1` from a known user is recorded in \
    the audit log.";

fn add(paths: &mut Map<String, Value>, source: &Source, operation: Value) {
    let path = paths.entry(&source.path).or_insert_with(|| json!({}));
    path[&source.method] = operation;
}

fn tags(paths: &Map<String, Value>) -> Vec<Value> {
    let mut tags: Vec<&str> = Vec::new();
    let operations = paths.values().filter_map(Value::as_object);
    for operation in operations.flat_map(Map::values) {
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags.into_iter().map(|tag| json!({"name": tag})).collect()
}

fn with_caller(operation: &Operation, source: &Source, schemas: &mut Schemas) -> Value {
    let endpoint = &operation.endpoint;
    let mut parameters = path_parameters(source);
    if let Some(describe) = operation.query {
        parameters.extend(query_parameters(schemas.read(describe), source));
    }
    if source.method == "post" {
        parameters.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
    }
    if source.asks_if_match {
        let parameter = match source.may_make {
            true => "IfMatchToReplace",
            false => "IfMatch",
        };
        parameters.push(json!({"$ref": format!("#/components/parameters/{parameter}")}));
    }
    let mut responses = problems::references(&statuses(operation, source));
    responses.insert(
        operation.status.to_string(),
        success(operation, source, schemas),
    );
    responses.sort_keys();
    let mut described = json!({
        "operationId": endpoint.name,
        "summary": source.summary,
        "description": format!(
            "Requires the permission `{}`. Recorded in the audit log as {} of {}.",
            endpoint.permission, endpoint.action, endpoint.resource
        ),
        "tags": [source.resource],
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(body) = operation.body {
        described["requestBody"] = request_body(endpoint.name, body, source, schemas);
    }
    described
}

/// Returns the problems that the operation may answer.
fn statuses(operation: &Operation, source: &Source) -> Vec<u16> {
    // Every operation may answer 422, because unknown parameters are refused.
    let mut statuses = vec![401, 403, 422, 500, 503];
    if operation.body.is_some() {
        statuses.extend([400, 413, 415]);
    }
    if source.writes() || source.path_parameters().next().is_some() {
        statuses.push(404);
    }
    if source.writes() {
        statuses.push(409);
    }
    if source.asks_if_match {
        statuses.extend([412, 428]);
    }
    statuses
}

fn path_parameters(source: &Source) -> Vec<Value> {
    let described = source.path_parameters().map(|name| {
        let example = source.path_example(name);
        let is_id = example
            .as_str()
            .is_some_and(|text| uuid::Uuid::try_parse(text).is_ok());
        let schema = match is_id {
            true => json!({"type": "string", "format": "uuid"}),
            false => json!({"type": "string"}),
        };
        json!({"name": name, "in": "path", "required": true, "schema": schema, "example": example})
    });
    described.collect()
}

fn query_parameters(mut filter: Value, source: &Source) -> Vec<Value> {
    let required = filter["required"].take();
    let described = object(filter["properties"].take())
        .into_iter()
        .map(|(name, mut schema)| {
            let description = schema
                .as_object_mut()
                .and_then(|it| it.remove("description"));
            let mut schema = without_null(schema);
            // All lists have the same bounds: shared/src/pages.rs.
            if name == "limit" {
                schema = json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 50});
            }
            let is_required = required
                .as_array()
                .is_some_and(|names| names.contains(&json!(name)));
            let mut parameter = json!({
                "name": name,
                "in": "query",
                "required": is_required,
                "description": description,
                "schema": schema,
            });
            if let Some(example) = source.query_example(&name) {
                parameter["example"] = typed(example, &schema);
            }
            parameter
        });
    described.collect()
}

/// An event contains every parameter as text.
fn typed(example: &Value, schema: &Value) -> Value {
    match (schema["type"].as_str(), example.as_str()) {
        (Some("integer" | "number" | "boolean"), Some(text)) => {
            serde_json::from_str(text).unwrap_or_else(|_| example.clone())
        }
        _ => example.clone(),
    }
}

fn request_body(package: &str, body: Body, source: &Source, schemas: &mut Schemas) -> Value {
    let (media_type, suffix, describe) = match body {
        Body::Whole(describe) => ("application/json", "Body", describe),
        Body::Patch(describe) => ("application/merge-patch+json", "Patch", describe),
    };
    let mut schema = schemas.read(describe);
    if let (Body::Patch(_), Some(members)) = (body, schema.as_object_mut()) {
        members.remove("required");
    }
    let schema = schemas.keep(pascal_case(package) + suffix, schema);
    let mut content = json!({"schema": schema});
    if let Some(example) = source.body_example() {
        content["example"] = example;
    }
    json!({"required": true, "content": {media_type: content}})
}

fn success(operation: &Operation, source: &Source, schemas: &mut Schemas) -> Value {
    let mut headers = json!({"x-request-id": {"$ref": "#/components/headers/RequestId"}});
    if !source.path.ends_with("/versions") && operation.endpoint.action.label() != "SEARCH" {
        headers["etag"] = json!({"$ref": "#/components/headers/ETag"});
    }
    if operation.status == 201 {
        headers["location"] = json!({"$ref": "#/components/headers/Location"});
    }
    if source.method == "post" {
        headers["idempotency-replayed"] =
            json!({"$ref": "#/components/headers/IdempotencyReplayed"});
    }
    let outcome = match operation.status {
        201 => "The resource was created.",
        _ => "The request succeeded.",
    };
    json!({
        "description": outcome,
        "headers": headers,
        "content": {"application/json": {"schema": schemas.answered(operation.answer)}},
    })
}

/// The endpoints without caller, data and audit row, with their answers.
fn public() -> [(&'static str, Value); 3] {
    let page = json!({"text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"}});
    let document = json!({"application/json": {"schema": {"type": "object"}, "example": {"openapi": "3.1.1"}}});
    let health = json!({"application/json": {
        "schema": {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}},
        "example": {"status": "ok"},
    }});
    [("health", health), ("openapi", document), ("docs", page)]
}

fn without_caller(package: &str, source: &Source, content: Value) -> Value {
    let mut responses = problems::references(if package == "health" { &[503] } else { &[] });
    responses.insert(
        "200".into(),
        json!({
            "description": "The request succeeded.",
            "headers": {"x-request-id": {"$ref": "#/components/headers/RequestId"}},
            "content": content,
        }),
    );
    responses.sort_keys();
    json!({
        "operationId": package,
        "summary": source.summary,
        "description": "Requires no token. Not recorded in the audit log.",
        "tags": [source.resource],
        "security": [],
        "responses": responses,
    })
}
