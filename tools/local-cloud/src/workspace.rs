//! The folders of the project and its binaries.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the workspace that this crate was built from.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

/// The folder of the workspace's binaries, found from the running program or test.
pub fn binaries() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let folder = program.parent().unwrap_or(&program);
    // Tests are one folder below.
    if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder).to_owned()
    } else {
        folder.to_owned()
    }
}
