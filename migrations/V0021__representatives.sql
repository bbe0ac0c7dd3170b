-- Who represents which patient, on what basis, how far and until when (45 CFR 164.502(g)). The reach OWN covers these
-- patients, too: see `represents`. V0037__representation.sql says who links, confirms and ends.

create type representative_basis as enum ('PARENT', 'GUARDIAN', 'HEALTH_CARE_PROXY', 'EXECUTOR');
-- READ covers what the patient would read. ALL also covers what they would do, such as booking a visit.
create type representative_scope as enum ('ALL', 'READ');

create table representatives (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references user_profiles (id),
  patient_id uuid not null references patients (id),
  basis representative_basis not null,
  scope representative_scope not null default 'ALL',
  since timestamptz not null default now(),
  -- Null if it has no end yet.
  until timestamptz,
  -- What was seen as evidence, in words.
  evidence text not null constraint representatives_evidence_length check (length(evidence) between 1 and 1000),
  created_at timestamptz not null default now(),
  -- Null if a migration or an operator wrote it.
  created_by uuid default actor_user() references user_profiles (id),
  -- Null until another person than the one who wrote it has confirmed it. Until then it gives no right.
  confirmed_at timestamptz,
  confirmed_by uuid references user_profiles (id),
  -- When it was ended before its time. `ended_by` is null if an operator or a rule ended it.
  ended_at timestamptz,
  ended_by uuid references user_profiles (id),
  end_reason text constraint representatives_end_reason_length check (length(end_reason) between 1 and 1000),
  -- Until when it acts as things are: until the first of `until`, `ended_at` and, for a minor, their majority. A trigger
  -- computes it.
  acts_until timestamptz not null default 'infinity',
  constraint representatives_period check (until > since),
  constraint representatives_not_oneself check (created_by is distinct from user_id and confirmed_by is distinct from user_id),
  constraint representatives_confirmed_by_another check (confirmed_by <> created_by),
  constraint representatives_ended check ((ended_at is null) = (end_reason is null) and (ended_at is not null or ended_by is null))
);

-- A user represents a patient on one basis at a time. `represents` asks it, too.
create unique index representatives_once on representatives (user_id, patient_id) where ended_at is null;
create index representatives_page_idx on representatives (created_at desc, id desc);
create index representatives_unconfirmed_idx on representatives (created_at desc, id desc)
  where confirmed_at is null and ended_at is null;
create index representatives_patient_idx on representatives (patient_id, created_at desc, id desc);
create index representatives_user_idx on representatives (user_id, created_at desc, id desc);
create index representatives_created_by_idx on representatives (created_by) where created_by is not null;
create index representatives_confirmed_by_idx on representatives (confirmed_by) where confirmed_by is not null;
create index representatives_ended_by_idx on representatives (ended_by) where ended_by is not null;

call secure('representatives');
call guard_deletions('representatives', 'patient_id');

-- The relation that the audit row of these patients must say. `begin_request` seals a relation before it is known
-- whom the request concerns. So a sealed SELF is REPRESENTATION if the row names a patient who isn't the actor. It is
-- null if the actor neither is nor represents one of them: the actor asked for that patient in vain. A sealed CARE is
-- EMERGENCY if the row names patients, and the actor reaches all of them only in an emergency.
create function relation_to(patients uuid[]) returns text
language plpgsql stable as $$
declare
  sealed constant text := nullif(current_setting('caretrail.relation', true), '');
  named constant uuid[] := array_remove(patients, null);
  others uuid[];
begin
  if sealed = 'CARE' and named <> '{}' and named <@ emergency_patients() then
    return 'EMERGENCY';
  end if;
  if sealed is distinct from 'SELF' or named <@ array[actor_patient()] then
    return sealed;
  end if;
  -- An archived patient reaches no chart, but their account still names them.
  others := array(
    select other.id from unnest(named) as other (id)
    where not exists (select from patients p where p.id = other.id and p.user_id = actor_user())
  );
  return case
    when others = '{}' then 'SELF'
    when not exists (select from unnest(others) as other (id) where not represents(other.id)) then 'REPRESENTATION'
  end;
end
$$;
