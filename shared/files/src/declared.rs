//! The type, size and hash that an uploader declares for a file. The uploaded bytes must match them.

use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use schemars::JsonSchema;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer};
use shared::domain::file::FileMetadata;
use shared::errors::Error;

use crate::FileType;

/// The declared properties of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The type of the file.
    pub file_type: FileType,
    /// The size in bytes.
    pub size: i64,
    /// The SHA-256 digest of the bytes.
    pub sha256: Sha256,
}

/// A SHA-256 digest. In JSON it is 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq)]
#[schemars(inline)]
pub struct Sha256(
    #[schemars(with = "String", extend("pattern" = "^[0-9a-fA-F]{64}$"))] pub(crate) [u8; 32],
);

impl Declared {
    /// The declared properties in a stored row. Errors: the type or the digest in the row is invalid.
    pub fn of(file: &FileMetadata) -> Result<Self, Error> {
        match (file.file_type.parse(), file.sha256.parse()) {
            (Ok(file_type), Ok(sha256)) => Ok(Self {
                file_type,
                size: file.file_size,
                sha256,
            }),
            _ => Err(Error::Internal("a stored file is of no kept type")),
        }
    }
}

impl Sha256 {
    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The digest in base64, as S3's checksum headers need it.
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

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|_| {
            D::Error::invalid_value(Unexpected::Other("text"), &"64 hexadecimal digits")
        })
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
