//! Schedule, every day: `archive-audit`

use std::collections::BTreeMap;

use audit_archive::{manifest, manifest_key, part, part_key};
use tests::archive::{NOT_ARCHIVED, month_ago};
use tests::audit::AuditRow;
use tests::prelude::*;
use tests::ticket::{begin_job, begin_request};
use transparency_log::store::ObjectStore as _;

/// The functions archive two rows a part, so that a month has several parts.
async fn world_with(settings: &[(&str, &str)]) -> World {
    let mut environment = BTreeMap::from([("AUDIT_ROWS_PER_PART".to_owned(), "2".to_owned())]);
    environment.extend(
        settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    World::with(Setup {
        environment,
        instances: 2,
        ..Setup::default()
    })
    .await
}

/// People who wrote rows of all kinds.
struct Clinic {
    world: World,
    ada: Patient,
    ben: Patient,
    vera: Provider,
    officer: Actor,
    /// The rows, of 25 months ago, newest first.
    rows: Vec<AuditRow>,
}

/// Somebody reads a chart, somebody else may not, a search answers several patients, and a job takes a step.
async fn clinic(settings: &[(&str, &str)], months: u32) -> Clinic {
    let world = world_with(settings).await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world.assign(&ada, &vera).await;
    world.assign(&ben, &vera).await;
    let officer = world.officer().await;
    let chart = format!("/v1/patients/{}", ada.id);
    ada.get(&chart).await.expect(200);
    ben.get(&chart).await.problem(404, "not-found");
    vera.get("/v1/patients").await.expect(200);
    vera.get(&chart).await.expect(200);
    let nobody = format!("/v1/patients/{}", Uuid::now_v7());
    vera.get(&nobody).await.problem(404, "not-found");
    let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
    let file = world.uploaded(&ada, "application/pdf", files::PDF).await;
    assert!(!file.is_nil());
    let done = world.cloud.invoke("expire-uploads", &schedule).await;
    done.expect("the job runs");
    let rows = world.age_log(months).await;
    Clinic {
        world,
        ada,
        ben,
        vera,
        officer,
        rows,
    }
}

impl Clinic {
    async fn seal(&self) {
        self.world.seal_month(self.rows.len()).await;
    }

    /// All pages of a list, with two rows each.
    async fn list(&self, filter: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/audit-logs?limit=2{filter}{cursor}");
            let page = self.officer.get(&path).await.expect(200);
            items.extend(page.body["items"].as_array().unwrap().clone());
            match page.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// A question for each filter, about the time before today.
    fn questions(&self) -> Vec<String> {
        let step = self
            .rows
            .iter()
            .find(|row| row.entry.request_id.contains('/'));
        let step = &step.expect("a job wrote a row").entry.request_id;
        let (invocation, _) = step.split_once('/').unwrap();
        let request = &self.rows.last().unwrap().entry;
        let middle = self.rows[self.rows.len() / 2].entry.timestamp;
        let file = self
            .rows
            .iter()
            .find(|row| row.entry.application == "create-file");
        let file = file.unwrap().entry.resource_id.unwrap();
        let filters = [
            String::new(),
            format!("&user_id={}", self.vera.user),
            format!("&user_id={}&action_type=READ", self.ada.user),
            format!("&patient_id={}", self.ada.id),
            format!("&patient_id={}", self.ben.id),
            format!("&patient_id={}&user_id={}", self.ada.id, self.vera.user),
            format!("&resource_id={}", self.ada.id),
            format!("&resource_id={file}"),
            "&resource_type=FILE".to_owned(),
            "&outcome=DENIED".to_owned(),
            "&outcome=FAILURE".to_owned(),
            "&purpose_of_use=PATRQT".to_owned(),
            format!("&request_id={}", request.request_id),
            format!("&request_id={invocation}"),
            format!("&request_id={}", step.replace('/', "%2F")),
            format!("&from={middle}"),
            format!("&to={middle}"),
        ];
        let yesterday = days_ago(1);
        filters
            .into_iter()
            .map(|filter| match filter.contains("&to=") {
                true => filter,
                false => format!("{filter}&to={yesterday}"),
            })
            .collect()
    }

    fn month(&self) -> domain::time::Date {
        self.rows[0].month
    }

    /// The rows of the month in the database, and in the index.
    async fn counts(&self) -> (i64, i64) {
        let month = chrono::NaiveDate::from(self.month());
        let row = self
            .world
            .sql(
                "select (select count(*) from audit_logs where month = $1),
                   (select count(*) from audit_archive_rows where month = $1)",
                &[&month],
            )
            .await;
        (row[0].get(0), row[0].get(1))
    }

    async fn is_archived(&self) -> bool {
        self.counts().await == (0, self.rows.len() as i64)
    }

    /// Nothing of the month left the database.
    async fn is_untouched(&self) -> bool {
        self.counts().await == (self.rows.len() as i64, 0)
    }
}

#[tokio::test]
async fn an_archived_month_answers_every_question_as_before() {
    let clinic = clinic(&[], 25).await;
    clinic.seal().await;
    let world = &clinic.world;
    let mut before = Vec::new();
    for question in clinic.questions() {
        let items = clinic.list(&question).await;
        assert!(!items.is_empty(), "{question}");
        before.push((question, items));
    }
    assert_eq!(before[0].1.len(), clinic.rows.len());
    let proof = |row: &AuditRow| format!("/v1/audit-logs/{}/proof", row.entry.id);
    let mut proofs = Vec::new();
    for row in &clinic.rows {
        proofs.push(clinic.officer.get(&proof(row)).await);
    }

    let steps = world.archive().await;

    assert!(clinic.is_archived().await);
    assert_eq!(world.old_partitions().await, Vec::<String>::new());
    for (question, items) in before {
        assert_eq!(clinic.list(&question).await, items, "{question}");
    }
    for (row, former) in clinic.rows.iter().zip(proofs) {
        let now = clinic.officer.get(&proof(row)).await;
        assert_eq!((now.status, &now.body), (200, &former.body));
    }
    // The current month is before the archived one, in the same pages.
    let all = clinic.list("").await;
    let ids: Vec<_> = all.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted_by(|left, right| left > right));
    let archived: Vec<_> = clinic
        .rows
        .iter()
        .map(|row| row.entry.id.to_string())
        .collect();
    assert!(ids.ends_with(&archived.iter().map(String::as_str).collect::<Vec<_>>()));
    assert!(ids.len() > archived.len());

    // The manifest and the audit row name the same root.
    let manifest = manifest(&world.log_store(), clinic.month())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(manifest.rows, clinic.rows.len() as u64);
    let last = steps.last().unwrap();
    assert_eq!(last["root"], hex::encode(manifest.root));
    assert_eq!(last["rows"], manifest.rows);
    assert_eq!(last["month"], clinic.month().to_string());
    // Nothing is left to do, and nothing is recorded.
    assert_eq!(world.archive().await, Vec::<Value>::new());
    world.verify_chains().await;
}

/// The worst page: each of its rows is in another object.
#[tokio::test]
async fn a_page_whose_rows_are_all_in_other_objects_is_answered_within_the_request() {
    let world = world_with(&[("AUDIT_ROWS_PER_PART", "1")]).await;
    let ada = world.patient("Ada").await;
    let officer = world.officer().await;
    for _ in 0..60 {
        ada.get("/v1/me").await.expect(200);
    }
    let rows = world.age_log(25).await;
    world.seal_month(rows.len()).await;
    let question = format!("/v1/audit-logs?limit=50&user_id={}", ada.user);
    let before = officer.get(&question).await.expect(200);
    world.archive().await;
    let after = officer.get(&question).await.expect(200);
    assert_eq!(after.body["items"], before.body["items"]);
    let lines = world.cloud.logs("list-audit-logs").lines();
    let lines = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lines = lines.filter(|line| line["message"] == "request answered");
    let times: Vec<_> = lines
        .map(|line| line["duration_ms"].as_f64().unwrap())
        .collect();
    let [live, archived] = times[..] else {
        panic!("{times:?}");
    };
    // On a busy machine, too.
    assert!(
        archived < 5000.0,
        "{live} ms from the database, {archived} ms from the archive"
    );
    eprintln!("{live} ms from the database, {archived} ms from the archive");
}

#[tokio::test]
async fn the_sealer_learns_the_log_again_without_missing_archived_rows() {
    let clinic = clinic(&[], 25).await;
    clinic.seal().await;
    clinic.world.archive().await;
    clinic.world.empty_sealer_tables().await;
    clinic.world.seal().await;
    assert_eq!(clinic.world.sealer_lines(tests::sealed_log::LACKING), 0);
    // What is really lost is still found.
    clinic.world.empty_sealer_tables().await;
    clinic.world.rewrite_history("delete from audit_logs").await;
    clinic.world.try_seal().await.expect_err("rows are lost");
    assert_eq!(clinic.world.sealer_lines(tests::sealed_log::LACKING), 1);
}

#[tokio::test]
async fn a_verifier_finds_every_archived_row_and_names_a_part_that_was_replaced() {
    for is_replaced in [false, true] {
        // Given a month that was archived, and a part that another part has replaced
        let clinic = clinic(&[], 25).await;
        clinic.seal().await;
        clinic.world.archive().await;
        clinic.world.seal().await;
        let store = clinic.world.log_store();
        let key = part_key(clinic.month(), 0);
        if is_replaced {
            let other = store.get(&part_key(clinic.month(), 1)).await.unwrap();
            store.put(&key, other.unwrap().bytes).await.unwrap();
        }

        // When an auditor verifies what is in S3 and in the database
        let mut inputs = clinic.world.verifier_inputs();
        inputs.function_log.clear();
        inputs.gateway_log.clear();
        let report = verify::verify(&inputs).await.unwrap();

        // Then all rows are there, or the object is named
        let code = report.exit_code(&[verify::report::Aspect::Integrity]);
        assert_eq!(code, u8::from(is_replaced), "{report}");
        if is_replaced {
            assert!(report.to_string().contains(&key), "{report}");
        } else {
            assert_eq!(
                report.counts.archived as usize,
                clinic.rows.len(),
                "{report}"
            );
        }
    }
}

#[tokio::test]
async fn a_month_that_is_not_old_enough_stays() {
    let clinic = clinic(&[], 24).await;
    clinic.seal().await;
    assert_eq!(clinic.world.archive().await, Vec::<Value>::new());
    assert!(clinic.is_untouched().await);
    // The database refuses it, too, and knows a floor that no setting passes.
    for (month, months) in [(24, 24), (3, 0)] {
        let month = chrono::NaiveDate::from(month_ago(month));
        let message = refused(
            &clinic.world,
            &format!("select finish_audit_archive('{month}', {months}, 0, 0, '')"),
        )
        .await;
        assert!(message.contains("audit_archive_too_early"), "{message}");
    }
}

/// The constraint and the message with which the database refuses a statement of the job.
/// Asserts that the database refuses the statement for this reason.
async fn is_refused(world: &World, statement: &str, reason: &str) {
    let message = refused(world, statement).await;
    assert!(message.contains(reason), "{message}");
}

/// Lists the months as if the days to object were over.
async fn end_days_to_object(world: &World) {
    world
        .rewrite_history("update audit_archives set listed_at = listed_at - interval '31 days'")
        .await;
}

async fn refused(world: &World, statement: &str) -> String {
    let connection = world.connect_as("caretrail_jobs").await;
    connection.batch_execute("begin").await.unwrap();
    begin_job(&connection, "audit:archive").await.unwrap();
    let error = connection.batch_execute(statement).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    format!(
        "{} {}",
        error.constraint().unwrap_or_default(),
        error.message()
    )
}

#[tokio::test]
async fn nothing_is_dropped_if_a_row_is_not_what_was_sealed() {
    let cases: [(&str, &str); 5] = [
        // A row that was never sealed.
        (
            "insert into audit_logs select (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(),
               'seq', a.seq + 1000, 'chain_id', gen_random_uuid()))).* from audit_logs a where month = MONTH limit 1",
            "a row is neither sealed nor in quarantine",
        ),
        (
            "update audit_logs set outcome = 'DENIED' where id = (select id from audit_logs where month = MONTH limit 1)",
            "a row was changed after it was sealed",
        ),
        (
            "update audit_logs set signature = decode(repeat('00', 64), 'hex')
             where id = (select id from audit_logs where month = MONTH limit 1)",
            "a row has another signature than the one that was sealed",
        ),
        (
            "delete from audit_logs where id = (select id from audit_logs where month = MONTH and seq = 1 and exists
               (select from audit_logs b where b.chain_id = audit_logs.chain_id and b.seq = 2) limit 1)",
            "the row before a row in its chain is missing",
        ),
        (
            "delete from audit_logs a where month = MONTH and seq = (select max(seq) from audit_logs b
               where b.chain_id = a.chain_id) and chain_id = (select chain_id from audit_logs where month = MONTH limit 1)",
            "a row or the end of a chain is missing in the archive",
        ),
    ];
    let clinic = clinic(&[], 25).await;
    clinic.seal().await;
    let world = &clinic.world;
    let month = format!("'{}'", clinic.month());
    for (tampering, reason) in cases {
        let keep = format!(
            "create table kept as select * from audit_logs where month = {month}; {}",
            tampering.replace("MONTH", &month)
        );
        world.rewrite_history(&keep).await;
        let (stored, _) = clinic.counts().await;

        world.try_archive().await.expect_err(reason);

        assert_eq!(world.refusals_to_archive(reason), 1, "{reason}");
        assert_eq!(clinic.counts().await, (stored, 0), "{reason}");
        let failed = world.audit_log().await;
        let failed = failed
            .iter()
            .rfind(|row| row.entry.application == "archive-audit");
        assert_eq!(failed.unwrap().entry.outcome, audit::Outcome::Failure);
        // The month as it was. The objects that are stored stay, and are used if they fit.
        let restore = format!(
            "delete from audit_logs where month = {month}; insert into audit_logs select * from kept; drop table kept"
        );
        world.rewrite_history(&restore).await;
        let store = world.log_store();
        for key in store.list("archive/", None).await.unwrap() {
            world.hide_object(&key).await;
        }
        world.end_locks().await;
        store.delete_versions("archive/").await.unwrap();
        world
            .rewrite_history("delete from audit_archive_parts; delete from audit_archives")
            .await;
        let drop = format!(
            "drop table if exists audit_archive_rows_{}",
            &month[1..8].replace('-', "_")
        );
        world.rewrite_history(&drop).await;
    }
    world.archive().await;
    assert!(clinic.is_archived().await);
}

