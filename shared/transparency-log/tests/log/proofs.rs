//! Proofs out of a log, and their text.

use std::sync::Arc;

use proptest::prelude::*;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::log::{CHECKPOINT, checkpoint_key, read_batch, read_note};
use transparency_log::note::{Algorithm, Note, VerifierKey};
use transparency_log::proof::{TlogProof, consistency, inclusion, is_included};
use transparency_log::signer::Signer;
use transparency_log::tree::leaf_hash;

use crate::memory::{Handle, Memory};
use crate::samples::{ORIGIN, any_array, leaves, log, run, signer};

fn sealed(batches: u64, count: u64) -> Arc<Memory> {
    let memory = Arc::default();
    let log = log(Arc::new(Handle::new(&memory)));
    run(async {
        let mut tip = log.recover().await.unwrap();
        for round in 0..batches {
            let batch = tip.next(round, round, leaves(round, count)).unwrap();
            tip = log.publish(&tip, batch).await.unwrap().tip().clone();
        }
    });
    memory
}

#[test]
fn a_leaf_of_a_batch_is_proven_to_somebody_who_has_the_leaf_the_key_and_the_text() {
    let memory = sealed(3, 200);
    let store = Handle::new(&memory);
    let batch = run(read_batch(&store, 1)).unwrap().unwrap();
    let (index, leaf) = batch.entries().nth(7).unwrap();
    let note = run(read_note(&store, CHECKPOINT)).unwrap().unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    let proof = TlogProof {
        extra: Some(leaf.to_vec()),
        index,
        hashes: run(inclusion(&store, &checkpoint, index)).unwrap(),
        checkpoint: note,
    };
    let text = proof.to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{text}");

    let read = TlogProof::parse(text.as_bytes()).unwrap();
    assert_eq!(read, proof);
    let key = VerifierKey::new(ORIGIN, Algorithm::Ed25519, signer(1).public_key()).unwrap();
    let checkpoint = Checkpoint::verify(&read.checkpoint, &key).unwrap();
    assert!(is_included(
        &read.hashes,
        &checkpoint,
        read.index,
        leaf_hash(leaf)
    ));
}

#[test]
fn an_old_checkpoint_still_proves_its_leaves_after_its_partial_tiles_are_gone() {
    let memory = sealed(3, 200);
    let store = Handle::new(&memory);
    let old = run(read_note(&store, &checkpoint_key(0))).unwrap().unwrap();
    let old = Checkpoint::parse(old.text()).unwrap();
    memory.remove("tile/0/000.p/200");
    let proof = run(inclusion(&store, &old, 5)).unwrap();
    let batch = run(read_batch(&store, 0)).unwrap().unwrap();
    let (_, leaf) = batch.entries().nth(5).unwrap();
    assert!(is_included(&proof, &old, 5, leaf_hash(leaf)));
}

#[test]
fn a_proof_reads_few_tiles() {
    let memory = sealed(5, 30_000);
    let handle = Handle::new(&memory);
    let note = run(read_note(&handle, CHECKPOINT)).unwrap().unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    for index in [0, 100_000, 149_999] {
        let before = handle.operations();
        run(inclusion(&handle, &checkpoint, index)).unwrap();
        assert!(handle.operations() - before <= 5, "{index}");
    }
}

#[test]
fn an_altered_tile_gives_no_proof() {
    let memory = sealed(3, 200);
    // For 600 leaves, the library takes the first of these tiles as it is.
    for tile in ["tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2"] {
        let honest = memory.content(tile).unwrap();
        let mut altered = honest.to_vec();
        altered[0] ^= 1;
        memory.alter(tile, altered);
        let store = Handle::new(&memory);
        let note = run(read_note(&store, CHECKPOINT)).unwrap().unwrap();
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        assert!(run(inclusion(&store, &checkpoint, 3)).is_err(), "{tile}");
        assert!(run(consistency(&store, 4, &checkpoint)).is_err(), "{tile}");
        memory.remove(tile);
        assert!(run(inclusion(&store, &checkpoint, 3)).is_err(), "{tile}");
        memory.alter(tile, honest);
        assert!(run(inclusion(&store, &checkpoint, 3)).is_ok(), "{tile}");
        assert!(run(consistency(&store, 4, &checkpoint)).is_ok(), "{tile}");
        assert!(
            run(inclusion(&store, &checkpoint, 600)).is_err(),
            "not in the log"
        );
    }
}

#[test]
fn malformed_proofs_are_refused() {
    let note = format!(
        "{ORIGIN}\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} {ORIGIN} Az3grlgtzPI=\n"
    );
    let valid = format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{note}");
    assert!(TlogProof::parse(valid.as_bytes()).is_ok());
    for (from, to) in [
        ("@v1", "@v2"),
        ("index 0", "index 00"),
        ("index 0", "index"),
        ("index 0\n", ""),
        ("index 0", "extra !\nindex 0"),
        ("index 0", "index 0\nextra YQ=="),
        ("index 0", "index 0\nnot a hash"),
        ("index 0\n\n", "index 0\n"),
    ] {
        let text = valid.replace(from, to);
        assert!(TlogProof::parse(text.as_bytes()).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn a_proof_that_is_written_and_parsed_is_the_same(
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        index in any::<u64>(),
        hashes in prop::collection::vec(any_array(), 0..=63),
        root in any_array(),
    ) {
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: index >> 20, root };
        let checkpoint: Note = run(checkpoint.sign(&signer(1))).unwrap();
        let proof = TlogProof { extra, index, hashes, checkpoint };
        prop_assert_eq!(TlogProof::parse(proof.to_string().as_bytes()), Ok(proof));
    }

    #[test]
    fn a_hostile_proof_never_panics(
        hashes in prop::collection::vec(any_array(), 0..70),
        size in any::<u64>(),
        old in any::<u64>(),
        root in any_array(),
    ) {
        let new = Checkpoint { origin: ORIGIN.to_owned(), size, root };
        let old = Checkpoint { size: old, ..new.clone() };
        prop_assert!(!is_included(&hashes, &new, old.size, [1; 32]));
        let _ = transparency_log::proof::is_consistent(&hashes, &old, &new);
    }
}
