//! The types of file that are accepted, and their names.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// A type of file that is accepted. JSON and the database contain its media type.
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
    /// HL7 XML, such as a CDA document, in any encoding that its declaration or byte order mark names.
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
    /// All types.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The media type, which callers declare and the database stores.
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

    /// The extension of a downloaded file.
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

    /// Whether files of this type are text: XML in the encoding that it declares, all others in UTF-8. JSON is always
    /// UTF-8 (RFC 8259, 8.1).
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Hl7Xml | Self::FhirJson | Self::Text)
    }
}

impl JsonSchema for FileType {
    fn schema_name() -> Cow<'static, str> {
        "FileType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let accepted: Vec<_> = Self::ALL
            .iter()
            .map(|accepted| accepted.media_type())
            .collect();
        json_schema!({
            "type": "string",
            "enum": accepted,
            "description": "The media type of a file. Only these types are accepted.",
        })
    }
}

impl<'de> Deserialize<'de> for FileType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            let accepted: Vec<_> = Self::ALL
                .iter()
                .map(|accepted| accepted.media_type())
                .collect();
            let expected = format!("one of {}", accepted.join(", "));
            parsing::expected(&expected, "application/pdf")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_parsed_from_its_media_type_and_from_nothing_else() {
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
