//! Statements that the database keeps under names, so that it parses and plans them once.

use std::collections::BTreeMap;

use tests::pooler;
use tests::prelude::*;
use tests::world::named_statements;

async fn naming() -> World {
    World::with(Setup {
        link: true,
        environment: BTreeMap::from([("NAMED_STATEMENTS".to_owned(), "true".to_owned())]),
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn a_statement_gets_its_name_behind_the_commit_and_costs_no_round_trip() {
    // Debian's PgBouncer loses names, so there are none to count.
    if pooler::is_wanted() && !named_statements() {
        return;
    }
    let world = naming().await;
    let ada = world.patient("Ada").await;
    let chart = format!("/v1/patients/{}", ada.id);
    // The first request sends its statements without names, and names them behind its COMMIT.
    ada.get(&chart).await.expect(200);
    let named = world.link().named_statements();
    assert_eq!(named.len(), 3, "{named:?}");
    let trips = world.link().round_trips();
    assert_eq!(trips.len(), 2, "{trips:#?}");
    let last = trips[1]
        .statements
        .iter()
        .position(|statement| statement.starts_with("commit"));
    assert_eq!(last, Some(1), "{trips:#?}");

    // The second knows the caller, so it reads and records in one statement, which is named in turn.
    ada.get(&chart).await.expect(200);
    assert_eq!(world.link().named_statements().len(), 4);

    // The next ones use the names. Nothing is parsed again.
    for _ in 0..8 {
        world.link().clear();
        ada.get(&chart).await.expect(200);
        let trips = world.link().round_trips();
        let sent: Vec<_> = trips.iter().map(|trip| &trip.statements[..]).collect();
        assert_eq!(sent, [[""; 0]]);
    }
    // A list depends on the values of its parameters, so it gets no name.
    ada.get("/v1/patients").await.expect(200);
    let named = world.link().named_statements();
    world.link().clear();
    ada.get("/v1/patients").await.expect(200);
    let trips = world.link().round_trips();
    assert_eq!(trips.len(), 2, "{named:?} {trips:#?}");
    assert!(trips[0].statements.len() == 2, "{trips:#?}");
    assert_eq!(world.verify_chains().await, 12);
}

#[tokio::test]
async fn requests_succeed_whatever_a_pooler_does_with_names() {
    let world = naming().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    for caller in [&*ada, &*vera] {
        for _ in 0..6 {
            let chart = format!("/v1/patients/{}", ada.id);
            caller.get(&chart).await.expect(200);
        }
    }
    assert_eq!(world.verify_chains().await, 12);
}

#[tokio::test]
async fn a_lost_name_is_noticed_and_the_request_succeeds_without_names() {
    let world = naming().await;
    let ada = world.patient("Ada").await;
    let profile = format!("/v1/users/{}", ada.user);
    for _ in 0..3 {
        ada.get(&profile).await.expect(200);
    }
    // Given a column of another type, which the kept statement can't return
    let other_type = "alter table user_profiles alter column phone type varchar(50)";
    world.sql(other_type, &[]).await;

    // When the statement is used again, the transaction runs again without names
    let answer = ada.get(&profile).await.expect(200);
    let read = audit("get-user", "READ", "USER").by(&ada);
    let read = read.resource(ada.user).patient(ada.id);
    world.audited(&answer, read).await;
    world
        .cloud
        .logs("get-user")
        .wait_for("lost a statement's name", PATIENCE)
        .await
        .expect("the function says so");
    world.link().clear();
    ada.get(&profile).await.expect(200);
    assert_eq!(world.link().round_trips()[0].statements.len(), 1);
    assert_eq!(world.verify_chains().await, 5);
}
