//! A connection in use by one transaction, and the rule for giving it back: only after every
//! statement sent on it was answered. Anything else closes it, for what a dropped statement left
//! behind may belong to the next request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use deadpool_postgres::Object;
use errors::Error;
use tokio_postgres::Client;

pub(crate) struct Session {
    /// None only once it is released or dropped.
    connection: Option<Object>,
    in_flight: bool,
    round_trips: Arc<AtomicU32>,
}

impl Session {
    /// Counts its flushes in `round_trips`.
    pub(crate) fn new(connection: Object, round_trips: Arc<AtomicU32>) -> Self {
        Self {
            connection: Some(connection),
            in_flight: false,
            round_trips,
        }
    }

    /// Sends what `work` sends as one flush and awaits all its answers.
    pub(crate) async fn flush<'a, F: Future>(
        &'a mut self,
        work: impl FnOnce(&'a Client) -> F,
    ) -> Result<F::Output, Error> {
        let connection = self
            .connection
            .as_ref()
            .ok_or(Error::Internal("a session without connection"))?;
        self.in_flight = true;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        let output = work(connection).await;
        self.in_flight = false;
        Ok(output)
    }

    /// Whether a failure's audit row can be written over this connection.
    pub(crate) fn is_usable(&self) -> bool {
        !self.in_flight
            && self
                .connection
                .as_ref()
                .is_some_and(|connection| !connection.is_closed())
    }

    /// Back to the pool: the transaction is over and known to be.
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
