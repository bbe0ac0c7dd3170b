//! The identifier of a resource in the system that it was imported from.

use errors::Error;

use crate::text::Identifier;

/// The detail of the 409 if another resource has the identifier.
pub const EXTERNAL_ID_TAKEN: &str =
    "Another resource already has this external_id of this source_system.";

const NOT_IMPORTING: &str = "Only an importer can set external_id, and only with the source_system of their account. Leave both out.";

/// Checks that the identifier has its system. Errors: only one of both is given.
pub fn with_its_system(
    source_system: Option<&Identifier<255>>,
    external_id: Option<&Identifier<255>>,
) -> Result<(), Error> {
    match (source_system, external_id) {
        (Some(_), None) => Err(Error::invalid(
            "external_id",
            "expected the identifier in source_system, for example \"visit-17\"",
        )),
        (None, Some(_)) => Err(Error::invalid(
            "source_system",
            "expected the URI of the system that assigned external_id, for example \
             \"https://hospital.example/visits\"",
        )),
        _ => Ok(()),
    }
}

/// The error that a violated constraint on external identifiers means to the caller. None if the constraint
/// is unknown here.
pub fn external_id_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "appointments_external_id_key"
        | "medical_records_external_id_key"
        | "user_profiles_external_id_key" => Error::AlreadyExists(EXTERNAL_ID_TAKEN),
        "external_id_needs_permission" => Error::Forbidden(NOT_IMPORTING),
        _ => return None,
    })
}
