//! What leaves the system: answers, and the proof that their audit row is committed.

use std::marker::PhantomData;

use http::{Response, StatusCode, header};
use lambda_http::Body;
use serde::Serialize;

use crate::errors::Error;
use crate::ids::PatientId;

/// What every handler returns.
pub type Reply<T> = Result<Audited<T>, Error>;

/// An answer whose audit row is committed. Only [`Access::commit`](crate::access::Access::commit)
/// makes one, so a handler can't answer without.
#[derive(Debug)]
pub struct Audited<T> {
    response: Response<Body>,
    answer: PhantomData<T>,
}

impl<T> Audited<T> {
    pub(crate) fn committed(response: Response<Body>) -> Self {
        Self {
            response,
            answer: PhantomData,
        }
    }

    pub(crate) fn release(self) -> Response<Body> {
        self.response
    }
}

/// A body that says whose data it holds, so that its audit row names every patient.
pub trait Content: Serialize {
    /// The patients whose data this is; empty where it is nobody's.
    fn patients(&self) -> Vec<PatientId>;

    /// The resource's version, for `ETag`.
    fn version(&self) -> Option<i32> {
        None
    }
}

/// An answer as the handler gives it.
pub trait Answer {
    /// The patients whose data it holds.
    fn patients(&self) -> Vec<PatientId>;
    /// As HTTP.
    fn into_response(self) -> Result<Response<Body>, Error>;
}

/// `200` with a body.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// `201` with a body and where it can be read again.
#[derive(Debug)]
pub struct Created<T> {
    /// The resource's path.
    pub location: String,
    /// The resource.
    pub body: T,
}

impl<T: Content> Answer for Json<T> {
    fn patients(&self) -> Vec<PatientId> {
        self.0.patients()
    }

    fn into_response(self) -> Result<Response<Body>, Error> {
        json(StatusCode::OK, &self.0, self.0.version(), None)
    }
}

impl<T: Content> Answer for Created<T> {
    fn patients(&self) -> Vec<PatientId> {
        self.body.patients()
    }

    fn into_response(self) -> Result<Response<Body>, Error> {
        json(
            StatusCode::CREATED,
            &self.body,
            self.body.version(),
            Some(&self.location),
        )
    }
}

fn json(
    status: StatusCode,
    body: &impl Serialize,
    version: Option<i32>,
    location: Option<&str>,
) -> Result<Response<Body>, Error> {
    let body = serde_json::to_string(body).map_err(|_| Error::Internal("an answer is not JSON"))?;
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "no-store");
    if let Some(version) = version {
        response = response.header(header::ETAG, format!("\"{version}\""));
    }
    if let Some(location) = location {
        response = response.header(header::LOCATION, location);
    }
    response
        .body(Body::from(body))
        .map_err(|_| Error::Internal("an answer is not HTTP"))
}

pub(crate) fn problem(error: &Error, request_id: &str) -> Response<Body> {
    let problem = error.problem(request_id);
    let body = serde_json::to_string(&problem).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = error.kind().0;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        http::HeaderValue::from_static("no-store"),
    );
    if problem.status == StatusCode::UNAUTHORIZED.as_u16() {
        headers.insert(
            header::WWW_AUTHENTICATE,
            http::HeaderValue::from_static("Bearer"),
        );
    }
    if problem.status == StatusCode::SERVICE_UNAVAILABLE.as_u16() {
        headers.insert(header::RETRY_AFTER, http::HeaderValue::from_static("1"));
    }
    response
}
