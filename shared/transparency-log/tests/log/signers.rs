//! Keys in files.

use std::os::unix::fs::PermissionsExt;

use transparency_log::signer::{FileSigner, Signer};

#[test]
fn a_key_is_made_once_and_only_its_owner_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys/log.p8");
    assert!(FileSigner::open(&path).is_err());

    let made = FileSigner::open_or_generate(&path).unwrap().public_key();
    assert_eq!(
        FileSigner::open_or_generate(&path).unwrap().public_key(),
        made
    );
    assert_eq!(FileSigner::open(&path).unwrap().public_key(), made);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_that_is_no_key_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.p8");
    std::fs::write(&path, "not a key").unwrap();
    assert!(FileSigner::open_or_generate(&path).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"not a key");
}
