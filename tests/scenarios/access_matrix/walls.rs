//! The tables, and the rows of docs/access.md that say who may read and write them.

use tests::prelude::*;

use super::requests::new_role;
use super::ward::{Kind, SOURCE, State, Thing, Ward};

/// A table with data of persons, and the functions whose rows of docs/access.md say who may use it.
pub struct Wall {
    pub table: &'static str,
    /// The column with the id of the thing that a row belongs to.
    pub id: &'static str,
    pub kind: Kind,
    pub reads: &'static [&'static str],
    pub updates: &'static [&'static str],
    /// An assignment to a column that no trigger guards.
    pub set: &'static str,
}

pub const WALLS: [Wall; 17] = [
    Wall {
        table: "user_profiles",
        id: "id",
        kind: Kind::User,
        reads: &["get-user"],
        updates: &["update-user", "delete-user"],
        set: "phone = '1'",
    },
    Wall {
        table: "patients",
        id: "id",
        kind: Kind::Patient,
        reads: &["get-patient"],
        updates: &["update-patient", "delete-patient", "assign-provider"],
        set: "updated_at = now()",
    },
    Wall {
        table: "providers",
        id: "id",
        kind: Kind::Provider,
        reads: &["get-provider"],
        updates: &["update-provider", "delete-provider", "verify-provider"],
        set: "specialties = '{}'",
    },
    Wall {
        table: "appointments",
        id: "id",
        kind: Kind::Visit,
        reads: &["get-appointment"],
        updates: &[
            "update-appointment",
            "cancel-appointment",
            "complete-appointment",
            "check-in-appointment",
            "mark-no-show",
            "rate-appointment",
            "delete-appointment",
        ],
        // A trigger decides about columns. The scenarios of `second_walls` test it.
        set: "change_reason = change_reason",
    },
    Wall {
        table: "appointment_changes",
        id: "appointment_id",
        kind: Kind::Visit,
        reads: &["list-appointment-changes"],
        updates: &[],
        set: "reason = 'x'",
    },
    Wall {
        table: "medical_records",
        id: "id",
        kind: Kind::Record,
        reads: &["get-record"],
        updates: &["update-record", "delete-record"],
        set: "change_reason = 'x'",
    },
    Wall {
        table: "medical_record_versions",
        id: "record_id",
        kind: Kind::Record,
        reads: &["list-record-versions"],
        updates: &[],
        set: "notes = 'x'",
    },
    // Only callers who may place holds see them. Patients never do.
    Wall {
        table: "record_releases",
        id: "record_id",
        kind: Kind::Record,
        reads: &["release-record"],
        updates: &[],
        set: "note = 'x'",
    },
    Wall {
        table: "record_shields",
        id: "record_id",
        kind: Kind::Record,
        reads: &["shield-record"],
        updates: &[],
        set: "note = 'x'",
    },
    Wall {
        table: "representatives",
        id: "id",
        kind: Kind::Representative,
        reads: &["get-representative"],
        updates: &["confirm-representative", "end-representative"],
        // A trigger decides about columns.
        set: "end_reason = end_reason",
    },
    Wall {
        table: "file_metadata",
        id: "id",
        kind: Kind::File,
        reads: &["get-file", "process-upload"],
        updates: &["update-file", "delete-file", "process-upload"],
        // A column that both logins may write.
        set: "upload_id = upload_id",
    },
    Wall {
        table: "care_relations",
        id: "patient_id",
        kind: Kind::Patient,
        reads: &["get-care-team", "grant-care"],
        updates: &["grant-care", "end-care"],
        set: "reason = 'x'",
    },
    Wall {
        table: "emergency_accesses",
        id: "id",
        kind: Kind::EmergencyAccess,
        reads: &["list-emergency-access"],
        updates: &["revoke-emergency-access", "review-emergency-access"],
        // A trigger decides about columns.
        set: "review_note = review_note",
    },
    Wall {
        table: "amendments",
        id: "id",
        kind: Kind::Amendment,
        reads: &["get-amendment"],
        updates: &["extend-amendment", "disagree-with-denial"],
        // A trigger decides about columns.
        set: "extension_reason = extension_reason",
    },
    Wall {
        table: "exports",
        id: "id",
        kind: Kind::Export,
        reads: &["get-export", "build-exports"],
        updates: &["request-export-review", "deny-export", "extend-export"],
        // A trigger decides about columns.
        set: "extension_reason = extension_reason",
    },
    Wall {
        table: "amendment_recipients",
        id: "amendment_id",
        kind: Kind::Amendment,
        reads: &["get-amendment"],
        updates: &["record-informed-recipient"],
        set: "informed_on = informed_on",
    },
    Wall {
        table: "accountings",
        id: "id",
        kind: Kind::Accounting,
        reads: &["get-accounting"],
        updates: &["update-accounting", "extend-accounting"],
        // A trigger decides about columns.
        set: "covered_from = covered_from",
    },
];

