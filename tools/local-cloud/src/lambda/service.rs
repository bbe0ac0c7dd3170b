//! The Lambda service: all functions of a template, ready to be invoked.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;

use super::delivery::{DeadLetter, Delivery};
use super::failure::Outcome;
use super::function::{Function, Functions, Limits};
use super::instance::Host;
use super::logs::Logs;
use super::runtime_api;
use super::trace::trace;
use crate::listener::Listener;
use crate::log_group::LogGroup;
use crate::template::Template;

/// How to run functions.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of the binaries, one per package.
    pub binaries: PathBuf,
    /// Most instances of one function.
    pub instances: usize,
    /// Most invocations of one function that may wait.
    pub queue: usize,
    /// Values for the environment variables that the template declares, and AWS credentials.
    pub environment: BTreeMap<String, String>,
    /// The log group that all functions write to.
    pub log_group: Option<Arc<LogGroup>>,
    /// A folder for one log file per function.
    pub logs: Option<PathBuf>,
    /// Whether a new binary replaces running instances.
    pub reload: bool,
    /// Pauses before each retry of a failed event. Their number is the number of retries.
    pub retries: Vec<Duration>,
}

/// The service. Dropping it ends every instance.
#[derive(Debug)]
pub struct Lambda {
    functions: Arc<Functions>,
    delivery: Arc<Delivery>,
    listener: Listener,
}

impl Lambda {
    /// Prepares the functions of `template`. The first invocation of each starts a process.
    ///
    /// # Errors
    /// No port is free, or a log file can't be opened.
    pub async fn start(template: &Template, settings: Settings) -> Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let host = Arc::new(Host {
            // Instances run in this folder, where a relative path would lead elsewhere.
            binaries: std::path::absolute(settings.binaries)?,
            environment: settings.environment,
            port: socket.local_addr()?.port(),
        });
        let limits = Limits {
            instances: settings.instances.max(1),
            queue: settings.queue,
            reload: settings.reload,
        };
        if let Some(folder) = &settings.logs {
            fs::create_dir_all(folder)
                .with_context(|| format!("{} was not made", folder.display()))?;
        }
        let mut functions = Functions::new();
        for definition in &template.functions {
            let file = settings.logs.as_ref();
            let file = file.map(|folder| folder.join(format!("{}.log", definition.package)));
            let logs = Logs::new(settings.log_group.clone(), file.as_deref())?;
            let function = Function::new(definition.clone(), host.clone(), limits, logs);
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
    /// See [`super::Failure`].
    ///
    /// # Panics
    /// The template has no such function.
    pub async fn invoke_raw(&self, package: &str, event: Bytes, trace: String) -> Outcome {
        let trace = match trace.is_empty() {
            true => self::trace(),
            false => trace,
        };
        self.function(package).invoke(event, trace).await
    }

    /// As [`Lambda::invoke_raw`], with JSON.
    ///
    /// # Errors
    /// The function failed, or its answer isn't JSON.
    pub async fn invoke(&self, package: &str, event: &Value) -> Result<Value> {
        let function = self
            .functions
            .get(package)
            .with_context(|| format!("the template has no function {package}"))?;
        let answer = function.invoke(event.to_string().into(), trace()).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Sends an event as S3 and schedules do: without waiting, with retries, and to the dead letters
    /// in the end.
    pub fn send(&self, package: &str, event: Value) {
        if let Some(function) = self.functions.get(package) {
            self.delivery.send(function.clone(), event);
        }
    }

    /// Waits until every event sent so far has been handled.
    pub async fn settled(&self) {
        self.delivery.settled().await;
    }

    /// The events that failed at every try.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.delivery.dead_letters()
    }

    /// The output of all instances of `package`.
    ///
    /// # Panics
    /// The template has no such function.
    pub fn logs(&self, package: &str) -> &Logs {
        &self.function(package).logs
    }

    /// The number of instances of `package`.
    pub fn instances(&self, package: &str) -> usize {
        self.functions
            .get(package)
            .map_or(0, |function| function.instances())
    }

    /// Ends the instances of `package`, so its next invocation is a cold start.
    pub fn restart(&self, package: &str) {
        if let Some(function) = self.functions.get(package) {
            function.end_all();
        }
    }

    /// Ends every instance and waits until all processes have ended.
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

    /// [`Lambda::send`] as a function that owns what it needs.
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
