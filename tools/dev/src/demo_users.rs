//! Fictional people, one per role, with the same ids in every local cloud.

use client::Person;
use uuid::{Uuid, uuid};

/// A user that demo tokens are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoUser {
    /// The role, as in `roles`.
    pub role: &'static str,
    /// The token's `sub`.
    pub id: Uuid,
    /// The sign-in e-mail.
    pub email: &'static str,
    /// Given name.
    pub first_name: &'static str,
    /// Family name.
    pub last_name: &'static str,
}

impl From<DemoUser> for Person {
    fn from(user: DemoUser) -> Self {
        Self {
            id: user.id,
            email: user.email.to_owned(),
        }
    }
}

/// Approves what [`ADMIN`] proposes.
pub const SECOND_ADMIN: DemoUser = DemoUser {
    role: "ADMIN",
    id: uuid!("00000000-0000-4000-8000-000000000005"),
    email: "second-admin@example.org",
    first_name: "Demo",
    last_name: "Second-Admin",
};

/// Registers the other users.
pub const ADMIN: DemoUser = DemoUser {
    role: "ADMIN",
    id: uuid!("00000000-0000-4000-8000-000000000001"),
    email: "admin@example.org",
    first_name: "Demo",
    last_name: "Admin",
};

/// Cares for [`PATIENT`].
pub const PROVIDER: DemoUser = DemoUser {
    role: "PROVIDER",
    id: uuid!("00000000-0000-4000-8000-000000000002"),
    email: "provider@example.org",
    first_name: "Demo",
    last_name: "Provider",
};

/// Has a chart.
pub const PATIENT: DemoUser = DemoUser {
    role: "PATIENT",
    id: uuid!("00000000-0000-4000-8000-000000000003"),
    email: "patient@example.org",
    first_name: "Demo",
    last_name: "Patient",
};

/// Reads the audit log.
pub const COMPLIANCE_OFFICER: DemoUser = DemoUser {
    role: "COMPLIANCE_OFFICER",
    id: uuid!("00000000-0000-4000-8000-000000000004"),
    email: "compliance@example.org",
    first_name: "Demo",
    last_name: "Officer",
};

/// Imports bundles from [`IMPORTED_SYSTEM`].
pub const IMPORTER: DemoUser = DemoUser {
    role: "IMPORTER",
    id: uuid!("00000000-0000-4000-8000-000000000006"),
    email: "importer@example.org",
    first_name: "Demo",
    last_name: "Importer",
};

/// The source system of the demo importer.
pub const IMPORTED_SYSTEM: &str = "https://hospital.example/fhir";

/// The users whom the database is given at the start: nobody else could make or approve them.
pub const FIRST: [DemoUser; 3] = [ADMIN, SECOND_ADMIN, COMPLIANCE_OFFICER];

/// All of them.
pub const ALL: [DemoUser; 6] = [
    ADMIN,
    PROVIDER,
    PATIENT,
    COMPLIANCE_OFFICER,
    SECOND_ADMIN,
    IMPORTER,
];

/// The demo user with `role`, in upper or lower case.
pub fn of_role(role: &str) -> Option<DemoUser> {
    ALL.into_iter()
        .find(|user| user.role.eq_ignore_ascii_case(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_its_demo_user_in_either_case() {
        assert_eq!(of_role("compliance_officer"), Some(COMPLIANCE_OFFICER));
        assert_eq!(of_role("ADMIN"), Some(ADMIN));
        assert_eq!(of_role("nurse"), None);
    }
}
