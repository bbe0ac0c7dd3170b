-- The first statement of every transaction: who acts, may they, and what can they reach.

-- Sets the actor for this transaction, for `p_permission`. `p_assured` says whether the token's
-- assurance level satisfies the deployment for privileged roles (DESIGN section 5).
-- Errors: CT001 no profile, CT002 not ACTIVE, CT003 permission missing, CT004 aal2 needed.
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

-- The same for a function that no person called: the SYSTEM role.
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

-- What the audit row of a refused or failed attempt needs: the caller if known, and whether what
-- was aimed at exists and whose it is, which the caller must not learn but the patient may.
create function describe_attempt(
  p_user uuid, p_resource_type text, p_resource uuid, p_patient uuid, p_owner uuid
)
returns table (user_id uuid, actor_role text, target_exists boolean, patient_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  named uuid;
begin
  select u.id, u.role into describe_attempt.user_id, describe_attempt.actor_role
  from user_profiles u where u.id = p_user;
  select p.id into named from patients p where p.id = p_patient or p.user_id = p_owner;

  case p_resource_type
    when 'USER' then
      select p.id into describe_attempt.patient_id
      from user_profiles u left join patients p on p.user_id = u.id where u.id = p_resource;
    when 'PATIENT' then
      select p.id into describe_attempt.patient_id from patients p where p.id = p_resource;
    when 'PROVIDER' then
      perform from providers v where v.id = p_resource;
    when 'APPOINTMENT' then
      select a.patient_id into describe_attempt.patient_id from appointments a where a.id = p_resource;
    when 'MEDICAL_RECORD' then
      select r.patient_id into describe_attempt.patient_id from medical_records r where r.id = p_resource;
    when 'FILE' then
      select f.patient_id into describe_attempt.patient_id from file_metadata f where f.id = p_resource;
    else
      perform where false;
  end case;
  describe_attempt.target_exists := found or named is not null;
  describe_attempt.patient_id := coalesce(describe_attempt.patient_id, named);
  return next;
end
$$;
