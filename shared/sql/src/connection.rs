//! A connection, and the statements that the server keeps for it under a name.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

/// The SQLSTATEs with which a server or a pooler says that it doesn't know a name, or another statement by it.
const LOST: [&SqlState; 4] = [
    &SqlState::INVALID_SQL_STATEMENT_NAME,
    &SqlState::DUPLICATE_PSTATEMENT,
    &SqlState::PROTOCOL_VIOLATION,
    // The result of a kept statement has other columns by now.
    &SqlState::FEATURE_NOT_SUPPORTED,
];

/// Whether the server lost the name of a statement. The same transaction succeeds if it runs again, because no
/// statement is named any more.
pub fn is_name_lost(error: &Error) -> bool {
    error.code().is_some_and(|code| LOST.contains(&code))
}

/// Whether statements are named. All connections of a pool share it. A server or a pooler that loses a name ends
/// it for all of them.
pub struct Naming(AtomicBool);

impl Naming {
    /// Statements are named if `is_on`.
    pub fn new(is_on: bool) -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(is_on)))
    }

    fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection to PostgreSQL.
///
/// A statement is sent without a name the first time. [`name_statements`](Self::name_statements) then prepares it
/// under a name, and from the next time on the server neither parses nor plans it again.
pub struct Connection {
    client: Box<dyn Deref<Target = Client> + Send + Sync>,
    naming: Arc<Naming>,
    statements: Mutex<Statements>,
}

#[derive(Default)]
struct Statements {
    named: HashMap<Box<str>, tokio_postgres::Statement>,
    sent: Vec<(Box<str>, Vec<Type>)>,
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Connection {
    /// A new connection.
    pub fn new(
        client: impl Deref<Target = Client> + Send + Sync + 'static,
        naming: Arc<Naming>,
    ) -> Self {
        Self {
            client: Box::new(client),
            naming,
            statements: Mutex::default(),
        }
    }

    fn statements(&self) -> MutexGuard<'_, Statements> {
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The statement of this text, if it has a name. Otherwise it gets one later.
    pub(crate) fn named(
        &self,
        text: &str,
        types: impl FnOnce() -> Vec<Type>,
    ) -> Option<tokio_postgres::Statement> {
        if !self.naming.is_on() {
            return None;
        }
        let mut statements = self.statements();
        let named = statements.named.get(text).cloned();
        if named.is_none() && statements.sent.iter().all(|(sent, _)| **sent != *text) {
            statements.sent.push((text.into(), types()));
        }
        named
    }

    /// Stops naming statements if the error says that a name is lost.
    pub(crate) fn notice(&self, error: &Error) {
        if is_name_lost(error) && self.naming.0.swap(false, Ordering::Relaxed) {
            tracing::warn!(
                code = error.code().map(SqlState::code),
                "the server or a pooler lost a statement's name, so statements are sent without names from now on"
            );
        }
    }

    /// Prepares the statements that were sent without a name. Call it behind the COMMIT, in the same flush: an
    /// error then spoils no transaction, and is only noticed.
    pub async fn name_statements(&self) {
        let sent = std::mem::take(&mut self.statements().sent);
        if sent.is_empty() || !self.naming.is_on() {
            return;
        }
        let prepared = sent
            .iter()
            .map(|(text, types)| self.client.prepare_typed(text, types));
        let prepared = join_all(prepared).await;
        for ((text, _), prepared) in sent.into_iter().zip(prepared) {
            match prepared {
                Ok(statement) => {
                    self.statements().named.insert(text, statement);
                }
                Err(error) => self.notice(&error),
            }
        }
    }
}
