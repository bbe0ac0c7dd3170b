//! Reads the sealed log batch by batch, and checks that it agrees with itself, with its key and with the checkpoints
//! that the auditor kept.
//!
//! What it keeps in memory grows with the number of chains, not with that of rows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, NaiveDate};
use domain::time::{Date, TimeDelta, Timestamp};
use futures_util::{StreamExt as _, stream};
use transparency_log::batch::Batch;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::leaf::{self, Incarnation, Leaf, Month, Quarantine, Reason};
use transparency_log::log::{
    BATCHES, CHECKPOINT, COSIGNATURES, Fault, IMMUTABLE, LogError, batch_key, checkpoint_key,
    read_batch, read_note, replaced,
};
use transparency_log::note::{Note, Signature};
use transparency_log::store::ObjectStore;
use transparency_log::tree::{Frontier, Tile, leaf_hash};
use transparency_log::{Failure, Hash};
use uuid::Uuid;

use crate::logs::Logged;
use crate::progress::Bar;
use crate::report::{Aspect, Report, Subject};
use crate::{CLOCKS, Inputs};

use Aspect::{Authenticity, Completeness, Freshness, Integrity};

/// How many batches are fetched at once.
const AT_ONCE: usize = 4;

/// The heads are recomputed only when at least as many leaves were read as there are chains beyond this number, so that
/// many chains don't make each batch slow. Those after the last batch always are.
const CHEAP_HEADS: u64 = 10_000;

/// How many of the newest checkpoints may lack the cosignature of a witness that can't be reached.
const MOST_UNCOSIGNED: u64 = 60;

/// How long a sealer may take from one object to the next.
const WRITING: Duration = Duration::from_secs(3);

/// What the sealed log says.
#[derive(Debug, Default)]
pub struct Sealed {
    /// The chains, each with its sealed head.
    pub chains: HashMap<Uuid, Chain>,
    /// The ids and the months of rows that were not sealed because they did not pass the sealer's checks.
    pub quarantined: HashMap<Uuid, Month>,
    /// The restores that the log knows, with the index of each leaf.
    pub incarnations: Vec<(u64, Incarnation)>,
    /// The positions of the rows that a restored database lost, as an operator stated.
    pub lost: HashSet<(Uuid, i64)>,
    /// The months that were deleted after their retention, each by its first day.
    pub deleted: BTreeSet<Date>,
    /// All rows of transactions before this one are in the log or in quarantine.
    pub horizon: u64,
    /// When the last batch was read. Later rows may be sealed by now.
    pub read_at: Option<Timestamp>,
    /// Whether the log could be read to its end.
    pub is_whole: bool,
    /// The newest checkpoint, and its note.
    pub newest: Option<(Checkpoint, Note)>,
    /// The tree after all batches.
    pub tree: Frontier,
    batches: u64,
    /// The comparisons with other logs, by minute: the newest revision, and the ids without row.
    reconciled: BTreeMap<u64, (u32, Vec<String>)>,
}

/// A chain of the sealed log.
#[derive(Debug)]
pub struct Chain {
    /// The key that the log names for it. None if the log names none, which is a finding.
    pub public_key: Option<[u8; 32]>,
    /// The function that writes it.
    pub function: String,
    /// When it was opened, in microseconds since 1970.
    pub opened_at: u64,
    /// The month of its rows.
    pub month: Option<Month>,
    /// The position of its last sealed row.
    pub seq: i64,
    /// The hash of that row.
    pub hash: Hash,
    /// The signature of that row.
    pub signature: [u8; 64],
    /// The digest over all its sealed rows: see [`roll`].
    pub digest: Hash,
    /// Whether rows of it were found in the database.
    pub is_found: bool,
}

/// The digest over the rows of a chain, after one more row.
pub fn roll(digest: &Hash, seq: i64, row_hash: &Hash, signature: &[u8; 64]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(digest);
    context.update(&seq.to_be_bytes());
    context.update(row_hash);
    context.update(signature);
    hash(context)
}

