//! Measures process-upload with large files: its peak memory, which has a budget, and its time
//! compared with a plain SHA-256 of the same bytes.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use aws_lc_rs::digest::{Context, SHA256};
use local_cloud::cloud::FILES_BUCKET;
use serde_json::json;
use uuid::Uuid;

use crate::cold_start::peak_memory;
use crate::site::{Databases, Setup, Site, Size};

const FUNCTION: &str = "process-upload";
const MIB: u64 = 1024 * 1024;
/// The budget in docs/performance.md.
const MEMORY: u64 = 64 * MIB;

/// A media type and a file of this size: its beginning, its filling and its end.
struct Large {
    media_type: &'static str,
    size: u64,
    head: Vec<u8>,
    filler: u8,
    tail: Vec<u8>,
}

pub async fn measure(binaries: &Path, mebibytes: u64, rounds: usize) -> Result<()> {
    let databases = Databases::start(Setup::default()).await?;
    let site = Site::open(&databases, "bench", Size::SMALL, binaries, 1).await?;
    let binary = site.binaries.join(FUNCTION).canonicalize()?;
    println!(
        "| file | MiB | SHA-256, s (minimum of {rounds}) | process-upload, s | ratio | peak RSS, MiB |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    let large = [
        video(mebibytes * MIB),
        image(mebibytes * MIB),
        scan(mebibytes * MIB),
        letter(100 * MIB),
        resource(100 * MIB),
    ];
    let mut greatest = 0;
    for large in large {
        // Each type gets a process of its own.
        site.stop(FUNCTION).await;
        let (mut plain, mut whole) = (Duration::MAX, Duration::MAX);
        for _ in 0..rounds {
            let (hashed, processed) = processed(&site, &large).await?;
            plain = plain.min(hashed);
            whole = whole.min(processed);
        }
        let memory = peak_memory(&binary)?;
        println!(
            "| {} | {} | {:.2} | {:.2} | {:.2} | {:.1} |",
            large.media_type,
            large.size / MIB,
            plain.as_secs_f64(),
            whole.as_secs_f64(),
            whole.as_secs_f64() / plain.as_secs_f64(),
            memory as f64 / MIB as f64,
        );
        greatest = greatest.max(memory);
    }
    site.cloud.shutdown().await;
    ensure!(
        greatest <= MEMORY,
        "more than {} MiB of memory",
        MEMORY / MIB
    );
    Ok(())
}

/// Returns the time of the plain hash, and the time of the function until AVAILABLE.
async fn processed(site: &Site, large: &Large) -> Result<(Duration, Duration)> {
    let (id, owner) = (Uuid::now_v7(), site.clinic.id("provider user 1").await?);
    let key = format!("files/{owner}/{id}");
    let path = site.cloud.objects().path(FILES_BUCKET, &key);
    large.write(&path)?;
    let started = Instant::now();
    let sha256 = hash(&path)?;
    let hashed = started.elapsed();
    let size = i64::try_from(large.size)?;
    site.clinic
        .client
        .execute(
            "insert into file_metadata
               (id, owner_id, owner_type, bucket, file_path, original_name, file_type, file_size, sha256,
                expires_at, uploaded_by)
             values ($1, $2, 'PROVIDER', $3, $4, 'large', $5, $6, $7, now() + interval '1 hour', $2)",
            &[&id, &owner, &FILES_BUCKET, &key, &large.media_type, &size, &sha256],
        )
        .await?;
    let event = json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2030-01-07T09:00:00.000Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {}, "requestParameters": {}, "responseElements": {},
        "s3": { "bucket": { "name": FILES_BUCKET }, "object": { "key": key } }
    }] });
    let started = Instant::now();
    site.cloud.invoke(FUNCTION, &event).await?;
    let processed = started.elapsed();
    let state =
        "select concat_ws(' ', status::text, status_reason) from file_metadata where id = $1";
    let state: String = site.clinic.client.query_one(state, &[&id]).await?.get(0);
    ensure!(state == "AVAILABLE", "{} is {state}", large.media_type);
    fs::remove_file(path)?;
    Ok((hashed, processed))
}

