//! What the logs of functions and gateway prove, and what explains a line without row.

use tests::prelude::*;
use verify::report::{Aspect, Subject};

use super::scene::{ALL, Case, case};

use Aspect::{Authenticity, Completeness};

const INVOCATION: &str = "00000000-0000-4000-8000-00000000000a";

/// Adds the offer line of a row that doesn't exist. Returns how a finding names the row.
fn offer(case: &Case, request_id: &str) -> Subject {
    let chain_id = Uuid::new_v4();
    case.add_function_line(&json!({
        "timestamp": "2026-01-07T09:05:03.250000Z", "level": "INFO", "message": audit::lines::OFFERED, "target": "audit",
        "chain_id": chain_id, "seq": 3, "prev_hash": "00", "row_hash": "00", "request_id": request_id,
    }));
    Subject::Row {
        id: None,
        chain_id,
        seq: 3,
    }
}

fn answered(case: &Case, request_id: &str, status: u16) {
    case.add_function_line(&json!({
        "message": "request answered", "request_id": request_id, "function": "get-me", "status": status,
    }));
}

/// Adds a line of the access log, in the form that the template sets.
fn gateway(case: &Case, request_id: &str, method: &str, route: &str, status: &str, call: &str) {
    case.add_gateway_line(&json!({
        "request_id": request_id, "time": "07/Jan/2026:09:05:03 +0000", "time_epoch": "1767776703250",
        "source_ip": "203.0.113.9", "method": method, "route": route, "status": status, "latency_ms": "1", "bytes": "1",
        "error": "-", "integration_error": "-", "integration_status": "200", "integration_request_id": call,
    }));
}

#[tokio::test]
async fn an_offer_alone_beside_an_answer_of_success_is_a_violation() {
    let case = case().await;
    let row = offer(&case, "r");
    let explained = Case::clone_logs(&case).await;
    answered(&explained, "r", 503);
    explained.is_intact().await;
    answered(&case, "r", 200);
    case.is_violated(Completeness, &row).await;
}

#[tokio::test]
async fn the_gateways_answer_judges_an_offer_whose_function_logged_none() {
    let case = case().await;
    let row = offer(&case, "r");
    let explained = Case::clone_logs(&case).await;
    gateway(&explained, "r", "GET", "GET /v1/me", "504", INVOCATION);
    explained.is_intact().await;
    gateway(&case, "r", "GET", "GET /v1/me", "200", INVOCATION);
    case.is_violated(Completeness, &row).await;
    case.is_violated(Completeness, &Subject::Request("r".to_owned()))
        .await;
}

#[tokio::test]
async fn a_crash_of_the_environment_explains_an_offer_alone() {
    let case = case().await;
    let row = offer(&case, &format!("{INVOCATION}/step"));
    let report = |status: &str| {
        json!({"time": "2026-01-07T09:05:04Z", "type": "platform.report",
            "record": {"requestId": INVOCATION, "status": status}})
    };
    case.add_function_line(
        &json!({"time": "2026-01-07T09:05:03Z", "type": "platform.start",
        "record": {"requestId": INVOCATION}}),
    );
    // Without report the environment died.
    case.is_intact().await;
    let crashed = Case::clone_logs(&case).await;
    crashed.add_function_line(&report("timeout"));
    crashed.is_intact().await;
    case.add_function_line(&report("success"));
    case.is_violated(Completeness, &row).await;
}

#[tokio::test]
async fn an_offer_that_nothing_explains_is_unknown() {
    let case = case().await;
    offer(&case, "r");
    let report = case.verify().await;
    assert_eq!(report.exit_code(&[]), 0, "{report}");
    assert_eq!(report.exit_code(&ALL), 2, "{report}");
}

#[tokio::test]
async fn a_request_without_row_is_a_violation_unless_its_kind_has_none() {
    let case = case().await;
    let route = "GET /v1/me";
    for (method, route, status, call) in [
        ("OPTIONS", route, "204", "-"),
        ("GET", "-", "404", "-"),
        ("GET", "GET /health", "200", INVOCATION),
        ("GET", route, "401", INVOCATION),
        ("GET", route, "429", INVOCATION),
        ("GET", route, "413", "-"),
        ("GET", route, "500", INVOCATION),
        ("GET", route, "503", "-"),
    ] {
        gateway(&case, "exempt", method, route, status, call);
    }
    case.is_intact().await;
    for status in ["200", "304", "403", "404", "422"] {
        let id = format!("r-{status}");
        gateway(&case, &id, "GET", route, status, INVOCATION);
        case.is_violated(Completeness, &Subject::Request(id)).await;
    }
}

#[tokio::test]
async fn an_invocation_that_committed_more_rows_than_exist_is_a_violation() {
    let case = case().await;
    let handled = |rows| json!({"message": "event handled", "request_id": INVOCATION, "function": "expire-uploads", "rows": rows});
    case.add_function_line(&handled(0));
    case.is_intact().await;
    case.add_function_line(&handled(2));
    let missing = Subject::Request(INVOCATION.to_owned());
    let reasons = case.is_violated(Completeness, &missing).await;
    assert!(reasons.contains("committed 2"), "{reasons}");
}

#[tokio::test]
async fn a_second_key_for_a_chain_is_found_whether_the_chain_is_sealed_or_not() {
    let case = case().await;
    for row in [case.scene.sealed_chain()[0], case.scene.new_row()] {
        let chain_id = row.position.chain_id;
        let key = case.announced_key(chain_id);
        let opened = |public_key: &str, function: &str| {
            json!({
                "timestamp": "2026-01-07T09:05:03.250000Z", "message": audit::lines::OPENED, "chain_id": chain_id,
                "public_key": public_key, "function": function, "version": "0.1.0",
            })
        };
        let subject = Subject::Chain(chain_id);
        // The same line again is no contradiction.
        let honest = Case::clone_logs(&case).await;
        honest.add_function_line(&opened(&key, &row.entry.application));
        honest.is_intact().await;
        for line in [
            opened(&"07".repeat(32), &row.entry.application),
            opened(&key, "get-file"),
        ] {
            let tampered = Case::clone_logs(&case).await;
            tampered.add_function_line(&line);
            tampered.is_violated(Authenticity, &subject).await;
        }
    }
}

#[tokio::test]
async fn a_chain_that_no_function_announced_is_found() {
    let mut case = case().await;
    case.is_intact().await;
    // The log of another day, which is said to be complete until now.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("1"), "1767776703250 s \"{}\"\n").unwrap();
    case.inputs.function_log = vec![folder.path().to_owned()];
    case.inputs.logs_until = Some(domain::time::Timestamp::now());
    let sealed = case.scene.sealed_chain()[0].position.chain_id;
    case.is_violated(Authenticity, &Subject::Chain(sealed))
        .await;
    let row = super::scene::row(case.scene.new_row());
    case.is_violated(Authenticity, &row).await;
}
