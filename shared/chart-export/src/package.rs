//! The ZIP and its members.

use std::collections::HashMap;
use std::io::{self, Write};

use askama::Template;
use chrono::{Datelike as _, Timelike as _};
use domain::file::FileMetadata;
use domain::ids::ProviderId;
use domain::patient::Patient;
use domain::time::{Date, Timestamp};
use domain::user::User;
use domain::zone::Zone;
use fhir::export::{Amendment, BundleWriter, Clinic};
use serde::Serialize;
use uuid::Uuid;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::bundle::Bundle;
use crate::member::{Listed, Member};
use crate::summary::{Omission, Summary};

/// The media types that don't get smaller.
const COMPRESSED: [&str; 4] = ["application/pdf", "image/png", "image/jpeg", "video/mp4"];
/// From this size on, a member needs ZIP64.
const LARGE: u64 = u32::MAX as u64 / 2;
/// The longest name that a file has in the package, without its id.
const MAX_NAME: usize = 100;

/// What the package is about.
#[derive(Debug)]
pub struct About {
    /// The id of the export. The Bundle has it, too.
    pub id: Uuid,
    /// The clinic.
    pub clinic: Clinic,
    /// The patient.
    pub patient: Uuid,
    /// The person who gets the package, in words.
    pub recipient: String,
    /// The first and the last day that it covers. None if it covers everything.
    pub period: Option<(Date, Date)>,
    /// The time at which it is made.
    pub made_at: Timestamp,
    /// The time zone of the times in the summary.
    pub zone: Zone,
    /// The name of that zone.
    pub zone_name: String,
}

/// A package that is being written. Its members come in this order: the Bundle, the summary, the files.
pub struct Package<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
    about: About,
    listed: Vec<Listed>,
    pub(crate) providers: HashMap<ProviderId, String>,
}

impl<W: Write> std::fmt::Debug for Package<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.listed.len();
        f.debug_struct("Package").field("members", &count).finish()
    }
}

#[derive(Template)]
#[template(path = "readme.txt")]
struct Readme<'a> {
    about: &'a About,
    made_at: String,
}

#[derive(Serialize)]
struct Manifest<'a> {
    format: &'static str,
    version: u32,
    export_id: Uuid,
    made_at: Timestamp,
    members: &'a [Listed],
}

impl<W: Write> Package<W> {
    /// Begins the package with its README.txt.
    ///
    /// # Errors
    /// The writer fails. The same holds for all other functions.
    pub fn begin(out: W, about: About) -> io::Result<Self> {
        let made_at = crate::summary::time(about.made_at, &about.zone);
        let readme = Readme {
            about: &about,
            made_at,
        };
        let readme = readme.render().map_err(io::Error::other)?;
        let mut package = Self {
            zip: ZipWriter::new_stream(out),
            about,
            listed: Vec::new(),
            providers: HashMap::new(),
        };
        let mut member = Member::begin(&mut package, "README.txt", "text/plain", 0)?;
        // Programs for Windows may know no other end of a line.
        member.write_all(readme.replace('\n', "\r\n").as_bytes())?;
        member.finish();
        Ok(package)
    }

    /// Begins the FHIR Bundle: the first pass over the chart.
    pub fn bundle(&mut self) -> io::Result<Bundle<'_, W>> {
        let About {
            id,
            made_at,
            patient,
            ..
        } = self.about;
        let clinic = self.about.clinic.clone();
        let member = Member::begin(self, "fhir-bundle.json", "application/fhir+json", 0)?;
        let writer = BundleWriter::begin(member, id, made_at, clinic, patient)?;
        Ok(Bundle::new(writer))
    }

    /// Begins the summary: the second pass over the chart. `user` is the patient's account.
    pub fn summary<'p>(
        &'p mut self,
        patient: &'p Patient,
        user: Option<&User>,
        amendments: &[Amendment],
        omissions: &[Omission],
    ) -> io::Result<Summary<'p, W>> {
        Summary::begin(self, patient, user, amendments, omissions)
    }

    /// Begins a file, whose bytes the caller writes.
    pub fn file(&mut self, file: &FileMetadata) -> io::Result<FileBytes<'_, W>> {
        let size = u64::try_from(file.file_size).unwrap_or_default();
        let member = Member::begin(self, file_path(file), &file.file_type, size)?;
        Ok(FileBytes {
            member,
            size,
            sha256: file.sha256.clone(),
        })
    }

    /// Ends the package with its manifest.json, and returns the writer.
    pub fn finish(mut self) -> io::Result<W> {
        let manifest = Manifest {
            format: "urn:caretrail:chart-export",
            version: 1,
            export_id: self.about.id,
            made_at: self.about.made_at,
            members: &self.listed,
        };
        let mut manifest = serde_json::to_vec_pretty(&manifest)?;
        manifest.push(b'\n');
        self.start("manifest.json", "application/json", 0)?;
        self.zip.write_all(&manifest)?;
        Ok(self.zip.finish()?.into_inner())
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    pub(crate) fn zip(&mut self) -> &mut impl Write {
        &mut self.zip
    }

    pub(crate) fn list(&mut self, listed: Listed) {
        self.listed.push(listed);
    }

    pub(crate) fn start(&mut self, path: &str, media_type: &str, size: u64) -> io::Result<()> {
        let method = match COMPRESSED.contains(&media_type) {
            true => CompressionMethod::Stored,
            false => CompressionMethod::Deflated,
        };
        let made = self.about.zone.local(self.about.made_at);
        let part = |number: u32| u8::try_from(number).unwrap_or_default();
        let made = DateTime::from_date_and_time(
            u16::try_from(made.year()).unwrap_or_default(),
            part(made.month()),
            part(made.day()),
            part(made.hour()),
            part(made.minute()),
            part(made.second()),
        );
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(made.unwrap_or_default())
            .unix_permissions(0o644)
            .large_file(size >= LARGE);
        Ok(self.zip.start_file(path, options)?)
    }
}

/// The bytes of a file that is being written.
#[derive(Debug)]
pub struct FileBytes<'p, W: Write> {
    member: Member<'p, W>,
    size: u64,
    sha256: String,
}

impl<W: Write> FileBytes<'_, W> {
    /// Writes the next bytes.
    ///
    /// # Errors
    /// The writer fails.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.member.write_all(bytes)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The bytes aren't those that the metadata announce. The package must then be made again.
    pub fn finish(self) -> io::Result<()> {
        let (_, size, sha256) = self.member.finish();
        if size != self.size || sha256 != self.sha256 {
            let message = "the bytes of a file differ from its metadata";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(())
    }
}

/// The path of the file in the package: its id, and as much of its name as is safe on every system.
pub fn file_path(file: &FileMetadata) -> String {
    let safe = |c: char| match c {
        c if c.is_ascii_alphanumeric() || "-_.".contains(c) => c,
        _ => '_',
    };
    let name: String = file.original_name.chars().map(safe).collect();
    // The end of the name has the type.
    let name = &name[name.len().saturating_sub(MAX_NAME)..];
    // A name such as `..` means something else than itself.
    let name = name.replace("..", "_");
    format!("files/{}-{}", file.id, name.trim_matches('.'))
}
