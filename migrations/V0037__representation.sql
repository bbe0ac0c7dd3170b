-- Personal representatives (45 CFR 164.502(g)): who links, confirms and ends them, until when they act, and which entries
-- are kept from them. docs/decisions/0043-personal-representatives.md says why it is built so.

insert into role_permissions (role, permission, reach) values
  ('PATIENT', 'representatives:read', 'OWN'),
  ('PATIENT', 'representatives:end', 'OWN'),
  ('FRONT_DESK', 'representatives:read', 'ALL'),
  ('FRONT_DESK', 'representatives:write', 'ALL'),
  ('FRONT_DESK', 'representatives:end', 'ALL'),
  ('ADMIN', 'representatives:read', 'ALL'),
  ('ADMIN', 'representatives:write', 'ALL'),
  ('ADMIN', 'representatives:end', 'ALL'),
  ('COMPLIANCE_OFFICER', 'representatives:read', 'ALL'),
  ('COMPLIANCE_OFFICER', 'representatives:end', 'ALL');

-- Two persons who may enter and confirm open a chart, so an account needs approval to be one of them: see
-- `is_sensitive_role`. The API can't pass that on to a role whose accounts exist already.
update permissions set reaches = '{}' where name = 'representatives:write';

-- Patients read who represents or represented them, and representatives what concerns themselves.
create policy representatives_read on representatives for select to caretrail_app
  using (
    case (select reach('representatives:read'))
      when 'ALL' then true
      when 'OWN' then patient_id = (select actor_patient()) or user_id = (select actor_user())
      else false
    end
  );
create policy representatives_link on representatives for insert to caretrail_app
  with check ((select reach('representatives:write')) = 'ALL');
-- `sign_representative` decides about the columns.
create policy representatives_change on representatives for update to caretrail_app
  using (
    (select reach('representatives:write') = 'ALL' or reach('representatives:end') = 'ALL')
    or (
      (select reach('representatives:end')) = 'OWN'
      and (patient_id = (select actor_patient()) or user_id = (select actor_user()))
    )
  );
grant select on representatives to caretrail_app;
grant insert (id, user_id, patient_id, basis, scope, since, until, evidence), update (confirmed_at, ended_at, end_reason)
  on representatives to caretrail_app;

-- When a person with this date of birth comes of age: at the beginning of that day on the clinic's calendar. Of a month or
-- year of birth the first day counts, so that nobody reads the chart of an adult as their parent.
create function comes_of_age(born text) returns timestamptz
language sql stable set search_path = pg_catalog, public as $$
  select anniversary(first_day(born), age_of_majority())::timestamp at time zone s.time_zone from settings s
$$;

-- Until when a representation acts as things are. A parent's ends with the minority of the patient, and so does a
-- guardian's that began before. The lock makes a simultaneous change of the date of birth wait, so its trigger sees the row.
create function representation_end(its representatives) returns timestamptz
language plpgsql as $$
declare
  adult_from timestamptz;
begin
  select comes_of_age(p.date_of_birth) into adult_from from patients p where p.id = its.patient_id for share;
  return least(
    its.until, its.ended_at,
    case when its.basis = 'PARENT' or (its.basis = 'GUARDIAN' and its.since < adult_from) then adult_from end,
    'infinity'
  );
end
$$;

-- Admits a new representation, which begins unconfirmed. One that has lapsed makes room for it. Errors:
-- representatives_of_another the user is the patient, representatives_until_to_come it would be over already,
-- representatives_basis_fits the basis doesn't fit the patient's age or death.
create function admit_representative() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its_patient record;
  broken text;
begin
  select p.user_id, p.deceased is not null as has_died, comes_of_age(p.date_of_birth) > now() as is_minor into its_patient
  from patients p where p.id = new.patient_id for share;
  broken := case
    when not found then null
    when its_patient.user_id = new.user_id then 'representatives_of_another'
    when new.until <= now() and not by_migration() then 'representatives_until_to_come'
    when not case new.basis
      when 'PARENT' then its_patient.is_minor
      when 'EXECUTOR' then its_patient.has_died
      else not its_patient.has_died
    end then 'representatives_basis_fits'
  end;
  if broken is not null then
    raise exception 'the user can''t represent the patient so' using errcode = 'check_violation', constraint = broken;
  end if;
  update representatives r set ended_at = r.acts_until, end_reason = 'It had lapsed.'
  where r.user_id = new.user_id and r.patient_id = new.patient_id and r.ended_at is null and r.acts_until <= now();
  new.acts_until := representation_end(new);
  return new;
