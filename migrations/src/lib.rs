//! Brings a database to this version's schema, over the direct endpoint (never the pooled one: a
//! migration needs one session).

use anyhow::{Context as _, Result};

use tokio_postgres::Client;
use uuid::Uuid;

mod embedded {
    refinery::embed_migrations!(".");
}

/// Partitions of the audit log are made this many months ahead; each deployment makes more.
const AUDIT_MONTHS_AHEAD: i32 = 13;

/// Two deployments at once take turns.
const LOCK: i64 = 0x0ca2_e72a_11d8;

/// What a run did.
#[derive(Debug)]
pub struct Report {
    /// Names of the migrations applied, in order; empty where the schema was current.
    pub applied: Vec<String>,
}

/// Applies what is missing. `url` names a role that may create roles (the first time) or is a
/// member of `caretrail_owner`.
pub async fn run(url: &str, ca_file: Option<&str>) -> Result<Report> {
    let mut client = connect(url, ca_file).await?;
    client
        .execute("select pg_advisory_lock($1)", &[&LOCK])
        .await?;
    let may_create_roles: bool = client
        .query_one(
            "select rolsuper or rolcreaterole from pg_roles where rolname = current_user",
            &[],
        )
        .await?
        .get(0);
    if may_create_roles {
        client
            .batch_execute(include_str!("../bootstrap.sql"))
            .await
            .context("bootstrap.sql failed")?;
    }
    client.batch_execute("set role caretrail_owner").await?;
    let report = embedded::migrations::runner()
        .set_migration_table_name("schema_history")
        .run_async(&mut client)
        .await
        .context("a migration failed; what came before it stands")?;
    client
        .execute("select ensure_audit_partitions($1)", &[&AUDIT_MONTHS_AHEAD])
        .await?;
    Ok(Report {
        applied: report
            .applied_migrations()
            .iter()
            .map(ToString::to_string)
            .collect(),
    })
}

/// Lets a role log in with this password. Errors: unknown role.
pub async fn set_password(
    url: &str,
    ca_file: Option<&str>,
    role: &str,
    password: &str,
) -> Result<()> {
    let client = connect(url, ca_file).await?;
    // ALTER ROLE takes no parameters: `format` quotes both.
    let statement: String = client
        .query_one(
            "select format('alter role %I login password %L', $1::text, $2::text)",
            &[&role, &password],
        )
        .await?
        .get(0);
    client
        .batch_execute(&statement)
        .await
        .with_context(|| format!("role {role}"))
}

/// Makes the first ADMIN, who makes everybody else over HTTP. Returns whether it was missing.
pub async fn bootstrap_admin(
    url: &str,
    ca_file: Option<&str>,
    id: Uuid,
    email: &str,
    first_name: &str,
    last_name: &str,
) -> Result<bool> {
    let client = connect(url, ca_file).await?;
    client.batch_execute("set role caretrail_owner").await?;
    let made = client
        .execute(
            "insert into user_profiles (id, username, first_name, last_name, role)
             values ($1, lower($2), $3, $4, 'ADMIN') on conflict (id) do nothing",
            &[&id, &email, &first_name, &last_name],
        )
        .await?;
    Ok(made == 1)
}

async fn connect(url: &str, ca_file: Option<&str>) -> Result<Client> {
    database::connect(url, ca_file)
        .await
        .context("no direct connection to the database")
}
