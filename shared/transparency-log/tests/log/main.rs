//! Tests of the transparency log.

#![expect(
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod bytes;
mod emulated;
mod memory;
mod notes;
mod proofs;
mod samples;
mod sealers;
mod signers;
mod stores;
mod tampering;
mod trees;
mod witnesses;
