//! DICOM: the file meta information names the content (PS3.10, section 7.1), and the elements of the data
//! set extend to the end of the file (PS3.5, sections 7.1 and 7.5).

use super::source::{Broken, Source};

/// The length in bytes of the preamble and the mark `DICM` after it.
const MARK: u64 = 132;
/// The length of an element that ends with a delimiter.
const UNDEFINED: u32 = u32::MAX;
/// The deepest nesting of sequences and items.
const DEPTH: usize = 64;
/// The longest UID in bytes (PS3.5, section 9.1).
const UID: u32 = 64;

const SOP_CLASS: (u16, u16) = (0x0002, 0x0002);
const SOP_INSTANCE: (u16, u16) = (0x0002, 0x0003);
const TRANSFER_SYNTAX: (u16, u16) = (0x0002, 0x0010);

/// How the elements are encoded.
#[derive(Clone, Copy, PartialEq)]
enum Syntax {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

/// A sequence or an item of undefined length whose delimiter is still to come.
#[derive(Clone, Copy)]
enum Open {
    Sequence(Syntax),
    Item(Syntax),
}

pub(super) fn check(source: &mut Source) -> Result<(), Broken> {
    source.skip(MARK)?;
    match transfer_syntax(source)?.as_str() {
        "1.2.840.10008.1.2" => data_set(source, Syntax::ImplicitLittle),
        "1.2.840.10008.1.2.2" => data_set(source, Syntax::ExplicitBig),
        // The whole data set is compressed, and this check decompresses nothing.
        "1.2.840.10008.1.2.1.99" => Ok(()),
        _ => data_set(source, Syntax::ExplicitLittle),
    }
}

/// Reads group 0002, which is always Explicit VR Little Endian.
fn transfer_syntax(source: &mut Source) -> Result<String, Broken> {
    let syntax = Syntax::ExplicitLittle;
    // The first element contains the length of the group.
    let group = (tag(source, syntax)?, length(source, syntax)?.1);
    Broken::unless(group == ((0x0002, 0x0000), 4))?;
    let end = u64::from(u32::from_le_bytes(source.bytes()?)) + source.position();
    let (mut class, mut instance, mut transfer_syntax) = (None, None, None);
    while source.position() < end {
        let tag = tag(source, syntax)?;
        let (_, length) = length(source, syntax)?;
        match tag {
            SOP_CLASS => class = Some(uid(source, length)?),
            SOP_INSTANCE => instance = Some(uid(source, length)?),
            TRANSFER_SYNTAX => transfer_syntax = Some(uid(source, length)?),
            _ => source.skip(length.into())?,
        }
    }
    Broken::unless(source.position() == end && class.is_some() && instance.is_some())?;
    transfer_syntax.ok_or(Broken)
}

fn uid(source: &mut Source, length: u32) -> Result<String, Broken> {
    Broken::unless(length <= UID)?;
    let mut uid = String::new();
    source.each(length.into(), |bytes| {
        uid.extend(bytes.iter().map(|byte| char::from(*byte)))
    })?;
    // UIDs are padded to an even length.
    let uid = uid.trim_end_matches(['\0', ' ']);
    let is_one = uid.starts_with(|first: char| first.is_ascii_digit())
        && uid
            .chars()
            .all(|other| other.is_ascii_digit() || other == '.');
    Broken::unless(is_one)?;
    Ok(uid.to_owned())
}

fn data_set(source: &mut Source, syntax: Syntax) -> Result<(), Broken> {
    Broken::unless(!source.at_end()?)?;
    let mut open: Vec<Open> = Vec::new();
    while !(open.is_empty() && source.at_end()?) {
        let syntax = match open.last() {
            Some(Open::Sequence(inner) | Open::Item(inner)) => *inner,
            None => syntax,
        };
        let tag = tag(source, syntax)?;
        let within = match (tag, open.last()) {
            ((0xfffe, 0xe000), Some(Open::Sequence(_))) => {
                let length = u32_in(source, syntax)?;
                (length, Open::Item(syntax))
            }
            ((0xfffe, 0xe00d), Some(Open::Item(_)))
            | ((0xfffe, 0xe0dd), Some(Open::Sequence(_))) => {
                Broken::unless(u32_in(source, syntax)? == 0)?;
                open.pop();
                continue;
            }
            ((0xfffe, _), _) | (_, Some(Open::Sequence(_))) => return Err(Broken),
            _ => {
                let (representation, length) = length(source, syntax)?;
                let inner = match &representation {
                    // The content of an unknown element has this encoding (PS3.5, section 6.2.2).
                    b"UN" => Syntax::ImplicitLittle,
                    _ => syntax,
                };
                (length, Open::Sequence(inner))
            }
        };
        match within {
            (UNDEFINED, opened) => {
                open.push(opened);
                Broken::unless(open.len() <= DEPTH)?;
            }
            (length, _) => source.skip(length.into())?,
        }
    }
    Ok(())
}

fn tag(source: &mut Source, syntax: Syntax) -> Result<(u16, u16), Broken> {
    Ok((u16_in(source, syntax)?, u16_in(source, syntax)?))
}

/// The value representation of an element and its length in bytes. The representation is blank if the
/// encoding is implicit.
fn length(source: &mut Source, syntax: Syntax) -> Result<([u8; 2], u32), Broken> {
    if syntax == Syntax::ImplicitLittle {
        return Ok((*b"  ", u32_in(source, syntax)?));
    }
    let representation: [u8; 2] = source.bytes()?;
    let length = match &representation {
        b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR"
        | b"UT" | b"UV" => {
            source.skip(2)?;
            u32_in(source, syntax)?
        }
        _ => {
            Broken::unless(representation.iter().all(u8::is_ascii_uppercase))?;
            u16_in(source, syntax)?.into()
        }
    };
    Ok((representation, length))
}

fn u16_in(source: &mut Source, syntax: Syntax) -> Result<u16, Broken> {
    let bytes = source.bytes()?;
    Ok(match syntax {
        Syntax::ExplicitBig => u16::from_be_bytes(bytes),
        _ => u16::from_le_bytes(bytes),
    })
}

fn u32_in(source: &mut Source, syntax: Syntax) -> Result<u32, Broken> {
    let bytes = source.bytes()?;
    Ok(match syntax {
        Syntax::ExplicitBig => u32::from_be_bytes(bytes),
        _ => u32::from_le_bytes(bytes),
    })
}
