//! Keeps the project's keys: fetched at first use, refreshed in use, kept for a while in an outage.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;

use crate::endpoint::Endpoint;
use crate::keys::KeySet;
use crate::{Clock, Reason, Refusal};

/// How long keys are used before they are fetched anew: as long as Supabase's edge keeps them.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// How long keys serve on after that while the endpoint is down.
const STALE: Duration = Duration::from_secs(10 * 60);

/// The least time between two fetches while there are keys to serve: made-up key names cannot
/// make this service hammer the endpoint, nor each request of an outage wait for a timeout.
const PAUSE: Duration = Duration::from_secs(30);

/// The least time between two fetches while there is nothing to serve, and every answer is 503.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(1);

/// The keys of one project.
pub(crate) struct Keyring {
    endpoint: Endpoint,
    held: RwLock<Held>,
    fetching: Mutex<()>,
}

/// What was learnt so far. Ages go by the wall clock: the monotonic one stands still while an
/// instance is frozen, and a withdrawn key would live on for as long.
#[derive(Clone, Default)]
struct Held {
    keys: Arc<KeySet>,
    /// When the fetch that brought these keys began.
    fetched: Option<SystemTime>,
    /// When the last fetch, good or bad, ended.
    attempted: Option<SystemTime>,
    /// Whether the last fetch brought nothing.
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

/// Time between `then` and `now`; for ever if `then` never was. A clock that was set back counts by
/// how far: a correction of milliseconds costs nothing, one of an hour has the keys fetched anew.
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

    /// The key of this name for this algorithm, fetching the keys if that is due.
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

        // One fetch at a time. Whoever waited for another's finds that it is too early for one more,
        // and looks at what that one brought.
        let _turn = self.fetching.lock().await;
        if self.held().may_fetch(clock()) {
            self.fetch(clock).await;
        }

        let held = self.held();
        if !held.is_usable(clock()) {
            return Err(Refusal::KeysUnavailable);
        }
        match held.keys.find(id, algorithm) {
            // The key may be a new one, which cannot be told while the endpoint is down.
            Err(Reason::UnknownKey) if held.failing => Err(Refusal::KeysUnavailable),
            found => Ok(found.cloned()?),
        }
    }

    async fn fetch(&self, clock: &Clock) {
        let began = clock();
        // Written down before, so that a fetch given up half-way counts as one too.
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
                        "could not fetch the keys that verify tokens"
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
