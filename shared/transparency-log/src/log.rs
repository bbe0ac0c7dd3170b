//! The log: its objects, and the order in which a sealer writes them.
//!
//! | key | content | locked |
//! |---|---|---|
//! | `batches/NUMBER` | a [batch](crate::batch) | yes |
//! | `tile/LEVEL/INDEX` | a full [tile](crate::tree) | yes |
//! | `tile/LEVEL/INDEX.p/WIDTH` | a tile at the right edge | no |
//! | `checkpoints/NUMBER` | the signed [checkpoint](crate::checkpoint) after the batch | yes |
//! | `checkpoint` | the newest of them, with its cosignatures | no |
//! | `cosignatures/NUMBER/KEY` | the signature line of a witness under `checkpoints/NUMBER` | yes |
//! | `sent/DATE` | the checkpoint that was sent to people on this day, such as `sent/2030-05-13` | yes |
//!
//! A number has 20 digits and begins with 0. Batches decide everything: a sealer stores a batch only if its number is
//! free, so of two sealers one wins, and the other finishes the winner's batch. All other objects follow from the batches,
//! so they are the same whoever writes them and however often. A batch is stored only when the one before it is finished.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::Failure;
use crate::batch::{Batch, Header};
use crate::checkpoint::Checkpoint;
use crate::codec::Malformed;
use crate::leaf::Leaf;
use crate::note::{Algorithm, Note, Signature, VerifierKey};
use crate::signer::Signer;
use crate::store::{After, Creation, ObjectStore};
use crate::tree::{Frontier, Tile};

/// The key of the newest checkpoint.
pub const CHECKPOINT: &str = "checkpoint";

/// The prefix of the keys of batches.
pub const BATCHES: &str = "batches/";

/// The prefix of the keys of checkpoints.
pub const CHECKPOINTS: &str = "checkpoints/";

/// The prefix of the keys of cosignatures.
pub const COSIGNATURES: &str = "cosignatures/";

/// The prefix of the keys of checkpoints that were sent to people.
pub const SENT: &str = "sent/";

/// The prefix of the keys of tiles.
pub const TILES: &str = "tile/";

/// The prefixes of all objects that may have only one version.
pub const IMMUTABLE: [&str; 5] = [BATCHES, CHECKPOINTS, COSIGNATURES, SENT, TILES];

/// The log, as its sealer writes it.
pub struct Log {
    store: Arc<dyn ObjectStore>,
    signer: Arc<dyn Signer>,
    key: VerifierKey,
    retention: Duration,
    /// The number of a batch that exists, or 0. The search for the newest begins with it.
    known: AtomicU64,
}

/// The end of the log: its newest batch, which is finished, and the tree after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tip {
    batch: Option<Batch>,
    checkpoint: Option<Note>,
    tree: Frontier,
}

/// Whose batch has the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// This batch was published.
    Ours(Tip),
    /// Another sealer was faster. Its batch is the newest and is finished. The leaves of ours are not in the log, unless
    /// the other batch has them, too.
    Theirs(Tip),
}

/// Why the log could not be read or written.
#[derive(Debug)]
pub enum LogError {
    /// The store or the signer failed. The operation can be repeated, after [`Log::recover`].
    Failed(Failure),
    /// An object contradicts the log: it is malformed, doesn't follow from the batches or the batch before, or was
    /// overwritten or deleted. A person must look.
    Tampered {
        /// The key of the object.
        key: String,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It doesn't have the expected form, or a signature is invalid.
    Malformed(Malformed),
    /// It isn't there, although later objects are.
    Missing,
    /// It exists with another content than follows from the batches.
    Different,
    /// Several versions of it exist, or it is hidden by a delete marker.
    Replaced,
}

impl Log {
    /// The log with this origin, which is also the name of its key, such as `caretrail.example/audit`. Objects are locked
    /// for `retention` after they were sealed. Errors: the origin can't be the name of a key.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        signer: Arc<dyn Signer>,
        origin: &str,
        retention: Duration,
    ) -> Result<Self, Malformed> {
        Ok(Self {
            key: VerifierKey::new(origin, Algorithm::Ed25519, signer.public_key())?,
            store,
            signer,
            retention,
            known: AtomicU64::new(0),
        })
    }

    /// The key that verifies the checkpoints.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The newest batch, or none if the log is empty. It may not be finished. Errors: see [`LogError`].
    pub async fn newest(&self) -> Result<Option<Batch>, LogError> {
        let Some(number) = self.newest_number().await? else {
            return Ok(None);
        };
        match read_batch(&*self.store, number).await? {
            Some(batch) => Ok(Some(batch)),
            None => Err(tampered(batch_key(number), Fault::Missing)),
        }
    }

