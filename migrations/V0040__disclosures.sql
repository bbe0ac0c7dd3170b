-- Disclosures of patient data, and the accounting of them that a patient can ask for (45 CFR 164.528). Rows stay for ever,
-- which is longer than the six years of 164.528(d) and 164.530(j). Patients are named by their ids, and there is no key on
-- `patients`, because the documentation must not keep the patient. docs/decisions/0046-accounting-of-disclosures.md says why it
-- is built so.

-- The legal basis of a disclosure. 164.528(a)(1) excludes the first ten from the accounting: see `is_accounted`.
create type disclosure_basis as enum (
  'TREATMENT', 'PAYMENT', 'OPERATIONS', 'INDIVIDUAL', 'INCIDENTAL', 'AUTHORIZATION', 'DIRECTORY', 'NATIONAL_SECURITY',
  'CUSTODY', 'LIMITED_DATA_SET',
  'REQUIRED_BY_LAW', 'PUBLIC_HEALTH', 'ABUSE_REPORT', 'HEALTH_OVERSIGHT', 'JUDICIAL', 'LAW_ENFORCEMENT', 'DECEDENT',
  'ORGAN_DONATION', 'RESEARCH', 'SERIOUS_THREAT', 'GOVERNMENT_FUNCTION', 'WORKERS_COMPENSATION', 'HHS_INVESTIGATION',
  'IMPERMISSIBLE'
);
create type accounting_status as enum ('AWAITING_CONSENT', 'OPEN', 'PROVIDED', 'WITHDRAWN');

insert into role_permissions (role, permission, reach) values
  ('COMPLIANCE_OFFICER', 'disclosures:read', 'ALL'),
  ('COMPLIANCE_OFFICER', 'disclosures:write', 'ALL'),
  ('PATIENT', 'accountings:read', 'OWN'),
  ('PATIENT', 'accountings:write', 'OWN'),
  ('COMPLIANCE_OFFICER', 'accountings:read', 'ALL'),
  ('COMPLIANCE_OFFICER', 'accountings:write', 'ALL'),
  ('COMPLIANCE_OFFICER', 'accountings:answer', 'ALL');

-- The fee for an accounting within twelve months after another, in cents (164.528(c)(2)).
alter table settings add column accounting_fee_cents integer not null default 0
  constraint settings_accounting_fee_range check (accounting_fee_cents between 0 and 10000);

-- Whether an accounting names disclosures on this basis (164.528(a)(1)).
create function is_accounted(basis disclosure_basis) returns boolean
language sql immutable parallel safe
return basis > 'LIMITED_DATA_SET';

grant execute on function is_accounted(disclosure_basis) to caretrail_app;

-- A ledger of what was disclosed outside of the API. A correction is another row, which names the row that it replaces.
create table disclosures (
  id uuid primary key,
  -- Null unless it is a correction.
  corrects_id uuid references disclosures (id) constraint disclosures_corrects_key unique,
  correction_reason text constraint disclosures_correction_reason_length check (length(correction_reason) between 1 and 1000),
  -- Whether the correction says that there was no such disclosure.
  is_withdrawn boolean not null default false,
  patient_id uuid not null,
  -- The day of the disclosure, or of the first of several to the same recipient for the same purpose (164.528(b)(3)).
  disclosed_on date not null,
  last_on date,
  times integer constraint disclosures_times_range check (times between 2 and 100000),
  frequency text constraint disclosures_frequency_length check (length(frequency) between 1 and 200),
  recipient_name text not null constraint disclosures_recipient_name_length check (length(recipient_name) between 1 and 300),
  recipient_address text constraint disclosures_recipient_address_length check (length(recipient_address) between 1 and 500),
  description text not null constraint disclosures_description_length check (length(description) between 1 and 2000),
  purpose text constraint disclosures_purpose_length check (length(purpose) between 1 and 2000),
  -- A copy of the written request for the disclosure, which can stand for the purpose (164.528(b)(2)(iv)).
  request_file_id uuid,
  basis disclosure_basis not null,
  -- The statement of an oversight agency or a law enforcement official that the accounting must leave it out (164.528(a)(2)).
  suspension_statement delay_statement,
  suspension_stated_on date,
  suspension_official text
    constraint disclosures_suspension_official_length check (length(suspension_official) between 1 and 300),
  suspended_until date,
  recorded_by uuid references user_profiles (id),
  recorded_at timestamptz not null default now(),
  constraint disclosures_correction check (
    (corrects_id is null) = (correction_reason is null) and (corrects_id is not null or not is_withdrawn)
  ),
  constraint disclosures_recurring check (
    (last_on is null) = (times is null and frequency is null) and (last_on is null or last_on >= disclosed_on)
  ),
  constraint disclosures_purpose_given check (purpose is not null or request_file_id is not null),
  constraint disclosures_suspension_whole check (
    (suspension_statement is null) = (suspended_until is null) and (suspension_stated_on is null) = (suspended_until is null)
    and (suspension_official is null) = (suspended_until is null)
    and (suspended_until is null or suspended_until >= suspension_stated_on)
  ),
  constraint disclosures_suspension_basis check (
    suspended_until is null or basis = 'HEALTH_OVERSIGHT' or basis = 'LAW_ENFORCEMENT'
  ),
  -- 164.528(a)(2)(ii)(C).
  constraint disclosures_suspension_oral check (
    suspension_statement <> 'ORAL' or suspended_until <= suspension_stated_on + 30
  )
);

