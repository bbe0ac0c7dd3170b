//! Charts for tests: those of the sample patients as an import makes them, and one with everything that a chart can have.
//!
//! Its tests show that an import of an exported chart makes the same chart, and what the packages of charts hold.
#![warn(missing_docs)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod written;

pub use written::{about, write};

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use domain::appointment::{Appointment, AppointmentStatus};
use domain::content::RecordType;
use domain::custom_data::CustomData;
use domain::file::{FileMetadata, FileOwnerType, FileScan, FileStatus};
use domain::patient::Patient;
use domain::provider::Provider;
use domain::record::MedicalRecord;
use domain::time::Timestamp;
use domain::user::{User, UserStatus};
use fhir::bundle::{Content, Entry, read};
use fhir::export::{Amendment, Clinic, Statement, StatementKind};
use fhir::lookup::Lookup;
use fhir::mapping::visits::{Progress, appointment, progress};
use fhir::mapping::{Mapper, people, records};
use fhir::resources::{Reference, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sql::Jsonb;
use uuid::Uuid;

/// A chart, as the rows of the database.
#[derive(Debug)]
pub struct Sample {
    /// The patient.
    pub patient: Patient,
    /// The patient's account.
    pub user: User,
    /// The providers whom the chart names.
    pub providers: Vec<Provider>,
    /// The visits.
    pub visits: Vec<Appointment>,
    /// The records.
    pub records: Vec<MedicalRecord>,
    /// The files with their bytes.
    pub files: Vec<(FileMetadata, Vec<u8>)>,
    /// The amendments, by their entry.
    pub amendments: HashMap<Uuid, Vec<Amendment>>,
}

impl Sample {
    /// The amendments of an entry.
    pub fn amendments_of(&self, entry: impl Into<Uuid>) -> &[Amendment] {
        self.amendments
            .get(&entry.into())
            .map_or(&[], Vec::as_slice)
    }
}

/// What an import makes of a chart: the bodies of its requests, by the key of the entry that each is made of.
#[derive(Debug, Default, PartialEq)]
pub struct Bodies {
    /// The patient.
    pub patient: Value,
    /// Their account.
    pub user: Value,
    /// The account and the profile of each provider.
    pub providers: Vec<(String, Value, Value)>,
    /// Each visit with its status and the key of the provider.
    pub visits: Vec<(String, Value, &'static str, Option<String>)>,
    /// Each record with the key of its visit.
    pub records: Vec<(String, Value, Option<String>)>,
    /// Why an import refuses entries.
    pub refused: Vec<String>,
}

/// The clinic of the charts.
pub fn clinic() -> Clinic {
    Clinic {
        uri: "urn:caretrail:clinic".to_owned(),
        name: "Example Clinic".to_owned(),
        phone: Some("+1 617 555 0100".to_owned()),
        email: Some("records@clinic.example".to_owned()),
        website: Some("https://clinic.example".to_owned()),
        address: Some("12 Main Street, Boston, MA 02118".to_owned()),
    }
}

/// The names and Bundles of the sample patients.
pub fn bundles() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/synthea-r4");
    let files = std::fs::read_dir(folder).unwrap();
    let mut bundles: Vec<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let name = name.split('_').take(2).collect::<Vec<_>>().join("-");
            let mut bytes = Vec::new();
            let file = std::fs::File::open(path).unwrap();
            flate2::read::GzDecoder::new(file)
                .read_to_end(&mut bytes)
                .unwrap();
            (name, bytes)
        })
        .collect();
    bundles.sort();
    bundles
}

