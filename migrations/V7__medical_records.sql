-- Medical data with release control (seeds A table 5 and B). Every update keeps the former version.

create type record_type as enum (
  'DIAGNOSIS', 'TREATMENT', 'SUMMARY', 'LAB_RESULT', 'PRESCRIPTION', 'IMAGING', 'NOTE',
  'IMMUNIZATION', 'CARE_PLAN'
);

create table medical_records (
  id uuid primary key,
  patient_id uuid not null references patients (id),
  provider_id uuid not null references providers (id),
  -- Null for unsolicited results.
  appointment_id uuid,
  record_type record_type not null,
  content jsonb not null constraint medical_records_content_object check (jsonb_typeof(content) = 'object'),
  diagnosis text constraint medical_records_diagnosis_length check (length(diagnosis) <= 10000),
  treatment text constraint medical_records_treatment_length check (length(treatment) <= 10000),
  notes text constraint medical_records_notes_length check (length(notes) <= 10000),
  is_patient_visible boolean not null default true,
  release_date timestamptz not null default now(),
  -- The entry's identifier in the system it came from.
  external_id text constraint medical_records_external_id_key unique
    constraint medical_records_external_id_length check (length(external_id) between 1 and 255),
  custom_data jsonb constraint medical_records_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint medical_records_archived check (is_archived = (archived_at is not null)),
  constraint medical_records_appointment_of_patient
    foreign key (appointment_id, patient_id) references appointments (id, patient_id)
);

create index medical_records_patient_idx on medical_records (patient_id, created_at desc, id desc);
create index medical_records_provider_idx on medical_records (provider_id, created_at desc, id desc);
create index medical_records_appointment_idx on medical_records (appointment_id, patient_id);
create index medical_records_archived_by_idx on medical_records (archived_by) where archived_by is not null;

create table medical_record_versions (
  record_id uuid not null references medical_records (id),
  version integer not null,
  patient_id uuid not null references patients (id),
  provider_id uuid not null references providers (id),
  appointment_id uuid,
  record_type record_type not null,
  content jsonb not null,
  diagnosis text,
  treatment text,
  notes text,
  is_patient_visible boolean not null,
  release_date timestamptz not null,
  custom_data jsonb,
  is_archived boolean not null,
  written_at timestamptz not null,
  replaced_at timestamptz not null default now(),
  replaced_by uuid references user_profiles (id),
  primary key (record_id, version)
);

create index medical_record_versions_patient_idx on medical_record_versions (patient_id);
create index medical_record_versions_provider_idx on medical_record_versions (provider_id);
create index medical_record_versions_replaced_by_idx
  on medical_record_versions (replaced_by) where replaced_by is not null;

create function keep_record_version() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  insert into medical_record_versions (
    record_id, version, patient_id, provider_id, appointment_id, record_type, content, diagnosis,
    treatment, notes, is_patient_visible, release_date, custom_data, is_archived, written_at, replaced_by
  ) values (
    old.id, old.version, old.patient_id, old.provider_id, old.appointment_id, old.record_type,
    old.content, old.diagnosis, old.treatment, old.notes, old.is_patient_visible, old.release_date,
    old.custom_data, old.is_archived, old.updated_at, actor_user()
  );
  return null;
end
$$;

create trigger keep_record_version after update on medical_records
for each row execute function keep_record_version();

call govern('medical_records');
call secure('medical_record_versions');
