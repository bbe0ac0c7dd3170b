//! The heads of all chains, as a batch seals them.
//!
//! The digest is the SHA-256 of one part for each chain with a sealed row, in ascending order of the bytes of the
//! chains' ids: the id (16 bytes), the position of its last sealed row (8 bytes, big-endian) and the row's hash
//! (32 bytes).

use errors::Error;
use sql::{Connection, row};
use transparency_log::leaf::Heads;
use uuid::Uuid;

use crate::chains::Chain;
use crate::statements::query_one;

/// The database computes the digest, so that the heads need not be sent.
const DIGEST: &str = "select count(*) as chains, \
    sha256(coalesce(string_agg(uuid_send(chain_id) || int8send(seq) || hash, ''::bytea order by chain_id), '')) \
      as digest \
    from (select chain_id, coalesce(n.seq, c.sealed_seq) as seq, coalesce(n.hash, c.sealed_hash) as hash \
      from audit_chains c full join unnest($1::uuid[], $2::bigint[], $3::bytea[]) as n (chain_id, seq, hash) \
      using (chain_id)) heads \
    where seq > 0";

row! {
    pub struct Digest {
        pub chains: i64,
        pub digest: Vec<u8>,
    }
}

/// The heads after these chains have moved on. Errors: the database fails.
pub async fn heads<'a>(
    connection: &Connection,
    moved: impl Iterator<Item = &'a Chain>,
) -> Result<Heads, Error> {
    let (mut ids, mut seqs, mut hashes) = (Vec::<Uuid>::new(), Vec::new(), Vec::<&[u8]>::new());
    for chain in moved.filter(|chain| chain.seq > 0) {
        ids.push(chain.chain_id);
        seqs.push(chain.seq);
        hashes.push(&chain.hash);
    }
    let row: Digest = query_one(connection, DIGEST, &[&ids, &seqs, &hashes]).await?;
    let digest = row.digest.try_into();
    Ok(Heads {
        chains: row.chains as u64,
        digest: digest.map_err(|_| Error::Internal("a SHA-256 has 32 bytes"))?,
    })
}
