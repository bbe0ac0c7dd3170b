//! The importer: an account for one source system and a limited time, given by two persons. They reach nothing but what
//! they bring in, and a corrected bundle corrects it.

use std::fs;
use std::path::PathBuf;

use client::Person;
use domain::time::{TimeDelta, Timestamp};
use import::import;
use import::summary::Summary;
use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request;
use tests::world::eventually;

const SOURCE: &str = "https://hospital.example/fhir";

/// The body for an importer's account that ends after this number of days.
fn account(subject: Uuid, days: i64) -> Value {
    json!({
        "subject": subject, "first_name": "Imke", "last_name": "Example", "role": "IMPORTER",
        "imports_from": SOURCE, "access_ends_at": Timestamp::now() + TimeDelta::days(days)
    })
}

#[tokio::test]
async fn two_administrators_make_an_importer_for_one_source_system_and_a_limited_time() {
    let world = World::new().await;
    let (admin, second) = (world.admin().await, world.admin().await);
    let importer = world.stranger();
    // Given an account that one administrator made
    let made = admin
        .post("/v1/users", account(importer.subject, 29))
        .await
        .expect(201);
    let path = format!("/v1/users/{}", made.id());
    assert_eq!(made.body["awaits_approval"], true);
    importer.get("/v1/me").await.problem(403, "forbidden");
    let approve = |admin: &Actor, version: i64| {
        let request = admin
            .request(http::Method::POST, &format!("{path}/approve"))
            .header(http::header::IF_MATCH, format!("\"{version}\""))
            .header(http::header::CONTENT_TYPE, "application/json");
        let body = json!({"is_approved": true}).to_string();
        let request = request.body(http_body_util::Full::from(body)).unwrap();
        let admin = admin.clone();
        async move { admin.send_request(request).await }
    };
    approve(&admin, 1).await.problem(403, "forbidden");
    // When another administrator approves it, then it acts, for its source system alone
    approve(&second, 1).await.expect(200);
    let me = importer.get("/v1/me").await.expect(200);
    assert_eq!(me.body["imports_from"], SOURCE);
    assert_eq!(me.body["visits_give_care"], false);

    // A longer time, or care, needs two persons again. A shorter time doesn't.
    for (change, waits) in [
        (
            json!({"access_ends_at": Timestamp::now() + TimeDelta::days(30) - TimeDelta::hours(1)}),
            true,
        ),
        (json!({"visits_give_care": true}), true),
        (
            json!({"access_ends_at": Timestamp::now() + TimeDelta::days(1)}),
            false,
        ),
    ] {
        let version = admin.get(&path).await.expect(200).body["version"]
            .as_i64()
            .unwrap();
        let changed = admin.patch(&path, version, change).await.expect(200);
        assert_eq!(changed.body["awaits_approval"], waits, "{}", changed.text);
        let status = if waits { 403 } else { 200 };
        assert_eq!(importer.get("/v1/me").await.status, status);
        if waits {
            approve(&second, version + 1).await.expect(200);
        }
    }

    // When the time is over, then the account is refused like a suspended one
    let ends = "update user_profiles set access_ends_at = now() where id = $1";
    world.sql(ends, &[&made.id()]).await;
    let ended = importer.get("/v1/me").await;
    let ended = ended.problem(403, "forbidden");
    let row = &world.audit_of(&ended).await[0];
    assert_eq!(row.entry.outcome.label(), "DENIED");
    assert_eq!(row.entry.details["source_system"], SOURCE);
}

