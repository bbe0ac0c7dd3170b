//! `GET /v1/access-statistics`: counts the rows of the audit log by day, for charts.

use api::prelude::*;
use audit::Outcome;
use audit::access_statistics::{AccessStatistics, Grouping};
use chrono::{NaiveDate, NaiveTime};
use domain::number::Whole;
use domain::text::Identifier;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/access-statistics")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Counts the rows of the audit log by day, for charts")
    .needs("audit:read")
    .recorded_as(Action::Search, ResourceType::AuditLog);

/// From the first day to the last.
const MOST_DAYS: TimeDelta = TimeDelta::days(365);

const DEFAULT_LIMIT: i32 = 10;

/// What is counted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The field that rows are grouped by, for example `outcome`.
    pub group_by: Grouping,
    /// The first day that is counted (UTC).
    pub from: Date,
    /// The last day that is counted (UTC), at most 365 days after `from`.
    pub until: Date,
    /// Only actions of this user are counted.
    pub user_id: Option<UserId>,
    /// Only actions that concerned this patient alone are counted.
    pub patient_id: Option<PatientId>,
    /// Only actions with this result are counted.
    pub outcome: Option<Outcome>,
    /// Only this kind of action is counted, for example `READ`.
    pub action_type: Option<Action>,
    /// Only actions of the function with this name are counted, for example `get-patient`. Archived months are left out.
    pub application: Option<Identifier<64>>,
    /// The greatest number of groups that are answered, 1 to 50. The default is 10.
    pub limit: Option<Whole<1, 50>>,
}

impl Check for Filter {
    fn check(&self, sound: &Sound<'_>) -> Result<(), Error> {
        let days = midnight(self.until) - midnight(self.from);
        let fits = days >= TimeDelta::zero() && days <= MOST_DAYS;
        match fits || !sound.are(&["from", "until"]) {
            true => Ok(()),
            false => Err(Error::invalid_parameter(
                "until",
                "expected a day not before from, at most 365 days later",
            )),
        }
    }
}

// A month is in one of both tables, and one statement sees one state of the database.
const COUNT: &str = concat!(
    "with counted as materialized (
       select case $1::text when 'outcome' then outcome::text when 'action_type' then action_type::text
           when 'application' then application::text when 'user_id' then user_id::text else patient_id::text end as key,
         (timestamp at time zone 'UTC')::date as day, count(*) as count
       from audit_logs
       where ($2::text is null or application = $2) and ",
    include_str!("filters.sql"),
    "  group by 1, 2
       union all
       select case $1::text when 'outcome' then outcome::text when 'action_type' then action_type::text
           when 'user_id' then user_id::text else patient_id::text end,
         (timestamp at time zone 'UTC')::date, count(*)
       from audit_archive_rows
       where $1::text <> 'application' and $2::text is null and ",
    include_str!("filters.sql"),
    "  group by 1, 2
     ), ",
    include_str!("shape.sql"),
);

pub async fn handle(
    call: Call,
    CheckedQuery(filter): CheckedQuery<Filter>,
) -> Reply<Json<AccessStatistics>> {
    let (begins, ends) = (
        midnight(filter.from),
        midnight(filter.until) + TimeDelta::days(1),
    );
    let limit = filter.limit.map_or(DEFAULT_LIMIT, Whole::get);
    let mut access = call.authorize(Search::default());
    let statistics: AccessStatistics = access
        .one(sql(
            COUNT,
            &[
                &filter.group_by,
                &filter.application,
                &filter.user_id,
                &filter.patient_id,
                &filter.outcome,
                &filter.action_type,
                &begins,
                &AuditLogId::first_of(begins),
                &ends,
                &AuditLogId::first_of(ends),
                &limit,
            ],
        ))
        .await?;
    access.commit(Json(statistics)).await
}

/// The first moment of a day, UTC.
fn midnight(day: Date) -> Timestamp {
    NaiveDate::from(day)
        .and_time(NaiveTime::MIN)
        .and_utc()
        .into()
}
