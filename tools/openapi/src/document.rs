//! Puts the OpenAPI document together.

use api::endpoint::{PublicEndpoint, Route, UnauditedSchedule};
use errors::{ProblemType, ProblemTypes, catalogue};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::functions::functions;
use crate::operation::{with_caller, without_caller};
use crate::schemas::Schemas;
use crate::{examples, problems};

/// The OpenAPI document of all endpoints.
///
/// # Panics
/// If an endpoint's event is missing or malformed.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for function in functions() {
        for route in function.endpoint.routes() {
            let described = with_caller(&function, route, &mut schemas);
            add(&mut paths, route, described);
        }
    }
    for endpoint in PUBLIC.iter().filter(|endpoint| endpoint.is_in_document()) {
        let (content, problems) = public(endpoint, &mut schemas);
        let described = without_caller(endpoint, content, problems);
        add(&mut paths, endpoint.route, described);
    }
    let mut responses = problems::responses(&mut schemas);
    responses.insert("NotModified".into(), not_modified());
    let mut document = json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Caretrail",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The backend of a clinic: patient data, and an audit log of every access to it.",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server that this document was fetched from."}],
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
                    "description": "A unique value of the client's choice that makes it safe to repeat the \
                        request. For at least 24 hours the same request with the same key has no \
                        further effect. Its response has the same status and is about the same \
                        resource, as it is then and as far as the caller is then allowed to see it. \
                        Another request with the same key gets 422. A caller can use 1000 keys a day.",
                    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-+.-~-]+$"},
                    "example": "3f1c0e9a-8d64-4b52-9a57-1f6f0c2f7d11",
                },
                "IfMatch": {
                    "name": "If-Match",
                    "in": "header",
                    "required": true,
                    "description": "The `ETag` of the version that the caller wants to change, a list of \
                        them separated by commas, or `*` for any version. A weak tag such as `W/\"1\"` \
                        matches no version. Without the header the response is 428. If the resource \
                        has another version, it is 412.",
                    "schema": {"type": "string"},
                    "example": "\"1\"",
                },
                "IfNoneMatch": {
                    "name": "If-None-Match",
                    "in": "header",
                    "description": "The `ETag` of the version that the caller has, a list of them separated \
                        by commas, or `*` for any version. If the resource has this version, the \
                        response is 304 without a body. The tags `W/\"1\"` and `\"1\"` are equal here.",
                    "schema": {"type": "string"},
                    "example": "\"1\"",
                },
                "IfMatchToReplace": {
                    "name": "If-Match",
                    "in": "header",
                    "description": "The `ETag` of the version that the caller wants to replace, a list of \
                        them separated by commas, or `*` for any version. Leave it out to create the resource. If the resource exists \
                        and the header is missing, the response is 428. If the resource has \
                        another version or does not exist, it is 412.",
                    "schema": {"type": "string"},
                    "example": "\"1\"",
                },
            },
            "headers": {
                "RequestId": {
                    "description": "The id of the request, which is also in its audit row and in the logs.",
                    "schema": {"type": "string"},
                },
                "ETag": {
                    "description": "The version of the resource, in the form that `If-Match` and \
                        `If-None-Match` take.",
                    "schema": {"type": "string"},
                    "example": "\"1\"",
                },
                "Location": {
                    "description": "The path at which the new resource can be read.",
                    "schema": {"type": "string"},
                },
                "IdempotencyReplayed": {
                    "description": "`true` if the work was done for an earlier request with the same \
                        `Idempotency-Key`. Absent otherwise.",
                    "schema": {"const": "true"},
                },
            },
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A Supabase access token (JWT). All roles except PATIENT need a token \
                        from a sign-in with a second factor (assurance level `aal2`).",
                },
            },
        },
    });
    examples::add(&mut document);
    document
}

const DESCRIPTION: &str = "Bodies are JSON with field names in snake_case. Times are RFC 3339 in UTC, \
    and ids are UUIDs. Requests with unknown fields or parameters, or with a body that the \
    operation does not take, are refused. A list returns its items a page at a time: pass the `next_cursor` of one page as \
    `cursor` to get the next. A `PATCH` body is a JSON merge patch (RFC 7396). The `If-Match` \
    header names the version that a request changes. Each path with `GET` also has `HEAD`, which answers and \
    is recorded alike, without a body. Errors are problem details (RFC 9457). A \
    resource that does not exist and one that the caller is not allowed to see get the same 404. \
    Every request under `/v1` from a known caller is recorded in the audit log. The document \
    [`/asyncapi.json`](/asyncapi.json) describes the business events that other systems get.";

/// The response to a read of the version that the caller has.
fn not_modified() -> Value {
    json!({
        "description": "The resource has a version that `If-None-Match` names. There is no body. The audit log \
            records the read.",
        "headers": {
            "etag": {"$ref": "#/components/headers/ETag"},
            "x-request-id": {"$ref": "#/components/headers/RequestId"},
        },
    })
}

fn add(paths: &mut Map<String, Value>, route: Route, operation: Value) {
    let path = paths.entry(route.path).or_insert_with(|| json!({}));
    path[route.method.as_str().to_lowercase()] = operation;
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

/// The endpoints without caller, patient data and audit row.
pub const PUBLIC: [PublicEndpoint; 7] = [
    health::ENDPOINT,
    openapi::ENDPOINT,
    asyncapi::ENDPOINT,
    docs::ENDPOINT,
    list_problems::ENDPOINT,
    get_problem::ENDPOINT,
    answer_unknown_route::ENDPOINT,
];

/// The functions that a schedule starts and that write no audit row.
pub const UNAUDITED: [UnauditedSchedule; 1] = [seal_audit::ENDPOINT];

/// What a public endpoint answers: its content, and the statuses of its problems.
fn public(endpoint: &PublicEndpoint, schemas: &mut Schemas) -> (Value, &'static [u16]) {
    match endpoint.name {
        "health" => {
            let health = json!({
                "type": "object",
                "description": "The state of the deployment.",
                "required": ["status"],
                "properties": {"status": {
                    "const": "ok",
                    "description": "The constant `ok`: the database can be reached.",
                }},
            });
            let schema = schemas.keep("Health".to_owned(), health);
            let content = json!({"schema": schema, "example": {"status": "ok"}});
            (json!({"application/json": content}), &[503])
        }
        "openapi" => (
            json!({"application/json": {"schema": {"type": "object"}, "example": {"openapi": "3.1.1"}}}),
            &[],
        ),
        "asyncapi" => (
            json!({"application/json": {"schema": {"type": "object"}, "example": {"asyncapi": "3.0.0"}}}),
            &[],
        ),
        "list-problems" => {
            let schema = schemas.answered(SchemaGenerator::subschema_for::<ProblemTypes>);
            (
                json!({"application/json": {"schema": schema, "example": catalogue()}}),
                &[],
            )
        }
        "get-problem" => {
            let schema = schemas.answered(SchemaGenerator::subschema_for::<ProblemType>);
            let example = catalogue()
                .items
                .into_iter()
                .find(|kind| kind.name == "invalid");
            (
                json!({"application/json": {"schema": schema, "example": example}}),
                &[404],
            )
        }
        _ => (
            json!({"text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"}}),
            &[],
        ),
    }
}
