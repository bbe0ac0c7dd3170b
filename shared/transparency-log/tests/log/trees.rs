//! The tree against another implementation of RFC 6962, the crate ct-merkle.

use std::sync::Arc;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;
use transparency_log::Hash;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::proof::{self, is_consistent, is_included};
use transparency_log::store::ObjectStore;
use transparency_log::tree::{Frontier, leaf_hash};

use crate::memory::{Handle, Memory};
use crate::samples::{ORIGIN, run};

fn entry(at: u64) -> [u8; 8] {
    at.to_be_bytes()
}

fn checkpoint(tree: &Frontier) -> Checkpoint {
    Checkpoint {
        origin: ORIGIN.to_owned(),
        size: tree.size(),
        root: tree.root(),
    }
}

/// A tree of leaves in both implementations, with the tiles of ours in a store.
struct Both {
    store: Handle,
    ours: Frontier,
    theirs: MemoryBackedTree<Sha256, [u8; 8]>,
}

impl Both {
    fn new() -> Self {
        Self {
            store: Handle::new(&Arc::<Memory>::default()),
            ours: Frontier::default(),
            theirs: MemoryBackedTree::new(),
        }
    }

    fn push(&mut self) {
        let leaf = entry(self.ours.size());
        let mut full = Vec::new();
        self.ours.append(leaf_hash(&leaf), &mut full);
        self.theirs.push(leaf);
        for tile in full {
            assert!(tile.is_full());
            run(self.store.put(&tile.path(), tile.hashes.into())).unwrap();
        }
    }

    /// Writes the tiles of the right edge, and returns the checkpoint.
    fn publish(&self) -> Checkpoint {
        for tile in self.ours.partial_tiles() {
            assert!(!tile.is_full());
            run(self.store.put(&tile.path(), tile.hashes.into())).unwrap();
        }
        checkpoint(&self.ours)
    }

    fn check_inclusion(&self, checkpoint: &Checkpoint, index: u64) {
        let proof = run(proof::inclusion(&self.store, checkpoint, index)).unwrap();
        let theirs = self.theirs.prove_inclusion(index as usize);
        assert_eq!(
            proof.concat(),
            theirs.as_bytes(),
            "{index} of {}",
            checkpoint.size
        );
        let leaf = leaf_hash(&entry(index));
        assert!(is_included(&proof, checkpoint, index, leaf));
        assert!(!is_included(
            &proof,
            checkpoint,
            index,
            leaf_hash(b"another leaf")
        ));
        assert!(
            !is_included(&proof, checkpoint, (index + 1) % checkpoint.size, leaf)
                || checkpoint.size == 1
        );
    }

    fn check_consistency(&self, old: &Checkpoint, new: &Checkpoint) {
        let proof = run(proof::consistency(&self.store, old.size, new)).unwrap();
        if old.size > 0 && old.size < new.size {
            let theirs = self
                .theirs
                .prove_consistency((new.size - old.size) as usize);
            assert_eq!(
                proof.concat(),
                theirs.as_bytes(),
                "{} to {}",
                old.size,
                new.size
            );
        }
        assert!(is_consistent(&proof, old, new));
        if old.size > 0 {
            let forked = Checkpoint {
                root: [7; 32],
                ..old.clone()
            };
            assert!(!is_consistent(&proof, &forked, new));
        }
    }

    fn their_root(&self) -> Hash {
        self.theirs.root().as_bytes().as_slice().try_into().unwrap()
    }
}

#[test]
fn roots_and_proofs_are_those_of_ct_merkle_for_every_size_up_to_600() {
    let mut both = Both::new();
    let mut checkpoints = vec![both.publish()];
    assert_eq!(both.ours.root(), proof::EMPTY_ROOT);
    for size in 1..=600 {
        both.push();
        assert_eq!(both.ours.root(), both.their_root(), "{size}");
        let checkpoint = both.publish();
        // Some indexes of each size, and all of some sizes.
        let all = [1, 2, 3, 7, 255, 256, 257, 511, 512, 513, 600].contains(&size);
        for index in (0..size).filter(|index| all || (index * 7 + size) % 211 == 0) {
            both.check_inclusion(&checkpoint, index);
        }
        checkpoints.push(checkpoint.clone());
        for old in checkpoints
            .iter()
            .filter(|old| all || (old.size * 5 + size) % 241 == 0)
        {
            both.check_consistency(old, &checkpoint);
        }
    }
}

#[test]
fn roots_and_proofs_are_those_of_ct_merkle_with_70000_leaves() {
    let mut both = Both::new();
    let mut checkpoints = Vec::new();
    for size in 1..=70_000 {
        both.push();
        if [256, 65_535, 65_536, 65_537, 65_792, 70_000].contains(&size) {
            checkpoints.push(both.publish());
        }
    }
    let newest = checkpoints.last().unwrap();
    assert_eq!(newest.root, both.their_root());
    let widths: Vec<_> = both.ours.partial_tiles().map(|tile| tile.path()).collect();
    // The example of the specification.
    assert_eq!(
        widths,
        ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    );
    for index in [0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999] {
        both.check_inclusion(newest, index);
    }
    for old in &checkpoints {
        both.check_consistency(old, newest);
    }
}

#[test]
fn a_path_has_three_digits_a_part() {
    let tile = transparency_log::tree::Tile {
        level: 0,
        index: 1_234_067,
        hashes: vec![0; 32],
    };
    assert_eq!(tile.path(), "tile/0/x001/x234/067.p/1");
}
