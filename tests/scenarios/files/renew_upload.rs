//! `POST /v1/files/{id}/upload`

use domain::time::Timestamp;
use http::Method;
use http::header::CONTENT_TYPE;
use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("renew-upload", "UPDATE", "FILE")
}

async fn renew(caller: &Actor, id: Uuid) -> Answer {
    caller.post_nothing(&format!("/v1/files/{id}/upload")).await
}

/// Changes the file as if it had been announced this long ago.
async fn age(world: &World, id: Uuid, by: &str) {
    world
        .sql("alter table file_metadata disable trigger touch", &[])
        .await;
    world
        .sql(
            "update file_metadata set created_at = created_at - $2::text::interval,
               expires_at = expires_at - $2::text::interval where id = $1",
            &[&id, &by],
        )
        .await;
    world
        .sql("alter table file_metadata enable trigger touch", &[])
        .await;
}

#[tokio::test]
async fn an_expired_upload_url_can_be_renewed() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (id, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    age(&world, id, "6 minutes").await;
    let answer = renew(&ada, id).await.expect(200);
    assert_eq!(answer.body["file"]["id"], json!(id));
    world
        .audited(&answer, row().by(&ada).resource(id).patient(ada.id))
        .await;
    let upload = &answer.body["upload"];
    let stored = world
        .row(
            "select expires_at = $1::text::timestamptz as ends_with_the_url,
               expires_at > now() as is_to_come from file_metadata",
            &[&upload["expires_at"].as_str().unwrap()],
        )
        .await;
    assert_eq!(
        stored,
        json!({"ends_with_the_url": true, "is_to_come": true})
    );
    assert_eq!(ada.upload(upload, files::PDF).await, 200);
    world.cloud.settled().await;
    assert_eq!(world.file_state(id).await.0, "AVAILABLE");

    // A file that has arrived isn't sent again.
    let answer = renew(&ada, id).await.problem(409, "conflict");
    let failed = row().by(&ada).resource(id).patient(ada.id);
    world.audited(&answer, failed.failed("conflict")).await;
}

#[tokio::test]
async fn a_repeated_announcement_can_be_renewed() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let body = announcement("PATIENT", ada.user, "application/pdf", files::PDF);
    let announce = async || {
        let request = ada
            .request(Method::POST, "/v1/files")
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", "letter")
            .body(body.to_string().into());
        ada.send_request(request.unwrap()).await.expect(201)
    };
    let first = announce().await;
    let id = first.body["file"]["id"].as_str().unwrap().parse().unwrap();
    age(&world, id, "6 minutes").await;
    let again = announce().await;
    assert_eq!(again.body["file"]["id"], first.body["file"]["id"]);
    assert_eq!(again.body["upload"], Value::Null);
    let renewed = renew(&ada, id).await.expect(200);
    let ends = |answer: &Answer| -> Timestamp {
        let end = answer.body["upload"]["expires_at"].as_str().unwrap();
        end.parse().unwrap()
    };
    assert!(ends(&renewed) >= ends(&first));
    assert_eq!(ada.upload(&renewed.body["upload"], files::PDF).await, 200);
}

#[tokio::test]
async fn sent_parts_remain_valid_after_renewal() {
    let setup = Setup {
        environment: [("FILE_PART_SIZE".to_owned(), "5".to_owned())].into(),
        ..Setup::default()
    };
    let world = World::with(setup).await;
    let ada = world.patient("Ada").await;
    let text = vec![b'x'; 6 * 1024 * 1024];
    let (first, rest) = text.split_at(5 * 1024 * 1024);
    let (id, upload) = world.announced(&ada, "text/plain", &text).await;
    assert_eq!(ada.upload(&upload["parts"][0], first).await, 200);
    age(&world, id, "2 hours").await;
    let answer = renew(&ada, id).await.expect(200);
    let upload = &answer.body["upload"];
    assert_eq!(ada.upload(&upload["parts"][1], rest).await, 200);
    ada.post_nothing(&format!("/v1/files/{id}/complete"))
        .await
        .expect(200);
    world.cloud.settled().await;
    assert_eq!(world.file_state(id).await.0, "AVAILABLE");
}

#[tokio::test]
async fn after_22_hours_a_file_must_be_announced_again() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (id, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    age(&world, id, "21 hours 59 minutes").await;
    renew(&ada, id).await.expect(200);
    age(&world, id, "1 minute").await;
    renew(&ada, id).await.problem(409, "conflict");
}

#[tokio::test]
async fn only_callers_who_may_change_the_file_get_an_upload_url() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (ben, admin) = (world.patient("Ben").await, world.admin().await);
    world.assign(&ada, &vera).await;
    let (id, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    let before = world.stored().await;
    let refused = renew(&ben, id).await.problem(404, "not-found");
    let denied = row().by(&ben).resource(id).patient(ada.id);
    world.audited(&refused, denied.denied("not-found")).await;
    let refused = renew(&admin, id).await.problem(403, "forbidden");
    let denied = row().by(&admin).resource(id).patient(ada.id);
    world.audited(&refused, denied.denied("forbidden")).await;
    let request = ada.post_nothing("/v1/files/x/upload");
    world
        .refused(request, 404, row().by(&ada).failed("not-found"))
        .await;
    assert_eq!(world.stored().await, before);
    let renewed = renew(&vera, id).await.expect(200);
    // Nobody gets a URL for a deleted file.
    let version = renewed.body["file"]["version"].as_i64().unwrap();
    let path = format!("/v1/files/{id}");
    ada.delete(&path, version).await.expect(200);
    renew(&vera, id).await.problem(404, "not-found");
}
