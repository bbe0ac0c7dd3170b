//! An object of the deployment as an argument.

use errors::Error;
use secrets::Secrets;
use settings::Misconfigured;

use crate::argument::Argument;
use crate::takes::Takes;

/// An object that the settings of the deployment describe, such as the bucket of files.
pub trait FromSettings: Sized + Send + Sync + 'static {
    /// Reads the settings. Errors: a setting is missing or invalid.
    fn from_settings() -> Result<Self, Misconfigured>;
}

/// An object of the deployment. It is created when the function starts, so a function with an invalid
/// setting fails then and not at its first request.
#[derive(Debug)]
pub struct Configured<T: 'static>(pub &'static T);

impl<R, T: FromSettings> Argument<R> for Configured<T> {
    type Settings = T;

    fn configure(_: &Secrets) -> Result<T, Misconfigured> {
        T::from_settings()
    }

    fn read(_: &R, _: Takes, settings: &'static T) -> Result<Self, Error> {
        Ok(Self(settings))
    }
}
