//! The audited transaction of a request.
//!
//! The first flush contains BEGIN, the actor and the first statement. The last flush contains the audit
//! INSERT and COMMIT. So a request with one statement takes two network round trips. A read whose audit row is
//! known before takes one.

use std::sync::Arc;

use audit::{Action, Outcome, Relation, ResourceType};
use domain::disclosure::Content;
use domain::ids::PatientId;
use errors::Error;
use futures_util::future::{OptionFuture, join, join4};
use parsing::Sound;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sql::{Connection, FromRow, Statement, sql};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::audit_writer::AuditWriter;
use crate::call::MAX_BODY;
use crate::caller::Actor;
use crate::current::Current;
use crate::idempotency::Claim;
use crate::if_match::IfMatch;
use crate::patch::Patch;
use crate::read_conditions::ReadConditions;
use crate::reply::{Answer, Audited, Json, Reply};
use crate::request_context::RequestContext;
use crate::session::Session;
use crate::size::{self, LARGEST_ANSWER};
use crate::target::Target;

const REPRESENTS: &str = "
    select coalesce(bool_and(represents(patient)), true) as represents from unnest($1::uuid[]) as other (patient)";

/// A transaction that works on the target `T` for the caller, with the endpoint's permission.
///
/// If it is dropped before [`commit`](Self::commit), it is rolled back.
pub struct Access<T> {
    context: Arc<RequestContext>,
    granted: T,
    claim: Option<Claim>,
    conditions: ReadConditions,
    rejection: Option<Error>,
    session: Option<Session>,
    actor: Option<Actor>,
    action: Action,
}

/// The proof that the database let a caller act with the endpoint's permission. Work that takes much time or memory
/// asks for it, so nobody else can cause it.
#[derive(Clone, Copy, Debug)]
pub struct Permitted(());

/// The result of a write and of the read that follows it.
#[derive(Debug)]
pub struct Written<R> {
    /// The row as it is now.
    pub row: R,
    /// Whether the write changed a row.
    pub is_changed: bool,
}

impl<T: Target> Access<T> {
    /// `claim` is the `Idempotency-Key` to claim in the first flush.
    pub(crate) fn new(context: Arc<RequestContext>, granted: T, claim: Option<Claim>) -> Self {
        context.attempt.set_target(&granted);
        Self {
            action: context.environment.endpoint.action,
            context,
            granted,
            claim,
            conditions: ReadConditions::default(),
            rejection: None,
            session: None,
            actor: None,
        }
    }

    /// Answers 304 or 412 if the caller's conditions of a read say so.
    pub(crate) fn on_conditions(mut self, conditions: ReadConditions) -> Self {
        self.conditions = conditions;
        self
    }

    /// Makes the first statement fail with this error, if there is one.
    pub(crate) fn reject_with(mut self, error: Option<Error>) -> Self {
        self.rejection = error;
        self
    }

    /// Sets the resource of the audit row when it becomes known.
    pub(crate) fn set_resource(&self, resource: Option<Uuid>) {
        self.context.attempt.set_resource(resource);
    }

    /// The target of this transaction.
    pub fn granted(&self) -> &T {
        &self.granted
    }

    /// Adds a detail to the request's audit row, whether the request succeeds or fails. Details are ids,
    /// field names and counts. Never add patient data or input that was not checked.
    pub fn add_note(&mut self, key: &str, value: impl Into<Value>) {
        self.context.attempt.add_note(key, value.into());
    }

    /// Records in the audit row that the answer contains a link to data outside of the API.
    pub fn mark_disclosure(&mut self) {
        self.action = Action::Disclose;
    }

    /// Records in the audit row that data was deleted for good.
    pub fn mark_deletion(&mut self) {
        self.action = Action::Delete;
    }

    /// Proves that the caller may act. Takes a round trip unless a statement was sent before. Errors: they may not.
    pub async fn permitted(&mut self) -> Result<Permitted, Error> {
        if self.session.is_none() {
            self.begin(None, None).await?;
        }
        match self.actor {
            Some(_) => Ok(Permitted(())),
            None => Err(Error::Internal("a transaction has no actor")),
        }
    }

    /// Returns the first row of a statement. Errors: [`Error::NotFound`] if there is no row.
    pub async fn one<R: FromRow>(&mut self, statement: Statement<'_>) -> Result<R, Error> {
        self.optional(statement).await?.ok_or(Error::NotFound)
    }

