-- Incidents: uses and disclosures that may be breaches (45 CFR 164.402 to 164.414), from their discovery to the last notice.
-- Rows stay for ever, which is longer than the six years of 164.530(j). Patients are named by their ids, and there is no key
-- on `patients`, because an incident must not keep the patient. docs/decisions/0040-breach-workbench.md says why it is built so.

create type incident_status as enum ('OPEN', 'ASSESSED', 'NOTIFYING', 'CLOSED');

-- BREACH needs notices. Each other decision says why there are none: a low probability of compromise (164.402(2)), the
-- exceptions of 164.402(1)(i), (ii) and (iii), data that were secured, and a use that was permitted.
create type incident_decision as enum (
  'BREACH', 'LOW_PROBABILITY', 'UNINTENTIONAL_ACCESS', 'INADVERTENT_DISCLOSURE', 'NOT_RETAINED', 'SECURED_DATA',
  'PERMITTED_USE'
);
create type risk_level as enum ('LOW', 'MEDIUM', 'HIGH');
-- How a law enforcement official stated that notices must wait (164.412).
create type delay_statement as enum ('WRITTEN', 'ORAL');
create type notice_recipient as enum ('PATIENT', 'HHS', 'MEDIA');
create type notice_means as enum (
  'FIRST_CLASS_MAIL', 'EMAIL', 'SUBSTITUTE', 'URGENT_CALL', 'WEB_PORTAL', 'PRESS_RELEASE'
);

create table incidents (
  id uuid primary key,
  -- What it was opened from. Null if an officer opened it on their own.
  alert_id uuid references alerts (id) constraint incidents_alert_key unique,
  emergency_access_id uuid constraint incidents_emergency_access_key unique,
  -- The person whose access it is about. Null if there are several, or if they are unknown.
  actor_id uuid references user_profiles (id),
  status incident_status not null default 'OPEN',
  -- The first day on which the breach is known, or would have been by reasonable diligence (164.404(a)(2)).
  discovered_on date not null,
  summary text not null constraint incidents_summary_length check (length(summary) between 1 and 4000),
  -- The days of the breach. Null if they are unknown, or if the accesses of each patient say them.
  breach_from date,
  breach_until date,
  -- The four factors of 164.402(2).
  nature_level risk_level,
  nature text constraint incidents_nature_length check (length(nature) between 1 and 2000),
  person_level risk_level,
  person text constraint incidents_person_length check (length(person) between 1 and 2000),
  acquisition_level risk_level,
  acquisition text constraint incidents_acquisition_length check (length(acquisition) between 1 and 2000),
  mitigation_level risk_level,
  mitigation text constraint incidents_mitigation_length check (length(mitigation) between 1 and 2000),
  decision incident_decision,
  decision_reason text constraint incidents_decision_reason_length check (length(decision_reason) between 1 and 2000),
  -- The delay for law enforcement: who stated it, when, how and until which day.
  delay_statement delay_statement,
  delay_stated_on date,
  delay_official text constraint incidents_delay_official_length check (length(delay_official) between 1 and 300),
  delayed_until date,
  -- The texts of the letters (164.404(c)(1)): what happened, which types of data, what the patient can do, what the clinic
  -- does.
  letter_happened text constraint incidents_letter_happened_length check (length(letter_happened) between 1 and 2000),
  letter_data text constraint incidents_letter_data_length check (length(letter_data) between 1 and 2000),
  letter_steps text constraint incidents_letter_steps_length check (length(letter_steps) between 1 and 2000),
  letter_response text constraint incidents_letter_response_length check (length(letter_response) between 1 and 2000),
  opened_by uuid references user_profiles (id),
  decided_by uuid references user_profiles (id),
  decided_at timestamptz,
  closed_by uuid references user_profiles (id),
  closed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version integer not null default 1,
  constraint incidents_breach_days check (
    (breach_from is null) = (breach_until is null) and (breach_from is null or breach_from <= breach_until)
  ),
  constraint incidents_factors_whole check (
    (nature is null) = (nature_level is null) and (person is null) = (person_level is null)
    and (acquisition is null) = (acquisition_level is null) and (mitigation is null) = (mitigation_level is null)
  ),
  constraint incidents_decided check (
    (decision is null) = (decision_reason is null) and (status = 'OPEN' or decision is not null)
  ),
  -- A breach is presumed unless the assessment demonstrates otherwise (164.402(2), 164.414(b)).
  constraint incidents_breach_presumed check (
    decision = 'BREACH' or decision is null
    or (nature is not null and person is not null and acquisition is not null and mitigation is not null)
  ),
  constraint incidents_breach_notified check (status <> 'NOTIFYING' or decision = 'BREACH'),
  constraint incidents_delay_whole check (
    (delay_statement is null) = (delayed_until is null) and (delay_stated_on is null) = (delayed_until is null)
    and (delay_official is null) = (delayed_until is null) and (delayed_until is null or delayed_until >= delay_stated_on)
  ),
  -- 164.412(b).
  constraint incidents_delay_oral check (delay_statement <> 'ORAL' or delayed_until <= delay_stated_on + 30),
  constraint incidents_letter_complete check (
    status in ('OPEN', 'ASSESSED') or decision <> 'BREACH'
    or (letter_happened is not null and letter_data is not null and letter_steps is not null and letter_response is not null)
  ),
  constraint incidents_signed check (
    (status = 'OPEN') = (decided_at is null) and (status = 'CLOSED') = (closed_at is not null)
  )
);

