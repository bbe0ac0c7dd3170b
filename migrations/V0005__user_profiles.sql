-- Identity common to all users. A profile and a sign-in are two things: a patient can exist before they
-- sign in, and a profile can be linked to another sign-in. The database stores no credential, session,
-- token or login history.

create extension if not exists pg_trgm;
create extension if not exists unaccent;

-- The text as searches compare it: without accents and vowel points, in small letters, in Unicode Normalization Form
-- C. Every apostrophe is `'`, and one space is between two words. So `O’Brien-Lévesque, Jr.` is
-- `o'brien levesque jr`.
--
-- The separators are listed, because the classes of a regular expression depend on the locale, and some locales take
-- the vowel signs of many scripts for punctuation. PostgreSQL calls `unaccent` stable, because its rules can be
-- edited. Here nobody edits them.
create function folded(name text) returns text
language plpgsql immutable parallel safe set search_path = pg_catalog, public as $$
declare
  letters text := normalize(translate(name, '’‘‛ʼʻʾʿʹ`´′＇՚׳ꞌ', repeat('''', 15)), nfkd);
begin
  letters := regexp_replace(
    letters,
    '[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u200c\u200d]',
    '', 'g'
  );
  letters := translate(lower(unaccent('unaccent', letters)), 'ς', 'σ');
  letters := regexp_replace(
    letters,
    '[\u0001-\u0026\u0028-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u055b-\u055f\u0589\u058a\u05be\u05c0'
    '\u05c3\u060c\u061b\u061f\u066a-\u066d\u06d4\u0964\u0965\u2000-\u2bff\u3000-\u3004\u3008-\u3020\u30fb]+',
    ' ', 'g'
  );
  return btrim(normalize(letters, nfc));
end
$$;

grant execute on function folded(text) to caretrail_app;

create type user_status as enum ('ACTIVE', 'INACTIVE', 'SUSPENDED');

create table user_profiles (
  id uuid primary key,
  -- The `sub` of the user's Supabase access tokens. Null as long as the user doesn't sign in.
  subject uuid constraint user_profiles_subject_key unique,
  -- The e-mail address with which the user signs in. Null without one.
  username text constraint user_profiles_username_format
    check (length(username) <= 254 and username ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  notification_email text constraint user_profiles_notification_email_format
    check (length(notification_email) <= 254 and notification_email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  -- A person may have only one name, which is then their given or their family name.
  first_name text constraint user_profiles_first_name_length
    check (length(first_name) between 1 and 100),
  last_name text constraint user_profiles_last_name_length
    check (length(last_name) between 1 and 100),
  -- What lists by name are sorted by: the folded family name, two spaces and the folded given name. A space sorts
  -- before every letter, so `Smith, Zoe` comes before `Smith Jones, Ann`. A person's only name takes the place of the
  -- family name. Collation "C" sorts the same everywhere. A few characters fold to many letters, which an index couldn't
  -- hold.
  sort_name text collate "C" not null generated always as (
    left(replace(folded(coalesce(last_name, first_name, '')), '''', ''), 100) || '  '
    || case when last_name is null or first_name is null then ''
      else left(replace(folded(first_name), '''', ''), 100) end
  ) stored,
  role text not null references roles (name)
    constraint user_profiles_role_personal check (role <> 'SYSTEM'),
  -- Who created the account. Null for a migration.
  made_by uuid references user_profiles (id),
  -- A sign-in that a second person has yet to approve, and who proposed it or the account's role.
  proposed_subject uuid,
  proposed_by uuid references user_profiles (id),
  -- Whether the account's role waits for a second person's approval. Until then its user can't act.
  awaits_approval boolean not null default false,
  status user_status not null default 'ACTIVE',
  -- The system that the person was imported from, and their identifier there. They make an import repeatable.
  source_system text constraint user_profiles_source_system_form check (is_identifier(source_system, 255)),
  external_id text constraint user_profiles_external_id_form check (is_identifier(external_id, 255)),
  -- Whether somebody other than an importer changed what an import writes: see `guard_import`.
  is_changed_here boolean not null default false,
  -- For an importer: the source system whose rows they import, the time at which the account ends, and whether a visit
  -- that they import is a basis of care. Null and false for all others: see `check_importer`.
  imports_from text constraint user_profiles_imports_from_form check (is_identifier(imports_from, 255)),
  access_ends_at timestamptz,
  visits_give_care boolean not null default false,
  phone text constraint user_profiles_phone_length check (length(phone) between 1 and 50),
  address jsonb constraint user_profiles_address_object check (jsonb_typeof(address) = 'object'),
  preferences jsonb constraint user_profiles_preferences_object check (jsonb_typeof(preferences) = 'object'),
  custom_data jsonb constraint user_profiles_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  custom_data_version integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint user_profiles_proposed check (
    (proposed_by is not null) = (awaits_approval or proposed_subject is not null)
  ),
  constraint user_profiles_named check (first_name is not null or last_name is not null),
  constraint user_profiles_imported check ((external_id is null) = (source_system is null)),
  constraint user_profiles_visits_give_care check (not visits_give_care or imports_from is not null),
  constraint user_profiles_archived check (is_archived = (archived_at is not null)),
  constraint user_profiles_custom_data_versioned check ((custom_data is null) = (custom_data_version is null)),
  -- The keys of patients and providers that prove the user's role point here.
  constraint user_profiles_id_role_key unique (id, role)
);

-- An account that was given up before it had a patient or provider leaves its external id: see `keep_external_id`.
create unique index user_profiles_external_id_key on user_profiles (external_id, source_system, archived_at)
  nulls not distinct where external_id is not null;
create unique index user_profiles_username_key on user_profiles (lower(username));
create index user_profiles_role_idx on user_profiles (role, id);
create index user_profiles_sort_name_idx on user_profiles (role, sort_name, id);
-- For the lists of an importer.
create index user_profiles_source_idx on user_profiles (source_system, id) where source_system is not null;
create index user_profiles_made_by_idx on user_profiles (made_by) where made_by is not null;
create index user_profiles_proposed_idx on user_profiles (proposed_by, id) where proposed_by is not null;
create index user_profiles_archived_by_idx on user_profiles (archived_by) where archived_by is not null;

call govern('user_profiles');

-- Who keeps which role: gives it, changes its accounts and takes it. Only a migration names a keeper.
-- Everybody also keeps the roles that can do no more than their own.
create table role_keepers (
  keeper text not null references roles (name),
  kept text not null references roles (name),
  primary key (keeper, kept)
);

create index role_keepers_kept_idx on role_keepers (kept);

call secure('role_keepers');
insert into role_keepers (keeper, kept) values
  ('ADMIN', 'PATIENT'),
  ('ADMIN', 'PROVIDER'),
  ('ADMIN', 'NURSE'),
  ('ADMIN', 'FRONT_DESK'),
  ('ADMIN', 'IMPORTER'),
  ('FRONT_DESK', 'PATIENT'),
  ('IMPORTER', 'PATIENT'),
  ('IMPORTER', 'PROVIDER');

-- Whether the actor keeps the role. Reveals what `GET /v1/roles` lists.
create function keeps_role(its_role text) returns boolean
language plpgsql stable security definer parallel safe set search_path = pg_catalog, public as $$
begin
  return exists (
    select from role_keepers
    where keeper = current_setting('caretrail.role', true) and kept = its_role
  ) or not role_reaches_beyond_actor(its_role);
end
$$;

grant execute on function keeps_role(text) to caretrail_app;

-- Whether the actor sees the user: themselves, everybody, those of the actor's source system, or a user together with
-- the patient or provider that the user is. One function, because each part of a policy costs work in every statement.
-- It names schemas and operators in full: see V0003__reach.sql.
create function sees_user(person uuid, its_role text, its_source text) returns boolean
language plpgsql stable security definer parallel safe as $$
declare
  far constant text := public.reach('users:read');
begin
  if coalesce(person operator(pg_catalog.=) public.actor_user(), false)
    or coalesce(far operator(pg_catalog.=) 'ALL', false)
  then
    return true;
  elsif far operator(pg_catalog.=) 'SOURCE' then
    return coalesce(its_source operator(pg_catalog.=) public.actor_source(), false);
  elsif its_role operator(pg_catalog.=) 'PATIENT' then
    return public.reaches_person(person);
  end if;
  return its_role operator(pg_catalog.=) 'PROVIDER'
    and coalesce(public.reach('providers:read') operator(pg_catalog.=) 'ALL', false);
end
$$;

grant execute on function sees_user(uuid, text, text) to caretrail_app;

create policy user_profiles_read on user_profiles for select to caretrail_app
  using (sees_user(id, role, source_system));
-- Importers make accounts without a sign-in.
create policy user_profiles_create on user_profiles for insert to caretrail_app
  with check (
    (select reach('users:write')) = 'ALL'
    or (
      (select reach('users:write')) = 'SOURCE' and source_system = (select actor_source())
      and subject is null and username is null
    )
  );
create policy user_profiles_update on user_profiles for update to caretrail_app
  using (
    (
      'ALL' in ((select reach('users:write')), (select reach('users:update')))
      and (id = (select actor_user()) or keeps_role(role))
    )
    or (id = (select actor_user()) and (select reach('users:update')) = 'OWN')
    or (source_system = (select actor_source()) and (select reach('users:update')) = 'SOURCE')
  )
  -- A trigger checks the new role: V0019__account_keepers.sql.
  with check (
    'ALL' in ((select reach('users:write')), (select reach('users:update')))
    or (id = (select actor_user()) and (select reach('users:update')) = 'OWN')
    or (source_system = (select actor_source()) and (select reach('users:update')) = 'SOURCE')
  );
-- Functions can't write who made or proposed what, and approve nothing by a write. Where a row came from, and whose
-- rows an importer imports, never changes.
grant select on user_profiles to caretrail_app;
grant insert (
  id, subject, username, notification_email, first_name, last_name, role, source_system, external_id,
  imports_from, access_ends_at, visits_give_care, phone, address, preferences, custom_data, custom_data_version
) on user_profiles to caretrail_app;
grant update (
  subject, username, notification_email, first_name, last_name, role, status, access_ends_at, visits_give_care,
  phone, address, preferences, custom_data, custom_data_version, is_archived, archived_at, archived_by
) on user_profiles to caretrail_app;

-- A policy decides about rows, this trigger about columns. Users change only how they are reached. Importers change
-- no sign-in, role, status or account of an importer.
-- Nobody changes their own role, status or archiving, so one administrator always remains.
create function guard_user() returns trigger
language plpgsql as $$
begin
  if not by_migration()
    and reach('users:write') is distinct from 'ALL' and reach('users:update') is distinct from 'ALL'
    and (
      (new.id, new.subject, new.username, new.role, new.status, new.custom_data, new.access_ends_at,
        new.visits_give_care)
        is distinct from
        (old.id, old.subject, old.username, old.role, old.status, old.custom_data, old.access_ends_at,
          old.visits_give_care)
      or (
        (new.first_name, new.last_name, new.is_archived) is distinct from (old.first_name, old.last_name, old.is_archived)
        and reach('users:update') is distinct from 'SOURCE'
      )
    )
  then
    raise exception 'only an administrator can change this field' using errcode = 'insufficient_privilege';
  end if;
  if new.id = actor_user()
    and (new.role, new.status, new.is_archived) is distinct from (old.role, old.status, old.is_archived)
  then
    raise exception 'users can''t change their own role, status or archiving'
      using errcode = 'check_violation', constraint = 'user_profiles_not_oneself';
  end if;
  return new;
end
$$;

create trigger guard_user before update on user_profiles
for each row execute function guard_user();

-- An actor who changes a user's sign-in, role, status or archiving must keep their own rights until the
-- transaction ends. If two administrators suspend each other at once, one of them is refused.
create function hold_standing() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  -- The lock keeps the actor's row from changing before this transaction ends. SECURITY DEFINER, because it needs the
  -- right to change the row, and importers don't change their own.
  perform from user_profiles u
  where u.id = actor_user() and u.status = 'ACTIVE' and not u.is_archived
    and exists (
      select from role_permissions p
      where p.role = u.role and p.permission in ('users:update', 'users:write') and p.reach in ('SOURCE', 'ALL')
    )
  for share of u;
  if not found then
    raise exception 'the caller''s own account changed' using errcode = 'CT003';
  end if;
  return new;
end
$$;

create trigger hold_standing before update of subject, role, status, is_archived on user_profiles
for each row when (
  not by_migration()
  and (new.subject, new.role, new.status, new.is_archived)
    is distinct from (old.subject, old.role, old.status, old.is_archived)
) execute function hold_standing();

-- A caller who could choose any external id could learn which ones exist, and could take one before the import
-- does. So importers have a permission for it, and set those of their own source system.
create function check_import() returns trigger
language plpgsql as $$
begin
  if not by_migration() and (
    reach('external-ids:write') is null
    or (reach('external-ids:write') <> 'ALL' and new.source_system is distinct from actor_source())
  ) then
    raise exception 'the caller may not set this external id'
      using errcode = 'check_violation', constraint = 'external_id_needs_permission';
  end if;
  return new;
end
$$;

create trigger check_import before insert on user_profiles
for each row when (new.external_id is not null) execute function check_import();

-- Lets an import correct only what nobody else has changed since. Whoever else changes a column that an import writes
-- keeps the row from the import for good. The arguments name the columns that an import doesn't write.
-- Errors: CT014 somebody else has changed the row.
create function guard_import() returns trigger
language plpgsql as $$
declare
  others constant text[] := tg_argv[0]::text[] || array[
    'is_changed_here', 'custom_data', 'custom_data_version', 'created_at', 'updated_at', 'archived_at', 'archived_by',
    'version'
  ];
begin
  if to_jsonb(new) - others = to_jsonb(old) - others then
    new.is_changed_here := old.is_changed_here;
  elsif actor_source() is null then
    new.is_changed_here := true;
  elsif old.is_changed_here then
    raise exception 'the row was changed since its import' using errcode = 'CT014';
  end if;
  return new;
end
$$;

-- Generated columns have no value yet when the trigger runs.
create trigger guard_import before update on user_profiles
for each row when (new.source_system is not null) execute function guard_import(
  '{sort_name,role,subject,username,made_by,proposed_subject,proposed_by,awaits_approval,status}'
);

-- Where a patient or provider came from: where their account came from.
create function follow_source() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  new.source_system := case tg_op
    when 'UPDATE' then old.source_system
    else (select u.source_system from user_profiles u where u.id = new.user_id)
  end;
  return new;
end
$$;

-- An account has a source system to import from, and an end, if and only if its role imports. The end is at most 30
-- days away. An importer's account can't get another role, nor another account the role of one.
create function check_importer() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if role_imports(new.role) <> (new.imports_from is not null) or role_imports(new.role) <> (new.access_ends_at is not null) then
    raise exception 'an importer has a source system and an end'
      using errcode = 'check_violation', constraint = 'user_profiles_importer';
  end if;
  if (tg_op = 'INSERT' and new.access_ends_at <= now())
    or (new.access_ends_at > now() + interval '30 days' and (tg_op = 'INSERT' or new.access_ends_at > old.access_ends_at))
  then
    raise exception 'an importer''s account ends within 30 days'
      using errcode = 'check_violation', constraint = 'user_profiles_access_ends_at_range';
  end if;
  return new;
end
$$;

create trigger check_importer before insert or update of role, imports_from, access_ends_at on user_profiles
for each row execute function check_importer();

-- For `describe_attempt`: one row if the user exists, with their patient id or null.
create function target_user(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query
    select p.id from user_profiles u left join patients p on p.user_id = u.id where u.id = target;
end
$$;
