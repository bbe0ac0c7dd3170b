//! The hash of an audit row covers what PostgreSQL stores.

use std::sync::Arc;

use audit::{
    Action, ChainHead, CopiedRow, Entry, Outcome, PurposeOfUse, Relation, ResourceType, Sealable,
    StoredRow, select_stored_row,
};
use domain::ids::AuditLogId;
use domain::time::Timestamp;
use futures_util::TryStreamExt as _;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::Map;
use sql::{Connection, FromRow as _, Naming};
use tests::prelude::*;

/// How many random rows are stored.
const ROWS: usize = 300;

/// Text that PostgreSQL can store.
fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', ""))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53)..=1 << 53).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            members(inner).prop_map(Value::from),
        ]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::vec((text(), value), 0..4)
        .prop_map(|members| members.into_iter().collect())
}

fn one<T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug>(
    labels: &'static [&'static str],
) -> impl Strategy<Value = T> {
    (0..labels.len()).prop_map(|index| labels[index].parse().unwrap())
}

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

prop_compose! {
    fn entry()(
        (action_type, resource_type, outcome) in
            (one(Action::LABELS), one(ResourceType::LABELS), one(Outcome::LABELS)),
        (relation, purpose_of_use) in
            (proptest::option::of(one(Relation::LABELS)), proptest::option::of(one(PurposeOfUse::LABELS))),
        resource_id in proptest::option::of(id()),
        patients in proptest::collection::vec(id(), 0..4),
        source_ip in proptest::option::of(any::<std::net::IpAddr>()),
        (actor_role, user_agent, trace_id) in
            (proptest::option::of(text()), proptest::option::of(text()), proptest::option::of(text())),
        (application, request_id) in ("[a-z][a-z-]{1,20}", text()),
        details in members(value()),
    ) -> Entry {
        let timestamp = Timestamp::now();
        Entry {
            id: AuditLogId::of_time(timestamp),
            timestamp,
            user_id: None,
            actor_role,
            relation,
            purpose_of_use,
            action_type,
            resource_type,
            resource_id,
            patients: patients.into_iter().map(Into::into).collect(),
            outcome,
            source_ip,
            user_agent,
            application,
            request_id,
            trace_id,
            details,
        }
    }
}

/// Lets `append_audit` store rows of any content.
const ANY_ROW: &str = "
    create or replace function append_audit(entry audit_logs) returns void language plpgsql as $$
    begin
      entry.xid := pg_current_xact_id();
      insert into audit_logs select entry.*;
    end
    $$";

async fn stored(world: &World) -> Vec<StoredRow> {
    let rows = world.sql(select_stored_row!("order by seq"), &[]).await;
    rows.iter()
        .map(|row| StoredRow::from_row(row).unwrap())
        .collect()
}

/// The rows as a verifier reads them: by a binary COPY, without their content.
async fn copied(client: &tokio_postgres::Client) -> Vec<Sealable> {
    let copy = format!(
        "copy ({}) to stdout (format binary)",
        select_stored_row!("order by seq")
    );
    let messages = client.copy_out(&copy).await.unwrap();
    let messages: Vec<_> = messages.try_collect().await.unwrap();
    messages
        .iter()
        .filter_map(|message| CopiedRow::parse(message).unwrap())
        .map(|row| Sealable::from_copy(&row).unwrap())
        .collect()
}

/// The rows as a sealer reads them: by a query, without their content.
async fn selected(client: &Connection) -> Vec<Sealable> {
    let mut rows = Vec::new();
    Sealable::select(client, "order by seq", |row| rows.push(row))
        .await
        .unwrap();
    rows
}

#[tokio::test]
async fn a_row_that_postgresql_returns_hashes_to_its_row_hash() {
    let world = World::new().await;
    world.sql(ANY_ROW, &[]).await;
    let client = Connection::new(Arc::new(world.connect().await), Naming::new(false));
    let chain = ChainHead::new("test").unwrap();
    let mut runner = TestRunner::default();
    let mut written = Vec::new();
    for _ in 0..ROWS {
        let entry = entry().new_tree(&mut runner).unwrap().current();
        let mut place = chain.head().await;
        let link = place.send(entry, None).unwrap();
        link.append(&client).await.unwrap();
        place.confirm();
        written.push(link);
    }
    let stored = stored(&world).await;
    assert_eq!(stored.len(), ROWS);
    for (link, row) in written.iter().zip(&stored) {
        assert!(row.is_intact(), "{row:?}");
        assert_eq!((&row.entry, row.row_hash), (&link.entry, link.row_hash));
    }
    // Sealer and verifier read less of a row, and the verifier reads it where it is.
    let copied = copied(&world.connect().await).await;
    assert_eq!(copied, selected(&client).await);
    assert_eq!(copied.len(), ROWS);
    for (row, copied) in stored.iter().zip(&copied) {
        assert!(copied.is_intact, "{row:?}");
        let position = &row.position;
        assert_eq!(
            (
                copied.chain_id,
                copied.seq,
                copied.prev_hash,
                copied.row_hash
            ),
            (
                position.chain_id,
                position.seq,
                position.prev_hash,
                row.row_hash
            )
        );
        assert_eq!(
            (
                copied.id,
                copied.timestamp,
                copied.month,
                &copied.application
            ),
            (
                row.entry.id.into(),
                row.entry.timestamp,
                row.month,
                &row.entry.application
            )
        );
        assert_eq!(
            (copied.signature, copied.xid),
            (Some(row.signature), row.xid.unsigned_abs())
        );
    }
}

#[tokio::test]
async fn a_change_of_any_column_shows_in_the_hash() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    vera.get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    assert!(stored(&world).await[0].is_intact());
    for change in [
        "id = gen_random_uuid()",
        "timestamp = timestamp + interval '1 microsecond'",
        "user_id = null",
        "actor_role = 'ADMIN'",
        "relation = 'SELF'",
        "purpose_of_use = null",
        "action_type = 'SEARCH'",
        "resource_type = 'FILE'",
        "resource_id = null",
        "patient_id = gen_random_uuid()",
        "patient_id = null, patient_ids = array[patient_id]",
        "patient_ids = array[]::uuid[]",
        "outcome = 'DENIED'",
        "source_ip = '127.0.0.0/31'",
        "source_ip = null",
        "user_agent = ''",
        "application = 'get-file'",
        "request_id = request_id || ' '",
        "trace_id = ''",
        "details = '{}'",
        r#"details = '{"n": 1.0}'"#,
        r#"details = '{"n": 9007199254740993}'"#,
        r#"details = coalesce(details, '{}') || '{"": null}'"#,
        "chain_id = gen_random_uuid()",
        "seq = 2",
        "prev_hash = sha256('')",
        "row_hash = sha256('')",
        "form = 2",
        "place = uuid_send(gen_random_uuid())",
    ] {
        let superuser = world.connect().await;
        superuser
            .batch_execute(&format!(
                "begin; set local session_replication_role = replica; update audit_logs set {change};"
            ))
            .await
            .unwrap();
        let rows = superuser.query(select_stored_row!(""), &[]).await.unwrap();
        assert!(
            !StoredRow::from_row(&rows[0]).unwrap().is_intact(),
            "{change}"
        );
        assert!(!copied(&superuser).await[0].is_intact, "{change}");
        superuser.batch_execute("rollback").await.unwrap();
    }
}
