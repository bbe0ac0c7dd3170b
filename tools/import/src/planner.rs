//! Works out what to send for a bundle, before anything is sent.

use std::collections::HashMap;
use std::path::Path;

use client::Person;
use fhir::bundle::{Content, Entry, SOURCE_SYSTEM};
use fhir::lookup::Lookup;
use fhir::mapping::Notes;
use fhir::mapping::people::{self, Registration};
use fhir::mapping::records::record;
use fhir::mapping::visits::{Progress, appointment, progress};
use fhir::resources::{Frame, Resource};
use serde_json::Value;

use crate::plan::{NewPatient, NewProvider, NewRecord, NewVisit, Origin, Plan};

/// What to send for these entries of `file`.
pub fn plan(file: &Path, entries: &[Entry]) -> Plan {
    let plan = Plan {
        file: file.to_owned(),
        entries: entries.len(),
        patient: None,
        providers: Vec::new(),
        visits: Vec::new(),
        records: Vec::new(),
        aside: Vec::new(),
        bad: Vec::new(),
        notes: Vec::new(),
    };
    let planner = Planner {
        plan,
        lookup: Lookup::new(entries),
        providers: HashMap::new(),
        visits: HashMap::new(),
    };
    planner.plan(entries)
}

struct Planner<'a> {
    plan: Plan,
    lookup: Lookup<'a>,
    /// Practitioners' `fullUrl` → index into the plan's providers.
    providers: HashMap<&'a str, usize>,
    /// Encounters' `fullUrl` → index into the plan's visits.
    visits: HashMap<&'a str, usize>,
}

impl<'a> Planner<'a> {
    fn plan(mut self, entries: &'a [Entry]) -> Plan {
        // Entries come in any order, but visits refer to people, and records to visits.
        for pass in [Self::register, Self::visit, Self::write] {
            for entry in entries {
                if let (Content::Carried(resource, frame), Some(url)) =
                    (&entry.content, entry.full_url.as_deref())
                {
                    let mut notes = Notes::new();
                    let result = pass(&mut self, entry, url, resource, frame, &mut notes);
                    self.conclude(entry, result, notes);
                }
            }
        }
        for entry in entries {
            match &entry.content {
                Content::Aside | Content::Carried(..) if is_aside(entry) => {
                    self.plan.aside.push(entry.kind.clone())
                }
                Content::LeftOut(reason) => {
                    self.plan.aside.push(entry.kind.clone());
                    let note = self.plan.complaint(&origin(entry), reason.clone());
                    self.plan.notes.push(note);
                }
                Content::Bad(reason) => self.plan.bad.push((origin(entry), reason.clone())),
                _ => {}
            }
        }
        self.plan.bad.sort_by_key(|(origin, _)| origin.entry);
        self.plan
    }

    fn conclude(&mut self, entry: &Entry, result: Result<(), String>, notes: Notes) {
        let origin = origin(entry);
        match result {
            Ok(()) => {
                let notes: Vec<_> = notes
                    .into_iter()
                    .map(|note| self.plan.complaint(&origin, note))
                    .collect();
                self.plan.notes.extend(notes);
            }
            Err(reason) => self.plan.bad.push((origin, reason)),
        }
    }

