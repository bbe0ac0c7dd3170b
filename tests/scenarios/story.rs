//! The main workflow, as shown by `cargo dev demo`: a real patient is imported, their provider adds
//! files, the patient reads their chart, another patient is refused, and the audit log shows all of
//! it.

use client::Person;
use demo::{Administrators, Story, tell};
use tests::prelude::*;

#[tokio::test]
async fn the_main_workflow_succeeds_and_the_audit_log_shows_it() {
    let world = World::new().await;
    let (admin, officer) = (world.admin().await, world.officer().await);
    let second = world.admin().await;
    let bundle = |name: &str| {
        local_cloud::workspace::root()
            .join("data/synthea-r4")
            .join(format!("{name}.json.gz"))
    };
    let story = Story {
        api: world.api(),
        importer: Person::from(&world.importer("urn:example:hospital").await),
        admins: Administrators {
            first: Person::from(&admin),
            second: Person::from(&second),
        },
        officer: Person::from(&officer),
        bundle: bundle("Karena_Pfeffer_1f99a0cb-594b-476a-b9cb-502594c1ee6b"),
        other_bundle: bundle("Tony_Beer_bb8cd3e5-8910-4eea-bbc6-3f64a4a655b8"),
        // A transaction of another test holds back events, because all databases of the server share their numbers.
        patience: PATIENCE_WITH_OTHERS,
    };
    let mut heard = 0;
    let report = tell(&story, &mut |_| heard += 1).await.unwrap();
    assert_eq!(heard, report.steps.len());
    assert_eq!(report.files.len(), 3);

    let files = world
        .rows(
            "select status, patient_id from file_metadata order by file_type",
            &[],
        )
        .await;
    let available = json!({"status": "AVAILABLE", "patient_id": report.patient_id});
    assert_eq!(files, vec![available; 3]);
    let refused = world
        .rows(
            "select resource_type from audit_logs
             where outcome = 'DENIED' and patient_id = $1 order by resource_type::text",
            &[&report.patient_id],
        )
        .await;
    assert_eq!(
        refused,
        ["FILE", "MEDICAL_RECORD", "PATIENT"].map(|kind| json!({"resource_type": kind}))
    );
    world.verify_chains().await;
    assert!(world.cloud.dead_letters().is_empty());
}
