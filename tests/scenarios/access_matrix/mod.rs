//! docs/access.md, driven: each role × endpoint × relation over HTTP, and each role × table ×
//! relation against row-level security alone. A new function fails until it has its row there and
//! its request here.

mod columns;
mod over_http;
mod requests;
mod row_level_security;
mod table;
mod walls;
mod ward;

use std::collections::BTreeSet;

use table::{Cell, Relations};

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

/// The cells that were driven: of what, as which role, in which relations.
#[derive(Default)]
struct Cells(BTreeSet<(String, String, Relations)>);

impl Cells {
    /// Adds what was driven for a cell. Returns what the cell claims that this doesn't show.
    fn add(&mut self, what: &str, role: &str, cell: &Cell, driven: Vec<Relations>) -> Vec<String> {
        let shown: BTreeSet<_> = driven
            .iter()
            .map(|relations| relations & &cell.served)
            .filter(|enough| enough.len() == 1)
            .flatten()
            .collect();
        self.drive(what, role, driven);
        let claims = cell.claims();
        let unshown = claims.difference(&shown);
        unshown
            .map(|relation| format!("{what} as {role}: nothing shows that {relation:?} is enough"))
            .collect()
    }

    fn drive(&mut self, what: &str, role: &str, driven: impl IntoIterator<Item = Relations>) {
        let driven = driven.into_iter();
        self.0
            .extend(driven.map(|relations| (what.to_owned(), role.to_owned(), relations)));
    }

    #[expect(
        clippy::print_stdout,
        reason = "how much was driven is the test's result"
    )]
    fn report(&self, how: &str) {
        println!("{} cells {how}", self.0.len());
    }
}
