//! A signed URL to a file's content without an audit row.

use files::{Download, FileType, Location, Store};
use api::prelude::*;

pub async fn without(store: &Store, at: &Location, file: FileId) -> Result<Download, Error> {
    store.presign_download(at, None, file, FileType::Pdf).await
}

pub async fn past_it(store: &Store, at: &Location, file: FileId) -> Result<Download, Error> {
    store.download(at, None, file, FileType::Pdf).await
}
