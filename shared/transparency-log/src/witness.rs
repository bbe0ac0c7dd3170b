//! The messages and checks of the witness protocol ([tlog-witness 1.0.0](https://c2sp.org/tlog-witness@v1.0.0)): a log
//! asks a witness to cosign its newest checkpoint, and proves that it is consistent with the one that the witness
//! cosigned last.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{Checkpoint, decimal, hash};
use crate::codec::Malformed;
use crate::note::{Algorithm, Note, Signature, VerifierKey};
use crate::{Hash, proof};

/// How many hashes a consistency proof may have.
const MOST_HASHES: usize = 63;

/// The body of a request to `add-checkpoint`. [`Display`](fmt::Display) encodes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the checkpoint that the witness cosigned last, 0 if none.
    pub old: u64,
    /// The consistency proof from that size. Empty if `old` is 0.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

/// Why a witness refuses a checkpoint. [`status`](Self::status) is the answer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The body can't be parsed, or the old size is larger than the new one.
    Malformed(Malformed),
    /// The witness doesn't know the log.
    UnknownOrigin,
    /// The log's signature is absent or invalid.
    Unsigned,
    /// The witness cosigned another size last. The answer's body is this size and a newline, and its content type
    /// `text/x.tlog.size`.
    OtherSize(u64),
    /// The witness cosigned another root for this size: the log is forked.
    OtherRoot,
    /// The consistency proof is invalid.
    Inconsistent,
}

impl AddCheckpoint {
    /// Parses the body of a request. Errors: it has another form.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let malformed = Malformed("the body of add-checkpoint");
        let body = str::from_utf8(body).map_err(|_| malformed)?;
        let (head, checkpoint) = body.split_once("\n\n").ok_or(malformed)?;
        let mut lines = head.split('\n');
        let old = lines
            .next()
            .and_then(|line| decimal(line.strip_prefix("old ")?));
        let proof: Option<Vec<_>> = lines.map(hash).collect();
        let proof = proof.filter(|proof| proof.len() <= MOST_HASHES);
        Ok(Self {
            old: old.ok_or(Malformed("the old size of add-checkpoint"))?,
            proof: proof.ok_or(Malformed("the proof of add-checkpoint"))?,
            checkpoint: Note::parse(checkpoint.as_bytes())?,
        })
    }

    /// Checks the request as a witness must. `log` gives the key of a known origin, and the checkpoint of this log that
    /// the witness cosigned last. Returns the checkpoint to cosign. The witness must store it, in one step with the
    /// comparison, before it answers. Errors: see [`Refusal`].
    pub fn check(
        &self,
        log: impl FnOnce(&str) -> Option<(VerifierKey, Option<Checkpoint>)>,
    ) -> Result<Checkpoint, Refusal> {
        let new = Checkpoint::parse(self.checkpoint.text()).map_err(Refusal::Malformed)?;
        let (key, latest) = log(&new.origin).ok_or(Refusal::UnknownOrigin)?;
        let new = Checkpoint::verify(&self.checkpoint, &key).map_err(|_| Refusal::Unsigned)?;
        if self.old > new.size {
            return Err(Refusal::Malformed(Malformed(
                "the old size is larger than the new one",
            )));
        }
        let latest = latest.unwrap_or_else(|| Checkpoint {
            origin: new.origin.clone(),
            size: 0,
            root: proof::EMPTY_ROOT,
        });
        if self.old != latest.size {
            return Err(Refusal::OtherSize(latest.size));
        }
        if new.size == latest.size && new.root != latest.root {
            return Err(Refusal::OtherRoot);
        }
        match proof::is_consistent(&self.proof, &latest, &new) {
            true => Ok(new),
            false => Err(Refusal::Inconsistent),
        }
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl Refusal {
    /// The HTTP status of the answer.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Unsigned => 403,
            Self::UnknownOrigin => 404,
            Self::OtherSize(_) | Self::OtherRoot => 409,
            Self::Inconsistent => 422,
        }
    }
}

/// The valid cosignatures of known witnesses in an answer with status 200. Others are ignored. Errors: the answer isn't
/// signature lines, or a cosignature of a known witness is invalid.
pub fn cosignatures(
    answer: &[u8],
    checkpoint: &Note,
    witnesses: &[VerifierKey],
) -> Result<Vec<Signature>, Malformed> {
    let lines = str::from_utf8(answer).map_err(|_| Malformed("the answer of a witness"))?;
    let mut valid = Vec::new();
    for signature in Signature::parse_lines(lines)? {
        let mut note = Note::new(checkpoint.text())?;
        note.add(signature.clone());
        let known = |key: &&VerifierKey| {
            key.algorithm() == Algorithm::CosignatureV1 && note.is_signed_by(key)
        };
        if let Some(key) = witnesses.iter().find(known) {
            note.verify([key])?;
            valid.push(signature);
        }
    }
    Ok(valid)
}

/// The size that a witness cosigned last, out of an answer with status 409 and content type `text/x.tlog.size`. Errors:
/// the answer is no number and a newline.
pub fn size_of(answer: &[u8]) -> Result<u64, Malformed> {
    let text = str::from_utf8(answer).ok();
    let size = text.and_then(|text| decimal(text.strip_suffix('\n')?));
    size.ok_or(Malformed("the size in the answer of a witness"))
}
