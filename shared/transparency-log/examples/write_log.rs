//! Writes a log into a folder, so that implementations in other languages can verify it: `write_log FOLDER LEAVES`.
//!
//! It prints the verifier key of the log. Besides the log, the folder gets `proofs/INDEX.tlog-proof` for some leaves, and
//! `growth/SIZE` with the consistency proof of each older checkpoint, as a witness receives it.

use std::error::Error;
use std::fs;
use std::io::{Write, stdout};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use transparency_log::Failure;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::leaf::{Leaf, Month, Row};
use transparency_log::log::{CHECKPOINT, Log, checkpoint_key, read_note};
use transparency_log::proof::{TlogProof, consistency, inclusion};
use transparency_log::signer::FileSigner;
use transparency_log::store::Folder;
use transparency_log::witness::AddCheckpoint;

const ORIGIN: &str = "caretrail.example/audit";

const RETENTION: Duration = Duration::from_secs(7 * 365 * 86_400);

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, folder, leaves] = &arguments[..] else {
        return Err("usage: write_log FOLDER LEAVES".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let key = runtime.block_on(write(Path::new(folder), leaves.parse()?))?;
    writeln!(stdout(), "{key}")?;
    Ok(())
}

async fn write(folder: &Path, leaves: u64) -> Result<String, Failure> {
    let store = Arc::new(Folder::new(folder));
    let signer = FileSigner::open_or_generate(&folder.join("key.p8"))?;
    let log = Log::new(store.clone(), Arc::new(signer), ORIGIN, RETENTION)?;
    let mut tip = log.recover().await?;
    // Batches of 1, 3, 9 … leaves, so that the checkpoints are at all kinds of sizes.
    let mut count = 1;
    while tip.tree().size() < leaves {
        let size = tip.tree().size();
        let added = (size..leaves.min(size + count))
            .map(leaf)
            .collect::<Result<Vec<_>, _>>()?;
        let batch = tip.next(size, size, added)?;
        tip = log.publish(&tip, batch).await?.tip().clone();
        count *= 3;
    }

    let newest = read_note(&*store, CHECKPOINT)
        .await?
        .ok_or("the log is empty")?;
    let checkpoint = Checkpoint::parse(newest.text())?;
    fs::create_dir_all(folder.join("proofs"))?;
    for index in [0, 1, 255, 256, leaves / 2, leaves - 1] {
        let proof = TlogProof {
            extra: None,
            index,
            hashes: inclusion(&*store, &checkpoint, index).await?,
            checkpoint: newest.clone(),
        };
        let path = folder.join(format!("proofs/{index}.tlog-proof"));
        fs::write(path, proof.to_string())?;
    }
    fs::create_dir_all(folder.join("growth"))?;
    for number in 0..tip.next_number() {
        let old = read_note(&*store, &checkpoint_key(number)).await?;
        let old = Checkpoint::parse(old.ok_or("a checkpoint is missing")?.text())?.size;
        let growth = AddCheckpoint {
            old,
            proof: consistency(&*store, old, &checkpoint).await?,
            checkpoint: newest.clone(),
        };
        fs::write(folder.join(format!("growth/{old}")), growth.to_string())?;
    }
    Ok(log.key().to_string())
}

fn leaf(at: u64) -> Result<Leaf, Failure> {
    Ok(Leaf::Row(Row {
        month: Month::new(2026, 11)?,
        chain_id: uuid::Uuid::from_u128(u128::from(at % 7)),
        seq: i64::try_from(at)?,
        row_hash: [0x11; 32],
        signature: [0x22; 64],
    }))
}
