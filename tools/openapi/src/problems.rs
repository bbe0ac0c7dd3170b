//! The error responses of the endpoints, one for each HTTP status.

use errors::{Problem, ProblemType, catalogue};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::schemas::Schemas;

/// The status that the gateway answers too, and not as a problem (RFC 9457).
const THROTTLED: u16 = 429;

fn name(status: u16) -> String {
    format!("Problem{status}")
}

/// The meaning of an error status to the caller.
fn description(status: u16) -> &'static str {
    match status {
        400 => "The request body is not valid JSON, or a header is malformed.",
        401 => {
            "The access token is missing, expired or invalid. The header `www-authenticate` says which."
        }
        403 => {
            "The caller is not allowed to do this: a permission or the second factor is missing, \
             or their account is not active."
        }
        404 => "The resource does not exist, or the caller is not allowed to see it.",
        409 => {
            "The request conflicts with the current state of the data, for example with a value \
             that must be unique."
        }
        410 => {
            "Some of the requested data are deleted, because they are kept only for a limited time. Read \
             again from the beginning."
        }
        412 => "`If-Match` does not name the current version of the resource.",
        413 => "The request body is larger than this endpoint accepts.",
        415 => "The endpoint does not accept the `Content-Type` of the request body.",
        422 => {
            "Fields, parameters or headers are invalid, and `errors` lists all of them; or the \
             `Idempotency-Key` was already used for another request."
        }
        429 => {
            "The API gateway has received too many requests, the caller has used too many \
             `Idempotency-Key`s within a day, or too many requests of the caller were refused within a minute. \
             Send the request again later."
        }
        428 => "The request needs an `If-Match` header with the version to change.",
        500 => "The server failed because of an internal error.",
        _ => {
            "The service is temporarily unavailable, and nothing was changed. Send the request again \
             later. If the `type` ends with `outcome-unknown`, it is unknown whether the request took \
             effect. A request with an `Idempotency-Key` can then be sent again with the same key. \
             Otherwise read the resource before you send the request again."
        }
    }
}

/// `components.responses`: one response for each status.
pub(crate) fn responses(schemas: &mut Schemas) -> Map<String, Value> {
    let schema = schemas.answered(SchemaGenerator::subschema_for::<Problem>);
    let gateway = schemas.keep(
        "GatewayMessage".to_owned(),
        json!({
            "type": "object",
            "description": "The message of the API gateway.",
            "required": ["message"],
            "properties": {"message": {
                "type": "string",
                "description": "The message in words, always `Too Many Requests`.",
            }},
        }),
    );
    let mut responses = Map::new();
    let kinds = catalogue().items.into_iter();
    // No operation answers that a path lacks its method.
    for kind in kinds.filter(|kind| kind.status != 405) {
        let ProblemType {
            name: slug,
            status,
            title,
            sample,
            ..
        } = kind;
        let response = responses.entry(name(status)).or_insert_with(|| {
            let mut response = json!({
                "description": description(status),
                "headers": headers(status),
                "content": {"application/problem+json": {"schema": schema, "examples": {}}},
            });
            if status == THROTTLED {
                response["content"]["application/json"] = json!({
                    "schema": gateway,
                    "example": {"message": "Too Many Requests"},
                });
            }
            response
        });
        response["content"]["application/problem+json"]["examples"][slug] =
            json!({"summary": title, "value": sample});
    }
    responses
}

/// The headers of the response with this status.
fn headers(status: u16) -> Value {
    let text = |description: &str, example: &str| json!({"description": description, "schema": {"type": "string"}, "example": example});
    let mut headers = match status {
        401 => json!({"www-authenticate": text(
            "The authentication scheme that the API accepts (RFC 6750). If the request has an access token, \
             `error` is `invalid_token` and `error_description` says what is wrong with it.",
            "Bearer realm=\"caretrail\", error=\"invalid_token\", \
             error_description=\"The access token has expired.\"",
        )}),
        415 => json!({
            "accept": text("The media type that the operation accepts.", "application/json"),
            "accept-patch": text(
                "The media type that the PATCH operation accepts.",
                "application/merge-patch+json",
            ),
        }),
        429 => json!({"retry-after": {
            "description": "The number of seconds to wait before the request is sent again. Present only if too \
                many requests of the caller were refused.",
            "schema": {"type": "integer", "format": "int32", "minimum": 1},
        }}),
        503 => json!({"retry-after": {
            "description": "The number of seconds to wait before the request is sent again. Absent if the \
                outcome of the request is unknown and it had no `Idempotency-Key`.",
            "schema": {"type": "integer", "format": "int32", "minimum": 1},
        }}),
        _ => json!({}),
    };
    headers["x-request-id"] = json!({"$ref": "#/components/headers/RequestId"});
    headers
}

/// References to the responses of these statuses, and of 429, which every endpoint may return.
pub(crate) fn references(statuses: &[u16]) -> Map<String, Value> {
    let statuses = statuses.iter().chain([&THROTTLED]);
    let problems = statuses.map(|status| {
        let reference = format!("#/components/responses/{}", name(*status));
        (status.to_string(), json!({"$ref": reference}))
    });
    problems.collect()
}
