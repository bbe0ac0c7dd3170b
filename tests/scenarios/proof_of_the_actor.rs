//! Who acts is proven: a password for the database alone begins nothing, opens nothing and forges
//! nothing. `access_matrix::forged_settings` tries it with every table and function.

use crate::access_matrix::{NOT_PROVEN, copied, forged};
use tests::database::{JOBS, PEOPLE, TICKET_KEY};
use tests::prelude::*;
use tests::ticket::{begin_attempt, begin_job, begin_request, ticket};
use tokio_postgres::{Client, Error};

/// The SQLSTATE of an audit row with a wrong fact.
const WRONG_FACT: &str = "CT008";

fn code<T: std::fmt::Debug>(refused: Result<T, Error>) -> String {
    refused.unwrap_err().code().unwrap().code().to_owned()
}

/// The tables that functions may read.
async fn readable(world: &World) -> Vec<String> {
    let tables = world
        .rows(
            "select relname as name from pg_class
             where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v') and not relispartition
               and has_table_privilege('caretrail_app', oid, 'SELECT')",
            &[],
        )
        .await;
    let names = tables
        .iter()
        .map(|table| table["name"].as_str().unwrap().to_owned());
    names.collect()
}

async fn visible(world: &World, app: &Client) -> Vec<String> {
    let mut seen = Vec::new();
    for table in readable(world).await {
        let rows = app
            .query(&format!("select from {table}"), &[])
            .await
            .unwrap();
        if !rows.is_empty() {
            seen.push(table);
        }
    }
    seen
}

#[tokio::test]
async fn a_password_without_a_valid_ticket_begins_nothing() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let app = world.connect_as(PEOPLE).await;
    let permission = "patients:read";
    let (clock, signature) = ticket(&app, Some(ada.subject), permission, &TICKET_KEY)
        .await
        .unwrap();
    let (_, of_another_key) = ticket(&app, Some(ada.subject), permission, &[7; 32])
        .await
        .unwrap();
    let nothing: Option<Vec<u8>> = None;
    let signature = Some(signature);
    let begin = "select begin_request($1, $2, $3, $4, $5)";
    for (what, subject, assured, permission, clock, signature) in [
        ("no ticket", ada.subject, true, permission, clock, &nothing),
        (
            "another key",
            ada.subject,
            true,
            permission,
            clock,
            &Some(of_another_key),
        ),
        (
            "another subject",
            ben.subject,
            true,
            permission,
            clock,
            &signature,
        ),
        (
            "another assurance",
            ada.subject,
            false,
            permission,
            clock,
            &signature,
        ),
        (
            "another permission",
            ada.subject,
            true,
            "audit:read",
            clock,
            &signature,
        ),
        (
            "another clock",
            ada.subject,
            true,
            permission,
            clock + 1,
            &signature,
        ),
    ] {
        for begin in [begin, "select begin_attempt($1, $2, $3, $4, $5)"] {
            let begun = app
                .query(begin, &[&subject, &assured, &permission, &clock, signature])
                .await;
            assert_eq!(code(begun), NOT_PROVEN, "{what}: {begin}");
        }
    }
    app.query(
        begin,
        &[&ada.subject, &true, &permission, &clock, &signature],
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn a_ticket_is_valid_for_a_minute() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let app = world.connect_as(PEOPLE).await;
    for (age, expected) in [
        (55, None),
        (-55, None),
        (62, Some(NOT_PROVEN)),
        (-62, Some(NOT_PROVEN)),
    ] {
        let begun = app
            .query(
                "select begin_request($1, true, 'patients:read', clock, hmac(
                   convert_to('caretrail-ticket-v1|' || $1::uuid || '|t|patients:read|' || clock, 'UTF8'), $2, 'sha256'
                 ))
                 from (select floor(extract(epoch from clock_timestamp()))::bigint - $3::bigint as clock) as moment",
                &[&ada.subject, &&TICKET_KEY[..], &i64::from(age)],
            )
            .await;
        match expected {
            Some(refused) => assert_eq!(code(begun), refused, "{age} s"),
            None => drop(begun.unwrap()),
        }
    }
}

