//! Which chains the sealer takes: those of two months, disputed ones, and those of a database that was restored.

use audit::{Entry, Position};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use domain::ids::AuditLogId;
use domain::time::Timestamp;
use tests::audit::AuditRow;
use tests::prelude::*;
use tests::sealed_log::*;
use transparency_log::leaf::{Leaf, Reason, Statement, Text};
use transparency_log::signer::{FileSigner, Signer as _};
use transparency_log::store::ObjectStore as _;

/// An execution environment of `get-patient` whose clock the test sets. It signs its rows.
struct Environment {
    pair: Ed25519KeyPair,
    position: Position,
    written: Vec<[u8; 32]>,
}

impl Environment {
    fn new() -> Self {
        Self {
            pair: Ed25519KeyPair::generate().unwrap(),
            position: Position {
                chain_id: Uuid::new_v4(),
                seq: 0,
                prev_hash: [0; 32],
                place: [0; 16],
            },
            written: Vec::new(),
        }
    }

    /// Logs the open line of its chain, with this key or its own.
    fn announce(&self, world: &World, key: Option<[u8; 32]>) {
        let own = self.pair.public_key().as_ref().try_into().unwrap();
        world.add_function_line(
            "2030/01/31/get-patient[$LATEST]0a1b",
            &json!({
                "message": audit::lines::OPENED,
                "chain_id": self.position.chain_id,
                "public_key": hex::encode(key.unwrap_or(own)),
                "function": "get-patient",
                "version": "0.1.0",
            }),
        );
    }

    /// Commits a row like the pattern at this time.
    async fn write(&mut self, world: &World, pattern: &AuditRow, timestamp: Timestamp) {
        self.position.seq += 1;
        self.position.place = *Uuid::new_v4().as_bytes();
        let entry = Entry {
            id: AuditLogId::of_time(timestamp),
            timestamp,
            request_id: Uuid::new_v4().to_string(),
            ..pattern.entry.clone()
        };
        let row_hash = entry.hash(&self.position).unwrap();
        let bytes = |bytes: &[u8]| format!("\\x{}", hex::encode(bytes));
        let columns = json!({
            "id": entry.id,
            "timestamp": timestamp.to_string(),
            "month": timestamp.first_of_month().to_string(),
            "request_id": entry.request_id,
            "chain_id": self.position.chain_id,
            "seq": self.position.seq,
            "prev_hash": bytes(&self.position.prev_hash),
            "row_hash": bytes(&row_hash),
            "place": bytes(&self.position.place),
            "signature": bytes(self.pair.sign(&row_hash).as_ref()),
        });
        world
            .sql(
                "insert into audit_logs
                 select (jsonb_populate_record(a, $2 || jsonb_build_object('xid', pg_current_xact_id()))).*
                 from audit_logs a where a.id = $1",
                &[&Uuid::from(pattern.entry.id), &columns],
            )
            .await;
        self.position.prev_hash = row_hash;
        self.written.push(row_hash);
    }
}

