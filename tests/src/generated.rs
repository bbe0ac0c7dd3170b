//! Files that a scenario writes from the database.

use std::path::Path;

/// Asserts that the committed file is this text. With `UPDATE=1` it writes the file before. `path` counts from the project's
/// root. `scenario` is the filter that selects the scenario.
///
/// # Panics
/// If the file is another text.
pub fn assert_committed(path: &str, text: &str, scenario: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let changed = text
        .lines()
        .zip(committed.lines())
        .find(|(made, committed)| made != committed);
    assert!(
        committed == text,
        "{path} is not what the migrations make, first at {changed:?}: run \
         UPDATE=1 cargo test --workspace --test scenarios {scenario}"
    );
}
