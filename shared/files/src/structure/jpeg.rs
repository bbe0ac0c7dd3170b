//! JPEG (ITU-T T.81, annex B): the file is a sequence of segments with a frame, a scan and the end of the
//! image.

use std::io::BufRead as _;

use super::pixels;
use super::source::{Broken, Source};

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

pub(super) fn check(source: &mut Source) -> Result<(), Broken> {
    source.skip(2)?;
    let (mut has_frame, mut has_scan) = (false, false);
    loop {
        match marker(source)? {
            // Cameras append data of their own, which is not checked.
            END_OF_IMAGE => break,
            START_OF_IMAGE => return Err(Broken),
            // These markers are in the range of the frames but begin tables and extensions.
            0xc4 | 0xc8 | 0xcc => segment(source)?,
            0xc0..=0xcf => {
                let length = source.u16()?;
                let _precision = source.byte()?;
                let (height, width) = (source.u16()?, source.u16()?);
                pixels::check(width.into(), height.into())?;
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

/// Skips a segment. Its length includes the length field itself.
fn segment(source: &mut Source) -> Result<(), Broken> {
    let length = source.u16()?;
    source.skip(length.checked_sub(2).ok_or(Broken)?.into())
}

/// Skips coded data and bytes that decoders ignore. Returns the next marker that begins or ends a
/// segment.
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
        // 0x00 marks a data byte 0xff. The other codes are markers without a segment.
        if !matches!(code, 0x00 | 0x01 | 0xd0..=0xd7) {
            return Ok(code);
        }
    }
}
