-- How long archived rows are kept, what a legal hold keeps beyond that, and how apply-retention deletes the rest.
-- Nothing is deleted before its retention has ended, and what is deleted leaves its proof in the audit log.
--
-- A row is deleted if all of this is true: it is archived, the last day of its retention is over, no legal hold covers
-- it, no other row refers to it, it was listed long enough that somebody could object, and the operator turned deletion
-- on. `guard_deletion` checks it for each row again, so no other code can delete a row earlier.

-- In the order in which apply-retention deletes: what refers to something comes before it. Rules and holds also exist
-- for the audit log, which is not deleted here.
create type retained_type as enum (
  'FILE', 'MEDICAL_RECORD', 'APPOINTMENT', 'PATIENT', 'PROVIDER', 'USER', 'AUDIT_LOG'
);

-- The tables with the rows that are deleted together, and the column with the id of the resource. The last part of a
-- type is the resource itself.
create function retained_parts() returns table (place integer, resource_type retained_type, part text, key text)
language sql immutable parallel safe
begin atomic
  values
    (1, 'FILE'::retained_type, 'file_metadata', 'id'),
    (2, 'MEDICAL_RECORD', 'export_exclusions', 'record_id'),
    (3, 'MEDICAL_RECORD', 'record_releases', 'record_id'),
    (4, 'MEDICAL_RECORD', 'record_shields', 'record_id'),
    (5, 'MEDICAL_RECORD', 'medical_record_versions', 'record_id'),
    (6, 'MEDICAL_RECORD', 'medical_records', 'id'),
    (7, 'APPOINTMENT', 'appointment_changes', 'appointment_id'),
    (8, 'APPOINTMENT', 'appointments', 'id'),
    (9, 'PATIENT', 'representatives', 'patient_id'),
    (10, 'PATIENT', 'care_relations', 'patient_id'),
    (11, 'PATIENT', 'care_spans', 'patient_id'),
    (12, 'PATIENT', 'chart_spans', 'patient_id'),
    (13, 'PATIENT', 'emergency_accesses', 'patient_id'),
    (14, 'PATIENT', 'amendment_recipients', 'patient_id'),
    (15, 'PATIENT', 'amendments', 'patient_id'),
    (16, 'PATIENT', 'exports', 'patient_id'),
    (17, 'PATIENT', 'patients', 'id'),
    (18, 'PROVIDER', 'providers', 'id'),
    (19, 'USER', 'idempotency_keys', 'user_id'),
    (20, 'USER', 'name_words', 'user_id'),
    (21, 'USER', 'user_profiles', 'id');
end;

-- The rules of each jurisdiction: a country such as US or DE, or a part of it such as US-CA (ISO 3166). Rows are never
-- changed. What a migration wrote is the floor: no later rule may be lower. Of what people wrote, the newest counts.
create table retention_rules (
  jurisdiction text not null
    constraint retention_rules_jurisdiction_format check (jurisdiction ~ '^[A-Z]{2}(-[A-Z0-9]{1,3})?$'),
  resource_type retained_type not null,
  version integer not null,
  -- How many years a row is kept after its day: see `archived_rows`.
  adult_years integer not null constraint retention_rules_adult_years_range check (adult_years between 1 and 200),
  -- What concerned a minor is kept at least until this age and this many years more.
  majority_age integer not null constraint retention_rules_majority_age_range check (majority_age between 18 and 30),
  minor_years integer not null constraint retention_rules_minor_years_range check (minor_years between 0 and 200),
  -- The law, or why the clinic keeps rows longer.
  reason text not null constraint retention_rules_reason_length check (length(reason) between 1 and 1000),
  -- Null if a migration or an operator set it.
  set_by uuid references user_profiles (id),
  set_at timestamptz not null default now(),
  primary key (jurisdiction, resource_type, version),
  -- 45 CFR 164.316(b)(2)(i).
  constraint retention_rules_six_years check (resource_type <> 'AUDIT_LOG' or adult_years >= 6)
);

create index retention_rules_set_by_idx on retention_rules (set_by) where set_by is not null;

call secure('retention_rules');
create policy retention_rules_read on retention_rules for select to caretrail_app
  using ((select reach('retention:write')) = 'ALL' or (select reach('retention:read')) = 'ALL');
create policy retention_rules_set on retention_rules for insert to caretrail_app
  with check ((select reach('retention:write')) = 'ALL' and set_by = (select actor_user()));
grant select, insert (jurisdiction, resource_type, adult_years, majority_age, minor_years, reason)
  on retention_rules to caretrail_people;

create trigger refuse_ledger_change before update or delete on retention_rules
for each row execute function refuse_ledger_change();

-- Numbers and signs a rule, and refuses one below the floor of its jurisdiction or of its country.
create function check_retention_rule() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  least record;
  below text;
