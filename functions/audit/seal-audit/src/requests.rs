//! What the logs of the gateway and the functions say of one minute: which requests and invocations must have audit
//! rows.

use std::collections::{BTreeMap, BTreeSet};

use api::lambda::Failure;
use aws::Event;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use transparency_log::leaf::Logged;
use uuid::Uuid;

use crate::public_routes::PublicRoutes;
use crate::settings::Settings;

/// The gateway writes a line when it has answered, within this time after it received the request.
const LONGEST_REQUEST: TimeDelta = TimeDelta::minutes(2);

/// A function logs that it handled an event within this time before Lambda reports the end of the invocation.
const BEFORE_REPORT: TimeDelta = TimeDelta::seconds(10);

const EVENTS_HANDLED: &str = r#"{ $.message = "event handled" }"#;

const REPORTS: &str = r#"{ $.type = "platform.report" }"#;

/// The landed lines of steps: their request ids have a slash.
const STEPS_LANDED: &str = r#"{ ($.message = "audit row committed") && ($.request_id = "*/*") }"#;

/// A line of the access log, in the form that the template sets. A hyphen stands for what there is not.
#[derive(Deserialize)]
struct Line {
    request_id: String,
    time_epoch: String,
    method: String,
    route: String,
    status: String,
    integration_request_id: String,
}

/// A line about an event or a run of a schedule.
#[derive(Deserialize)]
struct Handled {
    request_id: String,
    #[serde(default)]
    rows: u64,
}

/// A line of Lambda itself about the end of an invocation.
#[derive(Deserialize)]
struct Report {
    record: Record,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    request_id: String,
    status: String,
}

/// The landed line of a step's row, as `audit::lines` describes it.
#[derive(Debug, Deserialize)]
pub struct Landed {
    pub request_id: String,
    pub chain_id: Uuid,
    pub seq: i64,
    #[serde(with = "hex::serde")]
    pub row_hash: [u8; 32],
}

/// What was logged for one minute.
#[derive(Debug, Default)]
pub struct Requests {
    /// The counts, without the requests below.
    pub logged: Logged,
    /// Requests that must have an audit row, with whether they failed with a status from 500 on: those may have none.
    pub audited: BTreeMap<String, bool>,
    /// How many rows each invocation of an event function says that it committed, if any.
    pub handled: BTreeMap<String, u64>,
    /// The rows of event functions whose COMMIT was confirmed. An invocation that died has said so of each row, and only
    /// they tell which try of an event a row is of: Lambda repeats an event under the same id.
    pub landed: Vec<Landed>,
    /// The invocations that succeeded, as Lambda reports, and whose function did not log what it did.
    pub silent: BTreeSet<String>,
}

/// The kinds of requests that need no audit row, and the others.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Public,
    Preflight,
    Unauthenticated,
    Throttled,
    GatewayError,
    Audited { failed: bool },
}

impl Requests {
    /// Reads what was logged for the minute that begins at `minute`. Errors: a log can't be searched.
    pub async fn read(settings: &Settings, minute: DateTime<Utc>) -> Result<Self, Failure> {
        let routes = &settings.public_routes;
        let mut requests = Self::default();
        // The last millisecond of the minute.
        let end = minute + TimeDelta::minutes(1) - TimeDelta::milliseconds(1);
        let milliseconds = minute.timestamp_millis()..=end.timestamp_millis();
        let lines = settings
            .gateway
            .search("", minute, end + LONGEST_REQUEST, |event| {
                // A line in another form would be a request that nobody can reconcile.
                match serde_json::from_str::<Line>(&event.message) {
                    Ok(line)
                        if line
                            .time_epoch
                            .parse()
                            .is_ok_and(|time| milliseconds.contains(&time)) =>
                    {
                        requests.add(line, routes);
                    }
                    Ok(_) => {}
                    Err(_) => {
                        tracing::error!(
                            "a line of the access log has another form than the template's"
                        )
                    }
                }
            });
        lines.await?;
        requests.read_events(settings, minute, end).await?;
        Ok(requests)
    }

