//! The verdicts on sound, mislabelled, truncated, damaged, polyglot and empty files.
#![expect(clippy::unwrap_used, reason = "tests, their helpers too")]

#[path = "../../../tests/src/samples.rs"]
mod samples;

use std::fmt::Debug;

use aws_lc_rs::digest::{SHA256, digest};
use files::{Declared, FileType, Inspection, Rejection, Verdict};
use proptest::prelude::*;

const MISMATCH: Verdict = Verdict::Rejected(Rejection::TypeMismatch);
const BROKEN: Verdict = Verdict::Rejected(Rejection::BrokenStructure);

fn declared(file_type: FileType, bytes: &[u8]) -> Declared {
    Declared {
        file_type,
        size: i64::try_from(bytes.len()).unwrap(),
        sha256: hex::encode(digest(&SHA256, bytes)).parse().unwrap(),
    }
}

/// The verdict on bytes whose size and hash match the declaration, so that only the type decides.
fn verdict(file_type: FileType, bytes: &[u8]) -> Verdict {
    let mut inspection = Inspection::new(file_type);
    inspection.read(bytes);
    inspection.conclude(&declared(file_type, bytes))
}

fn dicom(preamble: &[u8]) -> Vec<u8> {
    let mut whole = [0; 128];
    whole[..preamble.len()].copy_from_slice(preamble);
    samples::dicom(&whole, "preamble")
}

