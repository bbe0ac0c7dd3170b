//! One function: takes invocations, starts instances for them, and ends these.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::Utc;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::failure::{Failure, Outcome};
use super::instance::{self, Host};
use super::logs::Logs;
use super::platform;
use super::state::{Idle, Instance, Order, Running, State, Waiting};
use crate::template;

/// The functions of a template, by package.
pub type Functions = HashMap<String, Arc<Function>>;

/// What every function of a service may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most instances of one function.
    pub instances: usize,
    /// Most invocations of one function that may wait.
    pub queue: usize,
    /// Whether a new binary replaces running instances.
    pub reload: bool,
}

const REBUILT: &str = "its binary was built anew";

const RESTARTED: &str = "restarted";

const CLOSING: &str = "the local cloud is closing";

#[derive(Debug)]
pub struct Function {
    pub definition: template::Function,
    pub logs: Arc<Logs>,
    host: Arc<Host>,
    limits: Limits,
    state: Mutex<State>,
    /// Notified when an instance has ended.
    gone: Notify,
}

impl Function {
    pub fn new(
        definition: template::Function,
        host: Arc<Host>,
        limits: Limits,
        logs: Logs,
    ) -> Self {
        Self {
            definition,
            logs: Arc::new(logs),
            host,
            limits,
            state: Mutex::default(),
            gone: Notify::new(),
        }
    }

    /// Runs the function on `event`, on the first instance that is free.
    pub async fn invoke(self: &Arc<Self>, event: Bytes, trace: String) -> Outcome {
        self.invoke_as(Uuid::new_v4().to_string(), event, trace)
            .await
    }

