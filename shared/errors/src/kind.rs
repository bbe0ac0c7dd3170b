//! The kinds of problems.

use http::StatusCode;

/// A kind of problem. Clients recognise it by its slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The HTTP status.
    pub status: StatusCode,
    /// The last part of the problem's `type`. It never changes.
    pub slug: &'static str,
    /// A short description of the kind.
    pub title: &'static str,
}
