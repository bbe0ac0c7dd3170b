//! `GET /v1/medical-records`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("list-records", "SEARCH", "MEDICAL_RECORD")
}

#[tokio::test]
async fn records_are_listed_newest_first_in_pages() {
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
async fn each_caller_finds_only_items_within_reach() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    world.assign(&ada, &vera).await;
    world.assign(&ben, &vera).await;
    let shown = world.note(&ada, &vera, "Shown").await;
    let passed = world.note(&ada, &vera, "Passed").await;
    let held = world.note(&ada, &vera, "Held").await;
    let of_ben = world.note(&ben, &vera, "Of Ben").await;
    world.hold(passed, &vera, "-1 day").await;
    world.hold(held, &vera, "1 day").await;
    for (caller, expected, patients) in [
        (&*ada, vec![passed, shown], vec![ada.id]),
        (&*ben, vec![of_ben], vec![ben.id]),
        (
            &*vera,
            vec![of_ben, held, passed, shown],
            vec![ada.id, ben.id],
        ),
        // Walt wrote no record and cares for nobody.
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
async fn filters_work_alone_and_together() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world.assign(&ada, &vera).await;
    let visit = world.visit(&ben, &vera, &days_ago(30), "COMPLETED").await;
    let a = world.note(&ada, &vera, "One").await;
    let b = world.note(&ben, &vera, "Two").await;
    let c = world.note(&ben, &vera, "Three").await;
    world
        .sql(
            "update medical_records set change_reason = 'x', appointment_id = $1, record_type = 'SUMMARY', source_system = 'urn:s', external_id = 'urn:c' where id = $2",
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
        ("source_system=urn:s".to_owned(), vec![c]),
        ("source_system=urn:t&external_id=urn:c".to_owned(), vec![]),
    ] {
        let answer = vera
            .get(&format!("/v1/medical-records?{query}"))
            .await
            .expect(200);
        assert_eq!(answer.ids(), expected, "{query}");
    }
}

#[tokio::test]
async fn the_patients_providers_find_current_and_ended_holds() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let shown = world.note(&ada, &vera, "Shown").await;
    let passed = world.note(&ada, &vera, "Passed").await;
    let held = world.note(&ada, &vera, "Held").await;
    world.hold(passed, &vera, "-1 day").await;
    world.hold(held, &vera, "1 day").await;
    for (caller, query, expected) in [
        (&*vera, "held=true", vec![held, passed]),
        (&*vera, "held=false", vec![shown]),
        (&*ada, "held=true", vec![]),
        (&*ada, "held=false", vec![]),
    ] {
        let answer = caller.get(&format!("/v1/medical-records?{query}")).await;
        let answer = answer.expect(200);
        assert_eq!(answer.ids(), expected, "{query}");
        for item in answer.body["items"].as_array().unwrap() {
            assert_eq!(item["hold"].is_object(), item["id"] != json!(shown));
        }
    }
}

#[tokio::test]
async fn deleted_records_are_listed_for_the_patients_providers_on_request() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let kept = world.note(&ada, &vera, "Kept").await;
    let deleted = world.note(&ada, &vera, "Deleted").await;
    vera.delete(&format!("/v1/medical-records/{deleted}"), 1)
        .await
        .expect(200);
    for (caller, query, expected) in [
        (&*vera, "", vec![kept]),
        (&*vera, "?include_archived=true", vec![deleted, kept]),
        (&*ada, "?include_archived=true", vec![kept]),
    ] {
        let answer = caller.get(&format!("/v1/medical-records{query}")).await;
        assert_eq!(answer.expect(200).ids(), expected, "{query}");
    }
}

/// Returns how often PostgreSQL read the table in full and by an index.
async fn scans(world: &World) -> (i64, i64) {
    let row = world
        .row(
            "select seq_scan, idx_scan from pg_stat_user_tables where relname = 'medical_records'",
            &[],
        )
        .await;
    (
        row["seq_scan"].as_i64().unwrap(),
        row["idx_scan"].as_i64().unwrap(),
    )
}

#[tokio::test]
async fn a_page_uses_an_index_regardless_of_the_number_of_records() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world
        .sql(
            "insert into roles values ('RESEARCHER', 'Reads every chart')",
            &[],
        )
        .await;
    world
        .sql(
            "insert into role_permissions values ('RESEARCHER', 'records:read', 'ALL')",
            &[],
        )
        .await;
    let rhea = world.user("RESEARCHER", "Rhea").await;
    world.assign(&ada, &vera).await;
    let walt = world.provider("Walt").await;
    for index in 0..20 {
        let other = world.patient(&format!("Patient{index}")).await;
        if index < 5 {
            world.assign(&other, &vera).await;
        }
    }
    world
        .sql(
            "insert into medical_records (id, patient_id, provider_id, record_type, content, created_at)
             select gen_random_uuid(), p.id, $1, 'NOTE', '{\"text\": \"x\"}', now() - n * interval '1 minute'
             from patients p, generate_series(1, 1000) as n",
            &[&walt.id],
        )
        .await;
    world.sql("analyze", &[]).await;
    world.sql("select pg_stat_force_next_flush()", &[]).await;
    let (full, _) = scans(&world).await;
    for caller in [&*ada, &*vera, &rhea] {
        let (_, by_index) = scans(&world).await;
        let first = caller.get("/v1/medical-records").await.expect(200);
        assert_eq!(first.ids().len(), 50, "{}", caller.email);
        let cursor = first.body["next_cursor"].as_str().unwrap();
        for query in [
            &format!("cursor={cursor}"),
            &format!("patient_id={}", ada.id),
            "record_type=NOTE",
            "held=true",
            "external_id=urn:none",
            "include_archived=true",
        ] {
            caller
                .get(&format!("/v1/medical-records?{query}"))
                .await
                .expect(200);
        }
        // A session reports its statistics when it ends, at the latest.
        world.restart("list-records").await;
        eventually("the scans are counted", async || {
            scans(&world).await.1 > by_index
        })
        .await;
        assert_eq!(scans(&world).await.0, full, "{}", caller.email);
    }
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let denied = row().by(&admin).denied("forbidden");
    world
        .refused(admin.get("/v1/medical-records"), 403, denied)
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
        world
            .invalid(
                ada.get(&format!("/v1/medical-records?{query}")),
                field,
                row().by(&ada),
            )
            .await;
    }
}
