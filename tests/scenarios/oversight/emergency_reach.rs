//! Emergency access lets a clinician read one chart and add records of their own to it. It allows nothing else, and after
//! its end it allows nothing at all.

use audit::{PurposeOfUse, Relation};
use http::Method;
use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request;

use super::{PATH, age_accesses, find, granted};

/// Kim's chart, which Walt has in care and nobody else.
struct Chart {
    kim: Patient,
    walt: Provider,
    visit: Uuid,
    note: Uuid,
    held_note: Uuid,
    file: Uuid,
}

impl Chart {
    async fn new(world: &World) -> Self {
        let (kim, walt) = (world.patient("Kim").await, world.provider("Walt").await);
        world.assign(&kim, &walt).await;
        let note = world.note(&kim, &walt, "Well.").await;
        let held_note = world.note(&kim, &walt, "Later.").await;
        world.hold(held_note, &walt, "1 day").await;
        Self {
            visit: world
                .visit(&kim, &walt, "2030-01-07T09:00:00Z", "SCHEDULED")
                .await,
            file: world.uploaded(&kim, "application/pdf", files::PDF).await,
            kim,
            walt,
            note,
            held_note,
        }
    }

    /// The requests that read one resource of the chart.
    fn reads(&self) -> Vec<String> {
        let (patient, visit, note) = (self.kim.id, self.visit, self.note);
        vec![
            format!("/v1/patients/{patient}"),
            format!("/v1/patients/{patient}/care"),
            format!("/v1/appointments/{visit}"),
            format!("/v1/appointments/{visit}/changes"),
            format!("/v1/medical-records/{note}"),
            format!("/v1/medical-records/{}", self.held_note),
            format!("/v1/medical-records/{note}/versions"),
            format!("/v1/files/{}", self.file),
        ]
    }

    /// The lists of the chart, and how much each contains.
    fn lists(&self) -> Vec<(String, usize)> {
        let of = |collection| format!("/v1/{collection}?patient_id={}", self.kim.id);
        vec![
            (of("appointments"), 1),
            (of("medical-records"), 2),
            (of("files"), 1),
        ]
    }

    /// A note for the chart.
    fn new_note(&self) -> Value {
        json!({"patient_id": self.kim.id, "record_type": "NOTE", "content": {"text": "Stable."}})
    }

    /// The changes of the chart that a member of the care team may make or must not make, except new records.
    fn changes(&self, caller: &Provider, other: Uuid) -> Vec<(Method, String, Option<Value>)> {
        let (patient, visit) = (self.kim.id, self.visit);
        let appointment = |step: &str| format!("/v1/appointments/{visit}{step}");
        let note = format!("/v1/medical-records/{}", self.note);
        let file = format!("/v1/files/{}", self.file);
        let care = format!("/v1/patients/{patient}/care/{other}");
        let until = (domain::time::Timestamp::now() + domain::time::TimeDelta::days(1)).to_string();
        let mut held_file = announcement("PATIENT", self.kim.user, "application/pdf", files::PDF);
        held_file["record_id"] = json!(self.note);
        vec![
            (
                Method::PATCH,
                format!("/v1/patients/{patient}"),
                Some(json!({"allergies": null})),
            ),
            (
                Method::PATCH,
                format!("/v1/patients/{patient}"),
                Some(json!({"gender": "other"})),
            ),
            (
                Method::POST,
                "/v1/appointments".to_owned(),
                Some(json!({
                    "patient_id": patient, "provider_id": caller.id, "scheduled_at": "2030-02-07T09:00:00Z",
                    "duration_minutes": 30
                })),
            ),
            (
                Method::PATCH,
                appointment(""),
                Some(json!({"notes": "Bring reports"})),
            ),
            (
                Method::POST,
                appointment("/cancel"),
                Some(json!({"reason": "Ill"})),
            ),
            (Method::POST, appointment("/complete"), Some(json!({}))),
            (Method::POST, appointment("/check-in"), None),
            (Method::POST, appointment("/no-show"), None),
            (
                Method::PATCH,
                note.clone(),
                Some(json!({"notes": "Worse", "change_reason": "Seen"})),
            ),
            (Method::DELETE, note.clone(), None),
            (
                Method::PUT,
                format!("{note}/release"),
                Some(json!({"hold": {
                    "reason": "privacy", "expires_at": until
                }})),
            ),
            (
                Method::PUT,
                format!("/v1/medical-records/{}/release", self.held_note),
                Some(json!({"hold": null})),
            ),
            (
                Method::POST,
                "/v1/files".to_owned(),
                Some(announcement(
                    "PATIENT",
                    self.kim.user,
                    "application/pdf",
                    files::PDF,
                )),
            ),
            (Method::POST, "/v1/files".to_owned(), Some(held_file)),
            (
                Method::PATCH,
                file.clone(),
                Some(json!({"original_name": "x.pdf"})),
            ),
            (Method::DELETE, file, None),
            (
                Method::PUT,
                care.clone(),
                Some(json!({"basis": "COVER", "until": until})),
            ),
            (
                Method::DELETE,
                format!("/v1/patients/{patient}/care/{}", self.walt.user),
                None,
            ),
        ]
    }
}