end
$$;

create trigger admit_representative before insert on representatives
for each row execute function admit_representative();

-- Signs the confirmation and the end of a representation. As for an account, neither of the two persons who link and
-- confirm may have made the other's account, unless the rule of two persons is off. Errors: 42501 the actor may not,
-- representatives_settled it is confirmed or over already, representatives_second_person,
-- representatives_ended_by_adult a minor can't end who represents them.
create function sign_representative() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  broken text;
begin
  if new is not distinct from old then
    return new;
  end if;
  if old.acts_until <= now() then
    broken := 'representatives_settled';
  elsif new.confirmed_at is distinct from old.confirmed_at then
    if reach('representatives:write') is distinct from 'ALL' then
      raise exception 'the actor may not confirm' using errcode = 'insufficient_privilege';
    end if;
    broken := case
      when old.confirmed_at is not null then 'representatives_settled'
      when (select s.two_person_rule from settings s) and exists (
        select from user_profiles u
        where (u.id = old.created_by and u.made_by = actor_user()) or (u.id = actor_user() and u.made_by = old.created_by)
      ) then 'representatives_second_person'
    end;
    new.confirmed_at := now();
    new.confirmed_by := actor_user();
  end if;
  if new.ended_at is distinct from old.ended_at then
    if reach('representatives:end') is null then
      raise exception 'the actor may not end it' using errcode = 'insufficient_privilege';
    end if;
    broken := coalesce(broken, case
      when old.patient_id = actor_patient() and (
        select comes_of_age(p.date_of_birth) > now() from patients p where p.id = old.patient_id
      ) then 'representatives_ended_by_adult'
    end);
    new.ended_at := now();
    new.ended_by := actor_user();
  end if;
  if broken is not null then
    raise exception 'the representation can''t be changed so' using errcode = 'check_violation', constraint = broken;
  end if;
  return new;
end
$$;

-- The triggers below write as the owner.
create trigger sign_representative before update on representatives
for each row when (not by_migration() and current_user <> 'caretrail_owner') execute function sign_representative();

create function time_representative() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  new.acts_until := representation_end(new);
  return new;
end
$$;

-- After `sign_representative`, because PostgreSQL runs triggers in the order of their names.
-- A representation that lapses has no event.
create function announce_representative() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its_type constant text := case
    when tg_op = 'INSERT' then 'entered'
    when new.ended_at is distinct from old.ended_at then 'ended'
    when new.confirmed_at is distinct from old.confirmed_at then 'confirmed'
  end;
begin
  if its_type is not null then
    perform add_event(
      ('representative.' || its_type || '.v1')::event_type,
      'representatives/' || new.id,
      event_data(null, null, jsonb_build_object(
        'representative_id', new.id, 'user_id', new.user_id, 'patient_id', new.patient_id, 'basis', new.basis,
        'acts_until', event_time(new.acts_until)
      ))
    );
  end if;
  return null;
end
$$;

create trigger announce after insert or update on representatives
for each row execute function announce_representative();

create trigger time_representative before update on representatives
for each row execute function time_representative();

-- Follows a correction of the date of birth. Death ends who acted for the living, and the correction of a death who acted
-- for the deceased (45 CFR 164.502(g)(4)).
create function follow_represented() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if new.date_of_birth <> old.date_of_birth then
    update representatives set acts_until = acts_until where patient_id = new.id and ended_at is null;
  end if;
  if (new.deceased is null) <> (old.deceased is null) then
    update representatives set
      ended_at = now(), ended_by = actor_user(),
      end_reason = case when new.deceased is null then 'The patient is alive.' else 'The patient died.' end
    where patient_id = new.id and ended_at is null and acts_until > now()
      and case when new.deceased is null then basis = 'EXECUTOR' else basis in ('GUARDIAN', 'HEALTH_CARE_PROXY') end;
  end if;
  return null;
end
$$;

create trigger follow_represented after update of date_of_birth, deceased on patients
for each row when (
  new.date_of_birth <> old.date_of_birth or (new.deceased is null) <> (old.deceased is null)
) execute function follow_represented();

-- Computes all ends again. The lock waits for transactions that read the former age of majority.
create function follow_majority() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  lock table representatives in share row exclusive mode;
  update representatives set acts_until = acts_until where ended_at is null;
  return null;
end
$$;

