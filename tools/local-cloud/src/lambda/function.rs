//! One function: its queue, its instances, and which of them does what.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::Logs;
use super::instance;
use super::service::Shared;
use crate::template;

const REBUILT: &str = "its binary was built anew";

/// Why an invocation has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The function reported an error: its JSON document (errorType, errorMessage).
    Reported(Bytes),
    /// Its process ended, or could not be started.
    Crashed(String),
    /// It took longer than its `Timeout`; its process was ended.
    TimedOut(Duration),
    /// Too many invocations wait already.
    Overloaded,
    /// The answer is larger than Lambda allows.
    TooLarge,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported(document) => {
                write!(out, "reported {}", String::from_utf8_lossy(document))
            }
            Self::Crashed(how) => write!(out, "crashed: {how}"),
            Self::TimedOut(limit) => write!(out, "timed out after {limit:?}"),
            Self::Overloaded => write!(out, "too many invocations wait"),
            Self::TooLarge => write!(out, "the answer is too large"),
        }
    }
}

impl std::error::Error for Failure {}

/// What an invocation comes to.
pub type Outcome = Result<Bytes, Failure>;

/// An event on its way to an instance.
#[derive(Debug)]
pub struct Order {
    pub id: String,
    pub event: Bytes,
    pub trace: String,
    pub deadline_ms: u128,
}

#[derive(Debug)]
pub struct Function {
    pub definition: template::Function,
    pub shared: Arc<Shared>,
    pub logs: Logs,
    state: Mutex<State>,
    /// Told when an instance has ended.
    gone: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Instances that asked for work, the one used last on top, as it is the warmest.
    idle: Vec<Idle>,
    /// Invocations under way, by request id.
    running: HashMap<String, Running>,
    instances: HashMap<u64, Instance>,
    last_instance: u64,
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    order: Order,
    started: oneshot::Sender<()>,
    reply: oneshot::Sender<Outcome>,
}

#[derive(Debug)]
struct Idle {
    instance: u64,
    hand: oneshot::Sender<Order>,
}

#[derive(Debug)]
struct Running {
    instance: u64,
    reply: oneshot::Sender<Outcome>,
}

#[derive(Debug)]
struct Instance {
    /// Whether it has asked for its first event.
    ready: bool,
    /// When the binary it runs was built, where that matters.
    built: Option<SystemTime>,
    /// Tells its keeper to end it.
    end: Option<oneshot::Sender<String>>,
    keeper: Option<AbortHandle>,
}

impl Function {
    pub fn new(definition: template::Function, shared: Arc<Shared>, logs: Logs) -> Self {
        Self {
            definition,
            shared,
            logs,
            state: Mutex::default(),
            gone: Notify::new(),
        }
    }

