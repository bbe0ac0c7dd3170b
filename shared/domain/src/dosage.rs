//! Instructions how to take a medicine, as FHIR R4's `Dosage` and `Timing`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::coding::Coding;
use crate::measure::{Period, Range, Ratio, SimpleQuantity};
use crate::number::{NonNegative, Whole};
use crate::shapes::{Broken, shapes};
use crate::text::{Identifier, Text};
use crate::time::ClockTime;

/// A unit of time as a UCUM code, as FHIR R4 `UnitsOfTime`.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeUnit {
    /// The unit is a second.
    #[serde(rename = "s")]
    Second,
    /// The unit is a minute.
    #[serde(rename = "min")]
    Minute,
    /// The unit is an hour.
    #[serde(rename = "h")]
    Hour,
    /// The unit is a day.
    #[serde(rename = "d")]
    Day,
    /// The unit is a week.
    #[serde(rename = "wk")]
    Week,
    /// The unit is a month.
    #[serde(rename = "mo")]
    Month,
    /// The unit is a year.
    #[serde(rename = "a")]
    Year,
}

/// A day of the week, as FHIR R4 `DaysOfWeek`.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DayOfWeek {
    /// The day is a Monday.
    Mon,
    /// The day is a Tuesday.
    Tue,
    /// The day is a Wednesday.
    Wed,
    /// The day is a Thursday.
    Thu,
    /// The day is a Friday.
    Fri,
    /// The day is a Saturday.
    Sat,
    /// The day is a Sunday.
    Sun,
}

shapes! {
    /// One instruction how to take a medicine, as FHIR R4 `Dosage`.
    pub struct Dosage where Dosage::rule {
        ?
        /// The instruction as text, for example `1 tablet twice a day with meals`. It also says what the other
        /// fields can't.
        text: Text<2000>,
        /// The times at which the patient takes the medicine.
        timing: Timing,
        /// Whether the patient takes the medicine only when they need it.
        as_needed: bool,
        /// The complaint for which the patient takes the medicine when they need it, for example pain.
        as_needed_for: Coding,
        /// The part of the body where the medicine is given, coded for example in SNOMED CT.
        site: Coding,
        /// The way in which the medicine enters the body, for example by mouth.
        route: Coding,
        /// The amount of the medicine that is taken each time.
        dose: Dose,
        /// The speed at which the medicine is given, for example of an infusion.
        rate: Rate,
        /// The greatest amount of the medicine within a time, for example 4 g in 24 h.
        max_dose_per_period: Ratio,
        /// The greatest amount of the medicine each time.
        max_dose_per_administration: SimpleQuantity,
    }

    /// The times at which a medicine is taken, as FHIR R4 `Timing`.
    #[schemars(extend("dependentRequired" = {
        "period": ["period_unit"], "period_unit": ["period"], "period_max": ["period"],
        "duration": ["duration_unit"], "duration_unit": ["duration"], "duration_max": ["duration"],
        "count_max": ["count"], "frequency_max": ["frequency"], "offset": ["when"],
    }))]
    pub struct Timing where Timing::rule {
        ?
        /// The times in words, for example `every other day after a meal`.
        text: Text<500>,
        /// The times as a code, for example `BID` for twice a day.
        code: Coding,
        /// The length or the limits of the whole treatment.
        bounds: Bounds,
        /// The number of times that the medicine is taken in all.
        count: Whole<1, 100_000>,
        /// The greatest number of times if `count` is the least number.
        count_max: Whole<1, 100_000>,
        /// The length of time that each giving of the medicine lasts, in `duration_unit`.
        duration: NonNegative,
        /// The greatest length of time if `duration` is the least one.
        duration_max: NonNegative,
        /// The unit of `duration`, for example `h`.
        duration_unit: TimeUnit,
        /// The number of times that the medicine is taken within each `period`.
        frequency: Whole<1, 100_000>,
        /// The greatest number of times if `frequency` is the least number.
        frequency_max: Whole<1, 100_000>,
        /// The length of time in which the medicine is taken `frequency` times, in `period_unit`. For example,
        /// frequency 2 and period 1 of the unit `d` is twice a day.
        period: NonNegative,
        /// The greatest length of time if `period` is the least one.
        period_max: NonNegative,
        /// The unit of `period`, for example `d`.
        period_unit: TimeUnit,
        /// The days of the week on which the medicine is taken.
        day_of_week: Vec<DayOfWeek>,
        /// The local times of day at which the medicine is taken, for example `08:00:00`.
        time_of_day: Vec<ClockTime>,
        /// The events of a day at which the medicine is taken, as FHIR R4 `EventTiming` codes, for example `HS` for
        /// before sleep.
        when: Vec<Identifier<20>>,
        /// The number of minutes before or after the event in `when`.
        offset: Whole<0, 100_000>,
    }

    /// The supply that is ordered from the pharmacy, as FHIR R4 `MedicationRequest.dispenseRequest`.
    pub struct Dispense {
        ?
        /// The amount of the medicine that is handed out each time, for example 30 tablets.
        quantity: SimpleQuantity,
        /// The number of times that the supply may be repeated after the first time.
        repeats: Whole<0, 1000>,
    }
}