#[tokio::test]
async fn a_seal_fits_neither_another_transaction_nor_other_settings() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (app, other) = (
        world.connect_as(PEOPLE).await,
        world.connect_as(PEOPLE).await,
    );
    let charts = "select from patients";

    // Given a transaction that was begun with a ticket
    app.batch_execute("begin").await.unwrap();
    begin_request(&app, &ada, "patients:read").await.unwrap();
    let copied = copied(&app).await;
    assert_eq!(app.query(charts, &[]).await.unwrap().len(), 1);

    // When the settings and the seal are copied to another connection, it sees nothing
    other
        .batch_execute(&format!("begin; {copied}"))
        .await
        .unwrap();
    assert_eq!(other.query(charts, &[]).await.unwrap().len(), 0);

    // And when one of the settings is changed, nor does this one
    let patient = format!(
        "select set_config('caretrail.patient_id', '{}', true)",
        ben.id
    );
    let shifted = "select set_config('caretrail.role', 'PATIENT|', true), set_config('caretrail.relation', '', true)";
    for change in [&*patient, shifted] {
        app.batch_execute(&format!("savepoint before; {change}"))
            .await
            .unwrap();
        assert_eq!(app.query(charts, &[]).await.unwrap().len(), 0, "{change}");
        app.batch_execute("rollback to before").await.unwrap();
        assert_eq!(app.query(charts, &[]).await.unwrap().len(), 1);
    }

    // And when they are copied to the next transaction of the same connection, nor does that one
    app.batch_execute("commit").await.unwrap();
    app.batch_execute(&format!("begin; {copied}"))
        .await
        .unwrap();
    assert_eq!(app.query(charts, &[]).await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_attempt_reaches_no_row() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let app = world.connect_as(PEOPLE).await;
    for caller in [&*ada, &*vera, &world.admin().await, &world.officer().await] {
        app.batch_execute("begin").await.unwrap();
        begin_attempt(&app, caller, "patients:read").await.unwrap();
        assert_eq!(
            visible(&world, &app).await,
            Vec::<String>::new(),
            "{:?}",
            caller.role
        );
        // Nor does it become a request when its settings are filled in.
        let settings = forged(&world, caller.user, "ADMIN").await;
        app.batch_execute(&settings).await.unwrap();
        assert_eq!(
            visible(&world, &app).await,
            Vec::<String>::new(),
            "{:?}",
            caller.role
        );
        app.batch_execute("rollback").await.unwrap();
    }
}

#[tokio::test]
async fn a_login_begins_only_its_own_kind_of_work() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (people, jobs) = (world.connect_as(PEOPLE).await, world.connect_as(JOBS).await);
    begin_request(&people, &ada, "patients:read").await.unwrap();
    begin_job(&jobs, "files:process").await.unwrap();
    assert_eq!(code(begin_job(&people, "files:process").await), "42501");
    assert_eq!(
        code(begin_request(&jobs, &ada, "patients:read").await),
        "42501"
    );
    // Nor can a function that people call act as SYSTEM in the audit log.
    let (clock, signature) = ticket(&people, None, "files:process", &TICKET_KEY)
        .await
        .unwrap();
    let attempt = "select begin_attempt(null, true, 'files:process', $1, $2)";
    let begun = people.query(attempt, &[&clock, &signature]).await;
    assert_eq!(code(begun), NOT_PROVEN);
    // The login of the health check reads nothing at all.
    let health = world.connect_as("caretrail_health").await;
    for table in readable(&world).await {
        let read = health.query(&format!("select from {table}"), &[]).await;
        assert_eq!(code(read), "42501", "{table}");
    }
}

/// An audit row of now, as a function sends it. `{…}` are the parts that the cases change.
const APPEND: &str = "
    select append_audit(row(
      (overlay(lpad(to_hex(floor(extract(epoch from {id_time}) * 1000)::bigint), 12, '0') || '-7' placing '-' from 9 for 0)
        || right(gen_random_uuid()::text, 21))::uuid,
      date_trunc('month', {month} at time zone 'UTC')::date, {time}, {user}, {role}, {relation}, {purpose}, 'READ', 'PATIENT',
      null, {patient}, {patients}, {outcome}, null, null, 'get-patient', 'forged', null, {details},
      '00000000-0000-4000-8000-000000000001', {seq}, {prev}, sha256('row'),
      3, decode(repeat('0{seq}', 16), 'hex'), {signature}, null
    )::audit_logs)
    from (select clock_timestamp() as now) as clock";

/// The purpose that the row's relation implies.
const PURPOSE: &str = "case {relation}::text when 'SELF' then 'PATRQT' when 'CARE' then 'TREAT'
    when 'REPRESENTATION' then 'FAMRQT' when 'OFFICE' then 'HOPERAT' end";

