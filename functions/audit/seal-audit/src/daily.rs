//! Sends a checkpoint each day to the people who subscribed to a topic of Amazon SNS. Who kept one of these e-mails can
//! prove later that the log was not rewritten.
//!
//! The bucket keeps what was sent, and not the database: whoever owns the database could otherwise say that today's
//! checkpoint was sent.

use std::sync::{Mutex, PoisonError};

use api::lambda::Failure;
use aws::Service;
use chrono::{DateTime, NaiveDate, Utc};
use settings::{Misconfigured, optional};
use transparency_log::checkpoint::Checkpoint;
use transparency_log::log::{CHECKPOINT, Log, Tip, read_note, sent_key};
use transparency_log::store::ObjectStore;

/// The version of SNS's protocol.
const VERSION: &str = "2010-03-31";

/// The topic of the daily checkpoints.
pub struct Topic {
    service: Service,
    arn: String,
    /// The last day whose checkpoint is known to be sent.
    sent_on: Mutex<Option<NaiveDate>>,
}

impl Topic {
    /// The topic in `CHECKPOINT_TOPIC`. None if there is none. Errors: a variable is missing.
    pub fn from_env() -> Result<Option<Self>, Misconfigured> {
        let Some(arn) = optional("CHECKPOINT_TOPIC") else {
            return Ok(None);
        };
        Ok(Some(Self {
            service: Service::from_env("sns", "AWS_ENDPOINT_URL_SNS")?,
            arn,
            sent_on: Mutex::default(),
        }))
    }

    /// Sends the newest checkpoint, unless one was sent on this day (UTC). It is sent first and kept as sent afterwards,
    /// so each day has one at least, and two if the sealer ends between the two. Errors: SNS or the store fails.
    pub async fn send_once(
        &self,
        log: &Log,
        store: &dyn ObjectStore,
        tip: &Tip,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let today = now.date_naive();
        if *self.sent_on.lock().unwrap_or_else(PoisonError::into_inner) == Some(today) {
            return Ok(());
        }
        let day = today.to_string();
        if store.get(&sent_key(&day)).await?.is_none() {
            // It has the cosignatures of witnesses, too.
            let Some(note) = read_note(store, CHECKPOINT).await? else {
                return Ok(());
            };
            Checkpoint::verify(&note, log.key())?;
            self.publish(&day, &note.to_string()).await?;
            log.keep_sent(tip, &day, &note).await?;
            tracing::info!(day, "daily checkpoint sent");
        }
        *self.sent_on.lock().unwrap_or_else(PoisonError::into_inner) = Some(today);
        Ok(())
    }

    async fn publish(&self, day: &str, note: &str) -> Result<(), aws::Failure> {
        let message = format!(
            "This is a checkpoint of the sealed audit log of {day}. Keep this e-mail: it proves later that the log up to \
             this day was not changed.\nThe program caretrail-verify reads the saved e-mail: --checkpoint FILE.\n\n{note}"
        );
        let parameters = [
            ("Action", "Publish"),
            ("Version", VERSION),
            ("TopicArn", self.arn.as_str()),
            ("Subject", &format!("Audit log checkpoint of {day}")),
            ("Message", &message),
        ];
        self.service.submit(&parameters).await
    }
}
