//! A transparency log: an append-only Merkle tree (RFC 6962) of leaves in an object store, which anybody can verify with
//! the log's public key.
//!
//! - [`leaf`]: what is logged, and its bytes. [`batch`]: the leaves that one run of the sealer appends.
//! - [`tree`]: the tree's right edge, and its tiles. [`proof`]: proofs of inclusion and consistency.
//! - [`note`], [`checkpoint`], [`witness`]: signed notes, signed tree heads, cosignatures and the protocol that obtains
//!   them.
//! - [`signer`], [`store`], [`log`]: the log's key, its objects, and the order in which they are written.
//!
//! The formats of others, which any implementation verifies:
//! [signed-note 1.0.0](https://c2sp.org/signed-note@v1.0.0),
//! [tlog-checkpoint 1.0.0](https://c2sp.org/tlog-checkpoint@v1.0.0),
//! [tlog-cosignature 1.0.1](https://c2sp.org/tlog-cosignature@v1.0.1),
//! [tlog-witness 1.0.0](https://c2sp.org/tlog-witness@v1.0.0),
//! [tlog-tiles](https://c2sp.org/tlog-tiles) for the paths and contents of tiles, and
//! [tlog-proof](https://c2sp.org/tlog-proof).
//!
//! The features `s3` and `kms` add the store and the signer of AWS.
#![warn(missing_docs)]

pub mod batch;
pub mod checkpoint;
mod codec;
pub mod leaf;
pub mod log;
pub mod note;
pub mod proof;
pub mod signer;
pub mod store;
pub mod tree;
pub mod witness;

pub use codec::Malformed;

/// A SHA-256.
pub type Hash = [u8; 32];

/// Why a store or a signer could not do what was asked. It contains no secret.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
