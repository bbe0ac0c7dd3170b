//! `POST /v1/emergency-access/search`

use tests::audit::Expected;
use tests::prelude::*;

use super::{PATH, audited_as_emergency, find};

fn row(caller: &Actor) -> Expected {
    audit("find-emergency-patient", "SEARCH", "PATIENT").by(caller)
}

async fn search(caller: &Actor, first: Value, last: &str, born: &str) -> Answer {
    let wanted = json!({"first_name": first, "last_name": last, "date_of_birth": born});
    caller.post(&format!("{PATH}/search"), wanted).await
}

#[tokio::test]
async fn an_exact_name_and_birth_date_identify_one_patient_with_the_least_data() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let answer = search(&vera, json!("kIM"), "EXAMPLE", "1990-05-17")
        .await
        .expect(200);
    let number = format!("MRN-{}", kim.id);
    assert_eq!(
        answer.body,
        json!({"patient": {
            "id": kim.id, "first_name": "Kim", "last_name": "Example", "date_of_birth": "1990-05-17",
            "patient_number": number
        }})
    );
    audited_as_emergency(&world, &answer, row(&vera).patient(kim.id)).await;
    let stored = "select member_id, patient_id from emergency_searches";
    assert_eq!(
        world.row(stored, &[]).await,
        json!({"member_id": vera.user, "patient_id": kim.id})
    );
    // The search alone shows nothing else.
    let chart = format!("/v1/patients/{}", kim.id);
    vera.get(&chart).await.problem(404, "not-found");
}

#[tokio::test]
async fn nobody_and_several_people_get_the_same_answer() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let (kim, _) = (world.patient("Kim").await, world.patient("Kim").await);
    let left = world.patient("Lea").await;
    let archive = "update patients set is_archived = true, archived_at = now() where id = $1";
    world.sql(archive, &[&left.id]).await;
    world.patient("Mo").await;
    for (first, last, born) in [
        (json!("Kim"), "Example", "1990-05-17"),
        (json!("Lea"), "Example", "1990-05-17"),
        (json!("Mo"), "Example", "1990-05"),
        (json!("Mo"), "Example", "1990-05-18"),
        (json!("M"), "Example", "1990-05-17"),
        (json!(null), "Mo", "1990-05-17"),
        (json!("Vera"), "Example", "1990-05-17"),
    ] {
        let answer = search(&vera, first, last, born).await.expect(200);
        assert_eq!(answer.body, json!({"patient": null}));
        audited_as_emergency(&world, &answer, row(&vera)).await;
    }
    let rename =
        "update user_profiles set first_name = null, last_name = 'Élodie-Ann' where id = $1";
    world.sql(rename, &[&kim.user]).await;
    let answer = search(&vera, json!(null), "elodie ann", "1990-05-17").await;
    assert_eq!(answer.expect(200).body["patient"]["id"], json!(kim.id));
}

#[tokio::test]
async fn beyond_ten_searches_in_an_hour_each_is_refused_also_at_the_same_time() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let nora = world.user("NURSE", "Nora").await;
    for _ in 0..8 {
        find(&vera, "Nobody").await.expect(200);
    }
    let (a, b, c, d) = tokio::join!(
        find(&vera, "Kim"),
        find(&vera, "Kim"),
        find(&vera, "Kim"),
        find(&vera, "Kim")
    );
    let answers = [a, b, c, d];
    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status != 200)
        .collect();
    assert_eq!(refused.len(), 2);
    for answer in refused {
        let answer = answer.clone().problem(429, "too-many-emergency-searches");
        let failed = row(&vera).failed("too-many-emergency-searches");
        world.audited(&answer, failed).await;
    }
    let count = "select count(*) from emergency_searches";
    assert_eq!(world.row(count, &[]).await, json!({"count": 10}));
    // Others can go on, and so can Vera once the searches are an hour old, or if the limit is raised.
    let answer = find(&nora, "Kim").await.expect(200);
    assert_eq!(answer.body["patient"]["id"], json!(kim.id));
    migrations::set_emergency_searches(&world.superuser_url(), None, 11)
        .await
        .unwrap();
    find(&vera, "Kim").await.expect(200);
    find(&vera, "Kim")
        .await
        .problem(429, "too-many-emergency-searches");
    let older = "update emergency_searches set searched_at = searched_at - interval '1 hour'";
    world.sql(older, &[]).await;
    find(&vera, "Kim").await.expect(200);
    for wrong in [0, 1001] {
        let refused = migrations::set_emergency_searches(&world.superuser_url(), None, wrong).await;
        assert!(refused.is_err());
    }
    let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
    world
        .cloud
        .invoke("expire-idempotency-keys", &schedule)
        .await
        .unwrap();
    assert_eq!(world.row(count, &[]).await, json!({"count": 1}));
}

#[tokio::test]
async fn others_and_clinicians_without_a_verified_licence_or_account_find_nobody() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let (admin, officer) = (world.admin().await, world.officer().await);
    let desk = world.user("FRONT_DESK", "Fred").await;
    let vera = world.provider("Vera").await;
    let unregistered = world.user("PROVIDER", "Ulf").await;
    world
        .sql("update providers set is_verified = false", &[])
        .await;
    for caller in [&*kim, &admin, &officer, &desk, &vera, &unregistered] {
        let denied = row(caller).denied("forbidden");
        world.refused(find(caller, "Kim"), 403, denied).await;
    }
    let nora = world.user("NURSE", "Nora").await;
    let suspend = "update user_profiles set status = 'SUSPENDED' where id = $1";
    world.sql(suspend, &[&nora.user]).await;
    let denied = row(&nora).denied("forbidden");
    world.refused(find(&nora, "Kim"), 403, denied).await;
    let searches = "select count(*) from emergency_searches";
    assert_eq!(world.row(searches, &[]).await, json!({"count": 0}));
}

#[tokio::test]
async fn a_search_needs_a_family_name_and_a_birth_date() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let path = format!("{PATH}/search");
    for (body, field) in [
        (json!({"date_of_birth": "1990-05-17"}), "last_name"),
        (json!({"last_name": "Example"}), "date_of_birth"),
        (
            json!({"last_name": "Example", "date_of_birth": "17.5.1990"}),
            "date_of_birth",
        ),
        (
            json!({"last_name": "Example", "date_of_birth": "1990-05-17", "cursor": "x"}),
            "cursor",
        ),
    ] {
        world
            .invalid(vera.post(&path, body), field, row(&vera))
            .await;
    }
}
