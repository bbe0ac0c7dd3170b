//! Whether a file holds malware: asked while it is read, of whom the deployment names.
//!
//! Two scanners are real: clamd, which gets the bytes along the one pass over them, and GuardDuty
//! Malware Protection for S3, which reads the object by itself and says so in an event later.

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;

use shared::config::{self, Misconfigured};
use shared::domain::file::{FileScan, FileStatus};
use shared::errors::Error;

use crate::clamd::{Address, Clamd};

/// A step of a scan.
pub(crate) type Step<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Looks for malware in one file, read from its first byte to its last.
pub(crate) trait Scanner: Send {
    /// Takes the next bytes.
    fn read<'a>(&'a mut self, chunk: &'a [u8]) -> Step<'a, ()>;

    /// Says what it found once it had all of them.
    fn conclude(self: Box<Self>) -> Step<'static, Finding>;
}

/// What a scanner says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing found.
    Clean,
    /// Malware, of this name.
    Infected(String),
    /// Nobody looked, or who did couldn't tell.
    Unscanned,
    /// It will be said in an event.
    Awaited,
}

impl Finding {
    /// What is stored of it.
    pub fn scan(&self) -> FileScan {
        match self {
            Self::Clean => FileScan::Clean,
            Self::Infected(_) => FileScan::Infected,
            Self::Unscanned | Self::Awaited => FileScan::Unscanned,
        }
    }
}

/// Who scans, and what becomes of a file that nobody did.
#[derive(Debug)]
pub(crate) struct Policy {
    scanning: Scanning,
    unscanned_allowed: bool,
}

#[derive(Debug)]
enum Scanning {
    Nobody,
    Clamd(Address),
    GuardDuty,
}

/// The environment's policy. Errors: the environment doesn't describe one.
pub(crate) fn policy() -> Result<&'static Policy, Error> {
    static POLICY: LazyLock<Result<Policy, Misconfigured>> = LazyLock::new(Policy::from_env);
    POLICY.as_ref().map_err(|misconfigured| {
        tracing::error!(error = %misconfigured, "no scan policy");
        Error::Internal("the scanner is not configured")
    })
}

impl Policy {
    fn from_env() -> Result<Self, Misconfigured> {
        let clamd = config::optional("CLAMD_ADDRESS").map(|address| Address::parse(&address));
        let scanning = match (clamd, config::optional("SCAN_RESULTS").as_deref()) {
            (Some(address), None) => Scanning::Clamd(address),
            (None, Some("guardduty")) => Scanning::GuardDuty,
            (None, None) => Scanning::Nobody,
            _ => {
                return Err(Misconfigured(
                    "SCAN_RESULTS",
                    "expected guardduty, and not with CLAMD_ADDRESS",
                ));
            }
        };
        let unscanned_allowed = match config::optional("SCAN_POLICY").as_deref() {
            Some("allow") => true,
            None | Some("block") => false,
            Some(_) => return Err(Misconfigured("SCAN_POLICY", "expected allow or block")),
        };
        Ok(Self {
            scanning,
            unscanned_allowed,
        })
    }

    /// A scanner for one file. Errors: it can't be reached, and then nothing is let through.
    pub(crate) async fn scanner(&self) -> Result<Box<dyn Scanner>, Error> {
        Ok(match &self.scanning {
            Scanning::Nobody => Box::new(Nobody),
            Scanning::Clamd(address) => Box::new(Clamd::connect(address).await?),
            Scanning::GuardDuty => Box::new(GuardDuty),
        })
    }

    /// Where a file goes that is what was announced and that no scanner has judged.
    pub(crate) fn unscanned(&self, finding: &Finding) -> (FileStatus, Option<&'static str>) {
        if *finding == Finding::Awaited {
            (FileStatus::Scanning, Some(AWAITING_SCAN))
        } else if self.unscanned_allowed {
            (FileStatus::Available, None)
        } else {
            (FileStatus::Quarantined, Some(UNSCANNED))
        }
    }
}

/// `status_reason`: sound, and a scanner's event is awaited.
pub(crate) const AWAITING_SCAN: &str = "awaiting-scan";
/// `status_reason`: sound, but nobody scanned it and the policy blocks.
pub(crate) const UNSCANNED: &str = "unscanned";

struct Nobody;

impl Scanner for Nobody {
    fn read<'a>(&'a mut self, _chunk: &'a [u8]) -> Step<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn conclude(self: Box<Self>) -> Step<'static, Finding> {
        Box::pin(async { Ok(Finding::Unscanned) })
    }
}

/// Reads the object in S3 by itself; `process-scan-result` gets what it found.
struct GuardDuty;

impl Scanner for GuardDuty {
    fn read<'a>(&'a mut self, _chunk: &'a [u8]) -> Step<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn conclude(self: Box<Self>) -> Step<'static, Finding> {
        Box::pin(async { Ok(Finding::Awaited) })
    }
}
