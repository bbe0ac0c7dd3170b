//! `GET /v1/accountings/{id}/report`

use tests::prelude::*;

use super::{accounting, day, purposes, recorded};

#[tokio::test]
async fn only_disclosures_that_the_law_does_not_exclude_are_listed() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    for (at, basis) in [
        "TREATMENT",
        "PAYMENT",
        "OPERATIONS",
        "INDIVIDUAL",
        "INCIDENTAL",
        "AUTHORIZATION",
        "DIRECTORY",
        "NATIONAL_SECURITY",
        "CUSTODY",
        "LIMITED_DATA_SET",
        "REQUIRED_BY_LAW",
        "PUBLIC_HEALTH",
        "ABUSE_REPORT",
        "HEALTH_OVERSIGHT",
        "JUDICIAL",
        "LAW_ENFORCEMENT",
        "DECEDENT",
        "ORGAN_DONATION",
        "RESEARCH",
        "SERIOUS_THREAT",
        "GOVERNMENT_FUNCTION",
        "WORKERS_COMPENSATION",
        "HHS_INVESTIGATION",
        "IMPERMISSIBLE",
    ]
    .into_iter()
    .enumerate()
    {
        let fields =
            json!({"basis": basis, "purpose": basis, "disclosed_on": day(100 - at as i64)});
        recorded(&officer, &ada, fields).await;
    }
    let report = accounting(&officer, &ada).await;
    assert_eq!(
        purposes(&report),
        [
            "REQUIRED_BY_LAW",
            "PUBLIC_HEALTH",
            "ABUSE_REPORT",
            "HEALTH_OVERSIGHT",
            "JUDICIAL",
            "LAW_ENFORCEMENT",
            "DECEDENT",
            "ORGAN_DONATION",
            "RESEARCH",
            "SERIOUS_THREAT",
            "GOVERNMENT_FUNCTION",
            "WORKERS_COMPENSATION",
            "HHS_INVESTIGATION",
            "IMPERMISSIBLE",
        ]
    );
}
