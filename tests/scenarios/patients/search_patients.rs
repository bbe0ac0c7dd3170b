//! `POST /v1/patients/search`

use domain::time::Date;
use tests::audit::Expected;
use tests::prelude::*;
use tokio_postgres::types::ToSql;

use super::crowd;

const PATH: &str = "/v1/patients/search";

fn row() -> Expected {
    audit("search-patients", "SEARCH", "PATIENT")
}

/// Creates a patient with this name and birth date.
async fn named(world: &World, first_name: &'static str, last_name: &str, born: &str) -> Patient {
    let patient = world.patient(first_name).await;
    world
        .sql(
            "update user_profiles set last_name = $2 where id = $1",
            &[&patient.user, &last_name],
        )
        .await;
    world
        .sql(
            "update patients set date_of_birth = $2::text::date where id = $1",
            &[&patient.id, &born],
        )
        .await;
    patient
}

#[tokio::test]
async fn an_administrator_searches_by_name_birth_date_and_number() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = named(&world, "Ada", "Lovelace", "1985-02-28").await;
    let anna = named(&world, "Anna", "Lovelace", "1990-01-01").await;
    let ben = named(&world, "Ben", "Loveland", "1985-02-28").await;
    let number = format!("MRN-{}", ben.id);
    for (body, expected) in [
        (json!({"name": "lovel"}), vec![&ada, &anna, &ben]),
        (json!({"name": "LOVELACE , a"}), vec![&ada, &anna]),
        (json!({"name": "Lovelace,Ada"}), vec![&ada]),
        (json!({"name": "Ada"}), vec![]),
        (json!({"name": "%"}), vec![]),
        (json!({"date_of_birth": "1985-02-28"}), vec![&ada, &ben]),
        (
            json!({"date_of_birth": "1985-02-28", "name": "Lovelan"}),
            vec![&ben],
        ),
        (json!({"patient_number": number}), vec![&ben]),
        (json!({"patient_number": "MRN"}), vec![]),
    ] {
        let answer = admin.post(PATH, body.clone()).await.expect(200);
        let ids: Vec<_> = expected.iter().map(|patient| patient.id).collect();
        assert_eq!(answer.ids(), ids, "{body}");
        let found = expected
            .iter()
            .fold(row().by(&admin), |row, patient| row.patient(patient.id));
        world.audited(&answer, found).await;
    }
}

#[tokio::test]
async fn pages_are_ordered_by_name_and_a_cursor_contains_no_name() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut all = Vec::new();
    for (first_name, last_name) in [("Cleo", "Zz"), ("Ben", "Zy"), ("Ada", "Zy"), ("Dan", "Zx")] {
        all.push(named(&world, first_name, last_name, "1990-01-01").await.id);
    }
    all.reverse();
    let mut body = json!({"name": "Z", "limit": 2});
    let first = admin.post(PATH, body.clone()).await.expect(200);
    assert_eq!(first.ids(), all[..2]);
    body["cursor"] = first.body["next_cursor"].clone();
    let last = admin.post(PATH, body.clone()).await.expect(200);
    assert_eq!(last.ids(), all[2..]);
    assert_eq!(last.body["next_cursor"], Value::Null);
    body["cursor"] = json!("x");
    admin.post(PATH, body).await.invalid("cursor");
}

#[tokio::test]
async fn a_page_follows_the_last_one_even_if_its_last_patient_was_renamed_or_left() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let mut all = Vec::new();
    for first_name in ["Ada", "Ben", "Cleo", "Dan", "Emma", "Finn"] {
        let patient = named(&world, first_name, "Zz", "1990-01-01").await;
        world.assign(&patient, &vera).await;
        all.push(patient);
    }
    let ids: Vec<Uuid> = all.iter().map(|patient| patient.id).collect();
    let mut pages = [&admin, &*vera].map(|caller| (caller, json!({"name": "Z", "limit": 2})));
    for (caller, body) in &mut pages {
        let first = caller.post(PATH, body.clone()).await.expect(200);
        assert_eq!(first.ids(), ids[..2]);
        body["cursor"] = first.body["next_cursor"].clone();
    }
    // The last patient of both pages is renamed to the end, and leaves Vera's care.
    let renamed = "update user_profiles set last_name = 'Zzz' where id = $1";
    world.sql(renamed, &[&all[1].user]).await;
    let unassigned = "update patients set assigned_providers = '{}' where id = $1";
    world.sql(unassigned, &[&all[1].id]).await;
    for (caller, body) in &mut pages {
        let second = caller.post(PATH, body.clone()).await.expect(200);
        assert_eq!(second.ids(), ids[2..4]);
        // The cursor continues this search and no other.
        body["name"] = json!("Zz");
        caller.post(PATH, body.clone()).await.invalid("cursor");
    }
}

