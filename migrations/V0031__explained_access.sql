-- Explained access: each access of a person to a patient gets the reason that explains it, and what nothing explains is
-- compared with the rules (45 CFR 164.308(a)(1)(ii)(D), 164.312(b)). docs/decisions/0037-explained-access.md says why.

-- Who accessed whose data on which day (UTC), for 400 days. Only ids, and no key on `patients`, which it must not keep.
create table chart_accesses (
  day date not null,
  user_id uuid not null,
  patient_id uuid not null,
  accesses bigint not null,
  -- The accesses that nothing explains, the last of them, and the newest of their audit rows.
  unexplained bigint not null,
  unexplained_at timestamptz,
  evidence uuid[] not null,
  -- The strongest explanation of that day. Null if there was none.
  explanation access_explanation,
  -- The accesses of a person on a day.
  primary key (day, user_id, patient_id),
  constraint chart_accesses_counted check (unexplained between 0 and accesses),
  constraint chart_accesses_evidence_count check (cardinality(evidence) <= 100),
  constraint chart_accesses_unexplained check ((unexplained = 0) = (unexplained_at is null))
);

create index chart_accesses_patient_idx on chart_accesses (patient_id, user_id, day);

call secure('chart_accesses');

-- The last row of the audit log that was reviewed. Rows are in the order of their transactions.
create table access_review (
  is_only_row boolean primary key default true constraint access_review_one_row check (is_only_row),
  xid xid8 not null default '0',
  id uuid not null default '00000000-0000-0000-0000-000000000000',
  -- Rows up to this id were reviewed before the database was restored.
  since uuid not null default '00000000-0000-0000-0000-000000000000',
  -- The last leaf in quarantine that was reviewed: see V0034__integrity_alerts.sql.
  leaf bigint not null default -1
);

call secure('access_review');
insert into access_review default values;

