//! Object Lock: until when a version can't be deleted. The lock of a version is a file beside it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use s3s::dto::{
    ObjectLockLegalHold, ObjectLockLegalHoldStatus, ObjectLockMode, ObjectLockRetention,
    ObjectLockRetentionMode, Timestamp, TimestampFormat,
};
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::uploads;
use super::versions::{Place, Versions};

/// The lock of a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    retention: Option<Retention>,
    /// Whether a legal hold is on. `None`: none was ever put on.
    legal_hold: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Retention {
    mode: Mode,
    until: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Mode {
    /// Whoever may bypass it can shorten and remove it.
    Governance,
    /// Nobody can shorten or remove it.
    Compliance,
}

/// The file of a version's lock.
#[derive(Debug)]
pub struct Locked(PathBuf);

impl Locked {
    pub fn of(versions: &Versions, place: &Place, version: &str) -> Self {
        Self(versions.path(place, &format!("{version}.lock")))
    }

    pub fn read(&self) -> S3Result<Lock> {
        match fs::read(&self.0) {
            Ok(content) => serde_json::from_slice(&content).map_err(S3Error::internal_error),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Lock::default()),
            Err(error) => Err(S3Error::internal_error(error)),
        }
    }

    pub fn write(&self, lock: &Lock) -> S3Result<()> {
        let content = serde_json::to_vec(lock).map_err(S3Error::internal_error)?;
        uploads::write(&self.0, &content)
    }

    pub fn clear(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Lock {
    /// The lock that the headers of a new object ask for; `None` if they ask for none. Errors: a header is missing or
    /// isn't valid.
    pub fn asked(
        mode: Option<&ObjectLockMode>,
        until: Option<&Timestamp>,
        hold: Option<&ObjectLockLegalHoldStatus>,
    ) -> S3Result<Option<Self>> {
        let retention = match (mode, until) {
            (None, None) => None,
            (Some(mode), Some(until)) => Some(Retention::asked(mode.as_str(), until)?),
            _ => {
                return Err(s3_error!(
                    InvalidArgument,
                    "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
                ));
            }
        };
        let legal_hold = hold.map(|hold| is_on(hold.as_str())).transpose()?;
        if retention.is_none() && legal_hold.is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            retention,
            legal_hold,
        }))
    }

    /// Checks that the version can be deleted now. Errors: `AccessDenied`.
    pub fn check_delete(&self, bypasses: bool) -> S3Result<()> {
        let is_held = self.legal_hold == Some(true);
        let is_retained = self.active().is_some_and(|retention| match retention.mode {
            Mode::Governance => !bypasses,
            Mode::Compliance => true,
        });
        match is_held || is_retained {
            true => Err(denied()),
            false => Ok(()),
        }
    }

    /// Replaces the retention. Errors: `AccessDenied` if the former one forbids it, or the new one isn't valid.
    pub fn retain(&mut self, asked: Option<&ObjectLockRetention>, bypasses: bool) -> S3Result<()> {
        let asked = asked.ok_or_else(|| s3_error!(MalformedXML))?;
        let asked = match (&asked.mode, &asked.retain_until_date) {
            (Some(mode), Some(until)) => Some(Retention::asked(mode.as_str(), until)?),
            (None, None) => None,
            _ => return Err(s3_error!(MalformedXML)),
        };
        if let Some(former) = self.active() {
            let is_extended =
                asked.is_some_and(|new| new.mode == former.mode && new.until >= former.until);
            let may_shorten = former.mode == Mode::Governance && bypasses;
            if !is_extended && !may_shorten {
                return Err(denied());
            }
        }
        self.retention = asked;
        Ok(())
    }

    /// Puts a legal hold on or takes it off.
    pub fn hold(&mut self, asked: Option<&ObjectLockLegalHold>) -> S3Result<()> {
        let status = asked.and_then(|hold| hold.status.as_ref());
        let status = status.ok_or_else(|| s3_error!(MalformedXML))?;
        self.legal_hold = Some(is_on(status.as_str())?);
        Ok(())
    }

    /// The mode, for a header.
    pub fn mode(&self) -> Option<ObjectLockMode> {
        let mode = self.retention?.mode;
        Some(ObjectLockMode::from_static(mode.name()))
    }

    /// The end of the retention.
    pub fn until(&self) -> Option<Timestamp> {
        Some(self.retention?.until())
    }

    /// The legal hold, for a header.
    pub fn hold_status(&self) -> Option<ObjectLockLegalHoldStatus> {
        let name = match self.legal_hold? {
            true => ObjectLockLegalHoldStatus::ON,
            false => ObjectLockLegalHoldStatus::OFF,
        };
        Some(ObjectLockLegalHoldStatus::from_static(name))
    }

    /// The retention, for an answer's body.
    pub fn retention(&self) -> Option<ObjectLockRetention> {
        let retention = self.retention?;
        Some(ObjectLockRetention {
            mode: Some(ObjectLockRetentionMode::from_static(retention.mode.name())),
            retain_until_date: Some(retention.until()),
        })
    }

    /// The retention that has not ended.
    fn active(&self) -> Option<Retention> {
        self.retention
            .filter(|retention| retention.until > Utc::now())
    }
}

impl Retention {
    fn asked(mode: &str, until: &Timestamp) -> S3Result<Self> {
        let mode = match mode {
            ObjectLockMode::GOVERNANCE => Mode::Governance,
            ObjectLockMode::COMPLIANCE => Mode::Compliance,
            _ => return Err(s3_error!(InvalidArgument, "Unknown wormMode directive.")),
        };
        let until = time(until)?;
        if until <= Utc::now() {
            return Err(s3_error!(
                InvalidArgument,
                "The retain until date must be in the future!"
            ));
        }
        Ok(Self { mode, until })
    }

    fn until(&self) -> Timestamp {
        Timestamp::from(SystemTime::from(self.until))
    }
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Governance => ObjectLockMode::GOVERNANCE,
            Self::Compliance => ObjectLockMode::COMPLIANCE,
        }
    }
}

/// Checks that the content of a locked object comes with a checksum, as S3 demands.
pub fn check_checksum(headers: &HeaderMap) -> S3Result<()> {
    let is_checked = headers.keys().any(|name| {
        let name = name.as_str();
        matches!(
            name,
            "content-md5" | "x-amz-sdk-checksum-algorithm" | "x-amz-trailer"
        ) || name.starts_with("x-amz-checksum-")
    });
    match is_checked {
        true => Ok(()),
        false => Err(s3_error!(
            InvalidRequest,
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters"
        )),
    }
}

fn time(timestamp: &Timestamp) -> S3Result<DateTime<Utc>> {
    let mut text = Vec::new();
    timestamp
        .format(TimestampFormat::DateTime, &mut text)
        .map_err(S3Error::internal_error)?;
    String::from_utf8_lossy(&text)
        .parse()
        .map_err(S3Error::internal_error)
}

fn is_on(status: &str) -> S3Result<bool> {
    match status {
        ObjectLockLegalHoldStatus::ON => Ok(true),
        ObjectLockLegalHoldStatus::OFF => Ok(false),
        _ => Err(s3_error!(InvalidArgument, "Legal Hold must be ON or OFF.")),
    }
}

fn denied() -> S3Error {
    s3_error!(
        AccessDenied,
        "Access Denied because object protected by object lock."
    )
}
