//! What one request leaves behind: its context, its audit rows, and how an uncertain COMMIT is
//! settled.

use std::net::IpAddr;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{OptionFuture, join, join3};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::audit::{Entry, Link, Outcome, Place};
use crate::caller::Caller;
use crate::environment::Environment;
use crate::errors::Error;
use crate::idempotency::{Claim, Kept};
use crate::ids::{AuditLogId, PatientId, UserId};
use crate::session::Session;
use crate::sql::{Parameter, sql};
use crate::target::Target;
use crate::time::Timestamp;

/// One request or event, shared by the wrapper around the handler and its transactions.
pub(crate) struct Trail {
    pub(crate) environment: &'static Environment,
    pub(crate) caller: Caller,
    pub(crate) request_id: String,
    pub(crate) source_ip: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
    pub(crate) round_trips: Arc<AtomicU32>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// What the handler set out to do, for the row of its failure.
    attempt: Attempt,
    /// The transaction that a failed handler left open.
    left_open: Option<Session>,
    /// The failure's row is written already.
    recorded: bool,
}

#[derive(Clone, Default)]
struct Attempt {
    resource: Option<Uuid>,
    patient: Option<PatientId>,
    owner: Option<UserId>,
    details: Map<String, Value>,
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
    ) -> Arc<Self> {
        Arc::new(Self {
            environment,
            caller,
            request_id,
            source_ip,
            user_agent,
            round_trips: Arc::default(),
            progress: Mutex::default(),
        })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn attempts(&self, target: &impl Target) {
        self.progress().attempt = Attempt {
            resource: target.resource(),
            patient: target.patient(),
            owner: target.owner(),
            details: Map::new(),
        };
    }

    /// Says what the attempt is about once that is known.
    pub(crate) fn is_about(&self, resource: Option<Uuid>) {
        self.progress().attempt.resource = resource;
    }

    /// Adds to the details of the row, whatever becomes of the attempt.
    pub(crate) fn notes(&self, key: &str, value: Value) {
        self.progress()
            .attempt
            .details
            .insert(key.to_owned(), value);
    }

    pub(crate) fn leave_open(&self, session: Session) {
        self.progress().left_open = Some(session);
    }

    /// Takes the transaction that a failed handler left open.
    pub(crate) fn take_open(&self) -> Option<Session> {
        self.progress().left_open.take()
    }

    /// A connection for this request.
    pub(crate) async fn session(&self) -> Result<Session, Error> {
        let connection = self.environment.database.connection().await?;
        Ok(Session::new(connection, self.round_trips.clone()))
    }

    /// A row about this request, to be filled with what became of it.
    pub(crate) fn entry(&self, outcome: Outcome) -> Entry {
        let attempt = self.progress().attempt.clone();
        let endpoint = self.environment.endpoint;
        Entry {
            id: AuditLogId::generate(),
            timestamp: Timestamp::now(),
            user_id: self.caller.user(),
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
            details: attempt.details,
        }
    }

    /// The last flush: what is to be `kept`, the audit INSERT and the COMMIT. Returns once the row
    /// is known to be in the database with everything the transaction did; on any error nothing of
    /// it is.
    pub(crate) async fn finish(
        &self,
        mut session: Session,
        entry: Entry,
        kept: Option<(&Claim, Kept)>,
    ) -> Result<(), Error> {
        if !session.is_usable() {
            return Err(Error::LinkLost);
        }
        let mut place = self.environment.chains.head().await;
        let link = place.link(entry);
        // Were the answer's keeping refused, the audit INSERT behind it would be too.
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
            ..link.entry.clone()
        };
        entry.details.insert("reason".into(), "commit-lost".into());
        // One row for all tries: an earlier one may have landed unconfirmed too.
        let fence = link.with_entry(entry);
        for _ in 0..FENCE_TRIES {
            match self.standing(&fence).await {
                Ok(standing) if standing == fence.row_hash => {
                    place.landed(&fence);
                    self.progress().recorded = true;
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
        let mut session = self.session().await?;
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
        let standing: Option<Vec<u8>> = row.try_get("hash")?;
        session.release();
        standing
            .and_then(|hash| hash.try_into().ok())
            .ok_or(Error::Internal("no row stands in the audit chain"))
    }

    /// Writes the row of a request that was refused or failed, in a transaction of its own.
    pub(crate) async fn record_failure(&self, error: &Error) -> Result<(), Error> {
        let open = self.take_open().filter(Session::is_usable);
        if self.progress().recorded {
            return Ok(());
        }
        let reuse = open.is_some();
        let mut session = match open {
            Some(session) => session,
            None => self.session().await?,
        };
        let attempt = self.progress().attempt.clone();
        let mut entry = self.entry(error.outcome());
        let describe: [&dyn Parameter; 5] = [
            &entry.user_id,
            &entry.resource_type,
            &attempt.resource,
            &attempt.patient,
            &attempt.owner,
        ];
        let describe = sql(DESCRIBE_ATTEMPT, &describe);
        let (begun, described) = session
            .flush(|client| {
                join(
                    client.batch_execute(if reuse { "rollback; begin" } else { "begin" }),
                    describe.query_one(client),
                )
            })
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
