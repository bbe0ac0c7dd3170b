//! `GET /v1/audit-logs`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("list-audit-logs", "SEARCH", "AUDIT_LOG")
}

#[tokio::test]
async fn an_officer_reads_who_did_what_and_the_reading_is_recorded() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let officer = world.officer().await;
    let chart = format!("/v1/patients/{}", ada.id);
    let read = ada.get(&chart).await.expect(200);
    let refused = ben.get(&chart).await.problem(404, "not-found");

    let answer = officer.get("/v1/audit-logs").await.expect(200);
    let items = answer.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let stored = world.audit_of(&refused).await.remove(0);
    assert_eq!(
        items[0],
        json!({
            "id": stored.entry.id,
            "timestamp": stored.entry.timestamp,
            "user_id": ben.user,
            "actor_role": "PATIENT",
            "relation": null,
            "purpose_of_use": null,
            "action_type": "READ",
            "resource_type": "PATIENT",
            "resource_id": ada.id,
            "patient_id": ada.id,
            "patient_ids": null,
            "outcome": "DENIED",
            "source_ip": "127.0.0.1",
            "user_agent": stored.entry.user_agent,
            "application": "get-patient",
            "request_id": refused.request_id(),
            "trace_id": stored.entry.trace_id,
            "details": {"reason": "not-found"},
            "chain_id": stored.position.chain_id,
            "seq": stored.position.seq,
            "prev_hash": items[1]["row_hash"],
            "row_hash": hex::encode(stored.row_hash),
            "form": 3,
            "place": hex::encode(stored.position.place),
            "signature": hex::encode(stored.signature),
        })
    );
    assert_eq!(items[1]["request_id"], read.request_id());
    assert_eq!(items[1]["outcome"], "SUCCESS");
    assert_eq!(items[1]["relation"], "SELF");
    assert_eq!(items[1]["purpose_of_use"], "PATRQT");
    world.audited(&answer, row().by(&officer)).await;
}

#[tokio::test]
async fn pages_list_each_row_once_including_reads_of_the_log() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let officer = world.officer().await;
    for _ in 0..3 {
        ada.get("/v1/me").await.expect(200);
    }
    let first = officer.get("/v1/audit-logs?limit=2").await.expect(200);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = officer
        .get(&format!("/v1/audit-logs?limit=2&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(second.body["next_cursor"], Value::Null);
    let mut seen = [first.ids(), second.ids()].concat();
    assert_eq!(seen.len(), 3);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 3);

    // The officer's own rows are newer than the cursor, so the second page didn't contain them.
    let newest = officer.get("/v1/audit-logs?limit=1").await.expect(200);
    assert_eq!(newest.body["items"][0]["application"], "list-audit-logs");
    assert_eq!(newest.body["items"][0]["user_id"], json!(officer.user));
}

#[tokio::test]
async fn filters_work_alone_and_together() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (ben, officer) = (world.patient("Ben").await, world.officer().await);
    world.assign(&ada, &vera).await;
    world.assign(&ben, &vera).await;
    let chart = format!("/v1/patients/{}", ada.id);
    let read = ada.get(&chart).await.expect(200);
    let denied = ben.get(&chart).await.problem(404, "not-found");
    let list = vera.get("/v1/patients").await.expect(200);
    let directory = format!("/v1/providers/{}", vera.id);
    let provider = ben.get(&directory).await.expect(200);
    let between = world.audit_of(&list).await[0].entry.timestamp;

    for (query, expected) in [
        (format!("user_id={}", ada.user), vec![&read]),
        // Rows match if the patient is the only one concerned or one of several.
        (
            format!("patient_id={}", ada.id),
            vec![&list, &denied, &read],
        ),
        (format!("patient_id={}", ben.id), vec![&list]),
        (
            format!("resource_type=PATIENT&resource_id={}", ada.id),
            vec![&denied, &read],
        ),
        (
            format!("resource_id={}&patient_id={}", ada.id, ada.id),
            vec![&denied, &read],
        ),
        (
            format!("resource_id={}&patient_id={}", ada.id, ben.id),
            vec![],
        ),
        (format!("resource_id={}", vera.id), vec![&provider]),
        ("action_type=SEARCH&application=".to_owned(), vec![]),
        ("outcome=DENIED".to_owned(), vec![&denied]),
        (
            format!("patient_id={}&outcome=SUCCESS", ada.id),
            vec![&list, &read],
        ),
        ("purpose_of_use=TREAT".to_owned(), vec![&list]),
        ("purpose_of_use=ETREAT".to_owned(), vec![]),
        (
            format!("purpose_of_use=PATRQT&patient_id={}", ada.id),
            vec![&read],
        ),
        (format!("request_id={}", denied.request_id()), vec![&denied]),
        (format!("user_id={}&from={between}", vera.user), vec![&list]),
        (
            format!("patient_id={}&to={between}", ada.id),
            vec![&denied, &read],
        ),
    ] {
        let answer = officer.get(&format!("/v1/audit-logs?{query}")).await;
        if query.contains("application") {
            // This endpoint has no such filter.
            answer.invalid("application");
            continue;
        }
        let answer = answer.expect(200);
        let items = answer.body["items"].as_array().unwrap();
        let found: Vec<_> = items.iter().map(|item| &item["request_id"]).collect();
        let expected: Vec<_> = expected.iter().map(|answer| answer.request_id()).collect();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn a_filter_by_patient_is_noted_but_the_patient_is_not_concerned() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let answer = officer
        .get(&format!("/v1/audit-logs?patient_id={}", ada.id))
        .await
        .expect(200);
    let noted = row()
        .by(&officer)
        .detail("filtered_patient_id", ada.id.to_string());
    world.audited(&answer, noted).await;
}

#[tokio::test]
async fn only_an_officer_reads_the_log() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    for caller in [&*ada, &*vera, &admin] {
        let denied = row().by(caller).denied("forbidden");
        world
            .refused(caller.get("/v1/audit-logs"), 403, denied)
            .await;
    }
}

#[tokio::test]
async fn a_filter_out_of_bounds_is_named() {
    let world = World::new().await;
    let officer = world.officer().await;
    for (query, field) in [
        ("outcome=REFUSED", "outcome"),
        ("from=yesterday", "from"),
        ("resource_type=CHART", "resource_type"),
        ("purpose_of_use=CURIOSITY", "purpose_of_use"),
    ] {
        world
            .invalid(
                officer.get(&format!("/v1/audit-logs?{query}")),
                field,
                row().by(&officer),
            )
            .await;
    }
}
