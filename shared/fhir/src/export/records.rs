//! Medical records become clinical resources, one for each record.
//!
//! <https://hl7.org/fhir/us/core/STU7/profiles-and-extensions.html>, <https://hl7.org/fhir/R4/imagingstudy.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::content::{
    Activity, CarePlan, Diagnosis, Imaging, Immunization, Narrative, RecordContent, RecordType,
    Treatment,
};
use domain::record::MedicalRecord;
use serde_json::{Value, json};
use sql::Jsonb;
use uuid::Uuid;

use super::Chart;
use super::builder::Builder;
use super::codes::{
    ACTIVITY_STATUS, CARE_PLAN_INTENT, CARE_PLAN_STATUS, CONDITION_CATEGORY, CONDITION_CLINICAL,
    CONDITION_VERIFICATION, HEALTH_CONCERN, IMMUNIZATION_STATUS, PROCEDURE_STATUS,
};
use super::elements::{
    DATA_ABSENT, coded, concept, concept_as, extension, given, imported, is_moment, simple_quantity,
};
use crate::mapping::words::{list, object, object_of_some};

/// <https://hl7.org/fhir/us/core/STU7/CodeSystem-us-core-documentreference-category.html>
const DOCUMENT_CATEGORY: &str =
    "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category";
/// <https://hl7.org/fhir/us/core/STU7/CodeSystem-careplan-category.html>
const CARE_PLAN_CATEGORY: &str = "http://hl7.org/fhir/us/core/CodeSystem/careplan-category";

/// The columns of a record that its resource has whatever its type.
pub struct Row<'a> {
    pub id: Uuid,
    pub provider: Option<Uuid>,
    pub visit: Option<Uuid>,
    pub diagnosis: Option<&'a str>,
    pub treatment: Option<&'a str>,
    pub notes: Option<&'a str>,
    record: &'a MedicalRecord,
}

impl Row<'_> {
    /// The notes as Annotation.
    pub fn note(&self) -> Option<Value> {
        self.notes.map(|notes| json!([{"text": notes}]))
    }

    /// Adds what all records have.
    pub fn finish(&self, mut it: Builder) -> Value {
        let record = self.record;
        it.version(record.updated_at, record.version)
            .set(
                "identifier",
                imported(record.source_system.as_ref(), record.external_id.as_ref()),
            )
            .extend("created-at", "DateTime", Some(json!(record.created_at)))
            .custom_data(
                record.custom_data.as_ref().map(|it| it.value()),
                record.custom_data_version,
            );
        it.build()
    }
}

impl Chart {
    /// The resource that the record becomes.
    pub(super) fn record(&self, record: &MedicalRecord) -> Value {
        let row = Row {
            id: record.id.into(),
            provider: record.provider_id.map(Uuid::from),
            visit: record.appointment_id.map(Uuid::from),
            diagnosis: record.diagnosis.as_deref(),
            treatment: record.treatment.as_deref(),
            notes: record.notes.as_deref(),
            record,
        };
        let Jsonb(content) = &record.content;
        match RecordContent::parse(record.record_type, content) {
            Ok(RecordContent::Diagnosis(content)) => self.diagnosis(&row, &content),
            Ok(RecordContent::Treatment(content)) => self.treatment(&row, &content),
            Ok(RecordContent::Narrative(content)) => self.narrative(&row, &content),
            Ok(RecordContent::LabResult(content)) => self.lab_result(&row, &content),
            Ok(RecordContent::Prescription(content)) => self.prescription(&row, &content),
            Ok(RecordContent::Imaging(content)) => self.imaging(&row, &content),
            Ok(RecordContent::Immunization(content)) => self.immunization(&row, &content),
            Ok(RecordContent::CarePlan(content)) => self.care_plan(&row, &content),
            // A rule that is stricter today must not keep a patient from their record.
            Err(_) => self.unreadable(&row, content),
        }
    }

