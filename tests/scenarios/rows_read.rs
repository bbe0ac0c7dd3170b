//! A list reads few more rows than it returns, even from a long table. The test counts the rows
//! that PostgreSQL read. A plan without a sequential scan isn't enough, because an index can also
//! be read from end to end.

use std::sync::atomic::{AtomicI64, Ordering};

use tests::prelude::*;

/// The maximum number of rows that a caller's requests may read of the twenty thousand that they
/// may not see or don't ask for.
const BOUND: i64 = 3_000;

/// Returns the rows read so far from the tables and their partitions, with and without an index. Several
/// names are separated by `|`.
async fn rows_read(world: &World, tables: &str) -> i64 {
    let counted = "select (
        (select coalesce(sum(seq_tup_read), 0) from pg_stat_user_tables where relname ~ ('^(' || $1 || ')'))
        + (select coalesce(sum(idx_tup_read), 0) from pg_stat_user_indexes where relname ~ ('^(' || $1 || ')'))
      )::bigint";
    world.sql(counted, &[&tables]).await[0].get(0)
}

/// Adds rows to the audit log, in which a patient reads their chart. Each is the first of a chain, and nothing announced the
/// chain. `xid` is the transaction of row `i`, an expression. Their ids are lower than those of other rows.
async fn add_audit_rows(world: &World, patient: &Patient, rows: i32, xid: &str) {
    let insert = format!(
        "insert into audit_logs (id, month, timestamp, user_id, actor_role, action_type, resource_type,
           resource_id, patient_id, outcome, application, request_id, chain_id, seq, prev_hash, row_hash,
           form, place, signature, xid)
         select (lpad(to_hex(i), 12, '0') || right(gen_random_uuid()::text, 23))::uuid,
           date_trunc('month', now() at time zone 'UTC')::date, now(), $1, 'PATIENT',
           'READ', 'PATIENT', $2, $2, 'SUCCESS', 'get-patient', 'request-' || i, gen_random_uuid(), 1,
           decode(repeat('00', 32), 'hex'), sha256(int8send(i)), 3, uuid_send(gen_random_uuid()),
           decode(repeat('00', 64), 'hex'), {xid}
         from generate_series(1, $3) as i"
    );
    world
        .sql(&insert, &[&patient.user, &patient.id, &rows])
        .await;
}

/// Sends all requests as the caller and compares the rows read with the limit.
async fn ask(world: &World, caller: &Actor, function: &str, table: &str, queries: &[String]) {
    let path = match function {
        "list-records" => "medical-records",
        _ => &function["list-".len()..],
    };
    let send = async || {
        for query in queries {
            caller.get(&format!("/v1/{path}?{query}")).await.expect(200);
        }
    };
    let read = read_by(world, function, table, send).await;
    assert!(read < BOUND, "{} read {read} rows of {table}", caller.email);
}

/// Returns the rows of the tables that the function reads while `work` sends requests.
async fn read_by(world: &World, function: &str, tables: &str, work: impl AsyncFnOnce()) -> i64 {
    world.sql("select pg_stat_force_next_flush()", &[]).await;
    let before = rows_read(world, tables).await;
    work().await;
    // A session reports its statistics when it ends, at the latest.
    world.restart(function).await;
    eventually("the rows are counted", async || {
        rows_read(world, tables).await > before
    })
    .await;
    rows_read(world, tables).await - before
}

