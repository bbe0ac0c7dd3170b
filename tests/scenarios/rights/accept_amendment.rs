//! `POST /v1/amendments/{id}/accept`

use tests::prelude::*;

use super::{Chart, acceptance, amendment_path, denial, request, stored};

#[tokio::test]
async fn an_acceptance_links_an_addendum_and_leaves_the_entry_as_it_is() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let id = chart.requested().await;
    let entries = "select r.*, (select count(*) from medical_record_versions) as versions from medical_records r";
    let before = world.rows(entries, &[]).await;
    // The author of the entry decides: the law asks for no second person.
    let path = amendment_path(id, "/accept");
    let answer = vera.post(&path, acceptance()).await.expect(200);
    for (field, value) in [
        ("status", json!("ACCEPTED")),
        ("addendum", json!("The patient has never smoked.")),
        ("denial_ground", Value::Null),
        ("decided_by", json!(vera.user)),
        ("statement", json!("It says that I smoke.")),
    ] {
        assert_eq!(answer.body[field], value, "{field}");
    }
    let row = chart.step("accept-amendment", vera, id);
    let row = row.detail("status", "ACCEPTED");
    world.audited(&answer, row).await;
    assert_eq!(world.rows(entries, &[]).await, before);
    let saved = stored(world, id).await;
    assert_eq!(saved["addendum"], "The patient has never smoked.");
    let read = ada.get(&amendment_path(id, "")).await.expect(200);
    assert_eq!(read.body["addendum"], "The patient has never smoked.");
}

#[tokio::test]
async fn a_part_can_be_accepted_and_the_rest_denied_on_a_ground() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let id = chart.requested().await;
    let mut body = acceptance();
    body["denied_part"] = denial();
    let path = amendment_path(id, "/accept");
    let answer = vera.post(&path, body).await.expect(200);
    assert_eq!(answer.body["status"], "PARTLY_ACCEPTED");
    assert_eq!(answer.body["denial_ground"], "ACCURATE_AND_COMPLETE");
    let row = chart.step("accept-amendment", vera, id);
    let row = row.detail("status", "PARTLY_ACCEPTED");
    world.audited(&answer, row).await;
    // The patient can disagree with the part that was denied.
    let path = amendment_path(id, "/disagree");
    let statement = json!({"statement": "I disagree."});
    ada.post(&path, statement).await.expect(200);
}

#[tokio::test]
async fn an_amendment_is_decided_once() {
    let chart = Chart::new().await;
    let (world, vera) = (&chart.world, &chart.vera);
    for (first, body) in [("/accept", acceptance()), ("/deny", denial())] {
        let id = chart.requested().await;
        vera.post(&amendment_path(id, first), body)
            .await
            .expect(200);
        let path = amendment_path(id, "/accept");
        let row = chart.step("accept-amendment", vera, id);
        let failed = row.detail("status", "ACCEPTED").failed("conflict");
        world
            .refused(vera.post(&path, acceptance()), 409, failed)
            .await;
    }
    // Of two decisions at the same time one counts.
    let id = chart.requested().await;
    let (accept, deny) = (amendment_path(id, "/accept"), amendment_path(id, "/deny"));
    let (accepted, denied) =
        tokio::join!(vera.post(&accept, acceptance()), vera.post(&deny, denial()));
    let mut statuses = [accepted.status, denied.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn the_requester_never_decides() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let id = chart.requested().await;
    for caller in [&**ada, &chart.nurse().await, &world.admin().await] {
        let row = chart.step("accept-amendment", caller, id);
        let denied = row.detail("status", "ACCEPTED").denied("forbidden");
        let path = amendment_path(id, "/accept");
        world
            .refused(caller.post(&path, acceptance()), 403, denied)
            .await;
    }
    // Nor does a provider who represents the patient.
    world.represent(vera.user, ada, None).await;
    for (step, function, body) in [
        ("/accept", "accept-amendment", acceptance()),
        ("/deny", "deny-amendment", denial()),
        ("/extend", "extend-amendment", json!({"reason": "Later"})),
    ] {
        let row = chart.step(function, vera, id);
        let row = match step {
            "/accept" => row.detail("status", "ACCEPTED"),
            "/deny" => row.detail("ground", "ACCURATE_AND_COMPLETE"),
            _ => row,
        };
        let path = amendment_path(id, step);
        let denied = row.denied("forbidden");
        world.refused(vera.post(&path, body), 403, denied).await;
    }
    let end = "update representatives set since = now() - interval '1 day', until = now()";
    world.sql(end, &[]).await;
    // Whoever recorded a request for the patient didn't ask for it.
    let recorded = vera
        .post("/v1/amendments", request(ada.id, chart.note))
        .await;
    let path = amendment_path(recorded.expect(201).id(), "/accept");
    vera.post(&path, acceptance()).await.expect(200);
}

#[tokio::test]
async fn an_acceptance_needs_its_addendum_and_a_patient_in_care() {
    let chart = Chart::new().await;
    let (world, vera) = (&chart.world, &chart.vera);
    let id = chart.requested().await;
    let path = amendment_path(id, "/accept");
    let with_part = |part: Value| json!({"addendum": "Never smoked", "denied_part": part});
    for (body, field) in [
        (json!({}), "addendum"),
        (json!({"addendum": "x".repeat(4001)}), "addendum"),
        (with_part(json!({"basis": "No"})), "denied_part.ground"),
        (
            with_part(json!({"ground": "OTHER", "basis": "No"})),
            "denied_part.ground",
        ),
        (
            with_part(json!({"ground": "NOT_CREATED_HERE"})),
            "denied_part.basis",
        ),
    ] {
        let failed = chart.step("accept-amendment", vera, id).so_far();
        world.invalid(vera.post(&path, body), field, failed).await;
    }
    let walt = world.provider("Walt").await;
    let row = chart.step("accept-amendment", &walt, id);
    let accept = async |id| {
        walt.post(&amendment_path(id, "/accept"), acceptance())
            .await
    };
    world
        .out_of_reach(row.detail("status", "ACCEPTED"), accept)
        .await;
    assert_eq!(stored(world, id).await["status"], "REQUESTED");
}
