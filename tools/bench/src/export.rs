//! Measures build-exports with a large chart: its peak memory, which has a budget, and its time compared with a plain SHA-256
//! of the same files.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use local_cloud::cloud::FILES_BUCKET;
use serde_json::json;
use uuid::Uuid;

use crate::cold_start::peak_memory;
use crate::large_file::hash;
use crate::site::{Databases, Setup, Site, Size};

const FUNCTION: &str = "build-exports";
const MIB: u64 = 1024 * 1024;
/// The budget in docs/performance.md.
const MEMORY: u64 = 64 * MIB;
/// The number of files.
const FILES: u64 = 16;

const NOTES: &str = "
    insert into medical_records (id, patient_id, provider_id, record_type, content, notes)
    select gen_random_uuid(), $1, v.id, 'NOTE', '{}', repeat('The patient is well. ', 50) || i
    from generate_series(1, $2::bigint) as i, (select min(id::text)::uuid as id from providers) as v";
const FILE: &str = "
    insert into file_metadata (id, owner_id, owner_type, patient_id, bucket, file_path, original_name, file_type, file_size,
      sha256, status, upload_date, inspected_at, expires_at, uploaded_by)
    select $1, p.user_id, 'PATIENT', p.id, $2, $3, 'scan.mp4', 'video/mp4', $4, $5, 'AVAILABLE', now(), now(), now(), p.user_id
    from patients p where p.id = $6";
const REQUEST: &str = "
    insert into exports (id, patient_id, requested_by, received_on, due_on)
    select $1, p.id, p.user_id, current_date, current_date + 30 from patients p where p.id = $2";

/// `entries` is the number of notes, and `mebibytes` the size of all files together.
pub async fn measure(binaries: &Path, entries: i64, mebibytes: u64) -> Result<()> {
    let databases = Databases::start(Setup::default()).await?;
    let site = Site::open(&databases, "bench", Size::SMALL, binaries, 1).await?;
    let binary = site.binaries.join(FUNCTION).canonicalize()?;
    let client = &site.clinic.client;
    let patient = site.clinic.id("patient 1").await?;
    client.execute(NOTES, &[&patient, &entries]).await?;
    let size = mebibytes * MIB / FILES;
    let mut plain = 0.0;
    for number in 0..FILES {
        let id = Uuid::now_v7();
        let key = format!("files/{patient}/{id}");
        let path = site.cloud.objects().path(FILES_BUCKET, &key);
        write(&path, size, number as u8)?;
        let started = Instant::now();
        let sha256 = hash(&path)?;
        plain += started.elapsed().as_secs_f64();
        let size = i64::try_from(size)?;
        client
            .execute(FILE, &[&id, &FILES_BUCKET, &key, &size, &sha256, &patient])
            .await?;
    }
    let request = Uuid::now_v7();
    client.execute(REQUEST, &[&request, &patient]).await?;
    let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
    let started = Instant::now();
    site.cloud.invoke(FUNCTION, &schedule).await?;
    let built = started.elapsed().as_secs_f64();
    let state = "select status::text, package_size from exports where id = $1";
    let row = client.query_one(state, &[&request]).await?;
    let (status, package): (String, Option<i64>) = (row.get(0), row.get(1));
    ensure!(status == "READY", "the request is {status}");
    let memory = peak_memory(&binary)?;
    println!(
        "| entries | files, MiB | package, MiB | SHA-256 of the files, s | build-exports, s | ratio | peak RSS, MiB |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    println!(
        "| {entries} | {mebibytes} | {:.0} | {plain:.1} | {built:.1} | {:.1} | {:.1} |",
        package.unwrap_or_default() as f64 / MIB as f64,
        built / plain,
        memory as f64 / MIB as f64,
    );
    site.cloud.shutdown().await;
    ensure!(memory <= MEMORY, "more than {} MiB of memory", MEMORY / MIB);
    Ok(())
}

fn write(path: &Path, size: u64, filler: u8) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = File::create(path)?;
    let bytes = vec![filler; 1 << 20];
    let mut left = size;
    while left > 0 {
        let length = left.min(bytes.len() as u64);
        file.write_all(&bytes[..usize::try_from(length)?])?;
        left -= length;
    }
    Ok(())
}
