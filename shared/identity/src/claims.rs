//! Checks the claims of a token whose signature is valid.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use uuid::Uuid;

use crate::{Reason, json};

/// How far the issuer's clock may run ahead of ours, in seconds. A token is often used in the second
/// in which it was issued. Expiry gets no such leeway: clients refresh before `exp`, RFC 7519, 4.1.4
/// requires refusal "on or after" it, and leeway would extend the life of a stolen token.
const CLOCK_SKEW: f64 = 5.0;

/// The end of the year 9999, in seconds since 1970. A later expiry is a mistake.
const LATEST: f64 = 253_402_300_799.0;

/// The value of both the audience and the role of a user who signed in.
const AUTHENTICATED: &str = "authenticated";

/// The claims of a verified token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The id of the user, in Supabase and in this system.
    pub sub: Uuid,
    /// The id of the sign-in that the token belongs to.
    pub session_id: Uuid,
    /// How strongly the user was authenticated.
    pub assurance: Assurance,
}

/// The authenticator assurance level (Supabase's `aal`). `Aal2` is greater than `Aal1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// One factor. Also the level of a token without `aal`.
    #[default]
    Aal1,
    /// Two factors.
    Aal2,
}

/// The claims in the token. Serde refuses a struct field that occurs twice. A map would silently keep
/// one of the two.
#[derive(Deserialize)]
struct Signed {
    iss: Option<String>,
    aud: Option<Audience>,
    role: Option<String>,
    is_anonymous: Option<bool>,
    // A NumericDate may have a fraction (RFC 7519, 2).
    iat: Option<f64>,
    nbf: Option<f64>,
    exp: Option<f64>,
    sub: Option<String>,
    session_id: Option<String>,
    aal: Option<Assurance>,
}

/// Supabase sends one string. Its documentation and RFC 7519, 4.1.3 also allow a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn holds(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

/// Checks the claims of a token whose signature is valid. Returns them and the time of expiry as a
/// NumericDate. Errors: the reason for refusing it.
pub(crate) fn check(
    payload: &[u8],
    issuer: &str,
    now: SystemTime,
) -> Result<(Claims, f64), Reason> {
    let signed: Signed = json::object(payload).map_err(|_| Reason::MalformedClaims)?;
    let now = seconds(now);

    // The role is checked first, so that the security log shows the use of an API key (anon,
    // service_role) as a wrong role. API keys also have another issuer and no audience.
    if signed.role.ok_or(Reason::MissingRole)? != AUTHENTICATED {
        return Err(Reason::WrongRole);
    }
    if signed.iss.ok_or(Reason::MissingIssuer)? != issuer {
        return Err(Reason::WrongIssuer);
    }
    if !signed
        .aud
        .ok_or(Reason::MissingAudience)?
        .holds(AUTHENTICATED)
    {
        return Err(Reason::WrongAudience);
    }
    if signed.is_anonymous == Some(true) {
        return Err(Reason::Anonymous);
    }
    if signed.iat.ok_or(Reason::MissingIssuedAt)? > now + CLOCK_SKEW {
        return Err(Reason::IssuedInFuture);
    }
    if signed
        .nbf
        .is_some_and(|not_before| not_before > now + CLOCK_SKEW)
    {
        return Err(Reason::NotYetValid);
    }
    let expires = signed.exp.ok_or(Reason::MissingExpiry)?;
    if expires > LATEST {
        return Err(Reason::MalformedClaims);
    }
    if expires <= now {
        return Err(Reason::Expired);
    }
    let sub = signed.sub.ok_or(Reason::MissingSubject)?;
    let session_id = signed.session_id.ok_or(Reason::MissingSession)?;
    let claims = Claims {
        sub: sub.parse().map_err(|_| Reason::InvalidSubject)?,
        session_id: session_id.parse().map_err(|_| Reason::InvalidSession)?,
        assurance: signed.aal.unwrap_or_default(),
    };
    Ok((claims, expires))
}

/// Seconds since 1970 (`NumericDate`: RFC 7519, 2). A time before 1970 gives 0, at which every token was issued
/// in the future and is refused.
pub(crate) fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64()
}
