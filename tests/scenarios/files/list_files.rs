//! `GET /v1/files`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("list-files", "SEARCH", "FILE")
}

#[tokio::test]
async fn each_caller_lists_files_within_reach_newest_first_and_the_row_names_the_patients() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    world.assign(&ada, &vera).await;
    let (first, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    let (second, _) = world.announced(&ada, "image/png", files::PNG).await;
    let (of_ben, _) = world.announced(&ben, "image/png", files::PNG).await;
    let own = announcement("PROVIDER", vera.user, "image/png", files::PNG);
    let own = vera.post("/v1/files", own).await.expect(201);
    let own: Uuid = own.body["file"]["id"].as_str().unwrap().parse().unwrap();

    for (caller, expected, patients) in [
        (&*ada, vec![second, first], vec![ada.id]),
        (&*ben, vec![of_ben], vec![ben.id]),
        (&*vera, vec![own, second, first], vec![ada.id]),
        (&*walt, vec![], vec![]),
    ] {
        let answer = caller.get("/v1/files").await.expect(200);
        assert_eq!(answer.ids(), expected, "{}", caller.email);
        assert_eq!(answer.body["next_cursor"], Value::Null);
        let named = patients
            .into_iter()
            .fold(row().by(caller), Expected::patient);
        world.audited(&answer, named).await;
    }
}

#[tokio::test]
async fn files_can_be_filtered_and_paged() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let available = world.uploaded(&ada, "application/pdf", files::PDF).await;
    let (pending, _) = world.announced(&ada, "image/png", files::PNG).await;
    let entry = world.note(&ada, &vera, "X-ray of the chest").await;
    let path = format!("/v1/files/{available}");
    let version = vera.get(&path).await.expect(200).body["version"].clone();
    vera.patch(
        &path,
        version.as_i64().unwrap(),
        json!({"record_id": entry}),
    )
    .await
    .expect(200);
    for (query, expected) in [
        (format!("record_id={entry}"), vec![available]),
        (format!("record_id={}", Uuid::now_v7()), vec![]),
        (format!("patient_id={}", ada.id), vec![pending, available]),
        (format!("owner_id={}", ada.user), vec![pending, available]),
        (format!("owner_id={}", vera.user), vec![]),
        ("status=AVAILABLE".to_owned(), vec![available]),
        ("status=PENDING".to_owned(), vec![pending]),
        ("status=QUARANTINED".to_owned(), vec![]),
    ] {
        let answer = vera.get(&format!("/v1/files?{query}")).await.expect(200);
        assert_eq!(answer.ids(), expected, "{query}");
    }
    let first = vera.get("/v1/files?limit=1").await.expect(200);
    assert_eq!(first.ids(), [pending]);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = vera
        .get(&format!("/v1/files?limit=1&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(second.ids(), [available]);
    assert_eq!(second.body["next_cursor"], Value::Null);
    // A file that is withheld with its record isn't found by the record either.
    let of_entry = format!("/v1/files?record_id={entry}");
    assert_eq!(ada.get(&of_entry).await.expect(200).ids(), [available]);
    world.hold(entry, &vera, "1 day").await;
    assert!(ada.get(&of_entry).await.expect(200).ids().is_empty());
    assert_eq!(vera.get(&of_entry).await.expect(200).ids(), [available]);
}

#[tokio::test]
async fn deleted_files_are_listed_on_request_for_callers_who_may_delete_them() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let body = announcement("PATIENT", ada.user, "image/png", files::PNG);
    let by_vera = vera.post("/v1/files", body).await.expect(201);
    let id: Uuid = by_vera.body["file"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    world
        .sql(
            "update file_metadata set is_archived = true, archived_at = now() where id = $1",
            &[&id],
        )
        .await;
    assert!(vera.get("/v1/files").await.expect(200).ids().is_empty());
    let all = "/v1/files?include_archived=true";
    assert_eq!(vera.get(all).await.expect(200).ids(), [id]);
    assert!(ada.get(all).await.expect(200).ids().is_empty());
}

#[tokio::test]
async fn an_invalid_query_parameter_is_named() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    for (query, field) in [
        ("status=LOST", "status"),
        ("patient_id=ada", "patient_id"),
        ("owner_id=ada", "owner_id"),
        ("record_id=x", "record_id"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
        ("include_archived=perhaps", "include_archived"),
        ("file_path=x", "file_path"),
    ] {
        let path = format!("/v1/files?{query}");
        world.invalid(ada.get(&path), field, row().by(&ada)).await;
    }
}

#[tokio::test]
async fn administrators_list_no_files() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let path = format!("/v1/files?patient_id={}", ada.id);
    let denied = row().by(&admin).patient(ada.id).denied("forbidden");
    world.refused(admin.get(&path), 403, denied).await;
}
