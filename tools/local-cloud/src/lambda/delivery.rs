//! Asynchronous invocations: events of S3 and schedules, retried, and kept if every try fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::failure::Failure;
use super::function::Function;
use super::trace::trace;

/// An event that failed at every try.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The function it was for.
    pub function: String,
    /// The event.
    pub event: Value,
    /// Why the last try failed.
    pub failure: Failure,
}

#[derive(Debug)]
pub struct Delivery {
    retries: Vec<Duration>,
    under_way: watch::Sender<usize>,
    dead: Mutex<Vec<DeadLetter>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Delivery {
    pub fn new(retries: Vec<Duration>) -> Self {
        Self {
            retries,
            under_way: watch::Sender::new(0),
            dead: Mutex::default(),
            tasks: Mutex::default(),
        }
    }

    pub fn send(self: &Arc<Self>, function: Arc<Function>, event: Value) {
        self.under_way.send_modify(|count| *count += 1);
        let task = tokio::spawn({
            let delivery = self.clone();
            async move {
                delivery.deliver(function, event).await;
                delivery.under_way.send_modify(|count| *count -= 1);
            }
        });
        let mut tasks = lock(&self.tasks);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task.abort_handle());
    }

    pub async fn settled(&self) {
        // The sender lives as long as this value.
        let _ = self
            .under_way
            .subscribe()
            .wait_for(|count| *count == 0)
            .await;
    }

    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        lock(&self.dead).clone()
    }

    pub fn close(&self) {
        for task in lock(&self.tasks).drain(..) {
            task.abort();
        }
    }

    async fn deliver(&self, function: Arc<Function>, event: Value) {
        let mut pauses = self.retries.iter();
        let payload = bytes::Bytes::from(event.to_string());
        // Lambda repeats an event under the same request id.
        let id = Uuid::new_v4().to_string();
        loop {
            let tried = function.invoke_as(id.clone(), payload.clone(), trace());
            let Err(failure) = tried.await else {
                return;
            };
            let package = &function.definition.package;
            let Some(pause) = pauses.next() else {
                function.logs.push(format!("event given up: {failure}"));
                tracing::warn!(function = %package, %failure, "an event was given up");
                lock(&self.dead).push(DeadLetter {
                    function: package.clone(),
                    event,
                    failure,
                });
                return;
            };
            tracing::info!(function = %package, %failure, ?pause, "an event is tried again");
            tokio::time::sleep(*pause).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
