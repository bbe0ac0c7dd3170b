//! Writes the audit row with the COMMIT, settles a COMMIT that was not confirmed, and records failures.

use audit::{Entry, Link, Outcome, Place, Relation};
use domain::ids::{AuditLogId, PatientId};
use domain::time::Timestamp;
use errors::Error;
use futures_util::future::{OptionFuture, join, join3};
use serde_json::Value;
use sql::{FromRow as _, Parameter, sql};

use crate::caller::Actor;
use crate::idempotency::{Claim, Kept};
use crate::request_context::RequestContext;
use crate::session::Session;

const DESCRIBE_ATTEMPT: &str = "select target_exists, patient_id
     from describe_attempt($1, case when $5 then actor_user() else $2 end, $3, $4)";

/// The number of attempts to write the fence before the outcome of the COMMIT counts as unknown.
const FENCE_TRIES: usize = 3;

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

    /// Sends the last flush: the kept answer, the audit INSERT and the COMMIT. Returns when it is known
    /// that the transaction is committed. Errors: the transaction had no effect, or its outcome can't be
    /// determined.
    pub(crate) async fn commit(
        &self,
        mut session: Session,
        entry: Entry,
        kept: Option<(&Claim, Kept)>,
    ) -> Result<(), Error> {
        if !session.is_usable() {
            return Err(Error::LinkLost);
        }
        let mut place = self.0.environment.chain.head().await;
        let link = place.link(entry);
        // If storing the kept answer fails, the transaction aborts and the audit INSERT fails too, so
        // checking the INSERT is enough.
        let (_, appended, committed) = session
            .flush(|client| {
                join3(
                    OptionFuture::from(kept.map(|(claim, kept)| claim.keep(client, kept))),
                    link.append(client),
                    client.batch_execute("commit"),
                )
            })
            .await?;
        match (appended, committed) {
            (Ok(_), Ok(())) => {
                session.release();
                place.advance(&link);
                Ok(())
            }
            // PostgreSQL refused the row, so the COMMIT after it rolled back.
            (Err(refusal), _) if refusal.as_db_error().is_some() => {
                place.abandon();
                let code = refusal.code().map(|code| code.code().to_owned());
                let error = Error::from(refusal);
                if error.is_transient() {
                    return Err(error);
                }
                tracing::error!(
                    request_id = self.0.request_id,
                    code,
                    "PostgreSQL refused the audit row"
                );
                Err(Error::Unavailable(
                    "The audit log can't be written, so nothing was changed. Try again later.",
                ))
            }
            // The connection broke after the COMMIT was sent.
            (appended, committed) => {
                drop(session);
                let cause = appended.err().or(committed.err());
                tracing::warn!(
                    request_id = self.0.request_id,
                    error = cause.map(|error| error.to_string()),
                    "a commit was not confirmed"
                );
                self.settle(&mut place, &link).await
            }
        }
    }

    /// Determines whether `link` is committed: it tries to write a fence to its place in the chain. The
    /// unique key allows only one of the two rows, so the outcome is final. Errors: the fence has the
    /// place, or the outcome can't be determined.
    async fn settle(&self, place: &mut Place<'_>, link: &Link) -> Result<(), Error> {
        // All attempts write the same row, because an earlier one may be committed but not confirmed.
        let mut fence = None;
        for _ in 0..FENCE_TRIES {
            match self.hash_at(link, &mut fence).await {
                Ok(hash) if fence.as_ref().is_some_and(|fence| hash == fence.row_hash) => {
                    place.advance(fence.as_ref().unwrap_or(link));
                    self.0.attempt.set_recorded();
                    return Err(Error::Unavailable("The change was not made. Try again."));
                }
                Ok(hash) if hash == link.row_hash => {
                    place.advance(link);
                    return Ok(());
                }
                Ok(_) => {
                    tracing::error!(
                        request_id = self.0.request_id,
                        "another writer's row is in this audit chain"
                    );
                    break;
                }
                Err(error) => {
                    tracing::warn!(
                        request_id = self.0.request_id,
                        error = %error,
                        "an unconfirmed commit can't be settled yet"
                    );
                }
            }
        }
        place.abandon();
        Err(Error::Unavailable(
            "It is unknown whether the change was made. Read the resource before you try again.",
        ))
    }

    /// Writes the fence unless its place in the chain is taken. Returns the hash of the row at that place.
    async fn hash_at(&self, link: &Link, fence: &mut Option<Link>) -> Result<[u8; 32], Error> {
        let mut session = self.0.session().await?;
        let ticket = self.0.ticket();
        let (begun, actor) = session
            .flush(|client| join(client.batch_execute("begin"), ticket.begin_attempt(client)))
            .await?;
        begun?;
        let actor = Actor::from_row(&actor?)?;
        let fence = fence.get_or_insert_with(|| {
            let mut entry = Entry {
                id: AuditLogId::of_time(link.entry.timestamp),
                outcome: Outcome::Failure,
                ..link.entry.clone()
            };
            entry.details.insert("reason".into(), "commit-lost".into());
            self.set_actor(&mut entry, actor);
            link.with_entry(entry)
        });
        let (fenced, committed) = session
            .flush(|client| join(fence.fence(client), client.batch_execute("commit")))
            .await?;
        let hash = fenced?;
        committed?;
        session.release();
        Ok(hash)
    }

    /// Names the actor as the database found them. A subject without a profile is named in the details.
    pub(crate) fn set_actor(&self, entry: &mut Entry, actor: Actor) {
        if let (None, Some(subject)) = (actor.user_id, self.0.caller.subject()) {
            entry
                .details
                .insert("subject".into(), subject.to_string().into());
        }
        if self.0.attempt.about().is_oneself {
            entry.resource_id = actor.user_id.map(Into::into);
        }
        entry.user_id = actor.user_id;
        entry.actor_role = actor.role;
        entry.relation = actor.relation;
        entry.purpose_of_use = actor.relation.map(Relation::purpose);
    }

    /// Writes the audit row of a request that was refused or failed, in a separate transaction.
    pub(crate) async fn record_failure(&self, error: &Error) -> Result<(), Error> {
        let context = self.0;
        let open = context.attempt.take_open().filter(Session::is_usable);
        if context.attempt.is_recorded() {
            return Ok(());
        }
        let begin = match open {
            Some(_) => "rollback; begin",
            None => "begin",
        };
        let mut session = match open {
            Some(session) => session,
            None => context.session().await?,
        };
        let about = context.attempt.about();
        let mut entry = self.entry(outcome(error));
        let ticket = context.ticket();
        let describe: [&dyn Parameter; 5] = [
            &entry.resource_type,
            &about.resource,
            &about.patient,
            &about.owner,
            &about.is_oneself,
        ];
        let describe = sql(DESCRIBE_ATTEMPT, &describe);
        let (begun, actor, described) = session
            .flush(|client| {
                join3(
                    client.batch_execute(begin),
                    ticket.begin_attempt(client),
                    describe.query_one(client),
                )
            })
            .await?;
        begun?;
        let actor = Actor::from_row(&actor?)?;
        let described = described?;
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
        self.commit(session, entry, None).await
    }
}

/// DENIED if the caller was not allowed to act, FAILURE for all other errors.
fn outcome(error: &Error) -> Outcome {
    match error {
        Error::Forbidden(_) | Error::NotAuthenticated => Outcome::Denied,
        _ => Outcome::Failure,
    }
}
