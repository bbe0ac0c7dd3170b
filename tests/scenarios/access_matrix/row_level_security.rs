//! The second wall alone: what each role sees and writes as `caretrail_app`, without any WHERE.

use std::collections::BTreeSet;

use tests::prelude::*;
use tokio_postgres::Client;

use super::table::{Cell, Relation, Relations, Table, Verdict};
use super::ward::{Kind, State, Thing, Ward};
use super::{Cells, none};

/// A table with rows of persons, and the functions whose rows of docs/access.md say who reaches them.
pub struct Wall {
    pub table: &'static str,
    /// The column that says which thing a row is of.
    id: &'static str,
    kind: Kind,
    reads: &'static [&'static str],
    updates: &'static [&'static str],
    /// A column that no trigger guards, and a value.
    set: &'static str,
}

pub const WALLS: [Wall; 9] = [
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
            "rate-appointment",
            "delete-appointment",
        ],
        set: "change_reason = 'x'",
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
    // Holds are of those who lay them, never the patient's to read.
    Wall {
        table: "record_releases",
        id: "record_id",
        kind: Kind::Record,
        reads: &["release-record"],
        updates: &[],
        set: "note = 'x'",
    },
    Wall {
        table: "file_metadata",
        id: "id",
        kind: Kind::File,
        reads: &["get-file", "process-upload"],
        updates: &["update-file", "delete-file", "process-upload"],
        set: "original_name = 'x'",
    },
];

/// Tables without a person's rows, and those that other tests are about: the log, which is seen
/// whole or not at all, and answers kept under a key.
const OTHERS: [&str; 7] = [
    "audit_logs",
    "custom_data_schemas",
    "idempotency_keys",
    "permissions",
    "role_permissions",
    "roles",
    "schema_history",
];

/// Who acts: a caller, or the functions that nobody calls.
#[derive(Clone, Copy)]
pub struct Who<'a>(pub Option<&'a Actor>);

impl Who<'_> {
    fn role(self) -> &'static str {
        self.0.map_or("SYSTEM", |caller| caller.role.unwrap())
    }

    fn user(self) -> Uuid {
        self.0.map_or(Uuid::nil(), |caller| caller.user)
    }

    /// Opens a transaction, as each request or event does. Errors: the SQLSTATE.
    async fn begin(self, app: &Client, permission: &str) -> Result<(), String> {
        app.batch_execute("begin").await.unwrap();
        let begun = match self.0 {
            Some(caller) => {
                app.query(
                    "select role from begin_request($1, true, $2)",
                    &[&caller.user, &permission],
                )
                .await
            }
            None => {
                app.query("select role from begin_job($1)", &[&permission])
                    .await
            }
        };
        begun
            .map(drop)
            .map_err(|error| error.code().unwrap().code().to_owned())
    }

    /// The same with a permission that she holds.
    pub async fn act(self, app: &Client, table: &Table) {
        let held = table.functions().find_map(|function| {
            let permission = table.permission(function)?;
            table.reach(self.role(), permission).map(|_| permission)
        });
        self.begin(app, held.unwrap()).await.unwrap();
    }
}

pub async fn end(app: &Client) {
    app.batch_execute("rollback").await.unwrap();
}

#[tokio::test]
async fn row_level_security_alone_shows_and_takes_what_the_table_says() {
    let ward = Ward::new().await;
    let table = Table::read(&ward.world).await;
    every_table_is_known(&ward.world).await;
    let app = ward.world.connect_as_app().await;
    let callers = ward.callers.iter().map(|caller| Who(Some(caller)));
    let everybody: Vec<_> = callers.chain([Who(None)]).collect();
    let (mut cells, mut problems) = (Cells::default(), Vec::new());
    for who in everybody.iter().copied() {
        problems.extend(opened(&app, &table, who).await);
        for wall in &WALLS {
            problems.extend(read(&ward, &app, &table, who, wall, &mut cells).await);
            problems.extend(updated(&ward, &app, &table, who, wall, &mut cells).await);
        }
        problems.extend(log(&ward, &app, &table, who).await);
    }
    // Last, for accounts are made for it.
    for who in everybody {
        problems.extend(inserted(&ward, &app, &table, who, &mut cells).await);
    }
    none(
        problems,
        "find out which is wrong, a policy or a row of docs/access.md",
    );
    cells.report("against row-level security alone");
}

async fn every_table_is_known(world: &World) {
    let tables = world
        .sql(
            "select relname::text from pg_class
             where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition",
            &[],
        )
        .await;
    let known: BTreeSet<_> = WALLS.iter().map(|wall| wall.table).chain(OTHERS).collect();
    let tables = tables.iter().map(|row| row.get::<_, String>(0));
    none(
        tables.filter(|table| !known.contains(&**table)),
        "give the table a wall in tests/scenarios/access_matrix/row_level_security.rs",
    );
}

