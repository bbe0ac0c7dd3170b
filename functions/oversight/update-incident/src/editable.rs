//! The fields of an incident that a patch can change.

use api::prelude::*;
use domain::incident::{DelayStatement, IncidentDecision, IncidentStatus, RiskLevel};
use domain::text::{Line, Text};
use sql::row;

row! {
    /// The fields of an incident that a patch can change. No text may contain clinical data that the incident does not need.
    #[derive(Debug, Deserialize, JsonSchema, Serialize)]
    #[serde(deny_unknown_fields)]
    pub struct Editable {
        /// The status. OPEN becomes ASSESSED with a decision, and ASSESSED becomes NOTIFYING for a breach, CLOSED for
        /// every other decision, or OPEN again.
        pub status: IncidentStatus,
        /// The first day on which the breach was known, or would have been by reasonable diligence.
        pub discovered_on: Date,
        /// The description of the incident, for officers.
        pub summary: Text<4000>,
        /// The first day of the breach. Null if the accesses of each patient say it, or if it is unknown.
        pub breach_from: Option<Date>,
        /// The last day of the breach. It is required with `breach_from`.
        pub breach_until: Option<Date>,
        /// The risk that follows from the nature and extent of the data (45 CFR 164.402(2)(i)).
        pub nature_level: Option<RiskLevel>,
        /// The nature and extent of the data, with the types of identifiers and the likelihood of re-identification.
        pub nature: Option<Text<2000>>,
        /// The risk that follows from the person who used or received the data (45 CFR 164.402(2)(ii)).
        pub person_level: Option<RiskLevel>,
        /// The unauthorized person who used the data or to whom they were disclosed.
        pub person: Option<Text<2000>>,
        /// The risk that follows from whether the data were acquired or viewed (45 CFR 164.402(2)(iii)).
        pub acquisition_level: Option<RiskLevel>,
        /// Whether the data were actually acquired or viewed.
        pub acquisition: Option<Text<2000>>,
        /// The risk that is left after it was mitigated (45 CFR 164.402(2)(iv)).
        pub mitigation_level: Option<RiskLevel>,
        /// The extent to which the risk was mitigated.
        pub mitigation: Option<Text<2000>>,
        /// The decision. Every decision but BREACH requires all four factors.
        pub decision: Option<IncidentDecision>,
        /// The reason for the decision. It is required with `decision`.
        pub decision_reason: Option<Text<2000>>,
        /// The form in which law enforcement stated that notices must wait. The four fields of the delay are required
        /// together.
        pub delay_statement: Option<DelayStatement>,
        /// The day of the statement.
        pub delay_stated_on: Option<Date>,
        /// The official who made the statement.
        pub delay_official: Option<Line<300>>,
        /// The last day on which notices must wait. After an oral statement it is 30 days later at most.
        pub delayed_until: Option<Date>,
        /// The description of what happened, in plain words for the letters to patients.
        pub letter_happened: Option<Text<2000>>,
        /// The types of data that were involved, in plain words for the letters.
        pub letter_data: Option<Text<2000>>,
        /// The steps that patients should take to protect themselves, in plain words for the letters.
        pub letter_steps: Option<Text<2000>>,
        /// The description of how the clinic investigates, mitigates harm and prevents further breaches, in plain words
        /// for the letters.
        pub letter_response: Option<Text<2000>>,
    }
}
