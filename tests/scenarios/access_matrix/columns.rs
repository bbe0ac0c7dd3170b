//! Rules that neither the table nor the policies of rows express: columns, names, and statements
//! outside a request.

use tests::database::PEOPLE;
use tests::prelude::*;
use tokio_postgres::Client;

use super::row_level_security::{Who, end};
use super::table::Table;
use super::walls::WALLS;
use super::ward::Ward;

/// Returns the number of rows that SELECTs without a WHERE return.
async fn visible(app: &Client) -> usize {
    let mut seen = 0;
    for table in WALLS.iter().map(|wall| wall.table).chain(["audit_logs"]) {
        let rows = app.query(&format!("select from {table}"), &[]).await;
        seen += rows.unwrap().len();
    }
    seen
}

#[tokio::test]
async fn outside_a_request_no_row_is_visible_and_no_actor_remains() {
    let ward = Ward::new().await;
    let table = Table::read(&ward.world).await;
    let app = ward.world.connect_as(PEOPLE).await;
    assert_eq!(visible(&app).await, 0);
    let admin = Who(ward
        .callers
        .iter()
        .find(|caller| caller.role == Some("ADMIN")));
    for end in ["commit", "rollback"] {
        admin.act(&app, &table).await;
        assert_ne!(visible(&app).await, 0);
        app.batch_execute(end).await.unwrap();
        assert_eq!(visible(&app).await, 0, "{end}");
        let settings = app
            .query_one(
                "select concat(
                   current_setting('caretrail.user_id', true), current_setting('caretrail.patient_id', true),
                   current_setting('caretrail.provider_id', true), current_setting('caretrail.permissions', true),
                   actor_user(), actor_patient(), actor_provider(), reach('users:read'))",
                &[],
            )
            .await
            .unwrap();
        assert_eq!(settings.get::<_, String>(0), "", "{end}");
    }
}

#[tokio::test]
async fn nobody_writes_columns_reserved_for_others() {
    let ward = Ward::new().await;
    let table = Table::read(&ward.world).await;
    let app = ward.world.connect_as(PEOPLE).await;
    let [ada, vera, admin, ..] = ward.callers.as_slice() else {
        panic!("the ward lacks a caller")
    };
    let importer = &ward.importer;
    let chart = ward.chart_of(ada);
    let update = |table: &str, set: &str| format!("update {table} set {set}");
    let in_walts_name = format!(
        "insert into medical_records (id, patient_id, provider_id, record_type, content)
         values (gen_random_uuid(), '{chart}', '{}', 'NOTE', '{{}}')",
        ward.walt.id
    );
    let refused = Err("42501");
    for (what, who, statement, expected) in [
        (
            "a provider writes in another provider's name",
            vera,
            in_walts_name,
            refused,
        ),
        (
            "a provider changes registrations",
            vera,
            update("patients", "gender = 'other'"),
            refused,
        ),
        (
            "a provider changes charts",
            vera,
            update("patients", "allergies = '[]'"),
            Ok(6),
        ),
        (
            "an administrator changes charts",
            admin,
            update("patients", "allergies = '[]'"),
            refused,
        ),
        (
            "an administrator changes registrations",
            admin,
            update("patients", "gender = 'other'"),
            Ok(13),
        ),
        (
            "an administrator suspends themselves",
            admin,
            update("user_profiles", "status = 'SUSPENDED'"),
            Err("23514"),
        ),
        (
            "a patient changes roles",
            ada,
            update("user_profiles", "role = 'ADMIN'"),
            refused,
        ),
        (
            "a patient links another sign-in",
            ada,
            update("user_profiles", "subject = gen_random_uuid()"),
            refused,
        ),
        (
            "a provider changes users",
            vera,
            update("user_profiles", "status = 'INACTIVE'"),
            refused,
        ),
        (
            "a provider changes their verified data",
            vera,
            update("providers", "is_verified = false"),
            refused,
        ),
        (
            "a provider changes their own rating",
            vera,
            update("providers", "rating = 5, total_reviews = 1"),
            refused,
        ),
        (
            "an importer corrects names",
            importer,
            update("user_profiles", "last_name = 'Married'"),
            Ok(2),
        ),
        (
            "an importer links sign-ins",
            importer,
            update("user_profiles", "subject = gen_random_uuid()"),
            refused,
        ),
        (
            "an importer gives roles",
            importer,
            update("user_profiles", "role = 'ADMIN'"),
            Err("CT009"),
        ),
        (
            "an importer activates accounts",
            importer,
            update("user_profiles", "status = 'SUSPENDED'"),
            refused,
        ),
        (
            "an importer moves their rows to another source system",
            importer,
            update("user_profiles", "source_system = 'urn:example:other'"),
            refused,
        ),
        (
            "an importer changes whose rows they import",
            importer,
            update("user_profiles", "imports_from = 'urn:example:other'"),
            refused,
        ),
        (
            "an importer verifies licences",
            importer,
            update("providers", "is_verified = not is_verified"),
            refused,
        ),
        (
            "an importer assigns providers",
            importer,
            update(
                "patients",
                &format!("assigned_providers = array['{}'::uuid]", ward.walt.id),
            ),
            refused,
        ),
        (
            "a provider gives a file to another",
            vera,
            update("file_metadata", "owner_id = uploaded_by"),
            refused,
        ),
        (
            "a provider points a file at another object",
            vera,
            update("file_metadata", "file_path = 'x'"),
            refused,
        ),
        (
            "a provider hides records without a hold",
            vera,
            update("medical_records", "is_patient_visible = false"),
            refused,
        ),
        (
            "a provider defers records without a hold",
            vera,
            update("medical_records", "release_date = 'infinity'"),
            refused,
        ),
        (
            "a provider moves records to another chart",
            vera,
            update("medical_records", &format!("patient_id = '{chart}'")),
            refused,
        ),
    ] {
        Who(Some(who)).act(&app, &table).await;
        let written = app.execute(&statement, &[]).await;
        end(&app).await;
        let written = written.map_err(|error| error.code().unwrap().code().to_owned());
        assert_eq!(written, expected.map_err(str::to_owned), "{what}");
    }
}

#[tokio::test]
async fn policies_apply_to_the_tables_owner_too() {
    let world = World::new().await;
    world.patient("Ada").await;
    let owner = world.connect().await;
    owner
        .batch_execute("set role caretrail_owner")
        .await
        .unwrap();
    // Row-level security is forced: without a policy for the owner, the owner sees nothing either.
    owner
        .batch_execute("begin; drop policy owner_all on patients")
        .await
        .unwrap();
    let seen = owner.query("select id from patients", &[]).await.unwrap();
    assert!(seen.is_empty());
}
