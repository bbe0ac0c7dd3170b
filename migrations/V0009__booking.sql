-- Rules for a visit to come. A visit in the past is recorded as it took place.

-- Whether every minute of the visit lies within the provider's hours. `domain::schedule` states the same
-- rule for the free slots.
--
-- Hours are local times of the schedule's zone. They belong to the date on which they begin, and end on the
-- next date if `to` is not after `from`. On a date with exceptions only these begin, and weekly hours of the
-- date before end at midnight. Dates are compared as text, because a schedule may contain dates that
-- PostgreSQL rejects.
create function within_hours(schedule jsonb, begins timestamptz, minutes integer) returns boolean
language sql stable parallel safe set search_path = pg_catalog
begin atomic
  with visit as (
    select minute at time zone (schedule ->> 'time_zone') as moment
    from generate_series(
      date_trunc('minute', begins),
      begins + make_interval(mins => minutes) - interval '1 microsecond',
      interval '1 minute'
    ) as minute
  ), exceptional as (
    select e.date, e."from", e."to"
    from jsonb_to_recordset(schedule -> 'exceptions') as e (date text, "from" time, "to" time)
  ), hours as (
    select midnight, coalesce(e."from", w."from") as "from", coalesce(e."to", w."to") as "to",
      e.date is null and exists (
        select from exceptional where date = to_char(midnight + interval '1 day', 'YYYY-MM-DD')
      ) as is_cut
    from generate_series(
      (select date_trunc('day', min(moment)) - interval '1 day' from visit),
      (select max(moment) from visit),
      interval '1 day'
    ) as midnight
    left join exceptional as e on e.date = to_char(midnight, 'YYYY-MM-DD')
    left join jsonb_to_recordset(schedule -> 'weekly') as w (weekday text, "from" time, "to" time)
      on e.date is null and w.weekday = to_char(midnight, 'DY')
  ), opened as materialized (
    select range_agg(tsrange(
      midnight + "from",
      case
        when "to" > "from" then midnight + "to"
        when is_cut then midnight + interval '1 day'
        else midnight + "to" + interval '1 day'
      end
    )) as hours
    from hours
    where "from" is not null
  )
  select coalesce(bool_and(opened.hours @> visit.moment), false) from visit cross join opened;
end;

-- Refuses a booking if the patient is archived or has died, if the provider is archived or can't sign in, if the
-- licence isn't verified, if the visit is longer than the provider's maximum or beyond their booking horizon,
-- or if the time is outside of the hours or at too short notice. The provider, and an actor of reach ALL, may
-- book outside of the hours and at any notice; nobody else books without hours. What an importer brings in was booked
-- elsewhere, so only the first two rules hold for it.
--
-- The row locks keep both, and their accounts, as they are until the booking commits: a change made meanwhile
-- waits, and then sees the booking. SECURITY DEFINER, because the rules must not depend on what the actor sees.
create function check_booking() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  provider record;
  patient record;
  refused text;
begin
  select v.is_verified, v.is_archived or u.is_archived or u.status <> 'ACTIVE' as is_away, v.schedule,
    make_interval(mins => coalesce((v.schedule ->> 'lead_minutes')::integer, 60)) as lead,
    -- In hours, because a day of PostgreSQL can have 23 or 25 of them.
    make_interval(hours => 24 * coalesce((v.schedule ->> 'horizon_days')::integer, 548)) as horizon,
    coalesce((v.schedule ->> 'max_minutes')::integer, 480) as max_minutes
  into provider
  from providers v join user_profiles u on u.id = v.user_id
  where v.id = new.provider_id
  for share;
  if not found then
    return new; -- The foreign key refuses it.
  end if;
  select p.is_archived or u.is_archived as has_left, p.deceased is not null as has_died into patient
  from patients p join user_profiles u on u.id = p.user_id
  where p.id = new.patient_id
  for share;
  refused := case
    when patient.has_left then 'appointments_patient_registered'
    when patient.has_died then 'appointments_patient_alive'
    when provider.is_away then 'appointments_provider_practises'
    when reach('appointments:write') = 'SOURCE' then null
    when not provider.is_verified then 'appointments_provider_verified'
    when new.duration_minutes > provider.max_minutes then 'appointments_longest'
    when new.scheduled_at > now() + provider.horizon then 'appointments_horizon'
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

-- A migration isn't checked. A CHECK refuses an impossible time or duration.
create trigger check_booking before insert on appointments
for each row when (
  new.status = 'SCHEDULED' and new.scheduled_at > now() and new.scheduled_at < '2200-01-01T00:00Z'
  and new.duration_minutes between 1 and 1440 and not by_migration()
) execute function check_booking();

create trigger check_move before update of scheduled_at, duration_minutes on appointments
for each row when (
  (new.scheduled_at, new.duration_minutes) is distinct from (old.scheduled_at, old.duration_minutes)
  and new.status = 'SCHEDULED' and new.scheduled_at > now() and new.scheduled_at < '2200-01-01T00:00Z'
  and new.duration_minutes between 1 and 1440 and not by_migration()
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
    where writes_from('providers:read', p_provider, actor_source())
      and a.provider_id = p_provider and a.status in ('SCHEDULED', 'CHECKED_IN')
      and a.slot && tstzrange(p_from, p_to)
    order by a.slot;
end
$$;

grant execute on function taken_times(uuid, timestamptz, timestamptz) to caretrail_app;

-- A patient or provider with visits to come can't be archived, and neither can their account: nobody is left
-- waiting. An account that must lose its access at once is suspended instead.
create function refuse_archiving_with_visits() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its_patient uuid := new.id;
  its_provider uuid := new.id;
begin
  if tg_table_name = 'user_profiles' then
    its_patient := (select id from patients where user_id = new.id);
    its_provider := (select id from providers where user_id = new.id);
  end if;
  if exists (
    select from appointments
    where (patient_id = its_patient or provider_id = its_provider)
      and status in ('SCHEDULED', 'CHECKED_IN') and scheduled_at > now()
  ) then
    raise exception 'visits are to come'
      using errcode = 'check_violation', constraint = tg_table_name || '_without_visits';
  end if;
  return new;
end
$$;

create trigger refuse_archiving_with_visits before update of is_archived on patients
for each row when (new.is_archived and not old.is_archived) execute function refuse_archiving_with_visits();

create trigger refuse_archiving_with_visits before update of is_archived on providers
for each row when (new.is_archived and not old.is_archived) execute function refuse_archiving_with_visits();

create trigger refuse_archiving_with_visits before update of is_archived on user_profiles
for each row when (new.is_archived and not old.is_archived) execute function refuse_archiving_with_visits();
