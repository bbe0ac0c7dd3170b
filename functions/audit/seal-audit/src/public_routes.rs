//! The routes that have no caller, so their requests have no audit row.

use std::collections::HashSet;

/// The keys of routes, such as `GET /health` and `$default`.
pub struct PublicRoutes(HashSet<String>);

impl PublicRoutes {
    /// Parses keys that are separated by commas.
    pub fn parse(text: &str) -> Self {
        let keys = text.split(',').map(str::trim);
        Self(keys.map(str::to_owned).collect())
    }

    /// Whether requests with this route key have no caller.
    pub fn contains(&self, key: &str) -> bool {
        self.0.contains(key)
    }
}
