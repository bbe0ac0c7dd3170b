//! The Lambda `get-me`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(get_me::ENDPOINT, get_me::handle)
}
