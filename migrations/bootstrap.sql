-- The roles of the whole cluster, and the owner of the schema. `migrate` runs this before the migrations
-- if its role may create roles, which the first run needs. It can be repeated.
do $$
declare
  name text;
begin
  foreach name in array array[
    'caretrail_owner',     -- owns every object; it has no login
    'caretrail_migrator',  -- deploys: a member of the owner
    'caretrail_app',       -- the functions: no DDL, and only INSERT and SELECT on the audit log
    'caretrail_sealer',    -- seals and archives the audit log
    'caretrail_auditor'    -- tools of compliance officers: reads the audit log
  ] loop
    if not exists (select from pg_roles where rolname = name) then
      execute format('create role %I nologin nobypassrls', name);
    end if;
  end loop;
end
$$;

do $$
begin
  if not pg_has_role('caretrail_migrator', 'caretrail_owner', 'member') then
    grant caretrail_owner to caretrail_migrator;
  end if;
  if not pg_has_role(current_user, 'caretrail_owner', 'member') then
    execute format('grant caretrail_owner to %I', current_user);
  end if;
end
$$;

-- The role holds the timeouts, because a transaction pooler refuses start-up options.
alter role caretrail_app set statement_timeout = '10s';
alter role caretrail_app set lock_timeout = '5s';
alter role caretrail_app set idle_in_transaction_session_timeout = '15s';
alter role caretrail_app set timezone = 'UTC';

create extension if not exists btree_gist;

do $$
begin
  execute format('revoke create, temporary on database %I from public', current_database());
  execute format('grant create, connect on database %I to caretrail_owner', current_database());
  execute format(
    'grant connect on database %I to caretrail_migrator, caretrail_app, caretrail_sealer, caretrail_auditor',
    current_database()
  );
end
$$;
revoke create on schema public from public;
grant usage, create on schema public to caretrail_owner;
grant usage on schema public to caretrail_app, caretrail_sealer, caretrail_auditor;
