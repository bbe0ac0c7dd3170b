//! `GET /v1/patients/{id}/accesses`

use domain::time::{TimeDelta, Timestamp};
use tests::archive::month_ago;
use tests::audit::Expected;
use tests::prelude::*;

fn path(patient: &Patient) -> String {
    format!("/v1/patients/{}/accesses", patient.id)
}

fn row(caller: &Actor, patient: Uuid) -> Expected {
    audit("list-chart-accesses", "SEARCH", "AUDIT_LOG")
        .by(caller)
        .patient(patient)
}

fn items(answer: &Answer) -> Vec<Value> {
    answer.body["items"].as_array().unwrap().clone()
}

/// The summaries of all accesses, newest first.
async fn summaries(caller: &Actor, patient: &Patient) -> Vec<String> {
    let answer = caller.get(&path(patient)).await.expect(200);
    let summary = |item: &Value| item["summary"].as_str().unwrap().to_owned();
    items(&answer).iter().map(summary).collect()
}

/// Lets review-access explain all accesses that there are.
async fn explain(world: &World) {
    world.outlast_transactions().await;
    let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
    world
        .cloud
        .invoke("review-access", &schedule)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_patient_reads_in_plain_words_who_opened_their_chart_when_and_why() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, admin) = (world.provider("Vera").await, world.admin().await);
    world.assign(&ada, &vera).await;
    let note = world.note(&ada, &vera, "Well.").await;
    let listed = admin.get("/v1/patients").await.expect(200);
    let read = vera
        .get(&format!("/v1/medical-records/{note}"))
        .await
        .expect(200);
    ada.get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    // Neither a refusal nor what concerns others is an access.
    ben.get(&format!("/v1/patients/{}", ada.id))
        .await
        .problem(404, "not-found");
    ben.get(&format!("/v1/patients/{}", ben.id))
        .await
        .expect(200);
    explain(&world).await;

    let answer = ada.get(&path(&ada)).await.expect(200);
    world.audited(&answer, row(&ada, ada.id)).await;
    let accesses = items(&answer);
    assert_eq!(accesses.len(), 3);
    assert_eq!(
        accesses[0]["summary"],
        "You read the overview of your chart."
    );
    let stored = world.audit_of(&read).await.remove(0).entry;
    assert_eq!(
        accesses[1],
        json!({
            "id": stored.id,
            "accessed_at": stored.timestamp,
            "summary": "Vera Example (provider) read a medical record in your chart for treatment. An assignment to your \
                        care explains it.",
            "user_id": vera.user,
            "user_name": "Vera Example",
            "role": "PROVIDER",
            "relation": "CARE",
            "purpose_of_use": "TREAT",
            "is_emergency": false,
            "action_type": "READ",
            "resource_type": "MEDICAL_RECORD",
            "resource_id": note,
            "application": "get-record",
            "explanation": "ASSIGNMENT",
        })
    );
    let stored = world.audit_of(&listed).await.remove(0).entry;
    assert_eq!(accesses[2]["id"], json!(stored.id));
    assert_eq!(accesses[2]["resource_id"], Value::Null);
    assert_eq!(
        accesses[2]["summary"],
        "Adrian Example (admin) read a list of patients with your name for the clinic's operations."
    );
    // Their own look at the list is an access, too.
    assert_eq!(
        summaries(&ada, &ada).await[0],
        "You read the list of who opened your chart."
    );
}

#[tokio::test]
async fn filters_and_pages_name_each_access_once() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
    for provider in [&vera, &walt] {
        world.assign(&ada, provider).await;
        world.assign(&ben, provider).await;
    }
    let chart = format!("/v1/patients/{}", ada.id);
    let mut expected = Vec::new();
    for caller in [&*vera, &*ada, &*walt] {
        for path in [chart.as_str(), "/v1/patients"] {
            let answer = caller.get(path).await.expect(200);
            expected.insert(0, world.audit_of(&answer).await.remove(0).entry);
        }
    }
    let ids = |of: &[usize]| -> Vec<Uuid> { of.iter().map(|at| expected[*at].id.into()).collect() };
    let middle = expected[3].timestamp;
    for (query, wanted) in [
        (format!("user_id={}", vera.user), ids(&[4, 5])),
        ("own=false".to_owned(), ids(&[0, 1, 4, 5])),
        (format!("until={middle}"), ids(&[4, 5])),
        (
            format!("until={}&from={}", expected[0].timestamp, middle),
            ids(&[1, 2, 3]),
        ),
        (
            format!("own=false&until={}&user_id={}", middle, walt.user),
            vec![],
        ),
        ("until=1969-01-01T00:00:00Z".to_owned(), vec![]),
        ("from=9999-01-01T00:00:00Z".to_owned(), vec![]),
    ] {
        let answer = without_looks(&ada, &format!("{}?{query}", path(&ada))).await;
        assert_eq!(answer, wanted, "{query}");
    }
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ada
            .get(&format!(
                "{}?limit=2&until={}{cursor}",
                path(&ada),
                expected[0].timestamp
            ))
            .await
            .expect(200);
        assert!(page.ids().len() <= 2);
        found.extend(page.ids());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, ids(&[1, 2, 3, 4, 5]));
}

