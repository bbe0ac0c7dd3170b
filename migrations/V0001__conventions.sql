-- What tables share: a version for ETag and If-Match, timestamps, archiving before deletion, and row-level security
-- that also binds the owner.

-- By default PostgreSQL lets everybody execute a function. Each migration grants its own functions.
alter default privileges revoke execute on functions from public;

create function touch() returns trigger
language plpgsql as $$
begin
  new.created_at := old.created_at;
  new.updated_at := now();
  new.version := old.version + 1;
  return new;
end
$$;

-- Whether the text is in the one form in which identifiers are kept. Two that look the same must be equal, or a
-- unique key would admit both. The functions bring text into this form; this is the second wall.
create function is_identifier(identifier text, longest integer) returns boolean
language sql immutable parallel safe
return length(identifier) between 1 and longest and identifier is nfc normalized
  and identifier !~ '^\s|\s$|\s\s|[[:cntrl:]\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]';

grant execute on function is_identifier(text, integer) to caretrail_app;

-- Refuses to delete a row before its retention has ended: see `require_deletable` in V0023__retention.sql.
create function guard_deletion() returns trigger
language plpgsql as $$
begin
  perform require_deletable(tg_table_name, to_jsonb(old));
  return old;
end
$$;

-- The same for rows that are a part of a resource, such as the versions of a record. The argument is the column with the
-- resource's id. A statement asks once for each resource, because a resource may have thousands of parts.
create function guard_deletion_of_parts() returns trigger
language plpgsql as $$
declare
  resource text;
begin
  for resource in select distinct to_jsonb(d) ->> tg_argv[0] from deleted d loop
    perform require_deletable(tg_table_name, jsonb_build_object(tg_argv[0], resource));
  end loop;
  return null;
end
$$;

create function refuse_truncate() returns trigger
language plpgsql as $$
begin
  raise exception 'rows of % are archived, never truncated', tg_table_name using errcode = 'restrict_violation';
end
$$;

-- Guards the rows of a table and, because no trigger sees a row that is truncated, the table. `part_of` is the column with
-- the resource's id if the rows are parts of resources.
create procedure guard_deletions(target regclass, part_of text default null)
language plpgsql as $$
begin
  if part_of is null then
    execute format(
      'create trigger guard_deletion before delete on %s for each row execute function guard_deletion()', target
    );
  else
    execute format(
      'create trigger guard_deletion after delete on %s referencing old table as deleted '
      'for each statement execute function guard_deletion_of_parts(%L)', target, part_of
    );
  end if;
  execute format(
    'create trigger refuse_truncate before truncate on %s for each statement execute function refuse_truncate()', target
  );
end
$$;

create function refuse_ledger_change() returns trigger
language plpgsql as $$
begin
  raise exception 'rows of % are never changed', tg_table_name using errcode = 'restrict_violation';
end
$$;

-- Puts a table under row-level security. FORCE binds the owner too, so the owner needs a policy. Functions
-- reach a row only if another policy allows it and the actor is proven: the restrictive policy asks once a
-- statement.
create procedure secure(target regclass)
language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy owner_all on %s to caretrail_owner using (true) with check (true)', target
  );
  execute format(
    'create policy actor_proven on %s as restrictive to caretrail_app using ((select actor_is_proven()))', target
  );
end
$$;

-- Adds a partition for the days from `first` until before `next`. It is attached when it is ready, because to create it as
-- a partition would keep all requests out.
create procedure add_partition(parent text, name text, first date, next date)
language plpgsql as $$
begin
  execute format('create table public.%I (like public.%I including all)', name, parent);
  execute format('call public.secure(%L)', 'public.' || name);
  execute format(
    'alter table public.%I attach partition public.%I for values from (%L) to (%L)', parent, name, first, next
  );
end
$$;

-- Makes a business table: `secure`, plus versions, timestamps and guarded deletion. All documents and lists of a row have
-- together at most 256 KiB of text, so a page can always answer a row. The functions accept less.
create procedure govern(target regclass)
language plpgsql as $$
declare
  documents text := (
    select string_agg(format('coalesce(octet_length(%I::text), 0)', attname), ' + ' order by attnum)
    from pg_attribute
    where attrelid = target and atttypid in ('jsonb'::regtype, 'text[]'::regtype)
  );
begin
  call secure(target);
  execute format(
    'alter table %s add constraint %I check (%s <= 262144)', target, target::text || '_documents_size', documents
  );
  execute format(
    'create trigger touch before update on %s for each row execute function touch()', target
  );
  call guard_deletions(target);
end
$$;