#[tokio::test]
async fn an_importers_account_that_lacks_a_limit_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let changed = |field: &str, value: Value| {
        let mut body = account(Uuid::new_v4(), 1);
        body[field] = value;
        body
    };
    for (body, field) in [
        (changed("imports_from", json!(null)), "role"),
        (changed("access_ends_at", json!(null)), "role"),
        (changed("role", json!("ADMIN")), "role"),
        (account(Uuid::new_v4(), 31), "access_ends_at"),
        (account(Uuid::new_v4(), -1), "access_ends_at"),
        (changed("imports_from", json!("")), "imports_from"),
        (
            json!({"first_name": "A", "last_name": "B", "role": "PATIENT", "visits_give_care": true}),
            "visits_give_care",
        ),
    ] {
        admin.post("/v1/users", body).await.invalid(field);
    }
    // Nobody becomes an importer, and an importer becomes nobody else.
    let importer = world.importer(SOURCE).await;
    let nurse = world.user("NURSE", "Nora").await;
    for (user, role) in [(importer.user, "NURSE"), (nurse.user, "IMPORTER")] {
        let path = format!("/v1/users/{user}");
        admin
            .patch(&path, 1, json!({ "role": role }))
            .await
            .invalid("role");
    }
    let path = format!("/v1/users/{}", importer.user);
    admin
        .patch(&path, 1, json!({"imports_from": "urn:example:other"}))
        .await
        .invalid("imports_from");
}

/// A patient, a practitioner, a visit and a record of their own in this source system.
async fn chart(world: &World, source: Option<&str>) -> (Patient, Provider, Uuid, Uuid) {
    let patient = world.patient_from(source, "Ada").await;
    let provider = world.provider_from(source, "Vera").await;
    let visit = world
        .visit_from(source, &patient, &provider, &days_ago(9), "COMPLETED")
        .await;
    let record = world
        .note_from(source, &patient, &provider, "confidential")
        .await;
    (patient, provider, visit, record)
}

#[tokio::test]
async fn an_importer_reaches_nothing_but_what_came_from_their_source_system() {
    let world = World::new().await;
    let importer = world.importer(SOURCE).await;
    world.importer("urn:example:other").await;
    let own = chart(&world, Some(SOURCE)).await;
    let other = chart(&world, Some("urn:example:other")).await;
    let local = chart(&world, None).await;
    // What Caretrail's own people wrote about an imported patient isn't the importer's either.
    let visit = world
        .visit(&own.0, &local.1, &days_ago(8), "COMPLETED")
        .await;
    let note = world.note(&own.0, &local.1, "confidential").await;

    let path = |kind: &str, id: Uuid| format!("/v1/{kind}/{id}");
    for path in [
        path("users", own.0.user),
        path("patients", own.0.id),
        path("providers", own.1.id),
        path("appointments", own.2),
        path("medical-records", own.3),
    ] {
        importer.get(&path).await.expect(200);
    }
    let foreign = [&other, &local].map(|chart| {
        [
            path("users", chart.0.user),
            path("patients", chart.0.id),
            path("providers", chart.1.id),
            path("appointments", chart.2),
            path("medical-records", chart.3),
        ]
    });
    for path in foreign
        .into_iter()
        .flatten()
        .chain([path("appointments", visit), path("medical-records", note)])
    {
        importer.get(&path).await.problem(404, "not-found");
    }
    for path in ["/v1/audit-logs", "/v1/files", "/v1/roles"] {
        importer.get(path).await.problem(403, "forbidden");
    }

    // Row-level security alone
    let app = world.connect_as(PEOPLE).await;
    app.batch_execute("begin").await.unwrap();
    begin_request(&app, &importer, "records:read")
        .await
        .unwrap();
    for (table, expected) in [
        ("user_profiles", 3),
        ("patients", 1),
        ("providers", 1),
        ("appointments", 1),
        ("appointment_changes", 1),
        ("medical_records", 1),
        ("file_metadata", 0),
        ("audit_logs", 0),
        ("care_relations", 0),
        ("record_releases", 0),
    ] {
        let seen = app.query(&format!("select from {table}"), &[]).await;
        assert_eq!(seen.unwrap().len(), expected, "{table}");
    }
    let hold = format!(
        "insert into record_releases (id, record_id, patient_id, hold_reason, expires_at)
         values (gen_random_uuid(), '{note}', '{}', 'privacy', now() + interval '1 day')",
        own.0.id
    );
    let refused = app.execute(&hold, &[]).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501");
}

