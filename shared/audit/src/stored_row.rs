//! A row of the audit log as it is stored, with its position in a chain.

use domain::ids::PatientId;
use domain::time::Date;
use serde_json::{Map, Value};
use sql::postgres::types::{FromSql, Type};
use sql::postgres::{Error, Row};
use sql::{FromRow, Jsonb};
use std::net::IpAddr;
use uuid::Uuid;

use crate::canonical::{Canonical, Network};
use crate::chain::Position;
use crate::copied_row::CopiedRow;
use crate::details;
use crate::entry::Entry;

/// A stored row.
#[derive(Debug, Clone)]
pub struct StoredRow {
    /// The content.
    pub entry: Entry,
    /// The first day (UTC) of the month whose partition contains the row.
    pub month: Date,
    /// Its position in its chain.
    pub position: Position,
    /// The stored hash of this row.
    pub row_hash: [u8; 32],
    /// The stored signature of the hash.
    pub signature: [u8; 64],
    /// The transaction that appended the row (`pg_current_xact_id`).
    pub xid: i64,
    /// The hash of what is stored. None if it has no canonical form, so no function wrote it.
    pub(crate) recomputed_hash: Option<[u8; 32]>,
}

impl StoredRow {
    /// Whether the hash of what is stored is the stored hash.
    pub fn is_intact(&self) -> bool {
        self.recomputed_hash == Some(self.row_hash)
    }

    /// The types of the columns of [`select_stored_row!`](crate::select_stored_row), for a binary COPY.
    pub const TYPES: [Type; 27] = [
        Type::UUID,
        Type::DATE,
        Type::TIMESTAMPTZ,
        Type::UUID,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::UUID,
        Type::UUID,
        Type::UUID_ARRAY,
        Type::TEXT,
        Type::CIDR,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::JSONB,
        Type::UUID,
        Type::INT8,
        Type::BYTEA,
        Type::BYTEA,
        Type::INT2,
        Type::BYTEA,
        Type::BYTEA,
        Type::INT8,
    ];

    /// Reads a row of a binary COPY. Errors: a column has a value that no function writes.
    pub fn from_copy(
        row: &CopiedRow<'_>,
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Self::read(row)
    }

    fn read<R: Columns>(row: &R) -> Result<Self, R::Error> {
        let patient_id: Option<Uuid> = row.column(10)?;
        let patient_ids: Option<Vec<Uuid>> = row.column(11)?;
        let source_ip: Option<Cidr> = row.column(13)?;
        let details: Option<Jsonb<Map<String, Value>>> = row.column(18)?;
        let prev_hash: Bytes<32> = row.column(21)?;
        let row_hash: Bytes<32> = row.column(22)?;
        let place: Bytes<16> = row.column(24)?;
        let signature: Bytes<64> = row.column(25)?;
        let recomputed_hash = recompute(row)?;
        let (id, month, timestamp): (Uuid, _, _) = (row.column(0)?, row.column(1)?, row.column(2)?);
        let (chain_id, seq) = (row.column(19)?, row.column(20)?);
        let mut patients: Vec<PatientId> = Vec::new();
        patients.extend(
            patient_ids
                .unwrap_or_default()
                .into_iter()
                .map(PatientId::from),
        );
        patients.extend(patient_id.map(PatientId::from));
        Ok(Self {
            entry: Entry {
                id: id.into(),
                timestamp,
                user_id: row.column(3)?,
                actor_role: row.column(4)?,
                relation: row.column(5)?,
                purpose_of_use: row.column(6)?,
                action_type: row.column(7)?,
                resource_type: row.column(8)?,
                resource_id: row.column(9)?,
                patients,
                outcome: row.column(12)?,
                source_ip: source_ip.map(|Cidr(_, address)| address),
                user_agent: row.column(14)?,
                application: row.column(15)?,
                request_id: row.column(16)?,
                trace_id: row.column(17)?,
                details: details.map(|Jsonb(details)| details).unwrap_or_default(),
            },
            month,
            position: Position {
                chain_id,
                seq,
                prev_hash: prev_hash.0,
                place: place.0,
            },
            row_hash: row_hash.0,
            signature: signature.0,
            xid: row.column(26)?,
            recomputed_hash,
        })
    }
}

