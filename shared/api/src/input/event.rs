//! The payload of an event.

use errors::Error;
use secrets::Secrets;
use serde::de::DeserializeOwned;
use settings::Misconfigured;

use crate::argument::Argument;
use crate::job::Job;
use crate::takes::Takes;

/// The payload of an event, as AWS sends it. Errors: the payload isn't of this type.
#[derive(Debug)]
pub struct Event<T>(pub T);

impl<T: DeserializeOwned + Send> Argument<Job> for Event<T> {
    const TAKES: Takes = Takes::BODY;
    type Settings = ();

    fn configure(_: &Secrets) -> Result<(), Misconfigured> {
        Ok(())
    }

    fn read(job: &Job, _: Takes, (): &'static ()) -> Result<Self, Error> {
        serde_json::from_str(job.payload.get())
            .map(Self)
            .map_err(|_| Error::MalformedJson)
    }
}
