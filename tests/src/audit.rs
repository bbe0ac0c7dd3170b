//! The checks of the tests on the audit log.

use std::net::IpAddr;

use audit::{Entry, select_stored_row};
use domain::time::Timestamp;
use serde_json::{Map, Value, json};
use sql::FromRow as _;
use uuid::Uuid;

use crate::answer::Answer;
use crate::people::{AGENT, Actor};
use crate::world::World;

/// An audit row as stored in PostgreSQL.
pub type AuditRow = audit::StoredRow;

/// The expected content of an audit row.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    application: &'static str,
    action: &'static str,
    resource_type: &'static str,
    pub(crate) resource: Option<Uuid>,
    pub(crate) patients: Vec<Uuid>,
    outcome: &'static str,
    user: Option<Uuid>,
    role: Option<String>,
    pub(crate) details: Map<String, Value>,
    from_outside: bool,
    is_attempt: bool,
    is_so_far: bool,
    may_give_care: bool,
}

/// Expects a success of this function, without a caller and without a resource. A failure has a
/// resource and a patient, too, if the handler got as far as `authorize`.
pub fn audit(
    application: &'static str,
    action: &'static str,
    resource_type: &'static str,
) -> Expected {
    Expected {
        application,
        action,
        resource_type,
        resource: None,
        patients: Vec::new(),
        outcome: "SUCCESS",
        user: None,
        role: None,
        details: Map::new(),
        from_outside: true,
        is_attempt: false,
        is_so_far: false,
        may_give_care: false,
    }
}

impl Expected {
    /// Expects this caller as actor, in their role.
    #[must_use]
    pub fn by(mut self, actor: &Actor) -> Self {
        self.user = actor.role.map(|_| actor.user);
        self.role = actor.role.map(str::to_owned);
        self
    }

    /// Expects a function without a caller as actor.
    #[must_use]
    pub fn by_system(mut self) -> Self {
        self.role = Some("SYSTEM".to_owned());
        self.from_outside = false;
        self
    }

    /// Expects this resource.
    #[must_use]
    pub fn resource(mut self, id: Uuid) -> Self {
        self.resource = Some(id);
        self
    }

    /// Expects a resource that the request tried to create, whose id the answer doesn't contain.
    #[must_use]
    pub fn attempted(mut self) -> Self {
        self.is_attempt = true;
        self
    }

    /// Expects this resource and patient if the request was read far enough to know them, and
    /// otherwise neither.
    #[must_use]
    pub fn so_far(mut self) -> Self {
        self.is_so_far = true;
        self
    }

    /// Expects this patient in addition to those before.
    #[must_use]
    pub fn patient(mut self, id: Uuid) -> Self {
        self.patients.push(id);
        self.patients.sort_unstable();
        self
    }

    /// Expects a refusal for this reason.
    #[must_use]
    pub fn denied(mut self, reason: &str) -> Self {
        self.outcome = "DENIED";
        self.detail("reason", reason)
    }

    /// Expects a failure for this reason.
    #[must_use]
    pub fn failed(mut self, reason: &str) -> Self {
        self.outcome = "FAILURE";
        self.detail("reason", reason)
    }

    /// Expects this detail.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// Expects care of this user on this basis, until this time or without a fixed end.
    #[must_use]
    pub fn giving_care(self, user: Uuid, basis: &str, until: Option<&str>) -> Self {
        self.detail(
            "care",
            json!({"user_id": user, "basis": basis, "until": until}),
        )
    }

    /// Leaves open whether the row says that care was given.
    #[must_use]
    pub fn may_give_care(mut self) -> Self {
        self.may_give_care = true;
        self
    }

