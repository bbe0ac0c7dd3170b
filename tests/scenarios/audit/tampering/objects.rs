//! Objects of the sealed log that were tampered with.

use std::sync::Arc;

use transparency_log::checkpoint::Checkpoint;
use transparency_log::leaf::{Chain, Heads, Label, Leaf};
use transparency_log::log::{CHECKPOINT, batch_key, checkpoint_key, read_batch};
use transparency_log::note::Note;
use transparency_log::signer::{FileSigner, Signer};
use transparency_log::store::{Folder, ObjectStore};
use verify::report::{Aspect, Subject};

use super::scene::{Case, case};

use Aspect::{Authenticity, Integrity};

fn object(key: impl Into<String>) -> Subject {
    Subject::Object(key.into())
}

fn key_of_another() -> FileSigner {
    let folder = tempfile::tempdir().unwrap();
    FileSigner::open_or_generate(&folder.path().join("key")).unwrap()
}

/// A checkpoint of the case's log, signed with this key.
async fn signed(case: &Case, size: u64, root: [u8; 32], signer: &dyn Signer) -> Note {
    let checkpoint = Checkpoint {
        origin: case.scene.key.name().to_owned(),
        size,
        root,
    };
    checkpoint.sign(signer).await.unwrap()
}

#[tokio::test]
async fn a_checkpoint_that_was_dropped_is_missed() {
    let case = case().await;
    case.is_intact().await;
    std::fs::remove_file(case.file(&checkpoint_key(1))).unwrap();
    case.is_violated(Integrity, &object(checkpoint_key(1)))
        .await;
}

#[tokio::test]
async fn a_checkpoint_that_was_altered_is_found() {
    let case = case().await;
    case.is_intact().await;
    let key = checkpoint_key(1);
    let note = String::from_utf8(std::fs::read(case.file(&key)).unwrap()).unwrap();
    let size = note.lines().nth(1).unwrap();
    case.overwrite(&key, note.replacen(size, "4", 1).as_bytes());
    case.is_violated(Authenticity, &object(key)).await;
}

#[tokio::test]
async fn a_checkpoint_that_was_replayed_is_found() {
    let case = case().await;
    case.is_intact().await;
    let old = std::fs::read(case.file(&checkpoint_key(0))).unwrap();
    case.overwrite(CHECKPOINT, &old);
    case.is_violated(Integrity, &object(CHECKPOINT)).await;
    case.overwrite(&checkpoint_key(1), &old);
    case.is_violated(Integrity, &object(checkpoint_key(1)))
        .await;
}

#[tokio::test]
async fn a_checkpoint_that_was_signed_with_another_key_is_found() {
    let case = case().await;
    case.is_intact().await;
    let newest = Checkpoint::parse(case.newest().await.text()).unwrap();
    let note = signed(&case, newest.size, newest.root, &key_of_another()).await;
    case.overwrite(&checkpoint_key(2), note.to_string().as_bytes());
    case.is_violated(Authenticity, &object(checkpoint_key(2)))
        .await;
}

#[tokio::test]
async fn two_roots_for_one_size_are_found() {
    let case = case().await;
    case.is_intact().await;
    let newest = Checkpoint::parse(case.newest().await.text()).unwrap();
    // Whoever has the key of the log signed another root, too.
    let key = FileSigner::open(&case.signing_key()).unwrap();
    let fork = signed(&case, newest.size, [7; 32], &key).await;
    case.overwrite(CHECKPOINT, fork.to_string().as_bytes());
    let reasons = case.is_violated(Integrity, &object(CHECKPOINT)).await;
    assert!(reasons.contains("two roots"), "{reasons}");
}

#[tokio::test]
async fn a_log_that_was_forked_contradicts_the_checkpoint_that_the_auditor_kept() {
    let mut case = case().await;
    case.keep(1).await;
    case.is_intact().await;
    // The owner of the log and its key seals other leaves instead, in an archive of its own.
    let folder = tempfile::tempdir().unwrap();
    let fork = Arc::new(Folder::new(folder.path()));
    let key = Arc::new(FileSigner::open(&case.signing_key()).unwrap());
    let year = std::time::Duration::from_secs(1);
    let log =
        transparency_log::log::Log::new(fork.clone(), key, case.scene.key.name(), year).unwrap();
    let mut tip = log.recover().await.unwrap();
    for number in 0..3 {
        let batch = read_batch(&*case.store, number).await.unwrap().unwrap();
        let mut leaves: Vec<Leaf> = batch.leaves().map(|(_, leaf)| leaf).collect();
        if number == 0 {
            leaves.pop();
            leaves.push(Leaf::Heads(Heads::of([])));
        }
        let batch = tip
            .next(batch.sealed_at(), batch.horizon(), leaves)
            .unwrap();
        tip = log.publish(&tip, batch).await.unwrap().tip().clone();
    }
    case.inputs.archive = Some(fork);
    let reasons = case.is_violated(Integrity, &object("kept-1")).await;
    assert!(reasons.contains("forked"), "{reasons}");
}

