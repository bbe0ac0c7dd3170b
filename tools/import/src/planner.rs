//! Works out what to send for the entries of a file, before anything is sent.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use client::Person;
use fhir::bundle::{Content, Entry};
use fhir::lookup::Lookup;
use fhir::mapping::Mapper;
use fhir::mapping::people::{self, Registration};
use fhir::mapping::records::record;
use fhir::mapping::visits::{Progress, appointment, progress};
use fhir::resources::{Practitioner, Reference, Resource};
use serde_json::json;

use crate::plan::{Former, NewPatient, NewProvider, NewRecord, NewVisit, Origin, Plan, Withdrawn};

/// What to send for these entries. `elsewhere` has the practitioners and places of other files that the entries may
/// refer to.
pub fn plan(entries: &[Entry], elsewhere: &[Entry]) -> Plan {
    let all = entries.iter().chain(elsewhere);
    let lookup = Lookup::new(all.clone());
    let file = entries.first().map(|entry| PathBuf::from(&*entry.source));
    let plan = Plan {
        file: file.unwrap_or_default(),
        entries: entries.len(),
        patients: Vec::new(),
        providers: Vec::new(),
        visits: Vec::new(),
        records: Vec::new(),
        aside: Vec::new(),
        withdrawn: Vec::new(),
        bad: Vec::new(),
        notes: Vec::new(),
        unmapped: BTreeMap::new(),
    };
    let planner = Planner {
        plan,
        lookup: &lookup,
        patients: HashMap::new(),
        providers: HashMap::new(),
        visits: HashMap::new(),
    };
    planner.plan(entries)
}

struct Planner<'a> {
    plan: Plan,
    lookup: &'a Lookup<'a>,
    /// A patient's key → index into the plan's patients.
    patients: HashMap<&'a str, usize>,
    /// A practitioner's key → index into the plan's providers.
    providers: HashMap<&'a str, usize>,
    /// An encounter's key → index into the plan's visits.
    visits: HashMap<&'a str, usize>,
}

type Planned = Result<(), String>;

impl<'a> Planner<'a> {
    fn plan(mut self, entries: &'a [Entry]) -> Plan {
        // Entries come in any order, but visits refer to people, and records to visits.
        for pass in [Self::register, Self::visit, Self::write] {
            for entry in entries {
                if let Content::Carried(resource) = &entry.content {
                    let mut mapper = Mapper::new(entry, self.lookup);
                    let result = pass(&mut self, resource, &mut mapper);
                    self.conclude(&mapper, result);
                }
            }
        }
        for entry in entries {
            self.withdraw(entry);
            match &entry.content {
                Content::Aside | Content::Carried(..) if is_aside(entry) => {
                    self.plan.aside.push(entry.kind.clone());
                }
                Content::LeftOut(reason, _) => {
                    self.plan.aside.push(entry.kind.clone());
                    let note = self.plan.complaint(&origin(entry), reason.clone());
                    self.plan.notes.push(note);
                }
                Content::Bad(reason) => self.plan.bad.push((origin(entry), reason.clone())),
                _ => {}
            }
            let unmapped = entry.unmapped.iter().filter(|_| !is_aside(entry));
            for path in unmapped {
                *self.plan.unmapped.entry(path.clone()).or_default() += 1;
            }
        }
        self.plan.bad.sort_by_key(|(origin, _)| origin.entry);
        self.plan
    }

    fn conclude(&mut self, mapper: &Mapper<'a>, result: Planned) {
        let origin = origin(mapper.entry);
        match result {
            Ok(()) => {
                let notes = mapper.notes.iter();
                let notes = notes.map(|note| self.plan.complaint(&origin, note.clone()));
                let notes: Vec<_> = notes.collect();
                self.plan.notes.extend(notes);
            }
            Err(reason) => self.plan.bad.push((origin, reason)),
        }
    }

