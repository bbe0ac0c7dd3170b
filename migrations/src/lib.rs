//! Brings a database to this version's schema, over the direct endpoint (never the pooled one: a
//! migration needs one session).

use std::fmt;

use anyhow::{Context as _, Result};
use refinery::error::Kind;
use tokio_postgres::Client;
use uuid::Uuid;

mod embedded {
    refinery::embed_migrations!(".");
}

/// Partitions of the audit log are made this many months ahead. Each deployment makes more, and so does a schedule.
const AUDIT_MONTHS_AHEAD: i32 = 25;

/// Partitions of business events are made this many weeks ahead.
const EVENT_WEEKS_AHEAD: i32 = 26;

/// The logins of the functions: those that people call, those that events and schedules start, the health check, and
/// the sealer of the audit log.
pub const LOGINS: [&str; 4] = [
    "caretrail_people",
    "caretrail_jobs",
    "caretrail_health",
    "caretrail_sealer",
];

/// Two deployments at once take turns.
const LOCK: i64 = 0x0ca2_e72a_11d8;

/// What a run did.
#[derive(Debug)]
pub struct Report {
    /// Names of the migrations applied, in order; empty where the schema was current.
    pub applied: Vec<String>,
}

/// The database was migrated by other files than this version's: one was edited, removed or added
/// before the last. Until release 1.0 migrations are edited in place, so the database must be made anew.
#[derive(Debug)]
pub struct OtherMigrations {
    /// The first migration that differs, as in `V0004__roles`.
    pub first: String,
}

impl fmt::Display for OtherMigrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the database was made by other migration files than this version's ({} differs): drop the \
             database, create it and run this again, or use `cargo dev reset` if it is `cargo dev`'s",
            self.first
        )
    }
}

impl std::error::Error for OtherMigrations {}

/// Applies what is missing. `url` names a role that may create roles (the first time) or is a
/// member of `caretrail_owner`.
///
/// # Errors
/// [`OtherMigrations`] if the database has other migrations than these. None is applied then.
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
    let applied = embedded::migrations::runner()
        .set_migration_table_name("schema_history")
        .run_async(&mut client)
        .await;
    let report = match applied {
        Ok(report) => report,
        Err(error) => {
            if let Kind::DivergentVersion(first, _) | Kind::MissingVersion(first) = error.kind() {
                let first = format!("V{:04}__{}", first.version(), first.name());
                return Err(OtherMigrations { first }.into());
            }
            return Err(error).context("a migration failed; the ones before it were applied");
        }
    };
    client
        .execute("select ensure_audit_partitions($1)", &[&AUDIT_MONTHS_AHEAD])
        .await?;
    client
        .execute("select turn_event_partitions($1)", &[&EVENT_WEEKS_AHEAD])
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

/// Makes `key` the key that verifies tickets. The key before it stays valid until
/// [`forget_former_ticket_key`], so that functions can be deployed with the new one meanwhile.
pub async fn add_ticket_key(url: &str, ca_file: Option<&str>, key: &[u8; 32]) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute("select add_signing_key('TICKET', $1)", &[&&key[..]])
        .await?;
    Ok(())
}

/// Refuses tickets that were signed with any key but the newest.
pub async fn forget_former_ticket_key(url: &str, ca_file: Option<&str>) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute("select forget_signing_keys('TICKET', 1)", &[])
        .await?;
    Ok(())
}

/// Makes a new key that seals the actor of a transaction. Open transactions go on under the one before.
pub async fn renew_seal_key(url: &str, ca_file: Option<&str>) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute("select add_signing_key('SEAL', gen_random_bytes(32))", &[])
        .await?;
    Ok(())
}

