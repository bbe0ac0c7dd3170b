-- The first statement of every transaction: who acts, whether they may, and how far they reach. Then what
-- the audit row of a failed attempt needs.

-- Sets the actor for this transaction, which needs `p_permission`. `p_assured` says whether the token's
-- assurance level is high enough for roles other than PATIENT.
-- Errors: CT001 no profile, CT002 not ACTIVE, CT003 permission missing, CT004 second factor needed.
create function begin_request(p_user uuid, p_assured boolean, p_permission text)
returns table (role text, permissions jsonb, patient_id uuid, provider_id uuid)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  status user_status;
  archived boolean;
begin
  select u.status, u.is_archived, u.role, p.id, v.id,
    (select jsonb_object_agg(rp.permission, rp.reach) from role_permissions rp where rp.role = u.role)
  into status, archived, begin_request.role, begin_request.patient_id, begin_request.provider_id,
    begin_request.permissions
  from user_profiles u
  left join patients p on p.user_id = u.id and not p.is_archived
  left join providers v on v.user_id = u.id and not v.is_archived
  where u.id = p_user;

  if not found then
    raise exception 'no profile' using errcode = 'CT001';
  end if;
  if status <> 'ACTIVE' or archived then
    raise exception 'not active' using errcode = 'CT002';
  end if;
  if begin_request.role <> 'PATIENT' and not p_assured then
    raise exception 'second factor needed' using errcode = 'CT004';
  end if;
  if begin_request.permissions -> p_permission is null then
    raise exception 'permission missing' using errcode = 'CT003';
  end if;

  perform
    set_config('caretrail.user_id', p_user::text, true),
    set_config('caretrail.patient_id', coalesce(begin_request.patient_id::text, ''), true),
    set_config('caretrail.provider_id', coalesce(begin_request.provider_id::text, ''), true),
    set_config('caretrail.permissions', begin_request.permissions::text, true);
  return next;
end
$$;

-- The same for a function that no person called. It acts in the role SYSTEM.
create function begin_job(p_permission text)
returns table (role text, permissions jsonb, patient_id uuid, provider_id uuid)
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  select 'SYSTEM', jsonb_object_agg(rp.permission, rp.reach)
  into begin_job.role, begin_job.permissions
  from role_permissions rp where rp.role = 'SYSTEM';
  if begin_job.permissions -> p_permission is null then
    raise exception 'permission missing' using errcode = 'CT003';
  end if;
  perform set_config('caretrail.permissions', begin_job.permissions::text, true);
  return next;
end
$$;

-- What the audit row of a refused or failed attempt needs: the caller, if known; whether the target
-- exists; and its patient. The caller must not learn the last two, but the patient may.
--
-- A resource type of the audit log, such as FILE, has its own function beside its table:
-- `target_file(uuid) returns setof uuid` gives one row if the resource exists, with its patient or null.
-- A type without such a function has no target. The name comes from the catalog, not from the caller.
--
-- The target also counts as existing if the owner is a user but not a patient. Creating a file for
-- another provider is therefore logged as DENIED, not FAILURE.
create function describe_attempt(
  p_user uuid, p_resource_type text, p_resource uuid, p_patient uuid, p_owner uuid
)
returns table (user_id uuid, actor_role text, target_exists boolean, patient_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  named uuid;
  target regprocedure := to_regprocedure(
    'public.' || quote_ident('target_' || lower(p_resource_type)) || '(uuid)'
  );
begin
  select u.id, u.role into user_id, actor_role from user_profiles u where u.id = p_user;
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
  begin_request(uuid, boolean, text), begin_job(text), describe_attempt(uuid, text, uuid, uuid, uuid)
  to caretrail_app;
