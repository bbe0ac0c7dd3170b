//! `POST /v1/files`

use tests::audit::Expected;
use tests::prelude::*;
use tokio_postgres::types::ToSql;

fn row() -> Expected {
    audit("create-file", "CREATE", "FILE")
}

/// Returns the expected row of an attempt whose new id the answer doesn't contain.
async fn attempted(world: &World, answer: &Answer) -> Expected {
    let rows = world.audit_of(answer).await;
    row().resource(rows[0].entry.resource_id.unwrap())
}

#[tokio::test]
async fn a_patient_announces_a_file_and_gets_upload_urls() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let body = announcement("PATIENT", ada.user, "application/pdf", files::PDF);
    let answer = ada.post("/v1/files", body.clone()).await.expect(201);
    let file = &answer.body["file"];
    let id: Uuid = file["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/files/{id}"));
    for field in [
        "owner_type",
        "owner_id",
        "original_name",
        "file_type",
        "file_size",
        "sha256",
    ] {
        assert_eq!(file[field], body[field], "{field}");
    }
    assert_eq!(file["status"], "PENDING");
    assert_eq!(file["patient_id"], json!(ada.id));
    assert_eq!(file["upload_date"], Value::Null);
    // The object's key is internal.
    assert_eq!(file.get("file_path"), None);

    let upload = &answer.body["upload"];
    let key = format!("files/{}/{id}", ada.user);
    assert_eq!(upload["method"], "PUT");
    assert!(upload["url"].as_str().unwrap().starts_with(&format!(
        "{}/caretrail-files/{key}?",
        world.cloud.objects().url()
    )));
    assert_eq!(upload["headers"]["content-type"], "application/pdf");
    assert_eq!(upload["headers"]["if-none-match"], "*");
    let stored = world
        .row(
            "select bucket, file_path, uploaded_by, status,
               expires_at = $1::text::timestamptz as ends_with_the_url from file_metadata",
            &[&upload["expires_at"].as_str().unwrap()],
        )
        .await;
    assert_eq!(
        stored,
        json!({
            "bucket": "caretrail-files", "file_path": key, "uploaded_by": ada.user,
            "status": "PENDING", "ends_with_the_url": true
        })
    );
    world
        .audited(&answer, row().by(&ada).resource(id).patient(ada.id))
        .await;
}

#[tokio::test]
async fn a_provider_announces_files_for_patients_visits_and_themselves() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let visit = world.visit(&ada, &vera, &days_ago(30), "COMPLETED").await;
    let of_patient = announcement("PATIENT", ada.user, "image/png", files::PNG);
    let mut of_visit = announcement(
        "APPOINTMENT",
        ada.user,
        "application/dicom",
        &files::dicom(),
    );
    of_visit["appointment_id"] = json!(visit);
    let her_own = announcement("PROVIDER", vera.user, "application/pdf", files::PDF);
    for (body, patient, appointment) in [
        (of_patient, Some(ada.id), None),
        (of_visit, Some(ada.id), Some(visit)),
        (her_own, None, None),
    ] {
        let answer = vera.post("/v1/files", body).await.expect(201);
        let file = &answer.body["file"];
        assert_eq!(file["patient_id"], json!(patient));
        assert_eq!(file["appointment_id"], json!(appointment));
        let id = file["id"].as_str().unwrap().parse().unwrap();
        let named = patient.into_iter().fold(row().by(&vera), Expected::patient);
        world.audited(&answer, named.resource(id)).await;
    }
}

