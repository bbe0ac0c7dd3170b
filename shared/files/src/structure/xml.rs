//! XML 1.0: the file is well-formed and has no document type declaration, so it defines no entities.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::source::{Broken, Source};

/// The deepest nesting of elements.
const DEPTH: usize = 256;
/// The most attributes of one element.
const ATTRIBUTES: usize = 256;
/// The longest tag or text in bytes. A CDA document may contain a scanned letter as one text.
const PIECE: u64 = 24 * 1024 * 1024;

impl From<quick_xml::Error> for Broken {
    fn from(_: quick_xml::Error) -> Self {
        Self
    }
}

pub(super) fn check(source: &mut Source) -> Result<(), Broken> {
    let allowance = source.allowance();
    let mut reader = Reader::from_reader(source);
    let mut piece = Vec::new();
    let (mut depth, mut has_root) = (0, false);
    loop {
        allowance.set(PIECE);
        piece.clear();
        let event = reader.read_event_into(&mut piece)?;
        if depth == 0 {
            match &event {
                Event::Start(_) | Event::Empty(_) => {
                    Broken::unless(!std::mem::replace(&mut has_root, true))?;
                }
                Event::Text(text) => Broken::unless(text.trim_ascii().is_empty())?,
                Event::CData(_) | Event::GeneralRef(_) => return Err(Broken),
                _ => {}
            }
        }
        match event {
            Event::Start(tag) => {
                attributes(&tag)?;
                depth += 1;
                Broken::unless(depth <= DEPTH)?;
            }
            Event::Empty(tag) => attributes(&tag)?,
            // The reader checks that the names of the start tag and the end tag are equal.
            Event::End(_) => depth -= 1,
            Event::GeneralRef(name) => {
                let is_character = name.resolve_char_ref()?.is_some();
                Broken::unless(is_character || is_predefined(&name))?;
            }
            Event::DocType(_) => return Err(Broken),
            Event::Eof => return Broken::unless(has_root && depth == 0),
            _ => {}
        }
    }
}

fn is_predefined(name: &[u8]) -> bool {
    matches!(name, b"amp" | b"apos" | b"gt" | b"lt" | b"quot")
}

fn attributes(tag: &BytesStart) -> Result<(), Broken> {
    for (number, attribute) in tag.attributes().enumerate() {
        // The limit comes first, because each attribute is compared with all before it.
        Broken::unless(number < ATTRIBUTES)?;
        attribute.map_err(|_| Broken)?;
    }
    Ok(())
}
