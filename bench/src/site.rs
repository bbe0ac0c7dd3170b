//! What is measured: a database, the release binaries under a local cloud, and a patient to read.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use local::client::Client;
use local::cloud::{Cloud, Settings};
use local::issuer::TokenRequest;
use local::postgres::{Options, Server};
use local::template::Template;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

const DATABASE: &str = "bench";

/// A cloud with one ADMIN, one PROVIDER and one PATIENT in her care.
pub struct Site {
    pub cloud: Cloud,
    _server: Server,
    pub template: Arc<Template>,
    pub binaries: PathBuf,
    pub app_url: String,
    pub provider_user: Uuid,
    pub provider: Client,
    pub patient_id: String,
    _data: TempDir,
}

impl Site {
    /// `binaries` as cargo-lambda lays them out: NAME/bootstrap.
    pub async fn open(binaries: &Path, instances: usize) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let server = Server::start(Options::default()).await?;
        server.create_database(DATABASE, None).await?;
        let owner = server.superuser_url(DATABASE);
        migrations::run(&owner, None).await?;
        migrations::set_password(&owner, None, "caretrail_app", "bench").await?;
        let app_url = server.url("caretrail_app", "bench", DATABASE);

        let template = std::fs::read_to_string(local::workspace::root().join("template.yaml"))?;
        let template = template.replacen("\nResources:\n", HELLO, 1);
        let template = Arc::new(Template::parse(&template)?);
        let bin = data.path().join("bin");
        std::fs::create_dir(&bin)?;
        for function in &template.functions {
            let built = binaries.join(&function.package).join("bootstrap");
            let built = built.canonicalize().with_context(|| {
                format!(
                    "{} is missing: run cargo lambda build --release",
                    built.display()
                )
            })?;
            symlink(built, bin.join(&function.package))?;
        }
        let mut settings = Settings::new(&data.path().join("cloud"), &app_url, template.clone());
        settings.binaries = bin.clone();
        settings.instances = instances;
        let cloud = Cloud::start(settings).await?;

        let (admin_user, provider_user, patient_user) =
            (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
        migrations::bootstrap_admin(
            &owner,
            None,
            admin_user,
            "admin@example.org",
            "Bench",
            "Admin",
        )
        .await?;
        let client = |user: Uuid| -> Result<Client> {
            let token = cloud
                .issuer()
                .mint(&TokenRequest::new(user, "bench@example.org"))?;
            Ok(Client::new(cloud.url()).with_token(token))
        };
        let admin = client(admin_user)?;
        for (user, role) in [(provider_user, "PROVIDER"), (patient_user, "PATIENT")] {
            let body = json!({
                "id": user, "username": format!("{user}@example.org"),
                "first_name": "Bench", "last_name": role, "role": role
            });
            call(&admin, "POST", "/v1/users", &body).await?;
        }
        let provider =
            json!({ "user_id": provider_user, "license_number": "B-1", "specialties": [] });
        let provider_id = id(&call(&admin, "POST", "/v1/providers", &provider).await?);
        let patient = json!({
            "user_id": patient_user, "patient_number": "B-1", "date_of_birth": "1990-01-01", "gender": "female",
            "allergies": [{ "code": { "system": "http://snomed.info/sct", "code": "424213003" } }]
        });
        let patient_id = id(&call(&admin, "POST", "/v1/patients", &patient).await?);
        let path = format!("/v1/patients/{patient_id}/providers/{provider_id}");
        call(&admin, "PUT", &path, &Value::Null).await?;
        Ok(Self {
            provider: client(provider_user)?,
            cloud,
            _server: server,
            template,
            binaries: bin,
            app_url,
            provider_user,
            patient_id,
            _data: data,
        })
    }
}

async fn call(client: &Client, method: &str, path: &str, body: &Value) -> Result<Value> {
    let body = (!body.is_null()).then_some(body);
    let response = client.send(method.parse()?, path, body).await?;
    ensure!(
        response.status().is_success(),
        "{method} {path} answered {}",
        response.status()
    );
    Ok(serde_json::from_slice(response.body())?)
}

fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap_or_default().to_owned()
}

const HELLO: &str = "
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/hello/
      Handler: bootstrap
      Runtime: provided.al2023
      Events:
        Http:
          Type: HttpApi
          Properties: { Method: GET, Path: /hello }
";