/// Maps a Bundle as an import does.
pub fn bodies(bundle: &[u8]) -> Bodies {
    let entries = read(bundle, "test".into()).unwrap();
    let lookup = Lookup::new(&entries);
    let mut bodies = Bodies::default();
    let (mut allergies, mut goals) = (Vec::new(), Vec::new());
    let key = |entry: &Entry, reference: &Reference, kind: &str| {
        let found = lookup.entry(reference, entry, kind)?;
        Some(found.key.clone())
    };
    for entry in &entries {
        let Content::Carried(resource) = &entry.content else {
            if let Content::Bad(reason) = &entry.content {
                bodies.refused.push(reason.clone());
            }
            continue;
        };
        let mut mapper = Mapper::new(entry, &lookup);
        match resource.as_ref() {
            Resource::Patient(patient) => {
                let new = people::patient(&entry.key, patient, &mut mapper.notes).unwrap();
                (bodies.patient, bodies.user) = (new.profile, account(new.user));
            }
            Resource::Practitioner(it) => {
                let new = people::provider(&entry.key, it).unwrap();
                bodies
                    .providers
                    .push((entry.key.clone(), account(new.user), new.profile));
            }
            Resource::Allergy(it) => allergies.push(people::allergy(it, &mut mapper).unwrap()),
            Resource::Goal(it) => goals.push(people::goal(it).unwrap()),
            Resource::Encounter(it) => {
                let status = match progress(it) {
                    Progress::Planned => "SCHEDULED",
                    Progress::Arrived => "CHECKED_IN",
                    Progress::Finished => "COMPLETED",
                    Progress::Missed | Progress::Off => continue,
                };
                let mut body = appointment(it, None, &mut mapper).unwrap();
                body.as_object_mut().unwrap().remove("external_id");
                let people = it
                    .participant
                    .iter()
                    .filter_map(|it| it.individual.as_ref());
                let provider = people
                    .into_iter()
                    .find_map(|it| key(entry, it, "Practitioner"));
                bodies
                    .visits
                    .push((entry.key.clone(), body, status, provider));
            }
            other => {
                let Some(carried) = records::record(other, &mut mapper) else {
                    continue;
                };
                let carried = carried.unwrap();
                let mut body =
                    json!({"record_type": carried.record_type, "content": carried.content});
                for (name, words) in [
                    ("notes", carried.notes_with(None)),
                    ("diagnosis", carried.diagnosis),
                    ("treatment", carried.treatment),
                ] {
                    if let Some(words) = words {
                        body[name] = words.into();
                    }
                }
                let visit = entry.frame.encounter();
                let visit = visit.and_then(|it| key(entry, it, "Encounter"));
                bodies.records.push((entry.key.clone(), body, visit));
            }
        }
    }
    if !allergies.is_empty() {
        bodies.patient["allergies"] = json!(allergies);
    }
    if !goals.is_empty() {
        bodies.patient["health_goals"] = json!(goals);
    }
    bodies
}

/// The account without what an import makes up.
fn account(mut user: Value) -> Value {
    for field in ["subject", "username"] {
        user.as_object_mut().unwrap().remove(field);
    }
    user
}

