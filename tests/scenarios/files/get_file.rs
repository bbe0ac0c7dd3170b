//! `GET /v1/files/{id}`

use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("get-file", "READ", "FILE")
}

fn disclosure() -> Expected {
    audit("get-file", "DISCLOSE", "FILE")
}

fn path(id: Uuid) -> String {
    format!("/v1/files/{id}")
}

/// Announces and sends a file of the patient.
async fn uploaded(world: &World, ada: &Patient) -> Uuid {
    let body = announcement("PATIENT", ada.user, "application/pdf", files::PDF);
    let answer = ada.post("/v1/files", body).await.expect(201);
    assert_eq!(ada.upload(&answer.body["upload"], files::PDF).await, 200);
    world.cloud.settled().await;
    answer.body["file"]["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_checked_file_is_downloaded_as_it_was_sent() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = uploaded(&world, &ada).await;
    let before = world.stored().await;
    for caller in [&*ada, &*vera] {
        let answer = caller.get(&path(id)).await.expect(200);
        assert_eq!(answer.id(), id);
        assert_eq!(answer.body["status"], "AVAILABLE");
        assert!(answer.body["upload_date"].is_string());
        world
            .audited(
                &answer,
                disclosure().by(caller).resource(id).patient(ada.id),
            )
            .await;

        let response = caller.download(&answer.body["download"]).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.body().as_ref(), files::PDF);
        let header = |name| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "application/pdf");
        assert_eq!(
            header("content-disposition"),
            format!("attachment; filename=\"{id}.pdf\"")
        );
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn the_checked_version_is_downloaded_even_after_an_overwrite() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let id = uploaded(&world, &ada).await;
    let checked = world.file_version(id).await.unwrap();
    let other = world.put_unseen(ada.user, id, b"MZ something else");
    assert_ne!(checked, other);
    let answer = ada.get(&path(id)).await.expect(200);
    world
        .audited(&answer, disclosure().by(&ada).resource(id).patient(ada.id))
        .await;
    let response = ada.download(&answer.body["download"]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.body().as_ref(), files::PDF);
    // The version is part of the signature.
    let url = answer.body["download"]["url"].as_str().unwrap();
    let of_other = json!({"url": url.replace(&checked, &other)});
    assert_eq!(ada.download(&of_other).await.status(), 403);
}

#[tokio::test]
async fn a_signed_url_gives_access_to_nothing_else() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (id, other) = (uploaded(&world, &ada).await, uploaded(&world, &ada).await);
    let answer = ada.get(&path(id)).await.expect(200);
    let url = answer.body["download"]["url"].as_str().unwrap();
    let elsewhere = json!({"url": url.replace(&id.to_string(), &other.to_string())});
    assert_eq!(ada.download(&elsewhere).await.status(), 403);
    let unsigned = json!({"url": url.split('?').next().unwrap()});
    assert_eq!(ada.download(&unsigned).await.status(), 403);
}

#[tokio::test]
async fn a_file_can_not_be_downloaded_before_it_arrives() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let body = announcement("PATIENT", ada.user, "application/pdf", files::PDF);
    let announced = ada.post("/v1/files", body).await.expect(201);
    let id: Uuid = announced.body["file"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let answer = ada.get(&path(id)).await.expect(200);
    assert_eq!(answer.body["status"], "PENDING");
    assert_eq!(answer.body.get("download"), Some(&Value::Null));
    world
        .audited(&answer, row().by(&ada).resource(id).patient(ada.id))
        .await;
}

#[tokio::test]
async fn another_patients_file_gets_404() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    let id = uploaded(&world, &ada).await;
    for caller in [&*ben, &*vera] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        world
            .out_of_reach(denied, async |id| caller.get(&path(id)).await)
            .await;
    }
}

#[tokio::test]
async fn administrators_download_no_files() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let id = uploaded(&world, &ada).await;
    let answer = admin.get(&path(id)).await.problem(403, "forbidden");
    let denied = row().by(&admin).resource(id).patient(ada.id);
    world.audited(&answer, denied.denied("forbidden")).await;
}

#[tokio::test]
async fn a_malformed_id_is_not_found() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let answer = ada.get("/v1/files/x.pdf").await.problem(404, "not-found");
    world
        .audited(&answer, row().by(&ada).failed("not-found"))
        .await;
}