#[tokio::test]
async fn a_list_of_own_visits_does_not_read_visits_of_others() {
    let world = World::new().await;
    let (ada, otto) = (world.patient("Ada").await, world.patient("Otto").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let admin = world.admin().await;
    world
        .sql(
            "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes, status)
             select gen_random_uuid(), $1, $2, '2000-01-01'::timestamptz + i * interval '1 hour', 20, 'COMPLETED'
             from generate_series(1, 20000) as i",
            &[&otto.id, &walt.id],
        )
        .await;
    for (start, status) in [
        ("2020-01-07T09:00Z", "COMPLETED"),
        ("2030-01-07T09:00Z", "CANCELLED"),
        ("2030-01-08T09:00Z", "SCHEDULED"),
        ("2020-01-08T09:00Z", "CHECKED_IN"),
        ("2020-01-09T09:00Z", "NO_SHOW"),
    ] {
        world.visit(&ada, &vera, start, status).await;
    }
    world.sql("analyze", &[]).await;
    let queries = [
        "".to_owned(),
        "status=SCHEDULED".to_owned(),
        "status=CANCELLED".to_owned(),
        "status=CHECKED_IN".to_owned(),
        "status=NO_SHOW".to_owned(),
        "external_id=urn:none".to_owned(),
        "scheduled_from=2019-01-01T00:00:00Z".to_owned(),
        format!("patient_id={}", ada.id),
        format!("provider_id={}", vera.id),
    ];
    for caller in [&*ada, &*vera, &admin] {
        ask(
            &world,
            caller,
            "list-appointments",
            "appointments",
            &queries,
        )
        .await;
    }
}

#[tokio::test]
async fn a_run_of_reminders_reads_few_of_the_visits_to_come() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world
        .sql(
            "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes)
             select gen_random_uuid(), $1, $2, now() + interval '3 days' + i * interval '1 minute', 1
             from generate_series(1, 20000) as i",
            &[&ada.id, &vera.id],
        )
        .await;
    world
        .sql(
            "update appointment_reminders set due_at = now()
             where appointment_id in (select id from appointments order by scheduled_at limit 400)
               and reminder_offset = '2 days'",
            &[],
        )
        .await;
    world.sql("analyze", &[]).await;
    let tables = "appointments|appointment_reminders|patients";
    let run = async || {
        let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
        let done = world.cloud.invoke("remind-appointments", &schedule).await;
        assert_eq!(done.unwrap()["steps"].as_array().unwrap().len(), 2);
    };
    let read = read_by(&world, "remind-appointments", tables, run).await;
    assert!(read < 2 * BOUND, "a run read {read} rows of {tables}");
}

#[tokio::test]
async fn a_list_of_records_or_files_does_not_read_those_of_others() {
    let world = World::new().await;
    let (ada, otto) = (world.patient("Ada").await, world.patient("Otto").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    world.assign(&ada, &vera).await;
    let record = world.note(&ada, &vera, "a note").await;
    world
        .sql(
            "insert into medical_records (id, patient_id, provider_id, record_type, content, created_at)
             select gen_random_uuid(), $1, $2, 'NOTE', jsonb_build_object('text', 'a note'), now() - i * interval '1 minute'
             from generate_series(1, 20000) as i",
            &[&otto.id, &walt.id],
        )
        .await;
    for (owner, patient, files) in [(otto.user, otto.id, 20_000), (ada.user, ada.id, 3)] {
        world
            .sql(
                "insert into file_metadata (id, owner_id, owner_type, patient_id, bucket, file_path,
                   original_name, file_type, file_size, sha256, expires_at, uploaded_by)
                 select gen_random_uuid(), $1, 'PATIENT', $2, 'bucket', gen_random_uuid()::text, 'a.txt',
                   'text/plain', 1, sha256(''), now(), $1
                 from generate_series(1, $3) as i",
                &[&owner, &patient, &files],
            )
            .await;
    }
    world.sql("analyze", &[]).await;
    let about_ada = format!("patient_id={}", ada.id);
    let records = [
        "".to_owned(),
        about_ada.clone(),
        "record_type=NOTE".to_owned(),
        "external_id=urn:none".to_owned(),
        "include_archived=true".to_owned(),
    ];
    let files = [
        "".to_owned(),
        about_ada,
        format!("owner_id={}", ada.user),
        format!("record_id={record}"),
        "status=AVAILABLE".to_owned(),
        "include_archived=true".to_owned(),
    ];
    ask(&world, &ada, "list-files", "file_metadata", &files).await;
    for caller in [&*ada, &*vera] {
        ask(&world, caller, "list-records", "medical_records", &records).await;
    }
}

