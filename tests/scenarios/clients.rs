//! Uploads and downloads with real clients: curl, and a page in Chromium.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tests::browser::Page;
use tests::prelude::*;
use tokio::process::Command;

const PAGE: &str = include_str!("clients.html");

/// Returns the task of the page: the file to send.
fn task(world: &World, ada: &Patient, file_type: &str, bytes: &[u8]) -> Value {
    let mut file = announcement("PATIENT", ada.user, file_type, bytes);
    for measured in ["file_size", "sha256"] {
        file.as_object_mut().unwrap().remove(measured);
    }
    json!({
        "api": world.cloud.url(),
        "token": ada.token,
        "file": file,
        "bytes": STANDARD.encode(bytes),
    })
}

/// Creates a world that pages of this origin may call. Files larger than 5 MiB are sent in parts.
async fn world_for(origin: String) -> World {
    World::with(Setup {
        allowed_origin: Some(origin),
        environment: [("FILE_PART_SIZE".to_owned(), "5".to_owned())].into(),
        ..Setup::default()
    })
    .await
}

#[tokio::test]
#[ignore = "needs chromium; .ci/run has it"]
async fn a_page_uploads_a_file_and_downloads_it() {
    let mut page = Page::new(PAGE).await;
    let world = world_for(page.origin("127.0.0.1")).await;
    let ada = world.patient("Ada").await;
    let task = task(&world, &ada, "application/pdf", files::PDF);
    let told = page.visit("127.0.0.1", task).await;
    let [id, other] = ["id", "other_id"].map(|name| told[name].as_str().unwrap_or_default());
    let expected = json!({
        "announced": 201, "id": id, "sent": 200, "status": "AVAILABLE", "etag": true, "same": true,
        // The page also sends bytes that differ from the announced ones.
        "other_id": other, "other_sent": 400,
    });
    assert_eq!(told, expected);

    world.cloud.settled().await;
    let (id, other) = (id.parse().unwrap(), other.parse().unwrap());
    assert_eq!(world.file_state(id).await.0, "AVAILABLE");
    assert_eq!(world.file_state(other).await.0, "PENDING");
    let log = world.audit_log().await;
    let of = |application: &str, action: &str, id: Uuid| {
        let rows = log.iter().filter(|row| {
            let entry = &row.entry;
            (entry.application.as_str(), entry.action_type.to_string())
                == (application, action.into())
                && entry.resource_id == Some(id)
        });
        rows.collect::<Vec<_>>()
    };
    for (application, action, id, expected) in [
        ("create-file", "CREATE", id, 1),
        ("process-upload", "PROCESS", id, 2),
        ("get-file", "DISCLOSE", id, 1),
        ("create-file", "CREATE", other, 1),
        ("process-upload", "PROCESS", other, 0),
    ] {
        let rows = of(application, action, id);
        assert_eq!(rows.len(), expected, "{application} {action}: {rows:#?}");
        for row in rows.iter().filter(|_| application != "process-upload") {
            assert_eq!(row.entry.user_id.map(Into::into), Some(ada.user));
            let agent = row.entry.user_agent.as_deref().unwrap_or_default();
            assert!(agent.contains("Chrome"), "{agent}");
        }
    }
    world.verify_chains().await;
}

#[tokio::test]
#[ignore = "needs chromium; .ci/run has it"]
async fn a_page_uploads_a_large_file_in_parts() {
    let mut page = Page::new(PAGE).await;
    let world = world_for(page.origin("127.0.0.1")).await;
    let ada = world.patient("Ada").await;
    let text = b"Caretrail. ".repeat(6 * 1024 * 1024 / 11);
    let task = task(&world, &ada, "text/plain", &text);
    let told = page.visit("127.0.0.1", task).await;
    let id: Uuid = told["id"].as_str().unwrap_or_default().parse().unwrap();
    let expected = json!({
        "announced": 201, "id": id, "sent": [200, 200, 200], "status": "AVAILABLE", "etag": true,
        "same": true,
    });
    assert_eq!(told, expected);
    world.verify_chains().await;
}

#[tokio::test]
#[ignore = "needs chromium; .ci/run has it"]
async fn the_browser_blocks_a_page_of_another_origin() {
    let mut page = Page::new(PAGE).await;
    let world = world_for(page.origin("127.0.0.1")).await;
    let ada = world.patient("Ada").await;
    let task = task(&world, &ada, "application/pdf", files::PDF);
    let told = page.visit("localhost", task).await;
    assert_eq!(told, json!({"error": "TypeError: Failed to fetch"}));
    assert!(
        world.audit_log().await.is_empty(),
        "no request reached the API"
    );
}

/// Runs curl and returns the answer's status.
async fn curl(arguments: &[&str]) -> String {
    let curl = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20"])
        .args(["--write-out", "%{http_code}"])
        .args(arguments)
        .output()
        .await
        .expect("curl runs: apt-get install curl");
    assert!(curl.status.success(), "{curl:?}");
    String::from_utf8(curl.stdout).unwrap()
}

#[tokio::test]
#[ignore = "needs curl; .ci/run has it"]
async fn curl_uploads_a_file_with_the_given_headers_and_downloads_it() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (id, upload) = world.announced(&ada, "application/pdf", files::PDF).await;
    let path = |name| world.folder().join(name).display().to_string();
    let (sent, fetched) = (path("sent"), path("fetched"));
    fs::write(&sent, files::PDF).unwrap();

    let headers = upload["headers"].as_object().unwrap();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.as_str().unwrap()))
        .collect();
    let mut put = vec!["--output", "/dev/null", "--upload-file", &sent];
    put.extend(headers.iter().flat_map(|header| ["--header", header]));
    put.push(upload["url"].as_str().unwrap());
    assert_eq!(curl(&put).await, "200");
    world.cloud.settled().await;

    let answer = ada.get(&format!("/v1/files/{id}")).await.expect(200);
    let url = answer.body["download"]["url"].as_str().unwrap();
    assert_eq!(curl(&["--output", &fetched, url]).await, "200");
    assert_eq!(fs::read(fetched).unwrap(), files::PDF);
    let disclosed = audit("get-file", "DISCLOSE", "FILE");
    let disclosed = disclosed.by(&ada).resource(id).patient(ada.id);
    world.audited(&answer, disclosed).await;
}
