-- The first statement of every transaction: who acts, whether they may, and how far they reach. Then what
-- the audit row of a failed attempt needs, and how many of them a subject can cause.

-- Checks a ticket: the function's proof of whom it acts for. Its parts are the token's subject (empty for
-- a job), whether the token's assurance is high enough, the permission, and the function's clock in
-- seconds since 1970, which may differ by a minute. Errors: CT007 the ticket is not valid.
create function check_ticket(p_subject uuid, p_assured boolean, p_permission text, p_clock bigint, p_ticket bytea)
returns void
language plpgsql stable as $$
begin
  if p_ticket is null
    or to_timestamp(p_clock) not between clock_timestamp() - interval '1 minute' and clock_timestamp() + interval '1 minute'
    or not is_signed(
      'TICKET',
      concat_ws('|', 'caretrail-ticket-v1', coalesce(p_subject::text, ''), p_assured, p_permission, p_clock),
      p_ticket
    )
  then
    raise exception 'the ticket is not valid' using errcode = 'CT007';
  end if;
end
$$;

-- How many requests of a subject were refused lately. A subject has one row, however often they are refused.
-- `expire_refusals` deletes it.
create table refusals (
  subject uuid primary key,
  -- The begin of the minute that is counted.
  since timestamptz not null,
  -- The refusals in this minute, including those without an audit row.
  refused bigint not null,
  -- The refusals without an audit row that no later audit row has counted yet.
  left_out bigint not null default 0 constraint refusals_left_out_counted check (left_out >= 0)
) with (fillfactor = 50);

call secure('refusals');

-- Sets the actor of this transaction, which needs `p_permission`. The relation is that in which the
-- permission reaches its resources. SELF becomes REPRESENTATION in the audit row if that row names another
-- patient than `patient_id`, the caller's own, who may be archived, and CARE becomes EMERGENCY if it names only patients in
-- `emergency_patients`: see `relation_to`. What clinicians do with their own emergency access is EMERGENCY. `left_out` is the number of
-- the subject's refusals that the audit row must count. `source_system` is whose rows the caller imports, or null.
-- `sealed_size` is the number of leaves of the sealed log. It never shrinks, unless the database was restored.
-- `p_trace` is the trace of the request, for business events.
-- Errors: CT001 no profile, CT002 not ACTIVE or ended, CT003 permission missing, CT004 second factor needed, CT007
-- ticket not valid, CT011 not approved.
create function begin_request(
  p_subject uuid, p_assured boolean, p_permission text, p_clock bigint, p_ticket bytea, p_trace text default null,
  out user_id uuid, out role text, out relation text, out patient_id uuid, out left_out bigint,
  out source_system text, out sealed_size bigint, out emergency_patients uuid[]
)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  caller record;
begin
  perform check_ticket(p_subject, p_assured, p_permission, p_clock, p_ticket);
  select u.id, u.status, u.is_archived, u.access_ends_at, u.awaits_approval, u.role, u.imports_from, r.permissions, r.needs_second_factor,
    p.id as patient_id, p.is_archived as has_left, v.id as provider_id, f.left_out
  into caller
  from user_profiles u
  left join role_reach r on r.role = u.role
  left join patients p on p.user_id = u.id
  left join providers v on v.user_id = u.id and not v.is_archived
  left join refusals f on f.subject = u.subject
  where u.subject = p_subject;
  if not found then
    raise exception 'no profile' using errcode = 'CT001';
  end if;
  if caller.status <> 'ACTIVE' or caller.is_archived or caller.access_ends_at <= now() then
    raise exception 'not active' using errcode = 'CT002';
  end if;
  if caller.awaits_approval then
    raise exception 'not approved' using errcode = 'CT011';
  end if;
  if caller.needs_second_factor and not p_assured then
    raise exception 'second factor needed' using errcode = 'CT004';
  end if;
  relation := case caller.permissions ->> p_permission
    when 'OWN' then 'SELF' when 'CARE' then 'CARE' when 'SOURCE' then 'OFFICE' when 'ALL' then 'OFFICE'
  end;
  if relation is null then
    raise exception 'permission missing' using errcode = 'CT003';
  end if;
  if p_permission like 'emergency-access:%' and caller.permissions ? 'emergency-access:write' then
    relation := 'EMERGENCY';
  end if;
  user_id := caller.id;
  role := caller.role;
  patient_id := caller.patient_id;
  left_out := coalesce(caller.left_out, 0);
  source_system := caller.imports_from;
  emergency_patients := case
    when caller.permissions ? 'emergency-access:write' then patients_in_emergency(user_id) else '{}'
  end;
  -- Without a row it stays null: nothing is sealed yet.
  select s.size into sealed_size from audit_seals s order by s.batch desc limit 1;
  if p_trace is not null then
    perform set_config('caretrail.trace_id', p_trace, true);
  end if;
  perform set_actor(
    'REQUEST', p_subject, user_id, role, relation, case when not caller.has_left then patient_id end,
    caller.provider_id, source_system, emergency_patients, caller.permissions
  );
