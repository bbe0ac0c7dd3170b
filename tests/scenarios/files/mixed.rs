//! Many files of every type and every defect through the real path, with clamd: the table of
//! docs/files.md.

use std::collections::BTreeMap;

use tests::clamd::{Clamd, eicar};
use tests::prelude::*;

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

/// A true file of each type, another for each number.
fn sample(file_type: &str, number: usize) -> Vec<u8> {
    let mark = format!("number {number}");
    match file_type {
        "application/pdf" => format!(
            "%PDF-1.7\n% {mark}\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
        )
        .into_bytes(),
        "image/png" => files::PNG.to_vec(),
        "image/jpeg" => [
            &b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"[..],
            mark.as_bytes(),
            b"\xff\xd9",
        ]
        .concat(),
        "image/tiff" => [&b"II\x2a\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"[..], mark.as_bytes()].concat(),
        "application/dicom" => [files::dicom(), mark.into_bytes()].concat(),
        "application/xml" => format!(
            "<?xml version=\"1.0\"?>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>{mark}</title></ClinicalDocument>\n"
        )
        .into_bytes(),
        "application/fhir+json" => {
            format!("{{\"resourceType\": \"Patient\", \"id\": \"{number}\"}}\n").into_bytes()
        }
        "text/plain" => format!("BMI 27, {mark}\n").into_bytes(),
        "video/mp4" => [
            &b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2\x00\x00\x00\x08free"[..],
            mark.as_bytes(),
        ]
        .concat(),
        other => panic!("{other}"),
    }
}

/// Cut where its type shows that something is missing, for those that show it.
fn truncated(file_type: &str, number: usize) -> Vec<u8> {
    let mut bytes = sample(file_type, number);
    let kept = match file_type {
        "image/jpeg" => 2,
        "image/tiff" => 6,
        "application/dicom" => 130,
        "video/mp4" => 7,
        _ => bytes.len() - 8,
    };
    bytes.truncate(kept);
    bytes
}

/// A file that another program would open as something else.
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
            // A PDF's mark in the first KiB, behind what the type begins with.
            let mut both = bytes;
            both.extend_from_slice(b"\n%PDF-1.7\n%%EOF\n");
            both
        }
    }
}

#[tokio::test]
#[ignore = "needs clamd (Debian's clamav-daemon); .ci/run has it"]
async fn a_hundred_files_of_every_type_and_defect_end_where_they_belong() {
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
        }
        cases.push(("EICAR", eicar()));
        for (kind, bytes) in cases {
            let (id, upload) = world.announced(&ada, file_type, &bytes).await;
            assert_eq!(ada.upload(&upload, &bytes).await, 200);
            sent.push((kind, file_type, id));
        }
        // A file of no byte can't even be announced.
        let empty = announcement("PATIENT", ada.user, file_type, b"");
        ada.post("/v1/files", empty).await.invalid("file_size");
    }
    world.cloud.settled().await;
    assert_eq!(sent.len() + TYPES.len(), 108);

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
    let rejected = "REJECTED type-mismatch";
    let expected = BTreeMap::from([
        (("sound", "AVAILABLE"), 36),
        (("mislabelled", rejected), 18),
        (("polyglot", rejected), 18),
        (("EICAR", "QUARANTINED malware"), 9),
        // A text that ends early is a text.
        (("truncated", "AVAILABLE"), 2),
        (("truncated", rejected), 16),
    ]);
    assert_eq!(counted, expected, "{outcomes:#?}");
    assert!(world.cloud.dead_letters().is_empty());
    world.verify_chains().await;
}
