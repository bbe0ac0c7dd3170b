//! Runs all parts of the cloud except the database, which outlives a cloud in the tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::event_bus::{self, EventBus};
use crate::gateway::Gateway;
use crate::issuer::Issuer;
use crate::lambda::{self, DeadLetter, Lambda, Logs};
use crate::log_group::LogGroup;
use crate::log_search::LogSearch;
use crate::objects::{Credentials, Objects};
use crate::postgres;
use crate::private_file;
use crate::schedules::Schedules;
use crate::secrets::{self, Secrets};
use crate::template::Template;
use crate::topics::{self, Topics};

/// The bucket of uploaded files.
pub const FILES_BUCKET: &str = "caretrail-files";

/// The bucket of the sealed audit log.
pub const AUDIT_BUCKET: &str = "caretrail-audit";

/// The file of the key that signs the audit log's checkpoints, in the data folder.
pub const LOG_KEY: &str = "audit-log-key";

/// The topic of the daily checkpoints. Its e-mails are in the folder `topics/checkpoints` of the data folder.
pub const CHECKPOINTS: &str = "checkpoints";

const PEOPLE_SECRET: &str = "caretrail/people";

/// How to run a cloud.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of objects, keys and logs.
    pub data: PathBuf,
    /// The gateway's port; 0 takes a free one.
    pub port: u16,
    /// The database, with the login `caretrail_people`. The other logins of the functions have the same
    /// password.
    pub database_url: String,
    /// The key that signs the functions' tickets, 32 bytes in base64. The database must have it.
    pub ticket_key: String,
    /// The functions and their routes.
    pub template: Arc<Template>,
    /// The folder of the functions' binaries.
    pub binaries: PathBuf,
    /// Most instances of one function.
    pub instances: usize,
    /// Most invocations of one function that may wait.
    pub queue: usize,
    /// Pauses before each retry of a failed event. AWS retries twice.
    pub retries: Vec<Duration>,
    /// Whether new binaries replace running functions.
    pub reload: bool,
    /// Whether schedules run. Tests send their events themselves.
    pub schedules: bool,
    /// Whether functions also log to files under `data`.
    pub log_files: bool,
    /// The URL of a real Supabase project to use instead of the local issuer.
    pub supabase_url: Option<String>,
    /// The URL of a real S3 endpoint to use instead of the local one. Its credentials are in
    /// `environment`.
    pub s3_endpoint: Option<String>,
    /// The origin whose pages may call from a browser: the template's parameter `AllowedOrigin`.
    pub allowed_origin: String,
    /// Further values for variables that the template declares. They win over the cloud's own. `SUPABASE_JWT_SECRET`
    /// becomes a member of the secret.
    pub environment: BTreeMap<String, String>,
}

