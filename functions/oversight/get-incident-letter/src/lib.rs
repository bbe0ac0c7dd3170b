//! `GET /v1/incidents/{id}/patients/{patient_id}/letter`: writes the letter to an affected patient.

mod letter;

use api::prelude::*;

use letter::Source;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/incidents/{id}/patients/{patient_id}/letter")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Writes the letter to an affected patient")
    .needs("incidents:read")
    .recorded_as(Action::Read, ResourceType::Incident)
    .conflicts(&[&[UNWRITTEN]]);

const UNWRITTEN: &str = "The four texts of the letter or the contact data of the clinic are missing. Write the texts with PATCH /v1/incidents/{id}. The operator sets the contact data with migrate clinic-contact.";

/// The letter to an affected patient (45 CFR 164.404(c)).
#[derive(Debug, JsonSchema, Serialize)]
pub struct IncidentLetter {
    /// The incident that the letter is about.
    pub incident_id: IncidentId,
    /// The patient to whom the letter is written.
    pub patient_id: PatientId,
    /// The letter as a whole HTML document, ready to print. It loads nothing from elsewhere.
    pub html: String,
    /// The number of years of school that the letter needs (Flesch-Kincaid grade level), for example 7.2. It is an
    /// estimate for English. The letter must be in plain language, so aim at 8 or less.
    pub reading_grade: f64,
}

impl Content for IncidentLetter {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

const READ: &str = "
    select addressee, first_name, last_name, address, written_on, discovered_on, breach_from, breach_until, seen,
      letter_happened, letter_data, letter_steps, letter_response, clinic_name, clinic_phone, clinic_email, clinic_website,
      clinic_address
    from incident_letter($1, $2)";

/// Answers the letter as it is today. Errors: the patient isn't affected, or a text of the letter is missing.
pub async fn handle(
    call: Call,
    Path(id): Path<IncidentId>,
    Path(patient): Path<PatientId>,
) -> Reply<Json<IncidentLetter>> {
    let mut access = call.authorize(InChart {
        resource: id,
        patient,
    });
    let source: Source = access.one(sql(READ, &[&id, &patient])).await?;
    let letter = letter::write(source).ok_or(Error::Conflict(UNWRITTEN))?;
    let answer = IncidentLetter {
        incident_id: id,
        patient_id: patient,
        html: letter.html()?,
        reading_grade: letter.grade(),
    };
    access.commit(Json(answer)).await
}
