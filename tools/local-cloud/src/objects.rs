//! S3: buckets on disk behind the real API, which enforces signatures and checksums. Adds what s3s
//! lacks and Caretrail needs: versions, Object Lock, tags, notifications of new objects, and CORS.

mod checked;
mod locks;
mod notification;
mod store;
mod tags;
mod uploads;
mod versions;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpResponse};
use serde_json::Value;

use crate::cors::Cors;
use crate::listener::Listener;
use crate::template::Bucket;
use checked::Checked;
use store::Store;
use tags::Tags;
use versions::Versions;

/// A key pair of AWS.
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
    /// The environment variables of a function that uses them.
    pub fn environment(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("AWS_ACCESS_KEY_ID".to_owned(), self.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), self.secret_key.clone()),
        ])
    }
}

/// A running S3 endpoint. Dropping it closes its port and keeps the objects.
#[derive(Debug)]
pub struct Objects {
    root: PathBuf,
    versions: Arc<Versions>,
    listener: Listener,
}

struct Behind {
    service: S3Service,
    /// By bucket. Pages can't use a bucket without a rule.
    cors: BTreeMap<String, Cors>,
}

impl Objects {
    /// Serves `buckets` in the folder `root` on `port`; 0 takes a free one. Pages of `origin` may call as the buckets'
    /// rules say. `created` gets the S3 event of each new object before its writer gets the answer.
    ///
    /// # Errors
    /// The folder can't be used, or the port is not free.
    pub async fn start(
        port: u16,
        root: &Path,
        buckets: &[Bucket],
        credentials: &Credentials,
        origin: &str,
        created: impl Fn(Value) + Send + Sync + 'static,
    ) -> Result<Self> {
        let root = std::path::absolute(root)?;
        for bucket in buckets {
            let folder = root.join(&bucket.name);
            fs::create_dir_all(&folder)
                .with_context(|| format!("{} was not made", folder.display()))?;
        }
        let versions = Arc::new(Versions::new(&root));
        let locking = buckets.iter().filter(|bucket| bucket.object_lock);
        let locking = locking.map(|bucket| bucket.name.clone()).collect();
        let store = Store::new(&root, versions.clone(), locking, Box::new(created))?;
        let mut builder = S3ServiceBuilder::new(store);
        builder.set_auth(SimpleAuth::from_single(
            credentials.access_key.as_str(),
            credentials.secret_key.as_str(),
        ));
        let behind = Arc::new(Behind {
            service: builder.build(),
            cors: buckets
                .iter()
                .filter_map(|bucket| {
                    let cors = Cors::new(origin, bucket.cors.as_ref()?);
                    Some((bucket.name.clone(), cors))
                })
                .collect(),
        });
        let listener = Listener::start(port, move |request, peer| {
            let behind = behind.clone();
            async move { behind.answer(request, peer).await }
        })
        .await
        .context("no port for S3")?;
        Ok(Self {
            root,
            versions,
            listener,
        })
    }

    /// The endpoint's URL, a function's `S3_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.listener.port())
    }

    /// The file of an object's current version.
    pub fn path(&self, bucket: &str, key: &str) -> PathBuf {
        self.root.join(bucket).join(key)
    }

    /// The tags of an object's current version; empty if there is no object.
    ///
    /// # Errors
    /// The disk can't be read.
    pub fn tags(&self, bucket: &str, key: &str) -> Result<BTreeMap<String, String>> {
        let versions = &self.versions;
        let place = versions.place(bucket, key)?;
        match versions.current(&place)? {
            Some(version) => Ok(Tags::of(versions, &place, &version).read()?),
            None => Ok(BTreeMap::new()),
        }
    }

    /// The id of an object's current version; `None` if there is no object.
    ///
    /// # Errors
    /// The key is no path on disk, or the disk can't be read.
    pub fn version(&self, bucket: &str, key: &str) -> Result<Option<String>> {
        let place = self.versions.place(bucket, key)?;
        Ok(self.versions.current(&place)?)
    }

    /// Adds a tag to an object's current version, as a scanner does.
    ///
    /// # Errors
    /// There is no object, it has ten tags already, or the disk can't be written.
    pub fn tag(&self, bucket: &str, key: &str, name: &str, value: &str) -> Result<()> {
        let versions = &self.versions;
        let place = versions.place(bucket, key)?;
        let tags = Tags::of(versions, &place, &versions.find(&place, None)?);
        let mut all = tags.read()?;
        all.insert(name.to_owned(), value.to_owned());
        Ok(tags.write(&all)?)
    }
}

impl Behind {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> HttpResponse {
        let bucket = request.uri().path().split('/').nth(1).unwrap_or_default();
        let cors = self.cors.get(bucket);
        if Cors::is_preflight(request.method(), request.headers()) {
            return preflight(cors, request.headers());
        }
        let asked = request.headers().clone();
        let (mut head, body) = request.into_parts();
        head.extensions.insert(peer);
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
        if let Some(cors) = cors {
            cors.tell(&asked, response.headers_mut());
        }
        response
    }
}

fn preflight(cors: Option<&Cors>, asked: &HeaderMap) -> HttpResponse {
    match cors.and_then(|cors| cors.preflight(asked)) {
        Some(headers) => {
            let mut response = status(StatusCode::OK);
            *response.headers_mut() = headers;
            response
        }
        None => status(StatusCode::FORBIDDEN),
    }
}

fn status(status: StatusCode) -> HttpResponse {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
