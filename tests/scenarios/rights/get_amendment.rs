//! `GET /v1/amendments/{id}`

use audit::Relation;
use tests::audit::Expected;
use tests::prelude::*;

use super::{Chart, amendment_path};

fn row(caller: &Actor, id: Uuid, patient: Uuid) -> Expected {
    let row = audit("get-amendment", "READ", "AMENDMENT").by(caller);
    row.resource(id).patient(patient)
}

#[tokio::test]
async fn everybody_who_reads_the_entry_reads_its_amendments() {
    let chart = Chart::new().await;
    let (world, ada) = (&chart.world, &chart.ada);
    let (paul, nora) = (world.user("PATIENT", "Paul").await, chart.nurse().await);
    world.represent(paul.user, ada, None).await;
    let eve = world.provider("Eve").await;
    world.emergency(ada.id, eve.user, "0 hours").await;
    let id = chart.denied().await;
    for (caller, relation) in [
        (&**ada, Relation::Oneself),
        (&paul, Relation::Representation),
        (&*chart.vera, Relation::Care),
        (&nora, Relation::Care),
        (&*eve, Relation::Emergency),
    ] {
        let answer = caller.get(&amendment_path(id, "")).await.expect(200);
        assert_eq!(answer.body["statement"], "It says that I smoke.");
        assert_eq!(answer.body["denial_basis"], "You told us so twice.");
        // It changes with the clock, so it has no version.
        assert_eq!(answer.header("etag"), "");
        let entry = world.audited(&answer, row(caller, id, ada.id)).await.entry;
        assert_eq!(entry.relation, Some(relation));
    }
    // Emergency access only reads.
    let path = amendment_path(id, "/rebut");
    let rebuttal = json!({"rebuttal": "No"});
    eve.post(&path, rebuttal).await.problem(404, "not-found");
}

#[tokio::test]
async fn an_amendment_is_out_of_reach_with_its_entry() {
    let chart = Chart::new().await;
    let (world, ada) = (&chart.world, &chart.ada);
    let (ben, walt) = (world.patient("Ben").await, world.provider("Walt").await);
    let id = chart.requested().await;
    for caller in [&*ben, &*walt] {
        let expected = row(caller, id, ada.id);
        let get = async |id| caller.get(&amendment_path(id, "")).await;
        world.out_of_reach(expected, get).await;
    }
    for caller in [&world.admin().await, &world.officer().await] {
        let denied = row(caller, id, ada.id).denied("forbidden");
        world
            .refused(caller.get(&amendment_path(id, "")), 403, denied)
            .await;
    }
    // A hold withholds the entry and all that is said of it.
    world.hold(chart.note, &chart.vera, "1 day").await;
    let expected = row(ada, id, ada.id);
    let get = async |id| ada.get(&amendment_path(id, "")).await;
    world.out_of_reach(expected, get).await;
    chart.vera.get(&amendment_path(id, "")).await.expect(200);
    ada.get("/v1/amendments/7").await.problem(404, "not-found");
}
