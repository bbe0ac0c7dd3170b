//! Tampering that the sealer meets first. Each case has a world of its own, and a twin without the tampering.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use audit::StoredRow;
use domain::time::{TimeDelta, Timestamp};
use tests::prelude::*;
use transparency_log::note::{Algorithm, VerifierKey};
use transparency_log::signer::{FileSigner, Signer as _};
use verify::Inputs;
use verify::report::{Aspect, Report, Subject};

use super::scene::{ALL, announced_key, is_row, row};

use Aspect::{Authenticity, Freshness, Integrity};

async fn world() -> (World, Patient) {
    let environment = BTreeMap::from([
        // Rows without open line go to quarantine at once, and each run seals a batch.
        ("AUDIT_OPEN_LINE_WAIT".to_owned(), "0".to_owned()),
        ("AUDIT_SEAL_AT_LEAST_EVERY".to_owned(), "0".to_owned()),
    ]);
    let world = World::with(Setup {
        environment,
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    (world, ada)
}

async fn read(ada: &Patient) {
    ada.get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
}

async fn verified(world: &World, max_age: TimeDelta) -> Report {
    let key = FileSigner::open(&world.folder().join("audit-log-key")).unwrap();
    let logs = world.folder().join("log-groups");
    world.cloud.settled().await;
    let inputs = Inputs {
        database: Some(world.superuser_url()),
        archive: Some(Arc::new(world.log_store())),
        key: Some(
            VerifierKey::new(
                "example.org/caretrail/audit",
                Algorithm::Ed25519,
                key.public_key(),
            )
            .unwrap(),
        ),
        function_log: vec![logs.join("functions")],
        gateway_log: vec![logs.join("access")],
        logs_until: Some(Timestamp::now()),
        max_age,
        ..Inputs::default()
    };
    verify::verify(&inputs).await.unwrap()
}

fn names(report: &Report, aspect: Aspect, subject: &Subject) {
    assert_eq!(report.exit_code(&[]), 1, "{report}");
    let findings = &report.judgement(aspect).findings;
    let is_named = findings.iter().any(|finding| finding.subject == *subject);
    assert!(is_named, "{subject} isn't named in\n{report}");
}

async fn rows(world: &World) -> Vec<StoredRow> {
    let mut rows = world.audit_log().await;
    rows.sort_by_key(|row| (row.position.chain_id, row.position.seq));
    rows
}

async fn as_superuser(world: &World, statement: &str) {
    let client = world.connect().await;
    let statements = format!("set session_replication_role = replica; {statement}");
    client.batch_execute(&statements).await.unwrap();
}

#[tokio::test]
async fn a_row_that_took_a_position_before_it_was_sealed_is_in_quarantine() {
    let (world, ada) = world().await;
    read(&ada).await;
    world.seal().await;
    read(&ada).await;
    let last = rows(&world).await.remove(1);
    assert_eq!(
        verified(&world, TimeDelta::hours(1)).await.exit_code(&ALL),
        0
    );
    let id = Uuid::now_v7();
    // The squatter is older than the true row, so it is read first.
    as_superuser(
        &world,
        &format!(
            "insert into audit_logs select (jsonb_populate_record(a, jsonb_build_object(
               'id', '{id}', 'place', '\\x' || repeat('00', 16)))).* from audit_logs a where {}",
            is_row(&last)
        ),
    )
    .await;
    world.seal().await;
    assert_eq!(world.sealed_rows().await.len(), 2);
    let squatter = Subject::Row {
        id: Some(id),
        chain_id: last.position.chain_id,
        seq: 2,
    };
    let report = verified(&world, TimeDelta::hours(1)).await;
    let (integrity, authenticity) = (
        &report.judgement(Integrity).findings,
        &report.judgement(Authenticity).findings,
    );
    let findings: Vec<_> = integrity.iter().chain(authenticity).collect();
    assert_eq!(report.exit_code(&[]), 1, "{report}");
    assert!(
        findings.iter().all(|finding| finding.subject == squatter),
        "{report}"
    );
}