create index incidents_page_idx on incidents (created_at desc, id desc);
-- Partial, because a list by status can't use an index otherwise: see appointments_to_come_idx.
create index incidents_unclosed_idx on incidents (created_at desc, id desc) where status <> 'CLOSED';
create index incidents_actor_idx on incidents (actor_id, created_at desc, id desc) where actor_id is not null;
create index incidents_opened_by_idx on incidents (opened_by) where opened_by is not null;
create index incidents_decided_by_idx on incidents (decided_by) where decided_by is not null;
create index incidents_closed_by_idx on incidents (closed_by) where closed_by is not null;

-- The audit rows that an incident is about, one for each patient whom they name.
create table incident_accesses (
  incident_id uuid not null references incidents (id),
  patient_id uuid not null,
  audit_id uuid not null,
  user_id uuid not null,
  resource_type audit_resource not null,
  accessed_at timestamptz not null,
  primary key (incident_id, patient_id, audit_id)
);

create index incident_accesses_user_idx on incident_accesses (incident_id, user_id);

-- The affected patients. An officer excludes some and adds others.
create table incident_patients (
  incident_id uuid not null references incidents (id),
  patient_id uuid not null,
  -- The state or jurisdiction of their address when they were added. Null if it is unknown.
  residence text,
  is_excluded boolean not null default false,
  -- Why an officer added or excluded them. Null if the audit log names them.
  reason text constraint incident_patients_reason_length check (length(reason) between 1 and 1000),
  changed_by uuid references user_profiles (id),
  added_at timestamptz not null default now(),
  primary key (incident_id, patient_id),
  constraint incident_patients_exclusion_explained check (not is_excluded or reason is not null)
);

create index incident_patients_patient_idx on incident_patients (patient_id, incident_id);
create index incident_patients_changed_by_idx on incident_patients (changed_by) where changed_by is not null;

-- The ledger of notices: to patients (164.404), to the Secretary of HHS (164.408) and to the media (164.406).
create table incident_notices (
  id uuid primary key default gen_random_uuid(),
  incident_id uuid not null references incidents (id),
  recipient notice_recipient not null,
  patient_id uuid,
  -- The state or jurisdiction that the media serve.
  jurisdiction text constraint incident_notices_jurisdiction_length check (length(jurisdiction) between 1 and 100),
  means notice_means not null,
  sent_on date not null,
  note text constraint incident_notices_note_length check (length(note) between 1 and 1000),
  recorded_by uuid references user_profiles (id),
  recorded_at timestamptz not null default now(),
  constraint incident_notices_patient foreign key (incident_id, patient_id) references incident_patients,
  constraint incident_notices_addressed check (
    (recipient = 'PATIENT') = (patient_id is not null) and (recipient = 'MEDIA') = (jurisdiction is not null)
  ),
  constraint incident_notices_means check (
    case recipient
      when 'PATIENT' then means in ('FIRST_CLASS_MAIL', 'EMAIL', 'SUBSTITUTE', 'URGENT_CALL')
      when 'HHS' then means = 'WEB_PORTAL'
      when 'MEDIA' then means = 'PRESS_RELEASE'
    end
  ),
  -- The form of a substitute notice depends on the case (164.404(d)(2)).
  constraint incident_notices_substitute_explained check (means <> 'SUBSTITUTE' or note is not null)
);

