//! The witness protocol.

use std::sync::Arc;

use transparency_log::checkpoint::Checkpoint;
use transparency_log::log::{CHECKPOINT, checkpoint_key, cosignature_key, read_note};
use transparency_log::note::{Algorithm, Note, Signature, VerifierKey};
use transparency_log::proof::consistency;
use transparency_log::signer::Signer;
use transparency_log::witness::{AddCheckpoint, Refusal, cosignatures, size_of};

use crate::memory::{Handle, Memory};
use crate::samples::{ORIGIN, leaves, log, run, signer};

const WITNESS: &str = "witness.example/w1";

fn log_key(byte: u8) -> VerifierKey {
    VerifierKey::new(ORIGIN, Algorithm::Ed25519, signer(byte).public_key()).unwrap()
}

/// The signed checkpoints of sizes 100, 200 and 300, and the log.
fn checkpoints() -> (Arc<Memory>, Vec<Note>) {
    let memory = Arc::default();
    let store = Arc::new(Handle::new(&memory));
    let log = log(store.clone());
    let notes = run(async {
        let mut tip = log.recover().await.unwrap();
        let mut notes = Vec::new();
        for round in 0..3 {
            let batch = tip.next(round, round, leaves(round, 100)).unwrap();
            tip = log.publish(&tip, batch).await.unwrap().tip().clone();
            notes.push(
                read_note(&*store, &checkpoint_key(round))
                    .await
                    .unwrap()
                    .unwrap(),
            );
        }
        notes
    });
    (memory, notes)
}

fn request(memory: &Arc<Memory>, old: u64, checkpoint: &Note) -> AddCheckpoint {
    let new = Checkpoint::parse(checkpoint.text()).unwrap();
    AddCheckpoint {
        old,
        proof: run(consistency(&Handle::new(memory), old, &new)).unwrap(),
        checkpoint: checkpoint.clone(),
    }
}

fn check(request: &AddCheckpoint, latest: Option<&Note>) -> Result<Checkpoint, Refusal> {
    // As the witness receives it.
    let request = AddCheckpoint::parse(request.to_string().as_bytes()).unwrap();
    let latest = latest.map(|note| Checkpoint::parse(note.text()).unwrap());
    request.check(|origin| (origin == ORIGIN).then(|| (log_key(1), latest)))
}

#[test]
fn a_witness_cosigns_a_checkpoint_that_continues_the_last_one() {
    let (memory, notes) = checkpoints();
    let expected = |at: usize| Ok(Checkpoint::parse(notes[at].text()).unwrap());
    assert_eq!(check(&request(&memory, 0, &notes[0]), None), expected(0));
    assert_eq!(
        check(&request(&memory, 100, &notes[2]), Some(&notes[0])),
        expected(2)
    );
    // The same checkpoint again.
    assert_eq!(
        check(&request(&memory, 300, &notes[2]), Some(&notes[2])),
        expected(2)
    );
}

#[test]
fn a_witness_refuses_everything_else_with_the_status_of_the_protocol() {
    let (memory, notes) = checkpoints();
    let honest = request(&memory, 100, &notes[1]);
    let refused = |request: &AddCheckpoint, latest| {
        let refusal = check(request, latest).unwrap_err();
        (refusal, refusal.status())
    };
    let unknown = honest.check(|_| None).unwrap_err();
    assert_eq!((unknown, unknown.status()), (Refusal::UnknownOrigin, 404));

    let unsigned = honest.check(|_| Some((log_key(2), None))).unwrap_err();
    assert_eq!((unsigned, unsigned.status()), (Refusal::Unsigned, 403));

    let mut larger = honest.clone();
    larger.old = 201;
    assert_eq!(refused(&larger, Some(&notes[1])).1, 400);

    assert_eq!(
        refused(&honest, Some(&notes[1])),
        (Refusal::OtherSize(200), 409)
    );
    assert_eq!(refused(&honest, None), (Refusal::OtherSize(0), 409));

    let mut without = honest.clone();
    without.proof.clear();
    assert_eq!(
        refused(&without, Some(&notes[0])),
        (Refusal::Inconsistent, 422)
    );
    let mut surplus = request(&memory, 0, &notes[0]);
    surplus.proof.push([1; 32]);
    assert_eq!(refused(&surplus, None), (Refusal::Inconsistent, 422));

    // The log signs another root for the same size.
    let forked = Checkpoint {
        root: [9; 32],
        ..Checkpoint::parse(notes[0].text()).unwrap()
    };
    let forked = run(forked.sign(&signer(1))).unwrap();
    let same_size = AddCheckpoint {
        old: 100,
        proof: Vec::new(),
        checkpoint: notes[0].clone(),
    };
    assert_eq!(
        refused(&same_size, Some(&forked)),
        (Refusal::OtherRoot, 409)
    );
    assert_eq!(
        refused(&honest, Some(&forked)),
        (Refusal::Inconsistent, 422)
    );
}