#[tokio::test]
async fn an_importer_needs_a_second_factor() {
    let world = World::new().await;
    let importer = world.importer(SOURCE).await;
    let weak = world.as_changed(&importer, |token| "aal1".clone_into(&mut token.aal));
    weak.get("/v1/me").await.problem(403, "forbidden");
}

/// A bundle of one patient, one practitioner and these entries about the patient.
struct Bundle {
    patient_url: String,
    patient: Value,
    practitioner: Value,
    others: Vec<(String, Value)>,
}

const PATIENT: &str = "urn:uuid:f5d08856-12b1-5c31-974e-a9bc7a53102d";
const PRACTITIONER: &str = "urn:uuid:4a5825aa-b4ae-5672-a1e4-b418eb9c23cb";

impl Bundle {
    fn new() -> Self {
        let about = json!({"reference": PATIENT});
        let visit = json!({
            "resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "subject": about,
            "participant": [{"individual": {"reference": PRACTITIONER}}],
            "period": {"start": "2020-01-02T10:00:00Z", "end": "2020-01-02T10:30:00Z"}
        });
        let height = json!({
            "resourceType": "Observation", "status": "final", "subject": about, "encounter": {"reference": "urn:visit"},
            "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2", "display": "Height"}]},
            "effectiveDateTime": "2020-01-02T10:05:00Z",
            "valueQuantity": {"value": 170.5, "unit": "cm", "code": "cm"}
        });
        let allergy = json!({
            "resourceType": "AllergyIntolerance", "patient": about,
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "91935009", "display": "Peanuts"}]},
        });
        Self {
            patient_url: PATIENT.to_owned(),
            patient: json!({
                "resourceType": "Patient", "gender": "female", "birthDate": "1970-05-05",
                "name": [{"family": "Impfix", "given": ["Ida"]}],
                "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": "MR-fix"}]
            }),
            practitioner: json!({
                "resourceType": "Practitioner", "name": [{"family": "Docfix", "given": ["Max"]}],
                "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "9979781178"}]
            }),
            others: vec![
                ("urn:visit".to_owned(), visit),
                ("urn:height".to_owned(), height),
                ("urn:allergy".to_owned(), allergy),
            ],
        }
    }

    fn entry(&mut self, url: &str) -> &mut Value {
        let found = self.others.iter_mut().find(|(known, _)| known == url);
        &mut found.unwrap().1
    }

    fn file(&self, world: &World) -> PathBuf {
        let mut entries = vec![
            json!({"fullUrl": self.patient_url, "resource": self.patient}),
            json!({"fullUrl": PRACTITIONER, "resource": self.practitioner}),
        ];
        let others = self.others.iter();
        entries.extend(others.map(|(url, resource)| json!({"fullUrl": url, "resource": resource})));
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        let file = world.folder().join("bundle.json");
        fs::write(&file, bundle.to_string()).unwrap();
        file
    }

    async fn import(&self, world: &World, importer: &Actor) -> Summary {
        let importer = Person::from(importer);
        import(&[self.file(world)], &world.api(), &importer).await.0
    }
}

/// Each count that isn't 0, as `created 5`.
fn counts(summary: &Summary) -> Vec<String> {
    let total = summary.total();
    let counts = [
        ("created", total.created),
        ("updated", total.updated),
        ("unchanged", total.unchanged),
        ("withdrawn", total.withdrawn),
        ("conflicts", total.conflicts),
        ("failed", total.failed),
        ("not imported", total.not_imported),
    ];
    let some = counts.into_iter().filter(|(_, count)| *count > 0);
    some.map(|(name, count)| format!("{name} {count}"))
        .collect()
}

