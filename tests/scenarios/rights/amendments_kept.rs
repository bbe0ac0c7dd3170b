//! Steps only add to an amendment, whoever tries otherwise.

use tests::database::PEOPLE;
use tests::ticket::begin_request;

use super::{Chart, stored};

#[tokio::test]
async fn no_step_is_overwritten_taken_back_or_signed_by_somebody_else() {
    let chart = Chart::new().await;
    let world = &chart.world;
    let id = world.disputed_amendment(chart.note).await;
    let rebut = "update amendments set rebuttal = 'It was asked again.' where id = $1";
    world.sql(rebut, &[&id]).await;
    let before = stored(world, id).await;
    let owner = world.connect().await;
    for (change, code) in [
        // What was asked, and when
        ("statement = 'It is right.'", "23001"),
        ("correction = 'x'", "23001"),
        ("reason = 'x'", "23001"),
        ("received_on = received_on + 1", "23001"),
        ("due_on = due_on + 1", "23001"),
        ("patient_id = gen_random_uuid()", "23001"),
        ("record_id = gen_random_uuid()", "23001"),
        ("recorded_by = gen_random_uuid()", "23001"),
        // The decision, and who decided
        (
            "status = 'REQUESTED', denial_ground = null, denial_basis = null",
            "23514",
        ),
        ("status = 'ACCEPTED', addendum = 'x'", "23514"),
        ("denial_ground = 'NOT_CREATED_HERE'", "23514"),
        ("denial_basis = 'x'", "23514"),
        ("decided_by = gen_random_uuid()", "23001"),
        ("decided_at = now()", "23001"),
        ("extension_reason = 'x'", "23514"),
        // What was said afterwards
        ("disagreement = 'I agree.'", "23514"),
        ("disagreement = null", "23514"),
        ("disagreed_by = gen_random_uuid()", "23001"),
        ("rebuttal = 'x'", "23514"),
        ("rebuttal = null", "23514"),
    ] {
        let update = format!("update amendments set {change}");
        let error = owner.batch_execute(&update).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), code, "{change}: {error:?}");
    }
    for change in [
        "name = 'x'",
        "source = 'KNOWN'",
        "added_by = gen_random_uuid()",
    ] {
        let update = format!("update amendment_recipients set {change}");
        let error = owner.batch_execute(&update).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "23001", "{change}");
    }
    for table in ["amendment_recipients", "amendments"] {
        let delete = format!("delete from {table}");
        let error = owner.batch_execute(&delete).await.unwrap_err();
        // A recipient refers to the amendment, too.
        let code = error.code().unwrap().code();
        assert!(["23001", "23503"].contains(&code), "{table}: {code}");
    }
    assert_eq!(stored(world, id).await, before);
}

#[tokio::test]
async fn row_level_security_alone_keeps_decisions_from_those_who_only_request() {
    let chart = Chart::new().await;
    let (world, ada, vera) = (&chart.world, &chart.ada, &chart.vera);
    let nora = chart.nurse().await;
    let id = world.amendment(chart.note).await;
    let app = world.connect_as(PEOPLE).await;
    let decision = "update amendments set status = 'ACCEPTED', addendum = 'Never smoked'";
    let informed =
        "update amendment_recipients set informed_on = current_date, informed_by_means = 'Letter'";
    for (caller, statement, expected) in [
        (&**ada, decision, Err("42501")),
        (&nora, decision, Err("42501")),
        (&**ada, informed, Ok(0)),
        (&nora, informed, Ok(0)),
        (&**vera, decision, Ok(1)),
    ] {
        app.batch_execute("begin").await.unwrap();
        begin_request(&app, caller, "amendments:request")
            .await
            .unwrap();
        let result = app.execute(statement, &[]).await;
        let result = result.map_err(|error| error.code().unwrap().code().to_owned());
        app.batch_execute("rollback").await.unwrap();
        assert_eq!(result, expected.map_err(str::to_owned), "{statement}");
    }
    assert_eq!(stored(world, id).await["status"], "REQUESTED");
}
