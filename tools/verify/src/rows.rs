//! Reads all rows of the database chain by chain, and compares them with the sealed log.
//!
//! The rows of a chain and its leaves have the same digest, unless something is wrong. So only the digests are compared,
//! and what is kept in memory doesn't grow with the rows. The leaves of chains that differ are read again, to name the
//! first bad row.

use std::collections::{BTreeSet, HashMap};

use audit::{ArchivedRow, CopiedRow, Sealable, StoredRow};
use chrono::{Datelike as _, NaiveDate};
use domain::time::{Date, Timestamp};
use tokio_postgres::Client;
use transparency_log::leaf::Leaf;
use transparency_log::log::read_batch;
use transparency_log::{Failure, Hash};
use uuid::Uuid;

use crate::archive::{Archive, Damage};
use crate::database::{self, RowOfChain};
use crate::deletions::{self, Deletion};
use crate::logs::Logged;
use crate::report::{Aspect, Report, Subject};
use crate::sealed::{Chain, Sealed, roll};
use crate::{CLOCKS, Inputs, merged};

use Aspect::{Authenticity, Freshness, Integrity};

/// How many differing chains are compared row by row. Of the others only their ids are reported.
const MOST_CHAINS: usize = 1000;

/// Reads all rows and reports what is wrong with them.
pub async fn compare(
    inputs: &Inputs,
    sealed: &mut Sealed,
    logged: &mut Logged,
    archive: Option<&Archive<'_>>,
    client: &Client,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut judge = Judge {
        inputs,
        logged,
        report,
        read_at: sealed.read_at.unwrap_or_else(Timestamp::now),
        sealed,
        walk: None,
        differing: BTreeSet::new(),
        oldest: None,
        unknown: 0,
        deletions: Vec::new(),
        damaged: Vec::new(),
    };
    merged::read(&mut judge, archive, client).await?;
    judge.end();
    judge.finish();
    let Judge {
        mut differing,
        deletions,
        damaged,
        ..
    } = judge;
    sealed.deleted = deletions::explained(deletions, &differing, sealed, report);
    // Of such a chain nothing is there that could be compared.
    differing.retain(|id| {
        let is_found = sealed.chains.get(id).is_none_or(|chain| chain.is_found);
        is_found || !sealed.is_of_deleted_month(*id)
    });
    for (month, Damage { key, reason }) in damaged {
        if !sealed.deleted.contains(&month) {
            report.violated(Integrity, Subject::Object(key), reason);
        }
    }
    name_rows(inputs, sealed, archive, client, differing, report).await
}

/// Where a row was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the database, in a month that isn't archived.
    Database,
    /// In the archive, or in the database in a month that is archived.
    Archived(Date),
}

/// The rows of one chain, as far as they were read.
struct Walk {
    chain_id: Uuid,
    /// The last row: its position and its hash.
    last: Option<(i64, Hash)>,
    /// The hashes of further rows at the same position, one of which the next row may follow.
    rivals: Vec<Hash>,
    /// The digest over the rows up to the sealed head.
    digest: Hash,
    /// Whether the rows up to the sealed head were compared with the leaves.
    is_compared: bool,
    differs: bool,
}

/// Judges the rows in their order: month, chain, position, place.
pub struct Judge<'a> {
    inputs: &'a Inputs,
    pub logged: &'a mut Logged,
    pub report: &'a mut Report,
    sealed: &'a mut Sealed,
    /// When the end of the sealed log was read.
    read_at: Timestamp,
    /// The chain that is being read.
    walk: Option<Walk>,
    /// The chains whose rows aren't those of the sealed log.
    differing: BTreeSet<Uuid>,
    /// The oldest row that isn't sealed.
    oldest: Option<(Timestamp, Subject)>,
    /// How many rows are of a chain whose key isn't known.
    unknown: u64,
    /// The rows that say that a month was deleted.
    deletions: Vec<Deletion>,
    /// The objects of archived months that are missing or damaged.
    pub damaged: Vec<(Date, Damage)>,
}

impl Walk {
    fn new(chain_id: Uuid) -> Self {
        Self {
            chain_id,
            last: None,
            rivals: Vec::new(),
            digest: [0; 32],
            is_compared: false,
            differs: false,
        }
    }
}

