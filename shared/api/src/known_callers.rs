//! The callers that an environment answered lately, as the database found them then.
//!
//! They are a guess and give no right. They let a read send its audit row along, because PostgreSQL checks the
//! guess before it reads.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::ids::SubjectId;
use lru::LruCache;

use crate::caller::Actor;

/// The largest number of callers. Each takes about 150 bytes.
const MOST: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

pub(crate) struct KnownCallers(Mutex<LruCache<SubjectId, Actor>>);

impl Default for KnownCallers {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }
}

impl KnownCallers {
    fn callers(&self) -> MutexGuard<'_, LruCache<SubjectId, Actor>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, subject: SubjectId) -> Option<Actor> {
        self.callers().get(&subject).cloned()
    }

    pub(crate) fn remember(&self, subject: SubjectId, actor: Actor) {
        self.callers().put(subject, actor);
    }

    pub(crate) fn forget(&self, subject: SubjectId) {
        self.callers().pop(&subject);
    }
}
