//! `GET /v1/appointments`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("list-appointments", "SEARCH", "APPOINTMENT")
}

#[tokio::test]
async fn visits_are_listed_by_start_time_in_pages() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let third = world
        .visit(&ada, &vera, "2030-03-07T09:00Z", "SCHEDULED")
        .await;
    let first = world
        .visit(&ada, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    // Two visits begin at the same time, so the id decides their order.
    let second = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "CANCELLED")
        .await;
    let other = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let mut expected = vec![first, second.min(other), second.max(other), third];
    expected.reverse();

    let mut path = "/v1/appointments?limit=1".to_owned();
    while let Some(id) = expected.pop() {
        let answer = ada.get(&path).await.expect(200);
        assert_eq!(answer.ids(), [id]);
        world.audited(&answer, row().by(&ada).patient(ada.id)).await;
        let cursor = answer.body["next_cursor"].as_str().unwrap_or_default();
        assert_eq!(cursor.is_empty(), expected.is_empty());
        path = format!("/v1/appointments?limit=1&cursor={cursor}");
    }
}

#[tokio::test]
async fn each_caller_finds_only_items_within_reach() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let (xenia, admin) = (world.provider("Xenia").await, world.admin().await);
    let with_vera = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let called_off = world
        .visit(&ben, &vera, "2030-01-08T09:00Z", "CANCELLED")
        .await;
    let with_walt = world
        .visit(&ada, &walt, "2030-01-09T09:00Z", "SCHEDULED")
        .await;
    for (caller, expected, patients) in [
        (&*ada, vec![with_vera, with_walt], vec![ada.id]),
        (&*ben, vec![called_off], vec![ben.id]),
        (
            &*vera,
            vec![with_vera, called_off, with_walt],
            vec![ada.id, ben.id],
        ),
        (&*walt, vec![with_vera, with_walt], vec![ada.id]),
        (&*xenia, vec![], vec![]),
        (
            &admin,
            vec![with_vera, called_off, with_walt],
            vec![ada.id, ben.id],
        ),
    ] {
        let answer = caller.get("/v1/appointments").await.expect(200);
        assert_eq!(answer.ids(), expected, "{}", caller.email);
        let named = patients
            .iter()
            .fold(row().by(caller), |row, id| row.patient(*id));
        world.audited(&answer, named).await;
    }
}

#[tokio::test]
async fn filters_work_alone_and_together() {
    let world = World::new().await;
    let (admin, nora) = (world.admin().await, world.user("NURSE", "Nora").await);
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let a = world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let b = world
        .visit(&ada, &walt, "2030-01-08T09:00Z", "COMPLETED")
        .await;
    let c = world
        .visit(&ben, &vera, "2030-01-09T09:00Z", "CANCELLED")
        .await;
    world
        .sql(
            "update appointments set source_system = 'urn:s', external_id = 'visit/1 a' where id = $1",
            &[&c],
        )
        .await;
    for patient in [&ada, &ben] {
        world.grant(patient, nora.user, "COVER", "9 days").await;
    }
    for (query, expected) in [
        (format!("patient_id={}", ada.id), vec![a, b]),
        (format!("provider_id={}", vera.id), vec![a, c]),
        (
            format!("patient_id={}&provider_id={}", ada.id, vera.id),
            vec![a],
        ),
        ("status=COMPLETED".to_owned(), vec![b]),
        ("external_id=visit%2F1+a".to_owned(), vec![c]),
        ("external_id=visit".to_owned(), vec![]),
        ("source_system=urn:s".to_owned(), vec![c]),
        (
            "source_system=urn:t&external_id=visit%2F1+a".to_owned(),
            vec![],
        ),
        ("scheduled_from=2030-01-08T09:00:00Z".to_owned(), vec![b, c]),
        ("scheduled_to=2030-01-08T09:00:00Z".to_owned(), vec![a]),
        (
            "scheduled_from=2030-01-08T10:00:00%2B01:00&scheduled_to=2030-01-09T09:00:00Z"
                .to_owned(),
            vec![b],
        ),
    ] {
        for caller in [&admin, &nora] {
            let answer = caller.get(&format!("/v1/appointments?{query}")).await;
            assert_eq!(answer.expect(200).ids(), expected, "{query}");
        }
    }
}

#[tokio::test]
async fn pages_join_the_charts_in_care_and_the_providers_own_visits_without_repetition() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    world.assign(&ada, &vera).await;
    let mut expected = Vec::new();
    // Ben isn't in Vera's care any more, but his visits are with her.
    for (patient, provider, hour) in [
        (&ada, &vera, 1),
        (&ada, &walt, 2),
        (&ben, &vera, 3),
        (&ada, &vera, 4),
        (&ada, &walt, 5),
        (&ben, &vera, 6),
    ] {
        let start = format!("2001-01-01T0{hour}:00Z");
        expected.push(world.visit(patient, provider, &start, "COMPLETED").await);
    }
    world
        .visit(&ben, &walt, "2001-01-01T07:00Z", "COMPLETED")
        .await;
    for limit in [1, 2, 4, 6] {
        let mut found = Vec::new();
        let mut path = format!("/v1/appointments?limit={limit}");
        loop {
            let answer = vera.get(&path).await.expect(200);
            found.extend(answer.ids());
            let Some(cursor) = answer.body["next_cursor"].as_str() else {
                break;
            };
            path = format!("/v1/appointments?limit={limit}&cursor={cursor}");
        }
        assert_eq!(found, expected, "{limit}");
    }
}

#[tokio::test]
async fn a_filter_by_a_patient_out_of_reach_finds_nothing_and_the_row_names_the_patient() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world
        .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let answer = ben
        .get(&format!("/v1/appointments?patient_id={}", ada.id))
        .await
        .expect(200);
    assert_eq!(answer.body, json!({"items": [], "next_cursor": null}));
    world.audited(&answer, row().by(&ben).patient(ada.id)).await;
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused() {
    let world = World::new().await;
    let officer = world.officer().await;
    let denied = row().by(&officer).denied("forbidden");
    world
        .refused(officer.get("/v1/appointments"), 403, denied)
        .await;
}

#[tokio::test]
async fn a_filter_out_of_bounds_is_named() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (query, field) in [
        ("status=DONE", "status"),
        ("patient_id=ada", "patient_id"),
        ("scheduled_from=2030-01-08", "scheduled_from"),
        ("external_id=", "external_id"),
        // RFC 3339 has no year before 0.
        ("scheduled_from=-004800-01-01T00:00:00Z", "scheduled_from"),
    ] {
        world
            .invalid(
                admin.get(&format!("/v1/appointments?{query}")),
                field,
                row().by(&admin),
            )
            .await;
    }
}