#[tokio::test]
async fn a_search_of_the_audit_log_by_patient_does_not_read_rows_of_others() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (officer, admin) = (world.officer().await, world.admin().await);
    add_audit_rows(&world, &ben, 20_000, "pg_current_xact_id()").await;
    let chart = format!("/v1/patients/{}", ada.id);
    let alone = ada.get(&chart).await.expect(200);
    let refused = ben.get(&chart).await.problem(404, "not-found");
    let among_others = admin.get("/v1/patients").await.expect(200);
    world.sql("analyze", &[]).await;

    let about_ada = format!("patient_id={}", ada.id);
    let answer = officer.get(&format!("/v1/audit-logs?{about_ada}")).await;
    let rows = answer.body["items"].as_array().unwrap();
    let requests: Vec<_> = rows.iter().map(|row| &row["request_id"]).collect();
    let expected = [&among_others, &refused, &alone].map(|answer| answer.request_id());
    assert_eq!(
        requests, expected,
        "newest first, whether the patient is alone or one of several"
    );

    let queries = [
        "".to_owned(),
        about_ada.clone(),
        format!("{about_ada}&outcome=DENIED"),
        "outcome=DENIED".to_owned(),
        "outcome=FAILURE".to_owned(),
        "purpose_of_use=ETREAT".to_owned(),
        format!("user_id={}", ada.user),
        format!("resource_id={}", ada.id),
        "request_id=none".to_owned(),
    ];
    ask(&world, &officer, "list-audit-logs", "audit_logs", &queries).await;
}

#[tokio::test]
async fn a_list_of_patients_in_care_stops_at_the_end_of_the_page() {
    let world = World::new().await;
    let (vera, nora) = (
        world.provider("Vera").await,
        world.user("NURSE", "Nora").await,
    );
    world
        .sql(
            "insert into user_profiles (id, username, first_name, last_name, role)
             select gen_random_uuid(), i || '@example.org', 'Person', md5(i::text), 'PATIENT'
             from generate_series(1, 20000) as i",
            &[],
        )
        .await;
    world
        .sql(
            "insert into patients (id, user_id, patient_number, date_of_birth, gender, assigned_providers)
             select gen_random_uuid(), id, username, '1950-01-01', 'other', array[$1::uuid]
             from user_profiles where role = 'PATIENT'",
            &[&vera.id],
        )
        .await;
    world
        .sql(
            "insert into care_relations (member_id, patient_id, basis, source, until, is_suspended)
             select $1, id, 'COVER', $1, now() + interval '9 days', false from patients",
            &[&nora.user],
        )
        .await;
    // The planner expects as many patients of Walt as of the others.
    let walt = world.provider("Walt").await;
    world
        .sql(
            "update patients set assigned_providers = assigned_providers || $1::uuid
             where id in (select id from patients order by id desc limit 30)",
            &[&walt.id],
        )
        .await;
    world.sql("vacuum analyze", &[]).await;
    for caller in [&*vera, &nora, &*walt] {
        let first = caller.get("/v1/patients?limit=20").await.expect(200);
        let cursor = first.body["next_cursor"].as_str().unwrap();
        let queries = [
            String::new(),
            "limit=100".to_owned(),
            format!("limit=20&cursor={cursor}"),
        ];
        for table in ["patients", "care_relations", "user_profiles"] {
            ask(&world, caller, "list-patients", table, &queries).await;
        }
    }
}

/// Adds patients whose names and birth dates differ.
async fn add_patients(world: &World, number: i32) {
    world
        .sql(
            "insert into user_profiles (id, username, first_name, last_name, role)
             select gen_random_uuid(), i || '@example.org', 'Person', md5(i::text), 'PATIENT'
             from generate_series(1, $1) as i",
            &[&number],
        )
        .await;
    world
        .sql(
            "insert into patients (id, user_id, patient_number, date_of_birth, gender)
             select gen_random_uuid(), id, username, '1950-01-01'::date + (random() * 20000)::integer, 'other'
             from user_profiles where role = 'PATIENT'",
            &[],
        )
        .await;
}