/// Makes an account, for example one of the first two administrators or the first compliance officer, who
/// make other accounts over HTTP. Returns whether the sign-in was new. Errors: the role doesn't exist.
pub async fn make_user(
    url: &str,
    ca_file: Option<&str>,
    role: &str,
    subject: Uuid,
    email: &str,
    first_name: &str,
    last_name: &str,
) -> Result<bool> {
    let client = connect_as_owner(url, ca_file).await?;
    let made = client
        .execute(
            "insert into user_profiles (id, subject, username, first_name, last_name, role)
             values ($1, $2, lower($3), $4, $5, $6) on conflict (subject) do nothing",
            &[
                &Uuid::now_v7(),
                &subject,
                &email,
                &first_name,
                &last_name,
                &role,
            ],
        )
        .await
        .with_context(|| format!("the user {email} can't be made with the role {role}"))?;
    Ok(made == 1)
}

/// Sets whether sensitive steps on accounts need a second person.
pub async fn set_two_person_rule(url: &str, ca_file: Option<&str>, is_on: bool) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute("update settings set two_person_rule = $1", &[&is_on])
        .await?;
    Ok(())
}

/// Sets how long a patient stays in the care of a provider after a visit, for example `18 months`. The end
/// of all care that was counted from a visit is computed again. Errors: no interval between a day and ten
/// years.
pub async fn set_care_after_visit(url: &str, ca_file: Option<&str>, interval: &str) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute(
            "update settings set care_after_visit = $1::text::interval",
            &[&interval],
        )
        .await
        .with_context(|| format!("{interval:?} is no interval between 1 day and 120 months"))?;
    Ok(())
}

/// Sets how many files and how many bytes an account may announce within 24 hours. Errors: the first is not between 1
/// and a million, or the second is not positive.
pub async fn set_upload_quota(
    url: &str,
    ca_file: Option<&str>,
    files: i64,
    bytes: i64,
) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute(
            "update settings set uploads_a_day = $1, upload_bytes_a_day = $2",
            &[&files, &bytes],
        )
        .await
        .context("the quota is not between 1 and 1000000 files, or has no bytes")?;
    Ok(())
}

/// Sets how many refused requests of a caller get an audit row within a minute. Errors: not between 1 and 100000.
pub async fn set_refusals_per_minute(url: &str, ca_file: Option<&str>, number: i64) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute("update settings set refusals_per_minute = $1", &[&number])
        .await
        .with_context(|| format!("{number} is no number between 1 and 100000"))?;
    Ok(())
}

/// Sets how many patients a user may look for within an hour to get emergency access. Errors: not between 1 and 1000.
pub async fn set_emergency_searches(url: &str, ca_file: Option<&str>, number: i32) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute(
            "update settings set emergency_searches_an_hour = $1",
            &[&number],
        )
        .await
        .with_context(|| format!("{number} is no number between 1 and 1000"))?;
    Ok(())
}

/// Sets within how many hours each later emergency access is reviewed. Errors: not between 1 and 72.
pub async fn set_emergency_review_hours(
    url: &str,
    ca_file: Option<&str>,
    hours: i32,
) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute("update settings set emergency_review_hours = $1", &[&hours])
        .await
        .with_context(|| format!("{hours} is no number of hours between 1 and 72"))?;
    Ok(())
}

/// Sets the country, or the part of it, whose retention rules apply, for example `US-CA`. Errors: no country with rules.
pub async fn set_retention_jurisdiction(
    url: &str,
    ca_file: Option<&str>,
    jurisdiction: &str,
) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute(
            "update settings set retention_jurisdiction = $1",
            &[&jurisdiction],
        )
        .await
        .with_context(|| {
            format!("{jurisdiction:?} is no country with retention rules, or a part of one")
        })?;
    Ok(())
}

/// Sets whether rows are deleted after their retention. Otherwise they are only listed.
pub async fn set_deletion(url: &str, ca_file: Option<&str>, is_on: bool) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute(
            "update settings set deletes_after_retention = $1",
            &[&is_on],
        )
        .await?;
    Ok(())
}

/// Sets how many days a row must be listed before it is deleted. Errors: not between 7 and 3650.
pub async fn set_days_to_object(url: &str, ca_file: Option<&str>, days: i32) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute("update settings set days_to_object = $1", &[&days])
        .await
        .with_context(|| format!("{days} is no number between 7 and 3650"))?;
    Ok(())
}