    fn diagnosis(&self, row: &Row<'_>, content: &Diagnosis) -> Value {
        let Diagnosis {
            code,
            category,
            clinical_status,
            verification_status,
            onset,
            onset_text,
            abatement,
            abatement_text,
            recorded_at,
        } = content;
        let category = category.as_ref().map(|it| it.as_str());
        let clinical = clinical_status.as_ref().map(|it| it.as_str());
        let verification = verification_status.as_ref().map(|it| it.as_str());
        // Constraint con-5: an error has no clinical status.
        let is_error = verification == Some("entered-in-error");
        // Constraint con-4: what has ended isn't active.
        let may_have_ended = !is_error
            && clinical.is_some_and(|it| ["inactive", "remission", "resolved"].contains(&it));
        let has_two_onsets = onset.is_some() && onset_text.is_some();
        let ends_twice = abatement.is_some() && abatement_text.is_some();
        let mut it = Builder::new("Condition", row.id);
        it.profile(
            "condition-encounter-diagnosis",
            category == Some("encounter-diagnosis"),
        )
        .profile(
            "condition-problems-health-concerns",
            category.is_some_and(|it| ["problem-list-item", "health-concern"].contains(&it)),
        )
        .set(
            "clinicalStatus",
            clinical
                .filter(|_| !is_error)
                .map(|said| coded(said, &[CONDITION_CLINICAL])),
        )
        .extend(
            "clinical-status",
            "String",
            given(clinical.filter(|_| is_error).as_ref()),
        )
        .set(
            "verificationStatus",
            verification.map(|said| coded(said, &[CONDITION_VERIFICATION])),
        )
        .set(
            "category",
            category.map(|said| json!([coded(said, &[CONDITION_CATEGORY, HEALTH_CONCERN])])),
        )
        .set("code", Some(concept_as(code, row.diagnosis)))
        .set("subject", self.subject())
        .refer("encounter", row.visit, self)
        .set("onsetDateTime", given(onset.as_ref()))
        .set(
            "onsetString",
            given(onset_text.as_ref()).filter(|_| !has_two_onsets),
        )
        .extend(
            "onset",
            "String",
            given(onset_text.as_ref()).filter(|_| has_two_onsets),
        )
        .set(
            "abatementDateTime",
            given(abatement.as_ref()).filter(|_| may_have_ended),
        )
        .extend(
            "abatement",
            "DateTime",
            given(abatement.as_ref()).filter(|_| !may_have_ended),
        )
        .set(
            "abatementString",
            given(abatement_text.as_ref()).filter(|_| may_have_ended && !ends_twice),
        )
        .extend(
            "abatement-text",
            "String",
            given(abatement_text.as_ref()).filter(|_| !may_have_ended || ends_twice),
        )
        .set("recordedDate", given(recorded_at.as_ref()))
        .refer("recorder", row.provider, self)
        .set("note", row.note())
        .extend("treatment", "String", given(row.treatment.as_ref()));
        row.finish(it)
    }

    fn treatment(&self, row: &Row<'_>, content: &Treatment) -> Value {
        let Treatment {
            code,
            status,
            status_reason,
            performed_start,
            performed_end,
            performed_text,
            reason,
        } = content;
        let during = object_of_some([
            ("start", given(performed_start.as_ref())),
            ("end", given(performed_end.as_ref())),
        ]);
        let has_time = during.is_some();
        let reason = match reason {
            Some(reason) => Some(concept_as(reason, row.diagnosis)),
            None => row.diagnosis.map(|words| json!({"text": words})),
        };
        let said = status.as_ref().map(|it| it.as_str());
        let is_done = said.is_some_and(|said| ["completed", "in-progress"].contains(&said));
        let mut it = Builder::new("Procedure", row.id);
        it.profile(
            "procedure",
            has_time || performed_text.is_some() || !is_done,
        )
        .code("status", said, PROCEDURE_STATUS, Some("unknown"))
        .set("statusReason", status_reason.as_ref().map(concept))
        .set("code", Some(concept_as(code, row.treatment)))
        .set("subject", self.subject())
        .refer("encounter", row.visit, self)
        .set("performedPeriod", during)
        .set(
            "performedString",
            given(performed_text.as_ref()).filter(|_| !has_time),
        )
        .extend(
            "performed",
            "String",
            given(performed_text.as_ref()).filter(|_| has_time),
        )
        .refer("recorder", row.provider, self)
        .set("reasonCode", reason.map(|reason| json!([reason])))
        .set("note", row.note());
        row.finish(it)
    }

