//! Checks the structure of a file: it is complete and contains what its type requires.
//!
//! Each check reads the file once, forwards, and keeps a few KiB of it, or one text of an XML file.
//! Nothing is decompressed or decoded, and the depth of nesting is limited. A check runs on a thread of
//! its own: if a file makes a parser panic, the file is broken and the process continues.

mod dicom;
mod jpeg;
mod json;
mod mp4;
mod pdf;
mod pixels;
mod png;
mod source;
mod tiff;
mod xml;

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crate::FileType;
use source::{Broken, Source};

/// How many chunks may wait for a check. The limit keeps memory bounded.
const AHEAD: usize = 2;

/// The check of one file. If it is dropped early, its thread ends.
pub(crate) struct Structure {
    chunks: SyncSender<Vec<u8>>,
    check: JoinHandle<Result<(), Broken>>,
}

impl Structure {
    /// Starts the check of a file of this type. Returns `None` if the type has no structure.
    pub(crate) fn of(file_type: FileType) -> Option<Self> {
        let check = match file_type {
            FileType::Pdf => pdf::check,
            FileType::Png => png::check,
            FileType::Jpeg => jpeg::check,
            FileType::Tiff => tiff::check,
            FileType::Dicom => dicom::check,
            FileType::Hl7Xml => xml::check,
            FileType::FhirJson => json::check,
            FileType::Text => return None,
            FileType::Mp4 => mp4::check,
        };
        let (chunks, read) = sync_channel(AHEAD);
        Some(Self {
            chunks,
            check: thread::spawn(move || check(&mut Source::new(read))),
        })
    }

    /// Passes the next bytes of the file to the check.
    pub(crate) fn read(&mut self, chunk: &[u8]) {
        // This fails only if the check has ended, and then its result is known.
        let _ = self.chunks.send(chunk.to_vec());
    }

    /// Whether the file is sound, after all its bytes were passed.
    pub(crate) fn conclude(self) -> bool {
        drop(self.chunks);
        matches!(self.check.join(), Ok(Ok(())))
    }
}
