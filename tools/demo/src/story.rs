//! What the story is told with.

use std::path::PathBuf;
use std::time::Duration;

use client::{Api, Person};

/// What the story needs.
#[derive(Debug)]
pub struct Story {
    /// The running Caretrail.
    pub api: Api,
    /// A user with the role IMPORTER.
    pub importer: Person,
    /// Two users with the role ADMIN.
    pub admins: Administrators,
    /// A user with the role COMPLIANCE_OFFICER.
    pub officer: Person,
    /// The bundle of the patient whom the story is about. It contains an imaging study.
    pub bundle: PathBuf,
    /// The bundle of another patient.
    pub other_bundle: PathBuf,
    /// How long a check of an uploaded file may take.
    pub patience: Duration,
}

/// Two administrators. One alone can't let an imported person sign in.
#[derive(Debug, Clone)]
pub struct Administrators {
    /// Proposes.
    pub first: Person,
    /// Approves.
    pub second: Person,
}
