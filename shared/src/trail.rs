//! What one request leaves behind: its context, its audit rows, and how an uncertain COMMIT is
//! settled.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{join, join3};
use jiff::{Timestamp, Unit};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::audit::{Entry, Link, Outcome, Place};
use crate::environment::Environment;
use crate::errors::Error;
use crate::idempotency::Claim;
use crate::ids::{AuditLogId, PatientId, UserId};
use crate::session::Session;
use crate::sql::{Parameter, Statement, sql};

/// Who a transaction acts for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    /// A verified subject; `assured` where its assurance level satisfies the deployment.
    Person { user: UserId, assured: bool },
    /// A schedule or event.
    System,
}

/// One request or event, shared by the wrapper around the handler and its transactions.
pub(crate) struct Trail {
    pub(crate) environment: &'static Environment,
    pub(crate) caller: Caller,
    pub(crate) request_id: String,
    pub(crate) source_ip: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    pub(crate) claim: Option<Claim>,
    pub(crate) round_trips: AtomicU32,
    /// What the handler set out to do, for the row of its failure.
    attempt: Mutex<Attempt>,
    /// The transaction that a failed handler left open.
    left_open: Mutex<Option<Session>>,
    /// The failure's row is written already.
    recorded: AtomicBool,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Attempt {
    pub(crate) resource: Option<Uuid>,
    pub(crate) patient: Option<PatientId>,
    pub(crate) owner: Option<UserId>,
}

const DESCRIBE_ATTEMPT: &str = "select user_id, actor_role, target_exists, patient_id from describe_attempt($1, $2, $3, $4, $5)";
const AUDIT_LINK: &str = "select audit_link($1, $2, $3) as hash";

/// How often a fence is tried before the row's fate is given up on.
const FENCE_TRIES: usize = 3;

impl Trail {
    pub(crate) fn new(
        environment: &'static Environment,
        caller: Caller,
        request_id: String,
        source_ip: Option<IpAddr>,
        user_agent: Option<String>,
        claim: Option<Claim>,
    ) -> Arc<Self> {
        Arc::new(Self {
            environment,
            caller,
            request_id,
            source_ip,
            user_agent,
            claim,
            round_trips: AtomicU32::new(0),
            attempt: Mutex::default(),
            left_open: Mutex::default(),
            recorded: AtomicBool::new(false),
        })
    }

    pub(crate) fn attempts(&self, attempt: Attempt) {
        *self.attempt.lock().unwrap_or_else(PoisonError::into_inner) = attempt;
    }

