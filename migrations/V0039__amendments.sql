-- Amendments: what patients ask to change in their chart, what the clinic decides about it, and what other covered entities
-- told of theirs (45 CFR 164.526). An amendment stands beside its entry and never changes it. Each step adds to the row, and
-- nothing that was said is changed. docs/decisions/0045-amendments.md says why it is built so.

create type amendment_origin as enum ('REQUEST', 'OTHER_ENTITY');
create type amendment_status as enum ('REQUESTED', 'ACCEPTED', 'PARTLY_ACCEPTED', 'DENIED');
create type amendment_requester as enum ('PATIENT', 'REPRESENTATIVE', 'STAFF');
-- A part of the patient's profile.
create type amendment_field as enum (
  'NAME', 'DATE_OF_BIRTH', 'GENDER', 'MEDICAL_HISTORY', 'ALLERGIES', 'HEALTH_GOALS', 'RISK_FACTORS'
);
-- 164.526(a)(2)(i) to (iv).
create type amendment_denial_ground as enum (
  'NOT_CREATED_HERE', 'NOT_IN_RECORD_SET', 'NOT_OPEN_TO_ACCESS', 'ACCURATE_AND_COMPLETE'
);
-- Whom the patient names, and whom the clinic knows to rely on the entry (164.526(c)(3)).
create type amendment_recipient_source as enum ('NAMED', 'KNOWN');

create table amendments (
  id uuid primary key,
  patient_id uuid not null references patients (id),
  -- The entry: one of the three. There are no keys on records and files, because an amendment is kept longer than they are.
  record_id uuid,
  file_id uuid,
  profile_field amendment_field,
  origin amendment_origin not null default 'REQUEST',
  status amendment_status not null default 'REQUESTED',
  -- What is wrong, what it should say, and why. Null if another entity told the amendment.
  statement text constraint amendments_statement_length check (length(statement) between 1 and 4000),
  correction text constraint amendments_correction_length check (length(correction) between 1 and 4000),
  reason text constraint amendments_reason_length check (length(reason) between 1 and 2000),
  requester amendment_requester,
  -- Whoever sent the request or recorded it, or recorded what another entity told.
  recorded_by uuid references user_profiles (id),
  -- The covered entity that told the amendment (164.526(e)). Null for a request.
  told_by text constraint amendments_told_by_length check (length(told_by) between 1 and 300),
  -- The day of the receipt on the clinic's calendar.
  received_on date not null,
  -- The last day on which the clinic acts in time (164.526(b)(2)). Null if another entity told it.
  due_on date,
  -- The one extension, with its reason (164.526(b)(2)(ii)).
  extension_reason text constraint amendments_extension_reason_length check (length(extension_reason) between 1 and 1000),
  extended_by uuid references user_profiles (id),
  extended_at timestamptz,
  -- What the entry is amended to. Null unless it is accepted, or accepted in part.
  addendum text constraint amendments_addendum_length check (length(addendum) between 1 and 4000),
  -- Why it is denied, or denied in part.
  denial_ground amendment_denial_ground,
  denial_basis text constraint amendments_denial_basis_length check (length(denial_basis) between 1 and 2000),
  decided_by uuid references user_profiles (id),
  decided_at timestamptz,
  -- The patient's statement of disagreement (164.526(d)(2)), and the clinic's rebuttal (164.526(d)(3)).
  disagreement text constraint amendments_disagreement_length check (length(disagreement) between 1 and 4000),
  disagreed_by uuid references user_profiles (id),
  disagreed_at timestamptz,
  rebuttal text constraint amendments_rebuttal_length check (length(rebuttal) between 1 and 4000),
  rebutted_by uuid references user_profiles (id),
  rebutted_at timestamptz,
  created_at timestamptz not null default now(),
  -- Recipients prove by this key that their amendment is their patient's.
  constraint amendments_id_patient_id_key unique (id, patient_id),
  constraint amendments_one_entry check (num_nonnulls(record_id, file_id, profile_field) = 1),
  constraint amendments_origin_whole check (
    case origin
      when 'REQUEST' then num_nonnulls(statement, correction, reason, requester, due_on) = 5 and told_by is null
      when 'OTHER_ENTITY' then num_nonnulls(statement, correction, reason, requester, due_on) = 0 and told_by is not null
    end
  ),
  constraint amendments_told_accepted check (origin = 'REQUEST' or status = 'ACCEPTED'),
  constraint amendments_extended_whole check ((extension_reason is null) = (extended_at is null)),
  constraint amendments_decided check ((status = 'REQUESTED') = (decided_at is null)),
  constraint amendments_accepted check ((status in ('ACCEPTED', 'PARTLY_ACCEPTED')) = (addendum is not null)),
  constraint amendments_denied check (
    (status in ('DENIED', 'PARTLY_ACCEPTED')) = (denial_ground is not null)
    and (denial_ground is null) = (denial_basis is null)
  ),
  constraint amendments_disagreed_whole check (
    (disagreement is null) = (disagreed_at is null) and (disagreement is null or denial_ground is not null)
  ),
  constraint amendments_rebutted_whole check (
    (rebuttal is null) = (rebutted_at is null) and (rebuttal is null or disagreement is not null)
  )
);

