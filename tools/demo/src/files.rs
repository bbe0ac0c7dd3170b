//! The provider uploads files, and the patient downloads them.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use http::{Method, Request};
use http_body_util::Full;
use import::Known;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::samples::Sample;
use crate::teller::{Teller, id};
use crate::trace::{CREATE_FILE, OPEN_FILE, PROCESS_UPLOAD, Trace};

/// Between two looks at a file that is being checked.
const PAUSE: Duration = Duration::from_millis(100);

impl Teller<'_> {
    /// Announces a file, sends it to S3, and waits until the function that S3 starts has checked it.
    /// Returns its id.
    pub async fn upload(
        &mut self,
        provider: &Known,
        patient: &Known,
        visit: Uuid,
        sample: &Sample,
    ) -> Result<Uuid> {
        let Sample {
            name,
            media_type,
            of_visit,
            bytes,
        } = sample;
        let mut body = json!({
            "owner_type": if *of_visit { "APPOINTMENT" } else { "PATIENT" },
            "owner_id": patient.user_id,
            "original_name": name,
            "file_type": media_type,
            "file_size": bytes.len(),
            "sha256": sha256(bytes),
        });
        if *of_visit {
            body["appointment_id"] = json!(visit);
        }
        let (answer, announced) = self
            .ask(
                &provider.person,
                Method::POST,
                "/v1/files",
                Some(&body),
                201,
            )
            .await?;
        let file = id(&announced["file"])?;
        let what = format!("announces {name} ({media_type}, {} bytes)", bytes.len());
        self.narrator.step("PROVIDER", what, Some(201), Some(file));
        self.trace(&answer, provider, CREATE_FILE, Some(file))?;

        let upload = &announced["upload"];
        let sent = self
            .story
            .api
            .send(client::upload(upload, bytes.clone())?)
            .await
            .context("the upload")?;
        ensure!(
            sent.status() == 200,
            "the upload of {name} was answered {}",
            sent.status()
        );
        self.narrator.step(
            "PROVIDER",
            format!("sends {name} to its presigned URL"),
            Some(200),
            Some(file),
        );

        let until = Instant::now() + self.story.patience;
        loop {
            let (_, read) = self
                .ask(
                    &provider.person,
                    Method::GET,
                    &format!("/v1/files/{file}"),
                    None,
                    200,
                )
                .await?;
            match read["status"].as_str().unwrap_or_default() {
                "AVAILABLE" => break,
                "PENDING" | "SCANNING" if Instant::now() < until => tokio::time::sleep(PAUSE).await,
                status => bail!("{name} is {status} ({})", read["status_reason"]),
            }
        }
        self.narrator.step(
            "SYSTEM",
            format!("checks {name}: AVAILABLE"),
            None,
            Some(file),
        );
        self.traces.push(Trace {
            step: self.narrator.last(),
            request_id: None,
            user_id: None,
            role: "SYSTEM",
            deed: PROCESS_UPLOAD,
            resource_id: Some(file),
            outcome: "SUCCESS",
        });
        Ok(file)
    }

    /// Reads and downloads a file, and checks that the content is the one uploaded.
    pub async fn read_file(&mut self, patient: &Known, file: Uuid, sample: &Sample) -> Result<()> {
        let path = format!("/v1/files/{file}");
        let (answer, read) = self
            .ask(&patient.person, Method::GET, &path, None, 200)
            .await?;
        let name = sample.name;
        self.narrator
            .step("PATIENT", format!("asks for {name}"), Some(200), Some(file));
        self.trace(&answer, patient, OPEN_FILE, Some(file))?;

        let url = read["download"]["url"]
            .as_str()
            .context("the file can't be downloaded")?;
        let download = Request::get(url).body(Full::default())?;
        let download = self
            .story
            .api
            .send(download)
            .await
            .context("the download")?;
        ensure!(
            download.status() == 200,
            "the download of {name} was answered {}",
            download.status()
        );
        let expected = sha256(&sample.bytes);
        ensure!(
            sha256(download.body()) == expected,
            "{name} came back changed"
        );
        ensure!(
            read["sha256"] == json!(expected),
            "the answer has another SHA-256 for {name}"
        );
        self.narrator.step(
            "PATIENT",
            format!("downloads {name}: the same SHA-256"),
            Some(200),
            Some(file),
        );
        Ok(())
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}
