//! `Idempotency-Key`: a repeated request gets the kept answer and has no further effect.
//!
//! The first flush of the transaction inserts the key, and the last flush stores the answer with it. So
//! the database has the key if and only if the request's work is committed.

use audit::Entry;
use aws_lc_rs::digest::{SHA256, digest};
use domain::ids::PatientId;
use errors::Error;
use http::{Method, Response, StatusCode};
use lambda_http::{Body, Request};
use sql::{Jsonb, row, sql};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::reply::Answer;

/// An idempotency key and the hash of the request that it was sent with.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) key: String,
    request_hash: [u8; 32],
}

const CLAIM: &str = "select claim_idempotency_key($1, $2, $3)::text";
const KEEP: &str = "
    update idempotency_keys
    set status = $2, headers = $3, body = $4, resource_id = $5, patient_ids = $6
    where user_id = actor_user() and key = $1";

impl Claim {
    /// The claim of a POST request that has the header; none for other requests. Errors: the value isn't
    /// 1 to 255 visible ASCII characters without a comma. API Gateway joins the values of a repeated
    /// header with commas.
    pub(crate) fn of(request: &Request) -> Result<Option<Self>, Error> {
        let header = request.headers().get("idempotency-key");
        let (Some(value), &Method::POST) = (header, request.method()) else {
            return Ok(None);
        };
        let is_fit = |key: &&str| {
            let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b',';
            (1..=255).contains(&key.len()) && key.bytes().all(is_allowed)
        };
        let key = value.to_str().ok().filter(is_fit).ok_or_else(|| {
            Error::invalid(
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
        }))
    }

    /// Inserts the key for the endpoint of this name. Errors: the key is already in use.
    pub(crate) async fn insert(
        &self,
        client: &Client,
        endpoint: &str,
    ) -> Result<(), tokio_postgres::Error> {
        let request_hash = &self.request_hash[..];
        sql(CLAIM, &[&self.key, &endpoint, &request_hash])
            .query_one(client)
            .await
            .map(drop)
    }

    /// Stores the answer under the key.
    pub(crate) async fn keep(
        &self,
        client: &Client,
        kept: Kept,
    ) -> Result<(), tokio_postgres::Error> {
        sql(
            KEEP,
            &[
                &self.key,
                &kept.status,
                &kept.headers,
                &kept.body,
                &kept.resource_id,
                &kept.patient_ids,
            ],
        )
        .execute(client)
        .await
        .map(drop)
    }
}

row! {
    /// A kept answer.
    pub struct Kept {
        /// The HTTP status.
        pub status: i32,
        /// The names and values of the headers.
        pub headers: Jsonb<Vec<(String, String)>>,
        /// The body as text.
        pub body: String,
        /// The resource in the audit row.
        pub resource_id: Option<Uuid>,
        /// The patients in the audit row.
        pub patient_ids: Vec<PatientId>,
    }
}

impl Kept {
    /// The answer to keep, with the resource and the patients of its audit row. Its headers don't contain
    /// the request id yet, so a replay has the id of its own request.
    pub(crate) fn of(response: &Response<Body>, entry: &Entry) -> Result<Self, Error> {
        let Body::Text(body) = response.body() else {
            return Err(Error::Internal("an answer to keep is not text"));
        };
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        Ok(Self {
            status: response.status().as_u16().into(),
            headers: Jsonb(headers),
            body: body.clone(),
            resource_id: entry.resource_id,
            patient_ids: entry.patients.clone(),
        })
    }
}

impl Answer for Kept {
    fn patients(&self) -> Vec<PatientId> {
        self.patient_ids.clone()
    }

    fn into_response(self) -> Result<Response<Body>, Error> {
        let status = u16::try_from(self.status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok());
        let mut response = Response::builder()
            .status(status.ok_or(Error::Internal("a kept answer has no status"))?)
            .header("idempotency-replayed", "true");
        for (name, value) in self.headers.0 {
            response = response.header(name, value);
        }
        response
            .body(Body::from(self.body))
            .map_err(|_| Error::Internal("a kept answer is not HTTP"))
    }
}
