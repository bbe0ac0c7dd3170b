//! Schedule, every minute: `seal-audit`

use std::collections::BTreeMap;

use audit::is_signed;
use tests::audit::AuditRow;
use tests::prelude::*;
use tests::sealed_log::*;
use transparency_log::leaf::{Leaf, Reason, Statement, Text};
use transparency_log::signer::{FileSigner, Signer as _};
use transparency_log::store::ObjectStore as _;

/// A new Ed25519 key in PKCS#8.
fn new_key() -> Vec<u8> {
    let key = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    key.to_pkcs8v1().unwrap().as_ref().to_vec()
}

fn chart(patient: &Patient) -> String {
    format!("/v1/patients/{}", patient.id)
}

/// Seals until these many rows are sealed: an open line may take a moment to reach the log.
async fn seal_rows(world: &World, count: usize) {
    eventually("the rows are sealed", async || {
        world.seal().await;
        world.sealed_rows().await.len() >= count
    })
    .await;
    assert_eq!(world.sealed_rows().await.len(), count);
}

#[tokio::test]
async fn rows_become_leaves_with_their_signatures_under_the_announced_key() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    for _ in 0..3 {
        ada.get(&chart(&ada)).await.expect(200);
    }
    seal_rows(&world, 3).await;

    let keys: BTreeMap<_, _> = world
        .leaves()
        .await
        .into_iter()
        .filter_map(|(_, leaf)| match leaf {
            Leaf::Chain(chain) => Some((chain.chain_id, chain.public_key)),
            _ => None,
        })
        .collect();
    let rows = world.audit_log().await;
    let sealed = world.sealed_rows().await;
    assert_eq!(keys.len(), 1);
    for (row, leaf) in rows.iter().zip(&sealed) {
        assert_eq!(
            (leaf.chain_id, leaf.seq, leaf.row_hash),
            (row.position.chain_id, row.position.seq, row.row_hash)
        );
        let key = keys[&leaf.chain_id];
        assert!(is_signed(&key, &leaf.row_hash, &leaf.signature));
    }
    assert_eq!(world.quarantine().await, []);
    // Nothing new: the batch is fresh, so there is no other.
    let batches = world.batches().await.len();
    assert_eq!(world.seal().await["rows"], 0);
    assert_eq!(world.batches().await.len(), batches);
}

/// A world whose functions have these settings.
async fn world_with(settings: &[(&str, &str)]) -> World {
    let settings = settings.iter();
    World::with(Setup {
        environment: settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Setup::default()
    })
    .await
}

/// The hashes of the audit rows, in the order of their chains.
async fn hashes(world: &World) -> Vec<[u8; 32]> {
    let mut rows = world.audit_log().await;
    rows.sort_by_key(|row| (row.position.chain_id, row.position.seq));
    rows.iter().map(|row| row.row_hash).collect()
}

async fn sealed_hashes(world: &World) -> Vec<[u8; 32]> {
    let rows = world.sealed_rows().await;
    rows.iter().map(|row| row.row_hash).collect()
}

/// Inserts a copy of a row with other columns, as the owner of the database can.
async fn forge(world: &World, row: &AuditRow, columns: Value) {
    world
        .sql(
            "insert into audit_logs
             select (jsonb_populate_record(a, jsonb_build_object(
               'id', gen_random_uuid(), 'place', '\\x' || replace(gen_random_uuid()::text, '-', ''),
               'xid', pg_current_xact_id()
             ) || $2)).*
             from audit_logs a where a.id = $1",
            &[&Uuid::from(row.entry.id), &columns],
        )
        .await;
}

/// Runs a statement on the audit log without its triggers.
async fn tamper(world: &World, statement: &str) {
    let connection = world.connect().await;
    let statement = format!("set session_replication_role = replica; {statement}");
    connection.batch_execute(&statement).await.unwrap();
}

async fn reasons(world: &World) -> Vec<(i64, Reason)> {
    let places = world.quarantine().await;
    places
        .iter()
        .map(|place| (place.seq, place.reason))
        .collect()
}

#[tokio::test]
async fn an_open_transaction_holds_back_the_rows_after_it_and_none_is_lost() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get(&chart(&ada)).await.expect(200);
    seal_rows(&world, 1).await;
    let open = world.connect().await;
    open.batch_execute("begin; select pg_current_xact_id()")
        .await
        .unwrap();
    ada.get(&chart(&ada)).await.expect(200);

    assert_eq!(world.try_seal().await.unwrap()["rows"], 0);
    assert_eq!(world.sealed_rows().await.len(), 1);

    open.batch_execute("commit").await.unwrap();
    seal_rows(&world, 2).await;
    assert_eq!(sealed_hashes(&world).await, hashes(&world).await);
}

