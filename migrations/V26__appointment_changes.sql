-- Visits moved, called off, archived and rated.

insert into role_permissions (role, permission, reach) values
  ('ADMIN', 'appointments:archive', 'ALL'),
  ('PATIENT', 'appointments:rate', 'OWN');

alter table appointments
  -- Why it was last moved or called off.
  add column change_reason text constraint appointments_change_reason_length
    check (length(change_reason) between 1 and 500),
  -- The patient's, of a visit that took place.
  add column rating integer constraint appointments_rating_range check (rating between 1 and 5),
  add column rated_at timestamptz,
  add constraint appointments_rated check ((rating is null) = (rated_at is null)),
  add constraint appointments_rated_completed check (rating is null or status = 'COMPLETED'),
  -- What is archived takes nobody's time.
  add constraint appointments_archived_settled check (not (is_archived and status = 'SCHEDULED'));

create index appointments_rated_idx on appointments (provider_id) include (rating)
  where rating is not null and not is_archived;

-- Whose visits the actor moves, calls off and annotates: a patient her own, a provider those with
-- her, whoever else may treat the patient.
create function changes_visit(patient uuid, provider uuid) returns boolean
language sql stable parallel safe
return case reach('appointments:write')
  when 'ALL' then true
  when 'CARE' then provider = actor_provider()
  when 'OWN' then patient = actor_patient()
  else false
end;

drop policy appointments_update on appointments;
create policy appointments_update on appointments for update to caretrail_app
  using (
    changes_visit(patient_id, provider_id)
    or (reach('appointments:complete') is not null and provider_id = (select actor_provider()))
    or (reach('appointments:rate') = 'OWN' and patient_id = (select actor_patient()))
    or reach('appointments:archive') = 'ALL'
  );

-- What no handler may forget.
create function check_visit_change() returns trigger
language plpgsql as $$
begin
  if (new.scheduled_at, new.duration_minutes) is distinct from (old.scheduled_at, old.duration_minutes)
    and old.status <> 'SCHEDULED' then
    raise exception 'only a scheduled visit is moved'
      using errcode = 'check_violation', constraint = 'appointments_moved_scheduled';
  end if;
  if reach('appointments:write') = 'OWN' and (old.status <> 'SCHEDULED' or old.scheduled_at <= now()) then
    raise exception 'a patient changes visits to come'
      using errcode = 'check_violation', constraint = 'appointments_changed_to_come';
  end if;
  return new;
end
$$;

create trigger check_visit_change
before update of scheduled_at, duration_minutes, status, location, notes on appointments
for each row execute function check_visit_change();

-- What became of a visit: each move, completion, cancellation and archiving, by whom and why.
create table appointment_changes (
  id bigint primary key generated always as identity,
  appointment_id uuid not null references appointments (id),
  changed_at timestamptz not null default now(),
  changed_by uuid references user_profiles (id),
  old_scheduled_at timestamptz not null,
  new_scheduled_at timestamptz not null,
  old_duration_minutes integer not null,
  new_duration_minutes integer not null,
  old_status appointment_status not null,
  new_status appointment_status not null,
  is_archived boolean not null,
  reason text
);

create index appointment_changes_appointment_idx on appointment_changes (appointment_id, id);
create index appointment_changes_changed_by_idx on appointment_changes (changed_by) where changed_by is not null;

call secure('appointment_changes');
create policy appointment_changes_read on appointment_changes for select to caretrail_app
  using (exists (select from appointments a where a.id = appointment_id));
grant select on appointment_changes to caretrail_app;

-- SECURITY DEFINER: nobody else writes history.
create function record_visit_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  insert into appointment_changes
    (appointment_id, changed_by, old_scheduled_at, new_scheduled_at, old_duration_minutes,
     new_duration_minutes, old_status, new_status, is_archived, reason)
  values
    (new.id, actor_user(), old.scheduled_at, new.scheduled_at, old.duration_minutes,
     new.duration_minutes, old.status, new.status, new.is_archived,
     case when new.is_archived = old.is_archived and new.status <> 'COMPLETED' then new.change_reason end);
  return null;
end
$$;

create trigger record_visit_change after update on appointments
for each row when (
  (new.scheduled_at, new.duration_minutes, new.status, new.is_archived)
    is distinct from (old.scheduled_at, old.duration_minutes, old.status, old.is_archived)
) execute function record_visit_change();

create trigger refuse_change before update or delete on appointment_changes
for each row execute function refuse_delete();

-- A rating stands.
create function check_rating() returns trigger
language plpgsql as $$
begin
  if old.rating is not null and (new.rating, new.rated_at) is distinct from (old.rating, old.rated_at) then
    raise exception 'a visit is rated once'
      using errcode = 'check_violation', constraint = 'appointments_rated_once';
  end if;
  return new;
end
$$;

create trigger check_rating before update of rating, rated_at on appointments
for each row execute function check_rating();

-- Counted anew behind the provider's row lock, so that ratings at once all count. Its second
-- statement sees what was committed while the first waited.
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

grant execute on function changes_visit(uuid, uuid) to caretrail_app;
