//! MP4 (ISO/IEC 14496-12, section 4.2): the file is a sequence of boxes, with a movie that has a header
//! and a track, and with media data.

use super::source::{Broken, Source};

pub(super) fn check(source: &mut Source) -> Result<(), Broken> {
    let (mut has_movie, mut has_media) = (false, false);
    while !source.at_end()? {
        let (kind, length) = header(source)?;
        has_media |= kind == *b"mdat";
        match length {
            Some(length) if kind == *b"moov" => {
                movie(source, length)?;
                has_movie = true;
            }
            Some(length) => source.skip(length)?,
            None => {
                source.finish()?;
            }
        }
    }
    Broken::unless(has_movie && has_media)
}

/// The type of a box and the length of its content in bytes. The length is `None` if the box extends to
/// the end of the file.
fn header(source: &mut Source) -> Result<([u8; 4], Option<u64>), Broken> {
    let length = source.u32()?;
    let kind = source.bytes()?;
    let content = match length {
        0 => None,
        1 => Some(source.u64()?.checked_sub(16).ok_or(Broken)?),
        _ => Some(u64::from(length).checked_sub(8).ok_or(Broken)?),
    };
    Ok((kind, content))
}

fn movie(source: &mut Source, length: u64) -> Result<(), Broken> {
    let end = source.position().checked_add(length).ok_or(Broken)?;
    let (mut has_header, mut has_track) = (false, false);
    while source.position() < end {
        let (kind, length) = header(source)?;
        source.skip(length.ok_or(Broken)?)?;
        has_header |= kind == *b"mvhd";
        has_track |= kind == *b"trak";
    }
    Broken::unless(source.position() == end && has_header && has_track)
}
