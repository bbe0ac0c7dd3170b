//! What an uploader declares about a file before sending it. The uploaded file must match exactly.

use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::file::FileMetadata;
use errors::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::FileType;

/// The declared type, size and hash of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The type.
    pub file_type: FileType,
    /// The size in bytes.
    pub size: i64,
    /// The hash of the content.
    pub sha256: Sha256,
}

/// A SHA-256 digest; 64 hexadecimal digits in JSON.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq)]
#[schemars(inline)]
pub struct Sha256(
    #[schemars(with = "String", extend("pattern" = "^[0-9a-fA-F]{64}$"))] pub(crate) [u8; 32],
);

impl Declared {
    /// Reads the declaration from a row. Errors: the type is not an accepted one.
    pub fn of(file: &FileMetadata) -> Result<Self, Error> {
        match (file.file_type.parse(), file.sha256.parse()) {
            (Ok(file_type), Ok(sha256)) => Ok(Self {
                file_type,
                size: file.file_size,
                sha256,
            }),
            _ => Err(Error::Internal(
                "the type or the hash of a stored file can't be parsed",
            )),
        }
    }
}

impl Sha256 {
    /// The bytes of the digest.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The digest in base64, as in S3's checksum headers.
    pub(crate) fn base64(&self) -> String {
        BASE64_STANDARD.encode(self.0)
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, PartialEq, Eq)]
pub struct NotSha256;

impl FromStr for Sha256 {
    type Err = NotSha256;

    fn from_str(text: &str) -> Result<Self, NotSha256> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(|_| NotSha256)?;
        Ok(Self(digest))
    }
}

/// The digest of an empty file.
const EXAMPLE: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(|_| parsing::expected("64 hexadecimal digits", EXAMPLE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let digest: Sha256 = text.parse().unwrap();
        assert_eq!(digest, text.to_uppercase().parse().unwrap());
        assert_eq!(
            digest.base64(),
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
        for other in [
            "",
            &text[1..],
            &format!("{text}0"),
            &text.replace('e', "g"),
            &format!(" {}", &text[1..]),
        ] {
            assert_eq!(other.parse::<Sha256>(), Err(NotSha256), "{other}");
        }
    }
}
