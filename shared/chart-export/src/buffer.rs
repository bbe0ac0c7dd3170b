//! What was written and not sent yet.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// A writer whose bytes the caller takes out while the package is being written. Its clones share the bytes.
#[derive(Clone, Debug, Default)]
pub struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    /// The number of bytes that can be taken.
    pub fn len(&self) -> usize {
        self.with(|bytes| bytes.len())
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes all bytes.
    pub fn take(&self) -> Vec<u8> {
        self.with(std::mem::take)
    }

    fn with<T>(&self, of: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        of(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|all| all.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
