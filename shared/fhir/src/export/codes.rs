//! The codes of required value sets, and the systems of other codes, as R4 has them.

/// <https://hl7.org/fhir/R4/valueset-observation-status.html>
pub const OBSERVATION_STATUS: &[&str] = &[
    "registered",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "cancelled",
    "entered-in-error",
    "unknown",
];
/// <https://hl7.org/fhir/R4/valueset-diagnostic-report-status.html>
pub const REPORT_STATUS: &[&str] = &[
    "registered",
    "partial",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "appended",
    "cancelled",
    "entered-in-error",
    "unknown",
];
/// <https://hl7.org/fhir/R4/valueset-event-status.html>
pub const PROCEDURE_STATUS: &[&str] = &[
    "preparation",
    "in-progress",
    "not-done",
    "on-hold",
    "stopped",
    "completed",
    "entered-in-error",
    "unknown",
];
/// <https://hl7.org/fhir/R4/valueset-medicationrequest-status.html>
pub const MEDICATION_REQUEST_STATUS: &[&str] = &[
    "active",
    "on-hold",
    "cancelled",
    "completed",
    "entered-in-error",
    "stopped",
    "draft",
    "unknown",
];
/// <https://hl7.org/fhir/R4/valueset-medicationrequest-intent.html>
pub const MEDICATION_REQUEST_INTENT: &[&str] = &[
    "proposal",
    "plan",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
];
/// <https://hl7.org/fhir/R4/valueset-immunization-status.html>
pub const IMMUNIZATION_STATUS: &[&str] = &["completed", "entered-in-error", "not-done"];
/// <https://hl7.org/fhir/R4/valueset-request-status.html>
pub const CARE_PLAN_STATUS: &[&str] = &[
    "draft",
    "active",
    "on-hold",
    "revoked",
    "completed",
    "entered-in-error",
    "unknown",
];
/// <https://hl7.org/fhir/R4/valueset-care-plan-intent.html>
pub const CARE_PLAN_INTENT: &[&str] = &["proposal", "plan", "order", "option"];
/// <https://hl7.org/fhir/R4/valueset-care-plan-activity-status.html>
pub const ACTIVITY_STATUS: &[&str] = &[
    "not-started",
    "scheduled",
    "in-progress",
    "on-hold",
    "completed",
    "cancelled",
    "stopped",
    "unknown",
    "entered-in-error",
];
/// <https://hl7.org/fhir/R4/valueset-goal-status.html>
pub const GOAL_STATUS: &[&str] = &[
    "proposed",
    "planned",
    "accepted",
    "active",
    "on-hold",
    "completed",
    "cancelled",
    "entered-in-error",
    "rejected",
];
/// <https://hl7.org/fhir/R4/valueset-event-timing.html>
pub const EVENT_TIMING: &[&str] = &[
    "MORN",
    "MORN.early",
    "MORN.late",
    "NOON",
    "AFT",
    "AFT.early",
    "AFT.late",
    "EVE",
    "EVE.early",
    "EVE.late",
    "NIGHT",
    "PHS",
    "HS",
    "WAKE",
    "C",
    "CM",
    "CD",
    "CV",
    "AC",
    "ACM",
    "ACD",
    "ACV",
    "PC",
    "PCM",
    "PCD",
    "PCV",
];

/// Codes that have one system here.
pub struct System {
    pub url: &'static str,
    pub codes: &'static [&'static str],
}

/// <https://hl7.org/fhir/R4/valueset-condition-clinical.html>
pub const CONDITION_CLINICAL: System = System {
    url: "http://terminology.hl7.org/CodeSystem/condition-clinical",
    codes: &[
        "active",
        "recurrence",
        "relapse",
        "inactive",
        "remission",
        "resolved",
    ],
};
/// <https://hl7.org/fhir/R4/valueset-condition-ver-status.html>
pub const CONDITION_VERIFICATION: System = System {
    url: "http://terminology.hl7.org/CodeSystem/condition-ver-status",
    codes: &[
        "unconfirmed",
        "provisional",
        "differential",
        "confirmed",
        "refuted",
        "entered-in-error",
    ],
};
/// <https://hl7.org/fhir/R4/valueset-allergyintolerance-clinical.html>
pub const ALLERGY_CLINICAL: System = System {
    url: "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
    codes: &["active", "inactive", "resolved"],
};
/// <https://hl7.org/fhir/R4/valueset-allergyintolerance-verification.html>
pub const ALLERGY_VERIFICATION: System = System {
    url: "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
    codes: &["unconfirmed", "confirmed", "refuted", "entered-in-error"],
};
/// <https://hl7.org/fhir/R4/valueset-condition-category.html>
pub const CONDITION_CATEGORY: System = System {
    url: "http://terminology.hl7.org/CodeSystem/condition-category",
    codes: &["problem-list-item", "encounter-diagnosis"],
};
/// <https://hl7.org/fhir/us/core/STU7/CodeSystem-condition-category.html>
pub const HEALTH_CONCERN: System = System {
    url: "http://hl7.org/fhir/us/core/CodeSystem/condition-category",
    codes: &["health-concern"],
};
/// <https://hl7.org/fhir/R4/valueset-observation-category.html>
pub const OBSERVATION_CATEGORY: System = System {
    url: "http://terminology.hl7.org/CodeSystem/observation-category",
    codes: &[
        "social-history",
        "vital-signs",
        "imaging",
        "laboratory",
        "procedure",
        "survey",
        "exam",
        "therapy",
        "activity",
    ],
};
/// <https://hl7.org/fhir/R4/valueset-diagnostic-service-sections.html>
pub const REPORT_CATEGORY: System = System {
    url: "http://terminology.hl7.org/CodeSystem/v2-0074",
    codes: &[
        "AU", "BG", "BLB", "CG", "CH", "CP", "CT", "CTH", "CUS", "EC", "EN", "GE", "HM", "ICU",
        "IMG", "IMM", "LAB", "MB", "MCB", "MYC", "NMR", "NMS", "NRS", "OSL", "OT", "OTH", "OUS",
        "PAR", "PAT", "PF", "PHR", "PHY", "PT", "RAD", "RC", "RT", "RUS", "RX", "SP", "SR", "TX",
        "URN", "VR", "VUS", "XRC",
    ],
};
/// <https://hl7.org/fhir/R4/valueset-medicationrequest-category.html>
pub const MEDICATION_REQUEST_CATEGORY: System = System {
    url: "http://terminology.hl7.org/CodeSystem/medicationrequest-category",
    codes: &["inpatient", "outpatient", "community", "discharge"],
};
