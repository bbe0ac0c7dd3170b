//! Registers the demo users of a new cloud over HTTP, as two administrators do. They and the compliance
//! officer are in the database already.

use anyhow::{Context, Result, bail};
use http::Method;
use http::header::{CONTENT_TYPE, IF_MATCH};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::demo_users::{ADMIN, DemoUser, PATIENT, PROVIDER, SECOND_ADMIN};
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
    approve(&as_user(SECOND_ADMIN)?).await?;
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

/// Approves each account that waits for a second administrator.
async fn approve(admin: &Client) -> Result<()> {
    let path = "/v1/users?is_proposed=true";
    let answer = admin.send(Method::GET, path, None).await?;
    let page: Value = serde_json::from_slice(answer.body())?;
    for user in page["items"].as_array().into_iter().flatten() {
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
