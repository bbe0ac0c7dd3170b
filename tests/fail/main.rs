//! Checks that certain code doesn't compile. Each file here tries to bypass the audited transaction
//! or to confuse two types. rustc must refuse it for the reason in the `.stderr` file beside it.
//!
//! rustc checks each file against the crates that Cargo has already built, so nothing is built
//! twice. Only errors and their lines are compared, because the wording of the advice depends on
//! the version of rustc. `UPDATE=1 cargo test --test fail` rewrites the expectations.
#![expect(clippy::unwrap_used, reason = "a check that finds nothing has failed")]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The file that compiles. It proves that the check itself works.
const CONTROL: &str = "control.rs";

#[test]
fn code_that_bypasses_the_audit_does_not_compile() {
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

/// Returns the paths of this workspace's built libraries by crate name.
fn built_crates() -> BTreeMap<String, PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--workspace", "--quiet", "--message-format=json"])
        .current_dir(local::workspace::root());
    if local::workspace::binaries().ends_with("release") {
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

/// Returns the errors that rustc reports for this file.
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
            local::workspace::binaries().join("deps").display()
        ))
        .arg(case);
    for name in ["api", "audit", "domain", "errors", "files", "serde", "sql"] {
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
        // An error without a place is the summary of the others.
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
