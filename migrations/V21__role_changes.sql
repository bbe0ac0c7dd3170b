-- Roles are changed over the API, within what a migration ever granted.

-- Every permission that a migration granted, and how far a role for people may hold it. Reaches
-- are never widened over the API: what no migration gave, nobody can give.
create table permissions (
  name text primary key,
  -- Empty where no request grants it.
  reaches permission_reach[] not null
);
call secure('permissions');
create policy permissions_read on permissions for select to caretrail_app using (true);
grant select on permissions to caretrail_app;

insert into permissions (name, reaches)
select permission, coalesce(array_agg(distinct reach) filter (where role <> 'SYSTEM'), '{}')
from role_permissions group by permission;

create index role_permissions_permission_idx on role_permissions (permission);
alter table role_permissions
  add constraint role_permissions_known foreign key (permission) references permissions (name);

-- Without an actor this is a migration, and makes known what it grants. With one, it is put_role.
create function check_grant() returns trigger
language plpgsql as $$
begin
  if actor_user() is null then
    insert into permissions (name, reaches)
    values (new.permission, case when new.role = 'SYSTEM' then '{}' else array[new.reach] end)
    on conflict (name) do update set reaches = array(
      select distinct unnest(permissions.reaches || excluded.reaches) as reach order by reach
    );
  elsif exists (
    select from permissions where name = new.permission and not new.reach = any (reaches)
  ) then
    raise exception 'no role may hold % so far', new.permission
      using errcode = 'check_violation', constraint = 'role_permissions_reach';
  end if;
  return new;
end
$$;

create trigger check_grant before insert or update on role_permissions
for each row execute function check_grant();

insert into role_permissions (role, permission, reach) values
  ('ADMIN', 'roles:read', 'ALL'),
  ('ADMIN', 'roles:write', 'ALL'),
  ('COMPLIANCE_OFFICER', 'roles:read', 'ALL');

-- Who changes roles is ADMIN, and stays so.
update permissions set reaches = '{}' where name = 'roles:write';

-- Makes the role or replaces what it holds. ADMIN and SYSTEM are a migration's: an administrator
-- who could widen her own role would reach every chart.
-- Errors: roles_fixed, roles_name_format, role_permissions_known, role_permissions_reach.
create function put_role(p_name text, p_description text, p_permissions jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if reach('roles:write') is distinct from 'ALL' then
    raise exception 'not permitted' using errcode = 'insufficient_privilege';
  end if;
  if p_name in ('ADMIN', 'SYSTEM') then
    raise exception 'this role is fixed' using errcode = 'check_violation', constraint = 'roles_fixed';
  end if;
  insert into roles (name, description) values (p_name, p_description)
  on conflict (name) do update set description = excluded.description;
  delete from role_permissions where role = p_name and not p_permissions ? permission;
  insert into role_permissions (role, permission, reach)
  select p_name, key, value::permission_reach from jsonb_each_text(p_permissions)
  on conflict (role, permission) do update set reach = excluded.reach;
end
$$;

grant execute on function put_role(text, text, jsonb) to caretrail_app;