    /// Runs the function on `event`, on an instance that is free or becomes so.
    pub async fn invoke(self: &Arc<Self>, event: Bytes, trace: String) -> Outcome {
        let id = Uuid::new_v4().to_string();
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

        // Its own task: the limit holds also when the caller went away.
        let function = self.clone();
        let limit = self.definition.timeout;
        let watch = tokio::spawn(async move {
            // An error here means it never began; the answer then says why.
            let _ = has_started.await;
            match tokio::time::timeout(limit, answer).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(Failure::Crashed("the local cloud is closing".into())),
                Err(_) => {
                    function.give_up(&id);
                    Err(Failure::TimedOut(limit))
                }
            }
        });
        watch
            .await
            .unwrap_or_else(|_| Err(Failure::Crashed("the local cloud is closing".into())))
    }

    /// The next event for `instance`; waits until there is one. `None`: no such instance.
    pub async fn next(&self, instance: u64) -> Option<Order> {
        let built = self.built();
        let handed = {
            let mut state = self.lock();
            let caller = state.instances.get_mut(&instance)?;
            caller.ready = true;
            // Told to end, but not gone yet: what it took now would end with it.
            caller.end.as_ref()?;
            if caller.built != built {
                state.end(instance, REBUILT);
                return None;
            }
            // A runtime that asks again without having answered has lost what it had.
            state.fail_running(instance, "asked for the next event without answering");
            if let Some(waiting) = state.waiting.pop_front() {
                return Some(state.begin(waiting, instance, self.definition.timeout));
            }
            let (hand, handed) = oneshot::channel();
            state.idle.push(Idle { instance, hand });
            handed
        };
        handed.await.ok()
    }

    /// Ends the invocation `id` of `instance`. False: there is none such.
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
        // The caller may have hung up.
        let _ = running.reply.send(outcome);
        true
    }

    /// Ends `instance`, e.g. because it can't initialise.
    pub fn end(&self, instance: u64, why: &str) {
        self.lock().end(instance, why);
    }

    /// Ends every instance; the next invocation starts a new one.
    pub fn end_all(&self) {
        let mut state = self.lock();
        let all: Vec<_> = state.instances.keys().copied().collect();
        for instance in all {
            state.end(instance, "restarted");
        }
    }

    /// Whether `instance` has asked for its first event.
    pub fn is_ready(&self, instance: u64) -> bool {
        self.lock()
            .instances
            .get(&instance)
            .is_some_and(|instance| instance.ready)
    }

    /// How many instances there are.
    pub fn instances(&self) -> usize {
        self.lock().instances.len()
    }

    /// Called by its keeper when the process of `instance` has ended.
    pub fn ended(self: &Arc<Self>, instance: u64, how: &str) {
        let mut state = self.lock();
        let Some(gone) = state.instances.remove(&instance) else {
            return;
        };
        state.idle.retain(|idle| idle.instance != instance);
        state.fail_running(instance, how);
        // As on AWS, the invocation that an instance was started for fails with its start; this also
        // bounds how often a function that can't start is tried.
        if !gone.ready
            && let Some(waiting) = state.waiting.pop_front()
        {
            let _ = waiting.reply.send(Err(Failure::Crashed(how.to_owned())));
        }
        self.grow(&mut state);
        drop(state);
        self.gone.notify_waiters();
    }

    /// Ends every instance and starts none any more.
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

    /// Ends everything without waiting, and starts nothing more.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        state.running.clear();
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
            match idle.hand.send(order) {
                Ok(()) => return Ok(()),
                // It hung up in this very moment: its reply is taken back for another.
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
        if state.closed || state.waiting.len() >= self.shared.queue {
            return Err(Failure::Overloaded);
        }
        state.waiting.push_back(waiting);
        self.grow(&mut state);
        Ok(())
    }

    /// Starts an instance for each invocation that waits, up to the limit.
    fn grow(self: &Arc<Self>, state: &mut State) {
        let mut starting = state
            .instances
            .values()
            .filter(|instance| !instance.ready)
            .count();
        while !state.closed
            && state.instances.len() < self.shared.instances
            && starting < state.waiting.len()
        {
            starting += 1;
            state.last_instance += 1;
            let number = state.last_instance;
            let (end, ends) = oneshot::channel();
            let keeper = tokio::spawn(instance::keep(self.clone(), number, ends));
            let keeper = Some(keeper.abort_handle());
            state.instances.insert(
                number,
                Instance {
                    ready: false,
                    built: self.built(),
                    end: Some(end),
                    keeper,
                },
            );
        }
    }

    /// When the binary was built, where instances give way to a new one.
    fn built(&self) -> Option<SystemTime> {
        let binary = self
            .shared
            .reload
            .then(|| self.shared.binaries.join(&self.definition.package))?;
        binary.metadata().and_then(|file| file.modified()).ok()
    }

    /// Ends the instance that took too long over `id`.
    fn give_up(&self, id: &str) {
        let running = self.lock().running.remove(id);
        if let Some(running) = running {
            let limit = self.definition.timeout.as_secs_f64();
            self.logs
                .push(format!("{id} Task timed out after {limit:.2} seconds"));
            self.end(
                running.instance,
                &format!("timed out after {limit:.2} seconds"),
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Tells the keeper of `instance` to end it, and gives it nothing more to do.
    fn end(&mut self, instance: u64, why: &str) {
        self.idle.retain(|idle| idle.instance != instance);
        let end = self
            .instances
            .get_mut(&instance)
            .and_then(|instance| instance.end.take());
        if let Some(end) = end {
            let _ = end.send(why.to_owned());
        }
    }

    /// Notes that `instance` has `waiting` in hand, and starts its time.
    fn begin(&mut self, waiting: Waiting, instance: u64, limit: Duration) -> Order {
        let Waiting {
            mut order,
            started,
            reply,
        } = waiting;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        order.deadline_ms = (now + limit).as_millis();
        let _ = started.send(());
        self.running
            .insert(order.id.clone(), Running { instance, reply });
        order
    }

    fn fail_running(&mut self, instance: u64, how: &str) {
        for (_, running) in self
            .running
            .extract_if(|_, running| running.instance == instance)
        {
            let _ = running.reply.send(Err(Failure::Crashed(how.to_owned())));
        }
    }
}
