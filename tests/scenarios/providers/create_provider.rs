//! `POST /v1/providers`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("create-provider", "CREATE", "PROVIDER")
}

fn vera(user: Uuid) -> Value {
    json!({
        "user_id": user,
        "license_number": "LIC-0001",
        "specialties": ["cardiology", "internal medicine"],
        "certifications": [{"name": "Board of Cardiology", "issuer": "ABIM", "issued_on": "2015-06-01"}],
        "schedule": {
            "time_zone": "America/New_York",
            "weekly": [{"weekday": "MON", "from": "09:00:00", "to": "12:30:00"}],
            "exceptions": [{"date": "2030-12-24"}]
        }
    })
}

#[tokio::test]
async fn an_administrator_registers_a_provider_not_yet_verified() {
    let world = World::new().await;
    let (admin, user) = (world.admin().await, world.user("PROVIDER", "Vera").await);
    let answer = admin
        .post("/v1/providers", vera(user.user))
        .await
        .expect(201);
    let id = answer.id();
    assert_eq!(answer.header("location"), format!("/v1/providers/{id}"));
    assert_eq!(answer.body["first_name"], "Vera");
    assert_eq!(answer.body["is_verified"], false);
    assert_eq!(answer.body["rating"], Value::Null);
    assert_eq!(answer.body["total_reviews"], 0);
    let sent = vera(user.user);
    let stored = world
        .row("select * from providers where id = $1", &[&id])
        .await;
    for (field, value) in sent.as_object().unwrap() {
        assert_eq!(&answer.body[field], value, "{field}");
        assert_eq!(&stored[field], value, "{field}");
    }
    world.audited(&answer, row().by(&admin).resource(id)).await;
}

#[tokio::test]
async fn hours_may_omit_seconds() {
    let world = World::new().await;
    let (admin, user) = (world.admin().await, world.user("PROVIDER", "Vera").await);
    let mut body = vera(user.user);
    body["schedule"]["weekly"][0] = json!({"weekday": "SUN", "from": "09:00", "to": "12:30"});
    let answer = admin.post("/v1/providers", body).await.expect(201);
    assert_eq!(
        answer.body["schedule"]["weekly"][0]["from"],
        json!("09:00:00")
    );
}

#[tokio::test]
async fn only_an_administrator_registers_providers() {
    let world = World::new().await;
    let user = world.user("PROVIDER", "Vera").await;
    let ada = world.patient("Ada").await;
    for caller in [&user, &*ada] {
        let denied = row().by(caller).attempted().denied("forbidden");
        world
            .refused(caller.post("/v1/providers", vera(user.user)), 403, denied)
            .await;
    }
}

#[tokio::test]
async fn a_second_provider_with_the_same_user_or_licence_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (first, second) = (
        world.user("PROVIDER", "Vera").await,
        world.user("PROVIDER", "Walt").await,
    );
    admin
        .post("/v1/providers", vera(first.user))
        .await
        .expect(201);
    let mut same_user = vera(first.user);
    same_user["license_number"] = json!("LIC-0002");
    for body in [same_user, vera(second.user)] {
        let failed = row().by(&admin).attempted().failed("already-exists");
        world
            .refused(admin.post("/v1/providers", body), 409, failed)
            .await;
    }
}

#[tokio::test]
async fn fields_out_of_bounds_are_named_and_nothing_is_stored() {
    let world = World::new().await;
    let (admin, user) = (world.admin().await, world.user("PROVIDER", "Vera").await);
    let ada = world.patient("Ada").await;
    for (pointer, value, field) in [
        ("/user_id", json!(ada.user), "user_id"),
        ("/license_number", json!(""), "license_number"),
        ("/specialties", json!(vec!["x"; 51]), "specialties"),
        ("/specialties/1", json!(null), "specialties[1]"),
        (
            "/certifications/0/issued_on",
            json!("2015"),
            "certifications[0].issued_on",
        ),
        ("/schedule/time_zone", json!("EST5"), "schedule.time_zone"),
        (
            "/schedule/weekly/0/weekday",
            json!("Monday"),
            "schedule.weekly[0].weekday",
        ),
        (
            "/schedule/weekly/0/to",
            json!("25:00"),
            "schedule.weekly[0].to",
        ),
    ] {
        let mut body = vera(user.user);
        *body.pointer_mut(pointer).unwrap() = value;
        let expected = row().by(&admin).attempted().so_far();
        world
            .invalid(admin.post("/v1/providers", body), field, expected)
            .await;
    }
}
