//! Each request learns the size of the sealed log, so functions notice that the database was restored.

use std::time::Duration;

use tests::prelude::*;

const ALARM: &str = "the sealed log is shorter than before";

async fn seal(world: &World, batch: i64, size: i64) {
    world
        .sql(
            "insert into audit_seals (batch, size, root, horizon, sealed_at)
             values ($1, $2, sha256(''), '3', now())",
            &[&batch, &size],
        )
        .await;
}

fn alarms(world: &World, function: &str) -> Vec<Value> {
    let lines = world.cloud.logs(function).lines();
    let lines = lines.iter().filter(|line| line.contains(ALARM));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_function_that_sees_the_sealed_log_shrink_raises_an_alarm() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    // A chart is read in one statement once the caller is known, and the list in two flushes.
    let paths = [
        ("get-patient", format!("/v1/patients/{}", ada.id)),
        ("list-files", "/v1/files".to_owned()),
    ];
    let read = async || {
        for (_, path) in &paths {
            ada.get(path).await.expect(200);
        }
    };
    read().await;
    seal(&world, 0, 10).await;
    read().await;
    seal(&world, 1, 25).await;
    read().await;
    for (function, _) in &paths {
        assert_eq!(alarms(&world, function), Vec::<Value>::new());
    }
    world
        .sql("delete from audit_seals where batch = 1", &[])
        .await;
    read().await;
    for (function, _) in &paths {
        let alarm = world
            .cloud
            .logs(function)
            .wait_for(ALARM, Duration::from_secs(20))
            .await;
        let alarm: Value = serde_json::from_str(&alarm.expect("an alarm")).unwrap();
        assert_eq!((&alarm["before"], &alarm["now"]), (&json!(25), &json!(10)));
    }
    // The alarm is raised once by each environment.
    read().await;
    for (function, _) in &paths {
        assert_eq!(alarms(&world, function).len(), 1);
    }
}