create index amendments_patient_idx on amendments (patient_id, created_at desc, id desc);
create index amendments_record_idx on amendments (record_id, created_at desc, id desc) where record_id is not null;
create index amendments_file_idx on amendments (file_id, created_at desc, id desc) where file_id is not null;
-- The open requests of a patient, and those of everybody in the order in which they are due.
create index amendments_open_of_patient_idx on amendments (patient_id, created_at desc, id desc)
  where status = 'REQUESTED';
create index amendments_due_idx on amendments (due_on, id) where status = 'REQUESTED';
create index amendments_recorded_by_idx on amendments (recorded_by) where recorded_by is not null;
create index amendments_extended_by_idx on amendments (extended_by) where extended_by is not null;
create index amendments_decided_by_idx on amendments (decided_by) where decided_by is not null;
create index amendments_disagreed_by_idx on amendments (disagreed_by) where disagreed_by is not null;
create index amendments_rebutted_by_idx on amendments (rebutted_by) where rebutted_by is not null;

-- Whom the clinic must inform of an amendment, and when it did (164.526(c)(3)).
create table amendment_recipients (
  id uuid primary key default gen_random_uuid(),
  amendment_id uuid not null,
  patient_id uuid not null,
  source amendment_recipient_source not null,
  name text not null constraint amendment_recipients_name_length check (length(name) between 1 and 300),
  -- How they are reached, such as an address. Null if the clinic knows it.
  contact text constraint amendment_recipients_contact_length check (length(contact) between 1 and 500),
  added_by uuid references user_profiles (id),
  added_at timestamptz not null default now(),
  informed_on date,
  -- How they were informed, such as by letter.
  informed_by_means text
    constraint amendment_recipients_informed_by_means_length check (length(informed_by_means) between 1 and 200),
  informed_by uuid references user_profiles (id),
  informed_at timestamptz,
  constraint amendment_recipients_informed_whole check (
    (informed_on is null) = (informed_by_means is null) and (informed_on is null) = (informed_at is null)
  ),
  constraint amendment_recipients_of_amendment foreign key (amendment_id, patient_id)
    references amendments (id, patient_id)
);

create index amendment_recipients_amendment_idx on amendment_recipients (amendment_id, patient_id, added_at, id);
create index amendment_recipients_patient_idx on amendment_recipients (patient_id);
create index amendment_recipients_added_by_idx on amendment_recipients (added_by) where added_by is not null;
create index amendment_recipients_informed_by_idx on amendment_recipients (informed_by) where informed_by is not null;

call secure('amendments');
call guard_deletions('amendments', 'patient_id');
call secure('amendment_recipients');
call guard_deletions('amendment_recipients', 'patient_id');

-- Whoever records a request for a patient is a member of their care team, because the request has clinical content.
insert into role_permissions (role, permission, reach) values
  ('PATIENT', 'amendments:request', 'OWN'),
  ('PROVIDER', 'amendments:request', 'CARE'),
  ('NURSE', 'amendments:request', 'CARE'),
  ('PATIENT', 'amendments:read', 'OWN'),
  ('PROVIDER', 'amendments:read', 'CARE'),
  ('NURSE', 'amendments:read', 'CARE'),
  ('PROVIDER', 'amendments:decide', 'CARE');

-- Whether the actor reads the entry. It reads the tables under the actor's policies, so what is withheld from them has no
-- amendments for them either. A part of the profile is seen by everybody who reads amendments of the patient.
create function shows_entry(record uuid, file uuid) returns boolean
language plpgsql stable as $$
begin
  return case
    when record is not null then exists (select from public.medical_records r where r.id = record)
    when file is not null then exists (select from public.file_metadata f where f.id = file)
    else true
  end;
end
$$;

grant execute on function shows_entry(uuid, uuid) to caretrail_app;

create policy amendments_read on amendments for select to caretrail_app
  using (reaches('amendments:read', patient_id) and shows_entry(record_id, file_id));