/// Gives the member care of this number of patients.
async fn cover(world: &World, member: &Actor, patients: i64) {
    world
        .sql(
            "insert into care_relations (member_id, patient_id, basis, source, until, is_suspended)
             select $1, id, 'COVER', $1, now() + interval '9 days', false
             from (select id from patients order by id limit $2) as covered",
            &[&member.user, &patients],
        )
        .await;
}

#[tokio::test]
async fn a_list_over_all_charts_in_care_reads_little_more_than_one_row_of_each_chart() {
    let world = World::new().await;
    let (vera, nora) = (
        world.provider("Vera").await,
        world.user("NURSE", "Nora").await,
    );
    add_patients(&world, 300).await;
    cover(&world, &vera, 300).await;
    cover(&world, &nora, 300).await;
    for statement in [
        "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes, status)
         select gen_random_uuid(), p.id, $1, '2022-01-01'::timestamptz + i * interval '9 days' * random(), 20, 'COMPLETED'
         from patients p, generate_series(1, 60) as i",
        "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes)
         select gen_random_uuid(), id, $1, '2100-01-01'::timestamptz + row_number() over () * interval '1 hour', 20
         from patients",
        "insert into medical_records (id, patient_id, provider_id, record_type, content, created_at)
         select gen_random_uuid(), p.id, $1, 'NOTE', jsonb_build_object('text', 'a note'), now() - i * interval '9 days' * random()
         from patients p, generate_series(1, 60) as i",
    ] {
        world.sql(statement, &[&vera.id]).await;
    }
    world
        .sql(
            "insert into file_metadata (id, owner_id, owner_type, patient_id, bucket, file_path,
               original_name, file_type, file_size, sha256, expires_at, uploaded_by, created_at)
             select gen_random_uuid(), p.user_id, 'PATIENT', p.id, 'bucket', gen_random_uuid()::text, 'a.txt',
               'text/plain', 1, sha256(''), now(), p.user_id, now() - i * interval '9 days' * random()
             from patients p, generate_series(1, 60) as i",
            &[],
        )
        .await;
    world.sql("analyze", &[]).await;
    for (function, path, table, filter) in [
        (
            "list-appointments",
            "appointments",
            "appointments",
            "status=SCHEDULED",
        ),
        (
            "list-records",
            "medical-records",
            "medical_records",
            "record_type=NOTE",
        ),
        ("list-files", "files", "file_metadata", "status=PENDING"),
    ] {
        for caller in [&*vera, &nora] {
            let first = caller.get(&format!("/v1/{path}")).await.expect(200);
            assert_eq!(first.ids().len(), 50);
            let cursor = first.body["next_cursor"].as_str().unwrap();
            let queries = [String::new(), format!("cursor={cursor}"), filter.to_owned()];
            ask(&world, caller, function, table, &queries).await;
        }
    }
}

