//! The allow-list of file types and their names.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// An accepted file type. It is parsed from its media type and written as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
pub enum FileType {
    /// PDF (ISO 32000).
    #[strum(serialize = "application/pdf")]
    Pdf,
    /// PNG (ISO/IEC 15948).
    #[strum(serialize = "image/png")]
    Png,
    /// JPEG (ISO/IEC 10918).
    #[strum(serialize = "image/jpeg")]
    Jpeg,
    /// TIFF 6.0 or BigTIFF.
    #[strum(serialize = "image/tiff")]
    Tiff,
    /// A DICOM file (PS3.10).
    #[strum(serialize = "application/dicom")]
    Dicom,
    /// HL7 XML, such as a CDA document.
    #[strum(serialize = "application/xml")]
    Hl7Xml,
    /// A FHIR resource or bundle as JSON.
    #[strum(serialize = "application/fhir+json")]
    FhirJson,
    /// Plain text in UTF-8.
    #[strum(serialize = "text/plain")]
    Text,
    /// MPEG-4 video.
    #[strum(serialize = "video/mp4")]
    Mp4,
}

impl FileType {
    /// All accepted types.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The media type, as uploaders declare it and the database stores it.
    pub fn media_type(self) -> &'static str {
        self.into()
    }

    /// The `Content-Type` of a download.
    pub(crate) fn served_as(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            other => other.media_type(),
        }
    }

    /// The file name extension of a download.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Tiff => "tif",
            Self::Dicom => "dcm",
            Self::Hl7Xml => "xml",
            Self::FhirJson => "json",
            Self::Text => "txt",
            Self::Mp4 => "mp4",
        }
    }

    /// Whether a file of this type is UTF-8 text.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Hl7Xml | Self::FhirJson | Self::Text)
    }
}

impl JsonSchema for FileType {
    fn schema_name() -> Cow<'static, str> {
        "FileType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let kept: Vec<_> = Self::ALL.iter().map(|kept| kept.media_type()).collect();
        json_schema!({
            "type": "string",
            "enum": kept,
            "description": "A media type that is accepted for files.",
        })
    }
}

impl<'de> Deserialize<'de> for FileType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            let kept: Vec<_> = Self::ALL.iter().map(|kept| kept.media_type()).collect();
            let expected = format!("one of {}", kept.join(", "));
            D::Error::invalid_value(Unexpected::Other("text"), &expected.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_read_as_they_are_written_and_nothing_else_does() {
        for file_type in FileType::ALL {
            assert_eq!(file_type.media_type().parse(), Ok(*file_type));
        }
        for other in [
            "text/html",
            "image/svg+xml",
            "APPLICATION/PDF",
            "application/pdf ",
            "",
        ] {
            assert!(other.parse::<FileType>().is_err(), "{other}");
        }
    }
}
