//! Writes the audit row with the COMMIT, settles a COMMIT that was not confirmed, and records failures.

use std::time::Duration;

use audit::{Entry, Link, Outcome, Place, Relation, Verdict};
use domain::ids::{AuditLogId, PatientId};
use domain::time::Timestamp;
use errors::{Error, caller_refused};
use futures_util::future::{OptionFuture, join, join4};
use serde_json::Value;
use sql::{Connection, FromRow as _, Parameter, Statement, sql};
use tokio::time::{Instant, sleep};
use tokio_postgres::Row;

use crate::attempt::{NOT_MADE, Progress};
use crate::caller::Actor;
use crate::request_context::{RequestContext, may_run_again};
use crate::session::Session;

const DESCRIBE_ATTEMPT: &str = "select target_exists, patient_id
     from describe_attempt($1, case when $5 then actor_user() else $2 end, $3, $4)";

const NOT_WRITABLE: &str =
    "The audit log can't be written, so nothing was changed. Try again later.";

/// The longest time in which a COMMIT is settled. A request has less; its own limit ends it.
const SETTLING: Duration = Duration::from_secs(20);

/// The shortest time for one fence, which includes a new connection.
const FENCE: Duration = Duration::from_millis(400);

/// The pause after the first fence that failed. It doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// What PostgreSQL answered to a statement.
type Answered<T> = Result<T, tokio_postgres::Error>;

/// What became of the last flush.
enum Sent {
    /// The row is known to be committed or not to be.
    Settled(Verdict),
    /// PostgreSQL refused a statement, so nothing was committed.
    Refused(tokio_postgres::Error),
    /// No row was appended, and an empty transaction committed.
    Nothing,
}

/// Writes the audit rows of one request.
#[derive(Clone, Copy)]
pub(crate) struct AuditWriter<'a>(pub(crate) &'a RequestContext);

