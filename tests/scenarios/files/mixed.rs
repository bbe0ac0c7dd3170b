//! Uploads many files of every type and every defect through the real functions, with clamd. The
//! result is the table in docs/files.md.

use std::collections::BTreeMap;

use tests::clamd::{Clamd, eicar};
use tests::prelude::*;
use tests::samples;

const TYPES: [&str; 9] = [
    "application/pdf",
    "image/png",
    "image/jpeg",
    "image/tiff",
    "application/dicom",
    "application/xml",
    "application/fhir+json",
    "text/plain",
    "video/mp4",
];

/// Returns a sound file of this type. Each number gives a different one.
fn sample(file_type: &str, number: usize) -> Vec<u8> {
    samples::sample(file_type, &format!("number {number}"))
}

/// Returns a file without its end.
fn truncated(file_type: &str, number: usize) -> Vec<u8> {
    let mut bytes = sample(file_type, number);
    bytes.truncate(bytes.len() - 8);
    bytes
}

/// Returns a file of the same length, beginning and end with a defect in between. A text can't have
/// such a defect.
fn damaged(file_type: &str, number: usize) -> Option<Vec<u8>> {
    let (old, new): (&[u8], &[u8]) = match file_type {
        "application/pdf" => (b"\nxref", b"\nxxxx"),
        "image/png" => (b"x\x9cc`", b"x\x9cc_"),
        "image/jpeg" => (b"\xff\xc0", b"\xff\xe1"),
        // The strip is longer than the file.
        "image/tiff" => (
            b"\x17\x01\x04\0\x01\0\0\0\x01",
            b"\x17\x01\x04\0\x01\0\0\0\xff",
        ),
        // There is no transfer syntax.
        "application/dicom" => (b"\x02\0\x10\0UI", b"\x02\0\x04\0UI"),
        "application/xml" => (b"</title>", b"</titel>"),
        "application/fhir+json" => (b"\"Basic\",", b"\"Basic\" "),
        "video/mp4" => (b"trak", b"free"),
        _ => return None,
    };
    let mut bytes = sample(file_type, number);
    let mut windows = bytes.windows(old.len());
    let place = windows.position(|window| window == old).unwrap();
    bytes[place..place + new.len()].copy_from_slice(new);
    Some(bytes)
}

/// Returns a small file that exhausts an unprotected reader.
fn bomb(file_type: &str) -> Option<Vec<u8>> {
    let nested = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    Some(match file_type {
        "image/png" => samples::png(60_000, 60_000),
        "image/jpeg" => samples::jpeg(u16::MAX, ""),
        "application/dicom" => {
            let sequence = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff";
            samples::dicom_of("1.2.840.10008.1.2.1", &[0; 128], &sequence.repeat(10_000))
        }
        "application/xml" => {
            format!("<a xmlns=\"urn:hl7-org:v3\">{}</a>", nested("<a>", "</a>")).into_bytes()
        }
        "application/fhir+json" => {
            let nested = nested("[", "]");
            format!("{{\"resourceType\":\"Basic\",\"a\":{nested}}}").into_bytes()
        }
        _ => return None,
    })
}

/// Returns XML entities that each refer to another ten times.
fn laughs() -> Vec<u8> {
    let entity = |number| {
        let name = format!("&l{};", number - 1).repeat(10);
        format!("<!ENTITY l{number} \"{name}\">")
    };
    let entities: String = (1..10).map(entity).collect();
    format!("<!DOCTYPE a [<!ENTITY l0 \"lol\">{entities}]><a xmlns=\"urn:hl7-org:v3\">&l9;</a>")
        .into_bytes()
}

