//! Refuses content that doesn't match its checksum before it is stored.
//!
//! s3s-fs also compares checksums, but only after it has replaced the object. S3 keeps the old one.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use s3s::HttpResponse;

/// A body that fails at its end if its SHA-256 isn't the one in `x-amz-checksum-sha256`.
pub struct Checked {
    body: Incoming,
    hash: Option<(digest::Context, Vec<u8>)>,
    differs: Arc<AtomicBool>,
}

/// Knows after the request whether its body was refused.
pub struct Verdict(Arc<AtomicBool>);

impl Checked {
    pub fn new(body: Incoming, headers: &HeaderMap) -> (Self, Verdict) {
        let promised = headers
            .get("x-amz-checksum-sha256")
            .and_then(|sum| STANDARD.decode(sum).ok());
        let hash = promised.map(|promised| (digest::Context::new(&digest::SHA256), promised));
        let differs = Arc::new(AtomicBool::new(false));
        (
            Self {
                body,
                hash,
                differs: differs.clone(),
            },
            Verdict(differs),
        )
    }

    fn end(&mut self) -> Result<(), std::io::Error> {
        let Some((hash, promised)) = self.hash.take() else {
            return Ok(());
        };
        if hash.finish().as_ref() == promised {
            return Ok(());
        }
        self.differs.store(true, Ordering::SeqCst);
        Err(std::io::Error::other(
            "another content than its checksum says",
        ))
    }
}

impl Body for Checked {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some(frame) = frame else {
            return Poll::Ready(self.end().err().map(|error| Err(error.into())));
        };
        let frame = frame?;
        if let (Some((hash, _)), Some(data)) = (&mut self.hash, frame.data_ref()) {
            hash.update(data);
        }
        // Fails before the last piece, because a reader may stop once it has the whole length.
        if self.body.is_end_stream() {
            self.end()?;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.hash.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Verdict {
    /// S3's refusal, if the body was refused.
    pub fn refusal(&self) -> Option<HttpResponse> {
        if !self.0.load(Ordering::SeqCst) {
            return None;
        }
        let content = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>BadDigest</Code>\
            <Message>The SHA256 you specified did not match the calculated checksum.</Message></Error>";
        let mut response = Response::new(s3s::Body::from(content.to_owned()));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
            .headers_mut()
            .insert("content-type", HeaderValue::from_static("application/xml"));
        Some(response)
    }
}
