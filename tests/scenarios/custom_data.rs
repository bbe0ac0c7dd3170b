//! Rules for custom data that are the same for every resource: schema, versions and limits.

use http::Method;
use tests::audit::Expected;
use tests::prelude::*;

/// A resource with custom data, and the caller who may change it.
struct Resource {
    table: &'static str,
    collection: &'static str,
    /// The functions that create and update it, and its type in the audit log.
    names: [&'static str; 3],
    keeper: Actor,
    /// The patient whose chart contains it, unless it is a new patient's own.
    patient: Option<Uuid>,
    /// The other fields that a patch must contain.
    with: Value,
    /// A patch of another field.
    other: Value,
}

struct Clinic {
    world: World,
    admin: Actor,
    ada: Patient,
    vera: Provider,
}

async fn clinic() -> Clinic {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    Clinic {
        admin: world.admin().await,
        world,
        ada,
        vera,
    }
}

impl Clinic {
    fn resources(&self) -> [Resource; 6] {
        let of_admin = |table, collection, names, other| Resource {
            table,
            collection,
            names,
            keeper: self.admin.clone(),
            patient: None,
            with: json!({}),
            other,
        };
        [
            of_admin(
                "user_profiles",
                "/v1/users",
                ["create-user", "update-user", "USER"],
                json!({"phone": "1"}),
            ),
            of_admin(
                "patients",
                "/v1/patients",
                ["create-patient", "update-patient", "PATIENT"],
                json!({"gender": "other"}),
            ),
            of_admin(
                "providers",
                "/v1/providers",
                ["create-provider", "update-provider", "PROVIDER"],
                json!({"specialties": ["surgery"]}),
            ),
            Resource {
                keeper: (*self.ada).clone(),
                patient: Some(self.ada.id),
                ..of_admin(
                    "appointments",
                    "/v1/appointments",
                    ["create-appointment", "update-appointment", "APPOINTMENT"],
                    json!({"notes": "Ring twice"}),
                )
            },
            Resource {
                keeper: (*self.vera).clone(),
                patient: Some(self.ada.id),
                with: json!({"change_reason": "Completed"}),
                ..of_admin(
                    "medical_records",
                    "/v1/medical-records",
                    ["create-record", "update-record", "MEDICAL_RECORD"],
                    json!({"notes": "Seen", "change_reason": "Completed"}),
                )
            },
            Resource {
                keeper: (*self.ada).clone(),
                patient: Some(self.ada.id),
                ..of_admin(
                    "file_metadata",
                    "/v1/files",
                    ["create-file", "update-file", "FILE"],
                    json!({"original_name": "letter.pdf"}),
                )
            },
        ]
    }

    /// Creates another one.
    async fn another(&self, resource: &Resource, custom_data: Value) -> Value {
        let id = Uuid::now_v7();
        let mut body = match resource.table {
            "user_profiles" => json!({
                "subject": id, "username": format!("{id}@example.org"),
                "first_name": "Ben", "last_name": "Example", "role": "PATIENT"
            }),
            "patients" => json!({
                "user_id": self.world.user("PATIENT", "Ben").await.user,
                "patient_number": id, "date_of_birth": "2000-01-01", "gender": "unknown"
            }),
            "providers" => json!({
                "user_id": self.world.user("PROVIDER", "Walt").await.user,
                "license_number": id, "specialties": []
            }),
            "appointments" => {
                let booked = self
                    .world
                    .row("select count(*) from appointments", &[])
                    .await;
                let day = booked["count"].as_i64().unwrap() + 1;
                json!({
                    "patient_id": self.ada.id, "provider_id": self.vera.id,
                    "scheduled_at": format!("2030-03-{day:02}T09:00:00Z"), "duration_minutes": 30
                })
            }
            "medical_records" => json!({
                "patient_id": self.ada.id, "record_type": "NOTE", "content": {"text": "Well"}
            }),
            "file_metadata" => {
                announcement("PATIENT", self.ada.user, "application/pdf", files::PDF)
            }
            other => panic!("{other} has no custom data"),
        };
        body["custom_data"] = custom_data;
        body
    }

    async fn create(&self, resource: &Resource, custom_data: Value) -> Answer {
        let body = self.another(resource, custom_data).await;
        let mut answer = resource.keeper.post(resource.collection, body).await;
        // The answer contains the file and its upload. Only the file is compared.
        if let Some(file) = answer.body.get_mut("file") {
            answer.body = file.take();
        }
        answer
    }

