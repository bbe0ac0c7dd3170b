//! Turns an XML file in any encoding into UTF-8, as it arrives (XML 1.0, section 4.3.3 and appendix F).
//!
//! Readers must agree on the text of a file, or one could find in it what another has not checked. So a declaration
//! that contradicts the byte order mark is refused, and so are bytes that the encoding doesn't have.

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use quick_xml::Reader;
use quick_xml::events::Event;

/// The part of the file that must contain the XML declaration, in bytes.
const DECLARATION: usize = 1024;

/// The text of an XML file.
#[derive(Default)]
pub(crate) struct XmlText {
    /// The beginning of the file, until its encoding is known.
    begun: Vec<u8>,
    decoder: Option<Decoder>,
    is_broken: bool,
}

impl XmlText {
    /// Reads the next bytes of the file. Returns the text that is complete.
    pub(crate) fn read(&mut self, chunk: &[u8]) -> String {
        if self.decoder.is_some() || self.is_broken {
            return self.decode(chunk, false);
        }
        self.begun.extend_from_slice(chunk);
        match self.begun.len() {
            ..DECLARATION => String::new(),
            _ => self.begin(false),
        }
    }

    /// Returns the rest of the text, after all bytes of the file were read.
    pub(crate) fn finish(&mut self) -> String {
        match self.decoder {
            Some(_) => self.decode(&[], true),
            None => self.begin(true),
        }
    }

    /// Whether all bytes so far are text in the file's encoding.
    pub(crate) fn is_sound(&self) -> bool {
        !self.is_broken
    }

    fn begin(&mut self, is_whole: bool) -> String {
        let begun = std::mem::take(&mut self.begun);
        self.decoder = encoding_of(&begun).map(Encoding::new_decoder_with_bom_removal);
        self.decode(&begun, is_whole)
    }

    fn decode(&mut self, bytes: &[u8], is_last: bool) -> String {
        let mut text = String::new();
        let Some(decoder) = self.decoder.as_mut().filter(|_| !self.is_broken) else {
            self.is_broken = true;
            return text;
        };
        let longest = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
        text.reserve(longest.unwrap_or_default());
        let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut text, is_last);
        self.is_broken = !matches!(result, DecoderResult::InputEmpty);
        text
    }
}

/// The encoding of a file that begins so. None if it is unknown, or if the declaration contradicts the bytes.
fn encoding_of(beginning: &[u8]) -> Option<&'static Encoding> {
    let marked = Encoding::for_bom(beginning).map(|(encoding, _)| encoding);
    let found = match (marked, beginning) {
        (Some(marked), _) => marked,
        (None, [b'<', 0, b'?', 0, ..]) => UTF_16LE,
        (None, [0, b'<', 0, b'?', ..]) => UTF_16BE,
        (None, _) => UTF_8,
    };
    let (text, _) = found.decode_with_bom_removal(beginning);
    let Some(label) = declared(&text) else {
        // Without a mark and a declaration, only UTF-8 is allowed.
        return marked.or((found == UTF_8).then_some(UTF_8));
    };
    let declared = Encoding::for_label(&label)?;
    // `utf-16` leaves the byte order to the mark, and the library takes it for little-endian.
    let leaves_order = declared == UTF_16LE && !label.eq_ignore_ascii_case(b"utf-16le");
    let agrees = match found == UTF_8 {
        true if marked.is_some() => declared == UTF_8,
        true => declared.is_ascii_compatible(),
        false => declared == found || leaves_order,
    };
    agrees.then_some(if found == UTF_8 { declared } else { found })
}

/// The name of the encoding in the XML declaration.
fn declared(text: &str) -> Option<Vec<u8>> {
    match Reader::from_str(text).read_event() {
        Ok(Event::Decl(declaration)) => Some(declaration.encoding()?.ok()?.into_owned()),
        _ => None,
    }
}
