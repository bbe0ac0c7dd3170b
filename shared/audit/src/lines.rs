//! The lines that a function logs about its audit chains. Whoever owns the database can't change the log.
//!
//! Each is a JSON object on a line of its own, with the target `audit`. The *open line* names the key of a chain, the
//! *offer line* a row that is about to be sent, and the *landed line* a row that is committed. An offer line without a
//! landed line says nothing: the row may be committed or not.

use uuid::Uuid;

use crate::chain::Link;

/// The message of an open line.
pub const OPENED: &str = "audit chain opened";
/// The message of an offer line.
pub const OFFERED: &str = "audit row offered";
/// The message of a landed line.
pub const LANDED: &str = "audit row committed";

pub(crate) fn opened(chain_id: Uuid, public_key: &[u8], function: &str) {
    tracing::info!(
        target: "audit",
        %chain_id,
        public_key = hex::encode(public_key),
        function,
        version = env!("CARGO_PKG_VERSION"),
        "{OPENED}"
    );
}

pub(crate) fn offered(link: &Link) {
    let position = &link.position;
    tracing::info!(
        target: "audit",
        chain_id = %position.chain_id,
        seq = position.seq,
        prev_hash = hex::encode(position.prev_hash),
        row_hash = hex::encode(link.row_hash),
        request_id = link.entry.request_id,
        "{OFFERED}"
    );
}

pub(crate) fn landed(link: &Link) {
    let position = &link.position;
    tracing::info!(
        target: "audit",
        chain_id = %position.chain_id,
        seq = position.seq,
        row_hash = hex::encode(link.row_hash),
        request_id = link.entry.request_id,
        "{LANDED}"
    );
}
