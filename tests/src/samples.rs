//! Small files of every accepted type, with complete structure and without personal data. The tests
//! of `files` include this file too.

/// Returns a file of this media type. Each mark gives a different file, if the type has room for
/// one.
pub fn sample(media_type: &str, mark: &str) -> Vec<u8> {
    match media_type {
        "application/pdf" => pdf(mark),
        "image/png" => png(1, 1),
        "image/jpeg" => jpeg(1, mark),
        "image/tiff" => tiff(mark),
        "application/dicom" => dicom(&[0; 128], mark),
        "application/xml" => xml(mark),
        "application/fhir+json" => {
            format!("{{\n \"resourceType\": \"Basic\", \"language\": \"{mark}\"}}\n").into_bytes()
        }
        "text/plain" => format!("BMI 27, température 37,2 °C\r\n\t{mark}\n").into_bytes(),
        "video/mp4" => mp4(mark),
        other => panic!("{other} is not an accepted type"),
    }
}

/// A PDF without pages, with its cross-references as a table (ISO 32000-1, 7.5.4).
pub fn pdf(mark: &str) -> Vec<u8> {
    let mut file = format!("%PDF-1.7\n% {mark}\n").into_bytes();
    let mut table = "xref\n0 3\n0000000000 65535 f \n".to_owned();
    for object in [
        "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n",
        "2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n",
    ] {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend_from_slice(object.as_bytes());
    }
    let start = file.len();
    let end = format!("trailer<</Size 3/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n");
    [file, table.into_bytes(), end.into_bytes()].concat()
}

/// A PNG of transparent pixels. It contains the data of only one pixel.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let header = [&sides[..], b"\x08\x06\0\0\0"].concat();
    [
        &b"\x89PNG\r\n\x1a\n"[..],
        &chunk(b"IHDR", &header),
        &chunk(b"IDAT", b"\x78\x9cc`\0\x02\0\0\x05\0\x01"),
        &chunk(b"IEND", b""),
    ]
    .concat()
}

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let checked = [kind, content].concat();
    // CRC-32 as in PNG (third edition, annex D), bit by bit.
    let checksum = checked.iter().fold(u32::MAX, |checksum, byte| {
        (0..8).fold(checksum ^ u32::from(*byte), |rest, _| {
            let polynomial = if rest & 1 == 1 { 0xedb8_8320 } else { 0 };
            (rest >> 1) ^ polynomial
        })
    });
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    [
        &length.to_be_bytes()[..],
        &checked,
        &(!checksum).to_be_bytes(),
    ]
    .concat()
}

/// A grey JPEG with sides of this length. It contains the data of only one block.
pub fn jpeg(side: u16, mark: &str) -> Vec<u8> {
    let side = side.to_be_bytes();
    let frame = [&b"\x08"[..], &side, &side, b"\x01\x01\x11\x00"].concat();
    [
        &b"\xff\xd8"[..],
        &segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
        &segment(0xfe, mark.as_bytes()),
        &segment(0xc0, &frame),
        &segment(0xda, b"\x01\x01\0\0\x3f\0"),
        b"\x3f\xff\x00\x3f\xff\xd0\x3f\xff\xd9",
    ]
    .concat()
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap_or(u16::MAX);
    [&[0xff, marker], &length.to_be_bytes()[..], content].concat()
}

/// A grey TIFF of one pixel, with its directory at the end.
pub fn tiff(mark: &str) -> Vec<u8> {
    let mut file = b"II\x2a\x00\0\0\0\0\x7f\0".to_vec();
    file.extend_from_slice(mark.as_bytes());
    file.resize(file.len().next_multiple_of(2), 0);
    let directory = u32::try_from(file.len()).unwrap_or(u32::MAX);
    file[4..8].copy_from_slice(&directory.to_le_bytes());
    let entries: [(u16, u32); 8] = [
        (256, 1),
        (257, 1),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (278, 1),
        (279, 1),
    ];
    file.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    for (tag, value) in entries {
        file.extend_from_slice(&tag.to_le_bytes());
        // One value of type LONG.
        file.extend_from_slice(b"\x04\0\x01\0\0\0");
        file.extend_from_slice(&value.to_le_bytes());
    }
    file.extend_from_slice(&[0; 4]);
    file
}

/// A DICOM file of one pixel in Explicit VR Little Endian after this preamble (PS3.10, 7.1).
pub fn dicom(preamble: &[u8; 128], mark: &str) -> Vec<u8> {
    dicom_of(
        "1.2.840.10008.1.2.1",
        preamble,
        &[
            element(0x0008, 0x0016, b"UI", b"1.2.840.10008.5.1.4.1.1.7\0"),
            element(0x0010, 0x0020, b"LO", mark.as_bytes()),
            element(0x7fe0, 0x0010, b"OW", &[0x7f, 0]),
        ]
        .concat(),
    )
}

/// A DICOM file with this data set in this transfer syntax.
pub fn dicom_of(transfer_syntax: &str, preamble: &[u8; 128], data_set: &[u8]) -> Vec<u8> {
    let meta = [
        element(0x0002, 0x0001, b"OB", &[0, 1]),
        element(0x0002, 0x0002, b"UI", b"1.2.840.10008.5.1.4.1.1.7\0"),
        element(
            0x0002,
            0x0003,
            b"UI",
            b"2.25.210190926240183418937526912402829450004",
        ),
        element(0x0002, 0x0010, b"UI", transfer_syntax.as_bytes()),
    ]
    .concat();
    let length = u32::try_from(meta.len()).unwrap_or(u32::MAX);
    [
        &preamble[..],
        b"DICM",
        &element(0x0002, 0x0000, b"UL", &length.to_le_bytes()),
        &meta,
        data_set,
    ]
    .concat()
}

/// A data element, padded to an even length.
pub fn element(group: u16, tag: u16, representation: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if representation == b"UI" { 0 } else { b' ' });
    }
    let mut element = [group.to_le_bytes(), tag.to_le_bytes(), *representation].concat();
    if matches!(representation, b"OB" | b"OW" | b"SQ" | b"UN") {
        element.extend_from_slice(&[0, 0]);
        element.extend_from_slice(&(value.len() as u32).to_le_bytes());
    } else {
        element.extend_from_slice(&(value.len() as u16).to_le_bytes());
    }
    [element, value].concat()
}

fn xml(mark: &str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\"?>\n<?xml-stylesheet href=\"CDA.xsl\"?>\n<!-- a note -->\n\
         <ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>{mark} &amp; more</title></ClinicalDocument>\n"
    )
    .into_bytes()
}

/// A video with the beginning of one track.
pub fn mp4(mark: &str) -> Vec<u8> {
    let movie = [
        mp4_box(b"mvhd", &[0; 100]),
        mp4_box(b"trak", &mp4_box(b"tkhd", &[0; 84])),
    ]
    .concat();
    [
        mp4_box(b"ftyp", b"isom\0\0\x02\0isomiso2"),
        mp4_box(b"moov", &movie),
        mp4_box(b"mdat", mark.as_bytes()),
    ]
    .concat()
}

/// A box of this type (ISO/IEC 14496-12, 4.2).
pub fn mp4_box(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], kind, content].concat()
}
