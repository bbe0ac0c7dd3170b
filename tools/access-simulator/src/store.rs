//! Writes what happens into PostgreSQL as the owner, and lets the rules review it.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures_util::{SinkExt as _, pin_mut};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::acts::{Act, Row, Slice, VISIT, What};
use crate::clinic::{Clinic, Person};
use crate::clock::{DAY, Millis, timestamp};

/// Triggers would write relations and events of today. So they are off, and the rows have what the triggers would write.
/// The one that watches short care stays on, because it is a rule.
const PREPARE: &str = "
    set timezone = 'UTC';
    set session_replication_role = replica;
    alter table care_relations enable always trigger watch_short_care";

const PARTITIONS: &str = "
    do $$
    declare
      first date;
      its_name text;
    begin
      for first in
        select generate_series(date_trunc('month', timestamp 'FIRST'), now(), interval '1 month')::date
      loop
        its_name := to_char(first, '\"audit_logs_\"YYYY_MM');
        if to_regclass(its_name) is null then
          call add_partition('audit_logs', its_name, first, (first + interval '1 month')::date);
        end if;
      end loop;
      -- Nothing is written into later months. Without their partitions each plan is made faster.
      for its_name in
        select inhrelid::regclass::text from pg_inherits
        where inhparent = 'audit_logs'::regclass and inhrelid::regclass::text > to_char(now(), '\"audit_logs_\"YYYY_MM')
      loop
        execute format('drop table %I', its_name);
      end loop;
    end
    $$";

const STAGES: &str = "
    create temporary table stage_row (
      id uuid, at timestamptz, user_id uuid, actor_role text, relation actor_relation, action audit_action,
      resource audit_resource, resource_id uuid, patient_id uuid, patient_ids uuid[], outcome audit_outcome,
      application text, details jsonb
    );
    create temporary table stage_care (like care_relations);
    create temporary table stage_status (id uuid, status appointment_status);
    create temporary table stage_end (member_id uuid, patient_id uuid, source uuid, at timestamptz);
    create temporary table stage_closed (id uuid)";

/// Each row is alone in its chain. The rules don't read hashes.
const APPEND: &str = "
    insert into audit_logs (
      id, month, timestamp, user_id, actor_role, relation, purpose_of_use, action_type, resource_type, resource_id,
      patient_id, patient_ids, outcome, source_ip, application, request_id, details, chain_id, seq, prev_hash, row_hash,
      form, place, signature, xid
    )
    select id, date_trunc('month', at)::date, at, user_id, actor_role, relation, purpose_of(relation), action, resource,
      resource_id, patient_id, patient_ids, outcome, '192.0.2.1', application, id::text, details, id, 1,
      decode(repeat('00', 32), 'hex'), sha256(uuid_send(id)), 3, substring(sha256(uuid_send(id)) for 16),
      sha512(uuid_send(id)), pg_current_xact_id()
    from stage_row as r order by r.id";

const GIVE_CARE: &str = "
    insert into care_relations as c
    select distinct on (member_id, patient_id, basis, source) * from stage_care
    order by member_id, patient_id, basis, source, until desc
    on conflict (member_id, patient_id, basis, source) do update set
      until = greatest(c.until, excluded.until),
      since = case when c.until <= excluded.since then excluded.since else c.since end";

const CHANGE: &str = "
    update appointments a set status = s.status from stage_status s where a.id = s.id;
    update user_profiles u set status = 'SUSPENDED' from stage_closed s where u.id = s.id;
    update care_relations c set until = e.at, counted_from = null from stage_end e
    where (c.member_id, c.patient_id, c.source) = (e.member_id, e.patient_id, e.source) and c.until > e.at";

/// Sets the actor of the transaction as `begin_job` does.
const BEGIN: &str = "
    begin;
    select set_actor('REQUEST', null, null, 'SYSTEM', null, null, null, null, null, r.permissions)
    from role_reach r where r.role = 'SYSTEM'";

const REVIEW: &str = "select rows, accesses from review_access($1)";

/// The rows of one transaction, as `review-access` has them.
const BATCH: i32 = 500;