create index disclosures_page_idx on disclosures (recorded_at desc, id desc);
create index disclosures_patient_idx on disclosures (patient_id, recorded_at desc, id desc);
create index disclosures_recorded_by_idx on disclosures (recorded_by) where recorded_by is not null;

-- Requests for an accounting, with what was provided (164.528(d)).
create table accountings (
  id uuid primary key,
  patient_id uuid not null,
  -- The first and the last day that it covers.
  covered_from date not null,
  covered_until date not null,
  status accounting_status not null default 'OPEN',
  -- The clinic's calendar.
  received_on date not null,
  -- A trigger keeps it: 60 days after `received_on`, and 30 more once extended (164.528(c)(1)).
  due_on date not null,
  extended_at timestamptz,
  extended_by uuid references user_profiles (id),
  -- The reason that the patient is told.
  extension_reason text constraint accountings_extension_reason_length check (length(extension_reason) between 1 and 1000),
  fee_cents integer not null,
  fee_accepted_at timestamptz,
  requested_by uuid references user_profiles (id),
  -- What was provided. Null until then.
  entries jsonb constraint accountings_entries_size check (octet_length(entries::text) <= 2000000),
  provided_by uuid references user_profiles (id),
  provided_at timestamptz,
  withdrawn_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version integer not null default 1,
  constraint accountings_period check (
    covered_from <= covered_until and covered_until <= received_on and covered_from >= received_on - interval '6 years'
  ),
  constraint accountings_extension check (
    (extension_reason is null) = (extended_at is null) and due_on = received_on + case when extended_at is null then 60 else 90 end
  ),
  constraint accountings_provided check (
    (status = 'PROVIDED') = (provided_at is not null) and (entries is null) = (provided_at is null)
    and (status = 'WITHDRAWN') = (withdrawn_at is not null)
  )
);

create index accountings_page_idx on accountings (created_at desc, id desc);
create index accountings_unanswered_idx on accountings (created_at desc, id desc)
  where status <> 'PROVIDED' and status <> 'WITHDRAWN';
create index accountings_patient_idx on accountings (patient_id, created_at desc, id desc);
create index accountings_requested_by_idx on accountings (requested_by) where requested_by is not null;
create index accountings_extended_by_idx on accountings (extended_by) where extended_by is not null;
create index accountings_provided_by_idx on accountings (provided_by) where provided_by is not null;

call secure('disclosures');
call guard_deletions('disclosures');
call secure('accountings');
call guard_deletions('accountings');

-- See `alerts_read` for the form of the comparison.
create policy disclosures_read on disclosures for select to caretrail_app
  using ((select reach('disclosures:read') = 'ALL' or reach('disclosures:write') = 'ALL'));
create policy disclosures_record on disclosures for insert to caretrail_app
  with check ((select reach('disclosures:write')) = 'ALL');
grant select on disclosures to caretrail_app;
grant insert (
  id, corrects_id, correction_reason, is_withdrawn, patient_id, disclosed_on, last_on, times, frequency, recipient_name,
  recipient_address, description, purpose, request_file_id, basis, suspension_statement, suspension_stated_on,
  suspension_official, suspended_until
) on disclosures to caretrail_people;

create policy accountings_read on accountings for select to caretrail_app
  using (
    case (select coalesce(reach('accountings:read'), reach('accountings:write'), reach('accountings:answer')))
      when 'ALL' then true
      when 'OWN' then patient_id = (select actor_patient()) or represents(patient_id)
      else false
    end
  );
