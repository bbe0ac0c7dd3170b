-- Requests for access to one's own data, and the packages that answer them (45 CFR 164.524). A request has a clock that
-- nothing resets, and ends with a package, with a package from which some entries are left out, or with a denial.
-- docs/decisions/0047-chart-exports.md says why it is built so.

create type export_status as enum ('REQUESTED', 'BUILDING', 'READY', 'DENIED', 'ATTACHED');

-- The grounds for a denial: those of 164.524(a)(1) and (a)(2), which nobody reviews, and those of (a)(3), which a licensed
-- health care professional reviews if the individual asks for it.
create type denial_ground as enum (
  'PSYCHOTHERAPY_NOTES', 'LEGAL_PROCEEDING', 'INMATE', 'RESEARCH', 'PRIVACY_ACT', 'CONFIDENTIAL_SOURCE',
  'ENDANGERS_LIFE', 'HARMS_ANOTHER_PERSON', 'REPRESENTATIVE_MAY_HARM'
);
create type review_outcome as enum ('UPHELD', 'OVERTURNED');

-- Whether a denial on this ground is reviewed if the individual asks for it (164.524(a)(3)).
create function is_reviewable(ground denial_ground) returns boolean
language sql immutable parallel safe
return ground in ('ENDANGERS_LIFE', 'HARMS_ANOTHER_PERSON', 'REPRESENTATIVE_MAY_HARM');

-- The ground that a hold of an entry is, or null. What the patient asked to delay is no ground against their own request,
-- and somebody must decide what another law means for an entry: see `begin_next_export`.
create function ground_of_hold(reason hold_reason) returns denial_ground
language sql immutable parallel safe
return case reason
  when 'harm_prevention' then 'ENDANGERS_LIFE' when 'privacy' then 'HARMS_ANOTHER_PERSON'
end::denial_ground;

create table exports (
  id uuid primary key,
  patient_id uuid not null references patients (id),
  requested_by uuid not null references user_profiles (id),
  -- Whether a representative made it. What is kept from them isn't in its package, and nobody learns that from it.
  is_for_representative boolean not null default false,
  status export_status not null default 'REQUESTED',
  -- The open request that this one repeats. It keeps its clock.
  attached_to uuid references exports (id),
  -- On the clinic's calendar.
  received_on date not null,
  -- The last day on which the answer is in time (164.524(b)(2)).
  due_on date not null,
  extended_at timestamptz,
  extended_by uuid references user_profiles (id),
  extension_reason text constraint exports_extension_reason_length check (length(extension_reason) between 1 and 1000),
  -- The third party to whom the patient directs the copy, by a statement that they signed (164.524(c)(3)(ii)).
  recipient_name text constraint exports_recipient_name_length check (length(recipient_name) between 1 and 300),
  recipient_address text constraint exports_recipient_address_length check (length(recipient_address) between 1 and 500),
  directive_signed_on date,
  -- The fee for the copy (164.524(c)(4)). Nothing waits for its payment.
  fee_cents integer not null default 0 constraint exports_fee_range check (fee_cents between 0 and 100000),
  fee_reason text constraint exports_fee_reason_length check (length(fee_reason) between 1 and 300),
  -- The denial of the whole request.
  denial_ground denial_ground,
  denial_basis text constraint exports_denial_basis_length check (length(denial_basis) between 1 and 2000),
  denied_by uuid references user_profiles (id),
  denied_at timestamptz,
  review_requested_by uuid references user_profiles (id),
  review_requested_at timestamptz,
  review_outcome review_outcome,
  review_basis text constraint exports_review_basis_length check (length(review_basis) between 1 and 2000),
  reviewed_by uuid references user_profiles (id),
  reviewed_at timestamptz,
  -- The job: which attempt works on it, until when no other may begin, and how far it is.
  attempts integer not null default 0,
  lease_until timestamptz,
  entries_total integer,
  entries_done integer not null default 0,
  -- The package. Its object is deleted after `available_until`.
  contents jsonb,
  package_size bigint constraint exports_package_size_range check (package_size > 0),
  package_sha256 bytea constraint exports_package_sha256_length check (octet_length(package_sha256) = 32),
  ready_at timestamptz,
  available_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version integer not null default 1,
  constraint exports_attached check ((status = 'ATTACHED') = (attached_to is not null)),
  constraint exports_extended check (
    (extended_at is null) = (extension_reason is null) and (extended_at is null) = (extended_by is null)
  ),
  constraint exports_directive_whole check (
    (recipient_name is null) = (directive_signed_on is null) and (recipient_name is null) = (recipient_address is null)
  ),
  constraint exports_fee_explained check ((fee_cents = 0) = (fee_reason is null)),
  constraint exports_denied check (
    (denial_ground is null) = (denial_basis is null) and (denial_ground is null) = (denied_at is null)
    and (status <> 'DENIED' or denial_ground is not null)
  ),
  constraint exports_reviewed check (
    (review_outcome is null) = (review_basis is null) and (review_outcome is null) = (reviewed_at is null)
    and (reviewed_at is null or review_requested_at is not null)
  ),
  constraint exports_ready check (
    (package_size is null) = (ready_at is null) and (package_sha256 is null) = (ready_at is null)
    and (contents is null) = (ready_at is null) and (available_until is null) = (ready_at is null)
    and (status <> 'READY' or ready_at is not null)
  )
);

