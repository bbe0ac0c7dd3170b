//! Rules for SQL. No statement returns an enum, because the driver would have to query its type.

use std::collections::{BTreeMap, BTreeSet};

use crate::none;
use crate::project::PROJECT;

#[test]
fn statements_are_written_in_lower_case() {
    let mut problems = Vec::new();
    for path in PROJECT.files("functions", ".rs") {
        let source = PROJECT.text(&path.to_string_lossy());
        for (name, text) in text_constants(&source) {
            if is_sql(&text) && unquoted(&text).contains(|letter: char| letter.is_ascii_uppercase())
            {
                problems.push(format!("{}: {name}", path.display()));
            }
        }
    }
    none(problems, "write SQL in lower case, except quoted literals");
}

#[test]
fn no_statement_returns_an_enum() {
    let enums = enum_columns();
    assert!(
        enums["file_metadata"].contains("status"),
        "the schema is read: {enums:?}"
    );
    let mut problems = Vec::new();
    for folder in ["functions", "shared"] {
        for path in PROJECT.files(folder, ".rs") {
            let source = PROJECT.text(&path.to_string_lossy());
            for text in pieces(&source).into_iter().filter_map(Piece::literal) {
                let columns = bare_enums(&text, &enums);
                problems.extend(
                    columns
                        .into_iter()
                        .map(|column| format!("{}: {column}", path.display())),
                );
            }
        }
    }
    none(problems, "select it as text: `status::text`");
}

#[test]
fn the_check_finds_a_bare_enum() {
    let enums = BTreeMap::from([("t".to_owned(), BTreeSet::from(["status".to_owned()]))]);
    for wrong in [
        "select id, status from t",
        "select a.status, id from t a",
        "select * from t",
    ] {
        assert_eq!(bare_enums(wrong, &enums).len(), 1, "{wrong}");
    }
    for right in [
        "select id, status::text from t where status = 'X'",
        "select coalesce(status::text, '') from t",
        "select status from other",
    ] {
        assert_eq!(bare_enums(right, &enums), Vec::<String>::new(), "{right}");
    }
}

/// A part of a Rust source: the content of a string literal, or the text between literals.
enum Piece {
    Literal(String),
    Code(String),
}

impl Piece {
    fn literal(self) -> Option<String> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Code(_) => None,
        }
    }
}

fn pieces(source: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut code = String::new();
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
            code.push('\n');
        } else if rest.starts_with("'\"'") {
            rest = &rest[3..];
        } else if next == '"' {
            let end = literal_end(&rest[1..]);
            pieces.push(Piece::Code(std::mem::take(&mut code)));
            pieces.push(Piece::Literal(rest[1..=end].to_owned()));
            rest = rest.get(end + 2..).unwrap_or_default();
        } else {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    pieces.push(Piece::Code(code));
    pieces
}

/// Returns the end of the literal that begins here.
fn literal_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' if !escaped => return at,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Returns each `const NAME: &str` with its literals joined.
fn text_constants(source: &str) -> Vec<(String, String)> {
    let mut constants: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for piece in pieces(source) {
        match piece {
            Piece::Literal(text) if inside => {
                if let Some((_, joined)) = constants.last_mut() {
                    joined.push_str(&text);
                }
            }
            Piece::Literal(_) => {}
            Piece::Code(code) => {
                inside &= !code.contains(';');
                if let Some((before, after)) = code.rsplit_once(": &str =")
                    && !after.contains(';')
                    && let Some((_, name)) = before.rsplit_once("const ")
                {
                    constants.push((name.to_owned(), String::new()));
                    inside = true;
                }
            }
        }
    }
    constants
}

/// Returns whether a text is a statement. Other constants hold messages.
fn is_sql(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    let begins = ["(", "select", "insert", "update", "delete", "with", "where"];
    begins.contains(&first.to_lowercase().as_str())
}

/// Removes quoted text from SQL.
fn unquoted(sql: &str) -> String {
    sql.split('\'').step_by(2).collect::<Vec<_>>().join("''")
}

/// The columns with a PostgreSQL enum type, by table.
fn enum_columns() -> BTreeMap<String, BTreeSet<String>> {
    let schema = PROJECT.text("migrations/schema.sql");
    let types: BTreeSet<_> = schema
        .split("create type ")
        .skip(1)
        .filter_map(|rest| rest.split_once(" as enum").map(|(name, _)| name))
        .collect();
    let mut columns = BTreeMap::<_, BTreeSet<_>>::new();
    for table in schema.split("create table ").skip(1) {
        let Some((name, body)) = table.split_once(" (\n") else {
            continue;
        };
        let body = body.split("\n)").next().unwrap_or_default();
        for line in body.lines() {
            let mut words = line.split([' ', ',']).filter(|word| !word.is_empty());
            if let (Some(column), Some(kind)) = (words.next(), words.next())
                && types.contains(kind)
            {
                columns
                    .entry(name.to_owned())
                    .or_default()
                    .insert(column.to_owned());
            }
        }
    }
    columns
}

/// Returns the columns that `sql` selects from a table as enums, including those selected by `*`.
fn bare_enums(sql: &str, enums: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let sql = unquoted(sql);
    let mut found = Vec::new();
    for list in sql.split("select ").skip(1) {
        let (items, table) = items(list);
        let Some(columns) = enums.get(table) else {
            continue;
        };
        let bare = items.into_iter().map(|item| item.trim()).filter(|item| {
            let column = item.rsplit('.').next().unwrap_or_default();
            let qualified = item.split('.').all(|part| part == "*" || is_name(part));
            qualified && (column == "*" || columns.contains(column))
        });
        found.extend(bare.map(|item| format!("{item} of {table}")));
    }
    found
}

/// Returns the select list and the table after its `from`.
fn items(list: &str) -> (Vec<&str>, &str) {
    let (mut depth, mut start, mut items) = (0_i32, 0, Vec::new());
    for (at, letter) in list.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        let word = list[at..].strip_prefix("from");
        let apart = at == 0 || list[..at].ends_with(char::is_whitespace);
        if let Some(rest) = word
            && depth == 0
            && apart
            && rest.starts_with(char::is_whitespace)
        {
            items.push(&list[start..at]);
            let table = rest.split_whitespace().next().unwrap_or_default();
            return (items, table.trim_matches([',', '(', ')']));
        }
    }
    (Vec::new(), "")
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