    /// The end of the log, after its newest batch was finished. A sealer begins with this. Errors: see [`LogError`].
    pub async fn recover(&self) -> Result<Tip, LogError> {
        match self.newest().await? {
            Some(batch) => self.finish(&batch).await,
            None => Ok(Tip::default()),
        }
    }

    /// Publishes a batch after this tip, which [`recover`](Self::recover) or this method returned. Errors: see
    /// [`LogError`]. After an error, the batch may be in the log or not.
    pub async fn publish(&self, tip: &Tip, batch: Batch) -> Result<Published, LogError> {
        let key = batch_key(batch.number());
        if batch.number() != tip.next_number() || *batch.before() != tip.tree {
            let fault = Malformed("the batch doesn't continue the log");
            return Err(LogError::Failed(fault.into()));
        }
        // A batch that was deleted must not be written anew.
        if let Some((key, fault)) = replaced(&*self.store, &key).await? {
            return Err(tampered(key, fault));
        }
        let lock = Some(self.locked_until(&batch));
        let created = self.store.create(&key, batch.bytes().clone(), lock).await?;
        let winner = match created {
            Creation::Created => batch.clone(),
            Creation::Exists => {
                let found = read_batch(&*self.store, batch.number()).await?;
                found.ok_or_else(|| tampered(key.clone(), Fault::Missing))?
            }
        };
        if winner.before() != batch.before() {
            return Err(tampered(key, Fault::Different));
        }
        let tip = self.finish(&winner).await?;
        self.known.fetch_max(winner.number(), Ordering::Relaxed);
        // An earlier attempt of ours may have stored the batch, and its answer was lost.
        Ok(match winner == batch {
            true => Published::Ours(tip),
            false => Published::Theirs(tip),
        })
    }

    /// Publishes a cosignature of the checkpoint of this tip, which [`crate::witness::cosignatures`] verified. Of each key
    /// the first cosignature of a checkpoint is kept. Errors: see [`LogError`].
    pub async fn publish_cosignature(
        &self,
        tip: &Tip,
        cosignature: &Signature,
    ) -> Result<(), LogError> {
        let (Some(batch), Some(signed)) = (&tip.batch, &tip.checkpoint) else {
            return Ok(());
        };
        let key = cosignature_key(batch.number(), cosignature);
        let lock = Some(self.locked_until(batch));
        self.store
            .create(&key, cosignature.to_string().into(), lock)
            .await?;
        while let Some(found) = self.store.get(CHECKPOINT).await? {
            match Note::parse(&found.bytes) {
                Ok(mut note) if note.text() == signed.text() => {
                    note.add(cosignature.clone());
                    if note.to_string().as_bytes() == found.bytes {
                        break;
                    }
                    let bytes = note.to_string().into();
                    if self.store.replace(CHECKPOINT, &found.tag, bytes).await? {
                        break;
                    }
                }
                // It is newer by now.
                _ => break,
            }
        }
        Ok(())
    }

    /// Keeps which checkpoint was sent to people on a day, such as `2030-05-13`. Of each day the first is kept. Errors:
    /// see [`LogError`].
    pub async fn keep_sent(&self, tip: &Tip, day: &str, checkpoint: &Note) -> Result<(), LogError> {
        let Some(batch) = &tip.batch else {
            return Ok(());
        };
        let lock = Some(self.locked_until(batch));
        let bytes = checkpoint.to_string().into();
        self.store.create(&sent_key(day), bytes, lock).await?;
        Ok(())
    }

    /// Writes everything that follows from a batch, the checkpoint last. Parts that exist are compared.
    async fn finish(&self, batch: &Batch) -> Result<Tip, LogError> {
        let (tree, full) = batch.apply();
        let key = checkpoint_key(batch.number());
        let checkpoint = self.checkpoint(&tree);
        let note = match read_note(&*self.store, &key).await? {
            Some(note) => note,
            None => {
                self.check_before(batch).await?;
                self.write_tiles(batch, full, &tree).await?;
                let note = checkpoint.sign(&*self.signer).await?;
                let bytes = Bytes::from(note.to_string());
                let lock = Some(self.locked_until(batch));
                match self.store.create(&key, bytes, lock).await? {
                    Creation::Created => note,
                    Creation::Exists => read_note(&*self.store, &key)
                        .await?
                        .ok_or_else(|| tampered(key.clone(), Fault::Missing))?,
                }
            }
        };
        let signed = Checkpoint::verify(&note, &self.key);
        if signed.map_err(|fault| tampered(key.clone(), Fault::Malformed(fault)))? != checkpoint {
            return Err(tampered(key, Fault::Different));
        }
        self.advance(&checkpoint, &note).await?;
        Ok(Tip {
            batch: Some(batch.clone()),
            checkpoint: Some(note),
            tree,
        })
    }

