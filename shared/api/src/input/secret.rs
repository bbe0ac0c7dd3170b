//! A key of the deployment as an argument.

use errors::Error;
use secrets::Secrets;
use settings::Misconfigured;

use crate::argument::Argument;
use crate::takes::Takes;

/// A key among the secrets of the function, such as the key of the webhooks' secrets.
pub trait FromSecrets: Sized + Send + Sync + 'static {
    /// Reads the key. Errors: it is missing or invalid.
    fn from_secrets(secrets: &Secrets) -> Result<Self, Misconfigured>;
}

/// A key of the deployment. It is read when the function starts, so a function without it doesn't start.
#[derive(Debug)]
pub struct Secret<T: 'static>(pub &'static T);

impl<R, T: FromSecrets> Argument<R> for Secret<T> {
    type Settings = T;

    fn configure(secrets: &Secrets) -> Result<T, Misconfigured> {
        T::from_secrets(secrets)
    }

    fn read(_: &R, _: Takes, key: &'static T) -> Result<Self, Error> {
        Ok(Self(key))
    }
}
