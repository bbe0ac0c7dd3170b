//! The payload of an event.

use errors::Error;
use serde::de::DeserializeOwned;
use settings::Misconfigured;

use crate::input::{Input, Takes};
use crate::job::Job;

/// The payload of an event, as AWS sends it. Errors: it is not of this type.
#[derive(Debug)]
pub struct Event<T>(pub T);

impl<T: DeserializeOwned + Send> Input<Job> for Event<T> {
    const TAKES: Takes = Takes::BODY;
    type Settings = ();

    fn configure() -> Result<(), Misconfigured> {
        Ok(())
    }

    fn read(job: &Job, _: Takes, _: &'static ()) -> Result<Self, Error> {
        serde_json::from_str(job.payload.get())
            .map(Self)
            .map_err(|_| Error::MalformedJson)
    }
}
