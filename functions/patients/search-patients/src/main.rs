//! The Lambda `search-patients`.

fn main() -> Result<(), shared::lambda::Failure> {
    shared::lambda::serve(search_patients::ENDPOINT, search_patients::handle)
}
