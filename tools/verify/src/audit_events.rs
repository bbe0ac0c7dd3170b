//! Writes audit rows as FHIR R4 AuditEvents after IHE's
//! [Basic Audit Log Patterns](https://profiles.ihe.net/ITI/BALP/) (BALP).
//!
//! An event names a profile of BALP only if it has all that the profile demands. A search doesn't: its profile demands the
//! text of the query, which the audit log doesn't hold because it may contain patient data. Neither do refusals, failures
//! and the work of functions without caller.

use std::io::{self, Write};
use std::ops::Range;

use audit::{Action, Entry, Outcome, PurposeOfUse, ResourceType, StoredRow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::time::{Date, Timestamp};
use futures_util::{TryStreamExt as _, pin_mut};
use serde_json::{Value, json};
use tokio_postgres::types::{ToSql, Type};
use transparency_log::Failure;
use uuid::Uuid;

use audit::select_stored_row;
use sql::FromRow as _;

use crate::Inputs;
use crate::archive::Archive;
use crate::database::snapshot;
use crate::report::Report;

const PROFILES: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";
const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const INTERACTIONS: &str = "http://hl7.org/fhir/restful-interaction";
const ENTITY_TYPES: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ROLES: &str = "http://terminology.hl7.org/CodeSystem/object-role";

/// The rows of a range. The month of a row is that of its time, so PostgreSQL reads only the months of the range.
const ROWS: &str = select_stored_row!(
    "where timestamp >= $1 and timestamp < $2
       and month between date_trunc('month', $1 at time zone 'UTC')::date and ($2 at time zone 'UTC')::date
       and month <> all ($3)
     order by timestamp, id"
);

/// Writes the rows from `from` until before `to`, one event a line. Those of archived months come first, chain by chain,
/// and those of the database in the order of their time. Returns the number of events. Errors: the database or the
/// archive can't be read, or `to` can't be written.
pub async fn export(
    inputs: &Inputs,
    from: Timestamp,
    until: Timestamp,
    to: &mut (dyn Write + Send),
) -> Result<u64, Failure> {
    let url = inputs.database.as_ref();
    let url = url.ok_or("An export needs --database.")?;
    let client = snapshot(url, inputs.ca_file.as_deref()).await?;
    let mut count = 0;
    let mut archived = Vec::new();
    if let Some(store) = inputs.archive.as_deref() {
        let archive = Archive::open(store, &mut Report::default()).await?;
        archived = archive.complete();
        let range = from.first_of_month()..=until.first_of_month();
        for month in archived.iter().filter(|month| range.contains(month)) {
            count += export_month(&archive, *month, from..until, to).await?;
        }
    }
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&from, Type::TIMESTAMPTZ),
        (&until, Type::TIMESTAMPTZ),
        (&archived, Type::DATE_ARRAY),
    ];
    let rows = client.query_typed_raw(ROWS, parameters).await?;
    pin_mut!(rows);
    while let Some(row) = rows.try_next().await? {
        count += write_row(&StoredRow::from_row(&row)?, to)?;
    }
    to.flush()?;
    Ok(count)
}

/// Writes the rows of an archived month that are in this range. Returns the number of events.
async fn export_month(
    archive: &Archive<'_>,
    month: Date,
    range: Range<Timestamp>,
    to: &mut (dyn Write + Send),
) -> Result<u64, Failure> {
    let mut count = 0;
    for number in 0.. {
        let (part, damage) = archive.part(month, number).await?;
        if let Some(damage) = damage {
            return Err(damage.to_string().into());
        }
        let Some(part) = part else {
            break;
        };
        for row in part.rows() {
            let row = row?.stored_row()?;
            if range.contains(&row.entry.timestamp) {
                count += write_row(&row, to)?;
            }
        }
    }
    Ok(count)
}

/// Writes the events of a row. Returns their number.
fn write_row(row: &StoredRow, to: &mut dyn Write) -> io::Result<u64> {
    let position = (row.position.chain_id, row.position.seq);
    let events = events(&row.entry, position, &row.row_hash, &row.signature);
    events.iter().try_for_each(|event| write_line(to, event))?;
    Ok(events.len() as u64)
}

fn write_line(to: &mut dyn Write, event: &Value) -> io::Result<()> {
    serde_json::to_writer(&mut *to, event)?;
    to.write_all(b"\n")
}

/// The events of a row: one, or one for each of several patients, as BALP demands. `position` is the row's chain and its
/// position in it.
pub fn events(
    entry: &Entry,
    position: (Uuid, i64),
    row_hash: &[u8; 32],
    signature: &[u8; 64],
) -> Vec<Value> {
    let row = &Sealed {
        entry,
        position,
        row_hash,
        signature,
    };
    let id = Uuid::from(entry.id).to_string();
    match &entry.patients[..] {
        [] => vec![event(row, id, None)],
        [patient] => vec![event(row, id, Some((*patient).into()))],
        patients => (1..)
            .zip(patients)
            .map(|(number, patient)| event(row, format!("{id}-{number}"), Some((*patient).into())))
            .collect(),
    }
}

/// A row with its place in the sealed log.
struct Sealed<'a> {
    entry: &'a Entry,
    position: (Uuid, i64),
    row_hash: &'a [u8; 32],
    signature: &'a [u8; 64],
}