fn parsed<T: DeserializeOwned>(value: &Value) -> Option<T> {
    match value {
        Value::Null => None,
        value => Some(serde_json::from_value(value.clone()).unwrap()),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// The id of a row that was imported.
pub fn id_of(key: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes())
}

const SOURCE: &str = "https://hospital.example/fhir";
const CREATED: &str = "2026-02-01T09:30:00Z";

/// The rows that an import writes.
pub fn rows(bodies: &Bodies) -> Sample {
    let id = id_of("patient");
    let mut sample = Sample {
        patient: patient(id, &bodies.patient, &bodies.user),
        user: user(&bodies.user),
        providers: Vec::new(),
        visits: Vec::new(),
        records: Vec::new(),
        files: Vec::new(),
        amendments: HashMap::new(),
    };
    for (key, user, profile) in &bodies.providers {
        sample.providers.push(provider(id_of(key), user, profile));
    }
    for (key, body, status, with) in &bodies.visits {
        let with = with.as_deref().map_or(Uuid::nil(), id_of);
        let mut visit = visit(id_of(key), id, with, status, body);
        visit.source_system = Some(SOURCE.to_owned());
        visit.external_id = Some(key.clone());
        sample.visits.push(visit);
    }
    for (key, body, visit) in &bodies.records {
        let of = visit.as_deref().map(id_of);
        let with = sample
            .visits
            .iter()
            .find(|it| Some(Uuid::from(it.id)) == of);
        let with = with.map(|it| it.provider_id.into());
        let mut record = record(id_of(key), id, with, of, body);
        record.source_system = Some(SOURCE.to_owned());
        record.external_id = Some(key.clone());
        sample.records.push(record);
    }
    sample
}

fn patient(id: Uuid, body: &Value, user: &Value) -> Patient {
    Patient {
        id: id.into(),
        user_id: id_of("user").into(),
        first_name: text(&user["first_name"]),
        last_name: text(&user["last_name"]),
        patient_number: text(&body["patient_number"]).unwrap(),
        date_of_birth: parsed(&body["date_of_birth"]).unwrap(),
        gender: parsed(&body["gender"]).unwrap(),
        deceased: parsed(&body["deceased"]).map(Jsonb),
        assigned_providers: Vec::new(),
        medical_history: parsed(&body["medical_history"]).map(Jsonb),
        allergies: parsed(&body["allergies"]).map(Jsonb),
        health_goals: parsed(&body["health_goals"]).map(Jsonb),
        risk_factors: parsed(&body["risk_factors"]).map(Jsonb),
        custom_data: custom(&body["custom_data"]),
        custom_data_version: body.get("custom_data").map(|_| 2),
        created_at: at(CREATED),
        updated_at: at(CREATED),
        amendments: Jsonb(Vec::new()),
        is_archived: false,
        version: 3,
    }
}

fn custom(value: &Value) -> Option<CustomData> {
    Some(value.as_object()?.clone().into())
}

fn user(body: &Value) -> User {
    User {
        id: id_of("user").into(),
        subject: None,
        username: Some("made.up@example.org".to_owned()),
        notification_email: text(&body["notification_email"]),
        first_name: text(&body["first_name"]),
        last_name: text(&body["last_name"]),
        role: "PATIENT".to_owned(),
        status: UserStatus::Active,
        awaits_approval: false,
        proposed_subject: None,
        proposed_by: None,
        source_system: None,
        external_id: None,
        imports_from: None,
        access_ends_at: None,
        visits_give_care: false,
        phone: text(&body["phone"]),
        address: parsed(&body["address"]).map(Jsonb),
        preferences: parsed(&body["preferences"]).map(Jsonb),
        custom_data: custom(&body["custom_data"]),
        custom_data_version: body.get("custom_data").map(|_| 1),
        created_at: at(CREATED),
        updated_at: at(CREATED),
        is_archived: false,
        version: 1,
        patient: None,
        acted_alone: false,
    }
}

fn provider(id: Uuid, user: &Value, body: &Value) -> Provider {
    let specialties = body["specialties"].as_array().cloned().unwrap_or_default();
    Provider {
        id: id.into(),
        user_id: id_of("provider user").into(),
        first_name: text(&user["first_name"]),
        last_name: text(&user["last_name"]),
        license_number: text(&body["license_number"]).unwrap(),
        specialties: specialties.iter().filter_map(text).collect(),
        certifications: parsed(&body["certifications"]).map(Jsonb),
        schedule: None,
        rating: None,
        total_reviews: 0,
        is_verified: true,
        custom_data: custom(&body["custom_data"]),
        custom_data_version: body.get("custom_data").map(|_| 1),
        created_at: at(CREATED),
        updated_at: at(CREATED),
        is_archived: false,
        version: 1,
        verified_at: None,
        verified_by: None,
        withdrawal_reason: None,
    }
}

fn visit(id: Uuid, patient: Uuid, with: Uuid, status: &str, body: &Value) -> Appointment {
    Appointment {
        id: id.into(),
        patient_id: patient.into(),
        provider_id: with.into(),
        scheduled_at: parsed(&body["scheduled_at"]).unwrap(),
        duration_minutes: parsed(&body["duration_minutes"]).unwrap(),
        status: status.parse::<AppointmentStatus>().unwrap(),
        location: parsed(&body["location"]).map(Jsonb),
        notes: text(&body["notes"]),
        source_system: None,
        external_id: None,
        custom_data: custom(&body["custom_data"]),
        custom_data_version: body.get("custom_data").map(|_| 1),
        created_at: at(CREATED),
        updated_at: at(CREATED),
        is_archived: false,
        version: 1,
        change_reason: text(&body["change_reason"]),
        rating: parsed(&body["rating"]),
    }
}

fn record(
    id: Uuid,
    patient: Uuid,
    with: Option<Uuid>,
    visit: Option<Uuid>,
    body: &Value,
) -> MedicalRecord {
    MedicalRecord {
        id: id.into(),
        patient_id: patient.into(),
        provider_id: with.map(Into::into),
        appointment_id: visit.map(Into::into),
        record_type: parsed::<RecordType>(&body["record_type"]).unwrap(),
        content: Jsonb(body["content"].clone()),
        diagnosis: text(&body["diagnosis"]),
        treatment: text(&body["treatment"]),
        notes: text(&body["notes"]),
        is_patient_visible: true,
        release_date: at(CREATED),
        hold: None,
        is_shielded: false,
        shield: None,
        source_system: None,
        external_id: None,
        custom_data: custom(&body["custom_data"]),
        custom_data_version: body.get("custom_data").map(|_| 1),
        created_at: at(CREATED),
        updated_at: at("2026-03-01T08:00:00.123456Z"),
        amendments: Jsonb(Vec::new()),
        is_archived: false,
        version: 2,
    }
}

fn file(
    id: Uuid,
    patient: Uuid,
    name: &str,
    kind: &str,
    bytes: &[u8],
    sha256: &str,
) -> FileMetadata {
    FileMetadata {
        id: id.into(),
        owner_id: id_of("user").into(),
        owner_type: FileOwnerType::Patient,
        patient_id: Some(patient.into()),
        appointment_id: None,
        record_id: None,
        original_name: name.to_owned(),
        file_type: kind.to_owned(),
        file_size: bytes.len().try_into().unwrap(),
        sha256: sha256.to_owned(),
        status: FileStatus::Available,
        status_reason: None,
        scan: FileScan::Clean,
        upload_date: Some(at(CREATED)),
        custom_data: None,
        custom_data_version: None,
        created_at: at(CREATED),
        updated_at: at(CREATED),
        amendments: Jsonb(Vec::new()),
        is_archived: false,
        version: 1,
    }
}

/// The bodies of records with everything that their content can have.
pub fn complete_records() -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("complete_records.json")).unwrap();
    all.as_array().unwrap().clone()
}