/// The amount of a medicine: an object with exactly one of `quantity` and `range`.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "snake_case",
    deny_unknown_fields,
    expecting = "an object with `quantity` or `range`, for example {\"quantity\": {\"value\": 5, \"unit\": \"mg\"}}"
)]
pub enum Dose {
    /// The amount as a number of units.
    Quantity(SimpleQuantity),
    /// The lowest and the highest amount.
    Range(Range),
}

/// The speed at which a medicine is given: an object with exactly one of `quantity`, `range` and `ratio`.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "snake_case",
    deny_unknown_fields,
    expecting = "an object with `quantity`, `range` or `ratio`, for example {\"quantity\": {\"value\": 100, \"unit\": \"mL/h\"}}"
)]
pub enum Rate {
    /// The speed as a number of units such as `mL/h`.
    Quantity(SimpleQuantity),
    /// The lowest and the highest speed.
    Range(Range),
    /// The amount in relation to the time in which it is given.
    Ratio(Ratio),
}

/// The length or the limits of a treatment: an object with exactly one of `period`, `duration` and `range`.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "snake_case",
    deny_unknown_fields,
    expecting = "an object with `period`, `duration` or `range`, for example {\"duration\": {\"value\": 10, \"unit\": \"d\"}}"
)]
pub enum Bounds {
    /// The beginning and the end of the treatment.
    Period(Period),
    /// The length of the treatment.
    Duration(SimpleQuantity),
    /// The least and the greatest length of the treatment.
    Range(Range),
}

impl Dosage {
    fn rule(&self) -> Option<Broken> {
        (self.as_needed == Some(false) && self.as_needed_for.is_some()).then(|| Broken {
            field: "as_needed",
            what: "true, because `as_needed_for` is given",
            example: json!({"as_needed": true, "as_needed_for": {"display": "pain"}}),
        })
    }
}

impl Timing {
    fn rule(&self) -> Option<Broken> {
        let broken = |field, what| Broken {
            field,
            what,
            example: json!({"text": "twice a day"}),
        };
        if self.period.is_some() != self.period_unit.is_some() {
            return Some(broken(
                "period_unit",
                "a unit if `period` is given, and none otherwise",
            ));
        }
        if self.duration.is_some() != self.duration_unit.is_some() {
            return Some(broken(
                "duration_unit",
                "a unit if `duration` is given, and none otherwise",
            ));
        }
        let lone = |most: bool, least: bool| most && !least;
        if lone(self.count_max.is_some(), self.count.is_some()) {
            return Some(broken("count_max", "no `count_max` without `count`"));
        }
        if lone(self.duration_max.is_some(), self.duration.is_some()) {
            return Some(broken(
                "duration_max",
                "no `duration_max` without `duration`",
            ));
        }
        if lone(self.frequency_max.is_some(), self.frequency.is_some()) {
            return Some(broken(
                "frequency_max",
                "no `frequency_max` without `frequency`",
            ));
        }
        if lone(self.period_max.is_some(), self.period.is_some()) {
            return Some(broken("period_max", "no `period_max` without `period`"));
        }
        if self.offset.is_some() && self.when.is_none() {
            return Some(broken("offset", "no `offset` without `when`"));
        }
        None
    }
}
