//! An endpoint's event, which gives the examples of its requests.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The example request in `events/PACKAGE.json`.
pub(crate) struct Event(Value);

impl Event {
    /// Reads the event of a package.
    ///
    /// # Panics
    /// If there is no such file, or it is not JSON.
    pub(crate) fn of(package: &str) -> Self {
        let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let event = fs::read(events.join(format!("{package}.json"))).expect("its event");
        Self(serde_json::from_slice(&event).expect("its event is JSON"))
    }

    /// The example of a path parameter.
    pub(crate) fn path_parameter(&self, name: &str) -> &Value {
        &self.0["pathParameters"][name]
    }

    /// The example of a query parameter.
    pub(crate) fn query_parameter(&self, name: &str) -> Option<&Value> {
        self.0["queryStringParameters"].get(name)
    }

    /// The example of the body.
    pub(crate) fn body(&self) -> Option<Value> {
        serde_json::from_str(self.0["body"].as_str()?).ok()
    }
}