create policy accountings_request on accountings for insert to caretrail_app
  with check (reaches('accountings:write', patient_id));
create policy accountings_change on accountings for update to caretrail_app
  using ((select reach('accountings:answer')) = 'ALL' or reaches('accountings:write', patient_id));
grant select on accountings to caretrail_app;
grant insert (id, patient_id, covered_from, covered_until, received_on),
  update (status, covered_from, covered_until, extension_reason) on accountings to caretrail_app;

create trigger touch before update on accountings
for each row execute function touch();
create trigger refuse_ledger_change before update on disclosures
for each row execute function refuse_ledger_change();

-- Signs a disclosure or its correction. Errors: disclosures_patient_exists, disclosures_patient_same the correction is about
-- another patient, disclosures_by_now, disclosures_request_file the file isn't the patient's.
create function sign_disclosure() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  broken text;
begin
  broken := case
    when new.corrects_id is null and not exists (select from patients p where p.id = new.patient_id)
      then 'disclosures_patient_exists'
    when new.corrects_id is not null and not exists (
      select from disclosures d where d.id = new.corrects_id and d.patient_id = new.patient_id
    ) then 'disclosures_patient_same'
    when greatest(new.disclosed_on, new.last_on, new.suspension_stated_on) > clinic_day(now()) then 'disclosures_by_now'
    when new.request_file_id is not null and not exists (
      select from file_metadata f where f.id = new.request_file_id and f.patient_id = new.patient_id
    ) then 'disclosures_request_file'
  end;
  if broken is not null then
    raise exception 'the disclosure can''t be recorded so' using errcode = 'check_violation', constraint = broken;
  end if;
  new.recorded_by := actor_user();
  new.recorded_at := now();
  return new;
end
$$;

create trigger sign_disclosure before insert on disclosures
for each row execute function sign_disclosure();

-- Whether a row of the audit log counts in an accounting: it does if it marks a disclosure for
--  another purpose than those that 164.528(a)(1) excludes: treatment, payment, operations, and the patient or
-- whoever represents them. Rows of events are left out, because the clinic names their receivers for its operations, and rows
-- of exports, because they go to the patient.
create function is_accounted(
  p_action audit_action, p_outcome audit_outcome, p_resource_type audit_resource, p_purpose purpose_of_use
) returns boolean
language sql stable parallel safe
return p_action = 'DISCLOSE' and p_outcome = 'SUCCESS' and p_resource_type::text not in ('EVENT', 'EXPORT')
  and (p_purpose is null or p_purpose not in ('TREAT', 'ETREAT', 'BTG', 'HPAYMT', 'HOPERAT', 'PATRQT', 'FAMRQT'));

