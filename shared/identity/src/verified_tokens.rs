//! Remembers tokens that were verified lately, because a signature costs more than the rest of the check.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use lru::LruCache;

use crate::Claims;
use crate::claims::seconds;

/// How long a token isn't verified again. A withdrawn key is accepted for that much longer.
const FRESH: Duration = Duration::from_secs(60);

/// The largest number of tokens. Each takes about 200 bytes.
const MOST: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// The claims of verified tokens by the SHA-256 hash of the token, so that no token stays in memory.
pub(crate) struct VerifiedTokens(Mutex<LruCache<Hash, Verified>>);

pub(crate) type Hash = [u8; 32];

#[derive(Clone, Copy)]
struct Verified {
    claims: Claims,
    /// Seconds since 1970.
    expires: f64,
    verified: SystemTime,
}

impl VerifiedTokens {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }

    fn tokens(&self) -> MutexGuard<'_, LruCache<Hash, Verified>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hash(token: &str) -> Hash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        hash
    }

    /// The claims of the token with this hash, unless it must be verified again.
    pub(crate) fn claims(&self, hash: &Hash, now: SystemTime) -> Option<Claims> {
        let known = *self.tokens().get(hash)?;
        // None if the clock was set back.
        let age = now.duration_since(known.verified).ok()?;
        (age < FRESH && seconds(now) < known.expires).then_some(known.claims)
    }

    pub(crate) fn remember(&self, hash: Hash, claims: Claims, expires: f64, now: SystemTime) {
        let verified = Verified {
            claims,
            expires,
            verified: now,
        };
        self.tokens().put(hash, verified);
    }
}