#[tokio::test]
async fn nothing_is_dropped_if_an_object_was_replaced_or_hidden_after_it_was_stored() {
    let clinic = clinic(&[], 25).await;
    clinic.seal().await;
    let world = &clinic.world;
    let stop = "revoke execute on function confirm_audit_archive_part(date, integer, bytea) from caretrail_jobs";
    world.sql(stop, &[]).await;
    world
        .try_archive()
        .await
        .expect_err("the run stops after the parts");
    let go_on = stop.replace("revoke", "grant").replace("from", "to");
    world.sql(&go_on, &[]).await;
    let store = world.log_store();
    let key = part_key(clinic.month(), 1);
    let good = store.get(&key).await.unwrap().unwrap().bytes;
    let other = store
        .get(&part_key(clinic.month(), 0))
        .await
        .unwrap()
        .unwrap();

    store.put(&key, other.bytes).await.unwrap();
    world
        .try_archive()
        .await
        .expect_err("an object was replaced");
    assert_eq!(
        world.refusals_to_archive("an object of the archive was replaced"),
        1
    );
    assert!(clinic.is_untouched().await);

    world.hide_object(&key).await;
    world.try_archive().await.expect_err("an object is hidden");
    assert_eq!(
        world.refusals_to_archive("an object of the archive is missing"),
        1
    );
    assert!(clinic.is_untouched().await);

    store.put(&key, good).await.unwrap();
    world.archive().await;
    assert!(clinic.is_archived().await);
}

