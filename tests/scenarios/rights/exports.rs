//! What the scenarios of requests for access share.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use http::Method;
use tests::audit::Expected;
use tests::prelude::*;

pub const EXPORTS: &str = "/v1/exports";

/// The path of a request, or of a step such as `/deny`.
pub fn export_path(id: Uuid, step: &str) -> String {
    format!("{EXPORTS}/{id}{step}")
}

/// Requests access to the patient's data.
pub async fn requested_by(caller: &Actor, patient: &Patient) -> Uuid {
    let body = json!({"patient_id": patient.id});
    caller.post(EXPORTS, body).await.expect(201).id()
}

/// Builds what is to be built.
pub async fn build(world: &World) -> Result<Value, String> {
    let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
    let done = world.cloud.invoke("build-exports", &schedule).await;
    done.map_err(|failure| failure.to_string())
}

/// The expected audit row of a step on a request of this patient.
pub fn step_of(function: &'static str, caller: &Actor, id: Uuid, patient: &Patient) -> Expected {
    let row = audit(function, "UPDATE", "EXPORT").by(caller);
    row.resource(id).patient(patient.id)
}

/// The members of the package, as the caller downloads it.
pub async fn downloaded(caller: &Actor, id: Uuid) -> BTreeMap<String, Vec<u8>> {
    let answer = caller.get(&export_path(id, "/package")).await.expect(200);
    let response = caller.download(&answer.body["download"]).await;
    assert_eq!(response.status(), 200);
    let bytes = response.body().to_vec();
    assert_eq!(answer.body["size"], bytes.len());
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut members = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        members.insert(member.name().unwrap().into_owned(), bytes);
    }
    members
}

/// A member as text.
pub fn text(members: &BTreeMap<String, Vec<u8>>, name: &str) -> String {
    String::from_utf8(members[name].clone()).unwrap()
}

/// Lets requests be received this many days earlier.
pub async fn age_exports(world: &World, days: i32) {
    world
        .rewrite_history(&format!(
            "update exports set received_on = received_on - {days}, due_on = due_on - {days}"
        ))
        .await;
}

/// Withholds an entry for this reason, for half a year.
pub async fn hold(caller: &Actor, record: Uuid, reason: &str) {
    let until = chrono::Utc::now() + chrono::TimeDelta::days(180);
    let body = json!({"hold": {"reason": reason, "expires_at": until.to_rfc3339()}});
    let request = caller
        .request(
            Method::PUT,
            &format!("/v1/medical-records/{record}/release"),
        )
        .header("if-match", "*")
        .header("content-type", "application/json")
        .body(body.to_string().into());
    caller.send_request(request.unwrap()).await.expect(200);
}
