//! Signed notes and checkpoints, with vectors of the specifications and of Go's `sumdb/note`.

use proptest::prelude::*;
use transparency_log::checkpoint::{Checkpoint, Cosignature};
use transparency_log::note::{Algorithm, Note, Signature, VerifierKey};
use transparency_log::signer::Signer;

use crate::samples::{ORIGIN, from_seed, run, signer};

/// The example of signed-note 1.0.0.
const EXAMPLE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

/// The key and the signature that the tests of `sumdb/note` use.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SEED: &str = "810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173";
const PETER_TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_LINE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/// The example of tlog-checkpoint 1.0.0 with a cosignature of tlog-cosignature 1.0.1.
const CHECKPOINT: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

fn key(vkey: &str) -> VerifierKey {
    vkey.parse().unwrap()
}

#[test]
fn the_example_of_the_specification_is_verified_and_written_as_it_was() {
    let note = Note::parse(EXAMPLE.as_bytes()).unwrap();
    let known = key(EXAMPLE_KEY);
    assert_eq!(note.verify([&known]).unwrap().len(), 1);
    assert_eq!(note.to_string(), EXAMPLE);
    assert_eq!(known.to_string(), EXAMPLE_KEY);
}

#[test]
fn the_signature_of_sumdb_is_made_and_verified() {
    let mut seed = [0; 32];
    for (at, byte) in seed.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&PETER_SEED[2 * at..2 * at + 2], 16).unwrap();
    }
    let signer = from_seed(seed);
    assert_eq!(signer.public_key(), key(PETER).public_key());
    let line = run(Signature::sign("PeterNeumann", PETER_TEXT, &signer)).unwrap();
    assert_eq!(line.to_string(), PETER_LINE);
    let mut note = Note::new(PETER_TEXT).unwrap();
    note.add(line);
    assert_eq!(note.verify([&key(PETER)]).unwrap().len(), 1);
}

#[test]
fn an_altered_text_or_signature_is_refused_and_unknown_keys_are_ignored() {
    let altered = EXAMPLE.replace("an example", "no example");
    let note = Note::parse(altered.as_bytes()).unwrap();
    assert!(note.verify([&key(EXAMPLE_KEY)]).is_err());

    let both = format!(
        "{PETER_TEXT}\n{PETER_LINE}{}",
        PETER_LINE.replace("PeterNeumann", "Carmen")
    );
    let note = Note::parse(both.as_bytes()).unwrap();
    assert_eq!(note.verify([&key(PETER)]).unwrap().len(), 1);
    assert!(note.verify([&key(EXAMPLE_KEY)]).is_err());
    assert!(note.verify([]).is_err());

    // One invalid signature of a known key spoils the note.
    let other = run(Signature::sign(ORIGIN, "another text\n", &signer(1))).unwrap();
    let mut note = note;
    note.add(other);
    let ours = VerifierKey::new(ORIGIN, Algorithm::Ed25519, signer(1).public_key()).unwrap();
    assert!(note.verify([&key(PETER), &ours]).is_err());
}

