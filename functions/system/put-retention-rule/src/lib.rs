//! `PUT /v1/retention-rules/{resource_type}`: sets how long data of one kind are kept.

use api::prelude::*;
use domain::number::Whole;
use domain::retention::{RetainedType, RetentionRule};
use domain::select_retention_rule;
use domain::text::Text;

pub const ENDPOINT: Endpoint = Endpoint::put("/v1/retention-rules/{resource_type}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Sets how long data of one kind are kept")
    .needs("retention:write")
    .recorded_as(Action::Update, ResourceType::Retention)
    .conflicts(&[&[CONCURRENT]]);

const CONCURRENT: &str = "Another version was set at the same time. Read the report and try again.";

const FLOOR: &str = "expected at least as many years as the rules that came with Caretrail require of this jurisdiction and kind";

/// The next version of a rule of the installation's jurisdiction. No number can be below the rules that came with
/// Caretrail.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// The number of years that data are kept, 1 to 200. They count from the latest of the archiving, the last activity
    /// in the patient's chart and the patient's death.
    pub adult_years: Whole<1, 200>,
    /// The age in years at which the patient comes of age, 18 to 30.
    pub majority_age: Whole<18, 30>,
    /// The number of years after the patient comes of age that data about a minor are kept at least, 0 to 200.
    pub minor_years: Whole<0, 200>,
    /// The law that requires the rule, or the clinic's reason for it.
    pub reason: Text<1000>,
}

// Inserts nothing if the newest version says the same.
const SET: &str = "
    insert into retention_rules (jurisdiction, resource_type, adult_years, majority_age, minor_years, reason)
    select retention_jurisdiction(), $1::text::retained_type, $2, $3, $4, $5
    where reach('retention:write') = 'ALL' and not exists (
      select from (
        select adult_years, majority_age, minor_years, reason from retention_rules
        where jurisdiction = retention_jurisdiction() and resource_type = $1::text::retained_type
        order by version desc limit 1
      ) as newest
      where (adult_years, majority_age, minor_years, reason) = ($2, $3, $4, $5)
    )";
const READ: &str = select_retention_rule!(
    "where jurisdiction = retention_jurisdiction() and resource_type = $1::text::retained_type
     order by version desc limit 1"
);

/// Sets the rule. Errors: a number is below the floor.
pub async fn handle(
    call: Call,
    Path(kind): Path<RetainedType>,
    Body(new): Body<NewRule>,
) -> Reply<Json<RetentionRule>> {
    let mut access = call.authorize(Search::default());
    access.add_note("kind", kind.label());
    access.add_note("adult_years", new.adult_years.get());
    access.add_note("majority_age", new.majority_age.get());
    access.add_note("minor_years", new.minor_years.get());
    let rule: RetentionRule = access
        .write_then_read(
            sql(
                SET,
                &[
                    &kind,
                    &new.adult_years,
                    &new.majority_age,
                    &new.minor_years,
                    &new.reason,
                ],
            ),
            sql(READ, &[&kind]),
        )
        .await
        .on_constraints(rule_broken)?
        .row;
    access.commit(Json(rule)).await
}

fn rule_broken(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "retention_rules_pkey" => Error::Conflict(CONCURRENT),
        "retention_rules_floor_adult_years" => Error::invalid("adult_years", FLOOR),
        "retention_rules_floor_majority_age" => Error::invalid("majority_age", FLOOR),
        "retention_rules_floor_minor_years" => Error::invalid("minor_years", FLOOR),
        _ => return None,
    })
}
