//! The main job as a story, told over HTTP against a running cloud: a patient is imported, her
//! provider adds files, she reads her chart, another patient is refused, and the audit log shows
//! it all.

mod files;
mod told;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use client::{Api, Person, problem};
use http::{Method, Request, Response};
use http_body_util::Full;
use import::{Imported, Known, import};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use self::files::Sample;
use self::told::Narrator;
pub use self::told::{Report, Step};

/// Between two looks at a file that is being processed.
const PAUSE: Duration = Duration::from_millis(100);
/// Records a page, so that a chart takes several.
const RECORDS: usize = 40;
/// Rows of the audit log a page.
const ROWS: usize = 100;
/// How far this machine's clock may be ahead of the database's.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// What the story needs.
#[derive(Debug)]
pub struct Story {
    /// The cloud.
    pub api: Api,
    /// Holds the role ADMIN.
    pub admin: Person,
    /// Holds the role COMPLIANCE_OFFICER.
    pub officer: Person,
    /// The bundle of the patient whom the story is about. It holds an imaging study.
    pub bundle: PathBuf,
    /// The bundle of another patient.
    pub other_bundle: PathBuf,
    /// How long an uploaded file may take to become readable.
    pub patience: Duration,
}

/// What a function does, as its audit rows have it.
#[derive(Debug, Clone, Copy)]
struct Deed {
    application: &'static str,
    action: &'static str,
    resource_type: &'static str,
}

const GET_ME: Deed = Deed::new("get-me", "READ", "USER");
const GET_PATIENT: Deed = Deed::new("get-patient", "READ", "PATIENT");
const GET_RECORD: Deed = Deed::new("get-record", "READ", "MEDICAL_RECORD");
const LIST_RECORDS: Deed = Deed::new("list-records", "SEARCH", "MEDICAL_RECORD");
const CREATE_FILE: Deed = Deed::new("create-file", "CREATE", "FILE");
const OPEN_FILE: Deed = Deed::new("get-file", "DISCLOSE", "FILE");
/// Refused, it handed out no way to the content.
const GET_FILE: Deed = Deed::new("get-file", "READ", "FILE");
const PROCESS_UPLOAD: Deed = Deed::new("process-upload", "PROCESS", "FILE");

impl Deed {
    const fn new(
        application: &'static str,
        action: &'static str,
        resource_type: &'static str,
    ) -> Self {
        Self {
            application,
            action,
            resource_type,
        }
    }
}

/// A row that the audit log must hold.
#[derive(Debug)]
struct Trace {
    /// The step it is of.
    step: usize,
    /// In which request; an event's is not known to who caused it.
    request_id: Option<String>,
    user_id: Option<Uuid>,
    role: &'static str,
    deed: Deed,
    resource_id: Option<Uuid>,
    outcome: &'static str,
}

/// Tells the story, each step to `listen` as it happens.
///
/// # Errors
/// The first step that goes otherwise than it should.
pub async fn tell(story: &Story, listen: &mut (dyn FnMut(&Step) + Send)) -> Result<Report> {
    let mut teller = Teller {
        story,
        narrator: Narrator::new(listen),
        traces: Vec::new(),
        began: Timestamp::now() - SKEW,
    };
    let about = teller.import(&story.bundle, "a patient").await?;
    let (patient, provider) = teller.cast(&about)?;
    let about_other = teller
        .import(&story.other_bundle, "another patient")
        .await?;
    let (other, _) = teller.cast(&about_other)?;

    let visit = teller.find_imaging(&provider, &patient).await?;
    let mut uploaded = Vec::new();
    for sample in files::samples() {
        uploaded.push((
            teller.upload(&provider, &patient, visit, &sample).await?,
            sample,
        ));
    }

    teller.who_am_i(&patient).await?;
    let record = teller.read_records(&patient, about.records).await?;
    for (file, sample) in &uploaded {
        teller.read_file(&patient, *file, sample).await?;
    }

    let (file, _) = uploaded[0];
    teller
        .refuse(&other, GET_PATIENT, "/v1/patients", patient.id)
        .await?;
    teller
        .refuse(&other, GET_RECORD, "/v1/medical-records", record)
        .await?;
    teller.refuse(&other, GET_FILE, "/v1/files", file).await?;

    teller.audit([&about, &about_other]).await?;
    Ok(Report {
        patient_id: patient.id,
        files: uploaded.into_iter().map(|(file, _)| file).collect(),
        steps: teller.narrator.into_steps(),
    })
}

struct Teller<'a> {
    story: &'a Story,
    narrator: Narrator<'a>,
    traces: Vec<Trace>,
    began: Timestamp,
}