#[tokio::test]
async fn a_page_over_all_charts_in_care_reads_the_charts_on_it_and_few_others() {
    const PAGE: i64 = 20;
    let world = World::new().await;
    let (vera, nora) = (
        world.provider("Vera").await,
        world.user("NURSE", "Nora").await,
    );
    add_patients(&world, 2_000).await;
    cover(&world, &nora, 2_000).await;
    for statement in [
        "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes, status)
         select gen_random_uuid(), id, $1, '2022-01-01'::timestamptz + interval '900 days' * random(), 20, 'COMPLETED'
         from patients",
        "insert into medical_records (id, patient_id, provider_id, record_type, content, created_at)
         select gen_random_uuid(), id, $1, 'NOTE', '{}', now() - interval '900 days' * random() from patients",
    ] {
        world.sql(statement, &[&vera.id]).await;
    }
    world
        .sql(
            "insert into file_metadata (id, owner_id, owner_type, patient_id, bucket, file_path, original_name,
               file_type, file_size, sha256, expires_at, uploaded_by, created_at)
             select gen_random_uuid(), user_id, 'PATIENT', id, 'bucket', gen_random_uuid()::text, 'a.txt',
               'text/plain', 1, sha256(''), now(), user_id, now() - interval '900 days' * random()
             from patients",
            &[],
        )
        .await;
    world.sql("vacuum analyze", &[]).await;
    for (function, path, table) in [
        ("list-appointments", "appointments", "appointments"),
        ("list-records", "medical-records", "medical_records"),
        ("list-files", "files", "file_metadata"),
    ] {
        let mut query = format!("limit={PAGE}");
        for _ in 0..3 {
            let page = format!("/v1/{path}?{query}");
            let mut answer = None;
            let tables = format!("{table}|care_spans|care_relations");
            let read = read_by(&world, function, &tables, async || {
                answer = Some(nora.get(&page).await.expect(200));
            })
            .await;
            assert!(read < 40 * PAGE, "{page} read {read} rows of {tables}");
            let answer = answer.unwrap();
            assert_eq!(answer.ids().len() as i64, PAGE);
            let cursor = answer.body["next_cursor"].as_str().unwrap();
            query = format!("limit={PAGE}&cursor={cursor}");
        }
    }
}

#[tokio::test]
async fn a_search_reads_few_rows_however_many_patients_are_in_care_or_share_a_name() {
    let world = World::new().await;
    let (vera, nora) = (
        world.provider("Vera").await,
        world.user("NURSE", "Nora").await,
    );
    add_patients(&world, 20_000).await;
    cover(&world, &vera, 300).await;
    cover(&world, &nora, 20_000).await;
    world.sql("analyze", &[]).await;
    for caller in [&*vera, &nora] {
        for wanted in [
            json!({"name": "a"}),
            json!({"name": "abc"}),
            json!({"name": "person a"}),
            json!({"date_of_birth": "1980-03-01"}),
            json!({"name": "a", "date_of_birth": "1980-03-01"}),
            json!({"patient_number": "77@example.org"}),
        ] {
            let search = async || {
                let answer = caller.post("/v1/patients/search", wanted.clone()).await;
                answer.expect(200);
            };
            let tables = "user_profiles|patients|care_relations|name_words";
            let read = read_by(&world, "search-patients", tables, search).await;
            // A search counts up to 4,000 patients in care, and the entries of common words as far as it must.
            assert!(
                read < 4 * BOUND,
                "{} read {read} rows for {wanted}",
                caller.email
            );
        }
    }
}

#[tokio::test]
async fn a_page_of_events_does_not_read_the_events_after_it() {
    let world = World::new().await;
    let admin = world.admin().await;
    world
        .sql(
            "insert into business_events (type, subject, sequence, rank, data)
             select 'record.added.v1', 'medical-records/' || gen_random_uuid(), 1, (i / 40 + 3)::text::xid8, '{}'
             from generate_series(1, 20000) as i",
            &[],
        )
        .await;
    world.sql("analyze", &[]).await;
    let read = read_by(&world, "list-events", "business_events", async || {
        let mut query = String::new();
        for _ in 0..3 {
            let page = admin
                .get(&format!("/v1/events?limit=50{query}"))
                .await
                .expect(200);
            let cursor = page.body["next_cursor"].as_str().unwrap();
            query = format!("&cursor={cursor}");
        }
    });
    let read = read.await;
    assert!(read < BOUND, "list-events read {read} rows");
}

