-- The history of a visit: its booking and each move, check-in, completion, missing, cancellation and archiving,
-- with the author and the reason.

create table appointment_changes (
  id bigint primary key generated always as identity,
  appointment_id uuid not null references appointments (id),
  changed_at timestamptz not null default now(),
  -- Null if no person made the change.
  changed_by uuid references user_profiles (id),
  -- The `old` columns are null for the booking.
  old_scheduled_at timestamptz,
  new_scheduled_at timestamptz not null,
  old_duration_minutes integer,
  new_duration_minutes integer not null,
  old_status appointment_status,
  new_status appointment_status not null,
  is_archived boolean not null,
  reason text,
  constraint appointment_changes_old
    check (num_nulls(old_scheduled_at, old_duration_minutes, old_status) in (0, 3))
);

create index appointment_changes_appointment_idx on appointment_changes (appointment_id, id);
create index appointment_changes_changed_by_idx on appointment_changes (changed_by) where changed_by is not null;

call secure('appointment_changes');
create policy appointment_changes_read on appointment_changes for select to caretrail_app
  using (exists (select from appointments a where a.id = appointment_id));
grant select on appointment_changes to caretrail_app;

call guard_deletions('appointment_changes', 'appointment_id');
create trigger refuse_ledger_change before update on appointment_changes
for each row execute function refuse_ledger_change();

-- After an INSERT every `old` is null. SECURITY DEFINER, because only this trigger writes history.
create function record_visit_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  insert into appointment_changes
    (appointment_id, changed_by, old_scheduled_at, new_scheduled_at, old_duration_minutes,
     new_duration_minutes, old_status, new_status, is_archived, reason)
  values
    (new.id, actor_user(), old.scheduled_at, new.scheduled_at, old.duration_minutes,
     new.duration_minutes, old.status, new.status, new.is_archived,
     case
       when new.is_archived = old.is_archived and (
         new.status in ('SCHEDULED', 'CANCELLED')
         or (new.scheduled_at, new.duration_minutes) is distinct from (old.scheduled_at, old.duration_minutes)
       ) then new.change_reason
     end);
  return null;
end
$$;

create trigger record_booking after insert on appointments
for each row execute function record_visit_change();

create trigger record_visit_change after update on appointments
for each row when (
  (new.scheduled_at, new.duration_minutes, new.status, new.is_archived)
    is distinct from (old.scheduled_at, old.duration_minutes, old.status, old.is_archived)
) execute function record_visit_change();