create index incident_notices_incident_idx on incident_notices (incident_id, patient_id);
create index incident_notices_recorded_by_idx on incident_notices (recorded_by) where recorded_by is not null;

-- See `alerts_read` for the form of the comparison.
do $$
declare
  name text;
begin
  foreach name in array array['incidents', 'incident_accesses', 'incident_patients', 'incident_notices'] loop
    execute format('call secure(%L)', name);
    execute format('call guard_deletions(%L)', name);
    execute format(
      'create policy %I on %I for select to caretrail_app
         using ((select reach(''incidents:read'') = ''ALL'' or reach(''incidents:write'') = ''ALL''))',
      name || '_read', name
    );
    execute format('grant select on %I to caretrail_app', name);
  end loop;
  foreach name in array array['incidents', 'incident_patients', 'incident_notices'] loop
    execute format(
      'create policy %I on %I for insert to caretrail_app with check ((select reach(''incidents:write'')) = ''ALL'')',
      name || '_add', name
    );
  end loop;
  foreach name in array array['incidents', 'incident_patients'] loop
    execute format(
      'create policy %I on %I for update to caretrail_app using ((select reach(''incidents:write'')) = ''ALL'')',
      name || '_change', name
    );
  end loop;
end
$$;

grant insert (id, alert_id, actor_id, discovered_on, summary),
  update (
    status, discovered_on, summary, breach_from, breach_until, nature_level, nature, person_level, person,
    acquisition_level, acquisition, mitigation_level, mitigation, decision, decision_reason, delay_statement,
    delay_stated_on, delay_official, delayed_until, letter_happened, letter_data, letter_steps, letter_response
  ) on incidents to caretrail_people;
grant insert (incident_id, patient_id, is_excluded, reason), update (is_excluded, reason)
  on incident_patients to caretrail_people;
grant insert (incident_id, recipient, patient_id, jurisdiction, means, sent_on, note)
  on incident_notices to caretrail_people;

create trigger touch before update on incidents
for each row execute function touch();
create trigger refuse_ledger_change before update on incident_accesses
for each row execute function refuse_ledger_change();
create trigger refuse_ledger_change before update on incident_notices
for each row execute function refuse_ledger_change();

-- The day of a time on the clinic's calendar.
create function clinic_day(at timestamptz) returns date
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  if not by_migration() then
    perform require_actor();
  end if;
  return (at at time zone (select s.time_zone from settings s))::date;
end
$$;

-- Whether the clinic has contact data for letters (164.404(c)(1)(E)).
create function has_clinic_contact() returns boolean
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return (select s.clinic_name is not null from settings s);
end
$$;

-- Whether the patient has got a notice. A call in an urgent case comes in addition to it (164.404(d)(3)).
create function is_notified(p_incident uuid, p_patient uuid) returns boolean
language plpgsql stable as $$
begin
  return exists (
    select from public.incident_notices n
    where n.incident_id = p_incident and n.patient_id = p_patient and n.means <> 'URGENT_CALL'
  );
end
$$;

-- The clocks of an incident. All dates but `hhs_notified_on` are the last day on which the step is in time, and null if the
-- step isn't required:
--
-- * Each patient within 60 days after the discovery (164.404(b)).
-- * HHS at the same time from 500 patients on, and otherwise within 60 days after the end of the year of the discovery
--   (164.408(b), (c)).
-- * The media of each state with more than 500 of the patients (164.406).
-- * If law enforcement demands a delay that ends later: the day after it (164.412).
--
-- `next_by` is the first of these dates with a step that is still missing. Before the decision, it is the patients' date.
create function incident_clock(
  its incidents, out affected bigint, out notified bigint, out patients_by date, out hhs_by date, out media_by date,
  out media_in text[], out hhs_notified_on date, out next_by date, out is_complete boolean, out is_overdue boolean
)
language plpgsql stable as $$
declare
  unserved boolean;
