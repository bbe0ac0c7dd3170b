-- Roles and permissions are data: a new role is an INSERT. The API can grant only permissions and
-- reaches that a migration granted to some role for people.

create type permission_reach as enum ('OWN', 'CARE', 'SOURCE', 'ALL');

create table roles (
  name text primary key constraint roles_name_format check (name ~ '^[A-Z][A-Z_]{1,49}$'),
  description text not null constraint roles_description_length check (length(description) between 1 and 500),
  version integer not null default 1,
  -- Whether only a migration changes the role.
  is_fixed boolean not null default false
);

call secure('roles');
create policy roles_read on roles for select to caretrail_app using (true);
grant select on roles to caretrail_app;

-- Every permission that a migration granted, and how far a role for people may hold it.
-- `check_grant` fills it.
create table permissions (
  name text primary key,
  -- Empty if the API can't grant the permission.
  reaches permission_reach[] not null
);

call secure('permissions');
create policy permissions_read on permissions for select to caretrail_app using (true);
grant select on permissions to caretrail_app;

create table role_permissions (
  role text not null references roles (name),
  permission text not null
    constraint role_permissions_permission_format check (permission ~ '^[a-z-]+:[a-z-]+$')
    constraint role_permissions_known references permissions (name),
  reach permission_reach not null,
  primary key (role, permission)
);

create index role_permissions_permission_idx on role_permissions (permission);

call secure('role_permissions');
create policy role_permissions_read on role_permissions for select to caretrail_app using (true);
grant select on role_permissions to caretrail_app;

-- A grant of a migration makes the permission and its reach known. `put_role` grants only what is known.
create function check_grant() returns trigger
language plpgsql as $$
begin
  if by_migration() then
    insert into permissions (name, reaches)
    values (new.permission, case when new.role = 'SYSTEM' then '{}' else array[new.reach] end)
    on conflict (name) do update set reaches = array(
      select distinct unnest(permissions.reaches || excluded.reaches) as reach order by reach
    );
  elsif exists (
    select from permissions where name = new.permission and not new.reach = any (reaches)
  ) then
    raise exception 'no role can hold % with this reach', new.permission
      using errcode = 'check_violation', constraint = 'role_permissions_reach';
  end if;
  return new;
end
$$;

create trigger check_grant before insert or update on role_permissions
for each row execute function check_grant();

-- The permissions of each role in one row, so that a request reads one row and not one a permission.
create table role_reach (
  role text primary key references roles (name),
  permissions jsonb not null,
  -- Whether the role reaches other people's data. Everybody may read the directory of providers.
  needs_second_factor boolean not null
);

call secure('role_reach');

create function derive_role_reach() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  changed constant text := case tg_op when 'DELETE' then old.role else new.role end;
begin
  delete from role_reach where role = changed;
  insert into role_reach
  select role, jsonb_object_agg(permission, reach),
    bool_or(reach <> 'OWN' and permission <> 'providers:read')
  from role_permissions where role = changed
  group by role;
  return null;
end
$$;

create trigger derive_role_reach after insert or update or delete on role_permissions
for each row execute function derive_role_reach();

insert into roles (name, is_fixed, description) values
  ('PATIENT', true, 'A patient reaches their own chart and the charts of the people whom they represent.'),
  ('PROVIDER', true, 'A clinician reaches the patients in their care.'),
  ('NURSE', true, 'A member of the care team without a licence of their own reaches the patients in their care.'),
  ('FRONT_DESK', true, 'The front desk registers all patients and keeps the calendar. It reaches no clinical content.'),
  ('ADMIN', true, 'An administrator manages accounts and operations. They reach no clinical content.'),
  ('COMPLIANCE_OFFICER', true, 'A compliance officer reads the audit log and works on alerts and incidents. They reach no clinical content.'),
  ('IMPORTER', true, 'An importer brings in the data of one source system for a limited time. They reach nothing else.'),
  ('SYSTEM', true, 'Functions that a schedule or an event starts act as SYSTEM. It is never a person.');