#[tokio::test]
async fn each_caller_finds_patients_within_reach_and_no_archived_one() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    world.assign(&ben, &vera).await;
    let body = json!({"name": "Example"});
    for (caller, expected) in [(&*ada, &ada), (&*vera, &ben)] {
        let answer = caller.post(PATH, body.clone()).await.expect(200);
        assert_eq!(answer.ids(), [expected.id]);
        let found = row().by(caller).patient(expected.id);
        world.audited(&answer, found).await;
    }
    admin
        .delete(&format!("/v1/patients/{}", ben.id), 2)
        .await
        .expect(200);
    for (caller, expected) in [(&*vera, vec![]), (&admin, vec![ada.id])] {
        let answer = caller.post(PATH, body.clone()).await.expect(200);
        assert_eq!(answer.ids(), expected);
    }
    let officer = world.officer().await;
    let denied = row().by(&officer).denied("forbidden");
    world.refused(officer.post(PATH, body), 403, denied).await;
}

#[tokio::test]
async fn a_patient_in_care_on_two_bases_is_found_once_and_by_their_current_name() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let mut expected = Vec::new();
    for first_name in ["Ada", "Ben", "Cyd"] {
        let patient = world.patient(first_name).await;
        world.assign(&patient, &vera).await;
        world
            .visit(&patient, &vera, &days_ago(30), "COMPLETED")
            .await;
        expected.push(patient.id);
        if first_name == "Cyd" {
            let path = format!("/v1/users/{}", patient.user);
            let changed = admin.patch(&path, 1, json!({"last_name": "Zyzzyva"})).await;
            changed.expect(200);
        }
    }
    let renamed = expected.pop().unwrap();
    for (name, expected) in [("Example", expected), ("Zyzzyva", vec![renamed])] {
        let mut found = Vec::new();
        let mut body = json!({"name": name, "limit": 1});
        loop {
            let answer = vera.post(PATH, body.clone()).await.expect(200);
            found.extend(answer.ids());
            if answer.body["next_cursor"].is_null() {
                break;
            }
            body["cursor"] = answer.body["next_cursor"].clone();
        }
        assert_eq!(found, expected, "{name}");
    }
}

#[tokio::test]
async fn care_that_begins_while_the_patient_is_renamed_has_the_new_name() {
    let world = World::new().await;
    let (ada, nora) = (
        world.patient("Ada").await,
        world.user("NURSE", "Nora").await,
    );
    let (renaming, watching) = (world.connect().await, world.connect().await);
    let rename = format!(
        "begin; update user_profiles set last_name = 'Zyzzyva' where id = '{}'",
        ada.user
    );
    renaming.batch_execute(&rename).await.unwrap();
    let waits = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    tokio::join!(world.grant(&ada, nora.user, "COVER", "9 days"), async {
        eventually("the grant waits for the new name", async || {
            !watching.query(waits, &[]).await.unwrap().is_empty()
        })
        .await;
        renaming.batch_execute("commit").await.unwrap();
    });
    let answer = nora.post(PATH, json!({"name": "Zyzzyva"})).await;
    assert_eq!(answer.expect(200).ids(), [ada.id]);
}

#[tokio::test]
async fn a_search_keeps_nothing_under_a_key_because_it_can_be_repeated() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    let send = async || {
        let request = admin
            .request(http::Method::POST, PATH)
            .header("content-type", "application/json")
            .header("idempotency-key", "search-1")
            .body(json!({"name": "Example"}).to_string().into());
        admin.send_request(request.unwrap()).await.expect(200)
    };
    send().await;
    let again = send().await;
    assert_eq!(again.header("idempotency-replayed"), "");
    world
        .audited(&again, row().by(&admin).patient(ada.id))
        .await;
    let kept = world.rows("select key from idempotency_keys", &[]).await;
    assert!(kept.is_empty());
}

#[tokio::test]
async fn criteria_are_required_and_must_be_valid() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (body, field) in [
        (json!({}), ""),
        (json!({"limit": 5}), ""),
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(202)}), "name"),
        (json!({"date_of_birth": "28.2.1985"}), "date_of_birth"),
        (json!({"username": "ada@example.org"}), "username"),
        (json!({"name": "x", "limit": 101}), "limit"),
    ] {
        let expected = row().by(&admin);
        world.invalid(admin.post(PATH, body), field, expected).await;
    }
}

#[tokio::test]
async fn no_search_reads_a_whole_table() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let ben = world.patient("Ben").await;
    world.assign(&ben, &vera).await;
    crowd::gather(&world).await;
    for caller in [&admin, &*vera] {
        for (name, born, number, after) in [
            (Some("a"), None, None, None),
            (Some("ab"), None, None, Some("abel,ben")),
            (None, Some("1980-03-01"), None, None),
            (None, None, Some("77@example.org"), None),
        ] {
            let born: Option<Date> = born.map(|born: &str| born.parse().unwrap());
            let after_id = after.map(|_| ben.user);
            let parameters: [&(dyn ToSql + Sync); 6] =
                [&name, &born, &number, &after, &after_id, &51_i64];
            let plan = crowd::plan(&world, caller, search_patients::SEARCH, &parameters).await;
            assert!(!plan.contains("Seq Scan"), "{plan}");
            assert!(plan.contains("Index"), "{plan}");
        }
    }
}