    /// As [`Function::invoke`], with the invocation's request id.
    pub async fn invoke_as(self: &Arc<Self>, id: String, event: Bytes, trace: String) -> Outcome {
        let (started, has_started) = oneshot::channel();
        let (reply, answer) = oneshot::channel();
        let order = Order {
            id: id.clone(),
            event,
            trace,
            deadline_ms: 0,
        };
        self.submit(Waiting {
            order,
            started,
            reply,
        })?;

        // In its own task, so that the time limit also holds after the caller has gone.
        let function = self.clone();
        let limit = self.definition.timeout;
        let watch = tokio::spawn(async move {
            // An error means it never began. The answer then says why.
            let _ = has_started.await;
            match tokio::time::timeout(limit, answer).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(Failure::Crashed(CLOSING.into())),
                Err(_) => {
                    function.give_up(&id);
                    Err(Failure::TimedOut(limit))
                }
            }
        });
        watch
            .await
            .unwrap_or_else(|_| Err(Failure::Crashed(CLOSING.into())))
    }

    /// Waits for the next event for `instance`. `None`: there is no such instance, or it is to end.
    pub async fn next(&self, instance: u64) -> Option<Order> {
        let built = self.built();
        let handed = {
            let mut state = self.lock();
            let caller = state.instances.get_mut(&instance)?;
            caller.ready = true;
            // An instance that is to end would take the event with it.
            caller.end.as_ref()?;
            if caller.built != built {
                state.end(instance, REBUILT);
                return None;
            }
            // A runtime that asks again without an answer has lost its event.
            self.fail_running(
                &mut state,
                instance,
                "asked for the next event without answering",
            );
            if let Some(waiting) = state.waiting.pop_front() {
                let order = state.begin(waiting, instance, self.definition.timeout);
                self.report_start(&state.stream(instance), &order.id);
                return Some(order);
            }
            let (hand, handed) = oneshot::channel();
            state.idle.push(Idle { instance, hand });
            handed
        };
        handed.await.ok()
    }

    /// Ends the invocation `id` of `instance`. False: there is no such invocation.
    pub fn complete(&self, instance: u64, id: &str, outcome: Outcome) -> bool {
        let mut state = self.lock();
        if state
            .running
            .get(id)
            .is_none_or(|running| running.instance != instance)
        {
            return false;
        }
        let Some(running) = state.running.remove(id) else {
            return false;
        };
        drop(state);
        self.end_invocation(id, running, outcome);
        true
    }

    /// Reports how an invocation ended, and answers its caller.
    fn end_invocation(&self, id: &str, running: Running, outcome: Outcome) {
        let took = running.since.elapsed();
        self.report_end(&running.stream, id, took, outcome.as_ref().err());
        // The caller may have hung up.
        let _ = running.reply.send(outcome);
    }

    fn report_start(&self, stream: &str, id: &str) {
        self.logs
            .write(stream, platform::start(&self.definition, id));
    }

    fn report_end(&self, stream: &str, id: &str, took: Duration, failure: Option<&Failure>) {
        self.logs.write(
            stream,
            platform::report(&self.definition, id, took, failure),
        );
    }

    /// Fails what `instance` runs.
    fn fail_running(&self, state: &mut State, instance: u64, how: &str) {
        for (id, running) in state.take_running(instance) {
            self.end_invocation(&id, running, Err(Failure::Crashed(how.to_owned())));
        }
    }

    /// Adds a line to the log stream of `instance`.
    pub fn log(&self, instance: u64, line: String) {
        let stream = self.lock().stream(instance);
        self.logs.write(&stream, line);
    }

    /// Ends `instance`, for example because it can't initialise.
    pub fn end(&self, instance: u64, why: &str) {
        self.lock().end(instance, why);
    }

    /// Ends every instance. The next invocation starts a new one.
    pub fn end_all(&self) {
        let mut state = self.lock();
        let all: Vec<_> = state.instances.keys().copied().collect();
        for instance in all {
            state.end(instance, RESTARTED);
        }
    }

    /// Whether `instance` has asked for its first event.
    pub fn is_ready(&self, instance: u64) -> bool {
        self.lock()
            .instances
            .get(&instance)
            .is_some_and(|instance| instance.ready)
    }

    /// The number of instances.
    pub fn instances(&self) -> usize {
        self.lock().instances.len()
    }

    /// Runs instance `number` until its process has ended.
    async fn keep(self: Arc<Self>, number: u64, stream: String, ends: oneshot::Receiver<String>) {
        let is_ready = || self.is_ready(number);
        let (host, definition, logs) = (&self.host, &self.definition, &self.logs);
        logs.write(&stream, platform::init_start(definition));
        let which = instance::Which {
            number,
            stream: &stream,
        };
        let how = instance::run(host, definition, which, logs, is_ready, ends).await;
        if !self.is_ready(number) {
            self.logs
                .push(format!("instance {number} did not start: {how}"));
        }
        self.ended(number, &how);
    }

    /// Forgets `instance`, whose process has ended, and fails what it ran.
    fn ended(self: &Arc<Self>, instance: u64, how: &str) {
        let mut state = self.lock();
        let Some(gone) = state.instances.remove(&instance) else {
            return;
        };
        state.idle.retain(|idle| idle.instance != instance);
        self.fail_running(&mut state, instance, how);
        // As on AWS, an invocation fails if the instance started for it fails to start. This also
        // bounds how often a function that can't start is started.
        if !gone.ready
            && how != RESTARTED
            && let Some(waiting) = state.waiting.pop_front()
        {
            let failure = Failure::Crashed(how.to_owned());
            self.report_start(&gone.stream, &waiting.order.id);
            self.report_end(
                &gone.stream,
                &waiting.order.id,
                Duration::ZERO,
                Some(&failure),
            );
            let _ = waiting.reply.send(Err(failure));
        }
        self.grow(&mut state);
        drop(state);
        self.gone.notify_waiters();
    }

    /// Ends every instance and starts no more.
    pub fn end_for_good(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        drop(state);
        self.end_all();
    }

    /// Waits until no instance is left.
    pub async fn all_ended(&self) {
        loop {
            let gone = self.gone.notified();
            tokio::pin!(gone);
            gone.as_mut().enable();
            if self.instances() == 0 {
                return;
            }
            gone.await;
        }
    }

    /// Ends every instance without waiting for it, and starts no more.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        let all: Vec<_> = state.instances.keys().copied().collect();
        for instance in all {
            self.fail_running(&mut state, instance, CLOSING);
        }
        state.idle.clear();
        for keeper in state
            .instances
            .drain()
            .filter_map(|(_, instance)| instance.keeper)
        {
            keeper.abort();
        }
    }

    fn submit(self: &Arc<Self>, mut waiting: Waiting) -> Result<(), Failure> {
        let built = self.built();
        let mut state = self.lock();
        while let Some(idle) = state.idle.pop() {
            if idle.hand.is_closed() {
                continue;
            }
            if state
                .instances
                .get(&idle.instance)
                .is_some_and(|instance| instance.built != built)
            {
                state.end(idle.instance, REBUILT);
                continue;
            }
            let order = state.begin(waiting, idle.instance, self.definition.timeout);
            let id = order.id.clone();
            match idle.hand.send(order) {
                Ok(()) => {
                    self.report_start(&state.stream(idle.instance), &id);
                    return Ok(());
                }
                // The instance hung up just now, so the invocation goes to another.
                Err(order) => {
                    let Some(running) = state.running.remove(&order.id) else {
                        return Ok(());
                    };
                    waiting = Waiting {
                        order,
                        started: oneshot::channel().0,
                        reply: running.reply,
                    };
                }
            }
        }
        if state.closed || state.waiting.len() >= self.limits.queue {
            return Err(Failure::Overloaded);
        }
        state.waiting.push_back(waiting);
        self.grow(&mut state);
        Ok(())
    }

    /// Starts an instance for each waiting invocation, up to the limit.
    fn grow(self: &Arc<Self>, state: &mut State) {
        let mut starting = state
            .instances
            .values()
            .filter(|instance| !instance.ready)
            .count();
        while !state.closed
            && state.instances.len() < self.limits.instances
            && starting < state.waiting.len()
        {
            starting += 1;
            state.last_instance += 1;
            let number = state.last_instance;
            let (end, ends) = oneshot::channel();
            let stream = stream(&self.definition.package);
            let keeper = tokio::spawn(self.clone().keep(number, stream.clone(), ends));
            let keeper = Some(keeper.abort_handle());
            state.instances.insert(
                number,
                Instance {
                    stream,
                    ready: false,
                    built: self.built(),
                    end: Some(end),
                    keeper,
                },
            );
        }
    }

    /// When the binary was built; `None` if a new binary does not replace instances.
    fn built(&self) -> Option<SystemTime> {
        let binary = self
            .limits
            .reload
            .then(|| self.host.binaries.join(&self.definition.package))?;
        binary.metadata().and_then(|file| file.modified()).ok()
    }

    /// Ends the instance that exceeded the time limit on `id`.
    fn give_up(&self, id: &str) {
        let running = self.lock().running.remove(id);
        if let Some(running) = running {
            let limit = self.definition.timeout;
            let why = format!("timed out after {:.2} seconds", limit.as_secs_f64());
            self.logs.push(format!("{id} Task {why}"));
            self.end(running.instance, &why);
            self.end_invocation(id, running, Err(Failure::TimedOut(limit)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of a new instance's log stream, as Lambda makes it in a log group of several functions.
fn stream(package: &str) -> String {
    let day = Utc::now().format("%Y/%m/%d");
    format!("{day}/{package}[$LATEST]{}", Uuid::new_v4().simple())
}