#[tokio::test]
async fn a_row_waits_for_its_open_line_and_is_sealed_once_the_line_is_there() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get(&chart(&ada)).await.expect(200);
    world.hide_function_log();
    eventually("the row waits", async || {
        world.seal().await;
        world
            .sql("select from audit_waiting_chains", &[])
            .await
            .len()
            == 1
    })
    .await;
    assert_eq!(world.sealed_rows().await.len(), 0);
    ada.get(&chart(&ada)).await.expect(200);
    assert_eq!(world.seal().await["rows"], 0);

    world.show_function_log();
    seal_rows(&world, 2).await;
    assert_eq!(sealed_hashes(&world).await, hashes(&world).await);
    assert_eq!(
        world
            .sql("select from audit_waiting_chains", &[])
            .await
            .len(),
        0
    );
    assert_eq!(world.quarantine().await, []);
}

#[tokio::test]
async fn a_row_without_open_line_goes_to_quarantine_after_a_while_and_only_once() {
    let world = world_with(&[("AUDIT_OPEN_LINE_WAIT", "0")]).await;
    let ada = world.patient("Ada").await;
    ada.get(&chart(&ada)).await.expect(200);
    let row = world.audit_log().await.remove(0);
    seal_rows(&world, 1).await;
    let chain = Uuid::new_v4();
    forge(&world, &row, json!({"chain_id": chain})).await;

    eventually("the row is in quarantine", async || {
        world.seal().await;
        !world.quarantine().await.is_empty()
    })
    .await;
    world.seal().await;
    let places = world.quarantine().await;
    assert_eq!(places.len(), 1);
    assert_eq!(
        (places[0].chain_id, places[0].reason),
        (chain, Reason::NoOpenLine)
    );
    assert_eq!(world.sealer_lines(QUARANTINED), 1);
}

#[tokio::test]
async fn a_forged_row_goes_to_quarantine_and_the_true_row_of_its_place_is_sealed() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let first = ada.get(&chart(&ada)).await.expect(200);
    let row = world.audit_of(&first).await.remove(0);
    // One at a place that is taken, one at the next place, with the hash and the signature of a true row.
    forge(&world, &row, json!({})).await;
    forge(&world, &row, json!({"seq": 2})).await;
    ada.get(&chart(&ada)).await.expect(200);

    seal_rows(&world, 2).await;
    let mut found = reasons(&world).await;
    found.sort_unstable();
    assert_eq!(found, [(1, Reason::WrongHash), (2, Reason::WrongHash)]);
    let sealed = sealed_hashes(&world).await;
    assert!(sealed.contains(&row.row_hash));
    world.seal().await;
    assert_eq!(world.quarantine().await.len(), 2);
    assert_eq!(world.sealer_lines(QUARANTINED), 2);
}

#[tokio::test]
async fn a_forged_row_with_any_value_that_a_column_can_hold_keeps_no_other_row_from_being_sealed() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let first = ada.get(&chart(&ada)).await.expect(200);
    let row = world.audit_of(&first).await.remove(0);
    let foreign = Uuid::now_v7();
    for columns in [
        json!({"timestamp": "infinity"}),
        json!({"timestamp": "-infinity"}),
        json!({"seq": i64::MIN}),
        json!({"seq": i64::MAX}),
        json!({"seq": i64::MIN, "chain_id": foreign}),
        json!({"seq": i64::MAX, "chain_id": foreign}),
        json!({"details": {"fraction": 0.5}}),
        json!({"form": -1}),
    ] {
        forge(&world, &row, columns).await;
    }
    ada.get(&chart(&ada)).await.expect(200);
    seal_rows(&world, 2).await;

    // The next row of the chain is sealed, too.
    ada.get(&chart(&ada)).await.expect(200);
    seal_rows(&world, 3).await;
    let verified = world.sealer_lines(QUARANTINED);
    assert!(verified >= 6, "{verified}");
}

#[tokio::test]
async fn an_altered_row_and_a_missing_row_end_their_chain() {
    for (statement, expected) in [
        (
            "update audit_logs set outcome = 'DENIED' where seq = 2",
            vec![
                (2, Reason::WrongHash),
                (2, Reason::MissingRow),
                (3, Reason::BrokenLink),
            ],
        ),
        (
            "update audit_logs set signature = decode(repeat('00', 64), 'hex') where seq in (2, 3)",
            vec![(2, Reason::InvalidSignature), (3, Reason::InvalidSignature)],
        ),
        (
            "delete from audit_logs where seq = 2",
            vec![(2, Reason::MissingRow), (3, Reason::BrokenLink)],
        ),
    ] {
        let world = World::new().await;
        let ada = world.patient("Ada").await;
        for _ in 0..3 {
            ada.get(&chart(&ada)).await.expect(200);
        }
        tamper(&world, statement).await;
        seal_rows(&world, 1).await;
        // A transaction of another test may hold back the rows after it.
        eventually("the rows are in quarantine", async || {
            world.seal().await;
            !reasons(&world).await.is_empty()
        })
        .await;
        assert_eq!(reasons(&world).await, expected, "{statement}");
    }
}

