//! Checks that docs/errors.md lists the catalogue of problems that the deployment serves.

use std::fmt::Write as _;
use std::fs;

use crate::none;
use crate::project::PROJECT;

const MARK: &str = "<!-- generated -->\n";

fn sections() -> String {
    let mut text = String::new();
    for kind in errors::catalogue().items {
        let example = serde_json::to_string_pretty(&kind.sample).expect("a problem is JSON");
        write!(
            text,
            "\n## {}\n\n`{}`, status {}: {}\n\n{}\n\n{}\n\n```json\n{example}\n```\n",
            kind.name, kind.r#type, kind.status, kind.title, kind.meaning, kind.action
        )
        .expect("a String grows");
    }
    text
}

#[test]
fn the_document_of_errors_lists_the_catalogue() {
    let committed = PROJECT.text("docs/errors.md");
    let (introduction, _) = committed.split_once(MARK).expect("the mark");
    let expected = format!("{introduction}{MARK}{}", sections());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(PROJECT.root.join("docs/errors.md"), &expected).expect("docs/errors.md");
        return;
    }
    none(
        (committed != expected)
            .then(|| "docs/errors.md differs from the catalogue in shared/errors".to_owned()),
        "run UPDATE=1 cargo test -p tests --test tidy",
    );
}

#[test]
fn every_kind_of_problem_says_what_it_means_and_what_to_do() {
    let kinds = errors::catalogue().items.into_iter();
    let short = kinds.flat_map(|kind| {
        [kind.meaning, kind.action]
            .into_iter()
            .filter(|text| text.split(' ').count() < 4 || !text.ends_with('.'))
            .map(move |text| format!("{}: {text}", kind.name))
    });
    none(short, "write sentences in shared/errors/src/kind.rs");
}