#[tokio::test]
async fn a_batch_of_the_sealed_log_does_not_read_the_rows_of_later_batches() {
    let world = World::with(Setup {
        environment: [("AUDIT_ROWS_PER_BATCH".to_owned(), "500".to_owned())].into(),
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    add_audit_rows(&world, &ada, 10_000, "(i / 40 + 3)::text::xid8").await;
    world.sql("analyze", &[]).await;
    let read = read_by(&world, "seal-audit", "audit_logs", async || {
        world.try_seal().await.unwrap();
    });
    let read = read.await;
    // Each row is counted as one of the batch, and read.
    assert!(read < 4 * 10_000, "seal-audit read {read} rows");
}

#[tokio::test]
async fn a_review_of_accesses_reads_the_new_rows_and_few_others() {
    let world = World::new().await;
    let (ada, ben, vera) = (
        world.patient("Ada").await,
        world.patient("Ben").await,
        world.provider("Vera").await,
    );
    world.assign(&ada, &vera).await;
    // They are reviewed already, because their transactions are older than all others.
    add_audit_rows(&world, &ben, 20_000, "'3'::xid8").await;
    world.sql("update access_review set xid = '4'", &[]).await;
    world
        .sql(
            "insert into chart_accesses (day, user_id, patient_id, accesses, unexplained, evidence)
             select (now() at time zone 'UTC')::date - i % 300, gen_random_uuid(), gen_random_uuid(), 1, 0, '{}'
             from generate_series(1, 20000) as i",
            &[],
        )
        .await;
    for _ in 0..20 {
        vera.get(&format!("/v1/patients/{}", ada.id))
            .await
            .expect(200);
    }
    world.sql("analyze", &[]).await;
    let tables =
        "audit_logs|chart_accesses|alerts|care_relations|patients|appointments|medical_records";
    let run = async || {
        let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
        let reviewed = AtomicI64::new(0);
        eventually("the accesses are reviewed", async || {
            let run = world.cloud.invoke("review-access", &schedule).await;
            for step in run.unwrap()["steps"].as_array().unwrap() {
                let accesses = step["details"]["accesses"].as_i64().unwrap();
                reviewed.fetch_add(accesses, Ordering::Relaxed);
            }
            reviewed.load(Ordering::Relaxed) == 20
        })
        .await;
    };
    let read = read_by(&world, "review-access", tables, run).await;
    assert!(read < BOUND, "a run read {read} rows of {tables}");
}

#[tokio::test]
async fn a_list_of_alerts_does_not_read_all_that_are_resolved() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let officer = world.officer().await;
    world
        .sql(
            "insert into alerts (rule, rule_version, score, status, actor_id, evidence, explanations, disposition, reason,
               resolved_at, first_at)
             select 'unexplained-access', 1, 40, 'RESOLVED', $1, '{}', '{}', 'JUSTIFIED', 'Cover', now(),
               now() + i * interval '1 second'
             from generate_series(1, 20000) as i",
            &[&officer.user],
        )
        .await;
    world.alert(vera.user, Some(ada.id)).await;
    world.sql("analyze", &[]).await;
    let queries = [
        "".to_owned(),
        "status=OPEN".to_owned(),
        "status=RESOLVED".to_owned(),
        "rule=none".to_owned(),
        format!("actor_id={}", vera.user),
        format!("patient_id={}", ada.id),
        format!("assigned_to={}", officer.user),
    ];
    ask(&world, &officer, "list-alerts", "alerts", &queries).await;
}

#[tokio::test]
async fn statistics_of_a_day_do_not_read_the_rows_of_other_days() {
    let world = World::new().await;
    let (ada, ben, officer) = (
        world.patient("Ada").await,
        world.patient("Ben").await,
        world.officer().await,
    );
    // They are of 1970 by their ids, and of some days ago by their times.
    add_audit_rows(&world, &ben, 20_000, "pg_current_xact_id()").await;
    world
        .rewrite_history("update audit_logs set timestamp = timestamp - interval '9 days'")
        .await;
    ada.get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    world.sql("vacuum analyze", &[]).await;
    let today = chrono::Utc::now().date_naive();
    let yesterday = today - chrono::TimeDelta::days(1);
    let of = |from, rest: &str| format!("/v1/access-statistics?from={from}&until={today}&{rest}");
    let month = today - chrono::TimeDelta::days(20);
    let paths = [
        of(yesterday, "group_by=outcome"),
        of(yesterday, "group_by=action_type"),
        of(yesterday, "group_by=application"),
        of(yesterday, "group_by=user_id"),
        of(yesterday, "group_by=patient_id"),
        // A longer time reads only the rows of the person, the patient or the outcome.
        of(month, &format!("group_by=outcome&user_id={}", ada.user)),
        of(month, &format!("group_by=user_id&patient_id={}", ada.id)),
        of(month, "group_by=user_id&outcome=DENIED"),
        of(month, "group_by=user_id&outcome=FAILURE"),
    ];
    let tables = "audit_logs|audit_archive_rows";
    let read = read_by(&world, "get-access-statistics", tables, async || {
        for path in &paths {
            officer.get(path).await.expect(200);
        }
    });
    let read = read.await;
    assert!(read < BOUND, "get-access-statistics read {read} rows");
}

