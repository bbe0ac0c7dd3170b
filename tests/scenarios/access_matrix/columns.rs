//! The second wall alone: what each role sees and writes as `caretrail_app` without any WHERE.

use std::collections::{BTreeMap, BTreeSet};

use tests::prelude::*;
use tokio_postgres::Client;

/// Patients by their relation to Vera, the provider who acts; Ada acts for herself.
struct Ward {
    ada: Patient,
    vera: Provider,
    walt: Provider,
    admin: Actor,
    officer: Actor,
    patients: BTreeMap<&'static str, Uuid>,
    /// A readable name for each row's id.
    names: BTreeMap<Uuid, String>,
}

const TABLES: [&str; 8] = [
    "user_profiles",
    "patients",
    "providers",
    "appointments",
    "medical_records",
    "medical_record_versions",
    "file_metadata",
    "audit_logs",
];

/// Whom Vera cares for: assigned, treated, booked. Not: whose only visit was called off, and whom
/// she has nothing to do with. Ada is `assigned`.
const RELATIONS: [&str; 5] = ["assigned", "treated", "booked", "cancelled", "stranger"];

async fn ward(world: &World) -> Ward {
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    let mut names = BTreeMap::from([
        (vera.id, "vera".to_owned()),
        (vera.user, "vera".to_owned()),
        (walt.id, "walt".to_owned()),
        (walt.user, "walt".to_owned()),
        (admin.user, "admin".to_owned()),
        (officer.user, "officer".to_owned()),
    ]);
    let mut patients = BTreeMap::new();
    let mut ada = None;
    for (day, relation) in RELATIONS.into_iter().enumerate() {
        let patient = world.patient(relation).await;
        patients.insert(relation, patient.id);
        names.extend([patient.id, patient.user].map(|id| (id, relation.to_owned())));
        let at = format!("2030-01-{:02}T09:00Z", day + 1);
        let with_vera = match relation {
            "assigned" => {
                world.assign(&patient, &vera).await;
                None
            }
            "treated" => Some("COMPLETED"),
            "booked" => Some("SCHEDULED"),
            "cancelled" => Some("CANCELLED"),
            _ => None,
        };
        if let Some(status) = with_vera {
            let id = world.visit(&patient, &vera, &at, status).await;
            names.insert(id, format!("{relation} with vera"));
        }
        let at = format!("2030-02-{:02}T09:00Z", day + 1);
        let id = world.visit(&patient, &walt, &at, "SCHEDULED").await;
        names.insert(id, format!("{relation} with walt"));
        for kind in ["shown", "held"] {
            let id = world.note(&patient, &walt, kind).await;
            names.insert(id, format!("{relation} {kind}"));
            // Leaves a version of each behind.
            world
                .sql(
                    "update medical_records set notes = 'Seen', change_reason = 'x' where id = $1",
                    &[&id],
                )
                .await;
            if kind != "shown" {
                world.hold(id, &walt, "1 day").await;
            }
        }
        let id = file(world, &patient, Some(patient.id)).await;
        names.insert(id, format!("{relation} file"));
        if relation == "assigned" {
            ada = Some(patient);
        }
    }
    for provider in [&vera, &walt] {
        let id = file(world, provider, None).await;
        names.insert(id, format!("{} file", names[&provider.id]));
    }
    let row = Uuid::now_v7();
    names.insert(row, "row".to_owned());
    world
        .sql(
            "insert into audit_logs
               (id, month, timestamp, user_id, actor_role, action_type, resource_type, outcome,
                application, request_id, chain_id, seq, prev_hash, row_hash)
             values ($1, date_trunc('month', now() at time zone 'UTC')::date, now(), $2, 'PATIENT',
               'READ', 'PATIENT', 'SUCCESS', 'get-patient', 'r', $1, 1,
               decode(repeat('00', 32), 'hex'), decode(repeat('11', 32), 'hex'))",
            &[&row, &admin.user],
        )
        .await;
    Ward {
        ada: ada.unwrap(),
        vera,
        walt,
        admin,
        officer,
        patients,
        names,
    }
}

async fn file(world: &World, owner: &Actor, patient: Option<Uuid>) -> Uuid {
    let id = Uuid::now_v7();
    let owner_type = if patient.is_some() {
        "PATIENT"
    } else {
        "PROVIDER"
    };
    world
        .sql(
            "insert into file_metadata
               (id, owner_id, owner_type, patient_id, bucket, file_path, original_name, file_type,
                file_size, sha256, expires_at, uploaded_by)
             values ($1::uuid, $2, $3::text::file_owner_type, $4, 'bucket', $1::text, 'x.pdf',
               'application/pdf', 1, decode(repeat('22', 32), 'hex'), now(), $2)",
            &[&id, &owner.user, &owner_type, &patient],
        )
        .await;
    id
}

