//! S3: buckets on disk behind the real API, signatures and checksums enforced, with what s3s leaves
//! out and Caretrail needs: notifications of new objects, and CORS for browsers.

mod checked;
mod notification;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpResponse};
use s3s_fs::FileSystem;
use serde_json::Value;

use crate::listener::Listener;
use checked::Checked;
use notification::Creation;

/// A key pair of the S3 API.
#[derive(Clone)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key: String,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Credentials({})", self.access_key)
    }
}

impl Credentials {
    /// A function's environment variables for them.
    pub fn environment(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("AWS_ACCESS_KEY_ID".to_owned(), self.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), self.secret_key.clone()),
        ])
    }
}

/// A running S3 endpoint. Dropping it closes its port; objects stay.
#[derive(Debug)]
pub struct Objects {
    root: PathBuf,
    listener: Listener,
}

struct Behind {
    service: S3Service,
    root: PathBuf,
    created: Box<dyn Fn(Value) + Send + Sync>,
}

impl Objects {
    /// Serves the folder `root` on `port` (0 takes a free one), with `buckets` in it. `created` gets the
    /// S3 event of each new object before its writer gets the answer.
    ///
    /// # Errors
    /// When the folder or the port can't be had.
    pub async fn start(
        port: u16,
        root: &Path,
        buckets: &[&str],
        credentials: &Credentials,
        created: impl Fn(Value) + Send + Sync + 'static,
    ) -> Result<Self> {
        let root = std::path::absolute(root)?;
        for bucket in buckets {
            let folder = root.join(bucket);
            fs::create_dir_all(&folder)
                .with_context(|| format!("{} was not made", folder.display()))?;
        }
        let files = FileSystem::new(&root)
            .map_err(|error| anyhow::anyhow!("{}: {error:?}", root.display()))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(
            credentials.access_key.as_str(),
            credentials.secret_key.as_str(),
        ));
        let behind = Arc::new(Behind {
            service: builder.build(),
            root: root.clone(),
            created: Box::new(created),
        });
        let listener = Listener::start(port, move |request, peer| {
            let behind = behind.clone();
            async move { behind.answer(request, peer).await }
        })
        .await
        .context("no port for S3")?;
        Ok(Self { root, listener })
    }

    /// The endpoint's URL, a function's `S3_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.listener.port())
    }

    /// Where an object's content is on disk.
    pub fn path(&self, bucket: &str, key: &str) -> PathBuf {
        self.root.join(bucket).join(key)
    }
}

impl Behind {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> HttpResponse {
        if request.method() == Method::OPTIONS {
            return preflight(request.headers());
        }
        let cross_origin = request.headers().contains_key("origin");
        let creation = Creation::of(&request);
        let (head, body) = request.into_parts();
        let (body, verdict) = Checked::new(body, &head.headers);
        let request = Request::from_parts(head, Body::http_body(body));
        let mut response = match self.service.call(request).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(?error, "S3 failed");
                status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        };
        if let Some(refusal) = verdict.refusal() {
            response = refusal;
        }
        if let Some(creation) = creation
            && response.status().is_success()
        {
            response = self.notify(creation, response, peer).await;
        }
        if cross_origin {
            allow_origin(response.headers_mut());
        }
        response
    }

    async fn notify(
        &self,
        creation: Creation,
        response: HttpResponse,
        peer: SocketAddr,
    ) -> HttpResponse {
        // A multipart upload is complete only when its answer is.
        let (head, body) = response.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                tracing::error!(%error, "S3 failed");
                return status(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        if let Some(etag) = notification::etag(&head.headers, &body) {
            let size = fs::metadata(self.root.join(&creation.bucket).join(&creation.key))
                .map_or(0, |file| file.len());
            (self.created)(creation.event(&etag, size, peer));
        }
        Response::from_parts(head, Body::from(body))
    }
}

/// Allows a page of any origin what a presigned URL allows.
fn preflight(asked: &HeaderMap) -> HttpResponse {
    let mut response = status(StatusCode::OK);
    let headers = response.headers_mut();
    allow_origin(headers);
    headers.insert(
        "access-control-allow-methods",
        HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE"),
    );
    headers.insert("access-control-max-age", HeaderValue::from_static("3000"));
    if let Some(names) = asked.get("access-control-request-headers") {
        headers.insert("access-control-allow-headers", names.clone());
    }
    response
}

fn allow_origin(headers: &mut HeaderMap) {
    headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    headers.insert(
        "access-control-expose-headers",
        HeaderValue::from_static("ETag, x-amz-checksum-sha256"),
    );
}

fn status(status: StatusCode) -> HttpResponse {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
