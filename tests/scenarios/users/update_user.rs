//! `PATCH /v1/users/{id}`

use tests::audit::Expected;
use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request;

fn row() -> Expected {
    audit("update-user", "UPDATE", "USER")
}

fn path(user: Uuid) -> String {
    format!("/v1/users/{user}")
}

#[tokio::test]
async fn a_user_changes_their_contact_data() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let answer = ada
        .patch(
            &path(ada.user),
            1,
            json!({
                "phone": "+1 555 0101",
                "notification_email": "Ada.Notices@example.org",
                "address": {"city": "Springfield"},
                "preferences": {"contact_method": "PHONE"}
            }),
        )
        .await
        .expect(200);
    assert_eq!(answer.body["phone"], "+1 555 0101");
    assert_eq!(answer.body["notification_email"], "ada.notices@example.org");
    assert_eq!(answer.header("etag"), "\"2\"");
    let fields = json!(["address", "notification_email", "phone", "preferences"]);
    let changed = row().by(&ada).resource(ada.user).patient(ada.id);
    world
        .audited(&answer, changed.detail("fields", fields))
        .await;

    // In a merge patch, null removes a field, and fields that it doesn't contain stay.
    let answer = ada
        .patch(
            &path(ada.user),
            2,
            json!({"phone": null, "address": {"country": "US"}}),
        )
        .await
        .expect(200);
    assert_eq!(answer.body["phone"], Value::Null);
    assert_eq!(
        answer.body["address"],
        json!({"city": "Springfield", "country": "US"})
    );
    assert_eq!(answer.body["preferences"]["contact_method"], "PHONE");
}

#[tokio::test]
async fn fields_reserved_for_administrators_are_refused_to_the_user() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    for (patch, fields) in [
        (json!({"role": "ADMIN"}), json!(["role"])),
        (json!({"status": "INACTIVE"}), json!(["status"])),
        (
            json!({"first_name": "Other", "phone": "1"}),
            json!(["first_name", "phone"]),
        ),
        (
            json!({"username": "other@example.org"}),
            json!(["username"]),
        ),
    ] {
        let denied = row().by(&vera).resource(vera.user).detail("fields", fields);
        let denied = denied.denied("forbidden");
        world
            .refused(vera.patch(&path(vera.user), 1, patch), 403, denied)
            .await;
    }
}

#[tokio::test]
async fn a_suspension_takes_effect_with_the_next_request() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    vera.get("/v1/me").await.expect(200);
    let answer = admin
        .patch(&path(vera.user), 1, json!({"status": "SUSPENDED"}))
        .await
        .expect(200);
    assert_eq!(answer.body["status"], "SUSPENDED");
    let changed = row().by(&admin).resource(vera.user);
    world
        .audited(&answer, changed.detail("fields", json!(["status"])))
        .await;
    vera.get("/v1/me").await.problem(403, "forbidden");

    admin
        .patch(&path(vera.user), 2, json!({"status": "ACTIVE"}))
        .await
        .expect(200);
    vera.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn an_administrator_changes_the_role_of_an_unregistered_user() {
    let world = World::new().await;
    let admin = world.admin().await;
    let user = world.user("PATIENT", "Ada").await;
    let answer = admin
        .patch(
            &path(user.user),
            1,
            json!({"role": "PROVIDER", "last_name": "Other", "username": "Ada@example.org"}),
        )
        .await
        .expect(200);
    assert_eq!(answer.body["role"], "PROVIDER");
    assert_eq!(answer.body["username"], "ada@example.org");

    for role in ["WIZARD", "SYSTEM"] {
        let patch = json!({ "role": role });
        let expected = row().by(&admin).resource(user.user);
        let expected = expected.detail("fields", json!(["role"]));
        world
            .invalid(admin.patch(&path(user.user), 2, patch), "role", expected)
            .await;
    }
    // The audit row doesn't contain names that aren't known to be fields, because the client chose
    // them.
    for (patch, field) in [
        (json!({"first_name": null, "last_name": null}), "last_name"),
        (json!({"phone": ""}), "phone"),
        (json!({"id": Uuid::now_v7()}), "id"),
        (json!({"nickname": null}), "nickname"),
        (json!({"address": {"street": "x"}}), "address.street"),
    ] {
        let expected = row().by(&admin).resource(user.user);
        world
            .invalid(admin.patch(&path(user.user), 2, patch), field, expected)
            .await;
    }
}

