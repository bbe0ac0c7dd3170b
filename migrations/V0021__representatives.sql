-- Who represents which patient, on what basis and until when (45 CFR 164.502(g)). The reach OWN covers these
-- patients, too: see `represents`. Only a migration or an operator writes this table.

create type representative_basis as enum ('PARENT', 'GUARDIAN', 'HEALTH_CARE_PROXY', 'EXECUTOR');

create table representatives (
  user_id uuid not null references user_profiles (id),
  patient_id uuid not null references patients (id),
  basis representative_basis not null,
  since timestamptz not null default now(),
  -- Null if it has no end yet.
  until timestamptz,
  created_at timestamptz not null default now(),
  -- Null if a migration or an operator wrote it.
  created_by uuid default actor_user() references user_profiles (id),
  primary key (user_id, patient_id, basis),
  constraint representatives_period check (until > since),
  constraint representatives_not_oneself check (created_by is distinct from user_id)
);

create index representatives_patient_idx on representatives (patient_id);
create index representatives_created_by_idx on representatives (created_by) where created_by is not null;

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
