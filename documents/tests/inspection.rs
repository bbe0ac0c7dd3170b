//! What an inspection says of true, mislabelled, truncated, polyglot and empty files.
#![expect(clippy::unwrap_used, reason = "tests, their helpers too")]

use std::fmt::Debug;

use aws_lc_rs::digest::{SHA256, digest};
use documents::{Declared, FileType, Inspection, Rejection, Verdict};
use proptest::prelude::*;

const MISMATCH: Verdict = Verdict::Rejected(Rejection::TypeMismatch);

fn declared(file_type: FileType, bytes: &[u8]) -> Declared {
    Declared {
        file_type,
        size: i64::try_from(bytes.len()).unwrap(),
        sha256: hex::encode(digest(&SHA256, bytes)).parse().unwrap(),
    }
}

/// The verdict on bytes whose size and hash are as declared: the type alone decides.
fn verdict(file_type: FileType, bytes: &[u8]) -> Verdict {
    let mut inspection = Inspection::new(file_type);
    inspection.read(bytes);
    inspection.conclude(&declared(file_type, bytes))
}

fn dicom(preamble: &[u8]) -> Vec<u8> {
    let mut bytes = preamble.to_vec();
    bytes.resize(128, 0);
    bytes.extend(b"DICM\x02\x00\x00\x00UL\x04\x00\xc4\x00\x00\x00");
    bytes
}

/// A true file of each type.
fn sample(file_type: FileType) -> Vec<u8> {
    match file_type {
        FileType::Pdf => b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n".to_vec(),
        FileType::Png => [
            &b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55"[..],
            b"\x00\x00\x00\x0aIDAT\x78\x9c\x63\x60\x00\x00\x00\x02\x00\x01\x48\xaf\xa4\x71",
            b"\x00\x00\x00\x00IEND\xae\x42\x60\x82",
        ]
        .concat(),
        FileType::Jpeg => b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9".to_vec(),
        FileType::Tiff => b"II\x2a\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00".to_vec(),
        FileType::Dicom => dicom(&[]),
        FileType::Hl7Xml => b"<?xml version=\"1.0\"?>\n<?xml-stylesheet href=\"CDA.xsl\"?>\n<!-- a note -->\n\
            <ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>Summary</title></ClinicalDocument>\n"
            .to_vec(),
        FileType::FhirJson => "{\n \"resourceType\": \"Patient\", \"name\": [{\"family\": \"Größe\"}]}\n".into(),
        FileType::Text => "BMI 27, température 37,2 °C\r\n\tno complaints\n".into(),
        FileType::Mp4 => b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2\x00\x00\x00\x08free".to_vec(),
    }
}

fn refused(cases: &[(FileType, impl AsRef<[u8]> + Debug)]) {
    for (file_type, bytes) in cases {
        assert_eq!(
            verdict(*file_type, bytes.as_ref()),
            MISMATCH,
            "{file_type:?}: {bytes:?}"
        );
    }
}

#[test]
fn true_files_are_sound() {
    for file_type in FileType::ALL {
        assert_eq!(
            verdict(*file_type, &sample(*file_type)),
            Verdict::Sound,
            "{file_type:?}"
        );
    }
    let bare = b"<ClinicalDocument xmlns='urn:hl7-org:v3'/>";
    let prefixed =
        b"\xef\xbb\xbf<hl7:ClinicalDocument xmlns:hl7=\"urn:hl7-org:v3\"></hl7:ClinicalDocument>";
    for (file_type, bytes) in [
        (FileType::Hl7Xml, &bare[..]),
        (FileType::Hl7Xml, prefixed),
        (FileType::Tiff, b"MM\x00\x2a\x00\x00\x00\x08"),
        // The first byte of pixels is 0x43: no reason to take it for Canon's raw format.
        (FileType::Tiff, b"II\x2a\x00\x00\x10\x00\x00\x43\x00pixels"),
        (
            FileType::Tiff,
            b"II\x2b\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00",
        ),
        (FileType::Dicom, &dicom(b"II\x2a\x00\x08\x00\x00\x00")),
        // Behind a JPEG's end, cameras write what they like.
        (
            FileType::Jpeg,
            b"\xff\xd8\xff\xe1\x00\x08Exif\x00\x00\xff\xd9trailer of a camera",
        ),
    ] {
        assert_eq!(
            verdict(file_type, bytes),
            Verdict::Sound,
            "{file_type:?}: {bytes:?}"
        );
    }
}

