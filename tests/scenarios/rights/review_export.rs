//! `POST /v1/exports/{id}/review`

use tests::prelude::*;

use super::exports::{build, downloaded, export_path, hold, requested_by, step_of, text};

#[tokio::test]
async fn another_professional_overturns_a_denial_and_the_package_is_built() {
    let world = World::new().await;
    world.set_clinic_contact().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let walt = world.provider("Walt").await;
    for provider in [&vera, &walt] {
        world.assign(&ada, provider).await;
    }
    let note = world.note(&ada, &vera, "It might do harm.").await;
    hold(&vera, note, "harm_prevention").await;
    let id = requested_by(&ada, &ada).await;
    build(&world).await.unwrap();
    let review = export_path(id, "/review");
    let outcome = json!({"outcome": "OVERTURNED", "basis": "There is no danger."});
    walt.post(&review, outcome.clone())
        .await
        .problem(409, "conflict");
    ada.post_nothing(&export_path(id, "/request-review"))
        .await
        .expect(200);
    // Vera held the entry, so she doesn't review it.
    vera.post(&review, outcome.clone())
        .await
        .problem(403, "forbidden");

    let reviewed = walt.post(&review, outcome).await.expect(200);
    assert_eq!(reviewed.body["status"], "REQUESTED");
    assert_eq!(reviewed.body["exclusions"], json!([]));
    let row = step_of("review-export", &walt, id, &ada);
    world
        .audited(&reviewed, row.detail("outcome", "OVERTURNED"))
        .await;
    build(&world).await.unwrap();
    let members = downloaded(&ada, id).await;
    assert!(text(&members, "summary.html").contains("It might do harm."));
}

#[tokio::test]
async fn an_upheld_denial_stands_and_is_reviewed_once() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let walt = world.provider("Walt").await;
    for provider in [&vera, &walt] {
        world.assign(&ada, provider).await;
    }
    let id = requested_by(&ada, &ada).await;
    let denial = json!({"ground": "ENDANGERS_LIFE", "basis": "It would put you in danger."});
    vera.post(&export_path(id, "/deny"), denial)
        .await
        .expect(200);
    ada.post_nothing(&export_path(id, "/request-review"))
        .await
        .expect(200);
    let upheld = json!({"outcome": "UPHELD", "basis": "The danger is real."});
    let review = export_path(id, "/review");
    let answer = walt.post(&review, upheld.clone()).await.expect(200);
    assert_eq!(answer.body["status"], "DENIED");
    assert_eq!(answer.body["review_basis"], "The danger is real.");
    walt.post(&review, upheld).await.problem(409, "conflict");
}
