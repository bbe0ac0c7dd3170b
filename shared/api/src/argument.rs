//! The traits of a handler's arguments.

use errors::Error;
use secrets::Secrets;
use settings::Misconfigured;

use crate::call::Call;
use crate::description::Description;
use crate::takes::Takes;

/// An argument of a handler after the first one, which is the request itself.
///
/// All arguments are read, in their order. The first error is the answer. If it lists faults, it lists those of
/// the other arguments too.
pub trait Argument<Request>: Sized + Send {
    /// What it takes of the request. The compiler rejects a signature that can't work.
    const TAKES: Takes = Takes::NOTHING;
    /// The settings that it needs. They are read once, when the function starts.
    type Settings: Send + Sync + 'static;

    /// Reads the settings. Errors: a setting is missing or invalid. The function then doesn't start.
    fn configure(secrets: &Secrets) -> Result<Self::Settings, Misconfigured>;

    /// Reads the argument. `before` is what the preceding arguments take.
    fn read(
        request: &Request,
        before: Takes,
        settings: &'static Self::Settings,
    ) -> Result<Self, Error>;

    /// Describes the argument for the OpenAPI document.
    fn describe(_description: &mut Description) {}
}

/// A part of a caller's request. It needs no settings.
pub trait Input: Sized + Send {
    /// What it takes of the request.
    const TAKES: Takes = Takes::NOTHING;

    /// Reads the part. `before` is what the preceding arguments take.
    fn read(call: &Call, before: Takes) -> Result<Self, Error>;

    /// Describes the part for the OpenAPI document.
    fn describe(description: &mut Description);
}

impl<T: Input> Argument<Call> for T {
    const TAKES: Takes = T::TAKES;
    type Settings = ();

    fn configure(_: &Secrets) -> Result<(), Misconfigured> {
        Ok(())
    }

    fn read(call: &Call, before: Takes, (): &'static ()) -> Result<Self, Error> {
        T::read(call, before)
    }

    fn describe(description: &mut Description) {
        T::describe(description);
    }
}