create policy amendments_add on amendments for insert to caretrail_app
  with check (
    case origin
      when 'REQUEST' then reaches('amendments:request', patient_id)
      when 'OTHER_ENTITY' then reaches('amendments:decide', patient_id)
    end
    and shows_entry(record_id, file_id)
  );
-- Which step needs which permission is the trigger's task.
create policy amendments_step on amendments for update to caretrail_app
  using (
    (reaches('amendments:request', patient_id) or reaches('amendments:decide', patient_id))
    and shows_entry(record_id, file_id)
  );
create policy amendment_recipients_read on amendment_recipients for select to caretrail_app
  using (exists (select from amendments a where a.id = amendment_id));
create policy amendment_recipients_add on amendment_recipients for insert to caretrail_app
  with check (
    reaches('amendments:request', patient_id) and exists (select from amendments a where a.id = amendment_id)
  );
create policy amendment_recipients_inform on amendment_recipients for update to caretrail_app
  using (reaches('amendments:decide', patient_id) and exists (select from amendments a where a.id = amendment_id));

grant select on amendments, amendment_recipients to caretrail_app;
grant insert (
    id, patient_id, record_id, file_id, profile_field, origin, statement, correction, reason, told_by, received_on, addendum
  ),
  update (extension_reason, status, addendum, denial_ground, denial_basis, disagreement, rebuttal)
  on amendments to caretrail_app;
grant insert (id, amendment_id, source, name, contact), update (informed_on, informed_by_means)
  on amendment_recipients to caretrail_app;

-- Whether the actor asked for this amendment, is the patient or represents them. Nobody decides about their own request.
-- Whoever recorded a request for the patient didn't ask for it.
create function is_amendment_of_actor(its amendments) returns boolean
language plpgsql stable as $$
begin
  return (its.recorded_by = actor_user() and its.requester in ('PATIENT', 'REPRESENTATIVE'))
    or exists (select from patients p where p.id = its.patient_id and p.user_id = actor_user())
    or represents(its.patient_id);
end
$$;

-- Signs a new amendment and sets its clock. Errors: amendments_entry_of_patient the patient has no such entry,
-- amendments_received_by_now, amendments_received_today a patient sends another day, amendments_open_limit,
-- amendments_of_another.
create function sign_amendment() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  today constant date := clinic_day(now());
  is_of_patient boolean;
  broken text;
begin
  is_of_patient := case
    when new.record_id is not null then exists (
      select from medical_records r where r.id = new.record_id and r.patient_id = new.patient_id
    )
    when new.file_id is not null then exists (
      select from file_metadata f where f.id = new.file_id and f.patient_id = new.patient_id
    )
    else true
  end;
  if not is_of_patient then
    raise exception 'the patient has no such entry'
      using errcode = 'foreign_key_violation', constraint = 'amendments_entry_of_patient';
  end if;
  new.created_at := now();
  new.recorded_by := actor_user();
  if new.origin = 'OTHER_ENTITY' then
    new.received_on := coalesce(new.received_on, today);
    new.status := 'ACCEPTED';
    new.decided_by := actor_user();
    new.decided_at := now();
    broken := case
      when is_amendment_of_actor(new) then 'amendments_of_another'
      when new.received_on > today then 'amendments_received_by_now'
    end;
  else
    new.requester := case
      when reach('amendments:request') is distinct from 'OWN' then 'STAFF'
      when new.patient_id = actor_patient() then 'PATIENT'
      else 'REPRESENTATIVE'
    end;
    broken := case
      when new.received_on > today then 'amendments_received_by_now'
      when new.requester <> 'STAFF' and new.received_on <> today then 'amendments_received_today'
      when (
        select count(*) from (
          select from amendments a where a.patient_id = new.patient_id and a.status = 'REQUESTED' limit 100
        ) as open
      ) = 100 then 'amendments_open_limit'
    end;
    new.received_on := coalesce(new.received_on, today);
    new.due_on := new.received_on + 60;
  end if;
  if broken is not null then
    raise exception 'the amendment can''t be recorded' using errcode = 'check_violation', constraint = broken;
  end if;
  return new;
end
$$;

create trigger sign_amendment before insert on amendments
for each row execute function sign_amendment();