#[test]
fn malformed_requests_are_refused() {
    let (memory, notes) = checkpoints();
    let valid = request(&memory, 100, &notes[1]).to_string();
    assert!(AddCheckpoint::parse(valid.as_bytes()).is_ok());
    for (from, to) in [
        ("old 100", "old 0100"),
        ("old 100", "old"),
        ("old 100", "size 100"),
        ("old 100\n", "old 100\nnot a hash\n"),
        ("\n\n", "\n"),
    ] {
        let text = valid.replacen(from, to, 1);
        assert!(AddCheckpoint::parse(text.as_bytes()).is_err(), "{text}");
    }
    let hash = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let many = valid.replacen("old 100\n", &format!("old 100\n{}", hash.repeat(64)), 1);
    assert!(AddCheckpoint::parse(many.as_bytes()).is_err());
}

#[test]
fn the_log_takes_valid_cosignatures_of_known_witnesses_out_of_an_answer() {
    let (_, notes) = checkpoints();
    let witness = |byte| {
        VerifierKey::new(WITNESS, Algorithm::CosignatureV1, signer(byte).public_key()).unwrap()
    };
    let cosign = |byte, text: &str| {
        run(Signature::cosign(
            WITNESS,
            text,
            1_700_000_000,
            &signer(byte),
        ))
        .unwrap()
    };
    let (ours, unknown) = (cosign(5, notes[0].text()), cosign(6, notes[0].text()));
    let answer = format!("{unknown}{ours}");
    let found = cosignatures(answer.as_bytes(), &notes[0], &[witness(5)]);
    assert_eq!(found, Ok(vec![ours.clone()]));

    // Of another checkpoint.
    assert!(cosignatures(answer.as_bytes(), &notes[1], &[witness(5)]).is_err());
    assert!(cosignatures(b"", &notes[0], &[witness(5)]).is_err());

    let mut published = notes[0].clone();
    published.add(ours);
    let verified = Checkpoint::cosignatures(&published, [&witness(5)]).unwrap();
    assert_eq!(verified[0].time, 1_700_000_000);
}

#[test]
fn the_size_in_a_conflict_is_read() {
    assert_eq!(size_of(b"20852163\n"), Ok(20_852_163));
    for answer in [&b"20852163"[..], b"", b"\n", b"-1\n", b"01\n", b"1\n\n"] {
        assert!(size_of(answer).is_err());
    }
}

#[test]
fn a_published_cosignature_is_kept_with_its_checkpoint_and_shown_with_the_newest() {
    let memory: Arc<Memory> = Arc::default();
    let log = log(Arc::new(Handle::new(&memory)));
    let witness = |byte| {
        let key = signer(byte).public_key();
        VerifierKey::new(WITNESS, Algorithm::CosignatureV1, key).unwrap()
    };
    run(async {
        let tip = log.recover().await.unwrap();
        let batch = tip.next(0, 0, leaves(0, 5)).unwrap();
        let tip = log.publish(&tip, batch).await.unwrap().tip().clone();
        let text = tip.checkpoint().unwrap().text();
        for byte in [5, 6, 5] {
            let cosigner = signer(byte);
            let cosignature = Signature::cosign(WITNESS, text, 1_700_000_000, &cosigner);
            let cosignature = cosignature.await.unwrap();
            log.publish_cosignature(&tip, &cosignature).await.unwrap();
            let kept = memory.content(&cosignature_key(0, &cosignature)).unwrap();
            assert_eq!(kept, cosignature.to_string());
        }
        let newest = Note::parse(&memory.content(CHECKPOINT).unwrap()).unwrap();
        let keys = [witness(5), witness(6)];
        assert_eq!(Checkpoint::cosignatures(&newest, &keys).unwrap().len(), 2);
        assert_eq!(newest.signatures().len(), 3);
        assert_eq!(memory.history(&checkpoint_key(0)).len(), 1);

        // The log went on in the meantime.
        let batch = tip.next(1, 1, leaves(1, 5)).unwrap();
        let next = log.publish(&tip, batch).await.unwrap().tip().clone();
        let cosigner = signer(7);
        let late = Signature::cosign(WITNESS, text, 1_700_000_001, &cosigner)
            .await
            .unwrap();
        log.publish_cosignature(&tip, &late).await.unwrap();
        let newest = Note::parse(&memory.content(CHECKPOINT).unwrap()).unwrap();
        assert_eq!(Some(&newest), next.checkpoint());
        assert!(memory.content(&cosignature_key(0, &late)).is_some());
    });
}
