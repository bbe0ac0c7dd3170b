//! One request by a verified caller: parses its path, query and body.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{HeaderMap, header};
use lambda_http::{Body, Request, RequestExt as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::concurrency::IfMatch;
use crate::errors::{Error, field_error};
use crate::idempotency::Claim;
use crate::ids::UserId;
use crate::json;
use crate::merge_patch::MergePatch;
use crate::pages::{PageRequest, Signer};
use crate::target::Target;
use crate::trail::Trail;

/// JSON bodies hold a resource, never a file: files go to S3.
const MAX_BODY: usize = 1024 * 1024;

/// A request whose caller is known and whose every outcome is audited.
#[derive(Clone)]
pub struct Call {
    pub(crate) trail: Arc<Trail>,
    pub(crate) request: Arc<Incoming>,
    pub(crate) caller: UserId,
    pub(crate) cursor_key: hmac::Key,
}

/// What the gateway handed over.
pub(crate) struct Incoming {
    pub(crate) headers: HeaderMap,
    pub(crate) path_parameters: HashMap<String, String>,
    pub(crate) query: String,
    /// Whether the handler has asked for the query.
    is_query_read: AtomicBool,
    pub(crate) body: Bytes,
    pub(crate) claim: Option<Claim>,
}

impl Incoming {
    /// Errors: its `Idempotency-Key` is none.
    pub(crate) fn read(request: Request) -> Result<Self, Error> {
        let claim = Claim::of(&request)?;
        let path_parameters = request
            .path_parameters_ref()
            .into_iter()
            .flat_map(|parameters| parameters.iter())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let (parts, body) = request.into_parts();
        Ok(Self {
            headers: parts.headers,
            path_parameters,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            is_query_read: AtomicBool::new(false),
            body: match body {
                Body::Text(text) => Bytes::from(text),
                Body::Binary(bytes) => Bytes::from(bytes),
                _ => Bytes::new(),
            },
            claim,
        })
    }

    fn query<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let deserializer =
            serde_urlencoded::Deserializer::new(form_urlencoded::parse(self.query.as_bytes()));
        serde_path_to_error::deserialize(deserializer)
            .map_err(|error| field_error(error.path().to_string(), &error.inner().to_string()))
    }
}

/// The query of an endpoint that reads none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoQuery {}

impl Call {
    /// The caller: the Supabase `sub`.
    pub fn caller(&self) -> UserId {
        self.caller
    }

    /// An id out of the path. Errors: [`Error::NotFound`] where it is none, for nothing has it.
    pub fn path<I: FromStr>(&self, name: &str) -> Result<I, Error> {
        self.request
            .path_parameters
            .get(name)
            .and_then(|text| text.parse().ok())
            .ok_or(Error::NotFound)
    }

    /// The query's parameters. Errors: one is unknown, repeated or not of its type.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.request.is_query_read.store(true, Ordering::Relaxed);
        self.request.query()
    }

    /// The JSON body. Errors: not JSON, not declared as JSON, too large, a field unknown, missing,
    /// repeated or not of its type.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Error> {
        json::typed(json::read(self.payload("application/json")?)?, "")
    }

    fn payload(&self, media_type: &str) -> Result<&[u8], Error> {
        let declared = self
            .request
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let essence = declared
            .and_then(|value| value.split(';').next())
            .map(str::trim);
        if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case(media_type)) {
            return Err(Error::UnsupportedMediaType);
        }
        if self.request.body.len() > MAX_BODY {
            return Err(Error::TooLarge);
        }
        Ok(&self.request.body)
    }

    /// The version that a change was made from. Errors: the header `If-Match` is missing, or no
    /// tag of ours.
    pub fn if_match(&self) -> Result<IfMatch, Error> {
        IfMatch::parse(&self.request.headers)
    }

    /// The body of a PATCH, `application/merge-patch+json`. Errors as for [`body`](Self::body).
    pub fn merge_patch(&self) -> Result<MergePatch, Error> {
        MergePatch::parse(self.payload("application/merge-patch+json")?)
    }

    /// The page that `limit` and `cursor` ask for.
    pub fn page<K: Serialize + DeserializeOwned>(
        &self,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<PageRequest<K>, Error> {
        let context = format!("{}\0{}", self.trail.environment.endpoint.name, self.caller);
        PageRequest::new(limit, cursor, Signer::new(self.cursor_key.clone(), context))
    }

    /// Opens the audited transaction on `target`. Sends nothing yet: the first statement carries
    /// the actor along, and is refused where the query has parameters and was not
    /// [read](Self::query) by now.
    pub fn authorize<T: Target>(&self, target: T) -> Access<T> {
        let access = Access::new(self.trail.clone(), target, self.request.claim.clone());
        match self.request.is_query_read.load(Ordering::Relaxed) {
            true => access,
            false => access.unless(self.request.query::<NoQuery>().err()),
        }
    }
}