#[tokio::test]
async fn many_rows_are_sealed_in_several_batches() {
    let world = world_with(&[("AUDIT_ROWS_PER_BATCH", "2")]).await;
    let ada = world.patient("Ada").await;
    for _ in 0..7 {
        ada.get(&chart(&ada)).await.expect(200);
    }
    seal_rows(&world, 7).await;
    let rows = |batch: &transparency_log::batch::Batch| {
        let leaves = batch.leaves();
        leaves
            .filter(|(_, leaf)| matches!(leaf, Leaf::Row(_)))
            .count()
    };
    let batches = world.batches().await;
    assert!(batches.iter().all(|batch| rows(batch) <= 2));
    assert_eq!(sealed_hashes(&world).await, hashes(&world).await);
}

#[tokio::test]
async fn tables_that_are_made_again_from_the_batches_equal_the_former_ones() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let first = ada.get(&chart(&ada)).await.expect(200);
    let row = world.audit_of(&first).await.remove(0);
    seal_rows(&world, 1).await;
    forge(&world, &row, json!({"seq": 2})).await;
    ada.get(&chart(&ada)).await.expect(200);
    seal_rows(&world, 2).await;
    let tables = world.sealer_tables().await;
    assert_eq!(tables["audit_quarantine"].len(), 1);

    world.empty_sealer_tables().await;
    world.seal().await;
    assert_eq!(world.sealer_tables().await, tables);
}

