-- Emergency access (45 CFR 164.312(a)(2)(ii)): a clinician grants themself one patient whom they don't reach, for at most
-- four hours and with a reason. It lets them read the chart and add entries of their own, and nothing else: see `reaches`
-- and `adds_records` in V0003__reach.sql. A compliance officer reviews each grant.

create type emergency_reason as enum (
  'LIFE_THREATENING', 'URGENT_TREATMENT', 'PATIENT_UNRESPONSIVE', 'CARE_TEAM_UNAVAILABLE', 'OTHER'
);
create type emergency_review as enum ('APPROVED', 'INCIDENT_OPENED');

-- A ledger: a grant can only be revoked and reviewed, each once.
create table emergency_accesses (
  id uuid primary key,
  member_id uuid not null default actor_user() references user_profiles (id),
  patient_id uuid not null references patients (id),
  reason emergency_reason not null,
  -- The patient can read it.
  explanation text not null
    constraint emergency_accesses_explanation_length check (length(explanation) between 1 and 1000),
  hours integer not null constraint emergency_accesses_hours_range check (hours between 1 and 4),
  granted_at timestamptz not null default now(),
  -- A trigger computes both.
  ends_at timestamptz not null,
  review_due_at timestamptz not null,
  revoked_at timestamptz,
  revoked_by uuid references user_profiles (id),
  review emergency_review,
  -- Only those who review read it.
  review_note text constraint emergency_accesses_review_note_length check (length(review_note) between 1 and 1000),
  reviewed_at timestamptz,
  reviewed_by uuid references user_profiles (id),
  constraint emergency_accesses_end check (ends_at > granted_at and ends_at <= granted_at + interval '4 hours'),
  constraint emergency_accesses_reviewed check ((review is null) = (reviewed_at is null)),
  constraint emergency_accesses_note_of_review check (review is not null or review_note is null),
  constraint emergency_accesses_incident_explained check (review <> 'INCIDENT_OPENED' or review_note is not null),
  constraint emergency_accesses_reviewed_by_another check (reviewed_by <> member_id),
  constraint emergency_accesses_once exclude using gist (
    member_id with =, patient_id with =, tstzrange(granted_at, ends_at) with &&
  ) where (revoked_at is null)
);

-- `patients_in_emergency` asks it in each request of a clinician.
create index emergency_accesses_member_idx on emergency_accesses (member_id, granted_at desc, id desc);
create index emergency_accesses_patient_idx on emergency_accesses (patient_id, granted_at desc, id desc);
create index emergency_accesses_page_idx on emergency_accesses (granted_at desc, id desc);
create index emergency_accesses_unreviewed_idx on emergency_accesses (granted_at desc, id desc) where review is null;
create index emergency_accesses_revoked_by_idx on emergency_accesses (revoked_by) where revoked_by is not null;
create index emergency_accesses_reviewed_by_idx on emergency_accesses (reviewed_by) where reviewed_by is not null;

call secure('emergency_accesses');
call guard_deletions('emergency_accesses', 'patient_id');

-- Clinicians read what they granted themselves, patients what concerns their chart, and compliance officers everything.
create policy emergency_accesses_read on emergency_accesses for select to caretrail_app
  using (
    case (select reach('emergency-access:read'))
      when 'ALL' then true
      when 'CARE' then member_id = (select actor_user())
      when 'OWN' then patient_id = (select actor_patient()) or represents(patient_id)
      else false
    end
  );
create policy emergency_accesses_grant on emergency_accesses for insert to caretrail_app
  with check ((select reach('emergency-access:write')) = 'ALL' and member_id = (select actor_user()));
create policy emergency_accesses_end on emergency_accesses for update to caretrail_app
  using (
    (select reach('emergency-access:revoke')) = 'ALL' or (select reach('emergency-access:review')) = 'ALL'
    or ((select reach('emergency-access:revoke')) = 'OWN' and member_id = (select actor_user()))
  );
grant select, insert (id, patient_id, reason, explanation, hours), update (revoked_at, review, review_note)
  on emergency_accesses to caretrail_app;

