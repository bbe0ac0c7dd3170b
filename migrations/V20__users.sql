-- Keeping accounts: who lists and changes them, and what nobody does to herself.

insert into role_permissions (role, permission, reach) values
  ('ADMIN', 'users:list', 'ALL'),
  ('ADMIN', 'users:update', 'ALL'),
  ('PATIENT', 'users:update', 'OWN'),
  ('PROVIDER', 'users:update', 'OWN'),
  ('COMPLIANCE_OFFICER', 'users:update', 'OWN');

-- A page of one role's accounts begins anywhere at the same cost.
drop index user_profiles_role_idx;
create index user_profiles_role_idx on user_profiles (role, id);

drop policy user_profiles_update on user_profiles;
create policy user_profiles_update on user_profiles for update to caretrail_app
  using (
    (select reach('users:write')) = 'ALL'
    or (select reach('users:update')) = 'ALL'
    or (id = (select actor_user()) and (select reach('users:update')) = 'OWN')
  )
  with check (
    (select reach('users:write')) = 'ALL'
    or (select reach('users:update')) = 'ALL'
    or (id = (select actor_user()) and (select reach('users:update')) = 'OWN')
  );

-- A policy knows rows, not columns: who changes her own profile changes how she is reached. Nobody
-- changes her own role, status or archiving, so one administrator is always left.
create function guard_user() returns trigger
language plpgsql as $$
begin
  if actor_user() is not null
    and reach('users:write') is distinct from 'ALL' and reach('users:update') is distinct from 'ALL'
    and (new.id, new.username, new.first_name, new.last_name, new.role, new.status, new.custom_data, new.is_archived)
      is distinct from
      (old.id, old.username, old.first_name, old.last_name, old.role, old.status, old.custom_data, old.is_archived)
  then
    raise exception 'only an administrator changes this' using errcode = 'insufficient_privilege';
  end if;
  if new.id = actor_user()
    and (new.role, new.status, new.is_archived) is distinct from (old.role, old.status, old.is_archived)
  then
    raise exception 'nobody changes her own standing'
      using errcode = 'check_violation', constraint = 'user_profiles_not_oneself';
  end if;
  return new;
end
$$;

create trigger guard_user before update on user_profiles
for each row execute function guard_user();
