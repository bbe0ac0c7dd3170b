//! Tests the table in docs/access.md: each role, endpoint and relation over HTTP, and each role,
//! table and relation against row-level security alone. Forged settings are a relation, too, in which nothing is
//! shown. A new function fails until it has a row there and a request here.

mod columns;
mod forged_settings;
mod over_http;
mod requests;
mod row_level_security;
mod table;
mod walls;
mod ward;

use std::collections::BTreeSet;

pub use forged_settings::{NOT_PROVEN, copied, forged};
use table::{Cell, Relation, Relations};

/// Fails with all problems found and the way to fix them.
#[track_caller]
fn none(problems: impl IntoIterator<Item = String>, remedy: &str) {
    let problems: Vec<String> = problems.into_iter().collect();
    assert!(
        problems.is_empty(),
        "\n  {}\nTo put it right: {remedy}\n",
        problems.join("\n  ")
    );
}

/// Whether nothing can have this relation to users of the role. Only providers are assigned, and have
/// visits and files of their own.
fn is_impossible(what: &str, role: &str, relation: Relation) -> bool {
    let is_providers = ["appointment", "no-show", "file", "upload"]
        .iter()
        .any(|kind| what.contains(kind));
    role == "NURSE"
        && (relation == Relation::Own && is_providers
            || [Relation::Assigned, Relation::Treated].contains(&relation))
}

/// The tested cells: the endpoint or table, the role, and the tested relations.
#[derive(Default)]
struct Cells(BTreeSet<(String, String, Relations)>);

impl Cells {
    /// Adds the tested relations of a cell. Returns what the cell claims and these don't prove.
    fn add(&mut self, what: &str, role: &str, cell: &Cell, driven: Vec<Relations>) -> Vec<String> {
        let shown: BTreeSet<_> = driven
            .iter()
            .map(|relations| relations & &cell.served)
            .filter(|enough| enough.len() == 1)
            .flatten()
            .collect();
        self.drive(what, role, driven);
        let claims = cell.claims();
        let unshown = claims
            .difference(&shown)
            .filter(|relation| !is_impossible(what, role, **relation));
        unshown
            .map(|relation| {
                format!("{what} as {role}: no request proves that {relation:?} is sufficient")
            })
            .collect()
    }

    fn drive(&mut self, what: &str, role: &str, driven: impl IntoIterator<Item = Relations>) {
        let driven = driven.into_iter();
        self.0
            .extend(driven.map(|relations| (what.to_owned(), role.to_owned(), relations)));
    }

    #[expect(
        clippy::print_stdout,
        reason = "the number of tested cells is a result of the test"
    )]
    fn report(&self, how: &str) {
        println!("{} cells {how}", self.0.len());
    }
}
