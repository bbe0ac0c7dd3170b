//! Files in S3: which files are accepted, how they are checked, and the signed URLs that send and
//! fetch them.
//!
//! This crate is separate from `api`, so that a function without files contains no S3 client. No
//! request carries the content of a file: the caller sends and fetches it at URLs that [`Store`] signs.
//! [`processing`] reads each object once, in bounded memory, and passes it to the malware scanner.
#![warn(missing_docs)]

mod clamd;
mod declared;
mod download;
mod file_type;
mod finding;
mod inspection;
mod limits;
mod multipart;
mod objects;
mod package;
pub mod processing;
mod scan_policy;
mod sniff;
mod store;
mod stored_file;
mod structure;
mod upload;
mod window;
mod xml_text;

pub use aws_sdk_s3::primitives::ByteStream;
pub use declared::{Declared, Sha256};
pub use download::Download;
pub use file_type::FileType;
pub use finding::Finding;
pub use inspection::{Inspection, Rejection, Verdict};
pub use limits::Limits;
pub use multipart::{Completion, Multipart};
pub use objects::Arrived;
pub use package::{PACKAGE_PART, PackageUpload, StoredPackage};
pub use scan_policy::ScanPolicy;
pub use store::{Location, Store};
pub use stored_file::StoredFile;
pub use upload::{FileUpload, Part, Upload, UploadInParts, WholeUpload};
pub use window::Window;
