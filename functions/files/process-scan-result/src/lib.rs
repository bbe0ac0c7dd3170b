//! EventBridge event, GuardDuty scanned an object: takes note of what was found.
//!
//! The result may come before process-upload has looked at the object, after it, or twice; malware
//! is kept from everybody in every case.

use api::input::Event;
use api::job::Job;
use api::prelude::*;
use files::processing::Processor;
use files::{Finding, ScanPolicy, Store};

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::event("EventBridge event")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Takes note of a malware scan result")
    .needs("files:process")
    .recorded_as(Action::Process, ResourceType::File);

/// `GuardDuty Malware Protection Object Scan Result`, as far as it is read.
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
    /// UNSUPPORTED, ACCESS_DENIED and FAILED say nothing of the content.
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

/// Takes note of the result.
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
