-- Patients found by name, changed by who may, told apart from likely duplicates.

insert into role_permissions (role, permission, reach) values
  ('ADMIN', 'patients:update', 'ALL'),
  ('PROVIDER', 'patients:update', 'CARE');

create extension if not exists pg_trgm;

-- What a search by name walks: `lovelace,ada`. A column, for under row-level security an index
-- serves only comparisons that leak nothing, which lower() does not count among. In the order of
-- its bytes, so that a beginning is a range.
alter table user_profiles
  add column search_name text collate "C" not null
    generated always as (lower(last_name || ',' || first_name)) stored;

create index user_profiles_search_name_idx on user_profiles (search_name, id);
create index patients_date_of_birth_idx on patients (date_of_birth);

-- The patients within a reach that is not ALL, for the WHERE of lists: an index scan, not a test
-- per row.
create function patients_within_reach(permission text) returns setof uuid
language plpgsql stable security definer parallel safe rows 200 set search_path = pg_catalog, public as $$
begin
  case reach(permission)
    when 'OWN' then
      return query select actor_patient() where actor_patient() is not null;
    when 'CARE' then
      return query select patients_in_care();
    else
      return;
  end case;
end
$$;

-- Registered patients of the same birth date with a similar name, whichever of its parts comes
-- first: for who registers, and ids alone.
create function likely_duplicates(patient uuid) returns uuid[]
language sql stable security definer set search_path = pg_catalog, public as $$
  select array(
    select other.id
    from patients p
    join user_profiles u on u.id = p.user_id
    join patients other on other.date_of_birth = p.date_of_birth and other.id <> p.id
    join user_profiles named on named.id = other.user_id
    where p.id = patient and reach('patients:write') = 'ALL' and not other.is_archived
      and similarity(named.search_name, u.search_name) >= 0.5
    order by similarity(named.search_name, u.search_name) desc, other.id
    limit 10
  )
$$;

-- As in V12, with the name as searched.
create or replace view patient_profiles with (security_invoker = true) as
select
  p.id, p.user_id, u.first_name, u.last_name, p.patient_number, p.date_of_birth,
  p.gender::text as gender, p.assigned_providers,
  case when clinical.granted then p.medical_history end as medical_history,
  case when clinical.granted then p.allergies end as allergies,
  case when clinical.granted then p.health_goals end as health_goals,
  case when clinical.granted then p.risk_factors end as risk_factors,
  p.created_at, p.updated_at, p.is_archived, p.version, u.search_name
from patients p
join user_profiles u on u.id = p.user_id
cross join lateral (select reaches('patients:clinical', p.id) as granted offset 0) as clinical;

drop policy patients_update on patients;
create policy patients_update on patients for update to caretrail_app
  using (
    reaches('patients:write', id) or reaches('patients:update', id)
    or (select reach('patients:assign')) = 'ALL'
  )
  with check (
    reaches('patients:write', id) or reaches('patients:update', id)
    or (select reach('patients:assign')) = 'ALL'
  );

-- A policy knows rows, not columns: who keeps the register changes no clinical field, who treats
-- changes nothing else.
create function guard_patient() returns trigger
language plpgsql as $$
begin
  if actor_user() is null then
    return new;
  end if;
  if (new.medical_history, new.allergies, new.health_goals, new.risk_factors)
      is distinct from (old.medical_history, old.allergies, old.health_goals, old.risk_factors)
    and not (reaches('patients:update', old.id) and reaches('patients:clinical', old.id))
  then
    raise exception 'only who treats the patient changes this' using errcode = 'insufficient_privilege';
  end if;
  if (new.id, new.user_id, new.patient_number, new.date_of_birth, new.gender, new.custom_data, new.is_archived)
      is distinct from
      (old.id, old.user_id, old.patient_number, old.date_of_birth, old.gender, old.custom_data, old.is_archived)
    and reach('patients:write') is distinct from 'ALL'
  then
    raise exception 'only who keeps the register changes this' using errcode = 'insufficient_privilege';
  end if;
  if new.assigned_providers is distinct from old.assigned_providers
    and reach('patients:assign') is distinct from 'ALL'
  then
    raise exception 'only who assigns providers changes this' using errcode = 'insufficient_privilege';
  end if;
  return new;
end
$$;

create trigger guard_patient before update on patients
for each row execute function guard_patient();

grant execute on function patients_within_reach(text), likely_duplicates(uuid) to caretrail_app;