    pub(crate) fn leave_open(&self, session: Session) {
        *self
            .left_open
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    /// Takes the transaction that a failed handler left open.
    pub(crate) fn take_open(&self) -> Option<Session> {
        self.left_open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// A row about this request, to be filled with what became of it.
    pub(crate) fn entry(&self, outcome: Outcome) -> Entry {
        let attempt = *self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoint = self.environment.endpoint;
        Entry {
            id: AuditLogId::generate(),
            // PostgreSQL keeps microseconds: what is hashed must be what is stored.
            timestamp: Timestamp::now()
                .round(Unit::Microsecond)
                .unwrap_or_default(),
            user_id: match self.caller {
                Caller::Person { user, .. } => Some(user),
                Caller::System => None,
            },
            actor_role: None,
            action_type: endpoint.action,
            resource_type: endpoint.resource,
            resource_id: attempt.resource,
            patients: Vec::new(),
            outcome,
            source_ip: self.source_ip,
            user_agent: self.user_agent.clone(),
            application: endpoint.name.to_owned(),
            request_id: self.request_id.clone(),
            details: Map::new(),
        }
    }

    /// The last flush: what is to be `kept`, the audit INSERT and the COMMIT. Returns once the row is known to be in
    /// the database with everything the transaction did; on any error nothing of it is.
    pub(crate) async fn finish(
        &self,
        mut session: Session,
        entry: Entry,
        kept: Option<Statement<'_>>,
    ) -> Result<(), Error> {
        if !session.is_usable() {
            return Err(Error::LinkLost);
        }
        let mut place = self.environment.chains.head().await;
        let link = place.link(entry);
        let kept = kept.map(|statement| (statement.text, statement.typed()));
        // Were `kept` refused, the audit INSERT behind it would be too.
        let (_, appended, committed) = session
            .flush(&self.round_trips, |client| {
                let keep = async {
                    match &kept {
                        Some((text, parameters)) => client.execute_typed(text, parameters).await,
                        None => Ok(0),
                    }
                };
                join3(keep, link.append(client), client.batch_execute("commit"))
            })
            .await
            .ok_or(Error::Internal("a transaction without connection"))?;
        match (appended, committed) {
            (Ok(_), Ok(())) => {
                session.release();
                place.landed(&link);
                Ok(())
            }
            // The server refused the row, so the COMMIT behind it rolled back.
            (Err(refusal), _) if refusal.as_db_error().is_some() => {
                place.abandon();
                let code = refusal.code().map(|code| code.code().to_owned());
                let error = Error::from(refusal);
                if error.is_transient() {
                    return Err(error);
                }
                tracing::error!(
                    request_id = self.request_id,
                    code,
                    "the audit row was refused"
                );
                Err(Error::Unavailable("the audit log can't be written"))
            }
            // The link broke with a COMMIT on its way.
            (appended, committed) => {
                drop(session);
                let cause = appended.err().or(committed.err());
                tracing::warn!(
                    request_id = self.request_id,
                    error = cause.map(|error| error.to_string()),
                    "a commit was not confirmed"
                );
                self.settle(&mut place, &link).await
            }
        }
    }

    /// Learns what became of `link` by claiming its place for a row of failure: the unique key
    /// lets only one of them stand, so afterwards the answer can't change any more.
    async fn settle(&self, place: &mut Place<'_>, link: &Link) -> Result<(), Error> {
        let mut entry = Entry {
            id: AuditLogId::generate(),
            outcome: Outcome::Failure,
            details: Map::new(),
            ..link.entry.clone()
        };
        entry.details.insert("reason".into(), "commit-lost".into());
        // One row for all tries: an earlier one may have landed unconfirmed too.
        let fence = link.with_entry(entry);
        for _ in 0..FENCE_TRIES {
            match self.standing(&fence).await {
                Ok(standing) if standing == fence.row_hash => {
                    place.landed(&fence);
                    self.recorded.store(true, Ordering::Relaxed);
                    return Err(Error::Unavailable("the change was not made; try again"));
                }
                Ok(standing) if standing == link.row_hash => {
                    place.landed(link);
                    return Ok(());
                }
                Ok(_) => {
                    tracing::error!(
                        request_id = self.request_id,
                        "a foreign row stands in the audit chain"
                    );
                    break;
                }
                Err(error) => {
                    tracing::warn!(request_id = self.request_id, error = ?error, "a commit can't be settled yet");
                }
            }
        }
        place.abandon();
        Err(Error::Unavailable(
            "it can't be told whether the change was made",
        ))
    }

    /// Puts `fence` in its place unless that is taken. Returns the hash of the row that has it.
    async fn standing(&self, fence: &Link) -> Result<[u8; 32], Error> {
        let mut session = Session::new(self.environment.database.connection().await?);
        let place: [&dyn Parameter; 3] = [&fence.month, &fence.chain_id, &fence.seq];
        let place = sql(AUDIT_LINK, &place).typed();
        let (begun, fenced, committed) = session
            .flush(&self.round_trips, |client| {
                join3(
                    client.batch_execute("begin"),
                    fence.fence(client),
                    client.batch_execute("commit"),
                )
            })
            .await
            .ok_or(Error::Internal("a transaction without connection"))?;
        begun?;
        fenced?;
        committed?;
        let row = session
            .flush(&self.round_trips, |client| {
                client.query_typed_one(AUDIT_LINK, &place)
            })
            .await
            .ok_or(Error::Internal("a transaction without connection"))??;
        let standing: Option<Vec<u8>> = row.try_get("hash")?;
        session.release();
        let standing = standing
            .and_then(|hash| hash.try_into().ok())
            .ok_or(Error::Internal("no row stands in the audit chain"))?;
        Ok(standing)
    }

    /// Writes the row of a request that was refused or failed, in a transaction of its own.
    pub(crate) async fn record_failure(&self, error: &Error) -> Result<(), Error> {
        let open = self.take_open().filter(Session::is_usable);
        if self.recorded.load(Ordering::Relaxed) {
            return Ok(());
        }
        let reuse = open.is_some();
        let mut session = match open {
            Some(session) => session,
            None => Session::new(self.environment.database.connection().await?),
        };
        let attempt = *self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entry = self.entry(error.outcome());
        let describe: [&dyn Parameter; 5] = [
            &entry.user_id,
            &entry.resource_type,
            &attempt.resource,
            &attempt.patient,
            &attempt.owner,
        ];
        let describe = sql(DESCRIBE_ATTEMPT, &describe).typed();
        let (begun, described) = session
            .flush(&self.round_trips, |client| {
                join(
                    client.batch_execute(if reuse { "rollback; begin" } else { "begin" }),
                    client.query_typed_one(DESCRIBE_ATTEMPT, &describe),
                )
            })
            .await
            .ok_or(Error::Internal("a transaction without connection"))?;
        begun?;
        let described = described?;
        let known: Option<UserId> = described.try_get("user_id")?;
        if let (None, Some(subject)) = (known, entry.user_id) {
            entry
                .details
                .insert("subject".into(), subject.to_string().into());
        }
        entry.user_id = known;
        entry.actor_role = match self.caller {
            Caller::Person { .. } => described.try_get("actor_role")?,
            Caller::System => Some("SYSTEM".to_owned()),
        };
        entry
            .patients
            .extend(described.try_get::<_, Option<PatientId>>("patient_id")?);
        if matches!(error, Error::NotFound) && described.try_get("target_exists")? {
            entry.outcome = Outcome::Denied;
        }
        entry
            .details
            .insert("reason".into(), Value::from(error.kind().1));
        self.finish(session, entry, None).await
    }
}