begin
  new.set_by := actor_user();
  new.set_at := now();
  select coalesce(max(r.version), 0) + 1 into new.version from retention_rules r
  where r.jurisdiction = new.jurisdiction and r.resource_type = new.resource_type;
  select max(r.adult_years) as adult_years, max(r.majority_age) as majority_age, max(r.minor_years) as minor_years
  into least
  from retention_rules r
  where r.jurisdiction in (new.jurisdiction, left(new.jurisdiction, 2)) and r.resource_type = new.resource_type
    and r.set_by is null;
  -- What a migration writes may differ from its country's rule: the stricter of both counts.
  if new.set_by is null then
    return new;
  end if;
  if least.adult_years is null then
    raise exception 'the jurisdiction has no rules'
      using errcode = 'check_violation', constraint = 'retention_rules_jurisdiction_known';
  end if;
  below := case
    when new.adult_years < least.adult_years then 'retention_rules_floor_adult_years'
    when new.majority_age < least.majority_age then 'retention_rules_floor_majority_age'
    when new.minor_years < least.minor_years then 'retention_rules_floor_minor_years'
  end;
  if below is not null then
    raise exception 'the rule is below the floor' using errcode = 'check_violation', constraint = below;
  end if;
  return new;
end
$$;

create trigger check_retention_rule before insert on retention_rules
for each row execute function check_retention_rule();

-- The floors. A clinic must check the law of its state and of its kind of facility, and raise the rules where it is
-- stricter: some hospitals, obstetrics, radiology, research and insurers must keep more. docs/decisions/0033-retention.md
-- says what was compared.
insert into retention_rules (jurisdiction, resource_type, adult_years, majority_age, minor_years, reason)
select place.jurisdiction, kept.resource_type, place.adult_years, place.majority_age, place.minor_years, place.reason
from (
  values
    ('US', 10, 18, 10, 'Ten years, as 42 CFR 438.3(u) and 42 CFR 422.504(d) require of Medicaid and Medicare plans and their providers. Most states require 6 to 10 years, and for minors some years more than the majority.'),
    ('US-AL', 10, 19, 10, 'Majority at 19: Ala. Code 26-1-1.'),
    ('US-CA', 10, 18, 1, 'Ten years: Cal. Welf. & Inst. Code 14124.1. Minors: Cal. Health & Safety Code 123145.'),
    ('US-MS', 10, 21, 10, 'Majority at 21: Miss. Code 1-3-27.'),
    ('US-NC', 11, 18, 12, 'Eleven years after discharge, and for minors until their 30th birthday: 10A NCAC 13B .3903.'),
    ('US-NE', 10, 19, 10, 'Majority at 19: Neb. Rev. Stat. 43-2101.'),
    ('US-TX', 7, 18, 3, 'Seven years after the last treatment, and for minors until the age of 21: 22 TAC 165.1.'),
    ('DE', 10, 18, 10, 'Ten years after the end of treatment: BGB § 630f (3). For images of minors until the age of 28: StrlSchG § 85 (2).')
) as place (jurisdiction, adult_years, majority_age, minor_years, reason)
cross join (
  select unnest(enum_range(null::retained_type)) as resource_type
) as kept
where kept.resource_type <> 'AUDIT_LOG';

insert into retention_rules (jurisdiction, resource_type, adult_years, majority_age, minor_years, reason)
values
  ('US', 'AUDIT_LOG', 6, 18, 0, 'Six years: 45 CFR 164.316(b)(2)(i).'),
  ('DE', 'AUDIT_LOG', 6, 18, 0, 'Six years, as 45 CFR 164.316(b)(2)(i) requires in the United States.');

-- The rule of this installation: the strictest of its jurisdiction and its country, of all floors and of the newest
-- rule that people set for each. A patient is kept as long as their account, because the account's rule needs the
-- patient's birth and last activity. `rules` names each rule that was compared, such as `US/FILE/1`.
create function retention_rule(
  p_type retained_type, out adult_years integer, out majority_age integer, out minor_years integer, out rules text[]
)
language plpgsql stable set search_path = pg_catalog, public as $$
begin
  select max(r.adult_years), max(r.majority_age), max(r.minor_years),
    array_agg(concat_ws('/', r.jurisdiction, r.resource_type, r.version) order by r.jurisdiction, r.resource_type, r.version)
  into adult_years, majority_age, minor_years, rules
  from retention_rules r
  join settings s on r.jurisdiction in (s.retention_jurisdiction, left(s.retention_jurisdiction, 2))
  where (r.resource_type = p_type or (p_type = 'PATIENT' and r.resource_type = 'USER'))
    and (r.set_by is null or r.version = (
      select max(newest.version) from retention_rules newest
      where newest.jurisdiction = r.jurisdiction and newest.resource_type = r.resource_type and newest.set_by is not null
    ));
end
$$;

-- The age at which people come of age here: that of the installation's jurisdiction, or else of its country. Only
-- floors count. A clinic may keep the data of minors longer, but nobody comes of age later for that.
create function age_of_majority() returns integer
language sql stable set search_path = pg_catalog, public as $$
  select r.majority_age
  from retention_rules r
  join settings s on r.jurisdiction in (s.retention_jurisdiction, left(s.retention_jurisdiction, 2))
  where r.resource_type = 'MEDICAL_RECORD' and r.set_by is null
  order by length(r.jurisdiction) desc, r.version desc limit 1
