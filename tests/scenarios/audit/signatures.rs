//! Each execution environment signs its rows with a key that it names in the log of its function.

use std::collections::BTreeMap;

use audit::lines::{LANDED, OFFERED, OPENED};
use tests::audit::AuditRow;
use tests::prelude::*;

/// Returns the lines of a function's audit chains with this message.
fn lines(world: &World, function: &str, message: &str) -> Vec<Value> {
    let lines = world.cloud.logs(function).lines();
    let lines = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == message).collect()
}

/// Waits until the log of the function has this many lines with this message, and returns them.
async fn lines_of(world: &World, function: &str, message: &str, count: usize) -> Vec<Value> {
    eventually("the lines are in the log", async || {
        lines(world, function, message).len() >= count
    })
    .await;
    let lines = lines(world, function, message);
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

/// Returns the public keys of the function's chains by the chain's id, as the log names them.
async fn keys(world: &World, function: &str, count: usize) -> BTreeMap<String, [u8; 32]> {
    let lines = lines_of(world, function, OPENED, count).await;
    let key = |line: &Value| {
        assert_eq!(line["function"], function);
        assert_eq!(line["version"], env!("CARGO_PKG_VERSION"));
        let key = hex::decode(line["public_key"].as_str().unwrap()).unwrap();
        (text(line, "chain_id"), key.try_into().unwrap())
    };
    lines.iter().map(key).collect()
}

fn text(line: &Value, member: &str) -> String {
    line[member].as_str().unwrap().to_owned()
}

fn chain_of(row: &AuditRow) -> String {
    row.position.chain_id.to_string()
}

fn chart(patient: &Patient) -> String {
    format!("/v1/patients/{}", patient.id)
}

#[tokio::test]
async fn every_row_is_signed_and_has_its_offer_and_landed_line() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    ada.get(&chart(&ada)).await.expect(200);
    ben.get(&chart(&ada)).await.problem(404, "not-found");
    ada.get(&chart(&ada)).await.expect(200);

    let rows = world.audit_log().await;
    assert_eq!(rows.len(), 3);
    let keys = keys(&world, "get-patient", 1).await;
    let offers = lines_of(&world, "get-patient", OFFERED, 3).await;
    let landed = lines_of(&world, "get-patient", LANDED, 3).await;
    for row in &rows {
        let key = keys[&chain_of(row)];
        assert!(
            audit::is_signed(&key, &row.row_hash, &row.signature),
            "{row:?}"
        );
        let position = &row.position;
        let is_its = |line: &&Value| line["row_hash"] == hex::encode(row.row_hash);
        let offer = offers.iter().find(is_its).expect("an offer line");
        assert_eq!(text(offer, "chain_id"), chain_of(row));
        assert_eq!(offer["seq"], position.seq);
        assert_eq!(offer["prev_hash"], hex::encode(position.prev_hash));
        assert_eq!(offer["request_id"], row.entry.request_id);
        let landed = landed.iter().find(is_its).expect("a landed line");
        assert_eq!(text(landed, "chain_id"), chain_of(row));
        assert_eq!(landed["seq"], position.seq);
        assert_eq!(landed["request_id"], row.entry.request_id);
    }
}

#[tokio::test]
async fn each_environment_has_a_key_of_its_own() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get(&chart(&ada)).await.expect(200);
    world.restart("get-patient").await;
    ada.get(&chart(&ada)).await.expect(200);

    let keys = keys(&world, "get-patient", 2).await;
    let rows = world.audit_log().await;
    for row in &rows {
        let signs = |(chain, key): (&String, &[u8; 32])| {
            let is_its = *chain == chain_of(row);
            assert_eq!(audit::is_signed(key, &row.row_hash, &row.signature), is_its);
            is_its
        };
        assert_eq!(keys.iter().map(signs).filter(|is_its| *is_its).count(), 1);
    }
}

#[tokio::test]
async fn nobody_else_can_take_the_next_place_of_a_chain() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let first = ada.get(&chart(&ada)).await.expect(200);
    let row = world.audit_of(&first).await.remove(0);
    // Somebody with the rights of the owner knows the chain, and takes its next positions.
    world
        .sql(
            "insert into audit_logs
             select (jsonb_populate_record(a, jsonb_build_object(
               'id', gen_random_uuid(), 'seq', a.seq + next, 'place', '\\x' || repeat(to_hex(next), 32)
             ))).*
             from audit_logs a, generate_series(1, 9) as next where a.row_hash = $1",
            &[&&row.row_hash[..]],
        )
        .await;

    let second = ada.get(&chart(&ada)).await.expect(200);
    let next = world.audit_of(&second).await;
    let position = next[0].position;
    assert_eq!(next.len(), 1);
    assert_eq!(
        (position.chain_id, position.seq, position.prev_hash),
        (row.position.chain_id, 2, row.row_hash)
    );
}

#[tokio::test]
async fn a_row_names_the_transaction_that_appended_it() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let before: i64 = world
        .sql("select pg_current_xact_id()::text::bigint", &[])
        .await[0]
        .get(0);
    let answer = ada.get(&chart(&ada)).await.expect(200);
    let after: i64 = world
        .sql("select pg_current_xact_id()::text::bigint", &[])
        .await[0]
        .get(0);
    let row = world.audit_of(&answer).await.remove(0);
    assert!((before + 1..after).contains(&row.xid), "{row:?}");
}
