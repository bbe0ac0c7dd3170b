//! How a type refuses a value.

/// The error of a value that has another form than `what`. It doesn't repeat the value: that may be
/// PHI.
pub(crate) fn expected<E: serde::de::Error>(what: &str) -> E {
    E::invalid_value(serde::de::Unexpected::Other("text"), &what)
}
