//! What changes the meaning of a resource: modifier elements and statuses.
//!
//! A resource is carried over only if the API can say what it says. One that negates, withdraws or merely proposes
//! something is left out with the reason, and never becomes the opposite.
//! <https://hl7.org/fhir/R4/conformance-rules.html#isModifier>

use serde_json::Value;
use serde_json::value::RawValue;

use crate::resources::Frame;

/// The intents with which a request is in force. A CarePlan is also in force with the intent `plan`.
const IN_FORCE: [&str; 5] = [
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
];

/// Why the resource is left out, or none if it is what it seems to be. `raw` is the whole resource.
pub(crate) fn reason(frame: &Frame, raw: &RawValue) -> Option<String> {
    let status = frame.status().unwrap_or_default();
    let kind = frame.resource_type.as_str();
    let reason = if status == "entered-in-error" || frame.is_verified_as("entered-in-error") {
        "was entered in error"
    } else if status == "not-done" {
        "was not done"
    } else if frame.is_verified_as("refuted") {
        "is refuted"
    } else if status == "draft" {
        "is a draft"
    } else if kind == "ImagingStudy" && status == "cancelled" {
        "was cancelled"
    } else if frame.must_not_be_performed() {
        "says that something must not be done"
    } else if frame.is_subpotent() {
        "was too small a dose to protect"
    } else if frame
        .intent()
        .is_some_and(|intent| !IN_FORCE.contains(&intent) && (kind, intent) != ("CarePlan", "plan"))
    {
        "is only proposed"
    } else if frame.has_implicit_rules() {
        "has implicitRules, which are unknown here"
    } else if has_modifier_extension(raw) {
        "has a modifierExtension, which is unknown here"
    } else {
        return None;
    };
    Some(format!("{reason}, so it is left out"))
}

/// Whether the resource or a part of it has a modifier extension. The resources that it contains are not its parts.
fn has_modifier_extension(raw: &RawValue) -> bool {
    const NAME: &str = "modifierExtension";
    fn found(value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(found),
            Value::Object(fields) => fields
                .iter()
                .any(|(name, value)| name == NAME || (name != "contained" && found(value))),
            _ => false,
        }
    }
    // Few resources have one, so few are parsed.
    raw.get().contains(NAME) && serde_json::from_str(raw.get()).is_ok_and(|value| found(&value))
}