-- The searches of the last hour, and whom each found. There are no keys: a search doesn't keep a user or a patient from
-- being deleted. `expire_refusals` deletes them.
create table emergency_searches (
  member_id uuid not null,
  searched_at timestamptz not null default clock_timestamp(),
  -- Null if nobody or several people were found.
  patient_id uuid,
  primary key (member_id, searched_at)
);

create index emergency_searches_at_idx on emergency_searches (searched_at);

call secure('emergency_searches');

-- Errors: 42501 the actor has no emergency access, emergency_accesses_licensed their licence isn't verified.
create function require_emergency_clinician() returns void
language plpgsql stable set search_path = pg_catalog, public as $$
begin
  if reach('emergency-access:write') is distinct from 'ALL' then
    raise exception 'the actor''s role has no emergency access' using errcode = 'insufficient_privilege';
  end if;
  if lacks_licence(actor_user()) then
    raise exception 'the licence is not verified'
      using errcode = 'check_violation', constraint = 'emergency_accesses_licensed';
  end if;
end
$$;

-- The patient with exactly this name and date of birth. The names are compared as searches compare them: see `sort_name`.
-- Empty if there is none or more than one, so that nobody learns which. Simultaneous searches of one user take turns.
-- Errors: as for `require_emergency_clinician`, and CT016 the actor has searched too often.
create function find_emergency_patient(p_first_name text, p_last_name text, p_born text)
returns table (id uuid, first_name text, last_name text, date_of_birth text, patient_number text)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
  matching uuid[];
