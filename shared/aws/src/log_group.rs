//! Searches a log group of CloudWatch Logs.

use chrono::{DateTime, Utc};
use https::Client;
use serde::{Deserialize, Serialize};
use settings::{Misconfigured, required};

use crate::{Failure, Service};

/// Events on a page. An answer of CloudWatch Logs can have 1 MB.
const LIMIT: u32 = 2_000;

/// Pages of one search. More are a defect of the service, or far too many lines for one run.
const MOST_PAGES: usize = 1_000;

/// A log group.
pub struct LogGroup {
    service: Service,
    name: String,
}

/// A line of a log.
#[derive(Deserialize)]
pub struct Event {
    /// When it was written, in milliseconds since 1970.
    pub timestamp: i64,
    /// The line.
    pub message: String,
    /// The stream that has it: one for each execution environment of a function.
    #[serde(default, rename = "logStreamName")]
    pub stream: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    log_group_name: &'a str,
    start_time: i64,
    end_time: i64,
    filter_pattern: &'a str,
    limit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    events: Vec<Event>,
    next_token: Option<String>,
}

impl LogGroup {
    /// The group that a variable names. Errors: a variable is missing.
    pub fn from_env(variable: &'static str) -> Result<Self, Misconfigured> {
        Ok(Self {
            service: Service::from_env("logs", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS")?,
            name: required(variable)?,
        })
    }

    /// Calls `take` with each line from `start` to `end` that a
    /// [filter pattern](https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html) matches.
    /// The empty pattern matches all. Errors: CloudWatch Logs fails, or the lines are too many.
    pub async fn search(
        &self,
        filter_pattern: &str,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
        mut take: impl FnMut(Event),
    ) -> Result<(), Failure> {
        let client = Client::for_large_answers().map_err(Failure::Unanswered)?;
        let mut question = Question {
            log_group_name: &self.name,
            start_time: start.timestamp_millis().max(0),
            end_time: end.timestamp_millis(),
            filter_pattern,
            limit: LIMIT,
            next_token: None,
        };
        for _ in 0..MOST_PAGES {
            let answer = self
                .service
                .call_by(&client, "Logs_20140328.FilterLogEvents", &question);
            let answer: Answer = answer.await?;
            answer.events.into_iter().for_each(&mut take);
            question.next_token = answer.next_token;
            if question.next_token.is_none() {
                return Ok(());
            }
        }
        Err(Failure::TooManyPages)
    }
}
