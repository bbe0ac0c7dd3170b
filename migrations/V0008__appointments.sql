-- Visits between patients and providers. The database makes double booking impossible: two visits of one
-- provider or one patient never overlap while they are SCHEDULED or CHECKED_IN.

create type appointment_status as enum ('SCHEDULED', 'CHECKED_IN', 'COMPLETED', 'CANCELLED', 'NO_SHOW');

create table appointments (
  id uuid primary key,
  patient_id uuid not null references patients (id),
  provider_id uuid not null references providers (id),
  -- Within what the API's timestamps can hold, the visit's end included.
  scheduled_at timestamptz not null constraint appointments_scheduled_at_range
    check (scheduled_at >= '1850-01-01T00:00Z' and scheduled_at < '2200-01-01T00:00Z'),
  duration_minutes integer not null
    constraint appointments_duration_minutes_range check (duration_minutes between 1 and 1440),
  -- A trigger fills it: timestamptz + interval is not immutable, so it can't be a generated column.
  slot tstzrange not null,
  status appointment_status not null default 'SCHEDULED',
  location jsonb constraint appointments_location_object check (jsonb_typeof(location) = 'object'),
  notes text constraint appointments_notes_length check (length(notes) <= 10000),
  -- Why the visit was last moved or cancelled.
  change_reason text constraint appointments_change_reason_length
    check (length(change_reason) between 1 and 500),
  -- The patient's rating of a completed visit.
  rating integer constraint appointments_rating_range check (rating between 1 and 5),
  rated_at timestamptz,
  -- Whether somebody other than an importer changed what an import writes: see `guard_import`.
  is_changed_here boolean not null default false,
  -- The system that the visit was imported from, and the visit's identifier there. They make an import repeatable.
  source_system text constraint appointments_source_system_form check (is_identifier(source_system, 255)),
  external_id text constraint appointments_external_id_form check (is_identifier(external_id, 255)),
  custom_data jsonb constraint appointments_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  custom_data_version integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint appointments_external_id_key unique (external_id, source_system),
  constraint appointments_imported check ((external_id is null) = (source_system is null)),
  constraint appointments_archived check (is_archived = (archived_at is not null)),
  -- An archived visit takes nobody's time.
  constraint appointments_archived_settled check (not (is_archived and status in ('SCHEDULED', 'CHECKED_IN'))),
  constraint appointments_custom_data_versioned check ((custom_data is null) = (custom_data_version is null)),
  constraint appointments_rated check ((rating is null) = (rated_at is null)),
  constraint appointments_rated_completed check (rating is null or status = 'COMPLETED'),
  -- Medical records and files prove by this key that their visit is their patient's.
  constraint appointments_id_patient_id_key unique (id, patient_id),
  constraint appointments_provider_no_overlap
    exclude using gist (provider_id with =, slot with &&) where (status in ('SCHEDULED', 'CHECKED_IN')),
  constraint appointments_patient_no_overlap
    exclude using gist (patient_id with =, slot with &&) where (status in ('SCHEDULED', 'CHECKED_IN'))
);

create index appointments_patient_idx on appointments (patient_id, scheduled_at, id) include (is_archived);
create index appointments_provider_idx on appointments (provider_id, scheduled_at, id);
-- For the lists of an importer.
create index appointments_source_idx on appointments (source_system, scheduled_at, id) where source_system is not null;
create index appointments_scheduled_idx on appointments (scheduled_at, id);
create index appointments_archived_by_idx on appointments (archived_by) where archived_by is not null;
create index appointments_rated_idx on appointments (provider_id) include (rating)
  where rating is not null and not is_archived;
-- For lists by status. Under row-level security an index serves only leakproof comparisons, and the
-- comparison of enums is not leakproof. A partial index needs no comparison.
create index appointments_to_come_idx on appointments (scheduled_at, id) where status = 'SCHEDULED';
create index appointments_patient_to_come_idx on appointments (patient_id, scheduled_at, id)
  where status = 'SCHEDULED';
create index appointments_provider_to_come_idx on appointments (provider_id, scheduled_at, id)
  where status = 'SCHEDULED';
create index appointments_cancelled_idx on appointments (scheduled_at, id) where status = 'CANCELLED';
create index appointments_checked_in_idx on appointments (scheduled_at, id) where status = 'CHECKED_IN';
create index appointments_no_show_idx on appointments (scheduled_at, id) where status = 'NO_SHOW';

call govern('appointments');

-- Whose visits the actor moves, cancels and annotates: patients their own and those of a patient whom they
-- represent, providers those with themselves, even if another provider also treats the patient, and importers those of
-- their source system.
create function changes_visit(patient uuid, provider uuid, source text) returns boolean
language sql stable parallel safe
return case reach('appointments:write')
  when 'ALL' then true
  when 'CARE' then provider = actor_provider()
  when 'OWN' then patient = actor_patient() or acts_for(patient)
  when 'SOURCE' then source is not distinct from actor_source()
  else false
end;
grant execute on function changes_visit(uuid, uuid, text) to caretrail_app;

