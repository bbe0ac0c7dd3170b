//! Nothing is deleted before its retention has ended, and what is deleted leaves its proof.

use chrono::{Datelike as _, Days, NaiveDate};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use tests::audit::Expected;
use tests::database::JOBS;
use tests::prelude::*;
use tests::retention::LONG_AGO;
use tests::ticket::begin_job;

fn row() -> Expected {
    audit("apply-retention", "PROCESS", "RETENTION").by_system()
}

/// Expects the row of a deletion of these resources.
fn deletion(kind: &str, ids: &[Uuid], rules: Value, (rows, sha256): (Value, String)) -> Expected {
    row()
        .detail("kind", kind)
        .detail("deleted", ids.len())
        .detail("kept", 0)
        .detail("ids", json!(ids))
        .detail("rules", rules)
        .detail("rows", rows)
        .detail("sha256", sha256)
}

async fn put_rule(admin: &Actor, kind: &str, years: i32) {
    let body = json!({"adult_years": years, "majority_age": 18, "minor_years": 10, "reason": "x"});
    let path = format!("/v1/retention-rules/{kind}");
    admin
        .send(http::Method::PUT, &path, Some(body))
        .await
        .expect(200);
}

async fn place_hold(admin: &Actor, body: Value) -> Uuid {
    admin.post("/v1/legal-holds", body).await.expect(200).id()
}

async fn release_hold(admin: &Actor, hold: Uuid) {
    let path = format!("/v1/legal-holds/{hold}/release");
    admin.post(&path, json!({"reason": "x"})).await.expect(200);
}

/// A world in which deletion is on, and a patient with a record that has long been deletable.
async fn with_record() -> (World, Patient, Provider, Uuid) {
    let world = World::new().await;
    world.turn_deletion_on().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let record = world.archived_record(&ada, &vera, LONG_AGO).await;
    (world, ada, vera, record)
}

// What is deleted, and the proof of it.

#[tokio::test]
async fn a_whole_chart_goes_in_one_run_with_its_proof_in_the_audit_log() {
    let world = World::new().await;
    world.turn_deletion_on().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);

    // Given an archived patient with a representative, a visit, a record of it with two former versions, a release, a shield,
    // an amendment and a copy that it is left out of, and a file of the record with two versions and a delete marker
    let file = world.archived_file(&ada).await;
    world.put_unseen(ada.user, file, b"overwritten");
    let visit = world.archived_visit(&ada, &vera, LONG_AGO).await;
    let record = world.archived_record(&ada, &vera, LONG_AGO).await;
    world
        .sql(
            "insert into record_releases (id, record_id, patient_id, hold_reason, expires_at, decided_by)
             values (gen_random_uuid(), $1, $2, 'privacy', now() + interval '1 day', $3)",
            &[&record, &ada.id, &vera.user],
        )
        .await;
    world.shield(record, &vera).await;
    world.represent(vera.user, &ada, None).await;
    world.accepted_amendment(record).await;
    let export = world.denied_export(ada.id).await;
    world
        .rewrite_history(&format!(
            "insert into export_exclusions (export_id, record_id, patient_id, ground, basis)
               values ('{export}', '{record}', '{ada}', 'RESEARCH', 'x');
             update medical_records set appointment_id = '{visit}' where id = '{record}';
             update file_metadata set record_id = '{record}' where id = '{file}';
             update chart_spans set ends = '{LONG_AGO}' where patient_id = '{ada}'",
            ada = ada.id
        ))
        .await;
    world.archive_person(&ada, LONG_AGO).await;
    world.list_and_wait(31).await;
    let mut proofs = Vec::new();
    for (kind, id) in [
        ("FILE", file),
        ("MEDICAL_RECORD", record),
        ("APPOINTMENT", visit),
        ("PATIENT", ada.id),
    ] {
        proofs.push(world.proof(kind, &[id]).await);
    }
    assert!(world.has_object(ada.user, file));

    // When the job runs
    world.apply_retention().await;

    // Then nothing of the chart is left
    for (table, column) in [
        ("file_metadata", "patient_id"),
        ("record_releases", "patient_id"),
        ("record_shields", "patient_id"),
        ("medical_record_versions", "patient_id"),
        ("medical_records", "patient_id"),
        ("appointments", "patient_id"),
        ("representatives", "patient_id"),
        ("care_relations", "patient_id"),
        ("chart_spans", "patient_id"),
        ("amendment_recipients", "patient_id"),
        ("amendments", "patient_id"),
        ("exports", "patient_id"),
        ("patients", "id"),
    ] {
        let query = format!("select from {table} where {column} = $1");
        assert!(world.sql(&query, &[&ada.id]).await.is_empty(), "{table}");
    }
    assert!(!world.has_object(ada.user, file));
    // And each deletion has a row with the ids, the rules, the row counts and the hash of what was there
    let mut proofs = proofs.into_iter();
    let mut next = || proofs.next().unwrap();
    let rules = |kind: &str| json!([format!("US/{kind}/1")]);
    let file_row = deletion("FILE", &[file], rules("FILE"), next())
        .resource(file)
        .patient(ada.id)
        .detail("object_versions", 2);
    let record_proof = next();
    assert_eq!(
        record_proof.0,
        json!({
            "export_exclusions": 1, "record_releases": 1, "record_shields": 1, "medical_record_versions": 2,
            "medical_records": 1
        })
    );
    assert_eq!(
        world.deletions().await,
        [
            file_row,
            deletion(
                "MEDICAL_RECORD",
                &[record],
                rules("MEDICAL_RECORD"),
                record_proof
            )
            .patient(ada.id),
            deletion("APPOINTMENT", &[visit], rules("APPOINTMENT"), next()).patient(ada.id),
            deletion(
                "PATIENT",
                &[ada.id],
                json!(["US/PATIENT/1", "US/USER/1"]),
                next()
            )
            .patient(ada.id),
        ]
    );
    world.verify_chains().await;
    world.each_request_has_one_outcome().await;
    // And the account stays, because the audit log names it
    assert!(world.has("user_profiles", ada.user).await);
    assert_eq!(
        world
            .row("select referred_from from retention_listings", &[])
            .await,
        json!({"referred_from": "audit_logs"})
    );
    // And no row contains more than ids, names, counts and hashes
    let told = world
        .rows("select details::text as name from audit_logs", &[])
        .await;
    for secret in ["Ada", "Old", "MRN"] {
        assert!(!told.iter().any(|row| row.to_string().contains(secret)));
    }
}