create index exports_patient_idx on exports (patient_id, created_at desc, id desc);
create index exports_page_idx on exports (created_at desc, id desc);
-- Partial, because a list by status can't use an index otherwise: see appointments_to_come_idx.
create index exports_open_idx on exports (created_at desc, id desc) where status in ('REQUESTED', 'BUILDING');
create index exports_attached_to_idx on exports (attached_to) where attached_to is not null;
create index exports_requested_by_idx on exports (requested_by);
create index exports_extended_by_idx on exports (extended_by) where extended_by is not null;
create index exports_denied_by_idx on exports (denied_by) where denied_by is not null;
create index exports_review_requested_by_idx on exports (review_requested_by) where review_requested_by is not null;
create index exports_reviewed_by_idx on exports (reviewed_by) where reviewed_by is not null;

-- The entries that are left out of a package, each with its ground.
create table export_exclusions (
  export_id uuid not null references exports (id),
  record_id uuid not null,
  patient_id uuid not null,
  ground denial_ground not null,
  -- Null if a hold of the entry says why.
  basis text constraint export_exclusions_basis_length check (length(basis) between 1 and 2000),
  -- Whoever decided. For a hold, its author.
  decided_by uuid references user_profiles (id),
  decided_at timestamptz not null default now(),
  primary key (export_id, record_id),
  constraint export_exclusions_of_record foreign key (record_id, patient_id) references medical_records (id, patient_id)
);

create index export_exclusions_record_idx on export_exclusions (record_id, patient_id);
create index export_exclusions_decided_by_idx on export_exclusions (decided_by) where decided_by is not null;

-- Whether the actor's reach OWN covers a request: patients reach those for their data that no representative made, and
-- representatives their own. Other reaches are not limited so.
create function owns_export(permission text, patient uuid, requester uuid, is_for_representative boolean) returns boolean
language plpgsql stable parallel safe as $$
begin
  return reach(permission) is distinct from 'OWN'
    or case
      when is_for_representative then requester = actor_user()
      else patient is not distinct from actor_patient()
    end;
end
$$;

grant execute on function owns_export(text, uuid, uuid, boolean) to caretrail_app;

call secure('exports');
call secure('export_exclusions');
call guard_deletions('exports', 'patient_id');
call guard_deletions('export_exclusions', 'record_id');

