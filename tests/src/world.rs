//! The world of one test: its database, its cloud and its people.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use client::Api;
use client::Client;
use domain::time::{TimeDelta, Timestamp};
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

use crate::database::{self, Database, PEOPLE, TICKET_KEY};
use crate::link::Link;
use crate::people::{AGENT, Actor, Patient, Provider};
use crate::pooler;

/// A database and a local cloud. Dropping it ends both.
#[derive(Debug)]
pub struct World {
    // Fields are dropped in this order: the functions first, then what they use.
    /// The local cloud.
    pub cloud: Cloud,
    link: Option<Link>,
    connection: Connection,
    client: Client,
    database: Database,
    folder: TempDir,
}

/// The settings of a world that differ from the defaults.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The maximum number of concurrent instances of a function. The default is 1.
    pub instances: usize,
    /// Whether a [`Link`] connects the functions with the database.
    pub link: bool,
    /// Additional environment variables of the functions.
    pub environment: BTreeMap<String, String>,
    /// The origin whose pages may call from a browser.
    pub allowed_origin: Option<String>,
    /// Another time limit for all functions than the template's.
    pub timeout: Option<Duration>,
    /// Another database for the functions than the test's own.
    pub database_url: Option<String>,
}

/// The longest time to wait for something that happens by itself, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long a test waits for the transactions of other tests. Some hold a snapshot while they make a large table.
pub const PATIENCE_WITH_OTHERS: Duration = Duration::from_secs(120);

/// The parameters of a statement.
pub type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The deployment's template.
pub fn template() -> &'static Template {
    &TEMPLATE
}

static TEMPLATE: LazyLock<Arc<Template>> = LazyLock::new(|| {
    let file = local_cloud::workspace::root().join("template.yaml");
    Arc::new(Template::read(&file).expect("template.yaml is a template"))
});

/// Whether the functions name their statements in this run. They do as the template has it, but not behind a pooler,
/// because Debian's PgBouncer loses names. `CARETRAIL_TEST_NAMED_STATEMENTS` can say otherwise: `1` or `0`.
pub fn named_statements() -> bool {
    std::env::var("CARETRAIL_TEST_NAMED_STATEMENTS")
        .map_or_else(|_| !pooler::is_wanted(), |value| value == "1")
}

