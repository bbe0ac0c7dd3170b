//! One test's world.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use client::Api;
use client::Client;
use local_cloud::cloud::{Cloud, Settings};
use local_cloud::issuer::{Issuer, TokenRequest};
use local_cloud::postgres;
use local_cloud::template::Template;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client as Connection, Row};
use uuid::Uuid;

use crate::database::{self, Database};
use crate::link::Link;
use crate::people::{AGENT, Actor, Patient, Provider};
use crate::pooler;

/// A database and a cloud. Dropping it ends both.
#[derive(Debug)]
pub struct World {
    // In the order of dropping: the functions first, what they use afterwards.
    /// The local cloud.
    pub cloud: Cloud,
    link: Option<Link>,
    connection: Connection,
    client: Client,
    database: Database,
    folder: TempDir,
}

/// How a world is to be, where it is not as usual.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Most instances of one function at a time; 1 where not said.
    pub instances: usize,
    /// Whether a [`Link`] stands between the functions and the database.
    pub link: bool,
    /// Environment variables of the functions.
    pub environment: BTreeMap<String, String>,
    /// Whose pages may call from a browser.
    pub allowed_origin: Option<String>,
    /// Another database for the functions than the test's own.
    pub database_url: Option<String>,
}

/// How long something may take that happens by itself; on a busy machine, too.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A statement's parameters.
pub type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The deployment's template.
pub fn template() -> &'static Template {
    &TEMPLATE
}

static TEMPLATE: LazyLock<Arc<Template>> = LazyLock::new(|| {
    let file = local_cloud::workspace::root().join("template.yaml");
    Arc::new(Template::read(&file).expect("template.yaml is a template"))
});

/// The functions as they are now, built once a process. Cargo has left its lock by the time that a
/// test runs.
async fn functions() {
    static BUILT: OnceCell<()> = OnceCell::const_new();
    BUILT
        .get_or_init(|| async {
            local_cloud::compile::functions()
                .await
                .expect("the functions compile");
        })
        .await;
}

impl World {
    /// A world as usual.
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// A world as said.
    pub async fn with(setup: Setup) -> Self {
        functions().await;
        let database = Database::new().await;
        let connection = database::connect(&database.superuser_url()).await;
        let direct = match setup.database_url {
            Some(url) => url,
            None if pooler::is_wanted() => pooler::url(&database.name).await,
            None => database.app_url(),
        };
        let (link, database_url) = if setup.link {
            let (link, url) = Link::before(&direct).await;
            (Some(link), url)
        } else {
            (None, direct)
        };
        let folder = tempfile::Builder::new()
            .prefix("caretrail-test-")
            .tempdir()
            .unwrap();
        let mut settings = Settings::new(folder.path(), &database_url, TEMPLATE.clone());
        settings.instances = setup.instances.max(1);
        settings.environment = setup.environment;
        settings.allowed_origin = setup.allowed_origin.unwrap_or(settings.allowed_origin);
        let cloud = Cloud::start(settings).await.expect("the cloud starts");
        Self {
            client: Client::new(cloud.url()).with_agent(AGENT),
            cloud,
            link,
            connection,
            database,
            folder,
        }
    }

    /// Ends the function's instances: its next request finds a cold start.
    pub async fn restart(&self, function: &str) {
        self.cloud.lambda().restart(function);
        eventually("the instances end", async || {
            self.cloud.lambda().instances(function) == 0
        })
        .await;
    }

    /// The link between the functions and the database.
    pub fn link(&self) -> &Link {
        self.link.as_ref().expect("a world set up with a link")
    }

    /// The name of its database.
    pub fn database(&self) -> &str {
        &self.database.name
    }

    /// A connection as the superuser, whom no policy binds.
    pub async fn connect(&self) -> Connection {
        database::connect(&self.database.superuser_url()).await
    }

    /// A connection as the functions' role, past every pooler.
    pub async fn connect_as_app(&self) -> Connection {
        database::connect(&self.database.app_url()).await
    }

