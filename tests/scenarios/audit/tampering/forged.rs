//! Rows that no function wrote.

use tests::database::{PEOPLE, connect};
use tests::prelude::*;
use tokio_postgres::types::ToSql;
use verify::report::{Aspect, Subject};

use super::scene::{Case, case, is_row};

use Aspect::{Authenticity, Freshness, Integrity};

/// Inserts a copy of a row of the scene with another id, position and place, and the hash that it must have. Returns how a
/// finding names it.
async fn forge(case: &Case, pattern: &audit::StoredRow, chain_id: Uuid, seq: i64) -> Subject {
    let mut entry = pattern.entry.clone();
    entry.id = domain::ids::AuditLogId::of_time(entry.timestamp);
    let mut position = pattern.position;
    let before = case
        .scene
        .rows
        .iter()
        .find(|row| (row.position.chain_id, row.position.seq) == (chain_id, seq - 1));
    position.chain_id = chain_id;
    position.seq = seq;
    position.prev_hash = before.map_or([0; 32], |row| row.row_hash);
    position.place = *Uuid::new_v4().as_bytes();
    let row_hash = entry.hash(&position).unwrap();
    let statement = format!(
        "insert into audit_logs
         select (jsonb_populate_record(a, jsonb_build_object(
           'id', $1::uuid, 'chain_id', $2::uuid, 'seq', $3::bigint, 'prev_hash', '\\x' || encode($4, 'hex'),
           'place', '\\x' || encode($5, 'hex'), 'row_hash', '\\x' || encode($6, 'hex'),
           'xid', pg_current_xact_id()::text
         ))).*
         from audit_logs a where {}",
        is_row(pattern)
    );
    let id = Uuid::from(entry.id);
    case.as_superuser("").await;
    let (before, place) = (&position.prev_hash[..], &position.place[..]);
    let parameters: [&(dyn ToSql + Sync); 6] =
        [&id, &chain_id, &seq, &before, &place, &&row_hash[..]];
    let count = case.client.execute(&statement, &parameters).await;
    assert_eq!(count.unwrap(), 1);
    Subject::Row {
        id: Some(id),
        chain_id,
        seq,
    }
}

#[tokio::test]
async fn a_forged_row_of_a_superuser_with_a_correct_hash_has_no_key() {
    let case = case().await;
    case.is_intact().await;
    let pattern = case.scene.sealed_chain()[0];
    let forged = forge(&case, pattern, Uuid::new_v4(), 1).await;
    case.is_violated(Authenticity, &forged).await;
}

#[tokio::test]
async fn a_forged_row_that_continues_a_chain_has_no_valid_signature() {
    let case = case().await;
    case.is_intact().await;
    let chain = case.scene.growing_chain();
    let last = chain[chain.len() - 1];
    let (id, seq) = (last.position.chain_id, last.position.seq + 1);
    let forged = forge(&case, last, id, seq).await;
    case.is_violated(Authenticity, &forged).await;
}

#[tokio::test]
async fn a_row_that_squats_a_sealed_position_is_found() {
    let case = case().await;
    case.is_intact().await;
    let row = case.scene.sealed_chain()[1];
    let (id, seq) = (row.position.chain_id, row.position.seq);
    let squatter = forge(&case, row, id, seq).await;
    let reasons = case.is_violated(Integrity, &squatter).await;
    assert!(reasons.contains("position of another row"), "{reasons}");
}

#[tokio::test]
async fn a_row_that_squats_the_next_position_before_it_is_sealed_is_found() {
    let case = case().await;
    case.is_intact().await;
    let chain = case.scene.growing_chain();
    let last = chain[chain.len() - 1];
    let (id, seq) = (last.position.chain_id, last.position.seq);
    let squatter = forge(&case, last, id, seq).await;
    case.is_violated(Authenticity, &squatter).await;
}

#[tokio::test]
async fn the_owner_of_the_database_can_forge_no_row() {
    let case = case().await;
    case.is_intact().await;
    let pattern = case.scene.sealed_chain()[0];
    // The owner can drop the triggers and the policy that would stop them.
    case.client
        .batch_execute(
            "alter table audit_logs no force row level security;
             do $$ declare name regclass; begin
               for name in select inhrelid::regclass from pg_inherits where inhparent = 'audit_logs'::regclass loop
                 execute format('alter table %s no force row level security', name);
               end loop;
             end $$;
             set role caretrail_owner",
        )
        .await
        .unwrap();
    let id = Uuid::now_v7();
    let statement = format!(
        "insert into audit_logs select (jsonb_populate_record(a, jsonb_build_object(
           'id', $1::uuid, 'chain_id', $1::uuid))).* from audit_logs a where {}",
        is_row(pattern)
    );
    assert_eq!(case.client.execute(&statement, &[&id]).await.unwrap(), 1);
    let forged = Subject::Row {
        id: Some(id),
        chain_id: id,
        seq: 1,
    };
    case.is_violated(Authenticity, &forged).await;
    case.is_violated(Integrity, &forged).await;
}