    async fn register(&self, table: &str, schema: Value) -> Answer {
        let path = format!("/v1/custom-data-schemas/{table}");
        let body = json!({ "schema": schema });
        self.admin.send(Method::PUT, &path, Some(body)).await
    }

    /// Asserts that there is a FAILURE row that names only fields.
    async fn refused(&self, answer: &Answer, application: &str) {
        let rows = self.world.audit_of(answer).await;
        assert_eq!(rows.len(), 1, "{application}");
        let entry = &rows[0].entry;
        assert_eq!(entry.application, application);
        assert_eq!(entry.outcome.label(), "FAILURE", "{application}");
        assert_eq!(entry.details["reason"], "invalid", "{application}");
        let details = Value::from(entry.details.clone()).to_string();
        assert!(!details.contains("badge"), "{details}");
    }
}

impl Resource {
    async fn patch(&self, id: Uuid, version: i64, custom_data: Value) -> Answer {
        let mut patch = self.with.clone();
        patch["custom_data"] = custom_data;
        let path = format!("{}/{id}", self.collection);
        self.keeper.patch(&path, version, patch).await
    }

    fn row(&self, action: &'static str, id: Uuid) -> Expected {
        let [create, update, kind] = self.names;
        let name = if action == "CREATE" { create } else { update };
        let row = audit(name, action, kind)
            .by(&self.keeper)
            .resource(id)
            .may_give_care();
        match self.table {
            "patients" => row.patient(id),
            _ => self.patient.into_iter().fold(row, Expected::patient),
        }
    }
}

/// A schema for a badge number up to `most` and the rooms it opens.
fn badge(most: u32) -> Value {
    json!({
        "type": "object",
        "properties": {
            "badge": {"type": "integer", "minimum": 1, "maximum": most},
            "rooms": {
                "type": "object",
                "properties": {"ward": {"type": "string"}, "lab": {"type": "string"}}
            },
            "notes": {"type": "object", "additionalProperties": true}
        }
    })
}

/// Returns data that the schema above refuses, with the field that the problem names.
fn wrong() -> Vec<(Value, &'static str)> {
    let deep = (0..9).fold(json!("badge"), |below, _| json!({ "below": below }));
    vec![
        (json!({"badge": 100}), "custom_data.badge"),
        (json!({"badge": "badge"}), "custom_data.badge"),
        (json!({"other": "badge"}), "custom_data.other"),
        (
            json!({"rooms": {"attic": "badge"}}),
            "custom_data.rooms.attic",
        ),
        (json!({"notes": deep}), "custom_data"),
        (
            json!({"notes": {"text": "badge".repeat(4000)}}),
            "custom_data",
        ),
        (json!(["badge"]), "custom_data"),
        (json!("badge"), "custom_data"),
    ]
}

#[tokio::test]
async fn without_a_registered_schema_custom_data_is_refused() {
    let clinic = clinic().await;
    for resource in clinic.resources() {
        let [create, update, _] = resource.names;
        let id = clinic.create(&resource, Value::Null).await.expect(201).id();
        let body = clinic.another(&resource, json!({})).await;
        let before = clinic.world.stored().await;
        let answer = resource.keeper.post(resource.collection, body).await;
        let answer = answer.invalid("custom_data");
        clinic.refused(&answer, create).await;
        let answer = resource.patch(id, 1, json!({"badge": 7})).await;
        let answer = answer.invalid("custom_data");
        clinic.refused(&answer, update).await;
        assert_eq!(clinic.world.stored().await, before);
        // Removing custom data that doesn't exist changes nothing.
        let answer = resource.patch(id, 1, Value::Null).await.expect(200);
        assert_eq!(answer.body["custom_data"], Value::Null);
    }
}

#[tokio::test]
async fn custom_data_is_validated_and_shown_with_its_version() {
    let clinic = clinic().await;
    for resource in clinic.resources() {
        let data = json!({"badge": 7, "rooms": {"ward": "4"}});
        clinic.register(resource.table, badge(9)).await.expect(200);
        let created = clinic.create(&resource, data.clone()).await.expect(201);
        let id = created.id();
        clinic
            .world
            .audited(&created, resource.row("CREATE", id))
            .await;
        let path = format!("{}/{id}", resource.collection);
        let read = resource.keeper.get(&path).await.expect(200);
        let listed = resource.keeper.get(resource.collection).await.expect(200);
        let items = listed.body["items"].as_array().unwrap();
        let item = items.iter().find(|item| item["id"] == json!(id)).unwrap();
        for shown in [&created.body, &read.body, item] {
            assert_eq!(shown["custom_data"], data, "{}", resource.table);
            assert_eq!(shown["custom_data_version"], 1, "{}", resource.table);
        }

        // A merge patch also applies within custom data: null removes a member, and members that it
        // doesn't contain stay.
        let patch = json!({"badge": null, "rooms": {"lab": "2"}});
        let changed = resource.patch(id, 1, patch).await.expect(200);
        let data = json!({"rooms": {"ward": "4", "lab": "2"}});
        assert_eq!(changed.body["custom_data"], data, "{}", resource.table);
        let mut fields = vec!["custom_data"];
        fields.extend(
            resource
                .with
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str),
        );
        fields.sort_unstable();
        let row = resource.row("UPDATE", id).detail("fields", json!(fields));
        clinic.world.audited(&changed, row).await;

        let body = clinic.another(&resource, Value::Null).await;
        let before = clinic.world.stored().await;
        for (wrong, field) in wrong() {
            let mut body = body.clone();
            body["custom_data"] = wrong.clone();
            let created = resource.keeper.post(resource.collection, body).await;
            let changed = resource.patch(id, 2, wrong).await;
            for (answer, name) in [(created, resource.names[0]), (changed, resource.names[1])] {
                // The problem may contain names of the schema, but never values.
                let answer = answer.invalid(field);
                assert!(!answer.text.contains("badgebadge"), "{}", answer.text);
                clinic.refused(&answer, name).await;
            }
        }
        assert_eq!(clinic.world.stored().await, before);

        let emptied = resource.patch(id, 2, Value::Null).await.expect(200);
        assert_eq!(emptied.body["custom_data"], Value::Null);
        assert_eq!(emptied.body["custom_data_version"], Value::Null);
    }
}

