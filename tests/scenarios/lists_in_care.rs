//! The lists over all charts in care. They read a chart only if its span may reach the page, so these tests compare them
//! with plain queries.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request;

/// The rows of a page. A guess reads twice as many of the twenty charts.
const LIMIT: usize = 3;

/// A list with one choice of its filters.
#[derive(Debug)]
struct List {
    /// The call of the function. `<cursor>` is replaced by the place of the row before the page.
    call: String,
    /// The query of all rows. `<care>` is replaced by the condition that the patient is in the member's care.
    plain: String,
}

/// `null` or a literal.
fn literal(value: Option<&str>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| format!("'{value}'"))
}

fn maybe(values: &[&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::weighted(0.3, select(values.to_vec()))
}

/// A patient's number, or none.
fn patient() -> impl Strategy<Value = Option<String>> {
    proptest::option::weighted(0.1, (1..=20).prop_map(|number| format!("crowd {number}")))
}

fn id_of(patient: Option<String>) -> String {
    patient.map_or_else(
        || "null::uuid".to_owned(),
        |number| format!("md5('{number}')::uuid"),
    )
}

fn records() -> impl Strategy<Value = List> {
    let filters = (
        patient(),
        maybe(&["NOTE", "LAB_RESULT", "IMAGING"]),
        maybe(&["true", "false"]),
        any::<bool>(),
    );
    filters.prop_map(|(patient, record_type, held, archived)| {
        let (patient, record_type, held) = (id_of(patient), literal(record_type), literal(held));
        List {
            call: format!(
                "records_in_care({patient}, null, {record_type}, null, null, {held}, {archived}, <cursor>, {LIMIT})"
            ),
            plain: format!(
                "select id, created_at::text as at from medical_records
                 where <care> and coalesce(patient_id = {patient}, true)
                   and coalesce(record_type = {record_type}, true)
                   and coalesce(is_patient_visible <> {held}, true) and ({archived} or not is_archived)
                 order by created_at desc, id desc"
            ),
        }
    })
}

fn files() -> impl Strategy<Value = List> {
    let filters = (
        patient(),
        maybe(&["PENDING", "EXPIRED", "AVAILABLE"]),
        any::<bool>(),
    );
    filters.prop_map(|(patient, status, archived)| {
        let (patient, status) = (id_of(patient), literal(status));
        List {
            call: format!("files_in_care({patient}, null, null, {status}, {archived}, <cursor>, {LIMIT})"),
            plain: format!(
                "select id, created_at::text as at from file_metadata
                 where <care> and coalesce(patient_id = {patient}, true) and coalesce(status = {status}, true)
                   and ({archived} or not is_archived)
                 order by created_at desc, id desc"
            ),
        }
    })
}

fn visits(vera: Uuid, walt: Uuid) -> impl Strategy<Value = List> {
    let time = || {
        proptest::option::weighted(
            0.3,
            (1..=25).prop_map(|day| format!("2026-01-{day:02}T00:00Z")),
        )
    };
    let filters = (
        patient(),
        proptest::option::weighted(0.3, select(vec![vera, walt])),
        maybe(&["SCHEDULED", "COMPLETED", "CANCELLED"]),
        time(),
        time(),
        any::<bool>(),
    );
    filters.prop_map(|(patient, provider, status, from, to, archived)| {
        let (patient, status) = (id_of(patient), literal(status));
        let provider = literal(provider.map(|id| id.to_string()).as_deref());
        let (from, to) = (literal(from.as_deref()), literal(to.as_deref()));
        List {
            call: format!(
                "visits_in_care(
                   {patient}, {provider}, {status}, null, null, {from}, {to}, {archived}, <cursor>, {LIMIT})"
            ),
            plain: format!(
                "select id, scheduled_at::text as at from appointments
                 where (<care> or provider_id = <provider>)
                   and coalesce(patient_id = {patient}, true) and coalesce(provider_id = {provider}, true)
                   and coalesce(status = {status}, true) and coalesce(scheduled_at >= {from}, true)
                   and coalesce(scheduled_at < {to}, true) and ({archived} or not is_archived)
                 order by scheduled_at, id"
            ),
        }
    })
}

/// Twenty patients with the ids of `crowd 1` to `crowd 20`.
async fn gather(world: &World) {
    for statement in [
        "insert into user_profiles (id, username, first_name, last_name, role)
         select md5('user ' || i)::uuid, i || '@example.org', 'Person', 'Example', 'PATIENT'
         from generate_series(1, 20) as i",
        "insert into patients (id, user_id, patient_number, date_of_birth, gender)
         select md5('crowd ' || i)::uuid, md5('user ' || i)::uuid, i, '1950-01-01', 'other'
         from generate_series(1, 20) as i",
    ] {
        world.sql(statement, &[]).await;
    }
}

