-- A visit's history begins with its booking, and by whom.

alter table appointment_changes
  alter column old_scheduled_at drop not null,
  alter column old_duration_minutes drop not null,
  alter column old_status drop not null,
  -- Nothing was before the booking.
  add constraint appointment_changes_old
    check (num_nulls(old_scheduled_at, old_duration_minutes, old_status) in (0, 3));

-- What was booked before this was kept: as the first change found it, by nobody known, and with
-- numbers before all others'.
insert into appointment_changes
  (id, appointment_id, changed_at, new_scheduled_at, new_duration_minutes, new_status, is_archived)
overriding system value
select
  -row_number() over (order by a.created_at desc, a.id desc), a.id, a.created_at,
  coalesce(first.old_scheduled_at, a.scheduled_at),
  coalesce(first.old_duration_minutes, a.duration_minutes),
  coalesce(first.old_status, a.status), false
from appointments a
left join lateral (
  select c.old_scheduled_at, c.old_duration_minutes, c.old_status
  from appointment_changes c where c.appointment_id = a.id
  order by c.id limit 1
) as first on true;

-- The function finds every `old` null.
create trigger record_booking after insert on appointments
for each row execute function record_visit_change();