begin
  select count(*), count(*) filter (where is_notified(p.incident_id, p.patient_id)) into affected, notified
  from incident_patients p where p.incident_id = its.id and not p.is_excluded;
  media_in := '{}';
  is_complete := its.decision <> 'BREACH';
  is_overdue := false;
  if is_complete then
    return;
  end if;
  media_in := array(
    select p.residence from incident_patients p
    where p.incident_id = its.id and not p.is_excluded and p.residence is not null
    group by p.residence having count(*) > 500 order by p.residence
  );
  patients_by := greatest(its.discovered_on + 60, its.delayed_until + 1);
  hhs_by := case
    when affected >= 500 then patients_by
    else greatest(make_date(extract(year from its.discovered_on)::integer, 12, 31) + 60, its.delayed_until + 1)
  end;
  media_by := case when media_in <> '{}' then patients_by end;
  select min(n.sent_on) into hhs_notified_on
  from incident_notices n where n.incident_id = its.id and n.recipient = 'HHS';
  unserved := exists (
    select from unnest(media_in) as state
    where not exists (
      select from incident_notices n where n.incident_id = its.id and n.recipient = 'MEDIA' and n.jurisdiction = state
    )
  );
  is_complete := affected > 0 and notified = affected and hhs_notified_on is not null and not unserved;
  if its.status <> 'CLOSED' then
    next_by := least(
      case when notified < affected or affected = 0 then patients_by end,
      case when hhs_notified_on is null then hhs_by end,
      case when unserved then media_by end
    );
    is_overdue := coalesce(next_by < clinic_day(now()), false);
  end if;
end
$$;

grant execute on function clinic_day(timestamptz), is_notified(uuid, uuid), incident_clock(incidents) to caretrail_app;

-- Whether the incident is about an access of the actor.
create function is_about_actor(its incidents) returns boolean
language plpgsql stable as $$
begin
  return coalesce(its.actor_id = actor_user(), false) or exists (
    select from incident_accesses a where a.incident_id = its.id and a.user_id = actor_user()
  );
end
$$;

-- Adds these accesses and their patients to an incident. Those that it has already are left. Returns how many were added.
create function add_accesses(accesses incident_accesses[]) returns bigint
language plpgsql as $$
declare
  added bigint;
begin
  insert into incident_accesses select * from unnest(accesses) on conflict do nothing;
  get diagnostics added = row_count;
  insert into incident_patients (incident_id, patient_id)
  select distinct a.incident_id, a.patient_id from unnest(accesses) as a order by a.patient_id
  on conflict do nothing;
  return added;
end
$$;

-- The rows of the audit log with these ids that name patients, as accesses of an incident.
create function accesses_with(p_incident uuid, p_ids uuid[]) returns incident_accesses[]
language sql stable
return array(
  select row(p_incident, seen.patient, a.id, a.user_id, a.resource_type, a.timestamp)::incident_accesses
  from (
    select l.id, l.user_id, l.resource_type, l.timestamp, l.outcome, coalesce(l.patient_ids, array[l.patient_id]) as patients
    from audit_logs l where l.id = any (p_ids)
    union all
    select l.id, l.user_id, l.resource_type, l.timestamp, l.outcome, coalesce(l.patient_ids, array[l.patient_id])
    from audit_archive_rows l where l.id = any (p_ids)
  ) as a
  cross join lateral unnest(a.patients) as seen (patient)
  where a.outcome = 'SUCCESS' and a.user_id is not null and seen.patient is not null
);

