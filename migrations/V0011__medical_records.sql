-- Entries of the chart. Every update keeps the former version, with its author and reason.

create type record_type as enum (
  'DIAGNOSIS', 'TREATMENT', 'SUMMARY', 'LAB_RESULT', 'PRESCRIPTION', 'IMAGING', 'NOTE',
  'IMMUNIZATION', 'CARE_PLAN'
);

create table medical_records (
  id uuid primary key,
  patient_id uuid not null references patients (id),
  -- Null if a member of the care team wrote it who isn't registered as a provider, such as a nurse.
  provider_id uuid references providers (id),
  -- Null for unsolicited results.
  appointment_id uuid,
  record_type record_type not null,
  content jsonb not null constraint medical_records_content_object check (jsonb_typeof(content) = 'object'),
  diagnosis text constraint medical_records_diagnosis_length check (length(diagnosis) <= 10000),
  treatment text constraint medical_records_treatment_length check (length(treatment) <= 10000),
  notes text constraint medical_records_notes_length check (length(notes) <= 10000),
  -- Both follow the release ledger and nothing else. While an entry is held, `release_date` is the end
  -- of its hold.
  is_patient_visible boolean not null default true,
  release_date timestamptz not null default now(),
  -- Whether it is kept from the patient's representatives. It follows `record_shields` and nothing else: see
  -- V0037__representation.sql.
  is_shielded boolean not null default false,
  -- The author of this version, and why it replaced the one before. The first version needs no reason.
  changed_by uuid references user_profiles (id),
  change_reason text constraint medical_records_change_reason_length
    check (length(change_reason) between 1 and 500),
  -- Whether somebody other than an importer changed what an import writes: see `guard_import`.
  is_changed_here boolean not null default false,
  -- The system that the entry was imported from, and the entry's identifier there.
  source_system text constraint medical_records_source_system_form check (is_identifier(source_system, 255)),
  external_id text constraint medical_records_external_id_form check (is_identifier(external_id, 255)),
  custom_data jsonb constraint medical_records_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  custom_data_version integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint medical_records_external_id_key unique (external_id, source_system),
  constraint medical_records_imported check ((external_id is null) = (source_system is null)),
  constraint medical_records_archived check (is_archived = (archived_at is not null)),
  constraint medical_records_change_explained check (version = 1 or change_reason is not null),
  constraint medical_records_custom_data_versioned check ((custom_data is null) = (custom_data_version is null)),
  constraint medical_records_visible_is_released check (not is_patient_visible or release_date <= updated_at),
  -- Releases and files prove by this key that their entry is their patient's.
  constraint medical_records_id_patient_id_key unique (id, patient_id),
  constraint medical_records_appointment_of_patient
    foreign key (appointment_id, patient_id) references appointments (id, patient_id)
);

create index medical_records_patient_idx on medical_records (patient_id, created_at desc, id desc)
  include (is_archived);
create index medical_records_provider_idx on medical_records (provider_id, created_at desc, id desc);
-- For the lists of an importer.
create index medical_records_source_idx on medical_records (source_system, created_at desc, id desc)
  where source_system is not null;
create index medical_records_appointment_idx on medical_records (appointment_id, patient_id);
create index medical_records_archived_by_idx on medical_records (archived_by) where archived_by is not null;
create index medical_records_changed_by_idx on medical_records (changed_by) where changed_by is not null;
create index medical_records_held_idx on medical_records (patient_id, release_date)
  where not is_patient_visible;
-- Newest first over every chart, for a role whose reach is ALL.
create index medical_records_created_idx on medical_records (created_at desc, id desc);

call govern('medical_records');

-- Patients and their representatives see what is released (45 CFR 171, 21st Century Cures Act) and not archived.
-- Representatives see nothing that is shielded.
create policy medical_records_read on medical_records for select to caretrail_app
  using (
    case (select reach('records:read'))
      when 'OWN' then (patient_id = (select actor_patient()) or (not is_shielded and represents(patient_id)))
        and not is_archived
        and (is_patient_visible or release_date <= now())
      when 'CARE' then in_care(patient_id) or in_emergency(patient_id)
      when 'SOURCE' then source_system = (select actor_source())
      when 'ALL' then true
      else false
    end
  );