    fn narrative(&self, row: &Row<'_>, content: &Narrative) -> Value {
        let Narrative { text } = content;
        let kind = match row.record.record_type {
            RecordType::Summary => ("34133-9", "Summary of episode note"),
            _ => ("34109-9", "Note"),
        };
        let mut it = Builder::new("DocumentReference", row.id);
        it.profile("documentreference", true)
            .set("status", Some(json!("current")))
            .set(
                "type",
                Some(json!({"coding": [
                    {"system": "http://loinc.org", "code": kind.0, "display": kind.1},
                ]})),
            )
            .set(
                "category",
                Some(json!([{"coding": [{"system": DOCUMENT_CATEGORY, "code": "clinical-note"}]}])),
            )
            .set("subject", self.subject())
            .set("date", Some(json!(row.record.created_at)))
            .set(
                "author",
                self.reference(row.provider).map(|person| json!([person])),
            )
            .set(
                "content",
                Some(json!([{"attachment": {
                    "contentType": "text/plain;charset=utf-8",
                    "data": STANDARD.encode(text.as_str()),
                }}])),
            )
            .set(
                "context",
                self.reference(row.visit)
                    .map(|visit| json!({"encounter": [visit]})),
            )
            .extend("diagnosis", "String", given(row.diagnosis.as_ref()))
            .extend("treatment", "String", given(row.treatment.as_ref()))
            .extend("notes", "String", given(row.notes.as_ref()));
        row.finish(it)
    }

