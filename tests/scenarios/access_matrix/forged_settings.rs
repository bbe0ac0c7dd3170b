//! Forged settings: a login that sets everything about the actor by itself, without a ticket, sees and changes no
//! row, and calls no function that bypasses row-level security.

use std::collections::BTreeSet;

use tests::database::{JOBS, PEOPLE};
use tests::prelude::*;
use tokio_postgres::Client;

use super::row_level_security::{Who, end};
use super::table::{Relation, Relations, Table};
use super::walls::{INSERTS, insert};
use super::ward::Ward;
use super::{Cells, none};

/// The SQLSTATE of a ticket or an actor that is not proven.
pub const NOT_PROVEN: &str = "CT007";

/// Row predicates that policies ask once a row. Each reveals at most one relation: whether one patient is in the
/// care of one member, whether one user represents one patient, whether an account is that of a patient, whether
/// one entry is withheld, whether one role can do no more than another, and whether one account or provider came from
/// one source system.
const PREDICATES: [&str; 11] = [
    "acts_for(uuid)",
    "in_care(uuid)",
    "is_imported_by_actor(uuid)",
    "is_withheld(uuid,uuid)",
    "keeps_role(text)",
    "patient_of(uuid)",
    "reaches(text,uuid)",
    "reaches_person(uuid)",
    "represents(uuid)",
    "sees_user(uuid,text,text)",
    "writes_from(text,uuid,text)",
];

/// Returns a statement with all settings of this user, as a login can set them by itself: their ids, this role, and
/// every permission over ALL.
pub async fn forged(world: &World, user: Uuid, role: &str) -> String {
    let settings = world
        .sql(
            "select 'select ' || string_agg(format('set_config(%L, %L, true)', 'caretrail.' || name, value), ', ')
             from (select) as one
             left join user_profiles u on u.id = $1
             left join patients p on p.user_id = u.id
             left join providers v on v.user_id = u.id
             cross join lateral (values
               ('subject', coalesce(u.subject::text, '')), ('user_id', $1::uuid::text), ('role', $2::text),
               ('relation', 'OFFICE'), ('patient_id', coalesce(p.id::text, '')),
               ('provider_id', coalesce(v.id::text, '')), ('source_system', coalesce(u.imports_from, '')),
               ('emergency_patients', (select array_agg(id)::text from patients)),
               ('permissions', (select jsonb_object_agg(name, 'ALL')::text from permissions))
             ) as setting (name, value)",
            &[&user, &role],
        )
        .await;
    settings[0].get(0)
}

/// Returns a statement that sets what is set in the open transaction, with its seal.
pub async fn copied(app: &Client) -> String {
    let settings = "select 'select ' || string_agg(
        format('set_config(%L, %L, true)', name, current_setting(name, true)), ', '
      ) from unnest(array['caretrail.subject', 'caretrail.user_id', 'caretrail.role', 'caretrail.relation',
        'caretrail.patient_id', 'caretrail.provider_id', 'caretrail.source_system', 'caretrail.emergency_patients',
        'caretrail.permissions', 'caretrail.seal']) as name";
    app.query_one(settings, &[]).await.unwrap().get(0)
}

/// Returns statements that make the login look like this actor: with no seal, with a made-up one, with the seal of a
/// transaction that this actor really began, and with all settings of that transaction.
async fn forgeries(ward: &Ward, table: &Table, who: Who<'_>) -> Vec<(&'static str, String)> {
    let real = ward.world.connect_as(who.login()).await;
    who.act(&real, table).await;
    let own = match who.0 {
        Some(_) => "select from user_profiles where id = actor_user()",
        None => "select from file_metadata limit 1",
    };
    let seen = real.query(own, &[]).await.unwrap();
    assert_eq!(seen.len(), 1, "a real transaction sees rows");
    let copied = copied(&real).await;
    let seal = "select current_setting('caretrail.seal')";
    let seal: String = real.query_one(seal, &[]).await.unwrap().get(0);
    end(&real).await;
    let forged = forged(&ward.world, who.user(), who.role()).await;
    let sealed = |seal: &str| format!("{forged}, set_config('caretrail.seal', '{seal}', true)");
    vec![
        ("no seal", forged.clone()),
        ("an empty seal", sealed("")),
        ("a made-up seal", sealed(&"0".repeat(64))),
        ("a copied seal", sealed(&seal)),
        ("copied settings", copied),
    ]
}

/// A statement, and the operation and the table that it tries.
struct Try {
    what: String,
    statement: String,
}

/// Returns statements that read and change every row of every table and view.
async fn tries(world: &World) -> Vec<Try> {
    let tables = world
        .sql(
            "select c.oid::regclass::text,
               coalesce(
                 string_agg(format('%1$I = %1$I', attname), ', ')
                   filter (where has_column_privilege('caretrail_app', c.oid, attnum, 'update')),
                 min(format('%1$I = %1$I', attname))
               )
             from pg_class c join pg_attribute a on a.attrelid = c.oid
             where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v')
               and attnum > 0 and not attisdropped and attgenerated = '' and attidentity = ''
             group by c.oid",
            &[],
        )
        .await;
    let of = |row: &tokio_postgres::Row| {
        let (table, set): (String, String) = (row.get(0), row.get(1));
        [
            ("select", format!("select from {table}")),
            ("update", format!("update {table} set {set}")),
            ("delete", format!("delete from {table}")),
            ("truncate", format!("truncate {table}")),
            ("insert", format!("insert into {table} default values")),
        ]
        .map(|(operation, statement)| Try {
            what: format!("{operation} {table}"),
            statement,
        })
    };
    tables.iter().flat_map(of).collect()
}