    /// Checks that a batch continues the checkpoint that was signed before it, so that no checkpoint is signed that is
    /// inconsistent with it.
    async fn check_before(&self, batch: &Batch) -> Result<(), LogError> {
        let Some(number) = batch.number().checked_sub(1) else {
            return match batch.before().size() {
                0 => Ok(()),
                _ => Err(tampered(batch_key(0), Fault::Different)),
            };
        };
        let key = checkpoint_key(number);
        let note = read_note(&*self.store, &key).await?;
        let note = note.ok_or_else(|| tampered(key.clone(), Fault::Missing))?;
        let signed = Checkpoint::verify(&note, &self.key);
        match signed.map_err(|fault| tampered(key, Fault::Malformed(fault)))? {
            signed if signed == self.checkpoint(batch.before()) => Ok(()),
            _ => Err(tampered(batch_key(batch.number()), Fault::Different)),
        }
    }

    async fn write_tiles(
        &self,
        batch: &Batch,
        full: Vec<Tile>,
        tree: &Frontier,
    ) -> Result<(), LogError> {
        let lock = Some(self.locked_until(batch));
        for tile in full {
            let (key, hashes) = (tile.path(), Bytes::from(tile.hashes));
            if self.store.create(&key, hashes.clone(), lock).await? == Creation::Exists {
                let found = self.store.get(&key).await?;
                if found.is_none_or(|found| found.bytes != hashes) {
                    return Err(tampered(key, Fault::Different));
                }
            }
        }
        for tile in tree.partial_tiles() {
            self.store.put(&tile.path(), tile.hashes.into()).await?;
        }
        Ok(())
    }

    /// Makes a checkpoint the newest, unless a newer one is it already.
    async fn advance(&self, checkpoint: &Checkpoint, note: &Note) -> Result<(), LogError> {
        let bytes = Bytes::from(note.to_string());
        loop {
            let Some(found) = self.store.get(CHECKPOINT).await? else {
                match self.store.create(CHECKPOINT, bytes.clone(), None).await? {
                    Creation::Created => return Ok(()),
                    Creation::Exists => continue,
                }
            };
            let newest =
                Note::parse(&found.bytes).and_then(|note| Checkpoint::verify(&note, &self.key));
            // It follows from the batches, so a damaged one is replaced.
            if newest.is_ok_and(|newest| newest.size >= checkpoint.size)
                || self
                    .store
                    .replace(CHECKPOINT, &found.tag, bytes.clone())
                    .await?
            {
                return Ok(());
            }
        }
    }

    fn checkpoint(&self, tree: &Frontier) -> Checkpoint {
        Checkpoint {
            origin: self.key.name().to_owned(),
            size: tree.size(),
            root: tree.root(),
        }
    }

    fn locked_until(&self, batch: &Batch) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_micros(batch.sealed_at()) + self.retention
    }

    /// The number of the newest batch. The store lists keys only in ascending order, and a log of years has millions of
    /// batches, so this searches in growing steps and then halves: about forty requests, or two if it knows the end.
    async fn newest_number(&self) -> Result<Option<u64>, LogError> {
        // A batch with this number exists, or it is 0.
        let mut exists = self.known.load(Ordering::Relaxed);
        // The end is below this number.
        let mut end = u64::MAX;
        let mut step = 1;
        let mut found = exists > 0;
        while exists < end {
            let probe = match end {
                u64::MAX => exists.saturating_add(step),
                end => exists + (end - exists).div_ceil(2),
            };
            match self.last_listed_from(probe).await? {
                Some(last) => {
                    (exists, found) = (last, true);
                    step *= 2;
                }
                None => end = probe - 1,
            }
        }
        if !found && self.store.get(&batch_key(exists)).await?.is_none() {
            return Ok(None);
        }
        self.known.fetch_max(exists, Ordering::Relaxed);
        Ok(Some(exists))
    }

    /// The last number in the page of batches that begins with this number. `number` is not 0.
    async fn last_listed_from(&self, number: u64) -> Result<Option<u64>, LogError> {
        let page = self
            .store
            .list(BATCHES, Some(&batch_key(number - 1)))
            .await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        let parsed = last
            .strip_prefix(BATCHES)
            .and_then(|digits| digits.parse().ok());
        match parsed.filter(|parsed| batch_key(*parsed) == *last) {
            Some(last) => Ok(Some(last)),
            None => Err(tampered(
                last.clone(),
                Fault::Malformed(Malformed("the key of a batch")),
            )),
        }
    }
}

