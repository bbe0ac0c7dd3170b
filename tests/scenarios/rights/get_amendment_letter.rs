//! `GET /v1/amendments/{id}/letter`

use tests::audit::Expected;
use tests::prelude::*;

use super::{Chart, acceptance, amendment_path, denial};

fn row(caller: &Actor, id: Uuid, patient: Uuid) -> Expected {
    let row = audit("get-amendment-letter", "READ", "AMENDMENT").by(caller);
    row.resource(id).patient(patient)
}

async fn letter(caller: &Actor, id: Uuid) -> Answer {
    caller.get(&amendment_path(id, "/letter")).await
}

/// Asserts that the letter has these parts, and that it loads nothing.
fn has(answer: &Answer, parts: &[&str]) {
    let html = answer.body["html"].as_str().unwrap();
    let text = html.replace("&#x2f;", "/").replace("&#47;", "/");
    for part in parts {
        assert!(text.contains(part), "{part} in {text}");
    }
    for foreign in ["<script", "<link", "<img", "url(", " src="] {
        assert!(!html.contains(foreign), "{foreign}");
    }
}

#[tokio::test]
async fn the_letter_of_a_denial_has_what_the_law_requires_of_it() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let id = chart.denied().await;
    for caller in [&**vera, &**ada] {
        let answer = letter(caller, id).await.expect(200);
        has(
            &answer,
            &[
                "Dear Ada Example:",
                "your request to amend a note of",
                "We deny your request.",
                "It says that I smoke.",
                "I have never smoked.",
                // The basis, 164.526(d)(1)(i)
                "We found that this entry is accurate and complete.",
                "You told us so twice.",
                // The right to disagree and how, (ii)
                "You have the right to send us a written statement that you disagree",
                "Send it in the patient portal with your request, or write to us.",
                "1 Sample Street, Springfield, OH 45501",
                // The request and the denial travel, (iii)
                "you can ask us to send your request and this letter along",
                // The complaint with title and telephone number, and to the Secretary, (iv)
                "Ask for the privacy officer of Sample Clinic: 1-800-555-0100.",
                "Secretary of Health and Human Services",
            ],
        );
        let grade = answer.body["reading_grade"].as_f64().unwrap();
        assert!((1.0..9.0).contains(&grade), "{grade}");
        world.audited(&answer, row(caller, id, ada.id)).await;
    }
}

#[tokio::test]
async fn the_letters_of_an_acceptance_of_a_part_and_of_an_extension_say_so() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let id = chart.requested().await;
    let path = amendment_path(id, "/extend");
    let extension = json!({"reason": "The laboratory is closed."});
    vera.post(&path, extension).await.expect(200);
    let answer = letter(ada, id).await.expect(200);
    has(
        &answer,
        &[
            "We need more time to decide about it.",
            "The laboratory is closed.",
            "We will decide by ",
        ],
    );
    let path = amendment_path(id, "/accept");
    vera.post(&path, acceptance()).await.expect(200);
    let answer = letter(ada, id).await.expect(200);
    has(
        &answer,
        &[
            "We accept your request.",
            "The patient has never smoked.",
            "Please tell us who needs to know of this amendment",
        ],
    );
    assert!(!answer.text.contains("Secretary"));
    world.audited(&answer, row(ada, id, ada.id)).await;
    let part = chart.requested().await;
    let mut body = acceptance();
    body["denied_part"] = denial();
    let path = amendment_path(part, "/accept");
    vera.post(&path, body).await.expect(200);
    let answer = letter(ada, part).await.expect(200);
    has(
        &answer,
        &[
            "We accept a part of your request and deny the rest.",
            "The patient has never smoked.",
            "You told us so twice.",
            "Secretary of Health and Human Services",
        ],
    );
}

#[tokio::test]
async fn what_people_wrote_is_text_and_the_guardian_of_a_minor_is_addressed() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let minor = "update patients set date_of_birth = '2024-02' where id = $1";
    world.sql(minor, &[&ada.id]).await;
    let id = chart.requested().await;
    let path = amendment_path(id, "/deny");
    let body = json!({"ground": "NOT_CREATED_HERE", "basis": "<script>alert('x')</script>"});
    vera.post(&path, body).await.expect(200);
    let answer = letter(vera, id).await.expect(200);
    has(
        &answer,
        &[
            "To the parent or guardian of Ada Example",
            "We did not create this entry.",
        ],
    );
}

#[tokio::test]
async fn without_anything_to_say_or_for_somebody_else_there_is_no_letter() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let id = chart.requested().await;
    let failed = row(vera, id, ada.id).failed("conflict");
    world.refused(letter(vera, id), 409, failed).await;
    let told = json!({
        "patient_id": ada.id, "profile_field": "ALLERGIES", "told_by": "Sample Hospital", "addendum": "No nuts"
    });
    let told = vera.post("/v1/amendments/received", told).await.expect(201);
    letter(vera, told.id()).await.problem(409, "conflict");
    let id = chart.denied().await;
    let admin = world.admin().await;
    let denied = row(&admin, id, ada.id).denied("forbidden");
    world.refused(letter(&admin, id), 403, denied).await;
    let walt = world.provider("Walt").await;
    let expected = row(&walt, id, ada.id);
    world
        .out_of_reach(expected, async |id| letter(&walt, id).await)
        .await;
}
