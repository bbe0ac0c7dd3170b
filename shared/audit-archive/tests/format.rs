//! A month is read as it was written, and nothing else is taken for it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use audit_archive::{
    BLOCK_ROWS, Fault, Manifest, Part, block, decode_block, encode, manifest, manifest_key, months,
    part, part_key, parts,
};
use bytes::Bytes;
use domain::time::Date;
use futures_util::TryStreamExt as _;
use proptest::prelude::*;
use transparency_log::store::{Folder, ObjectStore};

fn month() -> Date {
    "2024-10-01".parse().unwrap()
}

/// A line of the row at this position, with text that JSON must escape.
fn line(seq: usize, agent: &str) -> String {
    let agent = serde_json::to_string(agent).unwrap();
    let hash = format!("{seq:064x}");
    format!(
        r#"{{"id":"00000000-0000-7000-8000-{seq:012x}","month":"2024-10-01","timestamp":"2024-10-02T03:04:05.6+00:00","user_id":null,"actor_role":null,"relation":null,"purpose_of_use":null,"action_type":"PROCESS","resource_type":"FILE","resource_id":null,"patient_id":null,"patient_ids":null,"outcome":"SUCCESS","source_ip":null,"user_agent":{agent},"application":"process-upload","request_id":"r-{seq}","trace_id":null,"details":{{"n": {seq}}},"chain_id":"00000000-0000-0000-0000-000000000005","seq":{seq},"prev_hash":"\\x{hash}","row_hash":"\\x{hash}","form":3,"place":"\\x{seq:032x}","signature":"\\x{hash}{hash}","xid":"814"}}"#
    )
}

fn lines(rows: std::ops::Range<usize>) -> Vec<String> {
    rows.map(|seq| line(seq + 1, "curl \n \u{2028} \""))
        .collect()
}

fn encoded(lines: &[String]) -> Vec<u8> {
    encode(lines.iter().map(String::as_str)).unwrap()
}

#[test]
fn a_part_has_its_lines_in_blocks_that_can_be_read_alone() {
    let lines = lines(0..2 * BLOCK_ROWS + 3);
    let bytes = encoded(&lines);
    let part = Part::decode(&bytes).unwrap();
    assert!(part.lines().eq(lines.iter().map(String::as_str)));
    assert_eq!(part.entry().rows, lines.len() as u64);
    assert!(part.rows().all(|row| row.is_ok()));
    let rows: Vec<_> = part.blocks().iter().map(|block| block.rows).collect();
    assert_eq!(rows, [BLOCK_ROWS as u64, BLOCK_ROWS as u64, 3]);
    let last = part.blocks()[2];
    let frame = &bytes[last.offset as usize..(last.offset + last.length) as usize];
    let block = decode_block(frame).unwrap();
    assert!(block.lines().eq(lines[2 * BLOCK_ROWS..].iter()));
}

/// Whoever has no program of ours decompresses a part like any file.
#[test]
fn a_part_is_a_file_that_any_zstandard_reads_whole() {
    let lines = lines(0..BLOCK_ROWS + 1);
    let whole = zstd::decode_all(&encoded(&lines)[..]).unwrap();
    assert_eq!(String::from_utf8(whole).unwrap(), lines.join("\n") + "\n");
}

#[tokio::test]
async fn a_month_is_read_part_by_part_and_row_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path());
    assert!(manifest(&store, month()).await.unwrap().is_none());
    assert!(months(&store).await.unwrap().is_empty());
    let mut entries = Vec::new();
    for (number, rows) in [(0, 0..300), (1, 300..301)] {
        let bytes = Bytes::from(encoded(&lines(rows)));
        entries.push(Part::decode(&bytes).unwrap().entry().clone());
        store
            .create(&part_key(month(), number), bytes, None)
            .await
            .unwrap();
    }
    let written = Manifest::of(month(), entries);
    let bytes = Bytes::from(written.encode());
    store
        .create(&manifest_key(month()), bytes, None)
        .await
        .unwrap();
    assert_eq!(months(&store).await.unwrap(), [month()]);
    let read = manifest(&store, month()).await.unwrap().unwrap();
    assert_eq!((&read, read.rows), (&written, 301));
    let all: Vec<_> = parts(&store, &read).try_collect().await.unwrap();
    let all: Vec<_> = all.iter().flat_map(Part::lines).collect();
    assert_eq!(all, lines(0..301));
    let second = part(&store, month(), 0).await.unwrap().unwrap().blocks()[1];
    let one = block(&store, month(), 0, second.offset, second.length).await;
    assert!(one.unwrap().lines().eq(&lines(256..300)));
    assert!(block(&store, month(), 7, 0, 1).await.is_err());

    // Another part in the place of one is found, and a missing one.
    let key = part_key(month(), 1);
    let other = encoded(&lines(400..401));
    store.put(&key, Bytes::from(other)).await.unwrap();
    let found: Result<Vec<_>, _> = parts(&store, &read).try_collect().await;
    let error = found.err().unwrap();
    assert!(matches!(error.fault, Fault::Differs(_)), "{error}");
    std::fs::remove_file(folder.path().join(key)).unwrap();
    let found: Result<Vec<_>, _> = parts(&store, &read).try_collect().await;
    assert!(matches!(found.err().unwrap().fault, Fault::Missing));
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    let entry = |rows| {
        Part::decode(&encoded(&lines(rows)))
            .unwrap()
            .entry()
            .clone()
    };
    let good = Manifest::of(month(), vec![entry(0..2), entry(2..3)]);
    assert!(Manifest::decode(month(), &good.encode()).is_ok());
    let changes: [fn(&mut Manifest); 5] = [
        |manifest| manifest.rows += 1,
        |manifest| manifest.parts.reverse(),
        |manifest| manifest.parts[0].root[0] ^= 1,
        |manifest| manifest.form += 1,
        |manifest| manifest.parts.truncate(1),
    ];
    for change in changes {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(Manifest::decode(month(), &bad.encode()).is_err(), "{bad:?}");
    }
    let other = "2024-11-01".parse().unwrap();
    assert!(Manifest::decode(other, &good.encode()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_written_is_read(agents in prop::collection::vec(".{0,20}", 1..600)) {
        let lines: Vec<_> = (1..).zip(&agents).map(|(seq, agent)| line(seq, agent)).collect();
        let part = Part::decode(&encoded(&lines)).unwrap();
        prop_assert!(part.lines().eq(lines.iter().map(String::as_str)));
    }

    #[test]
    fn a_part_with_another_byte_is_not_the_part(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let bytes = encoded(&lines(0..300));
        let entry = Part::decode(&bytes).unwrap().entry().clone();
        let mut other = bytes.clone();
        other[place.index(bytes.len())] ^= 1 << bit;
        prop_assert!(Part::decode(&other).map_or(true, |part| entry.check(&part).is_err()));
    }

    #[test]
    fn a_part_that_was_cut_is_not_the_part(place in any::<prop::sample::Index>()) {
        let bytes = encoded(&lines(0..300));
        let entry = Part::decode(&bytes).unwrap().entry().clone();
        let cut = &bytes[..place.index(bytes.len())];
        prop_assert!(Part::decode(cut).map_or(true, |part| entry.check(&part).is_err()));
    }

    #[test]
    fn no_bytes_end_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Part::decode(&bytes).is_err());
        prop_assert!(Manifest::decode(month(), &bytes).is_err());
    }
}
