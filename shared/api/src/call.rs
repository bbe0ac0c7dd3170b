//! A request by an authenticated caller.

use std::sync::Arc;

use aws_lc_rs::hmac;
use bytes::Bytes;
use domain::ids::SubjectId;
use errors::Error;
use http::{HeaderMap, Request, header};
use lambda_http::{Body, RequestExt as _};
use parsing::form;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::access::Access;
use crate::endpoint::Endpoint;
use crate::idempotency::Claim;
use crate::pages::{Limit, PageRequest, Sealer};
use crate::read_conditions::ReadConditions;
use crate::request_context::RequestContext;
use crate::service::Service;
use crate::takes::Takes;
use crate::target::Target;

/// The largest body in bytes, and the largest resource in bytes of JSON. A body contains one resource; files are sent
/// to S3.
pub(crate) const MAX_BODY: usize = 128 * 1024;

/// A request by an authenticated caller. Every outcome of it is audited. The handler's inputs read it.
#[derive(Clone)]
pub struct Call {
    pub(crate) context: Arc<RequestContext>,
    pub(crate) incoming: Arc<Incoming>,
    pub(crate) subject: SubjectId,
    pub(crate) cursor_key: hmac::Key,
}

/// The request as API Gateway sent it.
pub(crate) struct Incoming {
    headers: HeaderMap,
    /// The values of the path parameters, in the order of the route.
    path_parameters: Vec<String>,
    query: String,
    body: Bytes,
    pub(crate) claim: Option<Claim>,
    conditions: ReadConditions,
    takes: Takes,
}

/// The names of the parameters, or the fields of a body, that choose a page.
const PAGE_PARAMETERS: &[&str] = &["limit", "cursor"];

/// The names of the parameters of a list that name a person.
const PERSONS: [&str; 4] = ["owner_id", "patient_id", "provider_id", "user_id"];

/// The query of a handler that takes no parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParameters {}

impl Incoming {
    /// Reads the request to this service. Errors: the header `Idempotency-Key`, or a condition of a read, is
    /// malformed.
    pub(crate) fn read(request: Request<Body>, service: &Service) -> Result<Self, Error> {
        let endpoint = &service.environment.endpoint;
        let takes = service.takes;
        let claim = match &service.repeat {
            Some(repeat) => Claim::of(&request, repeat.status)?,
            None => None,
        };
        let conditions = ReadConditions::read(&request)?;
        let path_parameters = path_parameters(&request, endpoint);
        let (parts, body) = request.into_parts();
        Ok(Self {
            headers: parts.headers,
            path_parameters,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            body: match body {
                Body::Text(text) => Bytes::from(text),
                Body::Binary(bytes) => Bytes::from(bytes),
                _ => Bytes::new(),
            },
            claim,
            conditions,
            takes,
        })
    }

    /// The number of bytes of the body.
    pub(crate) fn body_size(&self) -> usize {
        self.body.len()
    }

    /// What the request asks for, apart from the page: a cursor continues only the list that it was made for.
    fn filter(&self) -> String {
        let pairs = form_urlencoded::parse(self.query.as_bytes());
        let pairs = pairs.filter(|(name, _)| !PAGE_PARAMETERS.contains(&name.as_ref()));
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_unstable();
        let mut body = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        if let Value::Object(fields) = &mut body {
            fields.retain(|name, _| !PAGE_PARAMETERS.contains(&name.as_str()));
        }
        // Both forms quote their strings, so two different filters never have the same text.
        format!("{:?}{pairs:?}{body}", self.path_parameters)
    }

    /// The persons by whom a list is filtered. The audit row names them, even if they are out of the caller's reach and
    /// the answer is empty.
    fn persons(&self) -> impl Iterator<Item = (&'static str, Uuid)> {
        form_urlencoded::parse(self.query.as_bytes()).filter_map(|(name, value)| {
            let name = PERSONS.into_iter().find(|person| *person == name)?;
            Some((name, value.parse().ok()?))
        })
    }

