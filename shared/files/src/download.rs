//! Signed URLs that fetch a file.

use api::access::Access;
use api::target::Target;
use domain::ids::FileId;
use domain::time::Timestamp;
use errors::Error;
use schemars::JsonSchema;
use serde::Serialize;

use crate::store::{EXAMPLE_URL, unbuildable};
use crate::{FileType, Location, Store, Window};

// `Download` is not `Debug`, because a signed URL is a secret until it expires.

/// The HTTP `GET` request that fetches the content of a file.
#[derive(JsonSchema, Serialize)]
pub struct Download {
    /// The URL to fetch. It needs no `Authorization` header and is a secret until it expires.
    #[schemars(extend("format" = "uri", "examples" = [EXAMPLE_URL]))]
    pub url: String,
    /// The time at which the URL expires. A download must begin before.
    pub expires_at: Timestamp,
}

impl Store {
    /// Signs the download of a checked file, in the version that was checked, and marks the access
    /// as a disclosure.
    ///
    /// The response headers override those that were stored with the object: the browser saves the
    /// file and doesn't display it or guess its type. The file's name is its id, because the original
    /// name may be protected health information (PHI), and URLs are logged.
    pub async fn presign_download<T: Target>(
        &self,
        access: &mut Access<T>,
        location: &Location,
        version: Option<String>,
        file: FileId,
        file_type: FileType,
    ) -> Result<Download, Error> {
        access.mark_disclosure();
        self.download(location, version, file, file_type).await
    }

    async fn download(
        &self,
        location: &Location,
        version: Option<String>,
        file: FileId,
        file_type: FileType,
    ) -> Result<Download, Error> {
        let window = Window::of_download();
        let request = self
            .signer()
            .get_object()
            .bucket(&location.bucket)
            .key(&location.key)
            .set_version_id(version)
            .response_content_disposition(format!(
                "attachment; filename=\"{file}.{}\"",
                file_type.extension()
            ))
            .response_content_type(file_type.served_as())
            // An uploader may have stored a Content-Encoding that turns the checked bytes into others.
            .response_content_encoding("identity")
            .response_cache_control("private, no-store")
            .presigned(window.presigning()?)
            .await
            .map_err(unbuildable)?;
        Ok(Download {
            url: request.uri().to_owned(),
            expires_at: window.end(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{FILE, parameter, place, run, store};

    #[test]
    fn a_download_is_saved_as_what_it_was_checked_to_be() {
        let store = store();
        let download = run(store.download(
            &place(&store),
            Some("3/L4kqtJlcpXroDTDmJ".into()),
            FILE.parse().unwrap(),
            FileType::Text,
        ))
        .unwrap();
        for (name, expected) in [
            ("X-Amz-Expires", "60"),
            ("X-Amz-SignedHeaders", "host"),
            ("versionId", "3/L4kqtJlcpXroDTDmJ"),
            (
                "response-content-disposition",
                &format!("attachment; filename=\"{FILE}.txt\""),
            ),
            ("response-content-type", "text/plain; charset=utf-8"),
            ("response-content-encoding", "identity"),
            ("response-cache-control", "private, no-store"),
        ] {
            assert_eq!(
                parameter(&download.url, name).as_deref(),
                Some(expected),
                "{name}"
            );
        }
    }
}
