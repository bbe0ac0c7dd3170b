//! The reach OWN covers oneself and the patients whom one represents, for as long as one represents them.

use audit::{PurposeOfUse, Relation};
use tests::audit::Expected;
use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request;

/// Asserts that the answer has this audit row, and that the actor acted in this relation.
async fn audited_as(world: &World, answer: &Answer, row: Expected, relation: Relation) {
    let entry = world.audited(answer, row).await.entry;
    assert_eq!(entry.relation, Some(relation), "{entry:?}");
    let purpose = match relation {
        Relation::Representation => PurposeOfUse::Famrqt,
        _ => PurposeOfUse::Patrqt,
    };
    assert_eq!(entry.purpose_of_use, Some(purpose), "{entry:?}");
}

/// A child's chart.
struct Chart {
    kim: Patient,
    vera: Provider,
    visit: Uuid,
    note: Uuid,
    held_note: Uuid,
    file: Uuid,
    held_file: Uuid,
}

impl Chart {
    async fn new(world: &World) -> Self {
        let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
        world.assign(&kim, &vera).await;
        let note = world.note(&kim, &vera, "Well.").await;
        let held_note = world.note(&kim, &vera, "Later.").await;
        world.hold(held_note, &vera, "1 day").await;
        let file = world.uploaded(&kim, "application/pdf", files::PDF).await;
        let held_file = world.uploaded(&kim, "image/png", files::PNG).await;
        let attach = "update file_metadata set record_id = $2 where id = $1";
        world.sql(attach, &[&held_file, &held_note]).await;
        Self {
            visit: world
                .visit(&kim, &vera, "2030-01-07T09:00:00Z", "SCHEDULED")
                .await,
            kim,
            vera,
            note,
            held_note,
            file,
            held_file,
        }
    }

    /// The requests that read one resource of the chart, with their audit rows.
    fn reads(&self, caller: &Actor) -> Vec<(String, Expected)> {
        let row = |name, action, kind, id: Uuid| {
            let row = audit(name, action, kind).by(caller);
            row.resource(id).patient(self.kim.id)
        };
        let (patient, visit, note) = (self.kim.id, self.visit, self.note);
        vec![
            (
                format!("/v1/patients/{patient}"),
                row("get-patient", "READ", "PATIENT", patient),
            ),
            (
                format!("/v1/patients/{patient}/care"),
                row("get-care-team", "READ", "PATIENT", patient),
            ),
            (
                format!("/v1/appointments/{visit}"),
                row("get-appointment", "READ", "APPOINTMENT", visit),
            ),
            (
                format!("/v1/appointments/{visit}/changes"),
                row("list-appointment-changes", "READ", "APPOINTMENT", visit),
            ),
            (
                format!("/v1/medical-records/{note}"),
                row("get-record", "READ", "MEDICAL_RECORD", note),
            ),
            (
                format!("/v1/medical-records/{note}/versions"),
                row("list-record-versions", "READ", "MEDICAL_RECORD", note),
            ),
            (
                format!("/v1/files/{}", self.file),
                row("get-file", "DISCLOSE", "FILE", self.file),
            ),
        ]
    }

    /// The lists that contain something of the chart, what that is, and their audit rows.
    fn lists(&self, caller: &Actor) -> Vec<(&'static str, Uuid, Expected)> {
        let row = |name, kind| audit(name, "SEARCH", kind).by(caller).patient(self.kim.id);
        vec![
            ("/v1/patients", self.kim.id, row("list-patients", "PATIENT")),
            (
                "/v1/appointments",
                self.visit,
                row("list-appointments", "APPOINTMENT"),
            ),
            (
                "/v1/medical-records",
                self.note,
                row("list-records", "MEDICAL_RECORD"),
            ),
            ("/v1/files", self.file, row("list-files", "FILE")),
        ]
    }
}

/// Asserts that the caller finds nothing of the chart.
async fn finds_nothing(world: &World, chart: &Chart, caller: &Actor) {
    for (path, row) in chart.reads(caller) {
        let answer = caller.get(&path).await.problem(404, "not-found");
        let [row_of_answer] = &*world.audit_of(&answer).await else {
            panic!("{path}: one row")
        };
        assert_eq!(row_of_answer.entry.outcome.label(), "DENIED", "{row:?}");
        assert_eq!(row_of_answer.entry.relation, None);
    }
    for (path, _, _) in chart.lists(caller) {
        assert!(caller.get(path).await.ids().is_empty(), "{path}");
    }
    // They act in no relation to a patient for whom they ask in vain.
    let filtered = format!("/v1/appointments?patient_id={}", chart.kim.id);
    let answer = caller.get(&filtered).await.expect(200);
    assert!(answer.ids().is_empty());
    let row = audit("list-appointments", "SEARCH", "APPOINTMENT").by(caller);
    let row = world.audited(&answer, row.patient(chart.kim.id)).await;
    assert_eq!((row.entry.relation, row.entry.purpose_of_use), (None, None));
}

