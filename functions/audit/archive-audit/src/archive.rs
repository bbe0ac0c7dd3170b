//! The settings of archiving, and the objects in S3.

use std::time::{Duration, SystemTime};

use api::input::FromSettings;
use audit_archive::{ArchiveError, Part, part};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::time::{Date, Timestamp};
use errors::Error;
use settings::{Misconfigured, whole_number};
use transparency_log::store::{ObjectStore as _, S3};

const UNREACHABLE: &str = "the archive in S3 doesn't answer, or an object of it is damaged";

/// The fewest months that stay in the database after the current one. The database knows the same floor.
const FEWEST_MONTHS: u64 = 3;

/// How and where months are archived.
pub struct Archive {
    pub(crate) store: S3,
    /// How many months stay in the database after the current one.
    pub(crate) months: i32,
    /// The most rows of a part.
    pub(crate) rows: i64,
    /// How long each object is locked at least, as the bucket demands.
    retention: Duration,
}

impl FromSettings for Archive {
    fn from_settings() -> Result<Self, Misconfigured> {
        let retention = sealed_log::retention()?;
        let months = whole_number("AUDIT_ARCHIVE_AFTER_MONTHS")?;
        if !(FEWEST_MONTHS..=1200).contains(&months) {
            return Err(Misconfigured(
                "AUDIT_ARCHIVE_AFTER_MONTHS",
                "expected 3 to 1200",
            ));
        }
        Ok(Self {
            store: sealed_log::store()?,
            months: i32::try_from(months).unwrap_or(i32::MAX),
            rows: i64::try_from(whole_number("AUDIT_ROWS_PER_PART")?.clamp(1, 100_000))
                .unwrap_or(1),
            retention,
        })
    }
}

impl Archive {
    /// Until when an object is locked that is stored now: until the end of the month's retention, and at least as long
    /// as the bucket demands.
    pub(crate) fn lock_until(&self, retention_ends: Timestamp) -> Timestamp {
        let least: DateTime<Utc> = (SystemTime::now() + self.retention).into();
        retention_ends.max(least.into())
    }

    /// A part as S3 has it. None if there is none. Errors: S3 doesn't answer, or the object is no part.
    pub(crate) async fn part(&self, month: Date, number: u32) -> Result<Option<Part>, Error> {
        part(&self.store, month, number)
            .await
            .map_err(|error| unreachable(&error))
    }

    /// Stores an object unless there is one with this key. Errors: S3 doesn't answer.
    pub(crate) async fn create(
        &self,
        key: &str,
        bytes: Vec<u8>,
        until: Timestamp,
    ) -> Result<(), Error> {
        let until = SystemTime::from(DateTime::<Utc>::from(until));
        let stored = self
            .store
            .create(key, Bytes::from(bytes), Some(until))
            .await;
        stored.map(drop).map_err(|failure| {
            tracing::error!(key, error = %failure, "an object of the audit archive was not stored");
            Error::Unavailable(UNREACHABLE)
        })
    }
}

/// Logs why an object can't be used. It contains nothing of a row.
pub(crate) fn unreachable(error: &ArchiveError) -> Error {
    tracing::error!(%error, "an object of the audit archive can't be read");
    Error::Unavailable(UNREACHABLE)
}
