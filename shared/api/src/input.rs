//! The inputs of a handler: each parameter behind the first says by its type what it reads.

mod body;
mod configured;
mod event;
mod if_match;
mod page;
mod patch;
mod path;
mod query;

pub use body::Body;
pub use configured::{Configured, FromSettings};
pub use event::Event;
pub use patch::Patch;
pub use path::Path;
pub use query::Query;

use errors::Error;
use settings::Misconfigured;

use crate::description::Description;

/// A part of a request as a parameter of a handler.
///
/// Inputs are read in the order of the parameters, and the first error is the answer.
pub trait Input<Request>: Sized + Send {
    /// What it takes of the request, so that the compiler refuses a signature that can't work.
    const TAKES: Takes = Takes::NOTHING;
    /// What it needs of the deployment. It is made once, when the function starts.
    type Settings: Send + Sync + 'static;

    /// Reads the deployment's settings. Errors: one is missing or wrong, and the function doesn't start.
    fn configure() -> Result<Self::Settings, Misconfigured>;

    /// Reads it. `before` is what the parameters before it take.
    fn read(
        request: &Request,
        before: Takes,
        settings: &'static Self::Settings,
    ) -> Result<Self, Error>;

    /// Describes it for the OpenAPI document.
    fn describe(_description: &mut Description) {}
}

/// How often a signature takes each part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takes {
    pub(crate) path_parameters: usize,
    pub(crate) queries: usize,
    pub(crate) pages: usize,
    pub(crate) bodies: usize,
}

impl Takes {
    /// Nothing of the request.
    pub const NOTHING: Self = Self {
        path_parameters: 0,
        queries: 0,
        pages: 0,
        bodies: 0,
    };
    pub(crate) const PATH_PARAMETER: Self = Self {
        path_parameters: 1,
        ..Self::NOTHING
    };
    pub(crate) const QUERY: Self = Self {
        queries: 1,
        ..Self::NOTHING
    };
    pub(crate) const PAGE: Self = Self {
        pages: 1,
        ..Self::NOTHING
    };
    pub(crate) const BODY: Self = Self {
        bodies: 1,
        ..Self::NOTHING
    };

    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            path_parameters: self.path_parameters + other.path_parameters,
            queries: self.queries + other.queries,
            pages: self.pages + other.pages,
            bodies: self.bodies + other.bodies,
        }
    }
}
