//! Which malware scanner a deployment uses, and what happens to a file that no scanner judged.
//!
//! Two scanners are supported. clamd receives the bytes while the object is read. GuardDuty Malware
//! Protection for S3 reads the object itself and reports its result later, in an event.

use api::input::FromSettings;
use domain::file::FileStatus;
use errors::Error;
use settings::Misconfigured;

use crate::clamd::{Address, Clamd};
use crate::finding::Finding;

/// `status_reason`: the inspection found no fault, and the scanner's event is awaited.
const AWAITING_SCAN: &str = "awaiting-scan";
/// `status_reason`: the inspection found no fault, but no scanner judged the file and the policy
/// blocks such files.
const UNSCANNED: &str = "unscanned";

/// The scan settings of a deployment.
#[derive(Debug)]
pub struct ScanPolicy {
    scanner: Scanner,
    allows_unscanned: bool,
}

#[derive(Debug)]
enum Scanner {
    None,
    Clamd(Address),
    GuardDuty,
}

/// The scan of one file, which gets the file's bytes in order.
pub(crate) enum Scan {
    /// The bytes can't change this finding.
    Decided(Finding),
    /// clamd decides.
    Clamd(Clamd),
}

impl FromSettings for ScanPolicy {
    fn from_settings() -> Result<Self, Misconfigured> {
        let clamd = settings::optional("CLAMD_ADDRESS").map(|address| Address::parse(&address));
        let scanner = match (clamd, settings::optional("SCAN_RESULTS").as_deref()) {
            (Some(address), None) => Scanner::Clamd(address),
            (None, Some("guardduty")) => Scanner::GuardDuty,
            (None, None) => Scanner::None,
            (Some(_), Some(_)) => {
                return Err(Misconfigured(
                    "SCAN_RESULTS",
                    "expected no value, because CLAMD_ADDRESS names another scanner: set only one \
                     of the two",
                ));
            }
            (None, Some(_)) => {
                return Err(Misconfigured(
                    "SCAN_RESULTS",
                    "expected guardduty or no value",
                ));
            }
        };
        let allows_unscanned = match settings::optional("SCAN_POLICY").as_deref() {
            Some("allow") => true,
            None | Some("block") => false,
            Some(_) => return Err(Misconfigured("SCAN_POLICY", "expected allow or block")),
        };
        Ok(Self {
            scanner,
            allows_unscanned,
        })
    }
}

impl ScanPolicy {
    /// Starts the scan of one file. Errors: the scanner can't be reached, so the file must wait.
    pub(crate) async fn scan(&self) -> Result<Scan, Error> {
        Ok(match &self.scanner {
            Scanner::None => Scan::Decided(Finding::Unscanned),
            Scanner::Clamd(address) => Scan::Clamd(Clamd::connect(address).await?),
            Scanner::GuardDuty => Scan::Decided(Finding::Awaited),
        })
    }

    /// The status and `status_reason` of a file that passed the inspection and that no scanner
    /// judged.
    pub(crate) fn status_without_scan(
        &self,
        finding: &Finding,
    ) -> (FileStatus, Option<&'static str>) {
        if *finding == Finding::Awaited {
            (FileStatus::Scanning, Some(AWAITING_SCAN))
        } else if self.allows_unscanned {
            (FileStatus::Available, None)
        } else {
            (FileStatus::Quarantined, Some(UNSCANNED))
        }
    }
}

impl Scan {
    /// Passes the next bytes of the file to the scanner.
    pub(crate) async fn read(&mut self, chunk: &[u8]) -> Result<(), Error> {
        match self {
            Self::Decided(_) => Ok(()),
            Self::Clamd(clamd) => clamd.send(chunk).await,
        }
    }

    /// Returns the finding, after all bytes of the file were passed.
    pub(crate) async fn conclude(self) -> Result<Finding, Error> {
        match self {
            Self::Decided(finding) => Ok(finding),
            Self::Clamd(clamd) => clamd.verdict().await,
        }
    }
}
