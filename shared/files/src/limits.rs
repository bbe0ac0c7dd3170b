//! The largest size of each type of file, and the size of the parts of a large file. A deployment may
//! change both.

use std::ops::RangeInclusive;
use std::str::FromStr as _;

use api::input::FromSettings;
use errors::Error;
use settings::Misconfigured;

use crate::FileType;

const MIB: i64 = 1024 * 1024;

/// The highest limit that can be set, in MiB. `process-upload` has five minutes to read a file.
const LARGEST: i64 = 8192;
/// The part sizes that can be set, in MiB. S3 accepts 5 MiB to 5 GiB.
const PART: RangeInclusive<i64> = 5..=1024;
/// The part size if none is set, in MiB.
const DEFAULT_PART: i64 = 64;
/// S3 lists at most this many parts in one answer. The answer of `create-file` contains a URL for
/// each part.
const MOST_PARTS: i64 = 1000;

/// The limits of a deployment.
#[derive(Debug)]
pub struct Limits {
    /// The largest size of each type, in bytes.
    largest: Vec<(FileType, i64)>,
    /// The length of a part, in bytes.
    part: i64,
}

impl FromSettings for Limits {
    fn from_settings() -> Result<Self, Misconfigured> {
        Self::parse(
            &settings::optional("FILE_SIZE_LIMITS").unwrap_or_default(),
            &settings::optional("FILE_PART_SIZE").unwrap_or_default(),
        )
    }
}

impl Limits {
    /// Parses the limits that differ from the default, such as `video/mp4=4096,text/plain=20`, and the
    /// part size. All sizes are in MiB.
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
                    "expected a whole number of MiB from 5 to 1024",
                ))?,
            },
        };
        for item in largest.split(',').filter(|_| !largest.is_empty()) {
            limits.set(item).ok_or(Misconfigured(
                "FILE_SIZE_LIMITS",
                "expected accepted media types, each with its largest size in whole MiB from 1 to \
                 8192, such as video/mp4=4096,text/plain=20",
            ))?;
        }
        if limits
            .largest
            .iter()
            .any(|(_, largest)| *largest > MOST_PARTS * limits.part)
        {
            return Err(Misconfigured(
                "FILE_PART_SIZE",
                "expected a part size at which the largest file has at most 1000 parts: raise it, or lower \
                 FILE_SIZE_LIMITS",
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

    /// The sizes in bytes that a file of this type may have.
    fn sizes(&self, file_type: FileType) -> RangeInclusive<i64> {
        let found = self.largest.iter().find(|(of, _)| *of == file_type);
        1..=found.map_or(0, |(_, largest)| *largest)
    }

    /// Checks the size in bytes of a file of this type. Errors: `file_size` is out of range.
    pub fn check(&self, file_type: FileType, size: i64) -> Result<(), Error> {
        let sizes = self.sizes(file_type);
        if sizes.contains(&size) {
            return Ok(());
        }
        let (least, most) = sizes.into_inner();
        let expected = format!("expected {least} to {most} bytes for this type");
        Err(Error::invalid("file_size", &expected))
    }

    /// The length in bytes of each part except the last. Returns `None` if a file of `size` bytes is
    /// sent in one piece.
    pub fn part_size(&self, size: i64) -> Option<i64> {
        (size > self.part).then_some(self.part)
    }
}

/// The default limit in MiB.
fn default(file_type: FileType) -> i64 {
    match file_type {
        FileType::Text => 10,
        FileType::Hl7Xml => 20,
        FileType::Png | FileType::Jpeg => 50,
        FileType::Pdf | FileType::FhirJson => 100,
        FileType::Tiff | FileType::Dicom | FileType::Mp4 => 2048,
    }
}

/// Parses a number of MiB and returns it in bytes. Returns `None` if it is no whole number or out of
/// bounds.
fn mebibytes(text: &str, bounds: &RangeInclusive<i64>) -> Option<i64> {
    let size = text.trim().parse().ok()?;
    bounds.contains(&size).then_some(size * MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_the_setting_does_not_name_keep_their_default() {
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
    fn an_error_names_the_variable_that_is_wrong() {
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