impl Settings {
    /// Settings for a test: free ports, no schedules, fast retries.
    pub fn new(data: &Path, database_url: &str, ticket_key: &str, template: Arc<Template>) -> Self {
        Self {
            data: data.to_owned(),
            port: 0,
            database_url: database_url.to_owned(),
            ticket_key: ticket_key.to_owned(),
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

/// A running cloud. Dropping it ends all parts and keeps the data.
#[derive(Debug)]
pub struct Cloud {
    // Fields drop in this order: first what starts functions, last what functions use.
    schedules: Option<Schedules>,
    gateway: Gateway,
    lambda: Arc<Lambda>,
    objects: Option<Objects>,
    secrets: Secrets,
    log_search: LogSearch,
    event_bus: EventBus,
    topics: Topics,
    issuer: Option<Arc<Issuer>>,
    credentials: Credentials,
    environment: BTreeMap<String, String>,
}

impl Cloud {
    /// Starts all parts.
    ///
    /// # Errors
    /// A port is not free, or the data folder can't be used.
    pub async fn start(settings: Settings) -> Result<Self> {
        let data = &settings.data;
        std::fs::create_dir_all(data)
            .with_context(|| format!("{} was not made", data.display()))?;
        // Bound first, because the issuer and the functions need its port.
        let socket = TcpListener::bind(("127.0.0.1", settings.port))
            .await
            .with_context(|| format!("port {} is not free", settings.port))?;
        let url = format!("http://{}", socket.local_addr()?);
        let template = settings.template.clone();

        let mut environment = BTreeMap::from([
            // There is no scanner unless CLAMD_ADDRESS names one.
            ("SCAN_POLICY".to_owned(), "allow".to_owned()),
        ]);
        // KMS is not emulated, so the key of the audit log is in a file.
        let key = data.join(LOG_KEY).display().to_string();
        environment.insert("AUDIT_SIGNING_KEY_FILE".into(), key);
        let buckets = template.buckets.iter();
        environment.extend(buckets.map(|bucket| (bucket.variable.clone(), bucket.name.clone())));
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

        // Objects send events to functions, and functions need the objects' address, so the receiver
        // of the events is set last.
        let receiver = Arc::new(std::sync::OnceLock::<Box<dyn Fn(Value) + Send + Sync>>::new());
        let credentials = Credentials {
            access_key: "caretrail-local".into(),
            secret_key: private_file::read_or_make(
                &data.join("s3-secret-key"),
                private_file::secret,
            )?,
        };
        environment.extend(credentials.environment());
        let objects = match &settings.s3_endpoint {
            Some(real) => {
                environment.insert("S3_ENDPOINT".into(), real.clone());
                None
            }
            None => {
                let receiver = receiver.clone();
                let objects = Objects::start(
                    0,
                    &data.join("s3"),
                    &template.buckets,
                    &credentials,
                    &settings.allowed_origin,
                    move |event| {
                        // No function waits for objects in another bucket.
                        let bucket = &event["Records"][0]["s3"]["bucket"]["name"];
                        if let Some(receive) = receiver.get()
                            && bucket == FILES_BUCKET
                        {
                            receive(event);
                        }
                    },
                )
                .await?;
                environment.insert("S3_ENDPOINT".into(), objects.url());
                Some(objects)
            }
        };
        environment.extend(settings.environment.clone());
        let values = secret_values(&settings, &mut environment)?;
        // The functions sign their requests with the credentials that they have, which may be those of a real S3.
        let credentials = Credentials {
            access_key: environment["AWS_ACCESS_KEY_ID"].clone(),
            secret_key: environment["AWS_SECRET_ACCESS_KEY"].clone(),
        };
        let access_log = template.access_log.as_ref().map(|log| log.group.as_str());
        let function_logs = log_group(data, "functions", template.function_logs.as_deref())?;
        let access_log = log_group(data, "access", access_log)?;
        let groups = function_logs.iter().chain(&access_log).cloned();
        let log_search = LogSearch::start(groups.collect(), &credentials).await?;
        environment
            .entry("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS".into())
            .or_insert_with(|| log_search.url());
        for (variable, group) in [
            ("FUNCTION_LOG_GROUP", &function_logs),
            ("ACCESS_LOG_GROUP", &access_log),
        ] {
            let name = group.as_ref().map(|group| group.name().to_owned());
            environment.extend(name.map(|name| (variable.to_owned(), name)));
        }
        let event_bus = EventBus::start(&data.join("log-groups/events"), &credentials).await?;
        environment.insert("EVENT_BUS".into(), event_bus::NAME.into());
        environment
            .entry("AWS_ENDPOINT_URL_EVENTBRIDGE".into())
            .or_insert_with(|| event_bus.url());
        // Receivers run on this machine.
        environment
            .entry("WEBHOOK_NETWORKS".into())
            .or_insert_with(|| "127.0.0.0/8,::1/128".into());
        let topics = Topics::start(&data.join("topics"), &[CHECKPOINTS], &credentials).await?;
        environment
            .entry("AWS_ENDPOINT_URL_SNS".into())
            .or_insert_with(|| topics.url());
        environment
            .entry("CHECKPOINT_TOPIC".into())
            .or_insert_with(|| topics::arn(CHECKPOINTS));
        let mut variables = lambda::of_all(&template, &environment);
        variables.extend(values[PEOPLE_SECRET].clone());
        variables.remove("SECRET_ID");
        let secrets = Secrets::start(values, &credentials).await?;
        environment
            .entry("AWS_ENDPOINT_URL_SECRETS_MANAGER".into())
            .or_insert_with(|| secrets.url());

        let lambda = Lambda::start(
            &template,
            lambda::Settings {
                binaries: settings.binaries.clone(),
                instances: settings.instances,
                queue: settings.queue,
                environment,
                log_group: function_logs,
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
        let _ = receiver.set(Box::new(move |event| {
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
            access_log,
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
            secrets,
            log_search,
            event_bus,
            topics,
            issuer,
            credentials,
            environment: variables,
        })
    }

    /// The gateway's URL.
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
    /// The cloud uses a real Supabase project.
    pub fn issuer(&self) -> &Issuer {
        self.issuer.as_deref().unwrap_or_else(|| {
            panic!("the cloud uses a real Supabase project, not the local issuer")
        })
    }

    /// The local S3.
    ///
    /// # Panics
    /// The cloud uses a real S3.
    pub fn objects(&self) -> &Objects {
        self.objects
            .as_ref()
            .unwrap_or_else(|| panic!("the cloud uses a real S3, not the local one"))
    }

    /// The URL of Secrets Manager.
    pub fn secrets_url(&self) -> String {
        self.secrets.url()
    }

    /// The URL of CloudWatch Logs.
    pub fn log_search_url(&self) -> String {
        self.log_search.url()
    }

    /// The event bus.
    pub fn event_bus(&self) -> &EventBus {
        &self.event_bus
    }

    /// The URL of SNS.
    pub fn topics_url(&self) -> String {
        self.topics.url()
    }

    /// The key pair of the functions.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The environment variables of the functions, for a tool that starts one by itself. The secrets are among them;
    /// `DATABASE_URL` has the login of one kind of functions.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Whether the cloud runs the local S3.
    pub fn has_objects(&self) -> bool {
        self.objects.is_some()
    }

    /// Whether the cloud runs the local issuer.
    pub fn has_issuer(&self) -> bool {
        self.issuer.is_some()
    }

    /// Runs `function` on `event` and returns its answer.
    ///
    /// # Errors
    /// The function failed (the error downcasts to [`lambda::Failure`]), or its answer isn't JSON.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        self.lambda.invoke(function, event).await
    }

    /// The output of all instances of `function`.
    ///
    /// # Panics
    /// The template has no such function.
    pub fn logs(&self, function: &str) -> &Logs {
        self.lambda.logs(function)
    }

    /// Waits until every event that S3 or a schedule has sent is handled.
    pub async fn settled(&self) {
        self.lambda.settled().await;
    }

    /// The events that failed at every try.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.lambda.dead_letters()
    }

    /// Ends all parts and waits until all processes have ended.
    pub async fn shutdown(self) {
        drop(self.schedules);
        drop(self.gateway);
        self.lambda.close().await;
    }
}

/// Opens a log group of the template in its folder. None: the template has no such group.
fn log_group(data: &Path, folder: &str, name: Option<&str>) -> Result<Option<Arc<LogGroup>>> {
    let Some(name) = name else { return Ok(None) };
    let folder = data.join("log-groups").join(folder);
    let group = LogGroup::open(name, &folder);
    let group = group.with_context(|| format!("{} can't be used", folder.display()))?;
    Ok(Some(Arc::new(group)))
}

/// The secret of each login, by its name in the template. Moves the legacy secret of Supabase out of `environment`.
fn secret_values(
    settings: &Settings,
    environment: &mut BTreeMap<String, String>,
) -> Result<secrets::Values> {
    let url = |role| postgres::with_role(&settings.database_url, role);
    let member = |name: &str, value: String| (name.to_owned(), value);
    let made = |name: &str, file: &str| {
        let key = private_file::read_or_make(&settings.data.join(file), private_file::key);
        key.map(|key| member(name, key))
    };
    let ticket_key = member("TICKET_KEY", settings.ticket_key.clone());
    let webhook_key = made("WEBHOOK_KEY", "webhook-key")?;
    let people = [
        member("DATABASE_URL", settings.database_url.clone()),
        ticket_key.clone(),
        webhook_key.clone(),
        made("CURSOR_KEY", "cursor-key")?,
    ];
    let legacy = environment.remove_entry("SUPABASE_JWT_SECRET");
    let people = people.into_iter().chain(legacy).collect();
    let jobs = BTreeMap::from([
        member("DATABASE_URL", url("caretrail_jobs")?),
        ticket_key,
        webhook_key,
    ]);
    let health = BTreeMap::from([member("DATABASE_URL", url("caretrail_health")?)]);
    let sealer = BTreeMap::from([member("DATABASE_URL", url("caretrail_sealer")?)]);
    Ok(BTreeMap::from([
        (PEOPLE_SECRET.to_owned(), people),
        ("caretrail/jobs".to_owned(), jobs),
        ("caretrail/health".to_owned(), health),
        ("caretrail/sealer".to_owned(), sealer),
    ]))
}