create policy exports_read on exports for select to caretrail_app
  using (
    case (select reach('exports:read'))
      when 'OWN' then (patient_id = (select actor_patient()) or represents(patient_id))
        and owns_export('exports:read', patient_id, requested_by, is_for_representative)
      when 'CARE' then in_care(patient_id)
      when 'ALL' then true
      else (select reach('exports:build')) = 'ALL'
    end
  );
create policy exports_add on exports for insert to caretrail_app with check (reaches('exports:request', patient_id));
create policy exports_change on exports for update to caretrail_app
  using (
    reaches('exports:request', patient_id) or reaches('exports:decide', patient_id) or reaches('exports:review', patient_id)
    or (select reach('exports:extend')) = 'ALL'
  );
-- Patients see the grounds and how many entries each concerns, and never which: see `export_exclusions_of`.
create policy export_exclusions_read on export_exclusions for select to caretrail_app
  using (reaches('exports:decide', patient_id));
create policy export_exclusions_add on export_exclusions for insert to caretrail_app
  with check (reaches('exports:decide', patient_id));

grant select on exports, export_exclusions to caretrail_app;
grant insert (
  id, patient_id, received_on, recipient_name, recipient_address, directive_signed_on, fee_cents, fee_reason
), update (
  extension_reason, extended_at, denial_ground, denial_basis, denied_at, review_requested_at, review_outcome, review_basis,
  reviewed_at
) on exports to caretrail_app;
grant insert (export_id, record_id, patient_id, ground, basis) on export_exclusions to caretrail_people;

create trigger touch before update on exports
for each row execute function touch();
create trigger refuse_ledger_change before update on export_exclusions
for each row execute function refuse_ledger_change();

-- Signs a request and sets its clock. A request that repeats an open one for the patient themselves attaches to it and has
-- its dates (164.524(b)(2)). Errors: exports_received_by_now, exports_received_lately, exports_directive_signed_by_now.
create function sign_export() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  today constant date := clinic_day(now());
  former exports;
  broken text;
begin
  if by_migration() then
    return new;
  end if;
  -- Two requests at once take turns.
  perform pg_advisory_xact_lock(hashtextextended(new.patient_id::text, 524));
  new.requested_by := actor_user();
  new.received_on := coalesce(new.received_on, today);
  new.status := 'REQUESTED';
  new.is_for_representative := reach('exports:request') = 'OWN' and new.patient_id is distinct from actor_patient();
  broken := case
    when new.received_on > today then 'exports_received_by_now'
    when new.directive_signed_on > today then 'exports_directive_signed_by_now'
    -- Only the clinic learns of a request that came in on another way.
    when new.received_on < today and reach('exports:request') = 'OWN' then 'exports_received_today'
    when new.received_on < today - 60 then 'exports_received_lately'
    when (new.fee_cents > 0) and reach('exports:request') = 'OWN' then 'exports_fee_by_clinic'
  end;
  if broken is not null then
    raise exception 'the request can''t be recorded so' using errcode = 'check_violation', constraint = broken;
  end if;
  new.due_on := new.received_on + 30;
  if new.recipient_name is null then
    select * into former from exports e
    where e.patient_id = new.patient_id and e.status in ('REQUESTED', 'BUILDING') and e.recipient_name is null
      and e.is_for_representative = new.is_for_representative
      and (not new.is_for_representative or e.requested_by = new.requested_by)
    order by e.received_on, e.created_at limit 1;
    if found then
      new.status := 'ATTACHED';
      new.attached_to := former.id;
      new.due_on := former.due_on;
    end if;
  end if;
  return new;
end
$$;

create trigger sign_export before insert on exports
for each row execute function sign_export();

-- Whether something of the request was denied on a ground that is reviewed.
create function is_denial_reviewable(its exports) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return coalesce(is_reviewable(its.denial_ground), false) or exists (
    select from export_exclusions x where x.export_id = its.id and is_reviewable(x.ground)
  );
end
$$;

-- Whether the actor took part in the denial (164.524(a)(4)).
create function took_part_in_denial(its exports) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return coalesce(its.denied_by = actor_user(), false) or exists (
    select from export_exclusions x where x.export_id = its.id and x.decided_by = actor_user()
  );
