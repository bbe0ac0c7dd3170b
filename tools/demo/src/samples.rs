//! Three small files that are valid for their type and hold nobody's data. They are made in code, so
//! that a reader can check their content.

use std::io::Write;

use bytes::Bytes;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

/// A file to upload.
#[derive(Debug)]
pub struct Sample {
    /// Its name.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Whether it belongs to a visit, rather than to the patient.
    pub of_visit: bool,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Width and height of the images, in pixels.
const SIDE: u16 = 64;

/// A PDF, a PNG and a DICOM file.
pub fn samples() -> [Sample; 3] {
    [
        Sample {
            name: "letter.pdf",
            media_type: "application/pdf",
            of_visit: false,
            bytes: pdf().into(),
        },
        Sample {
            name: "scan.png",
            media_type: "image/png",
            of_visit: false,
            bytes: png().into(),
        },
        Sample {
            name: "study.dcm",
            media_type: "application/dicom",
            of_visit: true,
            bytes: dicom().into(),
        },
    ]
}

/// A page with one line of text (ISO 32000-1, 7.5).
fn pdf() -> Vec<u8> {
    let text = "BT /F1 18 Tf 72 720 Td (Caretrail demo: a letter about nobody.) Tj ET";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    // The second line is a comment of four bytes over 127, which marks the file as binary.
    let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (index, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", index + 1).bytes());
    }
    let start = file.len();
    file.extend(table.bytes());
    let trailer = format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    );
    file.extend(trailer.bytes());
    file
}

/// Grey levels from corner to corner, a row after the other.
fn pixels() -> impl Iterator<Item = Vec<u8>> {
    (0..SIDE).map(|y| {
        (0..SIDE)
            .map(|x| u8::try_from((x + y) * 2).unwrap_or(u8::MAX))
            .collect()
    })
}

