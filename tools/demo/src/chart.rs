//! The patient and their provider read the chart, and another patient is refused.

use anyhow::{Context, Result, ensure};
use http::Method;
use import::Known;
use serde_json::json;
use uuid::Uuid;

use crate::teller::{Teller, id};
use crate::trace::{Deed, GET_ME, LIST_RECORDS};

/// Records a page, so that a chart takes several.
const RECORDS: usize = 40;

impl Teller<'_> {
    /// Finds the visit of the patient's imaging study. Returns its id.
    pub async fn find_imaging(&mut self, provider: &Known, patient: &Known) -> Result<Uuid> {
        let path = format!(
            "/v1/medical-records?patient_id={}&record_type=IMAGING",
            patient.id
        );
        let (answer, page) = self
            .ask(&provider.person, Method::GET, &path, None, 200)
            .await?;
        let visit = &page["items"][0]["appointment_id"];
        let visit =
            serde_json::from_value(visit.clone()).context("the patient has no imaging study")?;
        self.narrator.step(
            "PROVIDER",
            "finds the visit of the imaging study",
            Some(200),
            Some(visit),
        );
        self.trace(&answer, provider, LIST_RECORDS, None)?;
        Ok(visit)
    }

    /// Reads the patient's own user.
    pub async fn who_am_i(&mut self, patient: &Known) -> Result<()> {
        let (answer, me) = self
            .ask(&patient.person, Method::GET, "/v1/me", None, 200)
            .await?;
        ensure!(
            me["patient_id"] == json!(patient.id),
            "/v1/me describes another patient"
        );
        ensure!(me["role"] == "PATIENT", "/v1/me has another role");
        self.narrator.step(
            "PATIENT",
            "reads their own user",
            Some(200),
            Some(patient.user_id),
        );
        self.trace(&answer, patient, GET_ME, Some(patient.user_id))?;
        Ok(())
    }

    /// Reads all pages of the patient's records. Returns the id of the first record.
    pub async fn read_records(&mut self, patient: &Known, imported: usize) -> Result<Uuid> {
        let mut records = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!(
                "/v1/medical-records?patient_id={}&limit={RECORDS}{cursor}",
                patient.id
            );
            let (answer, mut page) = self
                .ask(&patient.person, Method::GET, &path, None, 200)
                .await?;
            let items = page["items"]
                .as_array_mut()
                .context("a page has no items")?;
            ensure!(
                !items.is_empty() && items.len() <= RECORDS,
                "a page has {} items",
                items.len()
            );
            let what = format!("reads a page of {} records", items.len());
            records.append(items);
            self.narrator
                .step("PATIENT", what, Some(200), Some(patient.id));
            self.trace(&answer, patient, LIST_RECORDS, None)?;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        ensure!(
            records
                .iter()
                .all(|record| record["patient_id"] == json!(patient.id)),
            "a record of another patient is among them"
        );
        let mut from_bundle: Vec<_> = records
            .iter()
            .filter_map(|record| record["external_id"].as_str())
            .collect();
        from_bundle.sort_unstable();
        from_bundle.dedup();
        let count = from_bundle.len();
        ensure!(
            count == imported,
            "{count} records are there of {imported} that were imported"
        );
        id(records.first().context("the patient has no records")?)
    }

    /// Asks for a resource of another patient. To the caller it doesn't exist.
    pub async fn refuse(
        &mut self,
        other: &Known,
        deed: Deed,
        collection: &str,
        target: Uuid,
    ) -> Result<()> {
        let path = format!("{collection}/{target}");
        let (answer, body) = self
            .ask(&other.person, Method::GET, &path, None, 404)
            .await?;
        ensure!(
            body["type"]
                .as_str()
                .is_some_and(|kind| kind.ends_with("/not-found")),
            "the refusal reveals more than that there is no such resource"
        );
        self.narrator.step(
            "PATIENT",
            format!(
                "(another patient) asks for that {}: refused",
                deed.resource_type
            ),
            Some(404),
            Some(target),
        );
        self.trace(&answer, other, deed, Some(target))
    }
}