/// Sends a change of the current version.
async fn send(caller: &Actor, (method, path, body): (Method, String, Option<Value>)) -> Answer {
    let media_type = match method {
        Method::PATCH => "application/merge-patch+json",
        _ => "application/json",
    };
    let mut request = caller.request(method, &path).header("if-match", "*");
    if body.is_some() {
        request = request.header("content-type", media_type);
    }
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    caller
        .send_request(request.body(body.into()).unwrap())
        .await
}

/// Asserts that the one row of the answer is a success about Kim in this relation.
async fn succeeded_as(world: &World, answer: &Answer, kim: &Patient, relation: Relation) {
    let rows = world.audit_of(answer).await;
    let [row] = &rows[..] else {
        panic!("{} rows of {}", rows.len(), answer.text)
    };
    let named: Vec<Uuid> = row.entry.patients.iter().map(|id| (*id).into()).collect();
    assert_eq!(named, [kim.id], "{row:?}");
    assert_eq!(row.entry.outcome.label(), "SUCCESS", "{row:?}");
    assert_eq!(row.entry.relation, Some(relation), "{row:?}");
    let purpose = match relation {
        Relation::Emergency => PurposeOfUse::Btg,
        _ => PurposeOfUse::Treat,
    };
    assert_eq!(row.entry.purpose_of_use, Some(purpose), "{row:?}");
    assert!(row.is_intact(), "{row:?}");
}

/// Asserts that the caller reads the chart in this relation. Twice, because an environment knows the caller then.
async fn reads_as(world: &World, chart: &Chart, caller: &Actor, relation: Relation) {
    for path in chart.reads() {
        for _ in 0..2 {
            let answer = caller.get(&path).await.expect(200);
            succeeded_as(world, &answer, &chart.kim, relation).await;
        }
    }
    for (path, count) in chart.lists() {
        let answer = caller.get(&path).await.expect(200);
        assert_eq!(answer.ids().len(), count, "{path}");
        succeeded_as(world, &answer, &chart.kim, relation).await;
    }
}

