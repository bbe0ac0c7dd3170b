//! The clocks of requests: alerts before and after the due date, on the clinic's calendar

use tests::prelude::*;

/// Runs `review-access`. Returns the alerts of this rule: the request and how often it was raised.
async fn alerts(world: &World, rule: &str) -> Vec<(Uuid, i64)> {
    world.outlast_transactions().await;
    let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
    let done = world.cloud.invoke("review-access", &schedule).await;
    done.unwrap();
    let query = "select occasion, occurrences from alerts where rule = $1 order by occasion";
    let rows = world.sql(query, &[&rule]).await;
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Lets all requests be received this many days earlier.
async fn age(world: &World, days: i32) {
    for table in ["exports", "amendments", "accountings"] {
        let period = match table {
            "accountings" => format!(", covered_until = covered_until - {days}"),
            _ => String::new(),
        };
        world
            .rewrite_history(&format!(
                "update {table} set received_on = received_on - {days}, due_on = due_on - {days}{period}"
            ))
            .await;
    }
}

#[tokio::test]
async fn an_officer_learns_of_each_request_before_and_after_its_due_date() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let note = world.note(&ada, &vera, "Smokes.").await;
    let access = world.export(ada.id).await;
    let amendment = world.amendment(note).await;
    let accounting = world.accounting(ada.id).await;
    world.answered_export(ada.id).await;

    // Access has 30 days, amendment and accounting have 60.
    age(&world, 22).await;
    assert_eq!(alerts(&world, "request-due").await, []);
    age(&world, 1).await;
    assert_eq!(alerts(&world, "request-due").await, [(access, 1)]);
    assert_eq!(alerts(&world, "request-due").await, [(access, 1)]);
    age(&world, 7).await;
    assert_eq!(alerts(&world, "request-overdue").await, []);
    age(&world, 1).await;
    assert_eq!(alerts(&world, "request-overdue").await, [(access, 1)]);
    age(&world, 29).await;
    let mut due = vec![(access, 1), (amendment, 1), (accounting, 1)];
    due.sort_unstable();
    assert_eq!(alerts(&world, "request-due").await, due);
    age(&world, 1).await;
    let mut late = vec![(access, 1), (amendment, 1), (accounting, 1)];
    late.sort_unstable();
    assert_eq!(alerts(&world, "request-overdue").await, late);

    // The next day they are late once more, but for the one that is answered.
    world
        .rewrite_history(
            "update alerts set last_at = last_at - interval '1 day';
             update exports set status = 'DENIED', denial_ground = 'RESEARCH', denial_basis = 'x', denied_at = now()
             where status = 'REQUESTED'",
        )
        .await;
    for (request, times) in alerts(&world, "request-overdue").await {
        assert_eq!(times, if request == access { 1 } else { 2 });
    }
}