end
$$;

-- Checks a step on a request, and signs it. Errors: 42501 the caller may not take it, and the constraints that it names.
create function check_export() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  today constant date := clinic_day(now());
  -- Each step sets its time, so the same step is noticed when it comes again.
  is_extended constant boolean := (new.extension_reason, new.extended_at) is distinct from (old.extension_reason, old.extended_at);
  is_denied constant boolean := (new.denial_ground, new.denial_basis, new.denied_at)
    is distinct from (old.denial_ground, old.denial_basis, old.denied_at);
  is_asked constant boolean := new.review_requested_at is distinct from old.review_requested_at;
  is_reviewed constant boolean := (new.review_outcome, new.review_basis, new.reviewed_at)
    is distinct from (old.review_outcome, old.review_basis, old.reviewed_at);
  is_built constant boolean := new.package_sha256 is distinct from old.package_sha256;
  broken text;
begin
  if by_migration() then
    return new;
  end if;
  if (is_extended and reach('exports:extend') is distinct from 'ALL')
    or (is_denied and not reaches('exports:decide', old.patient_id))
    or (is_asked and not reaches('exports:request', old.patient_id))
    or (is_reviewed and not reaches('exports:review', old.patient_id))
  then
    raise exception 'the caller may not take this step' using errcode = 'insufficient_privilege';
  end if;
  broken := case
    when (is_extended or is_denied) and old.status not in ('REQUESTED', 'BUILDING') then 'exports_open'
    when is_extended and old.extended_at is not null then 'exports_extended_once'
    when is_extended and today > old.due_on then 'exports_extended_in_time'
    when is_denied and old.denial_ground is not null then 'exports_denied_once'
    when is_asked and not is_denial_reviewable(old) then 'exports_reviewable'
    when is_asked and old.review_requested_at is not null then 'exports_review_asked_once'
    when is_reviewed and (old.review_requested_at is null or old.review_outcome is not null) then 'exports_review_asked'
    when is_reviewed and took_part_in_denial(old) then 'exports_reviewed_by_another'
    when is_built and old.status <> 'BUILDING' then 'exports_building'
  end;
  if broken is not null then
    raise exception 'the request can''t be changed so' using errcode = 'check_violation', constraint = broken;
  end if;
  if is_extended then
    new.extended_at := now();
    new.extended_by := actor_user();
    new.due_on := old.received_on + 60;
  end if;
  if is_denied then
    new.denied_at := now();
    new.denied_by := actor_user();
    new.status := 'DENIED';
    new.lease_until := null;
  end if;
  if is_asked then
    new.review_requested_at := now();
    new.review_requested_by := actor_user();
  end if;
  if is_reviewed then
    new.reviewed_at := now();
    new.reviewed_by := actor_user();
    if new.review_outcome = 'OVERTURNED' then
      -- The job builds a package with the entries that were left out.
      new.status := 'REQUESTED';
      new.entries_done := 0;
      new.lease_until := null;
    end if;
  end if;
  if is_built then
    new.status := 'READY';
    new.lease_until := null;
    new.ready_at := now();
    new.available_until := now() + interval '30 days';
  end if;
  return new;
end
$$;

create trigger check_export before update on exports
for each row execute function check_export();

-- How far the job is, is no event.
create trigger announce after insert or update on exports
for each row execute function announce_request('export', '{attempts,lease_until,entries_total,entries_done}');

-- An entry is left out only while the request is open, and signed by whoever decided. Errors: exports_open.
create function sign_export_exclusion() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if by_migration() or reach('exports:build') is not distinct from 'ALL' then
    return new;
  end if;
  new.decided_by := actor_user();
  if not exists (
    select from exports e
    where e.id = new.export_id and e.patient_id = new.patient_id and e.status = 'REQUESTED' and e.review_outcome is null
  ) then
    raise exception 'the request is not open' using errcode = 'check_violation', constraint = 'exports_open';
  end if;
  return new;
