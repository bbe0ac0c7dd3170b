//! MedicationRequests become records of type PRESCRIPTION.

use serde_json::Value;

use super::carried::Carried;
use super::reasons::{conditions, labels};
use crate::lookup::Lookup;
use crate::mapping::words::{coding, label, object, status, text, time, words};
use crate::resources::{Dosage, MedicationRequest};

/// Maps a MedicationRequest.
///
/// # Errors
/// The medication has no coding, or its reason isn't in the bundle.
pub fn prescription(request: &MedicationRequest, lookup: &Lookup<'_>) -> Result<Carried, String> {
    let steps: Vec<_> = request
        .dosage_instruction
        .iter()
        .filter_map(dosage)
        .collect();
    let as_needed = request
        .dosage_instruction
        .iter()
        .find_map(|dosage| dosage.as_needed_boolean);
    let content = object([
        (
            "medication",
            Some(coding(
                &request.medication_codeable_concept,
                "medicationCodeableConcept",
            )?),
        ),
        ("status", status(&request.status)),
        ("authored_on", request.authored_on.as_ref().map(time)),
        ("dosage", text(Some(&steps.join(" Then: ")), 2000)),
        ("as_needed", as_needed.map(Value::from)),
    ]);
    Ok(Carried {
        diagnosis: labels(&conditions(&request.reason_reference, lookup)?),
        ..Carried::new("PRESCRIPTION", content)
    })
}

/// How to take the medication, in words: the given text, or one made of the structured parts.
fn dosage(dosage: &Dosage) -> Option<String> {
    if let Some(text) = &dosage.text {
        return words(text, 2000);
    }
    let dose = dosage.dose_and_rate.iter().find_map(|rate| {
        let dose = rate.dose_quantity.as_ref()?;
        Some(format!(
            "{} {}",
            dose.value.as_ref()?,
            dose.unit.as_deref().unwrap_or("dose(s)")
        ))
    });
    let repeat = dosage.timing.as_ref().and_then(|timing| {
        let repeat = timing.repeat.as_ref()?;
        let (frequency, period) = (repeat.frequency.as_ref()?, repeat.period.as_ref()?);
        Some(format!(
            "{frequency} time(s) every {period} {}",
            repeat.period_unit.as_deref()?
        ))
    });
    let schedule: Vec<_> = dose.into_iter().chain(repeat).collect();
    let instructions = dosage
        .additional_instruction
        .iter()
        .filter_map(|concept| label(concept, 500));
    let sentences: Vec<_> = words(&schedule.join(", "), 500)
        .into_iter()
        .chain(instructions)
        .collect();
    let said: Vec<_> = sentences
        .iter()
        .map(|sentence| format!("{}.", sentence.trim_end_matches('.')))
        .collect();
    words(&said.join(" "), 2000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_structured_dosage_is_put_into_words() {
        let structured = serde_json::from_value(json!({
            "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": 1}}],
            "additionalInstruction": [{"text": "Take at regular intervals."}],
        }))
        .unwrap();
        assert_eq!(
            dosage(&structured).unwrap(),
            "1 dose(s), 3 time(s) every 1 d. Take at regular intervals."
        );
        assert_eq!(
            dosage(&serde_json::from_value(json!({"sequence": 1})).unwrap()),
            None
        );
    }
}
