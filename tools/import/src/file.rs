//! Opens a bundle's file and reads its entries.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use fhir::bundle::{self, Entry};
use flate2::bufread::MultiGzDecoder;

use crate::summary::Complaint;

/// The entries of a bundle, in its order. A file whose name ends in `.gz` must be gzip.
///
/// # Errors
/// The file can't be read, isn't gzip, isn't JSON, or isn't a Bundle.
pub fn read(file: &Path) -> Result<Vec<Entry>, Complaint> {
    let complain = |reason: String| Complaint::of_file(file, reason);
    let opened =
        File::open(file).map_err(|error| complain(format!("can't be opened: {}", error.kind())))?;
    let mut reader = BufReader::new(opened);
    let start = reader
        .fill_buf()
        .map_err(|error| complain(format!("can't be read: {}", error.kind())))?;
    let gzip = start.starts_with(&[0x1f, 0x8b]);
    if !gzip && file.extension().is_some_and(|extension| extension == "gz") {
        return Err(complain("is not gzip".into()));
    }
    let reader: Box<dyn Read> = if gzip {
        Box::new(MultiGzDecoder::new(reader))
    } else {
        Box::new(reader)
    };
    bundle::read(BufReader::new(reader)).map_err(|error| complain(describe(&error)))
}

/// Names the fault without quoting the file.
fn describe(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Io => match error.io_error_kind() {
            Some(
                io::ErrorKind::InvalidInput
                | io::ErrorKind::InvalidData
                | io::ErrorKind::UnexpectedEof,
            ) => "its gzip data is damaged".into(),
            kind => format!("can't be read: {}", kind.unwrap_or(io::ErrorKind::Other)),
        },
        Category::Eof => "ends in the middle of its JSON".into(),
        Category::Syntax => format!(
            "is not JSON (line {}, column {})",
            error.line(),
            error.column()
        ),
        Category::Data => "is not a FHIR Bundle".into(),
    }
}
