//! `GET /v1/exports/{id}/letter`: writes the letter about what was denied of a request for access.

mod letter;

use api::prelude::*;

use letter::Source;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/exports/{id}/letter")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Writes the letter about what was denied of a request for access")
    .needs("exports:read")
    .recorded_as(Action::Read, ResourceType::Export)
    .conflicts(&[&[NOTHING_TO_SAY]]);

const NOTHING_TO_SAY: &str = "There is nothing to write about: nothing was denied and the time was not extended, or the clinic has no name or telephone number. The operator sets them with migrate clinic-contact.";

/// The letter about a denial, or about the extension of the time.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ExportLetter {
    /// The request that the letter is about.
    pub export_id: ExportId,
    /// The patient to whom the letter is written.
    pub patient_id: PatientId,
    /// The letter as a whole HTML document, ready to print. It loads nothing from elsewhere.
    pub html: String,
    /// The number of years of school that the letter needs (Flesch-Kincaid grade level), for example 7.2. It is an
    /// estimate for English.
    pub reading_grade: f64,
}

impl Content for ExportLetter {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

const READ: &str = include_str!("letter.sql");

/// Answers the letter as it is today. Errors: nothing was denied and the time wasn't extended.
pub async fn handle(call: Call, Path(id): Path<ExportId>) -> Reply<Json<ExportLetter>> {
    let mut access = call.authorize(id);
    let source: Source = access.one(sql(READ, &[&id])).await?;
    let patient_id = source.export.patient_id;
    let letter = letter::write(source).ok_or(Error::Conflict(NOTHING_TO_SAY))?;
    let answer = ExportLetter {
        export_id: id,
        patient_id,
        html: letter.html()?,
        reading_grade: letter.grade(),
    };
    access.commit(Json(answer)).await
}
