//! One audited transaction, from the actor to the COMMIT.
//!
//! The first flush carries BEGIN, the actor and the first statement; the last one the audit
//! INSERT and COMMIT: a request with one statement takes two network round trips.

use std::sync::Arc;

use futures_util::future::{OptionFuture, join_all, join4};
use serde_json::Value;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::audit::{Action, Outcome};
use crate::concurrency::IfMatch;
use crate::errors::Error;
use crate::idempotency::{Claim, Kept};
use crate::reply::{Answer, Audited, Reply};
use crate::session::Session;
use crate::sql::{FromRow, Statement};
use crate::target::Target;
use crate::trail::Trail;

/// The right to work on `T` in one transaction, as the caller, with the endpoint's permission.
///
/// Dropped without [`commit`](Self::commit) it leaves nothing behind.
pub struct Access<T> {
    trail: Arc<Trail>,
    granted: T,
    claim: Option<Claim>,
    fault: Option<Error>,
    session: Option<Session>,
    actor_role: Option<String>,
    action: Action,
}

impl<T: Target> Access<T> {
    /// `claim` is the key to claim first and to keep the answer under.
    pub(crate) fn new(trail: Arc<Trail>, granted: T, claim: Option<Claim>) -> Self {
        trail.attempts(&granted);
        Self {
            action: trail.environment.endpoint.action,
            trail,
            granted,
            claim,
            fault: None,
            session: None,
            actor_role: None,
        }
    }

    /// Begins with this error, where there is one: the request is unfit.
    pub(crate) fn unless(mut self, fault: Option<Error>) -> Self {
        self.fault = fault;
        self
    }

    /// Says what it is about once that is known.
    pub(crate) fn about(&self, resource: Option<Uuid>) {
        self.trail.is_about(resource);
    }

    /// What this access is to.
    pub fn granted(&self) -> &T {
        &self.granted
    }

    /// Adds to the audit row's details, and to those of the row that a failure gets: ids, field
    /// names, counts; never a PHI value, nor a word of the client's that nothing has checked yet.
    pub fn note(&mut self, key: &str, value: impl Into<Value>) {
        self.trail.notes(key, value.into());
    }

    /// Says in the audit row that a way to content outside the API is handed out.
    pub fn discloses(&mut self) {
        self.action = Action::Disclose;
    }

    /// The one row of a statement. Errors: [`Error::NotFound`] without a row.
    pub async fn one<R: FromRow>(&mut self, statement: Statement<'_>) -> Result<R, Error> {
        self.optional(statement).await?.ok_or(Error::NotFound)
    }

    /// The row of a statement, if there is one.
    pub async fn optional<R: FromRow>(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Option<R>, Error> {
        let rows = self.rows(statement).await?;
        Ok(rows.first().map(R::from_row).transpose()?)
    }

    /// All rows of a statement. Its text must bound their number.
    pub async fn all<R: FromRow>(&mut self, statement: Statement<'_>) -> Result<Vec<R>, Error> {
        let rows = self.rows(statement).await?;
        Ok(rows.iter().map(R::from_row).collect::<Result<_, _>>()?)
    }

    /// Sees that the row stands from which the change was made: `locked` selects its `version`, and
    /// locks it. Errors: [`Error::NotFound`] without a row, [`Error::PreconditionFailed`] where
    /// another version stands.
    pub async fn check(&mut self, if_match: IfMatch, locked: Statement<'_>) -> Result<(), Error> {
        let rows = self.rows(locked).await?;
        let row = rows.first().ok_or(Error::NotFound)?;
        if_match.check(row.try_get("version")?)
    }

    /// Writes, then reads what was written, in one flush. Errors: [`Error::NotFound`] where
    /// `read` finds nothing.
    pub async fn write_then_read<R: FromRow>(
        &mut self,
        write: Statement<'_>,
        read: Statement<'_>,
    ) -> Result<R, Error> {
        self.change(write, read).await.map(|(_, row)| row)
    }

    /// Like [`write_then_read`](Self::write_then_read) where `write` may find the row in a state
    /// that it leaves alone; it says `returning`, and the answer whether it wrote.
    pub async fn change<R: FromRow>(
        &mut self,
        write: Statement<'_>,
        read: Statement<'_>,
    ) -> Result<(bool, R), Error> {
        let results = self.flush(&[write, read]).await?;
        let written = results.first().is_some_and(|rows| !rows.is_empty());
        let row = results.last().and_then(|rows| rows.first());
        Ok((written, R::from_row(row.ok_or(Error::NotFound)?)?))
    }

    async fn rows(&mut self, statement: Statement<'_>) -> Result<Vec<Row>, Error> {
        Ok(self.flush(&[statement]).await?.pop().unwrap_or_default())
    }

    /// Sends the statements and awaits them all; the first time, behind what begins the transaction.
    async fn flush(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        match &mut self.session {
            Some(session) => {
                session
                    .flush(|client| query_all(client, statements))
                    .await?
            }
            None => self.begin(statements).await,
        }
    }

    /// The first flush: BEGIN, the actor, the key's claim, then the statements.
    async fn begin(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let Trail {
            environment,
            caller,
            ..
        } = *self.trail;
        let session = self.session.insert(self.trail.session().await?);
        let claim = self.claim.as_ref();
        // join4 polls in order, so this is the order on the wire.
        let (begun, actor, claimed, results) = session
            .flush(|client| {
                join4(
                    client.batch_execute("begin"),
                    caller.act(client, environment.endpoint.permission),
                    OptionFuture::from(
                        claim.map(|claim| claim.stake(client, environment.endpoint.name)),
                    ),
                    query_all(client, statements),
                )
            })
            .await?;
        begun?;
        self.actor_role = Some(actor?.try_get("role")?);
        claimed.transpose()?;
        results
    }

    /// Writes the audit row, commits, and makes the answer: the only way to one.
    pub async fn commit<A: Answer>(mut self, answer: A) -> Reply<A> {
        if self.session.is_none() {
            self.begin(&[]).await?;
        }
        let session = self
            .session
            .take()
            .ok_or(Error::Internal("a transaction without session"))?;
        let mut entry = self.trail.entry(Outcome::Success);
        entry.actor_role = self.actor_role.take();
        entry.action_type = self.action;
        entry.patients = answer.patients();
        entry.patients.extend(self.granted.patient());
        entry.patients.sort_unstable();
        entry.patients.dedup();
        let response = answer.into_response()?;
        let kept = match &self.claim {
            Some(claim) => Some((claim, Kept::of(&response, &entry)?)),
            None => None,
        };
        self.trail.finish(session, entry, kept).await?;
        Ok(Audited::committed(response))
    }
}

async fn query_all(client: &Client, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, Error> {
    // join_all polls in order too.
    let results = join_all(statements.iter().map(|statement| statement.query(client))).await;
    // The first error is the cause; those behind it only say that the transaction is aborted.
    Ok(results.into_iter().collect::<Result<_, _>>()?)
}

impl<T> Drop for Access<T> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.trail.leave_open(session);
        }
    }
}
