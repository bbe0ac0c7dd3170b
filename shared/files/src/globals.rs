//! The settings of the environment, read when they are first needed.

use std::sync::LazyLock;

use shared::config::Misconfigured;
use shared::errors::Error;

use crate::{Limits, ScanPolicy, Store};

/// The bucket of the environment. Errors: as [`Store::from_settings`].
pub fn store() -> Result<&'static Store, Error> {
    static STORE: LazyLock<Result<Store, Misconfigured>> = LazyLock::new(Store::from_settings);
    usable(&STORE)
}

/// The limits of the environment. Errors: as [`Limits::from_settings`].
pub fn limits() -> Result<&'static Limits, Error> {
    static LIMITS: LazyLock<Result<Limits, Misconfigured>> = LazyLock::new(Limits::from_settings);
    usable(&LIMITS)
}

/// The scan policy of the environment. Errors: as [`ScanPolicy::from_settings`].
pub fn policy() -> Result<&'static ScanPolicy, Error> {
    static POLICY: LazyLock<Result<ScanPolicy, Misconfigured>> =
        LazyLock::new(ScanPolicy::from_settings);
    usable(&POLICY)
}

fn usable<T>(settings: &'static Result<T, Misconfigured>) -> Result<&'static T, Error> {
    settings.as_ref().map_err(|misconfigured| {
        tracing::error!(error = %misconfigured, "a setting for files is missing or wrong");
        Error::Internal("a setting for files is missing or wrong")
    })
}
