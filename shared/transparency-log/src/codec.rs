//! Reads and writes the binary parts of leaves and batches: big-endian integers, fixed arrays, and parts with their
//! length before them.

use std::fmt;

/// Bytes or text that don't have the expected form. It names the part at fault and contains nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// What is still to be read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn bytes(
        &mut self,
        length: usize,
        part: &'static str,
    ) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed(part))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        part: &'static str,
    ) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed(part))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self, part: &'static str) -> Result<u8, Malformed> {
        self.array(part).map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self, part: &'static str) -> Result<u16, Malformed> {
        self.array(part).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, part: &'static str) -> Result<u32, Malformed> {
        self.array(part).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, part: &'static str) -> Result<u64, Malformed> {
        self.array(part).map(u64::from_be_bytes)
    }

    /// A byte that says whether a part follows.
    pub(crate) fn flag(&mut self, part: &'static str) -> Result<bool, Malformed> {
        match self.u8(part)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed(part)),
        }
    }

    pub(crate) fn end(self) -> Result<(), Malformed> {
        match self.0 {
            [] => Ok(()),
            _ => Err(Malformed("bytes after the end")),
        }
    }
}