/// A run dies after each step, and the next one finishes.
#[tokio::test]
async fn a_run_that_dies_anywhere_is_finished_by_the_next() {
    let stops = [
        "revoke execute on function begin_audit_archive(date, integer) from caretrail_jobs",
        "create function die() returns trigger language plpgsql as $$ begin raise 'died'; end $$;
         create trigger die before insert on audit_archive_parts for each row when (new.part = 0) execute function die()",
        "drop trigger die on audit_archive_parts;
         create trigger die before insert on audit_archive_parts for each row when (new.part = 2) execute function die()",
        "drop trigger die on audit_archive_parts;
         create trigger die before update on audit_archive_parts for each row when (new.part = 0) execute function die()",
        "drop trigger die on audit_archive_parts;
         create trigger die before update on audit_archive_parts for each row when (new.part = 2) execute function die()",
        "drop trigger die on audit_archive_parts;
         create trigger die before update on audit_archives for each row execute function die()",
    ];
    let clinic = clinic(&[], 25).await;
    clinic.seal().await;
    let world = &clinic.world;
    for (number, stop) in stops.iter().enumerate() {
        world.connect().await.batch_execute(stop).await.unwrap();
        world.try_archive().await.expect_err("the run dies");
        assert!(clinic.is_untouched().await, "{stop}");
        if number == 0 {
            let go_on = stop.replace("revoke", "grant").replace("from", "to");
            world.sql(&go_on, &[]).await;
        }
    }
    world.sql("drop trigger die on audit_archives", &[]).await;
    world.archive().await;
    assert!(clinic.is_archived().await);
    assert_eq!(
        clinic.list(&clinic.questions()[0]).await.len(),
        clinic.rows.len()
    );
    // Each part was stored once.
    let parts = clinic.rows.len().div_ceil(2);
    let versions = world.log_store().versions("archive/", None).await.unwrap();
    assert_eq!(versions.versions.len(), parts + 1);
}

