//! A concept in a code system or in words, as FHIR's `Coding`. For the most common code systems the format of the
//! code is checked. Codes are not looked up, because the content of these systems is licensed.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::text::{Identifier, Line};
use parsing::{code_form, expected, expected_field, is_absolute_uri};

/// A concept, as FHIR R4 `Coding`. It has a code, for example `{"system": "http://snomed.info/sct", "code":
/// "38341003", "display": "Hypertension"}`, or only words, for example `{"display": "Hypertension"}`.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(
    deny_unknown_fields,
    extend("minProperties" = 1),
    extend("dependentRequired" = {"system": ["code"], "code": ["system"]})
)]
pub struct Coding {
    /// The URI of the code system, for example `http://snomed.info/sct` or `http://loinc.org`. Absent if the concept
    /// isn't coded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemUri>,
    /// The code as the code system defines it, for example `38341003`. Absent if the concept isn't coded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Identifier<100>>,
    /// The concept in words, for example `Hypertension`. Required if the concept isn't coded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<Line<500>>,
}

/// A concept that is not checked yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnyCoding {
    system: Option<SystemUri>,
    code: Option<Identifier<100>>,
    display: Option<Line<500>>,
}

impl<'de> Deserialize<'de> for Coding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let AnyCoding {
            system,
            code,
            display,
        } = AnyCoding::deserialize(deserializer)?;
        let refused = |field, what| {
            let example = json!({"display": "Hypertension"});
            Err(expected_field(field, what, example))
        };
        match (&system, &code) {
            (Some(system), Some(code)) => {
                if let Some(form) = code_form(&system.0)
                    && !form.fits(code.as_str())
                {
                    let example = json!({"system": form.system, "code": form.example});
                    return Err(expected_field("code", form.what, example));
                }
            }
            (Some(_), None) => return refused("code", "a code of `system`, or only `display`"),
            (None, Some(_)) => return refused("system", "the code system of `code`"),
            (None, None) if display.is_none() => {
                return refused("display", "the concept in words, or `system` and `code`");
            }
            (None, None) => {}
        }
        Ok(Self {
            system,
            code,
            display,
        })
    }
}

/// An absolute URI (RFC 3986) of at most 255 characters.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "uri", "maxLength" = 255))]
pub struct SystemUri(String);

impl<'de> Deserialize<'de> for SystemUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if !is_absolute_uri(&text) || text.len() > 255 {
            return Err(expected(
                "an absolute URI of at most 255 characters",
                "http://snomed.info/sct",
            ));
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(system: &str, code: &str) -> bool {
        let coding = serde_json::json!({"system": system, "code": code});
        serde_json::from_value::<Coding>(coding).is_ok()
    }

    #[test]
    fn a_concept_has_a_code_or_words() {
        for (coding, is_fit) in [
            (
                json!({"system": "http://loinc.org", "code": "4548-4", "display": "HbA1c"}),
                true,
            ),
            (
                json!({"system": "http://loinc.org", "code": "4548-4"}),
                true,
            ),
            (json!({"display": "HbA1c"}), true),
            (
                json!({"display": "HbA1c", "system": null, "code": null}),
                true,
            ),
            (json!({"display": " "}), false),
            (json!({"display": "HbA1c", "code": "4548-4"}), false),
            (
                json!({"display": "HbA1c", "system": "http://loinc.org"}),
                false,
            ),
            (json!({}), false),
        ] {
            assert_eq!(
                serde_json::from_value::<Coding>(coding.clone()).is_ok(),
                is_fit,
                "{coding}"
            );
        }
    }

    #[test]
    fn a_code_must_have_the_form_of_its_system() {
        for (system, right, wrong) in [
            (
                "http://snomed.info/sct",
                vec!["38341003", "428191000124101"],
                vec!["1", "E11.9", "3834 1003"],
            ),
            (
                "http://loinc.org",
                vec!["4548-4", "LA6626-1"],
                vec!["4548", "4548-44", "-4"],
            ),
            (
                "http://www.nlm.nih.gov/research/umls/rxnorm",
                vec!["860975"],
                vec!["Metformin", "123456789"],
            ),
            (
                "http://hl7.org/fhir/sid/cvx",
                vec!["08", "140"],
                vec!["1400", "x"],
            ),
            (
                "http://hl7.org/fhir/sid/icd-10-cm",
                vec!["E11", "E11.9", "S52.521A", "C7A.00"],
                vec!["E11.", "e11.9", "11.9", "E11.98765", "E1"],
            ),
            ("urn:oid:2.16.840.1", vec!["anything"], vec![]),
            ("https://example.org/codes", vec!["a b"], vec![""]),
        ] {
            for code in right {
                assert!(parse(system, code), "{system}|{code}");
            }
            for code in wrong {
                assert!(!parse(system, code), "{system}|{code}");
            }
        }
        for system in [
            "SNOMED",
            "",
            "http:",
            "http://a b",
            ":x",
            "1http://x",
            "http://x/{y}",
        ] {
            assert!(!parse(system, "1"), "{system}");
        }
    }
}
