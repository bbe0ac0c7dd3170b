//! Why a caller is not let in.

use std::fmt;

/// The answer to a header that does not prove who is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No token to trust: 401. The reason is for the security log and never for the client, who
    /// could otherwise learn how to forge better.
    Unauthenticated(Reason),
    /// The project's keys cannot be had: 503. The token may be good.
    KeysUnavailable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated(reason) => write!(f, "unauthenticated: {}", reason.name()),
            Self::KeysUnavailable => f.write_str("the keys that verify tokens are unavailable"),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::Unauthenticated(reason)
    }
}

/// Why a token is refused. Names are stable and say nothing about the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Reason {
    /// There is no `Authorization` header, or it is empty.
    NoToken,
    /// The scheme is not Bearer.
    WrongScheme,
    /// The header is not one scheme and one token.
    MalformedHeader,
    /// The token is longer than this service reads.
    TokenTooLong,
    /// The token is not a JWS in compact form with a JSON header.
    MalformedToken,
    /// The header's `typ` names another kind of token.
    WrongType,
    /// The header's `crit` asks for extensions; none is understood.
    CriticalExtension,
    /// The algorithm is none of ES256, RS256, HS256.
    UnsupportedAlgorithm,
    /// An HS256 token where no legacy secret is configured.
    LegacyNotConfigured,
    /// The header names no key.
    MissingKeyId,
    /// The project has no usable key of this name.
    UnknownKey,
    /// The key of this name is for another algorithm.
    KeyMismatch,
    /// The signature is not of the key.
    BadSignature,
    /// The claims are not JSON of the expected types, or name one twice.
    MalformedClaims,
    /// `iss` is missing.
    MissingIssuer,
    /// `iss` is not this project's.
    WrongIssuer,
    /// `aud` is missing.
    MissingAudience,
    /// `aud` does not hold `authenticated`.
    WrongAudience,
    /// `role` is missing.
    MissingRole,
    /// `role` is not `authenticated`, such as that of an API key.
    WrongRole,
    /// The user signed in anonymously.
    Anonymous,
    /// `iat` is missing.
    MissingIssuedAt,
    /// `iat` lies in the future.
    IssuedInFuture,
    /// `nbf` lies in the future.
    NotYetValid,
    /// `exp` is missing.
    MissingExpiry,
    /// `exp` has come.
    Expired,
    /// `sub` is missing.
    MissingSubject,
    /// `sub` is not a UUID.
    InvalidSubject,
    /// `session_id` is missing.
    MissingSession,
    /// `session_id` is not a UUID.
    InvalidSession,
}

impl Reason {
    /// The stable name for logs, in kebab case.
    pub fn name(self) -> &'static str {
        self.into()
    }
}
