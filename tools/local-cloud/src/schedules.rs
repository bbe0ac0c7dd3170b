//! EventBridge Scheduler: starts functions at the times that the template sets.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::lambda::REGION;
use crate::template::{Schedule, Template};

/// The largest value of each field of a cron expression: minutes, hours, day of month, month, day of
/// week, year.
const LAST: [u16; 6] = [59, 23, 31, 12, 7, 2199];

/// Running schedules. Dropping it ends them.
#[derive(Debug)]
pub struct Schedules {
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
enum Times {
    Every(Duration),
    Matching(Box<Cron>),
}

impl Schedules {
    /// Runs every schedule of `template`. `send` gets the function and its event.
    ///
    /// # Errors
    /// An expression isn't valid; names the function.
    pub fn start(
        template: &Template,
        send: impl Fn(&str, Value) + Send + Sync + 'static,
    ) -> Result<Self> {
        let send = Arc::new(send);
        let mut tasks = JoinSet::new();
        for function in &template.functions {
            for schedule in &function.schedules {
                let times = Times::parse(&schedule.expression).with_context(|| {
                    format!("schedule {} of {}", schedule.name, function.package)
                })?;
                let (package, schedule, send) =
                    (function.package.clone(), schedule.clone(), send.clone());
                tasks.spawn(times.repeat(move || send(&package, event(&schedule))));
            }
        }
        Ok(Self { _tasks: tasks })
    }
}

/// The event that a schedule sends to its function.
pub fn event(schedule: &Schedule) -> Value {
    if let Some(input) = &schedule.input {
        return serde_json::from_str(input).unwrap_or_else(|_| Value::String(input.clone()));
    }
    // EventBridge Scheduler sends this if the schedule has no input.
    json!({
        "version": "0",
        "id": Uuid::new_v4(),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "000000000000",
        "time": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        "region": REGION,
        "resources": [format!("arn:aws:scheduler:{REGION}:000000000000:schedule/default/{}", schedule.name)],
        "detail": "{}",
    })
}

impl Times {
    /// Reads `rate(1 minute)` or `cron(0 3 * * ? *)`.
    fn parse(expression: &str) -> Result<Self> {
        let inside = |kind: &str| {
            expression
                .strip_prefix(kind)?
                .strip_prefix('(')?
                .strip_suffix(')')
        };
        if let Some(rate) = inside("rate") {
            return Ok(Self::Every(every(rate)?));
        }
        let Some(fields) = inside("cron") else {
            bail!("{expression} is neither rate(…) nor cron(…)");
        };
        let fields: Vec<_> = fields.split_whitespace().collect();
        if fields.len() != LAST.len() {
            bail!(
                "{expression} needs six fields: minutes hours day-of-month month day-of-week year"
            );
        }
        let fields: Vec<_> = fields
            .iter()
            .zip(LAST)
            .map(|(field, last)| with_ends(field, last))
            .collect();
        let parser = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            // 1 is Sunday, as AWS counts.
            .alternative_weekdays(true)
            .build();
        let cron = parser
            .parse(&format!("0 {}", fields.join(" ")))
            .with_context(|| format!("{expression} can't be read"))?;
        Ok(Self::Matching(Box::new(cron)))
    }

    /// Does `what` at each of the times.
    async fn repeat(self, what: impl Fn()) {
        while let Some(pause) = self.pause(&Utc::now()) {
            tokio::time::sleep(pause).await;
            what();
        }
    }

    /// The time from `now` to the next start; `None` if there is none.
    fn pause(&self, now: &DateTime<Utc>) -> Option<Duration> {
        match self {
            Self::Every(pause) => Some(*pause),
            Self::Matching(cron) => {
                let next = cron.find_next_occurrence(now, false).ok()?;
                (next - now).to_std().ok()
            }
        }
    }
}

/// Adds the end to AWS's `5/10`, every tenth from the fifth on: `5-59/10`.
fn with_ends(field: &str, last: u16) -> String {
    let part = |part: &str| match part.split_once('/') {
        Some((start, step)) if start.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{start}-{last}/{step}")
        }
        _ => part.to_owned(),
    };
    field.split(',').map(part).collect::<Vec<_>>().join(",")
}

/// Reads a rate such as `5 minutes`.
fn every(rate: &str) -> Result<Duration> {
    let (count, unit) = rate
        .trim()
        .split_once(' ')
        .context("rate(…) needs a number and a unit")?;
    let count: u64 = count
        .parse()
        .with_context(|| format!("{count} is no number"))?;
    let seconds = match unit.trim() {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 60 * 60,
        "day" | "days" => 24 * 60 * 60,
        unit => bail!("rate(…) knows minutes, hours and days, not {unit}"),
    };
    if count == 0 {
        bail!("rate({rate}) would never rest");
    }
    Ok(Duration::from_secs(count * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(expression: &str, now: &str) -> Duration {
        let now: DateTime<Utc> = now.parse().unwrap();
        Times::parse(expression).unwrap().pause(&now).unwrap()
    }

    #[test]
    fn rates_and_times_are_read_as_aws_reads_them() {
        let noon = "2026-01-01T12:00:00Z"; // a Thursday
        assert_eq!(pause("rate(1 minute)", noon), Duration::from_secs(60));
        assert_eq!(pause("rate(2 hours)", noon), Duration::from_secs(7200));
        assert_eq!(
            pause("cron(30 12 * * ? *)", noon),
            Duration::from_secs(1800)
        );
        assert_eq!(
            pause("cron(0 12 ? * SUN *)", noon),
            Duration::from_secs(3 * 86400)
        );
        assert_eq!(
            pause("cron(0 12 ? * 1 *)", noon),
            Duration::from_secs(3 * 86400)
        );
        assert_eq!(
            pause("cron(0/15 * * * ? *)", "2026-01-01T12:01:00Z"),
            Duration::from_secs(14 * 60)
        );
    }

    #[test]
    fn what_can_not_be_read_is_refused() {
        for wrong in [
            "",
            "rate(0 minutes)",
            "rate(1 week)",
            "rate(five minutes)",
            "cron(0 3 * * ?)",
            "cron(99 * * * ? *)",
            "at(2026-01-01T00:00:00)",
        ] {
            assert!(Times::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_event_is_the_input_or_the_schedulers_own() {
        let mut schedule = Schedule {
            name: "Nightly".into(),
            expression: String::new(),
            input: None,
        };
        assert_eq!(event(&schedule)["source"], "aws.scheduler");
        schedule.input = Some(r#"{"all":true}"#.into());
        assert_eq!(event(&schedule), json!({"all": true}));
    }

    #[tokio::test]
    async fn a_schedule_repeats_until_dropped() {
        let (sender, mut sent) = tokio::sync::mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let times = Times::Every(Duration::from_millis(1));
        tasks.spawn(times.repeat(move || {
            let _ = sender.send(());
        }));
        assert_eq!(sent.recv().await, Some(()));
        assert_eq!(sent.recv().await, Some(()));
        drop(Schedules { _tasks: tasks });
        while sent.recv().await.is_some() {}
    }

    #[tokio::test]
    async fn a_template_with_a_wrong_schedule_is_refused_by_name() {
        let template = Template::parse(
            "Resources: {Seal: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: seal-audit, \
             Events: {Often: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 week)}}}}}}",
        )
        .unwrap();
        let error = Schedules::start(&template, |_, _| {})
            .unwrap_err()
            .to_string();
        assert_eq!(error, "schedule Often of seal-audit");
    }
}
