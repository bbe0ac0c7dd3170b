//! A valid request for each endpoint. It succeeds for every caller who may send it.

use bytes::Bytes;
use domain::time::{TimeDelta, Timestamp};
use http::Method;
use http::header::{CONTENT_TYPE, IF_MATCH};
use http_body_util::Full;
use tests::prelude::*;

use super::ward::{Kind, SCHEMA_TABLE, SOURCE, State, Thing, Ward};

/// Method and path.
pub type Route<'a> = (&'a str, &'a str);

type Body = fn(&Ward, &Actor, &Thing) -> Value;

/// How to request an endpoint.
#[derive(Clone, Copy)]
pub struct Probe {
    /// The kind of the requested thing.
    pub kind: Kind,
    /// Whether one request asks for all things of this kind.
    pub is_list: bool,
    /// Whether a successful request changes the result of others.
    pub is_final: bool,
    state: State,
    query: &'static str,
    body: Option<Body>,
    is_versioned: bool,
}

/// A role that the caller keeps, if they keep any.
pub fn new_role(caller: &Actor) -> &'static str {
    match caller.role {
        Some("COMPLIANCE_OFFICER") => "COMPLIANCE_OFFICER",
        _ => "PATIENT",
    }
}

/// Requests each thing of this kind.
fn each(kind: Kind) -> Probe {
    Probe {
        kind,
        is_list: false,
        is_final: false,
        state: State::ToCome,
        query: "",
        body: None,
        is_versioned: false,
    }
}

/// Requests all things of this kind at once.
fn list(kind: Kind) -> Probe {
    Probe {
        is_list: true,
        query: "?limit=100",
        ..each(kind)
    }
}

