//! The hash of an audit row is stable, and rows that differ have different hashes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use chrono::DateTime;
use std::fmt::Debug;
use std::str::FromStr;

use audit::{Action, Entry, Outcome, Position, PurposeOfUse, Relation, ResourceType};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// An entry with its position in a chain.
#[derive(Clone, Debug)]
struct Row {
    entry: Entry,
    position: Position,
}

impl Row {
    fn hash(&self) -> [u8; 32] {
        self.entry.hash(&self.position).unwrap()
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn sample() -> Row {
    Row {
        entry: Entry {
            id: id(1).into(),
            timestamp: "2026-01-02T03:04:05.6Z".parse().unwrap(),
            user_id: Some(id(2).into()),
            actor_role: Some("PROVIDER".into()),
            relation: Some(Relation::Care),
            purpose_of_use: Some(PurposeOfUse::Treat),
            action_type: Action::Search,
            resource_type: ResourceType::MedicalRecord,
            resource_id: None,
            patients: vec![id(3).into(), id(4).into()],
            outcome: Outcome::Success,
            source_ip: Some("203.0.113.7".parse().unwrap()),
            user_agent: Some("Grüße/1".into()),
            application: "list-records".into(),
            request_id: "r-1".into(),
            trace_id: Some("1-67891233-abcdef012345678912345678".into()),
            details: Map::from_iter([
                ("b".to_owned(), json!("x")),
                ("a".to_owned(), json!([1, true, null])),
            ]),
        },
        position: Position {
            chain_id: id(5),
            seq: 7,
            prev_hash: [0xab; 32],
            place: [0xcd; 16],
        },
    }
}

/// Another program computed this hash from the description of [`Entry::hash`]. It must not change, or old
/// rows could no longer be verified.
#[test]
fn the_canonical_form_is_unchanged() {
    assert_eq!(
        hex::encode(sample().hash()),
        "f92cf86d708bd846989ecf7d9750eb492a71450bdf86acd4fc6bb5b2962b7e5a"
    );
}

#[test]
fn rows_whose_parts_are_equal_when_joined_have_different_hashes() {
    let mut other = sample();
    other.entry.application = "list-record".into();
    other.entry.request_id = "sr-1".into();
    assert_ne!(sample().hash(), other.hash());
    let mut absent = sample();
    absent.entry.user_agent = None;
    let mut empty = sample();
    empty.entry.user_agent = Some(String::new());
    assert_ne!(absent.hash(), empty.hash());
    let mut swapped = sample();
    swapped.entry.patients.reverse();
    assert_ne!(sample().hash(), swapped.hash());
}

#[test]
fn details_that_rfc_8785_does_not_encode_exactly_are_an_error() {
    for value in [
        json!(0.5),
        json!(1.0),
        json!([1e300]),
        json!({"n": (1_i64 << 53) + 1}),
        json!(u64::MAX),
    ] {
        let mut row = sample();
        row.entry.details.insert("n".into(), value);
        assert!(row.entry.hash(&row.position).is_err(), "{row:?}");
    }
}

#[test]
fn the_order_of_the_details_does_not_matter() {
    let mut other = sample();
    other.entry.details = sample().entry.details.into_iter().rev().collect();
    assert_eq!(sample().hash(), other.hash());
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn label<T: FromStr<Err: Debug> + Debug>(
    labels: &'static [&'static str],
) -> impl Strategy<Value = T> {
    (0..labels.len()).prop_map(|index| labels[index].parse().unwrap())
}

fn details() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ];
    vec(("[a-z_]{1,8}", value), 0..3).prop_map(|pairs| pairs.into_iter().collect())
}

prop_compose! {
    fn about()(
        resource_type in label(ResourceType::LABELS),
        resource_id in option::of(uuid()),
        patients in vec(uuid(), 0..4),
        details in details(),
    ) -> (ResourceType, Option<Uuid>, Vec<Uuid>, Map<String, Value>) {
        (resource_type, resource_id, patients, details)
    }
}

prop_compose! {
    fn row()(
        (id, user_id, chain_id) in (uuid(), option::of(uuid()), uuid()),
        microsecond in 0..4_102_444_800_000_000_i64,
        actor_role in option::of("[A-Z_]{2,20}"),
        (relation, purpose_of_use) in (option::of(label(Relation::LABELS)), option::of(label(PurposeOfUse::LABELS))),
        action_type in label(Action::LABELS),
        (resource_type, resource_id, patients, details) in about(),
        outcome in label(Outcome::LABELS),
        source_ip in option::of(any::<std::net::IpAddr>()),
        user_agent in option::of(any::<String>()),
        (application, request_id, trace_id) in ("[a-z-]{1,20}", "[ -~]{0,36}", option::of("[0-9a-f-]{35}")),
        seq in 1..i64::MAX,
        (prev_hash, place) in any::<([u8; 32], [u8; 16])>(),
    ) -> Row {
        Row {
            entry: Entry {
                id: id.into(),
                timestamp: DateTime::from_timestamp_micros(microsecond).unwrap().into(),
                user_id: user_id.map(Into::into),
                actor_role,
                relation,
                purpose_of_use,
                action_type,
                resource_type,
                resource_id,
                patients: patients.into_iter().map(Into::into).collect(),
                outcome,
                source_ip,
                user_agent,
                application,
                request_id,
                trace_id,
                details,
            },
            position: Position { chain_id, seq, prev_hash, place },
        }
    }
}

proptest! {
    #[test]
    fn a_row_with_one_field_of_another_row_has_another_hash(row in row(), other in row(), field in 0..21) {
        let mut changed = row.clone();
        let (to, from) = (&mut changed.entry, &other.entry);
        match field {
            0 => to.id = from.id,
            1 => to.timestamp = from.timestamp,
            2 => to.user_id = from.user_id,
            3 => to.actor_role.clone_from(&from.actor_role),
            4 => to.action_type = from.action_type,
            5 => to.resource_type = from.resource_type,
            6 => to.resource_id = from.resource_id,
            7 => to.patients.clone_from(&from.patients),
            8 => to.outcome = from.outcome,
            9 => to.source_ip = from.source_ip,
            10 => to.user_agent.clone_from(&from.user_agent),
            11 => to.application.clone_from(&from.application),
            12 => to.request_id.clone_from(&from.request_id),
            13 => to.details.clone_from(&from.details),
            14 => changed.position.chain_id = other.position.chain_id,
            15 => changed.position.seq = other.position.seq,
            16 => to.relation = from.relation,
            17 => to.purpose_of_use = from.purpose_of_use,
            18 => to.trace_id.clone_from(&from.trace_id),
            19 => changed.position.place = other.position.place,
            _ => changed.position.prev_hash = other.position.prev_hash,
        }
        let same = changed.entry == row.entry
            && changed.position == row.position;
        prop_assert_eq!(changed.hash() == row.hash(), same);
    }

    #[test]
    fn a_hash_is_a_function_of_the_row(row in row()) {
        prop_assert_eq!(row.hash(), row.clone().hash());
    }
}