#[tokio::test]
async fn a_log_that_was_cut_contradicts_the_checkpoint_that_the_auditor_kept() {
    let mut case = case().await;
    case.keep(2).await;
    case.is_intact().await;
    let before = std::fs::read(case.file(&checkpoint_key(1))).unwrap();
    for key in [batch_key(2), checkpoint_key(2)] {
        std::fs::remove_file(case.file(&key)).unwrap();
    }
    case.overwrite(CHECKPOINT, &before);
    let reasons = case.is_violated(Integrity, &object("kept-2")).await;
    assert!(reasons.contains("cut"), "{reasons}");
}

#[tokio::test]
async fn an_archive_whose_batch_was_altered_is_found() {
    let case = case().await;
    case.is_intact().await;
    let key = batch_key(1);
    let mut bytes = std::fs::read(case.file(&key)).unwrap();
    // A byte of the last leaf, which is the digest of the heads.
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    case.overwrite(&key, &bytes);
    case.is_violated(Integrity, &object(checkpoint_key(1)))
        .await;
}

#[tokio::test]
async fn a_batch_that_is_missing_is_found() {
    let case = case().await;
    case.is_intact().await;
    std::fs::remove_file(case.file(&batch_key(1))).unwrap();
    case.is_violated(Integrity, &object(batch_key(1))).await;
}

#[tokio::test]
async fn a_batch_that_was_overwritten_is_found() {
    let case = case().await;
    case.is_intact().await;
    // Object Lock keeps the first version, and doesn't prevent a second one.
    let bytes = case.store.get(&batch_key(1)).await.unwrap().unwrap().bytes;
    case.store.put(&batch_key(1), bytes).await.unwrap();
    case.is_violated(Integrity, &object(batch_key(1))).await;
}

#[tokio::test]
async fn a_batch_that_was_deleted_behind_a_marker_is_found() {
    let case = case().await;
    case.is_intact().await;
    let bytes = case.store.get(&batch_key(2)).await.unwrap().unwrap().bytes;
    case.delete(&batch_key(2)).await;
    case.is_violated(Integrity, &object(batch_key(2))).await;
    // The condition of a new object holds again, because a deleted object counts as absent.
    case.store.create(&batch_key(2), bytes, None).await.unwrap();
    case.is_violated(Integrity, &object(batch_key(2))).await;
}

#[tokio::test]
async fn a_tile_that_was_altered_is_found() {
    let case = case().await;
    case.is_intact().await;
    let size = Checkpoint::parse(case.newest().await.text()).unwrap().size;
    let key = format!("tile/0/000.p/{size}");
    let mut bytes = std::fs::read(case.file(&key)).unwrap();
    bytes[40] ^= 1;
    case.overwrite(&key, &bytes);
    case.is_violated(Integrity, &object(key)).await;
}

#[tokio::test]
async fn a_full_tile_that_was_overwritten_or_hidden_is_found_and_one_that_grows_may_be_written_again()
 {
    let case = case().await;
    // Chains without rows make the first tile full.
    let chain = |number| {
        Leaf::Chain(Chain {
            chain_id: uuid::Uuid::from_u128(number),
            public_key: [7; 32],
            function: Label::new("get-patient").unwrap(),
            version: Label::new("0.1.0").unwrap(),
            opened_at: 0,
        })
    };
    let log = case.log_in_s3();
    let tip = log.recover().await.unwrap();
    let now = domain::time::Timestamp::now().microseconds().unsigned_abs();
    let horizon = *case.scene.horizons.last().unwrap();
    let batch = tip.next(now, horizon, (1..=300).map(chain)).unwrap();
    let size = log.publish(&tip, batch).await.unwrap().tip().tree().size();
    case.is_intact().await;

    // The partial tile at the edge changes with each batch, so it may have several versions.
    let (full, partial) = ("tile/0/000", format!("tile/0/001.p/{}", size - 256));
    let bytes = case.store.get(&partial).await.unwrap().unwrap().bytes;
    case.store.put(&partial, bytes).await.unwrap();
    case.is_intact().await;

    let bytes = case.store.get(full).await.unwrap().unwrap().bytes;
    case.store.put(full, bytes).await.unwrap();
    let reasons = case.is_violated(Integrity, &object(full)).await;
    assert!(reasons.contains("several versions"), "{reasons}");
    case.delete(full).await;
    let reasons = case.is_violated(Integrity, &object(full)).await;
    assert!(reasons.contains("missing"), "{reasons}");
}

#[tokio::test]
async fn the_proof_of_a_row_is_valid_and_another_row_has_none() {
    let case = case().await;
    let row = case.scene.sealed_chain()[2];
    let proof = verify::prove(&case.inputs, row.entry.id.into())
        .await
        .unwrap();
    let checkpoint = Checkpoint::verify(&proof.checkpoint, &case.scene.key).unwrap();
    let leaf = proof.extra.clone().unwrap();
    assert!(matches!(Leaf::decode(&leaf), Ok(Leaf::Row(leaf)) if leaf.row_hash == row.row_hash));
    let hash = transparency_log::tree::leaf_hash(&leaf);
    assert!(transparency_log::proof::is_included(
        &proof.hashes,
        &checkpoint,
        proof.index,
        hash
    ));
    let unsealed = case.scene.new_row();
    let none = verify::prove(&case.inputs, unsealed.entry.id.into()).await;
    assert!(none.unwrap_err().to_string().contains("isn't sealed"));
}