impl Probe {
    fn body(self, body: Body) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    fn query(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    /// Sends the current version in `If-Match`.
    fn versioned(self) -> Self {
        Self {
            is_versioned: true,
            ..self
        }
    }

    /// Succeeds only once, with a visit or file in this state.
    fn once(self, state: State) -> Self {
        Self {
            is_final: true,
            state,
            ..self
        }
    }
}

/// Returns how to request this endpoint, or none if it isn't listed here yet. An endpoint that reads
/// one resource, or lists all, needs no line here.
pub fn probe(function: &str, route: Route<'_>) -> Option<Probe> {
    use Kind::{
        Accounting, ActivityReview, Alert, Amendment, AuditRow, Disclosure, EmergencyAccess,
        Export, File, FoundPatient, FuturePatient, FutureProvider, FutureWebhook, Hold, Incident,
        Nobodys, Oneself, Patient, Provider, Record, Representative, User, Visit, Webhook,
    };
    use State::{Announced, Begun, Completed, ToCome};
    Some(match function {
        "asyncapi" | "docs" | "get-problem" | "health" | "list-problems" | "openapi" => {
            each(Nobodys)
        }

        "get-me" => each(Oneself),
        "create-user" => each(Nobodys).body(|_, caller, thing| match caller.role {
            Some("IMPORTER") => json!({
                "source_system": SOURCE, "external_id": thing.id,
                "first_name": "New", "last_name": "Example", "role": "PATIENT"
            }),
            _ => json!({
                "subject": thing.id, "username": format!("{}@example.org", thing.id),
                "first_name": "New", "last_name": "Example", "role": new_role(caller)
            }),
        }),
        "update-user" => each(User)
            .body(|_, _, _| json!({"phone": "+1 555 0100"}))
            .versioned(),
        "delete-user" => each(User).versioned().once(ToCome),
        "list-roles" => each(Nobodys),
        "put-role" => each(Nobodys).body(|_, _, _| {
            json!({"description": "At the desk", "permissions": {"users:read": "OWN"}})
        }),
        "approve-user" => each(User)
            .body(|_, _, _| json!({"is_approved": true}))
            .versioned()
            .once(ToCome),
        "search-users" => list(User)
            .query("")
            .body(|_, _, _| json!({"name": "Example", "limit": 100})),

        "search-patients" => list(Patient)
            .query("")
            .body(|_, _, _| json!({"name": "Example", "limit": 100})),
        "create-patient" => each(FuturePatient)
            .body(|_, _, account| {
                json!({
                    "user_id": account.id, "patient_number": account.id,
                    "date_of_birth": "1990-05-17", "gender": "female"
                })
            })
            .once(ToCome),
        "update-patient" => each(Patient)
            .body(|_, caller, _| match caller.role {
                Some("PROVIDER" | "NURSE") => json!({"allergies": null}),
                _ => json!({"gender": "other"}),
            })
            .versioned(),
        "delete-patient" => each(Patient).versioned().once(ToCome),
        "assign-provider" | "unassign-provider" => each(Patient),
        "grant-care" => each(Patient)
            .body(|_, _, _| json!({"basis": "COVER", "until": Timestamp::now() + TimeDelta::days(9)})),
        "end-care" => each(Patient),

        "get-availability" => {
            each(Provider).query("?from=2031-01-01T00:00:00Z&to=2031-01-02T00:00:00Z&duration_minutes=30")
        }
        "create-provider" => each(FutureProvider)
            .body(|_, _, account| {
                json!({"user_id": account.id, "license_number": account.id, "specialties": []})
            })
            .once(ToCome),
        "update-provider" => each(Provider)
            .body(|_, _, _| json!({"specialties": ["cardiology"]}))
            .versioned(),
        "delete-provider" => each(Provider).versioned().once(ToCome),
        "verify-provider" => each(Provider)
            .body(|_, _, _| json!({}))
            .versioned()
            .once(ToCome),

        "create-appointment" => each(Patient).body(|ward, caller, patient| {
            let mut visit = json!({
                "patient_id": patient.id, "provider_id": ward.walt.id,
                "scheduled_at": ward.time(ToCome), "duration_minutes": 30
            });
            if caller.role == Some("IMPORTER") {
                visit["provider_id"] = json!(ward.ivo.id);
                visit["source_system"] = json!(SOURCE);
                visit["external_id"] = json!(Uuid::now_v7());
            }
            visit
        }),
        "update-appointment" => each(Visit)
            .body(|_, _, _| json!({"notes": "On foot"}))
            .versioned()
            .once(ToCome),
        "cancel-appointment" => each(Visit)
            .body(|_, _, _| json!({"reason": "Ill"}))
            .once(ToCome),
        "complete-appointment" => each(Visit).body(|_, _, _| json!({})).once(Begun),
        "rate-appointment" => each(Visit)
            .body(|_, _, _| json!({"rating": 5}))
            .once(Completed),
        "delete-appointment" => each(Visit).versioned().once(Completed),
        "check-in-appointment" | "mark-no-show" => each(Visit).once(Begun),

        "create-record" => each(Patient).body(|ward, caller, patient| {
            let mut record =
                json!({"patient_id": patient.id, "record_type": "NOTE", "content": {"text": "Well."}});
            if caller.role == Some("IMPORTER") {
                record["provider_id"] = json!(ward.ivo.id);
                record["source_system"] = json!(SOURCE);
                record["external_id"] = json!(Uuid::now_v7());
            }
            record
        }),
        "update-record" => each(Record)
            .body(|_, _, _| json!({"notes": "Better", "change_reason": "Seen again"}))
            .versioned()
            .once(ToCome),
        "delete-record" => each(Record).versioned().once(ToCome),
        "release-record" => each(Record)
            .body(|_, _, _| json!({"hold": null}))
            .versioned()
            .once(ToCome),

        "shield-record" => each(Record)
            .body(|_, _, _| json!({"shield": null}))
            .versioned()
            .once(ToCome),
        "create-representative" => each(Patient)
            .body(|ward, _, patient| {
                json!({
                    "patient_id": patient.id, "user_id": ward.xena.user, "basis": "GUARDIAN",
                    "scope": "ALL", "evidence": "A court order was seen"
                })
            })
            .once(ToCome),
        "list-representatives" => list(Representative),
        "get-representative" => each(Representative),
        "confirm-representative" => each(Representative).once(ToCome),
        "end-representative" => each(Representative)
            .body(|_, _, _| json!({"reason": "Custody was withdrawn"}))
            .once(ToCome),

        "create-file" => each(File).body(|_, _, file| {
            announcement(file.owner_type(), file.owners[0], "application/pdf", files::PDF)
        }),
        // The upload is already complete, so the answer is its current state.
        "complete-file" => each(File),
        "renew-upload" => each(File).once(Announced),
        "update-file" => each(File)
            .body(|_, _, _| json!({"original_name": "y.pdf"}))
            .versioned()
            .once(ToCome),
        "delete-file" => each(File).versioned().once(ToCome),

        "get-custom-data-schema" => each(Nobodys),
        "put-custom-data-schema" => {
            each(Nobodys).body(|_, _, _| json!({"schema": {"type": "object", "properties": {}}}))
        }
        "list-audit-logs" | "list-checkpoints" | "list-legal-holds" | "get-retention-report" => {
            each(Nobodys)
        }
        // The first event is about an account.
        "list-events" => each(Nobodys).query("?limit=1"),
        "list-webhooks" => each(Nobodys),
        "put-webhook" => each(FutureWebhook)
            .body(|_, _, _| {
                json!({"url": "https://events.example.org", "status": "ACTIVE"})
            })
            .once(ToCome),
        "delete-webhook" | "rotate-webhook-secret" => each(Webhook).versioned().once(ToCome),
        "test-webhook" | "list-webhook-deliveries" => each(Webhook).once(ToCome),
        "replay-webhook" => each(Webhook)
            .body(|_, _, _| json!({"since": Timestamp::now() - TimeDelta::hours(1)}))
            .once(ToCome),
        "get-audit-proof" => each(AuditRow).once(ToCome),
        "find-emergency-patient" => each(Nobodys).body(|_, _, _| {
            json!({"first_name": "No", "last_name": "Body", "date_of_birth": "1990-05-17"})
        }),
        "grant-emergency-access" => each(FoundPatient)
            .body(|_, _, patient| {
                json!({"patient_id": patient.id, "reason": "OTHER", "explanation": "Fell", "hours": 1})
            })
            .once(ToCome),
        "list-emergency-access" => list(EmergencyAccess),
        "revoke-emergency-access" => each(EmergencyAccess).once(ToCome),
        "review-emergency-access" => each(EmergencyAccess)
            .body(|_, _, _| json!({"review": "APPROVED"}))
            .once(Completed),
        "place-legal-hold" => each(Nobodys).body(|_, _, _| json!({"reason": "Case 7"})),
        "release-legal-hold" => each(Hold)
            .body(|_, _, _| json!({"reason": "Closed"}))
            .once(ToCome),
        "put-retention-rule" => each(Nobodys).body(|_, _, _| {
            json!({"adult_years": 10, "majority_age": 18, "minor_years": 10, "reason": "Floor"})
        }),
        "list-alerts" => each(Nobodys).query("?rule=colleague-access"),
        "list-alert-rules" => each(Nobodys),
        "get-alert" => each(Alert).once(ToCome),
        "update-alert" => each(Alert)
            .body(|_, _, _| json!({"status": "ACKNOWLEDGED"}))
            .versioned()
            .once(ToCome),
        "put-alert-rule" => each(Nobodys)
            .body(|_, _, _| json!({"threshold": 1, "weight": 40, "is_enabled": true}))
            .versioned()
            .once(ToCome),
        "get-access-statistics" => {
            each(Nobodys).query("?group_by=outcome&from=2031-01-01&until=2031-01-02")
        }
        "list-incidents" => each(Nobodys),
        "get-incident" | "list-incident-patients" | "get-incident-letter" => {
            each(Incident).once(ToCome)
        }
        "open-incident" => each(Nobodys).body(|_, _, _| json!({"summary": "A chart was read"})),
        "update-incident" => each(Incident)
            .body(|_, _, _| json!({"summary": "Two charts were read"}))
            .versioned()
            .once(ToCome),
        "add-incident-accesses" => each(Incident)
            .body(|ward, _, _| {
                json!({
                    "user_id": ward.vera.user, "from": "2026-01-01T00:00:00Z",
                    "until": "2026-02-01T00:00:00Z"
                })
            })
            .once(ToCome),
        "update-incident-patient" => each(Incident)
            .body(|_, _, _| json!({"is_excluded": true, "reason": "They had a visit"}))
            .once(ToCome),
        "record-incident-notice" => each(Incident)
            .body(|_, _, _| {
                let today = days_ago(0)[..10].to_owned();
                json!({"recipient": "HHS", "means": "WEB_PORTAL", "sent_on": today})
            })
            .once(Completed),
        "create-activity-review" => each(Nobodys).body(
            |_, _, _| json!({"covered_from": "2026-01-01", "covered_until": "2026-01-31"}),
        ),
        "list-activity-reviews" => each(Nobodys),
        "get-activity-review" => each(ActivityReview).once(ToCome),
        "sign-activity-review" => each(ActivityReview)
            .body(|_, _, _| json!({"conclusion": "Nothing to object to"}))
            .once(ToCome),
        "create-export" => each(Patient).body(|_, _, patient| json!({"patient_id": patient.id})),
        "list-exports" => list(Export),
        "get-export" => each(Export),
        "get-export-package" => each(Export).once(Completed),
        "extend-export" => each(Export)
            .body(|_, _, _| json!({"reason": "The archive is closed"}))
            .once(ToCome),
        "deny-export" => each(Export)
            .body(|_, _, _| json!({"ground": "INMATE", "basis": "It was asked by the prison"}))
            .once(ToCome),
        "get-export-letter" => each(Export).once(Begun),
        "request-export-review" => each(Export).once(Begun),
        "review-export" => each(Export)
            .body(|_, _, _| json!({"outcome": "UPHELD", "basis": "It is right"}))
            .once(Announced),
        "request-amendment" => each(Record).body(|_, _, record| {
            json!({
                "patient_id": record.patient, "record_id": record.id, "statement": "It says that I smoke.",
                "correction": "I have never smoked.", "reason": "A mistake"
            })
        }),
        "receive-amendment" => each(Record).body(|_, _, record| {
            json!({
                "patient_id": record.patient, "record_id": record.id, "told_by": "Sample Hospital",
                "addendum": "Never smoked"
            })
        }),
        "list-amendments" => list(Amendment),
        "get-amendment" => each(Amendment),
        "get-amendment-letter" => each(Amendment).once(Completed),
        "extend-amendment" => each(Amendment)
            .body(|_, _, _| json!({"reason": "The laboratory is closed"}))
            .once(ToCome),
        "accept-amendment" => each(Amendment)
            .body(|_, _, _| json!({"addendum": "Never smoked"}))
            .once(ToCome),
        "deny-amendment" => each(Amendment)
            .body(|_, _, _| json!({"ground": "ACCURATE_AND_COMPLETE", "basis": "It was asked twice"}))
            .once(ToCome),
        "disagree-with-denial" => each(Amendment)
            .body(|_, _, _| json!({"statement": "I disagree"}))
            .once(Completed),
        "rebut-disagreement" => each(Amendment)
            .body(|_, _, _| json!({"rebuttal": "It was asked a third time"}))
            .once(Begun),
        "add-amendment-recipient" => {
            each(Amendment).body(|_, _, _| json!({"source": "NAMED", "name": "Dr. Sample"}))
        }
        "record-informed-recipient" => each(Amendment)
            .body(|_, _, amendment| {
                let today = days_ago(0)[..10].to_owned();
                json!({"recipient_id": amendment.id, "informed_on": today, "means": "Letter"})
            })
            .once(Announced),
        "record-disclosure" => each(Patient).body(|_, _, patient| disclosure(patient.id)),
        "list-disclosures" => list(Disclosure),
        "get-disclosure" => each(Disclosure),
        "correct-disclosure" => each(Disclosure)
            .body(|_, _, thing| {
                json!({"reason": "A typing error", "disclosure": disclosure(thing.patient.unwrap())})
            })
            .once(ToCome),
        "request-accounting" => each(Patient).body(|_, _, patient| json!({"patient_id": patient.id})),
        // Other requests make provided ones.
        "list-accountings" => list(Accounting).query("?status=OPEN&limit=100"),
        "get-accounting" => each(Accounting),
        "get-accounting-report" => each(Accounting).once(Completed),
        "update-accounting" => each(Accounting)
            .body(|_, _, _| json!({"status": "WITHDRAWN"}))
            .versioned()
            .once(ToCome),
        "extend-accounting" => each(Accounting)
            .body(|_, _, _| json!({"reason": "The archive is moving"}))
            .once(ToCome),
        "provide-accounting" => each(Accounting).once(ToCome),
        _ => return read(route),
    })
}

/// A disclosure to record.
fn disclosure(patient: Uuid) -> Value {
    json!({
        "patient_id": patient, "disclosed_on": "2026-01-05", "recipient_name": "Department of Health",
        "description": "A result", "purpose": "A report", "basis": "PUBLIC_HEALTH"
    })
}

/// Returns how to request an endpoint that reads: a resource, as `/v1/appointments/{id}` and the paths
/// below do, or all resources of a kind.
fn read((method, path): Route<'_>) -> Option<Probe> {
    let mut segments = path.split('/').skip(2);
    let kind = match segments.next()? {
        "users" => Kind::User,
        "patients" => Kind::Patient,
        "providers" => Kind::Provider,
        "appointments" => Kind::Visit,
        "medical-records" => Kind::Record,
        "files" => Kind::File,
        _ => return None,
    };
    match (method, segments.next()) {
        ("GET", Some("{id}")) => Some(each(kind)),
        ("GET", None) => Some(list(kind)),
        _ => None,
    }
}

impl Probe {
    /// Returns the thing to request instead of this one. If the request would change it, this is a
    /// new one like it.
    pub async fn subject(&self, ward: &Ward, thing: &Thing, is_served: bool) -> Thing {
        let is_person = matches!(thing.kind, Kind::User | Kind::Patient | Kind::Provider);
        if self.is_final && (is_served || !is_person) {
            ward.another(thing, self.state).await
        } else {
            thing.clone()
        }
    }

