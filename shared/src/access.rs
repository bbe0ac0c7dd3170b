//! One audited transaction, from the actor to the COMMIT.
//!
//! The first flush carries BEGIN, the actor and the first statement; the last one the audit
//! INSERT and COMMIT: a request with one statement takes two network round trips.

use std::sync::Arc;

use futures_util::future::{join_all, join3};
use http::Response;
use lambda_http::Body;
use serde_json::{Map, Value};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::audit::{Action, Outcome};
use crate::errors::Error;
use crate::idempotency::{CLAIM, Claim, KEEP};
use crate::ids::{AppointmentId, AuditLogId, FileId, PatientId, ProviderId, RecordId, UserId};
use crate::reply::{Answer, Audited, Reply};
use crate::session::Session;
use crate::sql::{FromRow, Jsonb, Parameter, Statement, sql};
use crate::trail::{Attempt, Caller, Trail};

/// What a transaction is about: the resource and, where known, the patient whose chart it is in.
pub trait Target {
    /// The resource's id; none for a search.
    fn resource(&self) -> Option<Uuid>;

    /// The patient, where the request names one.
    fn patient(&self) -> Option<PatientId> {
        None
    }

    /// The user, where the request names one whose chart it may be in.
    fn owner(&self) -> Option<UserId> {
        None
    }
}

macro_rules! targets {
    ($($id:ty),+) => {$(
        impl Target for $id {
            fn resource(&self) -> Option<Uuid> {
                Some((*self).into())
            }
        }
    )+};
}

targets!(
    UserId,
    PatientId,
    ProviderId,
    AppointmentId,
    RecordId,
    FileId,
    AuditLogId
);

/// A resource in the chart of a patient whom the request names.
#[derive(Clone, Copy, Debug)]
pub struct InChart<T> {
    /// The resource.
    pub resource: T,
    /// Whose chart.
    pub patient: PatientId,
}

impl<T: Target> Target for InChart<T> {
    fn resource(&self) -> Option<Uuid> {
        self.resource.resource()
    }

    fn patient(&self) -> Option<PatientId> {
        Some(self.patient)
    }
}

/// A resource that belongs to a user whom the request names.
#[derive(Clone, Copy, Debug)]
pub struct OwnedBy<T> {
    /// The resource.
    pub resource: T,
    /// Whose it is.
    pub owner: UserId,
}

impl<T: Target> Target for OwnedBy<T> {
    fn resource(&self) -> Option<Uuid> {
        self.resource.resource()
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner)
    }
}

/// A list or search, of one patient's data where the filter names her.
#[derive(Clone, Copy, Debug, Default)]
pub struct Search {
    /// The patient filtered by.
    pub patient: Option<PatientId>,
}

impl Target for Search {
    fn resource(&self) -> Option<Uuid> {
        None
    }

    fn patient(&self) -> Option<PatientId> {
        self.patient
    }
}

/// The right to work on `T` in one transaction, as the caller, with the endpoint's permission.
///
/// Dropped without [`commit`](Self::commit) it leaves nothing behind.
pub struct Access<T> {
    trail: Arc<Trail>,
    granted: T,
    session: Option<Session>,
    actor_role: Option<String>,
    details: Map<String, Value>,
    action: Action,
    claiming: bool,
}

// No permission is looked up in Rust: the function raises where one is missing, so that a
// statement sent along in the same flush doesn't run either.
const BEGIN_REQUEST: &str = "select role from begin_request($1, $2, $3)";
const BEGIN_JOB: &str = "select role from begin_job($1)";

impl<T: Target> Access<T> {
    pub(crate) fn new(trail: Arc<Trail>, granted: T) -> Self {
        trail.attempts(Attempt {
            resource: granted.resource(),
            patient: granted.patient(),
            owner: granted.owner(),
        });
        Self {
            action: trail.environment.endpoint.action,
            trail,
            granted,
            session: None,
            actor_role: None,
            details: Map::new(),
            claiming: true,
        }
    }

    /// For giving a kept answer again: its key is claimed already.
    pub(crate) fn without_claim(mut self) -> Self {
        self.claiming = false;
        self
    }

    /// Says what it is about once that is known.
    pub(crate) fn about(&self, resource: Option<Uuid>) {
        self.trail.attempts(Attempt {
            resource,
            patient: None,
            owner: None,
        });
    }

    fn claim(&self) -> Option<&Claim> {
        self.trail.claim.as_ref().filter(|_| self.claiming)
    }

    /// What this access is to.
    pub fn granted(&self) -> &T {
        &self.granted
    }

    /// Adds to the audit row's details: ids, field names, counts; never a PHI value.
    pub fn note(&mut self, key: &str, value: impl Into<Value>) {
        self.details.insert(key.to_owned(), value.into());
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
        let rows = self.flush(&[statement]).await?.pop().unwrap_or_default();
        Ok(rows.first().map(R::from_row).transpose()?)
    }

    /// All rows of a statement. Its text must bound their number.
    pub async fn all<R: FromRow>(&mut self, statement: Statement<'_>) -> Result<Vec<R>, Error> {
        let rows = self.flush(&[statement]).await?.pop().unwrap_or_default();
        Ok(rows.iter().map(R::from_row).collect::<Result<_, _>>()?)
    }

