//! `POST /v1/amendments/{id}/recipients`

use tests::prelude::*;

use super::{Chart, acceptance, amendment_path};

fn recipient(source: &str) -> Value {
    json!({"source": source, "name": "Dr. Sam Sample", "contact": "3 Sample Street"})
}

#[tokio::test]
async fn the_patient_names_recipients_and_the_clinic_adds_those_it_knows() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let id = chart.requested().await;
    let path = amendment_path(id, "/recipients");
    let named = ada.post(&path, recipient("NAMED")).await.expect(200);
    let row = chart.step("add-amendment-recipient", ada, id);
    world.audited(&named, row.detail("source", "NAMED")).await;
    let step = amendment_path(id, "/accept");
    vera.post(&step, acceptance()).await.expect(200);
    let known = vera.post(&path, recipient("KNOWN")).await.expect(200);
    let row = chart.step("add-amendment-recipient", vera, id);
    world.audited(&known, row.detail("source", "KNOWN")).await;
    let recipients = known.body["recipients"].as_array().unwrap();
    let said: Vec<_> = recipients
        .iter()
        .map(|one| {
            json!([
                one["source"],
                one["name"],
                one["contact"],
                one["added_by"],
                one["informed_on"]
            ])
        })
        .collect();
    assert_eq!(
        said,
        [
            json!(["NAMED", "Dr. Sam Sample", "3 Sample Street", ada.user, null]),
            json!([
                "KNOWN",
                "Dr. Sam Sample",
                "3 Sample Street",
                vera.user,
                null
            ]),
        ]
    );
    let stored =
        "select count(*) from amendment_recipients where amendment_id = $1 and patient_id = $2";
    let count: i64 = world.sql(stored, &[&id, &ada.id]).await[0].get(0);
    assert_eq!(count, 2);
}

#[tokio::test]
async fn nobody_is_informed_of_a_denied_amendment_and_a_patient_only_names() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let denied = chart.denied().await;
    let row = chart.step("add-amendment-recipient", ada, denied);
    let failed = row.detail("source", "NAMED").failed("conflict");
    let path = amendment_path(denied, "/recipients");
    world
        .refused(ada.post(&path, recipient("NAMED")), 409, failed)
        .await;
    let id = chart.requested().await;
    let path = amendment_path(id, "/recipients");
    let row = chart.step("add-amendment-recipient", ada, id);
    let failed = row.detail("source", "KNOWN");
    world
        .invalid(ada.post(&path, recipient("KNOWN")), "source", failed)
        .await;
    for (body, field) in [
        (json!({"source": "NAMED"}), "name"),
        (json!({"source": "HEARD", "name": "Sam"}), "source"),
        (json!({"source": "NAMED", "name": "a\nb"}), "name"),
    ] {
        let failed = chart.step("add-amendment-recipient", vera, id).so_far();
        world.invalid(vera.post(&path, body), field, failed).await;
    }
    let admin = world.admin().await;
    let row = chart.step("add-amendment-recipient", &admin, id);
    let refused = row.detail("source", "NAMED").denied("forbidden");
    world
        .refused(admin.post(&path, recipient("NAMED")), 403, refused)
        .await;
    let ben = world.patient("Ben").await;
    let row = chart.step("add-amendment-recipient", &ben, id);
    let add = async |id| {
        let path = amendment_path(id, "/recipients");
        ben.post(&path, recipient("NAMED")).await
    };
    world.out_of_reach(row.detail("source", "NAMED"), add).await;
    // The list has an end.
    let many = "insert into amendment_recipients (amendment_id, source, name)
                select $1, 'NAMED', 'Dr. ' || n from generate_series(1, 50) as n";
    world.sql(many, &[&id]).await;
    let row = chart.step("add-amendment-recipient", ada, id);
    let failed = row.detail("source", "NAMED").failed("conflict");
    world
        .refused(ada.post(&path, recipient("NAMED")), 409, failed)
        .await;
}