-- The rows of the audit log of a person between two times that name patients, also of archived months. If `p_patient` is
-- given, only those about this patient.
create function accesses_of(
  p_incident uuid, p_user uuid, p_from timestamptz, p_until timestamptz, p_patient uuid
) returns incident_accesses[]
language sql stable
return array(
  select row(p_incident, seen.patient, a.id, a.user_id, a.resource_type, a.timestamp)::incident_accesses
  from (
    select l.id, l.user_id, l.resource_type, l.timestamp, l.outcome, coalesce(l.patient_ids, array[l.patient_id]) as patients
    from audit_logs l
    where l.user_id = p_user and l.id >= first_audit_id(p_from) and l.month >= audit_month(p_from)
      and l.id < first_audit_id(p_until + interval '1 millisecond') and l.month <= audit_month(p_until)
    union all
    select l.id, l.user_id, l.resource_type, l.timestamp, l.outcome, coalesce(l.patient_ids, array[l.patient_id])
    from audit_archive_rows l
    where l.user_id = p_user and l.id >= first_audit_id(p_from) and l.month >= audit_month(p_from)
      and l.id < first_audit_id(p_until + interval '1 millisecond') and l.month <= audit_month(p_until)
  ) as a
  cross join lateral unnest(a.patients) as seen (patient)
  where a.outcome = 'SUCCESS' and a.timestamp >= p_from and a.timestamp < p_until
    and seen.patient is not null and (p_patient is null or seen.patient = p_patient)
);

-- Refuses a step on an incident that is closed, or by a person whose access it is about, and locks it.
-- Errors: incidents_closed, incidents_of_another.
create function require_workable(p_incident uuid, out its incidents)
language plpgsql as $$
declare
  broken text;
begin
  select * into its from incidents i where i.id = p_incident for update;
  broken := case
    when its.status = 'CLOSED' then 'incidents_closed'
    when is_about_actor(its) then 'incidents_of_another'
  end;
  if broken is not null then
    raise exception 'the incident can''t be changed so' using errcode = 'check_violation', constraint = broken;
  end if;
end
$$;

-- Adds what a person accessed between two times. Returns how many accesses were added. Errors: 42501 the caller may not,
-- incidents_closed, incidents_of_another.
create function add_accesses_of(
  p_incident uuid, p_user uuid, p_from timestamptz, p_until timestamptz, p_patient uuid
) returns bigint
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its incidents;
  added bigint;
begin
  perform require_actor();
  if reach('incidents:write') is distinct from 'ALL' then
    raise exception 'the caller may not work on incidents' using errcode = 'insufficient_privilege';
  end if;
  its := require_workable(p_incident);
  if p_user = actor_user() then
    raise exception 'the accesses are the caller''s own'
      using errcode = 'check_violation', constraint = 'incidents_of_another';
  end if;
  added := add_accesses(accesses_of(p_incident, p_user, p_from, p_until, p_patient));
  return added;
end
$$;

grant execute on function add_accesses_of(uuid, uuid, timestamptz, timestamptz, uuid) to caretrail_people;

-- Signs a new incident. One from an alert was discovered when the alert was raised: from then on the clinic would have known
-- by reasonable diligence. Errors: incidents_alert_exists, incidents_of_another, incidents_discovered_by_now.
create function sign_incident() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its_alert alerts;
  broken text;
begin
  if new.alert_id is not null then
    select * into its_alert from alerts a where a.id = new.alert_id;
    if not found then
      raise exception 'the alert does not exist'
        using errcode = 'foreign_key_violation', constraint = 'incidents_alert_exists';
    end if;
    new.actor_id := coalesce(its_alert.actor_id, new.actor_id);
  end if;
  new.discovered_on := coalesce(new.discovered_on, clinic_day(coalesce(its_alert.first_at, now())));
  new.opened_by := actor_user();
  broken := case
    when new.actor_id = actor_user() then 'incidents_of_another'
    when new.discovered_on > clinic_day(now()) then 'incidents_discovered_by_now'
  end;
  if broken is not null then
    raise exception 'the incident can''t be opened so' using errcode = 'check_violation', constraint = broken;
  end if;
  return new;
end
$$;

create trigger sign_incident before insert on incidents
for each row execute function sign_incident();