/// Whether a transaction opens for the functions whose permission is held, and for no other.
async fn opened(app: &Client, table: &Table, who: Who<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    for function in table.functions() {
        let Some(permission) = table.permission(function) else {
            continue;
        };
        let is_served = !table.cell(function, who.role()).served.is_empty();
        let expected = if is_served {
            Ok(())
        } else {
            Err("CT003".to_owned())
        };
        let begun = who.begin(app, permission).await;
        end(app).await;
        if begun != expected {
            problems.push(format!("{} opens {function}: {begun:?}", who.role()));
        }
    }
    problems
}

/// Whether one of the functions serves the thing.
fn serves(table: &Table, who: Who<'_>, functions: &[&str], thing: &Thing) -> bool {
    let relations = thing.relations(who.user());
    functions
        .iter()
        .any(|function| table.cell(function, who.role()).verdict(&relations) == Verdict::Served)
}

/// Whether the row is to be seen. One's own profile always is, and the name behind a patient or a
/// provider is seen with her.
fn shows(ward: &Ward, table: &Table, who: Who<'_>, wall: &Wall, thing: &Thing) -> bool {
    let behind = |kind, function| {
        let mut others = ward.of(kind);
        others
            .any(|other| other.owners.contains(&thing.id) && serves(table, who, &[function], other))
    };
    serves(table, who, wall.reads, thing)
        || wall.kind == Kind::User
            && (thing.id == who.user()
                || behind(Kind::Patient, "get-patient")
                || behind(Kind::Provider, "get-provider"))
}

/// What differs between the rows reached and those to be reached.
fn differences(
    what: &str,
    who: Who<'_>,
    things: &[&Thing],
    found: &BTreeSet<Uuid>,
    expected: impl Fn(&Thing) -> bool,
) -> Vec<String> {
    let known: BTreeSet<_> = things.iter().map(|thing| thing.id).collect();
    let unknown = found.difference(&known).map(ToString::to_string);
    let wrong = things
        .iter()
        .filter(|thing| found.contains(&thing.id) != expected(thing))
        .map(|thing| format!("{} ({:?})", thing.name, thing.relations(who.user())));
    wrong
        .chain(unknown)
        .map(|thing| format!("{} {what}: {thing}", who.role()))
        .collect()
}

fn drive(cells: &mut Cells, what: &str, who: Who<'_>, things: &[&Thing]) {
    let driven = things.iter().map(|thing| thing.relations(who.user()));
    cells.drive(what, who.role(), driven);
}

async fn read(
    ward: &Ward,
    app: &Client,
    table: &Table,
    who: Who<'_>,
    wall: &Wall,
    cells: &mut Cells,
) -> Vec<String> {
    let things: Vec<_> = ward
        .of(wall.kind)
        .filter(|thing| wall.table != "record_releases" || !thing.released)
        .collect();
    who.act(app, table).await;
    let select = format!("select {} from {}", wall.id, wall.table);
    let rows = app.query(&select, &[]).await.unwrap();
    end(app).await;
    let found = rows.iter().map(|row| row.get(0)).collect();
    let what = format!("select {}", wall.table);
    drive(cells, &what, who, &things);
    differences(&what, who, &things, &found, |thing| {
        shows(ward, table, who, wall, thing)
    })
}

async fn updated(
    ward: &Ward,
    app: &Client,
    table: &Table,
    who: Who<'_>,
    wall: &Wall,
    cells: &mut Cells,
) -> Vec<String> {
    let update = format!("update {} set {}", wall.table, wall.set);
    let things: Vec<_> = ward.of(wall.kind).collect();
    drive(cells, &update, who, &things);
    // By itself, and with what it tells of the rows, which have to be seen as well.
    who.act(app, table).await;
    let count = app.execute(&update, &[]).await;
    end(app).await;
    if wall.updates.is_empty() {
        let refused = count.is_err_and(|error| error.code().unwrap().code() == "42501");
        return (!refused)
            .then(|| format!("{} may {update}", who.role()))
            .into_iter()
            .collect();
    }
    who.act(app, table).await;
    let rows = app
        .query(&format!("{update} returning {}", wall.id), &[])
        .await
        .unwrap();
    end(app).await;
    let found: BTreeSet<_> = rows.iter().map(|row| row.get(0)).collect();
    let mut problems = differences(&update, who, &things, &found, |thing| {
        serves(table, who, wall.updates, thing)
    });
    let count = count.unwrap();
    if count != found.len() as u64 {
        problems.push(format!(
            "{} {update}: {count} rows, and tells of {}",
            who.role(),
            found.len()
        ));
    }
    problems
}

