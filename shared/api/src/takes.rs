//! The parts of a request that a handler's arguments take.

/// How often a handler takes each part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takes {
    pub(crate) path_parameters: usize,
    pub(crate) queries: usize,
    pub(crate) pages: usize,
    pub(crate) bodies: usize,
}

impl Takes {
    /// No part of the request.
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
