//! Sealers that fail at any operation, are stopped at any await, and act at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use transparency_log::batch::Batch;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::log::{CHECKPOINT, LogError, Published, batch_key, checkpoint_key};
use transparency_log::note::{Algorithm, Note, VerifierKey};
use transparency_log::proof::{self, is_consistent};
use transparency_log::signer::Signer;
use transparency_log::tree::Frontier;

use crate::memory::{Handle, Memory};
use crate::samples::{ORIGIN, YEARS, leaves, log, run, signer};

/// A sealer that is polled by hand.
type Running = Pin<Box<dyn Future<Output = Result<(), LogError>>>>;

/// How many leaves a sealer's batch has: few, or enough to fill a tile.
fn count(sealer: u64, round: u64) -> u64 {
    match (sealer + round) % 3 {
        0 => 1,
        1 => 300,
        _ => 100,
    }
}

/// Publishes one batch after the other, and notes the numbers that were ours.
async fn seal(
    store: Handle,
    sealer: u64,
    rounds: u64,
    ours: Arc<Mutex<BTreeMap<u64, Vec<u64>>>>,
) -> Result<(), LogError> {
    let log = log(Arc::new(store));
    let mut tip = log.recover().await?;
    for round in 0..rounds {
        let batch = tip
            .next(
                sealer * 1000 + round,
                round,
                leaves(sealer, count(sealer, round)),
            )
            .unwrap();
        let number = batch.number();
        let published = log.publish(&tip, batch).await?;
        assert_eq!(published.tip().next_number(), number + 1);
        if matches!(published, Published::Ours(_)) {
            ours.lock().unwrap().entry(number).or_default().push(sealer);
        }
        tip = published.tip().clone();
    }
    Ok(())
}

fn key() -> VerifierKey {
    VerifierKey::new(ORIGIN, Algorithm::Ed25519, signer(1).public_key()).unwrap()
}

fn parsed(bytes: &[u8]) -> Checkpoint {
    Checkpoint::verify(&Note::parse(bytes).unwrap(), &key()).unwrap()
}

/// Checks that the log is one log: one batch a number, one root a size, and nothing that doesn't follow from the batches.
/// If it is finished, nothing is missing either. Returns the number of batches.
fn check(memory: &Arc<Memory>, finished: bool) -> u64 {
    let mut expected = BTreeSet::new();
    let mut checkpoints: Vec<Checkpoint> = Vec::new();
    let mut tree = Frontier::default();
    let mut number = 0;
    while let Some(bytes) = memory.content(&batch_key(number)) {
        assert_eq!(memory.history(&batch_key(number)).len(), 1);
        let batch = Batch::decode(bytes).unwrap();
        assert_eq!((batch.number(), batch.before()), (number, &tree));
        let (after, full) = batch.apply();
        expected.insert(batch_key(number));

        let due = SystemTime::UNIX_EPOCH + Duration::from_micros(batch.sealed_at()) + YEARS;
        let key = checkpoint_key(number);
        let last = memory.content(&batch_key(number + 1)).is_none();
        let signed = memory.content(&key);
        assert!(
            signed.is_some() || (last && !finished),
            "the checkpoint of {number}"
        );
        if let Some(signed) = &signed {
            let checkpoint = parsed(signed);
            assert_eq!(
                (checkpoint.size, checkpoint.root),
                (after.size(), after.root())
            );
            // The checkpoint comes last, so the tiles are here.
            for tile in full.iter().cloned().chain(after.partial_tiles()) {
                assert_eq!(memory.content(&tile.path()).unwrap(), tile.hashes);
            }
            for tile in &full {
                assert_eq!(memory.history(&tile.path()).len(), 1);
                assert_eq!(memory.locked_until(&tile.path()), Some(due));
            }
            assert_eq!(memory.history(&key).len(), 1);
            assert_eq!(memory.locked_until(&key), Some(due));
            checkpoints.push(checkpoint);
        }
        assert_eq!(memory.locked_until(&batch_key(number)), Some(due));
        expected.insert(key);
        expected.extend(
            full.into_iter()
                .chain(after.partial_tiles())
                .map(|tile| tile.path()),
        );
        tree = after;
        number += 1;
    }
    expected.insert(CHECKPOINT.to_owned());
    let surplus: Vec<_> = memory
        .keys()
        .into_iter()
        .filter(|key| !expected.contains(key))
        .collect();
    assert!(surplus.is_empty(), "{surplus:?}");

    // The newest checkpoint never goes back, and is one of them.
    let newest: Vec<_> = memory
        .history(CHECKPOINT)
        .into_iter()
        .map(|bytes| parsed(&bytes.unwrap()))
        .collect();
    assert!(newest.is_sorted_by_key(|checkpoint| checkpoint.size));
    assert!(newest.iter().all(|newest| checkpoints.contains(newest)));
    if finished {
        assert_eq!(newest.last(), checkpoints.last());
    }
    if let Some(last) = checkpoints.last() {
        let store = Handle::new(memory);
        for old in &checkpoints {
            let proof = run(proof::consistency(&store, old.size, last)).unwrap();
            assert!(is_consistent(&proof, old, last));
        }
    }
    number
}

/// Lets a new sealer finish the log and go on.
fn go_on(memory: &Arc<Memory>) {
    let before = check(memory, false);
    run(seal(Handle::new(memory), 99, 1, Arc::default())).unwrap();
    assert_eq!(check(memory, true), before + 1);
}