/// Tables without data of persons, tables that functions can't read, and tables that other tests cover: the
/// audit log, alerts, incidents, activity reviews, disclosures, legal holds and retention rules, which an actor sees
/// completely or not at all, and kept answers.
pub const OTHERS: [&str; 51] = [
    "access_review",
    "activity_reviews",
    "alert_rules",
    "alerts",
    "appointment_reminders",
    "audit_archive_parts",
    "audit_archive_rows",
    "audit_archives",
    "audit_chains",
    "audit_incarnations",
    "audit_logs",
    "audit_quarantine",
    "audit_reconciliations",
    "audit_sealed_runs",
    "audit_seals",
    "audit_waiting_chains",
    "business_events",
    "care_spans",
    "chart_accesses",
    "chart_spans",
    "custom_data_schemas",
    "disclosures",
    "emergency_searches",
    "event_publisher",
    "event_retries",
    "event_subjects",
    "expired_events",
    "export_exclusions",
    "idempotency_keys",
    "incident_accesses",
    "incident_notices",
    "incident_patients",
    "incidents",
    "legal_holds",
    "name_words",
    "permissions",
    "refusals",
    "refused_tokens",
    "refused_tokens_review",
    "retention_listings",
    "retention_rules",
    "role_keepers",
    "role_permissions",
    "role_reach",
    "roles",
    "schema_history",
    "settings",
    "signing_keys",
    "webhook_deliveries",
    "webhook_progress",
    "webhooks",
];

/// The functions that insert rows, and the kind of thing for which they do.
pub const INSERTS: [(&str, Kind); 15] = [
    ("create-user", Kind::Nobodys),
    ("create-patient", Kind::FuturePatient),
    ("create-provider", Kind::FutureProvider),
    ("create-appointment", Kind::Patient),
    ("create-record", Kind::Patient),
    ("release-record", Kind::Record),
    ("shield-record", Kind::Record),
    ("create-representative", Kind::Patient),
    ("create-file", Kind::File),
    ("grant-care", Kind::Patient),
    ("grant-emergency-access", Kind::FoundPatient),
    ("create-export", Kind::Patient),
    ("request-amendment", Kind::Record),
    ("add-amendment-recipient", Kind::Amendment),
    ("request-accounting", Kind::Patient),
];

/// Returns the insert of an importer, where it differs.
fn import(function: &str, ward: &Ward, thing: &Thing) -> Option<String> {
    let (id, ivo) = (thing.id, ward.ivo.id);
    Some(match function {
        "create-user" => format!(
            "insert into user_profiles (id, first_name, last_name, role, source_system, external_id)
             values ('{id}', 'New', 'Example', 'PATIENT', '{SOURCE}', '{id}')"
        ),
        "create-appointment" => format!(
            "insert into appointments
               (id, patient_id, provider_id, scheduled_at, duration_minutes, source_system, external_id)
             values (gen_random_uuid(), '{id}', '{ivo}', '{}', 30, '{SOURCE}', gen_random_uuid())",
            ward.time(State::ToCome)
        ),
        "create-record" => format!(
            "insert into medical_records
               (id, patient_id, provider_id, record_type, content, source_system, external_id)
             values (gen_random_uuid(), '{id}', '{ivo}', 'NOTE', '{{}}', '{SOURCE}', gen_random_uuid())"
        ),
        _ => return None,
    })
}

