//! Proofs that a leaf is in the log, and that a log only grew (RFC 6962, sections 2.1.1 and 2.1.2). They are read from
//! the tiles, and each tile is checked against the root of the checkpoint.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use tlog_tiles::{Error, HashReader, TileHashReader, TileReader};

use crate::checkpoint::{Checkpoint, decimal, hash};
use crate::codec::Malformed;
use crate::note::Note;
use crate::store::ObjectStore;
use crate::tree::{HASH, HEIGHT, LARGEST, path};
use crate::{Failure, Hash};

/// The root of a log without leaves: the SHA-256 of nothing.
pub const EMPTY_ROOT: Hash = tlog_tiles::EMPTY_HASH.0;

/// The most hashes that a proof can have.
const MOST_HASHES: usize = 63;

/// Why tiles give no proof.
const INCONSISTENT: &str = "the tiles of the log don't have the root of the checkpoint";

/// The first line of a proof.
const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Reads the proof that the leaf with this index is in the log at this checkpoint. It reads at most two tiles for each of
/// the tree's levels of tiles: six for a million leaves, eight for a billion. Errors: the index isn't below the size, a
/// tile is missing, or the tiles don't have the checkpoint's root.
pub async fn inclusion(
    store: &dyn ObjectStore,
    checkpoint: &Checkpoint,
    index: u64,
) -> Result<Vec<Hash>, Failure> {
    if index >= checkpoint.size {
        return Err("the leaf is not in the log at this checkpoint".into());
    }
    let leaf = [tlog_tiles::stored_hash_index(0, index)];
    let (proof, leaf) = read(store, checkpoint, |tiles| {
        let proof = tlog_tiles::prove_record(checkpoint.size, index, tiles)?;
        Ok((proof, tiles.read_hashes(&leaf)?))
    })
    .await?;
    // The library doesn't compare all tiles with the root (docs/decisions/0031-sealed-audit-log.md).
    let (proof, leaf) = (ours(proof), ours(leaf));
    match leaf
        .iter()
        .any(|leaf| is_included(&proof, checkpoint, index, *leaf))
    {
        true => Ok(proof),
        false => Err(INCONSISTENT.into()),
    }
}

/// Reads the proof that the log at this checkpoint begins with the log of size `old`. It reads at most as many tiles as
/// [`inclusion`]. Errors: `old` is larger than the size, or as for [`inclusion`].
pub async fn consistency(
    store: &dyn ObjectStore,
    old: u64,
    checkpoint: &Checkpoint,
) -> Result<Vec<Hash>, Failure> {
    if old > checkpoint.size {
        return Err("the old size is larger than that of the checkpoint".into());
    }
    // These proofs have no hash.
    if old == 0 || old == checkpoint.size {
        return Ok(Vec::new());
    }
    let (proof, root) = read(store, checkpoint, |tiles| {
        let proof = tlog_tiles::prove_tree(checkpoint.size, old, tiles)?;
        Ok((proof, tlog_tiles::tree_hash(old, tiles)?))
    })
    .await?;
    let proof = ours(proof);
    let old = Checkpoint {
        origin: checkpoint.origin.clone(),
        size: old,
        root: root.0,
    };
    match is_consistent(&proof, &old, checkpoint) {
        true => Ok(proof),
        false => Err(INCONSISTENT.into()),
    }
}

/// Whether a proof shows that the leaf with this hash is in the log, at this index.
pub fn is_included(proof: &[Hash], checkpoint: &Checkpoint, index: u64, leaf_hash: Hash) -> bool {
    proof.len() <= MOST_HASHES
        && tlog_tiles::check_record(
            &theirs(proof),
            checkpoint.size,
            tlog_tiles::Hash(checkpoint.root),
            index,
            tlog_tiles::Hash(leaf_hash),
        )
        .is_ok()
}

/// Whether a proof shows that the log at `new` begins with the log at `old`. Their origins are not compared.
pub fn is_consistent(proof: &[Hash], old: &Checkpoint, new: &Checkpoint) -> bool {
    if old.size == 0 {
        let empty = |log: &Checkpoint| log.size > 0 || log.root == EMPTY_ROOT;
        return proof.is_empty() && empty(old) && empty(new);
    }
    proof.len() <= MOST_HASHES
        && tlog_tiles::check_tree(
            &theirs(proof),
            new.size,
            tlog_tiles::Hash(new.root),
            old.size,
            tlog_tiles::Hash(old.root),
        )
        .is_ok()
}

