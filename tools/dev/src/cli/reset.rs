//! `cargo dev reset`

use std::fs;

use crate::running::Claim;
use anyhow::{Context, Result};
use local_cloud::postgres;

use super::Place;

/// Removes the data folder, and the database's data if it is elsewhere.
pub fn run(place: &Place) -> Result<()> {
    let data = place.data();
    if !data.exists() {
        eprintln!("There is no data in {}.", data.display());
        return Ok(());
    }
    let claim = Claim::new(&data)?;
    postgres::remove(&data.join("postgres"))?;
    drop(claim);
    fs::remove_dir_all(&data).with_context(|| format!("{} was not removed", data.display()))?;
    eprintln!("Removed all data in {}.", data.display());
    Ok(())
}