$$;

-- The installation's jurisdiction has rules.
create function check_jurisdiction() returns trigger
language plpgsql as $$
begin
  if not exists (select from retention_rules r where r.jurisdiction = left(new.retention_jurisdiction, 2)) then
    raise exception 'the country has no retention rules'
      using errcode = 'check_violation', constraint = 'settings_retention_jurisdiction_known';
  end if;
  return new;
end
$$;

create trigger check_jurisdiction before insert or update of retention_jurisdiction on settings
for each row execute function check_jurisdiction();

-- The last day that a date of FHIR can be: of `1984-02` the 29th.
create function last_day(partial_date text) returns date
language sql immutable parallel safe
return (
  first_day(partial_date)
  + case length(partial_date) when 4 then interval '1 year' when 7 then interval '1 month' else interval '1 day' end
  - interval '1 day'
)::date;

-- The same day some years later. In years without a 29 February it is the day after the 28th, so that nothing ends early.
create function anniversary(day date, years integer) returns date
language sql immutable parallel safe
return make_date(extract(year from day)::integer + years, extract(month from day)::integer, 1)
  + (extract(day from day)::integer - 1);

-- The last day of a retention. `born` is null if no patient is concerned, and otherwise their birth as exactly as it is
-- known. Whoever was a minor anywhere on earth at the time counts as one, and years count from the latest day that the
-- time was anywhere.
create function retention_end(
  counted_from timestamptz, born text, adult_years integer, majority_age integer, minor_years integer
) returns date
language sql immutable parallel safe
return case
  when (counted_from at time zone 'UTC' - interval '12 hours')::date < anniversary(last_day(born), majority_age)
  then greatest(
    anniversary((counted_from at time zone 'UTC' + interval '14 hours')::date, adult_years),
    anniversary(anniversary(last_day(born), majority_age), minor_years)
  )
  else anniversary((counted_from at time zone 'UTC' + interval '14 hours')::date, adult_years)
end;

-- Whether the day is over everywhere on earth.
create function is_over(day date) returns boolean
language sql stable parallel safe
return day < (now() at time zone 'UTC' - interval '12 hours')::date;

create index file_metadata_archived_idx on file_metadata (archived_at, id) where is_archived;
create index medical_records_archived_idx on medical_records (archived_at, id) where is_archived;
create index appointments_archived_idx on appointments (archived_at, id) where is_archived;
create index patients_archived_idx on patients (archived_at, id) where is_archived;
create index providers_archived_idx on providers (archived_at, id) where is_archived;
create index user_profiles_archived_idx on user_profiles (archived_at, id) where is_archived;

-- All archived rows. Their retention counts from the latest of three times: their archiving, the last activity in the
-- patient's chart (archived rows and visits to come included), and the patient's death. Functions can't read it.
create view archived_rows with (security_invoker = true) as
select a.resource_type, a.id, a.patient_id, a.archived_at, p.date_of_birth as born,
  greatest(
    a.archived_at,
    (select max(s.ends) from chart_spans s where s.patient_id = a.patient_id),
    case
      when length(p.deceased ->> 'at') > 10 then (p.deceased ->> 'at')::timestamptz
      else (last_day(p.deceased ->> 'at') + 1)::timestamp at time zone 'UTC' + interval '12 hours'
    end
  ) as counted_from
from (
  select 'FILE'::retained_type as resource_type, id, patient_id, archived_at from file_metadata where is_archived
  union all
  select 'MEDICAL_RECORD', id, patient_id, archived_at from medical_records where is_archived
  union all
  select 'APPOINTMENT', id, patient_id, archived_at from appointments where is_archived
  union all
  select 'PATIENT', id, id, archived_at from patients where is_archived
  union all
  select 'PROVIDER', id, null, archived_at from providers where is_archived
  union all
  select 'USER', u.id, own.id, u.archived_at
  from user_profiles u left join patients own on own.user_id = u.id
  where u.is_archived
) as a
left join patients p on p.id = a.patient_id;

-- Legal holds: while one is in force, nothing that it covers is deleted. Rows stay for ever. There is no key on
-- `patients`, because a released hold must not keep the patient.
create table legal_holds (
  id uuid primary key,
  -- The patient concerned, and their account. Null if the hold covers everybody.
  patient_id uuid,
  account_id uuid,
  -- Null if the hold covers everything.
  resource_type retained_type,
  reason text not null constraint legal_holds_reason_length check (length(reason) between 1 and 1000),
  placed_by uuid references user_profiles (id),
  placed_at timestamptz not null default now(),
  released_by uuid references user_profiles (id),
  released_at timestamptz,
  release_reason text constraint legal_holds_release_reason_length check (length(release_reason) between 1 and 1000),
  constraint legal_holds_released check ((released_at is null) = (release_reason is null))
);