/// Changes of care and charts. Many times are equal.
async fn change(world: &World, round: i32, member: &Actor, vera: &Provider, walt: &Provider) {
    let round = f64::from(round);
    world.sql("select setseed($1)", &[&(round / 100.0)]).await;
    world
        .sql(
            "insert into care_relations (member_id, patient_id, basis, source, until, is_suspended)
             select $1, id, 'COVER', $1, now() + interval '9 days', false
             from patients where patient_number ~ '^[0-9]+$' and random() < 0.3
             on conflict (member_id, patient_id, basis, source) do update set until = excluded.until",
            &[&member.user],
        )
        .await;
    for statement in [
        "update care_relations set until = now() where until > now() and random() < 0.1",
        "insert into medical_records (id, patient_id, record_type, content, created_at)
         select gen_random_uuid(), id, case when random() < 0.8 then 'NOTE' else 'LAB_RESULT' end::record_type,
           '{}', timestamptz '2026-01-01T00:00Z' + floor(random() * 50) * interval '1 hour'
         from patients, generate_series(1, 3) where patient_number ~ '^[0-9]+$' and random() < 0.2",
        "update medical_records set is_archived = true, archived_at = now(), change_reason = 'Wrong'
         where not is_archived and random() < 0.1",
        "update medical_records set is_patient_visible = false, change_reason = 'held' where random() < 0.1",
        "insert into file_metadata (id, owner_id, owner_type, patient_id, bucket, file_path, original_name, file_type,
           file_size, sha256, expires_at, uploaded_by, status, created_at)
         select gen_random_uuid(), user_id, 'PATIENT', id, 'bucket', gen_random_uuid()::text, 'a.txt', 'text/plain', 1,
           sha256(''), now(), user_id, case when random() < 0.5 then 'PENDING' else 'EXPIRED' end::file_status,
           timestamptz '2026-01-01T00:00Z' + floor(random() * 50) * interval '1 hour'
         from patients, generate_series(1, 3) where patient_number ~ '^[0-9]+$' and random() < 0.2",
        "update file_metadata set is_archived = true, archived_at = now() where not is_archived and random() < 0.1",
        "update appointments set is_archived = true, archived_at = now()
         where not is_archived and status = 'COMPLETED' and random() < 0.1",
        // No two of these visits are a multiple of forty days apart.
        "update appointments set scheduled_at = scheduled_at + interval '40 days' * (floor(random() * 3) - 1)
         where status = 'SCHEDULED' and random() < 0.2",
    ] {
        world.sql(statement, &[]).await;
    }
    // Visits that are scheduled never overlap.
    world
        .sql(
            "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes, status)
             select gen_random_uuid(), id, case when random() < 0.5 then $1::uuid else $2::uuid end, timestamptz '2026-01-01T00:00Z'
               + floor(random() * 50) * interval '12 hours', 20, case when random() < 0.8 then 'COMPLETED' else 'CANCELLED' end::appointment_status
             from patients where patient_number ~ '^[0-9]+$' and random() < 0.4",
            &[&vera.id, &walt.id],
        )
        .await;
    world
        .sql(
            "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes)
             select gen_random_uuid(), id, $1, timestamptz '2026-01-01T00:00Z' + $2 * interval '1 day'
               + row_number() over () * interval '30 minutes', 1
             from patients where patient_number ~ '^[0-9]+$' and random() < 0.2",
            &[&walt.id, &round],
        )
        .await;
}

#[tokio::test]
async fn pages_over_all_charts_in_care_are_those_of_a_plain_query_for_any_data_and_filters() {
    let world = World::new().await;
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let nora = world.user("NURSE", "Nora").await;
    gather(&world).await;
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let lists = prop_oneof![records(), files(), visits(vera.id, walt.id)];
    let app = world.connect_as(PEOPLE).await;
    for round in 1..=16 {
        let (member, provider) = match round % 2 {
            0 => (&nora, Uuid::nil()),
            _ => (&*vera, vera.id),
        };
        change(&world, round, member, &vera, &walt).await;
        app.batch_execute("begin").await.unwrap();
        begin_request(&app, member, "records:read").await.unwrap();
        for _ in 0..60 {
            let list = lists.new_tree(&mut runner).unwrap().current();
            let in_care = format!(
                "patient_id in (select patient_id from care_relations
                 where member_id = '{}' and until > now() and not is_suspended)",
                member.user
            );
            let plain = list.plain.replace("<care>", &in_care);
            let plain = plain.replace("<provider>", &format!("'{provider}'"));
            let expected: Vec<(Uuid, String)> = (world.sql(&plain, &[]).await.iter())
                .map(|row| (row.get("id"), row.get("at")))
                .collect();
            let mut cursor = "null, null".to_owned();
            for page in expected.chunks(LIMIT).chain([&[][..]]) {
                let call = list.call.replace("<cursor>", &cursor);
                let found = app
                    .query(&format!("select id from {call} as id"), &[])
                    .await
                    .unwrap();
                let found: Vec<Uuid> = found.iter().map(|row| row.get(0)).collect();
                let ids: Vec<Uuid> = page.iter().map(|(id, _)| *id).collect();
                assert_eq!(found, ids, "round {round}: {call}");
                let Some((id, at)) = page.last() else {
                    break;
                };
                cursor = format!("'{at}', '{id}'");
            }
        }
        app.batch_execute("commit").await.unwrap();
    }
}

