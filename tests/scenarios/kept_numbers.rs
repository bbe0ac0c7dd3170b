//! Numbers are kept with the digits that were sent.

use http::Method;
use tests::prelude::*;

/// JSON with these digits. `json!` would go through binary floating point.
fn digits(text: &str) -> Value {
    text.parse().unwrap()
}

const EXACT: [&str; 8] = [
    "6.50",
    "6.3",
    "0.10",
    "-0.5",
    "12345678901234567890.5",
    "99999999999999.99",
    "123456789012345678901234567890",
    "9007199254740993",
];

#[tokio::test]
async fn a_quantity_keeps_its_digits() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let result = |value: Value| {
        json!({
            "patient_id": ada.id, "record_type": "LAB_RESULT",
            "content": {"code": {"system": "http://loinc.org", "code": "2339-0"}, "value": value}
        })
    };
    for text in EXACT {
        let value = json!({"quantity": {"value": digits(text), "unit": "mmol/L"}});
        let made = vera
            .post("/v1/medical-records", result(value))
            .await
            .expect(201);
        let path = format!("/v1/medical-records/{}", made.id());
        let read = ada.get(&path).await.expect(200);
        for answer in [&made, &read] {
            assert_eq!(
                answer.body["content"]["value"]["quantity"]["value"].to_string(),
                text
            );
        }
        let stored = world
            .row("select content #>> '{value,quantity,value}' as value from medical_records where id = $1", &[&made.id()])
            .await;
        assert_eq!(stored["value"], text);
        // A correction of another field leaves the number as it is.
        let patch = json!({"content": {"status": "final"}, "change_reason": "It is final"});
        let changed = vera.patch(&path, 1, patch).await.expect(200);
        assert_eq!(
            changed.body["content"]["value"]["quantity"]["value"].to_string(),
            text
        );
    }

    let too_long = json!({"quantity": {"value": digits("1e100000")}});
    vera.post("/v1/medical-records", result(too_long))
        .await
        .invalid("content.value.quantity.value");
    let answer = vera
        .post("/v1/medical-records", result(digits("6.3")))
        .await
        .invalid("content.value");
    let message = answer.body["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("for example {\"quantity\": {\"value\": 6.3"),
        "{message}"
    );
}

#[tokio::test]
async fn an_integer_may_have_a_fraction_of_zero() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    for (text, is_integer) in [
        ("30.0", true),
        ("3e1", true),
        ("30.5", false),
        ("30000000000", false),
    ] {
        let at = format!("2030-01-0{}T09:00:00Z", text.len() % 9 + 1);
        let visit = json!({
            "patient_id": ada.id, "provider_id": vera.id, "scheduled_at": at, "duration_minutes": digits(text)
        });
        let answer = admin.post("/v1/appointments", visit).await;
        if is_integer {
            assert_eq!(
                answer.expect(201).body["duration_minutes"].to_string(),
                "30"
            );
        } else {
            answer.invalid("duration_minutes");
        }
    }
}

#[tokio::test]
async fn custom_data_keeps_its_digits_and_checks_them() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let schema = json!({"schema": {"type": "object", "properties": {
        "amount": {"type": "number"},
        "count": {"type": "integer", "minimum": 1, "maximum": 40},
        "half": {"const": 0.5}
    }}});
    admin
        .send(
            Method::PUT,
            "/v1/custom-data-schemas/patients",
            Some(schema),
        )
        .await
        .expect(200);
    let path = format!("/v1/patients/{}", ada.id);
    let mut version = 1;
    for (field, text, kept) in [
        ("amount", "6.50", Some("6.50")),
        (
            "amount",
            "12345678901234567890.5",
            Some("12345678901234567890.5"),
        ),
        (
            "amount",
            "123456789012345678901234567890",
            Some("123456789012345678901234567890"),
        ),
        // PostgreSQL writes numbers without an exponent.
        ("amount", "1.5e3", Some("1500")),
        ("amount", "1e65", None),
        ("count", "30.0", Some("30.0")),
        ("count", "30.5", None),
        ("count", "40.00000000000000000000000000000001", None),
        ("count", "0.0", None),
        ("half", "0.50", Some("0.50")),
        ("half", "0.500000000000000000000000000000000000001", None),
    ] {
        let patch = json!({"custom_data": {(field): digits(text)}});
        let answer = admin.patch(&path, version, patch).await;
        let Some(kept) = kept else {
            answer.invalid(&format!("custom_data.{field}"));
            continue;
        };
        version += 1;
        assert_eq!(
            answer.expect(200).body["custom_data"][field].to_string(),
            kept,
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_member_that_the_parser_reserves_is_refused() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let open = json!({"schema": {"type": "object", "additionalProperties": true}});
    admin
        .send(Method::PUT, "/v1/custom-data-schemas/patients", Some(open))
        .await
        .expect(200);
    let path = format!("/v1/patients/{}", ada.id);
    // A stored object with such a member could never be read again.
    for name in [
        "$serde_json::private::RawValue",
        "$serde_json::private::Number",
    ] {
        let patch = json!({"custom_data": {"before": 1, (name): "[["}});
        admin
            .patch(&path, 1, patch)
            .await
            .invalid(&format!("custom_data.{name}"));
    }
    admin.get(&path).await.expect(200);
}