create index legal_holds_patient_idx on legal_holds (patient_id);
-- Pages of all holds, newest first.
create index legal_holds_page_idx on legal_holds (placed_at desc, id desc);
create index legal_holds_placed_by_idx on legal_holds (placed_by) where placed_by is not null;
create index legal_holds_released_by_idx on legal_holds (released_by) where released_by is not null;

call secure('legal_holds');
-- Neither patients nor members of a care team hold these permissions: a hold tells of a dispute.
create policy legal_holds_read on legal_holds for select to caretrail_app
  using ((select reach('legal-holds:read')) = 'ALL' or (select reach('legal-holds:write')) = 'ALL');
create policy legal_holds_place on legal_holds for insert to caretrail_app
  with check ((select reach('legal-holds:write')) = 'ALL');
create policy legal_holds_release on legal_holds for update to caretrail_app
  using ((select reach('legal-holds:write')) = 'ALL');
grant select, insert (id, patient_id, resource_type, reason), update (release_reason) on legal_holds to caretrail_people;

create trigger refuse_ledger_change before delete on legal_holds
for each row execute function refuse_ledger_change();

-- Signs a hold and its release. Nothing else of a hold changes.
create function sign_legal_hold() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if tg_op = 'INSERT' then
    new.placed_by := actor_user();
    new.placed_at := now();
    new.released_by := null;
    if new.patient_id is not null then
      select p.user_id into new.account_id from patients p where p.id = new.patient_id;
      if not found then
        raise exception 'the patient does not exist'
          using errcode = 'foreign_key_violation', constraint = 'legal_holds_patient_exists';
      end if;
    end if;
    return new;
  end if;
  if old.released_at is not null or new.release_reason is null
    or to_jsonb(new) - array['release_reason', 'released_at', 'released_by']
      <> to_jsonb(old) - array['release_reason', 'released_at', 'released_by']
  then
    raise exception 'a legal hold can only be released, and only once' using errcode = 'restrict_violation';
  end if;
  new.released_by := actor_user();
  new.released_at := now();
  return new;
end
$$;

create trigger sign_legal_hold before insert or update on legal_holds
for each row execute function sign_legal_hold();

-- The first hold in force that covers a row of this type about this patient, and when the last hold that covered it was
-- released. An account is also covered after its patient is deleted.
create function legal_holds_on(p_type retained_type, p_id uuid, p_patient uuid, out in_force uuid, out released_at timestamptz)
language plpgsql stable set search_path = pg_catalog, public as $$
#variable_conflict use_column
begin
  select (array_agg(h.id order by h.placed_at, h.id) filter (where h.released_at is null))[1], max(h.released_at)
  into in_force, released_at
  from legal_holds h
  where (h.resource_type is null or h.resource_type = p_type)
    and (h.patient_id is null or h.patient_id = p_patient or (p_type = 'USER' and h.account_id = p_id));
end
$$;

-- Whether a hold in force covers a row of the audit log's month, which must not be deleted then. A hold doesn't keep the
-- month from being archived, because that deletes nothing.
create function holds_audit_month(p_month date) returns boolean
language plpgsql stable set search_path = pg_catalog, public as $$
begin
  return exists (
    select from legal_holds h
    where h.released_at is null and (h.resource_type is null or h.resource_type = 'AUDIT_LOG')
      and (
        h.patient_id is null
        or exists (select from audit_logs a where a.month = p_month and a.patient_id = h.patient_id)
        or exists (select from audit_logs a where a.month = p_month and a.patient_ids @> array[h.patient_id])
        or exists (select from audit_archive_rows a where a.month = p_month and a.patient_id = h.patient_id)
        or exists (select from audit_archive_rows a where a.month = p_month and a.patient_ids @> array[h.patient_id])
      )
  );
end
$$;

-- The archived rows with an ended retention, as the last run of apply-retention found them. A row is listed since
-- `listed_at`, and again from the beginning after a hold or a longer retention. Whoever may read the retention report
-- sees what will be deleted and can object.
create table retention_listings (
  resource_type retained_type not null,
  resource_id uuid not null,
  patient_id uuid,
  -- The last day of the retention, and the rules that it was computed with.
  ends_on date not null,
  rules text[] not null,
  listed_at timestamptz not null default now(),
  -- The hold that covers the row, and a table that refers to it. Null if there is none.
  held_by uuid references legal_holds (id),
  referred_from text,
  -- For a file: when the deletion of its object was announced in the audit log.
  begun_at timestamptz,
  primary key (resource_type, resource_id)
);

create index retention_listings_due_idx on retention_listings (resource_type, listed_at, resource_id)
  where held_by is null and referred_from is null;
create index retention_listings_held_by_idx on retention_listings (held_by) where held_by is not null;

call secure('retention_listings');