#[tokio::test]
async fn two_runs_at_once_archive_a_month_once() {
    let clinic = clinic(&[], 25).await;
    clinic.seal().await;
    let world = &clinic.world;
    let (one, other) = tokio::join!(world.try_archive(), world.try_archive());
    one.unwrap();
    other.unwrap();
    assert!(clinic.is_archived().await);
    let finished = world.audit_log().await;
    let finished = finished
        .iter()
        .filter(|row| row.entry.details.contains_key("root"));
    assert_eq!(finished.count(), 1);
    world.verify_chains().await;
}

#[tokio::test]
async fn requests_go_on_while_a_month_waits_to_be_dropped() {
    let clinic = clinic(&[], 25).await;
    clinic.seal().await;
    let world = &clinic.world;
    let reader = world.connect().await;
    reader
        .batch_execute("begin; select count(*) from audit_logs")
        .await
        .unwrap();
    let chart = format!("/v1/patients/{}", clinic.ada.id);
    let requests = async {
        for _ in 0..8 {
            clinic.ada.get(&chart).await.expect(200);
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        assert!(clinic.is_untouched().await);
        reader.batch_execute("commit").await.unwrap();
    };
    let (run, ()) = tokio::join!(world.try_archive(), requests);
    run.unwrap();
    assert!(clinic.is_archived().await);
}

#[tokio::test]
async fn a_legal_hold_does_not_keep_a_month_from_being_archived_and_locks_end_late_enough() {
    let clinic = clinic(&[], 25).await;
    clinic.seal().await;
    let world = &clinic.world;
    let hold = json!({"patient_id": clinic.ada.id, "reason": "A dispute"});
    let admin = world.admin().await;
    admin.post("/v1/legal-holds", hold).await.expect(200);
    // A rule that is stricter than the bucket's policy counts.
    let rule = json!({
        "adult_years": 12, "majority_age": 18, "minor_years": 0, "reason": "The law of this place"
    });
    admin
        .send(
            http::Method::PUT,
            "/v1/retention-rules/AUDIT_LOG",
            Some(rule),
        )
        .await
        .expect(200);

    world.archive().await;

    assert!(clinic.is_archived().await);
    let locks = world
        .sql(
            "select min(locked_until)::date from audit_archive_parts",
            &[],
        )
        .await;
    let locked: chrono::NaiveDate = locks[0].get(0);
    let end = chrono::NaiveDate::from(clinic.month()) + chrono::Months::new(12 * 12 + 1);
    assert!(locked > end, "{locked} {end}");
}

#[tokio::test]
async fn the_account_of_somebody_who_acted_in_an_archived_month_is_kept() {
    let clinic = clinic(&[], 25).await;
    clinic.seal().await;
    let world = &clinic.world;
    world.archive().await;
    let referrers = world
        .rows(
            "select distinct referrer as name from referring('USER', $1) where referrer like 'audit%'",
            &[&vec![clinic.vera.user]],
        )
        .await;
    assert_eq!(referrers, [json!({"name": "audit_archive_rows"})]);
}

#[tokio::test]
async fn the_index_shows_what_the_log_shows_to_whoever_reads_the_log() {
    let clinic = clinic(&[], 25).await;
    clinic.seal().await;
    let world = &clinic.world;
    world.archive().await;
    for (caller, permission, tables) in [
        (&clinic.officer, "audit:read", [1, 1, 1]),
        (&world.admin().await, "users:read", [0, 0, 0]),
        (&*clinic.ada, "patients:read", [0, 0, 0]),
    ] {
        let connection = world.connect_as("caretrail_people").await;
        connection.batch_execute("begin").await.unwrap();
        begin_request(&connection, caller, permission)
            .await
            .unwrap();
        for (table, shown) in [
            "audit_archives",
            "audit_archive_parts",
            "audit_archive_rows",
        ]
        .iter()
        .zip(tables)
        {
            let query = format!("select least(count(*), 1)::integer from {table}");
            let count: i32 = connection.query_one(&query, &[]).await.unwrap().get(0);
            assert_eq!(count, shown, "{permission} {table}");
        }
    }
    // Without a ticket nobody sees a row, and nobody changes one.
    let connection = world.connect_as("caretrail_people").await;
    let count: i64 = connection
        .query_one("select count(*) from audit_archive_rows", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(count, 0);
    for change in [
        "delete from audit_archive_rows",
        "update audit_archives set rows = 0",
    ] {
        connection.batch_execute(change).await.unwrap_err();
    }
    let superuser = world.connect().await;
    superuser
        .batch_execute("delete from audit_archive_rows")
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_month_whose_object_is_missing_answers_503_and_no_incomplete_page() {
    let clinic = clinic(&[], 25).await;
    clinic.seal().await;
    clinic.world.archive().await;
    clinic.world.hide_object(&part_key(clinic.month(), 0)).await;
    let question = format!("/v1/audit-logs?limit=100{}", clinic.questions()[0]);
    clinic
        .officer
        .get(&question)
        .await
        .problem(503, "unavailable");
}

#[tokio::test]
async fn whatever_a_row_in_quarantine_holds_the_archive_gives_it_back() {
    let clinic = clinic(&[("AUDIT_OPEN_LINE_WAIT", "0")], 25).await;
    clinic.seal().await;
    let world = &clinic.world;
    let month = format!("'{}'", clinic.month());
    // As the owner of the database can forge rows.
    let odd = [
        "'details', null::jsonb",
        "'details', '[1.50, \"x\\n\\u2028\"]'::jsonb",
        "'seq', -5",
        "'request_id', E'a\\\\tb\\n\\u0001\"', 'user_agent', ''",
        "'source_ip', '2001:db8::/32'",
        "'patient_ids', '{}'::text",
    ];
    for columns in odd {
        let forge = format!(
            "insert into audit_logs select (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(),
               'chain_id', gen_random_uuid(), 'xid', pg_current_xact_id()) || jsonb_build_object({columns}))).*
             from audit_logs a where month = {month} limit 1"
        );
        world.rewrite_history(&forge).await;
    }
    world
        .rewrite_history(&format!(
            "insert into audit_logs select (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(),
               'chain_id', gen_random_uuid(), 'xid', pg_current_xact_id()))).* from audit_logs a where month = {month} limit 1;
             update audit_logs set details = 'null', patient_ids = '[3:4]={{00000000-0000-0000-0000-000000000001,NULL}}'
             where xid = (select max(xid) from audit_logs)"
        ))
        .await;
    eventually("the rows are in quarantine", async || {
        world.seal().await;
        world.quarantine().await.len() == odd.len() + 1
    })
    .await;
    let stored = format!(
        "select a::text as name from audit_logs a where month = {month} order by chain_id, seq, place"
    );
    world
        .connect()
        .await
        .batch_execute("set timezone = 'UTC'")
        .await
        .unwrap();
    let stored = world.rows(&stored, &[]).await;

    world.archive().await;

    let mut restored = Vec::new();
    let manifest = manifest(&world.log_store(), clinic.month())
        .await
        .unwrap()
        .unwrap();
    for number in 0..manifest.parts.len() as u32 {
        let part = part(&world.log_store(), clinic.month(), number)
            .await
            .unwrap()
            .unwrap();
        for line in part.lines() {
            let row = world
                .rows(
                    "select coalesce(l ->> 'as_text', json_populate_record(null::audit_logs, l)::text)::audit_logs::text as name
                     from (select $1::text::json as l) as lines",
                    &[&line],
                )
                .await;
            restored.extend(row);
        }
    }
    assert_eq!(restored, stored);
}

