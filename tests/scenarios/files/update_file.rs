//! `PATCH /v1/files/{id}`

use http::Method;
use http::header::{CONTENT_TYPE, IF_MATCH};
use tests::audit::Expected;
use tests::prelude::*;

fn row() -> Expected {
    audit("update-file", "UPDATE", "FILE")
}

async fn patch(caller: &Actor, id: Uuid, if_match: Option<&str>, body: Value) -> Answer {
    let mut request = caller
        .request(Method::PATCH, &format!("/v1/files/{id}"))
        .header(CONTENT_TYPE, "application/merge-patch+json");
    if let Some(tag) = if_match {
        request = request.header(IF_MATCH, tag);
    }
    let request = request.body(body.to_string().into()).unwrap();
    caller.send_request(request).await
}

#[tokio::test]
async fn a_name_is_corrected_from_the_version_it_was_read_in() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let id = world.uploaded(&ada, "application/pdf", files::PDF).await;
    for caller in [&*ada, &*vera] {
        let tag = caller.get(&format!("/v1/files/{id}")).await.expect(200);
        let tag = tag.header("etag").to_owned();
        let name = format!("Report of {}.pdf", caller.email);
        let answer = patch(caller, id, Some(&tag), json!({"original_name": name}))
            .await
            .expect(200);
        assert_eq!(answer.body["original_name"], json!(name));
        assert_eq!(answer.body["status"], "AVAILABLE");
        assert_ne!(answer.header("etag"), tag);
        let expected = row().by(caller).resource(id).patient(ada.id);
        world
            .audited(&answer, expected.detail("fields", json!(["original_name"])))
            .await;
        let stale = patch(caller, id, Some(&tag), json!({"original_name": "x"}))
            .await
            .problem(412, "precondition-failed");
        let failed = row().by(caller).resource(id).patient(ada.id);
        world
            .audited(&stale, failed.failed("precondition-failed"))
            .await;
    }
    let answer = patch(&ada, id, None, json!({"original_name": "x"}))
        .await
        .problem(428, "precondition-required");
    let failed = row().by(&ada).failed("precondition-required");
    world.audited(&answer, failed).await;
}

#[tokio::test]
async fn nothing_of_what_it_holds_can_be_changed() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (id, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    let before = world.stored().await;
    for (field, value) in [
        ("original_name", Value::Null),
        ("original_name", json!("")),
        ("original_name", json!("a\u{0}b")),
        // Shown as invoice_exe.pdf.
        ("original_name", json!("invoice_\u{202e}fdp.exe")),
        ("original_name", json!("invoice_\u{2067}fdp.exe")),
        ("original_name", json!("x".repeat(256))),
        ("status", json!("AVAILABLE")),
        ("sha256", json!("0".repeat(64))),
        ("file_path", json!("files/x")),
    ] {
        let mut body = json!({});
        body[field] = value;
        let answer = patch(&ada, id, Some("*"), body).await.invalid(field);
        let failed = row().by(&ada).resource(id).patient(ada.id);
        world.audited(&answer, failed.failed("invalid")).await;
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn what_a_provider_put_into_the_chart_is_not_renamed_by_the_patient_nor_by_strangers() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let walt = world.provider("Walt").await;
    world.assign(&ada, &vera).await;
    let body = announcement("PATIENT", ada.user, "image/png", files::PNG);
    let announced = vera.post("/v1/files", body).await.expect(201);
    let id: Uuid = announced.body["file"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let before = world.stored().await;
    for caller in [&*ada, &*walt] {
        let refused = patch(caller, id, Some("*"), json!({"original_name": "x"}))
            .await
            .problem(404, "not-found");
        let denied = row().by(caller).resource(id).patient(ada.id);
        world.audited(&refused, denied.denied("not-found")).await;
        let nothing = Uuid::now_v7();
        let absent = patch(caller, nothing, Some("*"), json!({"original_name": "x"}))
            .await
            .problem(404, "not-found");
        let failed = row().by(caller).resource(nothing);
        world.audited(&absent, failed.failed("not-found")).await;
        refused.same_as(&absent);
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_file_that_was_refused_keeps_its_name() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let id = world.uploaded(&ada, "application/pdf", b"no PDF").await;
    assert_eq!(world.file_state(id).await.0, "REJECTED");
    let answer = patch(&ada, id, Some("*"), json!({"original_name": "x"}))
        .await
        .problem(409, "conflict");
    let failed = row().by(&ada).resource(id).patient(ada.id);
    world.audited(&answer, failed.failed("conflict")).await;
}

#[tokio::test]
async fn administrators_change_no_files() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let (id, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    let answer = patch(&admin, id, Some("*"), json!({"original_name": "x"}))
        .await
        .problem(403, "forbidden");
    let denied = row().by(&admin).resource(id).patient(ada.id);
    world.audited(&answer, denied.denied("forbidden")).await;
}
