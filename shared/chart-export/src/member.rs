//! One file in the ZIP.

use std::io::{self, Write};

use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;

use crate::package::Package;

/// A line of the manifest.
#[derive(Debug, Serialize)]
pub struct Listed {
    pub path: String,
    pub media_type: String,
    pub size: u64,
    pub sha256: String,
}

/// A file that is being written.
pub struct Member<'p, W: Write> {
    package: &'p mut Package<W>,
    path: String,
    media_type: String,
    hash: Context,
    size: u64,
}

impl<'p, W: Write> Member<'p, W> {
    /// `size` is the number of bytes, if it is known.
    pub fn begin(
        package: &'p mut Package<W>,
        path: impl Into<String>,
        media_type: &str,
        size: u64,
    ) -> io::Result<Self> {
        let path = path.into();
        package.start(&path, media_type, size)?;
        Ok(Self {
            package,
            path,
            media_type: media_type.to_owned(),
            hash: Context::new(&SHA256),
            size: 0,
        })
    }

    /// Ends the file and lists it in the manifest.
    pub fn finish(self) -> (&'p mut Package<W>, u64, String) {
        let sha256 = hex::encode(self.hash.finish());
        self.package.list(Listed {
            path: self.path,
            media_type: self.media_type,
            size: self.size,
            sha256: sha256.clone(),
        });
        (self.package, self.size, sha256)
    }
}

impl<W: Write> Write for Member<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.package.zip().write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> std::fmt::Debug for Member<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("size", &self.size).finish()
    }
}
