//! Archived months that were tampered with, and months that were deleted after their retention.

use audit_archive::{manifest_key, part_key};
use domain::time::{Date, TimeDelta, Timestamp};
use tests::prelude::*;
use transparency_log::store::ObjectStore as _;
use verify::report::{Aspect, Report, Subject};

use super::old_months::{
    Environment, Written, archive, deletion, drop_partition, entries, insert, lines, objects, seal,
    store,
};
use super::scene::{ALL, Case, case};

use Aspect::{Completeness, Integrity};

const MONTH: &str = "2023-05";

/// A case with a month of twelve rows of two environments, which are sealed and in the database.
async fn sealed_month(month: &str) -> (Case, Vec<Written>) {
    let case = case().await;
    let begin = format!("{month}-05T08:00:00Z");
    let one = Environment::new(entries(&case, &begin, 7));
    let other = Environment::new(entries(&case, &begin, 5));
    for environment in [&one, &other] {
        store(&case, environment).await;
    }
    seal(&case, &[&one, &other]).await;
    is_intact(&case).await;
    let mut rows = [one.rows, other.rows].concat();
    rows.sort_by_key(|row| (row.position.chain_id, row.position.seq));
    (case, rows)
}

/// The same, archived. Its objects have the lines that are returned.
async fn archived_month() -> (Case, Vec<Written>, Vec<String>) {
    let (case, rows) = sealed_month(MONTH).await;
    let lines = archive(&case, MONTH).await;
    let report = is_intact(&case).await;
    assert_eq!(report.counts.archived, 12, "{report}");
    assert_eq!(
        report.counts.rows as usize,
        case.scene.rows.len(),
        "{report}"
    );
    (case, rows, lines)
}

async fn is_intact(case: &Case) -> Report {
    let report = case.verify().await;
    assert_eq!(report.exit_code(&ALL), 0, "{report}");
    report
}

fn day(month: &str) -> Date {
    format!("{month}-01").parse().unwrap()
}

fn part(number: u32) -> String {
    part_key(day(MONTH), number)
}

fn manifest() -> String {
    manifest_key(day(MONTH))
}

fn object(key: String) -> Subject {
    Subject::Object(key)
}

/// Replaces all objects of the month by those with these lines, whose manifest agrees with them.
fn rewrite(case: &Case, lines: &[String]) {
    std::fs::remove_dir_all(case.file(&format!("archive/{MONTH}"))).unwrap();
    std::fs::create_dir(case.file(&format!("archive/{MONTH}"))).unwrap();
    for (key, bytes) in objects(MONTH, lines) {
        case.overwrite(&key, &bytes);
    }
}

#[tokio::test]
async fn an_archive_altered_in_one_part_is_found_with_its_row() {
    let (case, rows, mut lines) = archived_month().await;
    let before = lines[6].clone();
    lines[6] = before.replace("\"SUCCESS\"", "\"DENIED\"");
    assert_ne!(lines[6], before);
    let altered = &objects(MONTH, &lines)[&part(1)];
    case.overwrite(&part(1), altered);
    case.is_violated(Integrity, &object(part(1))).await;
    let reasons = case.is_violated(Integrity, &rows[6].subject()).await;
    assert!(reasons.contains("was changed"), "{reasons}");
}

#[tokio::test]
async fn an_archived_row_that_was_altered_with_its_hash_and_its_manifest_is_found() {
    let (case, rows, mut lines) = archived_month().await;
    let mut row = rows[3].clone();
    row.entry.user_agent = Some("somebody else".to_owned());
    row.row_hash = row.entry.hash(&row.position).unwrap();
    // PostgreSQL writes the line.
    insert(&case, &row).await;
    lines[3] = super::old_months::lines(&case, MONTH).await.remove(0);
    drop_partition(&case, MONTH).await;
    rewrite(&case, &lines);
    case.is_violated(Integrity, &row.subject()).await;
}

#[tokio::test]
async fn an_archived_row_that_was_removed_with_a_new_manifest_is_missed() {
    for position in [0, 4, 11] {
        let (case, rows, mut lines) = archived_month().await;
        lines.remove(position);
        rewrite(&case, &lines);
        case.is_violated(Integrity, &rows[position].place()).await;
    }
}

