//! The one form in which text is kept, and the characters that it may have.

use unicode_normalization::UnicodeNormalization as _;

/// What a text is for. It decides which characters may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// One line that names a thing to programs and people, such as a patient number: two of them that look the
    /// same are the same.
    Identifier,
    /// One line, such as a person's name.
    Line,
    /// Several lines, such as a note.
    Text,
}

/// The form in which text is kept: Unicode Normalization Form C without white space at both ends. Line breaks are
/// line feeds. In one line each run of white space is one space.
pub fn normal(text: &str, kind: TextKind) -> String {
    let text: String = text.nfc().collect();
    let text = text.trim();
    if kind == TextKind::Text {
        return text.replace("\r\n", "\n").replace('\r', "\n");
    }
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // They stay, so that `unfit` finds them.
            c if c.is_control() || breaks_line(c) => line.push(c),
            c if c.is_whitespace() && line.ends_with(' ') => {}
            c if c.is_whitespace() => line.push(' '),
            c => line.push(c),
        }
    }
    line
}

/// The first character that a text in its normal form may not have.
pub fn unfit(text: &str, kind: TextKind) -> Option<char> {
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let after = characters.peek().copied().unwrap_or(' ');
        let is_fit = match c {
            '\n' | '\t' => kind == TextKind::Text,
            // Scripts such as Persian and Hindi need joiners within a word, and emoji need both.
            '\u{200c}' | '\u{200d}' => {
                kind != TextKind::Identifier && is_visible(before) && is_visible(after)
            }
            '\u{fe00}'..='\u{fe0f}' => kind != TextKind::Identifier && is_visible(before),
            c => !c.is_control() && !breaks_line(c) && !is_ignorable(c) && !is_noncharacter(c),
        };
        if !is_fit {
            return Some(c);
        }
        before = c;
    }
    None
}

/// The text as one line that the API accepts, whatever is in it: what is unfit becomes a space.
pub fn fit_line(text: &str) -> String {
    let mut line = normal(text, TextKind::Line);
    while let Some(unfit) = unfit(&line, TextKind::Line) {
        line = normal(&line.replace(unfit, " "), TextKind::Line);
    }
    line
}

fn breaks_line(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

fn is_visible(c: char) -> bool {
    !c.is_whitespace() && !c.is_control()
}

/// The characters that are displayed as nothing: `Default_Ignorable_Code_Point` of the Unicode Character
/// Database, without reserved ones.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_that_looks_the_same_has_one_form() {
        for (sent, kept) in [
            ("DUP-1", "DUP-1"),
            (" DUP-1\u{3000}", "DUP-1"),
            ("DUP-1\r\n", "DUP-1"),
            ("Lévesque", "Lévesque"),
            ("Le\u{301}vesque", "Lévesque"),
            ("Mary\u{a0} Ann", "Mary Ann"),
        ] {
            for kind in [TextKind::Identifier, TextKind::Line] {
                assert_eq!(normal(sent, kind), kept);
                assert_eq!(unfit(kept, kind), None);
            }
        }
        assert_eq!(normal(" a\r\nb\rc  d ", TextKind::Text), "a\nb\nc  d");
    }

    #[test]
    fn characters_that_nobody_sees_are_unfit() {
        use TextKind::{Identifier, Line, Text};
        for (text, kinds) in [
            ("DUP\u{200b}-1", &[Identifier, Line, Text][..]),
            ("a\u{202e}b", &[Identifier, Line, Text]),
            ("a\u{0}b", &[Identifier, Line, Text]),
            ("a\u{feff}", &[Identifier, Line, Text]),
            ("a\u{2028}b", &[Identifier, Line, Text]),
            ("a\u{fffe}", &[Identifier, Line, Text]),
            ("a\nb", &[Identifier, Line]),
            ("a\tb", &[Identifier, Line]),
            // A joiner within a word, and a heart with the selector for its colour.
            ("می\u{200c}خواهم", &[Identifier]),
            ("\u{2764}\u{fe0f}", &[Identifier]),
            ("a\u{200d} b", &[Identifier, Line, Text]),
        ] {
            for kind in [Identifier, Line, Text] {
                let is_unfit = unfit(&normal(text, kind), kind).is_some();
                assert_eq!(is_unfit, kinds.contains(&kind), "{text:?} {kind:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_normal_form_is_normal(text in any::<String>()) {
            for kind in [TextKind::Identifier, TextKind::Line, TextKind::Text] {
                let kept = normal(&text, kind);
                prop_assert_eq!(normal(&kept, kind), kept);
            }
        }

        #[test]
        fn a_fit_line_is_accepted_unless_it_is_empty(text in any::<String>()) {
            let line = fit_line(&text);
            prop_assert_eq!(unfit(&line, TextKind::Line), None);
            prop_assert_eq!(normal(&line, TextKind::Line), line);
        }
    }
}
