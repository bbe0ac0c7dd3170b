//! `POST /v1/users`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("create-user", "CREATE", "USER")
}

fn ada(id: Uuid) -> Value {
    json!({
        "id": id,
        "username": "Ada.Example@example.org",
        "notification_email": "ada.notices@example.org",
        "first_name": "Ada",
        "last_name": "Example",
        "role": "PATIENT",
        "phone": "+1 555 0100",
        "address": {"line": ["1 Example Street"], "city": "Springfield", "postal_code": "00000", "country": "US"},
        "preferences": {"language": "en", "time_zone": "Europe/Berlin", "contact_method": "SMS"}
    })
}

#[tokio::test]
async fn an_administrator_creates_a_profile_and_the_user_can_act() {
    let world = World::new().await;
    let (admin, stranger) = (world.admin().await, world.stranger());
    stranger.get("/v1/me").await.problem(403, "forbidden");

    let answer = admin
        .post("/v1/users", ada(stranger.user))
        .await
        .expect(201);
    assert_eq!(
        answer.header("location"),
        format!("/v1/users/{}", stranger.user)
    );
    assert_eq!(answer.body["username"], "ada.example@example.org");
    assert_eq!(answer.body["status"], "ACTIVE");
    assert_eq!(answer.body["version"], 1);
    assert_eq!(answer.body["preferences"]["time_zone"], "Europe/Berlin");
    world
        .audited(&answer, row().by(&admin).resource(stranger.user))
        .await;

    let stored = world
        .row(
            "select * from user_profiles where id = $1",
            &[&stranger.user],
        )
        .await;
    let mut sent = ada(stranger.user);
    sent["username"] = json!("ada.example@example.org");
    for (field, value) in sent.as_object().unwrap() {
        assert_eq!(&stored[field], value, "{field}");
        assert_eq!(&answer.body[field], value, "{field}");
    }
    let me = stranger.get("/v1/me").await.expect(200);
    assert_eq!(me.body["first_name"], "Ada");
}

#[tokio::test]
async fn only_an_administrator_creates_users() {
    let world = World::new().await;
    let (ada_, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let officer = world.officer().await;
    for caller in [&*ada_, &*vera, &officer] {
        let id = Uuid::now_v7();
        let denied = row().by(caller).resource(id).denied("forbidden");
        world
            .refused(caller.post("/v1/users", ada(id)), 403, denied)
            .await;
    }
}

#[tokio::test]
async fn a_taken_id_or_sign_in_name_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let id = Uuid::now_v7();
    admin.post("/v1/users", ada(id)).await.expect(201);
    let mut same_id = ada(id);
    same_id["username"] = json!("other@example.org");
    let failed = row().by(&admin).resource(id).failed("already-exists");
    world
        .refused(admin.post("/v1/users", same_id), 409, failed)
        .await;

    // Sign-in names must differ by more than case.
    let other = Uuid::now_v7();
    let mut same_name = ada(other);
    same_name["username"] = json!("ADA.EXAMPLE@EXAMPLE.ORG");
    let failed = row().by(&admin).resource(other).failed("already-exists");
    world
        .refused(admin.post("/v1/users", same_name), 409, failed)
        .await;
}

#[tokio::test]
async fn the_role_must_be_a_human_role() {
    let world = World::new().await;
    let admin = world.admin().await;
    for role in ["WIZARD", "SYSTEM", "patient"] {
        let id = Uuid::now_v7();
        let mut body = ada(id);
        body["role"] = json!(role);
        let expected = row().by(&admin).resource(id);
        world
            .invalid(admin.post("/v1/users", body), "role", expected)
            .await;
    }
}

#[tokio::test]
async fn a_new_role_needs_no_deployment() {
    let world = World::new().await;
    let admin = world.admin().await;
    world
        .sql("insert into roles values ('NURSE', 'Helps')", &[])
        .await;
    let mut body = ada(Uuid::now_v7());
    body["role"] = json!("NURSE");
    let answer = admin.post("/v1/users", body).await.expect(201);
    assert_eq!(answer.body["role"], "NURSE");
}

#[tokio::test]
async fn fields_out_of_bounds_are_named_and_nothing_is_stored() {
    let world = World::new().await;
    let admin = world.admin().await;
    let before = world.stored().await;
    for (pointer, value, field) in [
        ("/id", json!("ada"), "id"),
        ("/username", json!("ada"), "username"),
        ("/username", json!("ada@localhost"), "username"),
        (
            "/notification_email",
            json!("a b@example.org"),
            "notification_email",
        ),
        ("/first_name", json!(""), "first_name"),
        ("/last_name", json!("x".repeat(101)), "last_name"),
        ("/phone", json!(5550100), "phone"),
        ("/address/line", json!("1 Example Street"), "address.line"),
        ("/address/city", json!("\u{7}"), "address.city"),
        (
            "/preferences/time_zone",
            json!("Mars/Olympus"),
            "preferences.time_zone",
        ),
        (
            "/preferences/contact_method",
            json!("FAX"),
            "preferences.contact_method",
        ),
    ] {
        let mut body = ada(Uuid::now_v7());
        *body.pointer_mut(pointer).unwrap() = value;
        world
            .invalid(admin.post("/v1/users", body), field, row().by(&admin))
            .await;
    }
    let mut body = ada(Uuid::now_v7());
    body.as_object_mut().unwrap().remove("last_name");
    let answer = admin.post("/v1/users", body).await.invalid("last_name");
    assert_eq!(answer.body["errors"][0]["message"], "is required");
    assert_eq!(world.stored().await, before);
}
