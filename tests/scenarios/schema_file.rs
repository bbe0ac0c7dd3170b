//! `migrations/schema.sql` shows the schema that the migrations make.

use tests::generated::assert_committed;
use tests::prelude::*;

const HEADER: &str = "\
-- The schema that the migrations make, for reading; it can't be run. The migrations have the functions'
-- bodies and the reasons, bootstrap.sql the roles. This file is written from the database's catalog:
--
--   UPDATE=1 cargo test --workspace --test scenarios schema_file
";

/// What each part of the file says first.
const PARTS: [&str; 4] = [
    "-- Types",
    "-- Tables and views\n--\n-- A view is listed by its columns. audit_logs has a partition for each month, which \
     ensure-audit-partitions\n-- makes. business_events and webhook_deliveries have one for each week, which \
     expire-events makes.",
    "-- Functions\n--\n-- A comment names the roles that can execute the function. Without one, only the owner can.",
    "-- Trigger functions",
];

#[tokio::test]
async fn the_committed_schema_is_what_the_migrations_make() {
    let world = World::new().await;
    let superuser = world.connect().await;
    superuser
        .batch_execute(include_str!("schema_file.sql"))
        .await
        .unwrap();
    let parts = superuser
        .query(
            r#"select string_agg(text, case when part = 2 then E'\n\n' else E'\n' end order by rank collate "C")
             from blocks group by part order by part"#,
            &[],
        )
        .await
        .unwrap();
    assert_eq!(parts.len(), PARTS.len());
    let mut text = HEADER.to_owned();
    for (title, part) in PARTS.iter().zip(parts) {
        text = format!("{text}\n{title}\n\n{}\n", part.get::<_, String>(0));
    }
    assert_committed("migrations/schema.sql", &text, "schema_file");
}