#[test]
fn a_sealer_that_fails_at_any_operation_leaves_a_log_that_the_next_one_finishes() {
    for (takes_effect, lost) in [(false, false), (true, false), (false, true), (true, true)] {
        for operation in 0.. {
            let memory = Arc::default();
            run(seal(Handle::new(&memory), 1, 2, Arc::default())).unwrap();
            let failing = Handle::failing_at(&memory, operation, takes_effect, lost);
            let ours = Arc::default();
            let sealed = run(seal(failing, 2, 2, Arc::clone(&ours)));
            assert!(
                !matches!(sealed, Err(LogError::Tampered { .. })),
                "{sealed:?}"
            );
            let all_done = sealed.is_ok();
            go_on(&memory);
            if all_done {
                assert!(operation > 20, "{operation}");
                break;
            }
        }
    }
}

#[test]
fn a_sealer_that_repeats_a_batch_whose_answer_was_lost_learns_that_it_was_its_own() {
    let memory = Arc::default();
    let tip = run(log(Arc::new(Handle::new(&memory))).recover()).unwrap();
    let batch = tip.next(1, 1, leaves(1, 1)).unwrap();
    // The first operation looks for versions, the second stores the batch.
    let lost = log(Arc::new(Handle::failing_at(&memory, 1, true, false)));
    assert!(matches!(
        run(lost.publish(&tip, batch.clone())),
        Err(LogError::Failed(_))
    ));
    let again = run(log(Arc::new(Handle::new(&memory))).publish(&tip, batch));
    assert!(matches!(again, Ok(Published::Ours(_))));
    check(&memory, true);
}

#[test]
fn the_loser_of_two_sealers_finishes_the_winners_batch() {
    let memory = Arc::default();
    let (first, second) = (
        log(Arc::new(Handle::new(&memory))),
        log(Arc::new(Handle::new(&memory))),
    );
    let tip = run(first.recover()).unwrap();
    let stopped = log(Arc::new(Handle::failing_at(&memory, 1, true, true)));
    let theirs = tip.next(1, 5, leaves(1, 2)).unwrap();
    assert!(run(stopped.publish(&tip, theirs.clone())).is_err());
    assert_eq!(memory.content(&checkpoint_key(0)), None);

    let ours = tip.next(2, 6, leaves(2, 3)).unwrap();
    let Published::Theirs(after) = run(second.publish(&tip, ours)).unwrap() else {
        panic!("the other batch has the number");
    };
    assert_eq!(after.batch(), Some(&theirs));
    check(&memory, true);
}

#[test]
fn the_newest_batch_of_a_long_log_is_found_in_few_operations() {
    let memory: Arc<Memory> = Arc::default();
    run(seal(Handle::new(&memory), 0, 70, Arc::default())).unwrap();
    let handle = Arc::new(Handle::new(&memory));
    let log = log(handle.clone());
    assert_eq!(run(log.newest()).unwrap().unwrap().number(), 69);
    assert!(handle.operations() < 20, "{}", handle.operations());

    let before = handle.operations();
    assert_eq!(run(log.newest()).unwrap().unwrap().number(), 69);
    assert_eq!(handle.operations() - before, 2, "a list and the batch");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Two or three sealers take turns at every await in any order. Some stop for ever, some lose an answer.
    #[test]
    fn sealers_at_the_same_time_make_one_log(
        sealers in 2..=3_u64,
        turns in prop::collection::vec(0..3_usize, 1..200),
        stops in prop::collection::vec(prop::option::weighted(0.3, 0..120_usize), 3),
        faults in prop::collection::vec(prop::option::weighted(0.3, (0..40_usize, any::<bool>())), 3),
    ) {
        let memory: Arc<Memory> = Arc::default();
        let ours: Arc<Mutex<BTreeMap<u64, Vec<u64>>>> = Arc::default();
        let mut running: Vec<Option<Running>> = (0..sealers)
            .map(|sealer| {
                let handle = match faults[sealer as usize] {
                    Some((at, effect)) => Handle::failing_at(&memory, at, effect, false),
                    None => Handle::new(&memory),
                };
                let future = seal(handle, sealer, 3, ours.clone());
                Some(Box::pin(future) as Running)
            })
            .collect();
        let mut polled = [0; 3];
        let mut turn = turns.iter().cycle();
        let mut context = Context::from_waker(Waker::noop());
        while running.iter().any(Option::is_some) {
            // Turns that only name sealers that have ended would never end.
            let wanted = turn.next().unwrap() % running.len();
            let at = (wanted..wanted + running.len()).map(|at| at % running.len());
            let at = at.into_iter().find(|at| running[*at].is_some()).unwrap();
            let sealer = running[at].as_mut().unwrap();
            let ended = sealer.as_mut().poll(&mut context);
            polled[at] += 1;
            if let std::task::Poll::Ready(result) = &ended {
                prop_assert!(!matches!(result, Err(LogError::Tampered { .. })), "{:?}", result);
            }
            if ended.is_ready() || stops[at].is_some_and(|stop| polled[at] > stop) {
                running[at] = None;
            }
        }
        for winners in ours.lock().unwrap().values() {
            prop_assert_eq!(winners.len(), 1);
        }
        go_on(&memory);
    }
}