/// The ids of the accesses that this path lists, without those to the list itself.
async fn without_looks(caller: &Actor, path: &str) -> Vec<Uuid> {
    let answer = caller.get(path).await.expect(200);
    let listed = items(&answer);
    let others = listed
        .iter()
        .filter(|item| item["application"] != "list-chart-accesses");
    others
        .map(|item| item["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn an_emergency_access_is_marked_and_a_review_of_it_is_not_shown() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let officer = world.officer().await;
    let access = world.emergency(kim.id, vera.user, "1 hour").await;
    vera.get(&format!("/v1/patients/{}", kim.id))
        .await
        .expect(200);
    let revoke = format!("/v1/emergency-access/{access}/revoke");
    vera.post_nothing(&revoke).await.expect(200);
    let review = format!("/v1/emergency-access/{access}/review");
    officer
        .post(&review, json!({"review": "APPROVED"}))
        .await
        .expect(200);
    officer
        .get(&format!("/v1/emergency-access?patient_id={}", kim.id))
        .await
        .expect(200);
    let answer = kim.get(&path(&kim)).await.expect(200);
    let accesses = items(&answer);
    assert_eq!(accesses.len(), 2, "{accesses:#?}");
    assert_eq!(
        accesses[0]["summary"],
        "Vera Example (provider) changed an emergency access to your chart in an emergency."
    );
    assert_eq!(
        accesses[1]["summary"],
        "Vera Example (provider) read the overview of your chart in an emergency."
    );
    for access in accesses {
        assert_eq!(access["is_emergency"], true);
        assert_eq!(access["relation"], "EMERGENCY");
    }
}

#[tokio::test]
async fn a_representative_reads_it_for_the_patient_while_they_represent_them() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let parent = world.user("PATIENT", "Pat").await;
    world.assign(&kim, &vera).await;
    world.represent(parent.user, &kim, None).await;
    let chart = format!("/v1/patients/{}", kim.id);
    for caller in [&*vera, &*kim, &parent] {
        caller.get(&chart).await.expect(200);
    }
    let answer = parent.get(&path(&kim)).await.expect(200);
    let entry = world.audited(&answer, row(&parent, kim.id)).await.entry;
    assert_eq!(entry.relation, Some(audit::Relation::Representation));
    let found: Vec<_> = items(&answer)
        .iter()
        .map(|item| item["summary"].clone())
        .collect();
    assert_eq!(
        found,
        [
            "Pat Example, who represents the patient, read the overview of the patient's chart.",
            "The patient read the overview of the patient's chart.",
            "Vera Example (provider) read the overview of the patient's chart for treatment.",
        ]
    );
    assert_eq!(
        summaries(&kim, &kim).await[0],
        "Pat Example, who represents you, read the list of who opened your chart."
    );
    let end = "update representatives set since = now() - interval '1 day', until = now()";
    world.sql(end, &[]).await;
    let denied = row(&parent, kim.id).denied("not-found");
    world.refused(parent.get(&path(&kim)), 404, denied).await;
}

#[tokio::test]
async fn nobody_else_reads_it_but_officers_who_see_what_the_patient_sees() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let (vera, admin) = (world.provider("Vera").await, world.admin().await);
    let officer = world.officer().await;
    world.assign(&ada, &vera).await;
    for caller in [&*vera, &admin] {
        let denied = row(caller, ada.id).denied("forbidden");
        world.refused(caller.get(&path(&ada)), 403, denied).await;
    }
    let denied = row(&ben, ada.id).denied("not-found");
    let denied = world.refused(ben.get(&path(&ada)), 404, denied).await;
    let absent = audit("list-chart-accesses", "SEARCH", "AUDIT_LOG").by(&ben);
    let nowhere = format!("/v1/patients/{}/accesses", Uuid::now_v7());
    let absent = world
        .refused(ben.get(&nowhere), 404, absent.failed("not-found"))
        .await;
    denied.same_as(&absent);

    vera.get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    let answer = officer.get(&path(&ada)).await.expect(200);
    let entry = world.audited(&answer, row(&officer, ada.id)).await.entry;
    assert_eq!(entry.relation, Some(audit::Relation::Office));
    let seen = items(&answer);
    assert_eq!(seen.len(), 1);
    assert_eq!(
        seen[0]["summary"],
        "Vera Example (provider) read the overview of the patient's chart for treatment."
    );
    // The officer's look is not in it.
    assert_eq!(ada.get(&path(&ada)).await.expect(200).ids(), answer.ids());

    for (query, field) in [("from=yesterday", "from"), ("own=perhaps", "own")] {
        let asked = ada.get(&format!("{}?{query}", path(&ada))).await;
        let asked = asked.invalid(field);
        world
            .audited(&asked, row(&ada, ada.id).failed("invalid").so_far())
            .await;
    }
}

