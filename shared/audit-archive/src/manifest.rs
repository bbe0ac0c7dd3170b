//! What a month consists of.

use domain::time::Date;
use serde::{Deserialize, Serialize};
use transparency_log::Hash;
use transparency_log::tree::{Frontier, leaf_hash};
use uuid::Uuid;

use crate::error::{ArchiveError, Fault};
use crate::{Part, manifest_key};

/// The version of the format.
pub const FORM: u32 = 1;

/// The place of a row in the order of its month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The chain that the row names.
    pub chain_id: Uuid,
    /// The position in the chain.
    pub seq: i64,
    /// The place, in hexadecimal digits.
    #[serde(with = "hex")]
    pub place: [u8; 16],
}

/// What a manifest says of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartEntry {
    /// The number of rows.
    pub rows: u64,
    /// The number of bytes of the object.
    pub bytes: u64,
    /// The SHA-256 of the object, in hexadecimal digits.
    #[serde(with = "hex")]
    pub sha256: Hash,
    /// The root of the tree over the lines, in hexadecimal digits.
    #[serde(with = "hex")]
    pub root: Hash,
    /// The place of the first row.
    pub first: Key,
    /// The place of the last row.
    pub last: Key,
}

/// The object that is written once all parts of a month are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format: [`FORM`].
    pub form: u32,
    /// The first day of the month.
    pub month: Date,
    /// The number of rows in all parts.
    pub rows: u64,
    /// The root of the month, in hexadecimal digits.
    #[serde(with = "hex")]
    pub root: Hash,
    /// The parts in their order, from number 0.
    pub parts: Vec<PartEntry>,
}

impl Manifest {
    /// The manifest of these parts.
    pub fn of(month: Date, parts: Vec<PartEntry>) -> Self {
        Self {
            form: FORM,
            month,
            rows: parts.iter().map(|part| part.rows).sum(),
            root: month_root(parts.iter().map(|part| &part.root)),
            parts,
        }
    }

    /// The bytes of the object.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest is JSON")
    }

    /// Reads the object of this month. Errors: it isn't a manifest of this format and month, its rows or its root aren't
    /// those of its parts, or its parts aren't in order.
    pub fn decode(month: Date, bytes: &[u8]) -> Result<Self, ArchiveError> {
        let fault = |fault: Fault| fault.of(&manifest_key(month));
        let read: Self = serde_json::from_slice(bytes)
            .map_err(|_| fault(Fault::Malformed("the manifest of a month")))?;
        if read.form != FORM {
            return Err(fault(Fault::Malformed("the version of the format")));
        }
        if read.month != month {
            return Err(fault(Fault::Differs("month")));
        }
        let is_ordered = read.parts.iter().all(|part| part.first <= part.last)
            && read.parts.windows(2).all(|two| two[0].last < two[1].first);
        if !is_ordered {
            return Err(fault(Fault::Malformed("the order of the parts")));
        }
        let rows = read.parts.iter().map(|part| part.rows);
        let rows = rows.fold(0, u64::saturating_add);
        if rows != read.rows {
            return Err(fault(Fault::Differs("number of rows")));
        }
        if month_root(read.parts.iter().map(|part| &part.root)) != read.root {
            return Err(fault(Fault::Differs("root")));
        }
        Ok(read)
    }
}

impl PartEntry {
    /// Checks whether this is the part. Errors: what differs.
    pub fn check(&self, part: &Part) -> Result<(), Fault> {
        let found = part.entry();
        let differs = [
            ("hash", found.sha256 != self.sha256),
            ("length", found.bytes != self.bytes),
            ("number of rows", found.rows != self.rows),
            ("root", found.root != self.root),
            (
                "first or last row",
                (found.first, found.last) != (self.first, self.last),
            ),
        ];
        match differs.into_iter().find(|(_, differs)| *differs) {
            Some((what, _)) => Err(Fault::Differs(what)),
            None => Ok(()),
        }
    }
}

/// The root of a month with parts of these roots.
pub fn month_root<'a>(parts: impl IntoIterator<Item = &'a Hash>) -> Hash {
    root(parts.into_iter().map(<[u8; 32]>::as_slice))
}

/// The root of the tree with these leaves.
pub(crate) fn root<'a>(leaves: impl Iterator<Item = &'a [u8]>) -> Hash {
    let mut tree = Frontier::default();
    let mut full = Vec::new();
    for leaf in leaves {
        tree.append(leaf_hash(leaf), &mut full);
        full.clear();
    }
    tree.root()
}
