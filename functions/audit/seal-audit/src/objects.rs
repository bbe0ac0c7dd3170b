//! Looks for objects of the log that were overwritten or deleted. A lock prevents neither a second version nor a delete
//! marker.

use chrono::{DateTime, Utc};
use transparency_log::log::{BATCHES, CHECKPOINTS, LogError, SENT, TILES, Tip, replaced};
use transparency_log::store::ObjectStore;

/// How many leaves a full tile of level 0 covers, and how many tiles one of the next level.
const WIDTH: u64 = 256;

/// Checks the newest thousand batches and checkpoints, the newest hundred full tiles of each level, and others of them
/// that change each minute. Errors: an object was overwritten or deleted, or the store fails.
pub async fn check(store: &dyn ObjectStore, tip: &Tip, now: DateTime<Utc>) -> Result<(), LogError> {
    let Some(newest) = tip.batch() else {
        return Ok(());
    };
    let minute = (now.timestamp() / 60).unsigned_abs();
    for prefix in prefixes(newest.number(), tip.tree().size(), minute) {
        if let Some((key, fault)) = replaced(store, &prefix).await? {
            return Err(LogError::Tampered { key, fault });
        }
    }
    Ok(())
}

/// What begins the keys that are checked.
fn prefixes(newest: u64, size: u64, minute: u64) -> Vec<String> {
    // The newest group of so many groups, and another one.
    let groups = |newest: u64| {
        let mut groups = vec![newest, minute % (newest + 1)];
        groups.dedup();
        groups
    };
    let mut prefixes = vec![SENT.to_owned()];
    for thousand in groups(newest / 1000) {
        // A number has 20 digits.
        prefixes.extend([BATCHES, CHECKPOINTS].map(|kind| format!("{kind}{thousand:017}")));
    }
    let (mut level, mut tiles) = (0, size / WIDTH);
    while tiles > 0 {
        let newest = (tiles - 1) / 100;
        prefixes.extend(
            groups(newest)
                .into_iter()
                .map(|hundred| hundred_tiles(level, hundred)),
        );
        (level, tiles) = (level + 1, tiles / WIDTH);
    }
    prefixes
}

/// What begins the keys of a hundred tiles: the key of the first has two digits more. A key has three digits in each
/// folder, and all folders but the last begin with x ([tlog-tiles](https://c2sp.org/tlog-tiles)).
fn hundred_tiles(level: u32, hundred: u64) -> String {
    let mut folders = format!("{}", hundred % 10);
    let mut rest = hundred / 10;
    while rest > 0 {
        folders = format!("x{:03}/{folders}", rest % 1000);
        rest /= 1000;
    }
    format!("{TILES}{level}/{folders}")
}

#[cfg(test)]
mod tests {
    use transparency_log::tree::Tile;

    use super::*;

    #[test]
    fn a_prefix_begins_the_keys_of_a_hundred_tiles_and_of_no_other() {
        for first in [
            0,
            100,
            900,
            1000,
            1100,
            123_400,
            999_900,
            1_000_000,
            1_234_567_800,
        ] {
            let path = |index| {
                let hashes = vec![0; 256 * 32];
                let tile = Tile {
                    level: 1,
                    index,
                    hashes,
                };
                tile.path()
            };
            let prefix = hundred_tiles(1, first / 100);
            for index in first..first + 100 {
                assert!(path(index).starts_with(&prefix), "{} {prefix}", path(index));
            }
            assert!(!path(first + 100).starts_with(&prefix));
            assert!(first == 0 || !path(first - 1).starts_with(&prefix));
        }
    }

    #[test]
    fn each_object_is_checked_at_some_minute_and_the_newest_at_each() {
        let size = 256 * 256 * 3;
        let all: std::collections::BTreeSet<_> = (0..100)
            .flat_map(|minute| prefixes(5_678, size, minute))
            .collect();
        assert_eq!(all.len(), 1 + 2 * 6 + 8 + 1, "{all:?}");
        for minute in 0..100 {
            let checked = prefixes(5_678, size, minute);
            for newest in ["batches/00000000000000005", "tile/0/7", "tile/1/0", "sent/"] {
                assert!(
                    checked.iter().any(|prefix| prefix == newest),
                    "{newest} {checked:?}"
                );
            }
        }
    }
}