end
$$;

-- The same for a function that no person called. It acts in the role SYSTEM.
create function begin_job(
  p_permission text, p_clock bigint, p_ticket bytea, p_trace text default null, out role text
)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  held jsonb;
begin
  perform check_ticket(null, true, p_permission, p_clock, p_ticket);
  select permissions into held from role_reach r where r.role = 'SYSTEM';
  if not held ? p_permission then
    raise exception 'permission missing' using errcode = 'CT003';
  end if;
  role := 'SYSTEM';
  if p_trace is not null then
    perform set_config('caretrail.trace_id', p_trace, true);
  end if;
  perform set_actor('REQUEST', null, null, role, null, null, null, null, null, held);
end
$$;

-- Proves the caller for nothing but the audit row of a refusal, a failure or a fence, whatever their
-- status and permissions. The transaction reaches no other row. `refusal` is the SQLSTATE with which
-- `begin_request` refuses the caller, or null if they may act. `left_out` is the number of the subject's refusals that
-- the audit row must count. Errors: CT007 ticket not valid.
create function begin_attempt(
  p_subject uuid, p_assured boolean, p_permission text, p_clock bigint, p_ticket bytea,
  out user_id uuid, out role text, out refusal text, out left_out bigint, out source_system text
)
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform check_ticket(p_subject, p_assured, p_permission, p_clock, p_ticket);
  if p_subject is null then
    -- Only a job has no subject.
    if not pg_has_role(session_user, 'caretrail_jobs', 'member') then
      raise exception 'the ticket is not valid' using errcode = 'CT007';
    end if;
    role := 'SYSTEM';
  else
    begin
      perform begin_request(p_subject, p_assured, p_permission, p_clock, p_ticket);
    exception when sqlstate 'CT001' or sqlstate 'CT002' or sqlstate 'CT003' or sqlstate 'CT004' or sqlstate 'CT011' then
      refusal := sqlstate;
    end;
    select u.id, u.role, u.imports_from into user_id, role, source_system
    from user_profiles u where u.subject = p_subject;
    select f.left_out into left_out from refusals f where f.subject = p_subject;
  end if;
  left_out := coalesce(left_out, 0);
  perform set_actor('ATTEMPT', p_subject, user_id, role, null, null, null, source_system, null, null);
end
$$;

