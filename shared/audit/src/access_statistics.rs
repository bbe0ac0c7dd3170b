//! Numbers of audit rows by day, as the API returns them.

use domain::disclosure::Content;
use domain::ids::PatientId;
use domain::time::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sql::{Jsonb, row, text_enum};

text_enum! {
    /// The field of an audit row that rows are grouped by.
    pub enum Grouping: "snake_case" {
        /// The result of the action.
        Outcome,
        /// The kind of action.
        ActionType,
        /// The function that performed the action. Archived months are left out.
        Application,
        /// The user who acted. Actions without a user are left out.
        UserId,
        /// The patient concerned. Actions that concern no patient or several patients are left out.
        PatientId,
    }
}

text_enum! {
    /// The place of the audit rows of a month.
    pub enum MonthState: "SCREAMING_SNAKE_CASE" {
        /// The rows are in the database.
        Live,
        /// The rows are in the archive.
        Archived,
        /// The rows were deleted after their retention.
        Deleted,
    }
}

/// A month of the audit log.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct Month {
    /// The first day of the month (UTC).
    pub month: Date,
    /// The place of the audit rows of this month.
    pub state: MonthState,
    /// Whether the month is counted. Deleted months are not. Archived months are not if rows are grouped or filtered by
    /// `application`.
    pub is_counted: bool,
}

/// The number of audit rows on a day.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct Day {
    /// The day (UTC) that is counted.
    pub day: Date,
    /// The number of audit rows of the group on this day.
    #[schemars(range(min = 1))]
    pub count: i64,
}

/// The audit rows with the same value of the field.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct Group {
    /// The value of the field, for example `DENIED` or an id.
    pub key: String,
    /// The number of audit rows of the group.
    #[schemars(range(min = 1))]
    pub count: i64,
    /// The days with rows of the group, in their order. Days without such rows are left out.
    pub days: Vec<Day>,
}

row! {
    /// Numbers of audit rows by group and day.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct AccessStatistics {
        /// The number of audit rows in all groups.
        #[schemars(range(min = 0))]
        pub total: i64,
        /// The groups with the most rows, the largest first.
        pub groups: Jsonb<Vec<Group>>,
        /// The number of further groups.
        #[schemars(range(min = 0))]
        pub other_groups: i64,
        /// The number of audit rows in the further groups.
        #[schemars(range(min = 0))]
        pub other_count: i64,
        /// The months of the days that were asked for, the oldest first.
        pub months: Jsonb<Vec<Month>>,
    }
}

impl Content for AccessStatistics {
    // As in the list of audit rows, the reader sees no data of the patients.
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}
