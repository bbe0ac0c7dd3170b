//! Chains of a plain environment, and what an owner of the database can do to them.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;

const JANUARY: (i32, u32) = (2030, 1);

struct Environment {
    pair: Ed25519KeyPair,
    chain: Chain,
    written: u64,
}

fn day((year, month): (i32, u32)) -> Date {
    NaiveDate::from_ymd_opt(year, month, 1).unwrap().into()
}

impl Environment {
    fn new() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public_key = pair.public_key().as_ref().try_into().unwrap();
        Self {
            pair,
            chain: Chain {
                chain_id: Uuid::from_u128(1),
                public_key,
                function: "get-patient".into(),
                month: None,
                seq: 0,
                hash: [0; 32],
                is_broken: false,
            },
            written: 0,
        }
    }

    /// A row after this hash, with a hash of its own.
    fn row(&mut self, seq: i64, prev_hash: [u8; 32]) -> Sealable {
        self.written += 1;
        let mut row_hash = [7; 32];
        row_hash[..8].copy_from_slice(&self.written.to_be_bytes());
        Sealable {
            id: Uuid::from_u128(self.written.into()),
            month: day(JANUARY),
            chain_id: self.chain.chain_id,
            seq,
            prev_hash,
            row_hash,
            signature: Some(self.pair.sign(&row_hash).as_ref().try_into().unwrap()),
            xid: self.written,
            is_intact: true,
            application: "get-patient".into(),
            timestamp: domain::time::Timestamp::now(),
            month_of_time: day(JANUARY),
        }
    }

    fn rows(&mut self, count: i64) -> Vec<Sealable> {
        let mut rows: Vec<Sealable> = Vec::new();
        for seq in 1..=count {
            let before = rows.last().map_or([0; 32], |row| row.row_hash);
            rows.push(self.row(seq, before));
        }
        rows
    }
}

fn seqs(checked: &Checked) -> Vec<i64> {
    checked.rows.iter().map(|row| row.seq).collect()
}

fn reasons(checked: &Checked) -> Vec<(i64, Reason)> {
    let places = checked.quarantined.iter();
    places.map(|place| (place.seq, place.reason)).collect()
}

#[test]
fn rows_that_continue_a_chain_are_sealed_in_any_order_and_in_any_portions() {
    for split in 0..=6 {
        let mut environment = Environment::new();
        let mut rows = environment.rows(6);
        let mut later = rows.split_off(split);
        rows.reverse();
        later.reverse();
        let mut chain = environment.chain;
        let first = chain.check(rows, false).unwrap();
        let second = chain.check(later, false).unwrap();
        assert_eq!([seqs(&first), seqs(&second)].concat(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(first.quarantined.len() + second.quarantined.len(), 0);
        assert_eq!((chain.seq, chain.is_broken), (6, false));
    }
}

#[test]
fn a_forged_row_at_any_place_goes_to_quarantine_and_the_true_rows_are_sealed() {
    for seq in 1..=4 {
        for is_intact in [true, false] {
            let mut environment = Environment::new();
            let mut rows = environment.rows(3);
            let mut forged = Environment::new().row(seq, [0; 32]);
            if !is_intact {
                // Hash and signature are those of a true row, but not the content.
                let copied = Sealable {
                    id: forged.id,
                    seq,
                    is_intact,
                    ..rows[0].clone()
                };
                forged = copied;
            }
            rows.insert(0, forged);
            let checked = environment.chain.check(rows, false).unwrap();
            let reason = match is_intact {
                true => Reason::InvalidSignature,
                false => Reason::WrongHash,
            };
            assert_eq!(seqs(&checked), [1, 2, 3]);
            assert_eq!(reasons(&checked), [(seq, reason)]);
            assert!(!environment.chain.is_broken);
        }
    }
}

#[test]
fn of_two_rows_that_the_environment_signed_for_one_place_the_followed_one_is_sealed() {
    let mut environment = Environment::new();
    let other = environment.row(1, [0; 32]);
    let rows = environment.rows(2);
    let all = [vec![other], rows].concat();
    let checked = environment.chain.check(all, false).unwrap();
    assert_eq!(seqs(&checked), [1, 2]);
    assert_eq!(reasons(&checked), [(1, Reason::TakenPlace)]);

    // Also if the place was sealed before.
    let late = environment.row(2, [0; 32]);
    let checked = environment.chain.check(vec![late], false).unwrap();
    assert_eq!(reasons(&checked), [(2, Reason::TakenPlace)]);
    assert!(!environment.chain.is_broken);
}

#[test]
fn after_a_gap_nothing_is_sealed_and_the_place_is_named() {
    let mut environment = Environment::new();
    let mut rows = environment.rows(4);
    rows.remove(1);
    let checked = environment.chain.check(rows, false).unwrap();
    assert_eq!(seqs(&checked), [1]);
    assert_eq!(
        reasons(&checked),
        [
            (2, Reason::MissingRow),
            (3, Reason::BrokenLink),
            (4, Reason::BrokenLink)
        ]
    );
    assert!(environment.chain.is_broken);
    let fifth = environment.row(5, [1; 32]);
    let checked = environment.chain.check(vec![fifth], false).unwrap();
    assert_eq!(reasons(&checked), [(5, Reason::BrokenLink)]);
}

#[test]
fn a_gap_whose_row_comes_holds_the_rows_after_it_back() {
    let mut environment = Environment::new();
    let mut rows = environment.rows(4);
    let second = rows.remove(1);
    let later = rows.split_off(1);
    let mut first = environment.chain.check(rows, true).unwrap();
    first.waits |= environment.chain.check(later.clone(), true).unwrap().waits;
    assert_eq!(seqs(&first), [1]);
    assert!(first.waits);
    let rest = [later, vec![second]].concat();
    let checked = environment.chain.check(rest, false).unwrap();
    assert_eq!(seqs(&checked), [2, 3, 4]);
    assert!(!checked.waits && checked.quarantined.is_empty());
}

#[test]
fn a_row_that_does_not_follow_or_belongs_elsewhere_breaks_its_chain() {
    type Change = fn(&mut Sealable);
    let changes: [(Change, Reason); 4] = [
        (|row| row.prev_hash = [9; 32], Reason::BrokenLink),
        (
            |row| row.application = "get-file".into(),
            Reason::ForeignRow,
        ),
        (|row| row.month = day((2030, 2)), Reason::ForeignRow),
        (|row| row.month_of_time = day((2030, 2)), Reason::ForeignRow),
    ];
    for (change, reason) in changes {
        let mut environment = Environment::new();
        let mut rows = environment.rows(3);
        change(&mut rows[1]);
        let checked = environment.chain.check(rows, false).unwrap();
        assert_eq!(seqs(&checked), [1]);
        assert_eq!(reasons(&checked), [(2, reason), (3, Reason::BrokenLink)]);
        assert!(environment.chain.is_broken);
    }
}

#[test]
fn a_chain_belongs_to_the_month_of_its_first_row() {
    let mut environment = Environment::new();
    let mut rows = environment.rows(2);
    for row in &mut rows {
        row.month = day((2030, 2));
        row.month_of_time = day((2030, 2));
    }
    let checked = environment.chain.check(rows, false).unwrap();
    assert_eq!(seqs(&checked), [1, 2]);
    assert_eq!(checked.rows[0].month, Month::new(2030, 2).unwrap());
}
