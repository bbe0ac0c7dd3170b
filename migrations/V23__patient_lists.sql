-- What kept lists of patients from their indexes: a subquery in a policy, which the planner answers
-- by reading all patients once, and a comparison that might leak, which waits behind the policy.

-- Whether the person is a patient within reach.
create function reaches_person(person uuid) returns boolean
language plpgsql stable security definer parallel safe set search_path = pg_catalog, public as $$
begin
  return exists (select from patients p where p.user_id = person and reaches('patients:read', p.id));
end
$$;

drop policy user_profiles_read on user_profiles;
create policy user_profiles_read on user_profiles for select to caretrail_app
  using (
    id = (select actor_user())
    or (select reach('users:read')) = 'ALL'
    or (role = 'PROVIDER' and (select reach('providers:read')) = 'ALL')
    or (role = 'PATIENT' and reaches_person(id))
  );

-- The patients assigned to a provider: ids, whose rows still pass the policies.
create function patients_assigned_to(provider uuid) returns setof uuid
language plpgsql stable security definer parallel safe rows 200 set search_path = pg_catalog, public as $$
begin
  return query select id from patients where assigned_providers @> array[provider];
end
$$;

grant execute on function reaches_person(uuid), patients_assigned_to(uuid) to caretrail_app;
