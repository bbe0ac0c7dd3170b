//! What a signed token must say to let its bearer in.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use uuid::Uuid;

use crate::{Reason, json};

/// How far the issuer's clock may run ahead of ours, in seconds: a token is often used in the
/// second it was issued. Expiry gets none of it: a client refreshes before `exp` and RFC 7519,
/// 4.1.4 refuses "on or after" it, so leeway there would only lengthen a stolen token's life.
const CLOCK_SKEW: i64 = 5;

/// Both the audience and the role of a user who signed in.
const AUTHENTICATED: &str = "authenticated";

/// What a verified token vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The user: Supabase's id, and ours.
    pub sub: Uuid,
    /// The sign-in the token belongs to.
    pub session_id: Uuid,
    /// How strongly the user proved who they are.
    pub assurance: Assurance,
}

/// Authenticator assurance level (Supabase's `aal`). Ordered: `Aal2` is the stronger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// One factor. Also what a token without `aal` proves.
    #[default]
    Aal1,
    /// Two factors.
    Aal2,
}

/// The claims as signed. Serde refuses a claim named twice, which a map would resolve silently.
#[derive(Deserialize)]
struct Signed {
    iss: Option<String>,
    aud: Option<Audience>,
    role: Option<String>,
    is_anonymous: Option<bool>,
    iat: Option<i64>,
    nbf: Option<i64>,
    exp: Option<i64>,
    sub: Option<String>,
    session_id: Option<String>,
    aal: Option<Assurance>,
}

/// Supabase writes one string and documents `string | string[]`, as RFC 7519, 4.1.3 does.
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

/// Judges the claims of a token whose signature is good.
pub(crate) fn check(payload: &[u8], issuer: &str, now: SystemTime) -> Result<Claims, Reason> {
    let signed: Signed = json::object(payload).map_err(|_| Reason::MalformedClaims)?;
    let now = seconds(now);

    // First, so that the security log names the use of an API key (anon, service_role) as such:
    // those have another issuer and no audience too.
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
    if signed.exp.ok_or(Reason::MissingExpiry)? <= now {
        return Err(Reason::Expired);
    }
    let sub = signed.sub.ok_or(Reason::MissingSubject)?;
    let session_id = signed.session_id.ok_or(Reason::MissingSession)?;
    Ok(Claims {
        sub: sub.parse().map_err(|_| Reason::InvalidSubject)?,
        session_id: session_id.parse().map_err(|_| Reason::InvalidSession)?,
        assurance: signed.aal.unwrap_or_default(),
    })
}

/// Whole seconds since 1970, as `NumericDate` counts them; a clock before that reads 0, at which
/// every token was issued in the future.
fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX - CLOCK_SKEW)
}
