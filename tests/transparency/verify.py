"""Verifies a log in a folder with pymerkle, from the documented bytes of its batches alone: verify.py FOLDER.

It compares the root of each checkpoint with that of the leaves, and checks the proofs of inclusion and that each
checkpoint grew out of the one before.
"""

import base64
import pathlib
import struct
import sys

from pymerkle import ConsistencyProof, InclusionProof, InmemoryTree, verify_consistency, verify_inclusion

MAGIC = b"caretrail/batch/v1\n"


def leaves_of(batch, size, root):
    """The leaves of a batch that follows a tree of this size and root."""
    assert batch.startswith(MAGIC)
    at = len(MAGIC)
    _number, _sealed_at, _horizon, before = struct.unpack_from(">QQQQ", batch, at)
    at += 32
    assert (before, batch[at : at + 32]) == (size, root)
    at += 32
    while before:
        at += before % 256 * 32
        before //= 256
    (count,) = struct.unpack_from(">I", batch, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from(">I", batch, at)
        at += 4
        yield batch[at : at + length]
        at += length
    assert at == len(batch)


def checkpoint(text):
    """The size and the root of a checkpoint."""
    _origin, size, root = text.split("\n")[:3]
    return int(size), base64.b64decode(root)


def main(folder):
    tree = InmemoryTree(algorithm="sha256")
    checkpoints = []
    root = tree.get_root(0)
    for path in sorted((folder / "batches").iterdir()):
        for leaf in leaves_of(path.read_bytes(), tree.get_size(), root):
            tree.append_entry(leaf)
        signed = (folder / "checkpoints" / path.name).read_text()
        root = tree.get_root()
        assert checkpoint(signed) == (tree.get_size(), root), path.name
        checkpoints.append(checkpoint(signed))

    for (old, old_root), (new, new_root) in zip(checkpoints, checkpoints[1:]):
        proof: ConsistencyProof = tree.prove_consistency(old, new)
        verify_consistency(old_root, new_root, proof)

    proofs = sorted((folder / "proofs").iterdir())
    assert proofs
    for path in proofs:
        head, signed = path.read_text().split("\n\n", 1)
        _first, index, *hashes = head.split("\n")
        index = int(index.removeprefix("index "))
        size, root = checkpoint(signed)
        # pymerkle numbers leaves from 1. Its proof begins with the hash of the leaf and says which sides the hashes are
        # on; the hashes are those of the log.
        theirs: InclusionProof = tree.prove_inclusion(index + 1, size)
        assert len(theirs.path) == len(hashes) + 1, path.name
        theirs.path[1:] = [base64.b64decode(line) for line in hashes]
        verify_inclusion(tree.get_leaf(index + 1), root, theirs)
    print(f"pymerkle: {tree.get_size()} leaves, {len(checkpoints)} checkpoints, {len(proofs)} proofs")


main(pathlib.Path(sys.argv[1]))
