//! Registers the demo users of a new cloud over HTTP, as two administrators do. They and the compliance
//! officer are in the database already.

use anyhow::{Context, Result, bail};
use chrono::{SecondsFormat, TimeDelta, Utc};
use http::Method;
use http::header::{CONTENT_TYPE, IF_MATCH};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::demo_users::{
    ADMIN, ALL, DemoUser, IMPORTED_SYSTEM, IMPORTER, PATIENT, PROVIDER, SECOND_ADMIN,
};
use client::Client;
use local_cloud::issuer::{Issuer, TokenRequest};

/// Registers the demo users that are missing. The administrators must be in the database.
///
/// # Errors
/// A request is refused; holds the answer.
pub async fn demo_users(url: &str, issuer: &Issuer) -> Result<()> {
    let client = Client::new(url);
    let as_user = |user: DemoUser| {
        let token = issuer.mint(&TokenRequest::new(user.id, user.email))?;
        Ok::<_, anyhow::Error>(client.with_token(token))
    };
    let (admin, patient, provider) = (as_user(ADMIN)?, as_user(PATIENT)?, as_user(PROVIDER)?);
    importer(&admin, &as_user(SECOND_ADMIN)?).await?;
    if own(&patient, "patient_id").await?.is_some()
        && own(&provider, "provider_id").await?.is_some()
    {
        return Ok(());
    }

    for user in [PROVIDER, PATIENT] {
        let new = json!({
            "subject": user.id,
            "username": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "role": user.role,
        });
        make(&admin, "/v1/users", &new).await?;
    }
    approve(&as_user(SECOND_ADMIN)?, "PROVIDER").await?;
    let new = json!({
        "user_id": own(&provider, "id").await?,
        "license_number": "DEMO-LICENSE-1",
        "specialties": ["Family medicine"],
    });
    make(&admin, "/v1/providers", &new).await?;
    let new = json!({
        "user_id": own(&patient, "id").await?,
        "patient_number": "DEMO-1",
        "date_of_birth": "1980-02-29",
        "gender": "female",
    });
    make(&admin, "/v1/patients", &new).await?;

    let patient_id = own(&patient, "patient_id")
        .await?
        .context("the demo patient has a chart")?;
    let provider_id = own(&provider, "provider_id")
        .await?
        .context("the demo provider is one")?;
    verify(&admin, &provider_id).await?;
    let path = format!("/v1/patients/{patient_id}/providers/{provider_id}");
    let answer = admin.send(Method::PUT, &path, None).await?;
    if !answer.status().is_success() {
        bail!(
            "PUT {path}: {} {}",
            answer.status(),
            String::from_utf8_lossy(answer.body())
        );
    }
    Ok(())
}

/// Makes the demo importer, or lets them import for another 30 days.
async fn importer(admin: &Client, second: &Client) -> Result<()> {
    // Less than 30 days, because the clock of the database may be behind.
    let ends_at = (Utc::now() + TimeDelta::days(29)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let path = "/v1/users?role=IMPORTER";
    let answer = admin.send(Method::GET, path, None).await?;
    let page: Value = serde_json::from_slice(answer.body())?;
    let items = page["items"].as_array();
    let there = (items.into_iter().flatten()).find(|user| user["subject"] == json!(IMPORTER.id));
    match there {
        Some(user) => {
            let id = user["id"].as_str().unwrap_or_default();
            let request = admin
                .request(Method::PATCH, &format!("/v1/users/{id}"))
                .header(IF_MATCH, "*")
                .header(CONTENT_TYPE, "application/merge-patch+json")
                .body(Full::from(json!({"access_ends_at": ends_at}).to_string()))?;
            let answer = admin.send_request(request).await?;
            if !answer.status().is_success() {
                bail!(
                    "PATCH of the demo importer: {} {}",
                    answer.status(),
                    String::from_utf8_lossy(answer.body())
                );
            }
        }
        None => {
            let new = json!({
                "subject": IMPORTER.id,
                "username": IMPORTER.email,
                "first_name": IMPORTER.first_name,
                "last_name": IMPORTER.last_name,
                "role": IMPORTER.role,
                "imports_from": IMPORTED_SYSTEM,
                "access_ends_at": ends_at,
            });
            make(admin, "/v1/users", &new).await?;
        }
    }
    approve(second, "IMPORTER").await
}

/// Creates a resource. Leaves an existing one as it is.
async fn make(admin: &Client, path: &str, new: &Value) -> Result<()> {
    let answer = admin.send(Method::POST, path, Some(new)).await?;
    match answer.status().as_u16() {
        201 | 409 => Ok(()),
        status => bail!(
            "POST {path}: {status} {}",
            String::from_utf8_lossy(answer.body())
        ),
    }
}

/// Approves the accounts of this role that wait for a second administrator and can sign in: those of the demo.
async fn approve(admin: &Client, role: &str) -> Result<()> {
    let path = format!("/v1/users?is_proposed=true&role={role}");
    let answer = admin.send(Method::GET, &path, None).await?;
    let page: Value = serde_json::from_slice(answer.body())?;
    let waiting = page["items"].as_array().into_iter().flatten();
    for user in waiting.filter(|user| ALL.iter().any(|demo| user["subject"] == json!(demo.id))) {
        let id = user["id"].as_str().unwrap_or_default();
        decide(
            admin,
            &format!("/v1/users/{id}/approve"),
            &json!({"is_approved": true}),
        )
        .await?;
    }
    Ok(())
}

/// Records that the provider's licence is verified. Without that the provider has no patients in care.
async fn verify(admin: &Client, provider: &str) -> Result<()> {
    decide(
        admin,
        &format!("/v1/providers/{provider}/verify"),
        &json!({}),
    )
    .await
}

/// Decides on a resource, whatever its version. Leaves what is decided already.
async fn decide(admin: &Client, path: &str, decision: &Value) -> Result<()> {
    let request = admin
        .request(Method::POST, path)
        .header(IF_MATCH, "*")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::from(decision.to_string()))?;
    let answer = admin.send_request(request).await?;
    match answer.status().as_u16() {
        200 | 409 => Ok(()),
        status => bail!(
            "POST {path}: {status} {}",
            String::from_utf8_lossy(answer.body())
        ),
    }
}

/// A field of `GET /v1/me`; `None` if the user isn't registered.
async fn own(user: &Client, field: &str) -> Result<Option<String>> {
    let answer = user.send(Method::GET, "/v1/me", None).await?;
    if answer.status().is_server_error() {
        bail!(
            "GET /v1/me: {} {}",
            answer.status(),
            String::from_utf8_lossy(answer.body())
        );
    }
    let me: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    Ok(me[field].as_str().map(str::to_owned))
}
