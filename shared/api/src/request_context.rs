//! The context of one request or event: the caller, the origin and the attempt.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use errors::Error;
use futures_util::future::join3;
use sql::FromRow as _;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;

use crate::attempt::Attempt;
use crate::caller::{Actor, Caller};
use crate::environment::Environment;
use crate::session::Session;
use crate::ticket::Ticket;
use crate::time_limits::TimeLimits;

/// The context that the service shares with the handler's transactions.
pub(crate) struct RequestContext {
    pub(crate) environment: &'static Environment,
    pub(crate) caller: Caller,
    pub(crate) request_id: String,
    pub(crate) source_ip: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    /// The id of the trace in AWS X-Ray.
    pub(crate) trace_id: Option<String>,
    pub(crate) limits: TimeLimits,
    pub(crate) round_trips: Arc<AtomicU32>,
    pub(crate) attempt: Attempt,
}

/// Whether the transaction succeeds if it runs again, because the server lost the name of a statement.
fn is_name_lost(error: &Error) -> bool {
    matches!(error, Error::Database(error) if sql::is_name_lost(error))
}

/// Whether the same transaction may succeed if it runs again from its start.
pub(crate) fn may_run_again(error: &Error) -> bool {
    error.is_transient() || is_name_lost(error)
}

impl RequestContext {
    /// Signs a ticket for the caller and the endpoint's permission.
    pub(crate) fn ticket(&self) -> Ticket {
        let environment = self.environment;
        self.caller
            .ticket(&environment.ticket_key, environment.endpoint.permission)
    }

    /// Asks the database whether the caller may act. Errors: they may not, or the database can't be reached.
    pub(crate) async fn introduce(&self) -> Result<(), Error> {
        let ticket = self.ticket();
        let mut session = self.session(self.limits.work_ends).await?;
        let (begun, actor, ended) = session
            .flush(|client| {
                join3(
                    client.batch_execute("begin"),
                    ticket.begin(client, None),
                    client.batch_execute("rollback"),
                )
            })
            .await?;
        begun?;
        ended?;
        session.release();
        self.learn(actor).map(drop)
    }

    /// The actor whom the database found. Remembers them, or forgets them if the database refused them.
    pub(crate) fn learn(&self, found: Result<Row, tokio_postgres::Error>) -> Result<Actor, Error> {
        let known = &self.environment.known_callers;
        let actor = found.and_then(|row| Actor::from_row(&row));
        if let Ok(actor) = &actor {
            self.environment.sealed_size.see(actor.sealed_size);
        }
        match (self.caller.subject(), &actor) {
            (Some(subject), Ok(actor)) => known.remember(subject, actor.clone()),
            (Some(subject), Err(_)) => known.forget(subject),
            (None, _) => {}
        }
        Ok(actor?)
    }

    /// Closes the connection that the failed handler left open, unless another transaction can use it.
    /// Logs an error of a database that can't serve the request, because the caller doesn't learn it.
    pub(crate) fn give_up_spoiled(&self, error: &Error) {
        if error.spoils_connection() {
            drop(self.attempt.take_open());
        }
        if error.is_outage() {
            tracing::warn!(
                request_id = self.request_id,
                error = %error,
                "the database could not serve the request"
            );
        }
    }

    /// Returns a connection for this request that waits for nothing beyond `ends`. Errors: the database
    /// can't be reached.
    pub(crate) async fn session(&self, ends: Instant) -> Result<Session, Error> {
        let connection = timeout_at(ends, self.environment.database.connection());
        let connection = connection.await.map_err(|_| Error::LinkLost)??;
        Ok(Session::new(connection, ends, self.round_trips.clone()))
    }
}