    /// First pass: plans the patients and the practitioners.
    fn register(&mut self, resource: &'a Resource, mapper: &mut Mapper<'a>) -> Planned {
        let entry = mapper.entry;
        match resource {
            Resource::Patient(patient) => {
                let new = people::patient(&entry.key, patient, &mut mapper.notes)?;
                self.patients.insert(&entry.key, self.plan.patients.len());
                self.plan.patients.push(NewPatient {
                    origin: origin(entry),
                    person: person(&new),
                    user: new.user,
                    patient: new.profile,
                    parts: Vec::new(),
                });
            }
            Resource::Practitioner(practitioner) => {
                self.add_provider(entry, practitioner, false)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn add_provider(
        &mut self,
        entry: &'a Entry,
        practitioner: &Practitioner,
        is_elsewhere: bool,
    ) -> Result<usize, String> {
        let new = people::provider(&entry.key, practitioner)?;
        let index = self.plan.providers.len();
        self.providers.insert(&entry.key, index);
        self.plan.providers.push(NewProvider {
            origin: origin(entry),
            person: person(&new),
            user: new.user,
            provider: new.profile,
            is_elsewhere,
        });
        Ok(index)
    }

    /// Second pass: plans the parts of patients, and the visits.
    fn visit(&mut self, resource: &'a Resource, mapper: &mut Mapper<'a>) -> Planned {
        let (field, item) = match resource {
            Resource::Allergy(allergy) => ("allergies", people::allergy(allergy, mapper)?),
            Resource::Goal(goal) => ("health_goals", people::goal(goal)?),
            Resource::Encounter(encounter) => {
                let progress = progress(encounter);
                if progress == Progress::Off {
                    return Ok(());
                }
                let patient = self.patient(mapper.entry)?;
                let participants = encounter.participant.iter();
                let named = participants.filter_map(|it| it.individual.as_ref());
                let (provider, is_assumed, other) = self.provider(named, mapper)?;
                let body = appointment(encounter, other, mapper)?;
                self.visits
                    .insert(&mapper.entry.key, self.plan.visits.len());
                self.plan.visits.push(NewVisit {
                    origin: origin(mapper.entry),
                    patient,
                    provider,
                    is_assumed,
                    body,
                    progress,
                });
                return Ok(());
            }
            _ => return Ok(()),
        };
        let patient = self.patient(mapper.entry)?;
        let patient = &mut self.plan.patients[patient];
        if let Some(profile) = patient.patient.as_object_mut() {
            let items = profile.entry(field).or_insert_with(|| json!([]));
            if let Some(items) = items.as_array_mut() {
                items.push(item.clone());
            }
        }
        patient.parts.push((origin(mapper.entry), field, item));
        Ok(())
    }

    /// Third pass: plans the records.
    fn write(&mut self, resource: &'a Resource, mapper: &mut Mapper<'a>) -> Planned {
        let Some(carried) = record(resource, mapper) else {
            return Ok(());
        };
        let carried = carried?;
        let patient = self.patient(mapper.entry)?;
        let visit = self.visit_of(mapper);
        let requester = match resource {
            Resource::Prescription(request) => request.requester.as_ref(),
            _ => None,
        };
        let (provider, is_assumed, other) = match (requester, visit) {
            (None, Some(visit)) => {
                let visit = &self.plan.visits[visit];
                (visit.provider, visit.is_assumed, None)
            }
            (requester, _) => self.provider(requester.into_iter(), mapper)?,
        };
        let mut body = json!({
            "record_type": carried.record_type,
            "content": carried.content,
            "external_id": mapper.entry.key,
        });
        let practitioner = other.map(|name| format!("Practitioner: {name}"));
        for (column, words) in [
            ("notes", carried.notes_with(practitioner)),
            ("diagnosis", carried.diagnosis),
            ("treatment", carried.treatment),
        ] {
            if let Some(words) = words {
                body[column] = words.into();
            }
        }
        self.plan.records.push(NewRecord {
            origin: origin(mapper.entry),
            patient,
            provider,
            is_assumed,
            visit,
            body,
        });
        Ok(())
    }

    /// Plans to withdraw what an earlier import may have made of an entry that is left out or cancelled by now.
    fn withdraw(&mut self, entry: &'a Entry) {
        let mut mapper = Mapper::new(entry, self.lookup);
        if let Some(what) = former(&mut mapper)
            && let Ok(patient) = self.patient(entry)
        {
            let origin = origin(entry);
            self.plan.withdrawn.push(Withdrawn {
                origin,
                patient,
                what,
            });
        }
    }

    /// The patient whom the entry is about. It is never guessed.
    fn patient(&self, entry: &'a Entry) -> Result<usize, String> {
        let subject = entry.frame.subject().ok_or("names no patient")?;
        let target = self.lookup.entry(subject, entry, "Patient");
        let target = target.ok_or("is about a patient who isn't in the import")?;
        match self.patients.get(target.key.as_str()) {
            Some(&patient) => Ok(patient),
            None if target.kind == "Patient" => Err("its patient can't be imported".into()),
            None => Err("its subject isn't a Patient".into()),
        }
    }

    /// The visit that the entry belongs to. A record stands alone if its visit isn't imported.
    fn visit_of(&self, mapper: &mut Mapper<'a>) -> Option<usize> {
        let encounter = mapper.entry.frame.encounter()?;
        let entry = mapper.find(encounter, "Encounter")?;
        let visit = self.visits.get(entry.key.as_str()).copied();
        if visit.is_none() {
            mapper.note("belongs to a visit that is not carried over");
        }
        visit
    }

    /// The first of these practitioners who is in the import. If there is none, it is the first practitioner of all.
    /// Then the second value is true, and the third is the name that the source gives.
    fn provider<'r>(
        &mut self,
        named: impl Iterator<Item = &'r Reference>,
        mapper: &mut Mapper<'a>,
    ) -> Result<(usize, bool, Option<&'r str>), String> {
        let mut other = None;
        let mut is_named = false;
        for reference in named {
            is_named = true;
            if let Some(provider) = self.practitioner(reference, mapper.entry) {
                return Ok((provider, false, None));
            }
            other = other.or(reference.display.as_deref());
        }
        mapper.note(if is_named {
            "names no practitioner who is in the import, so the first practitioner is used"
        } else {
            "names no practitioner, so the first practitioner is used"
        });
        if self.plan.providers.is_empty() {
            return Err("there is no practitioner".into());
        }
        Ok((0, true, other))
    }

    fn practitioner(&mut self, reference: &Reference, from: &'a Entry) -> Option<usize> {
        let entry = self.lookup.entry(reference, from, "Practitioner")?;
        if let Some(&provider) = self.providers.get(entry.key.as_str()) {
            return Some(provider);
        }
        let Content::Carried(resource) = &entry.content else {
            return None;
        };
        match resource.as_ref() {
            Resource::Practitioner(practitioner) => {
                self.add_provider(entry, practitioner, true).ok()
            }
            Resource::PractitionerRole(role) => {
                let practitioner = role.practitioner.as_ref()?;
                let target = self.lookup.entry(practitioner, entry, "Practitioner")?;
                let is_practitioner = target.kind == "Practitioner";
                let known = is_practitioner.then(|| self.practitioner(practitioner, entry));
                known.flatten()
            }
            _ => None,
        }
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
        file: entry.source.clone(),
        entry: entry.index,
        full_url: entry.full_url.clone(),
        key: entry.key.clone(),
        kind: entry.kind.clone(),
    }
}

/// What an earlier import may have made of an entry that is left out or cancelled by now.
fn former(mapper: &mut Mapper<'_>) -> Option<Former> {
    let resource = match &mapper.entry.content {
        Content::LeftOut(_, resource) => resource.as_deref(),
        Content::Carried(resource) => match resource.as_ref() {
            Resource::Encounter(encounter) if encounter.status == "cancelled" => {
                return Some(Former::CancelledVisit);
            }
            _ => return None,
        },
        _ => return None,
    };
    match (mapper.entry.kind.as_str(), resource) {
        ("Encounter", _) => Some(Former::Visit),
        ("AllergyIntolerance", Some(Resource::Allergy(allergy))) => {
            let item = people::allergy(allergy, mapper).ok()?;
            Some(Former::Part("allergies", item))
        }
        ("Goal", Some(Resource::Goal(goal))) => {
            let item = people::goal(goal).ok()?;
            Some(Former::Part("health_goals", item))
        }
        (
            "Condition" | "Procedure" | "Observation" | "DiagnosticReport" | "MedicationRequest"
            | "Immunization" | "CarePlan" | "ImagingStudy",
            _,
        ) => Some(Former::Record),
        _ => None,
    }
}

/// Whether an entry isn't carried over because of its type or status, not because of a fault.
fn is_aside(entry: &Entry) -> bool {
    match &entry.content {
        Content::Aside | Content::LeftOut(..) => true,
        Content::Carried(resource) => match resource.as_ref() {
            Resource::PractitionerRole(_)
            | Resource::Organization(_)
            | Resource::Location(_)
            | Resource::Medication(_)
            | Resource::Specimen(_) => true,
            Resource::Encounter(encounter) => progress(encounter) == Progress::Off,
            _ => false,
        },
        Content::Bad(_) => false,
    }
}
