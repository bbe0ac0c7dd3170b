//! An operator's statement that the database was restored, as they pass it to the function.

use api::lambda::Failure;
use serde::Deserialize;
use serde_json::Value;
use transparency_log::leaf::{Incarnation, Statement, Text};
use transparency_log::log::Tip;
use uuid::Uuid;

/// What the function is invoked with. A schedule passes other members, which don't count.
#[derive(Default, Deserialize)]
struct Payload {
    incarnation: Option<Value>,
}

/// The members of the leaf. Bytes are hexadecimal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    old_size: u64,
    old_root: String,
    kept_size: u64,
    database: Uuid,
    text: String,
    operator: String,
    signature: String,
}

/// The statement in a payload, if it has one. Errors: it is malformed, is signed by nobody in `operators`, or is about
/// another state of the log.
pub fn read(
    payload: &str,
    operators: &[[u8; 32]],
    tip: &Tip,
) -> Result<Option<Incarnation>, Failure> {
    let payload: Payload = serde_json::from_str(payload).unwrap_or_default();
    let Some(signed) = payload.incarnation else {
        return Ok(None);
    };
    let signed: Signed = serde_json::from_value(signed).map_err(|error| {
        format!("the statement about a restored database is malformed: {error}")
    })?;
    let incarnation = Incarnation {
        statement: Statement {
            old_size: signed.old_size,
            old_root: bytes(&signed.old_root)?,
            kept_size: signed.kept_size,
            database: signed.database,
            text: Text::new(signed.text)?,
        },
        operator: bytes(&signed.operator)?,
        signature: bytes(&signed.signature)?,
    };
    if !operators.contains(&incarnation.operator) || !incarnation.is_signed() {
        return Err(
            "the statement about a restored database has no valid signature of an operator".into(),
        );
    }
    let statement = &incarnation.statement;
    if (statement.old_size, statement.old_root) != (tip.tree().size(), tip.tree().root()) {
        return Err("the statement about a restored database is about another size or root".into());
    }
    if statement.kept_size > statement.old_size {
        return Err("the statement about a restored database keeps more than was sealed".into());
    }
    Ok(Some(incarnation))
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], Failure> {
    let bytes = hex::decode(text)?.try_into();
    bytes.map_err(|_| format!("expected {N} bytes in hexadecimal").into())
}
