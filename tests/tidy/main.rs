//! House rules that need neither database nor network: different files of the project agree. Each
//! failure says how to fix it.

mod deployment;
mod descriptions;
mod docs;
mod errors;
mod events;
mod names;
mod project;
mod rights;
mod routes;
mod sources;
mod statements;
mod storage;

/// Fails with all problems found and the way to fix them.
#[track_caller]
fn none(problems: impl IntoIterator<Item = String>, remedy: &str) {
    let problems: Vec<String> = problems.into_iter().collect();
    assert!(
        problems.is_empty(),
        "\n  {}\nTo fix this: {remedy}\n",
        problems.join("\n  ")
    );
}
