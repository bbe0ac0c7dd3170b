//! Why a caller is refused.

use std::fmt;

/// Why a header doesn't authenticate a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no valid token. The answer is 401. Only the security log contains the exact reason. The caller
    /// gets its [`description`](Reason::description).
    Unauthenticated(Reason),
    /// The keys of the project are unavailable, so the token can't be checked. The answer is 503.
    KeysUnavailable,
}

impl Refusal {
    /// The name of its [`Kind`] in kebab case. None if the token could not be checked.
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Unauthenticated(reason) => Some(reason.kind().into()),
            Self::KeysUnavailable => None,
        }
    }
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

/// The kind of a refusal, which metrics and alerts count. The names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// The request has no token.
    Missing,
    /// The token can't be parsed, or is of a kind that is never accepted.
    Malformed,
    /// No key of the project made the signature.
    WrongSignature,
    /// The token was valid before.
    Expired,
    /// The token will be valid later.
    NotYetValid,
    /// The token was not issued for a user of this API.
    NotForUsers,
}

/// Why a token is refused. The names are stable and contain no personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Reason {
    /// There is no `Authorization` header, or it is empty.
    NoToken,
    /// The scheme is not Bearer.
    WrongScheme,
    /// The header is not one scheme and one token.
    MalformedHeader,
    /// The token is longer than 8 KiB.
    TokenTooLong,
    /// The token is not a JWS in compact form with a JSON header.
    MalformedToken,
    /// The header's `typ` names another kind of token.
    WrongType,
    /// The header has `crit`, which requires extensions. This service supports none.
    CriticalExtension,
    /// The algorithm is not ES256, RS256 or HS256.
    UnsupportedAlgorithm,
    /// The token is signed with HS256, and no legacy secret is configured.
    LegacyNotConfigured,
    /// The header has no `kid`.
    MissingKeyId,
    /// The project has no usable key with this `kid`.
    UnknownKey,
    /// The key with this `kid` is for another algorithm.
    KeyMismatch,
    /// The key did not make the signature.
    BadSignature,
    /// The claims are not a JSON object, a claim has another type than expected, or a claim occurs
    /// twice.
    MalformedClaims,
    /// `iss` is missing.
    MissingIssuer,
    /// `iss` is not the issuer of this project.
    WrongIssuer,
    /// `aud` is missing.
    MissingAudience,
    /// `aud` doesn't contain `authenticated`.
    WrongAudience,
    /// `role` is missing.
    MissingRole,
    /// `role` is not `authenticated`. API keys have other roles.
    WrongRole,
    /// The user signed in anonymously.
    Anonymous,
    /// `iat` is missing.
    MissingIssuedAt,
    /// `iat` is in the future.
    IssuedInFuture,
    /// `nbf` is in the future.
    NotYetValid,
    /// `exp` is missing.
    MissingExpiry,
    /// `exp` is now or in the past.
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
    /// The name for the security log, in kebab case.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The kind of the refusal. What a token says is told apart only after its signature is verified.
    pub fn kind(self) -> Kind {
        match self {
            Self::NoToken | Self::WrongScheme => Kind::Missing,
            Self::MalformedHeader
            | Self::TokenTooLong
            | Self::MalformedToken
            | Self::WrongType
            | Self::CriticalExtension
            | Self::UnsupportedAlgorithm
            | Self::LegacyNotConfigured
            | Self::MissingKeyId => Kind::Malformed,
            Self::UnknownKey | Self::KeyMismatch | Self::BadSignature => Kind::WrongSignature,
            Self::Expired => Kind::Expired,
            Self::IssuedInFuture | Self::NotYetValid => Kind::NotYetValid,
            Self::MalformedClaims
            | Self::MissingIssuer
            | Self::WrongIssuer
            | Self::MissingAudience
            | Self::WrongAudience
            | Self::MissingRole
            | Self::WrongRole
            | Self::Anonymous
            | Self::MissingIssuedAt
            | Self::MissingExpiry
            | Self::MissingSubject
            | Self::InvalidSubject
            | Self::MissingSession
            | Self::InvalidSession => Kind::NotForUsers,
        }
    }

    /// What the caller is told about the token (`error_description`, RFC 6750, 3). None if the request has no
    /// token: a client that doesn't know of authentication gets no error (RFC 6750, 3.1). It tells no more than the
    /// kind, so it doesn't help to forge a token.
    pub fn description(self) -> Option<&'static str> {
        Some(match self.kind() {
            Kind::Missing => return None,
            Kind::Malformed => "The access token is malformed.",
            Kind::WrongSignature => "The signature of the access token is wrong.",
            Kind::Expired => "The access token has expired.",
            Kind::NotYetValid => "The access token is not valid yet.",
            Kind::NotForUsers => "The access token is not made for a user of this API.",
        })
    }
}