/// Asserts that the caller reads nothing of the chart and adds nothing to it.
async fn reaches_nothing(world: &World, chart: &Chart, caller: &Actor) {
    for path in chart.reads() {
        let answer = caller.get(&path).await.problem(404, "not-found");
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows.len(), 1, "{path}");
        assert_eq!(rows[0].entry.outcome.label(), "DENIED", "{path}");
        assert_eq!(rows[0].entry.relation, None, "{path}");
    }
    for (path, _) in chart.lists() {
        assert!(
            caller.get(&path).await.expect(200).ids().is_empty(),
            "{path}"
        );
    }
    let before = world.stored().await;
    let answer = caller.post("/v1/medical-records", chart.new_note()).await;
    answer.problem(404, "not-found");
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn emergency_access_reads_the_chart_and_each_row_says_so() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    let (vera, nora) = (
        world.provider("Vera").await,
        world.user("NURSE", "Nora").await,
    );
    for caller in [&*vera, &nora] {
        reaches_nothing(&world, &chart, caller).await;
        granted(caller, &chart.kim).await;
        reads_as(&world, &chart, caller, Relation::Emergency).await;
    }
    let answer = vera.get(&chart.reads()[0]).await.expect(200);
    assert_eq!(answer.body["allergies"][0]["criticality"], "high");
    assert_eq!(answer.body["first_name"], "Kim");
    // Walt, who has Kim in care, is recorded as before.
    reads_as(&world, &chart, &chart.walt, Relation::Care).await;
}

