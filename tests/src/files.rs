//! Small files of several types, and their way to S3 and back.

use std::fs;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::people::{Actor, Patient};
use crate::samples;
use crate::world::World;

/// A PDF without pages.
pub const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
    2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n\
    xref\n0 3\n0000000000 65535 f \n0000000009 00000 n \n0000000052 00000 n \n\
    trailer<</Size 3/Root 1 0 R>>\nstartxref\n96\n%%EOF\n";

/// A PNG of one transparent pixel.
pub const PNG: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\
    IHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\x0b\
    IDATx\x9cc`\x00\x02\x00\x00\x05\x00\x01z^\xab?\x00\x00\x00\x00IEND\xaeB`\x82";

/// A DICOM file of one pixel.
pub fn dicom() -> Vec<u8> {
    samples::dicom(&[0; 128], "nobody")
}

/// Returns the body that announces these bytes.
pub fn announcement(owner_type: &str, owner: Uuid, file_type: &str, bytes: &[u8]) -> Value {
    json!({
        "owner_type": owner_type,
        "owner_id": owner,
        "original_name": "Befund – 7.bin",
        "file_type": file_type,
        "file_size": bytes.len(),
        "sha256": hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes)),
    })
}

impl Actor {
    /// Sends these bytes as the answer's `upload` says. Returns the status.
    pub async fn upload(&self, upload: &Value, bytes: &[u8]) -> u16 {
        let request = client::upload(upload, bytes.to_vec()).unwrap();
        let answer = self.client.send_request(request).await.unwrap();
        answer.status().as_u16()
    }

    /// Downloads the file that an answer's `download` names.
    pub async fn download(&self, download: &Value) -> Response<Bytes> {
        let request = Request::builder()
            .uri(download["url"].as_str().unwrap())
            .body(Full::default())
            .unwrap();
        self.client.send_request(request).await.unwrap()
    }
}

impl World {
    /// Announces these bytes as the patient's file. Returns its id and its `upload`.
    pub async fn announced(&self, ada: &Patient, file_type: &str, bytes: &[u8]) -> (Uuid, Value) {
        let body = announcement("PATIENT", ada.user, file_type, bytes);
        let answer = ada.post("/v1/files", body).await.expect(201);
        let id = answer.body["file"]["id"].as_str().unwrap();
        (id.parse().unwrap(), answer.body["upload"].clone())
    }

    /// Announces and sends these bytes as the patient's file, and waits until they are processed.
    pub async fn uploaded(&self, ada: &Patient, file_type: &str, bytes: &[u8]) -> Uuid {
        let (id, upload) = self.announced(ada, file_type, bytes).await;
        assert_eq!(ada.upload(&upload, bytes).await, 200);
        self.cloud.settled().await;
        id
    }

    /// Runs `expire-uploads` as its schedule does.
    pub async fn expire_uploads(&self) {
        let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
        self.cloud
            .invoke("expire-uploads", &schedule)
            .await
            .unwrap();
    }

    /// Returns the number of multipart uploads that are open in S3.
    pub fn open_uploads(&self) -> usize {
        let folder = self.cloud.objects().path(".uploads", "");
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }

    /// Overwrites the object of the owner's file with these bytes, without an event. Returns the
    /// new version's id.
    pub fn put_unseen(&self, owner: Uuid, id: Uuid, bytes: &[u8]) -> String {
        let key = format!("files/{owner}/{id}");
        let objects = self.cloud.objects();
        let path = objects.path("caretrail-files", &key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.exists() {
            // S3 keeps the former version elsewhere.
            fs::remove_file(&path).unwrap();
        }
        fs::write(path, bytes).unwrap();
        objects.version("caretrail-files", &key).unwrap().unwrap()
    }

    /// Returns the version of its object that a file is.
    pub async fn file_version(&self, id: Uuid) -> Option<String> {
        let query = "select object_version from file_metadata where id = $1";
        self.sql(query, &[&id]).await[0].get(0)
    }

    /// Returns a file's state and its reason.
    pub async fn file_state(&self, id: Uuid) -> (String, Option<String>) {
        let row = self
            .row(
                "select status, status_reason from file_metadata where id = $1",
                &[&id],
            )
            .await;
        let text = |field: &str| row[field].as_str().map(str::to_owned);
        (text("status").unwrap(), text("status_reason"))
    }
}
