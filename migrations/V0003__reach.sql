-- Which patients the actor reaches. Policies and queries speak of reach, never of role names, so a new
-- role needs no new policy.
--
-- SECURITY DEFINER, because these functions read tables whose own policies call them. PL/pgSQL, because
-- a session keeps its plans; an SQL function is planned again in every statement. Policies call those above
-- `care_page` for each row, so these name schemas and operators in full instead of setting a search path, which
-- costs more than the rest of the call.

-- Whether the patient is in the care of the actor: `care_relations` has a relation that is not suspended
-- and has not ended.
create function in_care(patient uuid) returns boolean
language plpgsql stable security definer parallel safe as $$
begin
  return exists (
    select from public.care_relations c
    where c.member_id operator(pg_catalog.=) public.actor_user()
      and c.patient_id operator(pg_catalog.=) patient
      and c.until operator(pg_catalog.>) pg_catalog.now() and not c.is_suspended
  );
end
$$;

-- Whether the actor has emergency access to the patient and doesn't have them in care. `begin_request` finds it out once
-- for the whole transaction.
create function in_emergency(patient uuid) returns boolean
language sql stable parallel safe
return coalesce(patient = any (emergency_patients()), false);

-- Whether the actor represents the patient now. Callers compare with the actor's own patient first, so that a
-- caller who represents nobody seldom reads the table. A representative reaches no more than the patient would:
-- nothing once the patient is archived. A representation that nobody has confirmed doesn't count.
create function represents(patient uuid) returns boolean
language plpgsql stable security definer parallel safe as $$
begin
  return exists (
    select from public.representatives r
    join public.patients p on p.id operator(pg_catalog.=) r.patient_id
    where r.user_id operator(pg_catalog.=) public.actor_user()
      and r.patient_id operator(pg_catalog.=) patient
      and r.ended_at is null and r.confirmed_at is not null
      and r.since operator(pg_catalog.<=) pg_catalog.now() and r.acts_until operator(pg_catalog.>) pg_catalog.now()
      and not p.is_archived
  );
end
$$;

-- Whether the actor represents the patient now, and may also act for them: the scope of the representation is ALL.
create function acts_for(patient uuid) returns boolean
language plpgsql stable security definer parallel safe as $$
begin
  return exists (
    select from public.representatives r
    join public.patients p on p.id operator(pg_catalog.=) r.patient_id
    where r.user_id operator(pg_catalog.=) public.actor_user()
      and r.patient_id operator(pg_catalog.=) patient
      and r.scope operator(pg_catalog.=) 'ALL'
      and r.ended_at is null and r.confirmed_at is not null
      and r.since operator(pg_catalog.<=) pg_catalog.now() and r.acts_until operator(pg_catalog.>) pg_catalog.now()
      and not p.is_archived
  );
end
$$;

-- Whether the actor's permission reaches the patient. Emergency access adds the patient to the reach CARE of the
-- permissions named here, which only read. Every other permission needs care. In the same way a representation with the
-- scope READ adds the patient to the reach OWN of permissions that only read.
create function reaches(permission text, patient uuid) returns boolean
language plpgsql stable security definer parallel safe as $$
declare
  far constant text := public.reach(permission);
begin
  if far operator(pg_catalog.=) 'CARE' then
    return public.in_care(patient) or (
      permission operator(pg_catalog.=) any (array[
        'patients:read', 'patients:clinical', 'appointments:read', 'records:read', 'files:read', 'care:read',
        'amendments:read'
      ])
      and public.in_emergency(patient)
    );
  elsif far operator(pg_catalog.=) 'OWN' then
    return coalesce(patient operator(pg_catalog.=) public.actor_patient(), false) or case
      when pg_catalog.right(permission, 5) operator(pg_catalog.=) ':read'
        or permission operator(pg_catalog.=) 'patients:clinical' then public.represents(patient)
      else public.acts_for(patient)
    end;
  elsif far operator(pg_catalog.=) 'SOURCE' then
    return exists (
      select from public.patients p
      where p.id operator(pg_catalog.=) patient and p.source_system operator(pg_catalog.=) public.actor_source()
    );
  end if;
  return coalesce(far operator(pg_catalog.=) 'ALL', false);
end
$$;

