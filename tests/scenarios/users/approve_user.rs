//! `POST /v1/users/{id}/approve`: what one administrator can't do alone.

use http::Method;
use http::header::{CONTENT_TYPE, IF_MATCH};
use http_body_util::Full;
use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("approve-user", "UPDATE", "USER")
}

fn account(subject: Uuid, role: &str) -> Value {
    json!({"subject": subject, "first_name": "Paula", "last_name": "Example", "role": role})
}

async fn decide(caller: &Actor, user: Uuid, version: i64, is_approved: bool) -> Answer {
    let request = caller
        .request(Method::POST, &format!("/v1/users/{user}/approve"))
        .header(IF_MATCH, format!("\"{version}\""))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::from(json!({"is_approved": is_approved}).to_string()));
    caller.send_request(request.unwrap()).await
}

async fn rule_off(world: &World) {
    migrations::set_two_person_rule(&world.superuser_url(), None, false)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_account_that_could_reach_charts_acts_only_after_a_second_administrator_approved_it() {
    for role in ["PROVIDER", "NURSE", "ADMIN"] {
        let world = World::new().await;
        let (ann, bea) = (world.admin().await, world.admin().await);
        let stranger = world.stranger();
        // Given an account that one administrator made
        let made = ann
            .post("/v1/users", account(stranger.subject, role))
            .await
            .expect(201);
        let id = made.id();
        assert_eq!(made.body["awaits_approval"], true, "{role}");
        assert_eq!(made.body["proposed_by"], json!(ann.user));
        stranger.get("/v1/me").await.problem(403, "forbidden");
        let listed = bea.get("/v1/users?is_proposed=true").await.expect(200);
        assert_eq!(listed.ids(), [id]);

        // When they approve it themselves, they are refused
        let alone = decide(&ann, id, 1, true).await.problem(403, "forbidden");
        let denied = row().by(&ann).resource(id).detail("is_approved", true);
        let denied = denied.detail("proposed_by", ann.user.to_string());
        world.audited(&alone, denied.denied("forbidden")).await;
        stranger.get("/v1/me").await.problem(403, "forbidden");

        // And when a second administrator approves it, its user can act
        let approved = decide(&bea, id, 1, true).await.expect(200);
        assert_eq!(approved.body["awaits_approval"], false);
        assert_eq!(approved.body["proposed_by"], Value::Null);
        let done = row().by(&bea).resource(id).detail("is_approved", true);
        let done = done.detail("proposed_by", ann.user.to_string());
        world.audited(&approved, done).await;
        stranger.get("/v1/me").await.expect(200);
    }
}

#[tokio::test]
async fn neither_of_the_two_may_have_made_the_other() {
    let world = World::new().await;
    let (ann, bea) = (world.admin().await, world.admin().await);
    let stranger = world.stranger();
    let made = ann
        .post("/v1/users", account(stranger.subject, "ADMIN"))
        .await
        .expect(201);
    decide(&bea, made.id(), 1, true).await.expect(200);
    // The administrator whom Ann made and Ann approve nothing of each other.
    let of_ann = ann
        .post("/v1/users", account(Uuid::new_v4(), "PROVIDER"))
        .await
        .expect(201);
    let of_cleo = stranger
        .post("/v1/users", account(Uuid::new_v4(), "PROVIDER"))
        .await
        .expect(201);
    decide(&stranger, of_ann.id(), 1, true)
        .await
        .problem(403, "forbidden");
    decide(&ann, of_cleo.id(), 1, true)
        .await
        .problem(403, "forbidden");
    for proposed in [of_ann.id(), of_cleo.id()] {
        decide(&bea, proposed, 1, true).await.expect(200);
    }
}

#[tokio::test]
async fn a_change_to_a_role_that_could_reach_charts_waits_too() {
    let world = World::new().await;
    let (ann, bea) = (world.admin().await, world.admin().await);
    let fred = world.user("FRONT_DESK", "Fred").await;
    let path = format!("/v1/users/{}", fred.user);
    let changed = ann
        .patch(&path, 1, json!({"role": "NURSE"}))
        .await
        .expect(200);
    assert_eq!(changed.body["awaits_approval"], true);
    fred.get("/v1/me").await.problem(403, "forbidden");
    // Another status doesn't help.
    ann.patch(&path, 2, json!({"status": "INACTIVE"}))
        .await
        .expect(200);
    ann.patch(&path, 3, json!({"status": "ACTIVE"}))
        .await
        .expect(200);
    fred.get("/v1/me").await.problem(403, "forbidden");
    decide(&bea, fred.user, 4, true).await.expect(200);
    fred.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_sign_in_for_a_chart_or_for_care_is_only_proposed() {
    let world = World::new().await;
    let (ann, bea) = (world.admin().await, world.admin().await);
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for person in [&*ada, &*vera, &bea] {
        let stranger = world.stranger();
        let path = format!("/v1/users/{}", person.user);
        // When one administrator links their sign-in to the account
        let link = json!({"subject": stranger.subject});
        let proposed = ann.patch(&path, 1, link).await.expect(200);

        // Then the former sign-in stays, and the new one opens nothing
        assert_eq!(proposed.body["subject"], json!(person.subject));
        assert_eq!(proposed.body["proposed_subject"], json!(stranger.subject));
        stranger.get("/v1/me").await.problem(403, "forbidden");
        person.get("/v1/me").await.expect(200);
        decide(&ann, person.user, 2, true)
            .await
            .problem(403, "forbidden");
    }

    // And a second administrator links the one and drops the other
    decide(&bea, ada.user, 2, true).await.expect(200);
    let dropped = decide(&bea, vera.user, 2, false).await.expect(200);
    assert_eq!(dropped.body["subject"], json!(vera.subject));
    assert_eq!(dropped.body["proposed_subject"], Value::Null);
    ada.get("/v1/me").await.problem(403, "forbidden");
    vera.get("/v1/me").await.expect(200);
    decide(&bea, vera.user, 3, true)
        .await
        .problem(409, "conflict");
    // Nobody approves a sign-in to their own account.
    decide(&bea, bea.user, 2, true)
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn a_rejected_account_is_closed() {
    let world = World::new().await;
    let (ann, bea) = (world.admin().await, world.admin().await);
    let stranger = world.stranger();
    let made = ann
        .post("/v1/users", account(stranger.subject, "PROVIDER"))
        .await
        .expect(201);
    let rejected = decide(&bea, made.id(), 1, false).await.expect(200);
    assert_eq!(rejected.body["status"], "INACTIVE");
    assert_eq!(rejected.body["awaits_approval"], true);
    stranger.get("/v1/me").await.problem(403, "forbidden");
}

#[tokio::test]
async fn the_decision_is_about_the_version_that_was_looked_at() {
    let world = World::new().await;
    let (ann, bea) = (world.admin().await, world.admin().await);
    let made = ann
        .post("/v1/users", account(Uuid::new_v4(), "PROVIDER"))
        .await
        .expect(201);
    let path = format!("/v1/users/{}", made.id());
    ann.patch(&path, 1, json!({"subject": Uuid::new_v4()}))
        .await
        .expect(200);
    decide(&bea, made.id(), 1, true)
        .await
        .problem(412, "precondition-failed");
    let body = json!({"is_approved": true});
    let path = format!("{path}/approve");
    bea.post(&path, body)
        .await
        .problem(428, "precondition-required");
}

#[tokio::test]
async fn without_the_rule_each_such_step_is_marked_in_its_audit_row() {
    let world = World::new().await;
    rule_off(&world).await;
    let (ann, ada) = (world.admin().await, world.patient("Ada").await);
    let stranger = world.stranger();
    let made = ann
        .post("/v1/users", account(stranger.subject, "PROVIDER"))
        .await
        .expect(201);
    stranger.get("/v1/me").await.expect(200);
    let done = audit("create-user", "CREATE", "USER")
        .by(&ann)
        .resource(made.id());
    world.audited(&made, done.detail("alone", true)).await;

    let link = json!({"subject": Uuid::new_v4()});
    let path = format!("/v1/users/{}", ada.user);
    let linked = ann.patch(&path, 1, link).await.expect(200);
    let done = audit("update-user", "UPDATE", "USER")
        .by(&ann)
        .resource(ada.user);
    let done = done.patient(ada.id).detail("fields", json!(["subject"]));
    world.audited(&linked, done.detail("alone", true)).await;

    // A step that needs nobody else is not marked.
    let made = ann
        .post("/v1/users", account(Uuid::new_v4(), "PATIENT"))
        .await
        .expect(201);
    let done = audit("create-user", "CREATE", "USER")
        .by(&ann)
        .resource(made.id());
    world.audited(&made, done).await;
}

#[tokio::test]
async fn only_administrators_approve() {
    let world = World::new().await;
    let ann = world.admin().await;
    let made = ann
        .post("/v1/users", account(Uuid::new_v4(), "PROVIDER"))
        .await
        .expect(201);
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (officer, fred) = (
        world.officer().await,
        world.user("FRONT_DESK", "Fred").await,
    );
    for caller in [&*ada, &*vera, &officer, &fred] {
        let refused = decide(caller, made.id(), 1, true)
            .await
            .problem(403, "forbidden");
        let denied = row().by(caller).resource(made.id());
        let denied = denied.detail("is_approved", true);
        world.audited(&refused, denied.denied("forbidden")).await;
    }
}

#[tokio::test]
async fn nobody_gives_or_takes_a_role_that_they_do_not_keep() {
    let world = World::new().await;
    let (ann, officer) = (world.admin().await, world.officer().await);
    let (fred, ada) = (
        world.user("FRONT_DESK", "Fred").await,
        world.patient("Ada").await,
    );
    let other = world.officer().await;
    for (caller, role, status) in [
        (&ann, "COMPLIANCE_OFFICER", 403),
        (&officer, "COMPLIANCE_OFFICER", 201),
        (&officer, "PATIENT", 403),
        (&officer, "ADMIN", 403),
        (&fred, "PATIENT", 201),
        (&fred, "NURSE", 403),
        (&fred, "ADMIN", 403),
        (&fred, "FRONT_DESK", 201),
    ] {
        let made = caller
            .post("/v1/users", account(Uuid::new_v4(), role))
            .await;
        assert_eq!(
            made.status, status,
            "{:?} makes {role}: {}",
            caller.role, made.text
        );
    }
    let suspended = json!({"status": "SUSPENDED"});
    for (caller, account, status) in [
        (&ann, &other, 404),
        (&fred, &ann, 404),
        (&officer, &ann, 404),
        (&fred, &*ada, 200),
        (&officer, &other, 200),
    ] {
        let path = format!("/v1/users/{}", account.user);
        let changed = caller.patch(&path, 1, suspended.clone()).await;
        assert_eq!(
            changed.status, status,
            "{:?}: {}",
            caller.role, changed.text
        );
    }
    // Nor does anybody turn an account that they keep into one that they don't.
    let path = format!("/v1/users/{}", ada.user);
    let role = json!({"role": "ADMIN"});
    fred.patch(&path, 2, role).await.problem(403, "forbidden");
}
