//! The problems that endpoints answer, by status.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};
use shared::errors::{Error, FieldError, Problem};

use crate::schemas::Schemas;

/// One error of each kind, as a caller sees it.
fn examples() -> [Error; 15] {
    [
        Error::MalformedJson,
        Error::NotAuthenticated,
        Error::Forbidden("the caller's role doesn't hold the permission"),
        Error::NotFound,
        Error::Conflict("another visit takes part of that time"),
        Error::AlreadyExists("this patient_number is taken"),
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
        Error::Unavailable("the database can't be reached"),
        Error::LinkLost,
    ]
}

fn name(status: u16) -> String {
    format!("Problem{status}")
}

/// Returns `components.responses`, one for each status.
pub(crate) fn responses(schemas: &mut Schemas) -> Map<String, Value> {
    let schema = schemas.answered(SchemaGenerator::subschema_for::<Problem>);
    let mut responses = Map::new();
    for error in examples() {
        let (status, slug, title) = error.kind();
        let response = responses.entry(name(status.as_u16())).or_insert_with(|| {
            let mut headers = json!({"x-request-id": {"$ref": "#/components/headers/RequestId"}});
            match status.as_u16() {
                401 => headers["www-authenticate"] = json!({"schema": {"const": "Bearer"}}),
                503 => {
                    headers["retry-after"] = json!({
                        "description": "How many seconds to wait before a retry.",
                        "schema": {"type": "integer"},
                    })
                }
                _ => {}
            }
            json!({
                "description": title,
                "headers": headers,
                "content": {"application/problem+json": {"schema": schema, "examples": {}}},
            })
        });
        response["content"]["application/problem+json"]["examples"][slug] = json!({
            "summary": title,
            "value": error.problem("JKJaXmPLvHcESHA="),
        });
    }
    // The gateway answers this itself, and not with a problem.
    responses.insert(
        "TooManyRequests".into(),
        json!({
            "description": "Too many requests. The gateway sends this answer.",
            "content": {"application/json": {
                "schema": {"type": "object", "properties": {"message": {"type": "string"}}},
                "example": {"message": "Too Many Requests"},
            }},
        }),
    );
    responses
}

/// Returns references to the problems of these statuses.
pub(crate) fn references(statuses: &[u16]) -> Map<String, Value> {
    let problems = statuses.iter().map(|status| {
        let reference = format!("#/components/responses/{}", name(*status));
        (status.to_string(), json!({"$ref": reference}))
    });
    let throttled = json!({"$ref": "#/components/responses/TooManyRequests"});
    problems.chain([("429".to_owned(), throttled)]).collect()
}
