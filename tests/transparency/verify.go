// Verifies a log in a folder with the implementation of Go's checksum database: verify FOLDER VKEY.
//
// It verifies the signature of the newest checkpoint, reads tiles as that implementation does, makes each proof from
// them, and compares it with the log's own.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder string

func (f folder) Height() int { return 8 }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		// The height is no part of the path (tlog-tiles).
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		read, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		data = append(data, read)
	}
	return data, nil
}

func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The size and the root of a signed checkpoint.
func open(text string, verifiers note.Verifiers) (int64, tlog.Hash) {
	opened, err := note.Open([]byte(text), verifiers)
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return size, root
}

func hashes(lines []string) []tlog.Hash {
	found := []tlog.Hash{}
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		check(err)
		found = append(found, hash)
	}
	return found
}

func equal(found, expected []tlog.Hash) error {
	if len(found)+len(expected) > 0 && !reflect.DeepEqual(found, expected) {
		return errors.New("Go makes another proof")
	}
	return nil
}

func main() {
	log := folder(os.Args[1])
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	verifiers := note.VerifierList(verifier)

	newest, err := os.ReadFile(filepath.Join(string(log), "checkpoint"))
	check(err)
	size, root := open(string(newest), verifiers)
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, log)
	computed, err := tlog.TreeHash(size, reader)
	check(err)
	if computed != root {
		check(errors.New("Go computes another root"))
	}

	proofs, err := filepath.Glob(filepath.Join(string(log), "proofs", "*"))
	check(err)
	for _, path := range proofs {
		text, err := os.ReadFile(path)
		check(err)
		parts := strings.SplitN(string(text), "\n\n", 2)
		lines := strings.Split(parts[0], "\n")
		index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
		check(err)
		open(parts[1], verifiers)
		leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		check(err)
		ours := hashes(lines[2:])
		check(tlog.CheckRecord(ours, size, root, index, leaf[0]))
		theirs, err := tlog.ProveRecord(size, index, reader)
		check(err)
		check(equal(ours, theirs))
	}

	growths, err := filepath.Glob(filepath.Join(string(log), "growth", "*"))
	check(err)
	checkpoints, err := filepath.Glob(filepath.Join(string(log), "checkpoints", "*"))
	check(err)
	roots := map[int64]tlog.Hash{}
	for _, path := range checkpoints {
		text, err := os.ReadFile(path)
		check(err)
		old, oldRoot := open(string(text), verifiers)
		roots[old] = oldRoot
	}
	for _, path := range growths {
		text, err := os.ReadFile(path)
		check(err)
		lines := strings.Split(strings.SplitN(string(text), "\n\n", 2)[0], "\n")
		old, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
		check(err)
		ours := hashes(lines[1:])
		check(tlog.CheckTree(ours, size, root, old, roots[old]))
		theirs, err := tlog.ProveTree(size, old, reader)
		check(err)
		check(equal(ours, theirs))
	}

	// The checks above would fail.
	altered := roots[1]
	altered[0] ^= 1
	if tlog.CheckTree(nil, size, altered, size, root) == nil || len(proofs) == 0 || len(growths) < 2 {
		check(errors.New("the test compares nothing"))
	}
	fmt.Printf("Go sumdb: %d leaves, %d checkpoints, %d and %d proofs, signed by %s\n",
		size, len(checkpoints), len(proofs), len(growths), verifier.Name())
}
