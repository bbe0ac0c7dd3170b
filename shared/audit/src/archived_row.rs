//! A row of the log as a line of an archived month has it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use domain::ids::PatientId;
use domain::time::{Date, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sql::Jsonb;
use uuid::Uuid;

use crate::audit_log::AuditLog;
use crate::canonical::{Canonical, Network};
use crate::chain::Position;
use crate::details;
use crate::entry::Entry;
use crate::{Sealable, StoredRow};

/// A line that isn't a row of the log, or one with a value that no function writes. It contains nothing of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line of an archived month is no row of the audit log, or has a value that no function writes")
    }
}

impl std::error::Error for Unreadable {}

/// A row as a line has it: a JSON object with each column by its name, as PostgreSQL's `row_to_json` writes it with the
/// time zone UTC and with bytes in hexadecimal.
///
/// If JSON can't express a value of the row exactly, the member `as_text` has the whole row in PostgreSQL's text form.
/// Only a row that no function wrote has such a value.
#[derive(Clone, Debug, Deserialize)]
pub struct ArchivedRow<'a> {
    /// The id.
    pub id: Uuid,
    /// The chain that it names.
    pub chain_id: Uuid,
    /// The position that it names.
    pub seq: i64,
    month: Date,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    user_id: Option<Uuid>,
    actor_role: Option<Cow<'a, str>>,
    relation: Option<Cow<'a, str>>,
    purpose_of_use: Option<Cow<'a, str>>,
    action_type: Cow<'a, str>,
    resource_type: Cow<'a, str>,
    resource_id: Option<Uuid>,
    patient_id: Option<Uuid>,
    patient_ids: Option<&'a RawValue>,
    outcome: Cow<'a, str>,
    source_ip: Option<Cow<'a, str>>,
    user_agent: Option<Cow<'a, str>>,
    application: Cow<'a, str>,
    request_id: Cow<'a, str>,
    trace_id: Option<Cow<'a, str>>,
    details: Option<&'a RawValue>,
    prev_hash: Cow<'a, str>,
    row_hash: Cow<'a, str>,
    form: i16,
    place: Cow<'a, str>,
    signature: Cow<'a, str>,
    xid: Cow<'a, str>,
}

impl<'a> ArchivedRow<'a> {
    /// Reads a line. Whatever the row holds, it can be read. Errors: the line isn't a row of the log.
    pub fn parse(line: &'a str) -> Result<Self, Unreadable> {
        serde_json::from_str(line).map_err(|_| Unreadable)
    }

    /// The place that it names.
    pub fn place(&self) -> Option<[u8; 16]> {
        bytes(&self.place)
    }

    /// The request that it names.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The bytes of the hash that it holds, and of its signature behind them. None if they aren't in hexadecimal.
    pub fn hash_and_signature(&self) -> Option<Vec<u8>> {
        let mut both = hex::decode(self.row_hash.strip_prefix("\\x")?).ok()?;
        both.extend(hex::decode(self.signature.strip_prefix("\\x")?).ok()?);
        Some(both)
    }

    /// The row as the API returns it. Errors: it has a value that no function writes.
    pub fn audit_log(&self) -> Result<AuditLog, Unreadable> {
        let text = |text: &Cow<'_, str>| text.clone().into_owned();
        let hex = |bytes: &str| bytes.strip_prefix("\\x").map(str::to_owned);
        let patient_ids = self.patients()?;
        let details = self
            .details
            .map(|details| serde_json::from_str(details.get()).map(Jsonb));
        Ok(AuditLog {
            id: self.id.into(),
            timestamp: self.timestamp.parse().map_err(|_| Unreadable)?,
            user_id: self.user_id.map(Into::into),
            actor_role: self.actor_role.as_ref().map(text),
            relation: optional(self.relation.as_deref())?,
            purpose_of_use: optional(self.purpose_of_use.as_deref())?,
            action_type: self.action_type.parse().map_err(|_| Unreadable)?,
            resource_type: text(&self.resource_type),
            resource_id: self.resource_id,
            patient_id: self.patient_id.map(Into::into),
            patient_ids: patient_ids.map(|ids| ids.into_iter().map(Into::into).collect()),
            outcome: self.outcome.parse().map_err(|_| Unreadable)?,
            // The network without its prefix.
            source_ip: self
                .source_ip
                .as_deref()
                .and_then(|network| network.split('/').next().map(str::to_owned)),
            user_agent: self.user_agent.as_ref().map(text),
            application: text(&self.application),
            request_id: text(&self.request_id),
            trace_id: self.trace_id.as_ref().map(text),
            details: details.transpose().map_err(|_| Unreadable)?,
            chain_id: self.chain_id,
            seq: self.seq,
            prev_hash: hex(&self.prev_hash).ok_or(Unreadable)?,
            row_hash: hex(&self.row_hash).ok_or(Unreadable)?,
            form: self.form,
            place: hex(&self.place).ok_or(Unreadable)?,
            signature: hex(&self.signature).ok_or(Unreadable)?,
        })
    }