#[tokio::test]
async fn sealers_that_run_at_once_or_are_killed_leave_one_log() {
    let world = World::with(Setup {
        instances: 3,
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    for pause in [0, 5, 10, 20, 30, 40, 60, 80, 120] {
        ada.get(&chart(&ada)).await.expect(200);
        let kill = async {
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            world.cloud.lambda().restart("seal-audit");
        };
        // Those that are killed fail.
        let _ = tokio::join!(world.try_seal(), world.try_seal(), world.try_seal(), kill);
    }
    seal_rows(&world, 9).await;
    assert_eq!(sealed_hashes(&world).await, hashes(&world).await);
    assert_eq!(world.quarantine().await, []);
    let batches = world.batches().await;
    for pair in batches.windows(2) {
        assert_eq!(pair[0].apply().0, *pair[1].before());
    }
    let tables = world.sealer_tables().await;
    world.empty_sealer_tables().await;
    world.seal().await;
    assert_eq!(world.sealer_tables().await, tables);
    assert_eq!(world.sealer_lines(TAMPERED), 0);
}

#[tokio::test]
async fn a_batch_that_was_overwritten_or_hidden_stops_the_sealer_with_an_alarm() {
    for is_hidden in [false, true] {
        let world = World::new().await;
        let ada = world.patient("Ada").await;
        ada.get(&chart(&ada)).await.expect(200);
        seal_rows(&world, 1).await;
        let store = world.log_store();
        let key = transparency_log::log::batch_key(0);
        match is_hidden {
            true => world.hide_object(&key).await,
            false => {
                let bytes = store.get(&key).await.unwrap().unwrap().bytes;
                store.put(&key, bytes).await.unwrap();
            }
        }
        assert!(world.try_seal().await.is_err());
        assert!(world.sealer_lines(TAMPERED) > 0);
    }
}

#[tokio::test]
async fn a_restored_database_is_sealed_again_only_with_the_statement_of_an_operator() {
    let operator = FileSigner::from_pkcs8(&new_key()).unwrap();
    let keys = hex::encode(operator.public_key());
    let world = world_with(&[("AUDIT_OPERATOR_KEYS", &keys)]).await;
    let ada = world.patient("Ada").await;
    ada.get(&chart(&ada)).await.expect(200);
    seal_rows(&world, 1).await;
    let kept = world.batches().await.last().unwrap().size();
    world.keep_sealer_tables().await;
    ada.get(&chart(&ada)).await.expect(200);
    seal_rows(&world, 2).await;

    // The database is restored to the time before the second row.
    tamper(&world, "delete from audit_logs where seq = 2").await;
    world.restore_sealer_tables().await;
    assert!(world.try_seal().await.is_err());
    assert!(world.try_seal().await.is_err());
    assert_eq!(world.sealer_lines(LACKING), 2);

    let newest = world.batches().await.pop().unwrap();
    let (tree, _) = newest.apply();
    let statement = Statement {
        old_size: tree.size(),
        old_root: tree.root(),
        kept_size: kept,
        database: Uuid::new_v4(),
        text: Text::new("Restored after a disk failed").unwrap(),
    };
    let stranger = FileSigner::from_pkcs8(&new_key()).unwrap();
    for (signer, is_accepted) in [(&stranger, false), (&operator, true)] {
        let signed = statement.clone().sign(signer).await.unwrap();
        let payload = json!({"incarnation": {
            "old_size": statement.old_size,
            "old_root": hex::encode(statement.old_root),
            "kept_size": statement.kept_size,
            "database": statement.database,
            "text": statement.text.as_str(),
            "operator": hex::encode(signed.operator),
            "signature": hex::encode(signed.signature),
        }});
        let done = world.cloud.invoke("seal-audit", &payload).await;
        assert_eq!(done.is_ok(), is_accepted, "{done:?}");
    }
    world.restart("get-patient").await;
    ada.get(&chart(&ada)).await.expect(200);
    seal_rows(&world, 3).await;
    assert_eq!(world.sealer_lines(LACKING), 2);
    let leaves = world.leaves().await;
    let stated = leaves
        .iter()
        .filter(|(_, leaf)| matches!(leaf, Leaf::Incarnation(_)));
    assert_eq!(stated.count(), 1);

    // A statement that lacks something is refused, and not taken for a schedule's event.
    let malformed = json!({"incarnation": {"kept_size": kept}});
    assert!(world.cloud.invoke("seal-audit", &malformed).await.is_err());
    assert!(world.try_seal().await.is_ok());
}

#[tokio::test]
async fn requests_are_reconciled_with_their_rows_and_a_missing_row_is_named_and_corrected() {
    let world = world_with(&[("AUDIT_RECONCILE_AFTER", "0")]).await;
    let ada = world.patient("Ada").await;
    for _ in 0..3 {
        ada.get(&chart(&ada)).await.expect(200);
    }
    let last = ada.get("/v1/patients/none").await.problem(404, "not-found");
    world
        .anybody()
        .get("/v1/me")
        .await
        .problem(401, "not-authenticated");
    assert_eq!(world.anybody().get("/health").await.status, 200);
    world
        .anybody()
        .get("/nothing")
        .await
        .problem(404, "not-found");
    let of_last = format!("where request_id = '{}'", last.request_id());
    tamper(
        &world,
        &format!("create table kept as select * from audit_logs {of_last}; delete from audit_logs {of_last}"),
    )
    .await;
    eventually("all requests are in the access log", async || {
        world.requests_logged() == 7
    })
    .await;
    world.move_logs_back(3);
    seal_rows(&world, 3).await;

    eventually("the minute is reconciled", async || {
        world.seal().await;
        world
            .reconciliations()
            .await
            .iter()
            .any(|minute| minute.logged.audited > 0)
    })
    .await;
    let minutes = world.reconciliations().await;
    let minute = minutes
        .iter()
        .find(|minute| minute.logged.audited > 0)
        .unwrap();
    let logged = minute.logged;
    assert_eq!((logged.audited, minute.rows, minute.revision), (4, 3, 0));
    assert_eq!((logged.public, logged.unauthenticated), (2, 1));
    let missing: Vec<_> = minute.missing.ids().map(ToString::to_string).collect();
    assert_eq!(missing, [last.request_id()]);
    assert!(world.sealer_lines(MISSING) > 0);

    tamper(&world, "insert into audit_logs select * from kept").await;
    eventually("the minute is corrected", async || {
        world.seal().await;
        world
            .reconciliations()
            .await
            .iter()
            .any(|minute| minute.revision == 1)
    })
    .await;
    let minutes = world.reconciliations().await;
    let corrected = minutes.iter().find(|minute| minute.revision == 1).unwrap();
    assert_eq!((corrected.minute, corrected.rows), (minute.minute, 4));
    assert_eq!(corrected.missing.ids().len(), 0);
}

#[tokio::test]
async fn leaves_contain_no_patient_data() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get(&chart(&ada)).await.expect(200);
    seal_rows(&world, 1).await;
    for batch in world.batches().await {
        let bytes = batch.bytes();
        let contains = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(
            !contains(b"Ada") && !contains(ada.id.as_bytes()) && !contains(ada.user.as_bytes())
        );
        assert!(!contains(ada.id.to_string().as_bytes()));
    }
}

#[tokio::test]
async fn the_sealer_reads_the_rows_of_transactions_by_their_index() {
    let world = World::new().await;
    let connection = world.connect_as("caretrail_sealer").await;
    connection
        .batch_execute("begin; set local enable_seqscan = off")
        .await
        .unwrap();
    let plan = connection
        .query(
            "explain select id from audit_logs where xid >= '5'::xid8 and xid < '7'::xid8",
            &[],
        )
        .await
        .unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(
        plan.contains("Index Cond: ((xid >= '5'::xid8) AND (xid < '7'::xid8))"),
        "{plan}"
    );
    assert!(!plan.contains("Seq Scan"), "{plan}");
}