const EXPLAIN: &str = "
    select a.id = any ($3), explain_access(
        a.user_id, a.patient_id, a.timestamp, a.relation, a.action_type, a.resource_type,
        make_interval(days => s.days_to_explain)
      )::text, count(*)
    from audit_logs a cross join settings s
    where a.id >= $1 and a.id <= $2 and a.month between $4::text::date and $5::text::date
      and a.user_id is not null and a.patient_id is not null and a.outcome = 'SUCCESS'
    group by 1, 2";

/// Alerts of a day are resolved at its end, so each belongs to one day.
const TAKE_ALERTS: &str = "
    with taken as (
      update alerts set status = 'RESOLVED', disposition = 'FALSE_ALARM', reason = 'Simulated', resolved_at = now()
      where status <> 'RESOLVED'
      returning id, rule, evidence, first_at
    )
    select rule, evidence from taken order by first_at, rule, evidence[1]";

/// A database with the clinic.
pub struct Store {
    client: Client,
}

/// How many rows were reviewed, and what became of them.
#[derive(Clone, Copy, Default)]
pub struct Reviewed {
    pub rows: i64,
    pub accesses: i64,
}

/// How many accesses have an explanation, or none.
pub struct Explained {
    pub is_labelled: bool,
    pub explanation: Option<String>,
    pub accesses: i64,
}

/// An alert of a day.
pub struct Raised {
    pub rule: String,
    pub evidence: Vec<Uuid>,
}

impl Store {
    pub async fn open(url: &str) -> Result<Self> {
        let client = database::connect(url, None).await?;
        client.batch_execute(PREPARE).await?;
        client.batch_execute(STAGES).await?;
        Ok(Self { client })
    }

    /// Makes the partitions of the simulated months, and writes staff, patients and what happened before.
    pub async fn fill(&self, clinic: &Clinic, past: &Slice, first_day: i64) -> Result<()> {
        let partitions = PARTITIONS.replace("FIRST", &timestamp(first_day * DAY)[..10]);
        self.client.batch_execute(&partitions).await?;
        let (mut users, mut providers) = (String::new(), String::new());
        for staff in &clinic.staff {
            user(
                &mut users,
                &staff.person,
                staff.work.role(),
                first_day * DAY - 900 * DAY,
            )?;
            if !staff.provider.is_nil() {
                let Person { user, .. } = staff.person;
                let provider = staff.provider;
                writeln!(
                    providers,
                    "{provider}\t{user}\tL-{provider}\tt\t2020-01-01T00:00:00Z"
                )?;
            }
        }
        self.copy(USERS, users).await?;
        self.copy(
            "copy providers (id, user_id, license_number, is_verified, verified_at) from stdin",
            providers,
        )
        .await?;
        self.write(clinic, past).await?;
        Ok(self.client.batch_execute("vacuum analyze").await?)
    }

    /// Sets the same place of its values for each rule.
    pub async fn set_threshold(&self, rule: &str, threshold: i32) -> Result<()> {
        let set = "update alert_rules set threshold = $2 where name = $1";
        self.client.execute(set, &[&rule, &threshold]).await?;
        Ok(())
    }

    /// Threshold and weight of each rule, as the migration has them.
    pub async fn rules(&self) -> Result<Vec<(String, i32, i32)>> {
        let rules = "select name, threshold, weight from alert_rules order by name";
        let rows = self.client.query(rules, &[]).await?;
        Ok(rows
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect())
    }

    /// Lets no access have an explanation from now on.
    pub async fn explain_nothing(&self) -> Result<()> {
        let replace = "
            create or replace function explain_access(
              p_user uuid, p_patient uuid, p_at timestamptz, p_relation actor_relation, p_action audit_action,
              p_resource audit_resource, window_length interval
            ) returns access_explanation language sql stable return null::access_explanation";
        Ok(self.client.batch_execute(replace).await?)
    }

