//! Rules for the source code.

use crate::none;
use crate::project::PROJECT;

/// The maximum number of lines of a function's `lib.rs`: one screen for the handler and one for its
/// types and SQL.
const MOST_LINES: usize = 150;

#[test]
fn a_function_fits_on_two_screens() {
    let long = PROJECT.functions.iter().filter_map(|function| {
        let lines = function.source.lines().count();
        (lines > MOST_LINES).then(|| format!("{}: {lines} lines", function.name()))
    });
    none(
        long,
        "move SQL of more than 20 lines into a .sql file, and code that others need into shared",
    );
}

#[test]
fn no_lint_is_disabled_permanently() {
    // The text is assembled here, so that the test doesn't find it in this file.
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
        "use #[expect(…, reason = \"…\")], which warns when it is no longer needed",
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

#[test]
fn libraries_that_others_use_describe_their_public_items() {
    let libraries = ["shared", "tools"]
        .iter()
        .flat_map(|folder| PROJECT.files(folder, "/src/lib.rs"));
    let without = libraries.filter(|path| {
        let source = PROJECT.text(&path.to_string_lossy());
        !source.lines().any(|line| line == "#![warn(missing_docs)]")
    });
    none(
        without.map(|path| path.display().to_string()),
        "add #![warn(missing_docs)] below the crate's doc comment. A function needs none: it has no caller \
         but Lambda, and the descriptions of its fields are checked in openapi.json",
    );
}