/// Opens a transaction for the user, as each request does.
async fn begin_as(app: &Client, user: Uuid) {
    app.batch_execute("begin").await.unwrap();
    // A permission that every role holds one of.
    for permission in ["users:read", "patients:read"] {
        app.batch_execute("savepoint attempt").await.unwrap();
        let begun = app
            .query(
                "select role from begin_request($1, true, $2)",
                &[&user, &permission],
            )
            .await;
        if begun.is_ok() {
            return;
        }
        app.batch_execute("rollback to attempt").await.unwrap();
    }
    panic!("no role without both");
}

/// The names of all rows that a bare SELECT shows, by table.
async fn visible(
    app: &Client,
    names: &BTreeMap<Uuid, String>,
) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut visible = BTreeMap::new();
    for table in TABLES {
        let id = if table == "medical_record_versions" {
            "record_id"
        } else {
            "id"
        };
        let rows = app
            .query(&format!("select {id} from {table}"), &[])
            .await
            .unwrap();
        let seen = rows.iter().map(|row| names[&row.get::<_, Uuid>(0)].clone());
        visible.insert(table, seen.collect());
    }
    visible
}

fn named(names: impl IntoIterator<Item = impl Into<String>>) -> BTreeSet<String> {
    names.into_iter().map(Into::into).collect()
}

fn each(relations: &[&str], what: &[&str]) -> Vec<String> {
    relations
        .iter()
        .flat_map(|relation| what.iter().map(move |what| format!("{relation} {what}")))
        .collect()
}

#[tokio::test]
async fn each_role_sees_the_rows_of_the_written_matrix_and_no_other() {
    let world = World::new().await;
    let ward = ward(&world).await;
    let app = world.connect_as_app().await;
    let all_notes = ["shown", "held"];
    let care = &RELATIONS[..3];
    let nothing = || named([] as [&str; 0]);

    let patient = BTreeMap::from([
        ("user_profiles", named(["assigned", "vera", "walt"])),
        ("patients", named(["assigned"])),
        ("providers", named(["vera", "walt"])),
        ("appointments", named(["assigned with walt"])),
        ("medical_records", named(["assigned shown"])),
        ("medical_record_versions", named(["assigned shown"])),
        ("file_metadata", named(["assigned file"])),
        ("audit_logs", nothing()),
    ]);
    let provider = BTreeMap::from([
        (
            "user_profiles",
            named(["assigned", "treated", "booked", "vera", "walt"]),
        ),
        ("patients", named(care.to_vec())),
        ("providers", named(["vera", "walt"])),
        (
            "appointments",
            named(
                [
                    each(care, &["with walt"]),
                    each(&["treated", "booked", "cancelled"], &["with vera"]),
                ]
                .concat(),
            ),
        ),
        ("medical_records", named(each(care, &all_notes))),
        ("medical_record_versions", named(each(care, &all_notes))),
        (
            "file_metadata",
            named([each(care, &["file"]), vec!["vera file".to_owned()]].concat()),
        ),
        ("audit_logs", nothing()),
    ]);
    let admin = BTreeMap::from([
        (
            "user_profiles",
            named([&RELATIONS[..], &["vera", "walt", "admin", "officer"]].concat()),
        ),
        ("patients", named(RELATIONS)),
        ("providers", named(["vera", "walt"])),
        (
            "appointments",
            named(
                [
                    each(&RELATIONS, &["with walt"]),
                    each(&["treated", "booked", "cancelled"], &["with vera"]),
                ]
                .concat(),
            ),
        ),
        ("medical_records", nothing()),
        ("medical_record_versions", nothing()),
        ("file_metadata", nothing()),
        ("audit_logs", nothing()),
    ]);
    let mut officer: BTreeMap<_, _> = TABLES.map(|table| (table, nothing())).into();
    officer.insert("user_profiles", named(["officer"]));
    officer.insert("audit_logs", named(["row"]));

    for (who, user, expected) in [
        ("patient", ward.ada.user, patient),
        ("provider", ward.vera.user, provider),
        ("administrator", ward.admin.user, admin),
        ("compliance officer", ward.officer.user, officer),
    ] {
        begin_as(&app, user).await;
        assert_eq!(visible(&app, &ward.names).await, expected, "{who}");
        app.batch_execute("rollback").await.unwrap();
    }

    // The functions that nobody calls see files, and no chart.
    let mut system: BTreeMap<_, _> = TABLES.map(|table| (table, nothing())).into();
    let files = [
        each(&RELATIONS, &["file"]),
        each(&["vera", "walt"], &["file"]),
    ]
    .concat();
    system.insert("file_metadata", named(files));
    app.batch_execute("begin; select begin_job('files:process')")
        .await
        .unwrap();
    assert_eq!(visible(&app, &ward.names).await, system);
    app.batch_execute("rollback").await.unwrap();
}

