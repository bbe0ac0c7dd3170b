//! What an operation reads and answers, derived from its handler's types.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use shared::call::Call;
use shared::endpoint::Endpoint;
use shared::reply::{Created, Json, Reply};

/// A function that describes a type to a generator.
pub(crate) type Describe = fn(&mut SchemaGenerator) -> Schema;

/// The kind of body that a request has.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// A complete value.
    Whole(Describe),
    /// A merge patch of such a value (RFC 7396).
    Patch(Describe),
}

/// An endpoint with a caller.
pub(crate) struct Operation {
    pub(crate) endpoint: Endpoint,
    pub(crate) body: Option<Body>,
    pub(crate) query: Option<Describe>,
    pub(crate) status: u16,
    pub(crate) answer: Describe,
}

/// The status and content of an answer.
pub(crate) trait Answered {
    const STATUS: u16;
    type Holds: JsonSchema;
}

impl<T: JsonSchema> Answered for Json<T> {
    const STATUS: u16 = 200;
    type Holds = T;
}

impl<T: JsonSchema> Answered for Created<T> {
    const STATUS: u16 = 201;
    type Holds = T;
}

impl Operation {
    /// Returns the operation of `handle`, with the handler's answer.
    pub(crate) fn of<T: Answered, F: Future<Output = Reply<T>>>(
        endpoint: Endpoint,
        _handle: impl Fn(Call) -> F,
    ) -> Self {
        Self {
            endpoint,
            body: None,
            query: None,
            status: T::STATUS,
            answer: SchemaGenerator::subschema_for::<T::Holds>,
        }
    }

    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(Body::Whole(T::json_schema));
        self
    }

    pub(crate) fn patch<T: JsonSchema>(mut self) -> Self {
        self.body = Some(Body::Patch(T::json_schema));
        self
    }

    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(T::json_schema);
        self
    }
}