    /// Sends the request about this thing.
    pub async fn send(
        &self,
        ward: &Ward,
        caller: &Actor,
        (method, path): Route<'_>,
        thing: &Thing,
    ) -> Answer {
        let path = path
            .replace("{id}", &thing.id.to_string())
            .replace("{patient_id}", &ward.chart_of(&ward.callers[0]).to_string())
            .replace("{provider_id}", &ward.xena.id.to_string())
            .replace("{user_id}", &ward.xena.user.to_string())
            .replace("/problems/{name}", "/problems/invalid")
            .replace("/alert-rules/{name}", "/alert-rules/unexplained-access")
            .replace("{name}", "RECEPTION")
            .replace("{table}", SCHEMA_TABLE)
            .replace("{resource_type}", "FILE");
        let method: Method = method.parse().unwrap();
        let mut request = caller.request(method.clone(), &format!("{path}{}", self.query));
        if self.is_versioned {
            request = request.header(IF_MATCH, format!("\"{}\"", ward.version(thing).await));
        }
        let mut text = Bytes::new();
        if let Some(body) = self.body {
            text = body(ward, caller, thing).to_string().into();
            request = request.header(
                CONTENT_TYPE,
                if method == Method::PATCH {
                    "application/merge-patch+json"
                } else {
                    "application/json"
                },
            );
        }
        caller
            .send_request(request.body(Full::from(text)).unwrap())
            .await
    }
}
