//! Clinical resources become medical records.

mod carried;
mod lab_results;
mod prescriptions;
mod reasons;

use serde_json::{Value, json};

pub use self::carried::Carried;
use self::carried::MAX_COLUMN;
use self::lab_results::{observation, report};
use self::prescriptions::prescription;
use self::reasons::{conditions, labels};
use super::words::{Notes, coding, coding_of, label, object, status, status_of, text, time, times};
use crate::lookup::Lookup;
use crate::resources::{CarePlan, Condition, ImagingStudy, Immunization, Procedure, Resource};

/// Maps a resource to a record. `None`: resources of this type become no record.
pub fn record(
    resource: &Resource,
    lookup: &Lookup<'_>,
    notes: &mut Notes,
) -> Option<Result<Carried, String>> {
    Some(match resource {
        Resource::Condition(condition) => diagnosis(condition),
        Resource::Procedure(procedure) => treatment(procedure, lookup),
        Resource::Observation(observed, itself) => observation(observed, itself),
        Resource::Report(reported) => report(reported, lookup),
        Resource::Medication(request) => prescription(request, lookup),
        Resource::Immunization(immunization) => vaccination(immunization),
        Resource::CarePlan(plan) => care_plan(plan, lookup, notes),
        Resource::Imaging(study) => Ok(imaging(study, notes)),
        Resource::Patient(_)
        | Resource::Practitioner(_)
        | Resource::Organization(_)
        | Resource::Encounter(_)
        | Resource::Allergy(_)
        | Resource::Goal(_) => return None,
    })
}

fn diagnosis(condition: &Condition) -> Result<Carried, String> {
    let content = object([
        ("code", Some(coding(&condition.code, "code")?)),
        (
            "clinical_status",
            status_of(condition.clinical_status.as_ref()),
        ),
        (
            "verification_status",
            status_of(condition.verification_status.as_ref()),
        ),
        ("onset", condition.onset_date_time.as_ref().map(time)),
        (
            "abatement",
            condition.abatement_date_time.as_ref().map(time),
        ),
    ]);
    Ok(Carried {
        diagnosis: label(&condition.code, MAX_COLUMN),
        ..Carried::new("DIAGNOSIS", content)
    })
}

fn treatment(procedure: &Procedure, lookup: &Lookup<'_>) -> Result<Carried, String> {
    let (start, end) = times(procedure.performed_period.as_ref());
    let conditions = conditions(&procedure.reason_reference, lookup)?;
    let reason = conditions
        .iter()
        .copied()
        .chain(&procedure.reason_code)
        .find_map(|concept| coding(concept, "").ok());
    let content = object([
        ("code", Some(coding(&procedure.code, "code")?)),
        ("status", status(&procedure.status)),
        (
            "performed_start",
            start.or_else(|| procedure.performed_date_time.as_ref().map(time)),
        ),
        ("performed_end", end),
        ("reason", reason),
    ]);
    Ok(Carried {
        diagnosis: labels(&conditions),
        treatment: label(&procedure.code, MAX_COLUMN),
        ..Carried::new("TREATMENT", content)
    })
}

fn vaccination(immunization: &Immunization) -> Result<Carried, String> {
    let content = object([
        (
            "vaccine",
            Some(coding(&immunization.vaccine_code, "vaccineCode")?),
        ),
        ("status", status(&immunization.status)),
        (
            "occurrence",
            immunization.occurrence_date_time.as_ref().map(time),
        ),
    ]);
    Ok(Carried::new("IMMUNIZATION", content))
}

fn care_plan(plan: &CarePlan, lookup: &Lookup<'_>, notes: &mut Notes) -> Result<Carried, String> {
    let (start, end) = times(plan.period.as_ref());
    let mut activities = Vec::new();
    for activity in &plan.activity {
        let detail = activity.detail.as_ref();
        let coded = detail.and_then(|detail| coding(detail.code.as_ref()?, "").ok());
        if detail.is_some_and(|detail| detail.do_not_perform == Some(true)) {
            notes.push("an activity that must not be done was left out".into());
            continue;
        }
        match coded {
            Some(code) => activities.push(object([
                ("code", Some(code)),
                (
                    "status",
                    detail.and_then(|detail| status(detail.status.as_deref()?)),
                ),
            ])),
            None => notes.push("an activity without a code was left out".into()),
        }
    }
    let content = object([
        (
            "category",
            Some(coding(
                plan.category.first().ok_or("lacks category")?,
                "category",
            )?),
        ),
        ("status", status(&plan.status)),
        ("period_start", start),
        ("period_end", end),
        (
            "activities",
            (!activities.is_empty()).then(|| json!(activities)),
        ),
    ]);
    Ok(Carried {
        diagnosis: labels(&conditions(&plan.addresses, lookup)?),
        ..Carried::new("CARE_PLAN", content)
    })
}

fn imaging(study: &ImagingStudy, notes: &mut Notes) -> Carried {
    if study.series.len() > 1 {
        notes.push(
            "only the modality and body site of the first of several series are carried over"
                .into(),
        );
    }
    let series = study.series.first();
    let titles = study.series.iter().flat_map(|series| &series.instance);
    let titles: Vec<_> = titles
        .filter_map(|instance| instance.title.as_deref())
        .collect();
    let description = study
        .description
        .clone()
        .unwrap_or_else(|| titles.join("; "));
    let content = object([
        (
            "modality",
            series.and_then(|series| coding_of(series.modality.as_ref()?, None)),
        ),
        (
            "body_site",
            series.and_then(|series| coding_of(series.body_site.as_ref()?, None)),
        ),
        ("started", study.started.as_ref().map(time)),
        ("description", text(Some(&description), 2000)),
        ("instances", study.number_of_instances.map(Value::from)),
    ]);
    Carried::new("IMAGING", content)
}
