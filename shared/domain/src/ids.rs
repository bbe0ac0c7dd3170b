//! Typed ids: one resource's id is never another's, and none travels as a bare `Uuid`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub struct $name(Uuid);

        impl $name {
            /// A new time-ordered id (UUIDv7, RFC 9562), which keeps index inserts local.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::try_parse(text).map(Self)
            }
        }

        sql::delegate_sql!($name, Uuid, tokio_postgres::types::Type::UUID);
    )+};
}

ids! {
    /// A person or account: the Supabase `sub`.
    UserId,
    /// A patient.
    PatientId,
    /// A provider.
    ProviderId,
    /// A visit.
    AppointmentId,
    /// An entry of a patient's chart.
    RecordId,
    /// A decision to hold or release such an entry.
    ReleaseId,
    /// A file's metadata row, and so its object in S3.
    FileId,
    /// A row of the audit log.
    AuditLogId,
    /// Whatever an audit row is about.
    AnyId,
}
