//! Which invocations of a function wait, and which instance runs which. Starts no process.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::failure::Outcome;

/// An invocation as its instance gets it.
#[derive(Debug)]
pub struct Order {
    pub id: String,
    pub event: Bytes,
    pub trace: String,
    /// Milliseconds since 1970; 0 until an instance takes it.
    pub deadline_ms: u128,
}

#[derive(Debug, Default)]
pub struct State {
    pub waiting: VecDeque<Waiting>,
    /// Instances that asked for work. The last one is used next, because it is the warmest.
    pub idle: Vec<Idle>,
    /// Invocations that run, by request id.
    pub running: HashMap<String, Running>,
    pub instances: HashMap<u64, Instance>,
    pub last_instance: u64,
    pub closed: bool,
}

#[derive(Debug)]
pub struct Waiting {
    pub order: Order,
    pub started: oneshot::Sender<()>,
    pub reply: oneshot::Sender<Outcome>,
}

#[derive(Debug)]
pub struct Idle {
    pub instance: u64,
    pub hand: oneshot::Sender<Order>,
}

#[derive(Debug)]
pub struct Running {
    pub instance: u64,
    /// The log stream of the instance.
    pub stream: String,
    pub since: Instant,
    pub reply: oneshot::Sender<Outcome>,
}

#[derive(Debug)]
pub struct Instance {
    /// Its log stream.
    pub stream: String,
    /// Whether it has asked for its first event.
    pub ready: bool,
    /// When its binary was built; `None` if a new binary does not replace instances.
    pub built: Option<SystemTime>,
    /// Tells its task to end it; taken once told.
    pub end: Option<oneshot::Sender<String>>,
    /// The task that runs its process.
    pub keeper: Option<AbortHandle>,
}

impl State {
    /// Ends `instance` and gives it no more work.
    pub fn end(&mut self, instance: u64, why: &str) {
        self.idle.retain(|idle| idle.instance != instance);
        let end = self
            .instances
            .get_mut(&instance)
            .and_then(|instance| instance.end.take());
        if let Some(end) = end {
            let _ = end.send(why.to_owned());
        }
    }

    /// Gives `waiting` to `instance` and starts its time limit.
    pub fn begin(&mut self, waiting: Waiting, instance: u64, limit: Duration) -> Order {
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
        let running = Running {
            instance,
            stream: self.stream(instance),
            since: Instant::now(),
            reply,
        };
        self.running.insert(order.id.clone(), running);
        order
    }

    /// Takes what `instance` runs.
    pub fn take_running(&mut self, instance: u64) -> Vec<(String, Running)> {
        self.running
            .extract_if(|_, running| running.instance == instance)
            .collect()
    }

    /// The log stream of `instance`; empty if there is no such instance.
    pub fn stream(&self, instance: u64) -> String {
        self.instances
            .get(&instance)
            .map(|instance| instance.stream.clone())
            .unwrap_or_default()
    }
}