#[tokio::test]
async fn oversight_and_legal_holds_are_not_shown() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (officer, admin) = (world.officer().await, world.admin().await);
    let alert = world.alert(vera.user, Some(ada.id)).await;
    officer
        .get(&format!("/v1/alerts/{alert}"))
        .await
        .expect(200);
    officer
        .get(&format!("/v1/alerts?patient_id={}", ada.id))
        .await
        .expect(200);
    let breach = world.breach(&[ada.id]).await;
    officer
        .get(&format!(
            "/v1/incidents/{breach}/patients/{}/letter",
            ada.id
        ))
        .await
        .expect(200);
    officer
        .get(&format!("/v1/incidents?patient_id={}", ada.id))
        .await
        .expect(200);
    let hold = json!({"patient_id": ada.id, "reason": "Case 7"});
    admin.post("/v1/legal-holds", hold).await.expect(200);
    let concerned = "select from audit_logs where patient_id = $1 and outcome = 'SUCCESS'";
    assert!(world.sql(concerned, &[&ada.id]).await.len() >= 3);
    assert_eq!(summaries(&ada, &ada).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_concerns_a_withheld_record_is_shown_once_the_hold_has_ended() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world.assign(&ada, &vera).await;
    let note = json!({
        "patient_id": ada.id, "record_type": "NOTE", "content": {"text": "Later."},
        "hold": {"reason": "privacy", "expires_at": Timestamp::now() + TimeDelta::days(1)}
    });
    let note = vera
        .post("/v1/medical-records", note)
        .await
        .expect(201)
        .id();
    vera.get(&format!("/v1/medical-records/{note}"))
        .await
        .expect(200);
    let file = world.uploaded(&ada, "image/png", files::PNG).await;
    let attach = "update file_metadata set record_id = $2 where id = $1";
    world.sql(attach, &[&file, &note]).await;
    vera.get(&format!("/v1/files/{file}")).await.expect(200);
    vera.get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
    // Vera is neither assigned any more nor visited, so that what she wrote is all that explains her access.
    world
        .rewrite_history("update chart_accesses set explanation = 'AUTHOR'")
        .await;
    explain(&world).await;
    world
        .rewrite_history("update chart_accesses set explanation = 'AUTHOR'")
        .await;

    let others = format!("{}?own=false", path(&ada));
    let shown = items(&ada.get(&others).await.expect(200));
    let of_vera: Vec<_> = shown
        .iter()
        .filter(|item| item["user_id"] == json!(vera.user))
        .collect();
    assert_eq!(of_vera.len(), 1, "{shown:#?}");
    assert_eq!(of_vera[0]["resource_type"], "PATIENT");
    assert_eq!(of_vera[0]["explanation"], Value::Null);
    for hidden in [note, file] {
        assert!(!json!(shown).to_string().contains(&hidden.to_string()));
    }

    world
        .rewrite_history(
            "update record_releases set expires_at = now(), decided_at = now() - interval '1 day';
             update medical_records set release_date = now()",
        )
        .await;
    let shown = items(&ada.get(&others).await.expect(200));
    let of_vera: Vec<_> = shown
        .iter()
        .filter(|item| item["user_id"] == json!(vera.user))
        .map(|item| (item["application"].as_str().unwrap(), &item["explanation"]))
        .collect();
    let author = json!("AUTHOR");
    assert_eq!(
        of_vera,
        [
            ("get-patient", &author),
            ("get-file", &author),
            ("get-record", &author),
            ("create-record", &author)
        ]
    );
}

