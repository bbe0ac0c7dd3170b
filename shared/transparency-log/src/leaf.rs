//! The leaves of the log, and their bytes. No type here can hold patient data: a leaf has only ids, counts, hashes,
//! keys and signatures.
//!
//! # The bytes of a leaf
//!
//! Integers are big-endian. A *label* is one byte with its length and its ASCII text. A *UUID* has 16 bytes, a *hash* or
//! an Ed25519 *public key* 32, a *signature* 64. A *month* is its year (2 bytes) and its number from 1 to 12 (1 byte).
//!
//! Byte 0 is the version, 1. Byte 1 is the kind. These fields follow, without gaps, and nothing follows them:
//!
//! | kind | fields |
//! |---|---|
//! | 1 chain | chain UUID, public key, label function, label version, opened at: u64 |
//! | 2 row | month, chain UUID, seq: i64, row hash, signature |
//! | 3 heads | number of chains: u64, digest: hash |
//! | 4 reconciliation | minute: u64, revision: u32, audited, public, preflight, unauthenticated, throttled, gateway errors, failed, invocations, rows: 9 × u64, number of missing ids: u32, their labels in ascending order |
//! | 5 quarantine | reason: u8, month, chain UUID, seq: i64, has a row: u8; if 1: row UUID, row hash, has a signature: u8; if 1: signature |
//! | 6 incarnation | old size: u64, old root: hash, kept size: u64, database UUID, length of the text: u16, text (UTF-8), public key, signature |
//!
//! Times are microseconds since 1970-01-01T00:00:00Z; minutes are minutes since then. The tree's hash of a leaf is
//! SHA-256 over a zero byte and these bytes (RFC 6962, section 2.1).

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use strum::{FromRepr, IntoStaticStr};
use uuid::Uuid;

use crate::codec::{Malformed, Reader};
use crate::signer::Signer;
use crate::{Failure, Hash};

const VERSION: u8 = 1;

/// How many request ids a reconciliation names at most.
pub const MOST_MISSING: usize = 30_000;

/// The longest text of an incarnation, in bytes.
const LONGEST_TEXT: usize = 1000;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// A chain of audit rows and the key that signs them.
    Chain(Chain),
    /// An audit row that was checked and sealed.
    Row(Row),
    /// The heads of all chains after this batch.
    Heads(Heads),
    /// The requests of one minute compared with their audit rows.
    Reconciliation(Reconciliation),
    /// A row, or a place without row, that did not pass the checks.
    Quarantine(Quarantine),
    /// A database that replaces one the log has seen more rows of.
    Incarnation(Incarnation),
}

/// A chain of audit rows: its execution environment announced this key in the function's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The chain.
    pub chain_id: Uuid,
    /// The Ed25519 key that signs its rows.
    pub public_key: [u8; 32],
    /// The name of the function.
    pub function: Label,
    /// The version of the function's software.
    pub version: Label,
    /// When the chain was opened, in microseconds since 1970.
    pub opened_at: u64,
}

/// An audit row. Its place in the log is the order of sealing, not of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The month of the row's partition and chain.
    pub month: Month,
    /// The chain.
    pub chain_id: Uuid,
    /// The place in the chain.
    pub seq: i64,
    /// The hash of the row's canonical form.
    pub row_hash: Hash,
    /// The chain's Ed25519 signature over the hash.
    pub signature: [u8; 64],
}

/// The heads of all chains: whoever has them finds each chain that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// How many chains have a head.
    pub chains: u64,
    /// The digest over all heads, as the sealer defines it.
    pub digest: Hash,
}

/// How many requests the gateway and Lambda logged for one minute, and how many audit rows they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    /// The minute, counted from 1970.
    pub minute: u64,
    /// 0 for the first comparison of this minute. A later leaf with a higher number replaces it.
    pub revision: u32,
    /// What was logged.
    pub logged: Logged,
    /// How many of the requests have an audit row, and how many of the rows that invocations committed exist.
    pub rows: u64,
    /// The ids of requests and invocations that must have an audit row and have none.
    pub missing: Missing,
}

/// The requests of one minute, by kind. Only `audited` and `invocations` must have audit rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logged {
    /// Requests that must have an audit row.
    pub audited: u64,
    /// Requests to endpoints without caller.
    pub public: u64,
    /// CORS preflight requests (OPTIONS).
    pub preflight: u64,
    /// Requests that were answered 401.
    pub unauthenticated: u64,
    /// Requests that the gateway throttled.
    pub throttled: u64,
    /// Requests that the gateway answered with an error of its own.
    pub gateway_errors: u64,
    /// Requests that failed with a status from 500 on and have no audit row: nothing was changed, or it is unknown.
    pub failed: u64,
    /// Invocations by events and schedules that must have audit rows for what they committed, out of Lambda's platform
    /// reports. Each try of an event counts.
    pub invocations: u64,
}

