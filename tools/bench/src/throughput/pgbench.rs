//! The references, which pgbench runs.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::NamedTempFile;
use tokio::process::Command;

use super::Work;
use crate::site::{Site, TICKET_KEY};

/// Whether PostgreSQL keeps the statements under names.
#[derive(Clone, Copy)]
pub enum Mode {
    Unnamed,
    Named,
}

/// A transaction for pgbench.
pub struct Script {
    file: NamedTempFile,
    url: String,
}

/// Tables for the bare limit: one for reading, with the columns of a patient, and one for writing, with the
/// columns that an audit row has without the chain. They have a key, and no policy, check, trigger,
/// reference, partition or further index.
const BARE_TABLES: &str = "
    create table bare_patients (like patient_profiles);
    alter table bare_patients add primary key (id);
    insert into bare_patients select * from patient_profiles;
    update bare_patients set allergies = patients.allergies from patients where patients.id = bare_patients.id;
    create table bare_audit_logs (
      id uuid primary key, timestamp timestamptz, user_id uuid, actor_role text, relation text,
      purpose_of_use text, action_type text, resource_type text, resource_id uuid, patient_id uuid,
      patient_ids uuid[], outcome text, source_ip inet, user_agent text, application text, request_id text,
      trace_id text, details jsonb
    );
    grant select on bare_patients to caretrail_app;
    grant insert on bare_audit_logs to caretrail_app";

impl Script {
    /// The same statement as the function sends for a caller whom it knows.
    pub async fn audited_read(site: &Site) -> Result<Self> {
        let (user, patient) = (
            site.clinic.id("provider user 1").await?,
            site.clinic.id("patient 1").await?,
        );
        let select = domain::select_patient!("where id = ").to_owned();
        let key = hex::encode(TICKET_KEY);
        let script = format!(
            "select read.*, append_audit(row((overlay(lpad(to_hex(floor(extract(epoch from now()) * 1000)::bigint), 12, '0') || '-7' placing '-' from 9 for 0) || right(gen_random_uuid()::text, 21))::uuid, date_trunc('month', now() at time zone 'UTC')::date, now(), '{user}', 'PROVIDER', 'CARE', 'TREAT', 'READ', 'PATIENT', '{patient}', '{patient}', null, 'SUCCESS', '127.0.0.1', 'bench', 'get-patient', gen_random_uuid()::text, null, null, gen_random_uuid(), 1, decode(repeat('00', 32), 'hex'), sha256(now()::text::bytea))::audit_logs) from (select floor(extract(epoch from clock_timestamp()))::bigint as clock) as now cross join lateral begin_request('{user}', true, 'patients:read', clock, hmac(convert_to('caretrail-ticket-v1|{user}|t|patients:read|' || clock, 'UTF8'), '\\x{key}', 'sha256')) as actor cross join lateral (select found.* from ({select} '{patient}' and reaches('patients:read', id) and not is_archived) as found where actor.user_id = '{user}' and actor.role = 'PROVIDER' and actor.relation = 'CARE' and actor.patient_id is null offset 0) as read;
"
        );
        // pgbench replaces a colon and a name by a variable, even within quotes.
        Self::new(
            site,
            &script.replace("patients:read", "patients' || chr(58) || 'read"),
        )
    }

    /// The least that any audited read must do: select a row by its key and insert an audit row, in one
    /// transaction and one flush.
    pub async fn bare_limit(site: &Site) -> Result<Self> {
        site.clinic.client.batch_execute(BARE_TABLES).await?;
        // It is sent alone, because it can't run in a transaction.
        let vacuum = "vacuum analyze bare_patients";
        site.clinic.client.batch_execute(vacuum).await?;
        let (user, patient) = (
            site.clinic.id("provider user 1").await?,
            site.clinic.id("patient 1").await?,
        );
        let select = domain::select_patient!("where id = ");
        let select = select.replace("patient_profiles", "bare_patients");
        Self::new(
            site,
            &format!(
                "\\startpipeline
begin;
{select} '{patient}';
\\endpipeline
\\startpipeline
insert into bare_audit_logs values (gen_random_uuid(), now(), '{user}', 'PROVIDER', 'CARE', 'TREAT', 'READ', 'PATIENT', '{patient}', '{patient}', null, 'SUCCESS', '127.0.0.1', 'bench', 'get-patient', gen_random_uuid(), null, null);
commit;
\\endpipeline
"
            ),
        )
    }

    fn new(site: &Site, script: &str) -> Result<Self> {
        let mut file = NamedTempFile::new()?;
        file.write_all(script.as_bytes())?;
        let url = site.clinic.app_url.clone();
        Ok(Self { file, url })
    }

    /// Runs the transaction again and again for this time.
    pub async fn run(&self, mode: Mode, clients: usize, time: Duration) -> Result<Work> {
        let protocol = match mode {
            Mode::Unnamed => "extended",
            Mode::Named => "prepared",
        };
        let output = Command::new(program())
            .args(["-n", "-M", protocol, "-j", "2"])
            .arg("-c")
            .arg(clients.to_string())
            .arg("-T")
            .arg(time.as_secs().to_string())
            .arg("-f")
            .arg(self.file.path())
            .arg(&self.url)
            .output()
            .await
            .context("pgbench is missing")?;
        ensure!(
            output.status.success(),
            "pgbench failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8_lossy(&output.stdout);
        let figure = |name: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(name));
            rest.and_then(|rest| rest.split_whitespace().next())
                .with_context(|| format!("pgbench printed no `{name}`"))
        };
        Ok(Work {
            transactions: figure("number of transactions actually processed: ")?.parse()?,
            rate: figure("tps = ")?.parse()?,
        })
    }
}

/// Returns the path of pgbench, beside the server's own binaries, whose folder pg_config names.
fn program() -> PathBuf {
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin/pgbench"))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| "pgbench".into())
}