#[tokio::test]
async fn a_clinic_can_show_the_roles_of_its_staff_alone() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    let parent = world.user("PATIENT", "Pat").await;
    world.assign(&kim, &vera).await;
    world.represent(parent.user, &kim, None).await;
    let chart = format!("/v1/patients/{}", kim.id);
    for caller in [&*vera, &*kim, &parent] {
        caller.get(&chart).await.expect(200);
    }
    migrations::set_staff_names(&world.superuser_url(), None, false)
        .await
        .unwrap();
    let shown = items(&kim.get(&path(&kim)).await.expect(200));
    let seen: Vec<_> = shown
        .iter()
        .map(|item| (&item["summary"], &item["user_id"], &item["user_name"]))
        .collect();
    let (parents, kims) = (json!(parent.user), json!(kim.user));
    assert_eq!(
        seen,
        [
            (
                &json!("Pat Example, who represents you, read the overview of your chart."),
                &parents,
                &json!("Pat Example")
            ),
            (
                &json!("You read the overview of your chart."),
                &kims,
                &json!("Kim Example")
            ),
            (
                &json!(
                    "Somebody with the role \"provider\" read the overview of your chart for treatment."
                ),
                &Value::Null,
                &Value::Null
            ),
        ]
    );
    // Nobody finds a name out by asking for one.
    for (user, found) in [(vera.user, 0), (parent.user, 1)] {
        let asked = format!("{}?user_id={user}", path(&kim));
        assert_eq!(kim.get(&asked).await.expect(200).ids().len(), found);
    }
}

#[tokio::test]
async fn archived_months_are_listed_behind_the_live_ones_without_the_function() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world.assign(&ada, &vera).await;
    world.assign(&ben, &vera).await;
    let chart = format!("/v1/patients/{}", ada.id);
    vera.get(&chart).await.expect(200);
    vera.get("/v1/patients").await.expect(200);
    ada.get(&chart).await.expect(200);
    let file = world.uploaded(&ada, "application/pdf", files::PDF).await;
    let rows = world.age_log(25).await;
    world.seal_month(rows.len()).await;
    assert!(!world.archive().await.is_empty());
    let month = chrono::NaiveDate::from(month_ago(25));
    let left = world
        .sql("select from audit_logs where month = $1", &[&month])
        .await;
    assert!(left.is_empty(), "the month is archived");
    vera.get(&chart).await.expect(200);

    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = format!("{}?limit=2{cursor}", path(&ada));
        let page = ada.get(&page).await.expect(200);
        found.extend(items(&page));
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found[0]["application"], "get-patient");
    let archived: Vec<_> = found[1..].iter().collect();
    assert!(
        archived
            .iter()
            .all(|item| item["application"] == Value::Null)
    );
    let seen: Vec<_> = archived
        .iter()
        .map(|item| item["summary"].as_str().unwrap())
        .collect();
    let of_file = |item: &&&Value| item["resource_id"] == json!(file);
    assert!(archived.iter().filter(of_file).count() >= 3);
    assert!(seen.contains(&"The clinic's own software checked a file of your chart."));
    assert_eq!(
        seen[seen.len() - 3..],
        [
            "You read the overview of your chart.",
            "Vera Example (provider) read a list of patients with your name for treatment.",
            "Vera Example (provider) read the overview of your chart for treatment.",
        ]
    );
    let own = archived.iter().filter(|item| item["relation"] == "SELF");
    let others = ada
        .get(&format!("{}?own=false", path(&ada)))
        .await
        .expect(200);
    assert_eq!(others.ids().len(), found.len() - own.count());
    let until = format!("{}?until={}", path(&ada), days_ago(300));
    assert_eq!(
        ada.get(&until).await.expect(200).ids().len(),
        archived.len()
    );
}

#[tokio::test]
async fn a_representative_does_not_learn_who_opened_a_shielded_record() {
    let world = World::new().await;
    let (kim, vera) = (world.patient("Kim").await, world.provider("Vera").await);
    world.assign(&kim, &vera).await;
    let note = world.note(&kim, &vera, "In confidence.").await;
    let paul = world.user("PATIENT", "Paul").await;
    world.represent(paul.user, &kim, None).await;
    let opened = format!("/v1/medical-records/{note}");
    vera.get(&opened).await.expect(200);
    world.shield(note, &vera).await;
    for (caller, is_shown) in [(&*kim, true), (&paul, false)] {
        let answer = caller.get(&path(&kim)).await.expect(200);
        let is_found = answer.text.contains(&note.to_string());
        assert_eq!(is_found, is_shown, "{}", answer.text);
    }
}