/// Runs a statement without an effect. Returns the number of its rows or the SQLSTATE.
async fn attempt(app: &Client, statement: &str) -> Result<u64, String> {
    app.batch_execute("savepoint before").await.unwrap();
    let done = app.execute(statement, &[]).await;
    app.batch_execute("rollback to before").await.unwrap();
    done.map_err(|error| error.code().unwrap().code().to_owned())
}

#[tokio::test]
async fn forged_settings_show_and_change_no_row() {
    let ward = Ward::new().await;
    let table = Table::read(&ward.world).await;
    let tries = tries(&ward.world).await;
    let (mut cells, mut problems) = (Cells::default(), Vec::new());
    let forged = || [Relations::from([Relation::Forged])];
    let callers = ward.callers.iter().map(|caller| Who(Some(caller)));
    for who in callers.chain([Who(None)]) {
        let app = ward.world.connect_as(who.login()).await;
        for (forgery, settings) in forgeries(&ward, &table, who).await {
            app.batch_execute(&format!("begin; {settings}"))
                .await
                .unwrap();
            for Try { what, statement } in &tries {
                let done = attempt(&app, statement).await;
                if done.as_ref().is_ok_and(|rows| *rows > 0) {
                    problems.push(format!("{} with {forgery}: {what}: {done:?}", who.role()));
                }
                cells.drive(what, who.role(), forged());
            }
            for (function, kind) in INSERTS {
                let caller = who.0.unwrap_or(&ward.callers[0]);
                for thing in ward.asked_by(kind, caller) {
                    let insert = insert(function, &ward, who.user(), &thing);
                    let done = attempt(&app, &insert).await;
                    if done.is_ok() {
                        problems.push(format!(
                            "{} with {forgery}: {function}: {done:?}",
                            who.role()
                        ));
                    }
                }
                cells.drive(&format!("insert {function}"), who.role(), forged());
            }
            end(&app).await;
        }
    }
    none(
        problems,
        "call secure() for the table in its migration, or revoke what functions don't need",
    );
    cells.report("with forged settings");
}

/// A function that bypasses row-level security and that a login may call.
struct Definer {
    name: String,
    /// A call with null for each argument.
    call: String,
    /// Whether it returns one boolean or one id.
    is_one_bit: bool,
}

async fn definers(world: &World, login: &str) -> Vec<Definer> {
    let functions = world
        .sql(
            "select oid::regprocedure::text,
               format('select %s(%s)', oid::regproc,
                 (select string_agg(format('null::%s', type::regtype), ', ') from unnest(proargtypes) as type)),
               not proretset and prorettype in ('boolean'::regtype, 'uuid'::regtype)
             from pg_proc
             where pronamespace = 'public'::regnamespace and prosecdef
               and has_function_privilege($1, oid, 'execute')",
            &[&login],
        )
        .await;
    let functions = functions.iter().map(|row| Definer {
        name: row.get(0),
        call: row.get(1),
        is_one_bit: row.get(2),
    });
    functions.collect()
}

#[tokio::test]
async fn functions_that_bypass_row_level_security_ask_for_the_proof() {
    let ward = Ward::new().await;
    let table = Table::read(&ward.world).await;
    let mut problems = Vec::new();
    for login in [PEOPLE, JOBS] {
        let definers = definers(&ward.world, login).await;
        assert!(definers.len() > PREDICATES.len() + 10);
        let names: BTreeSet<_> = definers.iter().map(|definer| &*definer.name).collect();
        let missing = PREDICATES.iter().filter(|name| !names.contains(*name));
        problems.extend(missing.map(|name| format!("{login} has no predicate {name}")));
        let app = ward.world.connect_as(login).await;
        let who = match login {
            JOBS => Who(None),
            _ => Who(Some(&ward.callers[0])),
        };
        for (forgery, settings) in forgeries(&ward, &table, who).await {
            app.batch_execute(&format!("begin; {settings}"))
                .await
                .unwrap();
            for Definer {
                name,
                call,
                is_one_bit,
            } in &definers
            {
                let is_right = if PREDICATES.contains(&&**name) {
                    *is_one_bit
                } else if name == "has_standing(text)" {
                    let claimed = "select where has_standing('REQUEST') or has_standing('ATTEMPT')";
                    attempt(&app, claimed).await == Ok(0)
                } else {
                    attempt(&app, call).await == Err(NOT_PROVEN.to_owned())
                };
                if !is_right {
                    problems.push(format!("{login} with {forgery}: {name}"));
                }
            }
            end(&app).await;
        }
    }
    none(
        problems,
        "begin the function with `perform require_actor();`, or list a predicate that reveals one relation",
    );
}