#[tokio::test]
async fn outside_a_request_nothing_is_seen_and_nothing_of_it_stays_behind() {
    let world = World::new().await;
    let ward = ward(&world).await;
    let app = world.connect_as_app().await;
    let nothing: BTreeMap<_, _> = TABLES.map(|table| (table, BTreeSet::new())).into();
    assert_eq!(visible(&app, &ward.names).await, nothing);
    for end in ["commit", "rollback"] {
        begin_as(&app, ward.admin.user).await;
        app.batch_execute(end).await.unwrap();
        assert_eq!(visible(&app, &ward.names).await, nothing, "{end}");
        let settings = app
            .query_one(
                "select concat(
                   current_setting('caretrail.user_id', true), current_setting('caretrail.patient_id', true),
                   current_setting('caretrail.provider_id', true), current_setting('caretrail.permissions', true),
                   actor_user(), actor_patient(), actor_provider(), reach('users:read'))",
                &[],
            )
            .await
            .unwrap();
        assert_eq!(settings.get::<_, String>(0), "", "{end}");
    }
}

/// What the statement did as this user, and undoes it.
async fn attempt(app: &Client, user: Uuid, statement: &str) -> Result<u64, String> {
    begin_as(app, user).await;
    let result = app.execute(statement, &[]).await;
    app.batch_execute("rollback").await.unwrap();
    result.map_err(|error| error.code().unwrap().code().to_owned())
}

