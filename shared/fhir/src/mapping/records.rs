//! Clinical resources become medical records.

mod carried;
mod lab_results;
mod prescriptions;
mod reasons;

use serde_json::{Value, json};

pub use self::carried::Carried;
use self::carried::MAX_COLUMN;
pub(crate) use self::lab_results::CONCLUSION;
use self::lab_results::{observation, report};
pub(crate) use self::prescriptions::dosage_in_words;
use self::prescriptions::prescription;
use self::reasons::{conditions, labels};
use super::Mapper;
use super::words::{
    category, coding_of, label, list, notes, object, simple_quantity, status, status_of, text,
    time, time_in_words, times, words,
};
use crate::resources::{
    CarePlan, Condition, ImagingStudy, Immunization, Period, Procedure, Resource, When,
};

/// Maps a resource to a record. `None`: resources of this type become no record.
pub fn record<'a>(
    resource: &'a Resource,
    mapper: &mut Mapper<'a>,
) -> Option<Result<Carried, String>> {
    Some(match resource {
        Resource::Condition(condition) => diagnosis(condition, mapper),
        Resource::Procedure(procedure) => treatment(procedure, mapper),
        Resource::Observation(observed, itself) => observation(observed, itself, mapper),
        Resource::Report(reported) => report(reported, mapper),
        Resource::Prescription(request) => prescription(request, mapper),
        Resource::Immunization(immunization) => vaccination(immunization, mapper),
        Resource::CarePlan(plan) => care_plan(plan, mapper),
        Resource::Imaging(study) => Ok(imaging(study, mapper)),
        Resource::Patient(_)
        | Resource::Practitioner(_)
        | Resource::PractitionerRole(_)
        | Resource::Location(_)
        | Resource::Medication(_)
        | Resource::Specimen(_)
        | Resource::Organization(_)
        | Resource::Encounter(_)
        | Resource::Allergy(_)
        | Resource::Goal(_) => return None,
    })
}

fn diagnosis(condition: &Condition, mapper: &mut Mapper<'_>) -> Result<Carried, String> {
    let began = first(
        condition.onset_date_time.as_ref(),
        condition.onset_period.as_ref(),
    );
    let ended = match (&condition.abatement_date_time, &condition.abatement_period) {
        (Some(at), _) => Some(time(at)),
        (None, during) => times(during.as_ref()).1,
    };
    let content = object([
        ("code", Some(mapper.needed_coding(&condition.code, "code")?)),
        ("category", category(&condition.category)),
        (
            "clinical_status",
            status_of(condition.clinical_status.as_ref()),
        ),
        (
            "verification_status",
            status_of(condition.verification_status.as_ref()),
        ),
        ("onset", began),
        (
            "onset_text",
            time_in_words(
                condition.onset_string.as_deref(),
                condition.onset_age.as_ref(),
                condition.onset_range.as_ref(),
            ),
        ),
        ("abatement", ended),
        (
            "abatement_text",
            time_in_words(
                condition.abatement_string.as_deref(),
                condition.abatement_age.as_ref(),
                condition.abatement_range.as_ref(),
            ),
        ),
        ("recorded_at", condition.recorded_date.as_ref().map(time)),
    ]);
    Ok(Carried {
        diagnosis: label(&condition.code, MAX_COLUMN),
        notes: notes(&condition.note),
        ..Carried::new("DIAGNOSIS", content)
    })
}

/// The time, or the start of the period.
fn first(at: Option<&When>, during: Option<&Period>) -> Option<Value> {
    at.map(time).or_else(|| times(during).0)
}

fn treatment(procedure: &Procedure, mapper: &mut Mapper<'_>) -> Result<Carried, String> {
    let conditions = conditions(&procedure.reason_reference, mapper);
    let reasons = conditions.iter().copied().chain(&procedure.reason_code);
    let reasons: Vec<_> = reasons.collect();
    if reasons.len() > 1 {
        mapper.note("only the first of several reasons is carried over with its code");
    }
    let reason = mapper.coding_if(reasons.first().copied());
    let content = object([
        ("code", Some(mapper.needed_coding(&procedure.code, "code")?)),
        ("status", status(&procedure.status)),
        (
            "status_reason",
            mapper.coding_if(procedure.status_reason.as_ref()),
        ),
        (
            "performed_start",
            first(
                procedure.performed_date_time.as_ref(),
                procedure.performed_period.as_ref(),
            ),
        ),
        (
            "performed_end",
            times(procedure.performed_period.as_ref()).1,
        ),
        (
            "performed_text",
            time_in_words(
                procedure.performed_string.as_deref(),
                procedure.performed_age.as_ref(),
                procedure.performed_range.as_ref(),
            ),
        ),
        ("reason", reason),
    ]);
    Ok(Carried {
        diagnosis: labels(&reasons),
        treatment: label(&procedure.code, MAX_COLUMN),
        notes: notes(&procedure.note),
        ..Carried::new("TREATMENT", content)
    })
}