fn hash(context: Context) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Reads the log and reports what is wrong in it.
pub async fn read(inputs: &Inputs, report: &mut Report) -> Result<Sealed, Failure> {
    let Some(store) = &inputs.archive else {
        let missing = "The sealed log was not given.";
        for aspect in [Integrity, Authenticity, Freshness] {
            report.unchecked(aspect, missing);
        }
        return Ok(Sealed::default());
    };
    let store = &**store;
    if inputs.key.is_none() {
        let missing =
            "The key of the log was not given, so no checkpoint proves who sealed the log.";
        report.unchecked(Authenticity, missing);
    }
    for prefix in IMMUTABLE {
        if let Some((key, _)) = replaced(store, prefix).await? {
            let reason = "The object was overwritten or deleted: it has several versions or a delete marker.";
            report.violated(Integrity, Subject::Object(key), reason);
        }
    }
    let mut reader = Reader {
        inputs,
        store,
        report,
        sealed: Sealed {
            is_whole: true,
            ..Sealed::default()
        },
        sealed_at: 0,
        since_heads: 0,
        heads: None,
        roots: BTreeMap::new(),
    };
    reader.read_batches().await?;
    reader.compare_kept();
    reader.compare_newest().await?;
    let mut sealed = reader.finish();
    sealed.read_lost(store).await?;
    sealed.judge_witnesses(inputs, store, report).await?;
    Ok(sealed)
}

impl Sealed {
    /// Reads which rows the restored databases lost.
    async fn read_lost(&mut self, store: &dyn ObjectStore) -> Result<(), Failure> {
        for (_, incarnation) in &self.incarnations {
            let statement = &incarnation.statement;
            let lost = statement.kept_size..statement.old_size;
            for number in 0..self.batches {
                let Some(batch) = read_batch(store, number).await? else {
                    break;
                };
                if batch.before().size() >= lost.end {
                    break;
                }
                if batch.size() <= lost.start {
                    continue;
                }
                for (index, leaf) in batch.leaves() {
                    if let Leaf::Row(row) = leaf
                        && lost.contains(&index)
                    {
                        self.lost.insert((row.chain_id, row.seq));
                    }
                }
            }
        }
        Ok(())
    }
}

struct Reader<'a> {
    inputs: &'a Inputs,
    store: &'a dyn ObjectStore,
    report: &'a mut Report,
    sealed: Sealed,
    /// When the newest batch was sealed, in microseconds since 1970.
    sealed_at: u64,
    /// How many leaves were read since the heads were recomputed.
    since_heads: u64,
    /// The newest heads leaf, unless it was compared.
    heads: Option<(u64, leaf::Heads)>,
    /// The roots at the sizes of the checkpoints that the auditor kept.
    roots: BTreeMap<u64, Hash>,
}

struct Fetched {
    number: u64,
    batch: Result<Option<Batch>, LogError>,
    checkpoint: Result<Option<Note>, LogError>,
}

async fn fetch(store: &dyn ObjectStore, number: u64) -> Fetched {
    Fetched {
        number,
        batch: read_batch(store, number).await,
        checkpoint: read_note(store, &checkpoint_key(number)).await,
    }
}