impl Judge<'_> {
    /// A row of the database that no function can have written. Its id, chain and position can be read.
    pub fn unreadable(&mut self, row: &CopiedRow<'_>) {
        let subject = match row.position() {
            Some((id, chain_id, seq)) => {
                self.differing.insert(chain_id);
                Subject::row(id, chain_id, seq)
            }
            None => Subject::Log,
        };
        self.report.violated(Integrity, subject, UNREADABLE);
    }

    /// An archived row that no function can have written.
    pub fn unreadable_line(&mut self, row: &ArchivedRow<'_>) {
        self.differing.insert(row.chain_id);
        let subject = Subject::row(row.id, row.chain_id, row.seq);
        self.report.violated(Integrity, subject, UNREADABLE);
    }

    /// Judges a row. `content` is the row with its content, which few rows need.
    pub fn row(
        &mut self,
        row: &Sealable,
        origin: Origin,
        content: impl FnOnce() -> Option<StoredRow>,
    ) {
        if self.sealed.quarantined.contains_key(&row.id) {
            return;
        }
        let chain_id = row.chain_id;
        if self
            .walk
            .as_ref()
            .is_none_or(|walk| walk.chain_id != chain_id)
        {
            self.end();
        }
        let mut walk = self.walk.take().unwrap_or_else(|| Walk::new(chain_id));
        let is_right = self.judge(&mut walk, row, origin);
        if is_right && row.application == deletions::ARCHIVER {
            self.deletions
                .extend(content().as_ref().and_then(Deletion::of));
        }
        self.walk = Some(walk);
    }

    /// Returns whether the row is sealed and nothing is wrong with it alone.
    fn judge(&mut self, walk: &mut Walk, row: &Sealable, origin: Origin) -> bool {
        let (id, chain_id) = (row.id, walk.chain_id);
        let subject = || Subject::row(id, chain_id, row.seq);
        if !row.is_intact {
            let reason = "The row was changed: its hash isn't that of its content.";
            self.report.violated(Integrity, subject(), reason);
            walk.differs = true;
        }
        if row.timestamp > self.read_at + CLOCKS {
            let reason = "The row is dated in the future.";
            self.report.violated(Integrity, subject(), reason);
        }
        if row.month != row.month_of_time {
            let reason = "The row is in the partition of another month than its time.";
            self.report.violated(Integrity, subject(), reason);
        }
        let (seq, hash) = walk.last.unwrap_or((0, [0; 32]));
        let mut chain = self.sealed.chains.get_mut(&chain_id);
        // A duplicate or a gap in the sealed part is found by comparison with the leaves.
        let sealed_seq = chain.as_ref().map_or(0, |chain| chain.seq);
        let next = seq.saturating_add(1);
        if row.seq != next || row.seq == seq {
            walk.differs = true;
            if row.seq > sealed_seq {
                let reason = match row.seq > next {
                    true => "The row before it in the chain is missing.",
                    false => "Another row has the same position in the chain.",
                };
                self.report.violated(Integrity, subject(), reason);
            }
        } else if row.prev_hash != hash && !walk.rivals.contains(&row.prev_hash) {
            let reason =
                "The row doesn't continue the row before it in the chain: it names another hash.";
            self.report.violated(Integrity, subject(), reason);
        }
        if row.seq > seq {
            walk.last = Some((row.seq, row.row_hash));
            walk.rivals.clear();
        } else {
            walk.rivals.push(row.row_hash);
        }
        match &mut chain {
            Some(chain) if row.seq <= chain.seq => {
                let fault = walk.sealed_row(chain, row);
                if let Some(reason) = fault {
                    self.report.violated(Integrity, subject(), reason);
                }
                if row.xid >= self.sealed.horizon && self.sealed.incarnations.is_empty() {
                    let reason = "The row names a later transaction than any that the sealer knew when it sealed the row.";
                    self.report.violated(Integrity, subject(), reason);
                }
                row.is_intact && fault.is_none()
            }
            _ => {
                self.unsealed_row(row, subject(), origin);
                false
            }
        }
    }

    fn unsealed_row(&mut self, row: &Sealable, subject: Subject, origin: Origin) {
        if let Origin::Archived(_) = origin {
            // A month is archived only when all its rows are sealed or in quarantine.
            if self.sealed.is_whole {
                let reason = "The row isn't in the sealed log, although its month is archived.";
                self.report.violated(Integrity, subject.clone(), reason);
            }
        } else {
            self.report.counts.unsealed += 1;
            let is_oldest = |(oldest, _): &(Timestamp, Subject)| row.timestamp < *oldest;
            if self.sealed.is_whole && self.oldest.as_ref().is_none_or(is_oldest) {
                self.oldest = Some((row.timestamp, subject.clone()));
            }
        }
        let chain = self.sealed.chains.get(&row.chain_id);
        let opened = self.logged.opened.get(&row.chain_id);
        let key = chain.and_then(|chain| chain.public_key);
        let key = key.or(opened.map(|opened| opened.public_key));
        let function = chain
            .filter(|chain| chain.public_key.is_some())
            .map(|chain| chain.function.as_str())
            .or(opened.map(|opened| opened.function.as_str()));
        match key {
            Some(key) if !is_signed(&key, row) => {
                let reason = "The signature isn't valid under the key of the chain.";
                self.report.violated(Authenticity, subject, reason);
            }
            Some(_) if function != Some(row.application.as_str()) => {
                let reason = "The row names another function than the one that writes its chain.";
                self.report.violated(Authenticity, subject, reason);
            }
            Some(_) => {}
            None if self.logged.covers(row.timestamp) => {
                let reason = "No function announced a key for the chain of the row, so nobody proves who wrote it.";
                self.report.violated(Authenticity, subject, reason);
            }
            None => self.unknown += 1,
        }
    }

    /// The rows of a chain are read.
    pub fn end(&mut self) {
        let Some(walk) = self.walk.take() else {
            return;
        };
        let Some(chain) = self.sealed.chains.get_mut(&walk.chain_id) else {
            return;
        };
        let is_again = std::mem::replace(&mut chain.is_found, true);
        if walk.differs || is_again || (chain.seq > 0 && !walk.is_compared) {
            self.differing.insert(walk.chain_id);
        }
    }

    fn finish(&mut self) {
        for (id, chain) in &self.sealed.chains {
            if chain.seq > 0 && !chain.is_found {
                self.differing.insert(*id);
            }
        }
        if self.unknown > 0 {
            let reason = format!(
                "{} rows are of chains whose key is neither in the sealed log yet nor in a log of the functions that was given.",
                self.unknown
            );
            self.report.unchecked(Authenticity, reason);
        }
        if self.inputs.archive.is_none() {
            return;
        }
        if let Some((time, subject)) = self.oldest.take() {
            let age = self.read_at - time;
            if age > self.inputs.max_age {
                let reason = format!(
                    "The row isn't sealed, although it is {} minutes old.",
                    age.num_minutes()
                );
                self.report.violated(Freshness, subject, reason);
            }
        }
    }
}

