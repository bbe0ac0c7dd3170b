//! The connection of a transaction. It returns to the pool only after every statement on it was answered.
//! Otherwise it is closed, because the next request could receive the answers of this one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use database::Object;
use errors::Error;
use sql::Connection;
use tokio::time::{Instant, timeout_at};

/// The longest time to wait for the answers of one flush. PostgreSQL ends a statement after ten seconds
/// (`statement_timeout`), so a longer silence means that the link or the server is gone.
const SILENCE: Duration = Duration::from_secs(20);

pub(crate) struct Session {
    /// None only after the session is released or dropped.
    connection: Option<Object>,
    in_flight: bool,
    /// No flush is waited for any longer.
    ends: Instant,
    round_trips: Arc<AtomicU32>,
}

impl Session {
    /// Creates a session that waits for no flush beyond `ends` and counts its flushes in `round_trips`.
    pub(crate) fn new(connection: Object, ends: Instant, round_trips: Arc<AtomicU32>) -> Self {
        Self {
            connection: Some(connection),
            in_flight: false,
            ends,
            round_trips,
        }
    }

    /// Waits for the next flushes until `ends`.
    pub(crate) fn wait_until(&mut self, ends: Instant) {
        self.ends = ends;
    }

    /// Sends the statements of `work` as one flush and waits for all their answers. Errors:
    /// [`Error::LinkLost`] if they don't come in time. The statements may have taken effect.
    pub(crate) async fn flush<'a, F: Future>(
        &'a mut self,
        work: impl FnOnce(&'a Connection) -> F,
    ) -> Result<F::Output, Error> {
        let connection = self
            .connection
            .as_ref()
            .ok_or(Error::Internal("a session has no connection"))?;
        self.in_flight = true;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        let until = self.ends.min(Instant::now() + SILENCE);
        let output = timeout_at(until, work(connection)).await.map_err(|_| {
            tracing::warn!("PostgreSQL did not answer in time");
            Error::LinkLost
        })?;
        self.in_flight = false;
        Ok(output)
    }

    /// Whether this connection can be used for another transaction.
    pub(crate) fn is_usable(&self) -> bool {
        !self.in_flight
            && self
                .connection
                .as_ref()
                .is_some_and(|connection| !connection.is_closed())
    }

    /// Returns the connection to the pool. The transaction must have ended.
    pub(crate) fn release(mut self) {
        drop(self.connection.take());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}
