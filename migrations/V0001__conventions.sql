-- What tables share: a version for ETag and If-Match, timestamps, archiving instead of deletion, and
-- row-level security that also binds the owner.

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

create function refuse_delete() returns trigger
language plpgsql as $$
begin
  raise exception 'rows of % are archived, never deleted', tg_table_name
    using errcode = 'restrict_violation';
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

-- Makes a business table: `secure`, plus versions, timestamps and no deletion. All documents and lists of a row have
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
  execute format(
    'create trigger refuse_delete before delete on %s for each row execute function refuse_delete()',
    target
  );
end
$$;
