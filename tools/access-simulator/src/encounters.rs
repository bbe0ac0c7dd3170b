//! When patients come: the dates of the encounters in Synthea's bundles (FHIR R4).

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use flate2::bufread::MultiGzDecoder;
use serde_json::Value;

/// The days of one patient's encounters, in order, counted from the first.
#[derive(Clone)]
pub struct Calendar(Vec<i64>);

impl Calendar {
    pub fn new(mut days: Vec<i64>) -> Option<Self> {
        days.sort_unstable();
        let first = *days.first()?;
        days.iter_mut().for_each(|day| *day -= first);
        Some(Self(days))
    }

    /// The encounters of a patient with such a calendar between these days. It begins at a random place and begins again
    /// a month after its last encounter, so that all patients have the rate of the calendar.
    pub fn days(&self, rng: &mut Rng, from: i64, to: i64) -> Vec<i64> {
        let length = self.0.last().copied().unwrap_or_default() + 30;
        let place = rng.i64(0..length);
        let mut days: Vec<i64> = self
            .0
            .iter()
            .flat_map(|day| {
                let first = from + (day - place).rem_euclid(length);
                (first..to).step_by(usize::try_from(length).unwrap_or(usize::MAX))
            })
            .collect();
        days.sort_unstable();
        days.dedup();
        days
    }
}

/// Reads the calendars of all bundles of a folder, in the order of their names. Errors: a file isn't a bundle, or there is
/// no encounter.
pub fn read(folder: &Path) -> Result<Vec<Calendar>> {
    let mut files = fs::read_dir(folder)
        .with_context(|| format!("{} can't be read", folder.display()))?
        .map(|file| Ok(file?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.to_string_lossy().ends_with(".json.gz"));
    files.sort();
    let mut calendars = Vec::new();
    for file in files {
        let read = BufReader::new(File::open(&file)?);
        let bundle: Value = serde_json::from_reader(BufReader::new(MultiGzDecoder::new(read)))
            .with_context(|| format!("{} isn't a bundle", file.display()))?;
        let entries = bundle["entry"].as_array().into_iter().flatten();
        let days = entries
            .map(|entry| &entry["resource"])
            .filter(|resource| resource["resourceType"] == "Encounter")
            .filter_map(|encounter| day(encounter["period"]["start"].as_str()?))
            .collect();
        calendars.extend(Calendar::new(days));
    }
    ensure!(
        !calendars.is_empty(),
        "there is no encounter in {}",
        folder.display()
    );
    Ok(calendars)
}

/// The day of a FHIR time.
fn day(time: &str) -> Option<i64> {
    let date: chrono::NaiveDate = time.get(..10)?.parse().ok()?;
    Some(i64::from(date.to_epoch_days()))
}
