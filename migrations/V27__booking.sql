-- What a booking for time to come must keep to. Time past is written up as it was.

-- Whether every minute from `begins` on lies within the hours: local clock times of the zone, on
-- dates with exceptions these alone. `to` at 00:00 is the day's end.
create function within_hours(schedule jsonb, begins timestamptz, minutes integer) returns boolean
language sql stable parallel safe set search_path = pg_catalog
return (
  select coalesce(bool_and(
    case
      when exists (
        select from jsonb_array_elements(schedule -> 'exceptions') as e
        where (e ->> 'date')::date = local.moment::date
      ) then exists (
        select from jsonb_array_elements(schedule -> 'exceptions') as e
        where (e ->> 'date')::date = local.moment::date
          and local.moment::time >= (e ->> 'from')::time
          and local.moment::time < coalesce(nullif((e ->> 'to')::time, '00:00'), '24:00')
      )
      else exists (
        select from jsonb_array_elements(schedule -> 'weekly') as w
        where w ->> 'weekday' = to_char(local.moment, 'DY')
          and local.moment::time >= (w ->> 'from')::time
          and local.moment::time < coalesce(nullif((w ->> 'to')::time, '00:00'), '24:00')
      )
    end
  ), false)
  from generate_series(
    date_trunc('minute', begins),
    begins + make_interval(mins => minutes) - interval '1 microsecond',
    interval '1 minute'
  ) as minute
  cross join lateral (select minute at time zone (schedule ->> 'time_zone') as moment) as local
);

-- Nobody is booked with whose licence isn't verified. Who keeps the calendar (the provider, or an
-- actor of reach ALL) may book outside of the hours and at short notice; without hours, only they.
-- SECURITY DEFINER: what must be true of the data doesn't depend on what the actor sees.
create function check_booking() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  provider record;
  refused text;
begin
  select v.is_verified, v.is_archived, v.schedule,
    make_interval(mins => coalesce((v.schedule ->> 'lead_minutes')::integer, 60)) as lead
  into provider from providers v where v.id = new.provider_id;
  if not found then
    return new; -- the foreign key's to say
  end if;
  refused := case
    when provider.is_archived then 'appointments_provider_practises'
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

-- Outside of a request, as in a migration, nobody books. Impossible lengths are the CHECK's to refuse.
create trigger check_booking before insert on appointments
for each row when (
  new.status = 'SCHEDULED' and new.scheduled_at > now() and new.duration_minutes between 1 and 1440
  and reach('appointments:write') is not null
) execute function check_booking();

create trigger check_move before update of scheduled_at, duration_minutes on appointments
for each row when (
  (new.scheduled_at, new.duration_minutes) is distinct from (old.scheduled_at, old.duration_minutes)
  and new.status = 'SCHEDULED' and new.scheduled_at > now() and new.duration_minutes between 1 and 1440
  and reach('appointments:write') is not null
) execute function check_booking();

-- When a provider is taken, and nothing of by whom. SECURITY DEFINER: who looks for free time
-- doesn't see others' visits.
create function taken_times(p_provider uuid, p_from timestamptz, p_to timestamptz)
returns table (begins timestamptz, ends timestamptz)
language sql stable security definer parallel safe set search_path = pg_catalog, public
begin atomic
  select lower(a.slot), upper(a.slot)
  from appointments a
  where a.provider_id = p_provider and a.status = 'SCHEDULED' and a.slot && tstzrange(p_from, p_to)
  order by a.slot;
end;

grant execute on function taken_times(uuid, timestamptz, timestamptz) to caretrail_app;
