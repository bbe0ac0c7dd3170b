//! S3 event, an object was created: checks an uploaded object, and releases or rejects the file.
//!
//! The event only says where to look. The current state is read from S3 and from the row. A run that is
//! interrupted leaves the file SCANNING, and the next delivery of the event or `expire-uploads` continues.

use api::input::Event;
use api::job::Job;
use api::prelude::*;
use aws_lambda_events::s3::{S3Entity, S3Event};
use files::processing::Processor;
use files::{ScanPolicy, Store};

pub const ENDPOINT: Endpoint = Endpoint::event("S3 event")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Checks an uploaded object, and releases or rejects the file")
    .needs("files:process")
    .recorded_as(Action::Process, ResourceType::File);

/// Processes each object of the event. Errors: one of them failed. The others are done, and repeating them
/// is safe.
pub async fn handle(
    job: Job,
    Event(event): Event<S3Event>,
    Configured(store): Configured<Store>,
    Configured(policy): Configured<ScanPolicy>,
) -> Result<(), Error> {
    let processor = Processor {
        job: &job,
        store,
        policy,
    };
    let mut result = Ok(());
    for S3Entity { bucket, object, .. } in event.records.into_iter().map(|record| record.s3) {
        let announced = processor
            .store
            .announced(bucket.name.as_deref(), object.key.as_deref());
        if let Some((id, location)) = announced {
            let version = object.version_id.as_deref();
            let processed = processor.process(id, &location, version).await;
            result = result.and(processed.map(|_| ()));
        }
    }
    result
}
