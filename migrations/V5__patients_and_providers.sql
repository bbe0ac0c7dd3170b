-- Role-specific data (seed A tables 2 and 3): one to one with a user of that role, which the
-- generated `user_role` makes a foreign key prove.

create table providers (
  id uuid primary key,
  user_id uuid not null constraint providers_user_id_key unique,
  user_role text not null generated always as ('PROVIDER') stored,
  license_number text not null constraint providers_license_number_key unique
    constraint providers_license_number_length check (length(license_number) between 1 and 100),
  specialties text[] not null default '{}' constraint providers_specialties_count
    check (cardinality(specialties) <= 50 and array_position(specialties, null) is null),
  certifications jsonb constraint providers_certifications_array check (jsonb_typeof(certifications) = 'array'),
  schedule jsonb constraint providers_schedule_object check (jsonb_typeof(schedule) = 'object'),
  rating numeric(3, 2) constraint providers_rating_range check (rating between 1 and 5),
  total_reviews integer not null default 0 constraint providers_total_reviews_range check (total_reviews >= 0),
  is_verified boolean not null default false,
  custom_data jsonb constraint providers_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint providers_archived check (is_archived = (archived_at is not null)),
  constraint providers_rated check ((rating is null) = (total_reviews = 0)),
  constraint providers_user_is_provider foreign key (user_id, user_role) references user_profiles (id, role)
);

create index providers_specialties_idx on providers using gin (specialties);
create index providers_user_role_idx on providers (user_id, user_role);
create index providers_archived_by_idx on providers (archived_by) where archived_by is not null;

create type administrative_gender as enum ('male', 'female', 'other', 'unknown');

create table patients (
  id uuid primary key,
  user_id uuid not null constraint patients_user_id_key unique,
  user_role text not null generated always as ('PATIENT') stored,
  patient_number text not null constraint patients_patient_number_key unique
    constraint patients_patient_number_length check (length(patient_number) between 1 and 100),
  date_of_birth date not null constraint patients_date_of_birth_range check (date_of_birth >= '1850-01-01'),
  gender administrative_gender not null,
  medical_history jsonb constraint patients_medical_history_array check (jsonb_typeof(medical_history) = 'array'),
  allergies jsonb constraint patients_allergies_array check (jsonb_typeof(allergies) = 'array'),
  assigned_providers uuid[] not null default '{}',
  health_goals jsonb constraint patients_health_goals_array check (jsonb_typeof(health_goals) = 'array'),
  risk_factors jsonb constraint patients_risk_factors_array check (jsonb_typeof(risk_factors) = 'array'),
  custom_data jsonb constraint patients_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint patients_archived check (is_archived = (archived_at is not null)),
  constraint patients_user_is_patient foreign key (user_id, user_role) references user_profiles (id, role),
  -- Lets file_metadata prove that a patient's file belongs to that patient's user.
  constraint patients_id_user_id_key unique (id, user_id)
);

create index patients_assigned_providers_idx on patients using gin (assigned_providers);
create index patients_user_role_idx on patients (user_id, user_role);
create index patients_archived_by_idx on patients (archived_by) where archived_by is not null;

-- An array can't hold foreign keys: the trigger stands in for them. Providers are never deleted.
-- SECURITY DEFINER: what must be true of the data doesn't depend on what the actor sees.
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

call govern('providers');
call govern('patients');
