//! `POST /v1/emergency-access`

use http::header::CONTENT_TYPE;
use tests::audit::Expected;
use tests::prelude::*;

use super::{PATH, audited_as_emergency, find, grant, granted};

fn row(caller: &Actor, patient: Uuid) -> Expected {
    let row = audit("grant-emergency-access", "CREATE", "EMERGENCY_ACCESS").by(caller);
    row.attempted()
        .patient(patient)
        .detail("emergency_reason", "PATIENT_UNRESPONSIVE")
}

#[tokio::test]
async fn a_clinician_grants_themself_one_patient_for_some_hours() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    find(&vera, "Kim").await.expect(200);
    let answer = grant(&vera, kim.id).await.expect(200);
    let id = answer.id();
    assert_eq!(answer.body["member_id"], json!(vera.user));
    assert_eq!(answer.body["is_in_force"], true);
    assert_eq!(answer.body["review"], Value::Null);
    audited_as_emergency(&world, &answer, row(&vera, kim.id).resource(id)).await;
    let stored = world
        .row(
            "select member_id, patient_id, reason, explanation, ends_at - granted_at as lasts,
               review_due_at - granted_at as due, revoked_at, review from emergency_accesses",
            &[],
        )
        .await;
    assert_eq!(
        stored,
        json!({
            "member_id": vera.user, "patient_id": kim.id, "reason": "PATIENT_UNRESPONSIVE",
            "explanation": "Collapsed", "lasts": "02:00:00", "due": "3 days", "revoked_at": null, "review": null
        })
    );
    let event = "select subject, data - 'ends_at' as data from business_events
                 where type = 'emergency-access.granted.v1'";
    assert_eq!(
        world.row(event, &[]).await,
        json!({
            "subject": format!("emergency-access/{id}"),
            "data": {"emergency_access_id": id, "patient_id": kim.id, "member_id": vera.user}
        })
    );
    let again = grant(&vera, kim.id).await.problem(409, "conflict");
    assert_eq!(
        again.body["detail"],
        "The caller has emergency access to the patient already."
    );
    world
        .audited(&again, row(&vera, kim.id).failed("conflict"))
        .await;
}

#[tokio::test]
async fn a_patient_in_care_needs_no_emergency_access() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    world.assign(&kim, &vera).await;
    for _ in 0..2 {
        let failed = row(&vera, kim.id).failed("conflict");
        let answer = world.refused(grant(&vera, kim.id), 409, failed).await;
        assert_eq!(
            answer.body["detail"],
            "The caller has the patient in care already and needs no emergency access."
        );
        find(&vera, "Kim").await.expect(200);
    }
}

#[tokio::test]
async fn only_who_found_the_patient_within_a_quarter_of_an_hour_grants_themself_access() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let nora = world.user("NURSE", "Nora").await;
    find(&nora, "Kim").await.expect(200);
    let nobody = Uuid::now_v7();
    let unknown = world.refused(
        grant(&vera, nobody),
        404,
        audit("grant-emergency-access", "CREATE", "EMERGENCY_ACCESS")
            .by(&vera)
            .attempted()
            .detail("emergency_reason", "PATIENT_UNRESPONSIVE")
            .failed("not-found"),
    );
    unknown.await;
    let denied = row(&vera, kim.id).denied("not-found");
    world
        .refused(grant(&vera, kim.id), 404, denied.clone())
        .await;
    find(&vera, "Kim").await.expect(200);
    let older = "update emergency_searches set searched_at = searched_at - interval '15 minutes'";
    world.sql(older, &[]).await;
    world
        .refused(grant(&vera, kim.id), 404, denied.clone())
        .await;
    find(&vera, "Kim").await.expect(200);
    let archive = "update patients set is_archived = $1, archived_at = case when $1 then now() end";
    world.sql(archive, &[&true]).await;
    world.refused(grant(&vera, kim.id), 404, denied).await;
    world.sql(archive, &[&false]).await;
    grant(&vera, kim.id).await.expect(200);
}

