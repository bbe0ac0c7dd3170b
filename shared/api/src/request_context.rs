//! The context of one request or event: the caller, the origin and the attempt.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use errors::Error;

use crate::attempt::Attempt;
use crate::caller::Caller;
use crate::environment::Environment;
use crate::session::Session;
use crate::ticket::Ticket;

/// The context that the service shares with the handler's transactions.
pub(crate) struct RequestContext {
    pub(crate) environment: &'static Environment,
    pub(crate) caller: Caller,
    pub(crate) request_id: String,
    pub(crate) source_ip: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    /// The id of the trace in AWS X-Ray.
    pub(crate) trace_id: Option<String>,
    pub(crate) round_trips: Arc<AtomicU32>,
    pub(crate) attempt: Attempt,
}

impl RequestContext {
    /// Signs a ticket for the caller and the endpoint's permission.
    pub(crate) fn ticket(&self) -> Ticket {
        let environment = self.environment;
        self.caller
            .ticket(&environment.ticket_key, environment.endpoint.permission)
    }

    /// Returns a connection for this request. Errors: the database can't be reached.
    pub(crate) async fn session(&self) -> Result<Session, Error> {
        let connection = self.environment.database.connection().await?;
        Ok(Session::new(connection, self.round_trips.clone()))
    }
}
