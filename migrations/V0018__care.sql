-- Who has a patient in care, on what basis and until when. Policies and lists ask this table for the
-- reach CARE. Assignments and visits keep their relations up to date by trigger; referrals and cover are
-- granted over the API. Nobody gives care to themselves.

-- What a clinic decides for the whole installation. Only the owner changes it, with `migrate`.
create table settings (
  is_only_row boolean primary key default true constraint settings_one_row check (is_only_row),
  -- How long a patient stays in the care of a provider after a visit.
  care_after_visit interval not null default interval '24 months'
    constraint settings_care_after_visit_range
    check (care_after_visit between interval '1 day' and interval '120 months'),
  -- Whether a sensitive step on an account needs a second person: see V0019__account_keepers.sql.
  two_person_rule boolean not null default true,
  -- The uploads that an account may announce within 24 hours: their number, and their bytes in total.
  uploads_a_day bigint not null default 1000
    constraint settings_uploads_a_day_range check (uploads_a_day between 1 and 1000000),
  upload_bytes_a_day bigint not null default 107374182400
    constraint settings_upload_bytes_a_day_range check (upload_bytes_a_day > 0),
  -- How many refused requests of a subject get an audit row within a minute: see `count_refusal`.
  refusals_per_minute bigint not null default 20
    constraint settings_refusals_per_minute_range check (refusals_per_minute between 1 and 100000),
  -- How many patients a user may look for within an hour to get emergency access: see V0030__emergency_access.sql.
  emergency_searches_an_hour integer not null default 10
    constraint settings_emergency_searches_an_hour_range check (emergency_searches_an_hour between 1 and 1000),
  -- Within how many hours an emergency access is reviewed. It can only be shortened.
  emergency_review_hours integer not null default 72
    constraint settings_emergency_review_hours_range check (emergency_review_hours between 1 and 72),
  -- The country, or the part of it, whose retention rules apply, such as US or US-CA: see V0023__retention.sql.
  retention_jurisdiction text not null default 'US'
    constraint settings_retention_jurisdiction_format check (retention_jurisdiction ~ '^[A-Z]{2}(-[A-Z0-9]{1,3})?$'),
  -- Whether rows are deleted after their retention. Otherwise they are only listed.
  deletes_after_retention boolean not null default false,
  -- How many days a row must be listed before it is deleted.
  days_to_object integer not null default 30
    constraint settings_days_to_object_range check (days_to_object between 7 and 3650),
  -- The clinic's time zone, a name of the IANA database.
  time_zone text not null default 'UTC',
  -- How long before a visit it is announced as due: see V0028__appointment_reminders.sql.
  reminder_offsets interval[] not null default '{P2D,PT2H}',
  -- How many days before and after a visit an access is explained by it: see V0031__explained_access.sql.
  days_to_explain integer not null default 30
    constraint settings_days_to_explain_range check (days_to_explain between 1 and 365),
  -- By how much an access between 20:00 and 06:00 raises the score of its alert: see `raise_alert`.
  off_hours_weight integer not null default 10
    constraint settings_off_hours_weight_range check (off_hours_weight between 0 and 99),
  -- The clinic as letters to patients name it, and at least one way to ask it: a toll-free telephone number, an e-mail
  -- address, a website or a postal address (45 CFR 164.404(c)(1)(E)).
  clinic_name text constraint settings_clinic_name_length check (length(clinic_name) between 1 and 200),
  clinic_phone text constraint settings_clinic_phone_length check (length(clinic_phone) between 1 and 50),
  clinic_email text constraint settings_clinic_email_format
    check (length(clinic_email) <= 254 and clinic_email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  clinic_website text constraint settings_clinic_website_format
    check (length(clinic_website) <= 200 and clinic_website ~ '^https://[^[:space:]]+$'),
  clinic_address text constraint settings_clinic_address_length check (length(clinic_address) between 1 and 500),
  constraint settings_clinic_contact check (
    (clinic_name is null) = (coalesce(clinic_phone, clinic_email, clinic_website, clinic_address) is null)
  )
);

call secure('settings');
insert into settings default values;

-- The clinic's time zone is one that PostgreSQL knows by its full name. It also reads abbreviations and formulas such as
-- EST5, which other programs read in another way.
create function check_time_zone() returns trigger
language plpgsql as $$
begin
  if new.time_zone <> 'UTC' and not exists (
    select from pg_timezone_names
    where name = new.time_zone and name like '%/%' and name !~ '^(posix|right)/'
  ) then
    raise exception 'the time zone is unknown'
      using errcode = 'check_violation', constraint = 'settings_time_zone_known';
  end if;
  return new;
end
$$;

create trigger check_time_zone before update of time_zone on settings
for each row execute function check_time_zone();

-- EMERGENCY is no care and is never in the table. `care_team` says it of members with emergency access.
create type care_basis as enum ('ASSIGNMENT', 'VISIT', 'REFERRAL', 'COVER', 'EMERGENCY');

create table care_relations (
  member_id uuid not null references user_profiles (id),
  patient_id uuid not null references patients (id),
  -- The patient's account, which never changes. A trigger fills it, so that a search reads it from an index.
  account_id uuid,
  basis care_basis not null,
  -- The provider of an assignment, the visit, or the member of a referral or cover.
  source uuid not null,
  since timestamptz not null default now(),
  until timestamptz not null,
  -- The end of the visit, or the archiving of an assigned patient: care lasts `care_after_visit` from
  -- then. Null if `until` doesn't depend on that setting.
  counted_from timestamptz,
  -- While the member has no verified licence although they need one, the relation gives no care.
  is_suspended boolean not null,
  -- Why care was granted. The patient can read it.
  reason text constraint care_relations_reason_length check (length(reason) between 1 and 500),
  -- Who assigned, booked or granted. Null if a migration did.
  created_by uuid references user_profiles (id),
  primary key (member_id, patient_id, basis, source),
  -- A member who has the patient in care may book a visit with themselves: see `follow_visit`.
  constraint care_relations_not_oneself check (basis = 'VISIT' or created_by is distinct from member_id),
  constraint care_relations_no_emergency check (basis <> 'EMERGENCY'),
  constraint care_relations_granted_once check (basis in ('ASSIGNMENT', 'VISIT') or source = member_id)
);

create index care_relations_patient_idx on care_relations (patient_id, basis, source);
create index care_relations_member_idx on care_relations (member_id, patient_id, account_id)
  include (until, is_suspended);
create index care_relations_created_by_idx on care_relations (created_by) where created_by is not null;

call secure('care_relations');
call guard_deletions('care_relations', 'patient_id');
create policy care_relations_read on care_relations for select to caretrail_app
  using (reaches('care:read', patient_id) or reaches('care:write', patient_id));
create policy care_relations_create on care_relations for insert to caretrail_app
  with check (basis in ('REFERRAL', 'COVER') and reaches('care:write', patient_id));
create policy care_relations_update on care_relations for update to caretrail_app
  using (basis in ('REFERRAL', 'COVER') and reaches('care:write', patient_id));
grant select, insert (member_id, patient_id, basis, source, until, reason), update (until, reason)
  on care_relations to caretrail_app;

-- Whether the user needs a licence for care and has none that is verified. A provider needs one.
-- Members of other roles, such as nurses, don't.
create function lacks_licence(member uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, public as $$
  select coalesce(
    (select not v.is_verified or v.is_archived from providers v where v.user_id = member),
    (select u.role = 'PROVIDER' from user_profiles u where u.id = member),
    false
  )
$$;

-- When care ends that is counted from this time. The months of the setting are counted in UTC.
create function care_after(begins timestamptz) returns timestamptz
language sql stable security definer set search_path = pg_catalog, public set timezone = 'UTC' as $$
  select begins + care_after_visit from settings
$$;

-- Checks a relation that begins or lasts longer than before, and names the patient's account.
--
-- The locks make a simultaneous change of the licence or the role wait, so its trigger sees this row.
create function check_care() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  can_treat boolean;
begin
  if tg_op = 'UPDATE' and new.until <= old.until then
    return new;
  end if;
  if tg_op = 'INSERT' then
    select p.user_id into new.account_id from patients p where p.id = new.patient_id;
  end if;
  perform from user_profiles where id = new.member_id for share;
  perform from providers where user_id = new.member_id for share;
  new.is_suspended := lacks_licence(new.member_id);
  if new.basis in ('ASSIGNMENT', 'VISIT') then
    return new;
  end if;

  new.created_by := actor_user();
  if tg_op = 'INSERT' or old.until <= now() then
    new.since := now();
  end if;
  select u.status = 'ACTIVE' and not u.is_archived and exists (
    select from role_permissions p where p.role = u.role and p.reach = 'CARE'
  ) into can_treat
  from user_profiles u where u.id = new.member_id;
  if can_treat is not true then
    raise exception 'the user can''t have patients in care'
      using errcode = 'check_violation', constraint = 'care_relations_member_treats';
  end if;
  if new.until <= now() or new.until > now() + interval '366 days' then
    raise exception 'care is granted for a year at most'
      using errcode = 'check_violation', constraint = 'care_relations_until_range';
  end if;
  return new;
end
$$;

create trigger check_care before insert or update of until on care_relations
for each row execute function check_care();

-- Begins a relation, or changes its end. A relation that would be over already gets no row.
create function give_care(
  p_member uuid, p_patient uuid, p_basis care_basis, p_source uuid, p_until timestamptz,
  p_counted_from timestamptz
) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if p_until <= now() then
    update care_relations set until = p_until, counted_from = p_counted_from
    where member_id = p_member and patient_id = p_patient and basis = p_basis and source = p_source;
    return;
  end if;
  insert into care_relations as c
    (member_id, patient_id, basis, source, until, counted_from, is_suspended, created_by)
  values (p_member, p_patient, p_basis, p_source, p_until, p_counted_from, true, actor_user())
  on conflict (member_id, patient_id, basis, source) do update set
    until = excluded.until,
    counted_from = excluded.counted_from,
    since = case when c.until <= now() then excluded.since else c.since end,
    created_by = case when c.until <= now() then excluded.created_by else c.created_by end;
end
$$;

-- Keeps the relations of assigned providers. An assignment of an archived patient ends some time later,
-- because results may still arrive.
create function follow_assignments() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  former uuid[] := '{}';
  archived timestamptz := case when new.is_archived then new.archived_at end;
begin
  -- A change of the setting waits for this transaction, or this one for the change.
  lock table care_relations in row exclusive mode;
  if tg_op = 'UPDATE' then
    former := old.assigned_providers;
    update care_relations set until = now(), counted_from = null
    where patient_id = new.id and basis = 'ASSIGNMENT' and until > now()
      and source <> all (new.assigned_providers);
    if new.is_archived <> old.is_archived then
      update care_relations set until = coalesce(care_after(archived), 'infinity'), counted_from = archived
      where patient_id = new.id and basis = 'ASSIGNMENT' and source = any (new.assigned_providers);
    end if;
  end if;
  -- In the order of their ids, so that two transactions can't wait for each other.
  perform give_care(
    v.user_id, new.id, 'ASSIGNMENT', v.id, coalesce(care_after(archived), 'infinity'), archived
  )
  from (
    select id, user_id from providers
    where id = any (new.assigned_providers) and id <> all (former) order by id
  ) as v;
  return null;
end
$$;

create trigger follow_assignments_made after insert on patients
for each row when (new.assigned_providers <> '{}') execute function follow_assignments();

create trigger follow_assignments_changed after update on patients
for each row when (
  (new.assigned_providers, new.is_archived) is distinct from (old.assigned_providers, old.is_archived)
) execute function follow_assignments();

-- Whether the actor's booking of this visit gives the provider care of the patient. Providers can't give
-- it to themselves: with themselves they must book a visit to come, for a patient already in their care.
-- What they alone write up about the past is no basis. What an importer brings in is one only if the administrators who
-- made the importer's account said so.
create function gives_care(member uuid, patient uuid, begins timestamptz) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return case
    when by_migration() then true
    when member = actor_user() then in_care(patient) and begins > now()
    when reach('appointments:write') = 'SOURCE'
      then (select u.visits_give_care from user_profiles u where u.id = actor_user())
    else reaches('appointments:write', patient)
  end;
end
$$;

-- Keeps the relation of a visit. Booking and moving it decide until when care lasts. A visit that doesn't take
-- place ends its care. If the patient came after all, the visit gives care again that it gave before.
create function follow_visit() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  member uuid;
  ends constant timestamptz := upper(new.slot);
begin
  if new.status in ('CANCELLED', 'NO_SHOW') or new.is_archived then
    update care_relations set until = now(), counted_from = null
    where patient_id = new.patient_id and basis = 'VISIT' and source = new.id and until > now();
    return null;
  end if;
  -- A change of the setting waits for this transaction, or this one for the change.
  lock table care_relations in row exclusive mode;
  if old.status = 'NO_SHOW' then
    update care_relations set until = care_after(ends), counted_from = ends
    where patient_id = new.patient_id and basis = 'VISIT' and source = new.id;
    return null;
  end if;
  select v.user_id into member from providers v where v.id = new.provider_id;
  if gives_care(member, new.patient_id, new.scheduled_at) then
    perform give_care(member, new.patient_id, 'VISIT', new.id, care_after(ends), ends);
  else
    -- The move may shorten care but not prolong it.
    update care_relations set until = care_after(ends), counted_from = ends
    where patient_id = new.patient_id and basis = 'VISIT' and source = new.id and counted_from > ends;
  end if;
  return null;
end
$$;

create trigger follow_visit_booked after insert on appointments
for each row execute function follow_visit();

create trigger follow_visit_changed after update on appointments
for each row when (
  (new.slot, new.status in ('CANCELLED', 'NO_SHOW'), new.is_archived)
    is distinct from (old.slot, old.status in ('CANCELLED', 'NO_SHOW'), old.is_archived)
) execute function follow_visit();

-- Suspends the member's relations while they lack a licence, and resumes them afterwards.
create function suspend_care(member uuid) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  suspended constant boolean := lacks_licence(member);
begin
  update care_relations set is_suspended = suspended where member_id = member and is_suspended <> suspended;
end
$$;

create function follow_licence() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform suspend_care(new.user_id);
  return null;
end
$$;

create trigger follow_licence_registered after insert on providers
for each row execute function follow_licence();

create trigger follow_licence_changed after update on providers
for each row when (
  (new.user_id, new.is_verified, new.is_archived) is distinct from (old.user_id, old.is_verified, old.is_archived)
) execute function follow_licence();

create function follow_role() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform suspend_care(new.id);
  return null;
end
$$;

create trigger follow_role after update on user_profiles
for each row when (new.role <> old.role) execute function follow_role();

-- Computes the end of care again. The lock waits for transactions that read the former setting.
create function follow_settings() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  lock table care_relations in share row exclusive mode;
  update care_relations set until = care_after(counted_from) where counted_from is not null;
  return null;
end
$$;

create trigger follow_settings after update on settings
for each row when (new.care_after_visit <> old.care_after_visit) execute function follow_settings();

-- The care that the current transaction gave or prolonged by this assignment or visit, for its audit row:
-- the row that it wrote. `until` is null if care has no end. SECURITY DEFINER, because not everyone who
-- books may read who is in care.
create function care_given(patient uuid, source uuid)
returns table (care_user_id uuid, care_basis text, care_until timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return query
    select c.member_id, c.basis::text, nullif(c.until, 'infinity') from care_relations c
    where c.patient_id = care_given.patient and c.source = care_given.source
      and c.until > now() and c.xmin = pg_current_xact_id_if_assigned()::xid;
end
$$;

-- Who has the patient in care now, one row for each member and basis, and who has emergency access. SECURITY DEFINER, because a patient
-- reads the names of their care team and no other profile. Empty for an actor who may not read it.
create function care_team(patient uuid)
returns table (
  user_id uuid, first_name text, last_name text, role text, basis care_basis, since timestamptz,
  until timestamptz, is_suspended boolean, reason text
)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
begin
  perform require_actor();
  return query
    select c.member_id, u.first_name, u.last_name, u.role, c.basis, min(c.since),
      nullif(max(c.until), 'infinity'),
      bool_and(c.is_suspended or u.status <> 'ACTIVE' or u.is_archived), max(c.reason)
    from care_relations c join user_profiles u on u.id = c.member_id
    where c.patient_id = care_team.patient and c.until > now()
      and (reaches('care:read', care_team.patient) or reaches('care:write', care_team.patient))
    group by c.member_id, u.id, c.basis
    union all
    select e.member_id, u.first_name, u.last_name, u.role, 'EMERGENCY', e.granted_at, e.ends_at,
      lacks_licence(e.member_id) or u.status <> 'ACTIVE' or u.is_archived, null
    from emergency_accesses e join user_profiles u on u.id = e.member_id
    where e.patient_id = care_team.patient and e.ends_at > now() and e.revoked_at is null
      and e.granted_at > now() - interval '4 hours'
      and (reaches('care:read', care_team.patient) or reaches('care:write', care_team.patient));
end
$$;

grant execute on function care_given(uuid, uuid), care_team(uuid) to caretrail_app;
