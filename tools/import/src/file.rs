//! Finds the files of an import, opens them and reads their entries.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use fhir::bundle::{self, Content, Entry, ReadError};
use flate2::bufread::MultiGzDecoder;

use crate::summary::Complaint;

/// The files of these paths, in sets that are imported together: each file by itself, and all NDJSON files together. A
/// folder stands for its JSON and NDJSON files and those of its folders. Also returns complaints about folders that
/// can't be read.
pub fn sets(paths: &[PathBuf]) -> (Vec<Vec<PathBuf>>, Vec<Complaint>) {
    let mut complaints = Vec::new();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            add_folder(path, &mut files, &mut complaints);
        } else {
            files.push(path.clone());
        }
    }
    let (together, alone): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|file| has_ending(file, &["ndjson", "jsonl"]));
    let mut sets: Vec<_> = alone.into_iter().map(|file| vec![file]).collect();
    if !together.is_empty() {
        sets.push(together);
    }
    (sets, complaints)
}

fn add_folder(folder: &Path, files: &mut Vec<PathBuf>, complaints: &mut Vec<Complaint>) {
    let paths = fs::read_dir(folder).and_then(|found| {
        found
            .map(|found| Ok(found?.path()))
            .collect::<Result<Vec<_>, _>>()
    });
    let mut paths = match paths {
        Ok(paths) => paths,
        Err(error) => {
            let reason = format!("can't be read: {}", error.kind());
            complaints.push(Complaint::of_file(folder, reason));
            return;
        }
    };
    paths.sort();
    for path in paths {
        if path.is_dir() {
            add_folder(&path, files, complaints);
        } else if has_ending(&path, &["json", "ndjson", "jsonl"]) {
            files.push(path);
        }
    }
}

/// Whether the file's name ends so, compressed or not.
fn has_ending(file: &Path, endings: &[&str]) -> bool {
    let plain = match file.extension() {
        Some(gzip) if gzip == "gz" => file.with_extension(""),
        _ => file.to_owned(),
    };
    let ending = plain.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| endings.contains(&ending))
}

/// The entries of all these files, and complaints about the files that can't be read.
pub fn read_all(files: &[PathBuf]) -> (Vec<Entry>, Vec<Complaint>) {
    let mut entries = Vec::new();
    let mut complaints = Vec::new();
    for file in files {
        match read(file) {
            Ok(more) => entries.extend(more),
            Err(complaint) => complaints.push(complaint),
        }
    }
    let mut seen = HashSet::new();
    for entry in &mut entries {
        if !entry.key.is_empty() && !seen.insert(entry.key.clone()) {
            entry.content = Content::Bad("repeats an earlier entry".into());
        }
    }
    (entries, complaints)
}

/// The entries of a file, in its order. A file whose name ends in `.gz` must be gzip.
///
/// # Errors
/// The file can't be read, isn't gzip, isn't JSON, or has something else than FHIR resources.
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
    let mut reader: Box<dyn BufRead> = if gzip {
        Box::new(BufReader::new(MultiGzDecoder::new(reader)))
    } else {
        Box::new(reader)
    };
    // Some systems write a byte order mark, which JSON doesn't have (RFC 8259, section 8.1).
    if let Ok(start) = reader.fill_buf()
        && start.starts_with("\u{feff}".as_bytes())
    {
        reader.consume("\u{feff}".len());
    }
    let name = file.display().to_string().into();
    bundle::read(reader, name).map_err(|error| {
        complain(match error {
            ReadError::Json(error) => describe(&error),
            ReadError::History => {
                "is a history, in which a resource stands in several versions".into()
            }
        })
    })
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
        Category::Data => "has something else than FHIR resources".into(),
    }
}