/// Sets how many days before and after a visit an access is explained by it. Errors: no number between 1 and 365.
pub async fn set_days_to_explain(url: &str, ca_file: Option<&str>, days: i32) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute("update settings set days_to_explain = $1", &[&days])
        .await
        .with_context(|| format!("{days} is no number between 1 and 365"))?;
    Ok(())
}

/// Sets whether patients see the names of the staff who opened their chart. Otherwise they see the roles alone.
pub async fn set_staff_names(url: &str, ca_file: Option<&str>, are_shown: bool) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute("update settings set shows_staff_names = $1", &[&are_shown])
        .await?;
    Ok(())
}

/// Sets the fee for an accounting of disclosures within twelve months after another, in cents. Errors: no number between 0
/// and 10000.
pub async fn set_accounting_fee(url: &str, ca_file: Option<&str>, cents: i32) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute("update settings set accounting_fee_cents = $1", &[&cents])
        .await
        .with_context(|| format!("{cents} is no number between 0 and 10000"))?;
    Ok(())
}

/// Sets by how much an access between 20:00 and 06:00 raises the score of its alert. Errors: no number between 0 and 99.
pub async fn set_off_hours_weight(url: &str, ca_file: Option<&str>, weight: i32) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute("update settings set off_hours_weight = $1", &[&weight])
        .await
        .with_context(|| format!("{weight} is no number between 0 and 99"))?;
    Ok(())
}

/// Sets how letters to patients name the clinic, and how patients reach it: by a toll-free telephone number, an e-mail
/// address, a website and a postal address with commas between its lines. Errors: none of the four, or one without its form.
pub async fn set_clinic_contact(
    url: &str,
    ca_file: Option<&str>,
    name: &str,
    [phone, email, website, address]: [Option<&str>; 4],
) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute(
            "update settings set clinic_name = $1, clinic_phone = $2, clinic_email = $3, clinic_website = $4,
               clinic_address = $5",
            &[&name, &phone, &email, &website, &address],
        )
        .await
        .context(
            "expected a name and at least one way to reach the clinic: a telephone number, an e-mail address, a website \
             that begins with https:// or a postal address",
        )?;
    Ok(())
}

/// Sets the clinic's time zone, for example `Europe/Berlin`, and plans all reminders anew. Errors: no full name of an IANA
/// time zone.
pub async fn set_time_zone(url: &str, ca_file: Option<&str>, time_zone: &str) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute("update settings set time_zone = $1", &[&time_zone])
        .await
        .with_context(|| {
            format!("{time_zone:?} is no IANA time zone, such as Europe/Berlin or UTC")
        })?;
    Ok(())
}

/// Sets how long before each visit it is announced as due, as ISO 8601 durations, for example `P2D` and `PT2H`. Reminders
/// of former offsets are dropped. Errors: more than 10 offsets, two of the same length, or one that isn't a duration
/// of days, hours and minutes between 5 minutes and 30 days.
pub async fn set_reminder_offsets(
    url: &str,
    ca_file: Option<&str>,
    offsets: &[&str],
) -> Result<()> {
    let client = connect_as_owner(url, ca_file).await?;
    client
        .execute(
            "update settings set reminder_offsets = $1::text[]::interval[]",
            &[&offsets],
        )
        .await
        .with_context(|| {
            format!(
                "{offsets:?} are not at most 10 different durations of days, hours and minutes, each between PT5M and \
                 P30D, such as P2D and PT2H"
            )
        })?;
    Ok(())
}

async fn connect_as_owner(url: &str, ca_file: Option<&str>) -> Result<Client> {
    let client = connect(url, ca_file).await?;
    client.batch_execute("set role caretrail_owner").await?;
    Ok(client)
}

async fn connect(url: &str, ca_file: Option<&str>) -> Result<Client> {
    database::connect(url, ca_file)
        .await
        .context("no direct connection to the database")
}
