//! `PUT /v1/custom-data-schemas/{table}`, and the custom data of records that it controls.

use http::Method;
use tests::audit::Expected;
use tests::prelude::*;

const PATH: &str = "/v1/custom-data-schemas/medical_records";

fn row() -> Expected {
    audit("put-custom-data-schema", "UPDATE", "CUSTOM_DATA_SCHEMA")
        .detail("table", "medical_records")
}

async fn put(caller: &Actor, schema: Value) -> Answer {
    caller
        .send(Method::PUT, PATH, Some(json!({ "schema": schema })))
        .await
}

/// Returns a schema for a pain score up to `most`.
fn pain(most: i64) -> Value {
    json!({"type": "object", "properties": {"pain": {"type": "integer", "minimum": 0, "maximum": most}}})
}

#[tokio::test]
async fn an_administrator_registers_the_next_version_and_repeating_it_adds_none() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (most, version) in [(10, 1), (10, 1), (20, 2)] {
        let answer = put(&admin, pain(most)).await.expect(200);
        assert_eq!(answer.body["version"], version);
        assert_eq!(answer.body["registered_by"], json!(admin.user));
        assert_eq!(answer.body["schema"]["unevaluatedProperties"], false);
        world.audited(&answer, row().by(&admin)).await;
    }
    let refused = world
        .connect()
        .await
        .batch_execute("update custom_data_schemas set version = 9")
        .await
        .unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "23001");
}

#[tokio::test]
async fn a_duplicate_key_in_an_object_is_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    world.assign(&ada, &vera).await;
    let schema =
        r#"{"schema": {"type": "object", "properties": {"pain": {"minimum": 0, "minimum": 5}}}}"#;
    raw(&admin, Method::PUT, PATH, schema)
        .await
        .invalid("schema.properties.pain.minimum");
    put(&admin, pain(10)).await.expect(200);
    let before = world.stored().await;
    let note = format!(
        r#"{{"patient_id": "{}", "record_type": "NOTE", "content": {{"text": "x"}}, "custom_data": {{"pain": 1, "pain": 9}}}}"#,
        ada.id
    );
    raw(&vera, Method::POST, "/v1/medical-records", &note)
        .await
        .invalid("custom_data.pain");
    assert_eq!(world.stored().await, before);
}

/// Sends a literal body, which no JSON library would write.
async fn raw(caller: &Actor, method: Method, path: &str, body: &str) -> Answer {
    let request = caller
        .request(method, path)
        .header("content-type", "application/json")
        .body(http_body_util::Full::from(body.to_owned()))
        .unwrap();
    caller.send_request(request).await
}

#[tokio::test]
async fn records_keep_their_version_and_a_breaking_version_names_them() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    world.assign(&ada, &vera).await;
    let note = |custom_data: Value| json!({"patient_id": ada.id, "record_type": "NOTE", "content": {"text": "x"}, "custom_data": custom_data});
    let path = "/v1/medical-records";
    // Custom data requires a registered schema.
    vera.post(path, note(json!({"pain": 7})))
        .await
        .invalid("custom_data");
    put(&admin, pain(10)).await.expect(200);
    for (wrong, field) in [
        (json!({"pain": 11}), "custom_data.pain"),
        (json!({"pain": 7, "mood": "zebrafish"}), "custom_data.mood"),
        (json!([7]), "custom_data"),
    ] {
        let answer = vera.post(path, note(wrong)).await.invalid(field);
        assert!(!answer.text.contains("zebrafish"), "{}", answer.text);
    }
    let answer = vera.post(path, note(json!({"pain": 7}))).await.expect(201);
    assert_eq!(answer.body["custom_data"], json!({"pain": 7}));
    assert_eq!(answer.body["custom_data_version"], 1);
    let id = answer.id();
    let record = format!("{path}/{id}");

    // A version that the row doesn't satisfy is refused with the row's id. The row stays unchanged.
    let refused = put(&admin, pain(5)).await.invalid("schema");
    assert!(refused.text.contains(&id.to_string()), "{}", refused.text);
    world
        .audited(&refused, row().by(&admin).failed("invalid"))
        .await;
    assert!(!refused.text.contains("pain"), "{}", refused.text);
    put(&admin, pain(20)).await.expect(200);

    // A change without custom data keeps its version.
    let patch = json!({"notes": "x", "change_reason": "x"});
    let answer = vera.patch(&record, 1, patch).await.expect(200);
    assert_eq!(answer.body["custom_data_version"], 1);
    let patch = json!({"custom_data": {"pain": 15}, "change_reason": "x"});
    let answer = vera.patch(&record, 2, patch).await.expect(200);
    assert_eq!(answer.body["custom_data"], json!({"pain": 15}));
    assert_eq!(answer.body["custom_data_version"], 2);
    let patch = json!({"custom_data": {"pain": "much"}, "change_reason": "x"});
    vera.patch(&record, 3, patch)
        .await
        .invalid("custom_data.pain");
    let patch = json!({"custom_data": null, "change_reason": "x"});
    let answer = vera.patch(&record, 3, patch).await.expect(200);
    assert_eq!(answer.body["custom_data"], Value::Null);
    assert_eq!(answer.body["custom_data_version"], Value::Null);
    let former = world
        .rows(
            "select custom_data, custom_data_version from medical_record_versions order by version",
            &[],
        )
        .await;
    assert_eq!(
        former[2],
        json!({"custom_data": {"pain": 15}, "custom_data_version": 2})
    );
}