impl Reader<'_> {
    async fn read_batches(&mut self) -> Result<(), Failure> {
        let store = self.store;
        let mut bar = Bar::spinner("leaves of the sealed log");
        let mut fetched = stream::iter(0..)
            .map(|number| fetch(store, number))
            .buffered(AT_ONCE);
        while let Some(Fetched {
            number,
            batch,
            checkpoint,
        }) = fetched.next().await
        {
            self.sealed.read_at = Some(Timestamp::now());
            let Some(batch) = self.object(batch)? else {
                self.end(number).await?;
                break;
            };
            if *batch.before() != self.sealed.tree {
                let reason = "The batch doesn't continue the tree of the batches before it.";
                self.object_is_bad(batch_key(number), reason);
                self.sealed.is_whole = false;
                break;
            }
            self.read_batch(&batch).await?;
            self.read_checkpoint(number, checkpoint).await?;
            bar.set(self.sealed.tree.size());
        }
        self.compare_heads(true);
        Ok(())
    }

    /// What was read, or none. A damaged object ends the reading of the log.
    fn object<T>(&mut self, read: Result<Option<T>, LogError>) -> Result<Option<T>, Failure> {
        match read {
            Ok(object) => Ok(object),
            Err(LogError::Failed(failure)) => Err(failure),
            Err(LogError::Tampered { key, fault }) => {
                let reason = match fault {
                    Fault::Malformed(fault) => format!("The object is invalid ({fault})."),
                    Fault::Missing => "The object is missing.".to_owned(),
                    Fault::Different => "The object is that of another batch.".to_owned(),
                    Fault::Replaced => "The object was overwritten or deleted.".to_owned(),
                };
                self.object_is_bad(key, reason);
                self.sealed.is_whole = false;
                Ok(None)
            }
        }
    }

    fn object_is_bad(&mut self, key: String, reason: impl Into<String>) {
        self.report
            .violated(Integrity, Subject::Object(key), reason);
    }

    /// There is no batch with this number. Later objects show that there was one.
    async fn end(&mut self, number: u64) -> Result<(), Failure> {
        if !self.sealed.is_whole {
            return Ok(());
        }
        let before = number.checked_sub(1).map(batch_key);
        let later = self.store.list(BATCHES, before.as_deref()).await?;
        let signed = read_note(self.store, &checkpoint_key(number)).await;
        let is_signed = !matches!(signed, Ok(None));
        // A sealer may have written the batch just now.
        let is_new = later.first() == Some(&batch_key(number));
        if (!later.is_empty() || is_signed) && !is_new {
            let reason = "The batch is missing, although later objects of the log exist.";
            self.object_is_bad(batch_key(number), reason);
            self.sealed.is_whole = false;
        }
        Ok(())
    }

    async fn read_batch(&mut self, batch: &Batch) -> Result<(), Failure> {
        let mut full = Vec::new();
        for ((index, bytes), (_, leaf)) in batch.entries().zip(batch.leaves()) {
            self.sealed.tree.append(leaf_hash(bytes), &mut full);
            if self.is_kept(index + 1) {
                self.roots.insert(index + 1, self.sealed.tree.root());
            }
            self.since_heads += 1;
            self.read_leaf(index, leaf);
        }
        self.compare_heads(false);
        self.compare_tiles(full).await?;
        self.sealed.batches = batch.number() + 1;
        self.sealed.horizon = batch.horizon();
        self.report.counts.leaves = batch.size();
        self.report.counts.batches = self.sealed.batches;
        let age = age(Timestamp::now(), batch.sealed_at());
        if age < -CLOCKS {
            let reason = "The batch says that it was sealed in the future.";
            self.report.violated(
                Freshness,
                Subject::Object(batch_key(batch.number())),
                reason,
            );
        }
        self.sealed_at = batch.sealed_at();
        Ok(())
    }

    fn is_kept(&self, size: u64) -> bool {
        self.inputs
            .kept
            .iter()
            .any(|kept| kept.checkpoint.size == size)
    }

    fn read_leaf(&mut self, index: u64, leaf: Leaf) {
        match leaf {
            Leaf::Chain(chain) => self.read_chain(chain),
            Leaf::Row(row) => self.read_row(&row),
            Leaf::Heads(heads) => self.heads = Some((index, heads)),
            Leaf::Reconciliation(found) => {
                let ids = found.missing.ids().map(ToString::to_string).collect();
                let known = self.sealed.reconciled.entry(found.minute).or_default();
                if known.0 <= found.revision {
                    *known = (found.revision, ids);
                }
            }
            Leaf::Quarantine(quarantine) => self.read_quarantine(&quarantine),
            Leaf::Incarnation(incarnation) => self.read_incarnation(index, incarnation),
        }
    }

    fn read_chain(&mut self, leaf: leaf::Chain) {
        let id = leaf.chain_id;
        let chain = self.sealed.chains.entry(id).or_insert_with(Chain::unknown);
        if chain.public_key.is_some_and(|key| key != leaf.public_key) {
            let reason = "The log names two different keys for the chain.";
            self.report
                .violated(Authenticity, Subject::Chain(id), reason);
        }
        chain.public_key = Some(leaf.public_key);
        chain.function = leaf.function.as_str().to_owned();
        chain.opened_at = leaf.opened_at;
    }

    fn read_row(&mut self, row: &leaf::Row) {
        let chain = self
            .sealed
            .chains
            .entry(row.chain_id)
            .or_insert_with(Chain::unknown);
        let subject = || Subject::place(row.chain_id, row.seq);
        if Some(row.seq) != chain.seq.checked_add(1) {
            let reason = format!(
                "The log seals this row after row {} of the chain, so its rows are not in order.",
                chain.seq
            );
            self.report.violated(Integrity, subject(), reason);
        }
        if chain.month.is_some_and(|month| month != row.month) {
            let reason = "The log seals rows of the chain in several months.";
            self.report.violated(Integrity, subject(), reason);
        }
        match chain.public_key {
            None => {
                let reason = "The log seals a row of a chain whose key it doesn't name.";
                self.report.violated(Authenticity, subject(), reason);
            }
            // Without the rows, nothing links a row to the head that is verified at the end.
            Some(key) if self.inputs.database.is_none() => {
                if !audit::is_signed(&key, &row.row_hash, &row.signature) {
                    self.report.violated(Authenticity, subject(), NOT_SIGNED);
                }
            }
            Some(_) => {}
        }
        chain.month = Some(row.month);
        chain.seq = row.seq;
        chain.hash = row.row_hash;
        chain.signature = row.signature;
        chain.digest = roll(&chain.digest, row.seq, &row.row_hash, &row.signature);
    }

    fn read_quarantine(&mut self, leaf: &Quarantine) {
        let (aspect, reason) = match leaf.reason {
            Reason::NoOpenLine => (
                Authenticity,
                "no function announced a key for the chain of the row",
            ),
            Reason::InvalidSignature => (
                Authenticity,
                "the signature isn't valid under the key of the chain",
            ),
            Reason::WrongHash => (Integrity, "the row doesn't have the hash that it names"),
            Reason::BrokenLink => (
                Integrity,
                "the row doesn't continue the row before it in the chain",
            ),
            Reason::MissingRow => (Integrity, "the row is missing, although later rows exist"),
            Reason::TakenPlace => (Integrity, "the position belongs to another row"),
            Reason::ForeignRow => (
                Authenticity,
                "the row isn't of the function or the month of its chain",
            ),
        };
        let id = leaf.row.map(|row| row.id);
        self.sealed
            .quarantined
            .extend(id.map(|id| (id, leaf.month)));
        let subject = Subject::Row {
            id,
            chain_id: leaf.chain_id,
            seq: leaf.seq,
        };
        let reason = format!("The sealer put it into quarantine: {reason}.");
        self.report.violated(aspect, subject, reason);
    }

    fn read_incarnation(&mut self, index: u64, incarnation: Incarnation) {
        let statement = &incarnation.statement;
        let is_known = self.inputs.operators.contains(&incarnation.operator);
        let reason = if !incarnation.is_signed() {
            Some("The statement about a restored database isn't validly signed.".to_owned())
        } else if statement.old_size > index || statement.kept_size > statement.old_size {
            Some(
                "The statement about a restored database names sizes that the log never had."
                    .to_owned(),
            )
        } else if !is_known {
            Some(format!(
                "The statement about a restored database is signed by the key {}, which isn't among the operators' keys that were given.",
                hex::encode(incarnation.operator)
            ))
        } else {
            None
        };
        match reason {
            Some(reason) => {
                let subject = Subject::Object(format!("leaf {index}"));
                self.report.violated(Authenticity, subject, reason);
            }
            None => self.sealed.incarnations.push((index, incarnation)),
        }
    }

    /// Compares the newest heads leaf with the chains.
    fn compare_heads(&mut self, is_last: bool) {
        let chains = self.sealed.chains.len() as u64;
        let is_due = is_last || chains <= self.since_heads + CHEAP_HEADS;
        let Some((index, heads)) = self.heads.take_if(|_| is_due) else {
            return;
        };
        self.since_heads = 0;
        // A chain without sealed row has no head.
        let mut sealed: Vec<_> = self
            .sealed
            .chains
            .iter()
            .filter(|(_, chain)| chain.seq > 0)
            .map(|(id, chain)| (*id, chain.seq, chain.hash))
            .collect();
        sealed.sort_unstable_by_key(|(id, ..)| *id);
        if leaf::Heads::of(sealed) != heads {
            let subject = Subject::Object(format!("leaf {index}"));
            let reason = "The heads of the chains that the sealer names are not those of the rows in the log.";
            self.report.violated(Integrity, subject, reason);
        }
    }

    /// Compares the tiles that became full with those that are stored.
    async fn compare_tiles(&mut self, tiles: Vec<Tile>) -> Result<(), Failure> {
        for tile in tiles {
            let key = tile.path();
            match self.store.get(&key).await? {
                Some(found) if found.bytes == tile.hashes => {}
                Some(_) => {
                    self.object_is_bad(key, "The tile differs from the tree of the batches.")
                }
                None => self.object_is_bad(key, "The tile is missing, although its batch exists."),
            }
        }
        Ok(())
    }

    async fn read_checkpoint(
        &mut self,
        number: u64,
        read: Result<Option<Note>, LogError>,
    ) -> Result<(), Failure> {
        let key = checkpoint_key(number);
        let is_whole = self.sealed.is_whole;
        let mut note = self.object(read)?;
        // A checkpoint that can't be parsed doesn't prevent that the next batch is read.
        let is_damaged = std::mem::replace(&mut self.sealed.is_whole, is_whole) != is_whole;
        if note.is_none() && !is_damaged {
            // The sealer writes the checkpoint after the batch, and may be at work.
            let is_last = self.store.get(&batch_key(number + 1)).await?.is_none();
            if is_last {
                tokio::time::sleep(WRITING).await;
            }
            note = self.object(read_note(self.store, &key).await)?;
            let is_new = is_last && age(Timestamp::now(), self.sealed_at) < self.inputs.max_age;
            match note {
                Some(_) => {}
                None if is_new => self.report.unchecked(
                    Integrity,
                    "The newest batch has no checkpoint yet. The sealer may be at work.",
                ),
                None => self.object_is_bad(
                    key.clone(),
                    "The checkpoint is missing, although its batch exists.",
                ),
            }
        }
        if let Some(note) = note {
            self.judge_checkpoint(&key, note);
        }
        Ok(())
    }

    /// Judges the signed checkpoint after the newest batch that was read.
    fn judge_checkpoint(&mut self, key: &str, note: Note) {
        let Some(checkpoint) = self.verified(key, &note) else {
            return;
        };
        let tree = &self.sealed.tree;
        if (checkpoint.size, checkpoint.root) == (tree.size(), tree.root()) {
            self.sealed.newest = Some((checkpoint, note));
            return;
        }
        let reason = match checkpoint.size == tree.size() {
            true => {
                "The checkpoint has another root than the batches give: the log has two roots for one size."
            }
            false => "The checkpoint is of another size than the log has after its batch.",
        };
        self.object_is_bad(key.to_owned(), reason);
    }

    /// The checkpoint in a note. None if it isn't one, or not one of this log.
    fn verified(&mut self, key: &str, note: &Note) -> Option<Checkpoint> {
        let subject = || Subject::Object(key.to_owned());
        let checkpoint = match Checkpoint::parse(note.text()) {
            Ok(checkpoint) => checkpoint,
            Err(fault) => {
                let reason = format!("The checkpoint is invalid ({fault}).");
                self.report.violated(Integrity, subject(), reason);
                return None;
            }
        };
        if let Some(log) = &self.inputs.key
            && let Err(fault) = Checkpoint::verify(note, log)
        {
            let reason = format!("The checkpoint isn't signed with the key of the log ({fault}).");
            self.report.violated(Authenticity, subject(), reason);
            return None;
        }
        if let Err(fault) = Checkpoint::cosignatures(note, &self.inputs.witnesses) {
            let reason = format!("A cosignature of the checkpoint is invalid ({fault}).");
            self.report.violated(Authenticity, subject(), reason);
        }
        Some(checkpoint)
    }

    /// Compares the checkpoints that the auditor kept with the log.
    fn compare_kept(&mut self) {
        let inputs = self.inputs;
        for kept in &inputs.kept {
            if self.verified(&kept.name, &kept.note).is_none() {
                continue;
            }
            let size = kept.checkpoint.size;
            let root = match size {
                0 => Some(Frontier::default().root()),
                size => self.roots.get(&size).copied(),
            };
            let reason = match root {
                Some(root) if root == kept.checkpoint.root => continue,
                Some(_) => format!(
                    "The log has another root at size {size} than this checkpoint: the log was forked or rewritten."
                ),
                None if self.sealed.is_whole => format!(
                    "The log has {} leaves, and this checkpoint is of {size}: the log was cut.",
                    self.sealed.tree.size()
                ),
                None => continue,
            };
            self.object_is_bad(kept.name.clone(), reason);
        }
    }

    /// Compares the object that says which checkpoint is the newest, and the edge of the tree that it needs.
    async fn compare_newest(&mut self) -> Result<(), Failure> {
        if !self.sealed.is_whole {
            return Ok(());
        }
        let read = read_note(self.store, CHECKPOINT).await;
        let note = self.object(read)?;
        self.sealed.is_whole = true;
        let Some(note) = note else {
            if self.sealed.newest.is_some() {
                let reason = "The object is missing, although the log has checkpoints.";
                self.object_is_bad(CHECKPOINT.to_owned(), reason);
            }
            return Ok(());
        };
        let Some(newest) = self.verified(CHECKPOINT, &note) else {
            return Ok(());
        };
        let tree = &self.sealed.tree;
        let (size, root) = (tree.size(), tree.root());
        let signed = self
            .sealed
            .newest
            .as_ref()
            .map_or(0, |(signed, _)| signed.size);
        if newest.size < signed {
            // A sealer may have stored the checkpoint of its batch just now.
            tokio::time::sleep(WRITING).await;
            let again = self.object(read_note(self.store, CHECKPOINT).await)?;
            let newer = again.and_then(|again| Checkpoint::parse(again.text()).ok());
            if newer.is_none_or(|newer| newer.size < signed) {
                let reason = format!(
                    "The object names a checkpoint of {} leaves as the newest, although one of {signed} is signed.",
                    newest.size
                );
                self.object_is_bad(CHECKPOINT.to_owned(), reason);
            }
        } else if newest.size == size && newest.root != root {
            let reason = "The newest checkpoint has another root than the batches give: the log has two roots for one size.";
            self.object_is_bad(CHECKPOINT.to_owned(), reason);
        } else if newest.size == size && signed < size {
            let key = checkpoint_key(self.sealed.batches.saturating_sub(1));
            let reason = "The checkpoint is missing, although it was the newest.";
            self.object_is_bad(key, reason);
        }
        if newest.size == size {
            let partial: Vec<_> = self.sealed.tree.partial_tiles().collect();
            self.compare_tiles(partial).await?;
        }
        Ok(())
    }

    /// Verifies the signature of each chain's head, and how old the log is.
    fn finish(self) -> Sealed {
        let Self {
            inputs,
            report,
            sealed,
            sealed_at,
            ..
        } = self;
        for (id, chain) in &sealed.chains {
            if chain.public_key.is_some() && chain.seq > 0 && !chain.is_signed() {
                let subject = Subject::place(*id, chain.seq);
                report.violated(Authenticity, subject, NOT_SIGNED);
            }
        }
        for (minute, (_, ids)) in &sealed.reconciled {
            for id in ids {
                let reason = format!(
                    "The sealer found no audit row of this request, which was logged in the minute of {}.",
                    crate::time_of(minute * 60_000_000)
                );
                let subject = Subject::Request(id.clone());
                report.violated(Completeness, subject, reason);
            }
        }
        report.counts.chains = sealed.chains.len() as u64;
        report.counts.root = hex::encode(sealed.tree.root());
        if sealed.batches == 0 {
            report.unchecked(Freshness, "The sealed log is empty.");
        } else if !sealed.is_whole {
            report.unchecked(Freshness, "The sealed log can't be read to its end.");
        } else {
            judge_age(inputs, report, &sealed, sealed_at);
        }
        sealed
    }
}