end
$$;

create trigger sign_export_exclusion before insert on export_exclusions
for each row execute function sign_export_exclusion();

-- How many entries are left out on each ground. A patient must be told that something was left out (164.524(d)(2)).
create function export_exclusions_of(its exports) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'ground', g.ground, 'is_reviewable', is_reviewable(g.ground), 'entries', g.entries
    ) order by g.ground), '[]')
    from (
      select x.ground, count(*) as entries from export_exclusions x
      where x.export_id = its.id
        and not (its.review_outcome is not distinct from 'OVERTURNED' and is_reviewable(x.ground))
      group by x.ground
    ) as g
  );
end
$$;

grant execute on function
  clinic_day(timestamptz), is_denial_reviewable(exports), export_exclusions_of(exports)
  to caretrail_app;

-- Whether an entry is left out of the package: on a ground, or because it is kept from whoever requested it.
create function is_excluded(its exports, entry uuid) returns boolean
language plpgsql stable as $$
begin
  return (its.is_for_representative and exists (
    select from medical_records r where r.id = entry and r.is_shielded
  )) or exists (
    select from export_exclusions x
    where x.export_id = its.id and x.record_id = entry
      and not (its.review_outcome is not distinct from 'OVERTURNED' and is_reviewable(x.ground))
  );
end
$$;

-- The reason of the hold that withholds an entry now. Null if none does.
create function current_hold(entry medical_records) returns hold_reason
language sql stable
return case when not entry.is_patient_visible and entry.release_date > now() then (
  select l.hold_reason from record_releases l
  where l.record_id = entry.id and l.patient_id = entry.patient_id and l.hold_reason is not null
  order by l.decided_at desc limit 1
) end;

-- Errors: 42501 the caller doesn't build packages.
create function require_exporter() returns void
language plpgsql stable as $$
begin
  perform require_actor();
  if reach('exports:build') is distinct from 'ALL' then
    raise exception 'the caller builds no packages' using errcode = 'insufficient_privilege';
  end if;
end
$$;

-- Takes the request whose answer is due first and whose package nobody builds, and leaves out what its patient's holds say.
-- Empty if there is none. A request waits while an entry is held because of another law and nobody decided about it.
create function begin_next_export() returns table (id uuid, patient_id uuid, attempt integer, entries integer)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its exports;
begin
  perform require_exporter();
  select e.* into its from exports e
  where e.status in ('REQUESTED', 'BUILDING') and (e.lease_until is null or e.lease_until <= now())
    and not exists (
      select from medical_records r
      where r.patient_id = e.patient_id and not r.is_patient_visible and r.release_date > now() and not r.is_archived
        and current_hold(r) = 'law' and not (e.is_for_representative and r.is_shielded)
        and not exists (select from export_exclusions x where x.export_id = e.id and x.record_id = r.id)
    )
  order by e.due_on, e.id limit 1
  for update skip locked;
  if not found then
    return;
  end if;
  insert into export_exclusions (export_id, record_id, patient_id, ground, decided_by)
  select its.id, r.id, r.patient_id, ground_of_hold(current_hold(r)), (
    select l.decided_by from record_releases l
    where l.record_id = r.id and l.patient_id = r.patient_id and l.hold_reason is not null
    order by l.decided_at desc limit 1
  )
  from medical_records r
  where r.patient_id = its.patient_id and not r.is_patient_visible and r.release_date > now() and not r.is_archived
    and ground_of_hold(current_hold(r)) is not null
    and not (its.is_for_representative and r.is_shielded)
  on conflict do nothing;
  update exports e set status = 'BUILDING', attempts = e.attempts + 1, entries_done = 0,
    lease_until = now() + interval '15 minutes',
    entries_total = (
      select count(*) from medical_records r
      where r.patient_id = its.patient_id and not r.is_archived and not is_excluded(its, r.id)
    ) + (
      select count(*) from appointments a where a.patient_id = its.patient_id and not a.is_archived
    ) + (
      select count(*) from file_metadata f
      where f.patient_id = its.patient_id and f.status = 'AVAILABLE' and not f.is_archived
        and not is_excluded(its, f.record_id)
    )
  where e.id = its.id
  returning e.attempts, e.entries_total into its.attempts, its.entries_total;
  return query select its.id, its.patient_id, its.attempts, its.entries_total;