fn event(row: &Sealed<'_>, id: String, patient: Option<Uuid>) -> Value {
    let entry = row.entry;
    let kind = Kind::of(entry.action_type);
    let (outcome, outcome_name) = match entry.outcome {
        Outcome::Success => ("0", None),
        Outcome::Denied => ("4", Some("denied")),
        Outcome::Failure => ("8", Some("failed")),
    };
    let mut entities = vec![data(row)];
    entities.extend(patient.map(|patient| {
        json!({
            "what": {"reference": format!("Patient/{patient}")},
            "type": {"system": ENTITY_TYPES, "code": "1", "display": "Person"},
            "role": {"system": ROLES, "code": "1", "display": "Patient"},
        })
    }));
    entities.push(json!({
        "what": {"identifier": {"value": entry.request_id}},
        "type": {
            "system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
            "code": "XrequestId",
        },
    }));
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": id,
        "type": {
            "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
            "code": "rest",
            "display": "Restful Operation",
        },
        "subtype": [{"system": INTERACTIONS, "code": kind.interaction, "display": kind.interaction}],
        "action": kind.action,
        "recorded": entry.timestamp,
        "outcome": outcome,
        "agent": agents(entry, kind.participation),
        "source": {
            "site": "Caretrail",
            "observer": {"display": entry.application},
            "type": [{
                "system": "http://terminology.hl7.org/CodeSystem/security-source-type",
                "code": "4",
                "display": "Application Server",
            }],
        },
        "entity": entities,
    });
    if let Some(name) = outcome_name {
        event["outcomeDesc"] = name.into();
    }
    // The client's address is part of each profile, and the profiles are of successes.
    let profile = kind
        .profile
        .filter(|_| entry.outcome == Outcome::Success && entry.source_ip.is_some());
    if let Some(profile) = profile {
        let of_patient = patient.map_or("", |_| "Patient");
        event["meta"] = json!({"profile": [format!("{PROFILES}{of_patient}{profile}")]});
    }
    event
}

/// How FHIR names an action.
struct Kind {
    interaction: &'static str,
    action: &'static str,
    profile: Option<&'static str>,
    /// What the user is to the data: a code of HL7's ParticipationType.
    participation: (&'static str, &'static str),
}

impl Kind {
    fn of(action: Action) -> Self {
        const RECIPIENT: (&str, &str) = ("IRCP", "information recipient");
        const AUTHOR: (&str, &str) = ("AUT", "author (originator)");
        let (interaction, action, profile, participation) = match action {
            Action::Create => ("create", "C", Some("Create"), AUTHOR),
            // A link that was issued lets its holder read the content.
            Action::Read | Action::Disclose => ("read", "R", Some("Read"), RECIPIENT),
            Action::Update => ("update", "U", Some("Update"), AUTHOR),
            Action::Delete => ("delete", "D", Some("Delete"), AUTHOR),
            Action::Search => ("search", "E", None, RECIPIENT),
            Action::Process => ("operation", "E", None, AUTHOR),
        };
        Self {
            interaction,
            action,
            profile,
            participation,
        }
    }
}

fn agents(entry: &Entry, participation: (&str, &str)) -> Vec<Value> {
    let mut client = json!({
        "type": {"coding": [{"system": DICOM, "code": "110153", "display": "Source Role ID"}]},
        "who": {"display": entry.user_agent.as_deref().unwrap_or("unknown client")},
        "requestor": false,
    });
    if let Some(address) = entry.source_ip {
        client["network"] = json!({"address": address, "type": "2"});
    }
    let server = json!({
        "type": {"coding": [{"system": DICOM, "code": "110152", "display": "Destination Role ID"}]},
        "who": {"display": entry.application},
        "requestor": false,
        "network": {"address": format!("urn:caretrail:function:{}", entry.application), "type": "5"},
    });
    let mut agents = vec![client, server];
    if let Some(user) = entry.user_id {
        let (code, display) = participation;
        let mut agent = json!({
            "type": {"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                "code": code,
                "display": display,
            }]},
            "who": {"identifier": {"value": Uuid::from(user)}},
            "requestor": true,
        });
        if let Some(role) = &entry.actor_role {
            agent["role"] = json!([{"text": role}]);
        }
        if let Some(purpose) = entry.purpose_of_use {
            agent["purposeOfUse"] = json!([{"coding": [purpose_of_use(purpose)]}]);
        }
        agents.push(agent);
    }
    agents
}

fn purpose_of_use(purpose: PurposeOfUse) -> Value {
    json!({
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
        "code": purpose.label(),
    })
}

/// The resource, with the hash and the signature by which the row can be found in the sealed log.
fn data(row: &Sealed<'_>) -> Value {
    let (entry, (chain_id, seq)) = (row.entry, row.position);
    let mut what = json!({"display": entry.resource_type.label()});
    if let Some(id) = entry.resource_id {
        what["identifier"] = json!({
            "system": "urn:ietf:rfc:3986",
            "value": format!("urn:uuid:{id}"),
        });
        if let Some(name) = fhir_name(entry.resource_type) {
            what["reference"] = format!("{name}/{id}").into();
        }
    }
    let detail = |name: &str, bytes: &[u8]| json!({"type": name, "valueBase64Binary": STANDARD.encode(bytes)});
    json!({
        "what": what,
        "type": {"system": ENTITY_TYPES, "code": "2", "display": "System Object"},
        "role": {"system": ROLES, "code": "4", "display": "Domain Resource"},
        "detail": [
            {"type": "chain", "valueString": format!("{chain_id}/{seq}")},
            detail("row_hash", row.row_hash),
            detail("signature", row.signature),
        ],
    })
}

/// The FHIR resource that a kind of resource corresponds to.
fn fhir_name(resource: ResourceType) -> Option<&'static str> {
    match resource {
        ResourceType::Patient => Some("Patient"),
        ResourceType::Provider => Some("Practitioner"),
        ResourceType::Appointment => Some("Appointment"),
        ResourceType::File => Some("DocumentReference"),
        _ => None,
    }
}
