//! `GET /v1/accountings/{id}/report`: reads an accounting of disclosures as it was provided.

mod document;
mod table;

use api::prelude::*;
use askama::Template as _;
use domain::accounting::AccountingEntry;

use document::{Document, Source};

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/accountings/{id}/report")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Reads an accounting of disclosures as it was provided")
    .needs("accountings:read")
    .recorded_as(Action::Read, ResourceType::Disclosure)
    .conflicts(&[&[NOT_PROVIDED]]);

const NOT_PROVIDED: &str = "The accounting is not provided yet.";

/// An accounting of disclosures (45 CFR 164.528(b)).
#[derive(Debug, JsonSchema, Serialize)]
pub struct AccountingReport {
    /// The request that it answers.
    pub accounting_id: AccountingId,
    /// The patient to whom the disclosed data belong.
    pub patient_id: PatientId,
    /// The first day that it covers.
    pub covered_from: Date,
    /// The last day that it covers.
    pub covered_until: Date,
    /// The time at which it was provided (RFC 3339, UTC).
    pub provided_at: Timestamp,
    /// The disclosures, in the order of their days.
    pub entries: Vec<AccountingEntry>,
    /// The accounting as a whole HTML document, ready to print. It loads nothing from elsewhere.
    pub html: String,
    /// The entries as comma-separated values (RFC 4180) with a line of headings. A cell that a spreadsheet would take for a
    /// formula begins with an apostrophe.
    pub csv: String,
}

impl Content for AccountingReport {
    fn patients(&self) -> Vec<PatientId> {
        vec![self.patient_id]
    }
}

const READ: &str = "
    select a.patient_id, a.covered_from, a.covered_until, a.received_on, a.provided_at, a.entries, p.first_name, p.last_name,
      p.clinic_name, p.clinic_phone, p.clinic_email, p.clinic_website, p.clinic_address
    from accountings a cross join accounting_parties(a.id) as p
    where a.id = $1 and reaches('accountings:read', a.patient_id)";

/// Answers the accounting as data, as a document and as a table. Errors: it is not provided yet.
pub async fn handle(call: Call, Path(id): Path<AccountingId>) -> Reply<Json<AccountingReport>> {
    let mut access = call.authorize(id);
    let mut source: Source = access.one(sql(READ, &[&id])).await?;
    let (Some(provided_at), Some(entries)) = (source.provided_at, source.entries.take()) else {
        return Err(Error::Conflict(NOT_PROVIDED));
    };
    let entries = entries.0;
    let (patient_id, covered_from, covered_until) =
        (source.patient_id, source.covered_from, source.covered_until);
    let html = Document::new(source, provided_at, &entries)
        .render()
        .map_err(|_| Error::Internal("an accounting can't be written"))?;
    let csv = table::csv(&entries).ok_or(Error::Internal("an accounting can't be written"))?;
    let report = AccountingReport {
        accounting_id: id,
        patient_id,
        covered_from,
        covered_until,
        provided_at,
        entries,
        html,
        csv,
    };
    access.commit(Json(report)).await
}
