//! The cells of each kind of entry.

use std::collections::HashMap;
use std::io::Write;

use domain::appointment::{Appointment, AppointmentStatus, LocationKind};
use domain::content::{
    CarePlan, Diagnosis, Imaging, Immunization, LabResult, ObservationComponent, Prescription,
    RecordContent, RecordType, Treatment,
};
use domain::dosage::{Bounds, Dosage, Dose, Rate, TimeUnit, Timing};
use domain::file::FileMetadata;
use domain::ids::ProviderId;
use domain::measure::ReferenceRange;
use domain::patient::{Allergy, HealthGoal, PastCondition, RiskFactor};
use domain::record::MedicalRecord;
use domain::zone::Zone;
use serde::Serialize;
use serde_json::Value;
use sql::Jsonb;

use super::described::address;
use super::words::{
    code, concept, concepts, day, of_range, period, plain, range, ratio, simple_quantity, size,
    span, time, value, when,
};
use crate::package::{Package, file_path};

/// A cell of a table: its lines, the first of which may be a link.
#[derive(Debug, Default)]
pub struct Cell {
    pub link: Option<String>,
    /// Why the entry doesn't say what it seems to say.
    pub warning: Option<&'static str>,
    pub lines: Vec<String>,
}

impl Cell {
    fn of(lines: impl IntoIterator<Item = String>) -> Self {
        let lines = lines.into_iter().filter(|line| !line.is_empty());
        Self {
            lines: lines.collect(),
            ..Self::default()
        }
    }

    fn warned(mut self, statuses: &[Option<&str>]) -> Self {
        let warning = |status: &&str| match *status {
            "entered-in-error" => Some("Entered in error: this does not hold."),
            "refuted" => Some("Refuted: this was found not to be so."),
            "not-done" => Some("This was not done."),
            _ => None,
        };
        self.warning = statuses.iter().flatten().find_map(warning);
        self
    }
}

/// A line of a cell with a name before it.
fn named(name: &str, text: Option<impl ToString>) -> Option<String> {
    text.map(|text| format!("{name}: {}", text.to_string()))
}

/// The fields of custom data, each as a line.
pub fn custom(data: &Value) -> Vec<String> {
    let said = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match data {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("{}: {}", plain(name), said(value)))
            .collect(),
        other => vec![other.to_string()],
    }
}

/// Describes entries in words.
#[derive(Debug)]
pub struct Describe {
    zone: Zone,
    providers: HashMap<ProviderId, String>,
}

impl Describe {
    pub fn new<W: Write>(package: &Package<W>) -> Self {
        Self {
            zone: package.about().zone.clone(),
            providers: package.providers.clone(),
        }
    }

    fn when(&self, at: Option<&impl ToString>) -> Option<String> {
        at.map(|at| when(&at.to_string(), &self.zone))
    }

    /// The lines that each record has. Words that only repeat the name of the entry are left out.
    fn details(&self, record: &MedicalRecord) -> Vec<String> {
        let Jsonb(content) = &record.content;
        let name = content["code"]["display"].as_str();
        let beyond = |words: &Option<String>| words.clone().filter(|it| Some(it.as_str()) != name);
        let author = record.provider_id.and_then(|id| self.providers.get(&id));
        let by = author.map(|name| format!(" by {name}"));
        let day = day(record.created_at, &self.zone);
        let entered = format!("Entered on {day}{}", by.unwrap_or_default());
        let data = record.custom_data.iter();
        let lines = [
            named("Diagnosis", beyond(&record.diagnosis)),
            named("Treatment", beyond(&record.treatment)),
            named("Notes", record.notes.as_ref()),
            Some(entered),
        ];
        let lines = lines.into_iter().flatten();
        lines
            .chain(data.flat_map(|data| custom(data.value())))
            .collect()
    }

