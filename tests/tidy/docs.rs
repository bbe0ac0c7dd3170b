//! Checks that the documents name every part of the project, and nothing that doesn't exist.

use std::collections::{BTreeMap, BTreeSet};

use crate::none;
use crate::project::{Function, PROJECT};

/// The columns of docs/access.md after function, route and permission.
const ROLES: [&str; 8] = [
    "PATIENT",
    "PROVIDER",
    "NURSE",
    "FRONT_DESK",
    "ADMIN",
    "COMPLIANCE_OFFICER",
    "IMPORTER",
    "SYSTEM",
];

/// The words that a cell may contain for each reach. `tests/scenarios/access_matrix` checks whether
/// they are true.
const WORDS: [(&str, &[&str]); 4] = [
    ("OWN", &["released", "uploaded", "own, represented", "own"]),
    ("CARE", &["own", "own, care", "care"]),
    ("SOURCE", &["own", "own, source", "source"]),
    ("ALL", &["own", "kept", "own, kept", "all"]),
];

#[test]
fn access_names_every_endpoint_with_what_it_serves_to_each_role() {
    let table = PROJECT.text("docs/access.md");
    let reaches = reaches();
    assert!(
        reaches.contains_key(&("PATIENT", "patients:read")),
        "the migrations contain permissions"
    );
    let functions = PROJECT.functions.iter();
    none(
        functions.filter_map(|function| {
            let row = row(function);
            let line = table.lines().find(|line| line.starts_with(&row));
            let cells = cells(function, &reaches);
            let fits = line.is_some_and(|line| fits(&line[row.len()..], &cells));
            let usual = cells.iter().map(|words| words.last().unwrap_or(&"–"));
            let usual: String = usual.map(|word| format!(" {word} |")).collect();
            (!fits).then(|| format!("{row}{usual}"))
        }),
        "add these rows to docs/access.md, with words that match each role's reach for the permission, \
         and check them with tests/scenarios/access_matrix. `cargo dev new-endpoint` writes the row of a new \
         endpoint",
    );
}

#[test]
fn access_names_no_endpoint_that_does_not_exist() {
    let text = PROJECT.text("docs/access.md");
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("| function |"))
        .skip(2)
        .map_while(|line| line.strip_prefix("| ")?.split(" |").next());
    let rows: Vec<_> = rows.collect();
    assert!(
        rows.contains(&"get-patient"),
        "the table has rows: {rows:?}"
    );
    let functions: BTreeSet<_> = PROJECT.functions.iter().map(Function::name).collect();
    none(
        rows.iter()
            .filter(|name| !functions.contains(**name))
            .map(|name| (*name).to_owned()),
        "remove the row from docs/access.md",
    );
}

/// Returns the beginning of a row: function, route and permission, from the template and its
/// `ENDPOINT`.
fn row(function: &Function) -> String {
    let route = function.route();
    let deployed = function.deployed();
    let route = match &route {
        Some(route) => format!("`{route}`"),
        None if deployed.is_some_and(|deployed| deployed.on_upload) => "S3 event".to_owned(),
        None if deployed.is_some_and(|deployed| deployed.on_rule) => "EventBridge event".to_owned(),
        None => "schedule".to_owned(),
    };
    let permission = match function.permission() {
        Some(permission) => format!("`{permission}`"),
        None => "none".to_owned(),
    };
    format!("| {} | {route} | {permission} |", function.name())
}

/// Returns the words that each role's cell may contain, the most likely last. A role without the
/// permission has none.
fn cells(
    function: &Function,
    reaches: &BTreeMap<(&str, &str), String>,
) -> [&'static [&'static str]; ROLES.len()] {
    let Some(permission) = function.permission() else {
        if function.is_unaudited() {
            return [&[]; ROLES.len()];
        }
        let mut cells: [&[&str]; ROLES.len()] = [&[""]; ROLES.len()];
        cells[0] = &["anyone"];
        return cells;
    };
    ROLES.map(|role| {
        let reach = reaches.get(&(role, permission));
        let words = WORDS
            .iter()
            .find(|(of, _)| reach.is_some_and(|reach| reach == of));
        words.map_or(&[] as &[_], |(_, words)| words)
    })
}

/// Whether a row ends with such cells.
fn fits(end: &str, expected: &[&[&str]]) -> bool {
    let found: Vec<_> = end
        .trim_end_matches('|')
        .split('|')
        .map(str::trim)
        .collect();
    found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(word, words)| words.contains(word) || (words.is_empty() && *word == "–"))
}

