//! How large files may be and how they are cut for sending, as the deployment decides.

use std::ops::RangeInclusive;
use std::str::FromStr as _;
use std::sync::LazyLock;

use shared::config::{self, Misconfigured};
use shared::errors::Error;

use crate::FileType;

const MIB: i64 = 1024 * 1024;

/// In MiB. `process-upload` has five minutes to read the largest.
const LARGEST: i64 = 8192;
/// S3's bounds for a part are 5 MiB and 5 GiB.
const PART: RangeInclusive<i64> = 5..=1024;
const DEFAULT_PART: i64 = 64;
/// An announcement's answer holds a URL for each part; S3 lists no more at once.
const MOST_PARTS: i64 = 1000;

/// The bounds of a deployment.
#[derive(Debug)]
pub struct Limits {
    /// For each type, in bytes.
    largest: Vec<(FileType, i64)>,
    /// In bytes.
    part: i64,
}

static LIMITS: LazyLock<Result<Limits, Misconfigured>> = LazyLock::new(|| {
    Limits::parse(
        &config::optional("FILE_SIZE_LIMITS").unwrap_or_default(),
        &config::optional("FILE_PART_SIZE").unwrap_or_default(),
    )
});

/// The environment's limits. Errors: it names some that can't be kept.
pub fn limits() -> Result<&'static Limits, Error> {
    LIMITS.as_ref().map_err(|misconfigured| {
        tracing::error!(error = %misconfigured, "no file limits");
        Error::Internal("the limits of files are not configured")
    })
}

/// For the start of a function that needs them. Errors: as [`limits`], saying what is wrong.
pub fn check_limits() -> Result<(), &'static Misconfigured> {
    LIMITS.as_ref().map(|_| ())
}

impl Limits {
    /// `video/mp4=4096,text/plain=20`, in MiB, where it is not as by default; and the size of a part
    /// in MiB.
    fn parse(largest: &str, part: &str) -> Result<Self, Misconfigured> {
        let mut limits = Self {
            largest: FileType::ALL
                .iter()
                .map(|file_type| (*file_type, default(*file_type) * MIB))
                .collect(),
            part: match part {
                "" => DEFAULT_PART * MIB,
                text => mebibytes(text, &PART).ok_or(Misconfigured(
                    "FILE_PART_SIZE",
                    "expected whole MiB, 5 to 1024",
                ))?,
            },
        };
        for item in largest.split(',').filter(|_| !largest.is_empty()) {
            limits.set(item).ok_or(Misconfigured(
                "FILE_SIZE_LIMITS",
                "expected media types that are kept and whole MiB, 1 to 8192: \
                 video/mp4=4096,text/plain=20",
            ))?;
        }
        if limits
            .largest
            .iter()
            .any(|(_, largest)| *largest > MOST_PARTS * limits.part)
        {
            return Err(Misconfigured(
                "FILE_PART_SIZE",
                "expected so much that no file needs more than 1000 parts",
            ));
        }
        Ok(limits)
    }

    fn set(&mut self, item: &str) -> Option<()> {
        let (file_type, size) = item.split_once('=')?;
        let file_type = FileType::from_str(file_type.trim()).ok()?;
        let size = mebibytes(size, &(1..=LARGEST))?;
        let (_, largest) = self.largest.iter_mut().find(|(of, _)| *of == file_type)?;
        *largest = size;
        Some(())
    }

    /// How many bytes a file of this type may have.
    fn sizes(&self, file_type: FileType) -> RangeInclusive<i64> {
        let found = self.largest.iter().find(|(of, _)| *of == file_type);
        1..=found.map_or(0, |(_, largest)| *largest)
    }

    /// Errors: a file of this type may not have so many bytes, `file_size`.
    pub fn check(&self, file_type: FileType, size: i64) -> Result<(), Error> {
        let sizes = self.sizes(file_type);
        if sizes.contains(&size) {
            return Ok(());
        }
        let (least, most) = sizes.into_inner();
        let expected = format!("expected {least} to {most} bytes for this type");
        Err(Error::invalid("file_size", &expected))
    }

    /// Bytes of each part but the last of a file that is sent in parts; none where it goes in one
    /// piece.
    pub fn part_size(&self, size: i64) -> Option<i64> {
        (size > self.part).then_some(self.part)
    }
}

/// In MiB.
fn default(file_type: FileType) -> i64 {
    match file_type {
        FileType::Text => 10,
        FileType::Hl7Xml => 20,
        FileType::Png | FileType::Jpeg => 50,
        FileType::Pdf | FileType::FhirJson => 100,
        FileType::Tiff | FileType::Dicom | FileType::Mp4 => 2048,
    }
}

/// As bytes. None where it is no number, or out of bounds.
fn mebibytes(text: &str, bounds: &RangeInclusive<i64>) -> Option<i64> {
    let size = text.trim().parse().ok()?;
    bounds.contains(&size).then_some(size * MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_as_by_default() {
        let limits = Limits::parse("", "").unwrap();
        for file_type in FileType::ALL {
            let sizes = limits.sizes(*file_type);
            assert_eq!(sizes, 1..=default(*file_type) * MIB, "{file_type:?}");
        }
        let limits = Limits::parse("video/mp4=4096, text/plain=1", "16").unwrap();
        assert_eq!(limits.sizes(FileType::Mp4), 1..=4096 * MIB);
        assert_eq!(limits.sizes(FileType::Text), 1..=MIB);
        assert_eq!(limits.sizes(FileType::Pdf), 1..=100 * MIB);
        assert_eq!(limits.part_size(16 * MIB), None);
        assert_eq!(limits.part_size(16 * MIB + 1), Some(16 * MIB));
    }

    #[test]
    fn what_can_not_be_kept_is_refused_by_the_variables_name() {
        for sizes in [
            "video/mp4",
            "video/mp4=",
            "video/mp4=0",
            "video/mp4=-1",
            "video/mp4=8193",
            "video/mp4=4096MiB",
            "video/mp4=1.5",
            "text/html=1",
            "4096",
            "video/mp4=1,",
        ] {
            let Misconfigured(name, _) = Limits::parse(sizes, "").unwrap_err();
            assert_eq!(name, "FILE_SIZE_LIMITS", "{sizes}");
        }
        for (sizes, part) in [("", "4"), ("", "1025"), ("", "x"), ("video/mp4=8192", "5")] {
            let Misconfigured(name, _) = Limits::parse(sizes, part).unwrap_err();
            assert_eq!(name, "FILE_PART_SIZE", "{sizes} {part}");
        }
        assert!(Limits::parse("video/mp4=8192", "9").is_ok());
    }
}