    /// Writes a slice: at first what is new, then the audit rows, and then what changes.
    pub async fn write(&self, clinic: &Clinic, slice: &Slice) -> Result<()> {
        let [
            mut users,
            mut patients,
            mut parents,
            mut visits,
            mut changes,
            mut care,
        ] = [const { String::new() }; 6];
        let [mut records, mut rows, mut statuses, mut ends, mut closed] =
            [const { String::new() }; 5];
        for Act { at, what } in &slice.acts {
            match what {
                What::Register(number) => {
                    let patient = &clinic.patients[*number];
                    let (id, born, time) = (patient.id, &patient.born, timestamp(*at));
                    let Person { user: account, .. } = patient.person;
                    user(&mut users, &patient.person, "PATIENT", *at)?;
                    let assigned = patient.provider.map(|staff| clinic.staff[staff].provider);
                    let assigned = assigned.map_or_else(String::new, |id| id.to_string());
                    writeln!(
                        patients,
                        "{id}\t{account}\tP-{number}\t{born}\tunknown\t{{{assigned}}}\t{time}\t{time}"
                    )?;
                    if let Some(parent) = patient.parent {
                        writeln!(
                            parents,
                            "{parent}\t{id}\tHEALTH_CARE_PROXY\t{time}\t{time}\t{time}\tA power of attorney was seen"
                        )?;
                    }
                }
                What::Visit(visit) => {
                    let (id, status, time) = (visit.id, visit.status, timestamp(visit.booked_at));
                    let (begins, ends) = (
                        timestamp(visit.scheduled_at),
                        timestamp(visit.scheduled_at + VISIT),
                    );
                    writeln!(
                        visits,
                        "{id}\t{}\t{}\t{begins}\t30\t[{begins},{ends})\t{status}\t{time}\t{time}",
                        visit.patient, visit.provider
                    )?;
                    let by = null(visit.booked_by);
                    writeln!(changes, "{id}\t{time}\t{by}\t{begins}\t30\tSCHEDULED\tf")?;
                }
                What::Care(given) => {
                    let until = given.until.map_or_else(|| "infinity".to_owned(), timestamp);
                    writeln!(
                        care,
                        "{}\t{}\t{}\t{}\t{}\t{}\t{until}\t{}\tf",
                        given.member,
                        given.patient,
                        given.account,
                        given.basis,
                        given.source,
                        timestamp(given.since),
                        null(given.counted_from.map(timestamp))
                    )?;
                }
                What::Record(record) => {
                    let time = timestamp(record.at);
                    writeln!(
                        records,
                        "{}\t{}\t{}\t{}\t{{}}\t{}\t{time}\t{time}\t{time}",
                        record.id,
                        record.patient,
                        null(record.provider),
                        record.kind,
                        record.author
                    )?;
                }
                What::Row(row) => audit_row(&mut rows, *at, row)?,
                What::Status(id, status) => writeln!(statuses, "{id}\t{status}")?,
                What::EndCare {
                    member,
                    patient,
                    source,
                } => writeln!(ends, "{member}\t{patient}\t{source}\t{}", timestamp(*at))?,
                What::Suspend(id) => writeln!(closed, "{id}")?,
            }
        }
        self.client
            .batch_execute(
                "begin; truncate stage_row, stage_care, stage_status, stage_end, stage_closed",
            )
            .await?;
        for (copy, text) in [
            (USERS, users),
            (PATIENTS, patients),
            (PARENTS, parents),
            (VISITS, visits),
            (CHANGES, changes),
            (RECORDS, records),
            (CARE, care),
            ("copy stage_row from stdin", rows),
            ("copy stage_status from stdin", statuses),
            ("copy stage_end from stdin", ends),
            ("copy stage_closed from stdin", closed),
        ] {
            self.copy(copy, text).await?;
        }
        self.client
            .batch_execute(&format!("{GIVE_CARE}; {APPEND}; {CHANGE}; commit"))
            .await
            .context("a slice was not written")
    }

    /// Lets the rules review all rows that there are.
    pub async fn review(&self) -> Result<Reviewed> {
        let mut all = Reviewed::default();
        loop {
            self.client.batch_execute(BEGIN).await?;
            let row = self.client.query_one(REVIEW, &[&BATCH]).await?;
            self.client.batch_execute("commit").await?;
            let rows: i64 = row.get(0);
            all.rows += rows;
            all.accesses += row.get::<_, i64>(1);
            if rows < i64::from(BATCH) {
                return Ok(all);
            }
        }
    }