-- What an accounting of these days says, in the order of the days (164.528(b)):
--
-- * What was recorded, unless it is excluded, withdrawn, corrected, or suspended now (164.528(a)(2)).
-- * What the audit log marks as a disclosure for a purpose that counts.
-- * What incidents found: a breach, and disclosures that were not permitted although they need no notice. They wait while law
--   enforcement delays the notices (164.412).
create function accounting_entries(p_patient uuid, p_from date, p_until date) returns jsonb
language sql stable as $$
  with zone as (
    select s.time_zone as name, s.shows_staff_names as names_staff,
      first_audit_id(p_from::timestamp at time zone s.time_zone) as low,
      first_audit_id((p_until + 1)::timestamp at time zone s.time_zone) as high
    from settings s
  ),
  logged as (
    select a.id, a.timestamp, a.user_id, a.resource_type, a.purpose_of_use, a.action_type, a.outcome
    from zone z cross join audit_logs a
    where a.patient_id = p_patient and a.id >= z.low and a.id < z.high
    union all
    select a.id, a.timestamp, a.user_id, a.resource_type, a.purpose_of_use, a.action_type, a.outcome
    from zone z cross join audit_archive_rows a
    where a.patient_id = p_patient and a.id >= z.low and a.id < z.high
    union all
    select a.id, a.timestamp, a.user_id, a.resource_type, a.purpose_of_use, a.action_type, a.outcome
    from zone z cross join audit_logs a
    where a.patient_ids @> array[p_patient] and a.id >= z.low and a.id < z.high
    union all
    select a.id, a.timestamp, a.user_id, a.resource_type, a.purpose_of_use, a.action_type, a.outcome
    from zone z cross join audit_archive_rows a
    where a.patient_ids @> array[p_patient] and a.id >= z.low and a.id < z.high
  ),
  entries as (
    select d.disclosed_on, d.id, jsonb_build_object(
      'source', 'RECORDED', 'source_id', d.id, 'disclosed_on', d.disclosed_on, 'last_on', d.last_on, 'times', d.times,
      'frequency', d.frequency, 'recipient_name', d.recipient_name, 'recipient_address', d.recipient_address,
      'description', d.description, 'purpose', d.purpose, 'request_file_id', d.request_file_id, 'basis', d.basis
    ) as entry
    from disclosures d
    where d.patient_id = p_patient and d.disclosed_on <= p_until and coalesce(d.last_on, d.disclosed_on) >= p_from
      and is_accounted(d.basis) and not d.is_withdrawn
      and not exists (select from disclosures later where later.corrects_id = d.id)
      and (d.suspended_until is null or d.suspended_until < clinic_day(now()))
    union all
    select (l.timestamp at time zone z.name)::date, l.id, jsonb_build_object(
      'source', 'AUDIT_LOG', 'source_id', l.id, 'disclosed_on', (l.timestamp at time zone z.name)::date, 'last_on', null,
      'times', null, 'frequency', null,
      'recipient_name', coalesce(nullif(concat_ws(' ', u.first_name, u.last_name), ''), 'Another system'), 'recipient_address', null,
      'description', case l.resource_type
        when 'FILE' then 'A file of the chart'
        when 'MEDICAL_RECORD' then 'A medical record of the chart'
        else 'Data of the chart'
      end,
      'purpose', case l.purpose_of_use
        when 'HRESCH' then 'Research' when 'HCOMPL' then 'The proof that laws and rules are kept'
        when 'HSYSADMIN' then 'The administration of the system' else 'The purpose was not recorded'
      end,
      'request_file_id', null, 'basis', case l.purpose_of_use when 'HRESCH' then 'RESEARCH' end
    )
    from logged l cross join zone z left join user_profiles u on u.id = l.user_id
    where is_accounted(l.action_type, l.outcome, l.resource_type, l.purpose_of_use)
    union all
    select b.begins, i.id, jsonb_build_object(
      'source', 'INCIDENT', 'source_id', i.id, 'disclosed_on', b.begins, 'last_on', nullif(b.ends, b.begins),
      'times', case when b.ends > b.begins then greatest(b.accesses, 2) end, 'frequency', null,
      'recipient_name', coalesce(
        case when z.names_staff or u.role = 'PATIENT' then nullif(concat_ws(' ', u.first_name, u.last_name), '') end,
        case when u.id is null then 'The person is not known' else 'A person who works for the clinic' end
      ),
      'recipient_address', null,
      'description', coalesce(i.letter_data, 'Health information in the chart'),
      'purpose', concat_ws(' ', 'It was not permitted.', i.letter_happened),
      'request_file_id', null, 'basis', 'IMPERMISSIBLE'
    )
    from incident_patients p
    join incidents i on i.id = p.incident_id
    cross join zone z
    left join user_profiles u on u.id = i.actor_id
    cross join lateral (
      select coalesce(i.breach_from, (min(a.accessed_at) at time zone z.name)::date, i.discovered_on) as begins,
        coalesce(i.breach_until, (max(a.accessed_at) at time zone z.name)::date, i.discovered_on) as ends,
        count(*) as accesses
      from incident_accesses a where a.incident_id = i.id and a.patient_id = p.patient_id
    ) as b
    where p.patient_id = p_patient and not p.is_excluded and i.status <> 'OPEN'
      and i.decision in ('BREACH', 'LOW_PROBABILITY', 'NOT_RETAINED')
      and b.begins <= p_until and b.ends >= p_from
      and (i.delayed_until is null or i.delayed_until < clinic_day(now()))
  )
  select coalesce(jsonb_agg(e.entry order by e.disclosed_on, e.id), '[]') from entries e
$$;

-- Receives a request, checks each step and signs it. The first accounting within twelve months is free. For another one the
-- patient is told the fee and must accept it (164.528(c)(2)). Errors: the constraints named here.
create function check_accounting() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  today constant date := clinic_day(now());
  broken text;
