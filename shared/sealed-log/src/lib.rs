//! The sealed audit log in S3, as functions reach it, and what endpoints read of it: checkpoints, proofs from the tiles,
//! and the rows of archived months.
//!
//! It is separate from `api`, so that a function that reads no proofs contains no S3 client.
#![warn(missing_docs)]

mod archived;

use std::fmt;
use std::time::Duration;

use api::input::FromSettings;
use aws_credential_types::Credentials;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use errors::Error;
use settings::{Misconfigured, optional, required, whole_number};
use transparency_log::Hash;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::leaf::Leaf;
use transparency_log::log::{checkpoint_key, read_note};
use transparency_log::note::Note;
use transparency_log::proof::{self, TlogProof, is_included};
use transparency_log::store::S3;
use transparency_log::tree::leaf_hash;

pub use archived::{ArchivedBlock, ArchivedPlace, ListedRow};

/// What the caller reads if they name a batch that the log doesn't have.
const UNKNOWN_BATCH: &str = "expected the number of a batch that is in the log";

/// The years that HIPAA asks for (45 CFR 164.316(b)(2)(i)).
const FEWEST_YEARS: u64 = 6;

const DAY: u64 = 24 * 60 * 60;

/// What the caller reads if S3 doesn't answer.
const UNREACHABLE: &str = "The sealed audit log can't be read. Try again later.";

/// The sealed log.
pub struct SealedLog(S3);

impl FromSettings for SealedLog {
    fn from_settings() -> Result<Self, Misconfigured> {
        store().map(Self)
    }
}

/// The bucket of the sealed log, with the credentials that Lambda sets. Errors: a variable is missing.
pub fn store() -> Result<S3, Misconfigured> {
    let credentials = Credentials::from_keys(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        optional("AWS_SESSION_TOKEN"),
    );
    Ok(S3::new(
        required("AUDIT_BUCKET")?,
        String::new(),
        required("AWS_REGION")?,
        optional("S3_ENDPOINT"),
        credentials,
        true,
    ))
}

/// How long each object of the audit log is locked: the variable `AUDIT_RETENTION_YEARS`. Errors: it is not set, or is
/// less than HIPAA asks for.
pub fn retention() -> Result<Duration, Misconfigured> {
    let years = whole_number("AUDIT_RETENTION_YEARS")?;
    if years < FEWEST_YEARS {
        return Err(Misconfigured(
            "AUDIT_RETENTION_YEARS",
            "expected at least 6",
        ));
    }
    // A year may have 366 days.
    Ok(Duration::from_secs(years * 366 * DAY))
}

/// The checkpoint after a batch.
pub struct Sealed {
    /// The signed note.
    pub note: Note,
    /// What it says.
    pub checkpoint: Checkpoint,
}

/// A proof that a leaf is in the log.
pub struct Inclusion {
    /// The hashes from the leaf's sibling up, in base64.
    pub hashes: Vec<String>,
    /// The proof as a text that any verifier of C2SP tlog-proof reads.
    pub text: String,
}

impl SealedLog {
    /// The checkpoint after this batch. Errors: it isn't there, or S3 doesn't answer.
    pub async fn checkpoint(&self, batch: i64) -> Result<Sealed, Error> {
        let number = u64::try_from(batch).unwrap_or_default();
        let note = read_note(&self.0, &checkpoint_key(number)).await;
        let note = note
            .map_err(|error| unreachable(&error))?
            .ok_or(Error::Unavailable(UNREACHABLE))?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| unreachable(&error))?;
        Ok(Sealed { note, checkpoint })
    }

    /// Proves that the leaf is in the log at this checkpoint. None: another leaf has its index. Errors: S3 doesn't answer, or
    /// the tiles don't have the checkpoint's root.
    pub async fn inclusion(
        &self,
        sealed: &Sealed,
        index: i64,
        leaf: &Leaf,
    ) -> Result<Option<Inclusion>, Error> {
        let index = u64::try_from(index).unwrap_or(u64::MAX);
        let hashes = proof::inclusion(&self.0, &sealed.checkpoint, index)
            .await
            .map_err(|error| unreachable(&error))?;
        if !is_included(
            &hashes,
            &sealed.checkpoint,
            index,
            leaf_hash(&leaf.encode()),
        ) {
            return Ok(None);
        }
        let proof = TlogProof {
            extra: None,
            index,
            hashes,
            checkpoint: sealed.note.clone(),
        };
        Ok(Some(Inclusion {
            text: proof.to_string(),
            hashes: in_base64(&proof.hashes),
        }))
    }

    /// Proves that the log at this checkpoint begins with the log of size `old`. Returns the hashes in base64. Errors: as for
    /// [`inclusion`](Self::inclusion).
    pub async fn consistency(&self, old: u64, sealed: &Sealed) -> Result<Vec<String>, Error> {
        let hashes = proof::consistency(&self.0, old, &sealed.checkpoint).await;
        Ok(in_base64(&hashes.map_err(|error| unreachable(&error))?))
    }
}

/// The error for a parameter that names a batch that the log doesn't have. Another batch is no answer: whoever kept a
/// checkpoint that the log doesn't have must learn that.
pub fn unknown_batch(parameter: &str) -> Error {
    Error::invalid_parameter(parameter, UNKNOWN_BATCH)
}

fn in_base64(hashes: &[Hash]) -> Vec<String> {
    hashes
        .iter()
        .map(|hash| BASE64_STANDARD.encode(hash))
        .collect()
}

fn unreachable(error: &dyn fmt::Display) -> Error {
    tracing::error!(%error, "the sealed audit log could not be read");
    Error::Unavailable(UNREACHABLE)
}