/// The ids of requests without audit row, at most [`MOST_MISSING`], in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing(BTreeSet<Label>);

/// A row that was not sealed, and why. A place without row is reported in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// Why.
    pub reason: Reason,
    /// The month of the partition.
    pub month: Month,
    /// The chain that the row names.
    pub chain_id: Uuid,
    /// The place that the row names.
    pub seq: i64,
    /// The row, or none if the place is empty.
    pub row: Option<QuarantinedRow>,
}

/// A row that was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantinedRow {
    /// The row's id.
    pub id: Uuid,
    /// The hash that the row holds, which may not be the hash of the row.
    pub row_hash: Hash,
    /// The signature that the row holds, or none if it holds none of 64 bytes.
    pub signature: Option<[u8; 64]>,
}

/// Why a row was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, FromRepr, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[repr(u8)]
pub enum Reason {
    /// No open line announced the chain's key in time.
    NoOpenLine = 1,
    /// The signature isn't valid under the chain's key.
    InvalidSignature = 2,
    /// The row doesn't have the hash that it holds.
    WrongHash = 3,
    /// The row's previous hash isn't the hash of the row before it.
    BrokenLink = 4,
    /// The chain goes on, but this place has no row.
    MissingRow = 5,
    /// Another row has the same place.
    TakenPlace = 6,
    /// The row doesn't belong to the chain's function, month or environment.
    ForeignRow = 7,
}

/// An operator's statement that a database with fewer rows replaced the one that was sealed before, such as after a
/// restore. Without it, the loss is tampering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incarnation {
    /// What the operator states.
    pub statement: Statement,
    /// The operator's Ed25519 key.
    pub operator: [u8; 32],
    /// The operator's signature over [`Statement::message`].
    pub signature: [u8; 64],
}

/// What an operator states about a restored database. The leaves from `kept_size` up to `old_size` may have lost their
/// rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The size of the log when the database was replaced.
    pub old_size: u64,
    /// The root of the log at that size.
    pub old_root: Hash,
    /// The size of the log up to which the new database has all rows.
    pub kept_size: u64,
    /// The identity of the new database.
    pub database: Uuid,
    /// What was lost and why, in words. It must not name a patient.
    pub text: Text,
}

/// A name, version or request id: 1 to 128 of the characters `A`–`Z`, `a`–`z`, `0`–`9` and `-._~:/+=$#`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(String);

/// Text of an operator: 1 to 1000 bytes of UTF-8 without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

/// A month of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    year: u16,
    month: u8,
}

impl Leaf {
    /// The bytes of this leaf. Each leaf has exactly one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(128);
        to.extend([VERSION, self.kind()]);
        match self {
            Self::Chain(chain) => chain.encode(&mut to),
            Self::Row(row) => row.encode(&mut to),
            Self::Heads(heads) => heads.encode(&mut to),
            Self::Reconciliation(reconciliation) => reconciliation.encode(&mut to),
            Self::Quarantine(quarantine) => quarantine.encode(&mut to),
            Self::Incarnation(incarnation) => incarnation.encode(&mut to),
        }
        to
    }

    /// The leaf with these bytes. Errors: the bytes are not the encoding of a leaf.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader(bytes);
        if from.u8("the version of a leaf")? != VERSION {
            return Err(Malformed("the version of a leaf"));
        }
        let leaf = match from.u8("the kind of a leaf")? {
            1 => Self::Chain(Chain::decode(&mut from)?),
            2 => Self::Row(Row::decode(&mut from)?),
            3 => Self::Heads(Heads::decode(&mut from)?),
            4 => Self::Reconciliation(Reconciliation::decode(&mut from)?),
            5 => Self::Quarantine(Quarantine::decode(&mut from)?),
            6 => Self::Incarnation(Incarnation::decode(&mut from)?),
            _ => return Err(Malformed("the kind of a leaf")),
        };
        from.end()?;
        Ok(leaf)
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Chain(_) => 1,
            Self::Row(_) => 2,
            Self::Heads(_) => 3,
            Self::Reconciliation(_) => 4,
            Self::Quarantine(_) => 5,
            Self::Incarnation(_) => 6,
        }
    }
}

impl Chain {
    fn encode(&self, to: &mut Vec<u8>) {
        to.extend(self.chain_id.as_bytes());
        to.extend(self.public_key);
        self.function.encode(to);
        self.version.encode(to);
        to.extend(self.opened_at.to_be_bytes());
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            chain_id: uuid(from, "the chain of a leaf")?,
            public_key: from.array("the public key of a chain")?,
            function: Label::decode(from)?,
            version: Label::decode(from)?,
            opened_at: from.u64("when a chain was opened")?,
        })
    }
}