fn append(changes: &[(&str, &str)]) -> String {
    let usual = [
        ("id_time", "{time}"),
        ("month", "{time}"),
        ("time", "now"),
        ("user", "actor_user()"),
        ("role", "'PATIENT'"),
        ("relation", "'SELF'"),
        ("patient", "null"),
        ("patients", "null"),
        ("outcome", "'SUCCESS'"),
        ("details", "null"),
        ("seq", "1"),
        ("prev", "decode(repeat('00', 32), 'hex')"),
        ("signature", "decode(repeat('00', 64), 'hex')"),
    ];
    let of = |statement: String, (part, value): &(&str, &str)| {
        statement.replace(&format!("{{{part}}}"), value)
    };
    let changes = [changes, &[("purpose", PURPOSE)]].concat();
    // Twice, because the purpose depends on the relation.
    let changed = changes.iter().chain(&changes).fold(APPEND.to_owned(), of);
    usual.iter().fold(changed, of)
}

#[tokio::test]
async fn an_audit_row_names_the_proven_actor_now_at_the_end_of_its_chain() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let app = world.connect_as(PEOPLE).await;
    let of_ben = format!("'{}'", ben.user);
    let request = [
        (
            vec![("outcome", "'DENIED'"), ("relation", "null")],
            NOT_PROVEN,
        ),
        (vec![("user", &*of_ben)], WRONG_FACT),
        (vec![("user", "null")], WRONG_FACT),
        (vec![("role", "'ADMIN'")], WRONG_FACT),
        (vec![("relation", "'OFFICE'")], WRONG_FACT),
        (vec![("purpose", "'TREAT'")], WRONG_FACT),
        (vec![("purpose", "null")], WRONG_FACT),
        (vec![("time", "(now - interval '11 minutes')")], WRONG_FACT),
        (vec![("time", "(now + interval '11 minutes')")], WRONG_FACT),
        (vec![("id_time", "(now - interval '1 day')")], WRONG_FACT),
        (vec![("month", "(now - interval '1 month')")], WRONG_FACT),
        (vec![("seq", "0")], WRONG_FACT),
        (vec![("seq", "2")], WRONG_FACT),
        (vec![("seq", "2"), ("prev", "sha256('other')")], WRONG_FACT),
        (vec![("prev", "sha256('other')")], WRONG_FACT),
        (vec![("prev", "'x'")], "23514"),
        (vec![("signature", "'x'")], "23514"),
        (vec![("details", "'[]'")], WRONG_FACT),
    ];
    for (changes, expected) in request {
        app.batch_execute("begin").await.unwrap();
        begin_request(&app, &ada, "patients:read").await.unwrap();
        let appended = app.query(&append(&changes), &[]).await;
        assert_eq!(code(appended), expected, "{changes:?}");
        app.batch_execute("rollback").await.unwrap();
    }
    let attempt = |outcome| vec![("outcome", outcome), ("relation", "null")];
    for (changes, expected) in [
        (attempt("'SUCCESS'"), NOT_PROVEN),
        (
            [attempt("'DENIED'"), vec![("user", &*of_ben)]].concat(),
            WRONG_FACT,
        ),
        (
            [
                attempt("'FAILURE'"),
                vec![("role", "null"), ("user", "null")],
            ]
            .concat(),
            WRONG_FACT,
        ),
    ] {
        app.batch_execute("begin").await.unwrap();
        begin_attempt(&app, &ada, "patients:read").await.unwrap();
        let appended = app.query(&append(&changes), &[]).await;
        assert_eq!(code(appended), expected, "{changes:?}");
        app.batch_execute("rollback").await.unwrap();
    }
    // Without an actor nothing is appended, whatever the settings say.
    let settings = forged(&world, ada.user, "PATIENT").await;
    app.batch_execute(&format!("begin; {settings}"))
        .await
        .unwrap();
    assert_eq!(code(app.query(&append(&[]), &[]).await), NOT_PROVEN);
    app.batch_execute("rollback").await.unwrap();
    assert!(world.audit_log().await.is_empty());

    // The same row without any of these faults is appended, and the next one follows it.
    app.batch_execute("begin").await.unwrap();
    begin_request(&app, &ada, "patients:read").await.unwrap();
    app.query(&append(&[]), &[]).await.unwrap();
    let next = [("seq", "2"), ("prev", "sha256('row')")];
    app.query(&append(&next), &[]).await.unwrap();
    assert_eq!(code(app.query(&append(&next), &[]).await), "23505");
    app.batch_execute("rollback").await.unwrap();

    // Another session, as after a restart, looks up the row before again. A transaction that was undone counts for nothing.
    for session in [&app, &world.connect_as(PEOPLE).await] {
        session.batch_execute("begin").await.unwrap();
        begin_request(session, &ada, "patients:read").await.unwrap();
        assert_eq!(code(session.query(&append(&next), &[]).await), WRONG_FACT);
        session.batch_execute("rollback").await.unwrap();
    }
}