const NOT_SIGNED: &str = "The signature isn't valid under the key of the chain.";

fn judge_age(inputs: &Inputs, report: &mut Report, sealed: &Sealed, sealed_at: u64) {
    let age = age(Timestamp::now(), sealed_at);
    if age > inputs.max_age {
        let reason = format!(
            "The newest batch was sealed {} minutes ago.",
            age.num_minutes()
        );
        let key = batch_key(sealed.batches.saturating_sub(1));
        report.violated(Freshness, Subject::Object(key), reason);
    }
}

impl Sealed {
    /// Checks that each witness cosigned the newest checkpoint, or one that isn't much older.
    async fn judge_witnesses(
        &self,
        inputs: &Inputs,
        store: &dyn ObjectStore,
        report: &mut Report,
    ) -> Result<(), Failure> {
        for witness in &inputs.witnesses {
            let name = witness.name();
            let newest = self.batches.saturating_sub(MOST_UNCOSIGNED)..self.batches;
            let mut cosigned_at = None;
            for number in newest.rev() {
                let key = format!("{COSIGNATURES}{number:020}/{:08x}", witness.id());
                let Some(object) = store.get(&key).await? else {
                    continue;
                };
                let note = read_note(store, &checkpoint_key(number)).await;
                let Some(mut note) = note.ok().flatten() else {
                    continue;
                };
                let lines = str::from_utf8(&object.bytes).unwrap_or_default();
                for signature in Signature::parse_lines(lines).unwrap_or_default() {
                    note.add(signature);
                }
                let times = Checkpoint::cosignatures(&note, [witness]);
                cosigned_at = times
                    .ok()
                    .and_then(|times| times.first().map(|cosigned| cosigned.time));
                if cosigned_at.is_none() {
                    let reason = format!("The cosignature of the witness {name} is invalid.");
                    report.violated(Authenticity, Subject::Object(key), reason);
                }
                break;
            }
            match cosigned_at.map(|time| age(Timestamp::now(), time.saturating_mul(1_000_000))) {
                Some(age) if age > inputs.max_age => {
                    let reason = format!(
                        "The witness {name} last cosigned a checkpoint {} minutes ago.",
                        age.num_minutes()
                    );
                    report.violated(Freshness, Subject::Log, reason);
                }
                Some(_) => {}
                None => {
                    let reason = format!(
                        "The witness {name} cosigned none of the newest {MOST_UNCOSIGNED} checkpoints."
                    );
                    report.unchecked(Authenticity, reason);
                }
            }
        }
        Ok(())
    }
}

