//! The description of an operation for the OpenAPI document, made from a handler's signature.

use schemars::{Schema, SchemaGenerator};

/// Generates the JSON Schema of a type.
pub type Describe = fn(&mut SchemaGenerator) -> Schema;

/// The kind of a request's body.
#[derive(Clone, Copy)]
pub enum BodyKind {
    /// `application/json`: a complete value.
    Whole(Describe),
    /// `application/merge-patch+json`: changes to a value (RFC 7396).
    MergePatch(Describe),
}

/// When a request must have the header `If-Match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatchKind {
    /// Always.
    Required,
    /// Only if the request replaces an existing resource.
    ToReplace,
}

/// The parts of an operation.
#[derive(Default)]
pub struct Description {
    /// The path parameters, in their order.
    pub path: Vec<Describe>,
    /// The query parameters, without `limit` and `cursor`.
    pub query: Option<Describe>,
    /// Whether the query has `limit` and `cursor`.
    pub is_paged: bool,
    /// The body.
    pub body: Option<BodyKind>,
    /// The header `If-Match`.
    pub if_match: Option<IfMatchKind>,
    /// The status and the body of a successful answer.
    pub answer: Option<(u16, Describe)>,
}
