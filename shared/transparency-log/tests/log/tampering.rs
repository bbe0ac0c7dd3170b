//! Objects that were changed behind the log's back.

use std::sync::Arc;

use transparency_log::batch::{Batch, Header};
use transparency_log::checkpoint::Checkpoint;
use transparency_log::log::{
    CHECKPOINT, Fault, IMMUTABLE, LogError, batch_key, checkpoint_key, read_batch, replaced,
};
use transparency_log::note::Note;
use transparency_log::tree::Frontier;

use crate::memory::{Handle, Memory};
use crate::samples::{ORIGIN, leaves, log, run, signer};

/// A log of three batches.
fn sealed() -> Arc<Memory> {
    let memory = Arc::default();
    let log = log(Arc::new(Handle::new(&memory)));
    run(async {
        let mut tip = log.recover().await.unwrap();
        for round in 0..3 {
            let batch = tip.next(round, round, leaves(round, 200)).unwrap();
            tip = log.publish(&tip, batch).await.unwrap().tip().clone();
        }
    });
    memory
}

fn faulty(result: Result<impl Sized, LogError>) -> (String, Fault) {
    match result {
        Err(LogError::Tampered { key, fault }) => (key, fault),
        Err(LogError::Failed(failure)) => panic!("{failure}"),
        Ok(_) => panic!("the tampering is not seen"),
    }
}

fn recover(memory: &Arc<Memory>) -> Result<impl Sized, LogError> {
    run(log(Arc::new(Handle::new(memory))).recover())
}

#[test]
fn an_object_that_was_overwritten_or_deleted_behind_a_marker_is_named() {
    let first_replaced = |memory: &Arc<Memory>| {
        let store = Handle::new(memory);
        let found = IMMUTABLE.map(|prefix| run(replaced(&store, prefix)).unwrap());
        found.into_iter().flatten().collect::<Vec<_>>()
    };
    let honest = sealed();
    assert_eq!(first_replaced(&honest), []);
    for key in [batch_key(1), checkpoint_key(0), "tile/0/000".to_owned()] {
        for version in [honest.content(&key), Some("other".into()), None] {
            let memory = sealed();
            memory.tamper(&key, version);
            assert_eq!(first_replaced(&memory), [(key.clone(), Fault::Replaced)]);
        }
    }
}

#[test]
fn a_tile_that_is_not_full_may_have_two_versions() {
    let memory = sealed();
    let key = "tile/0/002.p/88";
    memory.tamper(key, memory.content(key));
    assert_eq!(run(replaced(&Handle::new(&memory), "tile/")).unwrap(), None);
}

#[test]
fn the_newest_batch_behind_a_delete_marker_is_not_written_anew() {
    let memory = sealed();
    memory.tamper(&batch_key(2), None);
    let log = log(Arc::new(Handle::new(&memory)));
    let tip = run(log.recover()).unwrap();
    assert_eq!(tip.next_number(), 2);
    let batch = tip.next(9, 9, leaves(9, 1)).unwrap();
    let found = faulty(run(log.publish(&tip, batch)));
    assert_eq!(found, (batch_key(2), Fault::Replaced));
    assert_eq!(memory.history(&batch_key(2)).len(), 2);
}

#[test]
fn a_batch_that_disappears_under_a_running_sealer_is_missing() {
    let memory = sealed();
    let log = log(Arc::new(Handle::new(&memory)));
    run(log.recover()).unwrap();
    memory.remove(&batch_key(2));
    assert_eq!(faulty(run(log.recover())), (batch_key(2), Fault::Missing));
}

#[test]
fn an_altered_batch_is_not_signed() {
    let memory = sealed();
    let mut bytes = memory.content(&batch_key(2)).unwrap().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    memory.alter(&batch_key(2), bytes);
    // Its checkpoint was signed, and has another root.
    assert_eq!(
        faulty(recover(&memory)),
        (checkpoint_key(2), Fault::Different)
    );

    let truncated = memory.content(&batch_key(2)).unwrap().slice(..100);
    memory.alter(&batch_key(2), truncated);
    let (key, fault) = faulty(recover(&memory));
    assert_eq!(key, batch_key(2));
    assert!(matches!(fault, Fault::Malformed(_)), "{fault}");
}

#[test]
fn a_batch_under_another_number_is_refused() {
    let memory = sealed();
    memory.alter(&batch_key(1), memory.content(&batch_key(0)).unwrap());
    let found = faulty(run(read_batch(&Handle::new(&memory), 1)));
    assert_eq!(found, (batch_key(1), Fault::Different));
}

#[test]
fn a_forged_batch_that_does_not_continue_the_signed_log_is_not_signed() {
    let memory = sealed();
    let mut other = Frontier::default();
    (0..600).for_each(|at| other.append([at as u8; 32], &mut Vec::new()));
    let header = Header {
        number: 3,
        sealed_at: 3,
        horizon: 3,
    };
    let forged = Batch::new(header, &other, leaves(9, 1)).unwrap();
    memory.alter(&batch_key(3), forged.bytes().clone());
    assert_eq!(faulty(recover(&memory)), (batch_key(3), Fault::Different));
    assert_eq!(memory.content(&checkpoint_key(3)), None);
}

#[test]
fn a_log_does_not_begin_with_a_tree() {
    let memory = Arc::default();
    let mut other = Frontier::default();
    other.append([1; 32], &mut Vec::new());
    let header = Header {
        number: 0,
        sealed_at: 0,
        horizon: 0,
    };
    let forged = Batch::new(header, &other, leaves(9, 1)).unwrap();
    Memory::alter(&memory, &batch_key(0), forged.bytes().clone());
    assert_eq!(faulty(recover(&memory)), (batch_key(0), Fault::Different));
}

#[test]
fn a_checkpoint_of_another_key_is_refused() {
    let memory = sealed();
    let note = Note::parse(&memory.content(&checkpoint_key(2)).unwrap()).unwrap();
    let forged = Checkpoint::parse(note.text()).unwrap();
    let forged = run(forged.sign(&signer(9))).unwrap();
    memory.alter(&checkpoint_key(2), forged.to_string());
    let (key, fault) = faulty(recover(&memory));
    assert_eq!(key, checkpoint_key(2));
    assert!(matches!(fault, Fault::Malformed(_)), "{fault}");
}

#[test]
fn a_full_tile_with_another_content_is_refused() {
    let memory = sealed();
    memory.remove(&checkpoint_key(2));
    memory.alter("tile/0/001", "another content");
    assert_eq!(
        faulty(recover(&memory)),
        ("tile/0/001".to_owned(), Fault::Different)
    );
}

#[test]
fn the_newest_checkpoint_is_mended_if_it_is_damaged_dropped_or_old() {
    let honest = sealed();
    let old = honest.content(&checkpoint_key(0)).unwrap();
    let foreign = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 10_000,
        root: [0; 32],
    };
    let foreign = run(foreign.sign(&signer(9))).unwrap().to_string();
    for damaged in [
        Some(old),
        Some("damaged".into()),
        Some(foreign.into()),
        None,
    ] {
        let memory = sealed();
        memory.remove(CHECKPOINT);
        if let Some(damaged) = damaged {
            memory.alter(CHECKPOINT, damaged);
        }
        recover(&memory).map(drop).unwrap();
        assert_eq!(memory.content(CHECKPOINT), honest.content(CHECKPOINT));
    }
}