begin
  perform require_actor();
  perform require_emergency_clinician();
  perform pg_advisory_xact_lock(hashtextextended('emergency searches of ' || actor_user(), 0));
  if (
    select count(*) from emergency_searches s
    where s.member_id = actor_user() and s.searched_at > clock_timestamp() - interval '1 hour'
  ) >= (select emergency_searches_an_hour from settings) then
    raise exception 'too many emergency searches' using errcode = 'CT016';
  end if;
  matching := array(
    select p.id from patients p join user_profiles u on u.id = p.user_id
    where p.date_of_birth = p_born and not p.is_archived
      and u.role = 'PATIENT' and u.sort_name = left(replace(folded(p_last_name), '''', ''), 100) || '  '
        || coalesce(left(replace(folded(p_first_name), '''', ''), 100), '')
    limit 2
  );
  insert into emergency_searches (member_id, patient_id)
  values (actor_user(), case when cardinality(matching) = 1 then matching[1] end);
  return query
    select p.id, u.first_name, u.last_name, p.date_of_birth, p.patient_number
    from patients p join user_profiles u on u.id = p.user_id
    where cardinality(matching) = 1 and p.id = matching[1];
end
$$;

-- Whether the actor found the patient within the last 15 minutes.
create function found_lately(patient uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return exists (
    select from emergency_searches s join patients p on p.id = s.patient_id
    where s.member_id = actor_user() and s.patient_id = patient and not p.is_archived
      and s.searched_at > now() - interval '15 minutes'
  );
end
$$;

-- The patients to whom the user has emergency access now and whom they don't have in care, in the order of their ids. It
-- is suspended while the user lacks a licence, and ends if the patient is archived.
create function patients_in_emergency(member uuid) returns uuid[]
language plpgsql stable as $$
begin
  return array(
    select e.patient_id from emergency_accesses e join patients p on p.id = e.patient_id
    where e.member_id = member and e.granted_at > now() - interval '4 hours'
      and e.ends_at > now() and e.revoked_at is null
      and not p.is_archived and not lacks_licence(e.member_id)
      and not exists (
        select from care_relations c
        where c.member_id = e.member_id and c.patient_id = e.patient_id and c.until > now() and not c.is_suspended
      )
    order by e.patient_id
  );
end
$$;

-- Signs a grant, a revocation and a review. Nothing else of a grant changes.
create function sign_emergency_access() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  refused text;
begin
  if tg_op = 'INSERT' then
    if not by_migration() then
      perform require_emergency_clinician();
      refused := case
        when in_care(new.patient_id) then 'emergency_accesses_not_in_care'
        when not found_lately(new.patient_id) then 'emergency_accesses_found'
      end;
      if refused is not null then
        raise exception 'the patient can''t be reached in an emergency'
          using errcode = 'check_violation', constraint = refused;
      end if;
      new.member_id := actor_user();
      new.granted_at := now();
    end if;
    new.ends_at := new.granted_at + make_interval(hours => new.hours);
    new.review_due_at := new.granted_at + (select make_interval(hours => emergency_review_hours) from settings);
    return new;
  end if;
  if to_jsonb(new) - '{revoked_at,revoked_by,review,review_note,reviewed_at,reviewed_by}'::text[]
      <> to_jsonb(old) - '{revoked_at,revoked_by,review,review_note,reviewed_at,reviewed_by}'::text[]
    or (new.revoked_by, new.reviewed_at, new.reviewed_by)
      is distinct from (old.revoked_by, old.reviewed_at, old.reviewed_by)
  then
    raise exception 'an emergency access can only be revoked and reviewed' using errcode = 'restrict_violation';
  end if;
  if new.revoked_at is distinct from old.revoked_at then
    if old.revoked_at is not null or old.ends_at <= now() or new.revoked_at is null then
      raise exception 'only an emergency access in force is revoked' using errcode = 'restrict_violation';
    end if;
    if not by_migration() and reach('emergency-access:revoke') is distinct from 'ALL'
      and (reach('emergency-access:revoke') is distinct from 'OWN' or old.member_id is distinct from actor_user())
    then
      raise exception 'the caller may not revoke it' using errcode = 'insufficient_privilege';
    end if;
    new.revoked_at := now();
    new.revoked_by := actor_user();
  end if;
  if (new.review, new.review_note) is distinct from (old.review, old.review_note) then
    if old.review is not null or new.review is null or (old.ends_at > now() and old.revoked_at is null) then
      raise exception 'an emergency access is reviewed once, after its end' using errcode = 'restrict_violation';
    end if;
    if not by_migration() and reach('emergency-access:review') is distinct from 'ALL' then
      raise exception 'the caller may not review it' using errcode = 'insufficient_privilege';
    end if;
    new.reviewed_at := now();
    new.reviewed_by := actor_user();
  end if;
  return new;
end
$$;

create trigger sign_emergency_access before insert or update on emergency_accesses
for each row execute function sign_emergency_access();

-- An access also ends by itself, without a change: at `ends_at`.
create function announce_emergency_access() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  type event_type;
begin
  type := case
    when tg_op = 'INSERT' then 'emergency-access.granted.v1'
    when old.revoked_at is null and new.revoked_at is not null then 'emergency-access.revoked.v1'
    when old.review is null and new.review is not null then 'emergency-access.reviewed.v1'
  end;
  if type is not null then
    perform add_event(
      type,
      'emergency-access/' || new.id,
      jsonb_strip_nulls(jsonb_build_object(
        'emergency_access_id', new.id, 'patient_id', new.patient_id, 'member_id', new.member_id,
        'ends_at', event_time(new.ends_at), 'review', new.review
      ))
    );
  end if;
  return null;
end
$$;

create trigger announce after insert or update on emergency_accesses
for each row execute function announce_emergency_access();

insert into alert_rules (name, meaning, threshold, weight) values
  ('emergency-access', 'A clinician granted themself emergency access to a patient. The threshold is always 1.', 1, 60);

-- Each grant raises an alert in its own transaction. Its occasion is the grant.
create function alert_emergency_access() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform raise_alert('emergency-access', new.member_id, new.patient_id, null, '{}', '{}', new.id);
  return null;
end
$$;

create trigger raise_alert after insert on emergency_accesses
for each row execute function alert_emergency_access();

grant execute on function find_emergency_patient(text, text, text), found_lately(uuid) to caretrail_people;

-- For `describe_attempt`: one row with the patient, if the emergency access exists.
create function target_emergency_access(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select e.patient_id from emergency_accesses e where e.id = target;
end
$$;