#[tokio::test]
async fn a_forged_row_that_the_sealer_met_is_in_quarantine() {
    let (world, ada) = world().await;
    read(&ada).await;
    world.seal().await;
    assert_eq!(
        verified(&world, TimeDelta::hours(1)).await.exit_code(&ALL),
        0
    );
    let (pattern, id) = (rows(&world).await.remove(0), Uuid::now_v7());
    as_superuser(
        &world,
        &format!(
            "insert into audit_logs select (jsonb_populate_record(a, jsonb_build_object(
               'id', '{id}', 'chain_id', '{id}', 'xid', pg_current_xact_id()::text))).* from audit_logs a where {}",
            is_row(&pattern)
        ),
    )
    .await;
    world.seal().await;
    let forged = Subject::Row {
        id: Some(id),
        chain_id: id,
        seq: 1,
    };
    names(
        &verified(&world, TimeDelta::hours(1)).await,
        Authenticity,
        &forged,
    );
}

#[tokio::test]
async fn a_row_whose_transaction_was_altered_is_never_sealed_and_grows_too_old() {
    for tampers in [false, true] {
        let (world, ada) = world().await;
        read(&ada).await;
        world.seal().await;
        read(&ada).await;
        let last = rows(&world).await.remove(1);
        if tampers {
            // The sealer takes only the rows of transactions after its last horizon.
            as_superuser(
                &world,
                &format!("update audit_logs set xid = '3' where {}", is_row(&last)),
            )
            .await;
        }
        let limit = TimeDelta::seconds(3);
        eventually("the row is older than the limit", async || {
            Timestamp::now() - last.entry.timestamp > limit
        })
        .await;
        world.seal().await;
        let report = verified(&world, limit).await;
        match tampers {
            true => names(&report, Freshness, &row(&last)),
            false => assert_eq!(report.exit_code(&ALL), 0, "{report}"),
        }
    }
}

#[tokio::test]
async fn a_tail_that_was_cut_before_it_was_sealed_stays_proven_after_more_is_sealed() {
    let (world, ada) = world().await;
    read(&ada).await;
    world.seal().await;
    read(&ada).await;
    let last = rows(&world).await.remove(1);
    assert_eq!(
        verified(&world, TimeDelta::hours(1)).await.exit_code(&ALL),
        0
    );
    as_superuser(
        &world,
        &format!("delete from audit_logs where {}", is_row(&last)),
    )
    .await;
    world.restart("get-patient").await;
    read(&ada).await;
    world.seal().await;
    let report = verified(&world, TimeDelta::hours(1)).await;
    names(&report, Aspect::Completeness, &super::scene::place(&last));
}

/// Adds a line to a log group, some minutes ago.
fn add_line(group: &Path, line: &Value) {
    let time = Timestamp::now().microseconds() / 1000 - 5 * 60_000;
    let file = group.join((time / 60_000).to_string());
    let mut text = std::fs::read_to_string(&file).unwrap_or_default();
    text.push_str(&format!(
        "{time} a-stream {}\n",
        Value::from(line.to_string())
    ));
    std::fs::write(file, text).unwrap();
}

#[tokio::test]
async fn a_chain_that_was_announced_with_two_keys_is_not_sealed_and_is_found() {
    for tampers in [false, true] {
        let (world, ada) = world().await;
        read(&ada).await;
        let chain_id = rows(&world).await[0].position.chain_id;
        let opened = |public_key: &str| {
            json!({
                "message": audit::lines::OPENED, "chain_id": chain_id, "public_key": public_key,
                "function": "get-patient", "version": "0.1.0",
            })
        };
        let group = world.folder().join("log-groups/functions");
        let key = || announced_key(&group, chain_id);
        eventually("the log has the open line", async || key().is_some()).await;
        // The same line twice is no contradiction.
        add_line(&group, &opened(&key().unwrap()));
        if tampers {
            add_line(&group, &opened(&"07".repeat(32)));
        }
        world.seal().await;
        let report = verified(&world, TimeDelta::hours(1)).await;
        if tampers {
            assert_eq!(world.sealed_rows().await.len(), 0);
            assert!(world.sealer_lines("an audit chain was announced with several keys") > 0);
            names(&report, Authenticity, &Subject::Chain(chain_id));
        } else {
            assert_eq!(world.sealed_rows().await.len(), 1);
            assert_eq!(report.exit_code(&ALL), 0, "{report}");
        }
    }
}
