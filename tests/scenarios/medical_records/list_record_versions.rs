//! `GET /v1/medical-records/{id}/versions`

use domain::time::{TimeDelta, Timestamp};
use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("list-record-versions", "READ", "MEDICAL_RECORD")
}

fn path(id: Uuid) -> String {
    format!("/v1/medical-records/{id}/versions")
}

fn numbers(answer: &Answer) -> Vec<i64> {
    let items = answer.body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["version"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn versions_are_listed_newest_first_with_author_and_reason() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let walt = world.provider("Walt").await;
    world.assign(&ada, &vera).await;
    world.assign(&ada, &walt).await;
    let body = json!({"patient_id": ada.id, "record_type": "NOTE", "content": {"text": "Wel."}});
    let id = vera
        .post("/v1/medical-records", body)
        .await
        .expect(201)
        .id();
    let record = format!("/v1/medical-records/{id}");
    for (version, text) in [(1, "Well"), (2, "Well.")] {
        let patch =
            json!({"content": {"text": text}, "change_reason": format!("Letter {version}")});
        walt.patch(&record, version, patch).await.expect(200);
    }
    for caller in [&*ada, &*vera] {
        let answer = caller.get(&path(id)).await.expect(200);
        assert_eq!(numbers(&answer), [3, 2, 1]);
        let story: Vec<_> = answer.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                (
                    &item["content"]["text"],
                    &item["written_by"],
                    &item["change_reason"],
                )
            })
            .map(|(text, by, why)| json!([text, by, why]))
            .collect();
        assert_eq!(
            json!(story),
            json!([
                ["Well.", walt.user, "Letter 2"],
                ["Well", walt.user, "Letter 1"],
                ["Wel.", vera.user, null]
            ])
        );
        world
            .audited(&answer, row().by(caller).resource(id).patient(ada.id))
            .await;
    }
    // Read the versions a page at a time.
    let first = ada.get(&format!("{}?limit=2", path(id))).await.expect(200);
    assert_eq!(numbers(&first), [3, 2]);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let rest = ada
        .get(&format!("{}?limit=2&cursor={cursor}", path(id)))
        .await
        .expect(200);
    assert_eq!(numbers(&rest), [1]);
    assert_eq!(rest.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn the_patient_sees_versions_that_were_visible_while_current() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = world.note(&ada, &vera, "Shown").await;
    let record = format!("/v1/medical-records/{id}");
    let hold = |reason: &str| json!({"reason": reason, "expires_at": in_days(2)});
    let release = async |version: i64, hold: Value| {
        let request = vera
            .request(http::Method::PUT, &format!("{record}/release"))
            .header("if-match", format!("\"{version}\""))
            .header("content-type", "application/json")
            .body(json!({ "hold": hold }).to_string().into());
        vera.send_request(request.unwrap()).await.expect(200)
    };
    release(1, hold("privacy")).await;
    let patch = json!({"content": {"text": "Never shown"}, "change_reason": "x"});
    vera.patch(&record, 2, patch).await.expect(200);
    // While the record is held, the patient sees no version, not even those that were visible
    // before.
    let denied = row().by(&ada).resource(id).patient(ada.id);
    let denied = denied.denied("not-found");
    world.refused(ada.get(&path(id)), 404, denied).await;
    assert_eq!(numbers(&vera.get(&path(id)).await.expect(200)), [3, 2, 1]);

    let patch = json!({"content": {"text": "Fit to be shown"}, "change_reason": "x"});
    vera.patch(&record, 3, patch).await.expect(200);
    release(4, Value::Null).await;
    assert_eq!(
        numbers(&vera.get(&path(id)).await.expect(200)),
        [5, 4, 3, 2, 1]
    );
    let answer = ada.get(&path(id)).await.expect(200);
    assert_eq!(numbers(&answer), [5, 1]);
    // The patient doesn't learn that there was a hold either.
    assert_eq!(answer.body["items"][0]["change_reason"], Value::Null);
    let whole = vera.get(&path(id)).await.expect(200);
    assert_eq!(whole.body["items"][0]["change_reason"], "released");
    assert!(!answer.text.contains("Never"), "{}", answer.text);
    assert!(!answer.text.contains("privacy"), "{}", answer.text);
}

fn in_days(days: i64) -> String {
    let time = Timestamp::now() + TimeDelta::days(days);
    time.to_string()
}

#[tokio::test]
async fn another_patients_record_gets_404() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    let id = world.note(&ada, &vera, "Well.").await;
    for caller in [&*ben, &*vera] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        world
            .out_of_reach(denied, async |id| caller.get(&path(id)).await)
            .await;
    }
    let admin = world.admin().await;
    let denied = row().by(&admin).resource(id).patient(ada.id);
    let denied = denied.denied("forbidden");
    world.refused(admin.get(&path(id)), 403, denied).await;
}