#[tokio::test]
async fn a_provider_announces_a_file_for_a_record_of_the_same_chart() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world.assign(&ada, &vera).await;
    world.assign(&ben, &vera).await;
    let entry = world.note(&ada, &vera, "X-ray of the chest").await;
    let mut of_ada = announcement("PATIENT", ada.user, "image/png", files::PNG);
    of_ada["record_id"] = json!(entry);
    let answer = vera.post("/v1/files", of_ada.clone()).await.expect(201);
    assert_eq!(answer.body["file"]["record_id"], json!(entry));
    let id: Uuid = answer.body["file"]["id"].as_str().unwrap().parse().unwrap();
    let created = row().by(&vera).resource(id).patient(ada.id);
    world.audited(&answer, created).await;
    let path = format!("/v1/files/{id}");
    let shown = ada.get(&path).await.expect(200);
    assert_eq!(shown.body["record_id"], json!(entry));
    world.hold(entry, &vera, "1 day").await;
    ada.get(&path).await.problem(404, "not-found");
    vera.get(&path).await.expect(200);

    let before = world.stored().await;
    // The patient doesn't even learn whether the record exists.
    let refused = ada.post("/v1/files", of_ada).await;
    let refused = refused.problem(404, "not-found");
    let mut of_none = announcement("PATIENT", ada.user, "image/png", files::PNG);
    of_none["record_id"] = json!(Uuid::now_v7());
    let absent = ada.post("/v1/files", of_none).await;
    refused.same_as(&absent.problem(404, "not-found"));
    let denied = attempted(&world, &refused).await.by(&ada).patient(ada.id);
    world.audited(&refused, denied.denied("not-found")).await;
    let mut of_ben = announcement("PATIENT", ben.user, "image/png", files::PNG);
    of_ben["record_id"] = json!(entry);
    vera.post("/v1/files", of_ben)
        .await
        .problem(404, "not-found");
    let mut her_own = announcement("PROVIDER", vera.user, "image/png", files::PNG);
    her_own["record_id"] = json!(entry);
    vera.post("/v1/files", her_own)
        .await
        .problem(404, "not-found");
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_file_for_another_patients_chart_gets_404() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    let before = world.stored().await;
    for caller in [&*ben, &*vera] {
        let body = announcement("PATIENT", ada.user, "image/png", files::PNG);
        let refused = caller
            .post("/v1/files", body)
            .await
            .problem(404, "not-found");
        let denied = attempted(&world, &refused).await.by(caller);
        world
            .audited(&refused, denied.patient(ada.id).denied("not-found"))
            .await;

        let body = announcement("PATIENT", Uuid::now_v7(), "image/png", files::PNG);
        let absent = caller
            .post("/v1/files", body)
            .await
            .problem(404, "not-found");
        let failed = attempted(&world, &absent).await.by(caller);
        world.audited(&absent, failed.failed("not-found")).await;
        refused.same_as(&absent);
    }
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_file_can_not_belong_to_another_patients_visit_or_another_provider() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    world.assign(&ada, &vera).await;
    let of_ben = world
        .visit(&ben, &vera, "2020-01-07T09:00Z", "COMPLETED")
        .await;
    let before = world.stored().await;
    let mut body = announcement("APPOINTMENT", ada.user, "image/png", files::PNG);
    body["appointment_id"] = json!(of_ben);
    vera.post("/v1/files", body).await.problem(404, "not-found");
    let body = announcement("PROVIDER", walt.user, "image/png", files::PNG);
    vera.post("/v1/files", body).await.problem(404, "not-found");
    // A patient has no provider files.
    let body = announcement("PROVIDER", ada.user, "image/png", files::PNG);
    ada.post("/v1/files", body).await.problem(404, "not-found");
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn a_role_without_the_permission_is_refused() {
    let world = World::new().await;
    let (ada, admin) = (world.patient("Ada").await, world.admin().await);
    let before = world.stored().await;
    let body = announcement("PATIENT", ada.user, "image/png", files::PNG);
    let answer = admin
        .post("/v1/files", body)
        .await
        .problem(403, "forbidden");
    let denied = attempted(&world, &answer).await.by(&admin);
    world
        .audited(&answer, denied.patient(ada.id).denied("forbidden"))
        .await;
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn fields_out_of_bounds_are_named_and_nothing_is_stored() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let before = world.stored().await;
    for (field, value) in [
        ("file_type", json!("text/html")),
        ("file_type", json!("application/x-msdownload")),
        ("file_size", json!(0)),
        ("file_size", json!(-1)),
        ("file_size", json!(50 * 1024 * 1024 + 1)),
        ("sha256", json!("abc")),
        ("original_name", json!("")),
        ("original_name", json!("x".repeat(256))),
        ("original_name", json!("a\u{0}b")),
        // This name is displayed as invoice_exe.pdf.
        ("original_name", json!("invoice_\u{202e}fdp.exe")),
        ("original_name", json!("invoice_\u{2067}fdp.exe")),
        ("owner_type", json!("ADMIN")),
        ("owner_id", json!("ada")),
        ("appointment_id", json!(Uuid::now_v7())),
        ("file_path", json!("files/../x")),
    ] {
        let mut body = announcement("PATIENT", ada.user, "image/png", files::PNG);
        body[field] = value;
        let request = ada.post("/v1/files", body);
        world.invalid(request, field, row().by(&ada)).await;
    }
    let body = announcement("APPOINTMENT", ada.user, "image/png", files::PNG);
    ada.post("/v1/files", body).await.invalid("appointment_id");
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn the_deployment_sets_size_limits_and_part_size() {
    let world = World::with(Setup {
        environment: [
            ("FILE_SIZE_LIMITS", "text/plain=7, image/png=1"),
            ("FILE_PART_SIZE", "6"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    let announce = async |file_type: &str, size: i64| {
        let mut body = announcement("PATIENT", ada.user, file_type, b"");
        body["file_size"] = json!(size);
        ada.post("/v1/files", body).await
    };
    const MIB: i64 = 1024 * 1024;
    for (file_type, most) in [("text/plain", 7), ("image/png", 1), ("image/jpeg", 50)] {
        let answer = announce(file_type, most * MIB + 1)
            .await
            .invalid("file_size");
        let expected = format!("expected 1 to {} bytes for this type", most * MIB);
        assert_eq!(answer.body["errors"][0]["message"], expected);
        world
            .audited(&answer, row().by(&ada).failed("invalid"))
            .await;
        announce(file_type, most * MIB).await.expect(201);
    }
    for (size, parts) in [(6 * MIB, None), (6 * MIB + 1, Some(2))] {
        let answer = announce("text/plain", size).await.expect(201);
        let found = answer.body["upload"]["parts"].as_array().map(Vec::len);
        assert_eq!(found, parts, "{size}");
    }
}

#[tokio::test]
async fn impossible_limits_stop_the_function_at_start() {
    let world = World::with(Setup {
        environment: [("FILE_SIZE_LIMITS".to_owned(), "text/html=1".to_owned())].into(),
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    let body = announcement("PATIENT", ada.user, "image/png", files::PNG);
    let answer = ada.post("/v1/files", body).await;
    assert!(answer.status >= 500, "{}", answer.text);
    let log = world.cloud.logs("create-file").lines().join("\n");
    assert!(
        log.contains("FILE_SIZE_LIMITS") && log.contains("expected accepted media types"),
        "{log}"
    );
    let nothing = world.rows("select id from file_metadata", &[]).await;
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn a_url_uploads_a_file_once() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (id, upload) = world.announced(&ada, "application/pdf", files::PDF).await;
    assert_eq!(ada.upload(&upload, files::PDF).await, 200);
    let version = world.cloud.objects();
    let key = format!("files/{}/{id}", ada.user);
    let first = version.version("caretrail-files", &key).unwrap();
    // Whoever learns the URL, or a renewed one, replaces nothing.
    assert_eq!(ada.upload(&upload, files::PDF).await, 412);
    assert_eq!(version.version("caretrail-files", &key).unwrap(), first);
}

#[tokio::test]
async fn an_account_announces_a_thousand_files_and_a_hundred_gibibytes_a_day() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let announce = async |who: &Patient| {
        let body = announcement("PATIENT", who.user, "application/pdf", files::PDF);
        who.post("/v1/files", body).await
    };
    // 999 uploads, of which some were archived meanwhile, and one that is older than a day
    let fill = "
        insert into file_metadata
          (id, owner_id, owner_type, patient_id, bucket, file_path, original_name, file_type, file_size, sha256,
           expires_at, uploaded_by, created_at, is_archived, archived_at)
        select gen_random_uuid(), $1, 'PATIENT', $2, 'caretrail-files', 'files/' || $3 || i, 'a.pdf',
          'application/pdf', $4, sha256('a'), now(), $1, now() - $5::text::interval, i % 2 = 0,
          case when i % 2 = 0 then now() end
        from generate_series(1, $6) as i";
    let small = 1_i64;
    let put = async |who: &Patient, name: &str, size: i64, age: &str, count: i32| {
        let parameters: [&(dyn ToSql + Sync); 6] = [&who.user, &who.id, &name, &size, &age, &count];
        world.sql(fill, &parameters).await;
    };
    put(&ada, "young", small, "1 hour", 999).await;
    put(&ada, "old", small, "25 hours", 1).await;
    announce(&ada).await.expect(201);

    // When one more is announced, then it is refused
    let before = world.stored().await;
    let answer = announce(&ada).await.problem(429, "too-many-uploads");
    assert_eq!(world.stored().await, before);
    let failed = attempted(&world, &answer).await.by(&ada).patient(ada.id);
    world
        .audited(&answer, failed.failed("too-many-uploads"))
        .await;

    // And the bytes of another account count, too
    let all_but_one = 100 * 1024 * 1024 * 1024 - i64::try_from(files::PDF.len()).unwrap();
    put(&ben, "large", all_but_one, "1 hour", 1).await;
    announce(&ben).await.expect(201);
    announce(&ben).await.problem(429, "too-many-uploads");

    // When the operator raises the quota, then both go on
    migrations::set_upload_quota(&world.superuser_url(), None, 2000, 200 << 30)
        .await
        .unwrap();
    announce(&ada).await.expect(201);
    announce(&ben).await.expect(201);
}

#[tokio::test]
async fn of_many_concurrent_announcements_only_those_within_the_quota_succeed() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    migrations::set_upload_quota(&world.superuser_url(), None, 3, 1 << 30)
        .await
        .unwrap();
    let announce = || {
        let body = announcement("PATIENT", ada.user, "application/pdf", files::PDF);
        ada.post("/v1/files", body)
    };
    let (a, b, c, d, e) = tokio::join!(announce(), announce(), announce(), announce(), announce());
    let answers = [a, b, c, d, e];
    let created = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(created.count(), 3);
}
