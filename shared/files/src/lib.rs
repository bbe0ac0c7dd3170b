//! Files in S3: what may be stored, how it is checked, and the URLs that lead there and back.
//!
//! Apart from `shared`, so that a function without files doesn't carry an S3 client. Bytes never
//! pass through a request: the caller sends and fetches them on URLs that [`Store`] signs, and
//! [`processing`] reads each object once, in bounded memory, and has it scanned.

mod clamd;
mod declared;
mod file_type;
mod inspection;
mod limits;
mod multipart;
mod objects;
pub mod processing;
mod scanner;
mod signing;
mod sniff;
mod store;
mod stored;
mod structure;

pub use declared::{Declared, Sha256};
pub use file_type::FileType;
pub use inspection::{Inspection, Rejection, Verdict};
pub use limits::{Limits, check_limits, limits};
pub use multipart::{Completion, Multipart, Part};
pub use objects::Arrived;
pub(crate) use objects::Inspected;
pub use scanner::Finding;
pub use signing::{Download, Upload, UploadInParts, WholeUpload, Window};
pub use store::{Location, Store, store};
pub use stored::{Announced, Stored};