impl Row {
    fn encode(&self, to: &mut Vec<u8>) {
        self.month.encode(to);
        to.extend(self.chain_id.as_bytes());
        to.extend(self.seq.to_be_bytes());
        to.extend(self.row_hash);
        to.extend(self.signature);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            month: Month::decode(from)?,
            chain_id: uuid(from, "the chain of a row")?,
            seq: seq(from)?,
            row_hash: from.array("the hash of a row")?,
            signature: from.array("the signature of a row")?,
        })
    }
}

impl Heads {
    /// The heads of these chains, each with its id, the position of its last sealed row, and the hash of that row. They
    /// are in ascending order of the ids. The digest is the SHA-256 of the heads one after the other: 16 bytes of the
    /// id, the position as a 64-bit big-endian number, and the 32 bytes of the hash.
    pub fn of(heads: impl IntoIterator<Item = (Uuid, i64, Hash)>) -> Self {
        let mut digest = Context::new(&SHA256);
        let mut chains = 0;
        for (chain_id, seq, row_hash) in heads {
            digest.update(chain_id.as_bytes());
            digest.update(&seq.to_be_bytes());
            digest.update(&row_hash);
            chains += 1;
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.finish().as_ref());
        Self {
            chains,
            digest: bytes,
        }
    }

    fn encode(self, to: &mut Vec<u8>) {
        to.extend(self.chains.to_be_bytes());
        to.extend(self.digest);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            chains: from.u64("the number of chains")?,
            digest: from.array("the digest of the heads")?,
        })
    }
}

impl Reconciliation {
    fn encode(&self, to: &mut Vec<u8>) {
        to.extend(self.minute.to_be_bytes());
        to.extend(self.revision.to_be_bytes());
        for count in self.logged.counts() {
            to.extend(count.to_be_bytes());
        }
        to.extend(self.rows.to_be_bytes());
        self.missing.encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            minute: from.u64("the minute of a reconciliation")?,
            revision: from.u32("the revision of a reconciliation")?,
            logged: Logged::decode(from)?,
            rows: from.u64("the rows of a reconciliation")?,
            missing: Missing::decode(from)?,
        })
    }
}

impl Logged {
    fn counts(&self) -> [u64; 8] {
        [
            self.audited,
            self.public,
            self.preflight,
            self.unauthenticated,
            self.throttled,
            self.gateway_errors,
            self.failed,
            self.invocations,
        ]
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut count = || from.u64("the counts of a reconciliation");
        Ok(Self {
            audited: count()?,
            public: count()?,
            preflight: count()?,
            unauthenticated: count()?,
            throttled: count()?,
            gateway_errors: count()?,
            failed: count()?,
            invocations: count()?,
        })
    }
}

impl Missing {
    /// These ids, each once. Errors: they are more than [`MOST_MISSING`].
    pub fn new(ids: impl IntoIterator<Item = Label>) -> Result<Self, Malformed> {
        let ids: BTreeSet<_> = ids.into_iter().collect();
        if ids.len() > MOST_MISSING {
            return Err(Malformed("a reconciliation names at most 30,000 ids"));
        }
        Ok(Self(ids))
    }

    /// The ids in ascending order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &Label> {
        self.0.iter()
    }

    fn encode(&self, to: &mut Vec<u8>) {
        // There are at most MOST_MISSING.
        to.extend((self.0.len() as u32).to_be_bytes());
        for id in &self.0 {
            id.encode(to);
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count = from.u32("the number of missing ids")?;
        if count as usize > MOST_MISSING {
            return Err(Malformed("a reconciliation names at most 30,000 ids"));
        }
        let mut ids = BTreeSet::new();
        for _ in 0..count {
            let id = Label::decode(from)?;
            if ids.last().is_some_and(|last| *last >= id) {
                return Err(Malformed("missing ids are in ascending order"));
            }
            ids.insert(id);
        }
        Ok(Self(ids))
    }
}

impl Quarantine {
    fn encode(&self, to: &mut Vec<u8>) {
        to.push(self.reason as u8);
        self.month.encode(to);
        to.extend(self.chain_id.as_bytes());
        to.extend(self.seq.to_be_bytes());
        to.push(u8::from(self.row.is_some()));
        if let Some(row) = &self.row {
            to.extend(row.id.as_bytes());
            to.extend(row.row_hash);
            to.push(u8::from(row.signature.is_some()));
            to.extend(row.signature.iter().flatten());
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let reason = Reason::from_repr(from.u8("the reason of a quarantine")?);
        Ok(Self {
            reason: reason.ok_or(Malformed("the reason of a quarantine"))?,
            month: Month::decode(from)?,
            chain_id: uuid(from, "the chain of a quarantine")?,
            seq: seq(from)?,
            row: match from.flag("whether a quarantine has a row")? {
                true => Some(QuarantinedRow::decode(from)?),
                false => None,
            },
        })
    }
}

impl QuarantinedRow {
    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            id: uuid(from, "the id of a row in quarantine")?,
            row_hash: from.array("the hash of a row in quarantine")?,
            signature: match from.flag("whether a row in quarantine has a signature")? {
                true => Some(from.array("the signature of a row in quarantine")?),
                false => None,
            },
        })
    }
}

