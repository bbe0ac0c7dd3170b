//! Asks a witness to cosign the newest checkpoint
//! ([tlog-witness 1.0.0](https://c2sp.org/tlog-witness@v1.0.0)).

use std::sync::atomic::{AtomicU64, Ordering};

use api::lambda::Failure;
use https::http::{Request, StatusCode};
use https::{Client, body};
use settings::{Misconfigured, optional, required};
use transparency_log::checkpoint::Checkpoint;
use transparency_log::log::{Log, Tip};
use transparency_log::note::VerifierKey;
use transparency_log::proof;
use transparency_log::store::ObjectStore;
use transparency_log::witness::{AddCheckpoint, cosignatures, size_of};

/// A witness, and what it cosigned last.
pub struct Witness {
    url: String,
    keys: Vec<VerifierKey>,
    size: AtomicU64,
    /// The size of the last checkpoint whose cosignature was published.
    published: AtomicU64,
}

impl Witness {
    /// The witness at `WITNESS_URL`, with the verifier keys in `WITNESS_KEYS`. None if there is no URL. Errors: a key is
    /// missing or invalid.
    pub fn from_env() -> Result<Option<Self>, Misconfigured> {
        let Some(url) = optional("WITNESS_URL") else {
            return Ok(None);
        };
        let keys = required("WITNESS_KEYS")?;
        let keys = keys.split(',').map(|key| key.parse::<VerifierKey>());
        let keys = keys.collect::<Result<_, _>>();
        Ok(Some(Self {
            url: url.trim_end_matches('/').to_owned(),
            keys: keys.map_err(|_| Misconfigured("WITNESS_KEYS", "expected verifier keys"))?,
            size: AtomicU64::new(0),
            published: AtomicU64::new(0),
        }))
    }

    /// Has the checkpoint of this tip cosigned, and publishes the cosignature. Errors: the witness refuses or gives no
    /// answer, or the store fails. The log goes on without the cosignature.
    pub async fn cosign(
        &self,
        log: &Log,
        store: &dyn ObjectStore,
        tip: &Tip,
    ) -> Result<(), Failure> {
        let Some(note) = tip.checkpoint() else {
            return Ok(());
        };
        let checkpoint = Checkpoint::verify(note, log.key())?;
        if self.published.load(Ordering::Relaxed) == checkpoint.size {
            return Ok(());
        }
        // The witness knows better what it cosigned last, and says so.
        for _ in 0..2 {
            let old = self.size.load(Ordering::Relaxed);
            let request = AddCheckpoint {
                old,
                proof: proof::consistency(store, old, &checkpoint).await?,
                checkpoint: note.clone(),
            };
            let url = format!("{}/add-checkpoint", self.url);
            let request = Request::post(url).body(body(request.to_string()))?;
            let answer = Client::new()?.send(request).await?;
            match answer.status() {
                StatusCode::OK => {
                    let valid = cosignatures(answer.body(), note, &self.keys)?;
                    if valid.is_empty() {
                        return Err("the witness sent no cosignature under a known key".into());
                    }
                    for cosignature in &valid {
                        log.publish_cosignature(tip, cosignature).await?;
                    }
                    self.size.store(checkpoint.size, Ordering::Relaxed);
                    self.published.store(checkpoint.size, Ordering::Relaxed);
                    return Ok(());
                }
                StatusCode::CONFLICT => match size_of(answer.body()) {
                    Ok(size) if size <= checkpoint.size => {
                        self.size.store(size, Ordering::Relaxed);
                    }
                    // It may be right the next time.
                    Ok(_) => return Err("the witness names a size that the log never had".into()),
                    Err(_) => return Err("the witness knows another root of this size".into()),
                },
                status => return Err(format!("the witness answered {status}").into()),
            }
        }
        Err("the witness cosigned another size meanwhile".into())
    }
}
