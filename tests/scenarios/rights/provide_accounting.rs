//! `POST /v1/accountings/{id}/provide`

use tests::prelude::*;

use super::{DISCLOSURES, accounting, day, disclosure, purposes, recorded};

#[tokio::test]
async fn law_enforcement_suspends_an_entry_in_writing_as_long_as_it_says_and_orally_for_thirty_days()
 {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let suspended = |statement: &str, until: String, basis: &str| {
        json!({
            "basis": basis, "purpose": "Investigation",
            "suspension": {"statement": statement, "stated_on": day(0), "official": "Detective Sample", "until": until}
        })
    };
    for fields in [
        suspended("ORAL", day(-31), "LAW_ENFORCEMENT"),
        suspended("WRITTEN", day(1), "LAW_ENFORCEMENT"),
        suspended("WRITTEN", day(-1), "PUBLIC_HEALTH"),
    ] {
        let refused = officer.post(DISCLOSURES, disclosure(&ada, fields)).await;
        refused.invalid("suspension");
    }
    let oral = recorded(
        &officer,
        &ada,
        suspended("ORAL", day(-30), "LAW_ENFORCEMENT"),
    )
    .await;
    recorded(
        &officer,
        &ada,
        suspended("WRITTEN", day(-300), "HEALTH_OVERSIGHT"),
    )
    .await;
    // Nothing shows it: neither the accounting nor the list of who opened the chart.
    let report = accounting(&officer, &ada).await;
    assert_eq!(report["entries"], json!([]));
    assert!(!report["html"].as_str().unwrap().contains("suspen"));
    let accesses = format!("/v1/patients/{}/accesses?own=false", ada.id);
    assert_eq!(ada.get(&accesses).await.expect(200).ids(), [] as [Uuid; 0]);

    // A later statement replaces it, here one that ends at once.
    let mut ended = suspended("WRITTEN", day(1), "LAW_ENFORCEMENT");
    ended["suspension"]["stated_on"] = json!(day(2));
    let correction =
        json!({"reason": "The official ended it", "disclosure": disclosure(&ada, ended)});
    officer
        .post(&format!("{DISCLOSURES}/{oral}/corrections"), correction)
        .await
        .expect(200);
    assert_eq!(
        purposes(&accounting(&officer, &ada).await),
        ["Investigation"]
    );
    world
        .rewrite_history(
            "update disclosures set suspension_stated_on = suspension_stated_on - 400,
             suspended_until = suspended_until - 400",
        )
        .await;
    let both = accounting(&officer, &ada).await;
    assert_eq!(purposes(&both), ["Investigation", "Investigation"]);
}

#[tokio::test]
async fn the_audit_log_and_incidents_add_what_nobody_recorded() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let officer = world.officer().await;
    world.assign(&ada, &vera).await;
    let file = world.uploaded(&ada, "application/pdf", files::PDF).await;
    let path = format!("/v1/files/{file}");
    // Downloads of the patient, and of clinicians for treatment, don't count.
    ada.get(&path).await.expect(200);
    let download = vera.get(&path).await.expect(200);
    assert_eq!(accounting(&officer, &ada).await["entries"], json!([]));
    world
        .rewrite_history(&format!(
            "update audit_logs set purpose_of_use = 'HRESCH' where request_id = '{}'",
            download.request_id()
        ))
        .await;
    let report = accounting(&officer, &ada).await;
    assert_eq!(report["entries"][0]["source"], "AUDIT_LOG");
    assert_eq!(report["entries"][0]["recipient_name"], "Vera Example");
    assert_eq!(purposes(&report), ["Research"]);

    let breach = world.breach(&[ada.id]).await;
    let report = accounting(&officer, &ada).await;
    let entries = report["entries"].as_array().unwrap();
    let found: Vec<_> = entries
        .iter()
        .filter(|entry| entry["source"] == "INCIDENT")
        .collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["source_id"], json!(breach));
    assert_eq!(found[0]["description"], "The clerk saw your notes.");
    assert_eq!(
        found[0]["purpose"],
        "It was not permitted. A clerk read your chart."
    );
    assert_eq!(found[0]["recipient_name"], "The person is not known");
    // It waits while law enforcement delays the notices, and an excluded patient has none.
    for change in [
        "update incidents set delay_statement = 'ORAL', delay_stated_on = current_date, delay_official = 'Detective Sample',
           delayed_until = current_date + 9",
        "update incidents set delay_statement = null, delay_stated_on = null, delay_official = null, delayed_until = null;
         update incident_patients set is_excluded = true, reason = 'Another person'",
    ] {
        world.rewrite_history(change).await;
        assert_eq!(purposes(&accounting(&officer, &ada).await), ["Research"]);
    }
}
