//! Batches: the leaves that one run of the sealer appends, in one object. The tree, its tiles and its checkpoints all
//! follow from the batches.
//!
//! # The bytes of a batch
//!
//! Integers are big-endian.
//!
//! | field | bytes |
//! |---|---|
//! | `caretrail/batch/v1` and a newline | 19 |
//! | number of the batch, from 0 | 8 |
//! | sealed at, in microseconds since 1970-01-01T00:00:00Z | 8 |
//! | horizon: all audit rows of transactions below this xid are sealed | 8 |
//! | size of the tree before, which is the index of the first leaf | 8 |
//! | root of the tree before | 32 |
//! | right edge of the tree before: for each level of tiles from 0 up, the hashes of the tile that isn't full; level *n* has (size ÷ 256ⁿ) mod 256 | 32 each |
//! | number of leaves, at least 1 | 4 |
//! | for each leaf: its length and its bytes ([`crate::leaf`]) | 4 + length |

use bytes::Bytes;

use crate::Hash;
use crate::codec::{Malformed, Reader};
use crate::leaf::Leaf;
use crate::tree::{Frontier, LARGEST, Tile, leaf_hash};

const MAGIC: &[u8] = b"caretrail/batch/v1\n";

/// The longest batch, in bytes. A sealer with more leaves publishes several batches.
pub const LONGEST: usize = 64 * 1024 * 1024;

/// A batch whose bytes are valid: they have the form above, the edge has the root, and each leaf can be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    bytes: Bytes,
    number: u64,
    sealed_at: u64,
    horizon: u64,
    before: Frontier,
    /// Where the leaves begin.
    body: usize,
    count: u32,
}

/// What the sealer says of a batch, besides its leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The number of the batch, from 0.
    pub number: u64,
    /// When it is sealed, in microseconds since 1970.
    pub sealed_at: u64,
    /// All audit rows of transactions below this xid are sealed by this batch and those before.
    pub horizon: u64,
}

impl Batch {
    /// A batch of these leaves after the tree `before`. Errors: there is no leaf, or the batch is longer than
    /// [`LONGEST`].
    pub fn new(
        header: Header,
        before: &Frontier,
        leaves: impl IntoIterator<Item = Leaf>,
    ) -> Result<Self, Malformed> {
        let mut to = MAGIC.to_vec();
        for number in [
            header.number,
            header.sealed_at,
            header.horizon,
            before.size(),
        ] {
            to.extend(number.to_be_bytes());
        }
        to.extend(before.root());
        before.encode_edge(&mut to);
        let at = to.len();
        to.extend([0; 4]);
        let mut count = 0_u32;
        for leaf in leaves {
            let leaf = leaf.encode();
            // If the length of a leaf doesn't fit, neither does the leaf.
            if leaf.len() > LONGEST - to.len().min(LONGEST) {
                return Err(Malformed("a batch has at most 64 MiB"));
            }
            to.extend((leaf.len() as u32).to_be_bytes());
            to.extend(leaf);
            count += 1;
        }
        to[at..at + 4].copy_from_slice(&count.to_be_bytes());
        Self::decode(to.into())
    }

    /// The batch with these bytes. Errors: they are not the bytes of a valid batch.
    pub fn decode(bytes: Bytes) -> Result<Self, Malformed> {
        if bytes.len() > LONGEST {
            return Err(Malformed("a batch has at most 64 MiB"));
        }
        let mut from = Reader(&bytes);
        if from.bytes(MAGIC.len(), "the first line of a batch")? != MAGIC {
            return Err(Malformed("the first line of a batch"));
        }
        let number = from.u64("the number of a batch")?;
        let sealed_at = from.u64("when a batch was sealed")?;
        let horizon = from.u64("the horizon of a batch")?;
        let size = from.u64("the size before a batch")?;
        let root: Hash = from.array("the root before a batch")?;
        let before = Frontier::decode_edge(size, &mut from)?;
        if before.root() != root {
            return Err(Malformed("the edge before a batch has another root"));
        }
        let count = from.u32("the number of leaves of a batch")?;
        if count == 0 {
            return Err(Malformed("a batch has at least one leaf"));
        }
        if size + u64::from(count) > LARGEST {
            return Err(Malformed("the size after a batch"));
        }
        let body = bytes.len() - from.0.len();
        for _ in 0..count {
            Leaf::decode(entry(&mut from)?)?;
        }
        from.end()?;
        Ok(Self {
            number,
            sealed_at,
            horizon,
            before,
            body,
            count,
            bytes,
        })
    }

    /// The bytes of the object.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The number of the batch, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was sealed, in microseconds since 1970.
    pub fn sealed_at(&self) -> u64 {
        self.sealed_at
    }

    /// All audit rows of transactions below this xid were sealed by this batch and those before.
    pub fn horizon(&self) -> u64 {
        self.horizon
    }

    /// The tree before the batch. Its size is the index of the first leaf.
    pub fn before(&self) -> &Frontier {
        &self.before
    }

    /// The size of the tree after the batch.
    pub fn size(&self) -> u64 {
        self.before.size() + u64::from(self.count)
    }

    /// The bytes of each leaf with its index in the log.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut from = Reader(&self.bytes[self.body..]);
        let entries = std::iter::from_fn(move || entry(&mut from).ok());
        (self.before.size()..).zip(entries)
    }

    /// Each leaf with its index in the log. They are decoded one after the other.
    pub fn leaves(&self) -> impl Iterator<Item = (u64, Leaf)> {
        // All leaves were decoded once before.
        self.entries()
            .map_while(|(index, entry)| Some((index, Leaf::decode(entry).ok()?)))
    }

    /// The tree after the batch, and the tiles that the batch makes full.
    pub fn apply(&self) -> (Frontier, Vec<Tile>) {
        let mut tree = self.before.clone();
        let mut full = Vec::new();
        for (_, entry) in self.entries() {
            tree.append(leaf_hash(entry), &mut full);
        }
        (tree, full)
    }
}

fn entry<'a>(from: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let length = from.u32("the length of a leaf")?;
    from.bytes(length as usize, "a leaf")
}