/// A proof of inclusion that can be verified without the log, in the format of
/// [tlog-proof](https://c2sp.org/tlog-proof). [`Display`](fmt::Display) encodes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// What the leaf is, for the reader. Nothing authenticates it but the reader's comparison with the leaf.
    pub extra: Option<Vec<u8>>,
    /// The index of the leaf.
    pub index: u64,
    /// The hashes from the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl TlogProof {
    /// Parses a proof. Errors: it has another form.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = Malformed("a proof of the log");
        let text = str::from_utf8(bytes).map_err(|_| malformed)?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(malformed)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(Malformed("the first line of a proof"));
        }
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra = extra.map(|line| STANDARD.decode(&line["extra ".len()..]));
        let index = lines
            .next()
            .and_then(|line| decimal(line.strip_prefix("index ")?));
        let hashes: Option<Vec<_>> = lines.map(hash).collect();
        let hashes = hashes.filter(|hashes| hashes.len() <= MOST_HASHES);
        Ok(Self {
            extra: extra
                .transpose()
                .map_err(|_| Malformed("the extra line of a proof"))?,
            index: index.ok_or(Malformed("the index of a proof"))?,
            hashes: hashes.ok_or(Malformed("the hashes of a proof"))?,
            checkpoint: Note::parse(checkpoint.as_bytes())?,
        })
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

fn theirs(proof: &[Hash]) -> Vec<tlog_tiles::Hash> {
    proof.iter().copied().map(tlog_tiles::Hash).collect()
}

/// The tiles that were read, and those that a proof asked for in vain. The library reads all at once and not
/// asynchronously, so a proof is tried again when its tiles are here.
#[derive(Default)]
struct Tiles {
    read: HashMap<tlog_tiles::Tile, Vec<u8>>,
    missing: RefCell<Vec<tlog_tiles::Tile>>,
}

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        HEIGHT
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let read: Option<_> = tiles
            .iter()
            .map(|tile| self.read.get(tile).cloned())
            .collect();
        read.ok_or_else(|| {
            self.missing.replace(tiles.to_vec());
            Error::InvalidInput("the tiles are not read yet".to_owned())
        })
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

fn ours(hashes: Vec<tlog_tiles::Hash>) -> Vec<Hash> {
    hashes.into_iter().map(|hash| hash.0).collect()
}

/// Does what needs hashes of the tree.
async fn read<T>(
    store: &dyn ObjectStore,
    checkpoint: &Checkpoint,
    work: impl Fn(&TileHashReader<'_>) -> Result<T, Error>,
) -> Result<T, Failure> {
    if checkpoint.size > LARGEST {
        return Err(Malformed("the size of a checkpoint").into());
    }
    let root = tlog_tiles::Hash(checkpoint.root);
    let mut tiles = Tiles::default();
    loop {
        let done = work(&TileHashReader::new(checkpoint.size, root, &tiles));
        let mut missing = tiles.missing.take();
        missing.retain(|tile| !tiles.read.contains_key(tile));
        if missing.is_empty() {
            return Ok(done?);
        }
        let read = try_join_all(missing.iter().map(|tile| fetch(store, tile))).await?;
        tiles.read.extend(missing.into_iter().zip(read));
    }
}

/// Reads a tile. If a tile isn't full and was removed, the full one begins with it. Errors: neither is there.
async fn fetch(store: &dyn ObjectStore, tile: &tlog_tiles::Tile) -> Result<Vec<u8>, Failure> {
    let wanted = tile.width() as usize * HASH;
    let full = tlog_tiles::Tile::new(HEIGHT, tile.level(), tile.level_index(), 1 << HEIGHT, false);
    for key in [path(tile), path(&full)] {
        if let Some(object) = store.get(&key).await?
            && let Some(hashes) = object.bytes.get(..wanted)
        {
            return Ok(hashes.to_vec());
        }
    }
    Err(format!("the log has no {}", path(tile)).into())
}