create trigger follow_majority after update on settings
for each row when (
  (new.retention_jurisdiction, new.time_zone) is distinct from (old.retention_jurisdiction, old.time_zone)
) execute function follow_majority();

create trigger follow_majority after insert on retention_rules
for each row when (new.set_by is null) execute function follow_majority();

-- The state of a representation now.
create function representative_status(its representatives) returns text
language sql stable parallel safe
return case
  when its.acts_until <= now() then 'ENDED'
  when its.confirmed_at is null then 'UNCONFIRMED'
  when its.since > now() then 'UPCOMING'
  else 'CURRENT'
end;

-- The name of the representative, for those who may read the representation. SECURITY DEFINER, because a patient reads no
-- profile but their own.
create function representative_name(its representatives, out first_name text, out last_name text)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  select u.first_name, u.last_name into first_name, last_name
  from representatives r join user_profiles u on u.id = r.user_id
  where r.id = its.id and case reach('representatives:read')
    when 'ALL' then true
    when 'OWN' then r.patient_id = actor_patient() or r.user_id = actor_user()
  end;
end
$$;

grant execute on function representative_status(representatives), representative_name(representatives) to caretrail_app;

-- For `describe_attempt`.
create function target_representative(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select r.patient_id from representatives r where r.id = target;
end
$$;

-- Shields keep an entry of the chart, and its files, from the patient's representatives. The patient still reads it. The
-- law that lets a minor consent alone is a state's, so a clinician decides for each entry.
create type shield_reason as enum ('minor_consent', 'court', 'parent_agreed', 'law', 'endangerment');

-- One row for each decision to shield or to unshield. The last decision counts.
create table record_shields (
  id uuid primary key,
  record_id uuid not null,
  patient_id uuid not null,
  -- Null to unshield.
  reason shield_reason,
  note text constraint record_shields_note_length check (length(note) between 1 and 1000),
  decided_by uuid not null default actor_user() references user_profiles (id),
  -- Not now(): two decisions in one transaction must have an order.
  decided_at timestamptz not null default clock_timestamp(),
  -- Deferred: the shield of a new entry is written before the entry.
  constraint record_shields_of_record foreign key (record_id, patient_id)
    references medical_records (id, patient_id) deferrable initially deferred
);

create index record_shields_record_idx on record_shields (record_id, patient_id, decided_at desc);
create index record_shields_decided_by_idx on record_shields (decided_by);

call secure('record_shields');
-- Neither patients nor representatives read the ledger: the reason may itself do harm. The conditions are those of
-- `record_releases`.
create policy record_shields_read on record_shields for select to caretrail_app
  using (
    case (select reach('records:read'))
      when 'OWN' then false
      when 'SOURCE' then exists (select from medical_records r where r.id = record_id)
      else reaches('records:read', patient_id)
    end
  );
create policy record_shields_create on record_shields for insert to caretrail_app
  with check (
    decided_by = (select actor_user())
    and (
      reaches('records:write', patient_id)
      or (adds_records(patient_id) and not exists (select from medical_records r where r.id = record_id))
    )
  );
grant select, insert (id, record_id, patient_id, reason, note) on record_shields to caretrail_app;

call guard_deletions('record_shields', 'record_id');
create trigger refuse_ledger_change before update on record_shields
for each row execute function refuse_ledger_change();

-- Writes a decision to its entry.
create function follow_shields() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if actor_source() is not null and exists (
    select from medical_records where id = new.record_id and source_system is distinct from actor_source()
  ) then
    raise exception 'the entry came from elsewhere' using errcode = 'insufficient_privilege';
  end if;
  update medical_records set
    is_shielded = new.reason is not null,
    change_reason = case when new.reason is null then 'unshielded' else 'shielded' end
  where id = new.record_id and (is_shielded or new.reason is not null)
    -- An entry that begins with this shield has its value already.
    and created_at < now();
  return null;
end
$$;

create trigger follow_shields after insert on record_shields
for each row execute function follow_shields();

-- Begins an entry as shielded if the ledger says so.
create function begin_with_shield() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  new.is_shielded := exists (
    select from record_shields s where s.record_id = new.id and s.reason is not null
  );
  return new;
end
$$;

create trigger begin_with_shield before insert on medical_records
for each row execute function begin_with_shield();

call classify(
  'record_shields', 'The decisions to keep a medical record from the patient''s representatives',
  'As long as the medical record',
  ephi => '{record_id, patient_id, reason, note}',
  identifying => '{decided_by}'
);
