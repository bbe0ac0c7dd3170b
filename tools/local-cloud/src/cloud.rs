//! The parts together: everything but the database, which outlives a cloud in the tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::cors::Cors;
use crate::gateway::Gateway;
use crate::issuer::Issuer;
use crate::lambda::{self, DeadLetter, Lambda, Logs};
use crate::objects::{Credentials, Objects};
use crate::private_file;
use crate::schedules::Schedules;
use crate::template::Template;

/// The bucket of uploaded files.
pub const FILES_BUCKET: &str = "caretrail-files";

/// What to run, and with what.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where objects, keys and logs are kept.
    pub data: PathBuf,
    /// The callers' port; 0 takes a free one.
    pub port: u16,
    /// What functions get as `DATABASE_URL`.
    pub database_url: String,
    /// The functions and their routes.
    pub template: Arc<Template>,
    /// The folder of the functions' binaries.
    pub binaries: PathBuf,
    /// Most instances of one function at a time.
    pub instances: usize,
    /// Most invocations of one function that may wait for an instance.
    pub queue: usize,
    /// Pauses before a failed event is tried again; as on AWS, two tries more.
    pub retries: Vec<Duration>,
    /// Whether functions built anew take over while the cloud runs.
    pub reload: bool,
    /// Whether schedules run; else a test sends their events itself.
    pub schedules: bool,
    /// Whether functions log to files under `data` too.
    pub log_files: bool,
    /// A real Supabase project instead of the local issuer.
    pub supabase_url: Option<String>,
    /// A real S3 endpoint instead of the local one; its credentials come with `environment`.
    pub s3_endpoint: Option<String>,
    /// Whose pages may call from a browser: the template's parameter `AllowedOrigin`.
    pub allowed_origin: String,
    /// Further values for variables that the template declares; they win over the cloud's own.
    pub environment: BTreeMap<String, String>,
}

impl Settings {
    /// Settings for a test: free ports, no schedules, fast retries.
    pub fn new(data: &Path, database_url: &str, template: Arc<Template>) -> Self {
        Self {
            data: data.to_owned(),
            port: 0,
            database_url: database_url.to_owned(),
            template,
            binaries: crate::workspace::binaries(),
            instances: 4,
            queue: 1000,
            retries: vec![Duration::from_millis(20); 2],
            reload: false,
            schedules: false,
            log_files: false,
            supabase_url: None,
            s3_endpoint: None,
            allowed_origin: "http://localhost:3000".to_owned(),
            environment: BTreeMap::new(),
        }
    }
}

/// A running cloud. Dropping it ends all of it; data stays.
#[derive(Debug)]
pub struct Cloud {
    // In the order of dropping: first what starts functions, last what they use.
    schedules: Option<Schedules>,
    gateway: Gateway,
    lambda: Arc<Lambda>,
    objects: Option<Objects>,
    issuer: Option<Arc<Issuer>>,
    credentials: Option<Credentials>,
}

