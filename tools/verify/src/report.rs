//! What the verifier found: four verdicts that are kept apart, each with its findings.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::{Serialize, Serializer};
use strum::{Display, EnumIter, EnumString, IntoEnumIterator as _, IntoStaticStr};
use uuid::Uuid;

/// How many findings of an aspect are reported one by one. The others are counted.
const MOST_FINDINGS: usize = 1000;

/// What is judged.
#[derive(
    Clone,
    Copy,
    Debug,
    Display,
    EnumIter,
    EnumString,
    Eq,
    Hash,
    IntoStaticStr,
    Ord,
    PartialEq,
    PartialOrd,
)]
#[strum(serialize_all = "lowercase")]
pub enum Aspect {
    /// Rows, sealed log and checkpoints fit each other, and nothing was changed, removed or inserted.
    Integrity,
    /// Each row was signed by the function that wrote it, and each checkpoint by the log.
    Authenticity,
    /// Each request and each committed row is in the log.
    Completeness,
    /// Rows are sealed soon after they are written.
    Freshness,
}

impl Aspect {
    /// All aspects.
    pub const ALL: [Self; 4] = [
        Self::Integrity,
        Self::Authenticity,
        Self::Completeness,
        Self::Freshness,
    ];
}

/// The verdict about an aspect.
#[derive(Clone, Copy, Debug, Display, Eq, PartialEq)]
#[strum(serialize_all = "lowercase")]
pub enum Verdict {
    /// All that could be checked is right, and all was checked.
    Intact,
    /// Something is wrong.
    Violated,
    /// Nothing was found wrong, but not all could be checked.
    Unknown,
}

/// What a finding is about.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Subject {
    /// A row of the audit log, or the position that it should have.
    Row {
        /// The row's id, unless there is no row.
        id: Option<Uuid>,
        /// The chain that the row names.
        chain_id: Uuid,
        /// The position in the chain that the row names.
        seq: i64,
    },
    /// A chain as a whole.
    Chain(Uuid),
    /// A request, or a step of a job.
    Request(String),
    /// An object of the sealed log, or a file.
    Object(String),
    /// The log as a whole.
    Log,
}

/// Something that is wrong.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Finding {
    /// What it is about.
    pub subject: Subject,
    /// Why, in a sentence.
    pub reason: String,
}

/// The verdict about one aspect, and its reasons.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// What is wrong, in the order in which it was found: the first bad row comes first.
    pub findings: Vec<Finding>,
    /// How many findings are not in the list.
    pub more: u64,
    /// What could not be checked, in sentences.
    pub unchecked: Vec<String>,
    seen: HashSet<Finding>,
}

/// How much was read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counts {
    /// Rows of the database.
    pub rows: u64,
    /// Rows of the database that aren't sealed yet.
    pub unsealed: u64,
    /// Rows of archived months.
    pub archived: u64,
    /// Chains in the sealed log.
    pub chains: u64,
    /// Batches of the sealed log.
    pub batches: u64,
    /// Leaves of the sealed log.
    pub leaves: u64,
    /// The root of the sealed log, in hexadecimal digits.
    pub root: String,
    /// Lines of the functions' log.
    pub function_lines: u64,
    /// Lines of the gateway's log.
    pub gateway_lines: u64,
}

/// The four verdicts.
#[derive(Clone, Debug)]
pub struct Report {
    judgements: BTreeMap<Aspect, Judgement>,
    /// How much was read.
    pub counts: Counts,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            judgements: Aspect::iter()
                .map(|aspect| (aspect, Judgement::default()))
                .collect(),
            counts: Counts::default(),
        }
    }
}

impl Report {
    /// Adds something that is wrong.
    pub(crate) fn violated(&mut self, aspect: Aspect, subject: Subject, reason: impl Into<String>) {
        let finding = Finding {
            subject,
            reason: reason.into(),
        };
        let judgement = self.judgements.entry(aspect).or_default();
        if judgement.findings.len() == MOST_FINDINGS {
            judgement.more += 1;
        } else if judgement.seen.insert(finding.clone()) {
            judgement.findings.push(finding);
        }
    }

    /// Adds something that could not be checked.
    pub(crate) fn unchecked(&mut self, aspect: Aspect, reason: impl Into<String>) {
        let judgement = self.judgements.entry(aspect).or_default();
        let reason = reason.into();
        if !judgement.unchecked.contains(&reason) {
            judgement.unchecked.push(reason);
        }
    }