#[test]
fn a_file_under_the_name_of_any_other_type_is_refused() {
    for actual in FileType::ALL {
        for claimed in FileType::ALL {
            // Markup is text, too, unless it begins as something that a program would run or show.
            let reads_as_text = (*actual, *claimed) == (FileType::FhirJson, FileType::Text);
            if actual != claimed && !reads_as_text {
                refused(&[(*claimed, sample(*actual))]);
            }
        }
    }
}

#[test]
fn types_that_are_not_kept_are_refused_under_every_name() {
    let strangers: [&[u8]; 10] = [
        b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff",
        b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00",
        b"PK\x03\x04\x14\x00\x00\x00\x08\x00",
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00",
        b"#!/bin/sh\necho\n",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"></svg>",
        b"{\\rtf1 text}",
        b"%!PS-Adobe-3.0\nshowpage\n",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    ];
    for stranger in strangers {
        for claimed in FileType::ALL {
            // An SVG's bytes are harmless as plain text, which is how they would be served.
            if *claimed != FileType::Text || !stranger.starts_with(b"<svg") {
                refused(&[(*claimed, stranger)]);
            }
        }
    }
}

#[test]
fn truncated_files_are_refused() {
    let cut = |file_type, keep: usize| (file_type, sample(file_type)[..keep].to_vec());
    let short_of = |file_type, less: usize| cut(file_type, sample(file_type).len() - less);
    refused(&[
        cut(FileType::Pdf, 4),
        short_of(FileType::Pdf, 3),
        cut(FileType::Png, 8),
        short_of(FileType::Png, 1),
        cut(FileType::Jpeg, 2),
        cut(FileType::Tiff, 4),
        cut(FileType::Dicom, 128),
        cut(FileType::Dicom, 132),
        cut(FileType::Hl7Xml, 60),
        short_of(FileType::Hl7Xml, 3),
        cut(FileType::FhirJson, 1),
        short_of(FileType::FhirJson, 2),
        // In the middle of a character.
        (FileType::Text, "température".as_bytes()[..5].to_vec()),
        cut(FileType::Mp4, 8),
    ]);
}

#[test]
fn files_of_two_types_at_once_are_refused() {
    let mut executable_dicom = dicom(b"MZ\x90\x00\x03\x00");
    executable_dicom.extend(b"PE\x00\x00");
    let behind = |file_type, more: &[u8]| [&sample(file_type)[..], more].concat();
    let marked_as_dicom = |file_type| {
        let mut bytes = sample(file_type);
        bytes.resize(128, b' ');
        [&bytes[..], b"DICM\x02\x00", &sample(file_type)[..]].concat()
    };
    let zip: Vec<u8> = [&b"PK\x03\x04"[..], &[0; 2048], b"PK\x05\x06"].concat();
    refused(&[
        (FileType::Dicom, executable_dicom),
        (FileType::Dicom, dicom(b"#!/bin/sh\nexit\n")),
        (FileType::Dicom, dicom(b"%PDF-1.7\n")),
        (
            FileType::Pdf,
            [b"GIF89a", &sample(FileType::Pdf)[..]].concat(),
        ),
        (FileType::Pdf, marked_as_dicom(FileType::Pdf)),
        (FileType::Pdf, behind(FileType::Pdf, &zip)),
        (FileType::Png, marked_as_dicom(FileType::Png)),
        (FileType::Png, behind(FileType::Png, b"PK\x03\x04")),
        (FileType::Jpeg, behind(FileType::Jpeg, b"%PDF-1.7\n%%EOF")),
        (FileType::Tiff, behind(FileType::Tiff, b"%PDF-1.7\n%%EOF")),
        (FileType::Mp4, behind(FileType::Mp4, b"%PDF-1.7\n%%EOF")),
        (FileType::Text, behind(FileType::Text, b"%PDF-1.7\n%%EOF")),
        (
            FileType::Hl7Xml,
            b"<!DOCTYPE a [<!ENTITY b \"c\">]><a xmlns=\"urn:hl7-org:v3\">&b;</a>".to_vec(),
        ),
        (
            FileType::Hl7Xml,
            b"<html xmlns=\"http://www.w3.org/1999/xhtml\" xmlns:h=\"urn:hl7-org:v3\"></html>"
                .to_vec(),
        ),
        (
            FileType::Hl7Xml,
            b"x<a xmlns=\"urn:hl7-org:v3\"></a>".to_vec(),
        ),
        (FileType::FhirJson, b"{<html>}".to_vec()),
        (
            FileType::FhirJson,
            b"[{\"resourceType\": \"Patient\"}]".to_vec(),
        ),
    ]);
}

