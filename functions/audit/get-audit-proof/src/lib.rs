//! `GET /v1/audit-logs/{id}/proof`: proves that an audit row is in the sealed log.

mod found;

use api::prelude::*;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::number::Whole;
use sealed_log::{SealedLog, unknown_batch};

use crate::found::find;

/// The row's leaf is not in the log at the checkpoint.
pub const NOT_SEALED: &str = "The audit row is not sealed at this checkpoint. A row is sealed within a few minutes. If \
    it stays so, the row is in quarantine.";
/// The leaf of the row's position contains another row.
pub const DIFFERS: &str = "The audit row differs from the one that was sealed at its position.";

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/audit-logs/{id}/proof")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Proves that an audit row is in the sealed log")
    .needs("audit:read")
    .recorded_as(Action::Read, ResourceType::AuditLog)
    .conflicts(&[&[NOT_SEALED, DIFFERS]]);

/// Which checkpoint the proof refers to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The number of the batch after which the checkpoint was signed. Leave it out for the newest checkpoint.
    /// A number that is not in the log is refused.
    pub batch: Option<Whole<0, { i32::MAX }>>,
}

/// A proof that an audit row is in the sealed log (RFC 6962, section 2.1.1).
#[derive(Debug, JsonSchema, Serialize)]
pub struct AuditProof {
    /// The id of the audit row, a UUID.
    pub id: AuditLogId,
    /// The leaf in base64. It contains the row's chain, position, hash and signature. The hash of the leaf is SHA-256 over
    /// a zero byte and these bytes.
    pub leaf: String,
    /// The index of the leaf in the log. The first leaf has index 0.
    #[schemars(range(min = 0))]
    pub leaf_index: i64,
    /// The number of the batch after which the checkpoint was signed.
    #[schemars(range(min = 0))]
    pub batch: i64,
    /// The checkpoint, a signed note (C2SP tlog-checkpoint).
    pub checkpoint: String,
    /// The hashes from the leaf's sibling up to the root, in base64.
    pub hashes: Vec<String>,
    /// The proof and the checkpoint as the content of a `.tlog-proof` file (C2SP tlog-proof).
    pub tlog_proof: String,
}

impl Content for AuditProof {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

pub async fn handle(
    call: Call,
    Path(id): Path<AuditLogId>,
    Query(options): Query<Options>,
    Configured(log): Configured<SealedLog>,
) -> Reply<Json<AuditProof>> {
    let mut access = call.authorize(id);
    let asked = options.batch.map(|batch| i64::from(batch.get()));
    let found = find(&mut access, log, id, asked).await?;
    if asked.is_some_and(|batch| found.newest.is_none_or(|newest| batch > newest)) {
        return Err(unknown_batch("batch"));
    }
    let (Some(leaf_index), Some(batch)) = (found.leaf_index, asked.or(found.newest)) else {
        return Err(Error::Conflict(NOT_SEALED));
    };
    let leaf = found.leaf().ok_or(Error::Conflict(DIFFERS))?;
    let sealed = log.checkpoint(batch).await?;
    let proof = log.inclusion(&sealed, leaf_index, &leaf).await?;
    let proof = proof.ok_or(Error::Conflict(DIFFERS))?;
    let answer = AuditProof {
        id,
        leaf: BASE64_STANDARD.encode(leaf.encode()),
        leaf_index,
        batch,
        checkpoint: sealed.note.to_string(),
        hashes: proof.hashes,
        tlog_proof: proof.text,
    };
    access.commit(Json(answer)).await
}
