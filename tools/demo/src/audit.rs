//! The compliance officer finds the whole story in the audit log.

use anyhow::{Context, Result, ensure};
use chrono::SecondsFormat;
use http::Method;
use import::Imported;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::teller::{Teller, id};

/// Rows of the audit log a page.
const ROWS: usize = 100;

impl Teller<'_> {
    /// Finds what the imports created, and each trace.
    pub async fn audit(&mut self, imports: [&Imported; 2]) -> Result<()> {
        let importer = self.story.importer.clone();
        let (_, importer) = self
            .ask(&importer, Method::GET, "/v1/me", None, 200)
            .await?;
        let importer = id(&importer)?;
        // The second step settles the patient of the first, and the third imports the other patient.
        for (step, imported) in [1, 3].into_iter().zip(imports) {
            let rows = [
                ("PATIENT", 1),
                ("APPOINTMENT", imported.visits),
                ("MEDICAL_RECORD", imported.records),
            ];
            let patient = imported.patients.first().context("there is no patient")?;
            for (resource_type, count) in rows {
                self.find_created(step, patient.id, resource_type, importer, count)
                    .await?;
            }
        }
        let began = self.began.to_rfc3339_opts(SecondsFormat::Micros, true);
        let rows = self.log(&format!("from={began}")).await?;
        for trace in std::mem::take(&mut self.traces) {
            let row = rows.iter().find(|row| trace.is(row)).with_context(|| {
                format!(
                    "the audit log lacks step {}: {} {}",
                    trace.step, trace.role, trace.deed.application
                )
            })?;
            self.found(trace.step, row, 1);
        }
        Ok(())
    }

    /// Finds the rows of what an import created, now or at an earlier run of the story.
    async fn find_created(
        &mut self,
        step: usize,
        patient: Uuid,
        resource_type: &str,
        by: Uuid,
        count: usize,
    ) -> Result<()> {
        let filter = format!(
            "patient_id={patient}&resource_type={resource_type}&action_type=CREATE&outcome=SUCCESS"
        );
        let mut rows = self.log(&filter).await?;
        rows.retain(|row| row["user_id"] == json!(by));
        let found = rows.len();
        ensure!(
            found >= count,
            "the audit log has {found} rows of step {step} for {count} of {resource_type}"
        );
        rows.first()
            .into_iter()
            .for_each(|row| self.found(step, row, found));
        Ok(())
    }

    /// Tells that the row of a step is found.
    fn found(&mut self, step: usize, row: &Value, times: usize) {
        let word = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
        let what = format!(
            "finds step {step}: {} {} {} {}{}",
            word("actor_role"),
            word("action_type"),
            word("resource_type"),
            word("outcome"),
            if times == 1 {
                String::new()
            } else {
                format!(" × {times}")
            },
        );
        self.narrator
            .step("COMPLIANCE_OFFICER", what, None, id(row).ok());
    }

    /// All rows of the audit log that match the filter.
    async fn log(&mut self, filter: &str) -> Result<Vec<Value>> {
        let officer = self.story.officer.clone();
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/audit-logs?{filter}&limit={ROWS}{cursor}");
            let (_, mut page) = self.ask(&officer, Method::GET, &path, None, 200).await?;
            rows.append(
                page["items"]
                    .as_array_mut()
                    .context("a page has no items")?,
            );
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(rows),
            }
        }
    }
}