    /// What a sealer and a verifier need of the row. Errors: its time can't be read.
    pub fn sealable(&self) -> Result<Sealable, Unreadable> {
        let timestamp: Timestamp = self.timestamp.parse().map_err(|_| Unreadable)?;
        let (prev_hash, row_hash) = (bytes(&self.prev_hash), bytes(&self.row_hash));
        let signature = bytes(&self.signature);
        let whole = prev_hash.is_some() && row_hash.is_some() && signature.is_some();
        Ok(Sealable {
            id: self.id,
            month: self.month,
            chain_id: self.chain_id,
            seq: self.seq,
            prev_hash: prev_hash.unwrap_or_default(),
            row_hash: row_hash.unwrap_or_default(),
            signature,
            xid: self.xid.parse().unwrap_or_default(),
            is_intact: whole && self.hash() == row_hash,
            application: self.application.clone().into_owned(),
            timestamp,
            month_of_time: timestamp.first_of_month(),
        })
    }

    /// The row with its content. Errors: it has a value that no function writes.
    pub fn stored_row(&self) -> Result<StoredRow, Unreadable> {
        let mut patients: Vec<PatientId> = Vec::new();
        let several = self.patients()?.unwrap_or_default();
        patients.extend(several.into_iter().map(PatientId::from));
        patients.extend(self.patient_id.map(PatientId::from));
        let label = |text: &Cow<'_, str>| text.clone().into_owned();
        let source_ip = self.source_ip.as_deref().map(network).transpose()?;
        Ok(StoredRow {
            entry: Entry {
                id: self.id.into(),
                timestamp: self.timestamp.parse().map_err(|_| Unreadable)?,
                user_id: self.user_id.map(Into::into),
                actor_role: self.actor_role.as_ref().map(label),
                relation: optional(self.relation.as_deref())?,
                purpose_of_use: optional(self.purpose_of_use.as_deref())?,
                action_type: self.action_type.parse().map_err(|_| Unreadable)?,
                resource_type: self.resource_type.parse().map_err(|_| Unreadable)?,
                resource_id: self.resource_id,
                patients,
                outcome: self.outcome.parse().map_err(|_| Unreadable)?,
                source_ip: source_ip.map(|(_, address)| address),
                user_agent: self.user_agent.as_ref().map(label),
                application: label(&self.application),
                request_id: label(&self.request_id),
                trace_id: self.trace_id.as_ref().map(label),
                details: self.details()?.unwrap_or_default(),
            },
            month: self.month,
            position: Position {
                chain_id: self.chain_id,
                seq: self.seq,
                prev_hash: bytes(&self.prev_hash).ok_or(Unreadable)?,
                place: self.place().ok_or(Unreadable)?,
            },
            row_hash: bytes(&self.row_hash).ok_or(Unreadable)?,
            signature: bytes(&self.signature).ok_or(Unreadable)?,
            xid: self.xid.parse().map_err(|_| Unreadable)?,
            recomputed_hash: self.hash(),
        })
    }

    /// The hash of the content. None if it has no canonical form, so no function wrote it.
    fn hash(&self) -> Option<[u8; 32]> {
        let mut canonical_details = Vec::new();
        if let Some(details) = self.details {
            details::write(details.get(), &mut canonical_details).ok()?;
        }
        let patient_ids = self.patients().ok()?;
        let source_ip = self.source_ip.as_deref().map(network).transpose().ok()?;
        let (prev_hash, place): ([u8; 32], _) = (bytes(&self.prev_hash)?, self.place()?);
        let canonical = Canonical {
            form: self.form,
            chain_id: self.chain_id,
            seq: self.seq,
            prev_hash: &prev_hash,
            place: &place,
            id: self.id,
            month: self.month,
            timestamp: self.timestamp.parse().ok()?,
            user_id: self.user_id,
            actor_role: self.actor_role.as_deref(),
            relation: self.relation.as_deref(),
            purpose_of_use: self.purpose_of_use.as_deref(),
            action_type: &self.action_type,
            resource_type: &self.resource_type,
            resource_id: self.resource_id,
            patient_id: self.patient_id,
            patient_ids: patient_ids.as_deref(),
            outcome: &self.outcome,
            source_ip: source_ip.map(|(network, _)| network),
            user_agent: self.user_agent.as_deref(),
            application: &self.application,
            request_id: &self.request_id,
            trace_id: self.trace_id.as_deref(),
            details: self.details.is_some().then_some(&canonical_details),
        };
        Some(canonical.hash())
    }

    fn patients(&self) -> Result<Option<Vec<Uuid>>, Unreadable> {
        let ids = self.patient_ids.map(|ids| serde_json::from_str(ids.get()));
        ids.transpose().map_err(|_| Unreadable)
    }

    fn details(&self) -> Result<Option<Map<String, Value>>, Unreadable> {
        let details = self
            .details
            .map(|details| serde_json::from_str(details.get()));
        details.transpose().map_err(|_| Unreadable)
    }
}

/// Bytes as PostgreSQL writes them in hexadecimal.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text.strip_prefix("\\x")?, &mut bytes).ok()?;
    Some(bytes)
}

/// A network as PostgreSQL writes a `cidr`, such as `203.0.113.7/32`.
fn network(text: &str) -> Result<(Network, IpAddr), Unreadable> {
    let (address, bits) = text.split_once('/').ok_or(Unreadable)?;
    let address: IpAddr = address.parse().map_err(|_| Unreadable)?;
    let bits = bits.parse().map_err(|_| Unreadable)?;
    Ok((Network::new(address, bits), address))
}

fn optional<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, Unreadable> {
    text.map(str::parse).transpose().map_err(|_| Unreadable)
}