    pub fn past(&self, past: &PastCondition) -> Vec<Cell> {
        let PastCondition {
            code: it,
            onset,
            note,
        } = past;
        vec![
            Cell::of([concept(it)].into_iter().chain(code(it))),
            Cell::of(["Medical history".to_owned()]),
            Cell::of(span(self.when(onset.as_ref()), None)),
            Cell::of(note.iter().map(ToString::to_string)),
        ]
    }

    pub fn risk(&self, risk: &RiskFactor) -> Vec<Cell> {
        let RiskFactor {
            code: it,
            description,
            severity,
        } = risk;
        vec![
            Cell::of(
                [description.to_string()]
                    .into_iter()
                    .chain(it.as_ref().and_then(code)),
            ),
            Cell::of(["Risk factor".to_owned()]),
            Cell::default(),
            Cell::of(named("Severity", severity.as_ref())),
        ]
    }

    pub fn allergy(&self, allergy: &Allergy) -> Vec<Cell> {
        let Allergy {
            code: it,
            r#type,
            category,
            criticality,
            clinical_status,
            verification_status,
            onset,
            recorded_at,
            reaction,
        } = allergy;
        let reactions = reaction.iter().map(|reaction| {
            let severity = reaction
                .severity
                .map(|it| format!(" ({})", label(it).to_lowercase()));
            let words = reaction.description.as_ref().map(|it| format!(". {it}"));
            format!(
                "{}{}{}",
                concepts(&reaction.manifestation),
                severity.unwrap_or_default(),
                words.unwrap_or_default()
            )
        });
        let kinds: Vec<_> = category.iter().map(label).collect();
        vec![
            Cell::of(
                [concept(it)]
                    .into_iter()
                    .chain(r#type.map(label))
                    .chain((!kinds.is_empty()).then(|| kinds.join(", ")))
                    .chain(code(it)),
            )
            .warned(&[verification_status.as_ref().map(|it| it.as_str())]),
            Cell::of(reactions),
            Cell::of(
                [
                    clinical_status.as_ref().map(|it| plain(it.as_str())),
                    verification_status.as_ref().map(|it| plain(it.as_str())),
                    named("Possible harm", criticality.map(label)),
                ]
                .into_iter()
                .flatten(),
            ),
            Cell::of(
                [
                    span(self.when(onset.as_ref()), None),
                    named("Recorded", self.when(recorded_at.as_ref())),
                ]
                .into_iter()
                .flatten(),
            ),
        ]
    }

    pub fn goal(&self, goal: &HealthGoal) -> Vec<Cell> {
        let HealthGoal {
            description,
            status,
            start_date,
            target_date,
        } = goal;
        vec![
            Cell::of([description.to_string()]).warned(&[status.as_ref().map(|it| it.as_str())]),
            Cell::of(status.as_ref().map(|it| plain(it.as_str()))),
            Cell::of(span(
                self.when(start_date.as_ref()),
                self.when(target_date.as_ref()),
            )),
        ]
    }

    pub fn visit(&self, visit: &Appointment) -> Vec<Cell> {
        let status = match visit.status {
            AppointmentStatus::Scheduled => "Planned",
            AppointmentStatus::CheckedIn => "The patient has arrived",
            AppointmentStatus::Completed => "Took place",
            AppointmentStatus::Cancelled => "Cancelled",
            AppointmentStatus::NoShow => "Missed",
        };
        let location = visit.location.as_ref();
        let kind = location.map(|Jsonb(it)| match it.kind {
            LocationKind::InPerson => "In person".to_owned(),
            LocationKind::Video => "By video".to_owned(),
            LocationKind::Phone => "By telephone".to_owned(),
        });
        let place = location
            .and_then(|Jsonb(it)| it.name.as_ref())
            .map(ToString::to_string);
        let at = location
            .and_then(|Jsonb(it)| it.address.as_ref())
            .map(address);
        let link = location
            .and_then(|Jsonb(it)| it.url.as_ref())
            .and_then(|url| {
                let url = serde_json::to_value(url).ok()?;
                Some(url.as_str()?.to_owned())
            });
        let rating = visit.rating.map(|rating| format!("{rating} of 5"));
        let data = visit.custom_data.iter();
        let details = [
            kind,
            place,
            at,
            link,
            named("Notes", visit.notes.as_ref()),
            named("Reason of the last change", visit.change_reason.as_ref()),
            named("Your rating", rating),
        ];
        vec![
            Cell::of([
                time(visit.scheduled_at, &self.zone),
                format!("{} minutes", visit.duration_minutes),
            ]),
            Cell::of(self.providers.get(&visit.provider_id).cloned()),
            Cell::of([status.to_owned()]),
            Cell::of(
                details
                    .into_iter()
                    .flatten()
                    .chain(data.flat_map(|data| custom(data.value()))),
            ),
        ]
    }

    pub fn file(&self, file: &FileMetadata, is_included: bool) -> Vec<Cell> {
        let left_out = (!is_included).then(|| "This file is not in the package.".to_owned());
        let data = file.custom_data.iter();
        vec![
            Cell {
                link: is_included.then(|| file_path(file)),
                lines: vec![file.original_name.clone()],
                ..Cell::default()
            },
            Cell::of([file.file_type.clone(), size(file.file_size)]),
            Cell::of([time(
                file.upload_date.unwrap_or(file.created_at),
                &self.zone,
            )]),
            Cell::of(
                left_out
                    .into_iter()
                    .chain(data.flat_map(|data| custom(data.value()))),
            ),
        ]
    }

    /// The title and the text of a note.
    pub fn note(&self, record: &MedicalRecord) -> (String, Cell) {
        let kind = match record.record_type {
            RecordType::Summary => "Summary",
            _ => "Note",
        };
        let at = time(record.created_at, &self.zone);
        let author = record.provider_id.and_then(|id| self.providers.get(&id));
        let by = author.map(|name| format!(", written by {name}"));
        let Jsonb(content) = &record.content;
        let text = content.get("text").and_then(Value::as_str);
        let data = record.custom_data.iter();
        let lines = text.map(str::to_owned).into_iter();
        let further = [
            named("Diagnosis", record.diagnosis.as_ref()),
            named("Treatment", record.treatment.as_ref()),
            named("Notes", record.notes.as_ref()),
        ];
        let lines = lines
            .chain(further.into_iter().flatten())
            .chain(data.flat_map(|data| custom(data.value())));
        (
            format!("{kind} of {at}{}", by.unwrap_or_default()),
            Cell::of(lines),
        )
    }

    /// The cells of a record that isn't a note.
    pub fn record(&self, record: &MedicalRecord, columns: usize) -> Vec<Cell> {
        let Jsonb(content) = &record.content;
        let details = self.details(record);
        match RecordContent::parse(record.record_type, content) {
            Ok(RecordContent::Diagnosis(it)) => self.diagnosis(&it, details),
            Ok(RecordContent::Treatment(it)) => self.treatment(&it, details),
            Ok(RecordContent::LabResult(it)) => self.lab_result(&it, details),
            Ok(RecordContent::Prescription(it)) => self.prescription(&it, details),
            Ok(RecordContent::Imaging(it)) => self.imaging(&it, details),
            Ok(RecordContent::Immunization(it)) => self.immunization(&it, details),
            Ok(RecordContent::CarePlan(it)) => self.care_plan(&it, details),
            Ok(RecordContent::Narrative(_)) | Err(_) => {
                let mut cells: Vec<_> = (0..columns).map(|_| Cell::default()).collect();
                let words = "An entry in an older form. The FHIR file has all of it.".to_owned();
                if let [first, .., last] = cells.as_mut_slice() {
                    *first = Cell::of([words]);
                    *last = Cell::of(custom(content).into_iter().chain(details));
                }
                cells
            }
        }
    }

    fn diagnosis(&self, content: &Diagnosis, details: Vec<String>) -> Vec<Cell> {
        let Diagnosis {
            code: it,
            category,
            clinical_status,
            verification_status,
            onset,
            onset_text,
            abatement,
            abatement_text,
            recorded_at,
        } = content;
        let said = verification_status.as_ref().map(|it| it.as_str());
        let [category, clinical, verification] = [
            category.as_ref().map(|it| plain(it.as_str())),
            clinical_status.as_ref().map(|it| plain(it.as_str())),
            verification_status.as_ref().map(|it| plain(it.as_str())),
        ];
        vec![
            Cell::of([concept(it)].into_iter().chain(category).chain(code(it))).warned(&[said]),
            Cell::of(clinical.into_iter().chain(verification)),
            Cell::of(
                [
                    span(self.when(onset.as_ref()), self.when(abatement.as_ref())),
                    named("Began", onset_text.as_ref()),
                    named("Ended", abatement_text.as_ref()),
                    named("Recorded", self.when(recorded_at.as_ref())),
                ]
                .into_iter()
                .flatten(),
            ),
            Cell::of(details),
        ]
    }

    fn treatment(&self, content: &Treatment, details: Vec<String>) -> Vec<Cell> {
        let Treatment {
            code: it,
            status,
            status_reason,
            performed_start,
            performed_end,
            performed_text,
            reason,
        } = content;
        let reasons = [
            named("Reason", reason.as_ref().map(concept)),
            named("Reason of the status", status_reason.as_ref().map(concept)),
        ];
        vec![
            Cell::of([concept(it)].into_iter().chain(code(it)))
                .warned(&[status.as_ref().map(|it| it.as_str())]),
            Cell::of(
                span(
                    self.when(performed_start.as_ref()),
                    self.when(performed_end.as_ref()),
                )
                .into_iter()
                .chain(performed_text.as_ref().map(ToString::to_string)),
            ),
            Cell::of(status.as_ref().map(|it| plain(it.as_str()))),
            Cell::of(reasons.into_iter().flatten().chain(details)),
        ]
    }

    fn lab_result(&self, content: &LabResult, details: Vec<String>) -> Vec<Cell> {
        let LabResult {
            code: it,
            category,
            status,
            effective,
            effective_start,
            effective_end,
            issued,
            value: result,
            data_absent_reason,
            interpretation,
            reference_range,
            specimen,
            components,
            results,
        } = content;
        let assessed = |codings: Option<&Vec<_>>| codings.map(|codings| concepts(codings));
        let part = |part: &ObservationComponent| {
            let ObservationComponent {
                code,
                value: result,
                data_absent_reason,
                interpretation,
                reference_range,
            } = part;
            let said = result.as_ref().map(|it| value(it, &self.zone));
            let absent = data_absent_reason.as_ref().map(concept);
            let assessed = assessed(interpretation.as_ref()).map(|it| format!(" ({it})"));
            let usual = ranges(reference_range.as_ref()).join(", ");
            let usual = (!usual.is_empty()).then(|| format!(", usual range {usual}"));
            format!(
                "{}: {}{}{}",
                concept(code),
                said.or(absent).unwrap_or_else(|| "no value".to_owned()),
                assessed.unwrap_or_default(),
                usual.unwrap_or_default()
            )
        };
        let said = result.as_ref().map(|it| value(it, &self.zone));
        let absent = named("No value", data_absent_reason.as_ref().map(concept));
        let parts = components.iter().flatten().map(part);
        let results = results.iter().flatten().map(ToString::to_string);
        let reported = issued.as_ref().filter(|it| Some(*it) != effective.as_ref());
        let reported = self.when(reported);
        vec![
            Cell::of(
                [concept(it)]
                    .into_iter()
                    .chain(category.as_ref().map(|it| plain(it.as_str())))
                    .chain(code(it)),
            )
            .warned(&[status.as_ref().map(|it| it.as_str())]),
            Cell::of(
                said.into_iter()
                    .chain(absent)
                    .chain(named("Assessment", assessed(interpretation.as_ref())))
                    .chain(parts)
                    .chain(results),
            ),
            Cell::of(ranges(reference_range.as_ref())),
            Cell::of(
                self.when(effective.as_ref())
                    .into_iter()
                    .chain(span(
                        self.when(effective_start.as_ref()),
                        self.when(effective_end.as_ref()),
                    ))
                    .chain(named("Reported", reported)),
            ),
            Cell::of(
                [
                    named("Status", status.as_ref().map(|it| plain(it.as_str()))),
                    named("Sample", specimen.as_ref().map(concept)),
                ]
                .into_iter()
                .flatten()
                .chain(details),
            ),
        ]
    }

    fn prescription(&self, content: &Prescription, details: Vec<String>) -> Vec<Cell> {
        let Prescription {
            medication,
            status,
            intent,
            category,
            reported,
            authored_on,
            dosage,
            as_needed,
            dosage_instruction,
            dispense,
        } = content;
        let steps = dosage_instruction.iter().flatten();
        let steps: Vec<_> = steps.flat_map(|step| self.dosage(step)).collect();
        let said = dosage.as_ref().map(ToString::to_string);
        // The words say again what a lone instruction says.
        let steps = steps.into_iter().filter(|line| Some(line) != said.as_ref());
        let when_needed = (*as_needed == Some(true)).then(|| "Only when needed".to_owned());
        let supply = dispense.as_ref().map(|dispense| {
            let amount = dispense.quantity.as_ref().map(simple_quantity);
            let repeats = dispense.repeats.map(|it| format!("{} repeats", it.get()));
            amount
                .into_iter()
                .chain(repeats)
                .collect::<Vec<_>>()
                .join(", ")
        });
        vec![
            Cell::of([concept(medication)].into_iter().chain(code(medication)))
                .warned(&[status.as_ref().map(|it| it.as_str())]),
            Cell::of(
                said.clone()
                    .into_iter()
                    .chain(when_needed)
                    .chain(steps)
                    .chain(named("Supply", supply)),
            ),
            Cell::of(
                [
                    status.as_ref().map(|it| plain(it.as_str())),
                    named(
                        "Kind of order",
                        intent
                            .as_ref()
                            .map(|it| it.as_str())
                            .filter(|it| *it != "order")
                            .map(plain),
                    ),
                    category.as_ref().map(|it| plain(it.as_str())),
                    (*reported == Some(true)).then(|| "Known from a report".to_owned()),
                ]
                .into_iter()
                .flatten(),
            ),
            Cell::of(
                named("Ordered", self.when(authored_on.as_ref()))
                    .into_iter()
                    .chain(details),
            ),
        ]
    }

    fn dosage(&self, dosage: &Dosage) -> Vec<String> {
        let Dosage {
            text,
            timing,
            as_needed,
            as_needed_for,
            site,
            route,
            dose,
            rate,
            max_dose_per_period,
            max_dose_per_administration,
        } = dosage;
        let dose = dose.as_ref().map(|dose| match dose {
            Dose::Quantity(amount) => simple_quantity(amount),
            Dose::Range(amounts) => of_range(amounts),
        });
        let rate = rate.as_ref().map(|rate| match rate {
            Rate::Quantity(amount) => simple_quantity(amount),
            Rate::Range(amounts) => of_range(amounts),
            Rate::Ratio(amounts) => ratio(amounts),
        });
        let needed = match (as_needed_for, as_needed) {
            (Some(complaint), _) => Some(format!("Only when needed for {}", concept(complaint))),
            (None, Some(true)) => Some("Only when needed".to_owned()),
            (None, _) => None,
        };
        let lines = [
            text.as_ref().map(ToString::to_string),
            named("Amount", dose),
            named("Speed", rate),
            needed,
            named("Where", site.as_ref().map(concept)),
            named("Way", route.as_ref().map(concept)),
            named("At most", max_dose_per_period.as_ref().map(ratio)),
            named(
                "At most each time",
                max_dose_per_administration.as_ref().map(simple_quantity),
            ),
        ];
        let lines = lines.into_iter().flatten();
        lines
            .chain(timing.iter().flat_map(|timing| self.timing(timing)))
            .collect()
    }

    fn timing(&self, timing: &Timing) -> Vec<String> {
        let Timing {
            text,
            code,
            bounds,
            count,
            count_max,
            duration,
            duration_max,
            duration_unit,
            frequency,
            frequency_max,
            period: each,
            period_max,
            period_unit,
            day_of_week,
            time_of_day,
            when: events,
            offset,
        } = timing;
        let upto = |least: Option<String>, most: Option<String>| match (least, most) {
            (Some(least), Some(most)) => Some(format!("{least} to {most}")),
            (least, _) => least,
        };
        let each = upto(number(each.as_ref()), number(period_max.as_ref()));
        let lasts = upto(number(duration.as_ref()), number(duration_max.as_ref()));
        let often = upto(
            frequency.map(|it| it.get().to_string()),
            frequency_max.map(|it| it.get().to_string()),
        );
        let every = each
            .zip(*period_unit)
            .map(|(each, of)| format!("{each} {}", unit(of)));
        let often = match (often, every) {
            (Some(often), Some(every)) => Some(format!("{often} time(s) every {every}")),
            (Some(often), None) => Some(format!("{often} time(s)")),
            (None, Some(every)) => Some(format!("Every {every}")),
            (None, None) => None,
        };
        let lasts = lasts
            .zip(*duration_unit)
            .map(|(lasts, of)| format!("{lasts} {}", unit(of)));
        let bounds = bounds.as_ref().map(|bounds| match bounds {
            Bounds::Period(limits) => period(limits, &self.zone),
            Bounds::Duration(length) => simple_quantity(length),
            Bounds::Range(limits) => of_range(limits),
        });
        let count = upto(
            count.map(|it| it.get().to_string()),
            count_max.map(|it| it.get().to_string()),
        );
        let listed = |items: Vec<String>| (!items.is_empty()).then(|| items.join(", "));
        let days = day_of_week.iter().flatten();
        let days = days.map(label);
        let clocks = time_of_day.iter().flatten().map(ToString::to_string);
        let events = events
            .iter()
            .flatten()
            .map(|event| event_in_words(event.as_str()));
        let lines = [
            text.as_ref().map(ToString::to_string),
            code.as_ref().map(concept),
            often,
            named("On", listed(days.collect())),
            named("At", listed(clocks.collect())),
            named("When", listed(events.collect())),
            named("Minutes before or after", offset.map(|it| it.get())),
            named("Each lasts", lasts),
            named("Number of times in all", count),
            named("For", bounds),
        ];
        lines.into_iter().flatten().collect()
    }

    fn imaging(&self, content: &Imaging, details: Vec<String>) -> Vec<Cell> {
        let Imaging {
            modality,
            body_site,
            started,
            description,
            instances,
        } = content;
        let name = modality.as_ref().map(concept);
        let name = name.unwrap_or_else(|| "Imaging study".to_owned());
        vec![
            Cell::of([name].into_iter().chain(body_site.as_ref().map(concept))),
            Cell::of(self.when(started.as_ref())),
            Cell::of(
                [
                    description.as_ref().map(ToString::to_string),
                    named("Number of images", instances.map(|it| it.get())),
                ]
                .into_iter()
                .flatten()
                .chain(details),
            ),
        ]
    }

    fn immunization(&self, content: &Immunization, details: Vec<String>) -> Vec<Cell> {
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
        let told = (*primary_source == Some(false)).then(|| "Known from a report".to_owned());
        let facts = [
            named("Reason of the status", status_reason.as_ref().map(concept)),
            told,
            named("Amount", dose.as_ref().map(simple_quantity)),
            named("Lot number", lot_number.as_ref()),
            named("Expires", self.when(expiration_date.as_ref())),
            named("Made by", manufacturer.as_ref()),
            named("Where", site.as_ref().map(concept)),
            named("Way", route.as_ref().map(concept)),
            named("Place", location.as_ref()),
        ];
        vec![
            Cell::of([concept(vaccine)].into_iter().chain(code(vaccine)))
                .warned(&[status.as_ref().map(|it| it.as_str())]),
            Cell::of(
                self.when(occurrence.as_ref())
                    .into_iter()
                    .chain(occurrence_text.as_ref().map(ToString::to_string)),
            ),
            Cell::of(status.as_ref().map(|it| plain(it.as_str()))),
            Cell::of(facts.into_iter().flatten().chain(details)),
        ]
    }

    fn care_plan(&self, content: &CarePlan, details: Vec<String>) -> Vec<Cell> {
        let CarePlan {
            category,
            status,
            intent,
            description,
            period_start,
            period_end,
            activities,
        } = content;
        let activities = activities.iter().flatten().map(|activity| {
            let status = activity.status.as_ref();
            let status = status.map(|it| format!(" ({})", plain(it.as_str()).to_lowercase()));
            format!("{}{}", concept(&activity.code), status.unwrap_or_default())
        });
        vec![
            Cell::of(
                [concept(category)]
                    .into_iter()
                    .chain(description.as_ref().map(ToString::to_string))
                    .chain(code(category)),
            )
            .warned(&[status.as_ref().map(|it| it.as_str())]),
            Cell::of(activities),
            Cell::of(
                [
                    status.as_ref().map(|it| plain(it.as_str())),
                    named("Kind", intent.as_ref().map(|it| plain(it.as_str()))),
                ]
                .into_iter()
                .flatten(),
            ),
            Cell::of(
                span(
                    self.when(period_start.as_ref()),
                    self.when(period_end.as_ref()),
                )
                .into_iter()
                .chain(details),
            ),
        ]
    }
}

fn ranges(ranges: Option<&Vec<ReferenceRange>>) -> Vec<String> {
    let ranges = ranges.into_iter().flatten().map(|it| {
        let ReferenceRange {
            low,
            high,
            r#type,
            text,
        } = it;
        let amounts = range(low.as_ref(), high.as_ref());
        let said: Vec<_> = amounts
            .into_iter()
            .chain(text.as_ref().map(ToString::to_string))
            .collect();
        match r#type.as_ref().map(concept) {
            Some(kind) => format!("{kind}: {}", said.join(", ")),
            None => said.join(", "),
        }
    });
    ranges.collect()
}