#[tokio::test]
async fn the_login_of_the_functions_can_insert_no_row_and_change_none() {
    let case = case().await;
    let client = connect(&case.url_of(PEOPLE)).await;
    let pattern = is_row(case.scene.sealed_chain()[0]);
    for refused in [
        "insert into audit_logs select * from audit_logs limit 1",
        "insert into audit_logs (id) values (gen_random_uuid())",
        "update audit_logs set user_agent = 'x'",
        "delete from audit_logs",
        "truncate audit_logs",
        "alter table audit_logs disable trigger all",
        "select append_audit(null::audit_logs)",
        "select append_fence(null::audit_logs)",
    ] {
        let error = client.batch_execute(refused).await.unwrap_err();
        let code = error.code().map(|code| code.code().to_owned());
        assert!(
            matches!(code.as_deref(), Some("42501" | "CT007" | "42P01")),
            "{refused}: {error:?}"
        );
    }
    let visible = format!("select count(*) from audit_logs where {pattern}");
    let visible: i64 = client.query_one(&visible, &[]).await.unwrap().get(0);
    assert_eq!(visible, 0);
    case.is_intact().await;
}

#[tokio::test]
async fn a_row_that_the_functions_login_appends_with_their_ticket_key_has_no_valid_signature() {
    let case = case().await;
    case.is_intact().await;
    let client = connect(&case.url_of(PEOPLE)).await;
    let caller = "select subject, id from user_profiles where role = 'PATIENT' limit 1";
    let caller = case.client.query_one(caller, &[]).await.unwrap();
    let (subject, user): (Uuid, Uuid) = (caller.get(0), caller.get(1));
    let key = &tests::database::TICKET_KEY;
    client.batch_execute("begin").await.unwrap();
    let (clock, signature) = tests::ticket::ticket(&case.client, Some(subject), "users:read", key)
        .await
        .unwrap();
    client
        .execute(
            "select begin_attempt($1, true, 'users:read', $2, $3)",
            &[&subject, &clock, &signature],
        )
        .await
        .unwrap();
    // All that append_audit checks is right, but nobody else has the key of an environment.
    let time = domain::time::Timestamp::now();
    let id = Uuid::from(domain::ids::AuditLogId::of_time(time));
    client
        .execute(
            "select append_audit(row($1, $2, $3, $4, 'PATIENT', null, null, 'READ', 'USER', $4, null, null, 'FAILURE',
               null, null, 'get-me', $5, null, null, $1, 1, decode(repeat('00', 32), 'hex'), sha256('x'), 3,
               substr(sha256('y'), 1, 16), sha512('z'), null)::audit_logs)",
            &[&id, &time.first_of_month(), &time, &user, &Uuid::new_v4().to_string()],
        )
        .await
        .unwrap();
    client.batch_execute("commit").await.unwrap();
    let forged = Subject::Row {
        id: Some(id),
        chain_id: id,
        seq: 1,
    };
    let mut case = case;
    case.inputs.logs_until = Some(domain::time::Timestamp::now());
    case.is_violated(Authenticity, &forged).await;
    case.is_violated(Integrity, &forged).await;
}

#[tokio::test]
async fn a_row_dated_years_ahead_is_found() {
    let case = case().await;
    case.is_intact().await;
    let pattern = case.scene.sealed_chain()[0];
    let (id, chain_id) = (Uuid::now_v7(), Uuid::new_v4());
    // There are partitions for two years.
    let statement = format!(
        "insert into audit_logs select (jsonb_populate_record(a, jsonb_build_object(
           'id', '{id}', 'chain_id', '{chain_id}', 'timestamp', timestamp + interval '2 years',
           'month', (month + interval '2 years')::date))).* from audit_logs a where {}",
        is_row(pattern)
    );
    case.as_superuser(&statement).await;
    let ahead = Subject::Row {
        id: Some(id),
        chain_id,
        seq: 1,
    };
    let report = case.verify().await;
    let findings = &report.judgement(Integrity).findings;
    assert!(
        findings
            .iter()
            .any(|finding| finding.subject == ahead && finding.reason.contains("in the future")),
        "{report}"
    );
    assert_eq!(report.exit_code(&[Freshness]), 1);
}
