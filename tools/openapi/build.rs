//! Lists the functions that this package depends on, so that an endpoint needs one line in Cargo.toml.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// Functions without caller, which have no handler of the usual form. `document.rs` lists them.
const WITHOUT_CALLER: [&str; 8] = [
    "answer-unknown-route",
    "asyncapi",
    "docs",
    "get-problem",
    "health",
    "list-problems",
    "openapi",
    "seal-audit",
];

fn main() {
    println!("cargo::rerun-if-changed=Cargo.toml");
    let manifest = fs::read_to_string("Cargo.toml").expect("Cargo.toml");
    let mut list = "vec![\n".to_owned();
    for line in manifest.lines() {
        // `get-patient = { path = "../../functions/patients/get-patient" }`
        let Some((package, rest)) = line.split_once(" = { path = \"../../functions/") else {
            continue;
        };
        let resource = rest.split('/').next().unwrap_or_default();
        if !WITHOUT_CALLER.contains(&package) {
            let function = package.replace('-', "_");
            writeln!(
                list,
                "Function::new({resource:?}, &{function}::ENDPOINT, &{function}::handle),"
            )
            .expect("a String grows");
        }
    }
    list.push(']');
    let folder = env::var_os("OUT_DIR").expect("OUT_DIR");
    fs::write(Path::new(&folder).join("functions.rs"), list).expect("functions.rs");
}
