-- The audit log (seeds A table 7 and B; 45 CFR 164.312(b)). A hash chain per execution
-- environment and month; `month` partitions it and bounds the chain's unique key.

create type audit_action as enum ('CREATE', 'READ', 'UPDATE', 'DELETE', 'SEARCH', 'DISCLOSE', 'PROCESS');
create type audit_outcome as enum ('SUCCESS', 'DENIED', 'FAILURE');

create table audit_logs (
  id uuid not null,
  month date not null,
  timestamp timestamptz not null,
  -- Null for SYSTEM and for a subject that has no profile.
  user_id uuid references user_profiles (id),
  actor_role text,
  action_type audit_action not null,
  resource_type text not null constraint audit_logs_resource_type_format check (resource_type ~ '^[A-Z_]{2,50}$'),
  resource_id uuid,
  -- The one patient concerned, or all of them in patient_ids when a search answered several.
  patient_id uuid,
  patient_ids uuid[],
  outcome audit_outcome not null,
  source_ip cidr,
  user_agent text,
  application text not null constraint audit_logs_application_format check (application ~ '^[a-z][a-z-]{1,63}$'),
  request_id text not null,
  -- Ids and field names, never PHI values.
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

call secure('audit_logs');

-- Rails, not evidence (DESIGN section 6): sealing proves what these merely forbid.
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

-- A row must never fail for want of its partition: the default one catches what was not made ahead.
create table audit_logs_default partition of audit_logs default;
call secure('audit_logs_default');

-- Makes the partitions of this month and the next `ahead` ones; returns how many were missing.
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
      execute format('revoke all on public.%I from public', name);
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

select ensure_audit_partitions(13);

-- The hash at one link of a chain, if it landed: how a writer whose COMMIT was cut off learns
-- what became of its row.
create function audit_link(p_month date, p_chain uuid, p_seq bigint) returns bytea
language sql stable security definer set search_path = pg_catalog, public as $$
  select row_hash from audit_logs where month = p_month and chain_id = p_chain and seq = p_seq
$$;
