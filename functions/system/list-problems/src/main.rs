//! The Lambda `list-problems`.

use errors::{ProblemTypes, catalogue};

fn main() -> Result<(), api::lambda::Failure> {
    let catalogue: ProblemTypes = catalogue();
    api::lambda::serve_public(list_problems::ENDPOINT, move |_| {
        api::lambda::cacheable(&catalogue)
    })
}
