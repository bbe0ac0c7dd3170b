//! The sealer compares the invocations of events and schedules with their audit rows.

use std::collections::BTreeMap;

use tests::calls::{Calls, Fault};
use tests::prelude::*;
use tests::sealed_log::*;
use transparency_log::leaf::Reconciliation;

/// A world whose minutes are reconciled at once.
async fn world(more: &[(&str, String)]) -> World {
    let mut environment = BTreeMap::from([("AUDIT_RECONCILE_AFTER".to_owned(), "0".to_owned())]);
    let more = more.iter();
    environment.extend(more.map(|(name, value)| ((*name).to_owned(), value.clone())));
    World::with(Setup {
        environment,
        ..Setup::default()
    })
    .await
}

/// Reconciles all that happened so far, as if it was three minutes ago. Returns the minutes in which something was
/// invoked, added up.
async fn reconciled(world: &World) -> (u64, Vec<String>) {
    world.cloud.settled().await;
    world.move_logs_back(3);
    let minutes = async || {
        world.seal().await;
        let minutes = world.reconciliations().await;
        let minutes = minutes.into_iter().filter(|minute| minute.revision == 0);
        minutes
            .filter(|minute| minute.logged.invocations > 0 || minute.missing.ids().len() > 0)
            .collect::<Vec<Reconciliation>>()
    };
    eventually("the minutes are reconciled", async || {
        !minutes().await.is_empty()
    })
    .await;
    let minutes = minutes().await;
    let missing = minutes.iter().flat_map(|minute| minute.missing.ids());
    let missing = missing.map(ToString::to_string).collect();
    let invocations = minutes.iter().map(|minute| minute.logged.invocations);
    (invocations.sum(), missing)
}

/// The request ids of the rows of a function, oldest first.
async fn steps(world: &World, function: &str) -> Vec<String> {
    let mut rows = world.audit_log().await;
    rows.retain(|row| row.entry.application == function);
    rows.sort_by_key(|row| row.entry.id);
    rows.into_iter().map(|row| row.entry.request_id).collect()
}

fn invocation(step: &str) -> String {
    step.split_once('/').unwrap().0.to_owned()
}

async fn remove_row(world: &World, request_id: &str) {
    let connection = world.connect().await;
    let statement = format!(
        "set session_replication_role = replica; delete from audit_logs where request_id = '{request_id}'"
    );
    connection.batch_execute(&statement).await.unwrap();
}

#[tokio::test]
async fn a_job_and_an_upload_have_their_rows_and_a_row_that_is_missing_is_named() {
    for removes in [false, true] {
        let world = world(&[]).await;
        let ada = world.patient("Ada").await;
        world.uploaded(&ada, "application/pdf", files::PDF).await;
        world
            .cloud
            .invoke("ensure-audit-partitions", &json!({}))
            .await
            .unwrap();
        let steps = steps(&world, "process-upload").await;
        assert_eq!(steps.len(), 2);
        if removes {
            remove_row(&world, &steps[1]).await;
        }
        let (invocations, missing) = reconciled(&world).await;
        assert_eq!(invocations, 2);
        match removes {
            true => assert_eq!(missing, [invocation(&steps[1])]),
            false => assert_eq!(missing, [""; 0]),
        }
        assert_eq!(world.sealer_lines(MISSING), usize::from(removes));
    }
}

#[tokio::test]
async fn a_row_of_an_invocation_that_died_is_missed_although_a_later_try_has_rows() {
    for removes in [false, true] {
        let calls = Calls::new().await;
        let endpoint = ("S3_ENDPOINT", calls.url());
        let world = world(&[endpoint]).await;
        calls.lead_to(&world.cloud.objects().url());
        let ada = world.patient("Ada").await;
        let (_, upload) = world.announced(&ada, "application/pdf", files::PDF).await;
        // The upload is the first call. The function asks for the object's head, and then for its bytes.
        calls.fail_from(3, Fault::Silent);
        assert_eq!(ada.upload(&upload, files::PDF).await, 200);
        calls.have_failed().await;
        let first = steps(&world, "process-upload").await;
        assert_eq!(
            first.len(),
            1,
            "the first step is committed before the object is read"
        );
        world.restart("process-upload").await;
        calls.mend();
        world.cloud.settled().await;
        let all = steps(&world, "process-upload").await;
        assert!(all.len() > 1, "Lambda tried again: {all:?}");
        assert!(
            all.iter()
                .all(|step| invocation(step) == invocation(&first[0]))
        );
        if removes {
            remove_row(&world, &first[0]).await;
        }
        let (invocations, missing) = reconciled(&world).await;
        assert_eq!(invocations, 2, "each try is reported");
        match removes {
            true => assert_eq!(missing, [invocation(&first[0])]),
            false => assert_eq!(missing, [""; 0]),
        }
    }
}

#[tokio::test]
async fn an_invocation_that_succeeded_and_says_nothing_is_named() {
    let world = world(&[]).await;
    let ada = world.patient("Ada").await;
    ada.get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    let report = |status: &str, id: &str| {
        json!({"time": "2030-01-07T09:05:04Z", "type": "platform.report",
            "record": {"requestId": id, "status": status, "metrics": {}}})
    };
    for (stream, status, id) in [
        ("process-upload", "success", "a-silent-one"),
        ("process-upload", "timeout", "one-that-died"),
        // Requests are compared by the gateway's log.
        ("get-patient", "success", "a-request"),
        // It writes no audit row.
        ("seal-audit", "success", "a-run-of-the-sealer"),
    ] {
        let stream = format!("2030/01/07/{stream}[$LATEST]0a1b");
        world.add_function_line(&stream, &report(status, id));
    }
    let (invocations, missing) = reconciled(&world).await;
    assert_eq!(invocations, 2);
    assert_eq!(missing, ["a-silent-one"]);
}
