//! What a function needs of its deployment.

use errors::Error;
use settings::Misconfigured;

use crate::input::{Input, Takes};

/// Something that a deployment's settings describe, such as the bucket of files.
pub trait FromSettings: Sized + Send + Sync + 'static {
    /// Reads it. Errors: a setting is missing or wrong.
    fn from_settings() -> Result<Self, Misconfigured>;
}

/// Something of the deployment, made when the function starts. A function with a wrong setting doesn't
/// start, instead of failing at its first request.
#[derive(Debug)]
pub struct Configured<T: 'static>(pub &'static T);

impl<R, T: FromSettings> Input<R> for Configured<T> {
    type Settings = T;

    fn configure() -> Result<T, Misconfigured> {
        T::from_settings()
    }

    fn read(_: &R, _: Takes, settings: &'static T) -> Result<Self, Error> {
        Ok(Self(settings))
    }
}
