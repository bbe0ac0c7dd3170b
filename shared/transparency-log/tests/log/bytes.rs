//! The bytes of leaves and batches.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;
use transparency_log::Malformed;
use transparency_log::batch::{Batch, Header};
use transparency_log::leaf::*;
use transparency_log::tree::Frontier;
use uuid::Uuid;

use crate::samples::{any_array, from_seed, leaves, run, signer};

fn label() -> impl Strategy<Value = Label> {
    "[A-Za-z0-9._~:/+=$#-]{1,128}".prop_map(|text| Label::new(text).unwrap())
}

fn month() -> impl Strategy<Value = Month> {
    (any::<u16>(), 1..=12_u8).prop_map(|(year, month)| Month::new(year, month).unwrap())
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn reason() -> impl Strategy<Value = Reason> {
    (1..=7_u8).prop_map(|reason| Reason::from_repr(reason).unwrap())
}

fn missing() -> impl Strategy<Value = Missing> {
    prop::collection::btree_set(label(), 0..5).prop_map(|ids| Missing::new(ids).unwrap())
}

fn logged() -> impl Strategy<Value = Logged> {
    any::<[u64; 8]>().prop_map(|counts| Logged {
        audited: counts[0],
        public: counts[1],
        preflight: counts[2],
        unauthenticated: counts[3],
        throttled: counts[4],
        gateway_errors: counts[5],
        failed: counts[6],
        invocations: counts[7],
    })
}

fn quarantined() -> impl Strategy<Value = QuarantinedRow> {
    let signature = prop::option::of(any_array());
    (uuid(), any_array(), signature).prop_map(|(id, row_hash, signature)| QuarantinedRow {
        id,
        row_hash,
        signature,
    })
}

fn text() -> impl Strategy<Value = Text> {
    "[^\\p{Cc}]{1,250}".prop_map(|text| Text::new(text).unwrap())
}

fn leaf() -> impl Strategy<Value = Leaf> {
    let chain = (uuid(), any_array(), label(), label(), any::<u64>());
    let chain = chain.prop_map(|(chain_id, public_key, function, version, opened_at)| {
        Leaf::Chain(Chain {
            chain_id,
            public_key,
            function,
            version,
            opened_at,
        })
    });
    let row = (month(), uuid(), any::<i64>(), any_array(), any_array());
    let row = row.prop_map(|(month, chain_id, seq, row_hash, signature)| {
        Leaf::Row(Row {
            month,
            chain_id,
            seq,
            row_hash,
            signature,
        })
    });
    let heads = (any::<u64>(), any_array());
    let heads = heads.prop_map(|(chains, digest)| Leaf::Heads(Heads { chains, digest }));
    let reconciliation = (
        any::<u64>(),
        any::<u32>(),
        logged(),
        any::<u64>(),
        missing(),
    );
    let reconciliation = reconciliation.prop_map(|(minute, revision, logged, rows, missing)| {
        Leaf::Reconciliation(Reconciliation {
            minute,
            revision,
            logged,
            rows,
            missing,
        })
    });
    let row_in_quarantine = prop::option::of(quarantined());
    let quarantine = (reason(), month(), uuid(), any::<i64>(), row_in_quarantine);
    let quarantine = quarantine.prop_map(|(reason, month, chain_id, seq, row)| {
        Leaf::Quarantine(Quarantine {
            reason,
            month,
            chain_id,
            seq,
            row,
        })
    });
    let incarnation = (any::<[u64; 2]>(), any_array(), uuid(), text(), any_array());
    let incarnation =
        incarnation.prop_map(|([old_size, kept_size], old_root, database, text, seed)| {
            let statement = Statement {
                old_size,
                old_root,
                kept_size,
                database,
                text,
            };
            Leaf::Incarnation(run(statement.sign(&from_seed(seed))).unwrap())
        });
    prop_oneof![chain, row, heads, reconciliation, quarantine, incarnation]
}

proptest! {
    #[test]
    fn a_leaf_that_is_encoded_and_decoded_is_the_same(leaf in leaf()) {
        prop_assert_eq!(Leaf::decode(&leaf.encode()), Ok(leaf));
    }

    #[test]
    fn bytes_that_decode_are_the_encoding_of_the_leaf(
        leaf in leaf(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in any::<prop::sample::Index>(),
        more in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let mut bytes = leaf.encode();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.extend(more);
        for end in [bytes.len(), cut.index(bytes.len())] {
            if let Ok(decoded) = Leaf::decode(&bytes[..end]) {
                prop_assert_eq!(decoded.encode(), &bytes[..end]);
            }
        }
    }

    #[test]
    fn hostile_bytes_never_panic(kind in 0..8_u8, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [&[1, kind][..], &bytes].concat();
        if let Ok(leaf) = Leaf::decode(&bytes) {
            prop_assert_eq!(leaf.encode(), bytes);
        }
    }

    #[test]
    fn a_batch_that_is_encoded_and_decoded_is_the_same_and_no_other_bytes_are(
        before in 0..600_u64,
        added in prop::collection::vec(leaf(), 1..4),
        header in any::<[u64; 3]>(),
        at in any::<prop::sample::Index>(),
        bit in 0..8,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut tree = Frontier::default();
        (0..before).for_each(|at| tree.append([at as u8; 32], &mut Vec::new()));
        let [number, sealed_at, horizon] = header;
        let header = Header { number, sealed_at, horizon };
        let batch = Batch::new(header, &tree, added.clone()).unwrap();
        prop_assert_eq!((batch.number(), batch.sealed_at(), batch.horizon()), (number, sealed_at, horizon));
        prop_assert_eq!(batch.before(), &tree);
        let expected: Vec<_> = (before..).zip(added).collect();
        prop_assert_eq!(batch.leaves().collect::<Vec<_>>(), expected);
        prop_assert_eq!(&Batch::decode(batch.bytes().clone()).unwrap(), &batch);

        let mut bytes = batch.bytes().to_vec();
        prop_assert!(Batch::decode(Bytes::copy_from_slice(&bytes[..cut.index(bytes.len())])).is_err());
        bytes.push(0);
        prop_assert!(Batch::decode(bytes.clone().into()).is_err());
        bytes.pop();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        if let Ok(other) = Batch::decode(bytes.clone().into()) {
            prop_assert_ne!(&other, &batch);
            prop_assert_eq!(other.bytes(), &bytes);
        }
    }
}

#[test]
fn the_bytes_of_a_row_are_those_that_are_documented() {
    let row = Leaf::Row(Row {
        month: Month::new(2026, 11).unwrap(),
        chain_id: Uuid::from_u128(3),
        seq: 258,
        row_hash: [0xaa; 32],
        signature: [0xbb; 64],
    });
    let expected = [
        &[1, 2, 0x07, 0xea, 11][..],
        &[0; 15],
        &[3, 0, 0, 0, 0, 0, 0, 1, 2],
        &[0xaa; 32],
        &[0xbb; 64],
    ];
    assert_eq!(row.encode(), expected.concat());
}

#[test]
fn missing_ids_out_of_order_or_twice_are_refused() {
    let encoded = |ids: &[&str]| {
        let mut bytes = vec![1, 4];
        bytes.extend([0; 8 + 4 + 9 * 8]);
        bytes.extend((ids.len() as u32).to_be_bytes());
        for id in ids {
            bytes.push(id.len() as u8);
            bytes.extend(id.as_bytes());
        }
        Leaf::decode(&bytes)
    };
    assert!(encoded(&["a", "b"]).is_ok());
    for ids in [["b", "a"], ["a", "a"]] {
        let expected = Malformed("missing ids are in ascending order");
        assert_eq!(encoded(&ids), Err(expected));
    }
}

#[test]
fn a_reconciliation_names_no_more_ids_than_allowed() {
    let ids = |count| (0..count).map(|id| Label::new(format!("{id:020}")).unwrap());
    let most: BTreeSet<_> = ids(MOST_MISSING).collect();
    assert_eq!(Missing::new(most).unwrap().ids().len(), MOST_MISSING);
    assert!(Missing::new(ids(MOST_MISSING + 1)).is_err());
}

#[test]
fn labels_and_texts_hold_no_control_characters_and_labels_no_sentence() {
    for label in [
        "",
        "a b",
        "name@example.org",
        "Müller",
        "a\n",
        &"a".repeat(129),
    ] {
        assert!(Label::new(label).is_err(), "{label}");
    }
    for text in ["", "a\nb", &"a".repeat(1001)] {
        assert!(Text::new(text).is_err(), "{text}");
    }
}

#[test]
fn the_statement_of_an_incarnation_is_signed_by_its_operator() {
    let statement = Statement {
        old_size: 100,
        old_root: [1; 32],
        kept_size: 90,
        database: Uuid::from_u128(7),
        text: Text::new("Restored to Tuesday; ten rows are lost.").unwrap(),
    };
    let incarnation = run(statement.sign(&signer(9))).unwrap();
    assert!(incarnation.is_signed());

    let mut other = incarnation.clone();
    other.statement.kept_size = 91;
    assert!(!other.is_signed());
}

#[test]
fn a_batch_without_leaf_or_too_long_is_refused() {
    let header = Header {
        number: 0,
        sealed_at: 0,
        horizon: 0,
    };
    let tree = Frontier::default();
    assert!(Batch::new(header, &tree, []).is_err());
    // A leaf of heads has 42 bytes, and 4 for its length.
    assert!(Batch::new(header, &tree, leaves(0, 64 * 1024 * 1024 / 46)).is_err());
}
