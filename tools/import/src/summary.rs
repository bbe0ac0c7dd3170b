//! The result of an import: counts, complaints and notes. They hold no patient data.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The result of an import.
#[derive(Debug, Default)]
pub struct Summary {
    /// The counts per FHIR resource type.
    pub counts: BTreeMap<String, Counts>,
    /// What could not be imported, with the reason.
    pub complaints: Vec<Complaint>,
    /// What was carried over less precisely than the source says it.
    pub notes: Vec<Complaint>,
    /// How often each element occurred that has no place in Caretrail, by its path.
    pub unmapped: BTreeMap<String, usize>,
    /// The duration of the import.
    pub elapsed: Duration,
    /// The number of HTTP requests, including retries.
    pub requests: u64,
}

/// The counts of entries of one type.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Entries that are new in the cloud.
    pub created: usize,
    /// Entries that the cloud had before with another content.
    pub updated: usize,
    /// Entries that the cloud had before with the same content.
    pub unchanged: usize,
    /// Entries that the cloud had before and that are archived or cancelled now.
    pub withdrawn: usize,
    /// Entries that differ from what the cloud has, which the import could not change.
    pub conflicts: usize,
    /// Entries that could not be imported.
    pub failed: usize,
    /// Entries of a type or in a status that isn't carried over.
    pub not_imported: usize,
}

/// A complaint or note about a file or one of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The file.
    pub file: PathBuf,
    /// The entry's index in the bundle, from 0; `None` if it is about the file.
    pub entry: Option<usize>,
    /// The entry's `fullUrl`.
    pub full_url: Option<String>,
    /// The fault, or what the note says.
    pub reason: String,
}

impl Complaint {
    /// A complaint about a file as a whole.
    pub fn of_file(file: &Path, reason: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            entry: None,
            full_url: None,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file.display())?;
        if let Some(entry) = self.entry {
            write!(out, ": entry {entry}")?;
        }
        if let Some(url) = &self.full_url {
            // Unchecked text could hold control sequences of the terminal.
            let plain: String = url.chars().filter(|c| !c.is_control()).take(255).collect();
            write!(out, " ({plain})")?;
        }
        write!(out, ": {}", self.reason)
    }
}

impl Summary {
    /// Whether nothing failed.
    pub fn is_clean(&self) -> bool {
        self.complaints.is_empty()
    }

    /// The counts of all types together.
    pub fn total(&self) -> Counts {
        self.counts
            .values()
            .fold(Counts::default(), |sum, counts| Counts {
                created: sum.created + counts.created,
                updated: sum.updated + counts.updated,
                unchanged: sum.unchanged + counts.unchanged,
                withdrawn: sum.withdrawn + counts.withdrawn,
                conflicts: sum.conflicts + counts.conflicts,
                failed: sum.failed + counts.failed,
                not_imported: sum.not_imported + counts.not_imported,
            })
    }

    pub(super) fn of(&mut self, kind: &str) -> &mut Counts {
        self.counts.entry(kind.to_owned()).or_default()
    }

    pub(super) fn complain(&mut self, complaint: Complaint) {
        self.complaints.push(complaint);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |kind: &str, cells: [String; 7]| {
            write!(out, "{kind:22}")?;
            for cell in cells {
                write!(out, " {cell:>12}")?;
            }
            writeln!(out)
        };
        let cells = |counts: &Counts| {
            [
                counts.created,
                counts.updated,
                counts.unchanged,
                counts.withdrawn,
                counts.conflicts,
                counts.failed,
                counts.not_imported,
            ]
            .map(|n| n.to_string())
        };
        row(
            "resource",
            [
                "created",
                "updated",
                "unchanged",
                "withdrawn",
                "conflicts",
                "failed",
                "not imported",
            ]
            .map(String::from),
        )?;
        for (kind, counts) in &self.counts {
            row(kind, cells(counts))?;
        }
        let total = self.total();
        row("total", cells(&total))?;

        let mut notes: BTreeMap<&str, usize> = BTreeMap::new();
        for note in &self.notes {
            *notes.entry(&note.reason).or_default() += 1;
        }
        for (reason, times) in notes {
            writeln!(out, "note: {reason} ({times} ×)")?;
        }
        if !self.unmapped.is_empty() {
            writeln!(
                out,
                "not carried over, because Caretrail has no field for it:"
            )?;
        }
        for (path, times) in &self.unmapped {
            writeln!(out, "  {path} ({times} ×)")?;
        }
        let seconds = self.elapsed.as_secs_f64();
        let rate = if seconds > 0.0 {
            self.requests as f64 / seconds
        } else {
            0.0
        };
        write!(
            out,
            "{} created, {} updated, {} unchanged, {} withdrawn, {} conflicts, {} failed, {} not imported; {} requests \
             in {seconds:.1} s, {rate:.0} per second",
            total.created,
            total.updated,
            total.unchanged,
            total.withdrawn,
            total.conflicts,
            total.failed,
            total.not_imported,
            self.requests,
        )
    }
}
