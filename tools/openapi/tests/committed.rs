//! The committed documents match the code.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Compares a file with a document, or writes it.
fn compare(file: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(file);
    let text = serde_json::to_string_pretty(document).expect("a document is JSON") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).expect("the document can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{file} is not what the code says: run UPDATE=1 cargo test -p openapi-document"
    );
}

#[test]
fn openapi_json_matches_the_code() {
    compare("openapi.json", &openapi_document::document());
}

#[test]
fn asyncapi_json_matches_the_code() {
    compare("asyncapi.json", &openapi_document::asyncapi());
}