end
$$;

-- The request that the caller builds. Errors: 42501 the caller builds no packages, 55006 another attempt builds it.
create function export_in_work(p_export uuid, p_attempt integer, out its exports)
language plpgsql stable as $$
begin
  perform require_exporter();
  select * into its from exports e where e.id = p_export and e.status = 'BUILDING' and e.attempts = p_attempt;
  if not found then
    raise exception 'another attempt builds the package' using errcode = 'object_in_use';
  end if;
end
$$;

-- The parts of a chart for its package, in pages, newest first. What is archived or left out isn't among them.
create function exported_patient(p_export uuid, p_attempt integer) returns setof patient_profiles
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  its constant exports := export_in_work(p_export, p_attempt);
begin
  return query select p.* from patient_profiles p where p.id = its.patient_id;
end
$$;

create function exported_user(p_export uuid, p_attempt integer) returns setof user_profiles
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  its constant exports := export_in_work(p_export, p_attempt);
begin
  return query
    select u.* from user_profiles u join patients p on p.user_id = u.id where p.id = its.patient_id;
end
$$;

create function exported_providers(p_export uuid, p_attempt integer, p_after uuid, p_most integer)
returns setof provider_profiles
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  its constant exports := export_in_work(p_export, p_attempt);
begin
  return query
    select v.* from provider_profiles v
    where v.id > p_after and v.id in (
      select r.provider_id from medical_records r where r.patient_id = its.patient_id
      union select a.provider_id from appointments a where a.patient_id = its.patient_id
      union select unnest(p.assigned_providers) from patients p where p.id = its.patient_id
    )
    order by v.id limit p_most;
end
$$;

create function exported_appointments(
  p_export uuid, p_attempt integer, p_after timestamptz, p_after_id uuid, p_most integer
) returns setof appointments
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  its constant exports := export_in_work(p_export, p_attempt);
begin
  return query
    select a.* from appointments a
    where a.patient_id = its.patient_id and not a.is_archived and (p_after is null or (a.scheduled_at, a.id) < (p_after, p_after_id))
    order by a.scheduled_at desc, a.id desc limit p_most;
end
$$;

-- Without types it returns records of all types.
create function exported_records(
  p_export uuid, p_attempt integer, p_types record_type[], p_after timestamptz, p_after_id uuid, p_most integer
) returns setof medical_records
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  its constant exports := export_in_work(p_export, p_attempt);
begin
  return query
    select r.* from medical_records r
    where r.patient_id = its.patient_id and not r.is_archived and (p_after is null or (r.created_at, r.id) < (p_after, p_after_id))
      and (p_types is null or r.record_type = any (p_types))
      and not is_excluded(its, r.id)
    order by r.created_at desc, r.id desc limit p_most;
end
$$;

create function exported_files(
  p_export uuid, p_attempt integer, p_after timestamptz, p_after_id uuid, p_most integer
) returns setof file_metadata
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  its constant exports := export_in_work(p_export, p_attempt);
begin
  return query
    select f.* from file_metadata f
    where f.patient_id = its.patient_id and f.status = 'AVAILABLE' and not f.is_archived
      and (p_after is null or (f.created_at, f.id) < (p_after, p_after_id))
      and (f.record_id is null or not is_excluded(its, f.record_id))
    order by f.created_at desc, f.id desc limit p_most;
end
$$;