-- Checks a step and signs it. Nothing else of an amendment changes, and each step is taken once. Errors: 42501 the actor may
-- not, amendments_of_another, amendments_open it is decided, amendments_extended_once, amendments_extended_in_time,
-- amendments_contact_set the clinic has no telephone number for the letter of a denial, amendments_denied_first,
-- amendments_disagreed_once, amendments_disagreed_first, amendments_rebutted_once.
create function check_amendment_step() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  steps constant text[] := '{extension_reason,status,addendum,denial_ground,denial_basis,disagreement,rebuttal}';
  is_extended constant boolean := new.extension_reason is distinct from old.extension_reason;
  is_decided constant boolean := (new.status, new.addendum, new.denial_ground, new.denial_basis)
    is distinct from (old.status, old.addendum, old.denial_ground, old.denial_basis);
  is_disagreed constant boolean := new.disagreement is distinct from old.disagreement;
  is_rebutted constant boolean := new.rebuttal is distinct from old.rebuttal;
  broken text;
begin
  if to_jsonb(new) - steps <> to_jsonb(old) - steps then
    raise exception 'only a step is added to an amendment' using errcode = 'restrict_violation';
  end if;
  if not by_migration() and (
    ((is_extended or is_decided or is_rebutted) and not reaches('amendments:decide', old.patient_id))
    or (is_disagreed and not reaches('amendments:request', old.patient_id))
  ) then
    raise exception 'the caller may not take this step' using errcode = 'insufficient_privilege';
  end if;
  broken := case
    when (is_extended or is_decided or is_rebutted) and is_amendment_of_actor(old) then 'amendments_of_another'
    when (is_extended or is_decided) and old.status <> 'REQUESTED' then 'amendments_open'
    when is_extended and old.extension_reason is not null then 'amendments_extended_once'
    when is_extended and clinic_day(now()) > old.due_on then 'amendments_extended_in_time'
    when is_decided and new.denial_ground is not null and not (select s.clinic_phone is not null from settings s)
      then 'amendments_contact_set'
    when is_disagreed and old.denial_ground is null then 'amendments_denied_first'
    when is_disagreed and old.disagreement is not null then 'amendments_disagreed_once'
    when is_rebutted and old.disagreement is null then 'amendments_disagreed_first'
    when is_rebutted and old.rebuttal is not null then 'amendments_rebutted_once'
  end;
  if broken is not null then
    raise exception 'the step can''t be taken' using errcode = 'check_violation', constraint = broken;
  end if;
  if is_extended then
    new.due_on := old.due_on + 30;
    new.extended_by := actor_user();
    new.extended_at := now();
  end if;
  if is_decided then
    new.decided_by := actor_user();
    new.decided_at := now();
  end if;
  if is_disagreed then
    new.disagreed_by := actor_user();
    new.disagreed_at := now();
  end if;
  if is_rebutted then
    new.rebutted_by := actor_user();
    new.rebutted_at := now();
  end if;
  return new;
end
$$;

create trigger check_amendment_step before update on amendments
for each row execute function check_amendment_step();

create trigger announce after insert or update on amendments
for each row execute function announce_request('amendment', '{decided_at,decided_by,disagreed_by,rebutted_by,extended_by}');

-- Signs a recipient, and once that they were informed. Errors: amendment_recipients_not_denied, amendment_recipients_limit,
-- amendment_recipients_named a patient names somebody as known to the clinic, amendment_recipients_accepted,
-- amendment_recipients_once, amendment_recipients_in_time.
create function sign_amendment_recipient() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its amendments;
  broken text;
begin
  select * into its from amendments a where a.id = new.amendment_id;
  if tg_op = 'INSERT' then
    if its.id is null then
      raise exception 'there is no such amendment' using errcode = 'insufficient_privilege';
    end if;
    new.patient_id := its.patient_id;
    new.added_by := actor_user();
    new.added_at := now();
    broken := case
      when its.status = 'DENIED' then 'amendment_recipients_not_denied'
      when new.source = 'KNOWN' and reach('amendments:request') = 'OWN' then 'amendment_recipients_named'
      when (select count(*) from amendment_recipients r where r.amendment_id = its.id) >= 50
        then 'amendment_recipients_limit'
    end;
  else
    if to_jsonb(new) - '{informed_on,informed_by_means}'::text[] <> to_jsonb(old) - '{informed_on,informed_by_means}'::text[] then
      raise exception 'a recipient is only informed' using errcode = 'restrict_violation';
    end if;
    if (new.informed_on, new.informed_by_means) is not distinct from (old.informed_on, old.informed_by_means) then
      return new;
    end if;
    broken := case
      when its.addendum is null then 'amendment_recipients_accepted'
      when old.informed_on is not null then 'amendment_recipients_once'
      when new.informed_on > clinic_day(now()) or new.informed_on < clinic_day(its.decided_at)
        then 'amendment_recipients_in_time'
    end;
    new.informed_by := actor_user();
    new.informed_at := now();
  end if;
  if broken is not null then
    raise exception 'the recipient can''t be recorded so' using errcode = 'check_violation', constraint = broken;
  end if;
  return new;
