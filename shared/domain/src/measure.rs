//! Measured amounts and the results of measurements, as FHIR R4's `Quantity`, `Range`, `Ratio`, `Period` and
//! `Observation.value[x]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::coding::Coding;
use crate::date_time::DateTime;
use crate::shapes::{Broken, shapes};
use crate::text::{Identifier, Line, Text};
use crate::time::ClockTime;

/// The relation of the measured value to the number, as FHIR R4 `Quantity.comparator`.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparator {
    /// The measured value is less than the number.
    #[serde(rename = "<")]
    Less,
    /// The measured value is less than or equal to the number.
    #[serde(rename = "<=")]
    AtMost,
    /// The measured value is greater than or equal to the number.
    #[serde(rename = ">=")]
    AtLeast,
    /// The measured value is greater than the number.
    #[serde(rename = ">")]
    Greater,
}

shapes! {
    /// A measured amount, as FHIR R4 `Quantity`.
    pub struct Quantity {
        /// The number of units, for example `6.30`. All digits are kept. At most 64 digits are accepted.
        value: serde_json::Number,
        ?
        /// The relation of the measured value to the number, for example `<` if the value is below the limit of
        /// the device. Absent if they are equal.
        comparator: Comparator,
        /// The unit in a form for people to read, for example `mmol/L`.
        unit: Line<100>,
        /// The unit as a UCUM code, for example `mmol/L` or `mm[Hg]`.
        code: Identifier<100>,
    }

    /// An exact amount, as FHIR R4 `SimpleQuantity`.
    pub struct SimpleQuantity {
        /// The number of units, for example `6.30`. All digits are kept. At most 64 digits are accepted.
        value: serde_json::Number,
        ?
        /// The unit in a form for people to read, for example `mg`.
        unit: Line<100>,
        /// The unit as a UCUM code, for example `mg` or `{tbl}`.
        code: Identifier<100>,
    }

    /// A range of amounts, as FHIR R4 `Range`. It has at least one of `low` and `high`.
    #[schemars(extend("minProperties" = 1))]
    pub struct Range where Range::rule {
        ?
        /// The lowest amount of the range. Absent if the range has no lower limit.
        low: SimpleQuantity,
        /// The highest amount of the range. Absent if the range has no upper limit.
        high: SimpleQuantity,
    }

    /// A relation of two amounts, as FHIR R4 `Ratio`, for example a titre of 1:128.
    pub struct Ratio {
        /// The amount above the fraction line, for example `{"value": 1}`.
        numerator: Quantity,
        /// The amount below the fraction line, for example `{"value": 128}`.
        denominator: Quantity,
    }

    /// A time with a beginning and an end, as FHIR R4 `Period`. It has at least one of `start` and `end`.
    #[schemars(extend("minProperties" = 1))]
    pub struct Period where Period::rule {
        ?
        /// The time at which the period begins, as exactly as it is known.
        start: DateTime,
        /// The time at which the period ends, as exactly as it is known.
        end: DateTime,
    }

    /// The values with which a result is compared, as FHIR R4 `Observation.referenceRange`. It has at least one of
    /// `low`, `high` and `text`.
    #[schemars(extend("minProperties" = 1))]
    pub struct ReferenceRange where ReferenceRange::rule {
        ?
        /// The lowest amount of the range. Absent if the range has no lower limit.
        low: SimpleQuantity,
        /// The highest amount of the range. Absent if the range has no upper limit.
        high: SimpleQuantity,
        /// The meaning of the range, for example normal or therapeutic.
        r#type: Coding,
        /// The range in words, for example `negative`.
        text: Text<1000>,
    }
}

impl Range {
    fn rule(&self) -> Option<Broken> {
        (self.low.is_none() && self.high.is_none()).then(|| Broken {
            field: "low",
            what: "at least one of `low` and `high`",
            example: json!({"low": {"value": 1}}),
        })
    }
}

impl Period {
    fn rule(&self) -> Option<Broken> {
        (self.start.is_none() && self.end.is_none()).then(|| Broken {
            field: "start",
            what: "at least one of `start` and `end`",
            example: json!({"start": "2026-03-01"}),
        })
    }
}

impl ReferenceRange {
    fn rule(&self) -> Option<Broken> {
        (self.low.is_none() && self.high.is_none() && self.text.is_none()).then(|| Broken {
            field: "low",
            what: "at least one of `low`, `high` and `text`",
            example: json!({"text": "negative"}),
        })
    }
}

/// The result of a measurement, as FHIR R4 `Observation.value[x]`: an object with exactly one field, which names the
/// kind of the result.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "snake_case",
    deny_unknown_fields,
    expecting = "an object with `quantity`, `coded`, `text` or another kind of result, for example {\"quantity\": {\"value\": 6.3, \"unit\": \"mmol/L\"}}"
)]
pub enum ObservationValue {
    /// The result as a measured amount.
    Quantity(Quantity),
    /// The result as a coded concept.
    Coded(Coding),
    /// The result as free text.
    Text(Text<5000>),
    /// The result as a range of amounts.
    Range(Range),
    /// The result as a relation of two amounts, for example a titre.
    Ratio(Ratio),
    /// The result as an answer to a question that is true or false.
    Boolean(bool),
    /// The result as a whole number without a unit.
    Integer(i32),
    /// The result as a local time of day.
    Time(ClockTime),
    /// The result as a time, as exactly as it is known.
    DateTime(DateTime),
    /// The result as a time with a beginning and an end.
    Period(Period),
}