impl Teller<'_> {
    async fn import(&mut self, bundle: &PathBuf, whom: &str) -> Result<Imported> {
        let Story { api, admin, .. } = self.story;
        let (summary, imported) = import(std::slice::from_ref(bundle), api, admin).await;
        if let Some(complaint) = summary.complaints.first() {
            bail!("the import of {whom} complains: {complaint}");
        }
        let total = summary.total();
        let what = format!(
            "imports {whom}: {} new, {} there already, {} left out",
            total.created, total.unchanged, total.not_imported
        );
        let imported = imported
            .into_iter()
            .next()
            .context("nothing was imported")?;
        self.narrator.step(
            "ADMIN",
            what,
            None,
            imported.patient.as_ref().map(|known| known.id),
        );
        Ok(imported)
    }

    /// The patient and her provider.
    fn cast(&self, imported: &Imported) -> Result<(Known, Known)> {
        let patient = imported
            .patient
            .clone()
            .context("the bundle has no patient")?;
        let provider = imported
            .providers
            .first()
            .cloned()
            .context("the bundle has no practitioner")?;
        Ok((patient, provider))
    }

    /// The visit of the patient's imaging study.
    async fn find_imaging(&mut self, provider: &Known, patient: &Known) -> Result<Uuid> {
        let path = format!(
            "/v1/medical-records?patient_id={}&record_type=IMAGING",
            patient.id
        );
        let (answer, page) = self
            .ask(&provider.person, Method::GET, &path, None, 200)
            .await?;
        let visit = &page["items"][0]["appointment_id"];
        let visit =
            serde_json::from_value(visit.clone()).context("the patient has no imaging study")?;
        self.narrator.step(
            "PROVIDER",
            "finds the visit of the imaging study",
            Some(200),
            Some(visit),
        );
        self.trace(&answer, provider, LIST_RECORDS, None)?;
        Ok(visit)
    }

    /// A file on its way: announced, sent to the store, checked by the function that its arrival
    /// starts.
    async fn upload(
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
            "owner_id": patient.person.id,
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

    async fn who_am_i(&mut self, patient: &Known) -> Result<()> {
        let (answer, me) = self
            .ask(&patient.person, Method::GET, "/v1/me", None, 200)
            .await?;
        ensure!(
            me["patient_id"] == json!(patient.id),
            "/v1/me is of another patient"
        );
        ensure!(me["role"] == "PATIENT", "/v1/me has another role");
        self.narrator.step(
            "PATIENT",
            "reads who she is",
            Some(200),
            Some(patient.person.id),
        );
        self.trace(&answer, patient, GET_ME, Some(patient.person.id))?;
        Ok(())
    }

    /// Reads all pages; the first record.
    async fn read_records(&mut self, patient: &Known, imported: usize) -> Result<Uuid> {
        let mut records = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!(
                "/v1/medical-records?patient_id={}&limit={RECORDS}{cursor}",
                patient.id
            );
            let (answer, mut page) = self
                .ask(&patient.person, Method::GET, &path, None, 200)
                .await?;
            let items = page["items"]
                .as_array_mut()
                .context("a page has no items")?;
            ensure!(
                !items.is_empty() && items.len() <= RECORDS,
                "a page has {} items",
                items.len()
            );
            let what = format!("reads a page of {} of her records", items.len());
            records.append(items);
            self.narrator
                .step("PATIENT", what, Some(200), Some(patient.id));
            self.trace(&answer, patient, LIST_RECORDS, None)?;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        ensure!(
            records
                .iter()
                .all(|record| record["patient_id"] == json!(patient.id)),
            "a record of another patient is among them"
        );
        let mut from_bundle: Vec<_> = records
            .iter()
            .filter_map(|record| record["external_id"].as_str())
            .collect();
        from_bundle.sort_unstable();
        from_bundle.dedup();
        let count = from_bundle.len();
        ensure!(
            count == imported,
            "{count} records are there of {imported} that were imported"
        );
        id(records.first().context("she has no records")?)
    }

    async fn read_file(&mut self, patient: &Known, file: Uuid, sample: &Sample) -> Result<()> {
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
            "the SHA-256 of {name} is another's"
        );
        self.narrator.step(
            "PATIENT",
            format!("downloads {name}: the same SHA-256"),
            Some(200),
            Some(file),
        );
        Ok(())
    }

    /// Asks for what is another's, which to the one who asks doesn't exist.
    async fn refuse(
        &mut self,
        other: &Known,
        deed: Deed,
        collection: &str,
        target: Uuid,
    ) -> Result<()> {
        let path = format!("{collection}/{target}");
        let (answer, body) = self
            .ask(&other.person, Method::GET, &path, None, 404)
            .await?;
        ensure!(
            body["type"]
                .as_str()
                .is_some_and(|kind| kind.ends_with("/not-found")),
            "the refusal says more than that there is nothing"
        );
        self.narrator.step(
            "PATIENT",
            format!(
                "(another one) asks for that {}: refused",
                deed.resource_type
            ),
            Some(404),
            Some(target),
        );
        self.trace(&answer, other, deed, Some(target))
    }

    /// Finds each trace in the log.
    async fn audit(&mut self, imports: [&Imported; 2]) -> Result<()> {
        for (index, imported) in imports.into_iter().enumerate() {
            let admin = [self.story.admin.id];
            let providers: Vec<_> = imported
                .providers
                .iter()
                .map(|known| known.person.id)
                .collect();
            let rows = [
                ("PATIENT", &admin[..], 1),
                ("APPOINTMENT", &providers, imported.visits),
                ("MEDICAL_RECORD", &providers, imported.records),
            ];
            let patient = imported.patient.as_ref().context("there is no patient")?;
            for (resource_type, by, count) in rows {
                self.find_created(index + 1, patient.id, resource_type, by, count)
                    .await?;
            }
        }
        let rows = self.log(&format!("from={}", self.began)).await?;
        for trace in std::mem::take(&mut self.traces) {
            let row = rows.iter().find(|row| trace.is(row)).with_context(|| {
                format!(
                    "the audit log lacks step {}: {} {}",
                    trace.step, trace.role, trace.deed.application
                )
            })?;
            self.found(trace.step, row, 1);
        }
        Ok(())
    }

    /// Finds what an import created: when that was before this story, its rows are older too.
    async fn find_created(
        &mut self,
        step: usize,
        patient: Uuid,
        resource_type: &str,
        by: &[Uuid],
        count: usize,
    ) -> Result<()> {
        let filter = format!(
            "patient_id={patient}&resource_type={resource_type}&action_type=CREATE&outcome=SUCCESS"
        );
        let mut rows = self.log(&filter).await?;
        rows.retain(|row| by.iter().any(|user| row["user_id"] == json!(user)));
        let found = rows.len();
        ensure!(
            found >= count,
            "the audit log has {found} rows of step {step} for {count} of {resource_type}"
        );
        rows.first()
            .into_iter()
            .for_each(|row| self.found(step, row, found));
        Ok(())
    }

    fn found(&mut self, step: usize, row: &Value, times: usize) {
        let word = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
        let what = format!(
            "finds step {step}: {} {} {} {}{}",
            word("actor_role"),
            word("action_type"),
            word("resource_type"),
            word("outcome"),
            if times == 1 {
                String::new()
            } else {
                format!(" × {times}")
            },
        );
        self.narrator
            .step("COMPLIANCE_OFFICER", what, None, id(row).ok());
    }

    /// All rows of the audit log that fit.
    async fn log(&mut self, filter: &str) -> Result<Vec<Value>> {
        let officer = self.story.officer.clone();
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/audit-logs?{filter}&limit={ROWS}{cursor}");
            let (_, mut page) = self.ask(&officer, Method::GET, &path, None, 200).await?;
            rows.append(
                page["items"]
                    .as_array_mut()
                    .context("a page has no items")?,
            );
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(rows),
            }
        }
    }

    /// Asks, and takes no answer but the one expected.
    async fn ask(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        body: Option<&Value>,
        expected: u16,
    ) -> Result<(Response<Bytes>, Value)> {
        let answer = self.story.api.answer(who, method.clone(), path, body).await;
        let answer = answer.with_context(|| format!("{method} {path}"))?;
        if answer.status() != expected {
            bail!(
                "{method} {path} should be answered {expected} but was {}",
                problem(&answer)
            );
        }
        let json = serde_json::from_slice(answer.body())
            .with_context(|| format!("{method} {path}: no JSON"))?;
        Ok((answer, json))
    }

    /// Remembers that the last step's answer must stand in the audit log.
    fn trace(
        &mut self,
        answer: &Response<Bytes>,
        who: &Known,
        deed: Deed,
        resource_id: Option<Uuid>,
    ) -> Result<()> {
        let request_id = answer.headers().get("x-request-id");
        let request_id = request_id.context("an answer does not name its request")?;
        self.traces.push(Trace {
            step: self.narrator.last(),
            request_id: Some(request_id.to_str()?.to_owned()),
            user_id: Some(who.person.id),
            role: self.narrator.role(),
            deed,
            resource_id,
            outcome: if answer.status() == 404 {
                "DENIED"
            } else {
                "SUCCESS"
            },
        });
        Ok(())
    }
}

impl Trace {
    /// Whether a row of the log is this one.
    fn is(&self, row: &Value) -> bool {
        self.request_id
            .as_ref()
            .is_none_or(|id| row["request_id"] == json!(id))
            && row["user_id"] == json!(self.user_id)
            && row["actor_role"] == self.role
            && row["application"] == self.deed.application
            && row["action_type"] == self.deed.action
            && row["resource_type"] == self.deed.resource_type
            && self
                .resource_id
                .is_none_or(|id| row["resource_id"] == json!(id))
            && row["outcome"] == self.outcome
    }
}

fn id(resource: &Value) -> Result<Uuid> {
    serde_json::from_value(resource["id"].clone()).context("an answer holds no id")
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}
