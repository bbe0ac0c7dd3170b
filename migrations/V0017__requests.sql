-- The first statement of every transaction: who acts, whether they may, and how far they reach. Then what
-- the audit row of a failed attempt needs.

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

-- Sets the actor of this transaction, which needs `p_permission`. The relation is that in which the
-- permission reaches its resources. SELF becomes REPRESENTATION in the audit row if that row names another
-- patient than `patient_id`, the caller's own, who may be archived: see `relation_to`.
-- Errors: CT001 no profile, CT002 not ACTIVE, CT003 permission missing, CT004 second factor needed, CT007
-- ticket not valid, CT011 not approved.
create function begin_request(
  p_subject uuid, p_assured boolean, p_permission text, p_clock bigint, p_ticket bytea,
  out user_id uuid, out role text, out relation text, out patient_id uuid
)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  caller record;
begin
  perform check_ticket(p_subject, p_assured, p_permission, p_clock, p_ticket);
  select u.id, u.status, u.is_archived, u.awaits_approval, u.role, r.permissions, r.needs_second_factor,
    p.id as patient_id, p.is_archived as has_left, v.id as provider_id
  into caller
  from user_profiles u
  left join role_reach r on r.role = u.role
  left join patients p on p.user_id = u.id
  left join providers v on v.user_id = u.id and not v.is_archived
  where u.subject = p_subject;
  if not found then
    raise exception 'no profile' using errcode = 'CT001';
  end if;
  if caller.status <> 'ACTIVE' or caller.is_archived then
    raise exception 'not active' using errcode = 'CT002';
  end if;
  if caller.awaits_approval then
    raise exception 'not approved' using errcode = 'CT011';
  end if;
  if caller.needs_second_factor and not p_assured then
    raise exception 'second factor needed' using errcode = 'CT004';
  end if;
  relation := case caller.permissions ->> p_permission
    when 'OWN' then 'SELF' when 'CARE' then 'CARE' when 'ALL' then 'OFFICE'
  end;
  if relation is null then
    raise exception 'permission missing' using errcode = 'CT003';
  end if;
  user_id := caller.id;
  role := caller.role;
  patient_id := caller.patient_id;
  perform set_actor(
    'REQUEST', p_subject, user_id, role, relation, case when not caller.has_left then patient_id end,
    caller.provider_id, caller.permissions
  );
end
$$;

-- The same for a function that no person called. It acts in the role SYSTEM.
create function begin_job(p_permission text, p_clock bigint, p_ticket bytea, out role text)
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
  perform set_actor('REQUEST', null, null, role, null, null, null, held);
end
$$;

-- Proves the caller for nothing but the audit row of a refusal, a failure or a fence, whatever their
-- status and permissions. The transaction reaches no other row. Errors: CT007 ticket not valid.
create function begin_attempt(
  p_subject uuid, p_assured boolean, p_permission text, p_clock bigint, p_ticket bytea,
  out user_id uuid, out role text
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
    select u.id, u.role into user_id, role from user_profiles u where u.subject = p_subject;
  end if;
  perform set_actor('ATTEMPT', p_subject, user_id, role, null, null, null, null);
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

grant execute on function
  begin_attempt(uuid, boolean, text, bigint, bytea), describe_attempt(text, uuid, uuid, uuid)
  to caretrail_app;
grant execute on function begin_request(uuid, boolean, text, bigint, bytea) to caretrail_people;
grant execute on function begin_job(text, bigint, bytea) to caretrail_jobs;
