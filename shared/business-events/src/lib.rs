//! Business events as other systems read them: CloudEvents 1.0.
//!
//! The database writes the events: see `migrations/V0026__business_events.sql`. [`EventType`] has their types, each with
//! its meaning and the type of its data.
#![warn(missing_docs)]

pub mod data;
mod event_type;
mod poll;

pub use event_type::EventType;
pub use poll::Poll;

use api::input::FromSettings;
use domain::disclosure::Content;
use domain::ids::PatientId;
use domain::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use settings::{Misconfigured, required};
use sql::{Jsonb, row};

/// The place of an event in the feed: its rank and its number. Later events have greater places.
pub type Place = (i64, i64);

/// The place before the first event.
pub const START: Place = (0, 0);

/// CloudEvents' `source` of this installation's events: the variable `EVENT_SOURCE`.
#[derive(Debug)]
pub struct Source(String);

impl FromSettings for Source {
    fn from_settings() -> Result<Self, Misconfigured> {
        required("EVENT_SOURCE").map(Self)
    }
}

row! {
    /// An event as it is stored.
    #[derive(Debug)]
    pub struct StoredEvent {
        /// The first part of its place.
        pub rank: i64,
        /// The second part of its place.
        pub number: i64,
        /// The id of the event, a UUID.
        pub id: String,
        /// The type without `caretrail.`.
        pub kind: String,
        /// What the event is about.
        pub subject: String,
        /// The place among the events of the subject.
        pub sequence: i64,
        /// The time of the change.
        pub time: Timestamp,
        /// The trace of the request that made the change.
        pub trace_id: Option<String>,
        /// The data.
        pub data: Jsonb<Map<String, Value>>,
    }
}

/// The columns of a [`StoredEvent`].
#[macro_export]
macro_rules! stored_event_columns {
    () => {
        "rank::text::bigint as rank, number, id::text as id, type::text as kind, subject, sequence, time, trace_id, data"
    };
}

/// A `select` statement for [`StoredEvent`]s. The arguments are appended to it, for example a `where` clause.
#[macro_export]
macro_rules! select_stored_event {
    ($($rest:literal),+ $(,)?) => {
        concat!("select ", $crate::stored_event_columns!(), " from business_events ", $($rest),+)
    };
}

/// A business event (CloudEvents 1.0): a change in the clinic that was committed.
///
/// The type and the data are passed on as they are stored, so a function can serve types that are newer than itself. In
/// the documents, `type` and `data` have the alternatives that [`EventType`] lists.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(
    description = "A business event (CloudEvents 1.0): a change in the clinic that was committed."
)]
pub struct BusinessEvent {
    /// The version of the CloudEvents specification, `1.0`.
    #[schemars(extend("const" = "1.0"))]
    pub specversion: &'static str,
    /// The id of the event, a UUID. An event that arrives twice has the same id.
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
    /// The installation that the event comes from.
    #[schemars(example = "urn:caretrail:clinic")]
    pub source: String,
    /// The type of the event, with the version of its data.
    pub r#type: String,
    /// The resource that changed, with its id.
    pub subject: String,
    /// The time of the change (RFC 3339, UTC).
    pub time: Timestamp,
    /// The media type of the data, `application/json`.
    #[schemars(extend("const" = "application/json"))]
    pub datacontenttype: &'static str,
    /// The place of the event among all events of its subject: 1, 2, 3 and so on without a gap, as text.
    #[schemars(regex(pattern = r"^[1-9][0-9]*$"), example = "4")]
    pub sequence: String,
    /// The type of the sequence, `Integer`.
    #[schemars(extend("const" = "Integer"))]
    pub sequencetype: &'static str,
    /// The AWS X-Ray trace of the request that made the change. It is left out if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "1-70a1f2c4-0123456789abcdef00000099")]
    pub traceid: Option<String>,
    /// The ids, states and names of fields that the change concerned. It has no content of a chart.
    pub data: Map<String, Value>,
    #[serde(skip)]
    #[schemars(skip)]
    place: Place,
}

impl Source {
    /// The events of this installation, from what is stored.
    pub fn events(&self, stored: Vec<StoredEvent>) -> Vec<BusinessEvent> {
        let events = stored.into_iter();
        events
            .map(|event| BusinessEvent::new(event, self))
            .collect()
    }
}

impl BusinessEvent {
    fn new(stored: StoredEvent, source: &Source) -> Self {
        let Jsonb(data) = stored.data;
        Self {
            specversion: "1.0",
            id: stored.id,
            source: source.0.clone(),
            r#type: event_type::named(&stored.kind),
            subject: stored.subject,
            time: stored.time,
            datacontenttype: "application/json",
            sequence: stored.sequence.to_string(),
            sequencetype: "Integer",
            traceid: stored.trace_id,
            data,
            place: (stored.rank, stored.number),
        }
    }

    /// Whether it has this type.
    pub fn is_of(&self, kind: EventType) -> bool {
        self.r#type == kind.name()
    }

    /// Its place in the feed.
    pub fn place(&self) -> Place {
        self.place
    }
}

impl Content for BusinessEvent {
    fn patients(&self) -> Vec<PatientId> {
        let duplicates = self.data.get("likely_duplicates").and_then(Value::as_array);
        let patients = self.data.get("patient_id").into_iter();
        let patients = patients.chain(duplicates.into_iter().flatten());
        let ids = patients.filter_map(|id| id.as_str()?.parse().ok());
        ids.collect()
    }
}

/// The patients whom events concern that leave the system without a caller.
#[derive(Debug, Serialize)]
pub struct Concerned(Vec<PatientId>);

impl Concerned {
    /// The patients whom these events concern.
    pub fn by(events: &[BusinessEvent]) -> Self {
        Self(events.iter().flat_map(Content::patients).collect())
    }
}

impl Content for Concerned {
    fn patients(&self) -> Vec<PatientId> {
        self.0.clone()
    }
}
