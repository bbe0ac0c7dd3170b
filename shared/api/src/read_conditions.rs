//! The conditions of a read (RFC 9110, 13.1.1 and 13.1.2). They compare the `ETag` of the answer.

use errors::Error;
use http::{Method, Response, StatusCode, header};
use lambda_http::{Body, Request};

use crate::entity_tags::EntityTags;

/// The headers `If-Match` and `If-None-Match` of a GET or HEAD request.
#[derive(Clone, Default)]
pub(crate) struct ReadConditions {
    if_match: Option<EntityTags>,
    if_none_match: Option<EntityTags>,
}

impl ReadConditions {
    /// Reads the headers. Other methods have no conditions of a read. Errors: [`Error::MalformedHeader`].
    pub(crate) fn read(request: &Request) -> Result<Self, Error> {
        match *request.method() {
            Method::GET | Method::HEAD => Ok(Self {
                if_match: EntityTags::read(request.headers(), "If-Match")?,
                if_none_match: EntityTags::read(request.headers(), "If-None-Match")?,
            }),
            _ => Ok(Self::default()),
        }
    }

    /// Whether [`apply`](Self::apply) never fails.
    pub(crate) fn never_fail(&self) -> bool {
        self.if_match.is_none()
    }

    /// Replaces an answer that the caller has already by 304. Errors: [`Error::PreconditionFailed`] if the caller
    /// wants another version only.
    pub(crate) fn apply(&self, mut response: Response<Body>) -> Result<Response<Body>, Error> {
        let tag = response.headers().get(header::ETAG);
        let tag = tag.map(http::HeaderValue::as_bytes);
        let (wanted, owned) = (&self.if_match, &self.if_none_match);
        if wanted
            .as_ref()
            .is_some_and(|tags| !tags.matches_strongly(tag))
        {
            return Err(Error::PreconditionFailed);
        }
        if owned.as_ref().is_some_and(|tags| tags.matches_weakly(tag)) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::Empty;
            response.headers_mut().remove(header::CONTENT_TYPE);
        }
        Ok(response)
    }
}
