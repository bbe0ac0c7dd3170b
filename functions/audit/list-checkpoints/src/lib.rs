//! `GET /v1/audit-checkpoints`: lists the signed checkpoints of the sealed audit log, newest first.

use api::prelude::*;
use domain::number::Whole;
use futures_util::future::try_join_all;
use sealed_log::{SealedLog, unknown_batch};
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/audit-checkpoints")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the signed checkpoints of the sealed audit log, newest first")
    .needs("audit:read")
    .recorded_as(Action::Search, ResourceType::AuditLog);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The number of the batch of a checkpoint that the caller kept. Each newer checkpoint then has a proof that the log
    /// only grew since. Leave it out to get no proofs. A number that is not in the log is refused.
    pub consistent_with: Option<Whole<0, { i32::MAX }>>,
    /// Only checkpoints that were signed at this time or later are listed (RFC 3339).
    pub from: Option<Timestamp>,
    /// Only checkpoints that were signed before this time are listed (RFC 3339).
    pub to: Option<Timestamp>,
}

row! {
    /// A batch of the sealed log.
    #[derive(Clone, Debug, JsonSchema, Serialize)]
    pub struct Seal {
        /// The number of the batch after which the checkpoint was signed. The first batch has number 0.
        #[schemars(range(min = 0))]
        pub batch: i64,
        /// The number of leaves in the log at this checkpoint.
        #[schemars(range(min = 0))]
        pub size: i64,
        /// The root of the Merkle tree over these leaves (RFC 6962, section 2.1), as 64 hexadecimal digits.
        pub root: String,
        /// The time at which the batch was sealed (RFC 3339).
        pub sealed_at: Timestamp,
    }
}

/// A signed checkpoint of the sealed audit log.
#[derive(Debug, JsonSchema, Serialize)]
pub struct AuditCheckpoint {
    /// What was sealed.
    #[serde(flatten)]
    pub seal: Seal,
    /// The checkpoint, a signed note (C2SP tlog-checkpoint).
    pub checkpoint: String,
    /// The proof that the log at this checkpoint begins with the log at the checkpoint in `consistent_with`: hashes in
    /// base64 (RFC 6962, section 2.1.2). Null without that parameter, and for older checkpoints.
    pub consistency: Option<Vec<String>>,
}

impl Content for AuditCheckpoint {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

const LIST: &str = "
    select batch, size, encode(root, 'hex') as root, sealed_at from audit_seals
    where reach('audit:read') = 'ALL' and ($1::bigint is null or batch < $1)
      and ($2::timestamptz is null or sealed_at >= $2) and ($3::timestamptz is null or sealed_at < $3)
    order by batch desc limit $4";

const KEPT: &str = "
    select batch, size, encode(root, 'hex') as root, sealed_at from audit_seals
    where reach('audit:read') = 'ALL' and batch = $1";

pub async fn handle(
    call: Call,
    Query(filter): Query<Filter>,
    page: PageRequest<i64>,
    Configured(log): Configured<SealedLog>,
) -> Reply<Json<Page<AuditCheckpoint>>> {
    let mut access = call.authorize(Search::default());
    let seals: Vec<Seal> = access
        .all(sql(
            LIST,
            &[
                &page.after().copied(),
                &filter.from,
                &filter.to,
                &page.fetch(),
            ],
        ))
        .await?;
    let kept: Option<Seal> = match filter.consistent_with {
        Some(batch) => {
            let kept: Vec<Seal> = access.all(sql(KEPT, &[&i64::from(batch.get())])).await?;
            let kept = kept.into_iter().next();
            Some(kept.ok_or_else(|| unknown_batch("consistent_with"))?)
        }
        None => None,
    };
    let page = page.page(seals, |seal| seal.batch);
    let checkpoints = page
        .items
        .iter()
        .map(|seal| checkpoint(log, seal, kept.as_ref()));
    let page = Page {
        items: try_join_all(checkpoints).await?,
        next_cursor: page.next_cursor,
    };
    access.commit(Json(page)).await
}

async fn checkpoint(
    log: &SealedLog,
    seal: &Seal,
    kept: Option<&Seal>,
) -> Result<AuditCheckpoint, Error> {
    let sealed = log.checkpoint(seal.batch).await?;
    let consistency = match kept.filter(|kept| kept.batch <= seal.batch) {
        Some(kept) => {
            let old = u64::try_from(kept.size).unwrap_or_default();
            Some(log.consistency(old, &sealed).await?)
        }
        None => None,
    };
    Ok(AuditCheckpoint {
        seal: seal.clone(),
        checkpoint: sealed.note.to_string(),
        consistency,
    })
}
