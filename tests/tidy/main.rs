//! House rules, checked without database or network: what one reads in one place holds in all.
//! Each failure says how to put it right.

mod descriptions;
mod docs;
mod names;
mod project;
mod rights;
mod routes;
mod sources;
mod statements;
mod storage;

/// Fails with every problem found and what to do about them.
#[track_caller]
fn none(problems: impl IntoIterator<Item = String>, remedy: &str) {
    let problems: Vec<String> = problems.into_iter().collect();
    assert!(
        problems.is_empty(),
        "\n  {}\nTo put it right: {remedy}\n",
        problems.join("\n  ")
    );
}
