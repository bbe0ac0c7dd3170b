//! The parameter `expand`: a list or a read names the patient and the provider beside their ids.

use http::Method;
use http::header::IF_NONE_MATCH;
use http_body_util::Full;
use tests::prelude::*;

/// The audit row of each read that takes the parameter, without its patients.
const READS: [(&str, &str, &str); 6] = [
    ("list-appointments", "SEARCH", "APPOINTMENT"),
    ("list-records", "SEARCH", "MEDICAL_RECORD"),
    ("list-files", "SEARCH", "FILE"),
    ("get-appointment", "READ", "APPOINTMENT"),
    ("get-record", "READ", "MEDICAL_RECORD"),
    ("get-file", "READ", "FILE"),
];

struct Clinic {
    world: World,
    ada: Patient,
    vera: Provider,
    visit: Uuid,
    note: Uuid,
    file: Uuid,
}

impl Clinic {
    async fn new() -> Self {
        let world = World::new().await;
        let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
        world.assign(&ada, &vera).await;
        let visit = world.visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED");
        let visit = visit.await;
        let note = world.note(&ada, &vera, "Well.").await;
        let file = world.announced(&ada, "image/png", files::PNG).await.0;
        Self {
            world,
            ada,
            vera,
            visit,
            note,
            file,
        }
    }

    /// The path of each of `READS`, and the id of its resource.
    fn paths(&self) -> [(String, Uuid); 6] {
        [
            ("/v1/appointments".to_owned(), self.visit),
            ("/v1/medical-records".to_owned(), self.note),
            ("/v1/files".to_owned(), self.file),
            (format!("/v1/appointments/{}", self.visit), self.visit),
            (format!("/v1/medical-records/{}", self.note), self.note),
            (format!("/v1/files/{}", self.file), self.file),
        ]
    }

    fn ada_named(&self) -> Value {
        json!({
            "id": self.ada.id, "patient_number": format!("MRN-{}", self.ada.id), "first_name": "Ada",
            "last_name": "Example", "date_of_birth": "1990-05-17"
        })
    }

    fn vera_named(&self) -> Value {
        json!({"id": self.vera.id, "first_name": "Vera", "last_name": "Example", "specialties": ["cardiology"]})
    }
}

/// The only resource of an answer.
fn resource(answer: &Answer) -> &Value {
    match answer.body.get("items") {
        Some(items) => &items[0],
        None => &answer.body,
    }
}

#[tokio::test]
async fn a_list_and_a_read_name_the_persons_in_one_request_and_one_audit_row() {
    let clinic = Clinic::new().await;
    let front_desk = clinic.world.user("FRONT_DESK", "Fay").await;
    for ((function, action, kind), (path, id)) in READS.into_iter().zip(clinic.paths()) {
        for caller in [&*clinic.ada, &*clinic.vera, &front_desk] {
            if caller.user == front_desk.user && kind != "APPOINTMENT" {
                continue;
            }
            let query = format!("{path}?expand=patient,provider");
            let answer = caller.get(&query).await.expect(200);
            let named = resource(&answer);
            assert_eq!(named["id"], json!(id), "{path}");
            assert_eq!(named["patient"], clinic.ada_named(), "{path}");
            // A file about a patient belongs to no provider.
            let provider = match kind {
                "FILE" => Value::Null,
                _ => clinic.vera_named(),
            };
            assert_eq!(named["provider"], provider, "{path}");
            let row = audit(function, action, kind).by(caller);
            let row = match action {
                "READ" => row.resource(id),
                _ => row,
            };
            clinic
                .world
                .audited(&answer, row.patient(clinic.ada.id))
                .await;
        }
    }
}

#[tokio::test]
async fn only_the_persons_asked_for_are_named() {
    let clinic = Clinic::new().await;
    for (path, _) in clinic.paths() {
        for (query, expected) in [
            ("", vec![]),
            ("?expand=patient", vec!["patient"]),
            ("?expand=provider", vec!["provider"]),
            (
                "?expand=provider,patient,provider",
                vec!["patient", "provider"],
            ),
        ] {
            let answer = clinic.ada.get(&format!("{path}{query}")).await.expect(200);
            let named = resource(&answer).as_object().unwrap();
            let found: Vec<_> = ["patient", "provider"]
                .into_iter()
                .filter(|person| named.contains_key(*person))
                .collect();
            let is_file = path.contains("files");
            let expected: Vec<_> = expected
                .into_iter()
                .filter(|person| *person == "patient" || !is_file)
                .collect();
            assert_eq!(found, expected, "{path}{query}");
        }
    }
}