/// Whether a row has the hash that it names. This reads nothing else, so it is much faster than to read
/// the whole row. Errors: a column doesn't contain what a function writes.
pub(crate) fn is_intact<R: Columns>(row: &R) -> Result<bool, R::Error> {
    let row_hash: Bytes<32> = row.column(22)?;
    Ok(recompute(row)? == Some(row_hash.0))
}

/// The hash of what is stored. None if it has no canonical form.
fn recompute<R: Columns>(row: &R) -> Result<Option<[u8; 32]>, R::Error> {
    let details: Option<JsonText<'_>> = row.column(18)?;
    let mut canonical_details = Vec::new();
    if let Some(JsonText(text)) = details
        && details::write(text, &mut canonical_details).is_err()
    {
        return Ok(None);
    }
    let (prev_hash, place): (Bytes<32>, Bytes<16>) = (row.column(21)?, row.column(24)?);
    let patient_ids: Option<Vec<Uuid>> = row.column(11)?;
    let source_ip: Option<Cidr> = row.column(13)?;
    let canonical = Canonical {
        form: row.column(23)?,
        chain_id: row.column(19)?,
        seq: row.column(20)?,
        prev_hash: &prev_hash.0,
        place: &place.0,
        id: row.column(0)?,
        month: row.column(1)?,
        timestamp: row.column(2)?,
        user_id: row.column(3)?,
        actor_role: row.column(4)?,
        relation: row.column(5)?,
        purpose_of_use: row.column(6)?,
        action_type: row.column(7)?,
        resource_type: row.column(8)?,
        resource_id: row.column(9)?,
        patient_id: row.column(10)?,
        patient_ids: patient_ids.as_deref(),
        outcome: row.column(12)?,
        source_ip: source_ip.map(|Cidr(network, _)| network),
        user_agent: row.column(14)?,
        application: row.column(15)?,
        request_id: row.column(16)?,
        trace_id: row.column(17)?,
        details: details.is_some().then_some(&canonical_details),
    };
    Ok(Some(canonical.hash()))
}

/// The columns of a row of the log, in the order of [`select_stored_row!`](crate::select_stored_row).
#[macro_export]
macro_rules! stored_row_columns {
    () => {
        "id, month, timestamp, user_id, actor_role, relation::text, purpose_of_use::text, action_type::text,
         resource_type::text, resource_id, patient_id, patient_ids, outcome::text, source_ip, user_agent,
         application::text, request_id, trace_id, details, chain_id, seq, prev_hash::bytea, row_hash::bytea, form,
         place::bytea, signature::bytea, least(xid, '9223372036854775807')::text::bigint as xid"
    };
}

/// A `select` statement for a [`StoredRow`]. The arguments are appended to it, for example a `where`
/// clause.
#[macro_export]
macro_rules! select_stored_row {
    ($($rest:expr),+ $(,)?) => {
        concat!("select ", $crate::stored_row_columns!(), " from audit_logs ", $($rest),+)
    };
}

impl FromRow for StoredRow {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Self::read(row)
    }
}

/// A row of a query or of a binary COPY.
pub(crate) trait Columns {
    /// Why a column can't be read.
    type Error;

    fn column<'a, T: FromSql<'a>>(&'a self, index: usize) -> Result<T, Self::Error>;
}

impl Columns for Row {
    type Error = Error;

    fn column<'a, T: FromSql<'a>>(&'a self, index: usize) -> Result<T, Error> {
        self.try_get(index)
    }
}

/// Bytes of a fixed number.
struct Bytes<const N: usize>([u8; N]);

impl<'a, const N: usize> FromSql<'a> for Bytes<N> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.try_into()?))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::BYTEA
    }
}

/// A jsonb value as PostgreSQL writes it: a version, and the text.
#[derive(Clone, Copy)]
struct JsonText<'a>(&'a str);

impl<'a> FromSql<'a> for JsonText<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        match raw {
            [1, text @ ..] => Ok(Self(str::from_utf8(text)?)),
            _ => Err("a jsonb value has another version".into()),
        }
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSONB
    }
}

/// A network, and its address.
#[derive(Clone, Copy)]
struct Cidr(Network, IpAddr);

impl<'a> FromSql<'a> for Cidr {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        // Family, length of the prefix, whether it is a cidr, length of the address, address.
        let [_, bits, _, _, address @ ..] = raw else {
            return Err("a network is too short".into());
        };
        let address = match address.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(address)?),
            _ => IpAddr::from(<[u8; 16]>::try_from(address)?),
        };
        Ok(Self(Network::new(address, *bits), address))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::CIDR
    }
}
