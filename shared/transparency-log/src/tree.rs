//! The Merkle tree (RFC 6962, section 2.1): its right edge, which grows leaf by leaf in bounded memory, and its tiles.
//!
//! A tile holds up to 256 hashes of one level: of leaves at level 0, and of full tiles one level below at all others. Its
//! path is `tile/LEVEL/INDEX` if it is full and `tile/LEVEL/INDEX.p/WIDTH` if not
//! ([tlog-tiles](https://c2sp.org/tlog-tiles)).

use tlog_tiles::{Error, HashReader};

use crate::Hash;
use crate::codec::{Malformed, Reader};

/// How many levels of the tree a tile spans.
pub(crate) const HEIGHT: u8 = 8;

/// How many hashes a full tile has.
const WIDTH: usize = 1 << HEIGHT;

/// The bytes of a hash.
pub(crate) const HASH: usize = 32;

/// The largest size of a tree. A log with 100,000 leaves a second reaches it after 89 years.
pub const LARGEST: u64 = 1 << 48;

/// The hash of a leaf with these bytes.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    tlog_tiles::record_hash(leaf).0
}

/// The right edge of a tree: its size, and for each level the hashes of the tile that isn't full. They determine the root
/// and all that is appended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// For each level, the hashes of its last tile, one after the other. Fewer than 256.
    edge: Vec<Vec<u8>>,
}

/// A tile, with its hashes one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The level, from 0 for leaves.
    pub level: u8,
    /// The number within the level, from 0.
    pub index: u64,
    /// The hashes, 32 bytes each, at most 256.
    pub hashes: Vec<u8>,
}

impl Frontier {
    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let root = tlog_tiles::tree_hash(self.size, self);
        root.expect("the edge has all hashes that the root needs").0
    }

    /// Appends a leaf by its hash. The tiles that become full are added to `full`.
    pub fn append(&mut self, leaf: Hash, full: &mut Vec<Tile>) {
        let mut hash = leaf;
        for level in 0.. {
            if self.edge.len() == usize::from(level) {
                self.edge.push(Vec::with_capacity(WIDTH * HASH));
            }
            let tile = &mut self.edge[usize::from(level)];
            tile.extend(hash);
            if tile.len() < WIDTH * HASH {
                break;
            }
            let hashes = std::mem::take(tile);
            hash = tlog_tiles::Tile::subtree_hash(&hashes).0;
            full.push(Tile {
                level,
                index: self.size >> (HEIGHT * (level + 1)),
                hashes,
            });
        }
        self.size += 1;
    }

    /// The tiles of the right edge that aren't full. A tree of this size is complete with them and all full tiles.
    pub fn partial_tiles(&self) -> impl Iterator<Item = Tile> {
        (0..)
            .zip(&self.edge)
            .filter(|(_, hashes)| !hashes.is_empty())
            .map(|(level, hashes)| Tile {
                level,
                index: self.size >> (HEIGHT * level) >> HEIGHT,
                hashes: hashes.clone(),
            })
    }

    /// The bytes of the edge: the hashes of each level, from 0 up. The size determines how many there are.
    pub(crate) fn encode_edge(&self, to: &mut Vec<u8>) {
        self.edge.iter().for_each(|hashes| to.extend(hashes));
    }

    /// The edge of a tree of this size. Errors: the size is larger than [`LARGEST`], or hashes are missing.
    pub(crate) fn decode_edge(size: u64, from: &mut Reader<'_>) -> Result<Self, Malformed> {
        if size > LARGEST {
            return Err(Malformed("the size of a tree"));
        }
        let mut edge = Vec::new();
        let mut tiles = size;
        while tiles > 0 {
            // The remainder is less than WIDTH.
            let hashes = (tiles % WIDTH as u64) as usize;
            edge.push(from.bytes(hashes * HASH, "the edge of a tree")?.to_vec());
            tiles /= WIDTH as u64;
        }
        Ok(Self { size, edge })
    }
}

impl HashReader for Frontier {
    /// The hashes of complete subtrees at the edge.
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, Error> {
        let hash = |&index: &u64| {
            let place = tlog_tiles::Tile::from_index(HEIGHT, index);
            let level = place.level();
            let tile = self.edge.get(usize::from(level));
            let hashes = tile.filter(|hashes| hashes.len() >= place.width() as usize * HASH);
            place.hash_at_index(hashes.ok_or(Error::IndexesNotInTree)?, index)
        };
        indexes.iter().map(hash).collect()
    }
}

impl Tile {
    /// Whether the tile has all 256 hashes, so that it never changes again.
    pub fn is_full(&self) -> bool {
        self.hashes.len() == WIDTH * HASH
    }

    /// The key of the tile in the store, such as `tile/0/x001/234`.
    pub fn path(&self) -> String {
        // A tile has at most WIDTH hashes.
        let width = (self.hashes.len() / HASH) as u32;
        path(&tlog_tiles::Tile::new(
            HEIGHT, self.level, self.index, width, false,
        ))
    }
}

/// The path of a tile. Its height is the same for all and no part of it, unlike in the paths of the crate.
pub(crate) fn path(tile: &tlog_tiles::Tile) -> String {
    tile.path().replacen("tile/8/", "tile/", 1)
}