#[tokio::test]
async fn an_archived_row_that_was_added_with_a_new_manifest_is_found() {
    let (case, rows, mut lines) = archived_month().await;
    // A foreign chain, and the next position of a true one.
    let foreign = Environment::new(entries(&case, "2023-05-07T08:00:00Z", 1))
        .rows
        .remove(0);
    let mut next = rows[11].clone();
    next.entry = entries(&case, "2023-05-07T08:00:00Z", 1).remove(0);
    next.position.seq += 1;
    next.position.prev_hash = rows[11].row_hash;
    next.row_hash = next.entry.hash(&next.position).unwrap();
    for row in [&foreign, &next] {
        insert(&case, row).await;
        lines.extend(super::old_months::lines(&case, MONTH).await);
        drop_partition(&case, MONTH).await;
        lines.sort_by_key(|line| {
            let row = audit::ArchivedRow::parse(line).unwrap();
            (row.chain_id, row.seq)
        });
        rewrite(&case, &lines);
        let reasons = case.is_violated(Integrity, &row.subject()).await;
        assert!(reasons.contains("isn't in the sealed log"), "{reasons}");
    }
}

#[tokio::test]
async fn a_part_that_is_missing_or_truncated_is_found() {
    let (case, rows, _) = archived_month().await;
    let bytes = std::fs::read(case.file(&part(2))).unwrap();
    for cut in [1, bytes.len() / 2, bytes.len() - 1] {
        case.overwrite(&part(2), &bytes[..cut]);
        case.is_violated(Integrity, &object(part(2))).await;
    }
    std::fs::remove_file(case.file(&part(2))).unwrap();
    case.is_violated(Integrity, &object(part(2))).await;
    for row in &rows[10..] {
        case.is_violated(Integrity, &row.place()).await;
    }
    case.overwrite(&part(2), &bytes);
    is_intact(&case).await;
}

#[tokio::test]
async fn a_part_of_another_place_is_found() {
    let (case, _, _) = archived_month().await;
    let bytes = std::fs::read(case.file(&part(0))).unwrap();
    case.overwrite(&part(1), &bytes);
    case.is_violated(Integrity, &object(part(1))).await;
    // An object that the manifest doesn't name.
    let (case, _, _) = archived_month().await;
    case.overwrite(&part(7), &bytes);
    case.is_violated(Integrity, &object(part(7))).await;
}

#[tokio::test]
async fn a_manifest_that_is_missing_or_altered_is_found_and_the_rows_are_still_verified() {
    let (case, _, _) = archived_month().await;
    let bytes = std::fs::read(case.file(&manifest())).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    for altered in [
        String::new(),
        text.replace("\"rows\":12", "\"rows\":11"),
        text.replace(
            &format!("\"month\":\"{MONTH}-01\""),
            "\"month\":\"2023-06-01\"",
        ),
        text.replace("\"form\":1", "\"form\":2"),
    ] {
        assert_ne!(altered, text);
        case.overwrite(&manifest(), altered.as_bytes());
        case.is_violated(Integrity, &object(manifest())).await;
    }
    std::fs::remove_file(case.file(&manifest())).unwrap();
    case.is_violated(Integrity, &object(manifest())).await;
    let report = case.verify().await;
    assert_eq!(report.judgement(Integrity).findings.len(), 1, "{report}");
    assert_eq!(report.counts.archived, 12, "{report}");
}

#[tokio::test]
async fn an_object_of_an_archived_month_that_was_overwritten_or_hidden_is_found() {
    for key in [manifest(), part(1)] {
        let (case, _, _) = archived_month().await;
        let bytes = case.store.get(&key).await.unwrap().unwrap().bytes;
        case.store.put(&key, bytes.clone()).await.unwrap();
        let reasons = case.is_violated(Integrity, &object(key.clone())).await;
        assert!(reasons.contains("several versions"), "{reasons}");

        let (case, _, _) = archived_month().await;
        case.delete(&key).await;
        let reasons = case.is_violated(Integrity, &object(key.clone())).await;
        assert!(reasons.contains("delete marker"), "{reasons}");
        case.store.create(&key, bytes, None).await.unwrap();
        case.is_violated(Integrity, &object(key)).await;
    }
}

