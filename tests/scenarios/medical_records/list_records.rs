//! `GET /v1/medical-records`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("list-records", "SEARCH", "MEDICAL_RECORD")
}

#[tokio::test]
async fn entries_come_newest_first_a_page_at_a_time() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let mut expected = Vec::new();
    for text in ["First", "Second", "Third"] {
        expected.push(world.note(&ada, &vera, text).await);
    }
    let mut path = "/v1/medical-records?limit=2".to_owned();
    for page in [&[expected[2], expected[1]][..], &[expected[0]]] {
        let answer = ada.get(&path).await.expect(200);
        assert_eq!(answer.ids(), page);
        world.audited(&answer, row().by(&ada).patient(ada.id)).await;
        let cursor = answer.body["next_cursor"].as_str().unwrap_or_default();
        assert_eq!(cursor.is_empty(), page.len() == 1);
        path = format!("/v1/medical-records?limit=2&cursor={cursor}");
    }
}

#[tokio::test]
async fn each_caller_finds_what_is_within_reach() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    world.assign(&ada, &vera).await;
    world.assign(&ben, &vera).await;
    let shown = world.note(&ada, &vera, "Shown").await;
    let hidden = world.note(&ada, &vera, "Hidden").await;
    let held = world.note(&ada, &vera, "Held").await;
    let of_ben = world.note(&ben, &vera, "Of Ben").await;
    world
        .sql(
            "update medical_records set
               is_patient_visible = id <> $1,
               release_date = case when id = $2 then now() + interval '1 day' else release_date end",
            &[&hidden, &held],
        )
        .await;
    for (caller, expected, patients) in [
        (&*ada, vec![shown], vec![ada.id]),
        (&*ben, vec![of_ben], vec![ben.id]),
        (
            &*vera,
            vec![of_ben, held, hidden, shown],
            vec![ada.id, ben.id],
        ),
        // She wrote none and cares for nobody.
        (&*walt, vec![], vec![]),
    ] {
        let answer = caller.get("/v1/medical-records").await.expect(200);
        assert_eq!(answer.ids(), expected, "{}", caller.email);
        let named = patients
            .iter()
            .fold(row().by(caller), |row, id| row.patient(*id));
        world.audited(&answer, named).await;
    }
}

#[tokio::test]
async fn filters_narrow_alone_and_together() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world.assign(&ada, &vera).await;
    let visit = world
        .visit(&ben, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    let a = world.note(&ada, &vera, "One").await;
    let b = world.note(&ben, &vera, "Two").await;
    let c = world.note(&ben, &vera, "Three").await;
    world
        .sql(
            "update medical_records set appointment_id = $1, record_type = 'SUMMARY', external_id = 'urn:c' where id = $2",
            &[&visit, &c],
        )
        .await;
    for (query, expected) in [
        (format!("patient_id={}", ada.id), vec![a]),
        (format!("patient_id={}", ben.id), vec![c, b]),
        (format!("appointment_id={visit}"), vec![c]),
        ("record_type=NOTE".to_owned(), vec![b, a]),
        (format!("record_type=NOTE&patient_id={}", ben.id), vec![b]),
        ("external_id=urn:c".to_owned(), vec![c]),
    ] {
        let answer = vera
            .get(&format!("/v1/medical-records?{query}"))
            .await
            .expect(200);
        assert_eq!(answer.ids(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let answer = admin
        .get("/v1/medical-records")
        .await
        .problem(403, "forbidden");
    world
        .audited(&answer, row().by(&admin).denied("forbidden"))
        .await;
}

#[tokio::test]
async fn a_filter_out_of_bounds_is_named() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    for (query, field) in [
        ("record_type=note", "record_type"),
        ("patient_id=", "patient_id"),
    ] {
        let answer = ada
            .get(&format!("/v1/medical-records?{query}"))
            .await
            .invalid(field);
        world
            .audited(&answer, row().by(&ada).failed("invalid"))
            .await;
    }
}