/// Eight bits of grey a pixel (PNG, third edition, 5 and 11.2).
fn png() -> Vec<u8> {
    let side = u32::from(SIDE).to_be_bytes();
    // Depth 8, greyscale, deflate, adaptive filtering, not interlaced.
    let header = [&side[..], &side[..], &[8, 0, 0, 0, 0]].concat();
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in pixels() {
        // Each row is preceded by its filter: none.
        let _ = encoder
            .write_all(&[0])
            .and_then(|()| encoder.write_all(&row));
    }
    let data = encoder.finish().unwrap_or_default();

    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", header), (b"IDAT", data), (b"IEND", Vec::new())] {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(&content);
        file.extend(
            u32::try_from(content.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        file.extend(kind);
        file.extend(content);
        file.extend(crc.sum().to_be_bytes());
    }
    file
}

/// A secondary capture image in Explicit VR Little Endian (DICOM PS3.10, 7.1 and PS3.5, 7.1.2).
fn dicom() -> Vec<u8> {
    const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
    const EXPLICIT_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
    // PS3.5, B.2: identifiers made of a UUID.
    const IMPLEMENTATION: &str = "2.25.210190926240183418937526912402829450001";
    const STUDY: &str = "2.25.210190926240183418937526912402829450002";
    const SERIES: &str = "2.25.210190926240183418937526912402829450003";
    const INSTANCE: &str = "2.25.210190926240183418937526912402829450004";

    let meta: Vec<u8> = [
        element(0x0002, 0x0001, "OB", &[0, 1]),
        text(0x0002, 0x0002, "UI", SECONDARY_CAPTURE),
        text(0x0002, 0x0003, "UI", INSTANCE),
        text(0x0002, 0x0010, "UI", EXPLICIT_LITTLE_ENDIAN),
        text(0x0002, 0x0012, "UI", IMPLEMENTATION),
    ]
    .concat();
    let length = u32::try_from(meta.len()).unwrap_or_default().to_le_bytes();
    let number = |group, tag, value: u16| element(group, tag, "US", &value.to_le_bytes());

    let mut file = vec![0; 128];
    file.extend(b"DICM");
    file.extend(element(0x0002, 0x0000, "UL", &length));
    file.extend(meta);
    let content = [
        text(0x0008, 0x0016, "UI", SECONDARY_CAPTURE),
        text(0x0008, 0x0018, "UI", INSTANCE),
        text(0x0008, 0x0020, "DA", "20200101"),
        text(0x0008, 0x0030, "TM", "120000"),
        text(0x0008, 0x0050, "SH", ""),
        text(0x0008, 0x0060, "CS", "OT"),
        text(0x0008, 0x0064, "CS", "SYN"),
        text(0x0008, 0x0090, "PN", ""),
        text(0x0010, 0x0010, "PN", "Nobody^Demo"),
        text(0x0010, 0x0020, "LO", "DEMO"),
        text(0x0010, 0x0030, "DA", ""),
        text(0x0010, 0x0040, "CS", "O"),
        text(0x0020, 0x000D, "UI", STUDY),
        text(0x0020, 0x000E, "UI", SERIES),
        text(0x0020, 0x0010, "SH", "1"),
        text(0x0020, 0x0011, "IS", "1"),
        text(0x0020, 0x0013, "IS", "1"),
        number(0x0028, 0x0002, 1),
        text(0x0028, 0x0004, "CS", "MONOCHROME2"),
        number(0x0028, 0x0010, SIDE),
        number(0x0028, 0x0011, SIDE),
        number(0x0028, 0x0100, 8),
        number(0x0028, 0x0101, 8),
        number(0x0028, 0x0102, 7),
        number(0x0028, 0x0103, 0),
        element(
            0x7FE0,
            0x0010,
            "OB",
            &pixels().flatten().collect::<Vec<_>>(),
        ),
    ];
    file.extend(content.concat());
    file
}

/// A data element of an even number of bytes; long lengths are those of OB.
fn element(group: u16, tag: u16, representation: &str, value: &[u8]) -> Vec<u8> {
    let mut element = [group.to_le_bytes(), tag.to_le_bytes()].concat();
    element.extend(representation.bytes());
    if representation == "OB" {
        element.extend([0, 0]);
        element.extend(u32::try_from(value.len()).unwrap_or_default().to_le_bytes());
    } else {
        element.extend(u16::try_from(value.len()).unwrap_or_default().to_le_bytes());
    }
    element.extend(value);
    element
}

/// Text, padded to an even length: identifiers with NUL, others with a space.
fn text(group: u16, tag: u16, representation: &str, value: &str) -> Vec<u8> {
    let mut value = value.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(if representation == "UI" { 0 } else { b' ' });
    }
    element(group, tag, representation, &value)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::ZlibDecoder;

    use super::*;

    #[test]
    fn the_pdf_finds_each_object_where_its_table_says() {
        let file = pdf();
        let text = String::from_utf8_lossy(&file).replace('\u{fffd}', "");
        let start: usize = text
            .split("startxref\n")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(file[start..].starts_with(b"xref\n0 6\n"));
        let table = String::from_utf8(file[start..].to_vec()).unwrap();
        for (index, line) in table.lines().skip(3).take(5).enumerate() {
            let at: usize = line[..10].parse().unwrap();
            assert!(file[at..].starts_with(format!("{} 0 obj\n", index + 1).as_bytes()));
        }
    }

    #[test]
    fn the_png_holds_all_rows_under_right_checksums() {
        let file = png();
        let mut rest = &file[8..];
        let mut data = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let mut crc = Crc::new();
            crc.update(&rest[4..8 + length]);
            assert_eq!(rest[8 + length..12 + length], crc.sum().to_be_bytes());
            if &rest[4..8] == b"IDAT" {
                ZlibDecoder::new(&rest[8..8 + length])
                    .read_to_end(&mut data)
                    .unwrap();
            }
            rest = &rest[12 + length..];
        }
        assert_eq!(data.len(), usize::from(SIDE) * (usize::from(SIDE) + 1));
    }

    #[test]
    fn the_dicom_file_is_a_sequence_of_elements_in_rising_order() {
        let file = dicom();
        assert_eq!(&file[128..132], b"DICM");
        let mut rest = &file[132..];
        let mut before = (0, 0);
        while !rest.is_empty() {
            let two = |at: usize| u16::from_le_bytes([rest[at], rest[at + 1]]);
            let tag = (two(0), two(2));
            assert!(tag > before, "{tag:x?} after {before:x?}");
            before = tag;
            let (start, length) = match &rest[4..6] {
                b"OB" => (
                    12,
                    u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize,
                ),
                _ => (8, usize::from(two(6))),
            };
            assert_eq!(length % 2, 0);
            if tag == (0x0002, 0x0000) {
                let meta = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
                assert_eq!(&rest[12 + meta..14 + meta], &[0x08, 0x00]);
            }
            rest = &rest[start + length..];
        }
        assert_eq!(before, (0x7FE0, 0x0010));
    }
}