#[tokio::test]
async fn a_month_that_is_being_archived_is_in_both_places_and_both_must_agree() {
    let (case, rows) = sealed_month(MONTH).await;
    let lines = lines(&case, MONTH).await;
    // The first parts, then the manifest. The partition is dropped later.
    let objects = objects(MONTH, &lines);
    for (key, bytes) in objects {
        case.store.create(&key, bytes.into(), None).await.unwrap();
        is_intact(&case).await;
    }
    for (change, named) in [
        (
            format!(
                "delete from audit_logs where id = '{}'",
                Uuid::from(rows[4].entry.id)
            ),
            rows[4].subject(),
        ),
        (
            format!(
                "update audit_logs set xid = '4' where id = '{}'",
                Uuid::from(rows[5].entry.id)
            ),
            rows[5].subject(),
        ),
    ] {
        case.as_superuser(
            "create table kept as select * from audit_logs where month = '2023-05-01'",
        )
        .await;
        case.as_superuser(&change).await;
        case.is_violated(Integrity, &named).await;
        case.as_superuser("delete from audit_logs where month = '2023-05-01'; insert into audit_logs select * from kept; drop table kept").await;
        is_intact(&case).await;
    }
}

#[tokio::test]
async fn a_forged_row_in_a_partition_that_was_made_again_is_found() {
    let (case, rows, _) = archived_month().await;
    // A foreign chain, and a true row with another content.
    let foreign = Environment::new(entries(&case, "2023-05-07T08:00:00Z", 1))
        .rows
        .remove(0);
    let mut altered = rows[2].clone();
    altered.entry.user_agent = Some("somebody else".to_owned());
    altered.row_hash = altered.entry.hash(&altered.position).unwrap();
    for row in [&foreign, &altered] {
        insert(&case, row).await;
        case.is_violated(Integrity, &row.subject()).await;
        drop_partition(&case, MONTH).await;
        is_intact(&case).await;
    }
    // An empty partition is none of the month's rows.
    insert(&case, &foreign).await;
    case.as_superuser("truncate audit_logs_2023_05").await;
    is_intact(&case).await;
}

/// Deletes the objects of a month with all their versions, as the archiver does after their retention.
fn delete_objects(case: &Case, month: &str) {
    std::fs::remove_dir_all(case.file(&format!("archive/{month}"))).unwrap();
}

/// A case with a month of 2017 that was archived and deleted, and the proof that the archiver writes.
async fn deleted_month(
    month: &str,
    time: &str,
    rows: u64,
    is_sealed: bool,
) -> (Case, Vec<Written>, Written) {
    let (case, written) = sealed_month(month).await;
    let archived = archive(&case, month).await;
    assert_eq!(archived.len(), 12);
    is_intact(&case).await;
    let time = time
        .parse()
        .unwrap_or_else(|_| Timestamp::now() + TimeDelta::seconds(-1));
    let archiver = Environment::new([deletion(&case, time, month, rows)]);
    store(&case, &archiver).await;
    if is_sealed {
        seal(&case, &[&archiver]).await;
    }
    delete_objects(&case, month);
    (case, written, archiver.rows[0].clone())
}

#[tokio::test]
async fn a_month_that_was_deleted_after_its_retention_is_explained_by_its_proof() {
    let (case, rows, proof) = deleted_month("2017-05", "now", 12, true).await;
    let report = case.verify().await;
    assert_eq!(report.exit_code(&ALL), 0, "{report}");
    // Without the proof, or with an altered one, its rows are missing.
    for change in [
        "delete from audit_logs where application = 'archive-audit'",
        "update audit_logs set details = details || '{\"rows\": 13}' where application = 'archive-audit'",
    ] {
        case.as_superuser(&format!("create table kept as select * from audit_logs where application = 'archive-audit'; {change}")).await;
        case.is_violated(Integrity, &rows[0].place()).await;
        case.as_superuser("delete from audit_logs where application = 'archive-audit'; insert into audit_logs select * from kept; drop table kept").await;
        is_intact(&case).await;
    }
    // Another month is not explained by it.
    let (other, rows) = sealed_month("2018-05").await;
    archive(&other, "2018-05").await;
    insert(&other, &proof).await;
    delete_objects(&other, "2018-05");
    other.is_violated(Integrity, &rows[0].place()).await;
}

#[tokio::test]
async fn a_month_that_was_deleted_in_part_is_explained_but_what_is_left_must_be_true() {
    let (case, rows) = sealed_month("2017-05").await;
    let lines = archive(&case, "2017-05").await;
    let now = Timestamp::now() + TimeDelta::seconds(-1);
    let archiver = Environment::new([deletion(&case, now, "2017-05", 12)]);
    store(&case, &archiver).await;
    seal(&case, &[&archiver]).await;
    // The archiver was stopped before it deleted the last objects.
    for key in [part_key(day("2017-05"), 1), manifest_key(day("2017-05"))] {
        std::fs::remove_file(case.file(&key)).unwrap();
    }
    is_intact(&case).await;
    let altered: Vec<_> = lines
        .iter()
        .map(|line| line.replace("\"SUCCESS\"", "\"DENIED\""))
        .collect();
    let key = part_key(day("2017-05"), 0);
    case.overwrite(&key, &objects("2017-05", &altered)[&key]);
    case.is_violated(Integrity, &rows[0].subject()).await;
}

