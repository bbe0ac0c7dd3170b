//! `PATCH /v1/files/{id}`

use http::Method;
use http::header::{CONTENT_TYPE, IF_MATCH};
use tests::audit::Expected;
use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request;

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
async fn a_name_is_corrected_with_the_version_that_was_read() {
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
        let request = patch(caller, id, Some(&tag), json!({"original_name": "x"}));
        let failed = row().by(caller).resource(id).patient(ada.id);
        world
            .refused(request, 412, failed.failed("precondition-failed"))
            .await;
    }
    let request = patch(&ada, id, None, json!({"original_name": "x"}));
    let failed = row().by(&ada).failed("precondition-required");
    world.refused(request, 428, failed).await;
}

#[tokio::test]
async fn a_provider_attaches_a_file_to_a_record_and_the_patient_can_not_detach_it() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let entry = world.note(&ada, &vera, "X-ray of the chest").await;
    world.hold(entry, &vera, "1 day").await;
    let id = world.uploaded(&ada, "image/png", files::PNG).await;
    let row = || row().resource(id).patient(ada.id);
    let fields = || row().by(&vera).detail("fields", json!(["record_id"]));
    let attach = json!({"record_id": entry});
    let detach = json!({"record_id": null});
    // The file is Ada's own, but a patient may not write the chart, and doesn't learn whether the
    // record exists.
    for entry in [entry, Uuid::now_v7()] {
        let request = patch(&ada, id, Some("*"), json!({"record_id": entry}));
        let denied = row().by(&ada).detail("fields", json!(["record_id"]));
        world
            .refused(request, 404, denied.denied("not-found"))
            .await;
    }
    let by_ada = put_past_the_handler(&world, &ada, id, Some(entry)).await;
    assert_eq!(by_ada.unwrap_err().code().unwrap().code(), "42501");

    let answer = patch(&vera, id, Some("*"), attach).await.expect(200);
    assert_eq!(answer.body["record_id"], json!(entry));
    world.audited(&answer, fields()).await;
    let path = format!("/v1/files/{id}");
    ada.get(&path).await.problem(404, "not-found");
    for body in [&detach, &json!({"original_name": "x"})] {
        let request = patch(&ada, id, Some("*"), body.clone());
        let denied = row().by(&ada).denied("not-found");
        world.refused(request, 404, denied).await;
    }
    ada.delete(&path, 1).await.problem(404, "not-found");
    // The patient can't change it while the record is held or visible, because it belongs to the
    // chart.
    assert_eq!(
        put_past_the_handler(&world, &ada, id, None).await.unwrap(),
        0
    );
    world.hold(entry, &vera, "-1 minute").await;
    ada.get(&path).await.expect(200);
    assert_eq!(
        put_past_the_handler(&world, &ada, id, None).await.unwrap(),
        0
    );
    let request = patch(&ada, id, Some("*"), detach.clone());
    let denied = row().by(&ada).denied("not-found");
    world.refused(request, 404, denied).await;

    let answer = patch(&vera, id, Some("*"), detach).await.expect(200);
    assert_eq!(answer.body["record_id"], Value::Null);
    world.audited(&answer, fields()).await;
    ada.get(&path).await.expect(200);
}

/// Attaches or detaches a file with row-level security alone. Returns the number of changed files.
async fn put_past_the_handler(
    world: &World,
    caller: &Actor,
    id: Uuid,
    entry: Option<Uuid>,
) -> Result<u64, tokio_postgres::Error> {
    let app = world.connect_as(PEOPLE).await;
    app.batch_execute("begin").await.unwrap();
    begin_request(&app, caller, "files:write").await.unwrap();
    let put = "update file_metadata set record_id = $2 where id = $1";
    app.execute(put, &[&id, &entry]).await
}

#[tokio::test]
async fn an_uploaded_file_can_be_attached_only_to_an_existing_record_of_its_chart() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world.assign(&ada, &vera).await;
    world.assign(&ben, &vera).await;
    let of_ben = world.note(&ben, &vera, "X-ray of the chest").await;
    let deleted = world.note(&ada, &vera, "X-ray of the hand").await;
    vera.delete(&format!("/v1/medical-records/{deleted}"), 1)
        .await
        .expect(200);
    let id = world.uploaded(&ada, "image/png", files::PNG).await;
    let row = || row().by(&vera).patient(ada.id);
    for entry in [of_ben, deleted, Uuid::now_v7()] {
        let request = patch(&vera, id, Some("*"), json!({"record_id": entry}));
        let denied = row().resource(id).detail("fields", json!(["record_id"]));
        world
            .refused(request, 404, denied.denied("not-found"))
            .await;
    }
    // The patient must finish their own upload first.
    let entry = world.note(&ada, &vera, "X-ray of the foot").await;
    let (coming, _) = world.announced(&ada, "image/png", files::PNG).await;
    let request = patch(&vera, coming, Some("*"), json!({"record_id": entry}));
    let failed = row().resource(coming).failed("conflict");
    world.refused(request, 409, failed).await;
    // A provider's own file belongs to no chart.
    let own = announcement("PROVIDER", vera.user, "image/png", files::PNG);
    let own = vera.post("/v1/files", own).await.expect(201);
    assert_eq!(vera.upload(&own.body["upload"], files::PNG).await, 200);
    world.cloud.settled().await;
    let own: Uuid = own.body["file"]["id"].as_str().unwrap().parse().unwrap();
    patch(&vera, own, Some("*"), json!({"record_id": entry}))
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn an_invalid_name_or_another_field_is_refused() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (id, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    let before = world.stored().await;
    for (field, value) in [
        ("original_name", Value::Null),
        ("original_name", json!("")),
        ("original_name", json!("a\u{0}b")),
        // This name is displayed as invoice_exe.pdf.
        ("original_name", json!("invoice_\u{202e}fdp.exe")),
        ("original_name", json!("invoice_\u{2067}fdp.exe")),
        ("original_name", json!("x".repeat(256))),
        ("record_id", json!("x")),
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
async fn a_providers_file_in_the_chart_is_not_renamed_by_patient_or_strangers() {
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
    for caller in [&*ada, &*walt] {
        let denied = row().by(caller).resource(id).patient(ada.id);
        world
            .out_of_reach(denied, async |id| {
                patch(caller, id, Some("*"), json!({"original_name": "x"})).await
            })
            .await;
    }
}

#[tokio::test]
async fn a_rejected_file_keeps_its_name() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let id = world.uploaded(&ada, "application/pdf", b"no PDF").await;
    assert_eq!(world.file_state(id).await.0, "REJECTED");
    let request = patch(&ada, id, Some("*"), json!({"original_name": "x"}));
    let failed = row().by(&ada).resource(id).patient(ada.id);
    world.refused(request, 409, failed.failed("conflict")).await;
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