    /// Returns the first row of a statement, or none if there is no row.
    pub async fn optional<R: FromRow>(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Option<R>, Error> {
        let rows = self.rows(statement.named()).await?;
        Ok(rows.first().map(R::from_row).transpose()?)
    }

    /// Reads the first row of a statement and answers with it. Takes one round trip if the audit row is known
    /// before the row is read. Errors: [`Error::NotFound`] if there is no row, or as for
    /// [`commit`](Self::commit).
    pub async fn read<R: FromRow + Content>(mut self, statement: Statement<'_>) -> Reply<Json<R>> {
        if let Some(answered) = self.read_at_once(statement).await? {
            return Ok(answered);
        }
        let row: R = self.one(statement).await?;
        self.commit(Json(row)).await
    }

    /// Reads and commits in one statement. None if the audit row isn't known before, or if PostgreSQL finds
    /// otherwise. Then nothing was committed.
    async fn read_at_once<R: FromRow + Content>(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Option<Audited<Json<R>>>, Error> {
        // The row would be committed before the answer fails.
        if !self.conditions.never_fail() {
            return Ok(None);
        }
        let environment = self.context.environment;
        let subject = self.context.caller.subject();
        let Some(actor) = subject.and_then(|subject| environment.known_callers.get(subject)) else {
            return Ok(None);
        };
        let Some(patients) = self.granted.patients_of_read(&actor) else {
            return Ok(None);
        };
        if let Some(error) = self.rejection.take() {
            return Err(error);
        }
        let writer = AuditWriter(&self.context);
        let mut entry = writer.entry(Outcome::Success);
        entry.patients.clone_from(&patients);
        writer.set_actor(&mut entry, actor.clone());
        let session = self.context.session(self.context.limits.work_ends).await?;
        let Some(row) = writer.read(session, entry, &actor, statement).await? else {
            return Ok(None);
        };
        let answer = Json(R::from_row(&row)?);
        if answer.patients() != patients {
            return Err(Error::Internal(
                "an audit row names other patients than its answer",
            ));
        }
        let response = self.conditions.apply(answer.into_response()?)?;
        Ok(Some(Audited::committed(response)))
    }

    /// Returns all rows of a statement. The statement must limit their number. It has no name, because its
    /// plan depends on the values: the planner drops the branches of a list that don't apply.
    pub async fn all<R: FromRow>(&mut self, statement: Statement<'_>) -> Result<Vec<R>, Error> {
        let rows = self.rows(statement).await?;
        Ok(rows.iter().map(R::from_row).collect::<Result<_, _>>()?)
    }

    /// Loads the row to change. `locked` selects its `version` and locks it. Errors: [`Error::NotFound`]
    /// if there is no row, [`Error::PreconditionFailed`] if the row has another version than `if_match`
    /// names.
    pub async fn load<E: FromRow, X: FromRow>(
        &mut self,
        if_match: IfMatch,
        locked: Statement<'_>,
    ) -> Result<Current<E, X>, Error> {
        let current: Current<E, X> = self.one(locked).await?;
        if_match.check(current.version)?;
        Ok(current)
    }

    /// Checks the version of the row to change. Errors: as for [`load`](Self::load).
    pub async fn check(&mut self, if_match: IfMatch, locked: Statement<'_>) -> Result<(), Error> {
        self.load::<(), ()>(if_match, locked).await.map(drop)
    }

    /// Applies a patch to the fields of a loaded row, and adds the names of the changed fields to the
    /// audit row. Errors: the result doesn't fit `E`.
    pub fn apply<E: Serialize + DeserializeOwned>(
        &mut self,
        patch: &Patch<E>,
        current: &E,
    ) -> Result<E, Error> {
        self.apply_checked(patch, current, |_, _| Ok(()))
    }

    /// Applies a patch as [`apply`](Self::apply) does, and checks what the fields of the result say together.
    /// Errors: the result doesn't fit `E`, or `check` refuses it. One answer names all faults.
    pub fn apply_checked<E: Serialize + DeserializeOwned>(
        &mut self,
        patch: &Patch<E>,
        current: &E,
        check: impl FnOnce(&E, &Sound<'_>) -> Result<(), Error>,
    ) -> Result<E, Error> {
        let changed = patch.apply(current, check)?;
        if size::json(&changed) > MAX_BODY {
            return Err(Error::invalid(
                "",
                "expected a change after which all fields together have at most 131072 bytes of JSON",
            ));
        }
        self.add_note("fields", patch.fields());
        Ok(changed)
    }

    /// Writes, then reads the row, in one flush. Errors: [`Error::NotFound`] if `read` finds no row.
    pub async fn write_then_read<R: FromRow>(
        &mut self,
        write: Statement<'_>,
        read: Statement<'_>,
    ) -> Result<Written<R>, Error> {
        let (written, rows) = self.flush(Some(write.named()), Some(read.named())).await?;
        let row = rows.first().ok_or(Error::NotFound)?;
        Ok(Written {
            row: R::from_row(row)?,
            is_changed: written > 0,
        })
    }

    async fn rows(&mut self, statement: Statement<'_>) -> Result<Vec<Row>, Error> {
        self.flush(None, Some(statement))
            .await
            .map(|(_, rows)| rows)
    }

    /// Sends the statements and waits for their results. The first flush also begins the transaction.
    async fn flush(
        &mut self,
        write: Option<Statement<'_>>,
        read: Option<Statement<'_>>,
    ) -> Result<(u64, Vec<Row>), Error> {
        match &mut self.session {
            Some(session) => session.flush(|client| send(client, write, read)).await?,
            None => self.begin(write, read).await,
        }
    }

    /// Sends the first flush: BEGIN, the actor, the claim of the `Idempotency-Key`, the statements.
    async fn begin(
        &mut self,
        write: Option<Statement<'_>>,
        read: Option<Statement<'_>>,
    ) -> Result<(u64, Vec<Row>), Error> {
        if let Some(error) = self.rejection.take() {
            return Err(error);
        }
        let ticket = self.context.ticket();
        let endpoint = &self.context.environment.endpoint;
        let session = self.context.session(self.context.limits.work_ends).await?;
        let session = self.session.insert(session);
        let claim = self.claim.as_ref();
        let resource = self.granted.resource();
        // join4 polls its futures in order, so they are sent in this order.
        let (begun, actor, claimed, results) = session
            .flush(|client| {
                join4(
                    client.batch_execute("begin"),
                    ticket.begin(client, self.context.trace_id.as_deref()),
                    OptionFuture::from(
                        claim.map(|claim| claim.insert(client, endpoint.name, resource)),
                    ),
                    send(client, write, read),
                )
            })
            .await?;
        begun?;
        self.actor = Some(self.context.learn(actor)?);
        claimed.transpose()?;
        results
    }

    /// Whether the caller represents each of the patients now.
    async fn represents(&mut self, patients: Vec<PatientId>) -> Result<bool, Error> {
        let rows = self.rows(sql(REPRESENTS, &[&patients])).await?;
        let row = rows
            .first()
            .ok_or(Error::Internal("a predicate has no answer"))?;
        Ok(row.try_get("represents")?)
    }

    /// Writes the audit row, commits and makes the answer. Nothing else can make an answer. Errors: the
    /// COMMIT failed or its outcome is unknown.
    pub async fn commit<A: Answer>(mut self, answer: A) -> Reply<A> {
        self.permitted().await?;
        let mut actor = self
            .actor
            .take()
            .ok_or(Error::Internal("a transaction has no actor"))?;
        let alike = answer.possible_duplicates();
        if !alike.is_empty() {
            let ids: Vec<_> = alike.iter().map(PatientId::to_string).collect();
            self.add_note("possible_duplicates", ids);
        }
        let mut patients = answer.patients();
        // An empty list doesn't show whether the caller represents the patient it is filtered by. A representation is
        // shown to its two persons, even if it isn't confirmed or has ended.
        let is_uncertain = patients.is_empty()
            || self.context.environment.endpoint.resource == ResourceType::Representative;
        patients.extend(self.granted.patient());
        patients.sort_unstable();
        patients.dedup();
        if is_uncertain && actor.relation_to(&patients) == Some(Relation::Representation) {
            let mut others = patients.clone();
            others.retain(|patient| Some(*patient) != actor.patient_id);
            if !self.represents(others).await? {
                actor.relation = None;
            }
        }
        let session = self
            .session
            .take()
            .ok_or(Error::Internal("a transaction has no session"))?;
        let writer = AuditWriter(&self.context);
        let mut entry = writer.entry(Outcome::Success);
        entry.action_type = self.action;
        entry.patients = patients;
        writer.set_actor(&mut entry, actor);
        let response = self.conditions.apply(answer.into_response()?)?;
        // No caller can cause this: resources are limited when they are stored, and pages when they are made.
        if size::escaped(response.body()) > LARGEST_ANSWER {
            return Err(Error::Internal("an answer is larger than Lambda allows"));
        }
        writer.commit(session, entry).await?;
        Ok(Audited::committed(response))
    }
}

async fn send(
    client: &Connection,
    write: Option<Statement<'_>>,
    read: Option<Statement<'_>>,
) -> Result<(u64, Vec<Row>), Error> {
    let write = write.map(|statement| statement.execute(client));
    let read = read.map(|statement| statement.query(client));
    // join polls its futures in order, too.
    let (written, rows) = join(OptionFuture::from(write), OptionFuture::from(read)).await;
    // The first error is the cause. A later one only says that the transaction is aborted.
    let written = written.transpose()?.unwrap_or_default();
    let rows = rows.transpose()?.unwrap_or_default();
    Ok((written, rows))
}

impl<T> Drop for Access<T> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.context.attempt.leave_open(session);
        }
    }
}