fn unit(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "second(s)",
        TimeUnit::Minute => "minute(s)",
        TimeUnit::Hour => "hour(s)",
        TimeUnit::Day => "day(s)",
        TimeUnit::Week => "week(s)",
        TimeUnit::Month => "month(s)",
        TimeUnit::Year => "year(s)",
    }
}

/// The events of <https://hl7.org/fhir/R4/valueset-event-timing.html>, the most common ones in words.
fn event_in_words(code: &str) -> String {
    let words = match code {
        "MORN" => "in the morning",
        "NOON" => "at noon",
        "AFT" => "in the afternoon",
        "EVE" => "in the evening",
        "NIGHT" => "at night",
        "HS" => "before sleep",
        "WAKE" => "after waking up",
        "C" => "at a meal",
        "CM" => "at breakfast",
        "CD" => "at lunch",
        "CV" => "at dinner",
        "AC" => "before a meal",
        "ACM" => "before breakfast",
        "ACD" => "before lunch",
        "ACV" => "before dinner",
        "PC" => "after a meal",
        "PCM" => "after breakfast",
        "PCD" => "after lunch",
        "PCV" => "after dinner",
        other => other,
    };
    words.to_owned()
}

/// The code of an enum, in words.
fn label(value: impl Serialize) -> String {
    let code = serde_json::to_value(value).unwrap_or_default();
    plain(code.as_str().unwrap_or_default())
}

/// A number with all its digits.
fn number(value: Option<&impl Serialize>) -> Option<String> {
    Some(serde_json::to_value(value?).ok()?.to_string())
}
