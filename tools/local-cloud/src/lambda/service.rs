//! All functions of a template, ready to be invoked.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::delivery::{DeadLetter, Delivery};
use super::function::{Function, Outcome};
use super::{Logs, runtime_api};
use crate::listener::Listener;
use crate::template::Template;

pub type Functions = HashMap<String, Arc<Function>>;

/// How to run functions.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of the binaries, one per package.
    pub binaries: PathBuf,
    /// Most instances of one function at a time.
    pub instances: usize,
    /// Most invocations of one function that may wait for an instance.
    pub queue: usize,
    /// Values for the environment variables that the template declares, and AWS credentials.
    pub environment: BTreeMap<String, String>,
    /// A folder for one log file per function.
    pub logs: Option<PathBuf>,
    /// Whether an instance gives way when its binary was built anew.
    pub reload: bool,
    /// Pauses before an event that failed is tried again: as many tries more as there are pauses.
    pub retries: Vec<Duration>,
}

/// What every function knows of the service.
#[derive(Debug)]
pub struct Shared {
    pub binaries: PathBuf,
    pub instances: usize,
    pub queue: usize,
    pub environment: BTreeMap<String, String>,
    pub reload: bool,
    /// Of the Runtime API.
    pub port: u16,
}

/// The service. Dropping it ends every instance.
#[derive(Debug)]
pub struct Lambda {
    functions: Arc<Functions>,
    delivery: Arc<Delivery>,
    listener: Listener,
}

impl Lambda {
    /// Makes the functions of `template` ready. No process is started before the first invocation.
    ///
    /// # Errors
    /// When no port can be had, or a log file can't be opened.
    pub async fn start(template: &Template, settings: Settings) -> Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let shared = Arc::new(Shared {
            // Instances run in that folder, so a relative path would not find it again.
            binaries: std::path::absolute(settings.binaries)?,
            instances: settings.instances.max(1),
            queue: settings.queue,
            environment: settings.environment,
            reload: settings.reload,
            port: socket.local_addr()?.port(),
        });
        if let Some(folder) = &settings.logs {
            fs::create_dir_all(folder)
                .with_context(|| format!("{} was not made", folder.display()))?;
        }
        let mut functions = Functions::new();
        for definition in &template.functions {
            let logs = match &settings.logs {
                Some(folder) => Logs::to_file(&folder.join(format!("{}.log", definition.package)))?,
                None => Logs::default(),
            };
            let function = Function::new(definition.clone(), shared.clone(), logs);
            functions.insert(definition.package.clone(), Arc::new(function));
        }
        let functions = Arc::new(functions);
        let listener = Listener::serve(socket, {
            let functions = functions.clone();
            move |request, _| runtime_api::answer(functions.clone(), request)
        })?;
        Ok(Self {
            functions,
            delivery: Arc::new(Delivery::new(settings.retries)),
            listener,
        })
    }

    /// The base URL of the Invoke API: `POST /2015-03-31/functions/NAME/invocations`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.listener.port())
    }

    /// Runs `package` on `event` and waits for its answer. `trace` is an X-Ray trace header, or empty.
    ///
    /// # Errors
    /// As [`super::Failure`] says.
    ///
    /// # Panics
    /// When the template has no such function.
    pub async fn invoke_raw(&self, package: &str, event: Bytes, trace: String) -> Outcome {
        let trace = if trace.is_empty() {
            self::trace()
        } else {
            trace
        };
        self.function(package).invoke(event, trace).await
    }

    /// As [`Lambda::invoke_raw`], with JSON.
    ///
    /// # Errors
    /// The function failed, or answered no JSON.
    pub async fn invoke(&self, package: &str, event: &Value) -> Result<Value> {
        let function = self
            .functions
            .get(package)
            .with_context(|| format!("the template has no function {package}"))?;
        let answer = function.invoke(event.to_string().into(), trace()).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Sends an event as S3 and schedules do: not waited for, tried again when it fails, and a dead
    /// letter at last.
    pub fn send(&self, package: &str, event: Value) {
        if let Some(function) = self.functions.get(package) {
            self.delivery.send(function.clone(), event);
        }
    }

    /// Waits until every event sent was dealt with.
    pub async fn settled(&self) {
        self.delivery.settled().await;
    }

    /// Events that failed at every try.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.delivery.dead_letters()
    }

    /// What the instances of `package` wrote.
    ///
    /// # Panics
    /// When the template has no such function.
    pub fn logs(&self, package: &str) -> &Logs {
        &self.function(package).logs
    }

    /// How many instances of `package` there are.
    pub fn instances(&self, package: &str) -> usize {
        self.functions
            .get(package)
            .map_or(0, |function| function.instances())
    }

    /// Ends the instances of `package`, so that its next invocation starts cold.
    pub fn restart(&self, package: &str) {
        if let Some(function) = self.functions.get(package) {
            function.end_all();
        }
    }

    /// Ends every instance and waits until its process is gone.
    pub async fn close(&self) {
        self.delivery.close();
        for function in self.functions.values() {
            function.end_for_good();
        }
        for function in self.functions.values() {
            function.all_ended().await;
        }
    }

    fn function(&self, package: &str) -> &Arc<Function> {
        self.functions
            .get(package)
            .unwrap_or_else(|| panic!("the template has no function {package}"))
    }

    /// Something to send events with that may outlive a borrow.
    pub(crate) fn sender(&self) -> impl Fn(&str, Value) + Send + Sync + 'static {
        let (functions, delivery) = (self.functions.clone(), self.delivery.clone());
        move |package, event| {
            if let Some(function) = functions.get(package) {
                delivery.send(function.clone(), event);
            }
        }
    }

    pub(crate) fn functions(&self) -> Arc<Functions> {
        self.functions.clone()
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        self.delivery.close();
        for function in self.functions.values() {
            function.close();
        }
    }
}

/// A new X-Ray trace header, not sampled.
pub fn trace() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let random = Uuid::new_v4().simple().to_string();
    format!("Root=1-{seconds:08x}-{};Sampled=0", &random[..24])
}