-- What the audit row of a refused or failed attempt needs: whether the target exists, and its patient. The
-- caller must not learn either, but the patient may.
--
-- A resource type of the audit log, such as FILE, has its own function beside its table:
-- `target_file(uuid) returns setof uuid` gives one row if the resource exists, with its patient or null.
-- A type without such a function has no target. The name comes from the catalog, not from the caller.
--
-- The target also counts as existing if the owner is a user but not a patient. Creating a file for
-- another provider is therefore logged as DENIED, not FAILURE. Errors: CT007 the actor is not proven.
create function describe_attempt(p_resource_type text, p_resource uuid, p_patient uuid, p_owner uuid)
returns table (target_exists boolean, patient_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  named uuid;
  target regprocedure := to_regprocedure(
    'public.' || quote_ident('target_' || lower(p_resource_type)) || '(uuid)'
  );
begin
  perform require_actor('ATTEMPT');
  select p.id into named from patients p where p.id = p_patient or p.user_id = p_owner;
  target_exists := named is not null or exists (select from user_profiles u where u.id = p_owner);
  if target is not null then
    for patient_id in execute format('select %s($1)', target::regproc) using p_resource loop
      target_exists := true;
    end loop;
  end if;
  patient_id := coalesce(patient_id, named);
  return next;
end
$$;

-- Counts a refusal of the caller. Beyond the limit of the minute, it has no audit row: `retry_after` is then the
-- number of seconds until the next minute, and otherwise null. `left_out` is the number of former refusals that the
-- audit row must count. The row lock makes concurrent refusals of a subject wait for each other, and nobody else.
-- Errors: CT007 the actor is not proven.
create function count_refusal(out retry_after integer, out left_out bigint)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  most bigint;
  its_now timestamptz := clock_timestamp();
  counted record;
begin
  perform require_actor('ATTEMPT');
  select refusals_per_minute into most from settings;
  insert into refusals as r (subject, since, refused)
  values (current_setting('caretrail.subject')::uuid, its_now, 1)
  on conflict (subject) do update set
    since = case when r.since > its_now - interval '1 minute' then r.since else its_now end,
    refused = case when r.since > its_now - interval '1 minute' then r.refused + 1 else 1 end,
    left_out = r.left_out
      + case when r.since > its_now - interval '1 minute' and r.refused >= most then 1 else 0 end
  returning r.since, r.refused, r.left_out into counted;
  if counted.refused > most then
    retry_after := greatest(1, ceil(extract(epoch from counted.since + interval '1 minute' - its_now)));
  end if;
  left_out := counted.left_out;
end
$$;

-- Notes that an audit row of the actor counts this number of refusals without an audit row, so no other row counts
-- them again. Errors: 40001 another row has counted them.
create function report_left_out(p_count bigint) returns void
language plpgsql as $$
begin
  update refusals r set left_out = r.left_out - p_count
  where r.subject = current_setting('caretrail.subject')::uuid and p_count between 1 and r.left_out;
  if not found then
    raise exception 'another audit row has counted the refusals' using errcode = 'serialization_failure';
  end if;
end
$$;

-- Deletes up to `p_limit` counters that ended an hour ago, and the searches for emergency access that no limit counts any
-- more. Returns how many of both, and the refusals without an audit row by subject, which the audit row of this transaction
-- then counts. Errors: 42501 the caller may not delete them.
create function expire_refusals(p_limit bigint, out expired bigint, out left_out jsonb)
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  if reach('idempotency-keys:expire') is distinct from 'ALL' then
    raise exception 'the caller may not delete counters' using errcode = 'insufficient_privilege';
  end if;
  with searches as (
    delete from emergency_searches where searched_at < now() - interval '1 hour' returning searched_at
  ), gone as (
    delete from refusals r
    -- The condition is asked twice, because a counter may count again meanwhile.
    where r.since < now() - interval '1 hour' and r.subject in (
      select f.subject from refusals f where f.since < now() - interval '1 hour' limit p_limit
    )
    returning r.subject, r.left_out
  )
  select (select count(*) from searches) + count(*),
    coalesce(jsonb_object_agg(g.subject, g.left_out) filter (where g.left_out > 0), '{}')
  into expired, left_out from gone g;
end
$$;

grant execute on function
  begin_attempt(uuid, boolean, text, bigint, bytea), describe_attempt(text, uuid, uuid, uuid)
  to caretrail_app;
grant execute on function begin_request(uuid, boolean, text, bigint, bytea, text), count_refusal() to caretrail_people;
grant execute on function begin_job(text, bigint, bytea, text), expire_refusals(bigint) to caretrail_jobs;
