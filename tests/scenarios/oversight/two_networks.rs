//! The rule `two-networks`: one account that is used from two networks in turn.

use tests::prelude::*;

use super::{alerts, read, review};

/// Lets the person read their chart from these addresses in turn. Returns the ids of the audit rows.
async fn read_from(world: &World, patient: &Patient, addresses: &[&str]) -> Vec<Uuid> {
    let mut rows = Vec::new();
    for address in addresses {
        let row = read(world, patient, patient).await;
        let from = format!("update audit_logs set source_ip = '{address}' where id = '{row}'");
        world.rewrite_history(&from).await;
        rows.push(row);
    }
    rows
}

#[tokio::test]
async fn requests_that_alternate_between_two_networks_are_found_also_over_several_runs() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let mut rows = read_from(&world, &ada, &["192.0.2.7", "203.0.113.7", "192.0.2.9"]).await;
    review(&world).await;
    assert!(alerts(&world, "two-networks").await.is_empty());
    rows.extend(read_from(&world, &ada, &["203.0.113.9", "192.0.2.7"]).await);
    review(&world).await;
    let raised = alerts(&world, "two-networks").await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["actor_id"], json!(ada.user));
    assert_eq!(raised[0]["patient_id"], Value::Null);
    // Each row whose network differs from that of the row before, the newest first.
    rows.remove(0);
    rows.reverse();
    assert_eq!(raised[0]["evidence"], json!(rows));
}

#[tokio::test]
async fn who_changes_the_network_once_moves_within_it_or_uses_both_ip_versions_raises_nothing() {
    let world = World::new().await;
    let (ada, ben, cleo, dan) = (
        world.patient("Ada").await,
        world.patient("Ben").await,
        world.patient("Cleo").await,
        world.patient("Dan").await,
    );
    // A phone leaves the house.
    let leaves = [
        "192.0.2.7",
        "192.0.2.7",
        "192.0.2.7",
        "203.0.113.7",
        "203.0.113.7",
        "203.0.113.7",
    ];
    read_from(&world, &ada, &leaves).await;
    let within = [
        "192.0.2.7",
        "192.0.2.9",
        "192.0.2.7",
        "192.0.2.9",
        "192.0.2.7",
        "192.0.2.9",
    ];
    read_from(&world, &ben, &within).await;
    let both = [
        "192.0.2.7",
        "2001:db8:1::7",
        "192.0.2.7",
        "2001:db8:1:9::7",
        "192.0.2.7",
        "2001:db8:1::8",
    ];
    read_from(&world, &cleo, &both).await;
    // The changes of a whole afternoon are not within ten minutes.
    let afternoon = [
        "192.0.2.7",
        "203.0.113.7",
        "192.0.2.7",
        "203.0.113.7",
        "192.0.2.7",
    ];
    for row in read_from(&world, &dan, &afternoon).await {
        let apart = "update audit_logs set timestamp = timestamp - (
            select count(*) from audit_logs o where o.user_id = audit_logs.user_id and o.id > audit_logs.id
          ) * interval '9 minutes' where id = ";
        world.rewrite_history(&format!("{apart} '{row}'")).await;
    }
    review(&world).await;
    assert!(alerts(&world, "two-networks").await.is_empty());
}