end
$$;

create trigger sign_amendment_recipient before insert or update on amendment_recipients
for each row execute function sign_amendment_recipient();

-- The patients in the actor's care who have amendments, or open requests, for lists over all charts. It asks one index for
-- the newest of each patient in care: `exists` would read the whole table.
create function charts_with_amendments(only_open boolean) returns setof uuid
language plpgsql stable security definer rows 20 set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  if reach('amendments:read') is distinct from 'CARE' then
    return;
  end if;
  return query
    select distinct c.patient_id from care_relations c
    where c.member_id = actor_user() and c.until > now() and not c.is_suspended
      and case
        when only_open then (
          select a.id from amendments a where a.patient_id = c.patient_id and a.status = 'REQUESTED'
          order by a.created_at desc, a.id desc limit 1
        )
        else (
          select a.id from amendments a where a.patient_id = c.patient_id order by a.created_at desc, a.id desc limit 1
        )
      end is not null;
end
$$;

-- To whom a letter to the patient goes, and the clinic's contact data. Empty if the permission, which lets the actor read what
-- the letter is about, doesn't reach the patient. `addressee` is PATIENT, GUARDIAN if the patient is a minor, or FAMILY if they died.
create function letter_head(p_patient uuid, p_permission text)
returns table (
  addressee text, first_name text, last_name text, address jsonb, written_on date,
  clinic_name text, clinic_phone text, clinic_email text, clinic_website text, clinic_address text
)
language plpgsql stable security definer rows 1 set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return query
    select
      case
        when p.deceased is not null then 'FAMILY'
        when anniversary(last_day(p.date_of_birth), age_of_majority()) > clinic_day(now()) then 'GUARDIAN'
        else 'PATIENT'
      end,
      u.first_name, u.last_name, u.address, clinic_day(now()),
      s.clinic_name, s.clinic_phone, s.clinic_email, s.clinic_website, s.clinic_address
    from patients p
    join user_profiles u on u.id = p.user_id
    cross join settings s
    where p.id = p_patient and p_permission in ('amendments:read', 'exports:read') and reaches(p_permission, p.id);
end
$$;

grant execute on function charts_with_amendments(boolean), letter_head(uuid, text) to caretrail_people;

-- All amendments of a patient as they travel with an export or a disclosure of their entries (164.526(c)(1), (d)(4), (d)(5)),
-- the oldest first: an object with the fields of the API, without ids of users and without recipients. It reads under the
-- rights of whoever calls it, so a SECURITY DEFINER function leaves out itself what it leaves out of the entries.
create function amendments_in_travel(p_patient uuid)
returns table (amendment_id uuid, record_id uuid, file_id uuid, profile_field text, amendment jsonb)
language sql stable as $$
  select a.id, a.record_id, a.file_id, a.profile_field::text,
    jsonb_strip_nulls(jsonb_build_object(
      'id', a.id, 'record_id', a.record_id, 'file_id', a.file_id, 'profile_field', a.profile_field,
      'origin', a.origin, 'status', a.status, 'received_on', a.received_on, 'told_by', a.told_by,
      'statement', a.statement, 'correction', a.correction, 'reason', a.reason,
      'decided_at', a.decided_at, 'addendum', a.addendum,
      'denial_ground', a.denial_ground, 'denial_basis', a.denial_basis,
      'disagreed_at', a.disagreed_at, 'disagreement', a.disagreement,
      'rebutted_at', a.rebutted_at, 'rebuttal', a.rebuttal
    ))
  from public.amendments a
  where a.patient_id = p_patient
  order by a.created_at, a.id
$$;

grant execute on function amendments_in_travel(uuid) to caretrail_app;

-- For `describe_attempt`: one row with the patient, if the amendment exists.
create function target_amendment(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select a.patient_id from amendments a where a.id = target;
end
$$;

call classify(
  'amendments', 'Requests to amend entries of charts, with their decisions, and amendments that other entities told',
  'As long as the patient',
  ephi => '{patient_id, record_id, file_id, profile_field, statement, correction, reason, told_by, addendum, denial_ground,
    denial_basis, disagreement, rebuttal}',
  identifying => '{recorded_by, extended_by, decided_by, disagreed_by, rebutted_by}'
);
call classify(
  'amendment_recipients', 'Whom the clinic informs of an amendment, and when it did',
  'As long as the patient',
  ephi => '{patient_id, name, contact}',
  identifying => '{added_by, informed_by}'
);
