//! How every endpoint answers invalid requests: with a stable problem that contains the request's
//! id, with a FAILURE row, and without repeating what the client sent.

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tests::audit::Expected;
use tests::prelude::*;

/// A text that no answer may repeat.
const MARK: &str = "Zebrafish";

fn row(admin: &Actor) -> Expected {
    audit("create-user", "CREATE", "USER").by(admin)
}

fn user() -> String {
    format!(
        r#""subject": "{}", "username": "ada@example.org", "first_name": "{MARK}", "last_name": "Example", "role": "PATIENT""#,
        Uuid::now_v7()
    )
}

async fn send(caller: &Actor, content_type: Option<&str>, body: impl Into<Bytes>) -> Answer {
    let mut request = caller.request(Method::POST, "/v1/users");
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    let request = request.body(Full::from(body.into())).unwrap();
    let answer = caller.send_request(request).await;
    assert!(!answer.text.contains(MARK), "{}", answer.text);
    answer
}

async fn admins_world() -> (World, Actor) {
    let world = World::new().await;
    let admin = world.admin().await;
    (world, admin)
}

#[tokio::test]
async fn a_body_that_is_not_json_is_malformed() {
    let (world, admin) = admins_world().await;
    let before = world.stored().await;
    for body in [
        String::new(),
        "{".to_owned(),
        format!("{{{}", user()),
        format!("{{{},}}", user()),
        format!("{{{}}} {{}}", user()),
        format!("{{{}}} {MARK}", user()),
        format!("\u{feff}{{{}}}", user()),
        "{'id': 1}".to_owned(),
        "NaN".to_owned(),
        "[".repeat(100_000),
    ] {
        let answer = send(&admin, Some("application/json"), body)
            .await
            .problem(400, "malformed-json");
        world
            .audited(&answer, row(&admin).failed("malformed-json"))
            .await;
    }
    let answer = send(&admin, Some("application/json"), &b"{\"id\": \"\xff\"}"[..])
        .await
        .problem(400, "malformed-json");
    world
        .audited(&answer, row(&admin).failed("malformed-json"))
        .await;
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_not_read() {
    let (world, admin) = admins_world().await;
    let before = world.stored().await;
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/xml"),
        Some("application/jsonp"),
        Some("multipart/form-data; boundary=application/json"),
    ] {
        let answer = send(&admin, content_type, format!("{{{}}}", user()))
            .await
            .problem(415, "unsupported-media-type");
        world
            .audited(&answer, row(&admin).failed("unsupported-media-type"))
            .await;
    }
    assert_eq!(world.stored().await, before);
    send(
        &admin,
        Some("Application/JSON; charset=utf-8"),
        format!("{{{}}}", user()).replace(MARK, "Ada"),
    )
    .await
    .expect(201);
}