#[tokio::test]
async fn a_month_is_deleted_after_its_retention_and_leaves_its_proof() {
    let clinic = clinic(&[], 6 * 12 + 2).await;
    clinic.seal().await;
    let world = &clinic.world;
    world.archive().await;
    assert!(clinic.is_archived().await);
    let month = clinic.month();
    let delete = format!("select * from delete_audit_archive('{month}')");
    let store = world.log_store();
    let read = manifest(&store, month).await.unwrap().unwrap();

    is_refused(world, &delete, "retention_deletion_off").await;
    world.turn_deletion_on().await;
    // Objects are locked for six years after they were stored, and somebody may object for thirty days.
    world.archive().await;
    is_refused(world, &delete, "retention_not_listed").await;
    end_days_to_object(world).await;
    is_refused(world, &delete, "audit_archive_locked").await;
    // Whoever reads the report sees what will be deleted, and can object.
    let admin = world.admin().await;
    let report = admin.get("/v1/retention-report").await.expect(200);
    let listed = &report.body["audit_months"][0];
    assert_eq!(listed["month"], month.to_string());
    assert_eq!(listed["rows"], read.rows);
    assert_eq!(world.archive().await, Vec::<Value>::new());
    world.end_locks().await;

    // A hold on one patient of the month keeps it, and the days begin again after it.
    let hold = json!({"patient_id": clinic.ada.id, "reason": "A dispute"});
    let hold = admin.post("/v1/legal-holds", hold).await.expect(200);
    is_refused(world, &delete, "retention_legal_hold").await;
    world.archive().await;
    assert!(clinic.is_archived().await);
    let release = format!(
        "/v1/legal-holds/{}/release",
        hold.body["id"].as_str().unwrap()
    );
    admin
        .post(&release, json!({"reason": "It is settled"}))
        .await
        .expect(200);
    world.archive().await;
    is_refused(world, &delete, "retention_not_listed").await;
    end_days_to_object(world).await;

    let steps = world.archive().await;

    assert_eq!(clinic.counts().await, (0, 0));
    assert_eq!(
        clinic.list(&clinic.questions()[0]).await,
        Vec::<Value>::new()
    );
    let versions = store.versions("archive/", None).await.unwrap();
    assert_eq!(versions.versions, []);
    let proof = &steps[0];
    assert_eq!(proof["month"], month.to_string());
    assert_eq!(proof["rows"], read.rows);
    assert_eq!(proof["root"], hex::encode(read.root));
    assert_eq!(proof["rules"], json!(["US/AUDIT_LOG/1"]));
    let log = world.audit_log().await;
    let deleted = log
        .iter()
        .find(|row| row.entry.details.contains_key("ended_on"));
    let deleted = &deleted.unwrap().entry;
    assert_eq!(deleted.action_type, audit::Action::Delete);
    assert_eq!(deleted.application, "archive-audit");
    // The sealed leaves stay, and nobody calls the rows lost.
    world.empty_sealer_tables().await;
    world.seal().await;
    assert_eq!(world.sealer_lines(tests::sealed_log::LACKING), 0);
    assert_eq!(world.archive().await, Vec::<Value>::new());
}

#[tokio::test]
async fn early_deletion_is_refused_with_its_date_and_its_rules() {
    let clinic = clinic(&[], 25).await;
    clinic.seal().await;
    let world = &clinic.world;
    world.archive().await;
    world.turn_deletion_on().await;
    world.end_locks().await;
    world.archive().await;
    assert!(clinic.is_archived().await);
    let month = clinic.month();
    let reason = refused(
        world,
        &format!("select * from delete_audit_archive('{month}')"),
    )
    .await;
    let end = chrono::NaiveDate::from(month) + chrono::Months::new(6 * 12 + 1)
        - chrono::TimeDelta::days(1);
    assert_eq!(
        reason,
        format!(
            "retention_not_ended the retention of the month {month} ends on {end}, by the rules US/AUDIT_LOG/1"
        )
    );
    assert!(
        !world
            .cloud
            .logs("archive-audit")
            .lines()
            .iter()
            .any(|line| line.contains(NOT_ARCHIVED))
    );
    assert_eq!(
        manifest_key(month),
        format!("archive/{}/manifest.json", &month.to_string()[..7])
    );
}