#[tokio::test]
async fn a_list_of_incidents_does_not_read_all_that_are_closed() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let officer = world.officer().await;
    world
        .rewrite_history(
            "insert into incidents (id, status, discovered_on, summary, decision, decision_reason, decided_at, closed_at,
               created_at, letter_happened, letter_data, letter_steps, letter_response)
             select gen_random_uuid(), 'CLOSED', '2026-01-05', 'A letter was lost.', 'BREACH', 'It was read.', now(), now(),
               now() + i * interval '1 second', 'It was lost.', 'Notes.', 'Nothing.', 'We looked for it.'
             from generate_series(1, 20000) as i;
             insert into incident_patients (incident_id, patient_id)
             select (select id from incidents limit 1), gen_random_uuid() from generate_series(1, 20000)",
        )
        .await;
    let open = world.incident(&[ada.id]).await;
    world.sql("analyze", &[]).await;
    let queries = [
        "".to_owned(),
        "status=OPEN".to_owned(),
        "status=CLOSED".to_owned(),
        "overdue=true".to_owned(),
        format!("actor_id={}", vera.user),
        format!("patient_id={}", ada.id),
    ];
    ask(&world, &officer, "list-incidents", "incidents", &queries).await;
    let list = async || {
        let path = format!("/v1/incidents/{open}/patients");
        officer.get(&path).await.expect(200);
    };
    let read = read_by(&world, "list-incident-patients", "incident_patients", list).await;
    assert!(read < BOUND, "{read} rows of incident_patients");
}

#[tokio::test]
async fn a_list_of_representatives_does_not_read_all_that_have_ended() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let admin = world.admin().await;
    world
        .rewrite_history(&format!(
            "insert into representatives (user_id, patient_id, basis, evidence, created_at, ended_at, end_reason)
             select '{}', '{}', 'GUARDIAN', 'x', now() - i * interval '1 second', now(), 'x'
             from generate_series(1, 20000) as i",
            ben.user, ada.id
        ))
        .await;
    let paul = world.user("PATIENT", "Paul").await;
    world
        .enter_representative(paul.user, &ben, "GUARDIAN", None)
        .await;
    world.sql("analyze", &[]).await;
    let queries = [
        "".to_owned(),
        "status=UNCONFIRMED".to_owned(),
        format!("user_id={}", paul.user),
        format!("patient_id={}", ben.id),
    ];
    let list = "list-representatives";
    ask(&world, &admin, list, "representatives", &queries).await;
    ask(&world, &ada, list, "representatives", &queries[..1]).await;
}