#[tokio::test]
async fn the_proof_changes_with_every_byte_of_what_was_deleted() {
    let (world, ada, vera, record) = with_record().await;
    let other = world.archived_record(&ada, &vera, LONG_AGO).await;
    let (rows, before) = world.proof("MEDICAL_RECORD", &[record, other]).await;
    assert_eq!(rows, json!({"medical_records": 2}));
    // The order of the ids and the settings of the session don't matter.
    assert_eq!(
        world.proof("MEDICAL_RECORD", &[other, record]).await.1,
        before
    );
    let elsewhere = world.connect().await;
    elsewhere
        .batch_execute(
            "set timezone = 'Asia/Tokyo'; set datestyle = 'German'; set bytea_output = 'escape'",
        )
        .await
        .unwrap();
    let digest: String = elsewhere
        .query_one(
            "select digest from retention_proof('MEDICAL_RECORD', $1)",
            &[&vec![record, other]],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(digest, before);
    world
        .rewrite_history(&format!(
            "update medical_records set notes = 'x' where id = '{record}'"
        ))
        .await;
    assert_ne!(
        world.proof("MEDICAL_RECORD", &[record, other]).await.1,
        before
    );
}

#[tokio::test]
async fn an_imported_patient_goes_with_their_account_and_can_be_imported_again() {
    let world = World::new().await;
    world.turn_deletion_on().await;
    let source = "urn:example:source";
    let ida = world.patient_from(Some(source), "Ida").await;
    let ivo = world.provider_from(Some(source), "Ivo").await;
    let record = world.note_from(Some(source), &ida, &ivo, "Old").await;
    world
        .rewrite_history(&format!(
            "update medical_records set is_archived = true, archived_at = '{LONG_AGO}';
             update chart_spans set begins = '{LONG_AGO}', ends = '{LONG_AGO}'"
        ))
        .await;
    world.archive_person(&ida, LONG_AGO).await;
    world.list_and_wait(31).await;
    world.apply_retention().await;
    for (table, id) in [
        ("medical_records", record),
        ("patients", ida.id),
        ("user_profiles", ida.user),
    ] {
        assert!(!world.has(table, id).await, "{table}");
    }
    let words = world
        .sql("select from name_words where user_id = $1", &[&ida.user])
        .await;
    assert!(words.is_empty());
    assert!(world.listed().await.is_empty());
    // The external id is free.
    world
        .sql(
            "insert into user_profiles (id, first_name, role, source_system, external_id)
             values (gen_random_uuid(), 'Ida', 'PATIENT', $1, $2::uuid::text)",
            &[&source, &ida.user],
        )
        .await;
}

// When something ends.

/// A birth, the time of archiving, and the last day of the retention under ten years, majority at 18 and ten years more.
const ENDS: [(&str, &str, &str); 14] = [
    // Adults: ten years after the latest day that the time is anywhere on earth.
    ("1960-05-17", "2010-06-01T09:00:00Z", "2020-06-01"),
    ("1960-05-17", "2010-06-01T10:00:00Z", "2020-06-02"),
    // 29 February: in other years the day after the 28th.
    ("1960-05-17", "2008-02-29T00:00:00Z", "2018-03-01"),
    // Minors: until they are 28.
    ("2005-05-17", "2010-06-01T09:00:00Z", "2033-05-17"),
    ("2004-02-29", "2010-06-01T09:00:00Z", "2032-03-01"),
    // Ten years later than that, because they were archived shortly before the majority.
    ("1992-06-02", "2010-06-01T09:00:00Z", "2020-06-02"),
    // On the birthday they are of age, from the time on at which it has begun everywhere.
    ("1992-06-02", "2010-06-02T11:00:00Z", "2020-06-03"),
    ("1992-06-02", "2010-06-02T12:00:00Z", "2020-06-03"),
    ("1992-06-02", "2010-06-03T12:00:00Z", "2020-06-04"),
    // A partial birth is as late as it can be.
    ("2005", "2010-06-01T09:00:00Z", "2033-12-31"),
    ("2005-02", "2010-06-01T09:00:00Z", "2033-02-28"),
    ("2004-02", "2010-06-01T09:00:00Z", "2032-03-01"),
    ("1992", "2010-06-01T09:00:00Z", "2020-12-31"),
    ("1991", "2010-06-01T09:00:00Z", "2020-06-01"),
];

#[tokio::test]
async fn adults_minors_birthdays_leap_days_and_partial_births_end_on_their_day() {
    let world = World::new().await;
    for (born, counted_from, expected) in ENDS {
        let row = world
            .sql(
                "select retention_end($1::text::timestamptz, $2, 10, 18, 10)::text",
                &[&counted_from, &born],
            )
            .await;
        assert_eq!(
            row[0].get::<_, String>(0),
            expected,
            "{born} {counted_from}"
        );
    }
    // A day is over when it is over everywhere.
    let over = world
        .row(
            "select bool_and(is_over(day) = (now() at time zone 'UTC' >= day + 1 + time '12:00')) as exact
             from (select (now() at time zone 'UTC')::date - i as day from generate_series(-2, 3) as i) as days",
            &[],
        )
        .await;
    assert_eq!(over, json!({"exact": true}));
}

/// A case of the date rule.
#[derive(Debug)]
struct Case {
    counted_from: i64,
    born: Option<(NaiveDate, usize)>,
    adult_years: i32,
    majority_age: i32,
    minor_years: i32,
}

/// The first day that isn't before this day some years later.
fn years_after(day: NaiveDate, years: i32) -> NaiveDate {
    let year = day.year() + years;
    day.with_year(year)
        .unwrap_or_else(|| NaiveDate::from_ymd_opt(year, 3, 1).unwrap())
}

impl Case {
    /// Every day that a birth known to this length can be.
    fn births(&self) -> Vec<NaiveDate> {
        let Some((born, length)) = self.born else {
            return Vec::new();
        };
        let text = born.to_string();
        let first = |year, month| NaiveDate::from_ymd_opt(year, month, 1).unwrap();
        let begins = match length {
            4 => first(born.year(), 1),
            7 => first(born.year(), born.month()),
            _ => born,
        };
        let days = begins.iter_days().take(366);
        days.filter(|day| day.to_string()[..length] == text[..length])
            .collect()
    }
}

#[tokio::test]
async fn no_retention_ends_before_any_floor_wherever_and_whenever_the_patient_was_born() {
    let world = World::new().await;
    let cases = (
        -3_000_000_000_i64..4_000_000_000,
        proptest::option::of((
            0..60_000_u64,
            proptest::sample::select(vec![4_usize, 7, 10]),
        )),
        1..201_i32,
        18..31_i32,
        0..201_i32,
    )
        .prop_map(
            |(counted_from, born, adult_years, majority_age, minor_years)| Case {
                counted_from,
                born: born.map(|(days, length)| {
                    let first = NaiveDate::from_ymd_opt(1880, 1, 1).unwrap();
                    (first + Days::new(days), length)
                }),
                adult_years,
                majority_age,
                minor_years,
            },
        );
    let mut runner = TestRunner::default();
    for _ in 0..3000 {
        let case = cases.new_tree(&mut runner).unwrap().current();
        let born = case
            .born
            .map(|(day, length)| day.to_string()[..length].to_owned());
        let row = world
            .sql(
                "select retention_end(to_timestamp($1::bigint::float8), $2, $3, $4, $5)",
                &[
                    &case.counted_from,
                    &born,
                    &case.adult_years,
                    &case.majority_age,
                    &case.minor_years,
                ],
            )
            .await;
        let end: NaiveDate = row[0].get(0);
        let time = chrono::DateTime::from_timestamp(case.counted_from, 0).unwrap();
        // In every time zone, from UTC-12 to UTC+14
        for hours in -12..=14 {
            let day = (time + chrono::TimeDelta::hours(hours)).date_naive();
            assert!(end >= years_after(day, case.adult_years), "{case:?}: {end}");
            // And whatever day of the month or year the patient was born on
            for born in case.births() {
                let of_age = years_after(born, case.majority_age);
                if day < of_age {
                    assert!(
                        end >= years_after(of_age, case.minor_years),
                        "{case:?}: {end}"
                    );
                }
            }
        }
        // Nor is anything kept longer than the latest of these days requires.
        let latest = (time + chrono::TimeDelta::hours(14)).date_naive();
        let adult = years_after(latest, case.adult_years);
        let minor = case
            .births()
            .last()
            .map(|born| years_after(years_after(*born, case.majority_age), case.minor_years));
        assert!(end == adult || Some(end) == minor, "{case:?}: {end}");
    }
}

#[tokio::test]
async fn a_minors_record_stays_until_they_are_28_and_an_adults_does_not() {
    let (world, ada, vera, adults) = with_record().await;
    let kim = world.patient("Kim").await;
    let minors = world.archived_record(&kim, &vera, LONG_AGO).await;
    let born = format!(
        "update patients set date_of_birth = (current_date - interval '28 years')::date::text where id = '{}'",
        kim.id
    );
    world.rewrite_history(&born).await;
    world.list_and_wait(31).await;
    world.apply_retention().await;
    assert!(!world.has("medical_records", adults).await);
    assert!(world.has("medical_records", minors).await);
    assert!(world.has("patients", ada.id).await);
    // Three days after the birthday, the day is over everywhere.
    world
        .rewrite_history(&born.replace("28 years", "28 years 3 days"))
        .await;
    world.list_and_wait(31).await;
    world.apply_retention().await;
    assert!(!world.has("medical_records", minors).await);
}

#[tokio::test]
async fn a_retention_counts_from_the_last_activity_in_the_chart_and_from_the_death() {
    let (world, ada, vera, record) = with_record().await;
    // A visit nine years ago, which isn't archived, keeps the old record.
    world
        .visit(&ada, &vera, &days_ago(9 * 365), "COMPLETED")
        .await;
    let ben = world.patient("Ben").await;
    let bens = world.archived_record(&ben, &vera, LONG_AGO).await;
    let cora = world.patient("Cora").await;
    let coras = world.archived_record(&cora, &vera, LONG_AGO).await;
    for (patient, death) in [(&ben, "2019"), (&cora, "2002-03-04T05:06:07Z")] {
        world
            .sql(
                "update patients set deceased = $2 where id = $1",
                &[&patient.id, &json!({ "at": death })],
            )
            .await;
    }
    world.list_and_wait(31).await;
    world.apply_retention().await;
    assert!(world.has("medical_records", record).await);
    assert!(world.has("medical_records", bens).await);
    assert!(!world.has("medical_records", coras).await);
}

#[tokio::test]
async fn what_is_not_archived_is_kept_for_ever_and_a_restored_row_begins_anew() {
    let (world, _, _, record) = with_record().await;
    world.list_and_wait(31).await;

    // Given an operator who restores the record after it was listed
    let restore = format!(
        "update medical_records set is_archived = false, archived_at = null where id = '{record}'"
    );
    world.rewrite_history(&restore).await;

    // When the job runs, then the record stays and is no longer listed
    let steps = world.apply_retention().await;
    assert!(
        steps.contains(&json!({"kind": "MEDICAL_RECORD", "forgotten": 1})),
        "{steps:?}"
    );
    assert!(world.has("medical_records", record).await);
    assert!(world.listed().await.is_empty());

    // And once it is archived again, its time begins again
    world
        .rewrite_history(&format!(
            "update medical_records set is_archived = true, archived_at = now() where id = '{record}'"
        ))
        .await;
    world.apply_retention().await;
    assert!(world.listed().await.is_empty());
}

// What keeps it.

#[tokio::test]
async fn a_hold_keeps_what_it_covers_and_its_release_starts_the_days_to_object_again() {
    let (world, ada, vera, record) = with_record().await;
    let (ben, admin) = (world.patient("Ben").await, world.admin().await);
    let bens = world.archived_record(&ben, &vera, LONG_AGO).await;
    // Given a hold before the listing, and one after it
    let first = place_hold(&admin, json!({"patient_id": ada.id, "reason": "x"})).await;
    world.list_and_wait(31).await;
    let second = place_hold(
        &admin,
        json!({"patient_id": ben.id, "resource_type": "MEDICAL_RECORD", "reason": "x"}),
    )
    .await;

    // When the job runs, then both records stay
    world.apply_retention().await;
    for id in [record, bens] {
        assert!(world.has("medical_records", id).await);
    }

    // When both holds are released, then the records are listed again from the beginning
    release_hold(&admin, first).await;
    release_hold(&admin, second).await;
    world.apply_retention().await;
    world.list_and_wait(29).await;
    world.apply_retention().await;
    for id in [record, bens] {
        assert!(world.has("medical_records", id).await);
    }
    world.list_and_wait(2).await;
    world.apply_retention().await;
    for id in [record, bens] {
        assert!(!world.has("medical_records", id).await);
    }
}

#[tokio::test]
async fn a_hold_covers_its_patient_and_kind_alone_and_one_on_everything_covers_all() {
    let (world, ada, vera, record) = with_record().await;
    let (ben, admin) = (world.patient("Ben").await, world.admin().await);
    let bens = world.archived_record(&ben, &vera, LONG_AGO).await;
    let visit = world.archived_visit(&ada, &vera, LONG_AGO).await;
    world.list_and_wait(31).await;
    let all = place_hold(&admin, json!({"reason": "x"})).await;
    world.apply_retention().await;
    assert!(world.has("medical_records", record).await && world.has("appointments", visit).await);

    let own = json!({"patient_id": ada.id, "resource_type": "MEDICAL_RECORD", "reason": "x"});
    place_hold(&admin, own).await;
    release_hold(&admin, all).await;
    world.list_and_wait(31).await;
    world.apply_retention().await;
    assert!(world.has("medical_records", record).await);
    assert!(!world.has("medical_records", bens).await);
    assert!(!world.has("appointments", visit).await);
}

#[tokio::test]
async fn a_hold_between_two_runs_starts_the_days_to_object_again() {
    let (world, ada, _, record) = with_record().await;
    let admin = world.admin().await;
    world.list_and_wait(31).await;
    let hold = place_hold(&admin, json!({"patient_id": ada.id, "reason": "x"})).await;
    release_hold(&admin, hold).await;
    world.list_and_wait(29).await;
    world.apply_retention().await;
    assert!(world.has("medical_records", record).await);
    world.list_and_wait(2).await;
    world.apply_retention().await;
    assert!(!world.has("medical_records", record).await);
}

#[tokio::test]
async fn a_hold_that_is_being_placed_is_waited_for() {
    let (world, ada, _, record) = with_record().await;
    world.list_and_wait(31).await;

    // Given a hold that isn't committed yet
    let clerk = world.connect().await;
    clerk
        .batch_execute(&format!(
            "begin; insert into legal_holds (id, patient_id, reason) values (gen_random_uuid(), '{}', 'x')",
            ada.id
        ))
        .await
        .unwrap();

    // When the job runs, then it waits for the hold and obeys it
    let run = world.apply_retention();
    let commit = async {
        eventually("the job waits", async || {
            let waiting = "select from pg_locks l join pg_database d on d.oid = l.database
                where not l.granted and d.datname = current_database()";
            !world.sql(waiting, &[]).await.is_empty()
        })
        .await;
        clerk.batch_execute("commit").await.unwrap();
    };
    tokio::join!(run, commit);
    assert!(world.has("medical_records", record).await);
}

#[tokio::test]
async fn an_account_stays_under_a_hold_on_its_patient_after_the_patient_is_deleted() {
    let world = World::new().await;
    world.turn_deletion_on().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    world.archive_person(&ada, LONG_AGO).await;
    let body = json!({"patient_id": ada.id, "resource_type": "USER", "reason": "x"});
    place_hold(&admin, body).await;
    world.list_and_wait(31).await;
    world.apply_retention().await;
    assert!(!world.has("patients", ada.id).await);
    world.list_and_wait(31).await;
    world.apply_retention().await;
    assert!(world.has("user_profiles", ada.user).await);
}

#[tokio::test]
async fn a_hold_tells_the_archive_of_the_audit_log_which_months_it_covers() {
    let world = World::new().await;
    let (ada, ben, admin) = (
        world.patient("Ada").await,
        world.patient("Ben").await,
        world.admin().await,
    );
    admin
        .get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    let held = async || {
        world
            .row(
                "select holds_audit_month(date_trunc('month', now())::date) as now,
                   holds_audit_month('2001-01-01') as before",
                &[],
            )
            .await
    };
    let none = json!({"now": false, "before": false});
    assert_eq!(held().await, none);
    // Placing a hold on Ben writes an audit row that names him.
    let bens = json!({"patient_id": ben.id, "resource_type": "FILE", "reason": "x"});
    place_hold(&admin, bens).await;
    assert_eq!(held().await, none);
    let hold = place_hold(&admin, json!({"patient_id": ada.id, "reason": "x"})).await;
    assert_eq!(held().await, json!({"now": true, "before": false}));
    release_hold(&admin, hold).await;
    place_hold(&admin, json!({"resource_type": "AUDIT_LOG", "reason": "x"})).await;
    assert_eq!(held().await, json!({"now": true, "before": true}));
}

#[tokio::test]
async fn a_rule_raised_after_the_listing_keeps_the_row_and_the_lower_one_lists_it_anew() {
    let (world, _, _, record) = with_record().await;
    let admin = world.admin().await;
    world.list_and_wait(31).await;
    put_rule(&admin, "MEDICAL_RECORD", 40).await;
    world.apply_retention().await;
    assert!(world.has("medical_records", record).await);
    assert!(world.listed().await.is_empty());
    put_rule(&admin, "MEDICAL_RECORD", 10).await;
    world.apply_retention().await;
    world.apply_retention().await;
    assert!(world.has("medical_records", record).await);
    world.list_and_wait(31).await;
    world.apply_retention().await;
    assert!(!world.has("medical_records", record).await);
    let rules = json!(["US/MEDICAL_RECORD/1", "US/MEDICAL_RECORD/3"]);
    assert_eq!(
        world.audit_log().await.last().unwrap().entry.details["rules"],
        rules
    );
}

#[tokio::test]
async fn what_others_refer_to_stays_until_they_are_gone() {
    let (world, ada, vera, record) = with_record().await;
    // Given a file of the record that isn't archived, and an archived provider who wrote it and is assigned
    let file = world.archived_file(&ada).await;
    world.assign(&ada, &vera).await;
    world
        .rewrite_history(&format!(
            "update file_metadata set record_id = '{record}', is_archived = false, archived_at = null where id = '{file}';
             update providers set is_archived = true, archived_at = '{LONG_AGO}';
             update user_profiles set is_archived = true, archived_at = '{LONG_AGO}' where id = '{}'",
            vera.user
        ))
        .await;
    world.list_and_wait(31).await;
    world.apply_retention().await;
    assert!(world.has("medical_records", record).await);
    assert!(world.has("providers", vera.id).await);
    let referrers = world
        .rows(
            "select resource_type as name, referred_from as by from retention_listings order by resource_type",
            &[],
        )
        .await;
    assert_eq!(
        referrers,
        [
            json!({"name": "MEDICAL_RECORD", "by": "file_metadata"}),
            json!({"name": "PROVIDER", "by": "medical_records"}),
            json!({"name": "USER", "by": "care_relations"}),
        ]
    );

    // When the file is archived and goes, then the record follows, and the provider when nobody has them assigned
    world
        .rewrite_history(&format!(
            "update file_metadata set is_archived = true, archived_at = '{LONG_AGO}' where id = '{file}'"
        ))
        .await;
    world.list_and_wait(31).await;
    world.apply_retention().await;
    assert!(!world.has("file_metadata", file).await);
    assert!(!world.has("medical_records", record).await);
    assert!(world.has("providers", vera.id).await);
    world
        .rewrite_history("update patients set assigned_providers = '{}'")
        .await;
    world.apply_retention().await;
    assert!(!world.has("providers", vera.id).await);
    // The account of a provider stays while a care relation names it.
    assert!(world.has("user_profiles", vera.user).await);
}

// The second wall.

#[tokio::test]
async fn the_database_refuses_each_early_deletion_with_its_reason() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let record = world.archived_record(&ada, &vera, LONG_AGO).await;
    world.archived_visit(&ada, &vera, LONG_AGO).await;
    world.assign(&ada, &vera).await;
    world
        .sql("update medical_records set change_reason = 'x'", &[])
        .await;
    let live = world.note(&world.patient("Ben").await, &vera, "x").await;
    let cora = world.patient("Cora").await;
    let young = world.archived_record(&cora, &vera, &days_ago(365)).await;
    let owner = world.connect().await;
    let refused = async |statement: String| {
        owner.batch_execute("savepoint before").await.unwrap();
        let refused = owner.batch_execute(&statement).await.unwrap_err();
        owner.batch_execute("rollback to before").await.unwrap();
        assert_eq!(refused.code().unwrap().code(), "23001", "{statement}");
        let constraint = refused.as_db_error().unwrap().constraint();
        constraint.unwrap_or_default().to_owned()
    };
    let delete = |id: Uuid| format!("delete from medical_records where id = '{id}'");

    // A superuser without a proven actor
    owner.batch_execute("begin").await.unwrap();
    for table in [
        "file_metadata",
        "record_releases",
        "record_shields",
        "medical_record_versions",
        "medical_records",
        "appointment_changes",
        "appointments",
        "representatives",
        "care_relations",
        "chart_spans",
        "patients",
        "providers",
        "user_profiles",
    ] {
        refused(format!("truncate {table} cascade")).await;
    }
    assert_eq!(refused(delete(record)).await, "retention_only_by_job");
    for parts in [
        "appointment_changes",
        "care_relations",
        "medical_record_versions",
        "chart_spans",
    ] {
        let refusal = refused(format!("delete from {parts}")).await;
        assert_eq!(refusal, "retention_only_by_job", "{parts}");
    }
    owner.batch_execute("rollback").await.unwrap();

    // A superuser with the ticket of the job
    for (change, id, expected) in [
        ("select 1", record, "retention_deletion_off"),
        (
            "update settings set deletes_after_retention = true",
            record,
            "retention_not_listed",
        ),
        ("select 1", live, "retention_not_archived"),
        ("select 1", young, "retention_not_ended"),
        (
            "insert into legal_holds (id, resource_type, reason) values (gen_random_uuid(), 'MEDICAL_RECORD', 'x')",
            record,
            "retention_legal_hold",
        ),
    ] {
        owner.batch_execute(change).await.unwrap();
        owner.batch_execute("begin").await.unwrap();
        begin_job(&owner, "retention:apply").await.unwrap();
        assert_eq!(refused(delete(id)).await, expected);
        owner.batch_execute("rollback").await.unwrap();
    }

    // Another job of SYSTEM's has no right to delete, whatever it is told to
    let app = world.connect_as(JOBS).await;
    app.batch_execute("begin").await.unwrap();
    begin_job(&app, "files:process").await.unwrap();
    let refused = app.batch_execute(&delete(record)).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501");
}

