-- Which patients the actor reaches. Policies and queries speak of reach, never of role names, so a new
-- role needs no new policy.
--
-- SECURITY DEFINER, because these functions read tables whose own policies call them. PL/pgSQL, because
-- a session keeps its plans; an SQL function is planned again in every statement.

-- Whether the patient is in the care of the acting provider: assigned to them, or with a visit that
-- was not cancelled.
create function in_care(patient uuid) returns boolean
language plpgsql stable security definer parallel safe set search_path = pg_catalog, public as $$
begin
  return exists (
      select from patients p
      where p.id = patient and p.assigned_providers @> array[actor_provider()]
    ) or exists (
      select from appointments a
      where a.provider_id = actor_provider() and a.patient_id = patient and a.status <> 'CANCELLED'
    );
end
$$;

-- Whether the actor's permission reaches the patient.
create function reaches(permission text, patient uuid) returns boolean
language sql stable parallel safe
return case reach(permission)
  when 'ALL' then true
  when 'OWN' then patient = actor_patient()
  when 'CARE' then in_care(patient)
  else false
end;

-- Whether the user is a patient whom the actor reaches.
create function reaches_person(person uuid) returns boolean
language plpgsql stable security definer parallel safe set search_path = pg_catalog, public as $$
begin
  return exists (select from patients p where p.user_id = person and reaches('patients:read', p.id));
end
$$;

-- The functions below return ids for the WHERE of lists, which an index scan then serves. A test of
-- each row would read the whole table.

-- The patients in the care of the acting provider.
create function patients_in_care() returns setof uuid
language plpgsql stable security definer parallel safe rows 200 set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return query
    select id from patients where assigned_providers @> array[actor_provider()]
    union
    select patient_id from appointments where provider_id = actor_provider() and status <> 'CANCELLED';
end
$$;

-- The patients that the permission reaches, if its reach is OWN or CARE. Empty for ALL.
create function patients_within_reach(permission text) returns setof uuid
language plpgsql stable security definer parallel safe rows 200 set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  case reach(permission)
    when 'OWN' then
      return query select actor_patient() where actor_patient() is not null;
    when 'CARE' then
      return query select patients_in_care();
    else
      return;
  end case;
end
$$;

-- The patients assigned to a provider. The caller's policies still filter their rows.
create function patients_assigned_to(provider uuid) returns setof uuid
language plpgsql stable security definer parallel safe rows 200 set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  return query select id from patients where assigned_providers @> array[provider];
end
$$;

grant execute on function
  in_care(uuid), reaches(text, uuid), reaches_person(uuid), patients_in_care(),
  patients_within_reach(text), patients_assigned_to(uuid)
  to caretrail_app;