    /// What explains the accesses of a slice, those of cases apart.
    pub async fn explain(&self, slice: &Slice) -> Result<Vec<Explained>> {
        let rows = slice.acts.iter().filter_map(|act| match &act.what {
            What::Row(row) => Some((act.at, row)),
            _ => None,
        });
        let (Some(least), Some(most)) = (
            rows.clone().map(|(_, row)| row.id).min(),
            rows.clone().map(|(_, row)| row.id).max(),
        ) else {
            return Ok(Vec::new());
        };
        let labelled = rows.filter(|(_, row)| row.case.is_some());
        let labelled: Vec<Uuid> = labelled.map(|(_, row)| row.id).collect();
        // A slice is within an hour, so within a month.
        let month = format!("{}-01", &timestamp(slice.ends - 1)[..7]);
        let found = self
            .client
            .query(EXPLAIN, &[&least, &most, &labelled, &month, &month])
            .await?;
        let found = found.iter().map(|row| Explained {
            is_labelled: row.get(0),
            explanation: row.get(1),
            accesses: row.get(2),
        });
        Ok(found.collect())
    }

    /// The alerts since the last time, in the order in which they were raised.
    pub async fn take_alerts(&self) -> Result<Vec<Raised>> {
        let rows = self.client.query(TAKE_ALERTS, &[]).await?;
        let raised = rows.iter().map(|row| Raised {
            rule: row.get(0),
            evidence: row.get(1),
        });
        Ok(raised.collect())
    }

    pub async fn analyze(&self) -> Result<()> {
        let analyze = "vacuum analyze audit_logs, chart_accesses, appointments, care_relations";
        Ok(self.client.batch_execute(analyze).await?)
    }

    async fn copy(&self, statement: &str, text: String) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let copy = self.client.copy_in(statement).await?;
        pin_mut!(copy);
        copy.send(Bytes::from(text)).await?;
        copy.finish().await.with_context(|| statement.to_owned())?;
        Ok(())
    }
}

const USERS: &str = "
    copy user_profiles (id, subject, first_name, last_name, role, address, created_at, updated_at) from stdin";
const PATIENTS: &str = "
    copy patients (id, user_id, patient_number, date_of_birth, gender, assigned_providers, created_at, updated_at)
    from stdin";
const PARENTS: &str = "copy representatives (user_id, patient_id, basis, since, created_at, confirmed_at, evidence) from stdin";
const VISITS: &str = "
    copy appointments (id, patient_id, provider_id, scheduled_at, duration_minutes, slot, status, created_at, updated_at)
    from stdin";
const CHANGES: &str = "
    copy appointment_changes (
      appointment_id, changed_at, changed_by, new_scheduled_at, new_duration_minutes, new_status, is_archived
    ) from stdin";
const RECORDS: &str = "
    copy medical_records (
      id, patient_id, provider_id, record_type, content, changed_by, created_at, updated_at, release_date
    ) from stdin";
const CARE: &str = "
    copy stage_care (
      member_id, patient_id, account_id, basis, source, since, until, counted_from, is_suspended
    ) from stdin";

fn user(text: &mut String, person: &Person, role: &str, at: Millis) -> Result<()> {
    let Person {
        user,
        first,
        last,
        street,
        house,
    } = person;
    let time = timestamp(at);
    writeln!(
        text,
        "{user}\t{user}\t{first}\t{last}\t{role}\t{{\"line\": [\"{house} Sample Street {street}\"]}}\t{time}\t{time}"
    )?;
    Ok(())
}

fn audit_row(text: &mut String, at: Millis, row: &Row) -> Result<()> {
    let patients: Vec<String> = row.patients.iter().map(Uuid::to_string).collect();
    let patients = (!patients.is_empty()).then(|| format!("{{{}}}", patients.join(",")));
    let details = row
        .reason
        .map(|reason| format!("{{\"reason\": \"{reason}\"}}"));
    writeln!(
        text,
        "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
        row.id,
        timestamp(at),
        row.user,
        row.role,
        null(row.relation),
        row.action,
        row.resource,
        null(row.resource_id),
        null(row.patient),
        null(patients),
        row.outcome,
        row.application,
        null(details)
    )?;
    Ok(())
}

/// A value of a COPY.
fn null(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "\\N".to_owned(), |value| value.to_string())
}
