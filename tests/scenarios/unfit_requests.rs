//! Sends invalid requests to every operation of `openapi.json`. Each must answer a problem that the
//! document declares, leave a FAILURE row and change nothing. New operations are tested
//! automatically.

use bytes::Bytes;
use errors::FieldError;
use http::{Method, Request};
use http_body_util::Full;
use tests::prelude::*;

/// A name that no field, parameter or id of any operation has.
pub const UNKNOWN: &str = "zebrafish";

/// An operation of the document.
pub struct Operation {
    pub document: Value,
    method: Method,
    path: String,
}

/// An invalid request, and the problem it must get.
pub struct Unfit {
    what: &'static str,
    /// The path parameters that differ from the defaults, by name.
    path: Vec<(String, &'static str)>,
    pub query: String,
    headers: Vec<(&'static str, &'static str)>,
    pub body: String,
    problem: (u64, &'static str),
    /// The field that the problem `invalid` must name.
    field: Option<String>,
}

impl Operation {
    /// Returns all operations of the document.
    pub fn all(document: &Value) -> Vec<Self> {
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let mut operation = operation.clone();
                // Resolve all references first.
                for part in ["parameters", "responses"] {
                    let items: Vec<&mut Value> = match &mut operation[part] {
                        Value::Array(items) => items.iter_mut().collect(),
                        Value::Object(items) => items.values_mut().collect(),
                        _ => Vec::new(),
                    };
                    for item in items {
                        if let Some(reference) = item["$ref"].as_str() {
                            let target = document.pointer(reference.trim_start_matches('#'));
                            *item = target.unwrap().clone();
                        }
                    }
                }
                operations.push(Self {
                    document: operation,
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                });
            }
        }
        operations
    }

    pub fn name(&self) -> &str {
        self.document["operationId"].as_str().unwrap()
    }

    pub fn is_for_anybody(&self) -> bool {
        self.document["security"] == json!([])
    }

