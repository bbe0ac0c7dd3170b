//! `POST /v1/users`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("create-user", "CREATE", "USER")
}

/// The body for an account that is linked to this sign-in.
fn ada(subject: Uuid) -> Value {
    json!({
        "subject": subject,
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
        .post("/v1/users", ada(stranger.subject))
        .await
        .expect(201);
    let id = answer.id();
    assert_ne!(id, stranger.subject);
    assert_eq!(answer.header("location"), format!("/v1/users/{id}"));
    assert_eq!(answer.body["username"], "ada.example@example.org");
    assert_eq!(answer.body["status"], "ACTIVE");
    assert_eq!(answer.body["version"], 1);
    assert_eq!(answer.body["preferences"]["time_zone"], "Europe/Berlin");
    world.audited(&answer, row().by(&admin).resource(id)).await;

    let stored = world
        .row("select * from user_profiles where id = $1", &[&id])
        .await;
    let mut sent = ada(stranger.subject);
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
        let denied = row().by(caller).attempted().denied("forbidden");
        world
            .refused(caller.post("/v1/users", ada(Uuid::new_v4())), 403, denied)
            .await;
    }
}

#[tokio::test]
async fn a_taken_sign_in_or_user_name_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let subject = Uuid::new_v4();
    admin.post("/v1/users", ada(subject)).await.expect(201);
    let mut same_sign_in = ada(subject);
    same_sign_in["username"] = json!("other@example.org");
    // User names must differ by more than case.
    let mut same_name = ada(Uuid::new_v4());
    same_name["username"] = json!("ADA.EXAMPLE@EXAMPLE.ORG");
    for taken in [same_sign_in, same_name] {
        let failed = row().by(&admin).attempted().failed("already-exists");
        world
            .refused(admin.post("/v1/users", taken), 409, failed)
            .await;
    }
}

#[tokio::test]
async fn an_account_can_exist_before_its_user_signs_in() {
    let world = World::new().await;
    let admin = world.admin().await;
    // Given two people who can't sign in and have no e-mail address
    let body = json!({"first_name": "Ada", "last_name": "Example", "role": "PATIENT"});
    let ada = admin.post("/v1/users", body.clone()).await.expect(201);
    admin.post("/v1/users", body).await.expect(201);
    assert_eq!(ada.body["subject"], Value::Null);
    assert_eq!(ada.body["username"], Value::Null);

    // When a sign-in is linked to one of them
    let stranger = world.stranger();
    let path = format!("/v1/users/{}", ada.id());
    let link = json!({"subject": stranger.subject});
    admin.patch(&path, 1, link).await.expect(200);

    // Then they can act, and the audit row names the profile and not the sign-in
    let me = stranger.get("/v1/me").await.expect(200);
    assert_eq!(me.body["id"], json!(ada.id()));
    let rows = world.audit_of(&me).await;
    assert_eq!(rows[0].entry.user_id, Some(ada.id().into()));

    // And a mistyped sign-in can be corrected
    let other = world.stranger();
    let link = json!({"subject": other.subject});
    admin.patch(&path, 2, link).await.expect(200);
    other.get("/v1/me").await.expect(200);
    let refused = stranger.get("/v1/me").await.problem(403, "forbidden");
    let rows = world.audit_of(&refused).await;
    assert_eq!(rows[0].entry.user_id, None);
    assert_eq!(rows[0].entry.details["subject"], json!(stranger.subject));
}

#[tokio::test]
async fn the_role_must_be_a_human_role() {
    let world = World::new().await;
    let admin = world.admin().await;
    for role in ["WIZARD", "SYSTEM", "patient"] {
        let mut body = ada(Uuid::new_v4());
        body["role"] = json!(role);
        let expected = row().by(&admin).attempted();
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
        .sql("insert into roles values ('SCRIBE', 'Helps')", &[])
        .await;
    let mut body = ada(Uuid::new_v4());
    body["role"] = json!("SCRIBE");
    let answer = admin.post("/v1/users", body).await.expect(201);
    assert_eq!(answer.body["role"], "SCRIBE");
}

#[tokio::test]
async fn fields_out_of_bounds_are_named_and_nothing_is_stored() {
    let world = World::new().await;
    let admin = world.admin().await;
    let before = world.stored().await;
    for (pointer, value, field) in [
        ("/subject", json!("ada"), "subject"),
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
        let mut body = ada(Uuid::new_v4());
        *body.pointer_mut(pointer).unwrap() = value;
        world
            .invalid(admin.post("/v1/users", body), field, row().by(&admin))
            .await;
    }
    let mut body = ada(Uuid::new_v4());
    body.as_object_mut().unwrap().remove("role");
    let answer = admin.post("/v1/users", body).await.invalid("role");
    assert_eq!(
        answer.body["errors"][0]["message"],
        "is required; expected one line of 1 to 50 characters, for example text"
    );
    assert_eq!(world.stored().await, before);
}
