//! `GET /v1/representatives`, and how a representative of several patients chooses one of them.

use audit::Relation;
use tests::audit::Expected;
use tests::prelude::*;

use super::{REPRESENTATIVES, acted_as, step};

fn row() -> Expected {
    audit("list-representatives", "SEARCH", "REPRESENTATIVE")
}

#[tokio::test]
async fn a_list_has_what_concerns_the_caller_and_its_filters_narrow_it() {
    let world = World::new().await;
    let (kim, ada) = (world.patient("Kim").await, world.patient("Ada").await);
    let (paul, otto) = (
        world.user("PATIENT", "Paul").await,
        world.user("PATIENT", "Otto").await,
    );
    let fred = world.user("FRONT_DESK", "Fred").await;
    let of_kim = world.represent(paul.user, &kim, None).await;
    let unconfirmed = world
        .enter_representative(otto.user, &kim, "GUARDIAN", None)
        .await;
    let by_ada = world.represent(ada.user, &kim, None).await;
    let of_ada = world.represent(otto.user, &ada, None).await;
    let reason = json!({"reason": "It was revoked"});
    fred.post(&step(of_ada, "end"), reason).await.expect(200);
    for (caller, query, expected) in [
        (&fred, "", &[of_ada, by_ada, unconfirmed, of_kim][..]),
        (&fred, "status=UNCONFIRMED", &[unconfirmed]),
        (&fred, "status=CURRENT", &[by_ada, of_kim]),
        (&fred, "status=ENDED", &[of_ada]),
        (&fred, "status=UPCOMING", &[]),
        (&*kim, "", &[by_ada, unconfirmed, of_kim]),
        (&*ada, "", &[of_ada, by_ada]),
        (&paul, "", &[of_kim]),
    ] {
        let path = format!("{REPRESENTATIVES}?limit=100&{query}");
        let listed = caller.get(path.trim_end_matches('&')).await.expect(200);
        assert_eq!(listed.ids(), expected, "{query} of {}", caller.email);
    }
    let path = format!(
        "{REPRESENTATIVES}?patient_id={}&user_id={}",
        kim.id, ada.user
    );
    let listed = fred.get(&path).await.expect(200);
    assert_eq!(listed.ids(), [by_ada]);
    let expected = row()
        .by(&fred)
        .patient(kim.id)
        .detail("filtered_user_id", ada.user.to_string());
    acted_as(&world, &listed, expected, Some(Relation::Office)).await;

    // Pages
    let first = fred.get(&format!("{REPRESENTATIVES}?limit=3")).await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let path = format!("{REPRESENTATIVES}?limit=3&cursor={cursor}");
    assert_eq!(fred.get(&path).await.ids(), [of_kim]);

    // The relation of the row is that to all of its patients.
    let listed = ada.get(REPRESENTATIVES).await.expect(200);
    let expected = row().by(&ada).patient(kim.id).patient(ada.id);
    acted_as(&world, &listed, expected, Some(Relation::Representation)).await;
    let listed = otto.get(REPRESENTATIVES).await.expect(200);
    let expected = row().by(&otto).patient(kim.id).patient(ada.id);
    acted_as(&world, &listed, expected, None).await;

    let vera = world.provider("Vera").await;
    let denied = row().by(&vera).denied("forbidden");
    world.refused(vera.get(REPRESENTATIVES), 403, denied).await;
    let path = format!("{REPRESENTATIVES}?status=OVER");
    let failed = row().by(&fred);
    world.invalid(fred.get(&path), "status", failed).await;
}

#[tokio::test]
async fn who_represents_several_patients_chooses_one_in_each_request() {
    let world = World::new().await;
    let (kim, lea) = (world.patient("Kim").await, world.patient("Lea").await);
    let ada = world.patient("Ada").await;
    let vera = world.provider("Vera").await;
    let mut notes = Vec::new();
    for patient in [&kim, &lea, &ada] {
        world.assign(patient, &vera).await;
        notes.push(world.note(patient, &vera, "Well.").await);
    }
    for patient in [&kim, &lea] {
        world.represent(ada.user, patient, None).await;
    }
    let row = || audit("list-records", "SEARCH", "MEDICAL_RECORD").by(&ada);

    // Without a choice a list spans all, and its row names all.
    let all = ada.get("/v1/medical-records").await.expect(200);
    let mut found = all.ids();
    found.sort_unstable();
    assert_eq!(found, notes);
    let expected = row().patient(kim.id).patient(lea.id).patient(ada.id);
    acted_as(&world, &all, expected, Some(Relation::Representation)).await;

    for (patient, note, relation) in [
        (&kim, notes[0], Relation::Representation),
        (&lea, notes[1], Relation::Representation),
        (&ada, notes[2], Relation::Oneself),
    ] {
        let path = format!("/v1/medical-records?patient_id={}", patient.id);
        let one = ada.get(&path).await.expect(200);
        assert_eq!(one.ids(), [note]);
        acted_as(&world, &one, row().patient(patient.id), Some(relation)).await;
    }
}
