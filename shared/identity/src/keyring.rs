//! Caches the keys of the project. They are fetched at first use, refreshed while in use, and used for a
//! limited time while the endpoint is down.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;

use crate::endpoint::Endpoint;
use crate::keys::KeySet;
use crate::{Reason, Refusal};

/// The source of the current time. Tests use their own.
pub(crate) type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// How long keys are used before they are fetched again. Supabase's edge caches them equally long.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// How much longer keys are used while the endpoint is down.
const STALE: Duration = Duration::from_secs(10 * 60);

/// The shortest time between two fetches while there are usable keys. It keeps requests with made-up
/// key ids from flooding the endpoint, and each request of an outage from waiting for a timeout.
const PAUSE: Duration = Duration::from_secs(30);

/// The shortest time between two fetches while there are no usable keys and every answer is 503.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(1);

/// The cached keys of one project.
pub(crate) struct Keyring {
    endpoint: Endpoint,
    held: RwLock<Held>,
    fetching: Mutex<()>,
}

/// The keys and the state of the fetches. Ages are measured with the wall clock: the monotonic clock
/// stops while an instance is frozen, so a withdrawn key would be accepted for longer.
#[derive(Clone, Default)]
struct Held {
    keys: Arc<KeySet>,
    /// When the fetch of these keys began.
    fetched: Option<SystemTime>,
    /// When the last fetch ended, successful or not.
    attempted: Option<SystemTime>,
    /// Whether the last fetch failed.
    failing: bool,
}

impl Held {
    fn is_fresh(&self, now: SystemTime) -> bool {
        age(self.fetched, now) < FRESH
    }

    fn is_usable(&self, now: SystemTime) -> bool {
        age(self.fetched, now) < FRESH + STALE
    }

    fn may_fetch(&self, now: SystemTime) -> bool {
        let pause = if self.is_usable(now) {
            PAUSE
        } else {
            PAUSE_WITHOUT_KEYS
        };
        age(self.attempted, now) >= pause
    }
}

/// The time between `then` and `now`, or the longest duration if `then` is `None`. If the clock was set
/// back, the difference counts too: a correction of milliseconds has no effect, and one of an hour makes
/// the keys stale.
fn age(then: Option<SystemTime>, now: SystemTime) -> Duration {
    then.map_or(Duration::MAX, |then| {
        now.duration_since(then)
            .unwrap_or_else(|ahead| ahead.duration())
    })
}

impl Keyring {
    pub(crate) fn new(endpoint: Endpoint) -> Keyring {
        Keyring {
            endpoint,
            held: RwLock::default(),
            fetching: Mutex::default(),
        }
    }

    /// Returns the key with this id for this algorithm. Fetches the keys first if that is due.
    pub(crate) async fn key(
        &self,
        id: &str,
        algorithm: Algorithm,
        clock: &Clock,
    ) -> Result<DecodingKey, Refusal> {
        let held = self.held();
        if held.is_fresh(clock()) {
            match held.keys.find(id, algorithm) {
                Err(Reason::UnknownKey) => {}
                found => return Ok(found.cloned()?),
            }
        }

        // Only one fetch runs at a time. A task that waited for another's fetch finds that it is too early
        // for the next one, and uses the result of that fetch.
        let _turn = self.fetching.lock().await;
        if self.held().may_fetch(clock()) {
            self.fetch(clock).await;
        }

        let held = self.held();
        if !held.is_usable(clock()) {
            return Err(Refusal::KeysUnavailable);
        }
        match held.keys.find(id, algorithm) {
            // The key may be new. This can't be decided while the endpoint is down.
            Err(Reason::UnknownKey) if held.failing => Err(Refusal::KeysUnavailable),
            found => Ok(found.cloned()?),
        }
    }

    async fn fetch(&self, clock: &Clock) {
        let began = clock();
        // This is recorded before the fetch, so that a cancelled fetch counts too.
        self.learn(|held| {
            held.attempted = Some(began);
            held.failing = true;
        });
        let outcome = self.endpoint.fetch().await;
        let ended = clock();
        self.learn(|held| {
            held.attempted = Some(ended);
            match outcome {
                Ok(keys) => {
                    held.keys = Arc::new(keys);
                    held.fetched = Some(began);
                    held.failing = false;
                }
                Err(error) => {
                    let usable = held.is_usable(ended);
                    tracing::warn!(
                        ?error,
                        usable,
                        "the keys that verify tokens could not be fetched"
                    );
                }
            }
        });
    }

    fn held(&self) -> Held {
        self.held
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn learn(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.held.write().unwrap_or_else(PoisonError::into_inner));
    }
}
