//! Work that an event or a schedule starts. It acts as SYSTEM and is audited like a request.

use std::sync::Arc;

use errors::Error;
use serde_json::value::RawValue;

use crate::access::Access;
use crate::attempt::Attempt;
use crate::audit_writer::AuditWriter;
use crate::caller::Caller;
use crate::environment::Environment;
use crate::request_context::RequestContext;
use crate::target::Target;

/// One event or one run of a schedule.
#[derive(Clone)]
pub struct Job {
    pub(crate) environment: &'static Environment,
    pub(crate) request_id: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) payload: Arc<RawValue>,
}

impl Job {
    /// Calls `work` with a transaction on `target`. Errors: `work` fails. The failure is recorded first.
    pub async fn audited<T, R, W, F>(&self, target: T, work: W) -> Result<R, Error>
    where
        T: Target,
        W: FnOnce(Access<T>) -> F,
        F: Future<Output = Result<R, Error>>,
    {
        let context = Arc::new(RequestContext {
            environment: self.environment,
            caller: Caller::System,
            request_id: self.request_id.clone(),
            source_ip: None,
            user_agent: None,
            trace_id: self.trace_id.clone(),
            round_trips: Arc::default(),
            attempt: Attempt::default(),
        });
        match work(Access::new(context.clone(), target, None)).await {
            Ok(result) => Ok(result),
            Err(error) => {
                let error = error.translated();
                AuditWriter(&context).record_failure(&error).await?;
                Err(error)
            }
        }
    }
}
