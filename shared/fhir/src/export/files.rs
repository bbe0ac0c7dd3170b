//! Files become DocumentReferences whose attachments are files of the package.
//!
//! <https://hl7.org/fhir/us/core/STU7/StructureDefinition-us-core-documentreference.html>

use domain::file::FileMetadata;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Chart;
use super::builder::Builder;
use super::elements::{NULL_FLAVOR, given};
use crate::mapping::words::{object, object_of_some};

impl Chart {
    /// The file. `url` leads to its bytes. None if the package doesn't have them.
    pub(super) fn file(&self, file: &FileMetadata, url: Option<&str>) -> Value {
        let mut it = Builder::new("DocumentReference", file.id.into());
        let visit = self.reference(file.appointment_id.map(Uuid::from));
        let record = self.reference(file.record_id.map(Uuid::from));
        let category = json!({"coding": [{
            "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
            "code": "clinical-note",
        }]});
        let attachment = object([
            ("contentType", Some(json!(file.file_type))),
            ("url", given(url.as_ref())),
            // An unsignedInt holds no more.
            (
                "size",
                i32::try_from(file.file_size).ok().map(|it| json!(it)),
            ),
            ("title", Some(json!(file.original_name))),
            ("creation", given(file.upload_date.as_ref())),
        ]);
        it.profile("documentreference", url.is_some())
            .version(file.updated_at, file.version)
            .set("status", Some(json!("current")))
            // What kind of document a file is, nobody recorded.
            .set(
                "type",
                Some(json!({
                    "coding": [{"system": NULL_FLAVOR, "code": "UNK", "display": "unknown"}],
                    "text": "File",
                })),
            )
            .set("category", Some(json!([category])))
            .set("subject", self.subject())
            .set("date", Some(json!(file.created_at)))
            .set("content", Some(json!([{"attachment": attachment}])))
            .set(
                "context",
                object_of_some([
                    ("encounter", visit.map(|visit| json!([visit]))),
                    ("related", record.map(|record| json!([record]))),
                ]),
            )
            .extend("sha256", "String", Some(json!(file.sha256)))
            .custom_data(
                file.custom_data.as_ref().map(|it| it.value()),
                file.custom_data_version,
            );
        it.build()
    }
}
