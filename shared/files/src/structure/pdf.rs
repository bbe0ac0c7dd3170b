//! PDF (ISO 32000-1, section 7.5): the end of the file names the place of the cross-reference section, a
//! table or a stream is at that place, and the file has a root and pages.
//!
//! No object is parsed. Libraries that parse them need the whole file in memory and repair broken files.

use std::io::BufRead as _;
use std::ops::Range;

use memchr::memmem;

use super::source::{Broken, Source};

/// How many of the bytes read last are kept, to see the neighbours of a keyword, the beginning of an
/// object and the end of the file.
const KEPT: usize = 4096;
/// The most cross-reference sections. Each change of a file may append one.
const SECTIONS: usize = 4096;
/// The length of the longest keyword and a blank.
const KEYWORD: usize = 16;
/// The most blanks between the named place and the section.
const BLANKS: u64 = 16;

#[derive(Default)]
struct Seen {
    /// The positions at which cross-reference sections begin.
    sections: Vec<u64>,
    has_root: bool,
    /// Also true if there are object streams, which may contain the pages.
    has_pages: bool,
}

pub(super) fn check(source: &mut Source) -> Result<(), Broken> {
    let mut seen = Seen::default();
    let mut window: Vec<u8> = Vec::new();
    // The length of the part of the window that was searched.
    let mut looked = 0;
    loop {
        let start = source.position() - window.len() as u64;
        let available = source.fill_buf()?;
        let length = available.len();
        window.extend_from_slice(available);
        source.consume(length);
        // A keyword at the end of the window is searched once the bytes after it are read.
        let until = match length {
            0 => window.len(),
            _ => window.len().saturating_sub(KEYWORD),
        };
        seen.look(&window, looked..until, start)?;
        if length == 0 {
            return seen.conclude(&window);
        }
        looked = until.max(looked);
        let surplus = window.len().saturating_sub(KEPT).min(looked);
        window.drain(..surplus);
        looked -= surplus;
    }
}

impl Seen {
    /// Searches for keywords that begin in this part of the window. The window begins at the position
    /// `start` of the file.
    fn look(&mut self, window: &[u8], part: Range<usize>, start: u64) -> Result<(), Broken> {
        for at in memmem::find_iter(window, "xref").filter(|at| part.contains(at)) {
            let begins = at
                .checked_sub(1)
                .is_none_or(|before| is_blank(window[before]));
            if begins && window.get(at + 4).copied().is_some_and(is_blank) {
                self.sections.push(start + at as u64);
            }
        }
        for at in memmem::find_iter(window, "/XRef").filter(|at| part.contains(at)) {
            self.sections
                .extend(object(&window[..at]).map(|object| start + object as u64));
        }
        let holds = |name: &str| memmem::find_iter(window, name).any(|at| part.contains(&at));
        self.has_root |= holds("/Root");
        self.has_pages |= holds("/Pages") || holds("/ObjStm");
        Broken::unless(self.sections.len() <= SECTIONS)
    }

    fn conclude(self, end: &[u8]) -> Result<(), Broken> {
        let place = memmem::rfind(end, b"startxref").ok_or(Broken)? + 9;
        let digits: String = end[place..]
            .trim_ascii_start()
            .iter()
            .map(|byte| char::from(*byte))
            .take_while(char::is_ascii_digit)
            .collect();
        let place: u64 = digits.parse().map_err(|_| Broken)?;
        let is_there = |section: &u64| (place..=place.saturating_add(BLANKS)).contains(section);
        Broken::unless(self.sections.iter().any(is_there) && self.has_root && self.has_pages)
    }
}

/// The position at which the last object begins, such as `12 0 obj`.
fn object(window: &[u8]) -> Option<usize> {
    let before = &window[..memmem::rfind(window, b"obj")?];
    number(number(before)?).map(<[u8]>::len)
}

/// The text before the number at its end, or `None` if it doesn't end with a number.
fn number(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_end();
    let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit());
    match digits.count() {
        0 => None,
        digits => Some(&text[..text.len() - digits]),
    }
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0
}
