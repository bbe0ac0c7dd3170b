-- Visits between patients and providers (seed A table 4). Double booking is impossible here, not
-- in the code: two SCHEDULED slots of one provider or one patient never overlap.

create type appointment_status as enum ('SCHEDULED', 'COMPLETED', 'CANCELLED');

create table appointments (
  id uuid primary key,
  patient_id uuid not null references patients (id),
  provider_id uuid not null references providers (id),
  scheduled_at timestamptz not null,
  duration_minutes integer not null
    constraint appointments_duration_minutes_range check (duration_minutes between 1 and 1440),
  -- Filled by trigger: timestamptz + interval is not immutable, so it can't be generated.
  slot tstzrange not null,
  status appointment_status not null default 'SCHEDULED',
  location jsonb constraint appointments_location_object check (jsonb_typeof(location) = 'object'),
  notes text constraint appointments_notes_length check (length(notes) <= 10000),
  -- The visit's identifier in the system it came from, so that importing twice changes nothing.
  external_id text constraint appointments_external_id_key unique
    constraint appointments_external_id_length check (length(external_id) between 1 and 255),
  custom_data jsonb constraint appointments_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint appointments_archived check (is_archived = (archived_at is not null)),
  -- Lets a record prove that its visit is its patient's.
  constraint appointments_id_patient_id_key unique (id, patient_id),
  constraint appointments_provider_no_overlap
    exclude using gist (provider_id with =, slot with &&) where (status = 'SCHEDULED'),
  constraint appointments_patient_no_overlap
    exclude using gist (patient_id with =, slot with &&) where (status = 'SCHEDULED')
);

create index appointments_patient_idx on appointments (patient_id, scheduled_at, id);
create index appointments_provider_idx on appointments (provider_id, scheduled_at, id);
create index appointments_care_idx on appointments (provider_id, patient_id) where status <> 'CANCELLED';
create index appointments_scheduled_idx on appointments (scheduled_at, id);
create index appointments_archived_by_idx on appointments (archived_by) where archived_by is not null;

create function fill_slot() returns trigger
language plpgsql as $$
begin
  new.slot := tstzrange(new.scheduled_at, new.scheduled_at + make_interval(mins => new.duration_minutes));
  return new;
end
$$;

create trigger fill_slot before insert or update of scheduled_at, duration_minutes, slot on appointments
for each row execute function fill_slot();

-- A patient books time to come; who treats her may write up a visit that took place.
create function refuse_past_booking() returns trigger
language plpgsql as $$
begin
  if reach('appointments:write') = 'OWN' and new.scheduled_at <= now() then
    raise exception 'a patient books time to come'
      using errcode = 'check_violation', constraint = 'appointments_not_past';
  end if;
  return new;
end
$$;

create trigger refuse_past_booking before insert or update of scheduled_at on appointments
for each row execute function refuse_past_booking();

call govern('appointments');