-- Everybody writes in their own name, except importers, who write in the name of providers of their source system.
create policy medical_records_create on medical_records for insert to caretrail_app
  with check (
    adds_records(patient_id)
    and case (select reach('records:write'))
      when 'SOURCE' then writes_from('records:write', provider_id, source_system)
      else provider_id is not distinct from (select actor_provider())
    end
  );
create policy medical_records_update on medical_records for update to caretrail_app
  using (reaches('records:write', patient_id, source_system))
  with check (reaches('records:write', patient_id, source_system));

-- Functions can't write what follows the ledger, and can't change whose entry it is.
grant select on medical_records to caretrail_app;
grant insert (
  id, patient_id, provider_id, appointment_id, record_type, content, diagnosis, treatment, notes,
  source_system, external_id, custom_data, custom_data_version
) on medical_records to caretrail_app;
grant update (
  content, diagnosis, treatment, notes, change_reason, custom_data, custom_data_version, is_archived,
  archived_at, archived_by
) on medical_records to caretrail_app;

create trigger check_import before insert on medical_records
for each row when (new.external_id is not null) execute function check_import();

create trigger guard_import before update on medical_records
for each row when (new.source_system is not null) execute function guard_import(
  '{is_patient_visible,release_date,is_shielded,changed_by,change_reason}'
);

create function sign_change() returns trigger
language plpgsql as $$
begin
  new.changed_by := actor_user();
  return new;
end
$$;

create trigger sign_change before insert or update on medical_records
for each row execute function sign_change();

-- Every former version of an entry.
create table medical_record_versions (
  record_id uuid not null references medical_records (id),
  version integer not null,
  patient_id uuid not null references patients (id),
  provider_id uuid references providers (id),
  appointment_id uuid,
  record_type record_type not null,
  content jsonb not null,
  diagnosis text,
  treatment text,
  notes text,
  is_patient_visible boolean not null,
  release_date timestamptz not null,
  is_shielded boolean not null,
  custom_data jsonb,
  custom_data_version integer,
  is_archived boolean not null,
  written_at timestamptz not null,
  written_by uuid references user_profiles (id),
  change_reason text,
  replaced_at timestamptz not null default now(),
  replaced_by uuid references user_profiles (id),
  primary key (record_id, version)
);

create index medical_record_versions_patient_idx on medical_record_versions (patient_id);
create index medical_record_versions_provider_idx on medical_record_versions (provider_id);
create index medical_record_versions_written_by_idx
  on medical_record_versions (written_by) where written_by is not null;
create index medical_record_versions_replaced_by_idx
  on medical_record_versions (replaced_by) where replaced_by is not null;

call secure('medical_record_versions');
call guard_deletions('medical_record_versions', 'record_id');
-- Patients never see a version that was replaced before its hold ended, nor representatives one that was shielded.
create policy medical_record_versions_read on medical_record_versions for select to caretrail_app
  using (
    (select reach('records:read')) in ('OWN', 'CARE', 'SOURCE', 'ALL')
    and exists (select from medical_records r where r.id = record_id)
    and ((select reach('records:read')) <> 'OWN' or (
      (is_patient_visible or release_date <= replaced_at)
      and (not is_shielded or patient_id = (select actor_patient()))
    ))
  );
grant select on medical_record_versions to caretrail_app;

create function keep_record_version() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  insert into medical_record_versions (
    record_id, version, patient_id, provider_id, appointment_id, record_type, content, diagnosis,
    treatment, notes, is_patient_visible, release_date, is_shielded, custom_data, custom_data_version, is_archived,
    written_at, written_by, change_reason, replaced_by
  ) values (
    old.id, old.version, old.patient_id, old.provider_id, old.appointment_id, old.record_type,
    old.content, old.diagnosis, old.treatment, old.notes, old.is_patient_visible, old.release_date, old.is_shielded,
    old.custom_data, old.custom_data_version, old.is_archived, old.updated_at, old.changed_by,
    old.change_reason, actor_user()
  );
  return null;
end
$$;

create trigger keep_record_version after update on medical_records
for each row execute function keep_record_version();

-- For `describe_attempt`: one row with the entry's patient, if the entry exists.
create function target_medical_record(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select r.patient_id from medical_records r where r.id = target;
end
$$;
