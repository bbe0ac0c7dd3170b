//! What a request attempts. The audit row contains it, whatever the outcome.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::ids::{PatientId, UserId};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::session::Session;
use crate::target::Target;

/// An attempt. The handler's transactions share it with the code that records a failure.
#[derive(Default)]
pub(crate) struct Attempt(Mutex<State>);

#[derive(Default)]
struct State {
    about: About,
    /// The transaction that a failed handler left open.
    left_open: Option<Session>,
    /// Whether the audit row of the failure is already written.
    is_recorded: bool,
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

    pub(crate) fn set_recorded(&self) {
        self.state().is_recorded = true;
    }

    pub(crate) fn is_recorded(&self) -> bool {
        self.state().is_recorded
    }
}
