//! The Lambda `docs`.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};

const STYLE: &str = include_str!("../swagger-ui/swagger-ui.css");
const LIBRARY: &str = include_str!("../swagger-ui/swagger-ui-bundle.js");
const START: &str = include_str!("start.js");

fn main() -> Result<(), api::lambda::Failure> {
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Caretrail API</title>\
         <meta name=viewport content=\"width=device-width\"><link rel=icon href=\"data:,\">\
         <style>{STYLE}</style><div id=docs></div>\
         <script>{LIBRARY}</script><script>{START}</script></html>"
    );
    // Only these two scripts run, and they can send requests only to this API. Inline styles are allowed,
    // because the library sets style attributes, which a hash can't allow.
    let policy = format!(
        "default-src 'none'; script-src '{}' '{}'; style-src 'unsafe-inline'; img-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(LIBRARY),
        hash(START)
    );
    let headers = vec![
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, "no-referrer".to_owned()),
        (CACHE_CONTROL, "public, max-age=300".to_owned()),
    ];
    api::lambda::serve_document(docs::ENDPOINT, headers, page)
}

/// The source expression of a script in a Content-Security-Policy (CSP Level 3, section 2.3.1).
fn hash(script: &str) -> String {
    let digest = digest(&SHA256, script.as_bytes());
    format!("sha256-{}", BASE64_STANDARD.encode(digest))
}
