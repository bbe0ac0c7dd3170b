//! Conditional requests (RFC 9110, 13) and HEAD (9.3.2), which hold for all endpoints.

use http::Method;
use http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use http_body_util::Full;
use tests::audit::{AuditRow, Expected};
use tests::prelude::*;

/// Sends a request with this header, without a body.
async fn send_with(caller: &Actor, method: Method, path: &str, header: (&str, &str)) -> Answer {
    let request = caller.request(method, path).header(header.0, header.1);
    caller
        .send_request(request.body(Full::default()).unwrap())
        .await
}

/// Sends a patch with these headers `If-Match`.
async fn patch_if(caller: &Actor, path: &str, tags: &[&str], patch: Value) -> Answer {
    let mut request = caller
        .request(Method::PATCH, path)
        .header(CONTENT_TYPE, "application/merge-patch+json");
    for tag in tags {
        request = request.header(IF_MATCH, *tag);
    }
    let body = Full::from(patch.to_string());
    caller.send_request(request.body(body).unwrap()).await
}

/// Every read whose answer has an ETag, with a caller and the name of its function.
struct Reads {
    world: World,
    ada: Patient,
    vera: Provider,
    admin: Actor,
    officer: Actor,
    paths: Vec<(&'static str, String)>,
}

impl Reads {
    async fn new() -> Self {
        let world = World::new().await;
        let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
        let admin = world.admin().await;
        world.assign(&ada, &vera).await;
        let visit = world
            .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
            .await;
        let note = world.note(&ada, &vera, "Well.").await;
        let file = world.uploaded(&ada, "image/png", files::PNG).await;
        let schema =
            json!({"schema": {"type": "object", "properties": {"ward": {"type": "string"}}}});
        let schemas = "/v1/custom-data-schemas/patients";
        admin
            .send(Method::PUT, schemas, Some(schema))
            .await
            .expect(200);
        let alert = world.alert(vera.user, Some(ada.id)).await;
        let incident = world.incident(&[ada.id]).await;
        let review = world.activity_review().await;
        let accounting = world.accounting(ada.id).await;
        let export = world.export(ada.id).await;
        let officer = world.officer().await;
        let paths = vec![
            ("get-me", "/v1/me".to_owned()),
            ("get-user", format!("/v1/users/{}", ada.user)),
            ("get-patient", format!("/v1/patients/{}", ada.id)),
            ("get-provider", format!("/v1/providers/{}", vera.id)),
            ("get-appointment", format!("/v1/appointments/{visit}")),
            ("get-record", format!("/v1/medical-records/{note}")),
            ("get-file", format!("/v1/files/{file}")),
            ("get-custom-data-schema", schemas.to_owned()),
            ("get-alert", format!("/v1/alerts/{alert}")),
            ("get-incident", format!("/v1/incidents/{incident}")),
            (
                "get-activity-review",
                format!("/v1/activity-reviews/{review}"),
            ),
            ("get-accounting", format!("/v1/accountings/{accounting}")),
            ("get-export", format!("/v1/exports/{export}")),
        ];
        Self {
            world,
            ada,
            vera,
            admin,
            officer,
            paths,
        }
    }

    fn caller(&self, function: &str) -> &Actor {
        match function {
            "get-custom-data-schema" => &self.admin,
            "get-patient" | "get-record" => &self.vera,
            "get-alert" | "get-incident" | "get-activity-review" => &self.officer,
            _ => &self.ada,
        }
    }