    /// Removes this detail from the expected ones.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.details.remove(key);
        self
    }

    /// Fills in the parts left open from the row's entry.
    fn close(&mut self, entry: &Entry) {
        if std::mem::take(&mut self.may_give_care)
            && let Some(care) = entry.details.get("care")
        {
            self.details.insert("care".to_owned(), care.clone());
        }
        let is_so_far = std::mem::take(&mut self.is_so_far);
        if std::mem::take(&mut self.is_attempt) {
            self.resource = entry.resource_id;
            assert!(is_so_far || entry.resource_id.is_some(), "{entry:?}");
        }
        if is_so_far && entry.patients.is_empty() {
            self.patients.clear();
            self.resource = self.resource.and(entry.resource_id);
        }
    }

    /// Returns what this row contains, for comparison.
    pub fn of(row: &AuditRow) -> Self {
        let entry = &row.entry;
        // The names are compared as text. Leaking a few bytes per test keeps this type simple.
        Self {
            application: entry.application.clone().leak(),
            action: entry.action_type.label(),
            resource_type: entry.resource_type.label(),
            resource: entry.resource_id,
            patients: entry.patients.iter().map(|id| (*id).into()).collect(),
            outcome: entry.outcome.label(),
            user: entry.user_id.map(Into::into),
            role: entry.actor_role.clone(),
            details: entry.details.clone(),
            from_outside: entry.source_ip == Some(IpAddr::from([127, 0, 0, 1]))
                && entry.user_agent.as_deref() == Some(AGENT),
            is_attempt: false,
            is_so_far: false,
            may_give_care: false,
        }
    }
}

impl World {
    /// Returns all rows, oldest first.
    pub async fn audit_log(&self) -> Vec<AuditRow> {
        let rows = self
            .sql(select_stored_row!("order by timestamp, chain_id, seq"), &[])
            .await;
        read(&rows)
    }

    /// Returns the rows of the request with this answer.
    pub async fn audit_of(&self, answer: &Answer) -> Vec<AuditRow> {
        self.audit_of_request(answer.request_id()).await
    }

    /// Returns the rows of this request, oldest first.
    pub async fn audit_of_request(&self, request_id: &str) -> Vec<AuditRow> {
        let rows = self
            .sql(
                select_stored_row!("where request_id = $1 order by timestamp, seq"),
                &[&request_id],
            )
            .await;
        read(&rows)
    }

    /// Returns the rows of all steps of this invocation of a job, oldest first.
    pub async fn audit_of_invocation(&self, request_id: &str) -> Vec<AuditRow> {
        let mut rows = self.audit_log().await;
        rows.retain(|row| row.entry.request_id.starts_with(&format!("{request_id}/")));
        rows
    }

    /// Asserts that no id of a request or step has rows with different outcomes.
    pub async fn each_request_has_one_outcome(&self) {
        let contradictions = self
            .rows(
                "select request_id as name from audit_logs group by request_id having count(distinct outcome) > 1",
                &[],
            )
            .await;
        assert!(contradictions.is_empty(), "{contradictions:?}");
    }

    /// Asserts that the request has exactly one audit row, which matches `expected`, is recent and
    /// has a correct hash. Returns it.
    pub async fn audited(&self, answer: &Answer, mut expected: Expected) -> AuditRow {
        let mut rows = self.audit_of(answer).await;
        assert_eq!(rows.len(), 1, "audit rows of {}: {rows:#?}", answer.text);
        let row = rows.remove(0);
        expected.close(&row.entry);
        assert_eq!(
            Expected::of(&row),
            expected,
            "the audit row of the answer {} (left) is not the expected one (right)",
            answer.text
        );
        assert!(row.is_intact(), "{row:?}");
        let age = Timestamp::now() - row.entry.timestamp;
        assert!((0..300).contains(&age.num_seconds()), "{row:?}");
        row
    }

    /// Recomputes every hash and follows every chain. Returns the number of rows.
    pub async fn verify_chains(&self) -> usize {
        let mut rows = self.audit_log().await;
        rows.sort_by_key(|row| (row.position.chain_id, row.position.seq));
        for (index, row) in rows.iter().enumerate() {
            assert!(row.is_intact(), "{row:?}");
            let position = row.position;
            let before = index
                .checked_sub(1)
                .map(|before| &rows[before])
                .filter(|before| before.position.chain_id == position.chain_id);
            let link = before.map_or((1, [0; 32]), |before| {
                (before.position.seq + 1, before.row_hash)
            });
            assert_eq!((position.seq, position.prev_hash), link, "{row:?}");
        }
        rows.len()
    }
}

fn read(rows: &[tokio_postgres::Row]) -> Vec<AuditRow> {
    let rows = rows.iter().map(AuditRow::from_row);
    rows.collect::<Result<_, _>>().unwrap()
}
