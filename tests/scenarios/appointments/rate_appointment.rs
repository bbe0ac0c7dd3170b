//! `POST /v1/appointments/{id}/rate`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("rate-appointment", "UPDATE", "APPOINTMENT")
}

fn path(id: Uuid) -> String {
    format!("/v1/appointments/{id}/rate")
}

async fn totals(world: &World, provider: &Provider) -> Value {
    world
        .row(
            "select rating::float8 as rating, total_reviews from providers where id = $1",
            &[&provider.id],
        )
        .await
}

#[tokio::test]
async fn its_patient_rates_a_visit_that_took_place() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for (day, rating, mean) in [(7, 5, 5.0), (8, 4, 4.5), (9, 4, 4.33)] {
        let at = format!("2020-01-0{day}T09:00Z");
        let id = world.visit(&ada, &vera, &at, "COMPLETED").await;
        let answer = ada
            .post(&path(id), json!({ "rating": rating }))
            .await
            .expect(200);
        assert_eq!(answer.body["rating"], rating);
        let provider = ada
            .get(&format!("/v1/providers/{}", vera.id))
            .await
            .expect(200);
        assert_eq!(provider.body["rating"], mean);
        assert_eq!(provider.body["total_reviews"], day - 6);
        world
            .audited(&answer, row().by(&ada).resource(id).patient(ada.id))
            .await;
        // Only the patient sees the rating.
        let seen = vera
            .get(&format!("/v1/appointments/{id}"))
            .await
            .expect(200);
        assert_eq!(seen.body["rating"], Value::Null);
    }
}

#[tokio::test]
async fn sent_again_under_its_key_it_counts_once() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    let send = async || {
        let request = ada
            .request(http::Method::POST, &path(id))
            .header("content-type", "application/json")
            .header("idempotency-key", "rate-1")
            .body(r#"{"rating":3}"#.into());
        ada.send_request(request.unwrap()).await.expect(200)
    };
    let (first, second) = (send().await, send().await);
    assert_eq!(first.body, second.body);
    assert_eq!(
        totals(&world, &vera).await,
        json!({"rating": 3, "total_reviews": 1})
    );
}

#[tokio::test]
async fn a_second_rating_or_one_before_the_visit_took_place_is_a_conflict() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let done = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    ada.post(&path(done), json!({"rating": 5}))
        .await
        .expect(200);
    let to_come = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let called_off = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "CANCELLED")
        .await;
    for id in [done, to_come, called_off] {
        let failed = row().by(&ada).resource(id).patient(ada.id);
        let failed = failed.failed("conflict");
        world
            .refused(ada.post(&path(id), json!({"rating": 1})), 409, failed)
            .await;
    }
    // The database refuses it too.
    let refused = world
        .connect()
        .await
        .execute("update appointments set rating = 1 where id = $1", &[&done])
        .await
        .unwrap_err();
    let refused = refused.as_db_error().unwrap();
    assert_eq!(refused.constraint(), Some("appointments_rated_once"));
}

#[tokio::test]
async fn concurrent_ratings_all_count() {
    let world = World::with(Setup {
        instances: 4,
        ..Setup::default()
    })
    .await;
    let vera = world.provider("Vera").await;
    let mut ratings = tokio::task::JoinSet::new();
    for n in 0..12 {
        let patient = world.patient(&format!("Patient{n}")).await;
        let at = format!("2020-01-07T{:02}:00Z", n + 8);
        let id = world.visit(&patient, &vera, &at, "COMPLETED").await;
        ratings.spawn(async move {
            let rating = json!({"rating": n % 5 + 1});
            patient.post(&path(id), rating).await.expect(200)
        });
    }
    ratings.join_all().await;
    let derived = totals(&world, &vera).await;
    let counted = world
        .row(
            "select round(avg(rating), 2)::float8 as rating, count(*)::int as total_reviews from appointments",
            &[],
        )
        .await;
    assert_eq!(derived, counted);
    assert_eq!(derived["total_reviews"], 12);
    // Archived visits no longer count.
    world
        .sql(
            "update appointments set is_archived = true, archived_at = now() where rating < 5",
            &[],
        )
        .await;
    assert_eq!(
        totals(&world, &vera).await,
        json!({"rating": 5, "total_reviews": 2})
    );
}

#[tokio::test]
async fn only_its_patient_rates_it() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    let denied = row().by(&ben).resource(id).patient(ada.id);
    world
        .out_of_reach(denied, async |id| {
            ben.post(&path(id), json!({"rating": 1})).await
        })
        .await;
    let denied = row().by(&vera).resource(id).patient(ada.id);
    let denied = denied.denied("forbidden");
    world
        .refused(vera.post(&path(id), json!({"rating": 5})), 403, denied)
        .await;
}

#[tokio::test]
async fn a_rating_out_of_bounds_is_named() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    // The body is refused before the visit is read.
    let expected = row().by(&ada);
    for rating in [json!(0), json!(6), json!(4.5), json!("5"), json!(null)] {
        let body = json!({ "rating": rating });
        world
            .invalid(ada.post(&path(id), body), "rating", expected.clone())
            .await;
    }
}

#[tokio::test]
async fn a_rated_visit_counts_until_it_is_archived() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    ada.post(&path(id), json!({"rating": 4})).await.expect(200);
    let counted = json!({"rating": 4, "total_reviews": 1});
    assert_eq!(totals(&world, &vera).await, counted);
    admin
        .delete(&format!("/v1/appointments/{id}"), 2)
        .await
        .expect(200);
    let none = json!({"rating": null, "total_reviews": 0});
    assert_eq!(totals(&world, &vera).await, none);
}

#[tokio::test]
async fn of_many_concurrent_ratings_of_one_visit_one_succeeds() {
    let world = World::with(Setup {
        instances: 4,
        ..Setup::default()
    })
    .await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    let mut ratings = tokio::task::JoinSet::new();
    for rating in 1..=5 {
        let ada = ada.clone();
        ratings.spawn(async move { ada.post(&path(id), json!({ "rating": rating })).await });
    }
    let answers = ratings.join_all().await;
    let rated: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .collect();
    assert_eq!(rated.len(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.clone().problem(409, "conflict");
    }
    let stood = json!({"rating": rated[0].body["rating"], "total_reviews": 1});
    assert_eq!(totals(&world, &vera).await, stood);
}
