-- People in care: one row for each user of the role PATIENT, which the foreign key on the generated
-- `user_role` proves.

create type administrative_gender as enum ('male', 'female', 'other', 'unknown');

-- The first day of a day, month or year as FHIR's `date` writes it: `1984-07-21`, `1984-07` or `1984`.
-- Errors: it is no day of the calendar.
create function first_day(partial_date text) returns date
language sql immutable parallel safe
return make_date(
  left(partial_date, 4)::integer,
  coalesce(nullif(substr(partial_date, 6, 2), ''), '1')::integer,
  coalesce(nullif(substr(partial_date, 9, 2), ''), '1')::integer
);

-- Whether two such dates can be the same day: one is the beginning of the other.
create function can_be_same_date(one text, other text) returns boolean
language sql immutable parallel safe
return starts_with(one, other) or starts_with(other, one);

grant execute on function first_day(text) to caretrail_app;

create table patients (
  id uuid primary key,
  user_id uuid not null constraint patients_user_id_key unique,
  user_role text not null generated always as ('PATIENT') stored,
  -- Where the account came from. A trigger copies it.
  source_system text,
  is_changed_here boolean not null default false,
  patient_number text not null constraint patients_patient_number_key unique
    constraint patients_patient_number_form check (is_identifier(patient_number, 100)),
  -- As exactly as it is known: `1984-07-21`, `1984-07` or `1984`. The collation sorts these as dates.
  date_of_birth text collate "C" not null constraint patients_date_of_birth_range check (
    case when date_of_birth ~ '^[0-9]{4}(-[0-9]{2}){0,2}$' then first_day(date_of_birth) >= '1850-01-01' else false end
  ),
  gender administrative_gender not null,
  -- FHIR's `Patient.deceased[x]`: null, or an object with the time of death in `at` if it is known.
  deceased jsonb constraint patients_deceased_object check (jsonb_typeof(deceased) = 'object'),
  medical_history jsonb constraint patients_medical_history_array check (jsonb_typeof(medical_history) = 'array'),
  allergies jsonb constraint patients_allergies_array check (jsonb_typeof(allergies) = 'array'),
  assigned_providers uuid[] not null default '{}',
  health_goals jsonb constraint patients_health_goals_array check (jsonb_typeof(health_goals) = 'array'),
  risk_factors jsonb constraint patients_risk_factors_array check (jsonb_typeof(risk_factors) = 'array'),
  custom_data jsonb constraint patients_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  custom_data_version integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint patients_archived check (is_archived = (archived_at is not null)),
  constraint patients_custom_data_versioned check ((custom_data is null) = (custom_data_version is null)),
  constraint patients_user_is_patient foreign key (user_id, user_role) references user_profiles (id, role),
  -- file_metadata proves by this key that a patient's file belongs to that patient's user.
  constraint patients_id_user_id_key unique (id, user_id)
);

create index patients_assigned_providers_idx on patients using gin (assigned_providers);
create index patients_date_of_birth_idx on patients (date_of_birth);
-- For the lists of an importer.
create index patients_source_idx on patients (source_system, id) where source_system is not null;
create index patients_user_role_idx on patients (user_id, user_role);
create index patients_archived_by_idx on patients (archived_by) where archived_by is not null;

call govern('patients');

create policy patients_read on patients for select to caretrail_app
  using (reaches('patients:read', id));
create policy patients_create on patients for insert to caretrail_app
  with check (
    (select reach('patients:write')) = 'ALL'
    or ((select reach('patients:write')) = 'SOURCE' and is_imported_by_actor(user_id))
  );
create policy patients_update on patients for update to caretrail_app
  using (
    reaches('patients:write', id) or reaches('patients:update', id)
    or (select reach('patients:assign')) = 'ALL'
  )
  with check (
    reaches('patients:write', id) or reaches('patients:update', id)
    or (select reach('patients:assign')) = 'ALL'
  );
grant select, insert, update on patients to caretrail_app;

create trigger follow_source before insert or update of source_system, user_id on patients
for each row execute function follow_source();

create trigger guard_import before update on patients
for each row when (new.source_system is not null) execute function guard_import('{user_role,assigned_providers}');

-- An archived account keeps its external id if it is that of a patient or provider, so that no import makes it anew.
-- SECURITY DEFINER, because the check must not depend on what the actor sees.
-- Errors: unique_violation.
create function keep_external_id() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if exists (
    select from user_profiles u
    where u.external_id = new.external_id and u.source_system = new.source_system and u.is_archived
      and (exists (select from patients p where p.user_id = u.id) or exists (select from providers p where p.user_id = u.id))
  ) then
    raise exception 'an archived account has this external id'
      using errcode = 'unique_violation', constraint = 'user_profiles_external_id_key';
  end if;
  return new;
end
$$;

create trigger keep_external_id before insert on user_profiles
for each row when (new.external_id is not null) execute function keep_external_id();