    /// Checks that the handler's inputs take all of the request. Errors: the request has a query
    /// parameter or a body that no input takes.
    fn check_all_taken(&self) -> Option<Error> {
        let parameters = match self.takes.queries {
            0 => form::<NoParameters>(&self.query, self.page_parameters(), |_, _| Ok(())).err(),
            _ => None,
        };
        let body = (self.takes.bodies == 0 && !self.body.is_empty())
            .then(|| Error::invalid("", "expected no body, because the operation takes none"));
        parameters.into_iter().chain(body).reduce(Error::and)
    }

    /// The names of the query's parameters that a page takes.
    fn page_parameters(&self) -> &'static [&'static str] {
        match self.takes.pages {
            0 => &[],
            _ => PAGE_PARAMETERS,
        }
    }
}

/// Returns the values of the path parameters. All routes of an endpoint have the same parameters.
fn path_parameters(request: &Request<Body>, endpoint: &Endpoint) -> Vec<String> {
    let given = request.path_parameters_ref();
    let value = |name| {
        given
            .and_then(|given| given.first(name))
            .unwrap_or_default()
    };
    let names = endpoint.routes().next().into_iter();
    names
        .flat_map(|route| route.parameters())
        .map(|name| value(name).to_owned())
        .collect()
}

impl Call {
    pub(crate) fn path_parameter(&self, index: usize) -> Option<&str> {
        self.incoming.path_parameters.get(index).map(String::as_str)
    }

    pub(crate) fn query(&self) -> &str {
        &self.incoming.query
    }

    pub(crate) fn page_parameters(&self) -> &'static [&'static str] {
        self.incoming.page_parameters()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.incoming.headers
    }

    /// Returns the body. Errors: its `Content-Type` isn't `media_type`, or it is too large.
    pub(crate) fn body(&self, media_type: &'static str) -> Result<&[u8], Error> {
        let declared = self
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let essence = declared
            .and_then(|value| value.split(';').next())
            .map(str::trim);
        if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case(media_type)) {
            return Err(Error::UnsupportedMediaType(media_type));
        }
        if self.incoming.body.len() > MAX_BODY {
            return Err(Error::TooLarge(MAX_BODY));
        }
        Ok(&self.incoming.body)
    }

    /// Returns the page for the fields `limit` and `cursor` of a body. Errors: `cursor` isn't from this caller
    /// and list.
    pub fn page<K: Serialize + DeserializeOwned>(
        &self,
        limit: Option<Limit>,
        cursor: Option<&str>,
    ) -> Result<PageRequest<K>, Error> {
        self.page_of(limit, cursor, Error::invalid)
    }

    /// As [`page`](Self::page). `refuse` makes the error of a field or parameter.
    pub(crate) fn page_of<K: Serialize + DeserializeOwned>(
        &self,
        limit: Option<Limit>,
        cursor: Option<&str>,
        refuse: fn(&str, &str) -> Error,
    ) -> Result<PageRequest<K>, Error> {
        let endpoint = &self.context.environment.endpoint;
        let context = format!(
            "{}\0{}\0{}",
            endpoint.name,
            self.subject,
            self.incoming.filter()
        );
        let sealer = Sealer::new(self.cursor_key.clone(), context);
        PageRequest::new(limit, cursor, sealer, refuse)
    }

    /// The error of a request with these errors of its inputs: all faults at once.
    pub(crate) fn refuse(&self, errors: Vec<Error>) -> Error {
        let rest = self.incoming.check_all_taken();
        let all = errors.into_iter().chain(rest).reduce(Error::and);
        all.unwrap_or(Error::Internal("a request was refused without a reason"))
    }

    /// Prepares the audited transaction on `target`. It is opened with the first statement. That
    /// statement fails if the request has a parameter or a body that the handler doesn't take.
    pub fn authorize<T: Target>(&self, target: T) -> Access<T> {
        let claim = self.incoming.claim.clone();
        let mut access = Access::new(self.context.clone(), target, claim)
            .on_conditions(self.incoming.conditions.clone())
            .reject_with(self.incoming.check_all_taken());
        let patient = access.granted().patient();
        for (name, person) in self.incoming.persons() {
            // The row has a column for the patient.
            if patient.is_none_or(|patient| Uuid::from(patient) != person) {
                access.add_note(&format!("filtered_{name}"), person.to_string());
            }
        }
        access
    }
}
