//! The time in which a signed URL is valid.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::PresigningConfig;
use chrono::{DateTime, SubsecRound as _, Utc};
use domain::time::Timestamp;
use errors::Error;

use crate::store::unbuildable;

/// How long an upload in one piece may take to begin.
const UPLOAD_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How long each part of an upload may take to begin. Callers send parts one after another.
const PART_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long a download may take to begin. It is long enough to follow a link and too short to share
/// one.
const DOWNLOAD_LIFETIME: Duration = Duration::from_secs(60);

/// The time in which a signed URL is valid.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    from: DateTime<Utc>,
    lasts: Duration,
}

impl Window {
    /// The window of an upload that begins now.
    pub fn of_upload(in_parts: bool) -> Self {
        Self::from_now(if in_parts {
            PART_LIFETIME
        } else {
            UPLOAD_LIFETIME
        })
    }

    /// The window of a download that begins now.
    pub(crate) fn of_download() -> Self {
        Self::from_now(DOWNLOAD_LIFETIME)
    }

    fn from_now(lasts: Duration) -> Self {
        // Signatures count whole seconds.
        let from = Utc::now().trunc_subsecs(0);
        Self { from, lasts }
    }

    /// When the URL expires.
    pub fn end(self) -> Timestamp {
        (self.from + self.lasts).into()
    }

    pub(crate) fn presigning(self) -> Result<PresigningConfig, Error> {
        PresigningConfig::builder()
            .start_time(SystemTime::from(self.from))
            .expires_in(self.lasts)
            .build()
            .map_err(unbuildable)
    }
}