#[tokio::test]
async fn an_audit_row_says_representation_exactly_if_it_names_a_represented_patient() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let kim = world.patient("Kim").await;
    let paul = world.user("PATIENT", "Paul").await;
    for parent in [&*ada, &paul] {
        world.represent(parent.user, &kim, None).await;
    }
    let one = |patient: &Patient| ("patient", format!("'{}'", patient.id));
    let many = |patients: &[&Patient]| {
        let ids: Vec<_> = patients
            .iter()
            .map(|patient| format!("'{}'", patient.id))
            .collect();
        ("patients", format!("array[{}]::uuid[]", ids.join(", ")))
    };
    let nobody = || ("patient", "null".to_owned());
    let app = world.connect_as(PEOPLE).await;
    // None: the caller neither is nor represents one of them.
    for (caller, named, expected) in [
        (&*ada, nobody(), Some("SELF")),
        (&*ada, one(&ada), Some("SELF")),
        (&*ada, one(&kim), Some("REPRESENTATION")),
        (&*ada, many(&[&ada, &kim]), Some("REPRESENTATION")),
        (&*ada, one(&ben), None),
        (&*ada, many(&[&kim, &ben]), None),
        (&paul, nobody(), Some("SELF")),
        (&paul, one(&kim), Some("REPRESENTATION")),
        (&paul, one(&ada), None),
        (&*ben, one(&kim), None),
    ] {
        let relations = ["SELF", "REPRESENTATION", "CARE"].map(Some);
        for relation in relations.into_iter().chain([None]) {
            app.batch_execute("begin").await.unwrap();
            begin_request(&app, caller, "patients:read").await.unwrap();
            let (part, patients) = &named;
            let label = relation.map_or("null".to_owned(), |relation| format!("'{relation}'"));
            let row = [(*part, &**patients), ("relation", &*label)];
            let appended = app.query(&append(&row), &[]).await;
            match expected == relation {
                true => drop(appended.unwrap()),
                false => assert_eq!(code(appended), WRONG_FACT, "{named:?} {label}"),
            }
            app.batch_execute("rollback").await.unwrap();
        }
    }
    // A member of the care team and an office act in one relation, whoever the patient is.
    let vera = world.provider("Vera").await;
    let row = [
        ("patient", &*one(&kim).1),
        ("role", "'PROVIDER'"),
        ("relation", "'CARE'"),
    ];
    app.batch_execute("begin").await.unwrap();
    begin_request(&app, &vera, "patients:read").await.unwrap();
    app.query(&append(&row), &[]).await.unwrap();
}

#[tokio::test]
async fn the_keys_are_replaced_without_downtime() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let url = world.superuser_url();
    let chart = format!("/v1/patients/{}", ada.id);
    ada.get(&chart).await.expect(200);

    // While both keys are valid, functions with either of them work
    migrations::add_ticket_key(&url, None, &[1; 32])
        .await
        .unwrap();
    ada.get(&chart).await.expect(200);

    // And when the former key is forgotten, functions that still have it are refused
    migrations::forget_former_ticket_key(&url, None)
        .await
        .unwrap();
    ada.get(&chart).await.problem(503, "unavailable");
    let app = world.connect_as(PEOPLE).await;
    let (clock, signature) = ticket(&app, Some(ada.subject), "patients:read", &[1; 32])
        .await
        .unwrap();
    let begin = "select begin_request($1, true, 'patients:read', $2, $3)";

    // And a transaction that was sealed before the seal's key was replaced goes on
    app.batch_execute("begin").await.unwrap();
    app.query(begin, &[&ada.subject, &clock, &signature])
        .await
        .unwrap();
    migrations::renew_seal_key(&url, None).await.unwrap();
    assert_eq!(
        app.query("select from patients", &[]).await.unwrap().len(),
        1
    );
    app.batch_execute("commit").await.unwrap();
    migrations::add_ticket_key(&url, None, &TICKET_KEY)
        .await
        .unwrap();
    ada.get(&chart).await.expect(200);
}