#[tokio::test]
async fn an_invalid_or_oversized_schema_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    for schema in [
        json!({}),
        json!({"type": "string"}),
        json!({"type": "object", "$id": "https://example.org/x"}),
        json!({"type": "object", "properties": {"a": {"$ref": "https://example.org/x"}}}),
        json!({"type": "object", "description": "x".repeat(40_000)}),
    ] {
        world
            .invalid(put(&admin, schema), "schema", row().by(&admin))
            .await;
    }
    let kept = world
        .rows("select version from custom_data_schemas", &[])
        .await;
    assert!(kept.is_empty());
}

/// Returns a schema of 24 definitions, each of which uses the next one twice: 2²⁴ checks of one value.
fn explosive() -> Value {
    let mut definitions = json!({"d24": {"const": 1}});
    for index in 0..24 {
        let next = json!({"$ref": format!("#/$defs/d{}", index + 1)});
        definitions[format!("d{index}")] = json!({"anyOf": [next, next]});
    }
    json!({"type": "object", "$defs": definitions, "properties": {"a": {"$ref": "#/$defs/d0"}}})
}

#[tokio::test]
async fn a_schema_whose_check_would_take_too_long_is_refused_with_the_place() {
    let world = World::new().await;
    let admin = world.admin().await;
    let with = |rule: Value| json!({"type": "object", "properties": {"a": rule}});
    let patterns: Value = (0..33)
        .map(|index| (format!("^{index}$"), json!(true)))
        .collect();
    let endless =
        json!({"type": "object", "properties": {"a": {"allOf": [{"$ref": "#/properties/a"}]}}});
    for (schema, place) in [
        (explosive(), "/schema/$defs/d"),
        (endless, "/schema/properties/a"),
        (
            with(json!({"pattern": "\\p{L}{200}"})),
            "/schema/properties/a/pattern",
        ),
        (
            with(json!({"pattern": "a".repeat(300)})),
            "/schema/properties/a",
        ),
        (with(json!({"patternProperties": patterns})), "/schema"),
        (
            with(json!({"format": "zebrafish"})),
            "/schema/properties/a/format",
        ),
    ] {
        let answer = put(&admin, schema.clone());
        let answer = world
            .refused(answer, 422, row().by(&admin).failed("invalid"))
            .await;
        let places = answer.places();
        assert!(
            places.len() == 1 && places[0].starts_with(place),
            "{places:?} of {schema}"
        );
    }
}

#[tokio::test]
async fn a_caller_without_the_permission_learns_nothing_of_a_schema_and_none_is_compiled() {
    let world = World::new().await;
    for caller in [&world.stranger(), &*world.patient("Ada").await] {
        let answer = put(caller, explosive()).await.problem(403, "forbidden");
        let mut denied = row().by(caller).denied("forbidden");
        if caller.role.is_none() {
            denied = denied.detail("subject", caller.subject.to_string());
        }
        world.audited(&answer, denied).await;
    }
}

#[tokio::test]
async fn only_an_administrator_registers_a_schema() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    for caller in [&*ada, &*vera] {
        let denied = row().by(caller).denied("forbidden");
        world.refused(put(caller, pain(10)), 403, denied).await;
    }
    let admin = world.admin().await;
    let body = json!({"schema": pain(10)});
    let answer = admin
        .send(Method::PUT, "/v1/custom-data-schemas/roles", Some(body))
        .await;
    answer.problem(404, "not-found");
}