/// A chart with each kind of entry and each optional field, in every way in which a patient can read it.
pub fn complete() -> Sample {
    let all: Value = serde_json::from_str(include_str!("complete_chart.json")).unwrap();
    let id = id_of("complete patient");
    let doctor = id_of("doctor");
    let mut sample = Sample {
        patient: patient(id, &all["patient"], &all["user"]),
        user: user(&all["user"]),
        providers: vec![
            provider(doctor, &all["provider"], &all["provider"]),
            provider(
                id_of("healer"),
                &json!({"first_name": "Onlyname"}),
                &json!({"license_number": "L-2"}),
            ),
        ],
        visits: Vec::new(),
        records: Vec::new(),
        files: Vec::new(),
        amendments: HashMap::new(),
    };
    sample.patient.assigned_providers = vec![doctor.into()];
    for (index, body) in all["visits"].as_array().unwrap().iter().enumerate() {
        let status = body["status"].as_str().unwrap();
        let visit = visit(id_of(&format!("visit {index}")), id, doctor, status, body);
        sample.visits.push(visit);
    }
    let seen = id_of("visit 0");
    for (index, body) in complete_records().iter().enumerate() {
        let id_of_it = id_of(&format!("record {index}"));
        let mut record = record(id_of_it, id, Some(doctor), Some(seen), body);
        if index % 3 == 1 {
            let data = serde_json::from_str(r#"{"ward": "B", "score": 1.50, "seen": true}"#);
            record.custom_data = custom(&data.unwrap());
            record.custom_data_version = Some(4);
        }
        sample.records.push(record);
    }
    let letter = b"Dear colleague".to_vec();
    let digest = "715a44cf4dd6350e3b7d8ec775c36b8000450e1b5387cf672d1a1dfa82c54cc3";
    let mut first = file(
        id_of("file 1"),
        id,
        "../Über letter?.txt",
        "text/plain",
        &letter,
        digest,
    );
    first.record_id = Some(sample.records[0].id);
    first.appointment_id = Some(seen.into());
    first.custom_data = custom(&json!({"origin": "fax"}));
    first.custom_data_version = Some(1);
    sample.files.push((first, letter));
    let picture = include_bytes!("dot.png");
    let digest = "b1ff9c8ea3a780bad09b346c423d2d0e46815926879b18e841d928376a946640";
    let second = file(
        id_of("file 2"),
        id,
        "scan.png",
        "image/png",
        picture,
        digest,
    );
    sample.files.push((second, picture.to_vec()));
    let entry = Uuid::from(sample.records[0].id);
    let said = |kind, on: &str, text: &str| Statement {
        kind,
        on: on.parse().unwrap(),
        text: text.to_owned(),
    };
    sample.amendments.insert(
        entry,
        vec![
            Amendment {
                id: id_of("amendment 1"),
                entry,
                statements: vec![
                    said(
                        StatementKind::Request,
                        "2026-03-01",
                        "I never had this.\nPlease remove it.",
                    ),
                    said(
                        StatementKind::Denial,
                        "2026-03-20",
                        "The entry is accurate & complete <as it is>.",
                    ),
                    said(StatementKind::Disagreement, "2026-04-01", "I disagree."),
                    said(
                        StatementKind::Rebuttal,
                        "2026-04-10",
                        "Two tests confirm it.",
                    ),
                ],
            },
            Amendment {
                id: id_of("amendment 2"),
                entry,
                statements: vec![
                    said(StatementKind::Request, "2026-05-01", "It began later."),
                    said(
                        StatementKind::Acceptance,
                        "2026-05-03",
                        "It began in June 2020.",
                    ),
                    said(
                        StatementKind::Notice,
                        "2026-05-09",
                        "Another clinic amended it, too.",
                    ),
                ],
            },
        ],
    );
    sample
}