-- Adds the evidence of the alert, or what the clinician accessed while they had emergency access. Errors:
-- incidents_of_another the actor is among those whose access it is about.
create function add_evidence() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  source record;
begin
  if new.alert_id is not null then
    select a.patient_id, a.evidence into source from alerts a where a.id = new.alert_id;
    perform add_accesses(accesses_with(new.id, source.evidence));
    insert into incident_patients (incident_id, patient_id)
    select new.id, source.patient_id where source.patient_id is not null on conflict do nothing;
  end if;
  if new.emergency_access_id is not null then
    select e.member_id, e.patient_id, e.granted_at, coalesce(e.revoked_at, e.ends_at) as ended_at into source
    from emergency_accesses e where e.id = new.emergency_access_id;
    perform add_accesses(accesses_of(new.id, source.member_id, source.granted_at, source.ended_at, source.patient_id));
    insert into incident_patients (incident_id, patient_id) values (new.id, source.patient_id) on conflict do nothing;
  end if;
  if is_about_actor(new) then
    raise exception 'the incident is about the caller''s own access'
      using errcode = 'check_violation', constraint = 'incidents_of_another';
  end if;
  return null;
end
$$;

create trigger add_evidence after insert on incidents
for each row when (new.alert_id is not null or new.emergency_access_id is not null)
execute function add_evidence();

-- The review of an emergency access that finds an incident opens it, so none is forgotten.
create function open_incident_of_emergency() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  insert into incidents (id, alert_id, emergency_access_id, actor_id, discovered_on, summary)
  values (
    gen_random_uuid(),
    (
      select a.id from alerts a
      where a.rule = 'emergency-access' and a.actor_id = new.member_id and a.patient_id = new.patient_id
        and a.occasion = new.id and not exists (select from incidents i where i.alert_id = a.id)
      limit 1
    ),
    new.id, new.member_id, clinic_day(now()), new.review_note
  );
  return null;
end
$$;

create trigger open_incident after update on emergency_accesses
for each row when (old.review is null and new.review = 'INCIDENT_OPENED')
execute function open_incident_of_emergency();

-- Checks a step of the work on an incident, and signs it. What was decided is the basis of the notices, so it only changes
-- while the incident is open, and what letters say only until the first was sent. Errors: the constraints named here.
create function check_incident() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  broken text;
begin
  broken := case
    when old.status = 'CLOSED' then 'incidents_closed'
    when is_about_actor(old) then 'incidents_of_another'
    when new.status <> old.status and (old.status, new.status) not in (
      ('OPEN', 'ASSESSED'), ('ASSESSED', 'OPEN'), ('ASSESSED', 'NOTIFYING'), ('ASSESSED', 'CLOSED'), ('NOTIFYING', 'CLOSED')
    ) then 'incidents_transition'
    when old.status <> 'OPEN' and (
      new.discovered_on, new.nature_level, new.nature, new.person_level, new.person, new.acquisition_level, new.acquisition,
      new.mitigation_level, new.mitigation, new.decision, new.decision_reason
    ) is distinct from (
      old.discovered_on, old.nature_level, old.nature, old.person_level, old.person, old.acquisition_level, old.acquisition,
      old.mitigation_level, old.mitigation, old.decision, old.decision_reason
    ) then 'incidents_decision_made'
    when new.discovered_on > clinic_day(now()) or new.delay_stated_on > clinic_day(now())
      or new.breach_until > clinic_day(now()) then 'incidents_discovered_by_now'
    when (new.letter_happened, new.letter_data, new.letter_steps, new.letter_response, new.breach_from, new.breach_until)
      is distinct from
        (old.letter_happened, old.letter_data, old.letter_steps, old.letter_response, old.breach_from, old.breach_until)
      and exists (select from incident_notices n where n.incident_id = old.id and n.recipient = 'PATIENT')
    then 'incidents_letter_sent'
    when new.status = 'NOTIFYING' and old.status <> 'NOTIFYING' and (incident_clock(new)).affected = 0
      then 'incidents_patients_named'
    when new.status = 'NOTIFYING' and old.status <> 'NOTIFYING' and not has_clinic_contact()
      then 'incidents_contact_set'
    when new.status = 'CLOSED' and not (incident_clock(new)).is_complete then 'incidents_notices_sent'
  end;
  if broken is not null then
    raise exception 'the incident can''t be changed so' using errcode = 'check_violation', constraint = broken;
  end if;
  if new.status = 'OPEN' then
    new.decided_at := null;
    new.decided_by := null;
  elsif old.status = 'OPEN' then
    new.decided_at := now();
    new.decided_by := actor_user();
  end if;
  if new.status = 'CLOSED' then
    new.closed_at := now();
    new.closed_by := actor_user();
  end if;
  return new;