/// Returns a valid insert for one of them by this user. A provider inserts in their own name.
pub fn insert(function: &str, ward: &Ward, user: Uuid, thing: &Thing) -> String {
    let id = thing.id;
    if user == ward.importer.user
        && let Some(insert) = import(function, ward, thing)
    {
        return insert;
    }
    let vera = ward.vera.id;
    let own = ward
        .of(Kind::Provider)
        .find(|provider| provider.owners.contains(&user));
    let provider = own.map_or("null".to_owned(), |provider| format!("'{}'", provider.id));
    let patient = thing
        .patient
        .map_or("null".to_owned(), |id| format!("'{id}'"));
    match function {
        "create-user" => format!(
            "insert into user_profiles (id, subject, first_name, last_name, role)
             values ('{id}', '{id}', 'New', 'Example', '{}')",
            ward.callers
                .iter()
                .find(|caller| caller.user == user)
                .map_or("PATIENT", new_role)
        ),
        "create-patient" => format!(
            "insert into patients (id, user_id, patient_number, date_of_birth, gender)
             values ('{id}', '{id}', '{id}', '1990-05-17', 'female')"
        ),
        "create-provider" => format!(
            "insert into providers (id, user_id, license_number) values ('{id}', '{id}', '{id}')"
        ),
        "create-appointment" => format!(
            "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes)
             values (gen_random_uuid(), '{id}', '{vera}', '{}', 30)",
            ward.time(State::ToCome)
        ),
        "create-record" => format!(
            "insert into medical_records (id, patient_id, provider_id, record_type, content)
             values (gen_random_uuid(), '{id}', {provider}, 'NOTE', '{{}}')"
        ),
        "release-record" => format!(
            "insert into record_releases (id, record_id, patient_id)
             values (gen_random_uuid(), '{id}', {patient})"
        ),
        "shield-record" => format!(
            "insert into record_shields (id, record_id, patient_id)
             values (gen_random_uuid(), '{id}', {patient})"
        ),
        "create-representative" => format!(
            "insert into representatives (id, user_id, patient_id, basis, evidence)
             values (gen_random_uuid(), '{}', '{id}', 'GUARDIAN', 'A court order was seen')",
            ward.walt.user
        ),
        "create-file" => format!(
            "insert into file_metadata (id, owner_id, owner_type, patient_id, bucket, file_path,
               original_name, file_type, file_size, sha256, expires_at, uploaded_by)
             values (gen_random_uuid(), '{}', '{}', {patient}, 'bucket', gen_random_uuid()::text, 'x',
               'application/pdf', 1, decode(repeat('22', 32), 'hex'), now(), '{user}')",
            thing.owners[0],
            thing.owner_type()
        ),
        "grant-care" => format!(
            "insert into care_relations (member_id, patient_id, basis, source, until)
             values ('{0}', '{id}', 'COVER', '{0}', now() + interval '1 day')",
            ward.xena.user
        ),
        "grant-emergency-access" => format!(
            "insert into emergency_accesses (id, patient_id, reason, explanation, hours)
             values (gen_random_uuid(), '{id}', 'OTHER', 'Collapsed', 1)"
        ),
        "create-export" => {
            format!("insert into exports (id, patient_id) values (gen_random_uuid(), '{id}')")
        }
        "request-amendment" => format!(
            "insert into amendments (id, patient_id, record_id, statement, correction, reason)
             values (gen_random_uuid(), {patient}, '{id}', 'It says that I smoke', 'Never', 'A mistake')"
        ),
        "add-amendment-recipient" => format!(
            "insert into amendment_recipients (amendment_id, source, name) values ('{id}', 'NAMED', 'Dr. Sample')"
        ),
        "request-accounting" => {
            format!("insert into accountings (id, patient_id) values (gen_random_uuid(), '{id}')")
        }
        _ => panic!("no insert is known for {function}"),
    }
}