    /// The verdict about an aspect.
    pub fn verdict(&self, aspect: Aspect) -> Verdict {
        let judgement = self.judgement(aspect);
        match (&judgement.findings[..], &judgement.unchecked[..]) {
            ([], []) => Verdict::Intact,
            ([], _) => Verdict::Unknown,
            _ => Verdict::Violated,
        }
    }

    /// The verdict with its reasons.
    pub fn judgement(&self, aspect: Aspect) -> &Judgement {
        // All aspects are there from the beginning.
        &self.judgements[&aspect]
    }

    /// The exit code of the program: 1 if an aspect is violated, 2 if one of those required can't be judged, otherwise 0.
    pub fn exit_code(&self, required: &[Aspect]) -> u8 {
        let is = |aspect, verdict| self.verdict(aspect) == verdict;
        if Aspect::iter().any(|aspect| is(aspect, Verdict::Violated)) {
            return 1;
        }
        match required.iter().any(|aspect| is(*aspect, Verdict::Unknown)) {
            true => 2,
            false => 0,
        }
    }
}

impl Subject {
    /// A row that exists.
    pub(crate) fn row(id: Uuid, chain_id: Uuid, seq: i64) -> Self {
        Self::Row {
            id: Some(id),
            chain_id,
            seq,
        }
    }

    /// A position whose row doesn't exist.
    pub(crate) fn place(chain_id: Uuid, seq: i64) -> Self {
        Self::Row {
            id: None,
            chain_id,
            seq,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row {
                id: Some(id),
                chain_id,
                seq,
            } => write!(f, "row {id} (chain {chain_id}, seq {seq})"),
            Self::Row {
                id: None,
                chain_id,
                seq,
            } => write!(f, "row of chain {chain_id}, seq {seq}"),
            Self::Chain(id) => write!(f, "chain {id}"),
            Self::Request(id) => write!(f, "request {id}"),
            Self::Object(key) => write!(f, "object {key}"),
            Self::Log => f.write_str("the log"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.reason)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(
            f,
            "{} rows in the database, {} of them not sealed yet. {} rows in archived months. {} leaves in {} batches.",
            counts.rows, counts.unsealed, counts.archived, counts.leaves, counts.batches
        )?;
        for (aspect, judgement) in &self.judgements {
            // Nothing can be said about completeness without logs, so that is not called a verdict.
            let verdict = match self.verdict(*aspect) {
                Verdict::Unknown if *aspect == Aspect::Completeness => "not checked".to_owned(),
                verdict => verdict.to_string(),
            };
            writeln!(f, "{aspect}: {verdict}")?;
            for finding in &judgement.findings {
                writeln!(f, "  {finding}")?;
            }
            if judgement.more > 0 {
                writeln!(f, "  {} more", judgement.more)?;
            }
            for reason in &judgement.unchecked {
                writeln!(f, "  not checked: {reason}")?;
            }
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct JudgementAsJson<'a> {
    verdict: String,
    findings: Vec<FindingAsJson<'a>>,
    more: u64,
    unchecked: &'a [String],
}

#[derive(Serialize)]
struct FindingAsJson<'a> {
    #[serde(flatten)]
    subject: &'a Subject,
    reason: &'a str,
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members: Vec<(&str, serde_json::Value)> = match self {
            Self::Row { id, chain_id, seq } => vec![
                ("row", serde_json::json!(id)),
                ("chain_id", serde_json::json!(chain_id)),
                ("seq", serde_json::json!(seq)),
            ],
            Self::Chain(id) => vec![("chain_id", serde_json::json!(id))],
            Self::Request(id) => vec![("request_id", serde_json::json!(id))],
            Self::Object(key) => vec![("object", serde_json::json!(key))],
            Self::Log => vec![],
        };
        serializer.collect_map(members)
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Whole<'a> {
            counts: &'a Counts,
            verdicts: BTreeMap<&'static str, JudgementAsJson<'a>>,
        }
        let verdicts = self.judgements.iter().map(|(aspect, judgement)| {
            let judgement = JudgementAsJson {
                verdict: self.verdict(*aspect).to_string(),
                findings: judgement
                    .findings
                    .iter()
                    .map(|finding| FindingAsJson {
                        subject: &finding.subject,
                        reason: &finding.reason,
                    })
                    .collect(),
                more: judgement.more,
                unchecked: &judgement.unchecked,
            };
            ((*aspect).into(), judgement)
        });
        Whole {
            counts: &self.counts,
            verdicts: verdicts.collect(),
        }
        .serialize(serializer)
    }
}
