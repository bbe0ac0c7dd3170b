//! `PUT /v1/alert-rules/{name}`: sets the threshold and the weight of a rule, and whether it is enabled.

use api::prelude::*;
use domain::alert::AlertRule;
use domain::number::Whole;
use domain::select_alert_rule;

pub const ENDPOINT: Endpoint = Endpoint::put("/v1/alert-rules/{name}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Sets the threshold and the weight of a rule, and whether it is enabled")
    .needs("alert-rules:write")
    .recorded_as(Action::Update, ResourceType::AlertRule);

/// The numbers of a rule. Its meaning can't be changed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    /// The number from which on the rule raises an alert, 1 to 1000000. The rule's `meaning` says what it counts.
    pub threshold: Whole<1, 1_000_000>,
    /// The score of an alert by this rule, 1 to 100.
    pub weight: Whole<1, 100>,
    /// Whether the rule raises alerts.
    pub is_enabled: bool,
}

const CURRENT: &str = "
    select version from alert_rules where name = $1 and reach('alert-rules:write') = 'ALL' for update";
const UPDATE: &str =
    "update alert_rules set threshold = $1, weight = $2, is_enabled = $3 where name = $4";
const READ: &str = select_alert_rule!("where name = $1");

/// Sets the rule. Its audit row has the new numbers. Errors: there is no such rule.
pub async fn handle(
    call: Call,
    Path(name): Path<String>,
    Body(new): Body<RuleSettings>,
    if_match: IfMatch,
) -> Reply<Json<AlertRule>> {
    let mut access = call.authorize(Search::default());
    // Only the name of a rule may get into the audit row.
    if !is_rule_name(&name) {
        return Err(Error::NotFound);
    }
    access.check(if_match, sql(CURRENT, &[&name])).await?;
    access.add_note("rule", name.as_str());
    access.add_note("threshold", new.threshold.get());
    access.add_note("weight", new.weight.get());
    access.add_note("is_enabled", new.is_enabled);
    let rule: AlertRule = access
        .write_then_read(
            sql(
                UPDATE,
                &[&new.threshold, &new.weight, &new.is_enabled, &name],
            ),
            sql(READ, &[&name]),
        )
        .await?
        .row;
    access.commit(Json(rule)).await
}

fn is_rule_name(name: &str) -> bool {
    (2..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}