impl Statement {
    /// What the operator signs: a line of its own, so that no other signature of the key can be taken for it, and the
    /// statement's fields as in the leaf.
    pub fn message(&self) -> Vec<u8> {
        let mut to = b"caretrail/incarnation/v1\n".to_vec();
        self.encode(&mut to);
        to
    }

    /// Signs the statement. Errors: the signer can't sign.
    pub async fn sign(self, operator: &dyn Signer) -> Result<Incarnation, Failure> {
        Ok(Incarnation {
            signature: operator.sign(&self.message()).await?,
            operator: operator.public_key(),
            statement: self,
        })
    }

    fn encode(&self, to: &mut Vec<u8>) {
        to.extend(self.old_size.to_be_bytes());
        to.extend(self.old_root);
        to.extend(self.kept_size.to_be_bytes());
        to.extend(self.database.as_bytes());
        // A text has at most LONGEST_TEXT bytes.
        to.extend((self.text.0.len() as u16).to_be_bytes());
        to.extend(self.text.0.as_bytes());
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            old_size: from.u64("the old size of an incarnation")?,
            old_root: from.array("the old root of an incarnation")?,
            kept_size: from.u64("the kept size of an incarnation")?,
            database: uuid(from, "the database of an incarnation")?,
            text: Text::decode(from)?,
        })
    }
}

impl Incarnation {
    /// Whether the signature is valid under the key that the leaf names. The caller decides which keys it trusts.
    pub fn is_signed(&self) -> bool {
        UnparsedPublicKey::new(&ED25519, self.operator)
            .verify(&self.statement.message(), &self.signature)
            .is_ok()
    }

    fn encode(&self, to: &mut Vec<u8>) {
        self.statement.encode(to);
        to.extend(self.operator);
        to.extend(self.signature);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            statement: Statement::decode(from)?,
            operator: from.array("the operator of an incarnation")?,
            signature: from.array("the signature of an incarnation")?,
        })
    }
}

impl Label {
    /// A label with this text. Errors: it is empty, longer than 128 bytes or has another character.
    pub fn new(text: impl Into<String>) -> Result<Self, Malformed> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/+=$#".contains(&byte);
        if !(1..=128).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(Malformed(
                "a label has 1 to 128 letters, digits or -._~:/+=$#",
            ));
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn encode(&self, to: &mut Vec<u8>) {
        // A label has at most 128 bytes.
        to.push(self.0.len() as u8);
        to.extend(self.0.as_bytes());
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let length = from.u8("the length of a label")?;
        let bytes = from.bytes(length.into(), "a label")?;
        Self::new(str::from_utf8(bytes).map_err(|_| Malformed("a label"))?)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Text {
    /// This text. Errors: it is empty, longer than 1000 bytes or has control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, Malformed> {
        let text = text.into();
        if !(1..=LONGEST_TEXT).contains(&text.len()) || text.chars().any(char::is_control) {
            return Err(Malformed(
                "a text has 1 to 1000 bytes and no control character",
            ));
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let length = from.u16("the length of a text")?;
        let bytes = from.bytes(length.into(), "a text")?;
        Self::new(str::from_utf8(bytes).map_err(|_| Malformed("a text"))?)
    }
}

impl Month {
    /// A month, from its year and its number from 1 to 12. Errors: there is no such month.
    pub fn new(year: u16, month: u8) -> Result<Self, Malformed> {
        if !(1..=12).contains(&month) {
            return Err(Malformed("a month is from 1 to 12"));
        }
        Ok(Self { year, month })
    }

    /// The year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The number of the month, from 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    fn encode(self, to: &mut Vec<u8>) {
        to.extend(self.year.to_be_bytes());
        to.push(self.month);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::new(
            from.u16("the year of a leaf")?,
            from.u8("the month of a leaf")?,
        )
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

fn uuid(from: &mut Reader<'_>, part: &'static str) -> Result<Uuid, Malformed> {
    from.array(part).map(Uuid::from_bytes)
}

fn seq(from: &mut Reader<'_>) -> Result<i64, Malformed> {
    from.array("the place in a chain").map(i64::from_be_bytes)
}
