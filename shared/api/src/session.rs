//! The connection of a transaction. It returns to the pool only after every statement on it was answered.
//! Otherwise it is closed, because the next request could receive the answers of this one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use deadpool_postgres::Object;
use errors::Error;
use tokio_postgres::Client;

pub(crate) struct Session {
    /// None only after the session is released or dropped.
    connection: Option<Object>,
    in_flight: bool,
    round_trips: Arc<AtomicU32>,
}

impl Session {
    /// Creates a session that counts its flushes in `round_trips`.
    pub(crate) fn new(connection: Object, round_trips: Arc<AtomicU32>) -> Self {
        Self {
            connection: Some(connection),
            in_flight: false,
            round_trips,
        }
    }

    /// Sends the statements of `work` as one flush and waits for all their answers.
    pub(crate) async fn flush<'a, F: Future>(
        &'a mut self,
        work: impl FnOnce(&'a Client) -> F,
    ) -> Result<F::Output, Error> {
        let connection = self
            .connection
            .as_ref()
            .ok_or(Error::Internal("a session has no connection"))?;
        self.in_flight = true;
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        let output = work(connection).await;
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
