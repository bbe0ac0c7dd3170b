//! Counts how often a function waits for PostgreSQL, on the connection between them.

use domain::time::{TimeDelta, Timestamp};
use http::Method;
use http::header::{CONTENT_TYPE, IF_MATCH};
use tests::link::Flush;
use tests::prelude::*;
use tests::world::named_statements;

const BEGIN: &str = "select user_id, role, relation, patient_id, left_out, source_system, sealed_size, emergency_patients";

async fn linked() -> World {
    World::with(Setup {
        link: true,
        ..Setup::default()
    })
    .await
}

fn begins(flush: &Flush, with: &[&str]) -> bool {
    flush.statements.len() == with.len()
        && flush
            .statements
            .iter()
            .zip(with)
            .all(|(statement, start)| statement.trim_start().starts_with(start))
}

#[tokio::test]
async fn an_audited_read_takes_one_round_trip_once_the_caller_is_known_and_the_first_also_connects()
{
    // A statement that is executed by its name has no text.
    let world = World::with(Setup {
        link: true,
        environment: [("NAMED_STATEMENTS", "false")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    let path = format!("/v1/patients/{}", ada.id);
    for request in ["first", "second", "third"] {
        world.link().clear();
        ada.get(&path).await.expect(200);
        let trips = world.link().round_trips();
        let expected: &[&[&str]] = if request == "first" {
            &[
                &["begin", BEGIN, "select id,"],
                &["select append_audit", "commit"],
            ]
        } else {
            &[&["select read.*, append_audit"]]
        };
        assert_eq!(trips.len(), expected.len(), "{request}: {trips:#?}");
        for (trip, expected) in trips.iter().zip(expected) {
            assert!(begins(trip, expected), "{request}: {trip:#?}");
        }
        let setup = world.link().flushes().len() - trips.len();
        // The four are the request for TLS, the start-up, and the two messages of SCRAM.
        assert_eq!(setup, if request == "first" { 4 } else { 0 }, "{request}");
    }
    assert_eq!(world.link().connections(), 1);
}

#[tokio::test]
async fn a_refusal_takes_two_more_round_trips_to_describe_and_record_what_was_refused() {
    let world = linked().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let path = format!("/v1/patients/{}", ada.id);
    // A row that a known caller doesn't see is looked for twice: at first with the audit row of a success.
    for expected in [3, 4] {
        world.link().clear();
        ben.get(&path).await.problem(404, "not-found");
        let trips = world.link().round_trips();
        assert_eq!(trips.len(), expected, "{trips:#?}");
    }
    assert_eq!(world.link().connections(), 1);
}

#[tokio::test]
async fn custom_data_costs_one_round_trip_unless_a_patch_omits_or_removes_it() {
    let world = linked().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let schema = json!({"schema": {"type": "object", "additionalProperties": true}});
    let path = "/v1/custom-data-schemas/patients";
    admin
        .send(Method::PUT, path, Some(schema))
        .await
        .expect(200);
    let path = format!("/v1/patients/{}", ada.id);
    for (version, patch, expected) in [
        (1, json!({"gender": "other"}), 3),
        (2, json!({"custom_data": {"badge": 7}}), 4),
        (3, json!({"gender": "female"}), 3),
        (4, json!({"custom_data": null}), 3),
    ] {
        world.link().clear();
        admin.patch(&path, version, patch).await.expect(200);
        let trips = world.link().round_trips();
        assert_eq!(trips.len(), expected, "{trips:#?}");
    }
}

/// Sends the request. A change is made from the current version.
async fn send(caller: &Actor, (method, path, body): (Method, String, Option<Value>)) -> Answer {
    let media_type = match method {
        Method::PATCH => "application/merge-patch+json",
        _ => "application/json",
    };
    let mut request = caller.request(method.clone(), &path);
    if method != Method::GET {
        request = request.header(IF_MATCH, "*");
    }
    let request = match body {
        Some(body) => request
            .header(CONTENT_TYPE, media_type)
            .body(body.to_string().into()),
        None => request.body(Default::default()),
    };
    caller.send_request(request.unwrap()).await
}

#[tokio::test]
async fn every_warm_endpoint_takes_one_or_two_round_trips_and_uses_built_in_types() {
    let world = World::with(Setup {
        link: true,
        environment: [("FILE_PART_SIZE".to_owned(), "5".to_owned())].into(),
        ..Setup::default()
    })
    .await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    world.assign(&ada, &vera).await;
    let note = world.note(&ada, &vera, "Well.").await;
    let mut holds = Vec::new();
    for _ in 0..2 {
        let hold = json!({"reason": "Case 7"});
        holds.push(admin.post("/v1/legal-holds", hold).await.expect(200).id());
    }
    let alert = world.alert(vera.user, None).await;
    let incidents = [
        world.incident(&[ada.id]).await,
        world.breach(&[ada.id]).await,
    ];
    let reviews = [world.activity_review().await, world.activity_review().await];
    let (mut requested, mut accepted, mut denied, mut disputed) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..2 {
        for _ in 0..3 {
            requested.push(world.amendment(note).await);
        }
        accepted.push(world.accepted_amendment(note).await);
        denied.push(world.denied_amendment(note).await);
        disputed.push(world.disputed_amendment(note).await);
    }
    let exports = [
        world.export(ada.id).await,
        world.export(ada.id).await,
        world.export(ada.id).await,
        world.export(ada.id).await,
    ];
    let ready = world.answered_export(ada.id).await;
    let denied_exports = [
        world.denied_export(ada.id).await,
        world.denied_export(ada.id).await,
    ];
    let reviewed_exports = [
        world.disputed_export(ada.id).await,
        world.disputed_export(ada.id).await,
    ];
    let disclosures = [
        world.disclosure(ada.id).await,
        world.disclosure(ada.id).await,
    ];
    let mut accountings = Vec::new();
    for _ in 0..4 {
        accountings.push(world.accounting(ada.id).await);
    }
    let disclosure = || {
        json!({
            "patient_id": ada.id, "disclosed_on": "2026-01-05", "recipient_name": "Department of Health",
            "description": "A result", "purpose": "A report", "basis": "PUBLIC_HEALTH"
        })
    };
    let webhooks = [Uuid::now_v7(), Uuid::now_v7()];
    let create =
        "insert into webhooks (id, url) select unnest($1::uuid[]), 'https://events.example.org'";
    world.sql(create, &[&&webhooks[..]]).await;
    let sealed = Uuid::from(world.audit_log().await.remove(0).entry.id);
    // A transaction of another test may hold back the rows after it.
    eventually("both rows are sealed", async || {
        world.seal().await;
        world.sealed_rows().await.len() == 2
    })
    .await;
    let mut notes = Vec::new();
    for text in ["One", "Two"] {
        notes.push(world.note(&ada, &vera, text).await);
    }
    let mut pictures = Vec::new();
    for _ in 0..3 {
        let body = announcement("PATIENT", ada.user, "image/png", files::PNG);
        let answer = ada.post("/v1/files", body).await.expect(201);
        ada.upload(&answer.body["upload"], files::PNG).await;
        pictures.push(answer.body["file"]["id"].as_str().unwrap().to_owned());
    }
    world.cloud.settled().await;
    let file = pictures.pop().unwrap();
    let (pending, _) = world.announced(&ada, "application/pdf", files::PDF).await;
    // The file is completed and processed here, so that this work isn't counted.
    let text = vec![b'x'; 6 * 1024 * 1024];
    let (sent, upload) = world.announced(&ada, "text/plain", &text).await;
    for (part, bytes) in text.chunks(5 * 1024 * 1024).enumerate() {
        ada.upload(&upload["parts"][part], bytes).await;
    }
    let complete = format!("/v1/files/{sent}/complete");
    ada.post_nothing(&complete).await.expect(200);
    world.cloud.settled().await;
    let users = [
        world.user("PATIENT", "Ben").await.user,
        world.user("PATIENT", "Cleo").await.user,
    ];
    let (another_admin, nina, nils) = (
        world.admin().await,
        world.user("NURSE", "Nina").await,
        world.user("NURSE", "Nils").await,
    );
    let links = [
        world
            .enter_representative(nina.user, &ada, "GUARDIAN", None)
            .await,
        world
            .enter_representative(nils.user, &ada, "GUARDIAN", None)
            .await,
    ];
    let proposed = [nina.user, nils.user];
    world
        .sql(
            "update user_profiles set awaits_approval = true, proposed_by = $1 where id = any ($2)",
            &[&another_admin.user, &&proposed[..]],
        )
        .await;
    let left = [world.patient("Dan").await, world.patient("Eve").await];
    let doctors = [
        world.user("PROVIDER", "Walt").await.user,
        world.user("PROVIDER", "Xenia").await.user,
    ];
    let mut past = Vec::new();
    for at in ["2020-01-07T09:00Z", "2020-01-08T09:00Z"] {
        past.push(world.visit(&ada, &vera, at, "SCHEDULED").await);
    }

    let (yara, zoe) = (world.provider("Yara").await, world.provider("Zoe").await);
    world
        .sql(
            "update providers set is_verified = false where id in ($1, $2)",
            &[&yara.id, &zoe.id],
        )
        .await;
    let leaving = [yara.id, zoe.id];
    let (mut done, mut to_come, mut called_off) = (Vec::new(), Vec::new(), Vec::new());
    let (mut came, mut missed) = (Vec::new(), Vec::new());
    for day in ["09T09:00Z", "10T09:00Z"] {
        let (before, ahead) = (format!("2020-01-{day}"), format!("2030-02-{day}"));
        done.push(world.visit(&ada, &vera, &before, "COMPLETED").await);
        to_come.push(world.visit(&ada, &vera, &ahead, "SCHEDULED").await);
        for (hour, visits) in [("10", &mut came), ("11", &mut missed)] {
            let at = before.replace("T09", &format!("T{hour}"));
            visits.push(world.visit(&ada, &vera, &at, "SCHEDULED").await);
        }
        called_off.push(world.visit(&ada, &vera, &before, "CANCELLED").await);
    }

    let found = [world.patient("Fay").await, world.patient("Gus").await];
    let (mut in_force, mut ended) = (Vec::new(), Vec::new());
    for patient in &found {
        let search = "insert into emergency_searches (member_id, patient_id) values ($1, $2)";
        world.sql(search, &[&vera.user, &patient.id]).await;
        in_force.push(world.emergency(patient.id, nina.user, "0 hours").await);
        ended.push(world.emergency(patient.id, nina.user, "5 hours").await);
    }

    // Each request is sent twice: the first warms the function up, the second is counted.
    let get = |path: String| [(Method::GET, path.clone(), None), (Method::GET, path, None)];
    let bare_post = |path: String| {
        [
            (Method::POST, path.clone(), None),
            (Method::POST, path, None),
        ]
    };
    let post = |path: &str, body: &dyn Fn(usize) -> Value| {
        [0, 1].map(|turn| (Method::POST, path.to_owned(), Some(body(turn))))
    };
    let role = json!({"description": "Helps", "permissions": {}});
    let made = admin
        .send(Method::PUT, "/v1/roles/SCRIBE", Some(role))
        .await;
    made.expect(200);
    let calls = [
        ("get-me", &*ada, get("/v1/me".into())),
        ("get-user", &*ada, get(format!("/v1/users/{}", ada.user))),
        (
            "get-patient",
            &*vera,
            get(format!("/v1/patients/{}", ada.id)),
        ),
        ("list-patients", &*vera, get("/v1/patients".into())),
        ("list-users", &admin, get("/v1/users".into())),
        ("list-roles", &admin, get("/v1/roles".into())),
        (
            "update-user",
            &*ada,
            [0, 1].map(|turn| {
                let patch = json!({"phone": format!("+1 555 010{turn}")});
                (
                    Method::PATCH,
                    format!("/v1/users/{}", ada.user),
                    Some(patch),
                )
            }),
        ),
        (
            "put-role",
            &admin,
            [0, 1].map(|_| {
                let role = json!({"description": "Helps", "permissions": {"users:read": "OWN"}});
                (Method::PUT, "/v1/roles/SCRIBE".to_owned(), Some(role))
            }),
        ),
        (
            "search-patients",
            &admin,
            post("/v1/patients/search", &|_| json!({"name": "Example"})),
        ),
        (
            "search-users",
            &admin,
            post("/v1/users/search", &|_| json!({"name": "Example"})),
        ),
        (
            "update-patient",
            &*vera,
            [0, 1].map(|turn| {
                let patch = json!({"health_goals": [{"description": format!("Goal {turn}")}]});
                (
                    Method::PATCH,
                    format!("/v1/patients/{}", ada.id),
                    Some(patch),
                )
            }),
        ),
        (
            "unassign-provider",
            &admin,
            [0, 1].map(|_| {
                let path = format!("/v1/patients/{}/providers/{}", left[0].id, vera.id);
                (Method::DELETE, path, None)
            }),
        ),
        (
            "delete-patient",
            &admin,
            [0, 1].map(|turn| {
                let path = format!("/v1/patients/{}", left[turn].id);
                (Method::DELETE, path, None)
            }),
        ),
        (
            "delete-user",
            &admin,
            [0, 1].map(|turn| {
                let path = format!("/v1/users/{}", left[turn].user);
                (Method::DELETE, path, None)
            }),
        ),
        (
            "get-provider",
            &*ada,
            get(format!("/v1/providers/{}", vera.id)),
        ),
        (
            "get-appointment",
            &*ada,
            get(format!("/v1/appointments/{}", past[0])),
        ),
        ("list-appointments", &*vera, get("/v1/appointments".into())),
        ("list-providers", &*ada, get("/v1/providers".into())),
        (
            "get-availability",
            &*ada,
            get(format!(
                "/v1/providers/{}/availability?from=2030-02-01T00:00:00Z&to=2030-02-03T00:00:00Z&duration_minutes=30",
                vera.id
            )),
        ),
        (
            "update-provider",
            &*vera,
            [0, 1].map(|turn| {
                let path = format!("/v1/providers/{}", vera.id);
                let patch = json!({"specialties": [format!("field {turn}")]});
                (Method::PATCH, path, Some(patch))
            }),
        ),
        (
            "approve-user",
            &admin,
            [0, 1].map(|turn| {
                let path = format!("/v1/users/{}/approve", proposed[turn]);
                (Method::POST, path, Some(json!({"is_approved": true})))
            }),
        ),
        (
            "verify-provider",
            &admin,
            [0, 1].map(|turn| {
                let path = format!("/v1/providers/{}/verify", leaving[turn]);
                (Method::POST, path, Some(json!({})))
            }),
        ),
        (
            "delete-provider",
            &admin,
            [0, 1].map(|turn| {
                let path = format!("/v1/providers/{}", leaving[turn]);
                (Method::DELETE, path, None)
            }),
        ),
        (
            "update-appointment",
            &*ada,
            [0, 1].map(|turn| {
                let path = format!("/v1/appointments/{}", to_come[turn]);
                (Method::PATCH, path, Some(json!({"notes": "Bring results"})))
            }),
        ),
        (
            "cancel-appointment",
            &*ada,
            [0, 1].map(|turn| {
                let path = format!("/v1/appointments/{}/cancel", to_come[turn]);
                (Method::POST, path, Some(json!({"reason": "Travelling"})))
            }),
        ),
        (
            "list-appointment-changes",
            &*ada,
            get(format!("/v1/appointments/{}/changes", to_come[0])),
        ),
        (
            "rate-appointment",
            &*ada,
            [0, 1].map(|turn| {
                let path = format!("/v1/appointments/{}/rate", done[turn]);
                (Method::POST, path, Some(json!({"rating": 5})))
            }),
        ),
        (
            "delete-appointment",
            &admin,
            [0, 1].map(|turn| {
                let path = format!("/v1/appointments/{}", called_off[turn]);
                (Method::DELETE, path, None)
            }),
        ),
        (
            "get-record",
            &*ada,
            get(format!("/v1/medical-records/{note}")),
        ),
        ("list-records", &*vera, get("/v1/medical-records".into())),
        ("get-file", &*ada, get(format!("/v1/files/{file}"))),
        ("list-audit-logs", &officer, get("/v1/audit-logs".into())),
        (
            "list-checkpoints",
            &officer,
            get("/v1/audit-checkpoints".into()),
        ),
        (
            "get-audit-proof",
            &officer,
            get(format!("/v1/audit-logs/{sealed}/proof")),
        ),
        (
            "list-chart-accesses",
            &*ada,
            get(format!("/v1/patients/{}/accesses", ada.id)),
        ),
        (
            "get-care-team",
            &*ada,
            get(format!("/v1/patients/{}/care", ada.id)),
        ),
        (
            "grant-care",
            &admin,
            [0, 1].map(|_| {
                let path = format!("/v1/patients/{}/care/{}", ada.id, vera.user);
                let until = Timestamp::now() + TimeDelta::days(9);
                (
                    Method::PUT,
                    path,
                    Some(json!({"basis": "COVER", "until": until})),
                )
            }),
        ),
        (
            "end-care",
            &admin,
            [0, 1].map(|_| {
                let path = format!("/v1/patients/{}/care/{}", ada.id, vera.user);
                (Method::DELETE, path, None)
            }),
        ),
        ("assign-provider", &admin, {
            let path = format!("/v1/patients/{}/providers/{}", ada.id, vera.id);
            [(Method::PUT, path.clone(), None), (Method::PUT, path, None)]
        }),
        (
            "create-user",
            &admin,
            post("/v1/users", &|turn| {
                json!({
                    "username": format!("new{turn}@example.org"),
                    "first_name": "New", "last_name": "Example", "role": "PATIENT"
                })
            }),
        ),
        (
            "create-patient",
            &admin,
            post("/v1/patients", &|turn| {
                json!({
                    "user_id": users[turn], "patient_number": format!("N-{turn}"),
                    "date_of_birth": "2000-01-01", "gender": "unknown"
                })
            }),
        ),
        (
            "create-provider",
            &admin,
            post("/v1/providers", &|turn| {
                json!({
                    "user_id": doctors[turn], "license_number": format!("N-{turn}"), "specialties": []
                })
            }),
        ),
        (
            "create-appointment",
            &*ada,
            post("/v1/appointments", &|turn| {
                json!({
                    "patient_id": ada.id, "provider_id": vera.id, "duration_minutes": 30,
                    "scheduled_at": format!("2030-01-0{}T09:00:00Z", turn + 1)
                })
            }),
        ),
        (
            "complete-appointment",
            &*vera,
            [0, 1].map(|turn| {
                (
                    Method::POST,
                    format!("/v1/appointments/{}/complete", past[turn]),
                    Some(json!({})),
                )
            }),
        ),
        (
            "check-in-appointment",
            &*vera,
            [0, 1].map(|turn| {
                let path = format!("/v1/appointments/{}/check-in", came[turn]);
                (Method::POST, path, None)
            }),
        ),
        (
            "mark-no-show",
            &*vera,
            [0, 1].map(|turn| {
                let path = format!("/v1/appointments/{}/no-show", missed[turn]);
                (Method::POST, path, None)
            }),
        ),
        (
            "create-record",
            &*vera,
            post("/v1/medical-records", &|_| {
                json!({
                    "patient_id": ada.id, "record_type": "NOTE", "content": {"text": "Well."}
                })
            }),
        ),
        (
            "update-record",
            &*vera,
            [0, 1].map(|turn| {
                (
                    Method::PATCH,
                    format!("/v1/medical-records/{}", notes[turn]),
                    Some(json!({"notes": "Seen", "change_reason": "Forgotten"})),
                )
            }),
        ),
        (
            "list-record-versions",
            &*vera,
            get(format!("/v1/medical-records/{}/versions", notes[0])),
        ),
        (
            "release-record",
            &*vera,
            [0, 1].map(|turn| {
                (
                    Method::PUT,
                    format!("/v1/medical-records/{}/release", notes[turn]),
                    Some(json!({"hold": null})),
                )
            }),
        ),
        (
            "delete-record",
            &*vera,
            [0, 1].map(|turn| {
                (
                    Method::DELETE,
                    format!("/v1/medical-records/{}", notes[turn]),
                    None,
                )
            }),
        ),
        ("list-files", &*ada, get("/v1/files".into())),
        (
            "update-file",
            &*ada,
            [0, 1].map(|turn| {
                (
                    Method::PATCH,
                    format!("/v1/files/{}", pictures[turn]),
                    Some(json!({"original_name": "picture.png"})),
                )
            }),
        ),
        (
            "delete-file",
            &*ada,
            [0, 1].map(|turn| {
                (
                    Method::DELETE,
                    format!("/v1/files/{}", pictures[turn]),
                    None,
                )
            }),
        ),
        (
            "find-emergency-patient",
            &*vera,
            post("/v1/emergency-access/search", &|_| {
                json!({"first_name": "Fay", "last_name": "Example", "date_of_birth": "1990-05-17"})
            }),
        ),
        (
            "grant-emergency-access",
            &*vera,
            post("/v1/emergency-access", &|turn| {
                let patient = found[turn].id;
                json!({"patient_id": patient, "reason": "OTHER", "explanation": "Fell", "hours": 1})
            }),
        ),
        (
            "list-emergency-access",
            &officer,
            get("/v1/emergency-access".into()),
        ),
        (
            "revoke-emergency-access",
            &officer,
            [0, 1].map(|turn| {
                let path = format!("/v1/emergency-access/{}/revoke", in_force[turn]);
                (Method::POST, path, None)
            }),
        ),
        (
            "review-emergency-access",
            &officer,
            [0, 1].map(|turn| {
                let path = format!("/v1/emergency-access/{}/review", ended[turn]);
                (Method::POST, path, Some(json!({"review": "APPROVED"})))
            }),
        ),
        (
            "place-legal-hold",
            &admin,
            post("/v1/legal-holds", &|_| json!({"reason": "Case 7"})),
        ),
        ("list-legal-holds", &admin, get("/v1/legal-holds".into())),
        ("list-events", &admin, get("/v1/events".into())),
        ("list-webhooks", &admin, get("/v1/webhooks".into())),
        (
            "put-webhook",
            &admin,
            [0, 1].map(|turn| {
                let webhook = json!({
                    "url": "https://events.example.org", "status": "ACTIVE", "description": format!("{turn}")
                });
                let path = format!("/v1/webhooks/{}", webhooks[0]);
                (Method::PUT, path, Some(webhook))
            }),
        ),
        (
            "rotate-webhook-secret",
            &admin,
            [0, 1].map(|turn| {
                let path = format!("/v1/webhooks/{}/secret", webhooks[turn]);
                (Method::PUT, path, None)
            }),
        ),
        (
            "test-webhook",
            &admin,
            bare_post(format!("/v1/webhooks/{}/test", webhooks[0])),
        ),
        (
            "replay-webhook",
            &admin,
            post(&format!("/v1/webhooks/{}/replay", webhooks[0]), &|_| {
                json!({"since": Timestamp::now() - TimeDelta::hours(1)})
            }),
        ),
        (
            "list-webhook-deliveries",
            &admin,
            get(format!("/v1/webhooks/{}/deliveries", webhooks[0])),
        ),
        (
            "delete-webhook",
            &admin,
            [0, 1].map(|turn| {
                let path = format!("/v1/webhooks/{}", webhooks[turn]);
                (Method::DELETE, path, None)
            }),
        ),
        (
            "get-access-statistics",
            &officer,
            get("/v1/access-statistics?group_by=outcome&from=2030-01-01&until=2030-01-02".into()),
        ),
        ("list-alerts", &officer, get("/v1/alerts".into())),
        ("get-alert", &officer, get(format!("/v1/alerts/{alert}"))),
        (
            "update-alert",
            &officer,
            ["ACKNOWLEDGED", "RESOLVED"].map(|status| {
                let patch = match status {
                    "RESOLVED" => json!({"status": status, "disposition": "JUSTIFIED", "reason": "Cover"}),
                    _ => json!({"status": status}),
                };
                (Method::PATCH, format!("/v1/alerts/{alert}"), Some(patch))
            }),
        ),
        ("list-alert-rules", &officer, get("/v1/alert-rules".into())),
        (
            "put-alert-rule",
            &officer,
            [0, 1].map(|turn| {
                let rule = json!({"threshold": 1 + turn, "weight": 40, "is_enabled": true});
                let path = "/v1/alert-rules/unexplained-access".to_owned();
                (Method::PUT, path, Some(rule))
            }),
        ),
        (
            "list-activity-reviews",
            &officer,
            get("/v1/activity-reviews".into()),
        ),
        (
            "get-activity-review",
            &officer,
            get(format!("/v1/activity-reviews/{}", reviews[0])),
        ),
        (
            "create-activity-review",
            &officer,
            post("/v1/activity-reviews", &|_| {
                json!({"covered_from": "2026-01-01", "covered_until": "2026-01-31"})
            }),
        ),
        (
            "sign-activity-review",
            &officer,
            reviews.map(|review| {
                let path = format!("/v1/activity-reviews/{review}/sign");
                let body = json!({"conclusion": "Nothing to object to"});
                (Method::POST, path, Some(body))
            }),
        ),
        (
            "record-disclosure",
            &officer,
            post("/v1/disclosures", &|_| disclosure()),
        ),
        ("list-disclosures", &officer, get("/v1/disclosures".into())),
        (
            "get-disclosure",
            &officer,
            get(format!("/v1/disclosures/{}", disclosures[0])),
        ),
        (
            "correct-disclosure",
            &officer,
            disclosures.map(|id| {
                let body = json!({"reason": "A typing error", "disclosure": disclosure()});
                let path = format!("/v1/disclosures/{id}/corrections");
                (Method::POST, path, Some(body))
            }),
        ),
        (
            "request-accounting",
            &*ada,
            post("/v1/accountings", &|_| json!({"patient_id": ada.id})),
        ),
        ("list-accountings", &*ada, get("/v1/accountings".into())),
        (
            "get-accounting",
            &*ada,
            get(format!("/v1/accountings/{}", accountings[0])),
        ),
        (
            "update-accounting",
            &*ada,
            ["2026-01-05", "2026-01-06"].map(|from| {
                let path = format!("/v1/accountings/{}", accountings[0]);
                (Method::PATCH, path, Some(json!({"covered_from": from})))
            }),
        ),
        (
            "extend-accounting",
            &officer,
            [0, 1].map(|turn| {
                let path = format!("/v1/accountings/{}/extend", accountings[turn]);
                let body = json!({"reason": "The archive is moving"});
                (Method::POST, path, Some(body))
            }),
        ),
        (
            "provide-accounting",
            &officer,
            [2, 3].map(|turn| {
                let path = format!("/v1/accountings/{}/provide", accountings[turn]);
                (Method::POST, path, None)
            }),
        ),
        (
            "get-accounting-report",
            &*ada,
            get(format!("/v1/accountings/{}/report", accountings[2])),
        ),
        ("list-incidents", &officer, get("/v1/incidents".into())),
        (
            "get-incident",
            &officer,
            get(format!("/v1/incidents/{}", incidents[0])),
        ),
        (
            "open-incident",
            &officer,
            post("/v1/incidents", &|_| json!({"summary": "A chart was read"})),
        ),
        (
            "update-incident",
            &officer,
            [0, 1].map(|turn| {
                let patch = json!({"summary": format!("{turn} charts were read")});
                let path = format!("/v1/incidents/{}", incidents[0]);
                (Method::PATCH, path, Some(patch))
            }),
        ),
        (
            "add-incident-accesses",
            &officer,
            post(
                &format!("/v1/incidents/{}/accesses", incidents[0]),
                &|_| {
                    json!({
                        "user_id": vera.user, "from": "2026-01-01T00:00:00Z",
                        "until": "2026-02-01T00:00:00Z"
                    })
                },
            ),
        ),
        (
            "list-incident-patients",
            &officer,
            get(format!("/v1/incidents/{}/patients", incidents[0])),
        ),
        (
            "update-incident-patient",
            &officer,
            [true, false].map(|is_excluded| {
                let path = format!("/v1/incidents/{}/patients/{}", incidents[0], ada.id);
                let body = json!({"is_excluded": is_excluded, "reason": "They had a visit"});
                (Method::PUT, path, Some(body))
            }),
        ),
        (
            "get-incident-letter",
            &officer,
            get(format!(
                "/v1/incidents/{}/patients/{}/letter",
                incidents[0], ada.id
            )),
        ),
        (
            "record-incident-notice",
            &officer,
            post(
                &format!("/v1/incidents/{}/notices", incidents[1]),
                &|_| {
                    let today = days_ago(0)[..10].to_owned();
                    json!({"recipient": "HHS", "means": "WEB_PORTAL", "sent_on": today})
                },
            ),
        ),
        (
            "shield-record",
            &*vera,
            [json!({"reason": "minor_consent"}), Value::Null].map(|shield| {
                let path = format!("/v1/medical-records/{note}/shield");
                (Method::PUT, path, Some(json!({"shield": shield})))
            }),
        ),
        (
            "create-representative",
            &admin,
            post("/v1/representatives", &|turn| {
                json!({
                    "patient_id": ada.id, "user_id": users[turn], "basis": "GUARDIAN", "scope": "READ",
                    "evidence": "A court order was seen"
                })
            }),
        ),
        (
            "list-representatives",
            &admin,
            get("/v1/representatives".into()),
        ),
        (
            "get-representative",
            &admin,
            get(format!("/v1/representatives/{}", links[0])),
        ),
        (
            "confirm-representative",
            &admin,
            links.map(|link| {
                let path = format!("/v1/representatives/{link}/confirm");
                (Method::POST, path, None)
            }),
        ),
        (
            "end-representative",
            &admin,
            links.map(|link| {
                let path = format!("/v1/representatives/{link}/end");
                (Method::POST, path, Some(json!({"reason": "It was revoked"})))
            }),
        ),
        (
            "create-export",
            &*ada,
            post("/v1/exports", &|_| json!({"patient_id": ada.id})),
        ),
        ("list-exports", &admin, get("/v1/exports".into())),
        (
            "get-export",
            &*ada,
            get(format!("/v1/exports/{}", exports[0])),
        ),
        (
            "get-export-package",
            &*ada,
            get(format!("/v1/exports/{ready}/package")),
        ),
        (
            "get-export-letter",
            &*ada,
            get(format!("/v1/exports/{}/letter", denied_exports[0])),
        ),
        (
            "extend-export",
            &admin,
            [0, 1].map(|turn| {
                let path = format!("/v1/exports/{}/extend", exports[turn]);
                (Method::POST, path, Some(json!({"reason": "Holidays"})))
            }),
        ),
        (
            "deny-export",
            &*vera,
            [2, 3].map(|turn| {
                let path = format!("/v1/exports/{}/deny", exports[turn]);
                let body = json!({"ground": "RESEARCH", "basis": "It goes on"});
                (Method::POST, path, Some(body))
            }),
        ),
        (
            "request-export-review",
            &*ada,
            denied_exports.map(|export| {
                let path = format!("/v1/exports/{export}/request-review");
                (Method::POST, path, None)
            }),
        ),
        (
            "review-export",
            &*vera,
            reviewed_exports.map(|export| {
                let path = format!("/v1/exports/{export}/review");
                let body = json!({"outcome": "UPHELD", "basis": "It is right"});
                (Method::POST, path, Some(body))
            }),
        ),
        (
            "request-amendment",
            &*ada,
            post("/v1/amendments", &|_| {
                json!({
                    "patient_id": ada.id, "record_id": note, "statement": "It says that I smoke.",
                    "correction": "I have never smoked.", "reason": "A mistake"
                })
            }),
        ),
        (
            "receive-amendment",
            &*vera,
            post("/v1/amendments/received", &|_| {
                json!({
                    "patient_id": ada.id, "record_id": note, "told_by": "Sample Hospital",
                    "addendum": "Never smoked"
                })
            }),
        ),
        ("list-amendments", &*vera, get("/v1/amendments".into())),
        (
            "get-amendment",
            &*ada,
            get(format!("/v1/amendments/{}", requested[0])),
        ),
        (
            "get-amendment-letter",
            &*vera,
            get(format!("/v1/amendments/{}/letter", denied[0])),
        ),
        (
            "extend-amendment",
            &*vera,
            [0, 1].map(|turn| {
                let path = format!("/v1/amendments/{}/extend", requested[turn]);
                (Method::POST, path, Some(json!({"reason": "Holidays"})))
            }),
        ),
        (
            "accept-amendment",
            &*vera,
            [2, 3].map(|turn| {
                let path = format!("/v1/amendments/{}/accept", requested[turn]);
                (Method::POST, path, Some(json!({"addendum": "Never smoked"})))
            }),
        ),
        (
            "deny-amendment",
            &*vera,
            [4, 5].map(|turn| {
                let path = format!("/v1/amendments/{}/deny", requested[turn]);
                let body = json!({"ground": "ACCURATE_AND_COMPLETE", "basis": "It was asked twice"});
                (Method::POST, path, Some(body))
            }),
        ),
        (
            "disagree-with-denial",
            &*ada,
            [0, 1].map(|turn| {
                let path = format!("/v1/amendments/{}/disagree", denied[turn]);
                (Method::POST, path, Some(json!({"statement": "I disagree"})))
            }),
        ),
        (
            "rebut-disagreement",
            &*vera,
            [0, 1].map(|turn| {
                let path = format!("/v1/amendments/{}/rebut", disputed[turn]);
                (Method::POST, path, Some(json!({"rebuttal": "It was asked again"})))
            }),
        ),
        (
            "add-amendment-recipient",
            &*ada,
            post(&format!("/v1/amendments/{}/recipients", accepted[0]), &|_| {
                json!({"source": "NAMED", "name": "Dr. Sample"})
            }),
        ),
        (
            "record-informed-recipient",
            &*vera,
            [0, 1].map(|turn| {
                let path = format!("/v1/amendments/{}/informed", accepted[turn]);
                let today = days_ago(0)[..10].to_owned();
                let body = json!({"recipient_id": accepted[turn], "informed_on": today, "means": "Letter"});
                (Method::POST, path, Some(body))
            }),
        ),
        (
            "release-legal-hold",
            &admin,
            [0, 1].map(|turn| {
                let path = format!("/v1/legal-holds/{}/release", holds[turn]);
                (Method::POST, path, Some(json!({"reason": "Closed"})))
            }),
        ),
        (
            "get-retention-report",
            &admin,
            get("/v1/retention-report".into()),
        ),
        (
            "put-retention-rule",
            &admin,
            [0, 1].map(|turn| {
                let rule = json!({
                    "adult_years": 20 + turn, "majority_age": 18, "minor_years": 10, "reason": "Obstetrics"
                });
                (
                    Method::PUT,
                    "/v1/retention-rules/FILE".to_owned(),
                    Some(rule),
                )
            }),
        ),
        (
            "put-custom-data-schema",
            &admin,
            [0, 1].map(|turn| {
                (
                    Method::PUT,
                    "/v1/custom-data-schemas/patients".to_owned(),
                    Some(json!({"schema": {"type": "object", "title": format!("{turn}")}})),
                )
            }),
        ),
        (
            "get-custom-data-schema",
            &admin,
            get("/v1/custom-data-schemas/patients".into()),
        ),
        (
            "create-file",
            &*ada,
            post("/v1/files", &|_| {
                announcement("PATIENT", ada.user, "image/png", files::PNG)
            }),
        ),
        (
            "renew-upload",
            &*ada,
            bare_post(format!("/v1/files/{pending}/upload")),
        ),
        ("complete-file", &*ada, bare_post(complete)),
    ];
    // These functions open no transaction, or nobody waits for them.
    let mut counted = vec![
        "answer-unknown-route",
        "apply-retention",
        "archive-audit",
        "asyncapi",
        "build-exports",
        "count-refused-tokens",
        "deliver-webhooks",
        "docs",
        "ensure-audit-partitions",
        "expire-events",
        "expire-idempotency-keys",
        "expire-uploads",
        "get-problem",
        "health",
        "list-problems",
        "openapi",
        "process-scan-result",
        "process-upload",
        "publish-events",
        "remind-appointments",
        "review-access",
        "seal-audit",
    ];
    for (function, caller, [warm_up, call]) in calls {
        // A change reads the current row first, which takes one more round trip.
        let most = match warm_up.0 {
            _ if ["unassign-provider", "end-care"].contains(&function) => 2,
            _ if [
                "release-record",
                "shield-record",
                "put-role",
                "put-alert-rule",
                "put-webhook",
                "rotate-webhook-secret",
                "put-custom-data-schema",
                "renew-upload",
                "verify-provider",
                "approve-user",
                "sign-activity-review",
            ]
            .contains(&function) =>
            {
                3
            }
            Method::PATCH | Method::DELETE => 3,
            // Their audit rows are known before the rows are read.
            _ if ["get-me", "get-user", "get-patient", "get-provider"].contains(&function) => 1,
            _ => 2,
        };
        let answer = send(caller, warm_up).await;
        assert!(answer.status < 300, "{function}: {}", answer.text);
        world.link().clear();
        let answer = send(caller, call).await;
        assert!(answer.status < 300, "{function}: {}", answer.text);
        let trips = world.link().round_trips();
        assert_eq!(
            trips.len(),
            most,
            "{function} may take {most} round trips. Read everything in one statement, or say in this test why it \
             needs more: {trips:#?}"
        );

        // The function logs the same number.
        let line = world
            .cloud
            .logs(function)
            .wait_until(
                |line| line.contains("request answered") && line.contains(answer.request_id()),
                PATIENCE,
            )
            .await
            .expect("a line for each request");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["round_trips"], most, "{function}");
        counted.push(function);
    }

    // A named statement fails under the strictest pooler. A type that isn't built in costs a query.
    if !named_statements() {
        assert_eq!(world.link().named_statements(), Vec::<String>::new());
    }
    let ours: Vec<_> = world
        .link()
        .column_types()
        .into_iter()
        .filter(|oid| *oid >= 16_384)
        .collect();
    assert!(ours.is_empty(), "{ours:?}");

    let all: Vec<_> = tests::world::template()
        .functions
        .iter()
        .map(|function| function.package.as_str())
        .collect();
    let missing: Vec<_> = all.iter().filter(|name| !counted.contains(name)).collect();
    assert!(
        missing.is_empty(),
        "no request is counted for {missing:?}. Add two requests of each to `calls` in this test: the first warms \
         the function up, the second is counted"
    );
    counted.retain(|name| !all.contains(name));
    assert!(
        counted.is_empty(),
        "template.yaml has no function {counted:?}: remove it from this test"
    );
}

#[tokio::test]
async fn an_upload_is_processed_in_two_transactions_of_two_round_trips() {
    let world = linked().await;
    let ada = world.patient("Ada").await;
    let mut announced = Vec::new();
    for _ in 0..2 {
        let body = announcement("PATIENT", ada.user, "image/png", files::PNG);
        announced.push(ada.post("/v1/files", body).await.expect(201));
    }
    for (index, answer) in announced.iter().enumerate() {
        world.link().clear();
        ada.upload(&answer.body["upload"], files::PNG).await;
        world.cloud.settled().await;
        let trips = world.link().round_trips();
        assert_eq!(trips.len(), 4, "{index}: {trips:#?}");
    }
}