#[tokio::test]
async fn a_list_of_requests_about_charts_does_not_read_all_that_are_answered() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (officer, vera) = (world.officer().await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    world
        .rewrite_history(&format!(
            "create temporary table asked on commit drop as
             select gen_random_uuid() as id, now() + i * interval '1 second' as at from generate_series(1, 20000) as i;
             insert into exports (id, patient_id, requested_by, status, received_on, due_on, denial_ground, denial_basis,
               denied_at, created_at)
             select id, '{patient}', '{user}', 'DENIED', '2026-01-05', '2026-02-04', 'RESEARCH', 'x', now(), at from asked;
             insert into accountings (id, patient_id, covered_from, covered_until, status, received_on, due_on, fee_cents,
               withdrawn_at, created_at)
             select id, '{patient}', '2025-01-05', '2026-01-05', 'WITHDRAWN', '2026-01-05', '2026-03-06', 0, now(), at
             from asked;
             insert into disclosures (id, patient_id, disclosed_on, recipient_name, description, purpose, basis, recorded_at)
             select id, '{patient}', '2026-01-05', 'Sample Court', 'Notes', 'x', 'JUDICIAL', at from asked;
             insert into amendments (id, patient_id, profile_field, status, statement, correction, reason, requester,
               received_on, due_on, addendum, decided_at, created_at)
             select id, '{patient}', 'NAME', 'ACCEPTED', 'x', 'x', 'x', 'PATIENT', '2026-01-05', '2026-03-06', 'x', now(), at
             from asked",
            patient = ben.id,
            user = ben.user,
        ))
        .await;
    let note = world.note(&ada, &vera, "Smokes.").await;
    world.export(ada.id).await;
    world.accounting(ada.id).await;
    world.disclosure(ada.id).await;
    world.amendment(note).await;
    world.sql("analyze", &[]).await;
    let all = String::new();
    let of_ada = format!("patient_id={}", ada.id);
    let overdue = "overdue=true".to_owned();
    for (list, filter) in [
        ("exports", "open=true"),
        ("accountings", "status=OPEN"),
        ("disclosures", "include_corrected=true"),
    ] {
        let mut queries = vec![all.clone(), of_ada.clone(), filter.to_owned()];
        if list != "disclosures" {
            queries.push(overdue.clone());
        }
        let function = format!("list-{list}");
        ask(&world, &officer, &function, list, &queries).await;
        if list != "disclosures" {
            ask(&world, &ada, &function, list, &queries).await;
        }
    }
    let queries = [
        all,
        of_ada,
        overdue,
        "status=REQUESTED".to_owned(),
        format!("record_id={note}"),
    ];
    for caller in [&*vera, &*ada] {
        ask(&world, caller, "list-amendments", "amendments", &queries).await;
    }
}

#[tokio::test]
async fn a_list_of_who_opened_a_chart_reads_no_rows_of_others_and_few_of_a_long_log() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world.assign(&ada, &vera).await;
    add_audit_rows(&world, &ben, 20_000, "pg_current_xact_id()").await;
    let chart = format!("/v1/patients/{}", ada.id);
    vera.get(&chart).await.expect(200);
    ada.get(&chart).await.expect(200);
    // Ada reads her chart ten times in each of the last milliseconds.
    let repeat = "
        insert into audit_logs
        select (jsonb_populate_record(a, jsonb_build_object(
          'id', lpad(to_hex((extract(epoch from now()) * 1000)::bigint - 1 - i / 10), 12, '0')
            || '-7' || right(gen_random_uuid()::text, 21),
          'chain_id', gen_random_uuid(), 'seq', 1
        ))).*
        from audit_logs a cross join generate_series(1, 20000) as i where a.user_id = $1";
    world.sql(repeat, &[&ada.user]).await;
    world.sql("vacuum analyze", &[]).await;
    let path = format!("/v1/patients/{}/accesses", ada.id);
    let mut paths = vec![format!("{path}?limit=20"), format!("{path}?own=false")];
    let second = ada.get(&paths[0]).await.expect(200);
    let cursor = second.body["next_cursor"].as_str().unwrap();
    paths.push(format!("{path}?limit=20&cursor={cursor}"));
    for path in &paths {
        let read = read_by(
            &world,
            "list-chart-accesses",
            "audit_logs|audit_archive_rows",
            async || {
                ada.get(path).await.expect(200);
            },
        );
        let read = read.await;
        assert!(read < BOUND, "{path} read {read} rows");
    }
    // A page with a filter may end before it is full. The pages together find everything.
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ada.get(&format!("{path}?own=false{cursor}")).await;
        let page = page.expect(200);
        found.extend(page.ids());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found.len(), 1);
}
