//! The resources that the domain knows, so that a new endpoint starts with their types.

/// A collection of the API, with the names that the code has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The first segment of the path behind `/v1/`.
    pub collection: &'static str,
    /// The module of `domain`. It is also how the id of such a resource is named in a path, as in
    /// `{provider_id}`, and the ending of the macro that selects it.
    pub module: &'static str,
    /// The type of an id.
    pub id: &'static str,
    /// The type of the resource.
    pub resource: &'static str,
    /// The table with its version.
    pub table: &'static str,
    /// The permissions begin with this.
    pub permissions: &'static str,
    /// The `ResourceType` of its audit rows, as a label.
    pub resource_type: &'static str,
    /// The `Kind` of the access matrix.
    pub probed: &'static str,
}

pub const KINDS: [Kind; 6] = [
    Kind {
        collection: "users",
        module: "user",
        id: "UserId",
        resource: "User",
        table: "user_profiles",
        permissions: "users",
        resource_type: "USER",
        probed: "User",
    },
    Kind {
        collection: "patients",
        module: "patient",
        id: "PatientId",
        resource: "Patient",
        table: "patients",
        permissions: "patients",
        resource_type: "PATIENT",
        probed: "Patient",
    },
    Kind {
        collection: "providers",
        module: "provider",
        id: "ProviderId",
        resource: "Provider",
        table: "providers",
        permissions: "providers",
        resource_type: "PROVIDER",
        probed: "Provider",
    },
    Kind {
        collection: "appointments",
        module: "appointment",
        id: "AppointmentId",
        resource: "Appointment",
        table: "appointments",
        permissions: "appointments",
        resource_type: "APPOINTMENT",
        probed: "Visit",
    },
    Kind {
        collection: "medical-records",
        module: "record",
        id: "RecordId",
        resource: "MedicalRecord",
        table: "medical_records",
        permissions: "records",
        resource_type: "MEDICAL_RECORD",
        probed: "Record",
    },
    Kind {
        collection: "files",
        module: "file",
        id: "FileId",
        resource: "FileMetadata",
        table: "file_metadata",
        permissions: "files",
        resource_type: "FILE",
        probed: "File",
    },
];

/// The type of a path parameter. `collection` is the segment before it.
pub fn parameter_type(collection: &str, parameter: &str) -> &'static str {
    let of = |kind: &&Kind| match parameter.strip_suffix("_id") {
        Some(module) => kind.module == module,
        None => parameter == "id" && kind.collection == collection,
    };
    match KINDS.iter().find(of) {
        Some(kind) => kind.id,
        None if parameter == "id" || parameter.ends_with("_id") => "AnyId",
        None => "String",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_code_has_the_names_of_each_kind() {
        let root = local_cloud::workspace::root();
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        let (ids, schema) = (
            read("shared/domain/src/ids.rs"),
            read("migrations/schema.sql"),
        );
        for kind in KINDS {
            let source = read(&format!("shared/domain/src/{}.rs", kind.module));
            assert!(ids.contains(&format!("    {},", kind.id)), "{kind:?}");
            assert!(
                source.contains(&format!("struct {} ", kind.resource)),
                "{kind:?}"
            );
            assert!(
                source.contains(&format!("select_{} ", kind.module)),
                "{kind:?}"
            );
            assert!(
                schema.contains(&format!("create table {} ", kind.table)),
                "{kind:?}"
            );
            assert!(
                audit::ResourceType::LABELS.contains(&kind.resource_type),
                "{kind:?}"
            );
        }
    }
}
