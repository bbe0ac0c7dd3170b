//! Reads a file once, in bounded memory, and checks that it is the declared one.

use aws_lc_rs::digest::{Context, SHA256};

use crate::sniff::{self, HEAD, TAIL};
use crate::structure::Structure;
use crate::xml_text::XmlText;
use crate::{Declared, FileType, Sha256};

/// The inspection of one file, which reads the file in order.
pub struct Inspection {
    file_type: FileType,
    digest: Context,
    size: i64,
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Only of an XML file. Everything but size and hash is checked on its text.
    xml: Option<XmlText>,
    text: Text,
    structure: Option<Structure>,
}

/// The result of an inspection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The file is the declared one.
    Sound,
    /// The file is not the declared one, or it is damaged.
    Rejected(Rejection),
}

/// Why a file is rejected. The codes are stable, because clients and reports read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The file has more or fewer bytes than declared.
    SizeMismatch,
    /// The SHA-256 of the file is not the declared one.
    ChecksumMismatch,
    /// The file doesn't begin or end as the declared type requires.
    TypeMismatch,
    /// The file is of the declared type but can't be opened: it is incomplete, damaged or a bomb.
    BrokenStructure,
}

impl Rejection {
    /// The code, which `status_reason` stores.
    pub fn code(self) -> &'static str {
        match self {
            Self::SizeMismatch => "size-mismatch",
            Self::ChecksumMismatch => "checksum-mismatch",
            Self::TypeMismatch => "type-mismatch",
            Self::BrokenStructure => "broken-structure",
        }
    }
}

impl Inspection {
    /// Starts the inspection of a file of this declared type.
    pub fn new(file_type: FileType) -> Self {
        Self {
            file_type,
            digest: Context::new(&SHA256),
            size: 0,
            head: Vec::new(),
            tail: Vec::new(),
            xml: (file_type == FileType::Hl7Xml).then(XmlText::default),
            text: Text::default(),
            structure: Structure::of(file_type),
        }
    }

    /// Reads the next bytes of the file.
    pub fn read(&mut self, chunk: &[u8]) {
        self.digest.update(chunk);
        self.size = self.size.saturating_add_unsigned(chunk.len() as u64);
        match self.xml.as_mut().map(|xml| xml.read(chunk)) {
            Some(text) => self.examine(text.as_bytes()),
            None => self.examine(chunk),
        }
    }

    /// Checks the next bytes of the content.
    fn examine(&mut self, chunk: &[u8]) {
        let wanted = chunk.len().min(HEAD - self.head.len());
        self.head.extend_from_slice(&chunk[..wanted]);
        self.tail
            .extend_from_slice(&chunk[chunk.len().saturating_sub(TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        if self.file_type.is_text() {
            self.text.read(chunk);
        }
        if let Some(structure) = &mut self.structure {
            structure.read(chunk);
        }
    }

    /// Returns the verdict, after all bytes of the file were read.
    pub fn conclude(mut self, declared: &Declared) -> Verdict {
        if let Some(rest) = self.xml.as_mut().map(XmlText::finish) {
            self.examine(rest.as_bytes());
        }
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.digest.finish().as_ref());
        if self.size != declared.size {
            Verdict::Rejected(Rejection::SizeMismatch)
        } else if Sha256(sha256) != declared.sha256 {
            Verdict::Rejected(Rejection::ChecksumMismatch)
        } else if self.file_type != declared.file_type
            || !sniff::begins_as(self.file_type, &self.head)
            || !sniff::ends_as(self.file_type, &self.tail)
            || !self.xml.is_none_or(|xml| xml.is_sound())
            || !self.text.is_sound()
        {
            Verdict::Rejected(Rejection::TypeMismatch)
        } else if !self.structure.is_none_or(Structure::conclude) {
            Verdict::Rejected(Rejection::BrokenStructure)
        } else {
            Verdict::Sound
        }
    }
}

/// Checks that the chunks together are UTF-8 text without control characters other than tab, line feed,
/// form feed and carriage return.
#[derive(Default)]
struct Text {
    /// The bytes of a character that the last chunk contains only in part.
    begun: Vec<u8>,
    broken: bool,
}

impl Text {
    fn read(&mut self, chunk: &[u8]) {
        if self.broken {
            return;
        }
        self.begun.extend_from_slice(chunk);
        let complete = match std::str::from_utf8(&self.begun) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => {
                self.broken = true;
                return;
            }
        };
        let rest = self.begun.split_off(complete);
        let text = std::mem::replace(&mut self.begun, rest);
        let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\x0c' | '\r');
        self.broken = std::str::from_utf8(&text).is_ok_and(|text| text.contains(control));
    }

    fn is_sound(&self) -> bool {
        !self.broken && self.begun.is_empty()
    }
}
