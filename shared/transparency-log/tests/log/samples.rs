//! Values that several tests use.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use transparency_log::leaf::{Heads, Leaf};
use transparency_log::log::Log;
use transparency_log::signer::FileSigner;
use transparency_log::store::ObjectStore;

pub const ORIGIN: &str = "caretrail.example/audit";

pub const YEARS: Duration = Duration::from_secs(7 * 365 * 86_400);

/// A signer whose key is this byte 32 times.
pub fn signer(byte: u8) -> FileSigner {
    from_seed([byte; 32])
}

pub fn from_seed(seed: [u8; 32]) -> FileSigner {
    // RFC 8410, section 7.
    let head = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    FileSigner::from_pkcs8(&[&head[..], &seed].concat()).unwrap()
}

pub fn log(store: Arc<dyn ObjectStore>) -> Log {
    Log::new(store, Arc::new(signer(1)), ORIGIN, YEARS).unwrap()
}

/// Leaves that differ by these numbers.
pub fn leaves(of: u64, count: u64) -> Vec<Leaf> {
    let leaf = |at: u64| {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&at.to_be_bytes());
        Leaf::Heads(Heads { chains: of, digest })
    };
    (0..count).map(leaf).collect()
}

pub fn any_array<const N: usize>() -> impl Strategy<Value = [u8; N]> {
    prop::collection::vec(any::<u8>(), N).prop_map(|bytes| bytes.try_into().unwrap())
}

pub fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}
