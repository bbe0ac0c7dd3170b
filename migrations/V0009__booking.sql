-- Rules for a visit to come. A visit in the past is recorded as it took place.

-- Whether every minute of the visit lies within the provider's hours. Hours are local times of the
-- schedule's zone. On a date with exceptions only these count. A `to` of 00:00 is the end of the day.
-- Dates are compared as text, because a schedule may contain dates that PostgreSQL rejects. `offset 0`
-- keeps the planner from computing them once for each exception.
create function within_hours(schedule jsonb, begins timestamptz, minutes integer) returns boolean
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

-- Refuses a booking if the patient is archived, if the provider is archived or can't sign in, if the
-- licence isn't verified, or if the time is outside of the hours or at too short notice. The provider,
-- and an actor of reach ALL, may book at any time; nobody else books without hours.
--
-- The row locks keep both as they are until the booking commits: a change made meanwhile waits, and then
-- sees the booking. SECURITY DEFINER, because the rules must not depend on what the actor sees.
create function check_booking() returns trigger
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
    return new; -- The foreign key refuses it.
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

-- A migration isn't checked. A CHECK refuses an impossible duration.
create trigger check_booking before insert on appointments
for each row when (
  new.status = 'SCHEDULED' and new.scheduled_at > now() and new.duration_minutes between 1 and 1440
  and not by_migration()
) execute function check_booking();

create trigger check_move before update of scheduled_at, duration_minutes on appointments
for each row when (
  (new.scheduled_at, new.duration_minutes) is distinct from (old.scheduled_at, old.duration_minutes)
  and new.status = 'SCHEDULED' and new.scheduled_at > now() and new.duration_minutes between 1 and 1440
  and not by_migration()
) execute function check_booking();

-- When a provider's time is taken, without saying by whom. SECURITY DEFINER, because a caller who looks
-- for free time does not see other patients' visits.
create function taken_times(p_provider uuid, p_from timestamptz, p_to timestamptz)
returns table (begins timestamptz, ends timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return query
    select lower(a.slot), upper(a.slot)
    from appointments a
    where a.provider_id = p_provider and a.status = 'SCHEDULED' and a.slot && tstzrange(p_from, p_to)
    order by a.slot;
end
$$;

grant execute on function taken_times(uuid, timestamptz, timestamptz) to caretrail_app;
