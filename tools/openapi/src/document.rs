//! Puts the document together.

use api::endpoint::{PublicEndpoint, Route};
use serde_json::{Map, Value, json};

use crate::functions::functions;
use crate::operation::{with_caller, without_caller};
use crate::schemas::Schemas;
use crate::{examples, problems};

/// The document.
///
/// # Panics
/// Where an endpoint's files are missing or don't say what they should.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for function in functions() {
        for route in function.endpoint.routes() {
            let described = with_caller(&function, route, &mut schemas);
            add(&mut paths, route, described);
        }
    }
    for endpoint in PUBLIC {
        let (content, problems) = public(&endpoint);
        let described = without_caller(&endpoint, content, problems);
        add(&mut paths, endpoint.route, described);
    }
    let responses = problems::responses(&mut schemas);
    let mut document = json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Caretrail",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Patient data, and who has seen it.",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this document is served."}],
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
                    "description": "Makes sending again safe: the same key with the same request gets \
                        the same answer for a day, with another request 422.",
                    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-+.-~-]+$"},
                    "example": "3f1c0e9a-8d64-4b52-9a57-1f6f0c2f7d11",
                },
                "IfMatch": {
                    "name": "If-Match",
                    "in": "header",
                    "required": true,
                    "description": "The `ETag` that the change was made from, or `*`. Without it 428, \
                        where another version stands 412.",
                    "schema": {"type": "string"},
                    "example": "\"1\"",
                },
                "IfMatchToReplace": {
                    "name": "If-Match",
                    "in": "header",
                    "description": "The version that is replaced, or `*`; none where nothing stands \
                        yet. Something stands and it is missing: 428; another version stands, or \
                        nothing: 412.",
                    "schema": {"type": "string"},
                    "example": "\"1\"",
                },
            },
            "headers": {
                "RequestId": {
                    "description": "Names the request, in its audit row and in the logs as well.",
                    "schema": {"type": "string"},
                },
                "ETag": {
                    "description": "The resource's version, for `If-Match`.",
                    "schema": {"type": "string"},
                    "example": "\"1\"",
                },
                "Location": {
                    "description": "Where the resource can be read.",
                    "schema": {"type": "string"},
                },
                "IdempotencyReplayed": {
                    "description": "`true` where the answer is an earlier one, given again.",
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

const DESCRIPTION: &str = "JSON in snake_case, times in RFC 3339 and UTC, ids as UUIDs. Unknown fields \
    and parameters are refused. Lists answer `items` and `next_cursor`, which is passed as `cursor`. A \
    change names the version it was made from in `If-Match` and is a merge patch (RFC 7396). Errors are \
    problems (RFC 9457). What doesn't exist and what the caller may not see answer the same 404. Every \
    answer under `/v1` has its row in the audit log.";

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
pub const PUBLIC: [PublicEndpoint; 3] = [health::ENDPOINT, openapi::ENDPOINT, docs::ENDPOINT];

/// What a public endpoint answers: its content, and the statuses of its problems.
fn public(endpoint: &PublicEndpoint) -> (Value, &'static [u16]) {
    match endpoint.name {
        "health" => (
            json!({"application/json": {
                "schema": {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}},
                "example": {"status": "ok"},
            }}),
            &[503],
        ),
        "openapi" => (
            json!({"application/json": {"schema": {"type": "object"}, "example": {"openapi": "3.1.1"}}}),
            &[],
        ),
        _ => (
            json!({"text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"}}),
            &[],
        ),
    }
}
