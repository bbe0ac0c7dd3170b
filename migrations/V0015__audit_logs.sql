-- The audit log (45 CFR 164.312(b)): append-only, in monthly partitions. The rows of one execution
-- environment and month form a hash chain. `month` is in the chain's key, because a unique key must hold
-- the partition's column. `place` is in it, because only the environment can tell the place of its next row: so
-- nobody else can take it.

create type audit_action as enum ('CREATE', 'READ', 'UPDATE', 'DELETE', 'SEARCH', 'DISCLOSE', 'PROCESS');
create type audit_resource as enum (
  'USER', 'ROLE', 'PATIENT', 'PROVIDER', 'APPOINTMENT', 'MEDICAL_RECORD', 'FILE', 'AUDIT_LOG',
  'CUSTOM_DATA_SCHEMA', 'IDEMPOTENCY_KEY', 'LEGAL_HOLD', 'RETENTION', 'EVENT', 'WEBHOOK', 'ALERT',
  'ALERT_RULE', 'EMERGENCY_ACCESS', 'INCIDENT', 'ACTIVITY_REVIEW', 'EXPORT', 'AMENDMENT',
  'REPRESENTATIVE', 'DISCLOSURE'
);
create type audit_outcome as enum ('SUCCESS', 'DENIED', 'FAILURE');
-- In which relation to the resource the actor acted.
create type actor_relation as enum ('SELF', 'CARE', 'REPRESENTATION', 'EMERGENCY', 'OFFICE');
-- Why: codes of HL7's PurposeOfUse.
create type purpose_of_use as enum (
  'TREAT', 'ETREAT', 'HPAYMT', 'HOPERAT', 'HSYSADMIN', 'HCOMPL', 'HRESCH', 'PATRQT', 'FAMRQT',
  'BTG'
);

-- The purpose that a relation implies. The function computes it for the hash of its row.
create function purpose_of(relation actor_relation) returns purpose_of_use
language sql immutable parallel safe
return case relation
  when 'SELF' then 'PATRQT'
  when 'CARE' then 'TREAT'
  when 'REPRESENTATION' then 'FAMRQT'
  when 'EMERGENCY' then 'BTG'
  when 'OFFICE' then 'HOPERAT'
end::purpose_of_use;

-- Domains and enums, because PostgreSQL prepares their checks once a session, and the CHECK of a table
-- anew in each statement.
create domain function_name as text constraint function_name_format check (value ~ '^[a-z][a-z-]{1,63}$');
create domain sha256_hash as bytea constraint sha256_hash_length check (octet_length(value) = 32);
create domain chain_place as bytea constraint chain_place_length check (octet_length(value) = 16);
create domain ed25519_signature as bytea constraint ed25519_signature_length check (octet_length(value) = 64);

-- `append_audit` is the only way in, and checks what these types don't say. An id is a UUIDv7 of the row's
-- own timestamp, so the order by id is the order by time.
create table audit_logs (
  id uuid not null,
  month date not null,
  timestamp timestamptz not null,
  -- Null for SYSTEM, and for a token subject without a profile.
  user_id uuid references user_profiles (id),
  actor_role text,
  -- Null for SYSTEM, if the actor was refused, and if a list was filtered in vain: see `relation_to`.
  relation actor_relation,
  purpose_of_use purpose_of_use,
  action_type audit_action not null,
  resource_type audit_resource not null,
  resource_id uuid,
  -- The patient concerned. A search that answers several patients names them in `patient_ids` instead.
  patient_id uuid,
  patient_ids uuid[],
  outcome audit_outcome not null,
  source_ip cidr,
  user_agent text,
  application function_name not null,
  -- The request's id, or for a step of a job `invocation/step`. Collation "C" makes the steps of an invocation a
  -- range of the index.
  request_id text collate "C" not null,
  -- The trace that the request belongs to (AWS X-Ray).
  trace_id text,
  -- Ids, counts and field names, never patient data.
  details jsonb,
  chain_id uuid not null,
  seq bigint not null,
  prev_hash sha256_hash not null,
  row_hash sha256_hash not null,
  -- The version of the canonical form that the hash covers.
  form smallint not null,
  place chain_place not null,
  -- The signature of `row_hash` with a key that only the execution environment has.
  signature ed25519_signature not null,
  -- The transaction that appended the row. Rows are sealed once no transaction before theirs is open.
  xid xid8 not null,
  primary key (id, month),
  constraint audit_logs_chain_key unique (month, chain_id, seq, place)
) partition by range (month);