#[tokio::test]
async fn an_import_alone_gives_nobody_care() {
    let world = World::new().await;
    for (visits_give_care, relations) in [(false, 0), (true, 1)] {
        let source = format!("urn:example:{visits_give_care}");
        let importer = world.importer(&source).await;
        let option = "update user_profiles set visits_give_care = $2 where id = $1";
        world
            .sql(option, &[&importer.user, &visits_give_care])
            .await;
        // Given a visit that is over for a short time, so that it could be a basis of care
        let mut bundle = Bundle::new();
        let begin = Timestamp::now() - TimeDelta::hours(30);
        bundle.entry("urn:visit")["period"] =
            json!({"start": begin, "end": begin + TimeDelta::minutes(30)});
        bundle.patient["identifier"][0]["value"] = json!(source);
        bundle.practitioner["identifier"][0]["value"] = json!(source);
        let summary = bundle.import(&world, &importer).await;
        assert!(summary.is_clean(), "{:#?}", summary.complaints);
        // Then its provider has no care, and even with the option of the account none that counts
        let care = world
            .rows(
                "select c.is_suspended from care_relations c join patients p on p.id = c.patient_id
                 where p.source_system = $1",
                &[&source],
            )
            .await;
        assert_eq!(care, vec![json!({"is_suspended": true}); relations]);
    }
    let people = world
        .rows(
            "select role, subject, awaits_approval, (select is_verified from providers where user_id = u.id)
             from user_profiles u where source_system = 'urn:example:false' order by role",
            &[],
        )
        .await;
    assert_eq!(
        people,
        [
            json!({"role": "PATIENT", "subject": null, "awaits_approval": false, "is_verified": null}),
            json!({"role": "PROVIDER", "subject": null, "awaits_approval": true, "is_verified": false}),
        ]
    );
    // Every success names the importer and the source system.
    let rows = world
        .rows(
            "select distinct actor_role, details ->> 'source_system' as source from audit_logs
             where action_type in ('CREATE', 'UPDATE') order by source",
            &[],
        )
        .await;
    assert_eq!(
        rows,
        ["urn:example:false", "urn:example:true"]
            .map(|source| json!({"actor_role": "IMPORTER", "source": source}))
    );
}

