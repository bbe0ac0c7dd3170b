//! The sizes that answers and resources may have.

use std::io::{Result, Write};

use serde::Serialize;

/// The largest answer in bytes, as [`answered`] counts them. Lambda allows 6 MiB, with headers and all.
pub(crate) const LARGEST_ANSWER: usize = 5_500_000;

/// The most bytes of the items of a page, as [`answered`] counts them.
pub(crate) const LARGEST_PAGE: usize = 4_000_000;

/// The number of bytes that Lambda sends for this value in the body of an answer. The body is sent as a JSON string, in
/// which each quote and each backslash takes two bytes.
pub(crate) fn answered(value: &impl Serialize) -> usize {
    count(value, escaped)
}

/// The number of bytes that Lambda sends for this body.
pub(crate) fn escaped(body: &[u8]) -> usize {
    let is_doubled = |byte: &&u8| matches!(**byte, b'"' | b'\\');
    body.len() + body.iter().filter(is_doubled).count()
}

/// The number of bytes of this value as JSON.
pub(crate) fn json(value: &impl Serialize) -> usize {
    count(value, <[u8]>::len)
}

fn count(value: &impl Serialize, count: fn(&[u8]) -> usize) -> usize {
    struct Counter {
        bytes: usize,
        count: fn(&[u8]) -> usize,
    }
    impl Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.bytes += (self.count)(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter { bytes: 0, count };
    match serde_json::to_writer(&mut counter, value) {
        Ok(()) => counter.bytes,
        // What isn't JSON fits nowhere.
        Err(_) => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    proptest! {
        #[test]
        fn an_answer_has_the_size_that_lambda_sends(texts in prop::collection::vec(any::<String>(), 0..8)) {
            let body = json!({ "items": texts }).to_string();
            let sent = Value::String(body.clone()).to_string();
            prop_assert_eq!(answered(&json!({ "items": texts })) + 2, sent.len());
            prop_assert_eq!(json(&json!({ "items": texts })), body.len());
        }
    }
}