create index audit_logs_user_idx on audit_logs (user_id, id desc);
create index audit_logs_patient_idx on audit_logs (patient_id, id desc) where patient_id is not null;
create index audit_logs_patients_idx on audit_logs using gin (patient_ids) where patient_ids is not null;
create index audit_logs_request_idx on audit_logs (request_id);
create index audit_logs_xid_idx on audit_logs (xid);
-- The rows about a patient as the resource are in audit_logs_patient_idx, so this index leaves them out.
create index audit_logs_resource_idx on audit_logs (resource_id, id desc)
  where resource_id is distinct from patient_id;
-- Partial, because the comparison of enums is not leakproof: see appointments_to_come_idx.
create index audit_logs_denied_idx on audit_logs (id desc) where outcome = 'DENIED';
create index audit_logs_failed_idx on audit_logs (id desc) where outcome = 'FAILURE';
create index audit_logs_emergency_idx on audit_logs (id desc) where purpose_of_use = 'ETREAT';

call secure('audit_logs');
create policy audit_logs_read on audit_logs for select to caretrail_app
  using ((select reach('audit:read')) = 'ALL');
create policy audit_logs_seal on audit_logs for select to caretrail_sealer, caretrail_auditor using (true);
grant select on audit_logs to caretrail_app, caretrail_sealer, caretrail_auditor;

-- These triggers prevent mistakes. They are no evidence: the owner can drop them, and only the hash
-- chain shows a change.
create function refuse_audit_change() returns trigger
language plpgsql as $$
begin
  raise exception 'the audit log is append-only' using errcode = 'restrict_violation';
end
$$;

create trigger refuse_audit_change before update or delete on audit_logs
for each row execute function refuse_audit_change();
create trigger refuse_audit_truncate before truncate on audit_logs
for each statement execute function refuse_audit_change();

