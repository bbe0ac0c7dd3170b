//! A run of the sealer that is cut off at any of its calls to S3: the next run finishes.

use std::collections::BTreeMap;

use tests::calls::{Calls, Fault};
use tests::prelude::*;
use tests::sealed_log::*;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::log::{CHECKPOINT, checkpoint_key, read_note};

/// The checkpoints that anybody could have seen: the root of each size.
#[derive(Default)]
struct Seen(BTreeMap<u64, [u8; 32]>);

impl Seen {
    /// Looks at the checkpoint, and asserts that its size had no other root before.
    async fn look(&mut self, world: &World, key: &str) -> bool {
        let store = world.log_store();
        let Some(note) = read_note(&store, key).await.unwrap() else {
            return false;
        };
        let checkpoint = Checkpoint::verify(&note, &world.log_key()).unwrap();
        let known = self.0.entry(checkpoint.size).or_insert(checkpoint.root);
        assert_eq!(*known, checkpoint.root, "two roots for {}", checkpoint.size);
        true
    }
}

/// Seals once for each call to S3 with a fault from this call on, and once more without. Returns how many runs were cut
/// off and failed.
async fn cut_at_every_call(fault: Fault) -> usize {
    let calls = Calls::new().await;
    let world = World::with(Setup {
        environment: [("S3_ENDPOINT".to_owned(), calls.url())].into(),
        ..Setup::default()
    })
    .await;
    calls.lead_to(&world.cloud.objects().url());
    let ada = world.patient("Ada").await;
    let (mut seen, mut cut_off) = (Seen::default(), 0);
    for call in 1.. {
        assert!(call < 100, "a run has fewer calls");
        ada.get(&format!("/v1/patients/{}", ada.id))
            .await
            .expect(200);
        world.cloud.settled().await;
        calls.fail_from(call, fault.clone());
        let is_done = match fault {
            Fault::Silent => {
                // Without answer the sealer would wait, so it is killed in the middle of the call.
                let kill = async {
                    calls.have_failed().await;
                    world.cloud.lambda().restart("seal-audit");
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    sealed = world.try_seal() => sealed.is_ok(),
                    () = kill => unreachable!(),
                }
            }
            _ => world.try_seal().await.is_ok(),
        };
        let is_reached = calls.mend() > 0;
        assert!(is_done || is_reached, "a run without fault failed");
        cut_off += usize::from(!is_done);
        if world.folder().join("audit-log-key").exists() {
            seen.look(&world, CHECKPOINT).await;
        }
        if !is_reached {
            break;
        }
        world.seal().await;
        seen.look(&world, CHECKPOINT).await;
    }
    world.seal().await;
    let mut batches = 0;
    while seen.look(&world, &checkpoint_key(batches)).await {
        batches += 1;
    }
    assert_eq!(batches as usize, world.batches().await.len());
    assert_eq!(world.quarantine().await, []);
    assert_eq!(world.sealer_lines(TAMPERED), 0);
    world.is_verified(&world.verifier_inputs()).await;
    let tables = world.sealer_tables().await;
    world.empty_sealer_tables().await;
    world.seal().await;
    assert_eq!(world.sealer_tables().await, tables);
    cut_off
}

#[tokio::test]
async fn a_run_that_s3_refuses_from_any_call_on_is_finished_by_the_next() {
    let failed = cut_at_every_call(Fault::Refused).await;
    assert!(failed >= 10, "only {failed} runs were cut off");
}

#[tokio::test]
async fn a_run_whose_calls_to_s3_are_done_and_not_answered_is_finished_by_the_next() {
    let failed = cut_at_every_call(Fault::AnswerLost).await;
    assert!(failed >= 10, "only {failed} runs were cut off");
}

#[tokio::test]
async fn a_run_that_gets_503_from_any_call_on_is_finished_by_the_next() {
    let failed = cut_at_every_call(Fault::Answered(503, "")).await;
    assert!(failed >= 10, "only {failed} runs were cut off");
}

#[tokio::test]
async fn a_sealer_that_is_killed_in_the_middle_of_any_call_is_finished_by_the_next() {
    let killed = cut_at_every_call(Fault::Silent).await;
    assert!(killed >= 10, "only {killed} runs were killed");
}
