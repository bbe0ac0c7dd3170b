-- Which rows an actor sees and writes: the second wall behind each handler's own WHERE
-- (DESIGN section 5). Policies speak of reach, never of role names, so a new role is data.

-- In care: assigned to, or has a visit that was not cancelled with, the acting provider.
-- SECURITY DEFINER: it must read tables whose policies call it. PL/pgSQL: its plans are kept for
-- the session, where an SQL function would be planned anew in every statement.
create function in_care(patient uuid) returns boolean
language plpgsql stable security definer parallel safe set search_path = pg_catalog, public as $$
begin
  return exists (
      select from patients p
      where p.id = patient and p.assigned_providers @> array[actor_provider()]
    ) or exists (
      select from appointments a
      where a.provider_id = actor_provider() and a.patient_id = patient and a.status <> 'CANCELLED'
    );
end
$$;

create function reaches(permission text, patient uuid) returns boolean
language sql stable parallel safe
return case reach(permission)
  when 'ALL' then true
  when 'OWN' then patient = actor_patient()
  when 'CARE' then in_care(patient)
  else false
end;

-- The patients a provider cares for, for the WHERE of lists: an index scan, not a test per row.
create function patients_in_care() returns setof uuid
language plpgsql stable security definer parallel safe rows 200 set search_path = pg_catalog, public as $$
begin
  return query
    select id from patients where assigned_providers @> array[actor_provider()]
    union
    select patient_id from appointments where provider_id = actor_provider() and status <> 'CANCELLED';
end
$$;

call secure('roles');
call secure('role_permissions');
create policy roles_read on roles for select to caretrail_app using (true);
create policy role_permissions_read on role_permissions for select to caretrail_app using (true);

create policy patients_read on patients for select to caretrail_app
  using (reaches('patients:read', id));
create policy patients_create on patients for insert to caretrail_app
  with check ((select reach('patients:write')) = 'ALL');
create policy patients_update on patients for update to caretrail_app
  using (reaches('patients:write', id) or (select reach('patients:assign')) = 'ALL')
  with check (reaches('patients:write', id) or (select reach('patients:assign')) = 'ALL');

create policy providers_read on providers for select to caretrail_app
  using ((select reach('providers:read')) = 'ALL' or id = (select actor_provider()));
create policy providers_create on providers for insert to caretrail_app
  with check ((select reach('providers:write')) = 'ALL');
create policy providers_update on providers for update to caretrail_app
  using ((select reach('providers:write')) = 'ALL')
  with check ((select reach('providers:write')) = 'ALL');

-- A user's identity is seen with the patient or provider it belongs to.
create policy user_profiles_read on user_profiles for select to caretrail_app
  using (
    id = (select actor_user())
    or (select reach('users:read')) = 'ALL'
    or (role = 'PROVIDER' and (select reach('providers:read')) = 'ALL')
    or (role = 'PATIENT' and exists (select from patients p where p.user_id = user_profiles.id))
  );
create policy user_profiles_create on user_profiles for insert to caretrail_app
  with check ((select reach('users:write')) = 'ALL');
create policy user_profiles_update on user_profiles for update to caretrail_app
  using ((select reach('users:write')) = 'ALL')
  with check ((select reach('users:write')) = 'ALL');

create policy appointments_read on appointments for select to caretrail_app
  using (
    (reach('appointments:read') is not null and provider_id = (select actor_provider()))
    or reaches('appointments:read', patient_id)
  );
create policy appointments_create on appointments for insert to caretrail_app
  with check (reaches('appointments:write', patient_id));
create policy appointments_update on appointments for update to caretrail_app
  using (
    reaches('appointments:write', patient_id)
    or (reach('appointments:complete') is not null and provider_id = (select actor_provider()))
  )
  with check (
    reaches('appointments:write', patient_id)
    or (reach('appointments:complete') is not null and provider_id = (select actor_provider()))
  );

-- A patient's own chart holds what is visible and released (21st Century Cures Act).
create policy medical_records_read on medical_records for select to caretrail_app
  using (
    case (select reach('records:read'))
      when 'OWN' then patient_id = (select actor_patient()) and is_patient_visible and release_date <= now()
      when 'CARE' then in_care(patient_id)
      when 'ALL' then true
      else false
    end
  );
create policy medical_records_create on medical_records for insert to caretrail_app
  with check (reaches('records:write', patient_id) and provider_id = (select actor_provider()));
create policy medical_records_update on medical_records for update to caretrail_app
  using (reaches('records:write', patient_id))
  with check (reaches('records:write', patient_id));

create policy medical_record_versions_read on medical_record_versions for select to caretrail_app
  using (
    (select reach('records:read')) in ('OWN', 'CARE', 'ALL')
    and exists (select from medical_records r where r.id = record_id)
    and ((select reach('records:read')) <> 'OWN' or (is_patient_visible and release_date <= now()))
  );

create policy file_metadata_read on file_metadata for select to caretrail_app
  using (
    ((select reach('files:read')) is not null and owner_id = (select actor_user()))
    or reaches('files:read', patient_id)
    or (select reach('files:process')) = 'ALL'
  );
create policy file_metadata_create on file_metadata for insert to caretrail_app
  with check (
    uploaded_by = (select actor_user())
    and (
      ((select reach('files:write')) is not null and owner_id = (select actor_user()))
      or reaches('files:write', patient_id)
    )
  );
create policy file_metadata_update on file_metadata for update to caretrail_app
  using (reaches('files:write', patient_id) or (select reach('files:process')) = 'ALL')
  with check (reaches('files:write', patient_id) or (select reach('files:process')) = 'ALL');

-- A success names the actor this transaction was opened for; refusals have no such transaction.
create policy audit_logs_append on audit_logs for insert to caretrail_app
  with check (outcome <> 'SUCCESS' or user_id is not distinct from (select actor_user()));
create policy audit_logs_read on audit_logs for select to caretrail_app
  using ((select reach('audit:read')) = 'ALL');
create policy audit_logs_seal on audit_logs for select to caretrail_sealer, caretrail_auditor using (true);