    /// The superuser's URL.
    pub fn superuser_url(&self) -> String {
        self.database.superuser_url()
    }

    /// The URL for a role of one's own making.
    pub fn url_as(&self, role: &str, password: &str) -> String {
        postgres::with_login(&self.database.superuser_url(), role, password).unwrap()
    }

    /// Runs a statement as the superuser.
    pub async fn sql(&self, statement: &str, parameters: Parameters<'_>) -> Vec<Row> {
        self.connection
            .query(statement, parameters)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error:?}"))
    }

    /// The rows of a query as JSON objects.
    pub async fn rows(&self, query: &str, parameters: Parameters<'_>) -> Vec<Value> {
        let query = format!("select to_jsonb(q) as row from ({query}) as q");
        let rows = self.sql(&query, parameters).await;
        rows.iter().map(|row| row.get("row")).collect()
    }

    /// The one row of a query as a JSON object.
    pub async fn row(&self, query: &str, parameters: Parameters<'_>) -> Value {
        let mut rows = self.rows(query, parameters).await;
        assert_eq!(rows.len(), 1, "{query}: {rows:?}");
        rows.remove(0)
    }

    /// All that is stored but the audit log, to see that nothing changed.
    pub async fn stored(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut stored = BTreeMap::new();
        for table in [
            "user_profiles",
            "patients",
            "providers",
            "appointments",
            "appointment_changes",
            "medical_records",
            "medical_record_versions",
            "record_releases",
            "file_metadata",
        ] {
            let rows = self.rows(&format!("select * from {table}"), &[]).await;
            stored.insert(
                table.to_owned(),
                rows.iter().map(Value::to_string).collect(),
            );
        }
        stored
    }

    /// Somebody with this role, and no more.
    pub async fn user(&self, role: &'static str, first_name: &str) -> Actor {
        let user = Uuid::now_v7();
        let email = format!("{}.{}@example.org", first_name.to_lowercase(), short(user));
        self.sql(
            "insert into user_profiles (id, username, first_name, last_name, role)
             values ($1, $2, $3, 'Example', $4)",
            &[&user, &email, &first_name, &role],
        )
        .await;
        self.actor(user, &email, Some(role))
    }

    /// An administrator.
    pub async fn admin(&self) -> Actor {
        self.user("ADMIN", "Adrian").await
    }

    /// A compliance officer.
    pub async fn officer(&self) -> Actor {
        self.user("COMPLIANCE_OFFICER", "Olive").await
    }

    /// Somebody who can sign in and has no profile here.
    pub fn stranger(&self) -> Actor {
        self.actor(Uuid::now_v7(), "stranger@example.org", None)
    }

    /// Somebody without a token.
    pub fn anybody(&self) -> Actor {
        self.stranger().with_token(None)
    }

    /// A patient, with an allergy.
    pub async fn patient(&self, first_name: &str) -> Patient {
        let actor = self.user("PATIENT", first_name).await;
        let id = Uuid::now_v7();
        let allergies = json!([{
            "code": {"system": "http://snomed.info/sct", "code": "91935009", "display": "Allergy to peanuts"},
            "criticality": "high"
        }]);
        self.sql(
            "insert into patients (id, user_id, patient_number, date_of_birth, gender, allergies)
             values ($1::uuid, $2, 'MRN-' || $1::uuid, '1990-05-17', 'female', $3)",
            &[&id, &actor.user, &allergies],
        )
        .await;
        Patient { id, actor }
    }

    /// A provider with a verified licence who sees patients around the clock.
    pub async fn provider(&self, first_name: &str) -> Provider {
        let actor = self.user("PROVIDER", first_name).await;
        let id = Uuid::now_v7();
        self.sql(
            "insert into providers (id, user_id, license_number, specialties, is_verified, schedule)
             values ($1::uuid, $2, 'LIC-' || $1::uuid, '{cardiology}', true, $3)",
            &[&id, &actor.user, &around_the_clock()],
        )
        .await;
        Provider { id, actor }
    }

    /// Puts the patient into the provider's care.
    pub async fn assign(&self, patient: &Patient, provider: &Provider) {
        self.sql(
            "update patients set assigned_providers = assigned_providers || $2::uuid where id = $1",
            &[&patient.id, &provider.id],
        )
        .await;
    }

    /// A visit of half an hour.
    pub async fn visit(
        &self,
        patient: &Patient,
        provider: &Provider,
        scheduled_at: &str,
        status: &str,
    ) -> Uuid {
        let id = Uuid::now_v7();
        self.sql(
            "insert into appointments
               (id, patient_id, provider_id, scheduled_at, duration_minutes, status)
             values ($1, $2, $3, $4::text::timestamptz, 30, $5::text::appointment_status)",
            &[&id, &patient.id, &provider.id, &scheduled_at, &status],
        )
        .await;
        id
    }

    /// A note in the patient's chart, visible and released.
    pub async fn note(&self, patient: &Patient, provider: &Provider, text: &str) -> Uuid {
        let id = Uuid::now_v7();
        self.sql(
            "insert into medical_records (id, patient_id, provider_id, record_type, content)
             values ($1, $2, $3, 'NOTE', $4)",
            &[&id, &patient.id, &provider.id, &json!({ "text": text })],
        )
        .await;
        id
    }

    /// Holds an entry back from its patient, to this interval from now: `1 day`, or `-1 day` for a
    /// hold that has passed.
    pub async fn hold(&self, record: Uuid, by: &Actor, until: &str) {
        self.sql(
            "insert into record_releases
               (id, record_id, patient_id, hold_reason, expires_at, decided_by, decided_at)
             select gen_random_uuid(), id, patient_id, 'privacy', now() + $3::text::interval, $2,
               now() + least($3::text::interval, '0') - interval '1 hour'
             from medical_records where id = $1",
            &[&record, &by.user, &until],
        )
        .await;
    }

    /// Who sends requests as this user, with a good token.
    fn actor(&self, user: Uuid, email: &str, role: Option<&'static str>) -> Actor {
        let token = self.token(&TokenRequest::new(user, email));
        Actor {
            user,
            email: email.to_owned(),
            role,
            client: self.client.with_token(token.clone()),
            token: Some(token),
        }
    }

    /// The cloud as the import and the demo speak to it.
    pub fn api(&self) -> Api {
        // The same keys, for it asks for tokens by itself.
        let keys = self.folder.path().join("issuer.pem");
        let issuer = Issuer::open(self.cloud.url(), &keys).expect("the issuer's keys");
        Api::new(self.cloud.url(), move |person| {
            issuer.mint(&TokenRequest::new(person.id, &person.email))
        })
    }

    /// A folder of its own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A token of the local issuer.
    pub fn token(&self, request: &TokenRequest) -> String {
        self.cloud.issuer().mint(request).expect("a token")
    }

    /// The same person, with a token as changed.
    pub fn as_changed(&self, actor: &Actor, change: impl FnOnce(&mut TokenRequest)) -> Actor {
        let mut request = TokenRequest::new(actor.user, &actor.email);
        change(&mut request);
        actor.with_token(Some(self.token(&request)))
    }
}

/// Hours of every day, from midnight to midnight.
fn around_the_clock() -> Value {
    let days = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let weekly = days.map(|day| json!({"weekday": day, "from": "00:00:00", "to": "00:00:00"}));
    json!({"time_zone": "UTC", "weekly": weekly})
}

/// The random end of an id.
fn short(id: Uuid) -> String {
    id.simple().to_string()[20..].to_owned()
}

/// Waits until it is so, for a while.
pub async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(
            started.elapsed() < PATIENCE,
            "in {PATIENCE:?} not so: {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
