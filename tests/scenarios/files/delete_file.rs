//! `DELETE /v1/files/{id}`

use http::Method;
use http::header::IF_MATCH;
use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("delete-file", "DELETE", "FILE")
}

async fn delete(caller: &Actor, path: &str, if_match: Option<&str>) -> Answer {
    let mut request = caller.request(Method::DELETE, path);
    if let Some(tag) = if_match {
        request = request.header(IF_MATCH, tag);
    }
    let request = request.body(Default::default()).unwrap();
    caller.send_request(request).await
}

#[tokio::test]
async fn a_deleted_file_is_archived_and_its_object_stays() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let id = world.uploaded(&ada, "application/pdf", files::PDF).await;
    let path = format!("/v1/files/{id}");
    let tag = ada.get(&path).await.expect(200);
    let tag = tag.header("etag").to_owned();
    let request = delete(&ada, &path, Some("\"1\""));
    let failed = row().by(&ada).resource(id).patient(ada.id);
    world
        .refused(request, 412, failed.failed("precondition-failed"))
        .await;
    delete(&ada, &path, None)
        .await
        .problem(428, "precondition-required");

    let answer = delete(&ada, &path, Some(&tag)).await.expect(200);
    assert_eq!(answer.id(), id);
    assert_eq!(answer.body["is_archived"], true);
    world
        .audited(&answer, row().by(&ada).resource(id).patient(ada.id))
        .await;
    let stored = world
        .row(
            "select archived_by, archived_at is not null as dated from file_metadata",
            &[],
        )
        .await;
    assert_eq!(stored, json!({"archived_by": ada.user, "dated": true}));
    let key = format!("files/{}/{id}", ada.user);
    let object = world.cloud.objects().path("caretrail-files", &key);
    assert_eq!(std::fs::read(object).unwrap(), files::PDF);

    ada.get(&path).await.problem(404, "not-found");
    let again = delete(&ada, &path, Some("*"))
        .await
        .problem(404, "not-found");
    let denied = row().by(&ada).resource(id).patient(ada.id);
    world.audited(&again, denied.denied("not-found")).await;
}

#[tokio::test]
async fn a_file_deleted_before_it_arrives_never_becomes_available() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (id, upload) = world.announced(&ada, "application/pdf", files::PDF).await;
    delete(&ada, &format!("/v1/files/{id}"), Some("*"))
        .await
        .expect(200);
    assert_eq!(ada.upload(&upload, files::PDF).await, 200);
    world.cloud.settled().await;
    assert_eq!(world.file_state(id).await.0, "PENDING");
}

#[tokio::test]
async fn a_providers_file_in_the_chart_is_not_deleted_by_patient_or_strangers() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (ben, walt) = (world.patient("Ben").await, world.provider("Walt").await);
    world.assign(&ada, &vera).await;
    let body = announcement("PATIENT", ada.user, "image/png", files::PNG);
    let announced = vera.post("/v1/files", body).await.expect(201);
    let id: Uuid = announced.body["file"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let path = format!("/v1/files/{id}");
    let before = world.stored().await;
    for caller in [&*ada, &*ben, &*walt] {
        let refused = delete(caller, &path, Some("*"))
            .await
            .problem(404, "not-found");
        let denied = row().by(caller).resource(id).patient(ada.id);
        world.audited(&refused, denied.denied("not-found")).await;
    }
    assert_eq!(world.stored().await, before);
    delete(&vera, &path, Some("*")).await.expect(200);
}

#[tokio::test]
async fn administrators_delete_no_files_and_a_malformed_id_is_not_found() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let (id, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    let answer = delete(&admin, &format!("/v1/files/{id}"), Some("*"))
        .await
        .problem(403, "forbidden");
    let denied = row().by(&admin).resource(id).patient(ada.id);
    world.audited(&answer, denied.denied("forbidden")).await;
    let request = delete(&ada, "/v1/files/x", Some("*"));
    world
        .refused(request, 404, row().by(&ada).failed("not-found"))
        .await;
}
