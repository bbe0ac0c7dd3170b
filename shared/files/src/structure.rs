//! Whether a file can be opened as what it is: it is complete and holds what its type requires.
//!
//! Each check reads along the one pass, forwards, and keeps some KiB of a file of any size, of XML one
//! text: nothing is inflated, decoded or nested deeper than a bound. It runs on a thread of its own,
//! so that what makes a parser panic is broken, and no more than that.

mod dicom;
mod jpeg;
mod json;
mod mp4;
mod pdf;
mod png;
mod source;
mod tiff;
mod xml;

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crate::FileType;
use source::{Broken, Source};

/// Chunks on their way to a check: their reader doesn't run ahead of it.
const AHEAD: usize = 2;
/// A larger image is a bomb: decoded, it takes a viewer more than a GiB.
const MAX_PIXELS: u64 = 1 << 28;

/// A check of one file. Dropped before its end, it ends by itself.
pub(crate) struct Structure {
    chunks: SyncSender<Vec<u8>>,
    check: JoinHandle<Result<(), Broken>>,
}

impl Structure {
    /// Of a file that should be of this type; none where the type has no structure.
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

    /// Reads on.
    pub(crate) fn read(&mut self, chunk: &[u8]) {
        // Where nobody takes it, the check has ended.
        let _ = self.chunks.send(chunk.to_vec());
    }

    /// Whether it can be opened, now that all of it was read.
    pub(crate) fn conclude(self) -> bool {
        drop(self.chunks);
        matches!(self.check.join(), Ok(Ok(())))
    }
}

/// Errors: no image has these sides, in pixels, or none that a viewer should open.
fn image(width: u32, height: u32) -> Result<(), Broken> {
    let pixels = u64::from(width) * u64::from(height);
    Broken::unless((1..=MAX_PIXELS).contains(&pixels))
}
