//! A part of a month: its bytes, its blocks and its lines.

use audit::{ArchivedRow, Unreadable};
use aws_lc_rs::digest::{SHA256, digest};
use transparency_log::Hash;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, find_frame_compressed_size, get_frame_content_size};

use crate::error::Fault;
use crate::manifest::{Key, PartEntry, root};

/// The most rows of a block. A reader of one row decompresses one block.
pub const BLOCK_ROWS: usize = 256;

/// A block is closed when it has so much text, whatever its number of rows.
const BLOCK_TEXT: usize = 4 << 20;

/// The most text of a block that is read.
const LARGEST_BLOCK: usize = 256 << 20;

/// How hard the compressor tries, from 1 to 22.
const LEVEL: i32 = 3;

/// A frame of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it begins in the object, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// The number of its rows.
    pub rows: u64,
}

/// A part that was read.
pub struct Part {
    text: String,
    blocks: Vec<Block>,
    entry: PartEntry,
}

/// The bytes of a part with these lines, which have no line feed. Errors: a block has more text than a reader takes.
pub fn encode<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let mut compressor = compressor()?;
    let mut block = String::new();
    let mut rows = 0;
    let mut close = |block: &mut String| -> Result<(), Fault> {
        if block.len() > LARGEST_BLOCK {
            return Err(Fault::Malformed("a line is too long"));
        }
        let frame = compressor.compress(block.as_bytes());
        bytes.extend(frame.map_err(|_| Fault::Malformed("the text of a block"))?);
        block.clear();
        Ok(())
    };
    for line in lines {
        block.push_str(line);
        block.push('\n');
        rows += 1;
        if rows == BLOCK_ROWS || block.len() >= BLOCK_TEXT {
            close(&mut block)?;
            rows = 0;
        }
    }
    if rows > 0 {
        close(&mut block)?;
    }
    Ok(bytes)
}

/// The lines of a block, each with its line feed. Errors: the bytes are no block.
pub fn decode_block(frame: &[u8]) -> Result<String, Fault> {
    let mut decompressor = Decompressor::new().map_err(|_| Fault::Malformed("a block"))?;
    text(&mut decompressor, frame)
}

impl Part {
    /// Reads a part. Errors: the bytes are no part, or its first or last line is no row of the log.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut decompressor = Decompressor::new().map_err(|_| Fault::Malformed("a block"))?;
        let (mut whole, mut blocks) = (String::new(), Vec::new());
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = find_frame_compressed_size(rest)
                .ok()
                .filter(|length| (1..=rest.len()).contains(length))
                .ok_or(Fault::Malformed("the frames of a part"))?;
            let (frame, others) = rest.split_at(length);
            let block = text(&mut decompressor, frame)?;
            blocks.push(Block {
                offset: (bytes.len() - rest.len()) as u64,
                length: length as u64,
                rows: block.lines().count() as u64,
            });
            whole.push_str(&block);
            rest = others;
        }
        let entry = PartEntry {
            rows: blocks.iter().map(|block| block.rows).sum(),
            bytes: bytes.len() as u64,
            sha256: sha256(bytes),
            root: root(lines(&whole).map(str::as_bytes)),
            first: key(lines(&whole).next())?,
            last: key(lines(&whole).next_back())?,
        };
        Ok(Self {
            text: whole,
            blocks,
            entry,
        })
    }

    /// The lines without their line feed, in their order.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        lines(&self.text)
    }

    /// The rows in their order. Errors of an item: the line is no row of the log.
    pub fn rows(&self) -> impl Iterator<Item = Result<ArchivedRow<'_>, Unreadable>> {
        self.lines().map(ArchivedRow::parse)
    }

    /// Its blocks in their order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// What a manifest says of it.
    pub fn entry(&self) -> &PartEntry {
        &self.entry
    }
}

/// The root of the tree over these lines.
pub fn root_of_lines<'a>(all: impl Iterator<Item = &'a str>) -> Hash {
    root(all.map(str::as_bytes))
}

fn compressor() -> Result<Compressor<'static>, Fault> {
    let fault = |_| Fault::Malformed("the level of compression");
    let mut compressor = Compressor::new(LEVEL).map_err(fault)?;
    for parameter in [
        CParameter::ContentSizeFlag(true),
        CParameter::ChecksumFlag(true),
    ] {
        compressor.set_parameter(parameter).map_err(fault)?;
    }
    Ok(compressor)
}

/// The text of a frame: whole lines.
fn text(decompressor: &mut Decompressor<'_>, frame: &[u8]) -> Result<String, Fault> {
    let size = get_frame_content_size(frame).ok().flatten();
    let size = size.and_then(|size| usize::try_from(size).ok());
    let size = size
        .filter(|size| *size <= LARGEST_BLOCK)
        .ok_or(Fault::Malformed("the size of a block"))?;
    let text = decompressor.decompress(frame, size);
    let text = text.map_err(|_| Fault::Malformed("the frames of a part"))?;
    String::from_utf8(text)
        .ok()
        .filter(|text| text.ends_with('\n'))
        .ok_or(Fault::Malformed("the text of a block"))
}

/// Only a line feed ends a line, and each line has one.
fn lines(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split_terminator('\n')
}

fn key(line: Option<&str>) -> Result<Key, Fault> {
    let row = line.and_then(|line| ArchivedRow::parse(line).ok());
    let key = row.and_then(|row| {
        Some(Key {
            chain_id: row.chain_id,
            seq: row.seq,
            place: row.place()?,
        })
    });
    key.ok_or(Fault::Malformed("the first or last row of a part"))
}

fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
