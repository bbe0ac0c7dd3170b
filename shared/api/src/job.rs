//! Work that no person asked for: an event or a schedule, acting as SYSTEM, audited all the same.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::access::Access;
use crate::caller::Caller;
use crate::environment::Environment;
use crate::errors::Error;
use crate::target::Target;
use crate::trail::Trail;

/// One event.
#[derive(Clone)]
pub struct Job {
    pub(crate) environment: &'static Environment,
    pub(crate) request_id: String,
    pub(crate) payload: Arc<RawValue>,
}

impl Job {
    /// The event. Errors: it is not of this type.
    pub fn event<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.payload.get()).map_err(|_| Error::MalformedJson)
    }

    /// Does one piece of the work: `work` gets an access to `target`; its failure is recorded.
    pub async fn audited<T, R, W, F>(&self, target: T, work: W) -> Result<R, Error>
    where
        T: Target,
        W: FnOnce(Access<T>) -> F,
        F: Future<Output = Result<R, Error>>,
    {
        let trail = Trail::new(
            self.environment,
            Caller::System,
            self.request_id.clone(),
            None,
            None,
        );
        match work(Access::new(trail.clone(), target, None)).await {
            Ok(result) => Ok(result),
            Err(error) => {
                let error = error.translated();
                trail.record_failure(&error).await?;
                Err(error)
            }
        }
    }
}