#[tokio::test]
async fn the_care_team_says_who_has_emergency_access() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    let vera = world.provider("Vera").await;
    let id = granted(&vera, &chart.kim).await;
    let path = format!("/v1/patients/{}/care", chart.kim.id);
    let team = chart.kim.get(&path).await.expect(200);
    let members = team.body["members"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    let member = members
        .iter()
        .find(|member| member["user_id"] == json!(vera.user))
        .unwrap();
    assert_eq!(member["basis"], "EMERGENCY");
    assert_eq!(member["first_name"], "Vera");
    assert_eq!(member["is_suspended"], false);
    assert_eq!(member["reason"], Value::Null);
    assert!(member["until"].is_string());
    let revoke = format!("{PATH}/{id}/revoke");
    vera.post_nothing(&revoke).await.expect(200);
    let team = chart.kim.get(&path).await.expect(200);
    assert_eq!(team.body["members"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn emergency_access_adds_records_of_ones_own_and_changes_none() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    let (vera, nora) = (
        world.provider("Vera").await,
        world.user("NURSE", "Nora").await,
    );
    for (caller, provider) in [(&*vera, json!(vera.id)), (&nora, Value::Null)] {
        granted(caller, &chart.kim).await;
        let until = (domain::time::Timestamp::now() + domain::time::TimeDelta::days(1)).to_string();
        for hold in [
            Value::Null,
            json!({"reason": "privacy", "expires_at": until}),
        ] {
            let mut note = chart.new_note();
            note["hold"] = hold.clone();
            let answer = caller.post("/v1/medical-records", note).await.expect(201);
            assert_eq!(answer.body["provider_id"], provider);
            succeeded_as(&world, &answer, &chart.kim, Relation::Emergency).await;
            let stored = "select changed_by, is_patient_visible from medical_records where id = $1";
            assert_eq!(
                world.row(stored, &[&answer.id()]).await,
                json!({"changed_by": caller.user, "is_patient_visible": hold.is_null()})
            );
            let own = format!("/v1/medical-records/{}", answer.id());
            let change = json!({"notes": "Better", "change_reason": "Seen"});
            caller
                .patch(&own, 1, change)
                .await
                .problem(404, "not-found");
            caller.delete(&own, 1).await.problem(404, "not-found");
        }
    }
    let mut foreign = chart.new_note();
    foreign["provider_id"] = json!(chart.walt.id);
    vera.post("/v1/medical-records", foreign)
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn emergency_access_changes_nothing_else() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    let (vera, xena) = (world.provider("Vera").await, world.provider("Xena").await);
    let nora = world.user("NURSE", "Nora").await;
    for caller in [&*vera, &nora] {
        granted(caller, &chart.kim).await;
        let before = world.stored().await;
        for other in [xena.user, caller.user] {
            for change in chart.changes(&vera, other) {
                let what = format!("{change:?}");
                let answer = send(caller, change).await;
                assert!(
                    [403, 404].contains(&answer.status),
                    "{what}: {}",
                    answer.text
                );
                let rows = world.audit_of(&answer).await;
                assert_eq!(rows.len(), 1, "{what}");
                assert_eq!(rows[0].entry.outcome.label(), "DENIED", "{what}");
                assert_eq!(world.stored().await, before, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn no_list_over_other_patients_contains_the_chart() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    let (vera, ada) = (world.provider("Vera").await, world.patient("Ada").await);
    world.assign(&ada, &vera).await;
    let note = world.note(&ada, &vera, "Well.").await;
    granted(&vera, &chart.kim).await;
    for (path, expected) in [
        ("/v1/patients".to_owned(), vec![ada.id]),
        (format!("/v1/patients?user_id={}", chart.kim.user), vec![]),
        ("/v1/medical-records".to_owned(), vec![note]),
        (
            format!("/v1/medical-records?appointment_id={}", chart.visit),
            vec![],
        ),
        ("/v1/appointments".to_owned(), vec![]),
        (
            format!("/v1/appointments?provider_id={}", chart.walt.id),
            vec![],
        ),
        ("/v1/files".to_owned(), vec![]),
        (format!("/v1/files?owner_id={}", chart.kim.user), vec![]),
    ] {
        let answer = vera.get(&path).await.expect(200);
        assert_eq!(answer.ids(), expected, "{path}");
    }
    let search = json!({"name": "Kim Example"});
    let found = vera.post("/v1/patients/search", search).await.expect(200);
    assert!(found.ids().is_empty());
    // Ada is in care, and her rows say so.
    let answer = vera
        .get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    succeeded_as(&world, &answer, &ada, Relation::Care).await;
    // Another patient stays out of reach.
    let lou = world.patient("Lou").await;
    vera.get(&format!("/v1/patients/{}", lou.id))
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn after_its_end_emergency_access_reaches_nothing() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    let vera = world.provider("Vera").await;
    let officer = world.officer().await;
    // It ends by itself.
    granted(&vera, &chart.kim).await;
    reads_as(&world, &chart, &vera, Relation::Emergency).await;
    age_accesses(&world, "2 hours").await;
    reaches_nothing(&world, &chart, &vera).await;
    // It is revoked.
    let id = granted(&vera, &chart.kim).await;
    reads_as(&world, &chart, &vera, Relation::Emergency).await;
    let revoke = format!("{PATH}/{id}/revoke");
    officer.post_nothing(&revoke).await.expect(200);
    reaches_nothing(&world, &chart, &vera).await;
    // The licence is withdrawn, and verified again.
    granted(&vera, &chart.kim).await;
    let verify = "update providers set is_verified = $2 where id = $1";
    world.sql(verify, &[&vera.id, &false]).await;
    reaches_nothing(&world, &chart, &vera).await;
    world.sql(verify, &[&vera.id, &true]).await;
    reads_as(&world, &chart, &vera, Relation::Emergency).await;
    // The account is suspended.
    let account = "update user_profiles set status = $2::text::user_status where id = $1";
    world.sql(account, &[&vera.user, &"SUSPENDED"]).await;
    for path in chart.reads() {
        vera.get(&path).await.problem(403, "forbidden");
    }
    world.sql(account, &[&vera.user, &"ACTIVE"]).await;
    // The role has no emergency access any more.
    let withdrawn = "delete from role_permissions where role = 'PROVIDER' and permission = 'emergency-access:write'";
    world.sql(withdrawn, &[]).await;
    reaches_nothing(&world, &chart, &vera).await;
    let given = "insert into role_permissions values ('PROVIDER', 'emergency-access:write', 'ALL')";
    world.sql(given, &[]).await;
    // The patient is archived, which never leaves a visit to come.
    world
        .sql("update appointments set status = 'CANCELLED'", &[])
        .await;
    let archive = "update patients set is_archived = true, archived_at = now() where id = $1";
    world.sql(archive, &[&chart.kim.id]).await;
    reaches_nothing(&world, &chart, &vera).await;
}

#[tokio::test]
async fn whoever_gets_the_patient_into_care_acts_in_care_from_then_on() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    let vera = world.provider("Vera").await;
    granted(&vera, &chart.kim).await;
    reads_as(&world, &chart, &vera, Relation::Emergency).await;
    world.grant(&chart.kim, vera.user, "COVER", "1 day").await;
    reads_as(&world, &chart, &vera, Relation::Care).await;
    find(&vera, "Kim").await.expect(200);
}

#[tokio::test]
async fn row_level_security_alone_gives_the_same_and_nothing_after_the_end() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    let (vera, xena) = (world.provider("Vera").await, world.provider("Xena").await);
    let (kim, note) = (chart.kim.id, chart.note);
    let reads = [
        ("patients", 1),
        ("appointments", 1),
        ("appointment_changes", 1),
        ("medical_records", 2),
        ("record_releases", 1),
        ("file_metadata", 1),
        ("care_relations", 2),
        ("emergency_accesses", 1),
    ];
    let writes = [
        "update patients set allergies = null".to_owned(),
        "update patients set updated_at = now()".to_owned(),
        "update appointments set notes = 'x'".to_owned(),
        "update medical_records set notes = 'x', change_reason = 'x'".to_owned(),
        "update file_metadata set original_name = 'x'".to_owned(),
        "update care_relations set until = now()".to_owned(),
        format!(
            "insert into care_relations (member_id, patient_id, basis, source, until)
             values ('{0}', '{kim}', 'COVER', '{0}', now() + interval '1 day')",
            xena.user
        ),
        format!(
            "insert into care_relations (member_id, patient_id, basis, source, until)
             values ('{0}', '{kim}', 'EMERGENCY', '{0}', now() + interval '1 day')",
            vera.user
        ),
        format!(
            "insert into record_releases (id, record_id, patient_id) values (gen_random_uuid(), '{note}', '{kim}')"
        ),
        format!(
            "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes)
             values (gen_random_uuid(), '{kim}', '{}', '2030-02-07T09:00Z', 30)",
            vera.id
        ),
        format!(
            "insert into medical_records (id, patient_id, provider_id, record_type, content)
             values (gen_random_uuid(), '{kim}', '{}', 'NOTE', '{{}}')",
            chart.walt.id
        ),
    ];
    let own = format!(
        "insert into medical_records (id, patient_id, provider_id, record_type, content)
         values (gen_random_uuid(), '{kim}', '{}', 'NOTE', '{{}}')",
        vera.id
    );
    let app = world.connect_as(PEOPLE).await;
    for ends in [false, true] {
        if ends {
            age_accesses(&world, "2 hours").await;
        } else {
            granted(&vera, &chart.kim).await;
        }
        app.batch_execute("begin").await.unwrap();
        begin_request(&app, &vera, "patients:read").await.unwrap();
        for (table, count) in reads {
            let rows = app
                .query(&format!("select from {table}"), &[])
                .await
                .unwrap();
            let expected = if ends && table != "emergency_accesses" {
                0
            } else {
                count
            };
            assert_eq!(rows.len(), expected, "{table}");
        }
        for statement in &writes {
            app.batch_execute("savepoint before").await.unwrap();
            let done = app.execute(statement, &[]).await;
            app.batch_execute("rollback to before").await.unwrap();
            let changed = done.map_err(|error| error.code().unwrap().code().to_owned());
            assert!(
                [Ok(0), Err("42501".to_owned())].contains(&changed),
                "{statement}: {changed:?}"
            );
        }
        let added = app.execute(&own, &[]).await;
        assert_eq!(added.is_ok(), !ends, "{added:?}");
        app.batch_execute("rollback").await.unwrap();
    }
}
