-- Reminders of visits: the business event `appointment.due.v1`, which remind-appointments writes at the clinic's offsets
-- ahead of each visit (docs/decisions/0036-appointment-reminders.md).
--
-- A reminder is planned when its visit is booked or moved, and its row is deleted in the transaction that writes the
-- event. So an event is written once, and what was not planned is never written.

-- Whether these can be the clinic's offsets: at most ten, each of days, hours and minutes, between 5 minutes and 30 days,
-- and no two of the same length.
create function are_reminder_offsets(offsets interval[]) returns boolean
language sql immutable parallel safe
return cardinality(offsets) <= 10 and array_position(offsets, null) is null and (
  select count(distinct o.before) = count(*) and coalesce(bool_and(
    o.before between interval '5 minutes' and interval '30 days'
    and extract(year from o.before) = 0 and extract(month from o.before) = 0 and extract(day from o.before) >= 0
    and o.before - make_interval(days => extract(day from o.before)::integer) >= interval '0'
  ), true)
  from unnest(offsets) as o (before)
);

alter table settings add constraint settings_reminder_offsets_valid check (are_reminder_offsets(reminder_offsets));

-- The moment of a reminder. Whole days mean the same time on the clinic's clock so many days earlier, also over a change
-- to or from daylight saving time. Hours and minutes are elapsed time. If the clock shows the time twice on that day, the
-- later moment counts. If the clock skips the time, the moment is as long after the change as the time is after the
-- beginning of what is skipped.
create function reminder_at(visit timestamptz, before interval, zone text) returns timestamptz
language sql stable parallel safe
return (
  case extract(day from before)
    when 0 then visit
    else (visit at time zone zone - make_interval(days => extract(day from before)::integer)) at time zone zone
  end
) - (before - make_interval(days => extract(day from before)::integer));

-- The reminders to come.
create table appointment_reminders (
  appointment_id uuid not null references appointments (id),
  -- How long before the visit, as the settings had it.
  reminder_offset interval not null,
  due_at timestamptz not null,
  primary key (appointment_id, reminder_offset)
);

create index appointment_reminders_due_idx on appointment_reminders (due_at, appointment_id);

call secure('appointment_reminders');

-- Plans the reminders of a visit anew: those whose moment is to come. A visit that isn't scheduled has none.
create function plan_reminders() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  -- Before the settings are read, so that `follow_reminder_settings` sees these rows, or this sees its settings.
  lock table appointment_reminders in row exclusive mode;
  if tg_op = 'UPDATE' then
    delete from appointment_reminders r where r.appointment_id = new.id;
  end if;
  if new.status = 'SCHEDULED' then
    insert into appointment_reminders (appointment_id, reminder_offset, due_at)
    select new.id, o.before, m.due_at
    from settings s
    cross join unnest(s.reminder_offsets) as o (before)
    cross join lateral reminder_at(new.scheduled_at, o.before, s.time_zone) as m (due_at)
    where m.due_at > now();
  end if;
  return null;
end
$$;

create trigger plan_reminders_of_booking after insert on appointments
for each row when (new.status = 'SCHEDULED' and new.scheduled_at > now()) execute function plan_reminders();

create trigger plan_reminders_of_change after update on appointments
for each row when ((new.scheduled_at, new.status) is distinct from (old.scheduled_at, old.status))
execute function plan_reminders();

-- Applies the clinic's time zone and offsets to the visits to come. Reminders of a former offset are dropped. Those of a
-- new offset are planned if their moment is to come. All others keep their row, so none is written twice or lost.
create function follow_reminder_settings() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  lock table appointment_reminders in share row exclusive mode;
  -- As text, because one day and 24 hours are equal intervals.
  delete from appointment_reminders r where r.reminder_offset::text <> all (new.reminder_offsets::text[]);
  update appointment_reminders r set due_at = reminder_at(a.scheduled_at, r.reminder_offset, new.time_zone)
  from appointments a where a.id = r.appointment_id;
  insert into appointment_reminders (appointment_id, reminder_offset, due_at)
  select a.id, o.before, m.due_at
  from appointments a
  cross join unnest(new.reminder_offsets) as o (before)
  cross join lateral reminder_at(a.scheduled_at, o.before, new.time_zone) as m (due_at)
  where a.status = 'SCHEDULED' and a.scheduled_at > now() and m.due_at > now()
    and o.before::text <> all (old.reminder_offsets::text[]);
  return null;
end
$$;

create trigger follow_reminder_settings after update of time_zone, reminder_offsets on settings
for each row execute function follow_reminder_settings();

-- Writes the events of up to `p_limit` visits with a reminder that is due, and deletes their due reminders. `visits` counts
-- these visits. If several reminders of a visit are due, the one nearest to the visit is written. None is written once
-- the visit has begun or if the patient has died. Another run skips these visits, and so does this run skip a visit that
-- somebody is changing.
--
-- Errors: 42501 the caller may not write reminders.
create function write_due_reminders(p_limit integer, out visits integer, out reminders integer, out patients uuid[])
language plpgsql security definer
set search_path = pg_catalog, public set intervalstyle = 'iso_8601' as $$
declare
  its_id uuid;
  visit appointments;
  nearest interval;
begin
  perform require_actor();
  if reach('appointments:remind') is distinct from 'ALL' then
    raise exception 'the caller may not write reminders' using errcode = 'insufficient_privilege';
  end if;
  visits := 0;
  reminders := 0;
  patients := '{}';
  foreach its_id in array array(
    select r.appointment_id from appointment_reminders r
    where r.due_at <= now() order by r.due_at, r.appointment_id limit p_limit
  )
  loop
    -- Whoever changes a visit locks it before its reminders, too.
    select a.* into visit from appointments a where a.id = its_id for no key update skip locked;
    continue when not found;
    with due as (
      delete from appointment_reminders r where r.appointment_id = its_id and r.due_at <= now() returning r.*
    )
    select d.reminder_offset into nearest from due d order by d.due_at desc, d.reminder_offset limit 1;
    continue when not found;
    visits := visits + 1;
    patients := patients || visit.patient_id;
    continue when visit.scheduled_at <= now()
      or exists (select from patients p where p.id = visit.patient_id and p.deceased is not null);
    perform add_event(
      'appointment.due.v1',
      'appointments/' || visit.id,
      event_data(visit.version, null, jsonb_build_object(
        'appointment_id', visit.id, 'patient_id', visit.patient_id, 'provider_id', visit.provider_id,
        'status', visit.status, 'offset', nearest::text
      ))
    );
    reminders := reminders + 1;
  end loop;
end
$$;

grant execute on function write_due_reminders(integer) to caretrail_jobs;
