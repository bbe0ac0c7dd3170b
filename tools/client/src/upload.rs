//! The request that uploads a file's content.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Request;
use http::header::CONTENT_LENGTH;
use http_body_util::Full;
use serde_json::Value;

/// The request that an answer's `upload` describes, with `bytes` as content.
///
/// # Errors
/// `upload` lacks a part or holds one that isn't valid HTTP.
pub fn upload(upload: &Value, bytes: impl Into<Bytes>) -> Result<Request<Full<Bytes>>> {
    let text = |name: &str| {
        upload[name]
            .as_str()
            .with_context(|| format!("the upload has no {name}"))
    };
    let mut request = Request::builder().method(text("method")?).uri(text("url")?);
    let headers = upload["headers"].as_object();
    for (name, value) in headers.context("the upload has no headers")? {
        // The length is that of the content, even where another one was announced.
        if name != CONTENT_LENGTH.as_str() {
            let value = value.as_str().context("a header is no text")?;
            request = request.header(name, value);
        }
    }
    Ok(request.body(Full::new(bytes.into()))?)
}
