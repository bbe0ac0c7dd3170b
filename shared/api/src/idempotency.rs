//! `Idempotency-Key`: a repeated request has no further effect, and its answer is read again.
//!
//! The first flush of the transaction inserts the key with the status and the resource of the answer. So the
//! database has the key if and only if the request's work is committed. The body isn't kept: a repeated
//! request reads it under the rights that the caller has then.

use aws_lc_rs::digest::{SHA256, digest};
use errors::Error;
use http::{Method, Response, StatusCode};
use lambda_http::{Body, Request};
use sql::{Connection, row, sql};
use uuid::Uuid;

use crate::reply::Answer;
use domain::ids::PatientId;

/// An idempotency key, the hash of the request that it was sent with, and the status of its answer.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) key: String,
    request_hash: [u8; 32],
    status: u16,
}

const CLAIM: &str = "select claim_idempotency_key($1, $2, $3, $4, $5)::text";

impl Claim {
    /// The claim of a request that has the header and succeeds with `status`; none for other requests.
    /// Errors: the value isn't 1 to 255 visible ASCII characters without a comma. API Gateway joins the
    /// values of a repeated header with commas.
    pub(crate) fn of(request: &Request, status: u16) -> Result<Option<Self>, Error> {
        let header = request.headers().get("idempotency-key");
        let (Some(value), &Method::POST) = (header, request.method()) else {
            return Ok(None);
        };
        let is_fit = |key: &&str| {
            let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b',';
            (1..=255).contains(&key.len()) && key.bytes().all(is_allowed)
        };
        let key = value.to_str().ok().filter(is_fit).ok_or_else(|| {
            Error::invalid_header(
                "Idempotency-Key",
                "expected one value of 1 to 255 visible ASCII characters without a comma",
            )
        })?;
        let parts: Vec<u8> = [
            request.uri().path().as_bytes(),
            request.uri().query().unwrap_or_default().as_bytes(),
            request.body().as_ref(),
        ]
        .iter()
        .flat_map(|part| [&part.len().to_be_bytes()[..], part].concat())
        .collect();
        let mut request_hash = [0; 32];
        request_hash.copy_from_slice(digest(&SHA256, &parts).as_ref());
        Ok(Some(Self {
            key: key.to_owned(),
            request_hash,
            status,
        }))
    }

    /// Inserts the key for the endpoint of this name, whose answer is about `resource`. Errors: the key is
    /// already in use, or the caller has used too many.
    pub(crate) async fn insert(
        &self,
        client: &Connection,
        endpoint: &str,
        resource: Option<Uuid>,
    ) -> Result<(), tokio_postgres::Error> {
        let (request_hash, status) = (&self.request_hash[..], i32::from(self.status));
        sql(
            CLAIM,
            &[&self.key, &endpoint, &request_hash, &status, &resource],
        )
        .query_one(client)
        .await
        .map(drop)
    }
}

row! {
    /// What is kept of an answer.
    pub struct Kept {
        /// The HTTP status.
        pub status: i32,
        /// The resource whose row is the body.
        pub resource_id: Uuid,
    }
}

/// An answer that was read again.
pub(crate) struct Replayed<A> {
    /// The status of the first answer.
    pub(crate) status: i32,
    pub(crate) answer: A,
}

impl<A: Answer> Answer for Replayed<A> {
    fn patients(&self) -> Vec<PatientId> {
        self.answer.patients()
    }

    fn possible_duplicates(&self) -> &[PatientId] {
        self.answer.possible_duplicates()
    }

    fn into_response(self) -> Result<Response<Body>, Error> {
        let status = u16::try_from(self.status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok());
        let mut response = self.answer.into_response()?;
        *response.status_mut() = status.ok_or(Error::Internal("a kept answer has no status"))?;
        response.headers_mut().insert(
            "idempotency-replayed",
            http::HeaderValue::from_static("true"),
        );
        Ok(response)
    }
}
