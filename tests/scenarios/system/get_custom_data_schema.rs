//! `GET /v1/custom-data-schemas/{table}`

use http::Method;
use tests::audit::Expected;
use tests::prelude::*;

const PATH: &str = "/v1/custom-data-schemas/medical_records";

fn row() -> Expected {
    audit("get-custom-data-schema", "READ", "CUSTOM_DATA_SCHEMA").detail("table", "medical_records")
}

#[tokio::test]
async fn the_latest_schema_and_former_versions_can_be_read() {
    let world = World::new().await;
    let (vera, admin) = (world.provider("Vera").await, world.admin().await);
    let failed = row().by(&vera).failed("not-found");
    world.refused(vera.get(PATH), 404, failed).await;
    for kind in ["string", "integer"] {
        let body = json!({"schema": {"type": "object", "properties": {"a": {"type": kind}}}});
        admin.send(Method::PUT, PATH, Some(body)).await.expect(200);
    }
    for (path, version, kind) in [
        (PATH.to_owned(), 2, "integer"),
        (format!("{PATH}?version=1"), 1, "string"),
    ] {
        let answer = vera.get(&path).await.expect(200);
        assert_eq!(answer.body["version"], version);
        assert_eq!(answer.body["schema"]["properties"]["a"]["type"], kind);
        world.audited(&answer, row().by(&vera)).await;
    }
    let absent = vera.get(&format!("{PATH}?version=3")).await;
    absent.problem(404, "not-found");
    vera.get(&format!("{PATH}?version=x"))
        .await
        .invalid("version");
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused_and_an_unknown_table_is_not_found() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let denied = row().by(&ada).denied("forbidden");
    world.refused(ada.get(PATH), 403, denied).await;
    let failed = row().by(&vera).without("table").failed("not-found");
    world
        .refused(vera.get("/v1/custom-data-schemas/audit_logs"), 404, failed)
        .await;
}