end
$$;

create trigger check_incident before update on incidents
for each row execute function check_incident();

-- Closes an incident if its last notice is recorded.
create function settle_incident(p_incident uuid) returns void
language plpgsql as $$
begin
  update incidents i set status = 'CLOSED'
  where i.id = p_incident and i.status = 'NOTIFYING' and (incident_clock(i)).is_complete;
end
$$;

-- Signs the addition or the exclusion of a patient. Errors: as for `require_workable`, incident_patients_exists the patient
-- doesn't exist, incident_patients_reason_given an officer gives no reason, incident_patients_notified the patient to exclude
-- has got a notice, incidents_patients_named nobody would be left while notices are sent.
create function sign_incident_patient() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its incidents;
  broken text;
begin
  if tg_op = 'INSERT' and exists (
    select from incident_patients p where p.incident_id = new.incident_id and p.patient_id = new.patient_id
  ) then
    -- The statement goes on with the row that is there.
    return new;
  end if;
  its := require_workable(new.incident_id);
  if tg_op = 'INSERT' then
    select upper(u.address ->> 'state') into new.residence
    from patients p join user_profiles u on u.id = p.user_id where p.id = new.patient_id;
    if not found and new.reason is not null then
      raise exception 'the patient does not exist'
        using errcode = 'foreign_key_violation', constraint = 'incident_patients_exists';
    end if;
  end if;
  broken := case
    when new.is_excluded and is_notified(new.incident_id, new.patient_id) then 'incident_patients_notified'
    when new.is_excluded and its.status = 'NOTIFYING' and not exists (
      select from incident_patients p
      where p.incident_id = new.incident_id and p.patient_id <> new.patient_id and not p.is_excluded
    ) then 'incidents_patients_named'
  end;
  if broken is not null then
    raise exception 'the patient can''t be changed so' using errcode = 'check_violation', constraint = broken;
  end if;
  new.changed_by := case when new.reason is not null then actor_user() end;
  return new;
end
$$;

create trigger sign_incident_patient before insert or update on incident_patients
for each row execute function sign_incident_patient();

create function settle_after_patient() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform settle_incident(new.incident_id);
  return null;
end
$$;

create trigger settle_incident after update on incident_patients
for each row when (new.is_excluded and not old.is_excluded) execute function settle_after_patient();

-- Signs a notice. Errors: as for `require_workable`, incident_notices_in_time it was sent before the discovery or will be sent
-- in the future, incident_notices_decided the incident has no decision to notify, incident_notices_delayed law enforcement
-- demanded to wait on that day, incident_notices_affected the patient is excluded.
create function sign_incident_notice() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its incidents;
  broken text;
begin
  its := require_workable(new.incident_id);
  broken := case
    when its.status <> 'NOTIFYING' then 'incident_notices_decided'
    when new.sent_on < its.discovered_on or new.sent_on > clinic_day(now()) then 'incident_notices_in_time'
    when new.sent_on between its.delay_stated_on and its.delayed_until then 'incident_notices_delayed'
    when exists (
      select from incident_patients p
      where p.incident_id = new.incident_id and p.patient_id = new.patient_id and p.is_excluded
    ) then 'incident_notices_affected'
  end;
  if broken is not null then
    raise exception 'the notice can''t be recorded' using errcode = 'check_violation', constraint = broken;
  end if;
  new.jurisdiction := upper(new.jurisdiction);
  new.recorded_by := actor_user();
  return new;
end
$$;

create trigger sign_incident_notice before insert on incident_notices
for each row execute function sign_incident_notice();

create function settle_after_notices() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform settle_incident(n.incident_id) from (select distinct a.incident_id from added a) as n;
  return null;
end
$$;

create trigger settle_incident after insert on incident_notices referencing new table as added
for each statement execute function settle_after_notices();