#[tokio::test]
async fn a_corrected_bundle_corrects() {
    let world = World::new().await;
    let importer = world.importer(SOURCE).await;
    let mut bundle = Bundle::new();
    let first = bundle.import(&world, &importer).await;
    assert_eq!(counts(&first), ["created 5"], "{:#?}", first.complaints);
    // Given other names, another date of birth, another time, value and severity
    bundle.patient["name"][0]["family"] = json!("Married");
    bundle.patient["birthDate"] = json!("1971-06-06");
    bundle.practitioner["identifier"][0]["value"] = json!("1");
    bundle.entry("urn:visit")["period"] =
        json!({"start": "2020-01-02T11:00:00Z", "end": "2020-01-02T11:30:00Z"});
    bundle.entry("urn:height")["valueQuantity"]["value"] = json!(180);
    bundle.entry("urn:allergy")["criticality"] = json!("high");
    let second = bundle.import(&world, &importer).await;
    // Then each is corrected, in the same rows
    assert_eq!(counts(&second), ["updated 5"], "{:#?}", second.complaints);
    let stored = world
        .row(
            "select u.last_name, p.date_of_birth, p.allergies -> 0 ->> 'criticality' as criticality,
               a.scheduled_at, a.status, r.content #> '{value,quantity,value}' as height, r.change_reason, r.version,
               v.license_number, (select count(*) from medical_record_versions) as former,
               (select reason from appointment_changes order by id desc limit 1) as reason
             from patients p join user_profiles u on u.id = p.user_id
             cross join appointments a cross join medical_records r cross join providers v",
            &[],
        )
        .await;
    assert_eq!(
        stored,
        json!({
            "last_name": "Married", "date_of_birth": "1971-06-06", "criticality": "high",
            "scheduled_at": "2020-01-02T11:00:00+00:00", "status": "COMPLETED", "height": 180,
            "change_reason": "import correction", "version": 2, "license_number": "1", "former": 1,
            "reason": "import correction"
        })
    );
    let before = world.stored().await;
    let third = bundle.import(&world, &importer).await;
    assert_eq!(counts(&third), ["unchanged 5"]);
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn what_was_entered_in_error_or_cancelled_is_withdrawn() {
    let world = World::new().await;
    let importer = world.importer(SOURCE).await;
    let mut bundle = Bundle::new();
    let mut later = bundle.entry("urn:visit").clone();
    later["status"] = json!("planned");
    later["period"] = json!({"start": "2090-01-02T10:00:00Z", "end": "2090-01-02T10:30:00Z"});
    bundle.others.push(("urn:later".to_owned(), later));
    bundle.import(&world, &importer).await;
    bundle.entry("urn:height")["status"] = json!("entered-in-error");
    bundle.entry("urn:visit")["status"] = json!("entered-in-error");
    bundle.entry("urn:later")["status"] = json!("cancelled");
    bundle.entry("urn:allergy")["verificationStatus"] =
        json!({"coding": [{"code": "entered-in-error"}]});
    let second = bundle.import(&world, &importer).await;
    assert_eq!(
        counts(&second),
        ["unchanged 2", "withdrawn 4"],
        "{:#?}",
        second.complaints
    );
    let stored = world
        .row(
            "select (select is_archived from medical_records) as record, (select allergies from patients) as allergies,
               (select jsonb_object_agg(external_id, jsonb_build_array(status, is_archived)) from appointments) as visits",
            &[],
        )
        .await;
    assert_eq!(
        stored,
        json!({
            "record": true, "allergies": [],
            "visits": {"urn:visit": ["COMPLETED", true], "urn:later": ["CANCELLED", false]}
        })
    );
    let third = bundle.import(&world, &importer).await;
    assert_eq!(counts(&third), ["unchanged 2", "not imported 4"]);
}

#[tokio::test]
async fn an_import_overwrites_nothing_that_was_changed_in_caretrail() {
    let world = World::new().await;
    let importer = world.importer(SOURCE).await;
    let admin = world.admin().await;
    let mut bundle = Bundle::new();
    bundle.import(&world, &importer).await;
    // Given an administrator who corrects the patient, and a record that was written on
    let patient = world
        .row("select id, user_id, version from patients", &[])
        .await;
    let path = format!("/v1/patients/{}", patient["id"].as_str().unwrap());
    admin
        .patch(&path, 1, json!({"date_of_birth": "1969-01-01"}))
        .await
        .expect(200);
    let record =
        "update medical_records set notes = 'Measured again', change_reason = 'seen again'";
    world.sql(record, &[]).await;
    // When the bundle says something else
    bundle.patient["birthDate"] = json!("1971-06-06");
    bundle.entry("urn:height")["valueQuantity"]["value"] = json!(180);
    bundle.entry("urn:visit")["status"] = json!("noshow");
    let before = world.stored().await;
    let second = bundle.import(&world, &importer).await;
    // Then the difference is a conflict, and nothing is overwritten
    assert_eq!(
        counts(&second),
        ["unchanged 2", "conflicts 3"],
        "{:#?}",
        second.complaints
    );
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn an_import_that_stopped_goes_on_when_it_is_run_again() {
    let world = World::new().await;
    let importer = world.importer(SOURCE).await;
    let mut bundle = Bundle::new();
    for number in 0..300 {
        let mut note = bundle.entry("urn:height").clone();
        note["valueQuantity"]["value"] = json!(number);
        bundle.others.push((format!("urn:height:{number}"), note));
    }
    // Given an administrator who suspends the importer meanwhile
    let suspending = async {
        eventually("some records are imported", async || {
            world.rows("select from medical_records", &[]).await.len() > 20
        })
        .await;
        let suspend = "update user_profiles set status = 'SUSPENDED' where id = $1";
        world.sql(suspend, &[&importer.user]).await;
    };
    let (first, ()) = tokio::join!(bundle.import(&world, &importer), suspending);
    let [complaint] = first.complaints.as_slice() else {
        panic!("{:#?}", first.complaints)
    };
    assert!(complaint.reason.contains("the import stopped here"));
    let total = first.total();
    assert!(total.created > 20 && total.failed > 0, "{first}");
    // When it is run again later, then it finishes, and has everything once
    let activate = "update user_profiles set status = 'ACTIVE' where id = $1";
    world.sql(activate, &[&importer.user]).await;
    let second = bundle.import(&world, &importer).await;
    assert!(second.is_clean(), "{:#?}", second.complaints);
    assert_eq!(second.total().created + second.total().unchanged, 305);
    let stored = world.row("select count(*) from medical_records", &[]).await;
    assert_eq!(stored["count"], 301);
}

#[tokio::test]
async fn what_belongs_to_another_source_system_is_not_taken_over() {
    let world = World::new().await;
    let first = world.importer(SOURCE).await;
    let second = world.importer("urn:example:other").await;
    let mut bundle = Bundle::new();
    bundle.import(&world, &first).await;
    let patients = "select * from patients";
    let before = world.rows(patients, &[]).await;
    // Given the same patient number and licence from another source system
    let summary = bundle.import(&world, &second).await;
    // Then the patient is refused, and the provider is another one with a number of their own
    let [complaint, ..] = summary.complaints.as_slice() else {
        panic!("{summary}")
    };
    assert!(complaint.reason.contains("belongs to another patient"));
    assert_eq!(counts(&summary), ["created 1", "failed 4"]);
    assert_eq!(world.rows(patients, &[]).await, before);
    // And leaves no account behind
    let accounts =
        "select is_archived from user_profiles where role = 'PATIENT' and source_system = $1";
    let accounts = world.rows(accounts, &[&"urn:example:other"]).await;
    assert_eq!(accounts, [json!({"is_archived": true})]);
    // With a number of its own, the patient is another one.
    bundle.patient["identifier"][0]["value"] = json!("MR-other");
    let summary = bundle.import(&world, &second).await;
    assert_eq!(
        counts(&summary),
        ["created 4", "unchanged 1"],
        "{:#?}",
        summary.complaints
    );
}

#[tokio::test]
async fn a_refused_patient_leaves_no_account_and_both_patients_are_named() {
    let world = World::new().await;
    let importer = world.importer(SOURCE).await;
    let bundle = Bundle::new();
    bundle.import(&world, &importer).await;
    let patient = world.row("select id from patients", &[]).await;
    // Given another person with the same medical record number
    let mut clash = Bundle::new();
    clash.patient_url = "urn:ada:clash".to_owned();
    clash.others.clear();
    // When they are imported, then both are named, and no account is left
    let summary = clash.import(&world, &importer).await;
    let complaint = &summary.complaints[0];
    assert_eq!(complaint.full_url.as_deref(), Some("urn:ada:clash"));
    assert!(complaint.reason.contains(patient["id"].as_str().unwrap()));
    let left = "select from user_profiles where external_id = 'urn:ada:clash' and not is_archived";
    assert_eq!(world.rows(left, &[]).await.len(), 0);
    // Once the number is corrected, they are imported like anybody new
    clash.patient["identifier"][0]["value"] = json!("MR-clash");
    let summary = clash.import(&world, &importer).await;
    assert_eq!(
        world.rows("select from patients", &[]).await.len(),
        2,
        "{:#?}",
        summary.complaints
    );
    let account = world.rows(left, &[]).await;
    assert_eq!(account.len(), 1);
    // But a patient whom somebody archived is not made anew
    let archive = "update user_profiles set is_archived = true, archived_at = now() where external_id = 'urn:ada:clash'
        and not is_archived";
    world.sql(archive, &[]).await;
    clash.patient["name"][0]["family"] = json!("Renamed");
    let summary = clash.import(&world, &importer).await;
    assert_eq!(world.rows(left, &[]).await.len(), 0);
    assert!(summary.total().conflicts > 0, "{summary}");
}

#[tokio::test]
async fn an_export_of_several_files_is_imported_as_one() {
    // Given a folder with a file for each type, as FHIR Bulk Data has them, a Bundle, and a patient in two files
    let world = World::new().await;
    let importer = world.importer(SOURCE).await;
    let folder = world.folder().join("export");
    fs::create_dir(&folder).unwrap();
    let patient = |id: &str| {
        json!({"resourceType": "Patient", "id": id, "gender": "other", "birthDate": "1980-05",
            "name": [{"given": [id]}], "identifier": [{"value": id}]})
    };
    let practitioner = |id: &str| json!({"resourceType": "Practitioner", "id": id, "name": [{"family": id}], "identifier": [{"value": id}]});
    let visit = |id: &str, patient: &str, practitioner: &str| {
        json!({"resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "AMB"},
            "subject": {"reference": format!("Patient/{patient}")},
            "participant": [{"individual": {"reference": format!("Practitioner/{practitioner}")}}],
            "period": {"start": format!("2020-01-0{id}T10:00:00Z"), "end": format!("2020-01-0{id}T10:30:00Z")}})
    };
    let lines = |resources: &[Value]| {
        let lines: Vec<_> = resources.iter().map(Value::to_string).collect();
        lines.join("\n")
    };
    let manifest = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": patient("c")}, {"resource": visit("3", "c", "vera")}
    ]});
    for (name, content) in [
        (
            "Encounter.ndjson",
            lines(&[visit("1", "a", "walt"), visit("2", "b", "vera")]),
        ),
        ("Patient.ndjson", lines(&[patient("a"), patient("b")])),
        ("Patient.2.ndjson", lines(&[patient("b")])),
        (
            "Practitioner.ndjson",
            lines(&[practitioner("vera"), practitioner("walt")]),
        ),
        ("bundle.json", manifest.to_string()),
    ] {
        fs::write(folder.join(name), content).unwrap();
    }
    let person = Person::from(&importer);
    for round in 0..2 {
        let summary = import(std::slice::from_ref(&folder), &world.api(), &person)
            .await
            .0;
        // Then each visit is with its own practitioner, and only the repetition is reported
        let [complaint] = summary.complaints.as_slice() else {
            panic!("{:#?}", summary.complaints)
        };
        assert_eq!(complaint.reason, "repeats an earlier entry");
        let visits = "select p.patient_number as patient, v.license_number as practitioner
            from appointments a join patients p on p.id = a.patient_id join providers v on v.id = a.provider_id
            order by a.scheduled_at";
        let expected = [("a", "walt"), ("b", "vera"), ("c", "vera")];
        let expected = expected.map(
            |(patient, practitioner)| json!({"patient": patient, "practitioner": practitioner}),
        );
        assert_eq!(world.rows(visits, &[]).await, expected, "{round}");
        assert_eq!(summary.total().conflicts, 0, "{summary}");
    }
}

#[tokio::test]
async fn a_death_that_was_a_mistake_is_taken_back() {
    let world = World::new().await;
    let importer = world.importer(SOURCE).await;
    let mut bundle = Bundle::new();
    bundle.others.clear();
    let deceased = "select deceased from patients";
    for (said, expected) in [(json!(true), json!({})), (json!(false), json!(null))] {
        bundle.patient["deceasedBoolean"] = said;
        let summary = bundle.import(&world, &importer).await;
        assert!(summary.is_clean(), "{:#?}", summary.complaints);
        assert_eq!(world.row(deceased, &[]).await["deceased"], expected);
    }
}