/// A sound file of this type.
fn sample(file_type: FileType) -> Vec<u8> {
    samples::sample(file_type.media_type(), "Größe")
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

fn broken(cases: &[(FileType, impl AsRef<[u8]> + Debug)]) {
    for (file_type, bytes) in cases {
        assert_eq!(
            verdict(*file_type, bytes.as_ref()),
            BROKEN,
            "{file_type:?}: {bytes:?}"
        );
    }
}

/// The sample with each occurrence of these bytes replaced.
fn with(file_type: FileType, old: &[u8], new: &[u8]) -> Vec<u8> {
    let bytes = sample(file_type);
    let mut changed = Vec::new();
    let mut rest = &bytes[..];
    while let Some(at) = rest.windows(old.len()).position(|window| window == old) {
        changed.extend_from_slice(&rest[..at]);
        changed.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    assert_ne!(rest, bytes, "{file_type:?} contains these bytes");
    [&changed[..], rest].concat()
}

/// The type and the sample with each occurrence of these bytes replaced.
fn altered(file_type: FileType, old: &[u8], new: &[u8]) -> (FileType, Vec<u8>) {
    (file_type, with(file_type, old, new))
}

#[test]
fn sound_files_pass() {
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
    let behind = |file_type, more: &[u8]| [&sample(file_type)[..], more].concat();
    for (file_type, bytes) in [
        (FileType::Hl7Xml, bare.to_vec()),
        (FileType::Hl7Xml, prefixed.to_vec()),
        (FileType::Dicom, dicom(b"II\x2a\x00\x08\x00\x00\x00")),
        // Cameras append data of their own to a JPEG.
        (
            FileType::Jpeg,
            behind(FileType::Jpeg, b"trailer of a camera"),
        ),
        (FileType::Pdf, cross_reference_stream()),
        (FileType::Pdf, behind(FileType::Pdf, b"\r\n\r\n")),
        (FileType::Tiff, big_endian_tiff()),
        (FileType::Tiff, big_tiff()),
        (FileType::Dicom, implicit_dicom()),
        (FileType::Dicom, encapsulated_dicom()),
        (FileType::Mp4, mp4_with_long_media()),
    ] {
        assert_eq!(
            verdict(file_type, &bytes),
            Verdict::Sound,
            "{file_type:?}: {bytes:?}"
        );
    }
}

/// A PDF whose cross-references and objects are in streams, as in most PDFs.
fn cross_reference_stream() -> Vec<u8> {
    let mut file =
        b"%PDF-1.7\n4 0 obj<</Type/ObjStm/N 2/First 8/Length 0>>stream\n\nendstream endobj\n"
            .to_vec();
    let start = file.len();
    file.extend_from_slice(b"5 0 obj\n<< /Type /XRef /Size 6 /Root 1 0 R /W [1 2 1] /Length 0 >>stream\n\nendstream\nendobj\n");
    file.extend_from_slice(format!("startxref\n{start}\n%%EOF\n").as_bytes());
    file
}

/// Contains a directory, then the offsets of two strips, then the strips.
fn big_endian_tiff() -> Vec<u8> {
    let mut file = b"MM\0\x2a\0\0\0\x08\0\x04".to_vec();
    for entry in [
        b"\x01\0\0\x03\0\0\0\x01\0\x01\0\0",
        b"\x01\x01\0\x03\0\0\0\x01\0\x02\0\0",
        b"\x01\x11\0\x04\0\0\0\x02\0\0\0\x3e",
        b"\x01\x17\0\x03\0\0\0\x02\0\x01\0\x01",
    ] {
        file.extend_from_slice(entry);
    }
    file.extend_from_slice(&[0; 4]);
    assert_eq!(file.len(), 62);
    file.extend_from_slice(b"\0\0\0\x46\0\0\0\x47");
    file.extend_from_slice(b"ab");
    file
}

fn big_tiff() -> Vec<u8> {
    let mut file = b"II\x2b\0\x08\0\0\0".to_vec();
    file.extend_from_slice(&16_u64.to_le_bytes());
    file.extend_from_slice(&4_u64.to_le_bytes());
    for (tag, value) in [(256_u16, 1_u64), (257, 1), (324, 112), (325, 4)] {
        file.extend_from_slice(&tag.to_le_bytes());
        // One value of type LONG8.
        file.extend_from_slice(b"\x10\0\x01\0\0\0\0\0\0\0");
        file.extend_from_slice(&value.to_le_bytes());
    }
    file.extend_from_slice(&[0; 8]);
    assert_eq!(file.len(), 112);
    file.extend_from_slice(b"tile");
    file
}

fn implicit_dicom() -> Vec<u8> {
    let data_set = [
        &b"\x08\0\x16\0\x04\0\0\x001.2\0"[..],
        // A sequence of undefined length with an item of undefined length.
        b"\x08\0\x40\x11\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff",
        b"\x08\0\x50\x11\x02\0\0\x001\0",
        b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0",
    ];
    samples::dicom_of("1.2.840.10008.1.2\0", &[0; 128], &data_set.concat())
}

fn encapsulated_dicom() -> Vec<u8> {
    let data_set = [
        &b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff"[..],
        b"\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\x04\0\0\0\xff\xd8\xff\xd9",
        b"\xfe\xff\xdd\xe0\0\0\0\0",
    ];
    samples::dicom_of("1.2.840.10008.1.2.4.50", &[0; 128], &data_set.concat())
}

/// Its media box has a length of 64 bits, and the box after it has no length.
fn mp4_with_long_media() -> Vec<u8> {
    let mut file = samples::mp4("short");
    file.extend_from_slice(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x14long\0\0\0\0free to the end");
    file
}

#[test]
fn a_file_under_the_name_of_any_other_type_is_refused() {
    for actual in FileType::ALL {
        for claimed in FileType::ALL {
            // Markup is also text, unless it begins like a format that a program runs or renders.
            let reads_as_text = (*actual, *claimed) == (FileType::FhirJson, FileType::Text);
            if actual != claimed && !reads_as_text {
                refused(&[(*claimed, sample(*actual))]);
            }
        }
    }
}

#[test]
fn types_that_are_not_accepted_are_refused_whatever_type_is_declared() {
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
            // An SVG is harmless if it is served as plain text.
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
        // The text ends in the middle of a character.
        (FileType::Text, "température".as_bytes()[..5].to_vec()),
        cut(FileType::Mp4, 8),
    ]);
    broken(&[
        short_of(FileType::Jpeg, 1),
        short_of(FileType::Tiff, 1),
        short_of(FileType::Dicom, 1),
        short_of(FileType::Mp4, 1),
    ]);
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused_unless_the_rest_is_sound() {
    for file_type in FileType::ALL {
        let bytes = sample(*file_type);
        // A text that ends early is sound. So is a DICOM data set that ends between two elements.
        let sound: Vec<usize> = (0..bytes.len())
            .filter(|keep| verdict(*file_type, &bytes[..*keep]) == Verdict::Sound)
            .collect();
        let expected = match file_type {
            FileType::Text => continue,
            // Only the line feed at the end is missing.
            FileType::Pdf | FileType::Hl7Xml | FileType::FhirJson => vec![bytes.len() - 1],
            FileType::Dicom => {
                let pixels = bytes.len() - 14;
                vec![pixels - 16, pixels]
            }
            _ => Vec::new(),
        };
        assert_eq!(sound, expected, "{file_type:?} of {}", bytes.len());
    }
}

#[test]
fn damaged_files_are_refused() {
    let long = vec![b'a'; 70];
    broken(&[
        // PDF: the table is elsewhere, there is no root, there are no pages, the end names no place.
        altered(FileType::Pdf, b"startxref\n1", b"startxref\n2"),
        altered(FileType::Pdf, b"/Root", b"/Boot"),
        altered(FileType::Pdf, b"/Pages", b"/Pagez"),
        altered(FileType::Pdf, b"startxref", b"startxxxx"),
        // PNG: a wrong checksum, no image data, a width of 0.
        altered(FileType::Png, b"x\x9cc`", b"x\x9cca"),
        altered(FileType::Png, b"IDAT", b"IDAU"),
        (FileType::Png, samples::png(0, 1)),
        // JPEG: no frame, no scan, a second beginning, a segment with a length of 1, sides of 0.
        altered(FileType::Jpeg, b"\xff\xc0", b"\xff\xe1"),
        altered(FileType::Jpeg, b"\xff\xda", b"\xff\xe1"),
        altered(FileType::Jpeg, b"\xff\xda", b"\xff\xd8"),
        altered(FileType::Jpeg, b"\xff\xda\0\x08", b"\xff\xda\0\x01"),
        (FileType::Jpeg, samples::jpeg(0, "")),
        // TIFF: the directory is outside of the file or in its header, a strip is outside, the image has
        // no height, a value is outside, the file ends early.
        (
            FileType::Tiff,
            b"II\x2a\0\xff\0\0\0\0\0\0\0\0\0\0\0".to_vec(),
        ),
        (
            FileType::Tiff,
            b"II\x2a\0\x04\0\0\0\0\0\0\0\0\0\0\0".to_vec(),
        ),
        altered(
            FileType::Tiff,
            b"\x17\x01\x04\0\x01\0\0\0\x01",
            b"\x17\x01\x04\0\x01\0\0\0\xff",
        ),
        altered(
            FileType::Tiff,
            b"\x01\x01\x04\0\x01\0\0\0\x01",
            b"\x01\x01\x04\0\x01\0\0\0\0",
        ),
        altered(
            FileType::Tiff,
            b"\x02\x01\x04\0\x01\0",
            b"\x02\x01\x04\0\xff\xff",
        ),
        (
            FileType::Tiff,
            with(
                FileType::Tiff,
                b"\x02\x01\x04\0\x01\0\0\0",
                b"\x02\x01\x05\0\0\0\0\0",
            )[..60]
                .to_vec(),
        ),
        // DICOM: no class, no instance, no transfer syntax, a group or an element that is too long, an
        // unknown value representation, no data set, UIDs that are none or too long.
        altered(FileType::Dicom, b"\x02\0\x02\0UI", b"\x02\0\x04\0UI"),
        altered(FileType::Dicom, b"\x02\0\x03\0UI", b"\x02\0\x04\0UI"),
        altered(FileType::Dicom, b"\x02\0\x10\0UI", b"\x02\0\x04\0UI"),
        altered(FileType::Dicom, b"UL\x04\0", b"UL\x04\x01"),
        altered(FileType::Dicom, b"OW\0\0\x02", b"OW\0\0\x03"),
        altered(FileType::Dicom, b"LO", b"lo"),
        (
            FileType::Dicom,
            samples::dicom_of("1.2.840.10008.1.2.1", &[0; 128], b""),
        ),
        (
            FileType::Dicom,
            samples::dicom_of("other", &[0; 128], b"\x08\0\x16\0UI\0\0"),
        ),
        (
            FileType::Dicom,
            samples::dicom_of(
                &format!("1.{}", "2".repeat(70)),
                &[0; 128],
                b"\x08\0\x16\0UI\0\0",
            ),
        ),
        // DICOM: an item outside of a sequence, and a sequence whose content is no item.
        (
            FileType::Dicom,
            samples::dicom_of("1.2", &[0; 128], b"\xfe\xff\0\xe0\0\0\0\0"),
        ),
        (
            FileType::Dicom,
            samples::dicom_of(
                "1.2",
                &[0; 128],
                b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\x08\0\x16\0UI\0\0",
            ),
        ),
        // XML: another end tag, two roots, an open root, an undefined entity, an attribute twice, a
        // document type declaration, text after the root.
        altered(FileType::Hl7Xml, b"</title>", b"</titel>"),
        altered(
            FileType::Hl7Xml,
            b"</ClinicalDocument>",
            b"</ClinicalDocument><a></a>",
        ),
        (
            FileType::Hl7Xml,
            with(FileType::Hl7Xml, b"</ClinicalDocument>", b"")[..]
                .trim_ascii_end()
                .to_vec(),
        ),
        altered(FileType::Hl7Xml, b"&amp;", b"&bomb;"),
        altered(FileType::Hl7Xml, b"<title>", b"<title a='1' a='2'>"),
        altered(
            FileType::Hl7Xml,
            b"&amp;",
            b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
        ),
        altered(
            FileType::Hl7Xml,
            b"</ClinicalDocument>",
            b"</ClinicalDocument>text >",
        ),
        // JSON: no comma, no quote, a second value, no resource type, two, or an invalid one.
        altered(FileType::FhirJson, b"\"Basic\",", b"\"Basic\""),
        altered(FileType::FhirJson, b"\"Basic\",", b"\"Basic,"),
        altered(FileType::FhirJson, b"}\n", b"}{}"),
        altered(FileType::FhirJson, b"resourceType", b"resourcetype"),
        altered(FileType::FhirJson, b"language", b"resourceType"),
        altered(FileType::FhirJson, b"\"Basic\"", b"\"<b>\""),
        altered(FileType::FhirJson, b"\"Basic\"", b"7"),
        // MP4: no movie, no track, no media, a box longer than the box around it, a box shorter than its
        // header, bytes that are no box.
        altered(FileType::Mp4, b"moov", b"free"),
        altered(FileType::Mp4, b"trak", b"free"),
        altered(FileType::Mp4, b"mdat", b"free"),
        altered(FileType::Mp4, b"\0\0\0\x6cmvhd", b"\0\0\x01\x6cmvhd"),
        altered(FileType::Mp4, b"\0\0\0\x6cmvhd", b"\0\0\0\x07mvhd"),
        (FileType::Mp4, [samples::mp4("more"), long].concat()),
    ]);
}

#[test]
fn bombs_are_refused() {
    let open = |what: &str, times: usize| what.repeat(times);
    let json = |times| {
        format!(
            "{{\"resourceType\":\"Basic\",\"a\":{}{}}}\n",
            open("[", times),
            open("]", times)
        )
    };
    let xml = |times| {
        let inside = format!("{}{}", open("<a>", times), open("</a>", times));
        format!("<a xmlns=\"urn:hl7-org:v3\">{inside}</a>")
    };
    let dicom = |times| {
        let sequence = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff";
        let end = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0";
        samples::dicom_of(
            "1.2.840.10008.1.2.1",
            &[0; 128],
            &[sequence.repeat(times), end.repeat(times)].concat(),
        )
    };
    for (file_type, bytes) in [
        (FileType::FhirJson, json(100).into_bytes()),
        (FileType::Hl7Xml, xml(200).into_bytes()),
        (FileType::Dicom, dicom(30)),
        (FileType::Png, samples::png(16_384, 16_384)),
        (FileType::Jpeg, samples::jpeg(16_384, "")),
    ] {
        assert_eq!(verdict(file_type, &bytes), Verdict::Sound, "{file_type:?}");
    }
    let attributes: String = (0..1000).map(|number| format!(" a{number}=''")).collect();
    let attributes = format!("<a xmlns=\"urn:hl7-org:v3\"><b{attributes}/></a>");
    // A name of one MiB.
    let name = format!(
        "{{\"{}\": 1, \"resourceType\": \"Basic\"}}",
        open("a", 1 << 20)
    );
    for (file_type, bytes) in [
        (FileType::FhirJson, json(1_000_000).into_bytes()),
        (FileType::FhirJson, name.into_bytes()),
        (FileType::Hl7Xml, xml(300_000).into_bytes()),
        (FileType::Hl7Xml, attributes.into_bytes()),
        (FileType::Dicom, dicom(100_000)),
        (FileType::Png, samples::png(60_000, 60_000)),
        (FileType::Jpeg, samples::jpeg(u16::MAX, "")),
    ] {
        assert_eq!(verdict(file_type, &bytes), BROKEN, "{file_type:?}");
    }
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
fn text_with_a_byte_that_is_not_text_is_refused() {
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
    /// Each damaged file gets a verdict, and no check panics or hangs.
    #[test]
    fn damage_anywhere_leads_to_a_verdict(
        file_type in proptest::sample::select(FileType::ALL),
        damage in proptest::collection::vec((0.0..1.0, any::<u8>()), 1..6),
    ) {
        let mut bytes = sample(file_type);
        for (place, byte) in damage {
            let place = (place * bytes.len() as f64) as usize;
            bytes[place] = byte;
        }
        prop_assert!([Verdict::Sound, MISMATCH, BROKEN].contains(&verdict(file_type, &bytes)));
    }

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

const CDA: &str =
    "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>Größe 1,80 m</title></ClinicalDocument>";

/// A CDA document with this declaration.
fn document(declaration: &str) -> String {
    format!("<?xml version=\"1.0\" {declaration}?>\n<!-- a note -->\n{CDA}\n")
}

fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

/// XML files in many encodings, each with a name.
fn encoded() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for (mark, declaration) in [
        ("\u{feff}", ""),
        ("\u{feff}", "encoding=\"UTF-16\""),
        ("\u{feff}", "encoding='utf-16' standalone='yes'"),
        ("", "encoding=\"UTF-16\""),
    ] {
        let text = format!("{mark}{}", document(declaration));
        files.push((
            format!("UTF-16LE {declaration}"),
            utf_16(&text, u16::to_le_bytes),
        ));
        files.push((
            format!("UTF-16BE {declaration}"),
            utf_16(&text, u16::to_be_bytes),
        ));
    }
    let named = utf_16(&document("encoding=\"UTF-16BE\""), u16::to_be_bytes);
    files.push(("UTF-16BE by name".to_owned(), named));
    files.push((
        "UTF-16LE, no declaration".to_owned(),
        utf_16(&format!("\u{feff}{CDA}"), u16::to_le_bytes),
    ));
    for label in [
        "ISO-8859-1",
        "iso-8859-15",
        "windows-1252",
        "latin1",
        "macintosh",
        "GB18030",
        "UTF-8",
        "utf8",
    ] {
        let text = document(&format!("encoding=\"{label}\""));
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
        let (bytes, _, is_lossy) = encoding.encode(&text);
        assert!(!is_lossy, "{label}");
        files.push((label.to_owned(), bytes.into_owned()));
    }
    files.push((
        "UTF-8 with a mark".to_owned(),
        format!("\u{feff}{}", document("encoding=\"UTF-8\"")).into_bytes(),
    ));
    files
}

#[test]
fn xml_is_recognised_in_the_encoding_that_it_declares() {
    for (name, bytes) in encoded() {
        assert_eq!(verdict(FileType::Hl7Xml, &bytes), Verdict::Sound, "{name}");
    }
}

#[test]
fn xml_in_any_encoding_is_checked_like_xml_in_utf_8() {
    for (name, bytes) in encoded() {
        // A file that lacks its end doesn't end as XML does.
        let cut = &bytes[..bytes.len() - 6];
        assert_eq!(verdict(FileType::Hl7Xml, cut), MISMATCH, "{name}");
        let is_wide = name.starts_with("UTF-16");
        let order = if name.starts_with("UTF-16BE") {
            u16::to_be_bytes
        } else {
            u16::to_le_bytes
        };
        let as_bytes = |text: &str| match is_wide {
            true => utf_16(text, order),
            false => text.as_bytes().to_vec(),
        };
        for (old, new, expected) in [
            ("</title>", "</titel>", BROKEN),
            ("<title>", "<title a='1' a='2'>", BROKEN),
            ("1,80 m", "&bomb;", BROKEN),
            ("1,80 m", "\u{1}", MISMATCH),
            ("urn:hl7-org:v3", "http://www.w3.org/1999/xhtml", MISMATCH),
            (
                "<ClinicalDocument ",
                "<!DOCTYPE a><ClinicalDocument ",
                MISMATCH,
            ),
        ] {
            let (old, new) = (as_bytes(old), as_bytes(new));
            let at = bytes
                .windows(old.len())
                .position(|window| window == old)
                .unwrap();
            let changed = [&bytes[..at], &new, &bytes[at + old.len()..]].concat();
            assert_eq!(verdict(FileType::Hl7Xml, &changed), expected, "{name}");
        }
    }
}

#[test]
fn xml_whose_bytes_contradict_its_declaration_is_refused() {
    let wide = |text: &str| utf_16(text, u16::to_le_bytes);
    let latin = |declaration: &str| {
        let text = document(declaration);
        text.chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect::<Vec<u8>>()
    };
    let mut half = wide(&format!("\u{feff}{}", document("")));
    half.pop();
    let mut surrogate = wide(&format!("\u{feff}{}", document("")));
    surrogate.splice(80..80, [0x00, 0xd8]);
    let wide_32: Vec<u8> = format!("\u{feff}{}", document("encoding=\"UTF-32\""))
        .chars()
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect();
    refused(&[
        // Latin-1 that declares nothing, UTF-8 or an encoding that nobody knows.
        (FileType::Hl7Xml, latin("")),
        (FileType::Hl7Xml, latin("encoding=\"UTF-8\"")),
        (FileType::Hl7Xml, latin("encoding=\"zebrafish\"")),
        (FileType::Hl7Xml, latin("encoding=\"UTF-7\"")),
        // Bytes of another width than declared.
        (FileType::Hl7Xml, latin("encoding=\"UTF-16\"")),
        (FileType::Hl7Xml, wide(&document("encoding=\"UTF-8\""))),
        (
            FileType::Hl7Xml,
            wide(&format!("\u{feff}{}", document("encoding=\"ISO-8859-1\""))),
        ),
        (
            FileType::Hl7Xml,
            wide(&format!("\u{feff}{}", document("encoding=\"UTF-16BE\""))),
        ),
        (FileType::Hl7Xml, wide(&document(""))),
        (
            FileType::Hl7Xml,
            format!("\u{feff}{}", document("encoding=\"ISO-8859-1\"")).into_bytes(),
        ),
        (FileType::Hl7Xml, half),
        (FileType::Hl7Xml, surrogate),
        (FileType::Hl7Xml, wide_32),
    ]);
}

#[test]
fn xml_and_html_behind_a_byte_order_mark_are_no_plain_text() {
    let wide = utf_16(&format!("\u{feff}{}", document("")), u16::to_le_bytes);
    refused(&[
        (
            FileType::Text,
            format!("\u{feff}{}", document("")).into_bytes(),
        ),
        (
            FileType::Text,
            "\u{feff}<html><script>alert(1)</script></html>"
                .as_bytes()
                .to_vec(),
        ),
        (FileType::Text, wide),
    ]);
    assert_eq!(
        verdict(FileType::Text, "\u{feff}Größe".as_bytes()),
        Verdict::Sound
    );
}

proptest! {
    #[test]
    fn the_verdict_on_xml_does_not_depend_on_the_chunks(which in 0_usize..18, size in 1_usize..40) {
        let files = encoded();
        let (name, bytes) = &files[which % files.len()];
        let mut inspection = Inspection::new(FileType::Hl7Xml);
        for chunk in bytes.chunks(size) {
            inspection.read(chunk);
        }
        let sound = inspection.conclude(&declared(FileType::Hl7Xml, bytes));
        prop_assert_eq!(sound, Verdict::Sound, "{}", name);
    }

    #[test]
    fn long_xml_in_any_encoding_is_sound_in_any_chunks(words in prop::collection::vec("[a-zäöüß€ ]{0,40}", 0..200), size in 1_usize..3000) {
        let text = document("encoding=\"UTF-16\"").replace("1,80 m", &words.join(" "));
        let bytes = utf_16(&format!("\u{feff}{text}"), u16::to_be_bytes);
        let mut inspection = Inspection::new(FileType::Hl7Xml);
        bytes.chunks(size).for_each(|chunk| inspection.read(chunk));
        prop_assert_eq!(inspection.conclude(&declared(FileType::Hl7Xml, &bytes)), Verdict::Sound);
    }
}