impl AuditWriter<'_> {
    /// Returns the entry for this request. The caller adds who acts and what depends on the outcome.
    pub(crate) fn entry(&self, outcome: Outcome) -> Entry {
        let context = self.0;
        let endpoint = &context.environment.endpoint;
        let about = context.attempt.about();
        let timestamp = Timestamp::now();
        Entry {
            id: AuditLogId::of_time(timestamp),
            timestamp,
            user_id: None,
            actor_role: None,
            relation: None,
            purpose_of_use: None,
            action_type: endpoint.action,
            resource_type: endpoint.resource,
            resource_id: about.resource,
            patients: Vec::new(),
            outcome,
            source_ip: context.source_ip,
            user_agent: context.user_agent.clone(),
            application: endpoint.name.to_owned(),
            request_id: context.request_id.clone(),
            trace_id: context.trace_id.clone(),
            details: about.details,
        }
    }

    /// Sends the last flush: the audit row and the COMMIT. Returns when it is known that the transaction is
    /// committed. Errors: the transaction had no effect, or [`Error::OutcomeUnknown`].
    pub(crate) async fn commit(&self, session: Session, entry: Entry) -> Result<(), Error> {
        match self.append(session, entry).await? {
            Verdict::Landed => Ok(()),
            Verdict::Fenced => Err(Error::Unavailable(NOT_MADE)),
            Verdict::Void => Err(Error::Unavailable(NOT_WRITABLE)),
        }
    }

    /// Sends a whole transaction as one statement: the actor begins, `read` runs, the audit row is appended, and
    /// PostgreSQL commits at its end. Returns the row that `read` found, once the audit row is committed. None:
    /// PostgreSQL refused something, the row isn't there, or the caller isn't `actor`; nothing was committed.
    /// Errors: as for [`commit`](Self::commit).
    pub(crate) async fn read(
        &self,
        session: Session,
        entry: Entry,
        actor: &Actor,
        read: Statement<'_>,
    ) -> Result<Option<Row>, Error> {
        let ticket = self.0.ticket();
        let signature = &ticket.signature[..];
        let ticket = ticket.parameters(&signature);
        let guess: [&dyn Parameter; 6] = [
            &actor.user_id,
            &actor.role,
            &actor.relation,
            &actor.patient_id,
            &actor.left_out,
            &actor.emergency_patients,
        ];
        let parameters = [read.parameters(), &ticket, &guess].concat();
        let first = read.parameters().len() + 1;
        // The subquery depends on the actor and, because of its `offset`, isn't merged with the outer query. So
        // PostgreSQL runs it after `begin_request`. Run before, it would find no row.
        let source = format!(
            "begin_request(${first}, ${}, ${}, ${}, ${}) as actor cross join lateral (
               select found.*, actor.sealed_size from ({}) as found
               where actor.user_id = ${} and actor.role = ${} and actor.relation = ${}
                 and actor.patient_id is not distinct from ${} and actor.left_out = ${}
                 and actor.emergency_patients = ${}
               offset 0
             ) as read",
            first + 1,
            first + 2,
            first + 3,
            first + 4,
            read.text(),
            first + 5,
            first + 6,
            first + 7,
            first + 8,
            first + 9,
            first + 10,
        );
        let mut found = None;
        let append = async |client: &Connection, link: &Link| {
            let row = link.append_from(client, &source, &parameters).await;
            let is_appended = row.map(|row| {
                found = row;
                found.is_some()
            });
            (is_appended, Ok(()))
        };
        match self.send(session, entry, append).await? {
            Sent::Settled(Verdict::Landed) => {
                let found = found.ok_or(Error::OutcomeUnknown)?;
                let sealed_size = &self.0.environment.sealed_size;
                sealed_size.see(found.try_get("sealed_size")?);
                Ok(Some(found))
            }
            Sent::Settled(Verdict::Fenced) => Err(Error::Unavailable(NOT_MADE)),
            Sent::Settled(Verdict::Void) | Sent::Refused(_) | Sent::Nothing => Ok(None),
        }
    }

    /// Sends the last flush of a transaction: the audit row and COMMIT. Determines what became of it. Errors:
    /// as for [`commit`](Self::commit).
    async fn append(&self, session: Session, entry: Entry) -> Result<Verdict, Error> {
        let append = async |client: &Connection, link: &Link| {
            let (appended, committed) =
                join(link.append(client), client.batch_execute("commit")).await;
            (appended.map(|()| true), committed)
        };
        match self.send(session, entry, append).await? {
            Sent::Settled(verdict) => Ok(verdict),
            Sent::Refused(refusal) => Err(self.refused(refusal)),
            Sent::Nothing => Ok(Verdict::Void),
        }
    }

    /// Sends the last flush: what `append` sends, which commits. `append` returns whether it appended the row,
    /// and whether PostgreSQL then committed. Errors: nothing was sent, or [`Error::OutcomeUnknown`].
    async fn send(
        &self,
        mut session: Session,
        entry: Entry,
        append: impl AsyncFnOnce(&Connection, &Link) -> (Answered<bool>, Answered<()>),
    ) -> Result<Sent, Error> {
        if !session.is_usable() {
            return Err(Error::LinkLost);
        }
        let attempt = &self.0.attempt;
        let mut place = self.0.environment.chain.head().await;
        if place.unsettled().is_some() {
            return Err(Error::Unavailable(NOT_WRITABLE));
        }
        let link = place.send(entry, self.0.caller.subject())?;
        attempt.set_progress(Progress::Sent);
        let sent = session
            .flush(|client| join(append(client, &link), client.name_statements()))
            .await;
        let cause = match sent {
            Ok(((Ok(is_appended), Ok(())), ())) => {
                session.release();
                if !is_appended {
                    place.withdraw();
                    attempt.set_progress(Progress::Open);
                    return Ok(Sent::Nothing);
                }
                place.confirm();
                attempt.set_progress(Progress::of(Verdict::Landed));
                return Ok(Sent::Settled(Verdict::Landed));
            }
            // PostgreSQL refused the row, so the COMMIT after it rolled back.
            Ok(((Err(refusal), _), ())) if errors::is_refusal(&refusal) => {
                place.give_up();
                attempt.set_progress(Progress::Open);
                return Ok(Sent::Refused(refusal));
            }
            Ok(((appended, committed), ())) => appended.err().or(committed.err()).map(Error::from),
            Err(silence) => Some(silence),
        };
        drop(session);
        tracing::warn!(
            request_id = self.0.request_id,
            error = cause.map(|error| error.to_string()),
            "a commit was not confirmed"
        );
        let verdict = self.settle(&mut place, self.0.limits.answer_by).await;
        attempt.set_progress(verdict.map_or(Progress::Unknown, Progress::of));
        verdict.map(Sent::Settled).ok_or(Error::OutcomeUnknown)
    }

    /// The error of an audit row that PostgreSQL refused.
    fn refused(&self, refusal: tokio_postgres::Error) -> Error {
        let code = refusal.code().map(|code| code.code().to_owned());
        let error = Error::from(refusal);
        if may_run_again(&error) {
            return error;
        }
        tracing::error!(
            request_id = self.0.request_id,
            code,
            "PostgreSQL refused the audit row"
        );
        Error::Unavailable(NOT_WRITABLE)
    }

    /// Settles the row of an earlier attempt whose COMMIT was not confirmed. No other row can be written
    /// before. Call it while no transaction of this environment is open, because the fence may wait for
    /// its locks. Errors: the row can't be settled yet.
    pub(crate) async fn settle_former(&self) -> Result<(), Error> {
        let mut place = self.0.environment.chain.head().await;
        if place.unsettled().is_none() {
            return Ok(());
        }
        let settled = self.settle(&mut place, self.0.limits.work_ends).await;
        settled.map(drop).ok_or(Error::Unavailable(NOT_WRITABLE))
    }

    /// Determines whether the row that was sent is committed: it tries to write a fence to its place in
    /// the chain. The unique key allows only one of the two rows, so the verdict is final. Tries until
    /// `ends`. None: it can't be determined yet.
    async fn settle(&self, place: &mut Place<'_>, ends: Instant) -> Option<Verdict> {
        let ends = ends.min(Instant::now() + SETTLING);
        let sent = place.unsettled()?;
        // All attempts write the same row, because an earlier one may be committed but not confirmed.
        let fence = place.fence()?;
        let mut pause = PAUSE;
        loop {
            let now = Instant::now();
            // A fence on a silent connection leaves time for others.
            let left = ends.saturating_duration_since(now);
            match self
                .hash_at(&fence, now + left.min(FENCE.max(left / 2)))
                .await
            {
                Ok(Some(hash)) => return Some(place.settle(&hash)),
                // The fence is refused because its time is over. Then the time of the row is over, too: no
                // transaction stays open so long.
                Ok(None) if sent.is_old() => {
                    place.give_up();
                    return Some(Verdict::Void);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(
                    request_id = sent.entry.request_id,
                    error = %error,
                    "an unconfirmed commit can't be settled yet"
                ),
            }
            if Instant::now() + pause >= ends {
                return None;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Writes `fence` unless its place in the chain is taken. Returns the hash of the row at that place.
    /// None: PostgreSQL refuses the fence, and no row is there.
    async fn hash_at(&self, fence: &Link, ends: Instant) -> Result<Option<[u8; 32]>, Error> {
        let mut session = self.0.session(ends).await?;
        // The fence is the row of the caller whose row has the place, who may be another than this one.
        let environment = self.0.environment;
        let permission = environment.endpoint.permission;
        let ticket = environment
            .ticket_key
            .sign(fence.subject, false, permission);
        let (begun, actor, fenced, committed) = session
            .flush(|client| {
                join4(
                    client.batch_execute("begin"),
                    ticket.begin_attempt(client),
                    fence.fence(client),
                    client.batch_execute("commit"),
                )
            })
            .await?;
        begun?;
        actor?;
        let hash = match fenced {
            Ok(hash) => Some(hash),
            Err(Error::Database(refusal)) if errors::is_refusal(&refusal) => None,
            Err(error) => return Err(error),
        };
        committed?;
        session.release();
        Ok(hash)
    }

    /// Names the actor as the database found them, in their relation to the entry's patients. A subject without
    /// a profile is named in the details.
    pub(crate) fn set_actor(&self, entry: &mut Entry, actor: Actor) {
        if let (None, Some(subject)) = (actor.user_id, self.0.caller.subject()) {
            entry
                .details
                .insert("subject".into(), subject.to_string().into());
        }
        if self.0.attempt.about().is_oneself {
            entry.resource_id = actor.user_id.map(Into::into);
        }
        if actor.left_out > 0 {
            entry
                .details
                .insert(Entry::LEFT_OUT.into(), actor.left_out.into());
        }
        if let Some(source) = &actor.source_system {
            entry
                .details
                .insert("source_system".into(), source.as_str().into());
        }
        entry.user_id = actor.user_id;
        entry.relation = actor.relation_to(&entry.patients);
        entry.purpose_of_use = entry.relation.map(Relation::purpose);
        entry.actor_role = actor.role;
    }

    /// Writes the audit row of a request that was refused or failed, in a separate transaction. Writes
    /// none if the attempt's COMMIT was sent: the row of that COMMIT or its fence is the attempt's row. Writes none
    /// beyond the limit of refusals either: a later row counts them.
    ///
    /// Returns the error that the caller gets instead of this one, if there is one: they may not act at all, whatever
    /// they sent, or too many of their requests were refused. Errors: the row can't be written, or it is unknown
    /// whether it was.
    pub(crate) async fn record_failure(&self, error: &Error) -> Result<Option<Error>, Error> {
        let context = self.0;
        let open = context.attempt.take_open().filter(Session::is_usable);
        if context.attempt.progress() != Progress::Open {
            return Ok(None);
        }
        let begin = match open {
            Some(_) => "rollback; begin",
            None => "begin",
        };
        // The last third of the time left is for settling.
        let now = Instant::now();
        let ends = now + context.limits.answer_by.saturating_duration_since(now) * 2 / 3;
        let mut session = match open {
            Some(session) => session,
            None => context.session(ends).await?,
        };
        session.wait_until(ends);
        let about = context.attempt.about();
        let ticket = context.ticket();
        let resource_type = context.environment.endpoint.resource;
        let describe: [&dyn Parameter; 5] = [
            &resource_type,
            &about.resource,
            &about.patient,
            &about.owner,
            &about.is_oneself,
        ];
        let describe = sql(DESCRIBE_ATTEMPT, &describe);
        let is_callers_fault = error.is_callers_fault();
        let (begun, begun_by, described, counted) = session
            .flush(|client| {
                join4(
                    client.batch_execute(begin),
                    ticket.begin_attempt(client),
                    describe.query_one(client),
                    OptionFuture::from(is_callers_fault.then(|| ticket.count_refusal(client))),
                )
            })
            .await?;
        begun?;
        let begun_by = begun_by?;
        let described = described?;
        let mut actor = Actor::from_row(&begun_by)?;
        if let Some(counted) = counted.transpose()?.flatten() {
            if let Some(seconds) = counted.retry_after {
                session
                    .flush(|client| client.batch_execute("commit"))
                    .await??;
                session.release();
                let seconds = u32::try_from(seconds).unwrap_or(1);
                return Ok(Some(Error::TooManyRefusals(seconds)));
            }
            actor.left_out = counted.left_out;
        }
        let refusal: Option<&str> = begun_by.try_get("refusal")?;
        let instead = refusal
            .filter(|_| is_callers_fault)
            .and_then(|code| caller_refused(code, context.environment.endpoint.permission));
        let error = instead.as_ref().unwrap_or(error);
        let mut entry = self.entry(outcome(error));
        self.set_actor(&mut entry, actor);
        entry
            .patients
            .extend(described.try_get::<_, Option<PatientId>>("patient_id")?);
        // The answer is the same for an absent and a forbidden resource. Only the audit log differs.
        if matches!(error, Error::NotFound) && described.try_get("target_exists")? {
            entry.outcome = Outcome::Denied;
        }
        entry
            .details
            .insert("reason".into(), Value::from(error.kind().slug));
        match self.append(session, entry).await? {
            Verdict::Landed | Verdict::Fenced => Ok(instead),
            Verdict::Void => Err(Error::Unavailable(NOT_WRITABLE)),
        }
    }
}

/// DENIED if the caller was not allowed to act, FAILURE for all other errors.
fn outcome(error: &Error) -> Outcome {
    match error {
        Error::Forbidden(_) | Error::MissingPermission(_) | Error::NotAuthenticated(_) => {
            Outcome::Denied
        }
        _ => Outcome::Failure,
    }
}