grant execute on function
  begin_next_export(), exported_patient(uuid, integer), exported_user(uuid, integer),
  exported_providers(uuid, integer, uuid, integer),
  exported_appointments(uuid, integer, timestamptz, uuid, integer),
  exported_records(uuid, integer, record_type[], timestamptz, uuid, integer),
  exported_files(uuid, integer, timestamptz, uuid, integer)
  to caretrail_jobs;

-- The amendments that travel with the entries of the package. The patient's id stands for their profile.
create function exported_amendments(p_export uuid, p_attempt integer) returns table (entry uuid, amendment jsonb)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  its constant exports := export_in_work(p_export, p_attempt);
begin
  return query
    select coalesce(t.record_id, t.file_id, its.patient_id), t.amendment || jsonb_build_object(
      'decided_on', clinic_day((t.amendment ->> 'decided_at')::timestamptz),
      'disagreed_on', clinic_day((t.amendment ->> 'disagreed_at')::timestamptz),
      'rebutted_on', clinic_day((t.amendment ->> 'rebutted_at')::timestamptz)
    )
    from amendments_in_travel(its.patient_id) as t
    left join file_metadata f on f.id = t.file_id
    where not is_excluded(its, coalesce(t.record_id, f.record_id));
end
$$;

-- What the package says about itself and the clinic, and what was left out.
create function exported_about(p_export uuid, p_attempt integer)
returns table (
  patient_id uuid, recipient_name text, exclusions jsonb, time_zone text,
  clinic_name text, clinic_phone text, clinic_email text, clinic_website text, clinic_address text
)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  its constant exports := export_in_work(p_export, p_attempt);
begin
  return query
    select its.patient_id, its.recipient_name, export_exclusions_of(its), s.time_zone,
      s.clinic_name, s.clinic_phone, s.clinic_email, s.clinic_website, s.clinic_address
    from settings s;
end
$$;

grant execute on function exported_about(uuid, integer), exported_amendments(uuid, integer) to caretrail_jobs;

-- Keeps the lease while an attempt goes on, and says how far it is. Errors: as for `export_in_work`.
create function note_export_progress(p_export uuid, p_attempt integer, p_done integer) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform export_in_work(p_export, p_attempt);
  update exports e set entries_done = p_done, lease_until = now() + interval '15 minutes' where e.id = p_export;
end
$$;

-- Lets another attempt begin, later after each failure.
create function release_export(p_export uuid, p_attempt integer) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform require_exporter();
  update exports e set lease_until = now() + make_interval(mins => least(p_attempt, 60))
  where e.id = p_export and e.status = 'BUILDING' and e.attempts = p_attempt;
end
$$;

-- Ends the request with its package. Errors: as for `export_in_work`.
create function finish_export(p_export uuid, p_attempt integer, p_contents jsonb, p_size bigint, p_sha256 bytea) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform export_in_work(p_export, p_attempt);
  update exports e set contents = p_contents, package_size = p_size, package_sha256 = p_sha256, entries_done = e.entries_total
  where e.id = p_export;
end
$$;

grant execute on function
  note_export_progress(uuid, integer, integer), release_export(uuid, integer), finish_export(uuid, integer, jsonb, bigint, bytea)
  to caretrail_jobs;

-- For `describe_attempt`.
create function target_export(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select e.patient_id from exports e where e.id = target;
end
$$;

call classify(
  'exports', 'The requests of patients for access to their data, and their packages',
  'As long as the patient, and at least six years (45 CFR 164.530(j))',
  ephi => '{id, patient_id, attached_to, received_on, due_on, extension_reason, recipient_name, recipient_address,
    directive_signed_on, denial_ground, denial_basis, review_outcome, review_basis, contents, package_size, package_sha256}',
  identifying => '{requested_by, extended_by, denied_by, review_requested_by, reviewed_by}'
);
call classify(
  'export_exclusions', 'The entries that are left out of a package, with the ground',
  'As long as the entry',
  ephi => '{export_id, record_id, patient_id, ground, basis}',
  identifying => '{decided_by}'
);