-- Whether the actor's permission reaches a row about the patient that came from this source system, or from none. The
-- reach SOURCE asks where the row itself came from: what was written in Caretrail about an imported patient isn't the
-- importer's.
create function reaches(permission text, patient uuid, source text) returns boolean
language plpgsql stable parallel safe as $$
begin
  if public.reach(permission) operator(pg_catalog.=) 'SOURCE' then
    return coalesce(source operator(pg_catalog.=) public.actor_source(), false);
  end if;
  return public.reaches(permission, patient);
end
$$;

-- Whether the actor adds medical records to the chart of the patient. In an emergency they write new ones and change none.
create function adds_records(patient uuid) returns boolean
language plpgsql stable parallel safe as $$
begin
  return public.reaches('records:write', patient)
    or (coalesce(public.reach('records:write') operator(pg_catalog.=) 'CARE', false) and public.in_emergency(patient));
end
$$;

-- Whether the actor's permission doesn't keep them from writing a row with this provider that came from this source
-- system. The reach SOURCE covers rows of the actor's source system alone, and only with its providers.
create function writes_from(permission text, provider uuid, source text) returns boolean
language plpgsql stable security definer parallel safe as $$
begin
  if public.reach(permission) operator(pg_catalog.=) 'SOURCE' then
    return coalesce(source operator(pg_catalog.=) public.actor_source(), false)
      and (provider is null or exists (
        select from public.providers v
        where v.id operator(pg_catalog.=) provider and v.source_system operator(pg_catalog.=) public.actor_source()
      ));
  end if;
  return true;
end
$$;

-- Whether the account came from the actor's source system.
create function is_imported_by_actor(person uuid) returns boolean
language plpgsql stable security definer parallel safe as $$
begin
  return exists (
    select from public.user_profiles u
    where u.id operator(pg_catalog.=) person and u.source_system operator(pg_catalog.=) public.actor_source()
  );
end
$$;

-- Whether the user is a patient whom the actor reaches.
create function reaches_person(person uuid) returns boolean
language plpgsql stable security definer parallel safe as $$
declare
  patient uuid;
begin
  select p.id into patient from public.patients p where p.user_id operator(pg_catalog.=) person;
  return patient is not null and public.reaches('patients:read', patient);
end
$$;

-- The functions below return ids for the WHERE of lists, which an index scan then serves. A test of
-- each row would read the whole table.

-- The first `wanted` patients in the care of the actor after the id `after`, in the order of their ids: a
-- page of a list. Archived patients are left out. If `account` or `provider` is given, only the patient of
-- this account, or patients assigned to this provider, are found.
--
-- A loop, because it reads relations in the order of the page and stops at its end. In one statement
-- PostgreSQL would begin with all patients if it expects most of them to be in care.
create function care_page(after uuid, account uuid, provider uuid, wanted bigint) returns setof uuid
language plpgsql stable security definer rows 50 set search_path = pg_catalog, public as $$
declare
  patient uuid;
  former uuid := coalesce(after, '00000000-0000-0000-0000-000000000000');
  found_so_far bigint := 0;
begin
  perform require_actor();
  for patient in
    select c.patient_id from care_relations c
    where c.member_id = actor_user() and c.patient_id > former and c.until > now() and not c.is_suspended
    order by c.patient_id
  loop
    -- A patient has one relation for each basis and source.
    continue when patient = former;
    former := patient;
    if exists (
      select from patients p
      where p.id = patient and not p.is_archived
        and (account is null or p.user_id = account)
        and (provider is null or provider = any (p.assigned_providers))
    ) then
      return next patient;
      found_so_far := found_so_far + 1;
      exit when found_so_far >= wanted;
    end if;
  end loop;
end
$$;

-- The other patients whom the actor represents now.
create function represented_patients() returns setof uuid
language plpgsql stable security definer parallel restricted rows 2 set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return query
    select distinct r.patient_id from representatives r
    where r.user_id = actor_user() and r.patient_id is distinct from actor_patient() and represents(r.patient_id);
end
$$;

-- The patients assigned to a provider. The caller's policies still filter their rows.
create function patients_assigned_to(provider uuid) returns setof uuid
language plpgsql stable security definer parallel restricted rows 200 set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return query select id from patients where assigned_providers @> array[provider];
end
$$;

grant execute on function
  in_care(uuid), in_emergency(uuid), represents(uuid), acts_for(uuid), reaches(text, uuid), reaches(text, uuid, text),
  adds_records(uuid), writes_from(text, uuid, text),
  is_imported_by_actor(uuid), reaches_person(uuid),
  care_page(uuid, uuid, uuid, bigint), represented_patients(), patients_assigned_to(uuid)
  to caretrail_app;
