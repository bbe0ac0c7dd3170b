//! Work that a schedule starts and that writes no audit row: it has no caller and discloses nothing.

use std::time::{Duration, Instant};

use database::{Database, Object};
use errors::Error;
use lambda_runtime::LambdaEvent;
use secrets::Secrets;
use serde::Serialize;
use serde_json::value::RawValue;
use sql::Connection;
use tokio::time::timeout_at;

use crate::endpoint::UnauditedSchedule;
use crate::environment::database;
use crate::job::TOO_LONG;
use crate::lambda::{Failure, run};
use crate::time_limits::TimeLimits;

/// One run of the schedule.
pub struct Run {
    database: &'static Database,
    limits: TimeLimits,
    /// What the schedule, or whoever invokes the function, passes to it.
    pub payload: Box<RawValue>,
}

impl Run {
    /// A connection of this run alone. It is closed when it is dropped, so no open transaction outlives it. Errors:
    /// the database can't be reached.
    pub async fn connection(&self) -> Result<Connection, Error> {
        Ok(Object::take(self.database.connection().await?))
    }

    /// The time until the run must have ended.
    pub fn time_left(&self) -> Duration {
        let now = tokio::time::Instant::now();
        self.limits.work_ends.saturating_duration_since(now)
    }
}

/// Serves a function that a schedule starts. `start` reads its settings when an environment starts, and `work` does
/// one run and returns its report. The function's login to the database decides what it may do. Errors: a setting is
/// missing or invalid.
pub fn serve_schedule<State, Report, Running>(
    endpoint: UnauditedSchedule,
    start: impl AsyncFnOnce() -> Result<State, Failure>,
    work: impl Fn(&'static State, Run) -> Running,
) -> Result<(), Failure>
where
    State: 'static,
    Report: Serialize,
    Running: Future<Output = Result<Report, Failure>>,
{
    run(async move {
        let secrets = Secrets::read().await?;
        let database: &'static Database =
            Box::leak(Box::new(database(&secrets, endpoint.name, false)?));
        let state: &'static State = Box::leak(Box::new(start().await?));
        let work = &work;
        lambda_runtime::run(lambda_runtime::service_fn(
            move |event: LambdaEvent<Box<RawValue>>| async move {
                let request_id = event.context.request_id;
                let started = Instant::now();
                let limits = TimeLimits::until(event.context.deadline);
                let run = Run {
                    database,
                    limits,
                    payload: event.payload,
                };
                let result = timeout_at(limits.stops_at, work(state, run)).await;
                let result = result.unwrap_or_else(|_| Err(TOO_LONG.into()));
                let error = result.as_ref().err().map(ToString::to_string);
                tracing::info!(
                    request_id,
                    function = endpoint.name,
                    outcome = if error.is_none() { "ok" } else { "failed" },
                    error,
                    duration_ms = started.elapsed().as_secs_f64() * 1000.0,
                    "schedule run"
                );
                result
            },
        ))
        .await
    })
}