impl Tip {
    /// The newest batch. None if the log is empty.
    pub fn batch(&self) -> Option<&Batch> {
        self.batch.as_ref()
    }

    /// Its checkpoint with the log's signature. None if the log is empty.
    pub fn checkpoint(&self) -> Option<&Note> {
        self.checkpoint.as_ref()
    }

    /// The tree after it.
    pub fn tree(&self) -> &Frontier {
        &self.tree
    }

    /// The number of the next batch.
    pub fn next_number(&self) -> u64 {
        self.batch.as_ref().map_or(0, |batch| batch.number() + 1)
    }

    /// The next batch, with these leaves. `sealed_at` is in microseconds since 1970; for `horizon` see [`Header`].
    /// Errors: there is no leaf, or the batch is too long.
    pub fn next(
        &self,
        sealed_at: u64,
        horizon: u64,
        leaves: impl IntoIterator<Item = Leaf>,
    ) -> Result<Batch, Malformed> {
        let header = Header {
            number: self.next_number(),
            sealed_at,
            horizon,
        };
        Batch::new(header, &self.tree, leaves)
    }
}

impl Published {
    /// The end of the log, whoever published it.
    pub fn tip(&self) -> &Tip {
        match self {
            Self::Ours(tip) | Self::Theirs(tip) => tip,
        }
    }
}

/// The key of a batch.
pub fn batch_key(number: u64) -> String {
    format!("{BATCHES}{number:020}")
}

/// The key of the checkpoint after a batch.
pub fn checkpoint_key(number: u64) -> String {
    format!("{CHECKPOINTS}{number:020}")
}

/// The key of a cosignature of the checkpoint after a batch.
pub fn cosignature_key(number: u64, cosignature: &Signature) -> String {
    format!("{COSIGNATURES}{number:020}/{:08x}", cosignature.id())
}

/// The key of the checkpoint that was sent to people on a day, such as `2030-05-13`.
pub fn sent_key(day: &str) -> String {
    format!("{SENT}{day}")
}

/// Reads a batch, or none if there is none. Errors: see [`LogError`].
pub async fn read_batch(store: &dyn ObjectStore, number: u64) -> Result<Option<Batch>, LogError> {
    let key = batch_key(number);
    let Some(object) = store.get(&key).await? else {
        return Ok(None);
    };
    match Batch::decode(object.bytes) {
        Ok(batch) if batch.number() == number => Ok(Some(batch)),
        Ok(_) => Err(tampered(key, Fault::Different)),
        Err(fault) => Err(tampered(key, Fault::Malformed(fault))),
    }
}

/// Reads a note, such as a checkpoint, or none if there is none. No signature is verified. Errors: see [`LogError`].
pub async fn read_note(store: &dyn ObjectStore, key: &str) -> Result<Option<Note>, LogError> {
    let Some(object) = store.get(key).await? else {
        return Ok(None);
    };
    let note = Note::parse(&object.bytes);
    note.map(Some)
        .map_err(|fault| tampered(key.to_owned(), Fault::Malformed(fault)))
}

/// The first object with this prefix that has several versions or a delete marker. Prefixes to check are [`IMMUTABLE`];
/// tiles that aren't full may be written twice and don't count. Errors: the store failed.
pub async fn replaced(
    store: &dyn ObjectStore,
    prefix: &str,
) -> Result<Option<(String, Fault)>, Failure> {
    let mut after: Option<After> = None;
    let mut last: Option<String> = None;
    loop {
        let page = store.versions(prefix, after.as_ref()).await?;
        for version in page.versions {
            let is_partial = version.key.contains(".p/");
            if !is_partial && (version.is_marker || last.as_ref() == Some(&version.key)) {
                return Ok(Some((version.key, Fault::Replaced)));
            }
            last = Some(version.key);
        }
        after = page.next;
        if after.is_none() {
            return Ok(None);
        }
    }
}

fn tampered(key: String, fault: Fault) -> LogError {
    LogError::Tampered { key, fault }
}

impl From<Failure> for LogError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "{failure}"),
            Self::Tampered { key, fault } => write!(f, "the object {key} of the log {fault}"),
        }
    }
}

impl std::error::Error for LogError {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(fault) => write!(f, "is invalid: {fault}"),
            Self::Missing => f.write_str("is missing"),
            Self::Different => f.write_str("differs from what follows from the batches"),
            Self::Replaced => f.write_str("was overwritten or deleted"),
        }
    }
}
