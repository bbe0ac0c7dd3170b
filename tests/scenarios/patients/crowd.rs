//! Enough patients that reading all of them is the more expensive plan.

use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request;
use tests::world::Parameters;

/// Adds twenty thousand patients, with family names and birth dates distributed as in reality, and
/// updates the planner's statistics.
pub async fn gather(world: &World) {
    world
        .sql(
            "insert into user_profiles (id, username, first_name, last_name, role)
             select gen_random_uuid(), i || '@example.org', 'Person', md5(i::text), 'PATIENT'
             from generate_series(1, 20000) as i",
            &[],
        )
        .await;
    world
        .sql(
            "insert into patients (id, user_id, patient_number, date_of_birth, gender)
             select gen_random_uuid(), id, username, '1950-01-01'::date + (random() * 20000)::integer, 'other'
             from user_profiles where role = 'PATIENT' on conflict do nothing",
            &[],
        )
        .await;
    world.sql("analyze user_profiles", &[]).await;
    world.sql("analyze patients", &[]).await;
}

/// Returns PostgreSQL's plan of the statement for this caller, under their policies.
pub async fn plan(
    world: &World,
    caller: &Actor,
    statement: &str,
    parameters: Parameters<'_>,
) -> String {
    let app = world.connect_as(PEOPLE).await;
    app.batch_execute("begin").await.unwrap();
    begin_request(&app, caller, "patients:read").await.unwrap();
    let lines = app.query(&format!("explain {statement}"), parameters).await;
    let lines = lines.unwrap();
    let lines: Vec<String> = lines.iter().map(|line| line.get(0)).collect();
    lines.join("\n")
}
