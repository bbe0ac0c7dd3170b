//! Amendments, as they travel with the entries that they are about (45 CFR 164.526).

use std::collections::HashMap;

use api::prelude::*;
use chart_export::{Amendment, Statement, StatementKind};
use sql::{Jsonb, row};
use uuid::Uuid;

row! {
    /// An amendment as `amendments_in_travel` gives it.
    pub struct Travelling {
        /// The entry that it is about. The patient's id stands for their profile.
        pub entry: Uuid,
        /// What was said.
        pub amendment: Jsonb<Said>,
    }
}

/// What was said about an entry.
#[derive(Debug, Deserialize, Serialize)]
pub struct Said {
    id: Uuid,
    received_on: Date,
    told_by: Option<String>,
    statement: Option<String>,
    correction: Option<String>,
    reason: Option<String>,
    decided_on: Option<Date>,
    addendum: Option<String>,
    denial_basis: Option<String>,
    disagreed_on: Option<Date>,
    disagreement: Option<String>,
    rebutted_on: Option<Date>,
    rebuttal: Option<String>,
}

/// The amendments of each entry.
pub fn by_entry(rows: Vec<Travelling>) -> HashMap<Uuid, Vec<Amendment>> {
    let mut entries: HashMap<Uuid, Vec<Amendment>> = HashMap::new();
    for Travelling { entry, amendment } in rows {
        let Jsonb(said) = amendment;
        let amendment = Amendment {
            id: said.id,
            entry,
            statements: statements(said),
        };
        entries.entry(entry).or_default().push(amendment);
    }
    entries
}

fn statements(said: Said) -> Vec<Statement> {
    let received = said.received_on;
    let on = |day: Option<Date>| day.unwrap_or(received);
    let told = said.told_by.is_some();
    let request: Vec<_> = [said.statement, said.correction, said.reason]
        .into_iter()
        .flatten()
        .collect();
    let request = (!request.is_empty()).then(|| request.join("\n"));
    let addendum = match (said.told_by, said.addendum) {
        (Some(by), Some(text)) => Some(format!("{by}: {text}")),
        (_, addendum) => addendum,
    };
    let accepted = match told {
        true => StatementKind::Notice,
        false => StatementKind::Acceptance,
    };
    let parts = [
        (StatementKind::Request, received, request),
        (accepted, on(said.decided_on), addendum),
        (
            StatementKind::Denial,
            on(said.decided_on),
            said.denial_basis,
        ),
        (
            StatementKind::Disagreement,
            on(said.disagreed_on),
            said.disagreement,
        ),
        (StatementKind::Rebuttal, on(said.rebutted_on), said.rebuttal),
    ];
    parts
        .into_iter()
        .filter_map(|(kind, on, text)| {
            Some(Statement {
                kind,
                on,
                text: text?,
            })
        })
        .collect()
}
