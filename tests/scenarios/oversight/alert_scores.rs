//! How an access off-hours raises the score of an alert.

use chrono::{Timelike as _, Utc};
use tests::prelude::*;

use super::{age, alerts, read, review, stored};

/// Sets the clinic's time zone, so that it is about this hour there.
async fn let_it_be(world: &World, hour: i32) {
    // The sign of these names is that of POSIX: Etc/GMT-3 is three hours ahead.
    let ahead = (hour - Utc::now().hour() as i32 + 35) % 24 - 11;
    let zone = match ahead {
        0 => "Etc/GMT".to_owned(),
        _ => format!("Etc/GMT{:+}", -ahead),
    };
    let set = "update settings set time_zone = $1";
    world.sql(set, &[&zone]).await;
}

/// The score of the alert about an access of an administrator at about this hour of the clinic's clock.
async fn score(hour: i32, weight: i32) -> Value {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    age(&world).await;
    let set = "update settings set off_hours_weight = $1";
    world.sql(set, &[&weight]).await;
    let_it_be(&world, hour).await;
    read(&world, &admin, &ada).await;
    review(&world).await;
    alerts(&world, "unexplained-access").await[0]["score"].take()
}

#[tokio::test]
async fn an_access_at_night_weighs_more_than_one_at_noon() {
    // The rule weighs 40.
    assert_eq!(score(2, 15).await, 55);
    assert_eq!(score(12, 15).await, 40);
    assert_eq!(score(2, 0).await, 40);
    assert_eq!(score(2, 99).await, 100);
}

#[tokio::test]
async fn the_night_is_from_20_to_6_on_the_clinics_clock_also_in_summer() {
    let world = World::new().await;
    let set = "update settings set time_zone = 'Europe/Berlin'";
    world.sql(set, &[]).await;
    for (time, expected) in [
        ("2026-01-05T18:59:59.999Z", 40),
        ("2026-01-05T19:00:00Z", 50),
        ("2026-01-06T04:59:59.999Z", 50),
        ("2026-01-06T05:00:00Z", 40),
        ("2026-07-06T17:59:59.999Z", 40),
        ("2026-07-06T18:00:00Z", 50),
        ("2026-07-07T04:00:00Z", 40),
    ] {
        // A user of its own for each, so that each is a new alert. The rule weighs 40.
        let user = world.user("NURSE", "Nora").await.user;
        let raise = format!(
            "select raise_alert('unexplained-access', $1, null, null, array[first_audit_id('{time}')])"
        );
        let id: Uuid = world.sql(&raise, &[&user]).await[0].get(0);
        assert_eq!(stored(&world, id).await["score"], expected, "{time}");
    }
}

#[tokio::test]
async fn a_score_that_the_caller_states_stays() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let raise = "select raise_alert('many-patients', $1, null, 33, array[first_audit_id('2026-01-05T02:00:00Z')])";
    world.sql(raise, &[&vera.user]).await;
    assert_eq!(alerts(&world, "many-patients").await[0]["score"], 33);
}
