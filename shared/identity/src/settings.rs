//! The settings of the Supabase project, and their validation.

use std::fmt;
use std::net::IpAddr;

use https::http::Uri;
use https::http::uri::Scheme;
use jsonwebtoken::DecodingKey;

/// The shortest legacy secret accepted, in bytes: the output size of HS256 (RFC 7518, 3.2).
const SHORTEST_SECRET: usize = 32;

/// The Supabase project whose tokens are accepted.
pub struct Settings {
    /// The URL of the project, such as `https://abc.supabase.co`. Only loopback addresses may use http.
    pub supabase_url: String,
    /// The legacy HS256 secret. If it is absent or empty, HS256 tokens are refused.
    pub legacy_secret: Option<String>,
}

/// Why settings are refused. The function doesn't start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// The Supabase URL is not an absolute URL, or it has more than scheme, host, port and path.
    NotAUrl,
    /// The Supabase URL would fetch keys over a network without encryption.
    InsecureUrl,
    /// The legacy secret is shorter than 32 bytes.
    ShortSecret,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAUrl => "the Supabase URL must be an absolute URL with only scheme, host, port and path, such as \
                 https://abc.supabase.co",
            Self::InsecureUrl => "the Supabase URL must use https; only a loopback address may use http",
            Self::ShortSecret => "the legacy Supabase secret must have at least 32 bytes: set the project's whole secret, \
                 or none to refuse HS256 tokens",
        })
    }
}

impl std::error::Error for SettingsError {}

impl Settings {
    /// The `iss` of the tokens of the project, exactly as Supabase Auth writes it.
    pub(crate) fn issuer(&self) -> Result<String, SettingsError> {
        let base = self.supabase_url.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| SettingsError::NotAUrl)?;
        let scheme = uri.scheme().ok_or(SettingsError::NotAUrl)?;
        let authority = uri.authority().ok_or(SettingsError::NotAUrl)?.as_str();
        // `Uri` silently drops a fragment, which must not become part of the issuer.
        if authority.contains('@') || base.contains(['?', '#']) {
            return Err(SettingsError::NotAUrl);
        }
        let http_on_loopback = *scheme == Scheme::HTTP && is_loopback(&uri);
        if *scheme != Scheme::HTTPS && !http_on_loopback {
            return Err(SettingsError::InsecureUrl);
        }
        Ok(format!("{base}/auth/v1"))
    }

    /// The key of legacy tokens. Like Supabase, uses the bytes of the secret's text without decoding
    /// them.
    pub(crate) fn legacy_key(&self) -> Result<Option<DecodingKey>, SettingsError> {
        match self.legacy_secret.as_deref() {
            None | Some("") => Ok(None),
            Some(secret) if secret.len() < SHORTEST_SECRET => Err(SettingsError::ShortSecret),
            Some(secret) => Ok(Some(DecodingKey::from_secret(secret.as_bytes()))),
        }
    }
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(url: &str) -> Result<String, SettingsError> {
        Settings {
            supabase_url: url.into(),
            legacy_secret: None,
        }
        .issuer()
    }

    fn legacy_key(secret: &str) -> Result<Option<DecodingKey>, SettingsError> {
        Settings {
            supabase_url: String::new(),
            legacy_secret: Some(secret.into()),
        }
        .legacy_key()
    }

    #[test]
    fn the_issuer_is_the_url_and_the_path_of_supabase_auth() {
        for url in ["https://abc.example.org", "https://abc.example.org/"] {
            assert_eq!(issuer(url).unwrap(), "https://abc.example.org/auth/v1");
        }
    }

    #[test]
    fn only_loopback_may_use_http() {
        for url in [
            "http://127.0.0.1:54321",
            "http://localhost:54321",
            "http://[::1]:54321",
        ] {
            assert!(issuer(url).is_ok(), "{url}");
        }
        for url in [
            "http://abc.example.org",
            "http://10.0.0.1",
            "http://localhost.example.org",
        ] {
            assert_eq!(issuer(url), Err(SettingsError::InsecureUrl), "{url}");
        }
    }

    #[test]
    fn a_url_that_is_not_absolute_or_has_other_parts_is_refused() {
        for url in [
            "",
            "abc",
            "/auth/v1",
            "https://",
            "https://user@abc.example.org",
            "https://abc.example.org?x=1",
            "https://abc.example.org#x",
        ] {
            assert_eq!(issuer(url), Err(SettingsError::NotAUrl), "{url}");
        }
        assert_eq!(
            issuer("ftp://abc.example.org"),
            Err(SettingsError::InsecureUrl)
        );
    }

    #[test]
    fn an_empty_secret_counts_as_absent_and_a_short_one_is_refused() {
        assert!(legacy_key("").unwrap().is_none());
        assert!(legacy_key(&"x".repeat(32)).unwrap().is_some());
        assert_eq!(
            legacy_key(&"x".repeat(31)).unwrap_err(),
            SettingsError::ShortSecret
        );
    }
}
