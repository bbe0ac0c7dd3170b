//! Tests of the command and its exit codes.

#![expect(
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use domain::time::Timestamp;
use serde_json::Value;
use transparency_log::leaf::{Heads, Leaf};
use transparency_log::log::{CHECKPOINT, Log, checkpoint_key};
use transparency_log::signer::FileSigner;
use transparency_log::store::Folder;

/// Seals three batches into this folder. Returns the log's verifier key.
async fn seal(folder: &Path) -> String {
    let key = FileSigner::open_or_generate(&folder.join("key")).unwrap();
    let store = Arc::new(Folder::new(folder.join("archive")));
    let log = Log::new(store, Arc::new(key), "example.org/log", Duration::ZERO).unwrap();
    for _ in 0..3 {
        let tip = log.recover().await.unwrap();
        let now = Timestamp::now().microseconds().unsigned_abs();
        let batch = tip.next(now, 1, [Leaf::Heads(Heads::of([]))]).unwrap();
        log.publish(&tip, batch).await.unwrap();
    }
    log.key().to_string()
}

fn verify(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_caretrail-verify"))
        .env_remove("DATABASE_URL")
        .args(["--archive", folder.join("archive").to_str().unwrap()])
        .args(arguments)
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[tokio::test]
async fn the_exit_code_says_whether_something_is_violated_or_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let key = seal(folder.path()).await;
    let fresh = verify(folder.path(), &["--key", &key, "--require", "freshness"]);
    assert_eq!(code(&fresh), 0, "{fresh:?}");
    // The rows aren't there, so their integrity is unknown.
    let rows = verify(
        folder.path(),
        &["--key", &key, "--require", "freshness,integrity"],
    );
    assert_eq!(code(&rows), 2);
    let text = String::from_utf8(rows.stdout).unwrap();
    assert!(text.contains("integrity: unknown"), "{text}");
    assert!(text.contains("completeness: not checked"), "{text}");

    let archive = folder.path().join("archive");
    let kept = folder.path().join("kept");
    std::fs::copy(archive.join(checkpoint_key(0)), &kept).unwrap();
    let kept = ["--key", &key, "--checkpoint", kept.to_str().unwrap()];
    assert_eq!(code(&verify(folder.path(), &kept)), 0);
    std::fs::copy(
        archive.join(checkpoint_key(0)),
        archive.join(checkpoint_key(1)),
    )
    .unwrap();
    let tampered = verify(folder.path(), &["--key", &key, "--json"]);
    assert_eq!(code(&tampered), 1);
    let report: Value = serde_json::from_slice(&tampered.stdout).unwrap();
    let integrity = &report["verdicts"]["integrity"];
    assert_eq!(integrity["verdict"], "violated");
    assert_eq!(integrity["findings"][0]["object"], checkpoint_key(1));
    assert_eq!(report["counts"]["batches"], 3);
}

#[tokio::test]
async fn what_can_not_be_read_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let key = seal(folder.path()).await;
    for arguments in [
        &["--key", &key, "--database", "postgres://127.0.0.1:1/none"][..],
        &["--key", &key, "--checkpoint", "/absent"],
        &["--key", "no key"],
        &["--key", &key, "--function-log", "/absent"],
        &["--key", &key, "--require", "beauty"],
        &["--row", "00000000-0000-0000-0000-000000000000"],
    ] {
        let refused = verify(folder.path(), arguments);
        assert_eq!(code(&refused), 2, "{arguments:?}: {refused:?}");
        assert!(!refused.stderr.is_empty());
    }
}

#[tokio::test]
async fn a_log_that_is_too_old_is_not_fresh() {
    let folder = tempfile::tempdir().unwrap();
    let key = seal(folder.path()).await;
    let old = verify(folder.path(), &["--key", &key, "--max-age", "0"]);
    assert_eq!(code(&old), 1);
    assert!(
        String::from_utf8(old.stdout)
            .unwrap()
            .contains("freshness: violated")
    );
    std::fs::remove_file(folder.path().join("archive").join(CHECKPOINT)).unwrap();
    assert_eq!(code(&verify(folder.path(), &["--key", &key])), 1);
}