-- Which tables refer to these resources, apart from their own parts: by any foreign key of the schema, and by the
-- providers that are assigned to a patient. A new table needs no change here.
create function referring(p_type retained_type, p_ids uuid[]) returns table (resource_id uuid, referrer text)
language plpgsql stable set search_path = pg_catalog, public as $$
declare
  own constant text[] := array(select part from retained_parts() where resource_type = p_type order by place);
  target constant text := own[cardinality(own)];
  link record;
begin
  for link in
    select c.conrelid::regclass::text as name, a.attname as col
    from pg_constraint c
    join pg_attribute target_id on target_id.attrelid = c.confrelid and target_id.attname = 'id'
    join pg_attribute a
      on a.attrelid = c.conrelid and a.attnum = c.conkey[array_position(c.confkey, target_id.attnum)]
    where c.contype = 'f' and c.conparentid = 0 and c.confrelid = ('public.' || target)::regclass
    order by name, col
  loop
    continue when link.name = any (own) and link.name <> target;
    return query execute format(
      'select one.id, %L from unnest($1) as one (id) where exists (select from public.%I r where r.%I = one.id%s)',
      link.name, link.name, link.col, case when link.name = target then ' and r.id <> one.id' end
    ) using p_ids;
  end loop;
  if p_type = 'PROVIDER' then
    return query
      select one.id, 'patients' from unnest(p_ids) as one (id)
      where exists (select from patients p where p.assigned_providers @> array[one.id]);
  end if;
end
$$;

-- Writes what is true now of these resources into their listings. Returns how many listings changed.
create function relist(p_type retained_type, p_ids uuid[]) returns bigint
language plpgsql set search_path = pg_catalog, public as $$
declare
  rule record;
  changed bigint;
begin
  select * into rule from retention_rule(p_type);
  with ended as (
    select a.id, a.patient_id, h.in_force as hold, e.ends_on,
      (select min(f.referrer) from referring(p_type, p_ids) as f where f.resource_id = a.id) as referrer
    from archived_rows a
    cross join lateral retention_end(a.counted_from, a.born, rule.adult_years, rule.majority_age, rule.minor_years)
      as e (ends_on)
    cross join lateral legal_holds_on(p_type, a.id, a.patient_id) as h
    where a.resource_type = p_type and a.id = any (p_ids) and is_over(e.ends_on)
  ), unlisted as (
    delete from retention_listings l
    where l.resource_type = p_type and l.resource_id = any (p_ids) and l.resource_id not in (select id from ended)
    returning l.resource_id
  ), listed as (
    insert into retention_listings as l
      (resource_type, resource_id, patient_id, ends_on, rules, held_by, referred_from)
    select p_type, id, patient_id, ends_on, rule.rules, hold, referrer from ended
    -- In one order, so that two runs can't wait for each other.
    order by id
    on conflict (resource_type, resource_id) do update set
      patient_id = excluded.patient_id, ends_on = excluded.ends_on, rules = excluded.rules,
      held_by = excluded.held_by, referred_from = excluded.referred_from
    where (l.patient_id, l.ends_on, l.rules, l.held_by, l.referred_from)
      is distinct from (excluded.patient_id, excluded.ends_on, excluded.rules, excluded.held_by, excluded.referred_from)
    returning l.resource_id
  )
  select (select count(*) from unlisted) + (select count(*) from listed) into changed;
  -- After a hold, the days to object begin again.
  update retention_listings l set listed_at = was.released_at
  from (
    select q.resource_id, h.released_at
    from retention_listings q cross join lateral legal_holds_on(p_type, q.resource_id, q.patient_id) as h
    where q.resource_type = p_type and q.resource_id = any (p_ids) and h.released_at > q.listed_at
  ) as was
  where l.resource_type = p_type and l.resource_id = was.resource_id;
  return changed + case when found then 1 else 0 end;
end
$$;

-- For the functions of apply-retention. Errors: CT007 the actor is not proven, 42501 the actor is another one.
create function require_retention_job() returns void
language plpgsql stable set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  if reach('retention:apply') is distinct from 'ALL' then
    raise exception 'only apply-retention deletes rows' using errcode = 'insufficient_privilege';
  end if;
end
$$;

-- Keeps holds, rules and settings as they are until the transaction ends. So a hold is either seen by a deletion or
-- waits until it is committed.
create function settle_retention() returns void
language plpgsql set search_path = pg_catalog, public as $$
begin
  lock table legal_holds, retention_rules in share mode;
  perform from settings for share;
end
$$;

-- Brings the listings of up to `p_limit` resources up to date: of archived rows whose retention can have ended, in the
-- order of their archiving. `read` is how many there were, and the place of the last one is where the next call begins.
-- `ended` counts those whose retention has ended, `listed` those of them that are listed since now, and `changed` the
-- listings that changed. The statement names the type, so that PostgreSQL reads one table only.
create function list_ended(
  p_type retained_type, p_after_time timestamptz, p_after uuid, p_limit bigint,
  out read bigint, out ended bigint, out listed bigint, out changed bigint, out after_time timestamptz, out after_id uuid
)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  rule record;
  ids uuid[];
