//! `GET /v1/representatives/{id}`

use audit::Relation;
use tests::audit::Expected;
use tests::prelude::*;

use super::{REPRESENTATIVES, acted_as, step};

fn row() -> Expected {
    audit("get-representative", "READ", "REPRESENTATIVE")
}

#[tokio::test]
async fn staff_the_patient_and_the_representative_read_it_and_only_staff_the_evidence() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let paul = world.user("PATIENT", "Paul").await;
    let fred = world.user("FRONT_DESK", "Fred").await;
    let id = world.represent(paul.user, &kim, None).await;
    for (caller, relation, evidence) in [
        (&fred, Relation::Office, json!("A court order was seen")),
        (&*kim, Relation::Oneself, Value::Null),
        (&paul, Relation::Representation, Value::Null),
    ] {
        let found = caller.get(&format!("{REPRESENTATIVES}/{id}")).await;
        let found = found.expect(200);
        assert_eq!(found.body["evidence"], evidence);
        assert_eq!(found.body["last_name"], "Example");
        let expected = row().by(caller).resource(id).patient(kim.id);
        acted_as(&world, &found, expected, Some(relation)).await;
    }
}

#[tokio::test]
async fn what_is_not_in_force_is_read_in_no_relation_and_its_end_is_explained_to_staff_alone() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let (paul, fred) = (
        world.user("PATIENT", "Paul").await,
        world.user("FRONT_DESK", "Fred").await,
    );
    let id = world
        .enter_representative(paul.user, &kim, "GUARDIAN", None)
        .await;
    let path = format!("{REPRESENTATIVES}/{id}");
    for status in ["UNCONFIRMED", "ENDED"] {
        let found = paul.get(&path).await.expect(200);
        assert_eq!(found.body["status"], status);
        assert_eq!(found.body["end_reason"], Value::Null);
        let expected = row().by(&paul).resource(id).patient(kim.id);
        acted_as(&world, &found, expected, None).await;
        let reason = json!({"reason": "Violence was reported"});
        let _ = fred.post(&step(id, "end"), reason).await;
    }
    let found = fred.get(&path).await.expect(200);
    assert_eq!(found.body["end_reason"], "Violence was reported");
    assert_eq!(kim.get(&path).await.body["end_reason"], Value::Null);
}

#[tokio::test]
async fn others_do_not_find_it() {
    let world = World::new().await;
    let (kim, ada) = (world.patient("Kim").await, world.patient("Ada").await);
    let paul = world.user("PATIENT", "Paul").await;
    let id = world.represent(paul.user, &kim, None).await;
    let hidden = row().by(&ada).resource(id).patient(kim.id);
    let request = async |id| ada.get(&format!("{REPRESENTATIVES}/{id}")).await;
    world.out_of_reach(hidden, request).await;
    let vera = world.provider("Vera").await;
    let denied = row().by(&vera).resource(id).patient(kim.id);
    let path = format!("{REPRESENTATIVES}/{id}");
    world
        .refused(vera.get(&path), 403, denied.denied("forbidden"))
        .await;
}

#[tokio::test]
async fn an_access_is_explained_by_a_representation_only_while_it_was_in_force() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let paul = world.user("PATIENT", "Paul").await;
    let id = world
        .enter_representative(paul.user, &kim, "GUARDIAN", None)
        .await;
    let explained = async |resource: &str, ago: &str| {
        let explain =
            "select explain_access($1, $2, clock_timestamp() - $4::text::interval, null, 'READ',
             $3::text::audit_resource, interval '30 days')::text as explanation";
        let user = paul.user;
        let row = world.row(explain, &[&user, &kim.id, &resource, &ago]).await;
        row["explanation"].clone()
    };
    let change = async |set: &str| {
        let change = format!("update representatives set {set} where id = $1");
        world.sql(&change, &[&id]).await;
    };
    let by_it = json!("REPRESENTATIVE");
    // Unconfirmed, it explains nothing but that its two persons read it.
    assert_eq!(explained("MEDICAL_RECORD", "0").await, Value::Null);
    assert_eq!(explained("REPRESENTATIVE", "0").await, by_it);
    change("since = now() - interval '3 days', confirmed_at = now() - interval '2 days'").await;
    assert_eq!(explained("MEDICAL_RECORD", "0").await, by_it);
    assert_eq!(explained("MEDICAL_RECORD", "1 day").await, by_it);
    assert_eq!(explained("MEDICAL_RECORD", "60 hours").await, Value::Null);
    change("ended_at = now() - interval '1 hour', end_reason = 'x'").await;
    assert_eq!(explained("MEDICAL_RECORD", "0").await, Value::Null);
    assert_eq!(explained("MEDICAL_RECORD", "1 day").await, by_it);
    assert_eq!(explained("REPRESENTATIVE", "0").await, by_it);
}