    /// First pass: plans the patient and the practitioners.
    fn register(
        &mut self,
        entry: &'a Entry,
        url: &'a str,
        resource: &'a Resource,
        _: &'a Frame,
        notes: &mut Notes,
    ) -> Result<(), String> {
        match resource {
            Resource::Patient(_) if self.plan.patient.is_some() => {
                return Err("is a second Patient, but a bundle may have only one".into());
            }
            Resource::Patient(patient) => {
                let new = people::patient(url, patient, notes)?;
                let new = NewPatient {
                    origin: origin(entry),
                    person: person(&new),
                    user: new.user,
                    patient: new.profile,
                    parts: Vec::new(),
                };
                self.plan.patient = Some(new);
            }
            Resource::Practitioner(practitioner) => {
                let new = people::provider(url, practitioner)?;
                self.providers.insert(url, self.plan.providers.len());
                self.plan.providers.push(NewProvider {
                    origin: origin(entry),
                    person: person(&new),
                    user: new.user,
                    provider: new.profile,
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Second pass: plans the parts of the patient, and the visits.
    fn visit(
        &mut self,
        entry: &'a Entry,
        url: &'a str,
        resource: &'a Resource,
        frame: &'a Frame,
        notes: &mut Notes,
    ) -> Result<(), String> {
        let part = match resource {
            Resource::Allergy(allergy) => {
                self.check_subject(frame)?;
                ("allergies", people::allergy(allergy)?)
            }
            Resource::Goal(goal) => {
                self.check_subject(frame)?;
                ("health_goals", people::goal(goal)?)
            }
            Resource::Encounter(encounter) => {
                let progress = progress(encounter);
                if progress == Progress::Off {
                    return Ok(());
                }
                self.check_subject(frame)?;
                let named = encounter
                    .participant
                    .iter()
                    .find_map(|participant| participant.individual.as_ref());
                let provider =
                    self.provider(named.map(|reference| reference.reference.as_str()), notes)?;
                let body = appointment(url, encounter, &self.lookup, notes)?;
                self.visits.insert(url, self.plan.visits.len());
                self.plan.visits.push(NewVisit {
                    origin: origin(entry),
                    provider,
                    body,
                    progress,
                });
                return Ok(());
            }
            _ => return Ok(()),
        };
        let (field, item) = part;
        if let Some(patient) = &mut self.plan.patient {
            if let Some(items) = patient.patient.as_object_mut() {
                let items = items
                    .entry(field)
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Some(items) = items.as_array_mut() {
                    items.push(item.clone());
                }
            }
            patient.parts.push((origin(entry), field, item));
        }
        Ok(())
    }

    /// Third pass: plans the records.
    fn write(
        &mut self,
        entry: &'a Entry,
        url: &'a str,
        resource: &'a Resource,
        frame: &'a Frame,
        notes: &mut Notes,
    ) -> Result<(), String> {
        let Some(carried) = record(resource, &self.lookup, notes) else {
            return Ok(());
        };
        self.check_subject(frame)?;
        let carried = carried?;
        let visit = frame
            .encounter()
            .map(|encounter| self.visit_of(encounter, notes))
            .transpose()?
            .flatten();
        let requester = match resource {
            Resource::Medication(request) => request.requester.as_ref(),
            _ => None,
        };
        let provider = match (requester, visit) {
            (Some(requester), _) => self.provider(Some(&requester.reference), notes)?,
            (None, Some(visit)) => self.plan.visits[visit].provider,
            (None, None) => self.provider(None, notes)?,
        };
        let mut body = serde_json::json!({
            "record_type": carried.record_type,
            "content": carried.content,
            "source_system": SOURCE_SYSTEM,
            "external_id": url,
        });
        for (column, words) in [
            ("diagnosis", carried.diagnosis),
            ("treatment", carried.treatment),
        ] {
            if let Some(words) = words {
                body[column] = words.into();
            }
        }
        self.plan.records.push(NewRecord {
            origin: origin(entry),
            provider,
            visit,
            body,
        });
        Ok(())
    }

    /// Checks that a resource is about the bundle's patient.
    fn check_subject(&self, frame: &Frame) -> Result<(), String> {
        let subject = frame.subject().ok_or("names no patient")?;
        let target = self
            .lookup
            .entry(subject)
            .ok_or("refers to a patient that isn't in the bundle")?;
        match &self.plan.patient {
            Some(patient) if patient.origin.entry == target.index => Ok(()),
            _ if target.kind != "Patient" => Err("its subject isn't a Patient".into()),
            Some(_) => Err("is about another patient than the bundle".into()),
            None => Err("its patient can't be imported".into()),
        }
    }

    /// The visit of this encounter; `None` if that encounter isn't carried over.
    fn visit_of(&self, encounter: &str, notes: &mut Notes) -> Result<Option<usize>, String> {
        if let Some(&visit) = self.visits.get(encounter) {
            return Ok(Some(visit));
        }
        let entry = self
            .lookup
            .entry(encounter)
            .ok_or("refers to an encounter that isn't in the bundle")?;
        if is_aside(entry) {
            notes.push("belongs to a visit that is not carried over".into());
            return Ok(None);
        }
        Err(if entry.kind == "Encounter" {
            "its visit can't be imported"
        } else {
            "its encounter isn't an Encounter"
        }
        .into())
    }

    /// The named practitioner, or the bundle's first if none is named.
    fn provider(&self, named: Option<&str>, notes: &mut Notes) -> Result<usize, String> {
        let Some(named) = named else {
            notes.push("names no practitioner, so the bundle's first is used".into());
            return if self.plan.providers.is_empty() {
                Err("there is no practitioner".into())
            } else {
                Ok(0)
            };
        };
        self.providers.get(named).copied().ok_or_else(|| {
            match self.lookup.entry(named) {
                None => "refers to a practitioner that isn't in the bundle",
                Some(entry) if entry.kind == "Practitioner" => "its practitioner can't be imported",
                Some(_) => "its practitioner isn't a Practitioner",
            }
            .into()
        })
    }
}

fn person(new: &Registration) -> Person {
    Person {
        id: new.id,
        email: new.email.clone(),
    }
}

fn origin(entry: &Entry) -> Origin {
    Origin {
        entry: entry.index,
        full_url: entry.full_url.clone(),
        kind: entry.kind.clone(),
    }
}

/// Whether an entry isn't carried over because of its type or status, not because of a fault.
fn is_aside(entry: &Entry) -> bool {
    match &entry.content {
        Content::Aside | Content::LeftOut(_) => true,
        Content::Carried(resource, _) => match resource.as_ref() {
            Resource::Organization(_) => true,
            Resource::Encounter(encounter) => progress(encounter) == Progress::Off,
            _ => false,
        },
        Content::Bad(_) => false,
    }
}
