//! `GET /v1/exports/{id}/letter`

use tests::prelude::*;

use super::exports::{build, export_path, requested_by};

#[tokio::test]
async fn the_letter_of_a_denial_has_ground_basis_review_and_complaint() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = requested_by(&ada, &ada).await;
    let path = export_path(id, "/letter");
    ada.get(&path).await.problem(409, "conflict");
    let denial = json!({"ground": "ENDANGERS_LIFE", "basis": "It would put you in danger."});
    vera.post(&export_path(id, "/deny"), denial)
        .await
        .expect(200);
    // Without a telephone number for complaints there is no letter.
    ada.get(&path).await.problem(409, "conflict");
    world.set_clinic_contact().await;

    for caller in [&*ada, &*vera] {
        let letter = caller.get(&path).await.expect(200);
        let html = letter.body["html"].as_str().unwrap();
        for part in [
            "We can not give you this copy.",
            "It would put you in danger.",
            "You have the right to a review of this decision.",
            "1-800-555-0100",
            "Office for Civil Rights",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert!(letter.body["reading_grade"].as_f64().unwrap() < 10.0);
        let row = audit("get-export-letter", "READ", "EXPORT").by(caller);
        world
            .audited(&letter, row.resource(id).patient(ada.id))
            .await;
    }
}

#[tokio::test]
async fn the_letters_of_a_part_that_is_left_out_and_of_an_extension_say_so() {
    let world = World::new().await;
    world.set_clinic_contact().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let note = world.note(&ada, &vera, "It would do harm.").await;
    let id = requested_by(&ada, &ada).await;
    let admin = world.admin().await;
    let reason = json!({"reason": "The archive is closed."});
    admin
        .post(&export_path(id, "/extend"), reason)
        .await
        .expect(200);
    let letter = ada.get(&export_path(id, "/letter")).await.expect(200);
    let html = letter.body["html"].as_str().unwrap();
    assert!(html.contains("The archive is closed.") && html.contains("We will answer by"));
    assert!(!html.contains("If you want to complain"));

    let denial = json!({
        "ground": "PSYCHOTHERAPY_NOTES", "basis": "They are kept apart.", "record_ids": [note]
    });
    vera.post(&export_path(id, "/deny"), denial)
        .await
        .expect(200);
    build(&world).await.unwrap();
    let letter = ada.get(&export_path(id, "/letter")).await.expect(200);
    let html = letter.body["html"].as_str().unwrap();
    assert!(html.contains("You get all the rest.") && html.contains("1 entry"));
    assert!(!html.contains("right to a review") && !html.contains(&note.to_string()));
}
