//! EventBridge event, GuardDuty scanned an object: records the result of a malware scan.
//!
//! The result may arrive before or after process-upload inspects the object, and it may arrive twice. In every
//! case, nobody can download a file with malware.

use api::input::Event;
use api::job::Job;
use api::prelude::*;
use files::processing::Processor;
use files::{Finding, ScanPolicy, Store};

pub const ENDPOINT: Endpoint = Endpoint::event("EventBridge event")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Records the result of a malware scan")
    .needs("files:process")
    .recorded_as(Action::Process, ResourceType::File);

/// The event `GuardDuty Malware Protection Object Scan Result`, with the fields that are read.
#[derive(Debug, Deserialize)]
pub struct ScanResult {
    detail: Detail,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    s3_object_details: ObjectDetails,
    scan_result_details: ResultDetails,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectDetails {
    bucket_name: String,
    object_key: String,
    e_tag: String,
    version_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultDetails {
    scan_result_status: String,
    #[serde(default)]
    threats: Option<Vec<Threat>>,
}

#[derive(Debug, Deserialize)]
struct Threat {
    name: String,
}

impl ResultDetails {
    /// The finding. UNSUPPORTED, ACCESS_DENIED and FAILED give no information about the content.
    fn finding(self) -> Finding {
        match self.scan_result_status.as_str() {
            "NO_THREATS_FOUND" => Finding::Clean,
            "THREATS_FOUND" => {
                let first = self.threats.into_iter().flatten().next();
                Finding::Infected(first.map_or_else(String::new, |threat| threat.name))
            }
            _ => Finding::Unscanned,
        }
    }
}

/// Records the result. It ignores an object if bucket and key are not those of a file.
pub async fn handle(
    job: Job,
    Event(ScanResult { detail }): Event<ScanResult>,
    Configured(store): Configured<Store>,
    Configured(policy): Configured<ScanPolicy>,
) -> Result<(), Error> {
    let object = detail.s3_object_details;
    let processor = Processor {
        job: &job,
        store,
        policy,
    };
    let Some((id, location)) = processor
        .store
        .named(&object.bucket_name, &object.object_key)
    else {
        return Ok(());
    };
    let finding = detail.scan_result_details.finding();
    let version = object.version_id.as_deref();
    processor
        .record_scan_result(id, &location, &object.e_tag, version, finding)
        .await
}
