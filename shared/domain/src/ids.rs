//! Typed ids. The compiler rejects the id of one resource where the id of another is expected.

use parsing::expected;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub struct $name(Uuid);

        impl $name {
            /// Creates a time-ordered id (UUIDv7, RFC 9562), because such ids are inserted at the end of an index.
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

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse()
                    .map_err(|_| expected("a UUID", "0190a5e4-7c1b-7d2e-8f30-4a5b6c7d8e04"))
            }
        }

        sql::delegate_sql!($name, Uuid, tokio_postgres::types::Type::UUID);
    )+};
}

ids! {
    /// The id of a user, a UUID.
    UserId,
    /// A sign-in: the `sub` claim of a Supabase access token, a UUID.
    SubjectId,
    /// The id of a patient, a UUID.
    PatientId,
    /// The id of a provider, a UUID.
    ProviderId,
    /// The id of an appointment, a UUID.
    AppointmentId,
    /// The id of a medical record, a UUID.
    RecordId,
    /// The id of a decision to withhold or release a medical record, a UUID.
    ReleaseId,
    /// The id of a file, a UUID. The key of the object in S3 contains it.
    FileId,
    /// The id of a legal hold, a UUID.
    LegalHoldId,
    /// The id of an emergency access, a UUID.
    EmergencyAccessId,
    /// The id of a business event, a UUID.
    EventId,
    /// The id of a webhook, a UUID.
    WebhookId,
    /// The id of an attempt to deliver an event to a webhook, a UUID.
    DeliveryId,
    /// The id of an alert, a UUID.
    AlertId,
    /// The id of an incident, a UUID.
    IncidentId,
    /// The id of an activity review, a UUID.
    ActivityReviewId,
    /// The id of a request for access to one's data, a UUID.
    ExportId,
    /// The id of an amendment, a UUID.
    AmendmentId,
    /// The id of a recipient of an amendment, a UUID.
    AmendmentRecipientId,
    /// The id of a representation, a UUID: of the link between a patient and a user who represents them.
    RepresentativeId,
    /// The id of a decision to shield or unshield a medical record, a UUID.
    ShieldId,
    /// The id of a recorded disclosure, a UUID.
    DisclosureId,
    /// The id of a request for an accounting of disclosures, a UUID.
    AccountingId,
    /// The id of an audit row, a UUID.
    AuditLogId,
    /// The id of any resource that an audit row can concern, a UUID.
    AnyId,
}

impl AuditLogId {
    /// Creates the id of a row of this time. Rows of another millisecond are in the order of their ids.
    pub fn of_time(time: Timestamp) -> Self {
        let milliseconds = time.milliseconds();
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(
            uuid::NoContext,
            milliseconds / 1000,
            u32::try_from(milliseconds % 1000).unwrap_or_default() * 1_000_000,
        )))
    }

    /// An id that is not after the id of any row of this time.
    pub fn first_of(time: Timestamp) -> Self {
        Self(Uuid::from_u128(u128::from(time.milliseconds()) << 80))
    }

    /// An id that is after the id of each row of this time.
    pub fn first_after(time: Timestamp) -> Self {
        Self(Uuid::from_u128(u128::from(time.milliseconds() + 1) << 80))
    }
}
