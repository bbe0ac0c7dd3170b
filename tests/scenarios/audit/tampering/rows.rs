//! Rows that were changed.

use tests::prelude::*;
use verify::report::{Aspect, Subject};

use super::scene::{self, case, is_row};

use Aspect::{Freshness, Integrity};

/// Another value for a column that a row may have, as an expression.
fn other_value(column: &str) -> Option<&'static str> {
    Some(match column {
        "id" => {
            "overlay(id::text placing case when right(id::text, 1) = '0' then '1' else '0' end from 36)::uuid"
        }
        "timestamp" => "timestamp + interval '1 microsecond'",
        "user_id" => {
            "(select id from user_profiles u where u.id is distinct from a.user_id limit 1)"
        }
        "actor_role" => "coalesce(actor_role, '') || 'X'",
        "relation" => "case when relation = 'CARE' then 'SELF' else 'CARE' end::actor_relation",
        "purpose_of_use" => {
            "case when purpose_of_use = 'TREAT' then 'HPAYMT' else 'TREAT' end::purpose_of_use"
        }
        "action_type" => {
            "case when action_type = 'READ' then 'SEARCH' else 'READ' end::audit_action"
        }
        "resource_type" => {
            "case when resource_type = 'FILE' then 'USER' else 'FILE' end::audit_resource"
        }
        "resource_id" | "patient_id" => "gen_random_uuid()",
        "patient_ids" => "array[gen_random_uuid(), gen_random_uuid()]",
        "outcome" => {
            "case when outcome = 'SUCCESS' then 'DENIED' else 'SUCCESS' end::audit_outcome"
        }
        "source_ip" => "'203.0.113.0/24'",
        "user_agent" => "coalesce(user_agent, '') || 'x'",
        "application" => "application || 'x'",
        "request_id" => "request_id || 'x'",
        "trace_id" => "coalesce(trace_id, '') || 'x'",
        "details" => "coalesce(details, '{}') || '{\"x\": 1}'",
        "chain_id" => "gen_random_uuid()",
        "seq" => "seq + 100",
        "prev_hash" | "row_hash" => "sha256('x')",
        "form" => "form + 1",
        "place" => "substr(sha256(place), 1, 16)",
        "signature" => "sha512('x')",
        // Another month is another partition. See the case of the row that is dated ahead.
        "month" => "(month + interval '1 month')::date",
        // No hash covers it: see the cases of its own.
        "xid" => return None,
        _ => panic!("the test doesn't know the column {column}"),
    })
}

#[tokio::test]
async fn any_column_of_any_row_that_was_changed_is_found() {
    let case = case().await;
    case.is_intact().await;
    case.as_superuser("create table kept_rows as table audit_logs")
        .await;
    let columns = "select attname::text from pg_attribute
        where attrelid = 'audit_logs'::regclass and attnum > 0 and not attisdropped";
    let columns = case.client.query(columns, &[]).await.unwrap();
    assert_eq!(columns.len(), 27);
    let scene = &case.scene;
    // First, middle and last of a sealed chain, the newest of a growing one, and the one of a chain that isn't sealed.
    let (sealed, growing) = (scene.sealed_chain(), scene.growing_chain());
    let victims = [
        sealed[0],
        sealed[sealed.len() / 2],
        sealed[sealed.len() - 1],
        growing[growing.len() - 1],
        scene.new_row(),
    ];
    for column in columns {
        let column: String = column.get(0);
        let Some(value) = other_value(&column) else {
            continue;
        };
        for victim in victims {
            let changed = format!(
                "update audit_logs a set {column} = {value} where {} returning id, chain_id, seq",
                is_row(victim)
            );
            case.as_superuser("begin").await;
            let now = case.client.query_one(&changed, &[]).await;
            let now = now.unwrap_or_else(|error| panic!("{changed}: {error:?}"));
            case.as_superuser("commit").await;
            let subject = Subject::Row {
                id: Some(now.get(0)),
                chain_id: now.get(1),
                seq: now.get(2),
            };
            let aspect = match column.as_str() {
                // The hash doesn't cover its own signature. A sealed row's is compared with the leaf.
                "signature" if !scene.is_sealed(victim) => Aspect::Authenticity,
                _ => Integrity,
            };
            case.is_violated(aspect, &subject).await;
            restore(&case, victim, now.get(0)).await;
        }
    }
    case.is_intact().await;
}

/// Puts the row as it was in place of the one with this id.
async fn restore(case: &scene::Case, victim: &audit::StoredRow, id: Uuid) {
    let statements = format!(
        "delete from audit_logs where id = '{id}';
         insert into audit_logs select * from kept_rows where {}",
        is_row(victim)
    );
    case.as_superuser(&statements).await;
}

#[tokio::test]
async fn two_rows_that_were_swapped_are_found() {
    let case = case().await;
    case.is_intact().await;
    let chain = case.scene.sealed_chain();
    let (one, other) = (chain[1], chain[2]);
    case.as_superuser(&format!(
        "update audit_logs set seq = seq + 1000 where {0};
         update audit_logs set seq = {2} where {1};
         update audit_logs set seq = {3} where {0}",
        is_row(one),
        is_row(other),
        one.position.seq,
        other.position.seq,
    ))
    .await;
    let swapped = Subject::Row {
        id: Some(other.entry.id.into()),
        chain_id: one.position.chain_id,
        seq: one.position.seq,
    };
    case.is_violated(Integrity, &swapped).await;
}

#[tokio::test]
async fn a_suffix_that_was_computed_anew_is_found() {
    let case = case().await;
    case.is_intact().await;
    let chain = case.scene.sealed_chain();
    // The first row that is written anew no longer names the patient. Its hash and the links after it are right.
    case.rewrite(chain[1], |entry| entry.patients.clear()).await;
    case.is_violated(Integrity, &scene::row(chain[1])).await;
}

#[tokio::test]
async fn a_suffix_that_is_not_sealed_and_was_computed_anew_has_no_valid_signature() {
    let case = case().await;
    case.is_intact().await;
    let row = case.scene.new_row();
    case.rewrite(row, |entry| entry.user_agent = None).await;
    case.is_violated(Aspect::Authenticity, &scene::row(row))
        .await;
}

#[tokio::test]
async fn a_sealed_row_whose_transaction_is_later_than_the_sealer_knew_is_found() {
    let case = case().await;
    case.is_intact().await;
    let row = case.scene.sealed_chain()[0];
    let change = format!(
        "update audit_logs set xid = '999999999' where {}",
        is_row(row)
    );
    case.as_superuser(&change).await;
    case.is_violated(Integrity, &scene::row(row)).await;
}

#[tokio::test]
async fn a_row_that_stays_unsealed_is_too_old() {
    let mut case = case().await;
    case.is_intact().await;
    // The rows that aren't sealed are older than this limit, and so is the newest batch.
    case.inputs.max_age = domain::time::TimeDelta::zero();
    let oldest = case
        .scene
        .rows
        .iter()
        .filter(|row| !case.scene.is_sealed(row))
        .min_by_key(|row| row.entry.timestamp);
    case.is_violated(Freshness, &scene::row(oldest.unwrap()))
        .await;
}
