//! How the code reads.

use crate::none;
use crate::project::PROJECT;

/// Lines of a function's `lib.rs`: a screen for the handler, as much for its types and SQL.
const MOST_LINES: usize = 150;

#[test]
fn a_function_is_read_at_a_glance() {
    let long = PROJECT.functions.iter().filter_map(|function| {
        let lines = function.source.lines().count();
        (lines > MOST_LINES).then(|| format!("{}: {lines} lines", function.name()))
    });
    none(
        long,
        "move SQL past 20 lines into a .sql file and what others need too into shared",
    );
}

#[test]
fn no_lint_is_switched_off_for_good() {
    // Put together here, or this file would find itself.
    let forms = [format!("#[{}(", "allow"), format!("#![{}(", "allow")];
    let mut problems = Vec::new();
    for path in PROJECT
        .source_folders()
        .iter()
        .flat_map(|folder| PROJECT.files(folder, ".rs"))
    {
        let source = PROJECT.text(&path.to_string_lossy());
        let lines = source.lines().enumerate();
        let found = lines.filter(|(_, line)| forms.iter().any(|form| line.contains(form)));
        problems.extend(found.map(|(at, _)| format!("{}:{}", path.display(), at + 1)));
    }
    none(
        problems,
        "use #[expect(…, reason = \"…\")], which fails once it is no longer needed",
    );
}

#[test]
fn every_crate_obeys_the_workspace_lints() {
    let without = PROJECT.packages.iter().filter(|package| {
        let manifest = PROJECT.text(&package.folder.join("Cargo.toml").to_string_lossy());
        !manifest.contains("[lints]\nworkspace = true")
    });
    none(
        without.map(|package| package.name.clone()),
        "add `[lints]` with `workspace = true` to its Cargo.toml",
    );
}
