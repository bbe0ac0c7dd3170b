-- The audit log (45 CFR 164.312(b)): append-only, in monthly partitions. The rows of one execution
-- environment and month form a hash chain. `month` is in the chain's key, because a unique key must hold
-- the partition's column.

create type audit_action as enum ('CREATE', 'READ', 'UPDATE', 'DELETE', 'SEARCH', 'DISCLOSE', 'PROCESS');
create type audit_outcome as enum ('SUCCESS', 'DENIED', 'FAILURE');

create table audit_logs (
  id uuid not null,
  month date not null,
  timestamp timestamptz not null,
  -- Null for SYSTEM, and for a token subject without a profile.
  user_id uuid references user_profiles (id),
  actor_role text,
  action_type audit_action not null,
  resource_type text not null constraint audit_logs_resource_type_format check (resource_type ~ '^[A-Z_]{2,50}$'),
  resource_id uuid,
  -- The patient concerned. A search that answers several patients names them in `patient_ids` instead.
  patient_id uuid,
  patient_ids uuid[],
  outcome audit_outcome not null,
  source_ip cidr,
  user_agent text,
  application text not null constraint audit_logs_application_format check (application ~ '^[a-z][a-z-]{1,63}$'),
  request_id text not null,
  -- Ids, counts and field names, never patient data.
  details jsonb constraint audit_logs_details_object check (jsonb_typeof(details) = 'object'),
  chain_id uuid not null,
  seq bigint not null,
  prev_hash bytea not null,
  row_hash bytea not null,
  primary key (month, id),
  constraint audit_logs_chain_key unique (month, chain_id, seq),
  constraint audit_logs_month check (month = date_trunc('month', timestamp at time zone 'UTC')::date),
  constraint audit_logs_actor check (
    user_id is not null or actor_role is not distinct from 'SYSTEM' or (actor_role is null and outcome <> 'SUCCESS')
  ),
  constraint audit_logs_patients check (patient_id is null or patient_ids is null),
  constraint audit_logs_hashes check (octet_length(prev_hash) = 32 and octet_length(row_hash) = 32),
  constraint audit_logs_genesis check (
    seq >= 1 and (seq = 1) = (prev_hash = decode(repeat('00', 32), 'hex'))
  )
) partition by range (month);

create index audit_logs_timestamp_idx on audit_logs (timestamp desc, id desc);
create index audit_logs_user_idx on audit_logs (user_id, timestamp desc, id desc);
create index audit_logs_patient_idx on audit_logs (patient_id, timestamp desc, id desc) where patient_id is not null;
create index audit_logs_patients_idx on audit_logs using gin (patient_ids) where patient_ids is not null;
create index audit_logs_request_idx on audit_logs (request_id);
create index audit_logs_resource_idx on audit_logs (resource_id, timestamp desc, id desc) where resource_id is not null;
-- Partial, because the comparison of enums is not leakproof: see appointments_to_come_idx.
create index audit_logs_denied_idx on audit_logs (timestamp desc, id desc) where outcome = 'DENIED';
create index audit_logs_failed_idx on audit_logs (timestamp desc, id desc) where outcome = 'FAILURE';

call secure('audit_logs');
-- A success must name the actor of its transaction. A refusal has no such transaction.
create policy audit_logs_append on audit_logs for insert to caretrail_app
  with check (outcome <> 'SUCCESS' or user_id is not distinct from (select actor_user()));
create policy audit_logs_read on audit_logs for select to caretrail_app
  using ((select reach('audit:read')) = 'ALL');
create policy audit_logs_seal on audit_logs for select to caretrail_sealer, caretrail_auditor using (true);
grant select, insert on audit_logs to caretrail_app;
grant select on audit_logs to caretrail_sealer, caretrail_auditor;

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

-- A row must not fail because its partition is missing. It goes to the default partition instead.
create table audit_logs_default partition of audit_logs default;
call secure('audit_logs_default');

-- Makes the missing partitions of this month and the next `ahead` months. Returns how many it made.
create function ensure_audit_partitions(ahead integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  first date;
  name text;
  made integer := 0;
begin
  for first in
    select generate_series(
      date_trunc('month', now() at time zone 'UTC'),
      date_trunc('month', now() at time zone 'UTC') + make_interval(months => ahead),
      interval '1 month'
    )::date
  loop
    name := to_char(first, '"audit_logs_"YYYY_MM');
    if to_regclass(format('public.%I', name)) is null then
      execute format(
        'create table public.%I partition of public.audit_logs for values from (%L) to (%L)',
        name, first, (first + interval '1 month')::date
      );
      execute format('call public.secure(%L)', 'public.' || name);
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

grant execute on function ensure_audit_partitions(integer) to caretrail_sealer;

-- The hash at one place of a chain, or null. A writer whose COMMIT was not confirmed learns from it
-- whether its row was stored.
create function audit_link(p_month date, p_chain uuid, p_seq bigint) returns bytea
language sql stable security definer set search_path = pg_catalog, public as $$
  select row_hash from audit_logs where month = p_month and chain_id = p_chain and seq = p_seq
$$;

-- The keys of searches that answered this patient among others. The caller's policies still filter the
-- rows. SECURITY DEFINER, because under row-level security an index does not serve `@>`. The low row
-- estimate makes the planner look each row up.
create function searches_naming(patient uuid) returns table (month date, id uuid)
language plpgsql stable security definer parallel safe rows 10 set search_path = pg_catalog, public as $$
begin
  return query select a.month, a.id from audit_logs a
    where reach('audit:read') = 'ALL' and a.patient_ids @> array[patient];
end
$$;

grant execute on function audit_link(date, uuid, bigint), searches_naming(uuid) to caretrail_app;