/// Returns a file that another program would open as another type.
fn polyglot(file_type: &str, number: usize) -> Vec<u8> {
    let bytes = sample(file_type, number);
    match file_type {
        "application/pdf" => {
            let mut both = b"%PDF-1.7\n".to_vec();
            both.resize(128, b' ');
            [both, b"DICM\x02\0".to_vec(), bytes].concat()
        }
        "application/dicom" => {
            let mut executable = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff".to_vec();
            executable.resize(128, 0);
            [&executable[..], &bytes[128..]].concat()
        }
        "text/plain" => b"#!/bin/sh\necho hello\n".to_vec(),
        "application/xml" => {
            b"<html xmlns=\"http://www.w3.org/1999/xhtml\"><script/></html>".to_vec()
        }
        "application/fhir+json" => [&bytes[..], b"<script>alert(1)</script>"].concat(),
        "image/png" => [&bytes[..], b"PK\x03\x04 an archive behind it"].concat(),
        _ => {
            // The marker of a PDF is within the first KiB, after the beginning of the announced
            // type.
            let mut both = bytes;
            both.extend_from_slice(b"\n%PDF-1.7\n%%EOF\n");
            both
        }
    }
}

#[tokio::test]
#[ignore = "needs clamd (Debian's clamav-daemon); .ci/run has it"]
async fn files_of_every_type_and_defect_end_in_the_documented_state() {
    let clamd = Clamd::start().await;
    let world = World::with(Setup {
        environment: [
            ("CLAMD_ADDRESS".to_owned(), clamd.address()),
            ("SCAN_POLICY".to_owned(), "block".to_owned()),
        ]
        .into(),
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    let mut sent: Vec<(&str, &str, Uuid)> = Vec::new();
    for (position, file_type) in TYPES.into_iter().enumerate() {
        let other = TYPES[(position + 1) % TYPES.len()];
        let mut cases: Vec<(&str, Vec<u8>)> = Vec::new();
        for number in 0..4 {
            cases.push(("sound", sample(file_type, number)));
        }
        for number in 0..2 {
            cases.push(("truncated", truncated(file_type, number)));
            cases.push(("mislabelled", sample(other, number)));
            cases.push(("polyglot", polyglot(file_type, number)));
            cases.extend(damaged(file_type, number).map(|bytes| ("damaged", bytes)));
        }
        cases.extend(bomb(file_type).map(|bytes| ("bomb", bytes)));
        if file_type == "application/xml" {
            cases.push(("bomb", laughs()));
        }
        cases.push(("EICAR", eicar()));
        for (kind, bytes) in cases {
            let (id, upload) = world.announced(&ada, file_type, &bytes).await;
            assert_eq!(ada.upload(&upload, &bytes).await, 200);
            sent.push((kind, file_type, id));
        }
        // An empty file can't be announced.
        let empty = announcement("PATIENT", ada.user, file_type, b"");
        ada.post("/v1/files", empty).await.invalid("file_size");
    }
    world.cloud.settled().await;
    assert_eq!(sent.len() + TYPES.len(), 130);

    let mut outcomes: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for (kind, file_type, id) in sent {
        let (status, reason) = world.file_state(id).await;
        let outcome = format!("{status} {}", reason.unwrap_or_default());
        let outcome = outcome.trim_end().to_owned();
        outcomes.entry((kind, outcome)).or_default().push(file_type);
    }
    let counted: BTreeMap<_, _> = outcomes
        .iter()
        .map(|((kind, outcome), of)| ((*kind, outcome.as_str()), of.len()))
        .collect();
    let (rejected, broken) = ("REJECTED type-mismatch", "REJECTED broken-structure");
    let expected = BTreeMap::from([
        (("sound", "AVAILABLE"), 36),
        (("mislabelled", rejected), 18),
        (("polyglot", rejected), 18),
        (("EICAR", "QUARANTINED malware"), 9),
        // A truncated text is still a text.
        (("truncated", "AVAILABLE"), 2),
        // These types have an end marker, and the next ones don't.
        (("truncated", rejected), 8),
        (("truncated", broken), 8),
        (("damaged", broken), 16),
        (("bomb", broken), 5),
        // Document types are refused, not examined.
        (("bomb", rejected), 1),
    ]);
    assert_eq!(counted, expected, "{outcomes:#?}");
    assert!(world.cloud.dead_letters().is_empty());
    world.verify_chains().await;
}
