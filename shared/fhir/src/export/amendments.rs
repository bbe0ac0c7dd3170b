//! Amendments of entries become DocumentReferences, one for each statement, to which the entry refers.
//!
//! The request, the denial, the disagreement and the rebuttal are appended to the entry or linked with it (45 CFR
//! 164.526(c)(1), (d)(4) and (d)(5)). <https://hl7.org/fhir/R4/documentreference.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::time::Date;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Chart;
use super::builder::Builder;
use super::elements::{NULL_FLAVOR, extension, part, reference};

/// The amendment of an entry: all that was said about it, in the order of time.
#[derive(Debug, Clone)]
pub struct Amendment {
    /// Its id.
    pub id: Uuid,
    /// The entry that it is about.
    pub entry: Uuid,
    /// What was said.
    pub statements: Vec<Statement>,
}

/// One statement about an entry.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its kind.
    pub kind: StatementKind,
    /// Its day.
    pub on: Date,
    /// Its text.
    pub text: String,
}

/// The kind of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// The patient asks for the amendment.
    Request,
    /// The clinic accepts it: the text is the amendment.
    Acceptance,
    /// The clinic denies it.
    Denial,
    /// The patient disagrees with the denial.
    Disagreement,
    /// The clinic answers the disagreement.
    Rebuttal,
    /// Another entity told of an amendment (45 CFR 164.526(e)).
    Notice,
}

impl StatementKind {
    /// The kind in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Request => "Request to amend this entry",
            Self::Acceptance => "Accepted amendment",
            Self::Denial => "Denial of the request",
            Self::Disagreement => "Statement of disagreement",
            Self::Rebuttal => "Rebuttal by the clinic",
            Self::Notice => "Amendment told by another organization",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Acceptance => "acceptance",
            Self::Denial => "denial",
            Self::Disagreement => "disagreement",
            Self::Rebuttal => "rebuttal",
            Self::Notice => "notice",
        }
    }
}

impl Amendment {
    fn ids(&self) -> impl Iterator<Item = (Uuid, &Statement)> {
        let statements = self.statements.iter().enumerate();
        statements.map(|(index, statement)| {
            let name = format!("{}/{index}", statement.kind.name());
            (part(self.id, &name), statement)
        })
    }

    /// The statements as resources.
    pub(super) fn documents(&self, chart: &Chart) -> Vec<(Uuid, Value)> {
        let documents = self.ids().map(|(id, statement)| {
            let mut it = Builder::new("DocumentReference", id);
            it.set("status", Some(json!("current")))
                .set(
                    "type",
                    Some(json!({
                        "coding": [{"system": NULL_FLAVOR, "code": "OTH", "display": "other"}],
                        "text": statement.kind.title(),
                    })),
                )
                .set("category", Some(json!([{"text": "Amendment"}])))
                .set("subject", chart.subject())
                .set(
                    "content",
                    Some(json!([{"attachment": {
                        "contentType": "text/plain;charset=utf-8",
                        "data": STANDARD.encode(&statement.text),
                    }}])),
                )
                .set(
                    "context",
                    Some(json!({
                        "period": {"start": statement.on},
                        "related": [reference(self.entry)],
                    })),
                );
            (id, it.build())
        });
        documents.collect()
    }
}

/// Makes the resource of an entry refer to the statements about it.
pub fn link(resource: &mut Value, amendments: &[Amendment]) {
    let statements = amendments.iter().flat_map(Amendment::ids);
    let links: Vec<_> = statements
        .map(|(id, _)| extension("amendment", "Reference", reference(id)))
        .collect();
    if links.is_empty() {
        return;
    }
    match resource.get_mut("extension").and_then(Value::as_array_mut) {
        Some(extensions) => extensions.extend(links),
        None => resource["extension"] = json!(links),
    }
}
