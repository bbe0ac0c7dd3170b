//! `GET /v1/retention-report`

use tests::audit::Expected;
use tests::prelude::*;
use tests::retention::LONG_AGO;

const PATH: &str = "/v1/retention-report";

fn row() -> Expected {
    audit("get-retention-report", "READ", "RETENTION")
}

fn of<'a>(list: &'a Value, kind: &str) -> &'a Value {
    let items = list.as_array().unwrap();
    items
        .iter()
        .find(|item| item["resource_type"] == kind)
        .unwrap()
}

#[tokio::test]
async fn the_report_says_what_ends_by_which_rule_what_keeps_it_and_when() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let cora = world.patient("Cora").await;
    let (vera, admin) = (world.provider("Vera").await, world.admin().await);
    // Given an ended record, one under a legal hold, one that a visit keeps, and one that ends later
    let record = world.archived_record(&ada, &vera, LONG_AGO).await;
    world.archived_record(&ben, &vera, LONG_AGO).await;
    let hold = json!({"patient_id": ben.id, "reason": "Case 7"});
    let hold = admin.post("/v1/legal-holds", hold).await.expect(200).id();
    let visit = world.archived_visit(&cora, &vera, LONG_AGO).await;
    let kept = world.archived_record(&cora, &vera, LONG_AGO).await;
    world
        .rewrite_history(&format!(
            "update medical_records set appointment_id = '{visit}', is_archived = false, archived_at = null where id = '{kept}'"
        ))
        .await;
    let dora = world.patient("Dora").await;
    world
        .archived_record(&dora, &vera, "2021-01-01T00:00:00Z")
        .await;
    world.list_and_wait(10).await;

    // When an administrator reads the report
    let before = world.listed().await;
    let answer = admin.get(PATH).await.expect(200);
    let report = &answer.body;

    // Then it says so, and reading it changed nothing
    assert_eq!(report["jurisdiction"], "US");
    assert_eq!(report["is_deletion_on"], false);
    assert_eq!(report["days_to_object"], 30);
    assert_eq!(
        of(&report["rules"], "MEDICAL_RECORD"),
        &json!({
            "resource_type": "MEDICAL_RECORD", "adult_years": 10, "majority_age": 18, "minor_years": 10,
            "rules": ["US/MEDICAL_RECORD/1"]
        })
    );
    assert_eq!(of(&report["rules"], "AUDIT_LOG")["adult_years"], 6);
    let records = of(&report["counts"], "MEDICAL_RECORD");
    for (count, number) in [("ended", 2), ("held", 1), ("referred", 0), ("deletable", 0)] {
        assert_eq!(records[count], number, "{count}: {records}");
    }
    assert_eq!(records["no_other_ends_before"], "2031-01-01");
    let visits = of(&report["counts"], "APPOINTMENT");
    assert_eq!(
        (&visits["ended"], &visits["referred"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(visits["first_deletion_at"], Value::Null);
    let listed = report["listed"].as_array().unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["resource_id"], json!(record));
    assert_eq!(listed[0]["patient_id"], json!(ada.id));
    // Ada was a minor then.
    assert_eq!(listed[0]["ends_on"], "2018-05-17");
    assert_eq!(listed[0]["deleted_from"], records["first_deletion_at"]);
    let holds = report["holds"].as_array().unwrap();
    assert_eq!(holds.len(), 1);
    assert_eq!(
        (&holds[0]["id"], &holds[0]["kept"]),
        (&json!(hold), &json!(1))
    );
    assert_eq!(world.listed().await, before);
    // And it names the patients in its audit row, and contains ids and counts only
    world
        .audited(&answer, row().by(&admin).patient(ada.id).patient(ben.id))
        .await;
    for secret in ["Ada", "Old", "Case 7", "MRN"] {
        assert!(!answer.text.contains(secret), "{secret}");
    }

    // A hold shows at once.
    let hold = json!({"resource_type": "MEDICAL_RECORD", "reason": "x"});
    let hold = admin.post("/v1/legal-holds", hold).await.expect(200).id();
    let held = admin.get(PATH).await.expect(200);
    assert_eq!(held.body["listed"], json!([]));
    assert_eq!(of(&held.body["counts"], "MEDICAL_RECORD")["held"], 2);
    let path = format!("/v1/legal-holds/{hold}/release");
    admin.post(&path, json!({"reason": "x"})).await.expect(200);

    // After the days to object have passed, it says that the record is deletable.
    world.list_and_wait(31).await;
    let answer = admin.get(&format!("{PATH}?limit=1")).await.expect(200);
    assert_eq!(of(&answer.body["counts"], "MEDICAL_RECORD")["deletable"], 1);
}

#[tokio::test]
async fn other_roles_and_wrong_limits_are_refused() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    for caller in [&*ada, &world.officer().await] {
        let answer = caller.get(PATH).await.problem(403, "forbidden");
        world
            .audited(&answer, row().by(caller).denied("forbidden"))
            .await;
    }
    admin
        .get(&format!("{PATH}?limit=101"))
        .await
        .problem(422, "invalid");
}