/// Reads rows such as `('PATIENT', 'users:read', 'OWN')` from the migrations, by role and
/// permission.
fn reaches() -> BTreeMap<(&'static str, &'static str), String> {
    let migrations = PROJECT.files("migrations", ".sql");
    let lines: &'static [String] = Vec::leak(
        migrations
            .iter()
            .flat_map(|path| {
                PROJECT
                    .text(&path.to_string_lossy())
                    .lines()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect(),
    );
    let seeded = lines.iter().filter_map(|line| {
        let words: Vec<_> = line.split('\'').skip(1).step_by(2).collect();
        let &[role, permission, reach] = words.as_slice() else {
            return None;
        };
        let is_reach = ["OWN", "CARE", "SOURCE", "ALL"].contains(&reach);
        is_reach.then(|| ((role, permission), reach.to_owned()))
    });
    seeded.collect()
}

#[test]
fn architecture_names_every_crate_and_every_table() {
    let text = PROJECT.text("ARCHITECTURE.md");
    let crates = PROJECT
        .packages
        .iter()
        .filter(|package| !package.folder.starts_with("functions"))
        .map(|package| package.folder.to_string_lossy().into_owned());
    let folders = PROJECT
        .functions
        .iter()
        .map(|function| format!("functions/{}", function.resource));
    let tables = tables_and_views().into_iter();
    let named: BTreeSet<_> = crates.chain(folders).chain(tables).collect();
    none(
        named
            .into_iter()
            .filter(|name| !text.contains(&format!("`{name}`"))),
        "add a line to ARCHITECTURE.md with its name in backticks",
    );
}

fn tables_and_views() -> BTreeSet<String> {
    let created = PROJECT.text("migrations/schema.sql");
    let created = created.lines().filter_map(|line| {
        let rest = line
            .strip_prefix("create table ")
            .or_else(|| line.strip_prefix("create view "))?;
        let (name, rest) = rest.split_once(' ')?;
        (!rest.starts_with("partition of")).then(|| name.to_owned())
    });
    created.chain(["schema_history".to_owned()]).collect()
}

#[test]
fn documents_name_nothing_that_does_not_exist() {
    let mut problems = Vec::new();
    let words = words_of_the_sources();
    for path in documents() {
        let text = PROJECT.text(&path);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in links(&text) {
            if !PROJECT.root.join(folder).join(link).exists() {
                problems.push(format!("{path}: the link {link}"));
            }
        }
        for code in code_spans(&text) {
            if is_path(code) && !PROJECT.root.join(code).exists() {
                problems.push(format!("{path}: the file {code}"));
            }
            if is_identifier(code) && !words.contains(code) {
                problems.push(format!("{path}: the name {code}"));
            }
        }
    }
    none(
        problems,
        "the document names something that was renamed or removed: use the current name",
    );
}

/// The suite fails if a test fails, so each row is proven by tests that pass.
#[test]
fn each_row_of_compliance_names_tests_and_each_of_them_runs() {
    let tests = tests_that_run();
    let text = PROJECT.text("docs/compliance.md");
    let mut problems = Vec::new();
    let rows = text.lines().filter(|line| line.starts_with("| "));
    for row in rows.filter(|row| !row.ends_with("| test |")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, rule, .., tests_of_it, _] = cells[..] else {
            panic!("docs/compliance.md: {row}");
        };
        let named = code_spans(tests_of_it);
        if named.is_empty() {
            problems.push(format!("{rule}: it names no test"));
        }
        for name in named {
            if !tests.contains(name) {
                problems.push(format!("{rule}: {name} is no test that runs"));
            }
        }
    }
    none(
        problems,
        "name in the last column tests that prove the row: `.ci/run` must run them",
    );
}

/// The names of all tests, except those that nothing runs.
fn tests_that_run() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in PROJECT.source_folders() {
        for path in PROJECT.files(&folder, ".rs") {
            let text = PROJECT.text(&path.to_string_lossy());
            let (mut is_test, mut runs) = (false, true);
            for line in text.lines().map(str::trim_start) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    (is_test, runs) = (true, true);
                } else if line.starts_with("#[ignore") {
                    runs = line.contains(".ci/run");
                } else if let Some((_, rest)) = line.split_once("fn ")
                    && is_test
                {
                    let end = rest.find(['(', '<']).unwrap_or(rest.len());
                    if runs {
                        names.insert(rest[..end].to_owned());
                    }
                    is_test = false;
                }
            }
        }
    }
    names
}

/// Returns the Markdown files, relative to the root.
fn documents() -> Vec<String> {
    let mut documents: Vec<_> = PROJECT
        .files("docs", ".md")
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        documents.push(name.to_owned());
    }
    documents
}

/// Returns the targets of links within the project, without their fragments.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    targets
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
        .filter_map(|target| target.split('#').next())
}

/// Returns the text in single backticks outside of code blocks.
fn code_spans(text: &str) -> Vec<&str> {
    let outside = text.split("```").step_by(2);
    outside
        .flat_map(|part| part.lines())
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// Whether this is a path of the project that can be checked: one without placeholders such as
/// `RESOURCE`.
fn is_path(code: &str) -> bool {
    let endings = [".rs", ".sql", ".md", ".yaml", ".toml", ".json"];
    let placeholder = code
        .as_bytes()
        .windows(2)
        .any(|pair| pair.iter().all(u8::is_ascii_uppercase));
    code.find('/').is_some_and(|at| at > 0)
        && endings.iter().any(|ending| code.ends_with(ending))
        && !placeholder
        && !code.contains(|letter: char| letter.is_whitespace() || "*{}<>…:".contains(letter))
}

/// Whether this name is long enough to be one of the project's: a test, a table, a function.
fn is_identifier(code: &str) -> bool {
    code.matches('_').count() >= 2
        && code
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn words_of_the_sources() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for folder in PROJECT.source_folders() {
        for ending in [".rs", ".sql"] {
            for path in PROJECT.files(&folder, ending) {
                let text = PROJECT.text(&path.to_string_lossy());
                let parts =
                    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
                words.extend(parts.filter(|part| is_identifier(part)).map(str::to_owned));
            }
        }
    }
    words
}
