//! `Idempotency-Key`: the same request again gets the same answer, and its work is done once.
//!
//! The key is claimed in the transaction's first flush and its answer kept in the last, so a key
//! stands in the database exactly when its work does.

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, Response, StatusCode};
use lambda_http::Body;
use uuid::Uuid;

use crate::access::Search;
use crate::call::Call;
use crate::errors::Error;
use crate::ids::PatientId;
use crate::reply::{Answer, Reply};
use crate::row;
use crate::sql::{Jsonb, sql};

/// A key and the request it stands for.
pub(crate) struct Claim {
    pub(crate) key: String,
    pub(crate) request_hash: [u8; 32],
}

pub(crate) const CLAIM: &str = "select claim_idempotency_key($1, $2, $3)::text";
pub(crate) const KEEP: &str = "
    update idempotency_keys
    set status = $2, headers = $3, body = $4, resource_id = $5, patient_ids = $6
    where user_id = actor_user() and key = $1";
const REPLAY: &str = "
    select status, headers, body, resource_id, patient_ids
    from idempotency_keys where user_id = actor_user() and key = $1";

impl Claim {
    /// The header's claim. Errors: not 1 to 255 visible ASCII characters, or several of it.
    pub(crate) fn parse(headers: &HeaderMap, request: &[&[u8]]) -> Result<Option<Self>, Error> {
        let mut values = headers.get_all("idempotency-key").iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return match headers.contains_key("idempotency-key") {
                true => Err(Error::invalid("Idempotency-Key", "expected once")),
                false => Ok(None),
            };
        };
        let key = value.to_str().ok().filter(|key| {
            (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        });
        let Some(key) = key else {
            return Err(Error::invalid(
                "Idempotency-Key",
                "expected 1 to 255 visible characters",
            ));
        };
        let parts: Vec<u8> = request
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
}

row! {
    /// An answer as it was given.
    pub struct Kept {
        /// Its status.
        pub status: i32,
        /// Its headers.
        pub headers: Jsonb<Vec<(String, String)>>,
        /// Its body.
        pub body: String,
        /// What it was about.
        pub resource_id: Option<Uuid>,
        /// Whom it concerned.
        pub patient_ids: Vec<PatientId>,
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

/// Gives the kept answer again, audited as what it discloses.
pub(crate) async fn replay(call: &Call) -> Reply<Kept> {
    let key = call
        .trail
        .claim
        .as_ref()
        .map(|claim| claim.key.as_str())
        .unwrap_or_default();
    let mut access = call.authorize(Search::default()).without_claim();
    let kept: Kept = access.one(sql(REPLAY, &[&key])).await?;
    access.note("replayed", true);
    access.about(kept.resource_id);
    access.commit(kept).await
}
