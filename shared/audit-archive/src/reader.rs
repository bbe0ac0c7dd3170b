//! Reads archived months from a store.

use domain::time::Date;
use futures_util::stream::{self, Stream, StreamExt as _};
use transparency_log::store::ObjectStore;

use crate::error::{ArchiveError, Fault};
use crate::manifest::{Manifest, PartEntry};
use crate::part::{Part, decode_block};
use crate::{PREFIX, manifest_key, part_key};

/// The months that have a manifest, in their order. Errors: the store fails.
pub async fn months(store: &dyn ObjectStore) -> Result<Vec<Date>, ArchiveError> {
    let mut months = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let keys = store.list(PREFIX, after.as_deref()).await;
        let keys = keys.map_err(|failure| Fault::Store(failure).of(PREFIX))?;
        for key in &keys {
            let month = key.strip_prefix(PREFIX);
            let month = month.and_then(|key| key.strip_suffix("/manifest.json"));
            months.extend(month.and_then(|month| format!("{month}-01").parse::<Date>().ok()));
        }
        match keys.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return Ok(months),
        }
    }
}

/// The manifest of a month. None if there is none. Errors: the store fails, or it isn't the manifest of this month.
pub async fn manifest(
    store: &dyn ObjectStore,
    month: Date,
) -> Result<Option<Manifest>, ArchiveError> {
    let key = manifest_key(month);
    let object = store.get(&key).await;
    let object = object.map_err(|failure| Fault::Store(failure).of(&key))?;
    object
        .map(|object| Manifest::decode(month, &object.bytes))
        .transpose()
}

/// A part of a month. None if there is none. Errors: the store fails, or the object is no part.
pub async fn part(
    store: &dyn ObjectStore,
    month: Date,
    number: u32,
) -> Result<Option<Part>, ArchiveError> {
    let key = part_key(month, number);
    let object = store.get(&key).await;
    let object = object.map_err(|failure| Fault::Store(failure).of(&key))?;
    object
        .map(|object| Part::decode(&object.bytes).map_err(|fault| fault.of(&key)))
        .transpose()
}

/// The parts of a month one after the other, each compared with its entry. So a reader has one part in memory. Errors
/// of an item: the part is missing, isn't what the manifest says, or the store fails.
pub fn parts<'a>(
    store: &'a dyn ObjectStore,
    manifest: &'a Manifest,
) -> impl Stream<Item = Result<Part, ArchiveError>> + 'a {
    stream::iter((0..).zip(&manifest.parts))
        .then(move |(number, entry)| checked(store, manifest.month, number, entry))
}

async fn checked(
    store: &dyn ObjectStore,
    month: Date,
    number: u32,
    entry: &PartEntry,
) -> Result<Part, ArchiveError> {
    let key = part_key(month, number);
    let part = part(store, month, number).await?;
    let part = part.ok_or_else(|| Fault::Missing.of(&key))?;
    entry.check(&part).map_err(|fault| fault.of(&key))?;
    Ok(part)
}

/// The lines of one block of a part, each with its line feed. `offset` and `length` are those of the
/// [`Block`](crate::Block). Errors: the object is missing, has no block there, or the store fails.
pub async fn block(
    store: &dyn ObjectStore,
    month: Date,
    number: u32,
    offset: u64,
    length: u64,
) -> Result<String, ArchiveError> {
    let key = part_key(month, number);
    let frame = store.get_range(&key, offset, length).await;
    let frame = frame.map_err(|failure| Fault::Store(failure).of(&key))?;
    let frame = frame.ok_or_else(|| Fault::Missing.of(&key))?;
    decode_block(&frame).map_err(|fault| fault.of(&key))
}
