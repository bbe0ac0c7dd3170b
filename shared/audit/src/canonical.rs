//! The canonical form of an audit row: the bytes that its hash covers.

use std::fmt;
use std::io::Write as _;
use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use domain::time::{Date, Timestamp};
use uuid::Uuid;

/// The version of the canonical form that functions write.
pub const FORM: i16 = 3;

/// Why details have no canonical form. It contains no value of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCanonical;

impl fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the details of an audit row contain a fraction or an integer beyond ±2⁵³")
    }
}

impl std::error::Error for NotCanonical {}

/// An IP network in a fixed form: 4 or 6, the length of the prefix in bits, and the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    bytes: [u8; 18],
    length: usize,
}

impl Network {
    /// `bits` is the length of the prefix.
    pub(crate) fn new(address: IpAddr, bits: u8) -> Self {
        let mut bytes = [0; 18];
        let length = match address {
            IpAddr::V4(address) => {
                bytes[..2].copy_from_slice(&[4, bits]);
                bytes[2..6].copy_from_slice(&address.octets());
                6
            }
            IpAddr::V6(address) => {
                bytes[..2].copy_from_slice(&[6, bits]);
                bytes[2..].copy_from_slice(&address.octets());
                18
            }
        };
        Self { bytes, length }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The network that contains this address alone.
impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self::new(address, if address.is_ipv4() { 32 } else { 128 })
    }
}

/// Each column of a row that its hash covers, exactly as it is stored.
///
/// The hash is the SHA-256 of the columns in the order of these fields. Each is preceded by its length in bytes as a
/// 32-bit big-endian number. An absent value is only the length 2³²−1. The first is the text
/// `caretrail-audit-row-v`, followed by the number in `form`.
///
/// * Ids are the 16 bytes of the UUID, and a list of ids is its ids one after the other.
/// * `seq` is a 64-bit big-endian number. A timestamp is the number of microseconds since 1970-01-01 UTC as such a
///   number, with a sign. `month` is the text `YYYY-MM-DD`.
/// * `source_ip` is a byte 4 or 6, a byte with the length of the prefix in bits, and the 4 or 16 bytes of the address.
/// * `details` is RFC 8785 JSON. Details without members are absent.
/// * All else is UTF-8 text or the bytes themselves.
///
/// It doesn't cover `row_hash`, `signature`, which signs it, and `xid`, which the database assigns.
pub(crate) struct Canonical<'a> {
    pub(crate) form: i16,
    pub(crate) chain_id: Uuid,
    pub(crate) seq: i64,
    pub(crate) prev_hash: &'a [u8],
    pub(crate) place: &'a [u8],
    pub(crate) id: Uuid,
    pub(crate) month: Date,
    pub(crate) timestamp: Timestamp,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) actor_role: Option<&'a str>,
    pub(crate) relation: Option<&'a str>,
    pub(crate) purpose_of_use: Option<&'a str>,
    pub(crate) action_type: &'a str,
    pub(crate) resource_type: &'a str,
    pub(crate) resource_id: Option<Uuid>,
    pub(crate) patient_id: Option<Uuid>,
    pub(crate) patient_ids: Option<&'a [Uuid]>,
    pub(crate) outcome: &'a str,
    pub(crate) source_ip: Option<Network>,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) application: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) trace_id: Option<&'a str>,
    pub(crate) details: Option<&'a [u8]>,
}

impl Canonical<'_> {
    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut form = Form(Vec::with_capacity(USUAL));
        form.display(format_args!("caretrail-audit-row-v{}", self.form));
        form.id(self.chain_id);
        form.part(&self.seq.to_be_bytes());
        form.part(self.prev_hash);
        form.part(self.place);
        form.id(self.id);
        form.display(format_args!("{}", self.month));
        form.part(&self.timestamp.microseconds().to_be_bytes());
        form.optional(self.user_id.as_ref().map(Uuid::as_bytes));
        form.optional(self.actor_role);
        form.optional(self.relation);
        form.optional(self.purpose_of_use);
        form.text(self.action_type);
        form.text(self.resource_type);
        form.optional(self.resource_id.as_ref().map(Uuid::as_bytes));
        form.optional(self.patient_id.as_ref().map(Uuid::as_bytes));
        match self.patient_ids {
            Some(ids) => form.ids(ids),
            None => form.absent(),
        }
        form.text(self.outcome);
        form.optional(self.source_ip.as_ref().map(Network::as_bytes));
        form.optional(self.user_agent);
        form.text(self.application);
        form.text(self.request_id);
        form.optional(self.trace_id);
        form.optional(self.details);
        form.hash()
    }
}

/// The form as it is made. It is hashed at once, which is faster than part by part.
struct Form(Vec<u8>);

/// Room for the form of most rows.
const USUAL: usize = 1024;

impl Form {
    fn length(&mut self, bytes: usize) {
        // No part is near 4 GiB, because Lambda limits a request body to 6 MB.
        let length = u32::try_from(bytes).unwrap_or(u32::MAX - 1);
        self.0.extend(length.to_be_bytes());
    }

    fn part(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.extend(bytes);
    }

    fn text(&mut self, text: &str) {
        self.part(text.as_bytes());
    }

    fn display(&mut self, text: fmt::Arguments<'_>) {
        let at = self.0.len();
        self.length(0);
        // Writing to memory doesn't fail.
        let _ = self.0.write_fmt(text);
        // The length is below that of a row, see `length`.
        let length = (self.0.len() - at - 4) as u32;
        self.0[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn id(&mut self, id: Uuid) {
        self.part(id.as_bytes());
    }

    fn ids(&mut self, ids: &[Uuid]) {
        self.length(ids.len() * 16);
        for id in ids {
            self.0.extend(id.as_bytes());
        }
    }

    fn absent(&mut self) {
        self.0.extend(u32::MAX.to_be_bytes());
    }

    fn optional(&mut self, value: Option<impl AsRef<[u8]>>) {
        match value {
            Some(value) => self.part(value.as_ref()),
            None => self.absent(),
        }
    }

    fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &self.0).as_ref());
        hash
    }
}
