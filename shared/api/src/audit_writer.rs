//! Writes the audit row with the COMMIT, settles a COMMIT that was not confirmed, and records failures.

use audit::{Entry, Link, Outcome, Place};
use domain::ids::{AuditLogId, PatientId, UserId};
use domain::time::Timestamp;
use errors::Error;
use futures_util::future::{OptionFuture, join, join3};
use serde_json::Value;
use sql::{Parameter, sql};

use crate::caller::Caller;
use crate::idempotency::{Claim, Kept};
use crate::request_context::RequestContext;
use crate::session::Session;

const DESCRIBE_ATTEMPT: &str = "select user_id, actor_role, target_exists, patient_id from describe_attempt($1, $2, $3, $4, $5)";
const AUDIT_LINK: &str = "select audit_link($1, $2, $3) as hash";

/// The number of attempts to write the fence before the outcome of the COMMIT counts as unknown.
const FENCE_TRIES: usize = 3;

/// Writes the audit rows of one request.
#[derive(Clone, Copy)]
pub(crate) struct AuditWriter<'a>(pub(crate) &'a RequestContext);

impl AuditWriter<'_> {
    /// Returns the entry for this request. The caller adds what depends on the outcome.
    pub(crate) fn entry(&self, outcome: Outcome) -> Entry {
        let context = self.0;
        let endpoint = &context.environment.endpoint;
        let about = context.attempt.about();
        Entry {
            id: AuditLogId::generate(),
            timestamp: Timestamp::now(),
            user_id: context.caller.user(),
            actor_role: None,
            action_type: endpoint.action,
            resource_type: endpoint.resource,
            resource_id: about.resource,
            patients: Vec::new(),
            outcome,
            source_ip: context.source_ip,
            user_agent: context.user_agent.clone(),
            application: endpoint.name.to_owned(),
            request_id: context.request_id.clone(),
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
        let mut entry = Entry {
            id: AuditLogId::generate(),
            outcome: Outcome::Failure,
            ..link.entry.clone()
        };
        entry.details.insert("reason".into(), "commit-lost".into());
        // All attempts write the same row, because an earlier one may be committed but not confirmed.
        let fence = link.with_entry(entry);
        for _ in 0..FENCE_TRIES {
            match self.hash_at(&fence).await {
                Ok(hash) if hash == fence.row_hash => {
                    place.advance(&fence);
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

    /// Writes `fence` unless its place in the chain is taken. Returns the hash of the row at that place.
    async fn hash_at(&self, fence: &Link) -> Result<[u8; 32], Error> {
        let mut session = self.0.session().await?;
        let place: [&dyn Parameter; 3] = [&fence.month, &fence.chain_id, &fence.seq];
        let place = sql(AUDIT_LINK, &place);
        let (begun, fenced, committed) = session
            .flush(|client| {
                join3(
                    client.batch_execute("begin"),
                    fence.fence(client),
                    client.batch_execute("commit"),
                )
            })
            .await?;
        begun?;
        fenced?;
        committed?;
        let row = session.flush(|client| place.query_one(client)).await??;
        let hash: Option<Vec<u8>> = row.try_get("hash")?;
        session.release();
        hash.and_then(|hash| hash.try_into().ok())
            .ok_or(Error::Internal("no row has this place in the audit chain"))
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
        let describe: [&dyn Parameter; 5] = [
            &entry.user_id,
            &entry.resource_type,
            &about.resource,
            &about.patient,
            &about.owner,
        ];
        let describe = sql(DESCRIBE_ATTEMPT, &describe);
        let (begun, described) = session
            .flush(|client| join(client.batch_execute(begin), describe.query_one(client)))
            .await?;
        begun?;
        let described = described?;
        let known: Option<UserId> = described.try_get("user_id")?;
        if let (None, Some(subject)) = (known, entry.user_id) {
            entry
                .details
                .insert("subject".into(), subject.to_string().into());
        }
        entry.user_id = known;
        entry.actor_role = match context.caller {
            Caller::Person { .. } => described.try_get("actor_role")?,
            Caller::System => Some("SYSTEM".to_owned()),
        };
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
