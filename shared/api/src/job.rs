//! Work that an event or a schedule starts. It acts as SYSTEM and is audited like a request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use errors::Error;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::time::Instant;
use uuid::Uuid;

use crate::access::Access;
use crate::attempt::{Attempt, Progress};
use crate::audit_writer::AuditWriter;
use crate::caller::Caller;
use crate::environment::Environment;
use crate::request_context::RequestContext;
use crate::target::Target;
use crate::time_limits::TimeLimits;

pub(crate) const TOO_LONG: &str = "The event took too long.";

/// One event or one run of a schedule.
#[derive(Clone)]
pub struct Job {
    pub(crate) environment: &'static Environment,
    pub(crate) limits: TimeLimits,
    /// The id of the invocation, with which the ids of all its steps begin.
    pub(crate) request_id: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) payload: Arc<RawValue>,
    pub(crate) report: Arc<Mutex<Report>>,
}

/// What a job did, which whoever invoked it reads. Like the audit rows, it contains ids, field names and counts, and
/// no patient data.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// The steps that were committed with an audit row, in their order.
    steps: Vec<Step>,
    /// How many audit rows the invocation is known to have committed, those of failed steps included.
    #[serde(skip)]
    pub(crate) rows: usize,
}

/// A step of a job, as its audit row describes it.
#[derive(Debug, Serialize)]
struct Step {
    request_id: String,
    resource_id: Option<Uuid>,
    details: Map<String, Value>,
}

impl Job {
    /// Whether a step that takes this long can still be begun.
    pub fn has_time(&self, needed: Duration) -> bool {
        Instant::now() + needed < self.limits.work_ends
    }

    /// Calls `work` with a transaction on `target`: a step of the job, with a request id of its own. So the row
    /// of a step that fails doesn't contradict the rows of those before it. Errors: `work` fails or takes too
    /// long. The failure is recorded first.
    pub async fn audited<T, R, W, F>(&self, target: T, work: W) -> Result<R, Error>
    where
        T: Target,
        W: FnOnce(Access<T>) -> F,
        F: Future<Output = Result<R, Error>>,
    {
        // Nothing is attempted that can't be finished, so there is nothing to record.
        if Instant::now() >= self.limits.work_ends {
            return Err(Error::Unavailable(TOO_LONG));
        }
        let context = Arc::new(RequestContext {
            environment: self.environment,
            caller: Caller::System,
            // Lambda repeats a failed event under the same request id, so a number could name two steps.
            request_id: format!("{}/{}", self.request_id, Uuid::now_v7()),
            source_ip: None,
            user_agent: None,
            trace_id: self.trace_id.clone(),
            limits: self.limits,
            round_trips: Arc::default(),
            attempt: Attempt::default(),
        });
        let writer = AuditWriter(&context);
        writer.settle_former().await?;
        let work = work(Access::new(context.clone(), target, None));
        let done = context
            .attempt
            .run_until(self.limits.work_ends, work)
            .await
            .unwrap_or(Err(Error::Unavailable(TOO_LONG)));
        match done {
            Ok(result) => {
                self.count_row(&context);
                self.add_to_report(&context);
                Ok(result)
            }
            Err(error) => {
                context.give_up_spoiled(&error);
                let error = context
                    .attempt
                    .verdict(error)
                    .translated(self.environment.endpoint.permission);
                let recorded = writer.record_failure(&error).await;
                self.count_row(&context);
                recorded.map(drop)?;
                Err(error)
            }
        }
    }

    /// Counts the audit row of a step, if it is known to be committed. A fence is a row, too.
    fn count_row(&self, context: &RequestContext) {
        if matches!(
            context.attempt.progress(),
            Progress::Landed | Progress::Fenced
        ) {
            let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
            report.rows += 1;
        }
    }

    /// Reports a step, if it wrote its audit row. A step that found nothing to do writes none.
    fn add_to_report(&self, context: &RequestContext) {
        if context.attempt.progress() == Progress::Landed {
            let about = context.attempt.about();
            let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
            report.steps.push(Step {
                request_id: context.request_id.clone(),
                resource_id: about.resource,
                details: about.details,
            });
        }
    }
}