    async fn read_events(
        &mut self,
        settings: &Settings,
        minute: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let functions = &settings.functions;
        let mut handled = BTreeSet::new();
        let lines = functions.search(EVENTS_HANDLED, minute - BEFORE_REPORT, end, |event| {
            let Ok(line) = serde_json::from_str::<Handled>(&event.message) else {
                return;
            };
            handled.insert(line.request_id.clone());
            if line.rows > 0 && event.timestamp >= minute.timestamp_millis() {
                *self.handled.entry(line.request_id).or_default() += line.rows;
            }
        });
        lines.await?;
        let reports = functions.search(REPORTS, minute, end, |event| {
            let report = serde_json::from_str::<Report>(&event.message);
            let report = report.map(|report| report.record);
            if let Ok(report) = report
                && settings.event_functions.write_to(&event.stream)
            {
                self.logged.invocations += 1;
                if report.status == "success" && !handled.contains(&report.request_id) {
                    self.silent.insert(report.request_id);
                }
            }
        });
        reports.await?;
        let landed =
            functions.search(
                STEPS_LANDED,
                minute,
                end,
                |event: Event| match serde_json::from_str(&event.message) {
                    Ok(line) => self.landed.push(line),
                    Err(_) => tracing::error!("a landed line has another form than the functions'"),
                },
            );
        Ok(landed.await?)
    }

    fn add(&mut self, line: Line, routes: &PublicRoutes) {
        let logged = &mut self.logged;
        let count = match line.kind(routes) {
            Kind::Public => &mut logged.public,
            Kind::Preflight => &mut logged.preflight,
            Kind::Unauthenticated => &mut logged.unauthenticated,
            Kind::Throttled => &mut logged.throttled,
            Kind::GatewayError => &mut logged.gateway_errors,
            Kind::Audited { failed } => {
                self.audited.insert(line.request_id, failed);
                return;
            }
        };
        *count += 1;
    }
}

impl Line {
    fn kind(&self, routes: &PublicRoutes) -> Kind {
        let called = self.integration_request_id != "-";
        match self.status.as_str() {
            _ if self.method == "OPTIONS" => Kind::Preflight,
            _ if routes.contains(&self.route) => Kind::Public,
            "401" => Kind::Unauthenticated,
            // A function refuses too many requests without a row of their own; the subject's next row counts them.
            "429" => Kind::Throttled,
            _ if !called => Kind::GatewayError,
            status => Kind::Audited {
                failed: status.starts_with('5'),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(method: &str, route: &str, status: &str, called: bool) -> Kind {
        let line = Line {
            request_id: "r".into(),
            time_epoch: "0".into(),
            method: method.into(),
            route: route.into(),
            status: status.into(),
            integration_request_id: if called { "i" } else { "-" }.into(),
        };
        line.kind(&PublicRoutes::parse("GET /health,HEAD /health,$default"))
    }

    #[test]
    fn only_requests_that_reached_a_function_with_a_caller_must_have_a_row() {
        let route = "GET /v1/me";
        for status in ["200", "403", "404", "422"] {
            assert_eq!(
                kind("GET", route, status, true),
                Kind::Audited { failed: false }
            );
        }
        for status in ["500", "503", "504"] {
            assert_eq!(
                kind("GET", route, status, true),
                Kind::Audited { failed: true }
            );
            assert_eq!(kind("GET", route, status, false), Kind::GatewayError);
        }
        assert_eq!(kind("GET", route, "401", true), Kind::Unauthenticated);
        assert_eq!(kind("GET", route, "429", true), Kind::Throttled);
        assert_eq!(kind("GET", route, "429", false), Kind::Throttled);
        assert_eq!(kind("GET", route, "413", false), Kind::GatewayError);
        assert_eq!(kind("OPTIONS", "-", "204", false), Kind::Preflight);
        assert_eq!(kind("GET", "GET /health", "200", true), Kind::Public);
        assert_eq!(kind("GET", "$default", "404", true), Kind::Public);
    }
}
