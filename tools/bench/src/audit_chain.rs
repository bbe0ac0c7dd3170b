//! Measures the cost of the audit chain. It sends the two flushes of an audited read directly to
//! PostgreSQL, alternately with the chain (hash, signature, columns, keys, checks, offer and landed lines) and without
//! it. Gateway and function are left out, because they cost the same in both cases. The measured
//! share of the chain is therefore larger than in a whole request.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use audit::{Action, ChainHead, Entry, Outcome, Relation, ResourceType};
use domain::ids::{AuditLogId, PatientId, UserId};
use domain::time::Timestamp;
use futures_util::future::{join, join3};
use sql::{Connection, Naming};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::figures::Ratio;
use crate::site::{Clinic, Databases, Setup, Size, ticket};

/// A parameter and its type.
type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// A copy of `audit_logs` without the chain.
const UNCHAINED: &str = "
    create table audit_logs_unchained (like audit_logs including all) partition by range (month);
    alter table audit_logs_unchained
      drop column chain_id, drop column seq, drop column prev_hash, drop column row_hash, drop column form,
      drop column place, drop column signature, drop column xid,
      add foreign key (user_id) references user_profiles (id);
    -- It has the same partitions, because each statement locks all that its plan names.
    do $$
    declare
      part record;
    begin
      for part in
        select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bounds
        from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'audit_logs'::regclass
      loop
        execute format(
          'create table %I partition of audit_logs_unchained %s', 'unchained_' || part.name, part.bounds
        );
      end loop;
    end
    $$;
    insert into audit_logs_unchained
      select id, month, timestamp, user_id, actor_role, relation, purpose_of_use, action_type, resource_type,
        resource_id, patient_id, patient_ids, outcome, source_ip, user_agent, application, request_id, trace_id,
        details
      from audit_logs;
    call secure('audit_logs_unchained');
    -- It checks what append_audit checks, except the chain.
    do $$
    declare
      body text := pg_get_functiondef('append_audit(audit_logs)'::regprocedure);
    begin
      body := replace(body, 'append_audit(', 'append_unchained(');
      body := replace(body, 'entry audit_logs', 'entry audit_logs_unchained');
      body := replace(body, 'insert into audit_logs ', 'insert into audit_logs_unchained ');
      body := replace(body, 'entry.xid := pg_current_xact_id();', '');
      body := regexp_replace(body, 'if entry.seq < 1.*?end if;', '');
      body := regexp_replace(body, 'if entry.chain_id::text.*?end if;.*?end if;', '');
      execute body;
    end
    $$;
    alter function append_unchained(audit_logs_unchained) owner to caretrail_owner;
    revoke execute on function append_unchained(audit_logs_unchained) from public;
    alter table audit_logs_unchained owner to caretrail_owner;
    grant execute on function append_unchained(audit_logs_unchained) to caretrail_app";

const PLAIN: &str = "
    select append_unchained(row($1, $2, $3, $4, $5, 'CARE', 'TREAT', $6::text, $7::text, $8, $9, null, $10::text,
      $11::text::cidr, null, $12, $13, null, null)::audit_logs_unchained)";

const BEGIN: &str = "select role from begin_request($1, true, 'patients:read', $2, $3)";
const READ: &str =
    domain::select_patient!("where id = $1 and reaches('patients:read', id) and not is_archived");

pub async fn measure(clients: usize, rounds: usize) -> Result<()> {
    // The lines of the chain are written as functions write them.
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(File::options().write(true).open("/dev/null")?)
        .init();
    let databases = Databases::start(Setup::default()).await?;
    let clinic = Clinic::open(&databases, "bench", Size::SMALL).await?;
    clinic.client.batch_execute(UNCHAINED).await?;
    clinic.client.batch_execute("vacuum analyze").await?;

    // Each has a connection and a chain of its own, like an instance of a function.
    let mut instances = Vec::new();
    for _ in 0..clients {
        instances.push(Instance::new(&clinic).await?);
    }
    println!("| clients | without, ms | with, ms | ratio (ten blocks) |");
    println!("|---:|---:|---:|---:|");
    for clients in [1, clients] {
        let mut pairs = Vec::new();
        // The first tenth warms both up.
        for round in 0..rounds + rounds / 10 {
            let without = turn(&mut instances[..clients], false).await?;
            let with = turn(&mut instances[..clients], true).await?;
            if round >= rounds / 10 {
                pairs.push((without, with));
            }
        }
        println!("| {clients} | {} |", Ratio::of(&pairs));
    }
    Ok(())
}

