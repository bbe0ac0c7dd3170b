//! Looks for objects of the log that were overwritten or deleted. A lock prevents neither a second version nor a delete
//! marker.

use chrono::{DateTime, Utc};
use transparency_log::log::{BATCHES, CHECKPOINTS, LogError, Tip, replaced};
use transparency_log::store::ObjectStore;

/// Checks the newest thousand batches and checkpoints, and another thousand that changes each minute. Errors: an object
/// was overwritten or deleted, or the store fails.
pub async fn check(store: &dyn ObjectStore, tip: &Tip, now: DateTime<Utc>) -> Result<(), LogError> {
    let Some(newest) = tip.batch() else {
        return Ok(());
    };
    let thousands = newest.number() / 1000;
    let minute = (now.timestamp() / 60).unsigned_abs();
    let mut looked_at = vec![thousands, minute % (thousands + 1)];
    looked_at.dedup();
    for thousand in looked_at {
        for kind in [BATCHES, CHECKPOINTS] {
            // A number has 20 digits.
            let prefix = format!("{kind}{thousand:017}");
            if let Some((key, fault)) = replaced(store, &prefix).await? {
                return Err(LogError::Tampered { key, fault });
            }
        }
    }
    Ok(())
}
