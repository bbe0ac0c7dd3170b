//! JPEG (ITU-T T.81, annex B): segments, a frame of sane sides, a scan, and the end of the image.

use std::io::BufRead as _;

use super::image;
use super::source::{Broken, Source};

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

pub(super) fn check(source: &mut Source) -> Result<(), Broken> {
    source.skip(2)?;
    let (mut has_frame, mut has_scan) = (false, false);
    loop {
        match marker(source)? {
            // Cameras write behind it.
            END_OF_IMAGE => break,
            START_OF_IMAGE => return Err(Broken),
            // Tables and extensions among them, which are no frames.
            0xc4 | 0xc8 | 0xcc => segment(source)?,
            0xc0..=0xcf => {
                let length = source.u16()?;
                let _precision = source.byte()?;
                let (height, width) = (source.u16()?, source.u16()?);
                image(width.into(), height.into())?;
                source.skip(length.checked_sub(7).ok_or(Broken)?.into())?;
                has_frame = true;
            }
            marker => {
                segment(source)?;
                has_scan |= marker == START_OF_SCAN;
            }
        }
    }
    Broken::unless(has_frame && has_scan)
}

/// Skips a segment, whose length counts itself.
fn segment(source: &mut Source) -> Result<(), Broken> {
    let length = source.u16()?;
    source.skip(length.checked_sub(2).ok_or(Broken)?.into())
}

/// The next marker that isn't part of coded data, and what is before it is skipped: coded data, and
/// what decoders pass over.
fn marker(source: &mut Source) -> Result<u8, Broken> {
    loop {
        let available = source.fill_buf()?;
        Broken::unless(!available.is_empty())?;
        match memchr::memchr(0xff, available) {
            Some(position) => source.skip(position as u64 + 1)?,
            None => {
                let length = available.len();
                source.consume(length);
                continue;
            }
        }
        let mut code = 0xff;
        while code == 0xff {
            code = source.byte()?;
        }
        // A byte of data that looks like a marker, and those that have no segment.
        if !matches!(code, 0x00 | 0x01 | 0xd0..=0xd7) {
            return Ok(code);
        }
    }
}