begin
  if tg_op = 'INSERT' then
    if not by_migration() and reach('accountings:write') is distinct from 'ALL' then
      -- Patients can't say that they asked earlier.
      new.received_on := today;
    end if;
    new.received_on := coalesce(new.received_on, today);
    new.covered_until := coalesce(new.covered_until, new.received_on);
    new.covered_from := coalesce(new.covered_from, (new.received_on - interval '6 years')::date);
    new.due_on := new.received_on + 60;
    new.requested_by := actor_user();
    perform pg_advisory_xact_lock(hashtextextended('accounting of ' || new.patient_id, 0));
    broken := case
      when not exists (select from patients p where p.id = new.patient_id) then 'accountings_patient_exists'
      when new.received_on > today then 'accountings_received_by_now'
    end;
    new.fee_cents := case when exists (
      select from accountings a
      where a.patient_id = new.patient_id and a.status <> 'WITHDRAWN' and a.received_on > new.received_on - interval '12 months'
    ) then (select s.accounting_fee_cents from settings s) else 0 end;
    new.status := case when new.fee_cents > 0 then 'AWAITING_CONSENT' else 'OPEN' end;
  else
    broken := case
      when old.status in ('PROVIDED', 'WITHDRAWN') then 'accountings_closed'
      when new.status <> old.status and (old.status, new.status) not in (
        ('AWAITING_CONSENT', 'OPEN'), ('AWAITING_CONSENT', 'WITHDRAWN'), ('OPEN', 'WITHDRAWN'), ('OPEN', 'PROVIDED')
      ) then 'accountings_transition'
      when (new.status = 'PROVIDED' or new.extension_reason is distinct from old.extension_reason)
        and not by_migration() and reach('accountings:answer') is distinct from 'ALL' then 'accountings_office'
      when new.extension_reason is distinct from old.extension_reason and old.extended_at is not null
        then 'accountings_extended_once'
      when new.extension_reason is distinct from old.extension_reason and today > old.due_on then 'accountings_extended_in_time'
    end;
    if broken is null then
      if new.extension_reason is distinct from old.extension_reason then
        new.extended_at := now();
        new.extended_by := actor_user();
        new.due_on := new.received_on + 90;
      end if;
      if old.status = 'AWAITING_CONSENT' and new.status = 'OPEN' then
        new.fee_accepted_at := now();
      elsif new.status = 'WITHDRAWN' then
        new.withdrawn_at := now();
      elsif new.status = 'PROVIDED' then
        new.provided_at := now();
        new.provided_by := actor_user();
        new.entries := accounting_entries(new.patient_id, new.covered_from, new.covered_until);
      end if;
    end if;
  end if;
  if broken is not null then
    raise exception 'the accounting can''t be changed so' using errcode = 'check_violation', constraint = broken;
  end if;
  return new;
end
$$;

create trigger check_accounting before insert or update on accountings
for each row execute function check_accounting();

create trigger announce after insert or update on accountings
for each row execute function announce_request('accounting', '{entries,extended_by,provided_by}');

-- What a provided accounting is written with: the patient, the clinic and the privacy contact.
create function accounting_parties(
  p_accounting uuid, out first_name text, out last_name text, out clinic_name text, out clinic_phone text,
  out clinic_email text, out clinic_website text, out clinic_address text
)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  select u.first_name, u.last_name, s.clinic_name, s.clinic_phone, s.clinic_email, s.clinic_website, s.clinic_address
  into first_name, last_name, clinic_name, clinic_phone, clinic_email, clinic_website, clinic_address
  from accountings a
  left join patients p on p.id = a.patient_id
  left join user_profiles u on u.id = p.user_id
  cross join settings s
  where a.id = p_accounting and reaches('accountings:read', a.patient_id);
end
$$;

grant execute on function accounting_parties(uuid) to caretrail_people;

-- For `describe_attempt`.
create function target_disclosure(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query
    select d.patient_id from disclosures d where d.id = target
    union all
    select a.patient_id from accountings a where a.id = target;
end
$$;

call classify(
  'disclosures', 'What was disclosed outside of the API, for the accounting of disclosures',
  'For ever',
  ephi => '{patient_id, disclosed_on, last_on, times, frequency, recipient_name, recipient_address, description, purpose,
    request_file_id, basis, correction_reason, suspension_statement, suspension_stated_on, suspended_until}',
  identifying => '{suspension_official, recorded_by}'
);
call classify(
  'accountings', 'The requests for an accounting of disclosures, with what was provided',
  'For ever',
  ephi => '{patient_id, covered_from, covered_until, entries}',
  identifying => '{requested_by, extended_by, provided_by}'
);
comment on column settings.accounting_fee_cents is 'operational';
