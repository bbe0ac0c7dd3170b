//! The caller that a transaction acts for.

use audit::Relation;
use domain::ids::{PatientId, SubjectId, UserId};
use sql::{Connection, FromRow as _, Parameter, row, sql};
use tokio_postgres::Row;

use crate::ticket::{Ticket, TicketKey};

/// The caller that a transaction acts for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    /// The subject of a verified token. `assured` is whether the token's assurance level satisfies the
    /// deployment's requirement.
    Person { subject: SubjectId, assured: bool },
    /// A function that a schedule or an event started.
    System,
}

row! {
    /// Who acts, as the database found them.
    #[derive(Clone, Debug)]
    pub struct Actor {
        /// None for a function, and for a subject without a profile.
        pub user_id: Option<UserId>,
        /// None for a subject without a profile.
        pub role: Option<String>,
        /// None for a function, and if the caller is only refused.
        pub relation: Option<Relation>,
        /// The caller as a patient. None if they aren't one, for a function, and if the caller is only refused.
        pub patient_id: Option<PatientId>,
        /// The number of the caller's refusals that the audit row must count.
        pub left_out: i64,
        /// The source system whose data the caller imports. None for everyone but importers.
        pub source_system: Option<String>,
        /// The number of leaves of the sealed log. None if nothing is sealed, for a function, and if the caller is only
        /// refused.
        pub sealed_size: Option<i64>,
        /// The patients whom the caller reaches only with emergency access, in the order of their ids.
        pub emergency_patients: Vec<PatientId>,
    }
}

row! {
    /// A refusal that was counted.
    #[derive(Debug)]
    pub struct Counted {
        /// The number of seconds after which a refusal gets an audit row again. None if this one gets it.
        pub retry_after: Option<i32>,
        /// The number of former refusals that the audit row must count.
        pub left_out: i64,
    }
}

// Rust checks no permission. These SQL functions raise an error if the permission is missing, and then
// the other statements of the flush don't run either.
const BEGIN_REQUEST: &str = "
    select user_id, role, relation, patient_id, left_out, source_system, sealed_size, emergency_patients
    from begin_request($1, $2, $3, $4, $5, $6)";
const BEGIN_JOB: &str = "
    select null::uuid as user_id, role, null as relation, null::uuid as patient_id, 0::bigint as left_out,
      null as source_system, null::bigint as sealed_size, '{}'::uuid[] as emergency_patients
    from begin_job($1, $2, $3, $4)";
const BEGIN_ATTEMPT: &str = "
    select user_id, role, null as relation, null::uuid as patient_id, left_out, source_system,
      null::bigint as sealed_size, '{}'::uuid[] as emergency_patients, refusal
    from begin_attempt($1, $2, $3, $4, $5)";
const COUNT_REFUSAL: &str = "select retry_after, left_out from count_refusal()";

impl Actor {
    /// The relation in which the actor acts on the data of these patients. `append_audit` demands it.
    ///
    /// The database states a relation before the patients are known. SELF becomes REPRESENTATION if one of them
    /// isn't the actor, because the reach OWN covers nobody else but those whom the actor represents. CARE becomes
    /// EMERGENCY if all of them are reached only with emergency access.
    pub(crate) fn relation_to(&self, patients: &[PatientId]) -> Option<Relation> {
        let is_own = |patient: &PatientId| self.patient_id == Some(*patient);
        let is_emergency = |patient: &PatientId| self.emergency_patients.contains(patient);
        match self.relation {
            Some(Relation::Care) if !patients.is_empty() && patients.iter().all(is_emergency) => {
                Some(Relation::Emergency)
            }
            Some(Relation::Oneself) if !patients.iter().all(is_own) => {
                Some(Relation::Representation)
            }
            relation => relation,
        }
    }
}

impl Caller {
    /// The subject of the caller's token, or none for a function.
    pub(crate) fn subject(self) -> Option<SubjectId> {
        match self {
            Self::Person { subject, .. } => Some(subject),
            Self::System => None,
        }
    }

    /// Signs a ticket for this caller and permission.
    pub(crate) fn ticket(self, key: &TicketKey, permission: &'static str) -> Ticket {
        match self {
            Self::Person { subject, assured } => key.sign(Some(subject), assured, permission),
            Self::System => key.sign(None, true, permission),
        }
    }
}

impl Ticket {
    /// Sets the actor of the open transaction, and the trace that its business events name. Errors: the caller may not
    /// act or lacks the permission.
    pub(crate) async fn begin(
        &self,
        client: &Connection,
        trace_id: Option<&str>,
    ) -> Result<Row, tokio_postgres::Error> {
        match self.subject {
            Some(_) => self.send(client, BEGIN_REQUEST, &[&trace_id]).await,
            None => {
                let signature = &self.signature[..];
                let parameters: [&dyn Parameter; 4] =
                    [&self.permission, &self.clock, &signature, &trace_id];
                sql(BEGIN_JOB, &parameters).query_one(client).await
            }
        }
    }

    /// Proves the caller to the open transaction, which only appends the audit row of a refusal, a failure
    /// or a fence.
    pub(crate) async fn begin_attempt(
        &self,
        client: &Connection,
    ) -> Result<Row, tokio_postgres::Error> {
        self.send(client, BEGIN_ATTEMPT, &[]).await
    }

    /// Counts a refusal of the caller to whom the open transaction was proven. None for a function.
    pub(crate) async fn count_refusal(
        &self,
        client: &Connection,
    ) -> Result<Option<Counted>, tokio_postgres::Error> {
        if self.subject.is_none() {
            return Ok(None);
        }
        let row = sql(COUNT_REFUSAL, &[]).named().query_one(client).await?;
        Counted::from_row(&row).map(Some)
    }

    /// Sends the parameters of the ticket, and those that follow them.
    async fn send(
        &self,
        client: &Connection,
        text: &str,
        further: &[&dyn Parameter],
    ) -> Result<Row, tokio_postgres::Error> {
        let signature = &self.signature[..];
        let parameters = [&self.parameters(&signature)[..], further].concat();
        sql(text, &parameters).named().query_one(client).await
    }

    /// The parameters of `begin_request` and `begin_attempt`. The last is the ticket's signature.
    pub(crate) fn parameters<'a>(&'a self, signature: &'a &'a [u8]) -> [&'a dyn Parameter; 5] {
        [
            &self.subject,
            &self.is_assured,
            &self.permission,
            &self.clock,
            signature,
        ]
    }
}
