//! What must not compile: each file here tries to get around the audited transaction or to mistake
//! one thing for another, and rustc refuses it for the reason in the `.stderr` beside it.
//!
//! rustc checks each file against the crates as Cargo has built them, so nothing is built a second
//! time. Only errors and their places are compared, and not how a compiler's version words its
//! advice. `UPDATE=1 cargo test --test fail` writes them anew.
#![expect(
    clippy::unwrap_used,
    reason = "where a check finds nothing, it has failed"
)]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The file that compiles, as a check of this check.
const CONTROL: &str = "control.rs";

#[test]
fn what_would_go_around_the_audit_does_not_compile() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fail");
    let crates = built_crates();
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| !path.ends_with("main.rs"))
        .collect();
    cases.sort();
    assert!(cases.iter().any(|case| case.ends_with(CONTROL)));
    let mut wrong = Vec::new();
    for case in cases {
        let errors = check(&case, &crates);
        if case.ends_with(CONTROL) {
            assert_eq!(errors, "", "the control compiles");
            continue;
        }
        let expectation = case.with_extension("stderr");
        if env::var_os("UPDATE").is_some() {
            fs::write(&expectation, &errors).unwrap();
        }
        let expected = fs::read_to_string(&expectation).unwrap_or_default();
        if errors.is_empty() || errors != expected {
            wrong.push(format!(
                "{}: expected\n{expected}but rustc says\n{errors}",
                case.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where Cargo put this workspace's libraries, by name.
fn built_crates() -> BTreeMap<String, PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--workspace", "--quiet", "--message-format=json"])
        .current_dir(local_cloud::workspace::root());
    if local_cloud::workspace::binaries().ends_with("release") {
        command.arg("--release");
    }
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "the workspace compiles");
    let output = String::from_utf8(output.stdout).unwrap();
    let artifacts = output.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let name = message["target"]["name"].as_str()?.replace('-', "_");
        let files = message["filenames"].as_array()?;
        let library = files
            .iter()
            .filter_map(Value::as_str)
            .find(|file| file.ends_with(".rlib"))?;
        Some((name, PathBuf::from(library)))
    });
    artifacts.collect()
}

/// The errors that rustc has for this file.
fn check(case: &Path, crates: &BTreeMap<String, PathBuf>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "lib",
            "--emit",
            "metadata",
        ])
        .args(["--error-format", "json", "--crate-name", "case"])
        .arg("--out-dir")
        .arg(folder.path())
        .arg("-L")
        .arg(format!(
            "dependency={}",
            local_cloud::workspace::binaries().join("deps").display()
        ))
        .arg(case);
    for name in ["shared", "files"] {
        command
            .arg("--extern")
            .arg(format!("{name}={}", crates[name].display()));
    }
    let output = command.output().expect("rustc runs");
    let mut errors = Vec::new();
    for line in String::from_utf8(output.stderr).unwrap().lines() {
        let diagnostic: Value = serde_json::from_str(line).unwrap();
        let spans = diagnostic["spans"].as_array();
        let place = spans
            .into_iter()
            .flatten()
            .find(|span| span["is_primary"] == true);
        // An error without a place sums the others up.
        if let (Some("error"), Some(place)) = (diagnostic["level"].as_str(), place) {
            errors.push(format!(
                "line {}: {} {}\n",
                place["line_start"],
                diagnostic["code"]["code"].as_str().unwrap_or("-"),
                diagnostic["message"].as_str().unwrap_or_default()
            ));
        }
    }
    errors.dedup();
    let errors = errors.concat();
    assert_eq!(errors.is_empty(), output.status.success(), "{errors}");
    errors
}
