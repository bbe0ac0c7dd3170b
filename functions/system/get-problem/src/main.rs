//! The Lambda `get-problem`.

use errors::{Error, ProblemType, catalogue};

fn main() -> Result<(), api::lambda::Failure> {
    let kinds: &'static [ProblemType] = catalogue().items.leak();
    api::lambda::serve_public(get_problem::ENDPOINT, move |request| {
        let name = request.path_parameter("name");
        kinds
            .iter()
            .find(|kind| kind.name == name)
            .ok_or(Error::NotFound)
            .and_then(api::lambda::cacheable)
    })
}
