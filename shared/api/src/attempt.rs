//! What a request attempts. The audit row contains it, whatever the outcome.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use audit::Verdict;
use domain::ids::{PatientId, UserId};
use errors::Error;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::session::Session;
use crate::target::Target;

/// What the caller reads if a fence has the place of the row.
pub(crate) const NOT_MADE: &str = "Nothing was changed. Try again.";

/// An attempt. The handler's transactions share it with the code that records a failure.
#[derive(Default)]
pub(crate) struct Attempt(Mutex<State>);

#[derive(Default)]
struct State {
    about: About,
    /// The transaction that a failed handler left open.
    left_open: Option<Session>,
    progress: Progress,
    /// Whether the request can be sent again safely: it only reads, or it has a key.
    is_repeatable: bool,
}

/// How far the attempt's audit row is. One attempt has one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Progress {
    /// No COMMIT is in question. Nothing was changed.
    #[default]
    Open,
    /// A COMMIT was sent, and its outcome is being determined.
    Sent,
    /// The outcome couldn't be determined in time.
    Unknown,
    /// The row is committed, with the changes of its transaction.
    Landed,
    /// A fence has the row's place. Nothing was changed, and the fence records it.
    Fenced,
}

impl Progress {
    pub(crate) fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Landed => Self::Landed,
            Verdict::Fenced => Self::Fenced,
            Verdict::Void => Self::Open,
        }
    }
}

/// What the attempt is about, as the audit row names it.
#[derive(Clone, Default)]
pub(crate) struct About {
    pub(crate) resource: Option<Uuid>,
    pub(crate) patient: Option<PatientId>,
    pub(crate) owner: Option<UserId>,
    pub(crate) is_oneself: bool,
    pub(crate) details: Map<String, Value>,
}

impl Attempt {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn about(&self) -> About {
        self.state().about.clone()
    }

    /// Sets the target and removes all details, because a transaction that runs again adds them again.
    pub(crate) fn set_target(&self, target: &impl Target) {
        self.state().about = About {
            resource: target.resource(),
            patient: target.patient(),
            owner: target.owner(),
            is_oneself: target.is_oneself(),
            details: Map::new(),
        };
    }

    /// Sets the resource when it becomes known.
    pub(crate) fn set_resource(&self, resource: Option<Uuid>) {
        self.state().about.resource = resource;
    }

    pub(crate) fn add_note(&self, key: &str, value: Value) {
        self.state().about.details.insert(key.to_owned(), value);
    }

    pub(crate) fn leave_open(&self, session: Session) {
        self.state().left_open = Some(session);
    }

    pub(crate) fn take_open(&self) -> Option<Session> {
        self.state().left_open.take()
    }

    pub(crate) fn set_progress(&self, progress: Progress) {
        self.state().progress = progress;
    }

    pub(crate) fn progress(&self) -> Progress {
        self.state().progress
    }

    pub(crate) fn set_repeatable(&self) {
        self.state().is_repeatable = true;
    }

    /// Whether a request with this error may be sent again after a while, without anything to check
    /// before.
    pub(crate) fn can_be_repeated(&self, error: &Error) -> bool {
        !matches!(error, Error::OutcomeUnknown) || self.state().is_repeatable
    }

    /// Runs the work of this attempt until `ends`. Work whose COMMIT was sent isn't stopped: it settles the
    /// COMMIT within the limits of the invocation. None: it was stopped, and nothing was changed.
    pub(crate) async fn run_until<F: Future>(&self, ends: Instant, work: F) -> Option<F::Output> {
        let (mut work, mut end) = (pin!(work), pin!(sleep_until(ends)));
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => match end.as_mut().poll(context) {
                Poll::Ready(()) if self.progress() != Progress::Sent => Poll::Ready(None),
                _ => Poll::Pending,
            },
        })
        .await
    }

    /// The error of an attempt that failed with `error`: what is known of its COMMIT is never replaced by
    /// what happened afterwards.
    pub(crate) fn verdict(&self, error: Error) -> Error {
        match self.progress() {
            Progress::Open => error,
            Progress::Fenced => Error::Unavailable(NOT_MADE),
            Progress::Sent | Progress::Unknown | Progress::Landed => Error::OutcomeUnknown,
        }
    }
}
