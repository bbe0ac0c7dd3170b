//! `GET /v1/patients`

use tests::audit::Expected;
use tests::prelude::*;
use tokio_postgres::types::ToSql;

use super::crowd;

fn row() -> Expected {
    audit("list-patients", "SEARCH", "PATIENT")
}

#[tokio::test]
async fn an_administrator_pages_through_all_patients_and_each_row_names_its_page() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut all = Vec::new();
    for name in ["Ada", "Ben", "Cleo", "Dan", "Eve"] {
        all.push(world.patient(name).await.id);
    }
    all.sort_unstable();

    let mut path = "/v1/patients?limit=2".to_owned();
    let mut seen = Vec::new();
    for expected in [&all[..2], &all[2..4], &all[4..]] {
        let answer = admin.get(&path).await.expect(200);
        assert_eq!(answer.ids(), expected);
        assert_eq!(answer.body["items"][0]["allergies"], Value::Null);
        let named = expected
            .iter()
            .fold(row().by(&admin), |row, id| row.patient(*id));
        world.audited(&answer, named).await;
        seen.extend(answer.ids());
        match answer.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/patients?limit=2&cursor={cursor}"),
            None => assert_eq!(seen, all, "the pages contain all patients in order"),
        }
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_patient_finds_only_themselves() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    world.patient("Ben").await;
    let answer = ada.get("/v1/patients").await.expect(200);
    assert_eq!(answer.ids(), [ada.id]);
    assert_eq!(
        answer.body["items"][0]["allergies"][0]["criticality"],
        "high"
    );
    assert_eq!(answer.body.get("next_cursor"), Some(&Value::Null));
    world.audited(&answer, row().by(&ada).patient(ada.id)).await;
}

#[tokio::test]
async fn a_provider_finds_each_patient_in_their_care_once() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let (both, treated) = (world.patient("Ada").await, world.patient("Ben").await);
    let cancelled = world.patient("Cleo").await;
    world.patient("Dan").await;
    world.assign(&both, &vera).await;
    world
        .visit(&both, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    world
        .visit(&treated, &vera, &days_ago(30), "COMPLETED")
        .await;
    world
        .visit(&cancelled, &vera, "2030-01-07T10:00Z", "CANCELLED")
        .await;
    let answer = vera.get("/v1/patients").await.expect(200);
    let mut expected = vec![both.id, treated.id];
    expected.sort_unstable();
    assert_eq!(answer.ids(), expected);
    world
        .audited(
            &answer,
            row().by(&vera).patient(both.id).patient(treated.id),
        )
        .await;
}

#[tokio::test]
async fn filters_select_within_the_callers_reach() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    world.assign(&ben, &vera).await;

    let by_user = admin
        .get(&format!("/v1/patients?user_id={}", ada.user))
        .await
        .expect(200);
    assert_eq!(by_user.ids(), [ada.id]);
    world
        .audited(
            &by_user,
            row()
                .by(&admin)
                .patient(ada.id)
                .detail("filtered_user_id", ada.user.to_string()),
        )
        .await;

    let by_provider = admin
        .get(&format!("/v1/patients?provider_id={}", vera.id))
        .await
        .expect(200);
    assert_eq!(by_provider.ids(), [ben.id]);

    // A filter doesn't extend the reach.
    let beyond = ada
        .get(&format!("/v1/patients?user_id={}", ben.user))
        .await
        .expect(200);
    assert_eq!(beyond.body, json!({"items": [], "next_cursor": null}));
    let noted = row()
        .by(&ada)
        .detail("filtered_user_id", ben.user.to_string());
    world.audited(&beyond, noted).await;
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused() {
    let world = World::new().await;
    world.patient("Ada").await;
    let officer = world.officer().await;
    let denied = row().by(&officer).denied("forbidden");
    world
        .refused(officer.get("/v1/patients"), 403, denied)
        .await;
}

#[tokio::test]
async fn a_filter_with_a_malformed_id_is_named() {
    let world = World::new().await;
    let admin = world.admin().await;
    world
        .invalid(
            admin.get("/v1/patients?user_id=ada@example.org"),
            "user_id",
            row().by(&admin),
        )
        .await;
}

#[tokio::test]
async fn no_list_reads_the_whole_table() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let ben = world.patient("Ben").await;
    world.assign(&ben, &vera).await;
    crowd::gather(&world).await;
    let nobody = None::<Uuid>;
    for caller in [&admin, &*vera, &*ben] {
        for (user, provider, after) in [
            (nobody, nobody, nobody),
            (nobody, nobody, Some(ben.id)),
            (Some(ben.user), nobody, nobody),
            (nobody, Some(vera.id), nobody),
        ] {
            let parameters: [&(dyn ToSql + Sync); 5] = [&user, &provider, &false, &after, &51_i64];
            let plan = crowd::plan(&world, caller, list_patients::LIST, &parameters).await;
            assert!(!plan.contains("Seq Scan"), "{plan}");
            assert!(plan.contains("Index"), "{plan}");
        }
    }
}