#[tokio::test]
async fn every_table_of_a_retained_kind_is_guarded() {
    let world = World::new().await;
    let unguarded = world
        .rows(
            "select distinct part as name from retained_parts()
             where part not in ('care_spans', 'name_words', 'idempotency_keys') and not (
               exists (select from pg_trigger where tgrelid = part::regclass and tgname = 'guard_deletion')
               and exists (select from pg_trigger where tgrelid = part::regclass and tgname = 'refuse_truncate')
             )",
            &[],
        )
        .await;
    assert!(unguarded.is_empty(), "{unguarded:?}");
    // A table that is archived is one of a retained kind. Webhooks concern no person, and their rows stay.
    let unknown = world
        .rows(
            "select table_name as name from information_schema.columns
             where table_schema = 'public' and column_name = 'archived_at'
               and table_name not in (select part from retained_parts())
               and table_name not in ('archived_rows', 'webhooks')",
            &[],
        )
        .await;
    assert!(
        unknown.is_empty(),
        "add it to retained_parts(): {unknown:?}"
    );
}

// Files, and failures in between.

#[tokio::test]
async fn a_file_whose_object_is_gone_already_is_deleted_with_its_proof() {
    let world = World::new().await;
    world.turn_deletion_on().await;
    let ada = world.patient("Ada").await;
    let file = world.archived_file(&ada).await;
    for folder in [
        world.cloud.objects().path("caretrail-files", "files"),
        world.cloud.objects().path(".versions", "caretrail-files"),
    ] {
        std::fs::remove_dir_all(folder).unwrap();
    }
    world.list_and_wait(31).await;
    let proof = world.proof("FILE", &[file]).await;
    world.apply_retention().await;
    assert!(!world.has("file_metadata", file).await);
    let expected = deletion("FILE", &[file], json!(["US/FILE/1"]), proof)
        .resource(file)
        .patient(ada.id)
        .detail("object_versions", 0);
    assert_eq!(world.deletions().await, [expected]);
}

