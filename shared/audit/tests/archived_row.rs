//! A line of an archived month gives the row that was stored, and its hash.

use audit::{ArchivedRow, Outcome, Relation, ResourceType};
use serde_json::json;

/// The row whose hash `hash.rs` has from another program, as PostgreSQL writes it.
const LINE: &str = r#"{"id":"00000000-0000-0000-0000-000000000001","month":"2026-01-01","timestamp":"2026-01-02T03:04:05.6+00:00","user_id":"00000000-0000-0000-0000-000000000002","actor_role":"PROVIDER","relation":"CARE","purpose_of_use":"TREAT","action_type":"SEARCH","resource_type":"MEDICAL_RECORD","resource_id":null,"patient_id":null,"patient_ids":["00000000-0000-0000-0000-000000000003","00000000-0000-0000-0000-000000000004"],"outcome":"SUCCESS","source_ip":"203.0.113.7/32","user_agent":"Grüße/1","application":"list-records","request_id":"r-1","trace_id":"1-67891233-abcdef012345678912345678","details":{"a": [1, true, null], "b": "x"},"chain_id":"00000000-0000-0000-0000-000000000005","seq":7,"prev_hash":"\\xabababababababababababababababababababababababababababababababab","row_hash":"\\xf92cf86d708bd846989ecf7d9750eb492a71450bdf86acd4fc6bb5b2962b7e5a","form":3,"place":"\\xcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","signature":"\\x07070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707","xid":"814"}"#;

#[test]
fn a_line_gives_the_row_that_was_stored() {
    let line = ArchivedRow::parse(LINE).unwrap();
    let row = line.stored_row().unwrap();
    assert!(row.is_intact());
    assert_eq!(row.entry.hash(&row.position).unwrap(), row.row_hash);
    assert_eq!(row.entry.relation, Some(Relation::Care));
    assert_eq!(row.entry.resource_type, ResourceType::MedicalRecord);
    assert_eq!(row.entry.outcome, Outcome::Success);
    assert_eq!(row.entry.user_agent.as_deref(), Some("Grüße/1"));
    assert_eq!(row.entry.details["a"], json!([1, true, null]));
    assert_eq!((row.xid, row.signature), (814, [7; 64]));
    let sealable = line.sealable().unwrap();
    assert!(sealable.is_intact);
    assert_eq!((sealable.seq, sealable.xid), (7, 814));
    assert_eq!(sealable.row_hash, row.row_hash);
}

#[test]
fn a_line_with_another_value_gives_a_row_that_is_not_intact() {
    for (from, to) in [
        ("Grüße/1", "Gruesse/1"),
        ("203.0.113.7/32", "203.0.113.0/24"),
        (r#""a": [1, "#, r#""a": [2, "#),
        (r#""b": "x""#, r#""b": 0.5"#),
        (r#"{"a": [1, true, null], "b": "x"}"#, "[1]"),
        ("000000000004\"]", "000000000004\", null]"),
        ("\"seq\":7", "\"seq\":-7"),
        ("05.6+00:00", "05.7+00:00"),
        (r#""place":"\\xcdcd"#, r#""place":"\\xcd"#),
    ] {
        let line = LINE.replace(from, to);
        assert_ne!(line, LINE, "{from}");
        let row = ArchivedRow::parse(&line).unwrap();
        assert!(!row.sealable().unwrap().is_intact, "{to}");
        assert!(!row.stored_row().is_ok_and(|row| row.is_intact()), "{to}");
    }
}

#[test]
fn a_row_with_a_time_that_no_function_writes_can_be_read_but_not_judged() {
    let line = LINE.replace("2026-01-02T03:04:05.6+00:00", "infinity");
    let row = ArchivedRow::parse(&line).unwrap();
    assert_eq!((row.seq, row.place()), (7, Some([0xcd; 16])));
    assert!(row.sealable().is_err());
    assert!(row.stored_row().is_err());
}
