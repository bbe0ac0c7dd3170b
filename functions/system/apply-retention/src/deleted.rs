//! What a transaction deleted, and the proof of it.

use api::prelude::*;
use serde_json::{Map, Value};
use sql::{Jsonb, row};

row! {
    /// The resources that a transaction deleted.
    #[derive(Serialize)]
    pub struct Deleted {
        /// The number of resources that were considered.
        pub taken: i64,
        /// The ids of those that were deleted.
        pub ids: Vec<AnyId>,
        /// The patients whom they concerned.
        pub patients: Vec<PatientId>,
        /// The rules that their retention was computed with. None if nothing was deleted.
        pub rules: Option<Vec<String>>,
        /// The number of deleted rows by table.
        pub parts: Jsonb<Map<String, Value>>,
        /// The SHA-256 hash of all deleted rows, in hexadecimal digits.
        pub digest: String,
    }
}

impl Content for Deleted {
    fn patients(&self) -> Vec<PatientId> {
        self.patients.clone()
    }
}

impl Deleted {
    /// Writes the proof to the audit row. It has ids, names of rules and tables, counts and a hash.
    pub fn note<T: api::target::Target>(&self, access: &mut Access<T>) {
        let ids: Vec<_> = self.ids.iter().map(AnyId::to_string).collect();
        access.add_note("deleted", ids.len());
        access.add_note("kept", self.taken - ids.len() as i64);
        if !ids.is_empty() {
            access.add_note("ids", ids);
            access.add_note("rules", self.rules.clone().unwrap_or_default());
            access.add_note("rows", self.parts.0.clone());
            access.add_note("sha256", self.digest.clone());
        }
    }
}