-- Whether the actor records that the patient came or didn't: for visits with themselves, for those of patients in their
-- care, and for those of their source system.
create function records_attendance(patient uuid, provider uuid, source text) returns boolean
language sql stable parallel safe
return (reach('appointments:attendance') is not null and provider = actor_provider())
  or reaches('appointments:attendance', patient, source);
grant execute on function records_attendance(uuid, uuid, text) to caretrail_app;

-- Whether the actor confirms that the visit took place: its provider, or an importer of its source system.
create function completes_visit(provider uuid, source text) returns boolean
language sql stable parallel safe
return case
  when reach('appointments:complete') = 'SOURCE' then source is not distinct from actor_source()
  else reach('appointments:complete') is not null and provider = actor_provider()
end;
grant execute on function completes_visit(uuid, text) to caretrail_app;

-- Whether the actor archives the visit, and sees it afterwards.
create function archives_visit(source text) returns boolean
language sql stable parallel safe
return case reach('appointments:archive')
  when 'ALL' then true
  when 'SOURCE' then source is not distinct from actor_source()
  else false
end;
grant execute on function archives_visit(text) to caretrail_app;

create policy appointments_read on appointments for select to caretrail_app
  using (
    (reach('appointments:read') is not null and provider_id = (select actor_provider()))
    or case (select reach('appointments:read'))
      when 'SOURCE' then source_system = (select actor_source())
      else reaches('appointments:read', patient_id)
    end
  );
create policy appointments_create on appointments for insert to caretrail_app
  with check (
    reaches('appointments:write', patient_id) and writes_from('appointments:write', provider_id, source_system)
  );
create policy appointments_update on appointments for update to caretrail_app
  using (
    changes_visit(patient_id, provider_id, source_system)
    or records_attendance(patient_id, provider_id, source_system)
    or completes_visit(provider_id, source_system)
    or (
      reach('appointments:rate') = 'OWN'
      and (patient_id = (select actor_patient()) or acts_for(patient_id))
    )
    or archives_visit(source_system)
  );

-- Functions can't write `slot`, and can't change whose visit it is.
grant select on appointments to caretrail_app;
grant insert (
  id, patient_id, provider_id, scheduled_at, duration_minutes, location, notes, source_system, external_id,
  custom_data, custom_data_version
) on appointments to caretrail_app;
grant update (
  scheduled_at, duration_minutes, status, location, notes, change_reason, rating, rated_at, custom_data,
  custom_data_version, is_archived, archived_at, archived_by
) on appointments to caretrail_app;

create trigger check_import before insert on appointments
for each row when (new.external_id is not null) execute function check_import();

create trigger guard_import before update on appointments
for each row when (new.source_system is not null) execute function guard_import('{slot,change_reason,rating,rated_at}');

-- A range must not end before it begins. A CHECK refuses an impossible duration afterwards.
create function fill_slot() returns trigger
language plpgsql as $$
begin
  new.slot := tstzrange(
    new.scheduled_at, new.scheduled_at + make_interval(mins => greatest(new.duration_minutes, 0))
  );
  return new;
end
$$;

create trigger fill_slot before insert or update of scheduled_at, duration_minutes, slot on appointments
for each row execute function fill_slot();

-- Patients book only future visits. Providers may also record a visit that took place.
create function refuse_past_booking() returns trigger
language plpgsql as $$
begin
  if reach('appointments:write') = 'OWN' and new.scheduled_at <= now() then
    raise exception 'patients can book only future visits'
      using errcode = 'check_violation', constraint = 'appointments_not_past';
  end if;
  return new;
end
$$;

create trigger refuse_past_booking before insert or update of scheduled_at on appointments
for each row execute function refuse_past_booking();

-- Nobody is born in the future, and nobody visits or dies before they are born. Of a month or year of birth the first
-- day counts. A day begins up to fourteen hours earlier than in UTC, depending on the time zone.
create function day_begins(day date) returns timestamptz
language sql immutable
return (day::timestamp at time zone 'UTC') - interval '14 hours';

create function check_birth() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  born constant timestamptz := day_begins(first_day(new.date_of_birth));
  died constant text := new.deceased ->> 'at';
begin
  if born > now() then
    raise exception 'nobody is born in the future'
      using errcode = 'check_violation', constraint = 'patients_date_of_birth_range';
  end if;
  if tg_op = 'UPDATE' and exists (
    select from appointments where patient_id = new.id and scheduled_at < born
  ) then
    raise exception 'the patient has an earlier visit'
      using errcode = 'check_violation', constraint = 'patients_born_before_visits';
  end if;
  if (case
    when length(died) > 10 then died::timestamptz < born
    else left(died, length(new.date_of_birth)) < left(new.date_of_birth, length(died))
  end) then
    raise exception 'nobody dies before they are born'
      using errcode = 'check_violation', constraint = 'patients_died_after_birth';
  end if;
  return new;
end
$$;

create trigger check_birth before insert or update of date_of_birth, deceased on patients
for each row execute function check_birth();

