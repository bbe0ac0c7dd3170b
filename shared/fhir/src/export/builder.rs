//! Builds one resource, element by element.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Chart;
use super::elements::{DATA_ABSENT, extension, reference};

/// The base of US Core's profiles.
const US_CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/";

/// A resource in the making.
pub struct Builder {
    fields: Map<String, Value>,
    meta: Map<String, Value>,
    extensions: Vec<Value>,
    contained: Vec<Value>,
}

impl Builder {
    pub fn new(kind: &str, id: Uuid) -> Self {
        let fields = [("resourceType", json!(kind)), ("id", json!(id))];
        Self {
            fields: fields
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .collect(),
            meta: Map::new(),
            extensions: Vec::new(),
            contained: Vec::new(),
        }
    }

    /// Sets an element that has a value.
    pub fn set(&mut self, name: &str, value: Option<Value>) -> &mut Self {
        if let Some(value) = value {
            self.fields.insert(name.to_owned(), value);
        }
        self
    }

    /// Says when the resource changed, and which version of it this is.
    pub fn version(&mut self, updated: impl ToString, version: i32) -> &mut Self {
        self.meta
            .insert("lastUpdated".to_owned(), json!(updated.to_string()));
        self.meta
            .insert("versionId".to_owned(), json!(version.to_string()));
        self
    }

    /// Claims a profile of US Core, if the resource conforms to it.
    pub fn profile(&mut self, name: &str, conforms: bool) -> &mut Self {
        if conforms {
            let profile = format!("{US_CORE}us-core-{name}");
            self.meta.insert("profile".to_owned(), json!([profile]));
        }
        self
    }

    /// Adds an extension of this project. `kind` is the type of its value, such as `String`.
    pub fn extend(&mut self, name: &str, kind: &str, value: Option<Value>) -> &mut Self {
        let value = value.map(|value| extension(name, kind, value));
        self.extensions.extend(value);
        self
    }

    /// Adds the custom data: one extension with the version of the schema and the data as JSON text.
    pub fn custom_data(&mut self, data: Option<&Value>, version: Option<i32>) -> &mut Self {
        if let Some(data) = data {
            let mut inner = vec![json!({"url": "data", "valueString": data.to_string()})];
            inner.extend(version.map(|it| json!({"url": "version", "valueInteger": it})));
            let url = super::elements::url("custom-data");
            self.extensions
                .push(json!({"url": url, "extension": inner}));
        }
        self
    }

    /// Contains another resource, and returns the reference to it.
    pub fn contain(&mut self, id: &str, mut resource: Value) -> Value {
        resource["id"] = json!(id);
        self.contained.push(resource);
        json!({"reference": format!("#{id}")})
    }

    /// Sets a code of a required value set. A status that isn't one of its `codes` becomes `otherwise`, or stays without a
    /// value, and an extension has it as it was recorded.
    pub fn code(
        &mut self,
        name: &str,
        said: Option<&str>,
        codes: &[&str],
        otherwise: Option<&str>,
    ) -> &mut Self {
        if let Some(said) = said.filter(|said| codes.contains(said)) {
            return self.set(name, Some(json!(said)));
        }
        let mut extensions = Vec::new();
        match otherwise {
            Some(otherwise) => {
                self.set(name, Some(json!(otherwise)));
            }
            None => extensions.push(json!({"url": DATA_ABSENT, "valueCode": "unknown"})),
        }
        extensions.extend(said.map(|said| extension("as-recorded", "String", json!(said))));
        if !extensions.is_empty() {
            self.set(&format!("_{name}"), Some(json!({"extension": extensions})));
        }
        self
    }

    /// Refers to a resource, if it is in the package.
    pub fn refer(&mut self, name: &str, id: Option<Uuid>, chart: &Chart) -> &mut Self {
        let value = chart.reference(id);
        self.set(name, value)
    }

    pub fn build(self) -> Value {
        let mut fields = self.fields;
        let mut add = |name: &str, value: Value, is_empty: bool| {
            if !is_empty {
                fields.insert(name.to_owned(), value);
            }
        };
        let is_empty = self.meta.is_empty();
        add("meta", Value::Object(self.meta), is_empty);
        let is_empty = self.extensions.is_empty();
        add("extension", Value::Array(self.extensions), is_empty);
        let is_empty = self.contained.is_empty();
        add("contained", Value::Array(self.contained), is_empty);
        Value::Object(fields)
    }
}

impl Chart {
    /// The reference to a resource, if it is in the package.
    pub(super) fn reference(&self, id: Option<Uuid>) -> Option<Value> {
        let id = id.filter(|id| self.present.contains(id))?;
        Some(reference(id))
    }

    /// The patient of the chart.
    pub(super) fn subject(&self) -> Option<Value> {
        Some(reference(self.patient))
    }
}