-- Makes the missing partitions of this month and the next `ahead` months. Returns how many it made. There is no default
-- partition: it would make each new partition scan it, and prevent that one is detached while requests go on.
create function ensure_audit_partitions(ahead integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  first date;
  name text;
  made integer := 0;
begin
  if not by_migration() then
    perform require_actor();
    if reach('audit:maintain') is distinct from 'ALL' or ahead > 36 then
      raise exception 'the caller may not make partitions' using errcode = 'insufficient_privilege';
    end if;
  end if;
  -- Two callers at once take turns.
  perform pg_advisory_xact_lock(hashtext('ensure_audit_partitions'));
  for first in
    select generate_series(
      date_trunc('month', now() at time zone 'UTC'),
      date_trunc('month', now() at time zone 'UTC') + make_interval(months => ahead),
      interval '1 month'
    )::date
  loop
    name := to_char(first, '"audit_logs_"YYYY_MM');
    if to_regclass(format('public.%I', name)) is null then
      call add_partition('audit_logs', name, first, (first + interval '1 month')::date);
      execute format(
        'create trigger refuse_audit_truncate before truncate on public.%I '
        'for each statement execute function public.refuse_audit_change()', name
      );
      made := made + 1;
    end if;
  end loop;
  return made;
end
$$;

-- How many months after this one have a partition, without a gap.
create function audit_months_ahead() returns integer
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  ahead integer := 0;
begin
  perform require_actor();
  while to_regclass(format(
    'public.%I',
    to_char(date_trunc('month', now() at time zone 'UTC') + make_interval(months => ahead + 1), '"audit_logs_"YYYY_MM')
  )) is not null loop
    ahead := ahead + 1;
  end loop;
  return ahead;
end
$$;

grant execute on function ensure_audit_partitions(integer), audit_months_ahead() to caretrail_jobs;

-- Appends a row: the only way into the log. It checks facts and not the hash, which the function computes:
--
-- * The actor, the role and the relation to the patients named are those of this transaction, and the purpose is
--   that of the relation. A success needs an actor that `begin_request` or `begin_job` proved; a refusal or a
--   failure one that `begin_attempt` proved.
-- * The time is within ten minutes of this database's clock, and the id is made of it.
-- * The place follows the row before it in its chain. This is looked up for the first row of a chain in a session, because
--   the lookup locks each partition. So an environment whose last row is gone since the database was restored must begin
--   another chain. The sealer checks each row.
--
-- The row of an importer's success names their source system.
--
-- If the row says that it counts refusals of the actor without a row, no other row counts them: see
-- `report_left_out` in V0017__requests.sql.
--
-- Errors: CT007 the actor is not proven, CT008 a fact is wrong, 23505 the place is taken, 40001 another row has
-- counted the refusals.
create function append_audit(entry audit_logs) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor(case entry.outcome when 'SUCCESS' then 'REQUEST' else 'ATTEMPT' end);
  entry.xid := pg_current_xact_id();
  if entry.user_id is distinct from actor_user()
    or entry.actor_role is distinct from nullif(current_setting('caretrail.role', true), '')
    or entry.relation::text is distinct from relation_to(coalesce(entry.patient_ids, array[entry.patient_id]))
    or entry.purpose_of_use is distinct from purpose_of(entry.relation)
    or (entry.actor_role is null and entry.details ->> 'subject' is distinct from current_setting('caretrail.subject', true))
  then
    raise exception 'the audit row names another actor' using errcode = 'CT008';
  end if;
  -- The first 48 bits of a UUIDv7 are the milliseconds since 1970, and the next 4 its version.
  if entry.timestamp not between clock_timestamp() - interval '10 minutes' and clock_timestamp() + interval '10 minutes'
    or entry.month <> date_trunc('month', entry.timestamp at time zone 'UTC')::date
    or overlay(left(entry.id::text, 15) placing '' from 9 for 1)
      <> lpad(to_hex(floor(extract(epoch from entry.timestamp) * 1000)::bigint), 12, '0') || '-7'
  then
    raise exception 'the audit row has another time' using errcode = 'CT008';
  end if;
  if entry.seq < 1 or (entry.seq = 1) <> (entry.prev_hash = decode(repeat('00', 32), 'hex')) then
    raise exception 'the audit row has no place in its chain' using errcode = 'CT008';
  end if;
  -- The lookup is a statement of its own, because a statement locks the partitions of a condition that it does not reach, too.
  if entry.chain_id::text is distinct from current_setting('caretrail.chain', true) then
    if entry.seq > 1 and not exists (
      select from audit_logs a
      where a.month = entry.month and a.chain_id = entry.chain_id and a.seq = entry.seq - 1
        and a.row_hash = entry.prev_hash
    ) then
      raise exception 'the audit row has no place in its chain' using errcode = 'CT008';
    end if;
    perform set_config('caretrail.chain', entry.chain_id::text, false);
  end if;
  -- See V0019__account_keepers.sql.
  if entry.outcome = 'SUCCESS' and current_setting('caretrail.alone', true) = 'true'
    and entry.details -> 'alone' is distinct from 'true'
  then
    raise exception 'the audit row hides that one person acted alone' using errcode = 'CT008';
  end if;
  if entry.outcome = 'SUCCESS' and actor_source() is not null
    and entry.details ->> 'source_system' is distinct from actor_source()
  then
    raise exception 'the audit row hides the source system' using errcode = 'CT008';
  end if;
  if jsonb_typeof(entry.details) <> 'object' or (entry.patient_id is not null and entry.patient_ids is not null) then
    raise exception 'the audit row is malformed' using errcode = 'CT008';
  end if;
  if entry.details ? 'refusals_left_out' then
    perform report_left_out((entry.details ->> 'refusals_left_out')::bigint);
  end if;
  insert into audit_logs select entry.*;
end
$$;

-- Appends a fence: a row that takes the place of a row whose COMMIT was not confirmed, unless that row
-- stands there. Returns the hash of the row that stands there now. Errors: as for `append_audit`.
create function append_fence(entry audit_logs) returns bytea
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its_hash bytea;
begin
  perform require_actor('ATTEMPT');
  -- The second time, the row may be there that another transaction was about to write.
  for i in 1..2 loop
    select row_hash into its_hash from audit_logs
    where month = entry.month and chain_id = entry.chain_id and seq = entry.seq and place = entry.place;
    if found then
      return its_hash;
    end if;
    begin
      perform append_audit(entry);
      return entry.row_hash;
    exception when unique_violation then
    end;
  end loop;
  return null;
end
$$;

grant execute on function append_audit(audit_logs), append_fence(audit_logs) to caretrail_app;

-- The keys of searches that answered this patient among others, also of archived months. The caller's policies still
-- filter the rows. SECURITY DEFINER, because under row-level security an index does not serve `@>`. The low row
-- estimate makes the planner look each row up.
create function searches_naming(patient uuid) returns table (month date, id uuid)
language plpgsql stable security definer parallel restricted rows 10 set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return query select a.month, a.id from audit_logs a
    where reach('audit:read') = 'ALL' and a.patient_ids @> array[patient]
    union all
    select a.month, a.id from audit_archive_rows a
    where reach('audit:read') = 'ALL' and a.patient_ids @> array[patient];
end
$$;

grant execute on function searches_naming(uuid) to caretrail_app;
