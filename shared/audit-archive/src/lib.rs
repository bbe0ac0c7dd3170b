//! Archived months of the audit log: their format in an object store, its writer and its reader.
//!
//! A month is some objects `archive/YYYY-MM/NNNNNN.ndjson.zst`, its [parts](Part), and then one object
//! `archive/YYYY-MM/manifest.json`, its [manifest](Manifest). Parts are numbered from 0. The rows of a month are in
//! ascending order of chain, position and place, through all parts.
//!
//! A part has one JSON object a line, an [`ArchivedRow`](audit::ArchivedRow). It is a sequence of Zstandard frames (RFC
//! 8878) with up to [`BLOCK_ROWS`] whole lines each, so any `zstd` reads it whole, and a reader of one row fetches one
//! frame.
//!
//! The root of a part is that of the Merkle tree (RFC 6962, section 2.1) over its lines without their line feed. The root
//! of a month is that of the tree over the roots of its parts. So a part can be verified alone, and a run that stops
//! leaves nothing to remember but its parts.
#![warn(missing_docs)]

mod error;
mod manifest;
mod part;
mod reader;

pub use error::{ArchiveError, Fault};
pub use manifest::{FORM, Key, Manifest, PartEntry, month_root};
pub use part::{BLOCK_ROWS, Block, Part, decode_block, encode, root_of_lines};
pub use reader::{block, manifest, months, part, parts};

use domain::time::Date;

/// Bytes in hexadecimal digits, as a manifest has them.
pub fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

/// All keys of the archive begin with this.
pub const PREFIX: &str = "archive/";

/// The key of a part of a month. `month` is the month's first day.
pub fn part_key(month: Date, number: u32) -> String {
    format!("{}{number:06}.ndjson.zst", month_prefix(month))
}

/// The key of the manifest of a month.
pub fn manifest_key(month: Date) -> String {
    format!("{}manifest.json", month_prefix(month))
}

/// All keys of a month begin with this.
pub fn month_prefix(month: Date) -> String {
    let day = month.to_string();
    format!("{PREFIX}{}/", day.get(..7).unwrap_or(&day))
}
