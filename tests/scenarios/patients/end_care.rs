//! `DELETE /v1/patients/{id}/care/{user_id}`

use http::Method;
use tests::audit::Expected;
use tests::prelude::*;

fn row(caller: &Actor, patient: Uuid, user: Uuid) -> Expected {
    let row = audit("end-care", "UPDATE", "PATIENT").by(caller);
    let row = row.resource(patient).patient(patient);
    row.detail("user_id", user.to_string())
}

async fn end(caller: &Actor, patient: Uuid, user: Uuid) -> Answer {
    let path = format!("/v1/patients/{patient}/care/{user}");
    caller.send(Method::DELETE, &path, None).await
}

#[tokio::test]
async fn a_cover_ends_at_once_and_other_bases_stay() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (desk, nora) = (
        world.user("FRONT_DESK", "Fred").await,
        world.user("NURSE", "Nora").await,
    );
    world.assign(&ada, &vera).await;
    for member in [vera.user, nora.user] {
        world.grant(&ada, member, "COVER", "9 days").await;
    }
    let chart = format!("/v1/patients/{}", ada.id);
    nora.get(&chart).await.expect(200);
    for (caller, user) in [(&*vera, nora.user), (&desk, vera.user)] {
        let answer = end(caller, ada.id, user).await.expect(200);
        assert_eq!(answer.body, json!({"patient_id": ada.id, "user_id": user}));
        world.audited(&answer, row(caller, ada.id, user)).await;
    }
    nora.get(&chart).await.problem(404, "not-found");
    // The assignment is a basis of its own.
    vera.get(&chart).await.expect(200);

    let before = world.stored().await;
    let answer = end(&desk, ada.id, nora.user).await.expect(200);
    world.audited(&answer, row(&desk, ada.id, nora.user)).await;
    assert_eq!(world.stored().await, before, "a repetition changes nothing");
}

#[tokio::test]
async fn a_provider_ends_their_own_cover() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.grant(&ada, vera.user, "COVER", "9 days").await;
    let answer = end(&vera, ada.id, vera.user).await.expect(200);
    world.audited(&answer, row(&vera, ada.id, vera.user)).await;
    let chart = format!("/v1/patients/{}", ada.id);
    vera.get(&chart).await.problem(404, "not-found");
}

#[tokio::test]
async fn others_end_nothing() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let nora = world.user("NURSE", "Nora").await;
    world.grant(&ada, nora.user, "COVER", "9 days").await;
    for caller in [&*ada, &nora] {
        let denied = row(caller, ada.id, nora.user).denied("forbidden");
        world
            .refused(end(caller, ada.id, nora.user), 403, denied)
            .await;
    }
    world
        .out_of_reach(row(&vera, ada.id, nora.user), async |id| {
            end(&vera, id, nora.user).await
        })
        .await;
    let malformed = format!("/v1/patients/{}/care/nora", ada.id);
    let answer = vera.send(Method::DELETE, &malformed, None).await;
    answer.problem(404, "not-found");
}