impl Chain {
    fn unknown() -> Self {
        Self {
            public_key: None,
            function: String::new(),
            opened_at: 0,
            month: None,
            seq: 0,
            hash: [0; 32],
            signature: [0; 64],
            digest: [0; 32],
            is_found: false,
        }
    }

    /// Whether the signature of its last sealed row is valid. It covers all rows before.
    pub fn is_signed(&self) -> bool {
        self.public_key
            .is_some_and(|key| audit::is_signed(&key, &self.hash, &self.signature))
    }

    /// The first day of the month of its rows.
    pub fn first_day(&self) -> Option<Date> {
        self.month.and_then(first_day)
    }
}

/// The first day of a month.
fn first_day(month: Month) -> Option<Date> {
    let day = NaiveDate::from_ymd_opt(month.year().into(), month.month().into(), 1);
    day.map(Date::from)
}

impl Sealed {
    /// Whether the rows of a chain were in a month that was deleted after its retention.
    pub fn is_of_deleted_month(&self, chain_id: Uuid) -> bool {
        let chain = self.chains.get(&chain_id);
        let month = chain.and_then(Chain::first_day);
        month.is_some_and(|month| self.deleted.contains(&month))
    }

    /// How many rows of a month exist if none was removed: at least, and at most. A row in quarantine can be one that the
    /// owner of the database inserted and removed again.
    pub fn rows_of(&self, month: Date) -> (u64, u64) {
        let of_month = |chain: &Chain| chain.first_day() == Some(month);
        let chains = self.chains.values().filter(|chain| of_month(chain));
        let sealed: u64 = chains.map(|chain| chain.seq.unsigned_abs()).sum();
        let lost = self.lost.iter();
        let lost = lost.filter(|(id, _)| self.chains.get(id).is_some_and(of_month));
        let quarantined = self.quarantined.values();
        let quarantined = quarantined.filter(|of| first_day(**of) == Some(month));
        let fewest = sealed.saturating_sub(lost.count() as u64);
        (fewest, sealed + quarantined.count() as u64)
    }
}

/// How long ago a time was. Negative if it is in the future.
fn age(now: Timestamp, microseconds: u64) -> TimeDelta {
    let then = i64::try_from(microseconds).unwrap_or(i64::MAX);
    TimeDelta::microseconds(now.microseconds().saturating_sub(then))
}

impl Sealed {
    /// Compares the keys that the log names with those that functions announced.
    pub fn compare_opened(&self, logged: &Logged, report: &mut Report) {
        for (id, chain) in &self.chains {
            let Some(key) = chain.public_key else {
                continue;
            };
            let opened_at = i64::try_from(chain.opened_at).unwrap_or(i64::MAX);
            let opened_at = DateTime::from_timestamp_micros(opened_at).map(Timestamp::from);
            let reason = match logged.opened.get(id) {
                Some(opened) if opened.public_key == key && opened.function == chain.function => {
                    continue;
                }
                Some(_) => {
                    "The functions' log announces another key or function for the chain than the sealed log."
                }
                None if opened_at.is_some_and(|time| logged.covers(time)) => {
                    "No function announced the chain in its log, although the sealed log names a key for it."
                }
                None => continue,
            };
            report.violated(Authenticity, Subject::Chain(*id), reason);
        }
    }
}