-- An array can't hold foreign keys, so this trigger checks them. A provider who is assigned isn't deleted: see
-- `referring` in V0023__retention.sql.
-- SECURITY DEFINER, because the check must not depend on what the actor sees.
create function check_assigned_providers() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if exists (
    select from unnest(new.assigned_providers) as assigned (id)
    left join providers using (id)
    where providers.id is null
  ) then
    raise exception 'an assigned provider does not exist'
      using errcode = 'foreign_key_violation', constraint = 'patients_assigned_providers_exist';
  end if;
  if cardinality(new.assigned_providers)
      <> (select count(distinct id) from unnest(new.assigned_providers) as assigned (id)) then
    raise exception 'a provider is assigned twice'
      using errcode = 'check_violation', constraint = 'patients_assigned_providers_distinct';
  end if;
  return new;
end
$$;

create trigger check_assigned_providers before insert or update of assigned_providers on patients
for each row when (new.assigned_providers <> '{}') execute function check_assigned_providers();

-- A policy decides about rows, this trigger about columns. Users who manage patient registration change
-- no clinical field. Users who treat the patient change nothing else.
create function guard_patient() returns trigger
language plpgsql as $$
begin
  if by_migration() then
    return new;
  end if;
  if (new.medical_history, new.allergies, new.health_goals, new.risk_factors)
      is distinct from (old.medical_history, old.allergies, old.health_goals, old.risk_factors)
    and not (reaches('patients:update', old.id) and reaches('patients:clinical', old.id))
  then
    raise exception 'only users who treat the patient can change this field'
      using errcode = 'insufficient_privilege';
  end if;
  if (new.id, new.user_id, new.patient_number, new.date_of_birth, new.gender, new.deceased, new.custom_data,
      new.is_archived)
      is distinct from
      (old.id, old.user_id, old.patient_number, old.date_of_birth, old.gender, old.deceased, old.custom_data,
        old.is_archived)
    and not reaches('patients:write', old.id)
  then
    raise exception 'only users who manage patient registration can change this field'
      using errcode = 'insufficient_privilege';
  end if;
  if new.assigned_providers is distinct from old.assigned_providers
    and reach('patients:assign') is distinct from 'ALL'
  then
    raise exception 'only users who assign providers can change this field'
      using errcode = 'insufficient_privilege';
  end if;
  return new;
end
$$;

create trigger guard_patient before update on patients
for each row execute function guard_patient();

-- Patients joined with their identity, as the API shows them, under the caller's own policies. The
-- clinical fields are null for callers without clinical reach. Custom data is shown to all: a clinic's
-- own clinical fields belong into medical records.
create view patient_profiles with (security_invoker = true) as
select
  p.id, p.user_id, u.first_name, u.last_name, p.patient_number, p.date_of_birth,
  p.gender::text as gender, p.deceased, p.assigned_providers,
  case when clinical.granted then p.medical_history end as medical_history,
  case when clinical.granted then p.allergies end as allergies,
  case when clinical.granted then p.health_goals end as health_goals,
  case when clinical.granted then p.risk_factors end as risk_factors,
  p.created_at, p.updated_at, p.is_archived, p.version,
  p.custom_data, p.custom_data_version
from patients p
join user_profiles u on u.id = p.user_id
-- `offset 0` makes the planner evaluate `reaches` once a row, not once a column.
cross join lateral (select reaches('patients:clinical', p.id) as granted offset 0) as clinical;

grant select on patient_profiles to caretrail_app;

-- The patients whose date of birth can be this one: 1984-07-21 can be 1984-07 and 1984, too. Functions can't call it.
create function born_like(born text) returns setof patients
language sql stable parallel safe
begin atomic
  select * from patients p
  where p.date_of_birth >= born and p.date_of_birth < born || '~'
  union all
  select * from patients p
  where p.date_of_birth in (left(born, 4), left(born, 7)) and p.date_of_birth <> born;
end;

-- The ids of up to ten registered patients who can have the same birth date and have a similar name, in any order of
-- its parts. Empty unless the caller registers patients. If there are any, other systems learn it by an event.
create function likely_duplicates(patient uuid) returns uuid[]
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  likely uuid[];
begin
  perform require_actor();
  likely := array(
    select other.id
    from patients p
    join user_profiles u on u.id = p.user_id
    cross join lateral born_like(p.date_of_birth) as other
    join user_profiles named on named.id = other.user_id
    where p.id = patient and reach('patients:write') = 'ALL' and not other.is_archived and other.id <> p.id
      and similarity(named.sort_name, u.sort_name) >= 0.5
    order by similarity(named.sort_name, u.sort_name) desc, other.id
    limit 10
  );
  if likely <> '{}' then
    perform add_event(
      'patient.duplicates-found.v1', 'patients/' || patient,
      jsonb_build_object('patient_id', patient, 'likely_duplicates', likely)
    );
  end if;
  return likely;
end
$$;

-- The patient that an account belongs to, for the audit row of a read or change of the account.
-- SECURITY DEFINER, because the caller's role may reach no patients.
create function patient_of(account uuid) returns uuid
language sql stable security definer parallel safe set search_path = pg_catalog, public as $$
  select id from patients where user_id = account
$$;

grant execute on function likely_duplicates(uuid), patient_of(uuid) to caretrail_app;

-- For `describe_attempt`: one row with the patient, if they exist.
create function target_patient(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select p.id from patients p where p.id = target;
end
$$;
