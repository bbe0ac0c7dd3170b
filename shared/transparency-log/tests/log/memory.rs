//! A store in memory whose operations can be interleaved, fail or lose their answer.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use transparency_log::Failure;
use transparency_log::store::{After, Creation, Object, ObjectStore, Version, Versions};

/// The versions of an object, the newest last. A version is None if it is a delete marker.
type History = Vec<Option<Bytes>>;

/// What several sealers share.
#[derive(Default)]
pub struct Memory {
    objects: Mutex<BTreeMap<String, History>>,
    /// The keys that were written with a lock.
    locked: Mutex<BTreeMap<String, SystemTime>>,
}

impl Memory {
    pub fn content(&self, key: &str) -> Option<Bytes> {
        self.objects.lock().unwrap().get(key)?.last()?.clone()
    }

    pub fn history(&self, key: &str) -> History {
        self.objects
            .lock()
            .unwrap()
            .get(key)
            .cloned()
            .unwrap_or_default()
    }

    pub fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }

    pub fn locked_until(&self, key: &str) -> Option<SystemTime> {
        self.locked.lock().unwrap().get(key).copied()
    }

    /// Adds a version, or a delete marker, past the log.
    pub fn tamper(&self, key: &str, version: Option<Bytes>) {
        self.objects
            .lock()
            .unwrap()
            .entry(key.to_owned())
            .or_default()
            .push(version);
    }

    /// Replaces the only version, as on a disk.
    pub fn alter(&self, key: &str, content: impl Into<Bytes>) {
        self.objects
            .lock()
            .unwrap()
            .insert(key.to_owned(), vec![Some(content.into())]);
    }

    pub fn remove(&self, key: &str) {
        self.objects.lock().unwrap().remove(key);
    }
}

/// The store as one sealer sees it.
pub struct Handle {
    memory: Arc<Memory>,
    /// How many operations were begun.
    begun: AtomicUsize,
    /// The operation that fails, counted from 0, and whether it takes effect all the same.
    fault: Option<(usize, bool)>,
    /// The operations after it fail, too: the sealer has lost the store.
    lost: bool,
}

impl Handle {
    pub fn new(memory: &Arc<Memory>) -> Self {
        Self {
            memory: memory.clone(),
            begun: AtomicUsize::new(0),
            fault: None,
            lost: false,
        }
    }

    pub fn failing_at(
        memory: &Arc<Memory>,
        operation: usize,
        takes_effect: bool,
        lost: bool,
    ) -> Self {
        Self {
            fault: Some((operation, takes_effect)),
            lost,
            ..Self::new(memory)
        }
    }

    pub fn operations(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    /// Does one operation in one step. Another sealer can act before and after it.
    async fn step<T>(&self, act: impl FnOnce(&Memory) -> T) -> Result<T, Failure> {
        pause().await;
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let failure = || Failure::from("the store has failed for the test");
        let result = match self.fault {
            Some((at, true)) if number == at => {
                act(&self.memory);
                Err(failure())
            }
            Some((at, _)) if number == at || (self.lost && number > at) => Err(failure()),
            _ => Ok(act(&self.memory)),
        };
        pause().await;
        result
    }
}

/// Lets others act.
async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if paused {
            return Poll::Ready(());
        }
        paused = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn tag(history: &History) -> String {
    history.len().to_string()
}

#[async_trait]
impl ObjectStore for Handle {
    async fn get(&self, key: &str) -> Result<Option<Object>, Failure> {
        self.step(|memory| {
            let history = memory.history(key);
            let bytes = history.last()?.clone()?;
            let tag = tag(&history);
            Some(Object { bytes, tag })
        })
        .await
    }

    async fn create(
        &self,
        key: &str,
        bytes: Bytes,
        lock_until: Option<SystemTime>,
    ) -> Result<Creation, Failure> {
        self.step(|memory| {
            // As in S3, a delete marker hides the object from the condition.
            if memory.content(key).is_some() {
                return Creation::Exists;
            }
            memory.tamper(key, Some(bytes));
            if let Some(until) = lock_until {
                memory.locked.lock().unwrap().insert(key.to_owned(), until);
            }
            Creation::Created
        })
        .await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), Failure> {
        self.step(|memory| memory.tamper(key, Some(bytes))).await
    }

    async fn replace(&self, key: &str, expected: &str, bytes: Bytes) -> Result<bool, Failure> {
        self.step(|memory| {
            let same = tag(&memory.history(key)) == expected;
            if same {
                memory.tamper(key, Some(bytes));
            }
            same
        })
        .await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, Failure> {
        self.step(|memory| {
            let mut keys = memory.keys();
            keys.retain(|key| {
                key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)
            });
            keys.retain(|key| memory.content(key).is_some());
            // A short page, so that the search takes several.
            keys.truncate(3);
            keys
        })
        .await
    }

    async fn versions(&self, prefix: &str, _: Option<&After>) -> Result<Versions, Failure> {
        self.step(|memory| {
            let mut versions = Vec::new();
            for key in memory
                .keys()
                .into_iter()
                .filter(|key| key.starts_with(prefix))
            {
                versions.extend(memory.history(&key).iter().map(|version| Version {
                    key: key.clone(),
                    is_marker: version.is_none(),
                }));
            }
            Versions {
                versions,
                next: None,
            }
        })
        .await
    }
}