#[tokio::test]
async fn a_failure_between_object_and_row_is_recorded_and_the_next_run_finishes_it() {
    let world = World::new().await;
    world.turn_deletion_on().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let file = world.archived_file(&ada).await;
    let other = world.patient("Ben").await;
    let record = world.archived_record(&other, &vera, LONG_AGO).await;
    world.list_and_wait(31).await;

    // Given a database that fails behind the deletion of the object
    world
        .sql(
            "create trigger fail before delete on file_metadata
             for each row execute function refuse_ledger_change()",
            &[],
        )
        .await;
    // When the job runs, then it fails for the file, and the other kinds are done
    assert!(world.try_retention().await.is_err());
    assert!(world.has("file_metadata", file).await);
    assert!(!world.has_object(ada.user, file));
    assert!(!world.has("medical_records", record).await);

    // Then the audit log has the announcement and the failure, which name the file
    let log = world.audit_log().await;
    let rows: Vec<_> = log
        .iter()
        .filter(|row| row.entry.details.get("kind") == Some(&json!("FILE")))
        .map(Expected::of)
        .collect();
    let begun = row().detail("kind", "FILE").detail("begun", json!([file]));
    let failed = row()
        .resource(file)
        .detail("kind", "FILE")
        .detail("object_versions", 1)
        .failed("internal");
    assert!(rows.contains(&begun), "{rows:?}");
    assert!(rows.contains(&failed), "{rows:?}");

    // When the cause is mended and an hour has passed, then the next run finishes it
    world.sql("drop trigger fail on file_metadata", &[]).await;
    world
        .sql(
            "update retention_listings set begun_at = begun_at - interval '61 minutes'",
            &[],
        )
        .await;
    world.apply_retention().await;
    assert!(!world.has("file_metadata", file).await);
    world.each_request_has_one_outcome().await;
    world.verify_chains().await;
}

#[tokio::test]
async fn two_runs_at_once_delete_each_row_once() {
    let world = World::with(Setup {
        instances: 2,
        ..Setup::default()
    })
    .await;
    world.turn_deletion_on().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world
        .sql(
            "insert into medical_records
               (id, patient_id, provider_id, record_type, content, created_at, is_archived, archived_at)
             select gen_random_uuid(), $1, $2, 'NOTE', '{}', $3::text::timestamptz, true, $3::text::timestamptz
             from generate_series(1, 1100)",
            &[&ada.id, &vera.id, &LONG_AGO],
        )
        .await;
    world.list_and_wait(31).await;
    let (one, two) = tokio::join!(world.try_retention(), world.try_retention());
    one.unwrap();
    two.unwrap();
    let left = "select from medical_records";
    assert!(world.sql(left, &[]).await.is_empty());
    let log = world.audit_log().await;
    let mut ids: Vec<String> = log
        .iter()
        .filter_map(|row| row.entry.details.get("ids"))
        .flat_map(|ids| ids.as_array().unwrap().clone())
        .map(|id| id.to_string())
        .collect();
    assert_eq!(ids.len(), 1100);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1100);
    world.verify_chains().await;
}
