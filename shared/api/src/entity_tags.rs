//! Entity tags (RFC 9110, 8.8.3) and the lists of them in `If-Match` and `If-None-Match`.
//!
//! The crate `headers` skips malformed tags in silence, and then a mistake in a header looks like an old version.
//! Here they are refused.

use errors::{Error, FieldError};
use http::{HeaderMap, HeaderValue};

const EXPECTED: &str =
    "expected * or entity tags in double quotes, separated by commas, for example \"1\"";

/// The value of `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntityTags {
    /// `*`: any version.
    Any,
    /// Any of these.
    Listed(Vec<EntityTag>),
}

/// One tag of a list. The API itself gives strong tags only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag {
    /// Whether `W/` precedes it.
    is_weak: bool,
    /// The tag with its double quotes. Tags are compared by their bytes.
    quoted: Vec<u8>,
}

/// The tag of a version of a resource, such as `"3"`.
pub(crate) fn of_version(version: i32) -> String {
    format!("\"{version}\"")
}

impl EntityTags {
    /// Reads all headers of this name as one list. None if there is none. Errors: [`Error::MalformedHeader`] if it
    /// is neither `*` nor a list of entity tags.
    pub(crate) fn read(headers: &HeaderMap, name: &'static str) -> Result<Option<Self>, Error> {
        let lines: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let tags = Self::parse(&lines.join(&b","[..]));
        tags.map(Some)
            .ok_or_else(|| Error::MalformedHeader(FieldError::header(name, EXPECTED)))
    }

    fn parse(value: &[u8]) -> Option<Self> {
        if value.trim_ascii() == b"*" {
            return Some(Self::Any);
        }
        let (mut tags, mut rest) = (Vec::new(), value);
        loop {
            // A list may have empty elements (RFC 9110, 5.6.1.2).
            rest = after(rest, |byte| matches!(byte, b',' | b' ' | b'\t'));
            if rest.is_empty() {
                return Some(Self::Listed(tags));
            }
            let (is_weak, quoted) = match rest.strip_prefix(b"W/") {
                Some(quoted) => (true, quoted),
                None => (false, rest),
            };
            let is_allowed = |byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..);
            let opaque = quoted.strip_prefix(b"\"")?;
            rest = after(opaque, is_allowed).strip_prefix(b"\"")?;
            tags.push(EntityTag {
                is_weak,
                quoted: quoted[..quoted.len() - rest.len()].to_vec(),
            });
            rest = after(rest, |byte| matches!(byte, b' ' | b'\t'));
            if !rest.is_empty() && !rest.starts_with(b",") {
                return None;
            }
        }
    }

    /// Whether one of them is the current tag by the strong comparison, in which a weak tag equals none.
    pub(crate) fn matches_strongly(&self, current: Option<&[u8]>) -> bool {
        self.matches(current, |tag| !tag.is_weak)
    }

    /// Whether one of them is the current tag by the weak comparison, in which `W/"1"` equals `"1"`.
    pub(crate) fn matches_weakly(&self, current: Option<&[u8]>) -> bool {
        self.matches(current, |_| true)
    }

    /// A resource without a tag matches `*` alone.
    fn matches(&self, current: Option<&[u8]>, counts: impl Fn(&EntityTag) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags
                .iter()
                .any(|tag| counts(tag) && current == Some(tag.quoted.as_slice())),
        }
    }
}

/// What is left after the bytes at the beginning that `is_skipped` names.
fn after(bytes: &[u8], is_skipped: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|byte| !is_skipped(*byte));
    &bytes[end.unwrap_or(bytes.len())..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(value: &[u8]) -> Option<EntityTags> {
        EntityTags::parse(value)
    }

    fn strong_and_weak(value: &[u8], current: &str) -> Option<(bool, bool)> {
        let (tags, current) = (parsed(value)?, Some(current.as_bytes()));
        Some((tags.matches_strongly(current), tags.matches_weakly(current)))
    }

    /// The table of RFC 9110, 8.8.3.2, and lists of 5.6.1 and 13.1.1.
    #[test]
    fn tags_are_compared_as_the_rfc_says() {
        for (value, matches) in [
            ("\"1\"", (true, true)),
            ("W/\"1\"", (false, true)),
            ("W/\"2\"", (false, false)),
            ("\"2\"", (false, false)),
            ("\"2\", \"1\"", (true, true)),
            ("\"2\",W/\"1\"", (false, true)),
            (", ,\t\"2\" ,, \"1\" ,", (true, true)),
            ("\"a,\\b\", \"1\"", (true, true)),
            ("\"01\"", (false, false)),
            ("\"\"", (false, false)),
            ("*", (true, true)),
            (" * ", (true, true)),
            ("", (false, false)),
        ] {
            assert_eq!(
                strong_and_weak(value.as_bytes(), "\"1\""),
                Some(matches),
                "{value}"
            );
        }
        assert_eq!(
            strong_and_weak(b"\"\xfc\", \"1\"", "\"1\""),
            Some((true, true))
        );
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for value in [
            "1",
            "zebrafish",
            "\"1",
            "1\"",
            "'1'",
            "w/\"1\"",
            "W/1",
            "W/ \"1\"",
            "W/",
            "\"1\" \"2\"",
            "\"1\"x",
            "\"1\";q=1",
            "*, \"1\"",
            "\"1\", *",
            "**",
            "\"a b\"",
            "\"1\", 2",
        ] {
            assert_eq!(parsed(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn headers_of_one_name_are_one_list() {
        let mut headers = HeaderMap::new();
        assert_eq!(EntityTags::read(&headers, "If-Match").unwrap(), None);
        for tag in ["\"1\"", "\"2\""] {
            headers.append("if-match", HeaderValue::from_static(tag));
        }
        let tags = EntityTags::read(&headers, "If-Match").unwrap().unwrap();
        assert!(tags.matches_strongly(Some(b"\"2\"")) && !tags.matches_strongly(None));
        headers.append("if-match", HeaderValue::from_static("*"));
        let refused = EntityTags::read(&headers, "If-Match").unwrap_err();
        assert!(
            matches!(refused, Error::MalformedHeader(fault) if fault.header.as_deref() == Some("If-Match"))
        );
    }

    proptest! {
        #[test]
        fn a_list_matches_what_it_lists(tags in prop::collection::vec((any::<bool>(), "[!#-~]{0,6}"), 0..6)) {
            let written = tags.iter().map(|(is_weak, tag)| format!("{}\"{tag}\"", if *is_weak { "W/" } else { "" }));
            let written = written.collect::<Vec<_>>().join(" , ");
            for (_, tag) in &tags {
                let matches = strong_and_weak(written.as_bytes(), &format!("\"{tag}\""));
                let is_strong = tags.iter().any(|(is_weak, other)| !is_weak && other == tag);
                prop_assert_eq!(matches, Some((is_strong, true)));
            }
            prop_assert_eq!(strong_and_weak(written.as_bytes(), "\"longest\""), Some((false, false)));
        }

        #[test]
        fn any_bytes_are_a_list_or_refused(value in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = parsed(&value);
        }
    }
}