/// The SHA-256 of a file, read once.
pub fn hash(path: &Path) -> Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut digest = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digest.finish().as_ref().to_vec()),
            length => digest.update(&buffer[..length]),
        }
    }
}

impl Large {
    fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::create(path)?;
        file.write_all(&self.head)?;
        let mut left = self.size - (self.head.len() + self.tail.len()) as u64;
        let filler = vec![self.filler; 1 << 16];
        while left > 0 {
            let length = left.min(filler.len() as u64);
            file.write_all(&filler[..usize::try_from(length)?])?;
            left -= length;
        }
        file.write_all(&self.tail)?;
        Ok(())
    }
}

/// An MP4 with one box of media.
fn video(size: u64) -> Large {
    let boxed = |kind: &[u8; 4], content: &[u8]| {
        let length = u32::try_from(content.len() + 8).unwrap_or(u32::MAX);
        [&length.to_be_bytes()[..], kind, content].concat()
    };
    let movie = [boxed(b"mvhd", &[0; 100]), boxed(b"trak", &[0; 92])].concat();
    let mut head = [
        boxed(b"ftyp", b"isom\0\0\x02\0isomiso2"),
        boxed(b"moov", &movie),
    ]
    .concat();
    let media = size - head.len() as u64;
    head.extend_from_slice(b"\0\0\0\x01mdat");
    head.extend_from_slice(&media.to_be_bytes());
    Large {
        media_type: "video/mp4",
        size,
        head,
        filler: 0,
        tail: Vec::new(),
    }
}

/// A TIFF with one strip and its directory at the end.
fn image(size: u64) -> Large {
    let entries: [(u16, u64); 4] = [(256, 1), (257, 1), (273, 8), (279, size - 8 - 54)];
    let number = |number: u64| (number as u32).to_le_bytes();
    let mut tail = 4_u16.to_le_bytes().to_vec();
    for (tag, value) in entries {
        tail.extend_from_slice(&tag.to_le_bytes());
        tail.extend_from_slice(b"\x04\0\x01\0\0\0");
        tail.extend_from_slice(&number(value));
    }
    tail.extend_from_slice(&[0; 4]);
    let head = [&b"II\x2a\0"[..], &number(size - tail.len() as u64)].concat();
    Large {
        media_type: "image/tiff",
        size,
        head,
        filler: 0x7f,
        tail,
    }
}

/// A DICOM file with one element of pixels.
fn scan(size: u64) -> Large {
    let mut head = vec![0; 128];
    head.extend_from_slice(b"DICM\x02\0\0\0UL\x04\0\x34\0\0\0");
    head.extend_from_slice(b"\x02\0\x02\0UI\x04\x001.2\0\x02\0\x03\0UI\x04\x001.3\0");
    head.extend_from_slice(b"\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0");
    head.extend_from_slice(b"\xe0\x7f\x10\0OW\0\0");
    let pixels = size - head.len() as u64 - 4;
    head.extend_from_slice(&(pixels as u32).to_le_bytes());
    Large {
        media_type: "application/dicom",
        size,
        head,
        filler: 0x7f,
        tail: Vec::new(),
    }
}

/// A PDF with one long stream.
fn letter(size: u64) -> Large {
    let head =
        b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n3 0 obj<<>>stream\n".to_vec();
    let end = "\nendstream endobj\n";
    let tail = |start: u64| {
        format!(
            "{end}xref\n0 1\n0000000000 65535 f \ntrailer<</Size 1/Root 1 0 R>>\nstartxref\n{start:010}\n%%EOF\n"
        )
    };
    let start = size - tail(0).len() as u64 + end.len() as u64;
    Large {
        media_type: "application/pdf",
        size,
        head,
        filler: b'x',
        tail: tail(start).into_bytes(),
    }
}

/// A FHIR resource with one long text.
fn resource(size: u64) -> Large {
    Large {
        media_type: "application/fhir+json",
        size,
        head: b"{\"resourceType\": \"Binary\", \"data\": \"".to_vec(),
        filler: b'A',
        tail: b"\"}\n".to_vec(),
    }
}