begin
  perform require_retention_job();
  perform settle_retention();
  select * into rule from retention_rule(p_type);
  execute format(
    'select coalesce(array_agg(page.id order by page.archived_at, page.id), ''{}''), max(page.archived_at)
     from (
       select a.id, a.archived_at from archived_rows a
       where a.resource_type = %L and a.archived_at < $1 and (a.archived_at, a.id) > ($2, $3)
       order by a.archived_at, a.id limit $4
     ) as page', p_type
  ) into ids, after_time
  using now() - make_interval(years => rule.adult_years) + interval '2 days', coalesce(p_after_time, '-infinity'),
    coalesce(p_after, '00000000-0000-0000-0000-000000000000'), p_limit;
  read := cardinality(ids);
  after_id := ids[cardinality(ids)];
  changed := relist(p_type, ids);
  select count(*), count(*) filter (where l.listed_at = now()) into ended, listed
  from retention_listings l where l.resource_type = p_type and l.resource_id = any (ids);
end
$$;

-- Removes the listings of resources that aren't archived any more. Returns how many.
create function forget_listings(p_type retained_type) returns bigint
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  forgotten bigint;
begin
  perform require_retention_job();
  delete from retention_listings l
  where l.resource_type = p_type
    and not exists (select from archived_rows a where a.resource_type = p_type and a.id = l.resource_id);
  get diagnostics forgotten = row_count;
  return forgotten;
end
$$;

-- Takes up to `p_limit` resources that may be deleted now, or those of `p_ids` that may: `ids`. Another run skips them.
-- `taken` counts those that were considered. The listings of the others then say why they are kept.
create function take_deletable(p_type retained_type, p_ids uuid[], p_limit bigint, out ids uuid[], out taken bigint)
language plpgsql set search_path = pg_catalog, public as $$
declare
  latest timestamptz;
begin
  perform require_retention_job();
  perform settle_retention();
  -- Nothing was listed before the beginning of time, so nothing is deleted unless deletion is on.
  select case when s.deletes_after_retention then now() - make_interval(days => s.days_to_object) else '-infinity' end
  into latest from settings s;
  ids := array(
    select l.resource_id from retention_listings l
    where l.resource_type = p_type and l.held_by is null and l.referred_from is null and l.listed_at <= latest
      and (p_ids is null or l.resource_id = any (p_ids))
    order by l.listed_at, l.resource_id limit p_limit
    for update skip locked
  );
  taken := cardinality(ids);
  perform relist(p_type, ids);
  ids := array(
    select l.resource_id from retention_listings l
    where l.resource_type = p_type and l.resource_id = any (ids) and l.held_by is null and l.referred_from is null
      and l.listed_at <= latest
    order by l.resource_id
  );
end
$$;

-- The proof of these resources: how many rows each of their parts has, and a SHA-256 hash in hexadecimal digits. The hash
-- is that of the hashes of all rows, part by part and in the order of the rows' text. The text of a row is the name of
-- its table, a line feed and the row as jsonb. Run on a restored backup, it tells whether a deletion that the audit
-- log records deleted these very rows.
create function retention_proof(p_type retained_type, p_ids uuid[], out parts jsonb, out digest text)
language plpgsql stable
set search_path = pg_catalog, public set timezone = 'UTC' set datestyle = 'ISO, YMD' set bytea_output = 'hex' as $$
declare
  part record;
  rows_of_part bigint;
  hashes bytea;
  hashed bytea := '';
begin
  parts := '{}';
  for part in select p.part as name, p.key from retained_parts() p where p.resource_type = p_type order by p.place loop
    execute format(
      'select count(*), coalesce(string_agg(sha256(convert_to(%L || chr(10) || line, ''UTF8'')), '''' order by line collate "C"), '''')
       from (select to_jsonb(r)::text as line from %I r where r.%I = any ($1)) as one',
      part.name, part.name, part.key
    ) into rows_of_part, hashes using p_ids;
    hashed := hashed || hashes;
    if rows_of_part > 0 then
      parts := parts || jsonb_build_object(part.name, rows_of_part);
    end if;
  end loop;
  digest := encode(sha256(hashed), 'hex');
end
$$;

-- Deletes up to `p_limit` resources that may be deleted now, or those of `p_ids` that may, and returns the proof of it
-- for the audit row of this transaction. `taken` counts those that were considered.
create function delete_retained(
  p_type retained_type, p_ids uuid[], p_limit bigint,
  out taken bigint, out ids uuid[], out patients uuid[], out rules text[], out parts jsonb, out digest text
)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
  part record;
begin
  select t.ids, t.taken into ids, taken from take_deletable(p_type, p_ids, p_limit) as t;
  select coalesce(array_agg(distinct l.patient_id) filter (where l.patient_id is not null), '{}'), min(l.rules)
  into patients, rules
  from retention_listings l where l.resource_type = p_type and l.resource_id = any (ids);
  select p.parts, p.digest into parts, digest from retention_proof(p_type, ids) as p;
  if cardinality(ids) = 0 then
    return;
  end if;
  for part in select p.part as name, p.key from retained_parts() p where p.resource_type = p_type order by p.place loop
    execute format('delete from %I where %I = any ($1)', part.name, part.key) using ids;
  end loop;
  delete from retention_listings l where l.resource_type = p_type and l.resource_id = any (ids);
