//! Archived months: the objects under `archive/` in the store of the sealed log.
//!
//! What counts is that the rows are those of the sealed leaves, as with the rows of the database. The manifest of a month
//! shows in addition which object was altered, and that none was lost.

use std::collections::{BTreeMap, BTreeSet};

use audit::StoredRow;
use audit_archive::{ArchiveError, Fault, Manifest, PREFIX, Part, manifest_key, part_key};
use domain::time::{Date, Timestamp};
use transparency_log::Failure;
use transparency_log::log::replaced;
use transparency_log::store::ObjectStore;
use uuid::Uuid;

use crate::report::{Aspect, Report, Subject};

use Aspect::Integrity;

/// The archived months of a store.
pub struct Archive<'a> {
    store: &'a dyn ObjectStore,
    months: BTreeMap<Date, Month>,
}

/// An archived month.
#[derive(Debug, Default)]
pub struct Month {
    /// None if it is missing or damaged.
    pub manifest: Option<Manifest>,
    /// The keys of all objects of the month.
    keys: BTreeSet<String>,
}

/// What is wrong with an object of the archive.
#[derive(Debug)]
pub struct Damage {
    /// The key of the object.
    pub key: String,
    /// Why, in a sentence.
    pub reason: String,
}

impl<'a> Archive<'a> {
    /// Lists the archived months and reads their manifests. The partitions of the database must be locked before, so that
    /// each row is in the database or in a month that is listed. Errors: the store fails.
    pub async fn open(store: &'a dyn ObjectStore, report: &mut Report) -> Result<Self, Failure> {
        if let Some((key, _)) = replaced(store, PREFIX).await? {
            let reason = "The object was overwritten or deleted: it has several versions or a delete marker.";
            report.violated(Integrity, Subject::Object(key), reason);
        }
        let mut months = list(store).await?;
        for (month, found) in &mut months {
            let manifest = match audit_archive::manifest(store, *month).await {
                Ok(manifest) => manifest,
                Err(error) => {
                    let damage = Damage::of(error)?;
                    report.violated(Integrity, Subject::Object(damage.key), damage.reason);
                    None
                }
            };
            if let Some(manifest) = &manifest {
                for key in found.beside(*month, manifest) {
                    let reason =
                        "The object is in an archived month whose manifest doesn't name it.";
                    report.violated(Integrity, Subject::Object(key.clone()), reason);
                }
            }
            found.manifest = manifest;
        }
        Ok(Self { store, months })
    }

    /// The months, each by its first day, in their order.
    pub fn months(&self) -> &BTreeMap<Date, Month> {
        &self.months
    }

    /// Whether a month has a manifest that can be read.
    pub fn has_manifest(&self, month: Date) -> bool {
        let found = self.months.get(&month);
        found.is_some_and(|found| found.manifest.is_some())
    }

    /// The months that have a manifest.
    pub fn complete(&self) -> Vec<Date> {
        let complete = self.months.iter();
        let complete = complete.filter(|(_, found)| found.manifest.is_some());
        complete.map(|(month, _)| *month).collect()
    }

    /// Reads a part of a month, with what is wrong with it. Neither part nor damage: the month has no such part. Errors:
    /// the store fails.
    pub async fn part(
        &self,
        month: Date,
        number: u32,
    ) -> Result<(Option<Part>, Option<Damage>), Failure> {
        let found = self.months.get(&month);
        let manifest = found.and_then(|found| found.manifest.as_ref());
        let entry = manifest.and_then(|manifest| manifest.parts.get(number as usize));
        let key = part_key(month, number);
        let exists = found.is_some_and(|found| found.keys.contains(&key));
        if entry.is_none() && (manifest.is_some() || !exists) {
            return Ok((None, None));
        }
        let part = match audit_archive::part(self.store, month, number).await {
            Ok(Some(part)) => part,
            Ok(None) => {
                let reason = "The part of an archived month is missing.".to_owned();
                return Ok((None, Some(Damage { key, reason })));
            }
            Err(error) => return Ok((None, Some(Damage::of(error)?))),
        };
        let fault = entry.and_then(|entry| entry.check(&part).err());
        let damage = fault.map(|fault| Damage {
            key,
            reason: format!(
                "The part isn't the one that the manifest of its month names ({fault})."
            ),
        });
        Ok((Some(part), damage))
    }

    /// Whether a part can have rows of one of these chains.
    pub fn may_have(&self, month: Date, number: u32, chains: &BTreeSet<Uuid>) -> bool {
        let manifest = self
            .months
            .get(&month)
            .and_then(|found| found.manifest.as_ref());
        let entry = manifest.and_then(|manifest| manifest.parts.get(number as usize));
        entry.is_none_or(|entry| {
            let range = entry.first.chain_id..=entry.last.chain_id;
            chains.range(range).next().is_some()
        })
    }

    /// The archived row with this id. An id contains the time of its row, so only one month is read, unless the id was
    /// altered. Errors: the store fails, or a part can't be read.
    pub async fn row(&self, id: Uuid) -> Result<Option<StoredRow>, Failure> {
        let month = month_of(id);
        let likely = self.months.keys().filter(|listed| Some(**listed) == month);
        let others = self.months.keys().filter(|listed| Some(**listed) != month);
        for month in likely.chain(others) {
            for number in 0.. {
                let (part, damage) = self.part(*month, number).await?;
                let Some(part) = part else {
                    match damage {
                        Some(damage) => return Err(damage.to_string().into()),
                        None => break,
                    }
                };
                for row in part.rows() {
                    let row = row?;
                    if row.id == id {
                        return Ok(Some(row.stored_row()?));
                    }
                }
            }
        }
        Ok(None)
    }
}

impl Month {
    /// The keys of objects that are neither the manifest nor one of its parts.
    fn beside(&self, month: Date, manifest: &Manifest) -> Vec<&String> {
        let parts = (0..).zip(&manifest.parts);
        let mut known: BTreeSet<_> = parts.map(|(number, _)| part_key(month, number)).collect();
        known.insert(manifest_key(month));
        let is_known = |key: &&String| known.contains(*key);
        self.keys.iter().filter(|key| !is_known(key)).collect()
    }
}

impl Damage {
    /// Errors: the store failed, which says nothing about the object.
    fn of(error: ArchiveError) -> Result<Self, Failure> {
        let ArchiveError { key, fault } = error;
        match fault {
            Fault::Store(failure) => Err(failure),
            fault => Ok(Self {
                key,
                reason: format!("The object of an archived month is invalid ({fault})."),
            }),
        }
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "object {}: {}", self.key, self.reason)
    }
}

/// All objects of archived months. Errors: the store fails.
async fn list(store: &dyn ObjectStore) -> Result<BTreeMap<Date, Month>, Failure> {
    let mut months: BTreeMap<Date, Month> = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let keys = store.list(PREFIX, after.as_deref()).await?;
        for key in &keys {
            let name = key.strip_prefix(PREFIX).and_then(|key| key.split_once('/'));
            let month = name.and_then(|(month, _)| format!("{month}-01").parse::<Date>().ok());
            if let Some(month) = month {
                months.entry(month).or_default().keys.insert(key.clone());
            }
        }
        match keys.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return Ok(months),
        }
    }
}

/// The month of the time in an id.
fn month_of(id: Uuid) -> Option<Date> {
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    let time = chrono::DateTime::from_timestamp(seconds.try_into().ok()?, nanoseconds)?;
    Some(Timestamp::from(time).first_of_month())
}
