//! The answers, and the proof that their audit rows are committed.

use std::marker::PhantomData;

use domain::disclosure::Content;
use domain::ids::PatientId;
use errors::{Error, Problem};
use http::{HeaderName, Response, StatusCode, header};
use lambda_http::Body;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use sql::FromRow;

use crate::entity_tags::of_version;

/// The media type of a merge patch (RFC 7396).
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";

/// The authentication that the API accepts (RFC 6750, 3).
const CHALLENGE: &str = "Bearer realm=\"caretrail\"";

/// The result of every handler.
pub type Reply<T> = Result<Audited<T>, Error>;

/// An answer whose audit row is committed. Only [`Access::commit`](crate::access::Access::commit) makes
/// one, so a handler can't answer without an audit row.
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

/// An answer before it is committed.
pub trait Answer {
    /// The patients whose data it contains.
    fn patients(&self) -> Vec<PatientId>;
    /// The patients whom it names as possible duplicates.
    fn possible_duplicates(&self) -> &[PatientId];
    /// Converts it into an HTTP response. Errors: [`Error::Internal`] if it can't be converted.
    fn into_response(self) -> Result<Response<Body>, Error>;
}

/// An answer that the OpenAPI document can describe.
pub trait Described: Answer {
    /// The HTTP status.
    const STATUS: u16;

    /// The JSON Schema of the body.
    fn describe(generator: &mut SchemaGenerator) -> Schema;
}

/// An answer that can be made again from the row of its resource.
pub trait Repeatable: Described + Send {
    /// The body.
    type Body: FromRow + Send;

    /// The answer with this body. `location` is the path of the resource.
    fn again(body: Self::Body, location: String) -> Self;
}

/// `200` with a body.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// `201` with a body and a `Location` header.
#[derive(Debug)]
pub struct Created<T> {
    /// The path of the resource.
    pub location: String,
    /// The resource.
    pub body: T,
}

impl<T: Content> Answer for Json<T> {
    fn patients(&self) -> Vec<PatientId> {
        self.0.patients()
    }

    fn possible_duplicates(&self) -> &[PatientId] {
        self.0.possible_duplicates()
    }

    fn into_response(self) -> Result<Response<Body>, Error> {
        json(StatusCode::OK, &self.0, self.0.version(), None)
    }
}

impl<T: Content> Answer for Created<T> {
    fn patients(&self) -> Vec<PatientId> {
        self.body.patients()
    }

    fn possible_duplicates(&self) -> &[PatientId] {
        self.body.possible_duplicates()
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

impl<T: Content + JsonSchema + FromRow + Send> Repeatable for Json<T> {
    type Body = T;

    fn again(body: T, _location: String) -> Self {
        Self(body)
    }
}

impl<T: Content + JsonSchema + FromRow + Send> Repeatable for Created<T> {
    type Body = T;

    fn again(body: T, location: String) -> Self {
        Self { location, body }
    }
}

impl<T: Content + JsonSchema> Described for Json<T> {
    const STATUS: u16 = 200;

    fn describe(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

impl<T: Content + JsonSchema> Described for Created<T> {
    const STATUS: u16 = 201;

    fn describe(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
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
        response = response.header(header::ETAG, of_version(version));
    }
    if let Some(location) = location {
        response = response.header(header::LOCATION, location);
    }
    response
        .body(Body::from(body))
        .map_err(|_| Error::Internal("an answer is not HTTP"))
}

pub(crate) fn problem(error: &Error, request_id: &str) -> Response<Body> {
    let problem = Problem::new(error, request_id);
    let body = serde_json::to_string(&problem).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = error.kind().status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        http::HeaderValue::from_static("no-store"),
    );
    let named = match error {
        Error::NotAuthenticated(None) => Some((header::WWW_AUTHENTICATE, CHALLENGE.to_owned())),
        // RFC 6750, 3.
        Error::NotAuthenticated(Some(fault)) => Some((
            header::WWW_AUTHENTICATE,
            format!("{CHALLENGE}, error=\"invalid_token\", error_description=\"{fault}\""),
        )),
        // RFC 5789, 2.2.
        Error::UnsupportedMediaType(accepted @ MERGE_PATCH) => Some((
            HeaderName::from_static("accept-patch"),
            (*accepted).to_owned(),
        )),
        // RFC 9110, 15.5.16.
        Error::UnsupportedMediaType(accepted) => Some((header::ACCEPT, (*accepted).to_owned())),
        Error::MethodNotAllowed(allowed) => Some((header::ALLOW, allowed.clone())),
        _ => None,
    };
    if let Some((name, value)) = named
        && let Ok(value) = http::HeaderValue::from_str(&value)
    {
        headers.insert(name, value);
    }
    let seconds = match error {
        Error::TooManyRefusals(seconds) => Some(*seconds),
        _ => (error.kind().status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
    };
    if let Some(seconds) = seconds {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