    /// Writes, then reads what was written, in one flush. Errors: [`Error::NotFound`] where
    /// `read` finds nothing.
    pub async fn write_then_read<R: FromRow>(
        &mut self,
        write: Statement<'_>,
        read: Statement<'_>,
    ) -> Result<R, Error> {
        let rows = self.flush(&[write, read]).await?.pop().unwrap_or_default();
        rows.first()
            .map(R::from_row)
            .transpose()?
            .ok_or(Error::NotFound)
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
        let row = results
            .last()
            .and_then(|rows| rows.first())
            .map(R::from_row)
            .transpose()?;
        Ok((written, row.ok_or(Error::NotFound)?))
    }

    /// Sends the statements, behind BEGIN and the actor if they are the first, and awaits them all.
    async fn flush(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        let opening = self.session.is_none();
        if opening {
            let connection = self.trail.environment.database.connection().await?;
            self.session = Some(Session::new(connection));
        }
        let session = self
            .session
            .as_mut()
            .ok_or(Error::Internal("a transaction without connection"))?;
        let permission = self.trail.environment.endpoint.permission;
        let (person, system): ([&dyn Parameter; 3], [&dyn Parameter; 1]);
        let actor = match &self.trail.caller {
            Caller::Person { user, assured } => {
                person = [user, assured, &permission];
                sql(BEGIN_REQUEST, &person)
            }
            Caller::System => {
                system = [&permission];
                sql(BEGIN_JOB, &system)
            }
        };
        let actor = (actor.text, actor.typed());
        let (key, request_hash) = match self
            .trail
            .claim
            .as_ref()
            .filter(|_| self.claiming && opening)
        {
            Some(claim) => (Some(&claim.key), &claim.request_hash[..]),
            None => (None, &[][..]),
        };
        let name = self.trail.environment.endpoint.name;
        let claim: [&dyn Parameter; 3] = [&key.cloned(), &name, &request_hash];
        let claims = usize::from(key.is_some());
        let statements: Vec<_> = std::iter::repeat_n(sql(CLAIM, &claim), claims)
            .chain(statements.iter().copied())
            .map(|statement| (statement.text, statement.typed()))
            .collect();

        // join3 and join_all poll in order, so this is the order on the wire.
        let (begun, actor, results) = session
            .flush(&self.trail.round_trips, |client| {
                let begin = async {
                    if opening {
                        client.batch_execute("begin").await
                    } else {
                        Ok(())
                    }
                };
                let actor = async {
                    if opening {
                        client.query_typed_one(actor.0, &actor.1).await.map(Some)
                    } else {
                        Ok(None)
                    }
                };
                let results = join_all(
                    statements
                        .iter()
                        .map(|(text, parameters)| client.query_typed(text, parameters)),
                );
                join3(begin, actor, results)
            })
            .await
            .ok_or(Error::Internal("a transaction without connection"))?;

        begun?;
        if let Some(actor) = actor? {
            self.actor_role = Some(actor.try_get("role")?);
        }
        // The first error is the cause; those behind it only say that the transaction is aborted.
        let results: Result<Vec<_>, _> = results.into_iter().collect();
        Ok(results?.split_off(claims))
    }

    /// Writes the audit row, commits, and makes the answer: the only way to one.
    pub async fn commit<A: Answer>(mut self, answer: A) -> Reply<A> {
        if self.session.is_none() {
            self.flush(&[]).await?;
        }
        let session = self
            .session
            .take()
            .ok_or(Error::Internal("a transaction without connection"))?;
        let mut entry = self.trail.entry(Outcome::Success);
        entry.actor_role = self.actor_role.take();
        entry.action_type = self.action;
        entry.details = std::mem::take(&mut self.details);
        entry.patients = answer.patients();
        entry.patients.extend(self.granted.patient());
        entry.patients.sort_unstable();
        entry.patients.dedup();
        let response = answer.into_response()?;
        let Some(claim) = self.claim() else {
            self.trail.finish(session, entry, None).await?;
            return Ok(Audited::committed(response));
        };
        let (status, headers, body) = kept_parts(&response)?;
        let (resource, patients) = (entry.resource_id, entry.patients.clone());
        let kept: [&dyn Parameter; 6] =
            [&claim.key, &status, &headers, &body, &resource, &patients];
        self.trail
            .finish(session, entry, Some(sql(KEEP, &kept)))
            .await?;
        Ok(Audited::committed(response))
    }
}

impl<T> Drop for Access<T> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.trail.leave_open(session);
        }
    }
}

type KeptParts = (i32, Jsonb<Vec<(String, String)>>, String);

/// Status, headers and body of an answer as they are kept. The request's own id is not among them.
fn kept_parts(response: &Response<Body>) -> Result<KeptParts, Error> {
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let Body::Text(body) = response.body() else {
        return Err(Error::Internal("an answer to keep is not text"));
    };
    Ok((
        response.status().as_u16().into(),
        Jsonb(headers),
        body.clone(),
    ))
}
