//! Has the migrations embedded anew when a file is added, which the compiler doesn't see.
#![expect(clippy::print_stdout, reason = "how a build script speaks")]

fn main() {
    println!("cargo::rerun-if-changed=.");
}
