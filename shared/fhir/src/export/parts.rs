//! The clinical parts of a patient: allergies, goals, past conditions and risk factors.
//!
//! <https://hl7.org/fhir/us/core/STU7/StructureDefinition-us-core-allergyintolerance.html>,
//! <https://hl7.org/fhir/us/core/STU7/StructureDefinition-us-core-goal.html>,
//! <https://hl7.org/fhir/us/core/STU7/StructureDefinition-us-core-condition-problems-health-concerns.html>

use domain::patient::{Allergy, HealthGoal, PastCondition, Patient, Reaction, RiskFactor};
use serde_json::{Value, json};
use sql::Jsonb;
use uuid::Uuid;

use super::Chart;
use super::builder::Builder;
use super::codes::{ALLERGY_CLINICAL, ALLERGY_VERIFICATION, GOAL_STATUS, HEALTH_CONCERN};
use super::elements::{DATA_ABSENT, coded, concept, concept_as, concepts, given, is_moment, part};
use crate::mapping::words::{list, object};

impl Chart {
    /// The resources of all clinical parts of the patient.
    pub(super) fn parts(&self, patient: &Patient) -> Vec<(Uuid, Value)> {
        let mut resources = Vec::new();
        let of: Uuid = patient.id.into();
        let mut add = |name: &str, index: usize, make: &dyn Fn(Uuid) -> Value| {
            let id = part(of, &format!("{name}/{index}"));
            resources.push((id, make(id)));
        };
        for (index, allergy) in items(patient.allergies.as_ref()).enumerate() {
            add("allergies", index, &|id| self.allergy(id, allergy));
        }
        for (index, goal) in items(patient.health_goals.as_ref()).enumerate() {
            add("health_goals", index, &|id| self.goal(id, goal));
        }
        for (index, past) in items(patient.medical_history.as_ref()).enumerate() {
            add("medical_history", index, &|id| self.past(id, past));
        }
        for (index, risk) in items(patient.risk_factors.as_ref()).enumerate() {
            add("risk_factors", index, &|id| self.risk(id, risk));
        }
        resources
    }

    fn allergy(&self, id: Uuid, allergy: &Allergy) -> Value {
        let Allergy {
            code,
            r#type,
            category,
            criticality,
            clinical_status,
            verification_status,
            onset,
            recorded_at,
            reaction,
        } = allergy;
        let verification = verification_status.as_ref().map(|it| it.as_str());
        let is_error = verification == Some("entered-in-error");
        let clinical = clinical_status.as_ref().map(|it| it.as_str());
        let coded_clinical = clinical.map(|said| coded(said, &[ALLERGY_CLINICAL]));
        // Constraints ait-1 and ait-2: a status exactly if the entry isn't an error.
        let unknown = || json!({"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]});
        let status = match is_error {
            true => None,
            false => Some(coded_clinical.unwrap_or_else(unknown)),
        };
        let mut it = Builder::new("AllergyIntolerance", id);
        it.profile("allergyintolerance", true)
            .set("clinicalStatus", status)
            .set(
                "verificationStatus",
                verification.map(|said| coded(said, &[ALLERGY_VERIFICATION])),
            )
            .set("type", given(r#type.as_ref()))
            .set("category", list(category.iter().map(|it| json!(it))))
            .set("criticality", given(criticality.as_ref()))
            .set("code", Some(concept(code)))
            .set("patient", self.subject())
            .set("onsetDateTime", given(onset.as_ref()))
            .set("recordedDate", given(recorded_at.as_ref()))
            .set("reaction", list(reaction.iter().map(reacted)));
        if is_error {
            it.extend("clinical-status", "String", given(clinical_status.as_ref()));
        }
        it.build()
    }

    fn goal(&self, id: Uuid, goal: &HealthGoal) -> Value {
        let HealthGoal {
            description,
            status,
            start_date,
            target_date,
        } = goal;
        // R4's elements hold a date without a time of day.
        let day = |time: Option<String>| time.filter(|time| !is_moment(time)).map(|it| json!(it));
        let moment = |time: Option<String>| time.filter(|time| is_moment(time)).map(|it| json!(it));
        let [start, target] =
            [start_date, target_date].map(|it| it.as_ref().map(ToString::to_string));
        let mut it = Builder::new("Goal", id);
        it.profile("goal", status.is_some())
            .code(
                "lifecycleStatus",
                status.as_ref().map(|it| it.as_str()),
                GOAL_STATUS,
                None,
            )
            .set("description", Some(json!({"text": description})))
            .set("subject", self.subject())
            .set("startDate", day(start.clone()))
            .extend("start", "DateTime", moment(start))
            .set(
                "target",
                day(target.clone()).map(|date| json!([{"dueDate": date}])),
            )
            .extend("due", "DateTime", moment(target));
        it.build()
    }

    fn past(&self, id: Uuid, past: &PastCondition) -> Value {
        let PastCondition { code, onset, note } = past;
        let mut it = Builder::new("Condition", id);
        it.set("code", Some(concept(code)))
            .set("category", Some(json!([{"text": "medical history"}])))
            .set("subject", self.subject())
            .set("onsetDateTime", given(onset.as_ref()))
            .set("note", note.as_ref().map(|note| json!([{"text": note}])));
        it.build()
    }

    fn risk(&self, id: Uuid, risk: &RiskFactor) -> Value {
        let RiskFactor {
            code,
            description,
            severity,
        } = risk;
        let words = description.as_str();
        let concept = match code {
            Some(code) => concept_as(code, Some(words)),
            None => json!({"text": words}),
        };
        let mut it = Builder::new("Condition", id);
        it.profile("condition-problems-health-concerns", true)
            .set(
                "category",
                Some(json!([coded("health-concern", &[HEALTH_CONCERN])])),
            )
            .set("code", Some(concept))
            .set("subject", self.subject())
            .set(
                "severity",
                severity.as_ref().map(|severity| json!({"text": severity})),
            );
        it.build()
    }
}

fn reacted(reaction: &Reaction) -> Value {
    let Reaction {
        manifestation,
        severity,
        description,
    } = reaction;
    object([
        ("manifestation", concepts(Some(manifestation))),
        ("description", given(description.as_ref())),
        ("severity", given(severity.as_ref())),
    ])
}

fn items<T>(list: Option<&Jsonb<Vec<T>>>) -> impl Iterator<Item = &T> {
    list.into_iter().flat_map(|Jsonb(items)| items)
}