    /// The only audit row of this answer.
    async fn row(&self, answer: &Answer) -> AuditRow {
        let mut rows = self.world.audit_of(answer).await;
        assert_eq!(rows.len(), 1, "{answer:?}");
        rows.remove(0)
    }
}

/// The row without what differs between two requests for the same.
fn said(row: &AuditRow) -> Expected {
    Expected::of(row)
}

#[tokio::test]
async fn the_reads_of_this_file_are_all_that_answer_with_an_etag() {
    let document = openapi_document::document();
    let mut named: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .filter(|operations| operations["get"]["responses"]["304"].is_object())
        .map(|operations| {
            operations["get"]["operationId"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    named.sort();
    let mut tested: Vec<_> = Reads::new()
        .await
        .paths
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    tested.sort_unstable();
    assert_eq!(named, tested);
}

#[tokio::test]
async fn a_change_is_made_if_the_list_names_the_version_and_by_strong_comparison_only() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    let path = format!("/v1/patients/{}", ada.id);
    let row = || {
        let row = audit("update-patient", "UPDATE", "PATIENT").by(&admin);
        row.resource(ada.id).patient(ada.id)
    };
    let patch = json!({"gender": "other"});
    for (version, tags) in [
        (1, &["\"1\""][..]),
        (2, &["\"7\", \"2\""]),
        (3, &["W/\"3\" , , \"3\""]),
        (4, &["\"7\"", "\"4\""]),
        (5, &["*"]),
    ] {
        // Given the version, when a list names it, then the change is made.
        let answer = patch_if(&admin, &path, tags, patch.clone())
            .await
            .expect(200);
        assert_eq!(
            answer.header("etag"),
            format!("\"{}\"", version + 1),
            "{tags:?}"
        );
        let changed = row().detail("fields", json!(["gender"]));
        world.audited(&answer, changed).await;
    }
    for tags in [
        "W/\"6\"",
        "\"7\"",
        "\"06\"",
        "\"zebrafish\"",
        "W/\"6\", \"7\"",
        "\"\"",
    ] {
        // Given version 6, when no strong tag names it, then nothing is changed.
        let tags = [tags];
        let request = patch_if(&admin, &path, &tags, patch.clone());
        world
            .refused(request, 412, row().failed("precondition-failed"))
            .await;
    }
    for tags in [
        "6",
        "zebrafish",
        "\"6",
        "W/6",
        "w/\"6\"",
        "\"6\" \"7\"",
        "*, \"6\"",
        "'6'",
    ] {
        // Given version 6, when the header is malformed, then the answer says so.
        let mut failed = audit("update-patient", "UPDATE", "PATIENT").by(&admin);
        failed = failed.failed("malformed-header");
        let tags = [tags];
        let request = patch_if(&admin, &path, &tags, patch.clone());
        let answer = world.refused(request, 400, failed).await;
        assert_eq!(answer.body["errors"][0]["header"], "If-Match");
        let message = answer.body["errors"][0]["message"].as_str().unwrap();
        assert!(
            message.starts_with("expected * or entity tags in double quotes"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_read_of_the_version_that_the_caller_has_is_304_and_recorded_like_any_other() {
    let reads = Reads::new().await;
    for (function, path) in &reads.paths {
        let caller = reads.caller(function);
        // The second read is one statement where the environment knows the caller.
        let whole = caller.get(path).await.expect(200);
        let tag = whole.header("etag").to_owned();
        assert!(!tag.is_empty(), "{function}");
        let expected = said(&reads.row(&whole).await);
        for tags in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"999\", {tag}"),
            "*".to_owned(),
        ] {
            let answer = send_with(caller, Method::GET, path, ("if-none-match", &tags)).await;
            assert_eq!(
                (answer.status, answer.text.as_str()),
                (304, ""),
                "{function} {tags}"
            );
            assert_eq!(answer.header("etag"), tag);
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.header("content-type"), "");
            assert_eq!(
                said(&reads.row(&answer).await),
                expected,
                "{function} {tags}"
            );
        }
        for tags in ["\"999\"", "W/\"999\", \"0\"", "\"\""] {
            let answer = send_with(caller, Method::GET, path, ("if-none-match", tags)).await;
            let answer = answer.expect(200);
            assert_eq!(answer.header("etag"), tag);
            assert_eq!(
                said(&reads.row(&answer).await),
                expected,
                "{function} {tags}"
            );
        }
    }
    reads.world.verify_chains().await;
}

#[tokio::test]
async fn a_read_of_another_version_than_the_caller_wants_is_refused_and_recorded() {
    let reads = Reads::new().await;
    for (function, path) in &reads.paths {
        let caller = reads.caller(function);
        let whole = caller.get(path).await.expect(200);
        let tag = whole.header("etag").to_owned();
        let wanted = send_with(caller, Method::GET, path, ("if-match", &tag)).await;
        assert_eq!(
            wanted.expect(200).body["id"],
            whole.body["id"],
            "{function}"
        );
        for tags in ["\"999\"", &format!("W/{tag}")] {
            let answer = send_with(caller, Method::GET, path, ("if-match", tags)).await;
            let answer = answer.problem(412, "precondition-failed");
            let row = reads.row(&answer).await;
            assert_eq!(
                row.entry.details["reason"], "precondition-failed",
                "{function}"
            );
            assert_eq!(row.entry.outcome.label(), "FAILURE", "{function}");
        }
        for header in [IF_MATCH, IF_NONE_MATCH] {
            let header = (header.as_str(), "zebrafish");
            let answer = send_with(caller, Method::GET, path, header).await;
            let answer = answer.problem(400, "malformed-header");
            let field = answer.body["errors"][0]["header"].as_str().unwrap();
            assert!(field.eq_ignore_ascii_case(header.0), "{field}");
            assert_eq!(reads.row(&answer).await.entry.outcome.label(), "FAILURE");
        }
    }
}

#[tokio::test]
async fn a_resource_out_of_reach_is_404_whatever_the_conditions() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    for header in ["if-none-match", "if-match"] {
        let denied = audit("get-patient", "READ", "PATIENT").by(&ben);
        let denied = denied.resource(ada.id).patient(ada.id);
        world
            .out_of_reach(denied, async |id| {
                let path = format!("/v1/patients/{id}");
                send_with(&ben, Method::GET, &path, (header, "*")).await
            })
            .await;
    }
}

#[tokio::test]
async fn head_answers_and_is_recorded_like_get_without_a_body() {
    let reads = Reads::new().await;
    let mut paths = reads.paths.clone();
    paths.extend([
        ("list-patients", "/v1/patients?limit=1".to_owned()),
        (
            "list-records",
            format!("/v1/medical-records?patient_id={}", reads.ada.id),
        ),
        (
            "get-care-team",
            format!("/v1/patients/{}/care", reads.ada.id),
        ),
        ("list-roles", "/v1/roles".to_owned()),
        ("get-patient", format!("/v1/patients/{}", Uuid::now_v7())),
        ("list-patients", "/v1/patients?limit=0".to_owned()),
    ]);
    for (function, path) in &paths {
        let caller = match *function {
            "list-roles" => &reads.admin,
            function if function.starts_with("list") || function == "get-care-team" => &*reads.vera,
            function => reads.caller(function),
        };
        // The file's signed URL has the same length each time.
        let get = caller.get(path).await;
        let head = caller.send(Method::HEAD, path, None).await;
        assert_eq!(
            (head.status, head.text.as_str()),
            (get.status, ""),
            "{function}"
        );
        let mut given = get.headers.clone();
        let mut heads = head.headers.clone();
        for headers in [&mut given, &mut heads] {
            headers.remove("x-request-id");
            headers.remove("date");
        }
        assert_eq!(heads, given, "{function}");
        assert!(heads.contains_key("content-length"), "{heads:?}");
        let (row, like) = (reads.row(&head).await, reads.row(&get).await);
        assert_eq!(said(&row), said(&like), "{function}");
    }
    reads.world.verify_chains().await;
}

#[tokio::test]
async fn head_takes_the_conditions_of_get() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let path = format!("/v1/patients/{}", ada.id);
    for (header, status) in [
        (("if-none-match", "\"1\""), 304),
        (("if-none-match", "\"2\""), 200),
        (("if-match", "\"2\""), 412),
        (("if-match", "zebrafish"), 400),
    ] {
        let answer = send_with(&ada, Method::HEAD, &path, header).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (status, ""),
            "{header:?}"
        );
        assert_eq!(world.audit_of(&answer).await.len(), 1);
    }
}

#[tokio::test]
async fn head_without_a_token_is_401_and_public_endpoints_answer_it() {
    let world = World::new().await;
    let anybody = world.anybody();
    let refused = anybody.send(Method::HEAD, "/v1/me", None).await;
    assert_eq!((refused.status, refused.text.as_str()), (401, ""));
    assert!(world.audit_log().await.is_empty());
    for path in ["/health", "/openapi.json", "/asyncapi.json", "/docs"] {
        let (get, head) = (
            anybody.get(path).await,
            anybody.send(Method::HEAD, path, None).await,
        );
        assert_eq!(
            (get.status, head.status, head.text.as_str()),
            (200, 200, ""),
            "{path}"
        );
        for header in ["content-type", "content-length", "cache-control"] {
            assert_eq!(get.header(header), head.header(header), "{path}");
        }
    }
    // Only reads have HEAD.
    let write = anybody
        .send(Method::HEAD, "/v1/appointments/7/cancel", None)
        .await;
    assert_eq!(write.status, 405);
    assert_eq!(write.header("allow"), "POST");
}