#[tokio::test]
async fn an_unknown_or_repeated_field_is_named() {
    let (world, admin) = admins_world().await;
    let before = world.stored().await;
    for (more, field) in [
        (format!(r#", "nickname": "{MARK}""#), "nickname"),
        (format!(r#", "status": "{MARK}""#), "status"),
        (
            format!(r#", "address": {{"street": "{MARK}"}}"#),
            "address.street",
        ),
        (format!(r#", "last_name": "{MARK}""#), "last_name"),
        (r#", "phone": null, "phone": null"#.to_owned(), "phone"),
    ] {
        let answer = send(
            &admin,
            Some("application/json"),
            format!("{{{}{more}}}", user()),
        )
        .await
        .invalid(field);
        world.audited(&answer, row(&admin).failed("invalid")).await;
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_value_of_another_type_is_named_and_not_repeated() {
    let (world, admin) = admins_world().await;
    let before = world.stored().await;
    for (from, to, field) in [
        (r#""ada@example.org""#, r#""Zebrafish""#, "username"),
        (r#""ada@example.org""#, r#"{"Zebrafish": 1}"#, "username"),
        (r#""Example""#, "7", "last_name"),
        (r#""Example""#, "[\"Zebrafish\"]", "last_name"),
        (r#""Example""#, "\"Zebra\\u0000fish\"", "last_name"),
        (r#""PATIENT""#, "null", "role"),
        (r#""PATIENT""#, r#""ZEBRAFISH""#, "role"),
    ] {
        let body = format!("{{{}}}", user().replace(from, to));
        let answer = send(&admin, Some("application/json"), body)
            .await
            .invalid(field);
        assert!(
            !answer.text.to_lowercase().contains("zebra"),
            "{}",
            answer.text
        );
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows.len(), 1, "{to}");
        assert_eq!(rows[0].entry.details["reason"], "invalid", "{to}");
    }
    let as_a_list = format!(
        r#"["{}", "a@example.org", null, "Zebrafish", "Example", "PATIENT", null, null, null]"#,
        Uuid::now_v7()
    );
    for body in ["[]", "7", "\"Zebrafish\"", "null", &as_a_list] {
        let answer = send(&admin, Some("application/json"), body.to_owned())
            .await
            .problem(422, "invalid");
        world.audited(&answer, row(&admin).failed("invalid")).await;
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn an_array_in_place_of_an_object_is_refused_at_any_depth() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let before = world.stored().await;
    let body = format!(
        r#"{{{}, "address": [["{MARK}"], null, null, null, null]}}"#,
        user()
    );
    let answer = send(&admin, Some("application/json"), body).await;
    world
        .audited(&answer.invalid("address"), row(&admin).failed("invalid"))
        .await;

    let lab = |content: Value| json!({"patient_id": ada.id, "record_type": "LAB_RESULT", "content": content});
    let code = json!({"system": "http://loinc.org", "code": "2339-0"});
    for (content, field) in [
        (json!([code, null, null, null, null, null, null]), "content"),
        (
            json!({"code": ["http://loinc.org", "2339-0", null]}),
            "content.code",
        ),
        (
            json!({"code": code, "value": {"quantity": [5.4, "mmol/L", null]}}),
            "content.value.quantity",
        ),
        (
            json!({"code": code, "components": [[code, null]]}),
            "content.components[0]",
        ),
    ] {
        let answer = vera.post("/v1/medical-records", lab(content)).await;
        let failed = audit("create-record", "CREATE", "MEDICAL_RECORD").by(&vera);
        world
            .audited(&answer.invalid(field), failed.failed("invalid"))
            .await;
    }

    let path = format!("/v1/users/{}", ada.user);
    let patch = json!({"preferences": ["en", null, "EMAIL"]});
    let answer = ada.patch(&path, 1, patch).await.invalid("preferences");
    let failed = audit("update-user", "UPDATE", "USER").by(&ada);
    world
        .audited(
            &answer,
            failed.resource(ada.user).patient(ada.id).failed("invalid"),
        )
        .await;
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn the_nul_character_is_refused_in_every_text() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let before = world.stored().await;
    let note = json!({
        "patient_id": ada.id, "record_type": "NOTE", "content": {"text": "a\u{0}b"}
    });
    vera.post("/v1/medical-records", note)
        .await
        .invalid("content.text");
    ada.get("/v1/appointments?external_id=a%00b")
        .await
        .invalid("external_id");
    ada.get("/v1/appointments/%00")
        .await
        .problem(404, "not-found");
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large() {
    let (world, admin) = admins_world().await;
    let before = world.stored().await;
    let padded = |length: usize| {
        let body = format!("{{{}}}", user()).replace(MARK, "Ada");
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    let answer = send(&admin, Some("application/json"), padded(128 * 1024 + 1))
        .await
        .problem(413, "too-large");
    world
        .audited(&answer, row(&admin).failed("too-large"))
        .await;
    assert_eq!(world.stored().await, before);
    send(&admin, Some("application/json"), padded(128 * 1024))
        .await
        .expect(201);
}

#[tokio::test]
async fn an_invalid_query_parameter_is_named() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (query, field) in [
        ("limit=-1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("cursor=Zebrafish", "cursor"),
        ("user_id=Zebrafish", "user_id"),
        ("name=Zebrafish", "name"),
        ("order=asc", "order"),
        ("Limit=1", "Limit"),
    ] {
        let answer = admin
            .get(&format!("/v1/patients?{query}"))
            .await
            .invalid(field);
        assert!(!answer.text.contains(MARK), "{}", answer.text);
        let failed = audit("list-patients", "SEARCH", "PATIENT").by(&admin);
        world.audited(&answer, failed.failed("invalid")).await;
    }
    admin.get("/v1/patients?limit=100").await.expect(200);
}

#[tokio::test]
async fn a_time_or_date_in_another_form_than_that_of_rfc_3339_is_refused() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let message = |answer: &Answer| {
        let message = answer.body["errors"][0]["message"]
            .as_str()
            .unwrap_or_default();
        message.split("; got").next().unwrap_or_default().to_owned()
    };
    let visit = |at: &str| {
        json!({
            "patient_id": ada.id, "provider_id": vera.id,
            "scheduled_at": at, "duration_minutes": 30
        })
    };
    let expected =
        "expected a time with its offset from UTC (RFC 3339), for example 2026-03-01T09:30:00Z";
    for time in [
        "2030-01-07",
        "2030-01-07T09:00Z",
        "2030-01-07T09:00:00",
        "2030-01-07 09:00:00Z",
        "2030-01-07T09:00:60Z",
        "2030-01-07T09:00:00+24:00",
        "2030-01-07T09:00:00+01:00[Europe/Berlin]",
    ] {
        let booked = vera.post("/v1/appointments", visit(time)).await;
        assert_eq!(message(&booked.invalid("scheduled_at")), expected, "{time}");

        let encoded = time.replace('+', "%2B").replace(' ', "%20");
        let path = format!("/v1/appointments?scheduled_from={encoded}");
        let listed = vera.get(&path).await.invalid("scheduled_from");
        assert_eq!(message(&listed), expected, "{time}");

        let code = json!({"system": "http://snomed.info/sct", "code": "38341003"});
        // A clinical fact may be known to the day only.
        let onset = time.replace("2030", "2020");
        let content = json!({"code": code, "onset": onset});
        let record = json!({"patient_id": ada.id, "record_type": "DIAGNOSIS", "content": content});
        let kept = vera.post("/v1/medical-records", record).await;
        if onset == "2020-01-07" {
            kept.expect(201);
        } else {
            kept.invalid("content.onset");
        }
    }
    for date in [
        "1990-5-17",
        "19900517",
        "1990-05-17T00:00:00Z",
        "+1990-05-17",
    ] {
        let body = json!({"date_of_birth": date});
        let searched = vera.post("/v1/patients/search", body).await;
        assert_eq!(
            message(&searched.invalid("date_of_birth")),
            "expected a day, month or year such as 1984-07-21, 1984-07 or 1984, in 1850 or later, for example 1984-07-21",
            "{date}"
        );
    }
    let booked = vera
        .post(
            "/v1/appointments",
            visit("2030-01-07t10:00:00.00000051+01:00"),
        )
        .await
        .expect(201);
    assert_eq!(booked.body["scheduled_at"], "2030-01-07T09:00:00.000001Z");
}

/// A page's cursor, with more behind it.
async fn cursor(caller: &Actor, path: &str) -> String {
    let page = caller.get(&format!("{path}?limit=1")).await.expect(200);
    page.body["next_cursor"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_cursor_is_valid_only_for_its_caller_and_its_list() {
    let world = World::new().await;
    let (vera, admin) = (world.provider("Vera").await, world.admin().await);
    for name in ["Ada", "Ben"] {
        let patient = world.patient(name).await;
        world
            .visit(
                &patient,
                &vera,
                if name == "Ada" {
                    "2030-01-07T09:00Z"
                } else {
                    "2030-01-08T09:00Z"
                },
                "SCHEDULED",
            )
            .await;
        world.note(&patient, &vera, "Well.").await;
    }
    let of_admin = cursor(&admin, "/v1/patients").await;
    let of_vera = cursor(&vera, "/v1/patients").await;
    let of_visits = cursor(&vera, "/v1/appointments").await;
    let of_records = cursor(&vera, "/v1/medical-records").await;
    for (caller, path, cursor) in [
        (&admin, "/v1/patients", &of_vera),
        (&*vera, "/v1/patients", &of_admin),
        (&*vera, "/v1/patients", &of_visits),
        // The cursors' keys have the same shape. Only the seal distinguishes them.
        (&*vera, "/v1/medical-records", &of_visits),
        (&*vera, "/v1/appointments", &of_records),
    ] {
        caller
            .get(&format!("{path}?cursor={cursor}"))
            .await
            .invalid("cursor");
    }
    for (caller, path, cursor) in [
        (&admin, "/v1/patients", &of_admin),
        (&*vera, "/v1/patients", &of_vera),
        (&*vera, "/v1/appointments", &of_visits),
        (&*vera, "/v1/medical-records", &of_records),
    ] {
        let answer = caller.get(&format!("{path}?cursor={cursor}")).await;
        assert_eq!(answer.expect(200).ids().len(), 1);
    }
    // A cursor continues a list with the same filter, however the request writes it, and with any limit.
    let list = "/v1/appointments?limit=1&status=SCHEDULED&include_archived=false";
    let page = vera.get(list).await.expect(200);
    let of_filter = page.body["next_cursor"].as_str().unwrap();
    let same = "include_archived=false&status=%53CHEDULED&limit=7";
    vera.get(&format!("/v1/appointments?{same}&cursor={of_filter}"))
        .await
        .expect(200);
    for other in [
        "status=COMPLETED&include_archived=false",
        "status=SCHEDULED",
    ] {
        vera.get(&format!("/v1/appointments?{other}&cursor={of_filter}"))
            .await
            .invalid("cursor");
    }
    // The cursor remains valid after its execution environment ended.
    world.restart("list-patients").await;
    admin
        .get(&format!("/v1/patients?cursor={of_admin}"))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_cursor_changed_at_any_position_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    for name in ["Ada", "Ben"] {
        world.patient(name).await;
    }
    let genuine = cursor(&admin, "/v1/patients").await;
    let length = genuine.len();
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let changed = {
        let genuine = genuine.clone();
        (0..length, 1..64_usize).prop_map(move |(at, by)| {
            let mut letters_of: Vec<u8> = genuine.bytes().collect();
            let place = letters
                .bytes()
                .position(|letter| letter == letters_of[at])
                .unwrap();
            letters_of[at] = letters.as_bytes()[(place + by) % 64];
            String::from_utf8(letters_of).unwrap()
        })
    };
    let cut = {
        let genuine = genuine.clone();
        (0..length).prop_map(move |at| genuine[..at].to_owned())
    };
    let grown = {
        let genuine = genuine.clone();
        (0..=length, "[A-Za-z0-9_-]{1,8}")
            .prop_map(move |(at, more)| format!("{}{more}{}", &genuine[..at], &genuine[at..]))
    };
    let tampered = prop_oneof![3 => changed, 1 => cut, 1 => grown];
    let mut runner = TestRunner::default();
    for _ in 0..200 {
        let tampered = tampered.new_tree(&mut runner).unwrap().current();
        if tampered == genuine {
            continue;
        }
        let answer = admin.get(&format!("/v1/patients?cursor={tampered}")).await;
        assert_eq!(
            answer.status, 422,
            "{tampered} for {genuine}: {}",
            answer.text
        );
    }
    admin
        .get(&format!("/v1/patients?cursor={genuine}"))
        .await
        .expect(200);
}

#[tokio::test]
async fn the_audit_row_limits_what_the_client_sent() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let long = "x".repeat(2000);
    let request = http::Request::builder()
        .uri(format!("{}/v1/me", world.cloud.url()))
        .header(
            "authorization",
            ada.request(Method::GET, "/").headers_ref().unwrap()["authorization"].clone(),
        )
        .header("user-agent", &long)
        // A client's own statement of its address is ignored.
        .header("x-forwarded-for", "203.0.113.7")
        .body(Full::default())
        .unwrap();
    let answer = ada.send_request(request).await.expect(200);
    let entry = world.audit_of(&answer).await.remove(0).entry;
    assert_eq!(entry.user_agent.unwrap(), long[..512]);
    assert_eq!(entry.source_ip.unwrap().to_string(), "127.0.0.1");
}

#[tokio::test]
async fn a_refusal_names_the_permission_that_is_missing() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let officer = world.officer().await;
    for (caller, path, permission) in [
        (&*ada, "/v1/audit-logs", "audit:read"),
        (&officer, "/v1/medical-records", "records:read"),
    ] {
        let answer = caller.get(path).await.problem(403, "forbidden");
        assert_eq!(answer.body["permission"], permission);
        let detail = format!("The caller's role lacks the permission {permission}.");
        assert_eq!(answer.body["detail"], detail.as_str());
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].entry.outcome.label(), "DENIED");
        assert_eq!(rows[0].entry.details["reason"], "forbidden");
    }
}
