//! Whether a row may leave the database: it is in quarantine, or it is the very row that was sealed.

use audit::{ArchivedRow, is_signed};
use aws_lc_rs::digest::{Context, SHA256};
use sql::row;

row! {
    /// A row of the month as a line, and what the sealer knows of it.
    pub struct Archivable {
        /// The line, as the archive has it.
        pub line: String,
        /// Whether the row is in quarantine.
        pub is_quarantined: bool,
        /// Whether the sealed log has the row's position.
        pub is_sealed: bool,
        /// Whether the row continues the row before it in its chain.
        pub follows: bool,
        /// The key of its chain.
        pub public_key: Option<Vec<u8>>,
        /// The function that writes its chain.
        pub function: Option<String>,
    }
}

/// The digest over hashes and signatures, as `audit_rows_digest` computes it. Errors: a line has none.
pub fn digest<'a>(lines: impl Iterator<Item = &'a str>) -> Result<[u8; 32], &'static str> {
    let mut context = Context::new(&SHA256);
    for line in lines {
        let row = ArchivedRow::parse(line).map_err(|_| "a line of the archive is no row")?;
        let sealed = row.hash_and_signature();
        context.update(&sealed.ok_or("a line of the archive has no hash or signature")?);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    Ok(digest)
}

/// Why the row can't be archived. None if it can.
pub fn fault(row: &Archivable) -> Option<&'static str> {
    if row.is_quarantined {
        return None;
    }
    let read = ArchivedRow::parse(&row.line).and_then(|row| row.sealable());
    let (Ok(read), Some(key)) = (read, &row.public_key) else {
        return Some("a row is neither sealed nor in quarantine");
    };
    let is_signed = read.signature.is_some_and(|signature| {
        <&[u8; 32]>::try_from(&key[..]).is_ok_and(|key| is_signed(key, &read.row_hash, &signature))
    });
    let conditions = [
        (row.is_sealed, "a row is neither sealed nor in quarantine"),
        (read.is_intact, "a row was changed after it was sealed"),
        (
            is_signed,
            "a row has another signature than the one that was sealed",
        ),
        (row.follows, "the row before a row in its chain is missing"),
        (
            row.function.as_ref() == Some(&read.application),
            "a row names another function than the one that writes its chain",
        ),
    ];
    conditions
        .into_iter()
        .find(|(holds, _)| !holds)
        .map(|(_, fault)| fault)
}