    fn imaging(&self, row: &Row<'_>, content: &Imaging) -> Value {
        let Imaging {
            modality,
            body_site,
            started,
            description,
            instances,
        } = content;
        let unknown = || json!({"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]});
        let mut it = Builder::new("ImagingStudy", row.id);
        // A series must have a UID and a modality. DICOM makes a UID of a UUID in this way (PS3.5, B.2).
        let series = (modality.is_some() || body_site.is_some()).then(|| {
            object([
                ("uid", Some(json!(format!("2.25.{}", row.id.as_u128())))),
                (
                    "modality",
                    Some(
                        modality
                            .as_ref()
                            .map_or_else(unknown, |coding| json!(coding)),
                    ),
                ),
                ("bodySite", given(body_site.as_ref())),
            ])
        });
        it.set("status", Some(json!("unknown")))
            .set("subject", self.subject())
            .refer("encounter", row.visit, self)
            .set("started", given(started.as_ref()))
            .set("numberOfInstances", given(instances.as_ref()))
            .set(
                "interpreter",
                self.reference(row.provider).map(|person| json!([person])),
            )
            .set("note", row.note())
            .set("description", given(description.as_ref()))
            .set("series", series.map(|series| json!([series])))
            .extend("diagnosis", "String", given(row.diagnosis.as_ref()))
            .extend("treatment", "String", given(row.treatment.as_ref()));
        row.finish(it)
    }

    fn immunization(&self, row: &Row<'_>, content: &Immunization) -> Value {
        let Immunization {
            vaccine,
            status,
            status_reason,
            occurrence,
            occurrence_text,
            primary_source,
            dose,
            lot_number,
            expiration_date,
            manufacturer,
            site,
            route,
            location,
        } = content;
        let expires = expiration_date.as_ref().map(ToString::to_string);
        let has_time = occurrence.is_some();
        let words = occurrence_text.as_ref().map(|it| it.as_str());
        // The element is required.
        let otherwise = (!has_time).then(|| words.unwrap_or("not known"));
        let mut it = Builder::new("Immunization", row.id);
        it.profile("immunization", status.is_some())
            .code(
                "status",
                status.as_ref().map(|it| it.as_str()),
                IMMUNIZATION_STATUS,
                None,
            )
            .set("statusReason", status_reason.as_ref().map(concept))
            .set("vaccineCode", Some(concept(vaccine)))
            .set("patient", self.subject())
            .refer("encounter", row.visit, self)
            .set("occurrenceDateTime", given(occurrence.as_ref()))
            .set("occurrenceString", given(otherwise.as_ref()))
            .extend(
                "occurrence",
                "String",
                given(words.filter(|_| has_time).as_ref()),
            )
            .set("primarySource", given(primary_source.as_ref()))
            .set(
                "location",
                location.as_ref().map(|name| json!({"display": name})),
            )
            .set(
                "manufacturer",
                manufacturer.as_ref().map(|name| json!({"display": name})),
            )
            .set("lotNumber", given(lot_number.as_ref()))
            .set(
                "expirationDate",
                expires
                    .clone()
                    .filter(|it| !is_moment(it))
                    .map(|it| json!(it)),
            )
            .extend(
                "expiration",
                "DateTime",
                expires.filter(|it| is_moment(it)).map(|it| json!(it)),
            )
            .set("site", site.as_ref().map(concept))
            .set("route", route.as_ref().map(concept))
            .set("doseQuantity", dose.as_ref().map(simple_quantity))
            .set(
                "performer",
                self.reference(row.provider)
                    .map(|person| json!([{"actor": person}])),
            )
            .set("note", row.note())
            .extend("diagnosis", "String", given(row.diagnosis.as_ref()))
            .extend("treatment", "String", given(row.treatment.as_ref()));
        row.finish(it)
    }

    fn care_plan(&self, row: &Row<'_>, content: &CarePlan) -> Value {
        let CarePlan {
            category,
            status,
            intent,
            description,
            period_start,
            period_end,
            activities,
        } = content;
        let mut it = Builder::new("CarePlan", row.id);
        // An import reads the first category.
        let assess = json!({"coding": [{"system": CARE_PLAN_CATEGORY, "code": "assess-plan"}]});
        let addressed = row.diagnosis.map(|words| {
            let condition = json!({
                "resourceType": "Condition", "code": {"text": words}, "subject": self.subject(),
            });
            json!([it.contain("condition", condition)])
        });
        it.profile("careplan", true)
            .code(
                "status",
                status.as_ref().map(|it| it.as_str()),
                CARE_PLAN_STATUS,
                Some("unknown"),
            )
            .code(
                "intent",
                intent.as_ref().map(|it| it.as_str()),
                CARE_PLAN_INTENT,
                Some("plan"),
            )
            .set("category", Some(json!([concept(category), assess])))
            .set("description", given(description.as_ref()))
            .set("subject", self.subject())
            .refer("encounter", row.visit, self)
            .set(
                "period",
                object_of_some([
                    ("start", given(period_start.as_ref())),
                    ("end", given(period_end.as_ref())),
                ]),
            )
            .refer("author", row.provider, self)
            .set("addresses", addressed)
            .set("activity", list(activities.iter().flatten().map(activity)))
            .set("note", row.note())
            .extend("treatment", "String", given(row.treatment.as_ref()));
        row.finish(it)
    }

    fn unreadable(&self, row: &Row<'_>, content: &Value) -> Value {
        let mut it = Builder::new("Basic", row.id);
        it.set(
            "code",
            Some(json!({"text": row.record.record_type.label()})),
        )
        .set("subject", self.subject())
        .refer("author", row.provider, self)
        .extend("content", "String", Some(json!(content.to_string())))
        .extend("diagnosis", "String", given(row.diagnosis.as_ref()))
        .extend("treatment", "String", given(row.treatment.as_ref()))
        .extend("notes", "String", given(row.notes.as_ref()));
        row.finish(it)
    }
}

fn activity(activity: &Activity) -> Value {
    let Activity { code, status } = activity;
    let said = status.as_ref().map(|it| it.as_str());
    let known = said.filter(|said| ACTIVITY_STATUS.contains(said));
    let other = said.filter(|_| known.is_none());
    let other =
        other.map(|said| json!({"extension": [extension("as-recorded", "String", json!(said))]}));
    json!({"detail": object([
        ("code", Some(concept(code))),
        ("status", Some(json!(known.unwrap_or("unknown")))),
        ("_status", other),
    ])})
}
