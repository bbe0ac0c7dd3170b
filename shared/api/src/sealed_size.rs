//! The size of the sealed log, as the database last told it. A log that shrinks shows that the database was restored to
//! a former state.

use std::sync::atomic::{AtomicI64, Ordering};

/// The number of leaves that this environment saw last.
#[derive(Default)]
pub(crate) struct SealedSize(AtomicI64);

impl SealedSize {
    /// Remembers the size. Logs an error, which raises an alarm, if it is smaller than before.
    pub(crate) fn see(&self, size: Option<i64>) {
        let size = size.unwrap_or_default();
        let before = self.0.swap(size, Ordering::Relaxed);
        if size < before {
            tracing::error!(
                target: "audit",
                before,
                now = size,
                "the sealed log is shorter than before"
            );
        }
    }
}
