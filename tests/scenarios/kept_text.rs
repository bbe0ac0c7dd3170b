//! Text is kept in one form, so that two texts that look the same are the same. What nobody can see is refused.

use tests::prelude::*;

fn registration(user: Uuid, number: &str) -> Value {
    json!({
        "user_id": user, "patient_number": number, "date_of_birth": "1990-01-01", "gender": "other"
    })
}

#[tokio::test]
async fn a_patient_number_that_looks_like_another_is_that_number() {
    let world = World::new().await;
    let (admin, first) = (world.admin().await, world.user("PATIENT", "Ada").await);
    let made = admin
        .post("/v1/patients", registration(first.user, "DÜP-1 A"))
        .await
        .expect(201);

    let another = world.user("PATIENT", "Ben").await;
    for same in [
        "DÜP-1 A",
        " DÜP-1 A",
        "DÜP-1 A ",
        "DÜP-1 A\n",
        "DÜP-1\u{a0}A",
        "DÜP-1  A",
        "DU\u{308}P-1 A",
    ] {
        admin
            .post("/v1/patients", registration(another.user, same))
            .await
            .problem(409, "already-exists");
        let found = admin
            .post("/v1/patients/search", json!({"patient_number": same}))
            .await
            .expect(200);
        assert_eq!(found.ids(), [made.id()], "{same:?}");
    }
    for (unfit, said) in [
        ("DÜP-1 A\u{200b}", "U+200B"),
        ("D\u{ad}ÜP-1 A", "U+00AD"),
        ("DÜP-1\tA", "U+0009"),
        ("DÜP-1\u{0}A", "U+0000"),
        ("DÜP-1\nA", "a line break"),
        (" \u{3000}\n", "all blank"),
    ] {
        let answer = admin
            .post("/v1/patients", registration(another.user, unfit))
            .await
            .invalid("patient_number");
        let message = answer.body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(said), "{unfit:?}: {message}");
    }
    let rows = world.rows("select id from patients", &[]).await;
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn names_and_notes_are_kept_composed_and_without_white_space_around_them() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let path = format!("/v1/users/{}", ada.user);
    let patch = json!({"phone": " +1 555\u{a0}0100 "});
    let answer = ada.patch(&path, 1, patch).await.expect(200);
    assert_eq!(answer.body["phone"], "+1 555 0100");

    let admin = world.admin().await;
    let patch = json!({"first_name": "Be\u{301}ne\u{301}dicte ", "last_name": "L\u{200d}evesque"});
    admin.patch(&path, 2, patch).await.expect(200);
    let answer = admin.get(&path).await.expect(200);
    assert_eq!(answer.body["first_name"], "Bénédicte");
    // Some scripts need a joiner within a word.
    assert_eq!(answer.body["last_name"], "L\u{200d}evesque");

    let note = json!({
        "patient_id": ada.id, "record_type": "NOTE",
        "content": {"text": "\n First line\r\n\tsecond\rthird e\u{301} \n"}
    });
    let answer = vera.post("/v1/medical-records", note).await.expect(201);
    assert_eq!(
        answer.body["content"]["text"],
        "First line\n\tsecond\nthird é"
    );
    for unfit in ["a\u{202e}b", "a\u{feff}b", "a\u{7}b"] {
        let note = json!({
            "patient_id": ada.id, "record_type": "NOTE", "content": {"text": unfit}
        });
        vera.post("/v1/medical-records", note)
            .await
            .invalid("content.text");
    }
}

#[tokio::test]
async fn the_database_keeps_no_identifier_in_another_form() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let database = world.connect().await;
    for (statement, id) in [
        (
            "update patients set patient_number = $2 where id = $1",
            ada.id,
        ),
        (
            "update providers set license_number = $2 where id = $1",
            vera.id,
        ),
    ] {
        for other in [" N-1", "N-1\n", "N  1", "N\u{200b}1", "U\u{308}-1", ""] {
            let refused = database.execute(statement, &[&id, &other]).await;
            let error = refused.expect_err("it is another form");
            assert_eq!(error.code().unwrap().code(), "23514", "{other:?}");
        }
        let kept = database.execute(statement, &[&id, &"Ü 1"]).await;
        assert_eq!(kept.unwrap(), 1);
    }
}