-- SECURITY DEFINER, because the rule must not depend on what the actor sees. The lock makes a simultaneous change of
-- the date of birth wait, so its trigger sees this visit.
create function refuse_visit_before_birth() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  born date;
begin
  select first_day(p.date_of_birth) into born from patients p where p.id = new.patient_id for share;
  if new.scheduled_at < day_begins(born) then
    raise exception 'the patient isn''t born yet'
      using errcode = 'check_violation', constraint = 'appointments_after_birth';
  end if;
  return new;
end
$$;

create trigger refuse_visit_before_birth before insert or update of scheduled_at on appointments
for each row execute function refuse_visit_before_birth();

-- An import corrects the time of a visit that took place, too.
create function check_visit_change() returns trigger
language plpgsql as $$
begin
  if (new.scheduled_at, new.duration_minutes) is distinct from (old.scheduled_at, old.duration_minutes)
    and old.status <> 'SCHEDULED' and reach('appointments:write') is distinct from 'SOURCE' then
    raise exception 'only a scheduled visit can be moved'
      using errcode = 'check_violation', constraint = 'appointments_moved_scheduled';
  end if;
  if reach('appointments:write') = 'OWN' and (old.status <> 'SCHEDULED' or old.scheduled_at <= now()) then
    raise exception 'patients can change only visits to come'
      using errcode = 'check_violation', constraint = 'appointments_changed_to_come';
  end if;
  return new;
end
$$;

create trigger check_visit_change
before update of scheduled_at, duration_minutes, status, location, notes, custom_data, custom_data_version
on appointments
for each row execute function check_visit_change();

-- A rating can't be changed.
create function check_rating() returns trigger
language plpgsql as $$
begin
  if old.rating is not null and (new.rating, new.rated_at) is distinct from (old.rating, old.rated_at) then
    raise exception 'a visit can be rated only once'
      using errcode = 'check_violation', constraint = 'appointments_rated_once';
  end if;
  return new;
end
$$;

create trigger check_rating before update of rating, rated_at on appointments
for each row execute function check_rating();

-- A policy decides about rows, this trigger about columns and states. It repeats what the functions ask, so that a
-- caller who gets past a function can neither complete nor rate a visit to come.
create function guard_visit() returns trigger
language plpgsql as $$
begin
  if by_migration() then
    return new;
  end if;
  if (new.scheduled_at, new.duration_minutes, new.location, new.custom_data, new.change_reason)
      is distinct from (old.scheduled_at, old.duration_minutes, old.location, old.custom_data, old.change_reason)
    and not changes_visit(old.patient_id, old.provider_id, old.source_system)
  then
    raise exception 'only those whose visit it is can change this field' using errcode = 'insufficient_privilege';
  end if;
  if new.notes is distinct from old.notes and new.status <> 'COMPLETED'
    and not changes_visit(old.patient_id, old.provider_id, old.source_system)
  then
    raise exception 'only those whose visit it is can change its notes' using errcode = 'insufficient_privilege';
  end if;
  if new.is_archived <> old.is_archived and not archives_visit(old.source_system) then
    raise exception 'the caller may not archive visits' using errcode = 'insufficient_privilege';
  end if;
  if (new.rating, new.rated_at) is distinct from (old.rating, old.rated_at)
    and not (new.scheduled_at <= now() and reaches('appointments:rate', old.patient_id))
  then
    raise exception 'only the patient can rate a visit, after it has begun' using errcode = 'insufficient_privilege';
  end if;
  if new.status <> old.status and not (
    case new.status
      when 'CANCELLED' then old.status in ('SCHEDULED', 'CHECKED_IN')
        and changes_visit(old.patient_id, old.provider_id, old.source_system)
      when 'CHECKED_IN' then old.status in ('SCHEDULED', 'NO_SHOW')
        and new.scheduled_at <= now() + interval '12 hours'
        and records_attendance(old.patient_id, old.provider_id, old.source_system)
      when 'NO_SHOW' then old.status = 'SCHEDULED' and new.scheduled_at <= now()
        and records_attendance(old.patient_id, old.provider_id, old.source_system)
      when 'COMPLETED' then old.status in ('SCHEDULED', 'CHECKED_IN') and new.scheduled_at <= now()
        and completes_visit(old.provider_id, old.source_system)
      else false
    end
  ) then
    raise exception 'the caller can''t bring the visit into this state' using errcode = 'insufficient_privilege';
  end if;
  return new;
end
$$;

create trigger guard_visit before update on appointments
for each row execute function guard_visit();

-- Computes the provider's rating from all visits. The row lock makes simultaneous ratings take turns,
-- and the second statement then sees what was committed while this one waited.
create function derive_provider_rating() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform from providers where id = new.provider_id for update;
  update providers set (rating, total_reviews) = (
    select round(avg(a.rating), 2), count(*)
    from appointments a
    where a.provider_id = new.provider_id and a.rating is not null and not a.is_archived
  )
  where id = new.provider_id;
  return null;
end
$$;

create trigger derive_provider_rating after update on appointments
for each row when (
  new.rating is distinct from old.rating
  or (new.rating is not null and new.is_archived <> old.is_archived)
) execute function derive_provider_rating();

-- For `describe_attempt`: one row with the visit's patient, if the visit exists.
create function target_appointment(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select a.patient_id from appointments a where a.id = target;
end
$$;
