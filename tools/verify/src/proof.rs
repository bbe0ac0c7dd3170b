//! The proof that one row is in the sealed log.

use audit::{StoredRow, select_stored_row};
use sql::FromRow as _;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use transparency_log::Failure;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::leaf::{Leaf, Row};
use transparency_log::log::{CHECKPOINT, batch_key, read_batch, read_note};
use transparency_log::proof::{self, TlogProof};
use transparency_log::store::ObjectStore;
use transparency_log::tree::leaf_hash;
use uuid::Uuid;

use crate::Inputs;
use crate::archive::Archive;
use crate::report::Report;

const ROW: &str = select_stored_row!("where id = $1");

/// Where the leaf should be. It is a hint: what counts is the leaf.
const HINT: &str = "
    select batch from audit_sealed_runs where chain_id = $1 and $2 between first_seq and last_seq";

/// Proves that the row with this id is in the log at its newest checkpoint. Errors: there is no such row, it was changed, it
/// isn't sealed, or the log can't be read.
pub async fn prove(inputs: &Inputs, id: Uuid) -> Result<TlogProof, Failure> {
    let url = inputs
        .database
        .as_ref()
        .ok_or("A proof needs --database.")?;
    let store = inputs.archive.as_deref();
    let store = store.ok_or("A proof needs the sealed log: --archive or --bucket.")?;
    let client = database::connect(url, inputs.ca_file.as_deref()).await?;
    let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&id, Type::UUID)];
    let rows = client.query_typed(ROW, &parameters).await?;
    let row = match rows.first() {
        Some(row) => StoredRow::from_row(row)?,
        None => {
            let archive = Archive::open(store, &mut Report::default()).await?;
            let archived = archive.row(id).await?;
            archived.ok_or("Neither the database nor an archived month has a row with this id.")?
        }
    };
    if !row.is_intact() {
        return Err("The row was changed: its hash isn't that of its content.".into());
    }
    let note = read_note(store, CHECKPOINT).await?;
    let note = note.ok_or("The log has no checkpoint.")?;
    let checkpoint = match &inputs.key {
        Some(key) => Checkpoint::verify(&note, key)?,
        None => Checkpoint::parse(note.text())?,
    };
    let (index, leaf) = find(&client, store, &row).await?;
    let hashes = proof::inclusion(store, &checkpoint, index).await?;
    if !proof::is_included(&hashes, &checkpoint, index, leaf_hash(&leaf)) {
        return Err("The proof isn't valid for the row.".into());
    }
    Ok(TlogProof {
        extra: Some(leaf),
        index,
        hashes,
        checkpoint: note,
    })
}

/// The index of the row's leaf, and its bytes.
async fn find(
    client: &Client,
    store: &dyn ObjectStore,
    row: &StoredRow,
) -> Result<(u64, Vec<u8>), Failure> {
    let (chain_id, seq) = (row.position.chain_id, row.position.seq);
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&chain_id, Type::UUID), (&seq, Type::INT8)];
    let hints = client.query_typed(HINT, &parameters).await?;
    let hint: Option<i64> = hints.first().map(|row| row.try_get(0)).transpose()?;
    if let Some(hint) = hint
        && let Some(found) = find_in(store, hint.unsigned_abs(), row).await?
    {
        return Ok(found);
    }
    let mut number = 0;
    while store.get(&batch_key(number)).await?.is_some() {
        if let Some(found) = find_in(store, number, row).await? {
            return Ok(found);
        }
        number += 1;
    }
    Err("The row isn't sealed yet.".into())
}

async fn find_in(
    store: &dyn ObjectStore,
    number: u64,
    row: &StoredRow,
) -> Result<Option<(u64, Vec<u8>)>, Failure> {
    let Some(batch) = read_batch(store, number).await? else {
        return Ok(None);
    };
    let is_its = |leaf: &Row| {
        (leaf.chain_id, leaf.seq, leaf.row_hash, leaf.signature)
            == (
                row.position.chain_id,
                row.position.seq,
                row.row_hash,
                row.signature,
            )
    };
    let found = batch
        .leaves()
        .find(|(_, leaf)| matches!(leaf, Leaf::Row(leaf) if is_its(leaf)));
    Ok(found.map(|(index, leaf)| (index, leaf.encode())))
}