#[tokio::test]
async fn nobody_writes_beyond_her_reach() {
    let world = World::new().await;
    let ward = ward(&world).await;
    let app = world.connect_as_app().await;
    let patient = |relation: &str| ward.patients[relation];
    let visit = |patient: Uuid, provider: Uuid| {
        format!(
            "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes)
             values (gen_random_uuid(), '{patient}', '{provider}', '2031-01-01T09:00Z', 30)"
        )
    };
    let note = |patient: Uuid, provider: Uuid| {
        format!(
            "insert into medical_records (id, patient_id, provider_id, record_type, content)
             values (gen_random_uuid(), '{patient}', '{provider}', 'NOTE', '{{\"text\": \"x\"}}')"
        )
    };
    let hold = |patient: Uuid| {
        format!(
            "insert into record_releases (id, record_id, patient_id, hold_reason, expires_at)
             select gen_random_uuid(), id, patient_id, 'law', now() + interval '1 day'
             from medical_records where patient_id = '{patient}'"
        )
    };
    let row = |user: Uuid, outcome: &str| {
        format!(
            "insert into audit_logs
               (id, month, timestamp, user_id, actor_role, action_type, resource_type, outcome,
                application, request_id, chain_id, seq, prev_hash, row_hash)
             values (gen_random_uuid(), date_trunc('month', now() at time zone 'UTC')::date, now(),
               '{user}', 'PATIENT', 'READ', 'PATIENT', '{outcome}', 'get-patient', 'r',
               gen_random_uuid(), 1, decode(repeat('00', 32), 'hex'), decode(repeat('11', 32), 'hex'))"
        )
    };
    let refused = || Err("42501".to_owned());
    let (ada, vera, walt) = (&ward.ada, &ward.vera, &ward.walt);
    let (admin, officer) = (&ward.admin, &ward.officer);
    let stranger = patient("stranger");
    let update = |table: &str, set: &str| format!("update {table} set {set}");
    for (who, user, statement, expected) in [
        (
            "a patient books for herself",
            ada.user,
            visit(ada.id, vera.id),
            Ok(1),
        ),
        (
            "a patient books for another",
            ada.user,
            visit(stranger, vera.id),
            refused(),
        ),
        (
            "a provider books for whom she treats",
            vera.user,
            visit(patient("treated"), vera.id),
            Ok(1),
        ),
        (
            "a provider books for a stranger",
            vera.user,
            visit(stranger, vera.id),
            refused(),
        ),
        (
            "an officer books",
            officer.user,
            visit(ada.id, vera.id),
            refused(),
        ),
        (
            "a provider writes for whom she treats",
            vera.user,
            note(patient("booked"), vera.id),
            Ok(1),
        ),
        (
            "a provider writes in another's name",
            vera.user,
            note(patient("booked"), walt.id),
            refused(),
        ),
        (
            "a provider writes for a stranger",
            vera.user,
            note(stranger, vera.id),
            refused(),
        ),
        (
            "a patient writes in her chart",
            ada.user,
            note(ada.id, vera.id),
            refused(),
        ),
        (
            "an administrator writes in a chart",
            admin.user,
            note(ada.id, vera.id),
            refused(),
        ),
        // What an actor can't see or not write is not there to be updated.
        (
            "a patient changes patients",
            ada.user,
            update("patients", "gender = 'other'"),
            Ok(0),
        ),
        (
            "a provider changes registrations",
            vera.user,
            update("patients", "gender = 'other'"),
            refused(),
        ),
        (
            "a provider changes charts",
            vera.user,
            update("patients", "allergies = '[]'"),
            Ok(3),
        ),
        (
            "an administrator changes charts",
            admin.user,
            update("patients", "allergies = '[]'"),
            refused(),
        ),
        (
            "a patient changes how she is reached",
            ada.user,
            update("user_profiles", "phone = '1'"),
            Ok(1),
        ),
        (
            "an administrator suspends herself",
            admin.user,
            update("user_profiles", "status = 'SUSPENDED'"),
            Err("23514".to_owned()),
        ),
        (
            "an administrator changes patients",
            admin.user,
            update("patients", "gender = 'other'"),
            Ok(5),
        ),
        (
            "a patient changes roles",
            ada.user,
            update("user_profiles", "role = 'ADMIN'"),
            refused(),
        ),
        (
            "a provider changes users",
            vera.user,
            update("user_profiles", "status = 'INACTIVE'"),
            refused(),
        ),
        (
            "a provider changes providers",
            vera.user,
            update("providers", "specialties = '{}'"),
            Ok(1),
        ),
        (
            "a provider changes what was verified about her",
            vera.user,
            update("providers", "is_verified = false"),
            refused(),
        ),
        (
            "a provider writes her own rating",
            vera.user,
            update("providers", "rating = 5, total_reviews = 1"),
            refused(),
        ),
        (
            "a patient changes records",
            ada.user,
            update("medical_records", "notes = 'x', change_reason = 'x'"),
            Ok(0),
        ),
        (
            "a provider changes records",
            vera.user,
            update("medical_records", "notes = 'x', change_reason = 'x'"),
            Ok(6),
        ),
        (
            "a provider hides records without a hold",
            vera.user,
            update("medical_records", "is_patient_visible = false"),
            refused(),
        ),
        (
            "a provider defers records without a hold",
            vera.user,
            update("medical_records", "release_date = 'infinity'"),
            refused(),
        ),
        (
            "a provider holds what is in her care",
            vera.user,
            hold(ada.id),
            Ok(2),
        ),
        (
            "a provider holds what is not",
            vera.user,
            hold(stranger),
            Ok(0),
        ),
        (
            "a patient releases records",
            ada.user,
            hold(ada.id)
                .replace("'law'", "null")
                .replace("now() + interval '1 day'", "null"),
            refused(),
        ),
        (
            "a provider changes the ledger",
            vera.user,
            update("record_releases", "note = 'x'"),
            refused(),
        ),
        (
            "a provider moves records out of reach",
            vera.user,
            update("medical_records", &format!("patient_id = '{stranger}'")),
            refused(),
        ),
        (
            "an officer changes appointments",
            officer.user,
            update("appointments", "notes = 'x'"),
            Ok(0),
        ),
        (
            "an officer changes files",
            officer.user,
            update("file_metadata", "original_name = 'x'"),
            Ok(0),
        ),
        // A success names who acts; a refusal is written before anybody may act.
        (
            "a success in one's own name",
            ada.user,
            row(ada.user, "SUCCESS"),
            Ok(1),
        ),
        (
            "a success in another's name",
            ada.user,
            row(admin.user, "SUCCESS"),
            refused(),
        ),
        (
            "a refusal of another",
            ada.user,
            row(admin.user, "DENIED"),
            Ok(1),
        ),
    ] {
        assert_eq!(attempt(&app, user, &statement).await, expected, "{who}");
    }
}

#[tokio::test]
async fn the_tables_owner_passes_through_policies_too() {
    let world = World::new().await;
    ward(&world).await;
    let owner = world.connect().await;
    owner
        .batch_execute("set role caretrail_owner")
        .await
        .unwrap();
    // Forced security: without its own policy the owner would see nothing either.
    owner
        .batch_execute("begin; drop policy owner_all on patients")
        .await
        .unwrap();
    let seen = owner.query("select id from patients", &[]).await.unwrap();
    assert!(seen.is_empty());
}
