//! A person may have one name only. It is their given or their family name, and nothing takes the other's place.

use tests::prelude::*;

fn account(names: Value) -> Value {
    let mut body = names;
    body["role"] = json!("PATIENT");
    body
}

#[tokio::test]
async fn a_person_with_one_name_is_registered_found_and_listed_by_it() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut patients = Vec::new();
    for (number, names) in [
        json!({"first_name": "Sukarno"}),
        json!({"last_name": "Suharto", "first_name": null}),
        json!({"first_name": "Zoe", "last_name": "Sudirman"}),
    ]
    .into_iter()
    .enumerate()
    {
        // Given an account with these names
        let made = admin.post("/v1/users", account(names.clone())).await;
        let made = made.expect(201);
        let stored = "select first_name, last_name from user_profiles where id = $1";
        let stored = world.row(stored, &[&made.id()]).await;
        for field in ["first_name", "last_name"] {
            assert_eq!(stored[field], names[field]);
            assert_eq!(made.body[field], names[field]);
        }
        let created = audit("create-user", "CREATE", "USER");
        let created = created.by(&admin).resource(made.id());
        world.audited(&made, created).await;
        // When the person is registered as a patient
        let registration = json!({
            "user_id": made.id(), "patient_number": number.to_string(), "date_of_birth": "1970", "gender": "unknown"
        });
        let registered = admin.post("/v1/patients", registration).await.expect(201);
        assert_eq!(registered.body["first_name"], names["first_name"]);
        assert_eq!(registered.body["last_name"], names["last_name"]);
        patients.push(registered.id());
    }
    // Then a search finds them by that name
    for (name, found) in [
        ("sukarno", vec![patients[0]]),
        ("Suha", vec![patients[1]]),
        ("zoe sudirman", vec![patients[2]]),
        // And sorts an only name among the family names
        ("su", vec![patients[2], patients[1], patients[0]]),
    ] {
        let answer = admin
            .post("/v1/patients/search", json!({ "name": name }))
            .await
            .expect(200);
        assert_eq!(answer.ids(), found, "{name}");
    }
    // And a second registration under the only name is a possible duplicate
    let again = admin.post("/v1/users", account(json!({"last_name": "Sukarno"})));
    let again = again.await.expect(201).id();
    let registration = json!({
        "user_id": again, "patient_number": "again", "date_of_birth": "1970-05", "gender": "unknown"
    });
    let registered = admin.post("/v1/patients", registration).await.expect(201);
    assert_eq!(registered.body["possible_duplicates"], json!([patients[0]]));
}

#[tokio::test]
async fn a_person_without_any_name_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    for names in [json!({}), json!({"first_name": null, "last_name": null})] {
        let row = audit("create-user", "CREATE", "USER").by(&admin);
        let request = admin.post("/v1/users", account(names));
        world
            .invalid(request, "last_name", row.attempted().so_far())
            .await;
    }
    // When names are removed from an account
    let ada = world.user("PATIENT", "Ada").await;
    let path = format!("/v1/users/{}", ada.user);
    let changed = admin.patch(&path, 1, json!({"last_name": null})).await;
    assert_eq!(changed.expect(200).body["last_name"], Value::Null);
    // Then the last one stays
    let answer = admin.patch(&path, 2, json!({"first_name": null})).await;
    answer.invalid("last_name");
    let moved = json!({"first_name": null, "last_name": "Ada"});
    let changed = admin.patch(&path, 2, moved).await.expect(200);
    assert_eq!(changed.body["last_name"], "Ada");
    // And the database refuses an account without any
    let nameless = "insert into user_profiles (id, role) values (gen_random_uuid(), 'PATIENT')";
    let error = world
        .connect()
        .await
        .execute(nameless, &[])
        .await
        .unwrap_err();
    let constraint = error.as_db_error().unwrap().constraint();
    assert_eq!(constraint, Some("user_profiles_named"));
}