#[tokio::test]
async fn a_proof_that_is_too_early_not_sealed_or_of_other_rows_explains_nothing() {
    // A day before six years have passed since the end of the month.
    let (case, rows, proof) = deleted_month("2017-05", "2023-05-31T00:00:00Z", 12, true).await;
    case.is_violated(Integrity, &rows[0].place()).await;
    let reasons = case.is_violated(Integrity, &proof.subject()).await;
    assert!(reasons.contains("six years"), "{reasons}");
    // Its honest twin.
    let (case, _, _) = deleted_month("2017-05", "2023-06-01T00:00:00Z", 12, true).await;
    is_intact(&case).await;

    let (case, rows, _) = deleted_month("2017-05", "now", 12, false).await;
    case.is_violated(Integrity, &rows[0].place()).await;

    let (case, rows, proof) = deleted_month("2017-05", "now", 11, true).await;
    case.is_violated(Integrity, &rows[11].place()).await;
    case.is_violated(Integrity, &proof.subject()).await;
}

#[tokio::test]
async fn lines_of_the_logs_find_archived_rows_and_miss_those_that_no_archive_has() {
    let (case, rows, _) = archived_month().await;
    let landed = |row: &Written, row_hash: &[u8; 32]| {
        json!({
            "timestamp": "2023-05-05T08:01:00Z", "message": audit::lines::LANDED, "chain_id": row.position.chain_id,
            "seq": row.position.seq, "row_hash": hex::encode(row_hash), "request_id": row.entry.request_id,
        })
    };
    let answered = |id: &str| {
        json!({
            "request_id": id, "time_epoch": "1683273660000", "method": "GET", "route": "GET /v1/patients/{id}",
            "status": "200", "integration_request_id": "00000000-0000-4000-8000-00000000000a",
        })
    };
    case.add_function_line(&landed(&rows[3], &rows[3].row_hash));
    case.add_gateway_line(&answered(&rows[3].entry.request_id));
    is_intact(&case).await;

    let other = Case::clone_logs(&case).await;
    // The same lines beside a log that never had the month.
    other.is_violated(Completeness, &rows[3].place()).await;
    let request = Subject::Request(rows[3].entry.request_id.clone());
    other.is_violated(Completeness, &request).await;

    case.add_gateway_line(&answered("unheard-of"));
    case.is_violated(Completeness, &Subject::Request("unheard-of".to_owned()))
        .await;
    case.add_function_line(&landed(&rows[4], &[7; 32]));
    case.is_violated(Completeness, &rows[4].place()).await;
}

#[tokio::test]
async fn the_proof_and_the_export_of_archived_rows_are_those_of_the_rows_in_the_database() {
    let (case, rows) = sealed_month(MONTH).await;
    let (from, until) = (
        "2023-05-05T08:01:00Z".parse().unwrap(),
        "2023-05-05T08:04:00Z".parse().unwrap(),
    );
    let export = async || {
        let mut bytes = Vec::new();
        let count = verify::audit_events::export(&case.inputs, from, until, &mut bytes)
            .await
            .unwrap();
        let mut events: Vec<String> = String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        assert_eq!(events.len() as u64, count);
        events.sort();
        events
    };
    let proof = async |row: &Written| {
        verify::prove(&case.inputs, row.entry.id.into())
            .await
            .unwrap()
            .to_string()
    };
    let (events, proofs) = (
        export().await,
        [proof(&rows[0]).await, proof(&rows[11]).await],
    );
    // Two chains wrote three rows each within the range.
    assert_eq!(events.len(), 6);
    archive(&case, MONTH).await;
    assert_eq!(export().await, events);
    assert_eq!([proof(&rows[0]).await, proof(&rows[11]).await], proofs);
    let unknown = verify::prove(&case.inputs, Uuid::now_v7()).await;
    assert!(
        unknown
            .unwrap_err()
            .to_string()
            .contains("nor an archived month")
    );
}