impl Walk {
    /// Adds a row up to the sealed head to the digest. Returns what is wrong with it.
    fn sealed_row(&mut self, chain: &Chain, row: &Sealable) -> Option<&'static str> {
        let signature = row.signature.unwrap_or([0; 64]);
        self.digest = roll(&self.digest, row.seq, &row.row_hash, &signature);
        if row.seq == chain.seq {
            self.is_compared = true;
            self.differs |= self.digest != chain.digest;
        }
        let month = NaiveDate::from(row.month);
        let is_of_month = chain.month.is_some_and(|sealed| {
            (i32::from(sealed.year()), u32::from(sealed.month())) == (month.year(), month.month())
        });
        if !is_of_month {
            return Some("The row is in another month than the sealed log says.");
        }
        (row.application != chain.function)
            .then_some("The row names another function than the one that writes its chain.")
    }
}

const UNREADABLE: &str = "The row can't be read: a column has a value that no function writes.";

/// Whether a row has the signature of its chain.
fn is_signed(public_key: &[u8; 32], row: &Sealable) -> bool {
    row.signature
        .is_some_and(|signature| audit::is_signed(public_key, &row.row_hash, &signature))
}

/// A leaf of a chain.
struct SealedRow {
    index: u64,
    seq: i64,
    row_hash: Hash,
    signature: [u8; 64],
}