/// Sends one request of each instance, all at the same time.
async fn turn(instances: &mut [Instance], chained: bool) -> Result<Duration> {
    let started = Instant::now();
    let requests = instances
        .iter_mut()
        .map(|instance| instance.request(chained));
    for request in futures_util::future::join_all(requests).await {
        request?;
    }
    Ok(started.elapsed())
}

struct Instance {
    client: Connection,
    user: Uuid,
    patient: Uuid,
    chain: ChainHead,
}

impl Instance {
    async fn new(clinic: &Clinic) -> Result<Self> {
        let client = database::connect(&clinic.app_url, None).await?;
        Ok(Self {
            client: Connection::new(Arc::new(client), Naming::new(true)),
            user: clinic.id("provider user 1").await?,
            patient: clinic.id("patient 1").await?,
            chain: ChainHead::new("get-patient")?,
        })
    }

    async fn request(&mut self, chained: bool) -> Result<()> {
        let (clock, signature) = ticket(self.user, "patients:read");
        let actor: [Value<'_>; 3] = [
            (&self.user, Type::UUID),
            (&clock, Type::INT8),
            (&signature, Type::BYTEA),
        ];
        let (begun, actor, read) = join3(
            self.client.batch_execute("begin"),
            self.client.query_typed(BEGIN, &actor),
            self.client
                .query_typed(READ, &[(&self.patient, Type::UUID)]),
        )
        .await;
        begun?;
        actor?;
        read?;
        let entry = self.entry();
        if chained {
            self.append(entry).await
        } else {
            self.write(&entry).await
        }
    }

    /// Does what the functions do: hash, signature and lines.
    async fn append(&self, entry: Entry) -> Result<()> {
        let mut place = self.chain.head().await;
        let link = place.send(entry, None)?;
        let (written, committed) = join(
            link.append(&self.client),
            self.client.batch_execute("commit"),
        )
        .await;
        written?;
        place.confirm();
        Ok(committed?)
    }

    /// Sends the second flush without the chain: the row and the COMMIT.
    async fn write(&self, entry: &Entry) -> Result<()> {
        let month = entry.timestamp.first_of_month();
        let (action, outcome) = (entry.action_type.label(), entry.outcome.label());
        let resource_type = entry.resource_type.label();
        let source_ip = entry.source_ip.map(|ip| ip.to_string());
        let row: [Value<'_>; 13] = [
            (&entry.id, Type::UUID),
            (&month, Type::DATE),
            (&entry.timestamp, Type::TIMESTAMPTZ),
            (&entry.user_id, Type::UUID),
            (&entry.actor_role, Type::TEXT),
            (&action, Type::TEXT),
            (&resource_type, Type::TEXT),
            (&entry.resource_id, Type::UUID),
            (&entry.resource_id, Type::UUID),
            (&outcome, Type::TEXT),
            (&source_ip, Type::TEXT),
            (&entry.application, Type::TEXT),
            (&entry.request_id, Type::TEXT),
        ];
        let (written, committed) = join(
            self.client.execute_typed(PLAIN, &row),
            self.client.batch_execute("commit"),
        )
        .await;
        written?;
        Ok(committed?)
    }

    fn entry(&self) -> Entry {
        let timestamp = Timestamp::now();
        Entry {
            id: AuditLogId::of_time(timestamp),
            timestamp,
            user_id: Some(UserId::from(self.user)),
            actor_role: Some("PROVIDER".to_owned()),
            relation: Some(Relation::Care),
            purpose_of_use: Some(Relation::Care.purpose()),
            action_type: Action::Read,
            resource_type: ResourceType::Patient,
            resource_id: Some(self.patient),
            patients: vec![PatientId::from(self.patient)],
            outcome: Outcome::Success,
            source_ip: Some([127, 0, 0, 1].into()),
            user_agent: None,
            application: "get-patient".to_owned(),
            request_id: Uuid::new_v4().to_string(),
            trace_id: None,
            details: serde_json::Map::new(),
        }
    }
}
