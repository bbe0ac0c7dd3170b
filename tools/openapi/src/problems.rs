//! The error responses of the endpoints, one for each HTTP status.

use errors::{Error, FieldError, Kind, Problem};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::schemas::Schemas;

/// One error of each kind, for the examples.
fn examples() -> [Error; 16] {
    [
        Error::MalformedJson,
        Error::MalformedHeader(FieldError {
            field: "If-Match".into(),
            message:
                "expected * or entity tags in double quotes, separated by commas, for example \"1\""
                    .into(),
        }),
        Error::NotAuthenticated,
        Error::Forbidden("The caller's role lacks the permission that this operation requires."),
        Error::NotFound,
        Error::Conflict("The provider already has an appointment at that time."),
        Error::AlreadyExists("Another patient already has this patient_number."),
        Error::PreconditionFailed,
        Error::TooLarge,
        Error::UnsupportedMediaType,
        Error::Invalid(vec![FieldError {
            field: "allergies[0].code".into(),
            message: "is required".into(),
        }]),
        Error::KeyReused,
        Error::PreconditionRequired,
        Error::Internal(""),
        Error::Unavailable("The database can't be reached. Try again later."),
        Error::OutcomeUnknown,
    ]
}

fn name(status: u16) -> String {
    format!("Problem{status}")
}

/// The meaning of an error status to the caller.
fn description(status: u16) -> &'static str {
    match status {
        400 => {
            "The request body is not valid JSON, or a header does not have the form that HTTP requires."
        }
        401 => "The access token is missing, expired or invalid.",
        403 => {
            "The caller is not allowed to do this: a permission or the second factor is missing, \
             or their account is not active."
        }
        404 => "The resource does not exist, or the caller is not allowed to see it.",
        409 => {
            "The request conflicts with the current state of the data, for example with a value \
             that must be unique."
        }
        412 => "`If-Match` does not name the current version of the resource.",
        413 => "The request body is larger than this endpoint accepts.",
        415 => "The endpoint does not accept the `Content-Type` of the request body.",
        422 => {
            "A field or parameter is invalid, or the `Idempotency-Key` was already used for \
             another request."
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
    let mut responses = Map::new();
    for error in examples() {
        let Kind {
            status,
            slug,
            title,
        } = error.kind();
        let response = responses.entry(name(status.as_u16())).or_insert_with(|| {
            let mut headers = json!({"x-request-id": {"$ref": "#/components/headers/RequestId"}});
            match status.as_u16() {
                401 => {
                    headers["www-authenticate"] = json!({
                        "description": "The authentication scheme that the API accepts.",
                        "schema": {"const": "Bearer"},
                    })
                }
                503 => {
                    headers["retry-after"] = json!({
                        "description": "The number of seconds to wait before the request is sent again. Absent if the \
                            outcome of the request is unknown and it had no `Idempotency-Key`.",
                        "schema": {"type": "integer"},
                    })
                }
                _ => {}
            }
            json!({
                "description": description(status.as_u16()),
                "headers": headers,
                "content": {"application/problem+json": {"schema": schema, "examples": {}}},
            })
        });
        response["content"]["application/problem+json"]["examples"][slug] = json!({
            "summary": title,
            "value": Problem::new(&error, "JKJaXmPLvHcESHA="),
        });
    }
    let too_many = Error::TooManyKeys;
    let Kind { slug, title, .. } = too_many.kind();
    responses.insert(
        "TooManyRequests".into(),
        json!({
            "description": "The API gateway has received too many requests, or the caller has used too \
                many `Idempotency-Key`s within a day. Send the request again later.",
            "content": {
                // The gateway answers this itself, and not as a problem (RFC 9457).
                "application/json": {
                    "schema": {"type": "object", "properties": {"message": {
                        "type": "string",
                        "description": "The message of the API gateway, always `Too Many Requests`.",
                    }}},
                    "example": {"message": "Too Many Requests"},
                },
                "application/problem+json": {"schema": schema, "examples": {slug: {
                    "summary": title,
                    "value": Problem::new(&too_many, "JKJaXmPLvHcESHA="),
                }}},
            },
        }),
    );
    responses
}

/// References to the responses of these statuses, and of 429, which every endpoint may return.
pub(crate) fn references(statuses: &[u16]) -> Map<String, Value> {
    let problems = statuses.iter().map(|status| {
        let reference = format!("#/components/responses/{}", name(*status));
        (status.to_string(), json!({"$ref": reference}))
    });
    let throttled = json!({"$ref": "#/components/responses/TooManyRequests"});
    problems.chain([("429".to_owned(), throttled)]).collect()
}