#[tokio::test]
async fn nobody_else_and_no_clinician_without_licence_or_account_grants_anything() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let (admin, officer) = (world.admin().await, world.officer().await);
    let (vera, nora) = (
        world.provider("Vera").await,
        world.user("NURSE", "Nora").await,
    );
    let search =
        "insert into emergency_searches (member_id, patient_id) select unnest($1::uuid[]), $2";
    let callers = [&*kim, &admin, &officer, &*vera, &nora];
    let users: Vec<_> = callers.iter().map(|caller| caller.user).collect();
    world.sql(search, &[&users, &kim.id]).await;
    world
        .sql("update providers set is_verified = false", &[])
        .await;
    let suspend = "update user_profiles set status = 'SUSPENDED' where id = $1";
    world.sql(suspend, &[&nora.user]).await;
    for caller in callers {
        let denied = row(caller, kim.id).so_far().denied("forbidden");
        let before = world.stored().await;
        let answer = grant(caller, kim.id).await.problem(403, "forbidden");
        assert_eq!(world.stored().await, before);
        world.audited(&answer, denied).await;
    }
}

#[tokio::test]
async fn hours_reason_and_explanation_have_bounds() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    find(&vera, "Kim").await.expect(200);
    for (field, value) in [
        ("hours", json!(0)),
        ("hours", json!(5)),
        ("hours", json!(1.5)),
        ("reason", json!("CURIOSITY")),
        ("explanation", json!("")),
        ("explanation", json!(null)),
        ("patient_id", json!("Kim")),
    ] {
        let mut body =
            json!({"patient_id": kim.id, "reason": "OTHER", "explanation": "Fell", "hours": 4});
        body[field] = value;
        let answer = vera.post(PATH, body).await.invalid(field);
        let failed = audit("grant-emergency-access", "CREATE", "EMERGENCY_ACCESS").by(&vera);
        world.audited(&answer, failed.failed("invalid")).await;
    }
    // Nor does SQL get beyond.
    for change in ["hours = 5", "ends_at = granted_at + interval '5 hours'"] {
        world.emergency(kim.id, vera.user, "6 hours").await;
        let longer = format!("update emergency_accesses set {change}");
        let refused = world
            .connect()
            .await
            .batch_execute(&longer)
            .await
            .unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "23001", "{change}");
        world
            .rewrite_history("delete from emergency_accesses")
            .await;
    }
}

#[tokio::test]
async fn a_repeated_request_grants_once() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    find(&vera, "Kim").await.expect(200);
    let body = json!({"patient_id": kim.id, "reason": "OTHER", "explanation": "Fell", "hours": 1});
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = vera
            .request(http::Method::POST, PATH)
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", "emergency-1")
            .body(body.to_string().into());
        ids.push(vera.send_request(request.unwrap()).await.expect(200).id());
    }
    assert_eq!(ids[0], ids[1]);
    let count = "select count(*) from emergency_accesses";
    assert_eq!(world.row(count, &[]).await, json!({"count": 1}));
}

#[tokio::test]
async fn a_grant_is_never_deleted_or_changed_even_by_the_superuser() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let id = granted(&vera, &kim).await;
    let superuser = world.connect().await;
    for statement in [
        "delete from emergency_accesses",
        "truncate emergency_accesses",
        "update emergency_accesses set explanation = 'x'",
        "update emergency_accesses set reason = 'OTHER'",
        "update emergency_accesses set patient_id = gen_random_uuid()",
        "update emergency_accesses set member_id = gen_random_uuid()",
        "update emergency_accesses set ends_at = now()",
        "update emergency_accesses set reviewed_at = now()",
        "update emergency_accesses set revoked_by = member_id",
        "update emergency_accesses set review = 'APPROVED'",
    ] {
        let refused = superuser.batch_execute(statement).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "23001", "{statement}");
    }
    let revoke = format!("{PATH}/{id}/revoke");
    vera.post_nothing(&revoke).await.expect(200);
    for statement in [
        "update emergency_accesses set revoked_at = null",
        "update emergency_accesses set revoked_at = now() + interval '1 second'",
    ] {
        let refused = superuser.batch_execute(statement).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "23001", "{statement}");
    }
}
