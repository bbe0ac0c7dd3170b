//! Checkpoints: the size and the root of the log ([tlog-checkpoint 1.0.0](https://c2sp.org/tlog-checkpoint@v1.0.0)), as a
//! [note](crate::note) that the log signs and witnesses cosign.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::codec::Malformed;
use crate::note::{Algorithm, Note, Signature, VerifierKey};
use crate::signer::Signer;
use crate::tree::LARGEST;
use crate::{Failure, Hash};

/// The size and the root of a log. As text it has three lines. A checkpoint with extension lines is refused: no
/// cosignature covers their meaning, so the log writes leaves instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log, such as `caretrail.example/audit`. It is the name of the log's key, too.
    pub origin: String,
    /// How many leaves the log has.
    pub size: u64,
    /// The root of the tree.
    pub root: Hash,
}

/// A cosignature that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// The name of the witness.
    pub witness: String,
    /// When it cosigned, in seconds since 1970.
    pub time: u64,
}

impl Checkpoint {
    /// Parses the text of a checkpoint. Errors: it doesn't have exactly three lines of the expected form.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let lines: Vec<_> = text.split('\n').collect();
        let [origin, size, root, ""] = lines[..] else {
            return Err(Malformed(
                "a checkpoint has three lines: origin, size and root",
            ));
        };
        if origin.is_empty() {
            return Err(Malformed("the origin of a checkpoint"));
        }
        Ok(Self {
            origin: origin.to_owned(),
            size: decimal(size)
                .filter(|size| *size <= LARGEST)
                .ok_or(Malformed("the size of a checkpoint"))?,
            root: hash(root).ok_or(Malformed("the root of a checkpoint"))?,
        })
    }

    /// The note with the log's signature. Errors: the origin isn't the name of a key, or the signer can't sign.
    pub async fn sign(&self, signer: &dyn Signer) -> Result<Note, Failure> {
        let mut note = Note::new(self.to_string())?;
        note.add(Signature::sign(&self.origin, note.text(), signer).await?);
        Ok(note)
    }

    /// The checkpoint in a note, if `log` signed it. Errors: the note is no checkpoint, the log's key is of another
    /// origin, or the log's signature is absent or invalid.
    pub fn verify(note: &Note, log: &VerifierKey) -> Result<Self, Malformed> {
        let checkpoint = Self::parse(note.text())?;
        if log.name() != checkpoint.origin || log.algorithm() != Algorithm::Ed25519 {
            return Err(Malformed("the checkpoint is of another log"));
        }
        note.verify([log])?;
        Ok(checkpoint)
    }

    /// The cosignatures of these witnesses. Errors: one of them is invalid.
    pub fn cosignatures<'a>(
        note: &Note,
        witnesses: impl IntoIterator<Item = &'a VerifierKey>,
    ) -> Result<Vec<Cosignature>, Malformed> {
        let mut cosignatures = Vec::new();
        for witness in witnesses {
            if witness.algorithm() == Algorithm::CosignatureV1 && note.is_signed_by(witness) {
                let verified = note.verify([witness])?;
                cosignatures.extend(verified.iter().filter_map(|verified| {
                    Some(Cosignature {
                        witness: witness.name().to_owned(),
                        time: verified.time?,
                    })
                }));
            }
        }
        Ok(cosignatures)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.root);
        writeln!(f, "{}\n{}\n{root}", self.origin, self.size)
    }
}

/// A number without sign and leading zeroes.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A hash in base64.
pub(crate) fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}