#[tokio::test]
async fn a_parent_reads_lists_and_downloads_what_their_child_would() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    // One parent has a chart of their own, the other has none.
    let (ada, paul) = (
        world.patient("Ada").await,
        world.user("PATIENT", "Paul").await,
    );
    let otto = world.user("PATIENT", "Otto").await;
    for parent in [&*ada, &paul] {
        world.represent(parent.user, &chart.kim, None).await;
    }
    for (caller, relation) in [
        (&*ada, Relation::Representation),
        (&paul, Relation::Representation),
        (&*chart.kim, Relation::Oneself),
    ] {
        for (path, row) in chart.reads(caller) {
            let answer = caller.get(&path).await.expect(200);
            audited_as(&world, &answer, row, relation).await;
        }
        let path = format!("/v1/files/{}", chart.file);
        let opened = caller.get(&path).await;
        let sent = caller.download(&opened.body["download"]).await;
        assert_eq!(sent.body().as_ref(), files::PDF);
        for (path, id, row) in chart.lists(caller) {
            let answer = caller.get(path).await.expect(200);
            let lists_oneself = path == "/v1/patients" && caller.user == ada.user;
            let (mut expected, row) = match lists_oneself {
                true => (vec![ada.id, id], row.patient(ada.id)),
                false => (vec![id], row),
            };
            expected.sort_unstable();
            let mut found = answer.ids();
            found.sort_unstable();
            assert_eq!(found, expected, "{path}");
            audited_as(&world, &answer, row, relation).await;
        }
    }
    let body = json!({"name": "Example"});
    let found = paul.post("/v1/patients/search", body).await.expect(200);
    assert_eq!(found.ids(), [chart.kim.id]);

    // An empty list about the child is about the child, too.
    let path = format!(
        "/v1/appointments?patient_id={}&status=CANCELLED",
        chart.kim.id
    );
    let empty = paul.get(&path).await.expect(200);
    assert!(empty.ids().is_empty());
    let row = audit("list-appointments", "SEARCH", "APPOINTMENT").by(&paul);
    let row = row.patient(chart.kim.id);
    audited_as(&world, &empty, row, Relation::Representation).await;

    // A chart of one's own stays one's own.
    let path = format!("/v1/patients/{}", ada.id);
    let own = ada.get(&path).await.expect(200);
    let row = audit("get-patient", "READ", "PATIENT").by(&ada);
    let row = row.resource(ada.id).patient(ada.id);
    audited_as(&world, &own, row, Relation::Oneself).await;
    // The account is not part of the chart.
    let path = format!("/v1/users/{}", chart.kim.user);
    ada.get(&path).await.problem(404, "not-found");
    // Nobody else finds the child, and the child finds no parent.
    finds_nothing(&world, &chart, &otto).await;
    let path = format!("/v1/patients/{}", ada.id);
    chart.kim.get(&path).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_patient_is_represented_only_between_the_two_dates() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    let paul = world.user("PATIENT", "Paul").await;
    let path = format!("/v1/patients/{}", chart.kim.id);
    world.represent(paul.user, &chart.kim, Some("1 day")).await;
    paul.get(&path).await.expect(200);
    for (since, until) in [("1 hour", "1 day"), ("-1 day", "-1 second")] {
        let period = "update representatives set since = now() + $1::text::interval,
           until = now() + $2::text::interval";
        world.sql(period, &[&since, &until]).await;
        finds_nothing(&world, &chart, &paul).await;
    }
    let open = "update representatives set until = null";
    world.sql(open, &[]).await;
    paul.get(&path).await.expect(200);
    // An archived patient reaches nothing, nor does their representative.
    let cancel = "update appointments set status = 'CANCELLED'";
    world.sql(cancel, &[]).await;
    let archive = "update patients set is_archived = true, archived_at = now() where id = $1";
    world.sql(archive, &[&chart.kim.id]).await;
    paul.get(&path).await.problem(404, "not-found");
    assert!(paul.get("/v1/medical-records").await.ids().is_empty());
}