#[tokio::test]
async fn a_new_version_names_the_rows_that_do_not_satisfy_it_and_changes_none() {
    let clinic = clinic().await;
    for resource in clinic.resources() {
        let table = resource.table;
        clinic.register(table, badge(9)).await.expect(200);
        let data = json!({"badge": 7});
        let id = clinic
            .create(&resource, data.clone())
            .await
            .expect(201)
            .id();
        let breaking = clinic.register(table, badge(5)).await;
        let breaking = breaking.invalid("schema");
        assert!(breaking.text.contains(&id.to_string()), "{}", breaking.text);
        clinic.refused(&breaking, "put-custom-data-schema").await;
        clinic.register(table, badge(20)).await.expect(200);

        // Data that a patch doesn't change keeps the version that it satisfied, even if the latest
        // version refuses it.
        let path = format!("{}/{id}", resource.collection);
        let other = resource.other.clone();
        let changed = resource.keeper.patch(&path, 1, other).await.expect(200);
        assert_eq!(changed.body["custom_data"], data, "{table}");
        assert_eq!(changed.body["custom_data_version"], 1, "{table}");
        let changed = resource
            .patch(id, 2, json!({"badge": 15}))
            .await
            .expect(200);
        assert_eq!(changed.body["custom_data"], json!({"badge": 15}));
        assert_eq!(changed.body["custom_data_version"], 2, "{table}");

        if table == "medical_records" {
            let versions = resource.keeper.get(&format!("{path}/versions")).await;
            let items = &versions.expect(200).body["items"];
            for (former, badge, version) in [(0, 15, 2), (1, 7, 1)] {
                assert_eq!(items[former]["custom_data"], json!({ "badge": badge }));
                assert_eq!(items[former]["custom_data_version"], version);
            }
        }

        // A schema without properties retires the fields, once no row has any.
        let retired = json!({"type": "object"});
        let refused = clinic.register(table, retired.clone()).await;
        let refused = refused.invalid("schema");
        assert!(refused.text.contains(&id.to_string()), "{}", refused.text);
        resource.patch(id, 3, Value::Null).await.expect(200);
        clinic.register(table, retired).await.expect(200);
        let answer = resource.patch(id, 4, json!({"badge": 1})).await;
        answer.invalid("custom_data.badge");
    }
}

