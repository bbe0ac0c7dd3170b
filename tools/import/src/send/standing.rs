//! What the cloud has already of a plan.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use uuid::Uuid;

use super::{Known, NO_PATIENT, Sender, encoded};
use crate::plan::Plan;
use crate::tally::{Fault, Result};

/// A patient's chart in the cloud, with the resources of the plan that it has already, by their `external_id`.
#[derive(Debug)]
pub struct Chart {
    pub patient: Uuid,
    pub visits: HashMap<String, Value>,
    pub records: HashMap<String, Value>,
}

/// The keys of the entries that the plan writes or withdraws.
pub fn planned(plan: &Plan) -> HashSet<&str> {
    let origins = (plan.visits.iter().map(|new| &new.origin))
        .chain(plan.records.iter().map(|new| &new.origin))
        .chain(plan.withdrawn.iter().map(|former| &former.origin));
    origins.map(|origin| origin.key.as_str()).collect()
}

impl Sender<'_> {
    /// What the cloud has of these entries in the patient's chart. Keeps nothing else of the chart. The chart of a patient who
    /// is new is empty.
    pub async fn chart(
        &self,
        planned: &HashSet<&str>,
        registered: Option<&(Known, bool)>,
    ) -> Result<Chart> {
        let (known, is_new) = registered.ok_or(Fault::from(NO_PATIENT))?;
        let patient = known.id;
        if *is_new {
            return Ok(Chart {
                patient,
                visits: HashMap::new(),
                records: HashMap::new(),
            });
        }
        Ok(Chart {
            patient,
            visits: self.pages("/v1/appointments", patient, planned).await?,
            records: self.pages("/v1/medical-records", patient, planned).await?,
        })
    }

    async fn pages(
        &self,
        list: &str,
        patient: Uuid,
        planned: &HashSet<&str>,
    ) -> Result<HashMap<String, Value>> {
        let source = encoded(self.source);
        let filter =
            format!("patient_id={patient}&source_system={source}&include_archived=true&limit=100");
        let mut found = HashMap::new();
        let mut cursor = String::new();
        loop {
            let path = format!("{list}?{filter}{cursor}");
            let page = self.api.get(self.importer, &path).await;
            let mut page = page.map_err(|refusal| self.said("reading the chart", &refusal))?;
            for item in page["items"].as_array_mut().into_iter().flatten() {
                if let Some(id) = item["external_id"].as_str()
                    && planned.contains(id)
                {
                    found.insert(id.to_owned(), item.take());
                }
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(found),
            }
        }
    }
}