end
$$;

-- Announces the deletion of up to `p_limit` files whose objects may be deleted now. The audit row of this transaction
-- names them, so that no object vanishes without a trace if the function ends before it deletes the row. A file whose
-- deletion was announced and failed is announced again an hour later.
create function begin_file_deletion(p_limit bigint, out ids uuid[])
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform require_retention_job();
  ids := array(
    select l.resource_id from retention_listings l
    where l.resource_type = 'FILE' and l.held_by is null and l.referred_from is null
      and (l.begun_at is null or l.begun_at < now() - interval '1 hour')
    order by l.listed_at, l.resource_id limit p_limit
  );
  select t.ids into ids from take_deletable('FILE', ids, p_limit) as t;
  update retention_listings l set begun_at = now() where l.resource_type = 'FILE' and l.resource_id = any (ids);
end
$$;

-- Where the object of a file is, if the file may be deleted now and this was announced. Holds, rules and settings stay
-- as they are until the transaction ends.
create function announced_file(p_id uuid, out bucket text, out file_path text)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
  taken uuid[];
begin
  select t.ids into taken from take_deletable('FILE', array[p_id], 1) as t;
  select f.bucket, f.file_path into bucket, file_path
  from file_metadata f
  join retention_listings l on l.resource_type = 'FILE' and l.resource_id = f.id and l.begun_at is not null
  where f.id = any (taken);
end
$$;

-- Checks whether this row of a table may be deleted: the second wall behind `take_deletable`.
-- Errors: restrict_violation, with the reason in the message and in the name of the constraint.
-- The generic plan reads one table of `archived_rows`, and spares the time for a new plan in each call.
create function require_deletable(p_table text, p_row jsonb) returns void
language plpgsql set search_path = pg_catalog, public set plan_cache_mode = force_generic_plan as $$
declare
  part record;
  resource uuid;
  rule record;
  found_row record;
begin
  select p.resource_type, p.key into part from retained_parts() p where p.part = p_table;
  if not found then
    raise exception 'rows of % are archived, never deleted', p_table
      using errcode = 'restrict_violation', constraint = 'retention_never';
  end if;
  if not has_standing('REQUEST') or reach('retention:apply') is distinct from 'ALL' then
    raise exception 'only apply-retention deletes rows of %, after their retention', p_table
      using errcode = 'restrict_violation', constraint = 'retention_only_by_job';
  end if;
  perform settle_retention();
  if not (select s.deletes_after_retention from settings s) then
    raise exception 'the operator has not turned deletion on'
      using errcode = 'restrict_violation', constraint = 'retention_deletion_off';
  end if;
  resource := (p_row ->> part.key)::uuid;
  select * into rule from retention_rule(part.resource_type);
  select a.patient_id,
    retention_end(a.counted_from, a.born, rule.adult_years, rule.majority_age, rule.minor_years) as ends_on
  into found_row
  from archived_rows a where a.resource_type = part.resource_type and a.id = resource;
  if not found then
    raise exception 'the % is not archived', part.resource_type
      using errcode = 'restrict_violation', constraint = 'retention_not_archived';
  end if;
  if not is_over(found_row.ends_on) then
    raise exception 'the retention of the % ends on %', part.resource_type, found_row.ends_on
      using errcode = 'restrict_violation', constraint = 'retention_not_ended';
  end if;
  if (legal_holds_on(part.resource_type, resource, found_row.patient_id)).in_force is not null then
    raise exception 'a legal hold covers the %', part.resource_type
      using errcode = 'restrict_violation', constraint = 'retention_legal_hold';
  end if;
  if not exists (
    select from retention_listings l, settings s
    where l.resource_type = part.resource_type and l.resource_id = resource
      and l.listed_at <= now() - make_interval(days => s.days_to_object)
  ) then
    raise exception 'nobody could object to the deletion of the % yet', part.resource_type
      using errcode = 'restrict_violation', constraint = 'retention_not_listed';
  end if;
end
$$;

-- Whether the hold covers the listed resource.
create function covers(hold legal_holds, listing retention_listings) returns boolean
language sql immutable
return (hold.resource_type is null or hold.resource_type = listing.resource_type)
  and (
    hold.patient_id is null or hold.patient_id = listing.patient_id
    or (listing.resource_type = 'USER' and hold.account_id = listing.resource_id)
  );

-- When the row was archived that was archived first among those that aren't listed. The statement names the type, so
-- that PostgreSQL reads one index only.
create function oldest_unlisted(p_type retained_type) returns timestamptz
language plpgsql stable set search_path = pg_catalog, public as $$
declare
  its_time timestamptz;
