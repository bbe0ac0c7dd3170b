//! `GET /v1/amendments/{id}/letter`: writes the letter about an amendment.

mod letter;

use api::prelude::*;

use letter::Source;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/amendments/{id}/letter")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Writes the letter about an amendment")
    .needs("amendments:read")
    .recorded_as(Action::Read, ResourceType::Amendment)
    .conflicts(&[&[NOTHING_TO_SAY]]);

const NOTHING_TO_SAY: &str = "There is nothing to write about: the clinic neither decided about a request nor extended the time, or it has no contact data.";

/// The letter about the decision on a requested amendment, or about the extension of its time.
#[derive(Debug, JsonSchema, Serialize)]
pub struct AmendmentLetter {
    /// The amendment that the letter is about.
    pub amendment_id: AmendmentId,
    /// The patient to whom the letter is written.
    pub patient_id: PatientId,
    /// The letter as a whole HTML document, ready to print. It loads nothing from elsewhere.
    pub html: String,
    /// The number of years of school that the letter needs (Flesch-Kincaid grade level), for example 7.2. It is an
    /// estimate for English.
    pub reading_grade: f64,
}

impl Content for AmendmentLetter {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

const READ: &str = include_str!("letter.sql");

/// Answers the letter as it is today. Errors: nothing was decided and the time wasn't extended.
pub async fn handle(call: Call, Path(id): Path<AmendmentId>) -> Reply<Json<AmendmentLetter>> {
    let mut access = call.authorize(id);
    let source: Source = access.one(sql(READ, &[&id])).await?;
    let patient_id = source.amendment.patient_id;
    let letter = letter::write(source).ok_or(Error::Conflict(NOTHING_TO_SAY))?;
    let answer = AmendmentLetter {
        amendment_id: id,
        patient_id,
        html: letter.html()?,
        reading_grade: letter.grade(),
    };
    access.commit(Json(answer)).await
}