-- The event names neither the person nor a patient.
create function announce_incident() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  changed text[];
begin
  if tg_op = 'UPDATE' then
    changed := changed_columns(to_jsonb(old), to_jsonb(new), '{decided_at,decided_by,closed_at,closed_by}');
    if changed = '{}' then
      return null;
    end if;
  end if;
  perform add_event(
    (case tg_op when 'INSERT' then 'incident.opened.v1' else 'incident.changed.v1' end)::event_type,
    'incidents/' || new.id,
    event_data(new.version, changed, jsonb_build_object(
      'incident_id', new.id, 'status', new.status,
      'former_status', case when tg_op = 'UPDATE' and new.status <> old.status then old.status end
    ))
  );
  return null;
end
$$;

create trigger announce after insert or update on incidents
for each row execute function announce_incident();

insert into alert_rules (name, meaning, threshold, weight) values
  (
    'incident-overdue',
    'A notice about an incident, or the decision about it, is overdue. The threshold counts the days after the due date.',
    1, 90
  );

-- Raises an alert for each incident with an overdue step, once a day: see `raise_due_alerts`. Returns how often it raised one.
create function raise_overdue_incidents() returns bigint
language plpgsql as $$
begin
  return (
    select count(raise_alert('incident-overdue', null, null, null, '{}', '{}', i.id))
    from alert_rules r
    join incidents i on i.status <> 'CLOSED'
    cross join lateral incident_clock(i) as c
    where r.name = 'incident-overdue' and clinic_day(now()) - c.next_by >= r.threshold
      and not exists (
        select from alerts a
        where a.rule = r.name and a.occasion = i.id and clinic_day(a.last_at) = clinic_day(now())
      )
  );
end
$$;

-- What the letter to an affected patient is made of. Empty if the patient isn't affected, or the caller may not read it.
-- `addressee` is PATIENT, GUARDIAN if the patient is a minor, or FAMILY if they died.
create function incident_letter(p_incident uuid, p_patient uuid)
returns table (
  addressee text, first_name text, last_name text, address jsonb, written_on date, discovered_on date, breach_from date,
  breach_until date, seen text[], letter_happened text, letter_data text, letter_steps text, letter_response text,
  clinic_name text, clinic_phone text, clinic_email text, clinic_website text, clinic_address text
)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return query
    select
      case
        when p.deceased is not null then 'FAMILY'
        when anniversary(last_day(p.date_of_birth), age_of_majority()) > clinic_day(now()) then 'GUARDIAN'
        else 'PATIENT'
      end,
      u.first_name, u.last_name, u.address, clinic_day(now()), i.discovered_on,
      coalesce(i.breach_from, clinic_day(accessed.first_at)), coalesce(i.breach_until, clinic_day(accessed.last_at)),
      accessed.types, i.letter_happened, i.letter_data, i.letter_steps, i.letter_response,
      s.clinic_name, s.clinic_phone, s.clinic_email, s.clinic_website, s.clinic_address
    from incidents i
    join incident_patients affected on affected.incident_id = i.id and affected.patient_id = p_patient
    join patients p on p.id = affected.patient_id
    join user_profiles u on u.id = p.user_id
    cross join settings s
    cross join lateral (
      select min(a.accessed_at) as first_at, max(a.accessed_at) as last_at,
        array(
          select distinct t.resource_type::text from incident_accesses t
          where t.incident_id = i.id and t.patient_id = p_patient order by 1
        ) as types
      from incident_accesses a where a.incident_id = i.id and a.patient_id = p_patient
    ) as accessed
    where i.id = p_incident and not affected.is_excluded and reach('incidents:read') = 'ALL';
end
$$;

grant execute on function incident_letter(uuid, uuid) to caretrail_people;

-- Errors: 42501 there is no such incident, or the caller may not see it.
create function require_incident(p_incident uuid) returns boolean
language plpgsql stable as $$
begin
  if not exists (select from public.incidents i where i.id = p_incident) then
    raise exception 'there is no such incident' using errcode = 'insufficient_privilege';
  end if;
  return true;
end
$$;

grant execute on function require_incident(uuid) to caretrail_app;

-- For `describe_attempt`.
create function target_incident(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select null::uuid from incidents i where i.id = target;
end
$$;