-- An id that is not after the id of any audit row of this time: see `append_audit`.
create function first_audit_id(at timestamptz) returns uuid
language sql immutable parallel safe
return rpad(lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0'), 32, '0')::uuid;

-- The first day of a month of the audit log.
create function audit_month(at timestamptz) returns date
language sql immutable parallel safe
return date_trunc('month', at at time zone 'UTC')::date;

-- The network of an address: its first 24 bits, or 48 of IPv6, which is about what one office or household has.
create function source_network(address inet) returns cidr
language sql immutable parallel safe
return network(set_masklen(address, case family(address) when 4 then 24 else 48 end));

-- The strongest explanation of an access at this time, or null. What holds now may not have held then, so relations are
-- asked with `since` and `until`. `window_length` is how far away a visit explains an access.
create function explain_access(
  p_user uuid, p_patient uuid, p_at timestamptz, p_relation actor_relation, p_action audit_action,
  p_resource audit_resource, window_length interval
) returns access_explanation
language sql stable
return case
  when exists (select from patients p where p.id = p_patient and p.user_id = p_user) then 'OWN_CHART'
  when exists (
    select from representatives r
    where r.user_id = p_user and r.patient_id = p_patient and (
      (r.since <= p_at and r.confirmed_at <= p_at and r.acts_until > p_at)
      -- Whoever is or was linked to the patient may read that.
      or (p_resource = 'REPRESENTATIVE' and r.created_at <= p_at)
    )
  ) then 'REPRESENTATIVE'
  when exists (
    select from care_relations c
    where c.member_id = p_user and c.patient_id = p_patient and c.basis = 'ASSIGNMENT'
      and c.since <= p_at and c.until > p_at
  ) then 'ASSIGNMENT'
  -- A visit that gave no care explains nothing: who enters a visit of the past alone can't explain an access with it.
  when exists (
    select from care_relations c join appointments a on a.id = c.source
    where c.member_id = p_user and c.patient_id = p_patient and c.basis = 'VISIT'
      and c.since <= p_at and c.until > p_at
      and a.scheduled_at between p_at - window_length and p_at + window_length
  ) then 'VISIT'
  when exists (
    select from medical_records r left join providers v on v.id = r.provider_id
    where r.patient_id = p_patient and r.created_at < p_at and (r.changed_by = p_user or v.user_id = p_user)
  ) then 'AUTHOR'
  when exists (
    select from appointments a join appointment_changes b on b.appointment_id = a.id
    where a.patient_id = p_patient and a.scheduled_at >= p_at - window_length
      and b.changed_by = p_user and b.changed_at < p_at and b.new_scheduled_at > b.changed_at
  ) then 'BOOKING'
  when exists (
    select from care_relations c
    where c.member_id = p_user and c.patient_id = p_patient and c.basis in ('REFERRAL', 'COVER')
      and c.since <= p_at and c.until > p_at
  ) then 'GRANTED_CARE'
  -- Oversight; searches and registration at the desk; a visit that the desk prepares; and what an importer brings in.
  when p_relation = 'OFFICE' and (
    p_resource in (
      'AUDIT_LOG', 'LEGAL_HOLD', 'RETENTION', 'EVENT', 'WEBHOOK', 'ALERT', 'ALERT_RULE', 'INCIDENT', 'REPRESENTATIVE',
      'DISCLOSURE'
    )
    or p_action in ('SEARCH', 'CREATE', 'UPDATE', 'DELETE')
    or exists (
      select from appointments a
      where a.patient_id = p_patient and a.scheduled_at between p_at - window_length and p_at + window_length
        and a.status <> 'CANCELLED' and a.created_at <= p_at
    )
    or exists (
      select from patients p
      left join user_profiles u on u.id = p_user
      where p.id = p_patient and (p.created_at >= p_at - window_length or p.source_system = u.imports_from)
    )
  ) then 'OFFICE'
  when p_relation = 'EMERGENCY' then 'EMERGENCY'
  when exists (
    select from care_relations their
    join care_relations own on own.member_id = p_user
    join care_relations common on common.member_id = their.member_id and common.patient_id = own.patient_id
    where their.patient_id = p_patient and their.basis = 'ASSIGNMENT' and their.member_id <> p_user
      and their.since <= p_at and their.until > p_at - window_length
      and own.patient_id <> p_patient and own.since <= p_at and own.until > p_at - window_length
      and common.since <= p_at and common.until > p_at - window_length
  ) then 'CARE_TEAM'
end::access_explanation;

-- Whether the two persons have the same family name, or the same address.
create function are_of_one_family(one user_profiles, other user_profiles) returns boolean
language sql stable
return folded(coalesce(one.last_name, one.first_name)) = folded(coalesce(other.last_name, other.first_name))
  or one.address = other.address;

-- What each rule finds in a batch. Each returns how often it raised an alert.

-- The accesses of a day that nothing explains, with all explanations as tried.
create function raise_unexplained(strange chart_accesses[]) returns bigint
language sql volatile as $$
  select count(raise_alert(
    r.name, c.user_id, c.patient_id, null, c.evidence, enum_range(null::access_explanation)
  ))
  from unnest(strange) as c
  join alert_rules r on c.unexplained >= r.threshold
  left join user_profiles actor on actor.id = c.user_id
  left join patients p on p.id = c.patient_id
  left join user_profiles patient on patient.id = p.user_id
  where case r.name
    when 'unexplained-access' then not exists (
      select from chart_accesses former
      where former.patient_id = c.patient_id and former.user_id = c.user_id and former.day < c.day
    )
    when 'family-access' then are_of_one_family(actor, patient)
    when 'colleague-access' then exists (
      select from roles o join user_profiles colleague on colleague.role = o.name
      where o.name <> 'PATIENT' and colleague.sort_name = patient.sort_name and colleague.id <> c.user_id
    )
    else false
  end
$$;

-- Patients whom several persons accessed within a day, and nothing explains why. The day ends with the access that is
-- reviewed and not now, because the review may be late.
create function raise_sought_patients(strange chart_accesses[]) returns bigint
language sql volatile as $$
  select count(raise_alert(r.name, null, sought.id, null, seen.evidence, enum_range(null::access_explanation)))
  from (select distinct c.patient_id, c.unexplained_at from unnest(strange) as c) as sought (id, at)
  cross join lateral (
    select count(distinct c.user_id) as persons, array_agg(e.id) as evidence
    from chart_accesses c cross join lateral unnest(c.evidence) as e (id)
    where c.patient_id = sought.id and c.day >= (sought.at at time zone 'UTC')::date - 1
      and c.unexplained_at > sought.at - interval '24 hours' and c.unexplained_at <= sought.at
  ) as seen
  join alert_rules r on r.name = 'sought-patient' and seen.persons >= r.threshold
$$;

-- Accesses in an office or as a member of a care team to a chart of one's own name: whoever is also a patient reads their
-- chart as a patient.
create function raise_own_charts(written chart_accesses[]) returns bigint
language sql volatile as $$
  select count(raise_alert(r.name, c.user_id, c.patient_id, null, array(
    select a.id from audit_logs a
    where a.patient_id = c.patient_id and a.user_id = c.user_id and a.outcome = 'SUCCESS'
      and a.id >= first_audit_id(c.day::timestamp at time zone 'UTC')
      and a.month >= audit_month(c.day::timestamp at time zone 'UTC')
    order by a.id desc limit 100
  )))
  from unnest(written) as c
  join alert_rules r on r.name = 'own-chart' and c.accesses >= r.threshold
  join user_profiles actor on actor.id = c.user_id
  join patients p on p.id = c.patient_id and p.user_id <> c.user_id
  join user_profiles patient on patient.id = p.user_id and patient.sort_name = actor.sort_name
  where c.explanation is distinct from 'OWN_CHART' and c.explanation is distinct from 'REPRESENTATIVE'
$$;

-- The mean number of patients whom the person accessed a day, over the days with an access of the four weeks before.
create function usual_patients(p_user uuid, p_day date) returns numeric
language sql stable as $$
  select coalesce(avg(d.patients), 0)
  from generate_series(1, 28) as back (days)
  cross join lateral (
    select count(*) as patients from chart_accesses c where c.day = p_day - back.days and c.user_id = p_user
  ) as d
  where d.patients > 0
$$;

-- Persons who accessed many patients on a day, and three times as many as usual for them.
create function raise_many_patients(written chart_accesses[]) returns bigint
language sql volatile as $$
  select count(raise_alert(r.name, u.id, null, null, array(
    select a.id from audit_logs a
    where a.user_id = u.id and a.outcome = 'SUCCESS' and a.patient_id is not null
      and a.id >= first_audit_id(u.day::timestamp at time zone 'UTC')
      and a.month >= audit_month(u.day::timestamp at time zone 'UTC')
    order by a.id desc limit 100
  )))
  from (select distinct c.user_id, c.day from unnest(written) as c) as u (id, day)
  cross join lateral (
    select count(*) as patients from chart_accesses c where c.day = u.day and c.user_id = u.id
  ) as accessed
  join alert_rules r on r.name = 'many-patients'
  where case when accessed.patients >= r.threshold then accessed.patients >= 3 * usual_patients(u.id, u.day) else false end
$$;

-- Persons who did something often within an hour: requests for ids that were refused or not found, downloads, and
-- requests with an account that is closed. Each hour ends at one of the times, at which the person acted so. It is not the
-- last hour, because the review may be late.
create function raise_hourly(rules text[], users uuid[], times timestamptz[]) returns bigint
language sql volatile as $$
  select count(raise_alert(r.name, u.id, null, null, acted.evidence))
  from unnest(rules, users, times) as u (rule, id, at)
  join alert_rules r on r.name = u.rule
  cross join lateral (
    select count(*) as requests, count(distinct a.resource_id) as resources,
      (array_agg(a.id order by a.id desc))[1:100] as evidence
    from audit_logs a
    where a.user_id = u.id
      and a.id >= first_audit_id(u.at - interval '1 hour') and a.id < first_audit_id(u.at + interval '1 millisecond')
      and a.month between audit_month(u.at - interval '1 hour') and audit_month(u.at)
      and case u.rule
        when 'id-enumeration' then a.outcome = 'DENIED' or (a.outcome = 'FAILURE' and a.details ->> 'reason' = 'not-found')
        when 'bulk-download' then a.outcome = 'SUCCESS' and a.action_type = 'DISCLOSE'
        else a.outcome = 'DENIED'
      end
  ) as acted
  where case u.rule when 'closed-account' then acted.requests else acted.resources end >= r.threshold
$$;

-- Persons whose successful requests came from two networks in turn. Each change of the network within ten minutes counts. A
-- phone that leaves a building changes once. IPv4 and IPv6 are compared apart, because many devices use both at once.
-- The arrays have the persons, and between which times a row of each is new.
create function raise_two_networks(acting uuid[], first_at timestamptz[], last_at timestamptz[]) returns bigint
language sql volatile as $$
  select count(raise_alert(r.name, u.id, null, null, moved.evidence))
  from unnest(acting, first_at, last_at) as u (id, first_at, last_at)
  join alert_rules r on r.name = 'two-networks'
  cross join lateral (
    select max(w.changes) filter (where w.timestamp >= u.first_at) as changes,
      array_agg(w.id order by w.id) filter (where w.has_changed) as evidence
    from (
      select c.*, count(*) filter (where c.has_changed) over (
        partition by c.family order by c.timestamp range between interval '10 minutes' preceding and current row
      ) as changes
      from (
        select a.id, a.timestamp, family(a.source_ip) as family,
          source_network(a.source_ip) <> lag(source_network(a.source_ip))
            over (partition by family(a.source_ip) order by a.timestamp, a.id) as has_changed
        from audit_logs a
        where a.user_id = u.id and a.outcome = 'SUCCESS' and a.source_ip is not null
          and a.id >= first_audit_id(u.first_at - interval '10 minutes')
          and a.id < first_audit_id(u.last_at + interval '1 millisecond')
          and a.month between audit_month(u.first_at - interval '10 minutes') and audit_month(u.last_at)
      ) as c
    ) as w
  ) as moved
  where moved.changes >= r.threshold
$$;

-- Errors: 42501 the caller may not review accesses.
create function require_review() returns void
language plpgsql stable as $$
begin
  perform require_actor();
  if reach('access:review') is distinct from 'ALL' then
    raise exception 'the caller may not review accesses' using errcode = 'insufficient_privilege';
  end if;
end
$$;

-- Reviews the next rows of the audit log, at most `p_limit`, each once, and raises alerts. An access is a successful action
-- of a person on the data of one patient. A search with several patients in its answer is none. A row is reviewed once no
-- transaction before its own is open, so none is passed over.
--
-- `rows` counts the rows, `persons` those of persons, `accesses` and `unexplained` the accesses, and `alerts` how often an
-- alert was raised. Errors: 42501 the caller may not review accesses.
create function review_access(
  p_limit integer, out rows bigint, out persons bigint, out accesses bigint, out unexplained bigint, out alerts bigint
)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  horizon constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
  place record;
  found record;
  window_length interval;
begin
  perform require_review();
  -- Two runs at once take turns.
  select r.xid, r.id, r.since into place from access_review r for update;
  -- A database that was restored from a dump counts its transactions anew. Then the ids tell which rows are new.
  if place.xid >= pg_snapshot_xmax(pg_current_snapshot()) then
    place.since := place.id;
    place.xid := '0';
  end if;
  select make_interval(days => s.days_to_explain) into window_length from settings s;

  with batch as materialized (
    select a.xid, a.id, a.timestamp, a.user_id, a.patient_id, a.outcome, a.action_type, a.resource_type, a.resource_id,
      a.relation, a.source_ip, a.details ->> 'reason' as reason
    from audit_logs a
    where (a.xid, a.id) > (place.xid, place.id) and a.xid < horizon and a.id > place.since
    order by a.xid, a.id limit p_limit
  ),
  accessed as materialized (
    select (b.timestamp at time zone 'UTC')::date as day, b.user_id, b.patient_id, b.id, b.timestamp, b.relation,
      explain_access(
        b.user_id, b.patient_id, b.timestamp, b.relation, b.action_type, b.resource_type, window_length
      ) as explanation
    from batch b
    where b.user_id is not null and b.patient_id is not null and b.outcome = 'SUCCESS'
  ),
  acting as materialized (
    select b.user_id as id, min(b.timestamp) as first_at, max(b.timestamp) as last_at
    from batch b
    where b.user_id is not null and b.outcome = 'SUCCESS' and b.source_ip is not null
    group by b.user_id
  ),
  written as (
    insert into chart_accesses as c
      (day, user_id, patient_id, accesses, unexplained, unexplained_at, evidence, explanation)
    select a.day, a.user_id, a.patient_id, count(*), count(*) filter (where a.explanation is null),
      max(a.timestamp) filter (where a.explanation is null),
      coalesce((array_agg(a.id order by a.id desc) filter (where a.explanation is null))[1:100], '{}'),
      min(a.explanation)
    from accessed a group by a.day, a.user_id, a.patient_id
    on conflict (day, user_id, patient_id) do update set
      accesses = c.accesses + excluded.accesses,
      unexplained = c.unexplained + excluded.unexplained,
      unexplained_at = greatest(c.unexplained_at, excluded.unexplained_at),
      evidence = (excluded.evidence || c.evidence)[1:100],
      explanation = least(c.explanation, excluded.explanation)
    returning c.*
  ),
  -- What the rules of an hour count, once for each minute.
  hourly as materialized (
    select c.rule, b.user_id, max(b.timestamp) as at
    from batch b
    join user_profiles u on u.id = b.user_id
    cross join lateral (values
      (
        'id-enumeration',
        b.resource_id is not null and (b.outcome = 'DENIED' or (b.outcome = 'FAILURE' and b.reason = 'not-found'))
      ),
      ('bulk-download', b.outcome = 'SUCCESS' and b.action_type = 'DISCLOSE'),
      ('closed-account', b.outcome = 'DENIED' and (u.status <> 'ACTIVE' or u.is_archived))
    ) as c (rule, is_counted)
    where c.is_counted
    group by c.rule, b.user_id, date_trunc('minute', b.timestamp)
  )
  select (select count(*) from batch) as rows,
    (select count(*) from batch b where b.user_id is not null) as persons,
    (select count(*) from accessed) as accesses,
    (select count(*) from accessed a where a.explanation is null) as unexplained,
    (select b.xid from batch b order by b.xid desc, b.id desc limit 1) as xid,
    (select b.id from batch b order by b.xid desc, b.id desc limit 1) as id,
    -- The days with an access in this batch, and those with one that nothing explains.
    array(select row(w.*)::chart_accesses from written w) as written,
    array(
      select row(w.*)::chart_accesses from written w
      where exists (
        select from accessed a
        where (a.day, a.user_id, a.patient_id) = (w.day, w.user_id, w.patient_id) and a.explanation is null
      )
    ) as strange,
    array(select h.rule from hourly h order by h.at, h.user_id, h.rule) as rules,
    array(select h.user_id from hourly h order by h.at, h.user_id, h.rule) as users,
    array(select h.at from hourly h order by h.at, h.user_id, h.rule) as times,
    array(select a.id from acting a order by a.id) as acting,
    array(select a.first_at from acting a order by a.id) as acting_from,
    array(select a.last_at from acting a order by a.id) as acting_until
  into found;

  rows := found.rows;
  persons := found.persons;
  accesses := found.accesses;
  unexplained := found.unexplained;
  alerts := raise_unexplained(found.strange) + raise_sought_patients(found.strange) + raise_own_charts(found.written)
    + raise_many_patients(found.written) + raise_hourly(found.rules, found.users, found.times)
    + raise_two_networks(found.acting, found.acting_from, found.acting_until);
  if found.xid is not null then
    update access_review set xid = found.xid, id = found.id, since = place.since;
  end if;
  delete from chart_accesses c where c.day < (now() at time zone 'UTC')::date - 400;
end
$$;

-- How many alerts nobody has seen yet, and the age of the oldest in seconds. An alarm reads it.
-- Errors: 42501 the caller may not review accesses.
create function open_alerts(out alerts bigint, out oldest_seconds bigint)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_review();
  select count(*), coalesce(extract(epoch from now() - min(a.first_at)), 0)::bigint into alerts, oldest_seconds
  from public.alerts a where a.status <> 'RESOLVED' and a.status = 'OPEN';
end
$$;

grant execute on function review_access(integer), open_alerts() to caretrail_jobs;

-- Raises an alert if care ends within a day after it was given and its member accessed the patient in between. Visits
-- to come are left out, because patients cancel them, too. The alert is raised in the transaction that ends the care.
create function watch_short_care() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its_evidence constant uuid[] := array(
    select a.id from audit_logs a
    where a.patient_id = new.patient_id and a.user_id = new.member_id and a.outcome = 'SUCCESS'
      and a.id >= first_audit_id(new.since) and a.month >= audit_month(new.since)
    order by a.id desc limit 100
  );
begin
  if cardinality(its_evidence) >= (select r.threshold from alert_rules r where r.name = 'short-care') then
    perform raise_alert('short-care', new.member_id, new.patient_id, null, its_evidence);
  end if;
  return null;
end
$$;

create trigger watch_short_care after update on care_relations
for each row when (
  new.until <= now() and old.until > now() and new.since > new.until - interval '1 day'
  and (new.basis <> 'VISIT' or old.counted_from < new.since)
)
execute function watch_short_care();

insert into alert_rules (name, meaning, threshold, weight) values
  (
    'unexplained-access',
    'A person accessed a patient for the first time, and nothing explains why. The threshold counts the accesses of the day.',
    1, 40
  ),
  (
    'family-access',
    'A person accessed a patient with the same family name or address, and nothing explains why. The threshold counts the accesses of the day.',
    1, 70
  ),
  (
    'colleague-access',
    'A person accessed a patient who has the name of a colleague, and nothing explains why. The threshold counts the accesses of the day.',
    1, 70
  ),
  (
    'own-chart',
    'A person accessed the chart of a patient who has their own name, and not as this patient. The threshold counts the accesses of the day.',
    1, 60
  ),
  (
    'sought-patient',
    'Several persons accessed the same patient within 24 hours, and nothing explains why. The threshold counts the persons.',
    2, 80
  ),
  (
    'short-care',
    'Care was given, used to access the patient and ended again within a day. The threshold counts the accesses.',
    1, 60
  ),
  (
    'many-patients',
    'A person accessed many patients on one day, and at least three times as many as usual for them. The threshold counts the patients.',
    30, 50
  ),
  (
    'id-enumeration',
    'A person requested resources that are out of their reach or do not exist. The threshold counts the ids within an hour.',
    20, 60
  ),
  (
    'bulk-download',
    'A person downloaded many files. The threshold counts the files within an hour.',
    50, 60
  ),
  (
    'closed-account',
    'A person whose account is suspended or archived still tries to act. The threshold counts the requests within an hour.',
    1, 60
  ),
  (
    'two-networks',
    'Requests of one person came from two networks in turn. The threshold counts the changes of the network within ten minutes.',
    4, 60
  );