#[tokio::test]
async fn what_is_held_from_the_patient_is_held_from_the_representative() {
    let world = World::new().await;
    let chart = Chart::new(&world).await;
    let paul = world.user("PATIENT", "Paul").await;
    world.represent(paul.user, &chart.kim, None).await;
    for caller in [&paul, &chart.kim] {
        for path in [
            format!("/v1/medical-records/{}", chart.held_note),
            format!("/v1/medical-records/{}/versions", chart.held_note),
            format!("/v1/files/{}", chart.held_file),
        ] {
            caller.get(&path).await.problem(404, "not-found");
        }
        for query in ["held=true", "include_archived=true"] {
            let path = format!("/v1/medical-records?{query}");
            assert!(!caller.get(&path).await.ids().contains(&chart.held_note));
        }
        let path = format!("/v1/files?record_id={}", chart.held_note);
        assert!(caller.get(&path).await.ids().is_empty());
        // Nor does a statement without a WHERE show it.
        let app = world.connect_as(PEOPLE).await;
        app.batch_execute("begin").await.unwrap();
        begin_request(&app, caller, "records:read").await.unwrap();
        for (table, shown) in [
            ("medical_records", chart.note),
            ("file_metadata", chart.file),
        ] {
            let rows = app.query(&format!("select id from {table}"), &[]).await;
            let seen: Vec<Uuid> = rows.unwrap().iter().map(|row| row.get(0)).collect();
            assert_eq!(seen, [shown], "{table}");
        }
        let holds = app.query("select from record_releases", &[]).await;
        assert!(holds.unwrap().is_empty());
    }
    world.hold(chart.note, &chart.vera, "-1 day").await;
    let path = format!("/v1/medical-records/{}", chart.note);
    paul.get(&path).await.expect(200);
}