#[test]
fn text_is_text_to_its_end() {
    for file_type in [FileType::Text, FileType::FhirJson, FileType::Hl7Xml] {
        for intruder in [
            &b"\x00"[..],
            b"\x1b[2J",
            b"\xff\xfe",
            b"\xc3",
            b"\x80",
            b"\xc2\x85",
        ] {
            let mut bytes = sample(file_type);
            let middle = bytes.iter().position(|byte| *byte == b' ').unwrap();
            bytes.splice(middle..middle, intruder.iter().copied());
            refused(&[(file_type, bytes)]);
        }
    }
}

#[test]
fn empty_files_are_refused() {
    for file_type in FileType::ALL {
        refused(&[(*file_type, [])]);
    }
}

#[test]
fn other_bytes_than_declared_are_told_by_size_and_then_by_hash() {
    let bytes = sample(FileType::Pdf);
    let declared = declared(FileType::Pdf, &bytes);
    let inspect = |bytes: &[u8]| {
        let mut inspection = Inspection::new(FileType::Pdf);
        inspection.read(bytes);
        inspection.conclude(&declared)
    };
    let mut other = bytes.clone();
    other[12] ^= 1;
    assert_eq!(inspect(&bytes), Verdict::Sound);
    assert_eq!(
        inspect(&other),
        Verdict::Rejected(Rejection::ChecksumMismatch)
    );
    assert_eq!(
        inspect(&bytes[1..]),
        Verdict::Rejected(Rejection::SizeMismatch)
    );
    assert_eq!(
        inspect(&[&bytes[..], b"\n"].concat()),
        Verdict::Rejected(Rejection::SizeMismatch)
    );
    assert_eq!(inspect(b""), Verdict::Rejected(Rejection::SizeMismatch));
}

proptest! {
    #[test]
    fn the_verdict_does_not_depend_on_how_the_bytes_arrive(
        file_type in proptest::sample::select(FileType::ALL),
        actual in proptest::sample::select(FileType::ALL),
        padding in 0_usize..40_000,
        cuts in proptest::collection::vec(0.0..1.0, 0..12),
    ) {
        let mut bytes = sample(actual);
        let middle = bytes.len() / 2;
        let middle = (middle..bytes.len()).find(|at| bytes[*at] < 0x80).unwrap_or(bytes.len());
        bytes.splice(middle..middle, "é".bytes().cycle().take(padding));
        let mut cuts: Vec<_> = cuts.iter().map(|cut| (cut * bytes.len() as f64) as usize).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();

        let mut inspection = Inspection::new(file_type);
        for pair in cuts.windows(2) {
            inspection.read(&bytes[pair[0]..pair[1]]);
        }
        prop_assert_eq!(inspection.conclude(&declared(file_type, &bytes)), verdict(file_type, &bytes));
    }
}
