//! The way of a snooping clerk from the access to the letters, as an officer goes it.

use tests::prelude::*;

use super::{INCIDENTS, age, alerts, breach, clinic_day, incident_path, read, review};

#[tokio::test]
async fn a_clerk_who_reads_a_chart_that_nothing_explains_leads_to_a_letter() {
    let world = World::new().await;
    world.set_clinic_contact().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let home = json!({
        "line": ["2 Sample Street"], "city": "Springfield", "state": "OH", "postal_code": "45501"
    });
    let move_to = "update user_profiles set address = $2 where id = $1";
    world.sql(move_to, &[&ada.user, &home]).await;
    let clerk = world.user("FRONT_DESK", "Fred").await;
    let rename = "update user_profiles set last_name = 'Stranger' where id = $1";
    world.sql(rename, &[&clerk.user]).await;
    age(&world).await;

    // The clerk reads, and the review raises an alert.
    let evidence = read(&world, &clerk, &ada).await;
    review(&world).await;
    let raised = alerts(&world, "unexplained-access").await;
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert_eq!(raised[0]["evidence"], json!([evidence]));

    // An officer opens an incident from it.
    let new = json!({
        "alert_id": raised[0]["id"],
        "summary": "A clerk opened a chart. The patient had no visit, and nobody had asked for it."
    });
    let opened = officer.post(INCIDENTS, new).await.expect(201);
    let (id, path) = (opened.id(), incident_path(opened.id()));
    assert_eq!(opened.body["affected_count"], 1);
    assert_eq!(opened.body["actor_id"], json!(clerk.user));

    // It is a breach, because nothing shows a low probability of compromise.
    let assessment = json!({
        "nature_level": "MEDIUM", "nature": "Name, date of birth, contact data and the summary of the chart.",
        "person_level": "HIGH", "person": "A clerk of the front desk without a task for this patient.",
        "acquisition_level": "HIGH", "acquisition": "The chart was opened and read.",
        "mitigation_level": "MEDIUM", "mitigation": "The clerk stated in writing that they told nobody.",
        "letter_happened": "A person who works at our front desk opened your chart on a computer. This person had no \
                            reason to do so for their work.",
        "letter_data": "This person could see your name and other data about you. They could not see your notes or your \
                        bank data.",
        "letter_steps": "You do not have to do anything right now.\nPlease call us if somebody seems to know things \
                         about your health that you did not tell them.",
        "letter_response": "We asked this person what they did. They may not use our computers until this is clear. We \
                            check each day who opens a chart, and we will train our staff again."
    });
    officer.patch(&path, 1, assessment).await.expect(200);
    officer.patch(&path, 2, breach()).await.expect(200);
    let notifying = json!({"status": "NOTIFYING"});
    officer.patch(&path, 3, notifying).await.expect(200);

    let letter = format!("{path}/patients/{}/letter", ada.id);
    let letter = officer.get(&letter).await.expect(200);
    let html = letter.body["html"].as_str().unwrap();
    assert!(html.contains("Dear Ada Example:"), "{html}");
    let grade = letter.body["reading_grade"].as_f64().unwrap();
    assert!(grade < 8.0, "{grade}");

    // The letter and the report are sent, and the incident is closed.
    let today = clinic_day(&world, 0).await;
    for (recipient, means, status) in [
        ("PATIENT", "FIRST_CLASS_MAIL", "NOTIFYING"),
        ("HHS", "WEB_PORTAL", "CLOSED"),
    ] {
        let notice = json!({"recipient": recipient, "means": means, "sent_on": today});
        let sent = officer.post(&format!("{path}/notices"), notice).await;
        assert_eq!(sent.expect(200).body["status"], status);
    }
    let breaches = format!("{INCIDENTS}?patient_id={}&decision=BREACH", ada.id);
    let breaches = officer.get(&breaches).await.expect(200);
    assert_eq!(breaches.ids(), [id]);

    // The officer's own work is explained.
    review(&world).await;
    assert_eq!(alerts(&world, "unexplained-access").await.len(), 1);
    world.every_event_fits().await;
    world.each_request_has_one_outcome().await;
}
