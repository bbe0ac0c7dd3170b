-- The roles of the whole cluster, and the owner of the schema. `migrate` runs this before the migrations
-- if its role may create roles, which the first run needs. It can be repeated.
do $$
declare
  name text;
begin
  foreach name in array array[
    'caretrail_owner',     -- owns every object; it has no login
    'caretrail_migrator',  -- deploys: a member of the owner
    'caretrail_app',       -- what the functions may do: no DDL, and nothing without a proven actor
    'caretrail_people',    -- login of the functions that people call: a member of caretrail_app
    'caretrail_jobs',      -- login of the functions that events and schedules start: a member too
    'caretrail_health',    -- login of the health check: connects and reads nothing
    'caretrail_sealer',    -- login of the function that seals the audit log
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

do $$
declare
  login text;
begin
  foreach login in array array['caretrail_people', 'caretrail_jobs', 'caretrail_health', 'caretrail_sealer'] loop
    if login in ('caretrail_people', 'caretrail_jobs') and not pg_has_role(login, 'caretrail_app', 'member') then
      execute format('grant caretrail_app to %I', login);
    end if;
    -- The login holds the timeouts, because a transaction pooler refuses start-up options.
    execute format('alter role %I set statement_timeout = %L', login, '10s');
    execute format('alter role %I set lock_timeout = %L', login, '5s');
    execute format('alter role %I set idle_in_transaction_session_timeout = %L', login, '15s');
    execute format('alter role %I set timezone = %L', login, 'UTC');
  end loop;
end
$$;

create extension if not exists btree_gist;
-- For HMAC and random keys.
create extension if not exists pgcrypto;

do $$
begin
  execute format('revoke create, temporary on database %I from public', current_database());
  execute format('grant create, connect on database %I to caretrail_owner', current_database());
  execute format(
    'grant connect on database %I to caretrail_migrator, caretrail_app, caretrail_health, caretrail_sealer, '
    'caretrail_auditor',
    current_database()
  );
end
$$;
revoke create on schema public from public;
grant usage, create on schema public to caretrail_owner;
grant usage on schema public to caretrail_app, caretrail_sealer, caretrail_auditor;
