//! What a handler's signature says of its operation, for the OpenAPI document.

use schemars::{Schema, SchemaGenerator};

/// Describes a type to a generator.
pub type Describe = fn(&mut SchemaGenerator) -> Schema;

/// What a request carries as its body.
#[derive(Clone, Copy)]
pub enum BodyKind {
    /// `application/json`: a whole value.
    Whole(Describe),
    /// `application/merge-patch+json`: changes to such a value (RFC 7396).
    MergePatch(Describe),
}

/// Whether a request names the version that it was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatchKind {
    /// Always.
    Required,
    /// If something exists that the request replaces.
    ToReplace,
}

/// The parts of an operation, as its handler's types say them.
#[derive(Default)]
pub struct Description {
    /// The path's parameters, in their order.
    pub path: Vec<Describe>,
    /// The query's parameters, without those of a page.
    pub query: Option<Describe>,
    /// Whether the query also has `limit` and `cursor`.
    pub is_paged: bool,
    /// The body.
    pub body: Option<BodyKind>,
    /// The header `If-Match`.
    pub if_match: Option<IfMatchKind>,
    /// The success's status and body.
    pub answer: Option<(u16, Describe)>,
}
