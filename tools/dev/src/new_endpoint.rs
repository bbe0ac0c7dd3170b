//! Writes a new endpoint into every place of the project that an endpoint has.
//!
//! Everything is planned in memory first, so a wrong argument leaves the project unchanged. Existing
//! files are edited as text, because parsing and writing them anew would lose their comments.

mod changes;
mod endpoint;
mod event;
mod function;
mod kinds;
mod places;
mod project;

use std::path::Path;

use anyhow::Result;

pub use changes::Changes;
pub use endpoint::{NewEndpoint, Order};
use project::Project;

/// Plans the endpoint that `order` describes, in the project at `root`.
///
/// # Errors
/// An argument is wrong, or a file of the project doesn't have the expected form.
pub fn plan(root: &Path, order: &Order) -> Result<(NewEndpoint, Changes)> {
    let project = Project::read(root)?;
    let endpoint = NewEndpoint::check(&project, order)?;
    let mut changes = Changes::new(root);
    function::write(&mut changes, &endpoint)?;
    event::write(&mut changes, &endpoint)?;
    places::template(&mut changes, &project, &endpoint)?;
    places::router(&mut changes, &endpoint)?;
    places::openapi(&mut changes, &endpoint)?;
    places::access(&mut changes, &project, &endpoint)?;
    places::access_matrix(&mut changes, &project, &endpoint)?;
    places::scenario(&mut changes, &endpoint)?;
    if endpoint.is_new_resource {
        places::code_map(&mut changes, &endpoint)?;
    }
    Ok((endpoint, changes))
}