/// A world with this setting, and a row that others are like.
async fn world(name: &str, value: &str) -> (World, Patient, AuditRow) {
    let world = World::with(Setup {
        environment: [(name.to_owned(), value.to_owned())].into(),
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    ada.get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    let pattern = world.audit_log().await.remove(0);
    (world, ada, pattern)
}

async fn sealed_of(world: &World, environment: &Environment) -> Vec<[u8; 32]> {
    let chain_id = environment.position.chain_id;
    let rows = world.sealed_rows().await;
    let of_chain = rows.iter().filter(|row| row.chain_id == chain_id);
    of_chain.map(|row| row.row_hash).collect()
}

/// The time this many seconds after the end of the month that `pattern` is of.
fn around_month_end(pattern: &AuditRow, seconds: i64) -> Timestamp {
    let first = chrono::NaiveDate::from(pattern.month) + chrono::Months::new(1);
    let end = first.and_time(chrono::NaiveTime::MIN).and_utc();
    (end + chrono::TimeDelta::seconds(seconds)).into()
}

#[tokio::test]
async fn the_chains_of_two_months_are_sealed_in_any_order_of_their_transactions() {
    // Each figure is a time around the end of the month. Rows before it are of one chain, and those after it of the next.
    for (order, sealed_after) in [
        ([-3, -2, -1, 0, 1, 2], 6),
        ([-3, -2, 0, -1, 1, 2], 3),
        ([0, -3, 1, -2, 2, -1], 1),
        ([0, 1, 2, -3, -2, -1], 3),
        ([0, 1, 2, -3, -2, -1], 5),
    ] {
        let (world, _, pattern) = world("AUDIT_SEAL_AT_LEAST_EVERY", "240").await;
        let (mut before, mut after) = (Environment::new(), Environment::new());
        before.announce(&world, None);
        after.announce(&world, None);
        for (written, seconds) in order.into_iter().enumerate() {
            let time = around_month_end(&pattern, seconds);
            let environment = if seconds < 0 { &mut before } else { &mut after };
            environment.write(&world, &pattern, time).await;
            if written + 1 == sealed_after {
                world.seal().await;
            }
        }
        eventually("all rows are sealed", async || {
            world.seal().await;
            world.sealed_rows().await.len() == 7
        })
        .await;
        assert_eq!(
            sealed_of(&world, &before).await,
            before.written,
            "{order:?}"
        );
        assert_eq!(sealed_of(&world, &after).await, after.written, "{order:?}");
        assert_eq!(world.quarantine().await, [], "{order:?}");
        let months = world
            .sql("select month from audit_chains order by month", &[])
            .await;
        let months: Vec<chrono::NaiveDate> = months.iter().map(|row| row.get(0)).collect();
        let next = chrono::NaiveDate::from(pattern.month) + chrono::Months::new(1);
        assert_eq!(months, [pattern.month.into(), pattern.month.into(), next]);
    }
}

#[tokio::test]
async fn a_row_of_the_next_month_in_the_chain_of_this_month_is_in_quarantine() {
    let (world, _, pattern) = world("AUDIT_SEAL_AT_LEAST_EVERY", "240").await;
    let mut environment = Environment::new();
    environment.announce(&world, None);
    for seconds in [-2, -1, 0] {
        let time = around_month_end(&pattern, seconds);
        environment.write(&world, &pattern, time).await;
    }
    world.seal().await;
    assert_eq!(
        sealed_of(&world, &environment).await,
        environment.written[..2]
    );
    let places = world.quarantine().await;
    assert_eq!(places.len(), 1);
    assert_eq!((places[0].seq, places[0].reason), (3, Reason::ForeignRow));
}

#[tokio::test]
async fn a_chain_that_two_keys_are_announced_for_is_in_quarantine_with_an_alarm() {
    // The line with another key comes before or after the true one, and before the chain is sealed.
    for is_first in [true, false] {
        let (world, _, pattern) = world("AUDIT_OPEN_LINE_WAIT", "0").await;
        let mut environment = Environment::new();
        let other = Ed25519KeyPair::generate().unwrap();
        let other = other.public_key().as_ref().try_into().unwrap();
        let keys = match is_first {
            true => [Some(other), None],
            false => [None, Some(other)],
        };
        for key in keys {
            environment.announce(&world, key);
        }
        environment.write(&world, &pattern, Timestamp::now()).await;
        eventually("the row is in quarantine", async || {
            world.seal().await;
            !world.quarantine().await.is_empty()
        })
        .await;
        assert!(world.sealer_lines(DISPUTED) > 0);
        assert_eq!(sealed_of(&world, &environment).await.len(), 0);
        let places = world.quarantine().await;
        assert_eq!(places.len(), 1);
        assert_eq!(places[0].chain_id, environment.position.chain_id);
        assert_eq!(places[0].reason, Reason::NoOpenLine);
        let opened = world.leaves().await.into_iter().filter(
            |(_, leaf)| matches!(leaf, Leaf::Chain(chain) if chain.chain_id == environment.position.chain_id),
        );
        assert_eq!(opened.count(), 0, "neither key is sealed");
    }
}

#[tokio::test]
async fn a_second_key_or_function_of_a_sealed_chain_raises_an_alarm_and_changes_nothing() {
    for change in [
        json!({"public_key": "07".repeat(32)}),
        json!({"function": "get-file"}),
    ] {
        let (world, ada, _) = world("AUDIT_OPEN_LINE_WAIT", "0").await;
        world.seal().await;
        let (_, leaf) = world.leaves().await.remove(0);
        let Leaf::Chain(chain) = leaf else {
            panic!("the first leaf is a chain: {leaf:?}");
        };
        let mut line = json!({
            "message": audit::lines::OPENED,
            "chain_id": chain.chain_id,
            "public_key": hex::encode(chain.public_key),
            "function": chain.function.as_str(),
            "version": "0.1.0",
        });
        for (name, value) in change.as_object().unwrap() {
            line[name] = value.clone();
        }
        world.add_function_line("2030/01/31/get-patient[$LATEST]0a1b", &line);
        ada.get(&format!("/v1/patients/{}", ada.id))
            .await
            .expect(200);
        world.seal().await;
        assert!(world.sealer_lines(DISPUTED) > 0, "{change}");
        assert_eq!(world.sealed_rows().await.len(), 2, "{change}");
        assert_eq!(world.quarantine().await, [], "{change}");
    }
}

#[tokio::test]
async fn after_the_statement_about_a_restored_database_the_rows_that_are_not_sealed_are_found() {
    const CHAINS: i64 = 20;
    const ROWS: i64 = 5;
    let pair = Ed25519KeyPair::generate().unwrap();
    let pair = pair.to_pkcs8v1().unwrap().as_ref().to_vec();
    let operator = FileSigner::from_pkcs8(&pair).unwrap();
    let keys = hex::encode(operator.public_key());
    let (world, ada, pattern) = world("AUDIT_OPERATOR_KEYS", &keys).await;
    world.seal().await;
    // Many chains whose rows are sealed, in this month and the next.
    world
        .sql(
            "insert into audit_logs
             select (jsonb_populate_record(a, jsonb_build_object(
               'id', gen_random_uuid(), 'chain_id', md5('chain ' || c)::uuid, 'seq', s,
               'month', (a.month + (c % 2) * interval '1 month')::date,
               'place', '\\x' || replace(gen_random_uuid()::text, '-', ''), 'xid', '3'))).*
             from audit_logs a, generate_series(1, $2::bigint) c, generate_series(1, $3::bigint) s where a.id = $1",
            &[&Uuid::from(pattern.entry.id), &CHAINS, &ROWS],
        )
        .await;
    world
        .sql(
            "insert into audit_chains (chain_id, public_key, function, version, opened_at, month, sealed_seq, sealed_hash)
             select md5('chain ' || c)::uuid, k.public_key, k.function, k.version, k.opened_at,
               (k.month + (c % 2) * interval '1 month')::date, $1::bigint, a.row_hash
             from audit_chains k, audit_logs a, generate_series(1, $2::bigint) c where a.id = $3",
            &[&ROWS, &CHAINS, &Uuid::from(pattern.entry.id)],
        )
        .await;
    // Two chains have a row more, and the sealer doesn't know of another chain at all.
    world
        .sql("update audit_chains set sealed_seq = $1::bigint - 1 where chain_id in (md5('chain 1')::uuid, md5('chain 2')::uuid)", &[&ROWS])
        .await;
    world
        .sql(
            "delete from audit_chains where chain_id = md5('chain 3')::uuid",
            &[],
        )
        .await;

    let newest = world.batches().await.pop().unwrap();
    let statement = Statement {
        old_size: newest.size(),
        old_root: newest.apply().0.root(),
        kept_size: newest.size(),
        database: Uuid::new_v4(),
        text: Text::new("Restored after a disk failed").unwrap(),
    };
    let signed = statement.clone().sign(&operator).await.unwrap();
    let payload = json!({"incarnation": {
        "old_size": statement.old_size,
        "old_root": hex::encode(statement.old_root),
        "kept_size": statement.kept_size,
        "database": statement.database,
        "text": statement.text.as_str(),
        "operator": hex::encode(signed.operator),
        "signature": hex::encode(signed.signature),
    }});
    world.cloud.invoke("seal-audit", &payload).await.unwrap();
    // The chains with rows that aren't sealed were found: two are broken now, because their rows are copies, and one
    // waits for its open line.
    let waiting = world
        .rows("select chain_id from audit_waiting_chains", &[])
        .await;
    let unknown = world
        .row("select md5('chain 3')::uuid as chain_id", &[])
        .await;
    assert_eq!(waiting, [unknown]);
    let quarantined = world
        .rows(
            "select distinct chain_id from audit_quarantine order by chain_id",
            &[],
        )
        .await;
    let more = "select md5('chain ' || c)::uuid as chain_id from generate_series(1, 2) c order by chain_id";
    assert_eq!(quarantined, world.rows(more, &[]).await);
    // Rows that are written from now on are sealed.
    let sealed = world.sealed_rows().await.len();
    ada.get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    world.seal().await;
    assert_eq!(world.sealed_rows().await.len(), sealed + 1);
}

#[tokio::test]
async fn a_full_tile_that_was_overwritten_or_hidden_stops_the_sealer_with_an_alarm() {
    for is_hidden in [false, true] {
        let (world, _, pattern) = world("AUDIT_SEAL_AT_LEAST_EVERY", "240").await;
        let mut environment = Environment::new();
        environment.announce(&world, None);
        for _ in 0..260 {
            environment.write(&world, &pattern, Timestamp::now()).await;
        }
        world.seal().await;
        let (full, partial) = ("tile/0/000", "tile/0/001.p/");
        let store = world.log_store();
        let found = store.list("tile/0/", None).await.unwrap();
        assert!(found.iter().any(|key| key == full), "{found:?}");
        // A tile that isn't full may be written twice.
        let partial = found.iter().find(|key| key.starts_with(partial)).unwrap();
        let bytes = store.get(partial).await.unwrap().unwrap().bytes;
        store.put(partial, bytes).await.unwrap();
        world.seal().await;
        match is_hidden {
            true => world.hide_object(full).await,
            false => {
                let bytes = store.get(full).await.unwrap().unwrap().bytes;
                store.put(full, bytes).await.unwrap();
            }
        }
        assert!(world.try_seal().await.is_err());
        assert!(world.sealer_lines(TAMPERED) > 0);
    }
}
