//! A concept out of a code system, as FHIR's Coding: its codes are not validated against licensed
//! content.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::Text;

/// FHIR R4 `Coding`: `system` is a URI such as `http://snomed.info/sct`.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coding {
    /// The code system's URI.
    pub system: Text<255>,
    /// The code.
    pub code: Text<100>,
    /// The code in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<Text<500>>,
}
