//! Files that only their owner may read: passwords, keys, the state of a running cloud.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// Writes `content` with mode 0600. Replaces the file atomically.
///
/// # Errors
/// The folder can't be written.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.draft", Uuid::new_v4().simple()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(draft, path)
}

/// Reads the file, or creates it with what `make` returns.
///
/// # Errors
/// The file can be neither read nor created.
pub fn read_or_make(path: &Path, make: impl FnOnce() -> io::Result<String>) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let content = make()?;
            write(path, content.as_bytes())?;
            Ok(content)
        }
        found => found,
    }
}

/// A new secret of 256 random bits, in characters that need no escaping in a URL.
///
/// # Errors
/// The system has no randomness.
pub fn secret() -> io::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random()?))
}

/// A new 256-bit key in base64url without padding, which needs no quotes in a file of variables.
///
/// # Errors
/// The system has no randomness.
pub fn key() -> io::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random()?))
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no randomness"))?;
    Ok(bytes)
}
