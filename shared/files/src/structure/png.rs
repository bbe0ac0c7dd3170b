//! PNG (third edition, section 5): the file has a header, image data and an end, and each chunk has the
//! right checksum.

use super::pixels;
use super::source::{Broken, Source};

/// The length of the signature in bytes.
const SIGNATURE: u64 = 8;
/// The length of the IHDR chunk in bytes. The chunk begins with the width and the height.
const HEADER: u32 = 13;

pub(super) fn check(source: &mut Source) -> Result<(), Broken> {
    source.skip(SIGNATURE)?;
    let mut has_image = false;
    for number in 0.. {
        let length = source.u32()?;
        let kind: [u8; 4] = source.bytes()?;
        Broken::unless((number == 0) == (kind == *b"IHDR"))?;
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&kind);
        let mut left = length;
        if number == 0 {
            Broken::unless(length == HEADER)?;
            let (width, height) = (source.bytes()?, source.bytes()?);
            pixels::check(u32::from_be_bytes(width), u32::from_be_bytes(height))?;
            checksum.update(&[width, height].concat());
            left -= 8;
        }
        source.each(left.into(), |bytes| checksum.update(bytes))?;
        Broken::unless(source.u32()? == checksum.finalize())?;
        has_image |= kind == *b"IDAT";
        if kind == *b"IEND" {
            break;
        }
    }
    Broken::unless(has_image && source.at_end()?)
}