/// Builds the functions from the current sources, once per process. Cargo has released its lock
/// before a test runs.
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
    /// Creates a world with the default settings.
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// Creates a world with these settings.
    pub async fn with(setup: Setup) -> Self {
        functions().await;
        let database = Database::new().await;
        let connection = database::connect(&database.superuser_url()).await;
        let direct = match setup.database_url {
            Some(url) => url,
            None if pooler::is_wanted() => pooler::url(&database.name).await,
            None => database.url_of(PEOPLE),
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
        let mut template = TEMPLATE.clone();
        if let Some(timeout) = setup.timeout {
            for function in &mut Arc::make_mut(&mut template).functions {
                function.timeout = timeout;
            }
        }
        let key = BASE64_STANDARD.encode(TICKET_KEY);
        let mut settings = Settings::new(folder.path(), &database_url, &key, template);
        settings.instances = setup.instances.max(1);
        settings.environment = setup.environment;
        settings
            .environment
            .entry("NAMED_STATEMENTS".to_owned())
            .or_insert_with(|| named_statements().to_string());
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

    /// Ends all instances of the function, so that its next request is a cold start.
    pub async fn restart(&self, function: &str) {
        self.cloud.lambda().restart(function);
        eventually("the instances end", async || {
            self.cloud.lambda().instances(function) == 0
        })
        .await;
    }

    /// Returns the link between the functions and the database.
    pub fn link(&self) -> &Link {
        self.link.as_ref().expect("a world set up with a link")
    }

    /// Returns the name of the database.
    pub fn database(&self) -> &str {
        &self.database.name
    }

    /// Connects as the superuser, to whom no policy applies.
    pub async fn connect(&self) -> Connection {
        database::connect(&self.database.superuser_url()).await
    }

    /// Connects with a login of the functions, without a pooler.
    pub async fn connect_as(&self, login: &str) -> Connection {
        database::connect(&self.database.url_of(login)).await
    }

    /// Returns the superuser's URL.
    pub fn superuser_url(&self) -> String {
        self.database.superuser_url()
    }

    /// Returns the URL for a role that the test created.
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

    /// Returns the rows of a query as JSON objects.
    pub async fn rows(&self, query: &str, parameters: Parameters<'_>) -> Vec<Value> {
        let query = format!("select to_jsonb(q) as row from ({query}) as q");
        let rows = self.sql(&query, parameters).await;
        rows.iter().map(|row| row.get("row")).collect()
    }

    /// Returns the single row of a query as a JSON object.
    pub async fn row(&self, query: &str, parameters: Parameters<'_>) -> Value {
        let mut rows = self.rows(query, parameters).await;
        assert_eq!(rows.len(), 1, "{query}: {rows:?}");
        rows.remove(0)
    }

    /// Returns everything that is stored except the audit log, to check that nothing changed.
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
            "record_shields",
            "file_metadata",
            "care_relations",
            "representatives",
            "emergency_accesses",
            "incidents",
            "incident_patients",
            "incident_notices",
            "activity_reviews",
            "amendments",
            "amendment_recipients",
            "disclosures",
            "accountings",
        ] {
            let rows = self.rows(&format!("select * from {table}"), &[]).await;
            stored.insert(
                table.to_owned(),
                rows.iter().map(Value::to_string).collect(),
            );
        }
        stored
    }

    /// Creates a user with this role and nothing else.
    pub async fn user(&self, role: &'static str, first_name: &str) -> Actor {
        self.user_from(None, role, first_name).await
    }

    /// Creates a user with this role and nothing else, as imported from this source system.
    pub async fn user_from(
        &self,
        source: Option<&str>,
        role: &'static str,
        first_name: &str,
    ) -> Actor {
        let (user, subject) = (Uuid::now_v7(), Uuid::new_v4());
        let email = format!("{}.{}@example.org", first_name.to_lowercase(), short(user));
        self.sql(
            "insert into user_profiles
               (id, subject, username, first_name, last_name, role, source_system, external_id)
             values ($1, $2, $3, $4, 'Example', $5, $6, case when $6::text is not null then $1::uuid::text end)",
            &[&user, &subject, &email, &first_name, &role, &source],
        )
        .await;
        self.actor(user, subject, &email, Some(role))
    }

    /// Creates an importer of this source system, for a day.
    pub async fn importer(&self, source: &str) -> Actor {
        let (user, subject) = (Uuid::now_v7(), Uuid::new_v4());
        let email = format!("imke.{}@example.org", short(user));
        self.sql(
            "insert into user_profiles
               (id, subject, username, first_name, last_name, role, imports_from, access_ends_at)
             values ($1, $2, $3, 'Imke', 'Example', 'IMPORTER', $4, now() + interval '1 day')",
            &[&user, &subject, &email, &source],
        )
        .await;
        self.actor(user, subject, &email, Some("IMPORTER"))
    }

    /// Creates an administrator.
    pub async fn admin(&self) -> Actor {
        self.user("ADMIN", "Adrian").await
    }

    /// Creates a compliance officer.
    pub async fn officer(&self) -> Actor {
        self.user("COMPLIANCE_OFFICER", "Olive").await
    }

    /// Replaces the permissions of a role, as a migration does.
    pub async fn redefine(&self, role: &str, permissions: Value) {
        self.sql("delete from role_permissions where role = $1", &[&role])
            .await;
        self.sql(
            "insert into role_permissions (role, permission, reach)
             select $1, key, value::permission_reach from jsonb_each_text($2)",
            &[&role, &permissions],
        )
        .await;
    }

    /// Limits the refusals that are recorded within a minute as in a new installation.
    pub async fn limit_refusals(&self) {
        self.sql("update settings set refusals_per_minute = default", &[])
            .await;
    }

    /// Returns a user who can sign in but has no profile.
    pub fn stranger(&self) -> Actor {
        let subject = Uuid::new_v4();
        self.actor(subject, subject, "stranger@example.org", None)
    }

    /// Returns a caller without a token.
    pub fn anybody(&self) -> Actor {
        self.stranger().with_token(None)
    }

    /// Creates a patient with an allergy.
    pub async fn patient(&self, first_name: &str) -> Patient {
        self.patient_from(None, first_name).await
    }

    /// Creates a patient with an allergy, as imported from this source system.
    pub async fn patient_from(&self, source: Option<&str>, first_name: &str) -> Patient {
        let actor = self.user_from(source, "PATIENT", first_name).await;
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

    /// Creates a provider with a verified licence who sees patients around the clock.
    pub async fn provider(&self, first_name: &str) -> Provider {
        self.provider_from(None, first_name).await
    }

    /// Creates the same provider, as imported from this source system and verified since.
    pub async fn provider_from(&self, source: Option<&str>, first_name: &str) -> Provider {
        let actor = self.user_from(source, "PROVIDER", first_name).await;
        let id = Uuid::now_v7();
        self.sql(
            "insert into providers (id, user_id, license_number, specialties, is_verified, schedule)
             values ($1::uuid, $2, 'LIC-' || $1::uuid, '{cardiology}', true, $3)",
            &[&id, &actor.user, &around_the_clock()],
        )
        .await;
        Provider { id, actor }
    }

    /// Assigns the provider to the patient.
    pub async fn assign(&self, patient: &Patient, provider: &Provider) {
        self.sql(
            "update patients set assigned_providers = assigned_providers || $2::uuid where id = $1",
            &[&patient.id, &provider.id],
        )
        .await;
    }

    /// Gives the user the patient in care on this basis for this interval from now.
    pub async fn grant(&self, patient: &Patient, member: Uuid, basis: &str, until: &str) {
        self.sql(
            "insert into care_relations (member_id, patient_id, basis, source, until)
             values ($1, $2, $3::text::care_basis, $1, now() + $4::text::interval)",
            &[&member, &patient.id, &basis, &until],
        )
        .await;
    }

    /// Gives the user emergency access to the patient, for four hours from this interval ago on.
    pub async fn emergency(&self, patient: Uuid, member: Uuid, ago: &str) -> Uuid {
        let id = Uuid::now_v7();
        self.sql(
            "insert into emergency_accesses (id, member_id, patient_id, reason, explanation, hours, granted_at)
             values ($1, $2, $3, 'OTHER', 'Collapsed', 4, now() - $4::text::interval)",
            &[&id, &member, &patient, &ago],
        )
        .await;
        id
    }

    /// Lets the user represent the patient as a guardian, for this interval from now or without an end.
    pub async fn represent(&self, user: Uuid, patient: &Patient, until: Option<&str>) -> Uuid {
        let id = self
            .enter_representative(user, patient, "GUARDIAN", until)
            .await;
        let confirm = "update representatives set confirmed_at = now() where id = $1";
        self.sql(confirm, &[&id]).await;
        id
    }

    /// Enters a representation on this basis that nobody has confirmed, for this interval from now or without an end.
    pub async fn enter_representative(
        &self,
        user: Uuid,
        patient: &Patient,
        basis: &str,
        until: Option<&str>,
    ) -> Uuid {
        let id = Uuid::now_v7();
        self.sql(
            "insert into representatives (id, user_id, patient_id, basis, until, evidence)
             values ($1, $2, $3, $4::text::representative_basis, now() + $5::text::interval, 'A court order was seen')",
            &[&id, &user, &patient.id, &basis, &until],
        )
        .await;
        id
    }

    /// Makes the patient a child of this age in years.
    pub async fn rejuvenate(&self, patient: &Patient, age: i32) {
        let born = "update patients
             set date_of_birth = to_char(clinic_day(now()) - make_interval(years => $2, days => 7), 'YYYY-MM-DD')
             where id = $1";
        self.sql(born, &[&patient.id, &age]).await;
    }

    /// Keeps a record from the patient's representatives.
    pub async fn shield(&self, record: Uuid, by: &Actor) {
        self.sql(
            "insert into record_shields (id, record_id, patient_id, reason, decided_by)
             select gen_random_uuid(), id, patient_id, 'minor_consent', $2 from medical_records where id = $1",
            &[&record, &by.user],
        )
        .await;
    }

    /// Creates a visit of half an hour.
    pub async fn visit(
        &self,
        patient: &Patient,
        provider: &Provider,
        scheduled_at: &str,
        status: &str,
    ) -> Uuid {
        self.visit_from(None, patient, provider, scheduled_at, status)
            .await
    }

    /// Creates a visit of half an hour, as imported from this source system.
    pub async fn visit_from(
        &self,
        source: Option<&str>,
        patient: &Patient,
        provider: &Provider,
        scheduled_at: &str,
        status: &str,
    ) -> Uuid {
        let id = Uuid::now_v7();
        self.sql(
            "insert into appointments
               (id, patient_id, provider_id, scheduled_at, duration_minutes, status, source_system, external_id)
             values ($1, $2, $3, $4::text::timestamptz, 30, $5::text::appointment_status, $6,
               case when $6::text is not null then $1::uuid::text end)",
            &[&id, &patient.id, &provider.id, &scheduled_at, &status, &source],
        )
        .await;
        id
    }

    /// Creates a note in the patient's chart, visible to the patient.
    pub async fn note(&self, patient: &Patient, provider: &Provider, text: &str) -> Uuid {
        self.note_from(None, patient, provider, text).await
    }

    /// Creates a note in the patient's chart, as imported from this source system.
    pub async fn note_from(
        &self,
        source: Option<&str>,
        patient: &Patient,
        provider: &Provider,
        text: &str,
    ) -> Uuid {
        let id = Uuid::now_v7();
        self.sql(
            "insert into medical_records
               (id, patient_id, provider_id, record_type, content, source_system, external_id)
             values ($1, $2, $3, 'NOTE', $4, $5, case when $5::text is not null then $1::uuid::text end)",
            &[&id, &patient.id, &provider.id, &json!({ "text": text }), &source],
        )
        .await;
        id
    }

    /// Places a hold on a record until this interval from now: `1 day`, or `-1 day` for a hold that
    /// has ended.
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

    /// Raises an alert about this user's access, which is another one each time.
    pub async fn alert(&self, actor: Uuid, patient: Option<Uuid>) -> Uuid {
        let raise = "select raise_alert('unexplained-access', $1, $2, null, '{}', '{}', $3)";
        self.sql(raise, &[&actor, &patient, &Uuid::now_v7()]).await[0].get(0)
    }

    /// Returns a caller for this user, with a valid token.
    fn actor(&self, user: Uuid, subject: Uuid, email: &str, role: Option<&'static str>) -> Actor {
        let token = self.token(&TokenRequest::new(subject, email));
        Actor {
            user,
            subject,
            email: email.to_owned(),
            role,
            client: self.client.with_token(token.clone()),
            token: Some(token),
        }
    }

    /// Returns the API client of the import and the demo for this cloud.
    pub fn api(&self) -> Api {
        // It uses the same keys, because it requests tokens by itself.
        let keys = self.folder.path().join("issuer.pem");
        let issuer = Issuer::open(self.cloud.url(), &keys).expect("the issuer's keys");
        Api::new(self.cloud.url(), move |person| {
            issuer.mint(&TokenRequest::new(person.id, &person.email))
        })
    }

    /// Returns a folder of this test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a token of the local issuer.
    pub fn token(&self, request: &TokenRequest) -> String {
        self.cloud.issuer().mint(request).expect("a token")
    }

    /// Returns the same person with a token changed by `change`.
    pub fn as_changed(&self, actor: &Actor, change: impl FnOnce(&mut TokenRequest)) -> Actor {
        let mut request = TokenRequest::new(actor.subject, &actor.email);
        change(&mut request);
        actor.with_token(Some(self.token(&request)))
    }
}

/// Returns the time this many days ago. A visit then still gives care.
pub fn days_ago(days: i64) -> String {
    (Timestamp::now() - TimeDelta::days(days)).to_string()
}

/// Returns opening hours from midnight to midnight on every day.
fn around_the_clock() -> Value {
    let days = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let weekly = days.map(|day| json!({"weekday": day, "from": "00:00:00", "to": "00:00:00"}));
    json!({"time_zone": "UTC", "weekly": weekly, "horizon_days": 3650})
}

/// Returns the random end of an id.
fn short(id: Uuid) -> String {
    id.simple().to_string()[20..].to_owned()
}

/// Waits until the condition holds. Fails after [`PATIENCE`].
pub async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    within(PATIENCE, what, is_so).await;
}

/// Waits until the condition holds. Fails after this time.
pub async fn within(patience: Duration, what: &str, is_so: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(
            started.elapsed() < patience,
            "not within {patience:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
