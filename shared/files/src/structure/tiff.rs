//! TIFF 6.0 and BigTIFF: the first directory describes an image, and everything that a directory points
//! at lies in the file.
//!
//! A directory may be anywhere and is often at the end. Data after a directory is read when the reader
//! reaches it. Data before the directory was already skipped, so only its offset is compared with the
//! size of the file.

use std::collections::BTreeMap;

use super::source::{Broken, Source};

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
/// The tags for the offsets of strips and of tiles.
const OFFSETS: [u16; 2] = [273, 324];
/// The tags for the lengths of strips and of tiles.
const LENGTHS: [u16; 2] = [279, 325];

/// The most places that are remembered until the reader reaches them.
const AHEAD: usize = 4096;

/// How numbers and directories are encoded.
#[derive(Clone, Copy)]
struct Format {
    is_little: bool,
    is_big_tiff: bool,
}

/// What begins at a place after the current one.
enum Place {
    Directory,
    /// The offsets of strips or tiles: their number, and the length of each in bytes.
    Offsets(u64, u64),
}

struct Entry {
    tag: u16,
    /// The length of one value in bytes.
    size: u64,
    count: u64,
    /// The value if it is inline, otherwise its offset.
    value: u64,
    is_inline: bool,
}

pub(super) fn check(source: &mut Source) -> Result<(), Broken> {
    let mark: [u8; 4] = source.bytes()?;
    let format = Format {
        is_little: mark[0] == b'I',
        is_big_tiff: mark.contains(&43),
    };
    if format.is_big_tiff {
        source.skip(4)?;
    }
    let first = format.offset(source)?;
    let mut ahead = BTreeMap::from([(first, Place::Directory)]);
    let mut has_image = false;
    // The file must be at least this long.
    let mut needed = first;
    while let Some((offset, place)) = ahead.pop_first() {
        let Some(distance) = offset.checked_sub(source.position()) else {
            Broken::unless(has_image)?;
            continue;
        };
        source.skip(distance)?;
        match place {
            Place::Directory => {
                let entries = format.directory(source)?;
                Broken::unless(has_image || is_image(&entries))?;
                has_image = true;
                for entry in &entries {
                    needed = needed.max(entry.end()?);
                    if OFFSETS.contains(&entry.tag) && !entry.is_inline && ahead.len() < AHEAD {
                        let place = Place::Offsets(entry.count, entry.size);
                        ahead.entry(entry.value).or_insert(place);
                    }
                }
                needed = needed.max(only_strip(&entries)?);
                let next = format.offset(source)?;
                if next != 0 {
                    needed = needed.max(next);
                    ahead.insert(next, Place::Directory);
                }
            }
            Place::Offsets(count, size) => {
                for _ in 0..count {
                    let offset = format.number(source, size)?;
                    needed = needed.max(offset.saturating_add(1));
                }
            }
        }
    }
    Broken::unless(has_image && source.finish()? >= needed)
}

/// Whether a directory names the width, the height and the place of an image.
fn is_image(entries: &[Entry]) -> bool {
    let holds = |tag| {
        entries.iter().any(|entry| {
            entry.tag == tag && entry.count > 0 && (!entry.is_inline || entry.value > 0)
        })
    };
    holds(WIDTH) && holds(HEIGHT) && OFFSETS.into_iter().any(holds)
}

/// Where the strip or tile ends, if there is only one. Otherwise 0.
fn only_strip(entries: &[Entry]) -> Result<u64, Broken> {
    let only = |tags: [u16; 2]| {
        let mut found = entries.iter().filter(|entry| tags.contains(&entry.tag));
        found
            .find(|entry| entry.count == 1)
            .map(|entry| entry.value)
    };
    match (only(OFFSETS), only(LENGTHS)) {
        (Some(offset), Some(length)) => offset.checked_add(length).ok_or(Broken),
        _ => Ok(0),
    }
}

impl Entry {
    /// Where the value ends, or 0 if it is inline.
    fn end(&self) -> Result<u64, Broken> {
        if self.is_inline {
            return Ok(0);
        }
        let length = self.size.checked_mul(self.count).ok_or(Broken)?;
        self.value.checked_add(length).ok_or(Broken)
    }
}

impl Format {
    fn directory(self, source: &mut Source) -> Result<Vec<Entry>, Broken> {
        let count = match self.is_big_tiff {
            true => self.number(source, 8)?,
            false => self.number(source, 2)?,
        };
        Broken::unless((1..=u64::from(u16::MAX)).contains(&count))?;
        (0..count).map(|_| self.entry(source)).collect()
    }

    fn entry(self, source: &mut Source) -> Result<Entry, Broken> {
        let word = if self.is_big_tiff { 8 } else { 4 };
        let tag = self.number(source, 2)?;
        let size: u64 = match self.number(source, 2)? {
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            // Bytes, texts and unknown types.
            _ => 1,
        };
        let count = self.number(source, word)?;
        let is_inline = size.checked_mul(count).is_some_and(|length| length <= word);
        // A short value is at the beginning of its field. Of several values, only the first is read.
        let value = match is_inline {
            true => {
                let length = size.min(word);
                let value = self.number(source, length)?;
                source.skip(word - length)?;
                value
            }
            false => self.number(source, word)?,
        };
        Ok(Entry {
            tag: u16::try_from(tag).map_err(|_| Broken)?,
            size,
            count,
            value,
            is_inline,
        })
    }

    fn offset(self, source: &mut Source) -> Result<u64, Broken> {
        self.number(source, if self.is_big_tiff { 8 } else { 4 })
    }

    /// Reads a number of `size` bytes, at most eight.
    fn number(self, source: &mut Source, size: u64) -> Result<u64, Broken> {
        let mut number = 0;
        for place in 0..size {
            let digit = u64::from(source.byte()?);
            number = match self.is_little {
                true => number | (digit << (8 * place)),
                false => (number << 8) | digit,
            };
        }
        Ok(number)
    }
}