begin
  execute format(
    'select a.archived_at from archived_rows a
     where a.resource_type = %1$L and not exists (
       select from retention_listings l where l.resource_type = %1$L and l.resource_id = a.id
     )
     order by a.archived_at limit 1', p_type
  ) into its_time;
  return its_time;
end
$$;

-- The report: what is listed for deletion and why, what keeps it, and the dates. It contains ids and no patient data.
-- `no_other_ends_before` says that no row which isn't listed can end before this day.
create function retention_report(p_limit integer)
returns table (
  jurisdiction text, is_deletion_on boolean, days_to_object integer, rules jsonb, counts jsonb, holds jsonb, listed jsonb,
  audit_months jsonb
)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
begin
  perform require_actor();
  if reach('retention:read') is distinct from 'ALL' then
    raise exception 'the caller may not read the report' using errcode = 'insufficient_privilege';
  end if;
  return query
    select s.retention_jurisdiction, s.deletes_after_retention, s.days_to_object,
      (
        select jsonb_agg(jsonb_build_object(
          'resource_type', t.kind, 'adult_years', r.adult_years, 'majority_age', r.majority_age,
          'minor_years', r.minor_years, 'rules', r.rules
        ) order by t.kind)
        from unnest(enum_range(null::retained_type)) as t (kind)
        cross join lateral retention_rule(t.kind) as r
      ),
      (
        select jsonb_agg(jsonb_build_object(
          'resource_type', t.kind, 'ended', l.ended, 'held', l.held, 'referred', l.referred, 'deletable', l.deletable,
          'first_deletion_at', l.first_at + make_interval(days => s.days_to_object),
          'no_other_ends_before', anniversary((o.archived_at at time zone 'UTC')::date, r.adult_years)
        ) order by t.kind)
        from unnest(enum_range(null::retained_type)) as t (kind)
        cross join lateral retention_rule(t.kind) as r
        cross join lateral (
          select count(*) as ended, count(*) filter (where q.is_held) as held,
            count(*) filter (where not q.is_held and q.referred_from is not null) as referred,
            count(*) filter (
              where not q.is_held and q.referred_from is null
                and q.listed_at <= now() - make_interval(days => s.days_to_object)
            ) as deletable,
            min(q.listed_at) filter (where not q.is_held and q.referred_from is null) as first_at
          from (
            select m.*, exists (
              select from legal_holds h where h.released_at is null and covers(h, m)
            ) as is_held
            from retention_listings m where m.resource_type = t.kind
          ) as q
        ) as l
        cross join lateral oldest_unlisted(t.kind) as o (archived_at)
        where t.kind <> 'AUDIT_LOG'
      ),
      coalesce((
        select jsonb_agg(jsonb_build_object(
          'id', h.id, 'patient_id', h.patient_id, 'resource_type', h.resource_type, 'placed_at', h.placed_at,
          'kept', h.kept
        ) order by h.placed_at, h.id)
        from (
          select h.id, h.patient_id, h.resource_type, h.placed_at,
            (select count(*) from retention_listings q where covers(h, q)) as kept
          from legal_holds h where h.released_at is null
          order by h.placed_at, h.id limit p_limit
        ) as h
      ), '[]'),
      coalesce((
        select jsonb_agg(jsonb_build_object(
          'resource_type', q.resource_type, 'resource_id', q.resource_id, 'patient_id', q.patient_id,
          'ends_on', q.ends_on, 'rules', q.rules, 'listed_at', q.listed_at,
          'deleted_from', q.listed_at + make_interval(days => s.days_to_object)
        ) order by q.listed_at, q.resource_type, q.resource_id)
        from (
          select * from retention_listings l
          where l.referred_from is null
            and not exists (select from legal_holds h where h.released_at is null and covers(h, l))
          order by l.listed_at, l.resource_type, l.resource_id limit p_limit
        ) as q
      ), '[]'),
      coalesce((
        select jsonb_agg(jsonb_build_object(
          'month', a.month, 'rows', a.rows, 'ends_on', audit_archive_ends(a.month), 'listed_at', a.listed_at,
          'deleted_from', greatest(
            a.listed_at + make_interval(days => s.days_to_object),
            (select max(p.locked_until) from audit_archive_parts p where p.month = a.month)
          )
        ) order by a.month)
        from audit_archives a where a.listed_at is not null and not holds_audit_month(a.month)
      ), '[]')
    from settings s;
end
$$;

-- The installation's jurisdiction, for a new rule.
create function retention_jurisdiction() returns text
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return (select s.retention_jurisdiction from settings s);
end
$$;

grant execute on function retention_report(integer), retention_jurisdiction() to caretrail_people;
grant execute on function
  list_ended(retained_type, timestamptz, uuid, bigint), forget_listings(retained_type),
  delete_retained(retained_type, uuid[], bigint), begin_file_deletion(bigint), announced_file(uuid)
  to caretrail_jobs;

-- For `describe_attempt`: one row if the hold exists, with the patient whom it covers or null.
create function target_legal_hold(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select h.patient_id from legal_holds h where h.id = target;
end
$$;