#[tokio::test]
async fn what_is_written_while_care_begins_is_listed() {
    let world = World::new().await;
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let file = "insert into file_metadata (id, owner_id, owner_type, patient_id, bucket, file_path, original_name,
           file_type, file_size, sha256, expires_at, uploaded_by, created_at)
         select gen_random_uuid(), user_id, 'PATIENT', id, 'bucket', gen_random_uuid()::text, 'a.txt', 'text/plain', 1,
           sha256(''), now(), user_id, <at>
         from patients where id";
    let record = "insert into medical_records (id, patient_id, record_type, content, created_at)
         select gen_random_uuid(), id, 'NOTE', '{}', <at> from patients where id";
    let visit = format!(
        "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes, status)
         select gen_random_uuid(), id, '{}', <at>, 20, 'COMPLETED' from patients where id",
        walt.id
    );
    let (mut expected, mut patients) = (0, [vec![], vec![], vec![]]);
    for care_is_first in [true, false] {
        for has_rows in [true, false] {
            expected += 1 + usize::from(has_rows);
            for (index, (path, function, resource, write)) in [
                ("medical-records", "list-records", "MEDICAL_RECORD", record),
                ("files", "list-files", "FILE", file),
                ("appointments", "list-appointments", "APPOINTMENT", &visit),
            ]
            .into_iter()
            .enumerate()
            {
                let ada = world.patient("Ada").await;
                patients[index].push(ada.id);
                let write = format!("{write} = '{}'", ada.id);
                if has_rows {
                    let earlier = write.replace("<at>", "now() - interval '9 days'");
                    world.sql(&earlier, &[]).await;
                }
                let write = write.replace("<at>", "now()");
                let care = format!(
                    "insert into care_relations (member_id, patient_id, basis, source, until, is_suspended)
                     values ('{0}', '{1}', 'REFERRAL', '{0}', now() + interval '9 days', false)",
                    vera.user, ada.id
                );
                let (first, second) = match care_is_first {
                    true => (care, write),
                    false => (write, care),
                };
                let other = world.connect().await;
                other
                    .batch_execute(&format!("begin; {first}"))
                    .await
                    .unwrap();
                world.sql(&second, &[]).await;
                other.batch_execute("commit").await.unwrap();
                let answer = vera.get(&format!("/v1/{path}")).await.expect(200);
                assert_eq!(answer.ids().len(), expected, "{path}");
                let disclosed = audit(function, "SEARCH", resource).by(&vera);
                let disclosed = patients[index]
                    .iter()
                    .fold(disclosed, |row, id| row.patient(*id));
                world.audited(&answer, disclosed).await;
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_missed_when_a_write_and_the_beginning_of_care_commit_at_once() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let (one, other) = (world.connect().await, world.connect().await);
    for number in 1..=30 {
        let ada = world.patient("Ada").await;
        let care = format!(
            "begin; insert into care_relations (member_id, patient_id, basis, source, until, is_suspended)
             values ('{0}', '{1}', 'REFERRAL', '{0}', now() + interval '9 days', false)",
            vera.user, ada.id
        );
        let write = format!(
            "begin; insert into medical_records (id, patient_id, record_type, content)
             values (gen_random_uuid(), '{}', 'NOTE', '{{}}')",
            ada.id
        );
        one.batch_execute(&care).await.unwrap();
        other.batch_execute(&write).await.unwrap();
        let (begun, written) =
            tokio::join!(one.batch_execute("commit"), other.batch_execute("commit"));
        begun.unwrap();
        written.unwrap();
        let answer = vera.get("/v1/medical-records").await.expect(200);
        assert_eq!(answer.ids().len(), number);
    }
}

#[tokio::test]
async fn a_writer_who_has_fallen_silent_keeps_no_other_writer_of_the_chart_waiting() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let silent = world.connect().await;
    let begun = format!(
        "begin; insert into medical_records (id, patient_id, record_type, content)
         values (gen_random_uuid(), '{}', 'NOTE', '{{}}')",
        ada.id
    );
    silent.batch_execute(&begun).await.unwrap();
    let record = json!({"patient_id": ada.id, "record_type": "NOTE", "content": {"text": "Well."}});
    let written = vera.post("/v1/medical-records", record).await.expect(201);
    silent.batch_execute("rollback").await.unwrap();
    let listed = vera.get("/v1/medical-records").await.expect(200);
    assert_eq!(listed.ids(), [written.id()]);
}

#[tokio::test]
async fn of_two_writers_of_one_chart_both_succeed_and_both_rows_are_listed() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let path = "/v1/medical-records";
    let write = || {
        let record =
            json!({"patient_id": ada.id, "record_type": "NOTE", "content": {"text": "Well."}});
        vera.post(path, record)
    };
    let mut written = Vec::new();
    for _ in 0..8 {
        let (one, other) = tokio::join!(write(), write());
        written.extend([one.expect(201).id(), other.expect(201).id()]);
    }
    let mut listed = vera.get(path).await.expect(200).ids();
    listed.sort_unstable();
    written.sort_unstable();
    assert_eq!(listed, written);
}
