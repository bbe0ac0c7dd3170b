//! Checks the marks at the beginning and the end of a file against its declared type. A file that
//! another program would open as another type is refused.

use infer::{archive, image, text, video};
use quick_xml::NsReader;
use quick_xml::events::Event;
use quick_xml::name::{Namespace, ResolveResult};

use crate::FileType;

/// How many bytes at the beginning are checked. In a CDA document, long comments may precede the root
/// tag.
pub(crate) const HEAD: usize = 16 * 1024;
/// How many bytes at the end are checked. Readers search this part of a PDF for its end mark.
pub(crate) const TAIL: usize = 1024;

const PNG_BEGIN: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR";
const PNG_END: &[u8] = b"\x00\x00\x00\x00IEND\xae\x42\x60\x82";

/// The length in bytes of the preamble of a DICOM file (PS3.10, section 7.1). `DICM` follows it.
const PREAMBLE: usize = 128;

pub(crate) fn begins_as(file_type: FileType, head: &[u8]) -> bool {
    match file_type {
        FileType::Pdf => head.starts_with(b"%PDF-") && !archive::is_dcm(head),
        FileType::Png => head.starts_with(PNG_BEGIN) && is_image_alone(head),
        FileType::Jpeg => image::is_jpeg(head) && is_image_alone(head),
        FileType::Tiff => is_tiff(head) && is_image_alone(head),
        FileType::Dicom => is_dicom(head),
        FileType::Hl7Xml => is_hl7_xml(head),
        FileType::FhirJson => is_json_object(head),
        FileType::Text => is_plain_text(head),
        FileType::Mp4 => video::is_mp4(head) && is_image_alone(head),
    }
}

/// Types without an end mark may end with any bytes. So may a JPEG: it has a mark, but cameras append
/// data of their own.
pub(crate) fn ends_as(file_type: FileType, tail: &[u8]) -> bool {
    match file_type {
        FileType::Pdf => tail.windows(5).any(|window| window == b"%%EOF"),
        FileType::Png => tail.ends_with(PNG_END),
        FileType::Hl7Xml => tail.trim_ascii_end().ends_with(b">"),
        FileType::FhirJson => tail.trim_ascii_end().ends_with(b"}"),
        _ => true,
    }
}

/// Whether neither a PDF reader nor a DICOM reader opens the file. PDF readers accept their mark anywhere
/// in the first KiB. DICOM readers accept any 128 bytes before theirs.
fn is_image_alone(head: &[u8]) -> bool {
    !archive::is_pdf(head) && !archive::is_dcm(head)
}

/// Replaces the test of `infer`, which mistakes a byte of pixel data for Canon's raw format and doesn't
/// know BigTIFF. Microscope slides are BigTIFF files.
fn is_tiff(head: &[u8]) -> bool {
    let (little, big) = (
        head.starts_with(b"II\x2a\x00"),
        head.starts_with(b"MM\x00\x2a"),
    );
    let classic = (little || big) && head.len() >= 8 && !image::is_cr2(head);
    classic
        || head.starts_with(b"II\x2b\x00\x08\x00\x00\x00")
        || head.starts_with(b"MM\x00\x2b\x00\x08\x00\x00")
}

/// Requires the mark `DICM` and group 0002 after it. The preamble must be empty, a TIFF header (PS3.10,
/// section 7.1) or no known type: an executable in the preamble can be run (CVE-2019-11687).
fn is_dicom(head: &[u8]) -> bool {
    let Some((preamble, rest)) = head.split_at_checked(PREAMBLE) else {
        return false;
    };
    let harmless = preamble.iter().all(|byte| *byte == 0)
        || is_tiff(preamble)
        || infer::get(preamble).is_none();
    harmless && rest.starts_with(b"DICM\x02\x00")
}

/// Requires a root element in one of HL7's namespaces, such as CDA's `urn:hl7-org:v3`. Refuses a document
/// type declaration: HL7 defines none, and entities can be used to attack parsers.
fn is_hl7_xml(head: &[u8]) -> bool {
    let mut reader = NsReader::from_reader(head);
    loop {
        match reader.read_resolved_event() {
            Ok((ResolveResult::Bound(Namespace(name)), Event::Start(_) | Event::Empty(_))) => {
                return name.starts_with(b"urn:hl7-org:");
            }
            Ok((_, Event::Decl(_) | Event::PI(_) | Event::Comment(_))) => {}
            Ok((_, Event::Text(text))) if text.trim_ascii().is_empty() => {}
            _ => return false,
        }
    }
}

fn is_json_object(head: &[u8]) -> bool {
    let inside = head.trim_ascii_start().strip_prefix(b"{");
    inside.is_some_and(|inside| inside.trim_ascii_start().starts_with(b"\""))
}

/// Refuses text formats that a program would run or render, also behind a byte order mark.
fn is_plain_text(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    !head.is_empty()
        && !text::is_html(head)
        && !text::is_xml(head)
        && !text::is_shellscript(head)
        && !archive::is_pdf(head)
        && !archive::is_rtf(head)
        && !archive::is_ps(head)
}
