//! The path of a value in a document.

use std::fmt;

/// A path, from the value upwards.
#[derive(Clone, Copy)]
pub(crate) struct Path<'a>(Option<(&'a Path<'a>, Segment<'a>)>);

#[derive(Clone, Copy)]
enum Segment<'a> {
    Member(&'a str),
    Item(usize),
}

impl Path<'_> {
    pub(crate) const ROOT: Path<'static> = Path(None);
}

impl<'a> Path<'a> {
    pub(crate) fn member(&'a self, name: &'a str) -> Self {
        Self(Some((self, Segment::Member(name))))
    }

    pub(crate) fn item(&'a self, index: usize) -> Self {
        Self(Some((self, Segment::Item(index))))
    }
}

/// The JSON Pointer (RFC 6901).
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some((parent, Segment::Item(index))) => write!(f, "{parent}/{index}"),
            Some((parent, Segment::Member(name))) => {
                write!(f, "{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
            }
        }
    }
}