/// Reads the leaves of chains that differ again, and names the rows at fault.
async fn name_rows(
    inputs: &Inputs,
    sealed: &Sealed,
    archive: Option<&Archive<'_>>,
    client: &Client,
    differing: BTreeSet<Uuid>,
    report: &mut Report,
) -> Result<(), Failure> {
    let Some(store) = inputs.archive.as_deref().filter(|_| !differing.is_empty()) else {
        return Ok(());
    };
    let mut leaves: HashMap<Uuid, Vec<SealedRow>> = differing
        .iter()
        .take(MOST_CHAINS)
        .map(|id| (*id, Vec::new()))
        .collect();
    for number in 0..report.counts.batches {
        let Some(batch) = read_batch(store, number).await? else {
            break;
        };
        for (index, leaf) in batch.leaves() {
            if let Leaf::Row(row) = leaf
                && let Some(rows) = leaves.get_mut(&row.chain_id)
            {
                rows.push(SealedRow {
                    index,
                    seq: row.seq,
                    row_hash: row.row_hash,
                    signature: row.signature,
                });
            }
        }
    }
    let chains = leaves.keys().copied().collect();
    let mut archived = match archive {
        Some(archive) => archived_rows(archive, &chains).await?,
        None => HashMap::new(),
    };
    for (chain_id, leaves) in &leaves {
        let mut rows = archived.remove(chain_id).unwrap_or_default();
        let again = database::rows_of_chain(client, *chain_id).await?;
        // A month can be in both.
        let again: Vec<_> = again
            .into_iter()
            .filter(|row| !rows.contains(row))
            .collect();
        rows.extend(again);
        rows.sort_by_key(|row| row.seq);
        rows.retain(|row| !sealed.quarantined.contains_key(&row.id));
        name_rows_of(*chain_id, leaves, &rows, sealed, report);
    }
    for chain_id in differing.iter().skip(MOST_CHAINS) {
        let reason = "The rows of the chain aren't those of the sealed log.";
        report.violated(Integrity, Subject::Chain(*chain_id), reason);
    }
    Ok(())
}

/// The archived rows of these chains.
async fn archived_rows(
    archive: &Archive<'_>,
    chains: &BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, Vec<RowOfChain>>, Failure> {
    let mut rows: HashMap<Uuid, Vec<RowOfChain>> = HashMap::new();
    for month in archive.months().keys() {
        for number in 0.. {
            let (part, damage) = match archive.may_have(*month, number, chains) {
                true => archive.part(*month, number).await?,
                false => continue,
            };
            if part.is_none() && damage.is_none() {
                break;
            }
            let lines = part.iter().flat_map(|part| part.rows());
            for row in lines.flatten().filter(|row| chains.contains(&row.chain_id)) {
                if let Ok(row) = row.sealable()
                    && let Some(signature) = row.signature
                {
                    rows.entry(row.chain_id).or_default().push(RowOfChain {
                        id: row.id,
                        seq: row.seq,
                        row_hash: row.row_hash,
                        signature,
                    });
                }
            }
        }
    }
    Ok(rows)
}

fn name_rows_of(
    chain_id: Uuid,
    leaves: &[SealedRow],
    rows: &[RowOfChain],
    sealed: &Sealed,
    report: &mut Report,
) {
    let Some(last) = leaves.last() else {
        return;
    };
    for leaf in leaves {
        let first = rows.partition_point(|row| row.seq < leaf.seq);
        let there = rows[first..].iter().take_while(|row| row.seq == leaf.seq);
        let is_leaf =
            |row: &&RowOfChain| (row.row_hash, row.signature) == (leaf.row_hash, leaf.signature);
        let (same, others): (Vec<&RowOfChain>, Vec<&RowOfChain>) = there.partition(is_leaf);
        for row in &others {
            let reason = match same.is_empty() {
                true => format!(
                    "The row isn't the one that was sealed as leaf {}: it has another hash or signature.",
                    leaf.index
                ),
                false => format!(
                    "The row has the position of another row, which was sealed as leaf {}.",
                    leaf.index
                ),
            };
            report.violated(Integrity, Subject::row(row.id, chain_id, row.seq), reason);
        }
        let is_lost =
            sealed.lost.contains(&(chain_id, leaf.seq)) || sealed.is_of_deleted_month(chain_id);
        if same.is_empty() && others.is_empty() && !is_lost {
            let reason = format!(
                "The row is missing: it was sealed as leaf {}, and neither the database nor an archived month has it.",
                leaf.index
            );
            report.violated(Integrity, Subject::place(chain_id, leaf.seq), reason);
        }
        if same.len() > 1 {
            let reason = "The row exists twice.";
            report.violated(
                Integrity,
                Subject::row(same[1].id, chain_id, leaf.seq),
                reason,
            );
        }
    }
    let seals = |row: &&RowOfChain| row.seq < 1 && row.seq <= last.seq;
    for row in rows.iter().filter(seals) {
        let reason = "The row has a position that no row of the chain can have.";
        report.violated(Integrity, Subject::row(row.id, chain_id, row.seq), reason);
    }
}
