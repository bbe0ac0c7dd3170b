-- Verification can be withdrawn, and a booking is held to what stands at the moment that it is made.

alter table providers
  -- Why the licence no longer counts as verified.
  add column withdrawal_reason text constraint providers_withdrawal_reason_length
    check (length(withdrawal_reason) between 1 and 500),
  add constraint providers_withdrawn check (not is_verified or withdrawal_reason is null);

-- As in V25; what is inserted, too, is by column.
revoke insert on providers from caretrail_app;
grant insert (id, user_id, license_number, specialties, certifications, schedule, custom_data, custom_data_version)
  on providers to caretrail_app;
grant update (withdrawal_reason) on providers to caretrail_app;

-- As in V25, with the reason, which is the old licence's.
create or replace function check_provider_change() returns trigger
language plpgsql as $$
begin
  if reach('providers:update') = 'OWN'
    and (new.license_number, new.certifications, new.is_verified, new.verified_at, new.verified_by,
        new.withdrawal_reason, new.is_archived)
      is distinct from
      (old.license_number, old.certifications, old.is_verified, old.verified_at, old.verified_by,
        old.withdrawal_reason, old.is_archived)
  then
    raise exception 'a provider changes her hours and fields'
      using errcode = 'insufficient_privilege', constraint = 'providers_own_change';
  end if;
  if new.license_number <> old.license_number then
    new.is_verified := false;
    new.verified_at := null;
    new.verified_by := null;
    new.withdrawal_reason := null;
  end if;
  return new;
end
$$;

drop trigger check_provider_change on providers;
create trigger check_provider_change
before update of license_number, certifications, is_verified, verified_at, verified_by, withdrawal_reason,
  is_archived on providers
for each row execute function check_provider_change();

-- As in V37, with the reason, for her and for who verifies.
create or replace view provider_profiles with (security_invoker = true) as
select
  v.id, v.user_id, u.first_name, u.last_name, v.license_number, v.specialties, v.certifications,
  v.schedule, v.rating::float8 as rating, v.total_reviews, v.is_verified,
  v.created_at, v.updated_at, v.is_archived, v.version, v.verified_at, v.verified_by,
  v.custom_data, v.custom_data_version,
  case when v.id = actor_provider() or reach('providers:verify') = 'ALL' then v.withdrawal_reason end
    as withdrawal_reason
from providers v
join user_profiles u on u.id = v.user_id;

-- Names that PostgreSQL takes for abbreviations of a fixed offset are zones with a summer time
-- elsewhere, such as CET.
create or replace function check_schedule() returns trigger
language plpgsql as $$
begin
  perform now() at time zone (new.schedule ->> 'time_zone');
  if exists (
    select from pg_timezone_abbrevs
    where abbrev = upper(new.schedule ->> 'time_zone') and abbrev not in ('UTC', 'GMT')
  ) then
    raise invalid_parameter_value;
  end if;
  return new;
exception when invalid_parameter_value then
  raise exception 'an unknown time zone'
    using errcode = 'check_violation', constraint = 'providers_schedule_time_zone';
end
$$;

-- As in V27, but dates are compared as they are written: some that a schedule may name are none to
-- PostgreSQL. `offset 0` keeps the planner from making them once an exception.
create or replace function within_hours(schedule jsonb, begins timestamptz, minutes integer) returns boolean
language sql stable parallel safe set search_path = pg_catalog
return (
  select coalesce(bool_and(
    case
      when exists (
        select from jsonb_array_elements(schedule -> 'exceptions') as e where e ->> 'date' = local.date
      ) then exists (
        select from jsonb_array_elements(schedule -> 'exceptions') as e
        where e ->> 'date' = local.date
          and local.time >= (e ->> 'from')::time
          and local.time < coalesce(nullif((e ->> 'to')::time, '00:00'), '24:00')
      )
      else exists (
        select from jsonb_array_elements(schedule -> 'weekly') as w
        where w ->> 'weekday' = local.weekday
          and local.time >= (w ->> 'from')::time
          and local.time < coalesce(nullif((w ->> 'to')::time, '00:00'), '24:00')
      )
    end
  ), false)
  from generate_series(
    date_trunc('minute', begins),
    begins + make_interval(mins => minutes) - interval '1 microsecond',
    interval '1 minute'
  ) as minute
  cross join lateral (
    select moment::time as time, to_char(moment, 'YYYY-MM-DD') as date, to_char(moment, 'DY') as weekday
    from (select minute at time zone (schedule ->> 'time_zone') as moment) as clock
    offset 0
  ) as local
);

alter table appointments
  -- What a timestamp of the API can hold, its end included.
  add constraint appointments_scheduled_at_range
    check (scheduled_at >= '1850-01-01T00:00Z' and scheduled_at < '2200-01-01T00:00Z');

-- The derived and the filled columns are nobody's to write.
revoke insert, update on appointments from caretrail_app;
grant insert (
  id, patient_id, provider_id, scheduled_at, duration_minutes, location, notes, external_id, custom_data,
  custom_data_version
) on appointments to caretrail_app;
grant update (
  scheduled_at, duration_minutes, status, location, notes, change_reason, rating, rated_at, custom_data,
  custom_data_version, is_archived, archived_at, archived_by
) on appointments to caretrail_app;

-- As in V6. No range ends before it begins: an impossible length is the CHECK's to refuse.
create or replace function fill_slot() returns trigger
language plpgsql as $$
begin
  new.slot := tstzrange(
    new.scheduled_at, new.scheduled_at + make_interval(mins => greatest(new.duration_minutes, 0))
  );
  return new;
end
$$;

-- As in V27. Provider and patient are locked: what is read of them stands until the booking does, and
-- who archives or changes them meanwhile waits, and sees it. Who can't sign in sees no patients.
create or replace function check_booking() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  provider record;
  patient_left boolean;
  refused text;
begin
  select v.is_verified, v.is_archived or u.is_archived or u.status <> 'ACTIVE' as is_away, v.schedule,
    make_interval(mins => coalesce((v.schedule ->> 'lead_minutes')::integer, 60)) as lead
  into provider
  from providers v join user_profiles u on u.id = v.user_id
  where v.id = new.provider_id
  for share of v;
  if not found then
    return new; -- the foreign key's to say
  end if;
  select p.is_archived into patient_left from patients p where p.id = new.patient_id for share;
  refused := case
    when patient_left then 'appointments_patient_registered'
    when provider.is_away then 'appointments_provider_practises'
    when not provider.is_verified then 'appointments_provider_verified'
    when reach('appointments:write') = 'ALL' or new.provider_id = actor_provider() then null
    when provider.schedule is null
      or not within_hours(provider.schedule, new.scheduled_at, new.duration_minutes)
      then 'appointments_within_hours'
    when new.scheduled_at < now() + provider.lead then 'appointments_lead_time'
  end;
  if refused is not null then
    raise exception 'this time can''t be booked' using errcode = 'check_violation', constraint = refused;
  end if;
  return new;
end
$$;

-- Who leaves keeps no provider waiting.
create function refuse_archiving_patient_with_visits() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if exists (
    select from appointments
    where patient_id = new.id and status = 'SCHEDULED' and not is_archived and scheduled_at > now()
  ) then
    raise exception 'visits are to come'
      using errcode = 'check_violation', constraint = 'patients_without_visits';
  end if;
  return new;
end
$$;

create trigger refuse_archiving_patient_with_visits before update of is_archived on patients
for each row when (new.is_archived and not old.is_archived)
execute function refuse_archiving_patient_with_visits();