    fn parameters(&self, place: &str) -> Vec<&str> {
        let parameters = self.document["parameters"].as_array();
        parameters
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == place)
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect()
    }

    /// Returns the document's example of a body.
    pub fn body(&self) -> String {
        let content = self.document["requestBody"]["content"].as_object();
        let example =
            content.and_then(|content| Some(content.values().next()?["example"].to_string()));
        example.unwrap_or_default()
    }

    /// Returns the document's examples of the required parameters of the query.
    pub fn required_query(&self) -> String {
        let parameters = self.document["parameters"].as_array();
        let required = parameters
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
        let pairs = required.map(|parameter| {
            let name = parameter["name"].as_str().unwrap();
            let example = parameter["example"].to_string();
            format!("{name}={}", example.trim_matches('"'))
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    pub fn media_type(&self) -> Option<&'static str> {
        let types = self.document["requestBody"]["content"].as_object()?;
        let merges = types.contains_key("application/merge-patch+json");
        Some(match merges {
            true => "application/merge-patch+json",
            false => "application/json",
        })
    }

    /// Returns a request that is valid in every other respect.
    pub fn unfit(&self, what: &'static str, status: u64, slug: &'static str) -> Unfit {
        let mut headers = Vec::new();
        headers.extend(
            self.media_type()
                .map(|media_type| ("content-type", media_type)),
        );
        if self.parameters("header").contains(&"If-Match") {
            headers.push(("if-match", "*"));
        }
        Unfit {
            what,
            path: Vec::new(),
            query: String::new(),
            headers,
            body: self.body(),
            problem: (status, slug),
            field: None,
        }
    }

    /// Returns a request of this caller in which nothing fits: neither ids, query, headers nor body.
    pub fn malformed(&self, caller: &Actor) -> Request<Full<Bytes>> {
        let mut path = self.path.clone();
        for name in self.parameters("path") {
            path = path.replace(&format!("{{{name}}}"), UNKNOWN);
        }
        let request = caller.request(self.method.clone(), &format!("{path}?{UNKNOWN}=1"));
        let request = request.header("content-type", "text/plain");
        request.body(Full::from("{")).unwrap()
    }

    fn all_unfit(&self) -> Vec<Unfit> {
        let invalid = |what, field: &str| Unfit {
            field: Some(field.to_owned()),
            ..self.unfit(what, 422, "invalid")
        };
        let mut all = Vec::new();
        for name in self.parameters("path") {
            let unfit = match name {
                // A role with any valid name could be created, so this name is invalid, not absent.
                "name" if self.path.starts_with("/v1/roles/") => invalid("an invalid path", "name"),
                _ => self.unfit("an invalid path", 404, "not-found"),
            };
            all.push(Unfit {
                path: vec![(name.to_owned(), UNKNOWN)],
                ..unfit
            });
        }
        if let Some(media_type) = self.media_type() {
            for (what, body, status, slug) in [
                ("not JSON", "{", 400, "malformed-json"),
                ("an empty body", "", 400, "malformed-json"),
                ("two values", "{} {}", 400, "malformed-json"),
                ("an array", "[]", 422, "invalid"),
                ("a string", "\"zebrafish\"", 422, "invalid"),
                (
                    "a duplicate key",
                    r#"{"zebrafish": 1, "zebrafish": 2}"#,
                    422,
                    "invalid",
                ),
            ] {
                all.push(Unfit {
                    body: body.to_owned(),
                    ..self.unfit(what, status, slug)
                });
            }
            for value in ["1", "null"] {
                all.push(Unfit {
                    body: format!(r#"{{"{UNKNOWN}": {value}}}"#),
                    ..invalid("an unknown field", UNKNOWN)
                });
            }
            all.push(Unfit {
                body: format!("{{{}}}", " ".repeat(128 * 1024)),
                ..self.unfit("too large", 413, "too-large")
            });
            let others = [
                "text/plain",
                "application/json",
                "application/merge-patch+json",
            ];
            for other in others.into_iter().filter(|other| *other != media_type) {
                let mut unfit =
                    self.unfit("an unsupported media type", 415, "unsupported-media-type");
                unfit.headers[0] = ("content-type", other);
                all.push(unfit);
            }
        }
        if self.media_type().is_none() && !self.is_for_anybody() {
            all.push(Unfit {
                headers: [
                    self.unfit("", 0, "").headers,
                    vec![("content-type", "application/json")],
                ]
                .concat(),
                body: format!(r#"{{"{UNKNOWN}": 1}}"#),
                query: self.required_query(),
                ..invalid("a body that the operation doesn't take", "")
            });
        }
        let query = self.parameters("query");
        if !self.is_for_anybody() {
            all.push(Unfit {
                query: format!("{UNKNOWN}=1"),
                ..invalid("an unknown parameter", UNKNOWN)
            });
        }
        for (name, values) in [
            ("limit", &["0", "101", "ten", "1&limit=2"][..]),
            ("cursor", &["", UNKNOWN, "%00"]),
        ] {
            if query.contains(&name) {
                all.extend(values.iter().map(|value| Unfit {
                    query: format!("{name}={value}"),
                    ..invalid("an invalid page", name)
                }));
            }
        }
        let headers = self.parameters("header");
        if headers.contains(&"If-Match") {
            let mut without = self.unfit("no If-Match", 428, "precondition-required");
            without.headers.retain(|(name, _)| *name != "if-match");
            all.push(without);
            for tag in ["zebrafish", "W/1", "\"1\" \"2\"", "\"1", "*, \"1\""] {
                let mut unfit = Unfit {
                    field: Some("If-Match".to_owned()),
                    ..self.unfit("a malformed tag", 400, "malformed-header")
                };
                unfit.headers.retain(|(name, _)| *name != "if-match");
                unfit.headers.push(("if-match", tag));
                all.push(unfit);
            }
        }
        if headers.contains(&"If-None-Match") {
            let mut unfit = Unfit {
                field: Some("If-None-Match".to_owned()),
                ..self.unfit("a malformed tag", 400, "malformed-header")
            };
            unfit.headers.push(("if-none-match", "zebrafish"));
            all.push(unfit);
        }
        if headers.contains(&"Idempotency-Key") {
            for keys in [&["two words"][..], &["one", "another"], &[""]] {
                let mut unfit = invalid("an invalid key", "Idempotency-Key");
                unfit
                    .headers
                    .extend(keys.iter().map(|key| ("idempotency-key", *key)));
                all.push(unfit);
            }
        }
        all
    }

    /// Returns what is wrong with this answer to an invalid request, or nothing.
    fn faults(&self, unfit: &Unfit, answer: &Answer) -> Vec<String> {
        let (status, slug) = unfit.problem;
        let documented = &self.document["responses"][status.to_string()]["content"];
        let kind = format!("/problems/{slug}");
        let checks = [
            (u64::from(answer.status) == status, "the status"),
            (answer.body["type"] == kind.as_str(), "the type"),
            (answer.body["status"] == status, "the status in the body"),
            (answer.body["title"].is_string(), "the title"),
            (
                answer.body["request_id"] == answer.header("x-request-id"),
                "the request's id",
            ),
            (
                answer.header("content-type") == "application/problem+json",
                "the content type",
            ),
            (
                answer.header("cache-control") == "no-store",
                "the cache control",
            ),
            (
                documented["application/problem+json"]["examples"][slug].is_object(),
                "the document",
            ),
            (
                unfit.field.as_ref().is_none_or(|field| {
                    let pointer = FieldError::new(field, "").pointer.unwrap_or_default();
                    let places = answer.places();
                    places
                        .iter()
                        .any(|place| *place == pointer || place == field)
                }),
                "the field",
            ),
            (
                status != 415
                    || self.media_type()
                        == ["accept", "accept-patch"]
                            .map(|name| answer.header(name))
                            .into_iter()
                            .find(|accepted| !accepted.is_empty()),
                "the accepted media type",
            ),
            (
                (status == 413) == (answer.body["max_bytes"] == 128 * 1024),
                "the limit",
            ),
            (
                (status == 401)
                    == (answer.header("www-authenticate") == "Bearer realm=\"caretrail\""),
                "the challenge",
            ),
        ];
        let wrong = checks.into_iter().filter(|(is_right, _)| !is_right);
        wrong.map(|(_, what)| what.to_owned()).collect()
    }
}

/// Callers, and a resource that they may change, for each collection that accepts a PATCH.
pub struct Ward {
    admin: Actor,
    officer: Actor,
    ada: Patient,
    vera: Provider,
    ids: Vec<(&'static str, Uuid)>,
}

impl Ward {
    pub async fn new(world: &World) -> Self {
        let (admin, vera) = (world.admin().await, world.provider("Vera").await);
        let ada = world.patient("Ada").await;
        world.assign(&ada, &vera).await;
        let visit = world
            .visit(&ada, &vera, "2030-01-07T09:00Z", "SCHEDULED")
            .await;
        let note = world.note(&ada, &vera, "Well.").await;
        let file = announcement("PATIENT", ada.user, "application/pdf", files::PDF);
        let file = vera.post("/v1/files", file).await.expect(201);
        let file = file.body["file"]["id"].as_str().unwrap().parse().unwrap();
        let hold = admin
            .post("/v1/legal-holds", json!({"reason": "Case 7"}))
            .await;
        let webhook = Uuid::now_v7();
        let create = "insert into webhooks (id, url) values ($1, 'https://events.example.org')";
        world.sql(create, &[&webhook]).await;
        let access = world.emergency(ada.id, vera.user, "5 hours").await;
        let row = world.audit_log().await.remove(0);
        world.seal().await;
        let ids = vec![
            ("audit-logs", row.entry.id.into()),
            ("legal-holds", hold.expect(200).id()),
            ("webhooks", webhook),
            ("alerts", world.alert(vera.user, None).await),
            ("emergency-access", access),
            ("incidents", world.incident(&[ada.id]).await),
            ("activity-reviews", world.activity_review().await),
            ("amendments", world.amendment(note).await),
            ("exports", world.export(ada.id).await),
            (
                "representatives",
                world
                    .enter_representative(vera.user, &ada, "GUARDIAN", None)
                    .await,
            ),
            ("disclosures", world.disclosure(ada.id).await),
            ("accountings", world.accounting(ada.id).await),
            ("users", ada.user),
            ("patients", ada.id),
            ("providers", vera.id),
            ("appointments", visit),
            ("medical-records", note),
            ("files", file),
        ];
        let officer = world.officer().await;
        Self {
            admin,
            officer,
            ada,
            vera,
            ids,
        }
    }

    /// Returns the request and its caller.
    pub fn request(&self, operation: &Operation, unfit: &Unfit) -> (&Actor, Request<Full<Bytes>>) {
        let collection = operation.path.split('/').nth(2).unwrap_or_default();
        // Only a caller who may act learns what is wrong with the request.
        let caller = match (collection, operation.name()) {
            (_, "find-emergency-patient" | "grant-emergency-access") => &*self.vera,
            (_, "list-chart-accesses") => &self.officer,
            (
                "audit-logs" | "audit-checkpoints" | "access-statistics" | "alerts" | "alert-rules"
                | "emergency-access" | "incidents" | "activity-reviews" | "disclosures"
                | "accountings",
                _,
            ) => &self.officer,
            (_, "rate-appointment") => &*self.ada,
            ("medical-records" | "files" | "amendments", _)
            | (
                _,
                "complete-appointment" | "deny-export" | "review-export" | "get-export-package",
            ) => &*self.vera,
            _ => &self.admin,
        };
        let mut path = operation.path.clone();
        for name in operation.parameters("path") {
            let own = unfit.path.iter().find(|(own, _)| own == name);
            let id = |collection| {
                let thing = self.ids.iter().find(|(of, _)| *of == collection);
                let (_, id) =
                    thing.unwrap_or_else(|| panic!("add a resource of {collection} to Ward"));
                id.to_string()
            };
            let value = match (own, name) {
                (Some((_, value)), _) => (*value).to_owned(),
                (None, "name") if collection == "roles" => "PATIENT".to_owned(),
                (None, "name") if collection == "alert-rules" => "unexplained-access".to_owned(),
                (None, "name") => "invalid".to_owned(),
                (None, "table") => "medical_records".to_owned(),
                (None, "resource_type") => "FILE".to_owned(),
                (None, "provider_id") => self.vera.id.to_string(),
                (None, "patient_id") => self.ada.id.to_string(),
                (None, _) => id(collection),
            };
            path = path.replace(&format!("{{{name}}}"), &value);
        }
        if !unfit.query.is_empty() {
            path = format!("{path}?{}", unfit.query);
        }
        let mut request = caller.request(operation.method.clone(), &path);
        for (name, value) in &unfit.headers {
            request = request.header(*name, *value);
        }
        (
            caller,
            request.body(Full::from(unfit.body.clone())).unwrap(),
        )
    }
}

pub fn document() -> Value {
    serde_json::from_str(include_str!("../../openapi.json")).unwrap()
}

#[tokio::test]
async fn every_invalid_request_gets_the_documented_problem() {
    let world = World::new().await;
    let ward = Ward::new(&world).await;
    let before = world.stored().await;
    let (mut asked, mut wrong) = (0, Vec::new());
    for operation in Operation::all(&document()) {
        if operation.is_for_anybody() {
            continue;
        }
        for unfit in operation.all_unfit() {
            let (caller, request) = ward.request(&operation, &unfit);
            let answer = caller.send_request(request).await;
            let mut faults = operation.faults(&unfit, &answer);
            let rows = world.audit_of(&answer).await;
            let is_recorded = rows.len() == 1
                && rows[0].entry.application == operation.name()
                && rows[0].entry.user_id.map(Uuid::from) == Some(caller.user)
                && rows[0].entry.actor_role.as_deref() == caller.role
                && rows[0].entry.outcome.label() == "FAILURE"
                && rows[0].entry.details["reason"] == unfit.problem.1
                && !Value::from(rows[0].entry.details.clone())
                    .to_string()
                    .contains(UNKNOWN);
            if !is_recorded {
                faults.push(format!("the audit row {rows:?}"));
            }
            asked += 1;
            if !faults.is_empty() {
                wrong.push(format!(
                    "{}, {} ({:?} {:?}): {} of {} {}",
                    operation.name(),
                    unfit.what,
                    unfit.query,
                    unfit.headers,
                    faults.join(", "),
                    answer.status,
                    answer.text
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(asked > 400, "{asked}");
    assert_eq!(world.stored().await, before);
}

#[tokio::test]
async fn every_operation_requires_a_token_and_documents_it() {
    let world = World::new().await;
    let ward = Ward::new(&world).await;
    let (before, rows) = (world.stored().await, world.audit_log().await.len());
    for operation in Operation::all(&document()) {
        let unfit = operation.unfit("no token", 401, "not-authenticated");
        let (_, mut request) = ward.request(&operation, &unfit);
        request.headers_mut().remove("authorization");
        let answer = ward.admin.send_request(request).await;
        if operation.is_for_anybody() {
            assert_eq!(answer.status, 200, "{}", operation.name());
        } else {
            assert_eq!(
                operation.faults(&unfit, &answer),
                [""; 0],
                "{}",
                operation.name()
            );
        }
    }
    assert_eq!(world.stored().await, before);
    assert_eq!(world.audit_log().await.len(), rows);
}

#[test]
fn every_change_requires_a_version_and_every_post_accepts_a_key_unless_it_can_be_repeated() {
    for operation in Operation::all(&document()) {
        let headers = operation.parameters("header");
        let changes_one = match operation.method {
            Method::PATCH => true,
            // An assignment joins two resources. It exists or not, so it needs no version.
            Method::DELETE => operation.parameters("path").len() == 1,
            _ => false,
        };
        if changes_one {
            assert!(headers.contains(&"If-Match"), "{}", operation.name());
        }
        // A search changes nothing, URLs can be renewed as often as they are needed, and requests are the same test
        // until it is sent.
        let repeatable = [
            "search-patients",
            "search-users",
            "find-emergency-patient",
            "renew-upload",
            "test-webhook",
        ];
        let is_repeatable = repeatable.contains(&operation.name());
        if operation.method == Method::POST && !is_repeatable {
            assert!(headers.contains(&"Idempotency-Key"), "{}", operation.name());
        }
        if let Some(media_type) = operation.media_type() {
            let merges = media_type == "application/merge-patch+json";
            assert_eq!(
                merges,
                operation.method == Method::PATCH,
                "{}",
                operation.name()
            );
        }
    }
}
