//! The result of a malware scan.

use domain::file::FileScan;

/// What a malware scanner reports about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The scanner found no malware.
    Clean,
    /// The scanner found malware and gives it this name.
    Infected(String),
    /// No scanner read the file, or the scanner could not decide.
    Unscanned,
    /// The scanner reports its result later, in an event.
    Awaited,
}

impl Finding {
    /// The value of the column `scan`.
    pub fn scan(&self) -> FileScan {
        match self {
            Self::Clean => FileScan::Clean,
            Self::Infected(_) => FileScan::Infected,
            Self::Unscanned | Self::Awaited => FileScan::Unscanned,
        }
    }
}
