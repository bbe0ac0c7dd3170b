//! `GET /v1/incidents/{id}/patients/{patient_id}/letter`

use tests::audit::Expected;
use tests::prelude::*;

use super::{clinic_day, incident_path};

fn row(id: Uuid, patient: Uuid) -> Expected {
    let row = audit("get-incident-letter", "READ", "INCIDENT");
    row.resource(id).patient(patient)
}

async fn letter(caller: &Actor, id: Uuid, patient: Uuid) -> Answer {
    let path = format!("{}/patients/{patient}/letter", incident_path(id));
    caller.get(&path).await
}

/// The text of the letter.
fn html(answer: &Answer) -> &str {
    answer.body["html"].as_str().unwrap()
}

async fn move_to(world: &World, patient: &Patient) {
    let home = json!({
        "line": ["2 Sample Street", "Apartment 3"], "city": "Springfield", "state": "OH", "postal_code": "45501"
    });
    let home_of = "update user_profiles set address = $2 where id = $1";
    world.sql(home_of, &[&patient.user, &home]).await;
}

#[tokio::test]
async fn a_letter_has_what_the_law_requires_of_it() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    move_to(&world, &ada).await;
    let id = world.incident(&[ada.id]).await;
    for (resource_type, at) in [("PATIENT", "2026-01-07"), ("APPOINTMENT", "2026-01-09")] {
        let access = "insert into incident_accesses
                      values ($1, $2, gen_random_uuid(), gen_random_uuid(), $3::text::audit_resource, $4::text::timestamptz)";
        world
            .sql(
                access,
                &[&id, &ada.id, &resource_type, &format!("{at}T09:00Z")],
            )
            .await;
    }
    let discovered = "update incidents set discovered_on = '2026-01-31' where id = $1";
    world.sql(discovered, &[&id]).await;
    let answer = letter(&officer, id, ada.id).await.expect(200);
    for part in [
        "Ada Example",
        "2 Sample Street<br>Apartment 3<br>Springfield, OH 45501",
        "Dear Ada Example:",
        // What happened and when, and when it was discovered.
        "A clerk read your chart.",
        "This happened between January 7, 2026 and January 9, 2026. We found out on January 31, 2026.",
        // Which types of data
        "The clerk saw your notes.",
        "<li>Your visits</li>",
        "<li>Your name, your date of birth, your contact data and the summary of your chart</li>",
        // What patients can do, and what the clinic does
        "You need to do nothing now.",
        "The clerk can see no chart any more.",
        // Whom to ask
        "1-800-555-0100",
        "privacy@clinic.example",
        "https:&#x2f;&#x2f;clinic.example&#x2f;privacy",
        "1 Sample Street, Springfield, OH 45501",
    ] {
        let part = part.replace("&#x2f;", "/");
        let text = html(&answer).replace("&#x2f;", "/").replace("&#47;", "/");
        assert!(text.contains(&part), "{part} in {text}");
    }
    // It loads nothing.
    for foreign in ["<script", "<link", "<img", "url(", " src="] {
        assert!(!html(&answer).contains(foreign), "{foreign}");
    }
    let grade = answer.body["reading_grade"].as_f64().unwrap();
    assert!((1.0..8.0).contains(&grade), "{grade}");
    world.audited(&answer, row(id, ada.id).by(&officer)).await;

    // Words that few read at once make the grade higher.
    let hard = "update incidents set letter_happened = $2 where id = $1";
    let text = "Notwithstanding organisational countermeasures, unauthorised individuals demonstrably accessed \
                confidential documentation, necessitating comprehensive notification of potentially affected individuals.";
    world.sql(hard, &[&id, &text]).await;
    let harder = letter(&officer, id, ada.id).await.expect(200);
    let harder = harder.body["reading_grade"].as_f64().unwrap();
    assert!(harder > grade + 2.0, "{grade} and {harder}");
}

#[tokio::test]
async fn what_officers_and_patients_wrote_is_text_and_never_markup() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let id = world.incident(&[ada.id]).await;
    let markup = "<script>alert('x')</script>\n\n\"A\" & B";
    let texts = "update incidents set letter_happened = $2, letter_data = $2, letter_steps = $2, letter_response = $2
                 where id = $1";
    world.sql(texts, &[&id, &markup]).await;
    let name = "update user_profiles set last_name = '<b>Example', address = '{\"city\": \"<i>\"}' where id = $1";
    world.sql(name, &[&ada.user]).await;
    let name = "update settings set clinic_name = '<u>Clinic'";
    world.sql(name, &[]).await;
    let answer = letter(&officer, id, ada.id).await.expect(200);
    for markup in ["<script", "<b>", "<i>", "<u>", "\"A\"", "& B"] {
        assert!(!html(&answer).contains(markup), "{markup}");
    }
    assert_eq!(html(&answer).matches("alert(").count(), 4);
}

#[tokio::test]
async fn the_family_of_the_dead_and_the_guardian_of_a_minor_get_the_letter_and_unknown_days_are_said()
 {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let officer = world.officer().await;
    let id = world.incident(&[ada.id, ben.id]).await;
    for (patient, change) in [
        (&ada, "deceased = '{\"at\": \"2026-01-07\"}'"),
        (&ben, "date_of_birth = '2024-02'"),
    ] {
        let change = format!("update patients set {change} where id = $1");
        world.sql(&change, &[&patient.id]).await;
    }
    let today = clinic_day(&world, 0).await;
    let year = &today[..4];
    for (patient, addressee) in [
        (
            &ada,
            "To the family or personal representative of Ada Example",
        ),
        (&ben, "To the parent or guardian of Ben Example"),
    ] {
        let answer = letter(&officer, id, patient.id).await.expect(200);
        let html = html(&answer);
        assert!(html.contains(addressee), "{html}");
        assert!(
            html.contains("We do not know on which day this happened."),
            "{html}"
        );
        assert!(html.contains(year), "{html}");
    }
}

#[tokio::test]
async fn without_its_texts_or_for_somebody_else_there_is_no_letter() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    let id = world.incident(&[ada.id]).await;
    let denied = row(id, ada.id).by(&admin).denied("forbidden");
    world.refused(letter(&admin, id, ada.id), 403, denied).await;
    let failed = row(id, ben.id).by(&officer).denied("not-found");
    world
        .refused(letter(&officer, id, ben.id), 404, failed)
        .await;
    let exclude =
        "update incident_patients set is_excluded = $2, reason = 'A visit' where incident_id = $1";
    world.sql(exclude, &[&id, &true]).await;
    letter(&officer, id, ada.id).await.problem(404, "not-found");
    world.sql(exclude, &[&id, &false]).await;
    let unwritten = "update incidents set letter_steps = null where id = $1";
    world.sql(unwritten, &[&id]).await;
    let failed = row(id, ada.id).by(&officer).failed("conflict");
    world
        .refused(letter(&officer, id, ada.id), 409, failed)
        .await;
}