#[tokio::test]
async fn a_persons_custom_data_is_changed_by_registration_and_read_by_the_person() {
    let clinic = clinic().await;
    let Clinic {
        world, ada, vera, ..
    } = &clinic;
    for table in ["user_profiles", "patients", "providers"] {
        clinic.register(table, badge(9)).await.expect(200);
        world
            .sql(
                &format!(
                    "update {table} set custom_data = '{{\"badge\": 7}}', custom_data_version = 1"
                ),
                &[],
            )
            .await;
    }
    let before = world.stored().await;
    let profile = |actor: &Actor| format!("/v1/users/{}", actor.user);
    let (patient, provider) = (
        format!("/v1/patients/{}", ada.id),
        format!("/v1/providers/{}", vera.id),
    );
    for (caller, path, version) in [
        (&**ada, profile(ada), 2),
        (&**vera, profile(vera), 2),
        (&**ada, patient.clone(), 3),
        (&**vera, patient, 3),
        (&**vera, provider, 2),
    ] {
        let patch = json!({"custom_data": {"badge": 8}});
        let answer = caller.patch(&path, version, patch).await;
        let answer = answer.problem(403, "forbidden");
        let rows = world.audit_of(&answer).await;
        assert_eq!(rows[0].entry.outcome.label(), "DENIED", "{path}");
    }
    assert_eq!(world.stored().await, before);
    for (caller, path) in [
        (&**ada, profile(ada)),
        (&**ada, format!("/v1/patients/{}", ada.id)),
        (&**vera, format!("/v1/patients/{}", ada.id)),
        (&**ada, format!("/v1/providers/{}", vera.id)),
        (&clinic.admin, format!("/v1/patients/{}", ada.id)),
    ] {
        let answer = caller.get(&path).await.expect(200);
        assert_eq!(answer.body["custom_data"], json!({"badge": 7}), "{path}");
        assert_eq!(answer.body["custom_data_version"], 1, "{path}");
    }
    let search = json!({"patient_number": format!("MRN-{}", ada.id)});
    let found = vera.post("/v1/patients/search", search).await.expect(200);
    let shown = &found.body["items"][0]["custom_data"];
    assert_eq!(shown, &json!({"badge": 7}));
}

#[tokio::test]
async fn a_visits_custom_data_can_be_changed_by_the_patient_until_it_begins() {
    let clinic = clinic().await;
    let Clinic {
        world, ada, vera, ..
    } = &clinic;
    clinic.register("appointments", badge(9)).await.expect(200);
    let id = world
        .visit(ada, vera, "2020-01-07T09:00Z", "SCHEDULED")
        .await;
    let path = format!("/v1/appointments/{id}");
    let patch = json!({"custom_data": {"badge": 1}});
    let answer = ada.patch(&path, 1, patch.clone()).await;
    answer.problem(409, "conflict");
    let answer = vera.patch(&path, 1, patch).await.expect(200);
    assert_eq!(answer.body["custom_data"], json!({"badge": 1}));
}

#[tokio::test]
async fn data_that_would_take_too_long_to_check_is_refused_and_recorded() {
    let clinic = clinic().await;
    let choices: Vec<Value> = (0..400).map(|index| json!({"const": index})).collect();
    let schema = json!({"schema": {
        "type": "object", "properties": {"codes": {"type": "array", "items": {"anyOf": choices}}}
    }});
    let path = "/v1/custom-data-schemas/patients";
    let registered = clinic.admin.send(Method::PUT, path, Some(schema)).await;
    registered.expect(200);
    let path = format!("/v1/patients/{}", clinic.ada.id);
    let codes = |count: usize| json!({"custom_data": {"codes": vec![399; count]}});
    let row = || {
        let row = audit("update-patient", "UPDATE", "PATIENT").by(&clinic.admin);
        let row = row.resource(clinic.ada.id).patient(clinic.ada.id);
        row.detail("fields", json!(["custom_data"]))
    };
    let request = clinic.admin.patch(&path, 2, codes(3_000));
    let answer = clinic.world.invalid(request, "custom_data", row()).await;
    assert!(
        answer.text.contains("expected fewer values"),
        "{}",
        answer.text
    );
    let answer = clinic.admin.patch(&path, 2, codes(100)).await.expect(200);
    clinic.world.audited(&answer, row()).await;
}
