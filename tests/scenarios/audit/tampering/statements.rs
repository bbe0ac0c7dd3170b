//! What others sign: operators who restored a database, and witnesses.

use domain::time::{TimeDelta, Timestamp};
use tests::prelude::*;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::leaf::{Leaf, Statement, Text};
use transparency_log::log::{cosignature_key, read_batch};
use transparency_log::note::{Algorithm, Note, Signature, VerifierKey};
use transparency_log::signer::{FileSigner, Signer as _};
use verify::report::{Aspect, Subject, Verdict};

use super::scene::{Case, case, place};

use Aspect::{Authenticity, Freshness, Integrity};

fn key() -> FileSigner {
    let folder = tempfile::tempdir().unwrap();
    FileSigner::open_or_generate(&folder.path().join("key")).unwrap()
}

/// Restores the database to its state after the first batch, and seals what the operator states about it.
async fn restore(case: &mut Case, operator: &FileSigner) {
    // The rows that weren't sealed yet are lost without a trace in the sealed log. Only the lines of the logs name them.
    case.inputs.function_log.clear();
    case.inputs.gateway_log.clear();
    let horizon = case.scene.horizons[0];
    let newest = case.scene.horizons.last().unwrap();
    case.as_superuser(&format!("delete from audit_logs where xid >= '{horizon}'"))
        .await;
    let log = case.log();
    let tip = log.recover().await.unwrap();
    let first = read_batch(&*case.store, 0).await.unwrap().unwrap();
    let statement = Statement {
        old_size: tip.tree().size(),
        old_root: tip.tree().root(),
        kept_size: first.size(),
        database: Uuid::new_v4(),
        text: Text::new("The disk broke. The backup of yesterday was restored.").unwrap(),
    };
    let incarnation = statement.sign(operator).await.unwrap();
    let now = Timestamp::now().microseconds().unsigned_abs();
    let batch = tip
        .next(now, *newest, [Leaf::Incarnation(incarnation)])
        .unwrap();
    log.publish(&tip, batch).await.unwrap();
}

fn lost(case: &Case) -> Vec<Subject> {
    let horizon = case.scene.horizons[0];
    let rows = case.scene.rows.iter();
    rows.filter(|row| row.xid.unsigned_abs() >= horizon && case.scene.is_sealed(row))
        .map(place)
        .collect()
}

#[tokio::test]
async fn a_restore_that_a_known_operator_stated_is_explained() {
    let mut case = case().await;
    let operator = key();
    restore(&mut case, &operator).await;
    case.inputs.operators = vec![operator.public_key()];
    let report = case.verify().await;
    assert_eq!(
        report.exit_code(&[Integrity, Authenticity, Freshness]),
        0,
        "{report}"
    );
    // More than the statement names is still missed.
    let before = case.scene.sealed_chain_of(0)[0];
    case.as_superuser(&format!(
        "delete from audit_logs where {}",
        super::scene::is_row(before)
    ))
    .await;
    case.is_violated(Integrity, &place(before)).await;
}

#[tokio::test]
async fn a_restore_that_nobody_known_stated_is_tampering() {
    let mut case = case().await;
    restore(&mut case, &key()).await;
    let report = case.verify().await;
    assert_eq!(report.verdict(Authenticity), Verdict::Violated, "{report}");
    for row in lost(&case) {
        case.is_violated(Integrity, &row).await;
    }
}

/// Publishes the cosignature of a witness below the newest checkpoint. Returns its key and that of the object.
async fn cosign(case: &Case, time: u64) -> (VerifierKey, String) {
    let signer = key();
    let note = case.newest().await;
    let name = "witness.example";
    let cosigned = Signature::cosign(name, note.text(), time, &signer)
        .await
        .unwrap();
    let log = case.log();
    let tip = log.recover().await.unwrap();
    log.publish_cosignature(&tip, &cosigned).await.unwrap();
    let witness = VerifierKey::new(name, Algorithm::CosignatureV1, signer.public_key()).unwrap();
    (witness, cosignature_key(tip.next_number() - 1, &cosigned))
}

fn seconds() -> u64 {
    Timestamp::now().microseconds().unsigned_abs() / 1_000_000
}

#[tokio::test]
async fn a_cosigned_log_is_intact_and_a_cosignature_that_is_invalid_is_found() {
    let mut case = case().await;
    let (witness, object) = cosign(&case, seconds()).await;
    case.inputs.witnesses = vec![witness];
    case.is_intact().await;
    let line = std::fs::read_to_string(case.file(&object)).unwrap();
    let (name, signature) = line.trim_end().rsplit_once(' ').unwrap();
    let swapped: String = signature.chars().rev().collect();
    let swapped = swapped.trim_start_matches('=');
    let padding = "=".repeat(signature.len() - swapped.len());
    // The key's id comes first in the decoded bytes, so the tail is changed.
    let half = signature.len() / 2;
    let changed = format!("{}{}{padding}", &signature[..half], &swapped[half..]);
    case.overwrite(&object, format!("{name} {changed}\n").as_bytes());
    case.is_violated(Authenticity, &Subject::Object(object))
        .await;
}

#[tokio::test]
async fn a_witness_that_cosigned_nothing_or_long_ago_is_told() {
    let mut case = case().await;
    let absent = VerifierKey::new("absent.example", Algorithm::CosignatureV1, [7; 32]).unwrap();
    case.inputs.witnesses = vec![absent];
    let report = case.verify().await;
    assert_eq!(report.exit_code(&[]), 0, "{report}");
    assert_eq!(report.verdict(Authenticity), Verdict::Unknown, "{report}");
    let (witness, _) = cosign(&case, seconds() - 7200).await;
    case.inputs.witnesses = vec![witness];
    case.is_intact().await;
    case.inputs.max_age = TimeDelta::minutes(100);
    let report = case.verify().await;
    let findings = &report.judgement(Freshness).findings;
    assert!(
        findings
            .iter()
            .any(|finding| finding.reason.contains("120 minutes ago")),
        "{report}"
    );
}

#[tokio::test]
async fn a_checkpoint_of_another_log_is_no_kept_checkpoint() {
    let mut case = case().await;
    let other = Checkpoint {
        origin: case.scene.key.name().to_owned(),
        size: 1,
        root: [0; 32],
    };
    let note: Note = other.sign(&key()).await.unwrap();
    case.inputs.kept.push(verify::Kept {
        name: "kept".to_owned(),
        checkpoint: other,
        note,
    });
    case.is_violated(Authenticity, &Subject::Object("kept".to_owned()))
        .await;
}
