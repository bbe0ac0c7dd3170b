//! Has the migrations embedded anew when a file is added, which the compiler doesn't see.

fn main() {
    println!("cargo::rerun-if-changed=.");
}