insert into role_permissions (role, permission, reach) values
  ('PATIENT', 'users:read', 'OWN'),
  ('PATIENT', 'users:update', 'OWN'),
  ('PATIENT', 'patients:read', 'OWN'),
  ('PATIENT', 'patients:clinical', 'OWN'),
  ('PATIENT', 'providers:read', 'ALL'),
  ('PATIENT', 'appointments:read', 'OWN'),
  ('PATIENT', 'appointments:write', 'OWN'),
  ('PATIENT', 'appointments:rate', 'OWN'),
  ('PATIENT', 'records:read', 'OWN'),
  ('PATIENT', 'files:read', 'OWN'),
  ('PATIENT', 'files:write', 'OWN'),
  ('PATIENT', 'care:read', 'OWN'),
  ('PATIENT', 'emergency-access:read', 'OWN'),
  ('PATIENT', 'exports:request', 'OWN'),
  ('PATIENT', 'exports:read', 'OWN'),
  ('PATIENT', 'exports:download', 'OWN'),
  ('PROVIDER', 'users:read', 'OWN'),
  ('PROVIDER', 'users:update', 'OWN'),
  ('PROVIDER', 'patients:read', 'CARE'),
  ('PROVIDER', 'patients:update', 'CARE'),
  ('PROVIDER', 'patients:clinical', 'CARE'),
  ('PROVIDER', 'providers:read', 'ALL'),
  ('PROVIDER', 'providers:update', 'OWN'),
  ('PROVIDER', 'appointments:read', 'CARE'),
  ('PROVIDER', 'appointments:write', 'CARE'),
  ('PROVIDER', 'appointments:attendance', 'CARE'),
  ('PROVIDER', 'appointments:complete', 'CARE'),
  ('PROVIDER', 'records:read', 'CARE'),
  ('PROVIDER', 'records:write', 'CARE'),
  ('PROVIDER', 'custom-data:read', 'ALL'),
  ('PROVIDER', 'files:read', 'CARE'),
  ('PROVIDER', 'files:write', 'CARE'),
  ('PROVIDER', 'care:read', 'CARE'),
  ('PROVIDER', 'care:write', 'CARE'),
  ('PROVIDER', 'emergency-access:read', 'CARE'),
  ('PROVIDER', 'emergency-access:write', 'ALL'),
  ('PROVIDER', 'emergency-access:revoke', 'OWN'),
  ('PROVIDER', 'exports:read', 'CARE'),
  ('PROVIDER', 'exports:download', 'CARE'),
  ('PROVIDER', 'exports:decide', 'CARE'),
  ('PROVIDER', 'exports:review', 'CARE'),
  ('NURSE', 'users:read', 'OWN'),
  ('NURSE', 'users:update', 'OWN'),
  ('NURSE', 'patients:read', 'CARE'),
  ('NURSE', 'patients:update', 'CARE'),
  ('NURSE', 'patients:clinical', 'CARE'),
  ('NURSE', 'providers:read', 'ALL'),
  ('NURSE', 'appointments:read', 'CARE'),
  ('NURSE', 'appointments:write', 'CARE'),
  ('NURSE', 'appointments:attendance', 'CARE'),
  ('NURSE', 'records:read', 'CARE'),
  ('NURSE', 'records:write', 'CARE'),
  ('NURSE', 'custom-data:read', 'ALL'),
  ('NURSE', 'files:read', 'CARE'),
  ('NURSE', 'files:write', 'CARE'),
  ('NURSE', 'care:read', 'CARE'),
  ('NURSE', 'emergency-access:read', 'CARE'),
  ('NURSE', 'emergency-access:write', 'ALL'),
  ('NURSE', 'emergency-access:revoke', 'OWN'),
  ('FRONT_DESK', 'users:read', 'ALL'),
  ('FRONT_DESK', 'users:list', 'ALL'),
  ('FRONT_DESK', 'users:write', 'ALL'),
  ('FRONT_DESK', 'users:update', 'ALL'),
  ('FRONT_DESK', 'patients:read', 'ALL'),
  ('FRONT_DESK', 'patients:write', 'ALL'),
  ('FRONT_DESK', 'patients:update', 'ALL'),
  ('FRONT_DESK', 'providers:read', 'ALL'),
  ('FRONT_DESK', 'appointments:read', 'ALL'),
  ('FRONT_DESK', 'appointments:write', 'ALL'),
  ('FRONT_DESK', 'appointments:attendance', 'ALL'),
  ('FRONT_DESK', 'custom-data:read', 'ALL'),
  ('FRONT_DESK', 'care:read', 'ALL'),
  ('FRONT_DESK', 'care:write', 'ALL'),
  ('FRONT_DESK', 'exports:request', 'ALL'),
  ('FRONT_DESK', 'exports:read', 'ALL'),
  ('ADMIN', 'users:read', 'ALL'),
  ('ADMIN', 'users:list', 'ALL'),
  ('ADMIN', 'users:write', 'ALL'),
  ('ADMIN', 'users:update', 'ALL'),
  ('ADMIN', 'users:approve', 'ALL'),
  ('ADMIN', 'roles:read', 'ALL'),
  ('ADMIN', 'roles:write', 'ALL'),
  ('ADMIN', 'patients:read', 'ALL'),
  ('ADMIN', 'patients:write', 'ALL'),
  ('ADMIN', 'patients:update', 'ALL'),
  ('ADMIN', 'patients:assign', 'ALL'),
  ('ADMIN', 'providers:read', 'ALL'),
  ('ADMIN', 'providers:write', 'ALL'),
  ('ADMIN', 'providers:update', 'ALL'),
  ('ADMIN', 'providers:verify', 'ALL'),
  ('ADMIN', 'appointments:read', 'ALL'),
  ('ADMIN', 'appointments:write', 'ALL'),
  ('ADMIN', 'appointments:attendance', 'ALL'),
  ('ADMIN', 'appointments:archive', 'ALL'),
  ('ADMIN', 'custom-data:read', 'ALL'),
  ('ADMIN', 'custom-data:write', 'ALL'),
  ('ADMIN', 'care:read', 'ALL'),
  ('ADMIN', 'care:write', 'ALL'),
  ('ADMIN', 'exports:request', 'ALL'),
  ('ADMIN', 'exports:read', 'ALL'),
  ('ADMIN', 'exports:extend', 'ALL'),
  ('ADMIN', 'legal-holds:read', 'ALL'),
  ('ADMIN', 'legal-holds:write', 'ALL'),
  ('ADMIN', 'retention:read', 'ALL'),
  ('ADMIN', 'retention:write', 'ALL'),
  ('ADMIN', 'events:read', 'ALL'),
  ('ADMIN', 'webhooks:read', 'ALL'),
  ('ADMIN', 'webhooks:write', 'ALL'),
  ('COMPLIANCE_OFFICER', 'users:read', 'ALL'),
  ('COMPLIANCE_OFFICER', 'users:list', 'ALL'),
  ('COMPLIANCE_OFFICER', 'users:write', 'ALL'),
  ('COMPLIANCE_OFFICER', 'users:update', 'ALL'),
  ('COMPLIANCE_OFFICER', 'roles:read', 'ALL'),
  ('COMPLIANCE_OFFICER', 'audit:read', 'ALL'),
  ('COMPLIANCE_OFFICER', 'alerts:read', 'ALL'),
  ('COMPLIANCE_OFFICER', 'alerts:write', 'ALL'),
  ('COMPLIANCE_OFFICER', 'alert-rules:write', 'ALL'),
  ('COMPLIANCE_OFFICER', 'incidents:read', 'ALL'),
  ('COMPLIANCE_OFFICER', 'incidents:write', 'ALL'),
  ('COMPLIANCE_OFFICER', 'emergency-access:read', 'ALL'),
  ('COMPLIANCE_OFFICER', 'emergency-access:revoke', 'ALL'),
  ('COMPLIANCE_OFFICER', 'emergency-access:review', 'ALL'),
  ('COMPLIANCE_OFFICER', 'activity-reviews:read', 'ALL'),
  ('COMPLIANCE_OFFICER', 'activity-reviews:write', 'ALL'),
  ('COMPLIANCE_OFFICER', 'exports:read', 'ALL'),
  ('COMPLIANCE_OFFICER', 'exports:extend', 'ALL'),
  ('IMPORTER', 'users:read', 'SOURCE'),
  ('IMPORTER', 'users:list', 'SOURCE'),
  ('IMPORTER', 'users:write', 'SOURCE'),
  ('IMPORTER', 'users:update', 'SOURCE'),
  ('IMPORTER', 'patients:read', 'SOURCE'),
  ('IMPORTER', 'patients:write', 'SOURCE'),
  ('IMPORTER', 'patients:update', 'SOURCE'),
  ('IMPORTER', 'patients:clinical', 'SOURCE'),
  ('IMPORTER', 'providers:read', 'SOURCE'),
  ('IMPORTER', 'providers:write', 'SOURCE'),
  ('IMPORTER', 'providers:update', 'SOURCE'),
  ('IMPORTER', 'appointments:read', 'SOURCE'),
  ('IMPORTER', 'appointments:write', 'SOURCE'),
  ('IMPORTER', 'appointments:attendance', 'SOURCE'),
  ('IMPORTER', 'appointments:complete', 'SOURCE'),
  ('IMPORTER', 'appointments:archive', 'SOURCE'),
  ('IMPORTER', 'records:read', 'SOURCE'),
  ('IMPORTER', 'records:write', 'SOURCE'),
  ('IMPORTER', 'external-ids:write', 'SOURCE'),
  ('SYSTEM', 'files:process', 'ALL'),
  ('SYSTEM', 'idempotency-keys:expire', 'ALL'),
  ('SYSTEM', 'audit:maintain', 'ALL'),
  ('SYSTEM', 'audit:archive', 'ALL'),
  ('SYSTEM', 'retention:apply', 'ALL'),
  ('SYSTEM', 'events:publish', 'ALL'),
  ('SYSTEM', 'appointments:remind', 'ALL'),
  ('SYSTEM', 'webhooks:deliver', 'ALL'),
  ('SYSTEM', 'access:review', 'ALL'),
  ('SYSTEM', 'exports:build', 'ALL');