#[test]
fn malformed_notes_are_refused() {
    let line = PETER_LINE;
    for text in [
        String::new(),
        "\n\n".to_owned(),
        PETER_TEXT.to_owned(),
        format!("{PETER_TEXT}{line}"),
        format!("{PETER_TEXT}\n"),
        format!("{PETER_TEXT}\n{}", line.trim_end()),
        format!("{PETER_TEXT}\n{line}\n"),
        format!("{PETER_TEXT}\n{line}more\n"),
        format!("a\tb\n\n{line}"),
        format!("{PETER_TEXT}\r\n\n{line}"),
        format!("{PETER_TEXT}\n{}", line.replace("x08go/", "!")),
        format!(
            "{PETER_TEXT}\n{}",
            line.replace("PeterNeumann", "Peter+Neumann")
        ),
        format!("{PETER_TEXT}\n{}", line.replace("PeterNeumann ", "")),
        format!("{PETER_TEXT}\n\u{2014} PeterNeumann x08gow==\n"),
        format!("{PETER_TEXT}\n{}", line.repeat(101)),
    ] {
        assert!(Note::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(Note::parse(&[b"\xff\n\n", line.as_bytes()].concat()).is_err());
    assert!(Note::parse(format!("{PETER_TEXT}\n{}", line.repeat(100)).as_bytes()).is_ok());
}

#[test]
fn malformed_verifier_keys_are_refused() {
    for vkey in [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ] {
        assert!(vkey.parse::<VerifierKey>().is_err(), "{vkey}");
    }
}

#[test]
fn the_example_of_a_cosigned_checkpoint_is_parsed_and_written_as_it_was() {
    let note = Note::parse(CHECKPOINT.as_bytes()).unwrap();
    assert_eq!(note.to_string(), CHECKPOINT);
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    assert_eq!(
        (checkpoint.origin.as_str(), checkpoint.size),
        ("example.com/behind-the-sofa", 20_852_163)
    );
    assert_eq!(checkpoint.to_string(), note.text());
}

#[test]
fn a_checkpoint_has_exactly_three_lines() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    assert!(Checkpoint::parse(&format!("a\n0\n{root}\n")).is_ok());
    for text in [
        format!("a\n0\n{root}"),
        format!("a\n0\n{root}\nmore\n"),
        format!("\n0\n{root}\n"),
        format!("a\n00\n{root}\n"),
        format!("a\n+1\n{root}\n"),
        format!("a\n-1\n{root}\n"),
        format!("a\n18446744073709551616\n{root}\n"),
        format!("a\n562949953421312\n{root}\n"),
        format!("a\n1\n{}\n", &root[..40]),
        format!("a\n1\n{}\n", root.trim_end_matches('=')),
        "a\n1\n".to_owned(),
    ] {
        assert!(Checkpoint::parse(&text).is_err(), "{text}");
    }
}

#[test]
fn a_checkpoint_is_verified_under_the_key_of_its_log_and_of_known_witnesses() {
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 3,
        root: [5; 32],
    };
    let log = VerifierKey::new(ORIGIN, Algorithm::Ed25519, signer(1).public_key()).unwrap();
    let witness = |byte| {
        VerifierKey::new(
            "witness.example",
            Algorithm::CosignatureV1,
            signer(byte).public_key(),
        )
        .unwrap()
    };
    let mut note = run(checkpoint.sign(&signer(1))).unwrap();
    let cosigner = signer(2);
    let cosignature = Signature::cosign("witness.example", note.text(), 1_679_315_147, &cosigner);
    note.add(run(cosignature).unwrap());
    let note = Note::parse(note.to_string().as_bytes()).unwrap();

    assert_eq!(Checkpoint::verify(&note, &log), Ok(checkpoint));
    let expected = Cosignature {
        witness: "witness.example".to_owned(),
        time: 1_679_315_147,
    };
    assert_eq!(
        Checkpoint::cosignatures(&note, [&witness(2), &witness(3)]),
        Ok(vec![expected])
    );

    // Another key of the same name, a key of another kind, and a key of another log.
    let other = VerifierKey::new(ORIGIN, Algorithm::Ed25519, signer(3).public_key()).unwrap();
    assert!(Checkpoint::verify(&note, &other).is_err());
    assert!(Checkpoint::verify(&note, &witness(2)).is_err());
    let elsewhere =
        VerifierKey::new("other.example", Algorithm::Ed25519, signer(1).public_key()).unwrap();
    assert!(Checkpoint::verify(&note, &elsewhere).is_err());

    // A cosignature of another time.
    let text = note.to_string();
    let cosigned = text.lines().last().unwrap();
    let later = run(Signature::cosign(
        "witness.example",
        "another\n",
        1,
        &signer(2),
    ))
    .unwrap();
    let forged = text.replace(&format!("{cosigned}\n"), &later.to_string());
    let forged = Note::parse(forged.as_bytes()).unwrap();
    assert!(Checkpoint::cosignatures(&forged, [&witness(2)]).is_err());
    assert!(Checkpoint::verify(&forged, &log).is_ok());
}

proptest! {
    #[test]
    fn hostile_notes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\u{2014} a\n=+A]{0,80}") {
        let _ = Note::parse(&bytes);
        if let Ok(note) = Note::parse(text.as_bytes()) {
            prop_assert_eq!(note.to_string(), text.as_str());
        }
        let _ = Checkpoint::parse(&text);
        let _ = text.parse::<VerifierKey>();
    }
}
