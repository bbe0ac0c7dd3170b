//! The URL of a webhook.

use std::net::IpAddr;

use errors::Error;
use https::http::Uri;
use parsing::expected;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::networks::Networks;

/// The longest URL, in characters.
const LONGEST: usize = 2000;

/// An `https` URL (RFC 3986) of at most 2000 ASCII characters, with a host, and without user name and fragment. `http` is
/// for the private networks of [`Networks`] alone.
#[derive(Clone, Debug, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("format" = "uri", "maxLength" = 2000, "pattern" = "^https?://"))]
pub struct TargetUrl(String);

sql::delegate_sql!(TargetUrl, String, sql::postgres::types::Type::TEXT);

impl<'de> Deserialize<'de> for TargetUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match is_target(&text) {
            true => Ok(Self(text)),
            false => Err(expected(
                "an https URL of at most 2000 ASCII characters, with the name or public address of a host, and without \
                 user name and fragment",
                "https://events.example.org/caretrail",
            )),
        }
    }
}

fn is_target(text: &str) -> bool {
    let begins = ["https://", "http://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let (Some(authority), Some(host)) = (uri.authority(), uri.host()) else {
        return false;
    };
    // Neither a user name nor a port that is no number is left over.
    let is_plain = match uri.port() {
        Some(port) => port.as_u16() > 0 && *authority == *format!("{host}:{port}"),
        None => *authority == *host,
    };
    text.len() <= LONGEST
        && begins
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains('#')
        && is_plain
        && (literal(host).is_some() || is_name(host))
}

/// The address that a host is, if it is no name.
fn literal(host: &str) -> Option<IpAddr> {
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

/// Whether a host is a name of DNS (RFC 1123, 2.1). The last label begins with a letter, as all top-level domains do:
/// otherwise `127.1` and `0x7f000001` were names, and some resolvers take them for addresses.
fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && host.split('.').all(is_label)
        && last.starts_with(|first: char| first.is_ascii_alphabetic())
}

impl TargetUrl {
    /// Checks whether events may be sent there. Only an address can be checked now. Where a name leads is checked for each
    /// connection. Errors: the address isn't reachable, or there is no TLS.
    pub fn check(&self, networks: &Networks) -> Result<(), Error> {
        let uri: Result<Uri, _> = self.0.parse();
        let uri = uri.map_err(|_| Error::Internal("a checked URL is no URL"))?;
        let is_encrypted = uri.scheme_str() == Some("https");
        let is_admitted = match uri.host().and_then(literal) {
            Some(address) => networks.admit(address, is_encrypted),
            None => is_encrypted || networks.are_any(),
        };
        match is_admitted {
            true => Ok(()),
            false => Err(Error::invalid(
                "url",
                "expected an https URL with the name or the public address of a host, such as \
                 \"https://events.example.org/caretrail\"",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_with_a_host_are_targets_whatever_their_port_path_and_query() {
        for text in [
            "https://example.org",
            "https://example.org:8443/caretrail?key=a%20b",
            "https://xn--bcher-kva.example/",
            "https://8.8.8.8/",
            "https://[2606:4700:4700::1111]:443/",
            "http://localhost:9000/",
        ] {
            assert!(is_target(text), "{text}");
        }
        let longest = format!("https://example.org/{}", "a".repeat(LONGEST - 20));
        assert!(is_target(&longest) && !is_target(&format!("{longest}a")));
    }

    #[test]
    fn other_urls_are_no_targets() {
        for text in [
            "",
            "example.org",
            "/caretrail",
            "ftp://example.org/",
            "HTTPS://example.org/",
            "https://",
            "https:///path",
            "https://ada@example.org/",
            "https://ada:secret@example.org/",
            "https://example.org/#part",
            "https://example.org/a b",
            "https://example.org/\u{e9}",
            "https://b\u{fc}cher.example/",
            "https://example.org:0/",
            "https://example.org:65536/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://017700000001/",
            "https://example..org/",
            "https://example.org./",
            "https://-example.org/",
            "https://exa_mple.org/",
            "https://[::1/",
            "https://[fe80::1%25eth0]/",
        ] {
            assert!(!is_target(text), "{text}");
        }
    }
}
