-- Roles have versions too: of two administrators who change one, the second learns of the first.

alter table roles add column version integer not null default 1;

-- Makes the role, where `p_standing` is null, or replaces what it holds at that version. ADMIN and
-- SYSTEM are a migration's: an administrator who could widen her own role would reach every chart.
-- Errors: roles_fixed, roles_name_format, role_permissions_known, role_permissions_reach; a
-- serialization failure where another version stands by now. The one without `p_standing` stays for the
-- functions of the version before.
create function put_role(p_name text, p_description text, p_permissions jsonb, p_standing integer)
returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if reach('roles:write') is distinct from 'ALL' then
    raise exception 'not permitted' using errcode = 'insufficient_privilege';
  end if;
  if p_name in ('ADMIN', 'SYSTEM') then
    raise exception 'this role is fixed' using errcode = 'check_violation', constraint = 'roles_fixed';
  end if;
  insert into roles (name, description) values (p_name, p_description)
  on conflict (name) do update
  set description = excluded.description, version = roles.version + 1
  where roles.version = p_standing;
  if not found then
    raise exception 'changed meanwhile' using errcode = 'serialization_failure';
  end if;
  delete from role_permissions where role = p_name and not p_permissions ? permission;
  insert into role_permissions (role, permission, reach)
  select p_name, key, value::permission_reach from jsonb_each_text(p_permissions)
  on conflict (role, permission) do update set reach = excluded.reach;
end
$$;

grant execute on function put_role(text, text, jsonb, integer) to caretrail_app;
