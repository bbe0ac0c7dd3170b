//! The activity review as an HTML document.

use api::prelude::*;
use askama::Template;
use domain::activity_review::{Figures, RowCount, RuleFigures};
use sql::{Jsonb, row};

use crate::Signature;

row! {
    /// The review and whoever signs it.
    pub struct Source {
        /// The id of the review.
        pub id: ActivityReviewId,
        /// The first day of the period.
        pub covered_from: Date,
        /// The last day of the period.
        pub covered_until: Date,
        /// The figures of the period.
        pub figures: Jsonb<Figures>,
        /// The time at which the figures were counted.
        pub created_at: Timestamp,
        /// Whether it is signed already.
        pub is_signed: bool,
        /// The time of the signature.
        pub signed_at: Timestamp,
        /// The name of the clinic, if the operator has set it.
        pub clinic: Option<String>,
        /// The name of the officer.
        pub name: String,
        /// The role of the officer.
        pub role: String,
    }
}

/// A table of two columns.
struct Table {
    heading: &'static str,
    rows: Vec<(String, String)>,
}

/// The document. The template escapes all text.
#[derive(Template)]
#[template(path = "activity_review.html")]
pub struct Document {
    id: String,
    clinic: Option<String>,
    period: String,
    counted_at: String,
    tables: Vec<Table>,
    rules: Vec<RuleFigures>,
    verification: Vec<(String, String)>,
    conclusion: Vec<String>,
    signer: String,
    signed_at: String,
}

impl Document {
    pub fn new(source: Source, signature: &Signature) -> Self {
        let Jsonb(figures) = source.figures;
        let tables = tables(&figures);
        let verification = signature.verification.as_ref().map(|found| {
            let verdicts = [
                ("Integrity", found.integrity),
                ("Authenticity", found.authenticity),
                ("Completeness", found.completeness),
                ("Freshness", found.freshness),
            ];
            let verdicts =
                verdicts.map(|(name, verdict)| (name.to_owned(), verdict.label().to_lowercase()));
            let size = (
                "Leaves in the verified log".to_owned(),
                found.tree_size.to_string(),
            );
            verdicts.into_iter().chain([size]).collect()
        });
        Self {
            id: source.id.to_string(),
            clinic: source.clinic,
            period: format!("{} to {} (UTC)", source.covered_from, source.covered_until),
            counted_at: source.created_at.to_string(),
            tables,
            rules: figures.alerts.by_rule,
            verification: verification.unwrap_or_default(),
            conclusion: signature
                .conclusion
                .as_str()
                .lines()
                .map(str::to_owned)
                .collect(),
            signer: format!("{}, {}", source.name, source.role),
            signed_at: source.signed_at.to_string(),
        }
    }
}

fn tables(figures: &Figures) -> Vec<Table> {
    let Figures {
        audit_rows,
        alerts,
        emergency_accesses,
        incidents,
        legal_holds_in_force,
        integrity,
    } = figures;
    let none = || "none".to_owned();
    let time = |time: &Option<Timestamp>| time.map_or_else(none, |time| time.to_string());
    let list = |items: Vec<String>| match items.is_empty() {
        true => none(),
        false => items.join(", "),
    };
    let deleted = list(
        audit_rows
            .deleted_months
            .iter()
            .map(ToString::to_string)
            .collect(),
    );
    vec![
        table(
            "Audit log",
            [
                ("Rows", audit_rows.total.to_string()),
                ("Users who acted", audit_rows.users.to_string()),
                ("Deleted months, which are not counted", deleted),
            ],
        ),
        counts("Rows by result", &audit_rows.by_outcome),
        counts("Rows by kind of action", &audit_rows.by_action_type),
        counts("Rows by kind of resource", &audit_rows.by_resource_type),
        counts("Rows by purpose of use", &audit_rows.by_purpose_of_use),
        table(
            "Alerts that are open",
            [
                ("Not resolved", alerts.unresolved.to_string()),
                (
                    "The oldest of them was raised",
                    time(&alerts.oldest_unresolved_at),
                ),
                (
                    "Rules that are disabled",
                    list(alerts.disabled_rules.clone()),
                ),
            ],
        ),
        table(
            "Emergency access",
            [
                (
                    "Granted in the period",
                    emergency_accesses.granted.to_string(),
                ),
                ("Approved", emergency_accesses.approved.to_string()),
                (
                    "Incident opened",
                    emergency_accesses.incidents_opened.to_string(),
                ),
                ("Not reviewed", emergency_accesses.not_reviewed.to_string()),
                (
                    "Overdue reviews, of any period",
                    emergency_accesses.overdue.to_string(),
                ),
            ],
        ),
        table(
            "Incidents",
            [
                ("Opened in the period", incidents.opened.to_string()),
                ("Decided to be a breach", incidents.breaches.to_string()),
                ("Decided otherwise", incidents.other_decisions.to_string()),
                ("Closed in the period", incidents.closed.to_string()),
                (
                    "Not closed, of any period",
                    incidents.not_closed.to_string(),
                ),
                ("With a step that is late", incidents.overdue.to_string()),
            ],
        ),
        table(
            "Legal holds",
            [("In force", legal_holds_in_force.to_string())],
        ),
        table(
            "Integrity of the audit log",
            [
                (
                    "Leaves in the sealed log",
                    integrity.sealed_rows.to_string(),
                ),
                ("Last seal", time(&integrity.sealed_at)),
                ("Chains that wait", integrity.waiting_chains.to_string()),
                (
                    "Rows put in quarantine",
                    integrity.quarantined_rows.to_string(),
                ),
                (
                    "Minutes in which requests and rows were compared",
                    integrity.minutes_reconciled.to_string(),
                ),
                (
                    "Minutes with a request without a row",
                    integrity.minutes_with_missing_rows.to_string(),
                ),
            ],
        ),
    ]
}

fn table<const ROWS: usize>(heading: &'static str, rows: [(&str, String); ROWS]) -> Table {
    let rows = rows.map(|(name, value)| (name.to_owned(), value));
    Table {
        heading,
        rows: rows.into(),
    }
}

fn counts(heading: &'static str, counts: &[RowCount]) -> Table {
    let rows = counts
        .iter()
        .map(|count| (count.key.clone(), count.rows.to_string()));
    Table {
        heading,
        rows: rows.collect(),
    }
}