#[tokio::test]
async fn a_file_of_a_provider_names_them() {
    let clinic = Clinic::new().await;
    let body = announcement("PROVIDER", clinic.vera.user, "image/png", files::PNG);
    let file = clinic.vera.post("/v1/files", body).await.expect(201);
    let id = &file.body["file"]["id"];
    let path = format!("/v1/files/{}?expand=provider", id.as_str().unwrap());
    let answer = clinic.vera.get(&path).await.expect(200);
    assert_eq!(answer.body["provider"], clinic.vera_named());
}

#[tokio::test]
async fn persons_beyond_the_callers_reach_are_left_out() {
    let clinic = Clinic::new().await;
    let (world, ada, vera) = (&clinic.world, &clinic.ada, &clinic.vera);
    let admin = world.admin().await;
    // Vera still sees the visit with her, although Ada has left her care.
    for statement in [
        "update patients set assigned_providers = '{}'",
        "update care_relations set until = now()",
    ] {
        world.sql(statement, &[]).await;
    }
    for path in [
        "/v1/appointments".to_owned(),
        format!("/v1/appointments/{}", clinic.visit),
    ] {
        let path = format!("{path}?expand=patient,provider");
        let answer = vera.get(&path).await.expect(200);
        let named = resource(&answer);
        assert_eq!(named["patient_id"], json!(ada.id));
        assert_eq!(named.get("patient"), None, "{path}");
        assert_eq!(named["provider"], clinic.vera_named(), "{path}");
    }
    // Archived persons are named only to those who manage them.
    let cancelled = "update appointments set status = 'CANCELLED'";
    world.sql(cancelled, &[]).await;
    world
        .sql(
            "update patients set is_archived = true, archived_at = now()",
            &[],
        )
        .await;
    world
        .sql(
            "update providers set is_archived = true, archived_at = now()",
            &[],
        )
        .await;
    for (caller, is_named) in [(&**ada, false), (&admin, true)] {
        let path = "/v1/appointments?expand=patient,provider";
        let answer = caller.get(path).await.expect(200);
        for person in ["patient", "provider"] {
            let named = resource(&answer).get(person);
            assert_eq!(named.is_some(), is_named, "{person}");
        }
    }
}

#[tokio::test]
async fn an_answer_with_names_has_no_entity_tag_because_names_change_alone() {
    let clinic = Clinic::new().await;
    for (path, _) in clinic.paths().into_iter().skip(3) {
        let send = async |query: &str| {
            let request = clinic
                .ada
                .request(Method::GET, &format!("{path}{query}"))
                .header(IF_NONE_MATCH, "\"1\"");
            let request = request.body(Full::default()).unwrap();
            clinic.ada.send_request(request).await
        };
        assert_eq!(send("").await.status, 304, "{path}");
        let answer = send("?expand=patient").await.expect(200);
        assert_eq!(answer.header("etag"), "", "{path}");
        assert_eq!(answer.body["version"], 1);
        let renamed = "update user_profiles set last_name = 'Zyzzyva' where id = $1";
        clinic.world.sql(renamed, &[&clinic.ada.user]).await;
        let answer = send("?expand=patient").await.expect(200);
        assert_eq!(answer.body["patient"]["last_name"], "Zyzzyva");
    }
}

#[tokio::test]
async fn only_a_patient_and_a_provider_can_be_named() {
    let clinic = Clinic::new().await;
    let reads = READS.into_iter().zip(clinic.paths());
    for ((function, action, kind), (path, _)) in reads {
        for value in ["", "patients", "patient,", "patient,%20provider", "owner"] {
            let query = format!("{path}?expand={value}");
            let answer = clinic.ada.get(&query);
            let expected = audit(function, action, kind).by(&clinic.ada);
            clinic.world.invalid(answer, "expand", expected).await;
        }
    }
}