impl Cloud {
    /// Starts all parts.
    ///
    /// # Errors
    /// When a port can't be had or the data folder can't be used.
    pub async fn start(settings: Settings) -> Result<Self> {
        let data = &settings.data;
        std::fs::create_dir_all(data)
            .with_context(|| format!("{} was not made", data.display()))?;
        // Bound first, for the issuer and the functions are told its port.
        let socket = TcpListener::bind(("127.0.0.1", settings.port))
            .await
            .with_context(|| format!("port {} is not free", settings.port))?;
        let url = format!("http://{}", socket.local_addr()?);
        let template = settings.template.clone();

        let mut environment = BTreeMap::from([
            ("DATABASE_URL".to_owned(), settings.database_url.clone()),
            (
                "CURSOR_KEY".to_owned(),
                private_file::read_or_make(&data.join("cursor-key"), private_file::key)?,
            ),
            ("FILES_BUCKET".to_owned(), FILES_BUCKET.to_owned()),
            // Nobody scans here unless CLAMD_ADDRESS says who.
            ("SCAN_POLICY".to_owned(), "allow".to_owned()),
        ]);
        let issuer = match &settings.supabase_url {
            Some(real) => {
                environment.insert("SUPABASE_URL".into(), real.clone());
                None
            }
            None => {
                environment.insert("SUPABASE_URL".into(), url.clone());
                Some(Arc::new(Issuer::open(url, &data.join("issuer.pem"))?))
            }
        };

        // Objects need someone to tell, functions need the objects' address: the way between is filled in last.
        let told = Arc::new(std::sync::OnceLock::<Box<dyn Fn(Value) + Send + Sync>>::new());
        let (objects, credentials) = match &settings.s3_endpoint {
            Some(real) => {
                environment.insert("S3_ENDPOINT".into(), real.clone());
                (None, None)
            }
            None => {
                let credentials = Credentials {
                    access_key: "caretrail-local".into(),
                    secret_key: private_file::read_or_make(
                        &data.join("s3-secret-key"),
                        private_file::secret,
                    )?,
                };
                let tell = told.clone();
                let objects = Objects::start(
                    0,
                    &data.join("s3"),
                    &[FILES_BUCKET],
                    &credentials,
                    Cors::new(&settings.allowed_origin, &template.files_cors),
                    move |event| {
                        if let Some(tell) = tell.get() {
                            tell(event);
                        }
                    },
                )
                .await?;
                environment.insert("S3_ENDPOINT".into(), objects.url());
                environment.extend(credentials.environment());
                (Some(objects), Some(credentials))
            }
        };
        environment.extend(settings.environment.clone());

        let lambda = Lambda::start(
            &template,
            lambda::Settings {
                binaries: settings.binaries.clone(),
                instances: settings.instances,
                queue: settings.queue,
                environment,
                logs: settings.log_files.then(|| data.join("logs")),
                reload: settings.reload,
                retries: settings.retries.clone(),
            },
        )
        .await?;
        let send = lambda.sender();
        let on_upload: Vec<_> = template
            .functions
            .iter()
            .filter(|function| function.on_upload)
            .map(|f| f.package.clone())
            .collect();
        let _ = told.set(Box::new(move |event| {
            on_upload
                .iter()
                .for_each(|package| send(package, event.clone()))
        }));

        let gateway = Gateway::start(
            socket,
            &template,
            &lambda.functions(),
            &settings.allowed_origin,
            issuer.clone(),
        )?;
        let schedules = match settings.schedules {
            true => Some(Schedules::start(&template, lambda.sender())?),
            false => None,
        };
        Ok(Self {
            schedules,
            gateway,
            lambda: Arc::new(lambda),
            objects,
            issuer,
            credentials,
        })
    }

    /// The callers' URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.gateway.port())
    }

    /// The functions, to invoke them without HTTP.
    pub fn lambda(&self) -> &Lambda {
        &self.lambda
    }

    /// The local issuer.
    ///
    /// # Panics
    /// When a real Supabase project is used.
    pub fn issuer(&self) -> &Issuer {
        self.issuer
            .as_deref()
            .unwrap_or_else(|| panic!("tokens are of a real Supabase project"))
    }

    /// The local S3.
    ///
    /// # Panics
    /// When a real S3 is used.
    pub fn objects(&self) -> &Objects {
        self.objects
            .as_ref()
            .unwrap_or_else(|| panic!("files are in a real S3"))
    }

    /// The key pair of the local S3.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Whether files are in the local S3.
    pub fn has_objects(&self) -> bool {
        self.objects.is_some()
    }

    /// Whether tokens are of the local issuer.
    pub fn has_issuer(&self) -> bool {
        self.issuer.is_some()
    }

    /// Runs `function` on `event` and waits for its answer.
    ///
    /// # Errors
    /// The function failed (downcasts to [`lambda::Failure`]), or answered no JSON.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        self.lambda.invoke(function, event).await
    }

    /// What the instances of `function` wrote.
    ///
    /// # Panics
    /// When the template has no such function.
    pub fn logs(&self, function: &str) -> &Logs {
        self.lambda.logs(function)
    }

    /// Waits until every event sent so far, by S3 or a schedule, was dealt with.
    pub async fn settled(&self) {
        self.lambda.settled().await;
    }

    /// Events that failed at every try.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.lambda.dead_letters()
    }

    /// Ends all of it and waits until no process is left.
    pub async fn shutdown(self) {
        drop(self.schedules);
        drop(self.gateway);
        self.lambda.close().await;
    }
}