#[tokio::test]
async fn a_representative_books_moves_cancels_and_rates_for_the_patient() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let (paul, ben) = (
        world.user("PATIENT", "Paul").await,
        world.patient("Ben").await,
    );
    world.represent(paul.user, &kim, None).await;
    let booking = |patient: &Patient, time: &str| {
        json!({
            "patient_id": patient.id, "provider_id": vera.id, "scheduled_at": time,
            "duration_minutes": 30
        })
    };

    // Booking
    let body = booking(&kim, "2030-01-07T09:00:00Z");
    let booked = paul.post("/v1/appointments", body).await.expect(201);
    assert_eq!(booked.body["patient_id"], json!(kim.id));
    let row = audit("create-appointment", "CREATE", "APPOINTMENT").by(&paul);
    let row = row.resource(booked.id()).patient(kim.id);
    let row = row.giving_care(vera.user, "VISIT", Some("2032-01-07T09:30:00Z"));
    audited_as(&world, &booked, row, Relation::Representation).await;
    // The rules of patients apply.
    let past = booking(&kim, &days_ago(3));
    paul.post("/v1/appointments", past)
        .await
        .problem(422, "invalid");
    let others = booking(&ben, "2030-01-08T09:00:00Z");
    paul.post("/v1/appointments", others)
        .await
        .problem(404, "not-found");

    // Moving and cancelling
    let path = format!("/v1/appointments/{}", booked.id());
    let patch = json!({"scheduled_at": "2030-01-07T10:00:00Z", "reason": "School"});
    let moved = paul.patch(&path, 1, patch).await.expect(200);
    let row = audit("update-appointment", "UPDATE", "APPOINTMENT").by(&paul);
    let row = row.resource(booked.id()).patient(kim.id);
    let row = row.detail("fields", json!(["reason", "scheduled_at"]));
    let row = row.giving_care(vera.user, "VISIT", Some("2032-01-07T10:30:00Z"));
    audited_as(&world, &moved, row, Relation::Representation).await;
    let reason = json!({"reason": "Ill"});
    let cancelled = paul
        .post(&format!("{path}/cancel"), reason)
        .await
        .expect(200);
    let row = audit("cancel-appointment", "UPDATE", "APPOINTMENT").by(&paul);
    let row = row.resource(booked.id()).patient(kim.id);
    audited_as(&world, &cancelled, row, Relation::Representation).await;
    let authors = "select distinct changed_by from appointment_changes where appointment_id = $1";
    let authors = world.sql(authors, &[&booked.id()]).await;
    assert_eq!(authors.len(), 1);
    assert_eq!(authors[0].get::<_, Uuid>(0), paul.user);

    // Rating
    let done = world.visit(&kim, &vera, &days_ago(9), "COMPLETED").await;
    let path = format!("/v1/appointments/{done}");
    let rated = paul
        .post(&format!("{path}/rate"), json!({"rating": 4}))
        .await
        .expect(200);
    assert_eq!(rated.body["rating"], 4);
    let row = audit("rate-appointment", "UPDATE", "APPOINTMENT").by(&paul);
    let row = row.resource(done).patient(kim.id);
    audited_as(&world, &rated, row, Relation::Representation).await;
    assert_eq!(kim.get(&path).await.body["rating"], 4);
    assert_eq!(vera.get(&path).await.body["rating"], Value::Null);

    // Afterwards nothing of it is theirs.
    let end = "update representatives set since = now() - interval '1 day', until = now()";
    world.sql(end, &[]).await;
    let path = format!("/v1/appointments/{done}");
    paul.get(&path).await.problem(404, "not-found");
    paul.post(&format!("{path}/rate"), json!({"rating": 1}))
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn a_representative_uploads_for_the_patient_and_changes_only_that() {
    let world = World::new().await;
    let kim = world.patient("Kim").await;
    let paul = world.user("PATIENT", "Paul").await;
    let of_kim = world.uploaded(&kim, "application/pdf", files::PDF).await;
    let body = announcement("PATIENT", kim.user, "image/png", files::PNG);
    paul.post("/v1/files", body.clone())
        .await
        .problem(404, "not-found");
    world.represent(paul.user, &kim, None).await;

    let announced = paul.post("/v1/files", body).await.expect(201);
    let file = &announced.body["file"];
    assert_eq!(file["patient_id"], json!(kim.id));
    assert_eq!(file["owner_id"], json!(kim.user));
    let id: Uuid = file["id"].as_str().unwrap().parse().unwrap();
    let row = audit("create-file", "CREATE", "FILE").by(&paul);
    let row = row.resource(id).patient(kim.id);
    audited_as(&world, &announced, row, Relation::Representation).await;
    let path = format!("/v1/files/{id}");
    paul.post_nothing(&format!("{path}/upload"))
        .await
        .expect(200);
    let sent = paul.upload(&announced.body["upload"], files::PNG).await;
    assert_eq!(sent, 200);
    world.cloud.settled().await;
    for caller in [&paul, &kim] {
        let opened = caller.get(&path).await.expect(200);
        let bytes = caller.download(&opened.body["download"]).await;
        assert_eq!(bytes.body().as_ref(), files::PNG);
    }

    let uploader = "select uploaded_by from file_metadata where id = $1";
    assert_eq!(
        world.sql(uploader, &[&id]).await[0].get::<_, Uuid>(0),
        paul.user
    );

    // What one of them uploads, the other can't change.
    let rename = || json!({"original_name": "renamed.png"});
    let of_kim = format!("/v1/files/{of_kim}");
    let version = async |path: &str| kim.get(path).await.body["version"].as_i64().unwrap();
    let (uploaded, other) = (version(&path).await, version(&of_kim).await);
    kim.patch(&path, uploaded, rename())
        .await
        .problem(404, "not-found");
    paul.patch(&of_kim, other, rename())
        .await
        .problem(404, "not-found");
    paul.delete(&of_kim, other).await.problem(404, "not-found");
    paul.patch(&path, uploaded, rename()).await.expect(200);

    // Afterwards the upload stays in the chart.
    let end = "update representatives set since = now() - interval '1 day', until = now()";
    world.sql(end, &[]).await;
    paul.get(&path).await.problem(404, "not-found");
    paul.delete(&path, uploaded + 1)
        .await
        .problem(404, "not-found");
    kim.get(&path).await.expect(200);
}

#[tokio::test]
async fn an_archived_patient_reads_their_account_as_themself() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let archive = "update patients set is_archived = true, archived_at = now() where id = $1";
    world.sql(archive, &[&ada.id]).await;
    let me = ada.get("/v1/me").await.expect(200);
    assert_eq!(me.body["patient_id"], Value::Null);
    let row = audit("get-me", "READ", "USER").by(&ada);
    let row = row.resource(ada.user).patient(ada.id);
    audited_as(&world, &me, row, Relation::Oneself).await;
}

#[tokio::test]
async fn one_administrator_alone_can_not_sign_in_as_a_representative() {
    let world = World::new().await;
    let (kim, admin) = (world.patient("Kim").await, world.admin().await);
    let paul = world.user("PATIENT", "Paul").await;
    world.represent(paul.user, &kim, None).await;
    let path = format!("/v1/users/{}", paul.user);
    let sign_in = json!({"subject": Uuid::new_v4()});
    admin.patch(&path, 1, sign_in).await.expect(200);
    let linked = "select subject, proposed_by from user_profiles where id = $1";
    let account = &world.sql(linked, &[&paul.user]).await[0];
    assert_eq!(account.get::<_, Uuid>("subject"), paul.subject);
    assert_eq!(account.get::<_, Uuid>("proposed_by"), admin.user);
}
