//! How alerts are raised.

use tests::prelude::*;

use super::{path, raise, resolved, stored};

#[tokio::test]
async fn a_storm_is_one_alert_with_a_count_and_the_hundred_newest_rows_as_evidence() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world
        .sql("update settings set off_hours_weight = 0", &[])
        .await;
    let rows: Vec<_> = (0..300).map(|_| Uuid::now_v7()).collect();
    let mut ids = Vec::new();
    for row in &rows {
        // The row is named twice, and counts once.
        let raised = raise(&world, Some(vera.user), Some(ada.id), &[*row, *row]).await;
        ids.push(raised.unwrap());
    }
    ids.dedup();
    let [id] = ids[..] else { panic!("{ids:?}") };
    let alert = stored(&world, id).await;
    assert_eq!(alert["occurrences"], 300);
    let mut newest = rows[200..].to_vec();
    newest.reverse();
    assert_eq!(alert["evidence"], json!(newest));
    assert_eq!(alert["explanations"], json!(["VISIT", "CARE_TEAM"]));
    assert_eq!(
        (&alert["status"], &alert["score"]),
        (&json!("OPEN"), &json!(40))
    );

    // A storm has one event.
    let events = "select type, data from business_events where subject = 'alerts/' || $1::text";
    let events = world.rows(events, &[&id.to_string()]).await;
    assert_eq!(
        events,
        [json!({"type": "alert.raised.v1", "data": {
            "alert_id": id, "rule": "unexplained-access", "status": "OPEN", "score": 40, "version": 1
        }})]
    );
    world.every_event_fits().await;
}

#[tokio::test]
async fn other_actors_patients_and_occasions_are_other_alerts_and_so_is_what_follows_a_resolution()
{
    let world = World::new().await;
    let (ada, ben, officer) = (
        world.patient("Ada").await,
        world.patient("Ben").await,
        world.officer().await,
    );
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    let mut ids = vec![world.alert(vera.user, Some(ada.id)).await];
    for (actor, patient) in [
        (Some(vera.user), Some(ada.id)),
        (Some(walt.user), Some(ada.id)),
        (Some(vera.user), Some(ben.id)),
        (Some(vera.user), None),
        (None, Some(ada.id)),
        (None, None),
    ] {
        let id = raise(&world, actor, patient, &[]).await;
        assert_eq!(raise(&world, actor, patient, &[]).await, id);
        ids.push(id.unwrap());
    }
    let first = ids[1];
    officer.patch(&path(first), 2, resolved()).await.expect(200);
    let next = raise(&world, Some(vera.user), Some(ada.id), &[]).await;
    ids.push(next.unwrap());
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert_eq!(stored(&world, first).await["occurrences"], 2);
}

#[tokio::test]
async fn a_disabled_rule_raises_nothing_an_unknown_one_is_an_error_and_a_score_never_falls() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let score = "select raise_alert('unexplained-access', $1, null, $2, '{}')";
    let id: Uuid = world.sql(score, &[&vera.user, &70]).await[0].get(0);
    world.sql(score, &[&vera.user, &20]).await;
    assert_eq!(stored(&world, id).await["score"], 70);
    world.sql(score, &[&vera.user, &90]).await;
    assert_eq!(stored(&world, id).await["score"], 90);
    let events =
        "select type from business_events where subject = 'alerts/' || $1::text order by sequence";
    let events = world.rows(events, &[&id.to_string()]).await;
    assert_eq!(
        events,
        [
            json!({"type": "alert.raised.v1"}),
            json!({"type": "alert.changed.v1"})
        ]
    );

    world
        .sql("update alert_rules set is_enabled = false", &[])
        .await;
    assert_eq!(raise(&world, Some(vera.user), None, &[]).await, None);
    assert_eq!(stored(&world, id).await["occurrences"], 3);
    let connection = world.connect().await;
    let unknown = "select raise_alert('no-such-rule', null, null, null, '{}')";
    let error = connection.query(unknown, &[]).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(error.constraint(), Some("alerts_rule_known"));
}

#[tokio::test]
async fn an_alert_that_is_raised_in_a_transaction_that_fails_is_not_there() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let mut connection = world.connect().await;
    let transaction = connection.transaction().await.unwrap();
    let raise = "select raise_alert('unexplained-access', $1, null, null, '{}')";
    transaction.query(raise, &[&vera.user]).await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(world.rows("select id from alerts", &[]).await.is_empty());
    let events = "select id from business_events where type = 'alert.raised.v1'";
    assert!(world.rows(events, &[]).await.is_empty());
}

#[tokio::test]
async fn alerts_raised_at_once_are_one_and_none_is_lost() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let mut raising = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (connection, user) = (world.connect().await, vera.user);
        raising.spawn(async move {
            for _ in 0..20 {
                let raise = "select raise_alert('unexplained-access', $1, null, null, '{}')";
                connection.query(raise, &[&user]).await.unwrap();
            }
        });
    }
    raising.join_all().await;
    let alerts = world.rows("select occurrences from alerts", &[]).await;
    assert_eq!(alerts, [json!({"occurrences": 160})]);
}

#[tokio::test]
async fn no_function_raises_deletes_or_rewrites_an_alert() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let id = world.alert(vera.user, None).await;
    for login in ["caretrail_people", "caretrail_jobs"] {
        let connection = world.connect_as(login).await;
        for statement in [
            "select raise_alert('unexplained-access', null, null, null, '{}')".to_owned(),
            "insert into alerts (rule, rule_version, score, evidence, explanations)
             values ('unexplained-access', 1, 1, '{}', '{}')"
                .to_owned(),
            format!("delete from alerts where id = '{id}'"),
            format!("update alerts set evidence = '{{}}' where id = '{id}'"),
            "insert into alert_rules (name, meaning, threshold, weight) values ('new-rule', 'x', 1, 1)".to_owned(),
            "update alert_rules set meaning = 'x'".to_owned(),
        ] {
            let error = connection.query(&statement, &[]).await.unwrap_err();
            let error = error.as_db_error().unwrap();
            assert_eq!(error.code().code(), "42501", "{login}: {statement}");
        }
    }
    // Not even the owner deletes one.
    let connection = world.connect().await;
    for statement in ["delete from alerts", "truncate alerts"] {
        connection.batch_execute(statement).await.unwrap_err();
    }
    assert_eq!(stored(&world, id).await["version"], 1);
}

#[tokio::test]
async fn row_level_security_alone_keeps_alerts_from_those_without_the_permission() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    world.alert(vera.user, None).await;
    let connection = world.connect_as("caretrail_people").await;
    for table in ["alerts", "alert_rules"] {
        let seen = connection.query(&format!("select from {table}"), &[]).await;
        assert_eq!(seen.unwrap().len(), 0, "{table} without a proven actor");
    }
}