fn vaccination(immunization: &Immunization, mapper: &mut Mapper<'_>) -> Result<Carried, String> {
    let manufacturer = immunization.manufacturer.as_ref();
    let location = immunization.location.as_ref();
    let content = object([
        (
            "vaccine",
            Some(mapper.needed_coding(&immunization.vaccine_code, "vaccineCode")?),
        ),
        ("status", status(&immunization.status)),
        (
            "status_reason",
            mapper.coding_if(immunization.status_reason.as_ref()),
        ),
        (
            "occurrence",
            immunization.occurrence_date_time.as_ref().map(time),
        ),
        (
            "occurrence_text",
            text(immunization.occurrence_string.as_deref(), 500),
        ),
        (
            "primary_source",
            immunization.primary_source.map(Value::from),
        ),
        (
            "dose",
            immunization
                .dose_quantity
                .as_ref()
                .and_then(simple_quantity),
        ),
        ("lot_number", text(immunization.lot_number.as_deref(), 100)),
        (
            "expiration_date",
            immunization
                .expiration_date
                .as_ref()
                .map(|date| json!(date.0)),
        ),
        (
            "manufacturer",
            manufacturer.and_then(|it| mapper.named(it, 200)),
        ),
        ("site", mapper.coding_if(immunization.site.as_ref())),
        ("route", mapper.coding_if(immunization.route.as_ref())),
        ("location", location.and_then(|it| mapper.named(it, 200))),
    ]);
    Ok(Carried {
        notes: notes(&immunization.note),
        ..Carried::new("IMMUNIZATION", content)
    })
}

fn care_plan(plan: &CarePlan, mapper: &mut Mapper<'_>) -> Result<Carried, String> {
    let (start, end) = times(plan.period.as_ref());
    let mut activities = Vec::new();
    for activity in &plan.activity {
        let detail = activity.detail.as_ref();
        if detail.is_some_and(|detail| detail.do_not_perform == Some(true)) {
            mapper.note("an activity that must not be done was left out");
            continue;
        }
        let code = detail.and_then(|detail| mapper.coding_if(detail.code.as_ref()));
        let said = detail.and_then(|detail| text(detail.description.as_deref(), 500));
        match code.or_else(|| said.map(|said| json!({"display": said}))) {
            Some(code) => activities.push(object([
                ("code", Some(code)),
                (
                    "status",
                    detail.and_then(|detail| status(detail.status.as_deref()?)),
                ),
            ])),
            None => mapper.note("an activity without a code and description was left out"),
        }
    }
    let title = text(plan.title.as_deref(), 500);
    let (kind, title) = match mapper.coding_if(plan.category.first()) {
        Some(kind) => (kind, title),
        None => (
            json!({"display": title.ok_or("has neither a category nor a title")?}),
            None,
        ),
    };
    let title = title.as_ref().and_then(Value::as_str);
    let described = title.into_iter().chain(plan.description.as_deref());
    let described = described.collect::<Vec<_>>().join(": ");
    let content = object([
        ("category", Some(kind)),
        ("intent", plan.intent.as_deref().and_then(status)),
        ("status", status(&plan.status)),
        ("description", words(&described, 10_000).map(Value::from)),
        ("period_start", start),
        ("period_end", end),
        ("activities", list(activities)),
    ]);
    Ok(Carried {
        diagnosis: labels(&conditions(&plan.addresses, mapper)),
        notes: notes(&plan.note),
        ..Carried::new("CARE_PLAN", content)
    })
}

fn imaging(study: &ImagingStudy, mapper: &mut Mapper<'_>) -> Carried {
    if study.series.len() > 1 {
        mapper.note(
            "only the modality and body site of the first of several series are carried over",
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
    Carried {
        notes: notes(&study.note),
        ..Carried::new("IMAGING", content)
    }
}