-- Only ADMIN changes roles and approves accounts. The API can't pass that on.
update permissions set reaches = '{}' where name in ('roles:write', 'users:approve');

-- An importer has a source system and a time limit: see `check_importer`. No role of the API's has them.
update permissions set reaches = array_remove(reaches, 'SOURCE');

-- Whether the role reaches the rows of a source system.
create function role_imports(its_role text) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return exists (select from role_permissions where role = its_role and reach = 'SOURCE');
end
$$;

-- Whether the role holds a permission that the actor doesn't hold, or not as far. The reach SOURCE contains no other
-- reach and is never passed on.
create function role_reaches_beyond_actor(its_role text) returns boolean
language plpgsql stable set search_path = pg_catalog, public as $$
begin
  return exists (
    select from role_permissions p
    where p.role = its_role
      and (
        reach(p.permission) is null or reach(p.permission) = 'SOURCE'
        or p.reach > reach(p.permission)::permission_reach
      )
  );
end
$$;

-- Creates the role if `p_version` is null, or replaces what the role of that version holds. The roles of
-- migrations are fixed: whoever could widen the role of others would reach charts through them. Nobody gives
-- or takes a permission that they don't hold as far themselves.
-- Errors: CT003 no right to change roles, CT009 beyond the caller's own permissions, roles_fixed,
-- roles_name_format, role_permissions_known, role_permissions_reach; a serialization failure if the role has
-- another version by now.
create function put_role(p_name text, p_description text, p_permissions jsonb, p_version integer)
returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  former boolean;
begin
  perform require_actor();
  if reach('roles:write') is distinct from 'ALL' then
    raise exception 'the caller may not change roles' using errcode = 'insufficient_privilege';
  end if;
  if exists (select from roles where name = p_name and is_fixed) then
    raise exception 'this role is fixed' using errcode = 'check_violation', constraint = 'roles_fixed';
  end if;
  former := role_reaches_beyond_actor(p_name);
  insert into roles (name, description) values (p_name, p_description)
  on conflict (name) do update
  set description = excluded.description, version = roles.version + 1
  where roles.version = p_version;
  if not found then
    raise exception 'the role has another version' using errcode = 'serialization_failure';
  end if;
  delete from role_permissions where role = p_name and not p_permissions ? permission;
  insert into role_permissions (role, permission, reach)
  select p_name, key, value::permission_reach from jsonb_each_text(p_permissions)
  on conflict (role, permission) do update set reach = excluded.reach;
  if former or role_reaches_beyond_actor(p_name) then
    raise exception 'the role reaches further than the caller' using errcode = 'CT009';
  end if;
end
$$;

grant execute on function put_role(text, text, jsonb, integer) to caretrail_app;