#[tokio::test]
async fn a_registered_patient_or_provider_must_keep_that_role() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let before = world.stored().await;
    let failed = row().by(&admin).detail("fields", json!(["role"]));
    let failed = failed.failed("conflict");
    for (user, failed) in [
        (ada.user, failed.clone().patient(ada.id)),
        (vera.user, failed),
    ] {
        let patch = json!({"role": "ADMIN"});
        let failed = failed.resource(user);
        world
            .refused(admin.patch(&path(user), 1, patch), 409, failed)
            .await;
    }
    // A sign-in name belongs to one person.
    admin
        .patch(
            &path(ada.user),
            1,
            json!({"username": vera.email.to_uppercase()}),
        )
        .await
        .problem(409, "already-exists");
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn nobody_changes_their_own_role_or_status() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (field, value) in [("role", "PATIENT"), ("status", "INACTIVE")] {
        let failed = row().by(&admin).resource(admin.user);
        world
            .refused(
                admin.patch(&path(admin.user), 1, json!({ field: value })),
                409,
                failed.detail("fields", json!([field])).failed("conflict"),
            )
            .await;
    }
    admin
        .patch(&path(admin.user), 1, json!({"first_name": "Ann"}))
        .await
        .expect(200);
}

#[tokio::test]
async fn of_two_administrators_who_suspend_each_other_one_remains() {
    let world = World::new().await;
    let (ann, bea) = (world.admin().await, world.admin().await);
    let suspend = "update user_profiles set status = 'SUSPENDED' where id = $1";
    // Both transactions have passed the check of the actor.
    let (first, second) = (
        world.connect_as(PEOPLE).await,
        world.connect_as(PEOPLE).await,
    );
    for (connection, admin) in [(&first, &ann), (&second, &bea)] {
        connection.batch_execute("begin").await.unwrap();
        begin_request(connection, admin, "users:update")
            .await
            .unwrap();
    }

    // Each administrator suspends the other.
    first.execute(suspend, &[&bea.user]).await.unwrap();
    let late = tokio::spawn(async move { second.execute(suspend, &[&ann.user]).await });
    let waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    eventually("the second waits for the first", async || {
        world.sql(waiting, &[]).await.len() == 1
    })
    .await;
    first.batch_execute("commit").await.unwrap();

    // The second is no longer an administrator by then.
    let refused = late.await.unwrap().unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "CT003", "{refused:?}");
    let left = "select from user_profiles where role = 'ADMIN' and status = 'ACTIVE'";
    assert_eq!(world.sql(left, &[]).await.len(), 1);
}

#[tokio::test]
async fn a_change_must_name_the_current_version() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let phone = json!({"phone": "1"});
    ada.patch(&path(ada.user), 1, phone.clone())
        .await
        .expect(200);
    let failed = row().by(&ada).resource(ada.user).patient(ada.id);
    let failed = failed.failed("precondition-failed");
    world
        .refused(ada.patch(&path(ada.user), 1, phone), 412, failed)
        .await;
}

#[tokio::test]
async fn another_user_and_an_absent_user_get_the_same_answer() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let phone = json!({"phone": "1"});
    let denied = row().by(&ada).resource(ben.user).patient(ben.id);
    world
        .out_of_reach(denied, async |id| {
            ada.patch(&path(id), 1, phone.clone()).await
        })
        .await;
}