/// An insert for each thing that a function would make one for, and whether it is taken.
async fn inserted(
    ward: &Ward,
    app: &Client,
    table: &Table,
    who: Who<'_>,
    cells: &mut Cells,
) -> Vec<String> {
    let (user, mut problems) = (who.user(), Vec::new());
    // In her own name where she is one.
    let provider = ward
        .of(Kind::Provider)
        .find(|provider| provider.owners.contains(&user));
    let provider = provider.map_or(ward.vera.id, |provider| provider.id);
    let vera = ward.vera.id;
    for (function, kind) in [
        ("create-user", Kind::Nobodys),
        ("create-patient", Kind::FuturePatient),
        ("create-provider", Kind::FutureProvider),
        ("create-appointment", Kind::Patient),
        ("create-record", Kind::Patient),
        ("release-record", Kind::Record),
        ("create-file", Kind::File),
    ] {
        for thing in ward.asked_by(kind, who.0.unwrap_or(&ward.callers[0])) {
            let thing = match kind {
                Kind::FuturePatient | Kind::FutureProvider => {
                    ward.another(&thing, State::ToCome).await
                }
                _ => thing,
            };
            let id = thing.id;
            let insert = match function {
                "create-user" => format!(
                    "user_profiles (id, username, first_name, last_name, role)
                     values ('{id}', '{id}@example.org', 'New', 'Example', 'PATIENT')"
                ),
                "create-patient" => format!(
                    "patients (id, user_id, patient_number, date_of_birth, gender)
                     values ('{id}', '{id}', '{id}', '1990-05-17', 'female')"
                ),
                "create-provider" => {
                    format!(
                        "providers (id, user_id, license_number) values ('{id}', '{id}', '{id}')"
                    )
                }
                "create-appointment" => format!(
                    "appointments (id, patient_id, provider_id, scheduled_at, duration_minutes)
                     values (gen_random_uuid(), '{id}', '{vera}', '{}', 30)",
                    ward.time(State::ToCome)
                ),
                "create-record" => format!(
                    "medical_records (id, patient_id, provider_id, record_type, content)
                     values (gen_random_uuid(), '{id}', '{provider}', 'NOTE', '{{}}')"
                ),
                "release-record" => format!(
                    "record_releases (id, record_id, patient_id) values (gen_random_uuid(), '{id}', '{}')",
                    thing.patient.unwrap()
                ),
                _ => {
                    let patient = thing
                        .patient
                        .map_or("null".to_owned(), |id| format!("'{id}'"));
                    let owner_type = if thing.patient.is_some() {
                        "PATIENT"
                    } else {
                        "PROVIDER"
                    };
                    let owner = thing.owners[0];
                    format!(
                        "file_metadata (id, owner_id, owner_type, patient_id, bucket, file_path,
                           original_name, file_type, file_size, sha256, expires_at, uploaded_by)
                         values (gen_random_uuid(), '{owner}', '{owner_type}', {patient}, 'bucket',
                           gen_random_uuid()::text, 'x', 'application/pdf', 1,
                           decode(repeat('22', 32), 'hex'), now(), '{user}')"
                    )
                }
            };
            who.act(app, table).await;
            let taken = app.execute(&format!("insert into {insert}"), &[]).await;
            end(app).await;
            let taken = taken.map_err(|error| error.code().unwrap().code().to_owned());
            let expected = if serves(table, who, &[function], &thing) {
                Ok(1)
            } else {
                Err("42501".to_owned())
            };
            cells.drive(
                &format!("insert {function}"),
                who.role(),
                [thing.relations(user)],
            );
            if taken != expected {
                let relations = thing.relations(user);
                problems.push(format!(
                    "{} insert as {function}: {} ({relations:?}): {taken:?}",
                    who.role(),
                    thing.name
                ));
            }
        }
    }
    problems
}

/// Whether the audit log is seen, whole or not at all.
async fn log(ward: &Ward, app: &Client, table: &Table, who: Who<'_>) -> Option<String> {
    let all: i64 = ward.world.sql("select count(*) from audit_logs", &[]).await[0].get(0);
    who.act(app, table).await;
    let seen: i64 = app
        .query_one("select count(*) from audit_logs", &[])
        .await
        .unwrap()
        .get(0);
    end(app).await;
    let cell: Cell = table.cell("list-audit-logs", who.role());
    let is_served = cell.verdict(&Relations::from([Relation::None])) == Verdict::Served;
    let expected = if is_served { all } else { 0 };
    (seen != expected || all == 0)
        .then(|| format!("{} sees {seen} of {all} audit rows", who.role()))
}
