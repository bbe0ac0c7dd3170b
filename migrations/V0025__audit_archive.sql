-- Archived months of the audit log: their rows are objects in S3, and the database keeps an index of them.
-- archive-audit archives a month part by part. Every step can be repeated, and several runs may archive at once: a
-- step takes effect once. docs/decisions/0032-audit-archive.md says why it is built so.

-- The fewest months that stay in the database after the current one, whatever the setting says. The sealer looks for the
-- heads of the last month in it.
create function audit_archive_floor() returns integer
language sql immutable parallel safe
return 3;

-- The fewest years that an archived month is kept (45 CFR 164.316(b)(2)(i)), whatever the rules say.
create function audit_retention_floor() returns integer
language sql immutable parallel safe
return 6;

-- Rows stay for ever: after its deletion, a month has its number of rows and its root here and in the audit log.
create table audit_archives (
  -- The first day of the month (UTC).
  month date primary key constraint audit_archives_month_first_day check (extract(day from month) = 1),
  begun_at timestamptz not null default now(),
  -- All this is null until the rows of the month are in S3 alone.
  completed_at timestamptz,
  rows bigint,
  parts integer,
  -- The root of the month, as its manifest in S3 has it.
  root sha256_hash,
  -- Since when the month is listed for deletion. Null while its retention lasts or a legal hold covers it.
  listed_at timestamptz,
  -- When its index was deleted. The objects follow: `objects_deleted_at`.
  deleted_at timestamptz,
  objects_deleted_at timestamptz,
  constraint audit_archives_complete check (
    num_nulls(completed_at, rows, parts, root) in (0, 4) and (completed_at is not null or listed_at is null)
    and (completed_at is not null or deleted_at is null) and (deleted_at is not null or objects_deleted_at is null)
  )
);

-- The parts of a month: objects in S3, as they were read back after they were written.
create table audit_archive_parts (
  month date not null references audit_archives,
  part integer not null,
  rows bigint not null,
  bytes bigint not null,
  sha256 sha256_hash not null,
  -- The root of the tree over the part's lines (RFC 6962).
  root sha256_hash not null,
  -- The places of its first and its last row.
  first_chain uuid not null,
  first_seq bigint not null,
  first_place bytea not null,
  last_chain uuid not null,
  last_seq bigint not null,
  last_place bytea not null,
  -- Where each block begins in the object, in bytes.
  block_offsets bigint[] not null,
  -- How long S3 keeps the object at least.
  locked_until timestamptz not null,
  -- When the object was read again, and compared with the rows and the index. Null until then.
  confirmed_at timestamptz,
  primary key (month, part)
);

-- The index of archived rows: whatever list-audit-logs filters by, and where each row is. A month becomes a partition in
-- the transaction that drops its partition of `audit_logs`, so no row is in both and none is in neither.
create table audit_archive_rows (
  id uuid not null,
  month date not null,
  timestamp timestamptz not null,
  -- The key keeps the account of whoever acted: see `referring` in V0023__retention.sql.
  user_id uuid references user_profiles (id),
  patient_id uuid,
  patient_ids uuid[],
  resource_id uuid,
  action_type audit_action not null,
  resource_type audit_resource not null,
  outcome audit_outcome not null,
  purpose_of_use purpose_of_use,
  -- The hash of the request's id, and of a step's id behind it: see `request_hash`.
  request_hash bigint not null,
  step_hash bigint,
  part integer not null,
  -- The number of the block in the part, from 0.
  block smallint not null,
  primary key (id, month)
) partition by range (month);

create index audit_archive_rows_user_idx on audit_archive_rows (user_id, id desc) where user_id is not null;
create index audit_archive_rows_patient_idx on audit_archive_rows (patient_id, id desc) where patient_id is not null;
create index audit_archive_rows_patients_idx on audit_archive_rows using gin (patient_ids) where patient_ids is not null;
create index audit_archive_rows_request_idx on audit_archive_rows (request_hash);
create index audit_archive_rows_resource_idx on audit_archive_rows (resource_id, id desc)
  where resource_id is distinct from patient_id and resource_id is not null;
create index audit_archive_rows_denied_idx on audit_archive_rows (id desc) where outcome = 'DENIED';
create index audit_archive_rows_failed_idx on audit_archive_rows (id desc) where outcome = 'FAILURE';
create index audit_archive_rows_emergency_idx on audit_archive_rows (id desc) where purpose_of_use = 'ETREAT';

do $$
declare
  name text;
begin
  foreach name in array array['audit_archives', 'audit_archive_parts', 'audit_archive_rows'] loop
    execute format('call secure(%L)', name);
    execute format(
      'create policy %I on %I for select to caretrail_app using ((select reach(''audit:read'')) = ''ALL'')',
      name || '_read', name
    );
    execute format(
      'create policy %I on %I for select to caretrail_sealer, caretrail_auditor using (true)', name || '_audit', name
    );
    execute format('grant select on %I to caretrail_app, caretrail_sealer, caretrail_auditor', name);
  end loop;
end
$$;

create trigger refuse_audit_change before update or delete on audit_archive_rows
for each row execute function refuse_audit_change();
create trigger refuse_audit_truncate before truncate on audit_archive_rows
for each statement execute function refuse_audit_change();

-- The first 64 bits of the SHA-256 of a request id, up to the slash before the id of a step. The index finds all steps of
-- an invocation by it.
create function request_hash(request_id text) returns bigint
language sql immutable parallel safe
return ('x' || left(encode(sha256(convert_to(split_part(request_id, '/', 1), 'UTF8')), 'hex'), 16))::bit(64)::bigint;

-- The same of what comes after the slash. Null if there is no slash.
create function step_hash(request_id text) returns bigint
language sql immutable parallel safe
return case when strpos(request_id, '/') > 0 then
  ('x' || left(encode(sha256(convert_to(substr(request_id, strpos(request_id, '/') + 1), 'UTF8')), 'hex'), 16))::bit(64)::bigint
end;

grant execute on function request_hash(text), step_hash(text) to caretrail_app;

create function audit_partition(p_month date) returns text
language sql immutable parallel safe
return to_char(p_month, '"audit_logs_"YYYY_MM');

create function audit_archive_partition(p_month date) returns text
language sql immutable parallel safe
return to_char(p_month, '"audit_archive_rows_"YYYY_MM');

-- For the functions of archive-audit. Errors: CT007 the actor is not proven, 42501 the actor is another one.
create function require_archiving() returns void
language plpgsql stable set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  if reach('audit:archive') is distinct from 'ALL' then
    raise exception 'only archive-audit archives the audit log' using errcode = 'insufficient_privilege';
  end if;
end
$$;

-- Errors: restrict_violation, the month is not old enough. `p_months` months after it stay, at least the floor.
create function require_old_month(p_month date, p_months integer) returns void
language plpgsql stable set search_path = pg_catalog, public as $$
begin
  if p_month + make_interval(months => greatest(p_months, audit_archive_floor()))
    >= date_trunc('month', now() at time zone 'UTC')
  then
    raise exception 'the month % stays in the database until % months have passed since', p_month,
      greatest(p_months, audit_archive_floor())
      using errcode = 'restrict_violation', constraint = 'audit_archive_too_early';
  end if;
end
$$;

-- The oldest month that is still in the database and older than `p_months` months after it, and how far its archiving
-- is: how many parts are stored, after which row the next one begins, and how long its objects must be locked.
create function next_audit_archive(p_months integer)
returns table (
  month date, parts integer, after_chain uuid, after_seq bigint, after_place bytea, has_more boolean,
  locked_until timestamptz
)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
begin
  perform require_archiving();
  return query
    select m.month, coalesce(p.part + 1, 0), p.last_chain, p.last_seq, p.last_place,
      exists (
        select from audit_logs a where a.month = m.month
          and (p.part is null or (a.chain_id, a.seq, a.place) > (p.last_chain, p.last_seq, p.last_place))
      ),
      audit_archive_ends(m.month)::timestamp at time zone 'UTC' + interval '2 days'
    from (
      select to_date(right(c.relname, 7), 'YYYY_MM') as month
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'audit_logs'::regclass and c.relname ~ '^audit_logs_\d{4}_\d{2}$'
    ) as m
    left join lateral (
      select * from audit_archive_parts p where p.month = m.month order by p.part desc limit 1
    ) as p on true
    where m.month + make_interval(months => greatest(p_months, audit_archive_floor()))
      < date_trunc('month', now() at time zone 'UTC')
    order by m.month limit 1;
end
$$;

-- The last day of the retention of an archived month: that of its last day.
create function audit_archive_ends(p_month date) returns date
language plpgsql stable set search_path = pg_catalog, public as $$
begin
  return anniversary(
    (p_month + interval '1 month' - interval '1 day')::date,
    greatest((retention_rule('AUDIT_LOG')).adult_years, audit_retention_floor())
  );
end
$$;

-- The lines of the month's rows after a place, in the order of the archive, and what the sealer knows of each row:
--
-- * `line` is the row as `row_to_json` writes it. If that doesn't give the very row back, the member `as_text` has the
--   row in PostgreSQL's text form.
-- * `is_sealed` says that the sealed log has the position, and `follows` that the row continues the one before.
create function archivable_rows(
  p_month date, p_chain uuid, p_seq bigint, p_place bytea, p_limit bigint
) returns table (
  line text, is_quarantined boolean, is_sealed boolean, follows boolean, public_key bytea, function text
)
language plpgsql stable security definer
set search_path = pg_catalog, public set timezone = 'UTC' set datestyle = 'ISO, YMD' set bytea_output = 'hex' as $$
#variable_conflict use_column
begin
  perform require_archiving();
  return query
    select
      case when json_populate_record(null::audit_logs, l.line::json) *= page.entry then l.line
        else left(l.line, -1) || ',"as_text":' || to_json(page.entry::text) || '}' end,
      exists (select from audit_quarantine q where q.row_id = a.id and q.month = a.month),
      coalesce(
        c.month = a.month and a.seq between 1 and c.sealed_seq
          and (a.seq < c.sealed_seq or a.row_hash = c.sealed_hash),
        false
      ),
      case when a.seq <= 1 then a.seq = 1 and a.prev_hash = decode(repeat('00', 32), 'hex')
        else exists (
          select from audit_logs b
          where b.month = p_month and b.chain_id = a.chain_id and b.seq = a.seq - 1 and b.row_hash = a.prev_hash
        ) end,
      c.public_key::bytea, c.function::text
    from (
      select p as entry from audit_logs p
      where p.month = p_month and (
        p_chain is null or (p.chain_id, p.seq, p.place) > (p_chain, p_seq, p_place)
      )
      order by p.chain_id, p.seq, p.place limit p_limit
    ) as page
    cross join lateral (select (page.entry).*) as a
    cross join lateral (select row_to_json(page.entry)::text as line) as l
    left join audit_chains c on c.chain_id = a.chain_id
    order by a.chain_id, a.seq, a.place;
end
$$;

-- The SHA-256 of the hashes and signatures of the month's rows from one place to another, and how many there are.
-- archive-audit computes the same of the lines that it read back from S3.
create function audit_rows_digest(
  p_month date, p_first_chain uuid, p_first_seq bigint, p_first_place bytea,
  p_last_chain uuid, p_last_seq bigint, p_last_place bytea, out rows bigint, out digest bytea
)
language plpgsql stable set search_path = pg_catalog, public as $$
begin
  select count(*), sha256(coalesce(
    string_agg(a.row_hash::bytea || a.signature::bytea, ''::bytea order by a.chain_id, a.seq, a.place), ''
  ))
  into rows, digest
  from audit_logs a
  where a.month = p_month
    and (a.chain_id, a.seq, a.place) >= (p_first_chain, p_first_seq, p_first_place)
    and (a.chain_id, a.seq, a.place) <= (p_last_chain, p_last_seq, p_last_place);
end
$$;

-- Begins the archive of a month. Returns false if it was begun before. Errors: restrict_violation, the month is not old
-- enough, or rows of it wait to be sealed.
create function begin_audit_archive(p_month date, p_months integer) returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  name constant text := audit_archive_partition(p_month);
begin
  perform require_archiving();
  perform require_old_month(p_month, p_months);
  perform pg_advisory_xact_lock(hashtext('archive_audit'));
  if exists (select from audit_waiting_chains w where w.month = p_month) then
    raise exception 'rows of the month % wait to be sealed', p_month
      using errcode = 'restrict_violation', constraint = 'audit_archive_rows_wait';
  end if;
  insert into audit_archives (month) values (p_month) on conflict do nothing;
  if to_regclass(format('public.%I', name)) is not null then
    return false;
  end if;
  execute format('create table public.%I (like public.audit_archive_rows including all)', name);
  execute format('call public.secure(%L)', 'public.' || name);
  -- Attaching the partition then checks neither its rows nor its keys again.
  execute format('alter table public.%I add constraint month_is check (month = %L)', name, p_month);
  execute format('alter table public.%I add foreign key (user_id) references public.user_profiles (id)', name);
  execute format(
    'create trigger refuse_audit_truncate before truncate on public.%I '
    'for each statement execute function public.refuse_audit_change()', name
  );
  return true;
end
$$;

-- Takes a part over that is stored in S3: `p_rows` rows from the first to the last place, whose hashes and signatures
-- have this digest. `p_block_rows` are the rows of its blocks. Returns false if another run took it over.
-- Errors: restrict_violation, the database has other rows there.
create function add_audit_archive_part(
  p_month date, p_part integer, p_rows bigint, p_bytes bigint, p_sha256 bytea, p_root bytea, p_digest bytea,
  p_first_chain uuid, p_first_seq bigint, p_first_place bytea,
  p_last_chain uuid, p_last_seq bigint, p_last_place bytea,
  p_block_offsets bigint[], p_block_rows bigint[], p_locked_until timestamptz
) returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  before audit_archive_parts;
  found_rows record;
  indexed bigint;
  block_starts bigint[];
begin
  perform require_archiving();
  perform pg_advisory_xact_lock(hashtext('archive_audit'));
  select * into before from audit_archive_parts p where p.month = p_month order by p.part desc limit 1;
  if p_part <= before.part or exists (select from audit_archives a where a.month = p_month and a.completed_at is not null)
  then
    return false;
  end if;
  select * into found_rows from audit_rows_digest(
    p_month, p_first_chain, p_first_seq, p_first_place, p_last_chain, p_last_seq, p_last_place
  );
  if p_part <> coalesce(before.part + 1, 0) or found_rows.rows <> p_rows or found_rows.digest <> p_digest
    -- No row is left out before the part.
    or exists (
      select from audit_logs a
      where a.month = p_month and (a.chain_id, a.seq, a.place) < (p_first_chain, p_first_seq, p_first_place)
        and (before.part is null or (a.chain_id, a.seq, a.place) > (before.last_chain, before.last_seq, before.last_place))
    )
  then
    raise exception 'part % of the month % has other rows than the database', p_part, p_month
      using errcode = 'restrict_violation', constraint = 'audit_archive_differs';
  end if;
  insert into audit_archive_parts (
    month, part, rows, bytes, sha256, root, first_chain, first_seq, first_place, last_chain, last_seq, last_place,
    block_offsets, locked_until
  ) values (
    p_month, p_part, p_rows, p_bytes, p_sha256, p_root, p_first_chain, p_first_seq, p_first_place,
    p_last_chain, p_last_seq, p_last_place, p_block_offsets, p_locked_until
  );
  block_starts := array(
    select coalesce(sum(n) over (order by i rows between unbounded preceding and 1 preceding), 0)::bigint
    from unnest(p_block_rows) with ordinality as b (n, i) order by i
  );
  execute format(
    'insert into public.%I (id, month, timestamp, user_id, patient_id, patient_ids, resource_id, action_type,
       resource_type, outcome, purpose_of_use, request_hash, step_hash, part, block)
     select a.id, a.month, a.timestamp, a.user_id, a.patient_id, a.patient_ids, a.resource_id, a.action_type,
       a.resource_type, a.outcome, a.purpose_of_use, request_hash(a.request_id), step_hash(a.request_id), $2,
       width_bucket(row_number() over (order by a.chain_id, a.seq, a.place) - 1, $9) - 1
     from audit_logs a
     where a.month = $1 and (a.chain_id, a.seq, a.place) >= ($3, $4, $5)
       and (a.chain_id, a.seq, a.place) <= ($6, $7, $8)
     order by a.chain_id, a.seq, a.place', audit_archive_partition(p_month)
  ) using p_month, p_part, p_first_chain, p_first_seq, p_first_place, p_last_chain, p_last_seq, p_last_place,
    block_starts;
  get diagnostics indexed = row_count;
  if indexed <> p_rows then
    raise exception 'the index of part % of the month % is incomplete', p_part, p_month
      using errcode = 'restrict_violation', constraint = 'audit_archive_differs';
  end if;
  return true;
end
$$;

-- The stored parts of a month, in their order.
create function audit_archive_entries(p_month date)
returns table (
  part integer, rows bigint, bytes bigint, sha256 bytea, root bytea, first_chain uuid, first_seq bigint,
  first_place bytea, last_chain uuid, last_seq bigint, last_place bytea, is_confirmed boolean
)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
begin
  perform require_archiving();
  return query
    select p.part, p.rows, p.bytes, p.sha256::bytea, p.root::bytea, p.first_chain, p.first_seq, p.first_place,
      p.last_chain, p.last_seq, p.last_place, p.confirmed_at > now() - interval '30 days'
    from audit_archive_parts p where p.month = p_month order by p.part;
end
$$;

-- Confirms a part whose object was read again: the database still has the very rows, and each of them is in the index.
-- Returns false if another run has archived the month. Errors: restrict_violation, the database has other rows.
create function confirm_audit_archive_part(p_month date, p_part integer, p_digest bytea) returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its_part audit_archive_parts;
  found_rows record;
  unindexed bigint;
begin
  perform require_archiving();
  perform pg_advisory_xact_lock(hashtext('archive_audit'));
  if exists (select from audit_archives a where a.month = p_month and a.completed_at is not null) then
    return false;
  end if;
  select * into strict its_part from audit_archive_parts p where p.month = p_month and p.part = p_part;
  select * into found_rows from audit_rows_digest(
    p_month, its_part.first_chain, its_part.first_seq, its_part.first_place,
    its_part.last_chain, its_part.last_seq, its_part.last_place
  );
  execute format(
    'select count(*) from audit_logs a
     where a.month = $1 and (a.chain_id, a.seq, a.place) >= ($3, $4, $5)
       and (a.chain_id, a.seq, a.place) <= ($6, $7, $8)
       and not exists (select from public.%I r where r.id = a.id and r.month = a.month and r.part = $2)',
    audit_archive_partition(p_month)
  ) into unindexed using p_month, p_part, its_part.first_chain, its_part.first_seq, its_part.first_place,
    its_part.last_chain, its_part.last_seq, its_part.last_place;
  if unindexed > 0 or found_rows.rows <> its_part.rows or found_rows.digest <> p_digest then
    raise exception 'part % of the month % has other rows than the database', p_part, p_month
      using errcode = 'restrict_violation', constraint = 'audit_archive_differs';
  end if;
  update audit_archive_parts set confirmed_at = now() where month = p_month and part = p_part;
  return true;
end
$$;

-- Ends the archive of a month: drops its rows, and makes its index a part of `audit_archive_rows`. Returns false if the
-- month was already archived, and null if requests kept the tables locked: the caller tries again later.
--
-- It waits half a second for each lock, so no request waits longer for it. DETACH … CONCURRENTLY would not lock requests
-- out at all, but runs in no transaction, so a month could be lost in between. The order of the locks is that of a
-- request, and the wait is shorter than `deadlock_timeout`, so no request fails because of it.
--
-- Errors: restrict_violation, the month is not old enough, or the archive is not complete.
create function finish_audit_archive(
  p_month date, p_months integer, p_rows bigint, p_parts integer, p_root bytea
) returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  reason text;
begin
  perform require_archiving();
  perform require_old_month(p_month, p_months);
  perform pg_advisory_xact_lock(hashtext('archive_audit'));
  if exists (select from audit_archives a where a.month = p_month and a.completed_at is not null) then
    return false;
  end if;
  begin
    perform set_config('lock_timeout', '500ms', true);
    lock table only user_profiles in access exclusive mode;
    lock table only audit_logs in access exclusive mode;
    execute format('lock table public.%I in access exclusive mode', audit_partition(p_month));
  exception when lock_not_available then
    return null;
  end;
  reason := (
    select case
      when count(*) <> p_parts or coalesce(max(p.part), -1) <> p_parts - 1 or coalesce(sum(p.rows), 0) <> p_rows
        then 'it has other parts'
      when count(*) filter (where p.confirmed_at > now() - interval '30 days') <> p_parts then 'a part is not confirmed'
    end
    from audit_archive_parts p where p.month = p_month
  );
  reason := coalesce(reason, case
    when exists (select from audit_waiting_chains w where w.month = p_month) then 'rows wait to be sealed'
    -- Between two parts, before the first and after the last there is no row.
    when exists (
      select from (
        select p.last_chain, p.last_seq, p.last_place,
          lead(p.first_chain) over w as next_chain, lead(p.first_seq) over w as next_seq,
          lead(p.first_place) over w as next_place
        from (
          select * from audit_archive_parts p where p.month = p_month
        ) as p window w as (order by p.part)
      ) as gap
      where exists (
        select from audit_logs a where a.month = p_month
          and (a.chain_id, a.seq, a.place) > (gap.last_chain, gap.last_seq, gap.last_place)
          and (gap.next_chain is null or (a.chain_id, a.seq, a.place) < (gap.next_chain, gap.next_seq, gap.next_place))
      )
    ) or exists (
      select from audit_logs a where a.month = p_month and (
        p_parts = 0 or (a.chain_id, a.seq, a.place) < (
          select p.first_chain, p.first_seq, p.first_place from audit_archive_parts p
          where p.month = p_month and p.part = 0
        )
      )
    ) then 'a row is in no part'
    -- Each chain ends where the sealed log says, unless an operator stated that its last rows were lost.
    when exists (
      select from audit_chains c
      where c.month = p_month and c.sealed_seq > 0
        and not exists (
          select from audit_logs a where a.month = p_month and a.chain_id = c.chain_id and a.seq = c.sealed_seq
            and a.row_hash = c.sealed_hash
        )
        and not exists (
          select from audit_sealed_runs r
          join audit_incarnations i
            on r.first_leaf + (c.sealed_seq - r.first_seq) >= i.kept_size
            and r.first_leaf + (c.sealed_seq - r.first_seq) < i.old_size
          where r.chain_id = c.chain_id and c.sealed_seq between r.first_seq and r.last_seq
        )
    ) then 'a chain has no row where its sealed part ends'
  end);
  if reason is not null then
    raise exception 'the archive of the month % is not complete: %', p_month, reason
      using errcode = 'restrict_violation', constraint = 'audit_archive_incomplete';
  end if;
  execute format('alter table public.audit_logs detach partition public.%I', audit_partition(p_month));
  execute format('drop table public.%I', audit_partition(p_month));
  execute format(
    'alter table public.audit_archive_rows attach partition public.%I for values from (%L) to (%L)',
    audit_archive_partition(p_month), p_month, (p_month + interval '1 month')::date
  );
  update audit_archives set completed_at = now(), rows = p_rows, parts = p_parts, root = p_root where month = p_month;
  return true;
exception when lock_not_available then
  return null;
end
$$;

-- Lists the archived months whose retention has ended, unless a legal hold covers them, and forgets the listings of the
-- others. `changed` counts the listings that changed. `due` are the months that may be deleted now.
create function list_ended_audit_archives(out changed bigint, out due date[])
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform require_archiving();
  perform settle_retention();
  update audit_archives a set listed_at = case when q.has_ended then now() end
  from (
    select o.month, is_over(audit_archive_ends(o.month)) and not holds_audit_month(o.month) as has_ended
    from audit_archives o where o.completed_at is not null and o.deleted_at is null
  ) as q
  where q.month = a.month and q.has_ended <> (a.listed_at is not null);
  get diagnostics changed = row_count;
  due := array(
    select a.month from audit_archives a cross join settings s
    where s.deletes_after_retention and a.listed_at <= now() - make_interval(days => s.days_to_object)
      and a.deleted_at is null
      and not exists (select from audit_archive_parts p where p.month = a.month and p.locked_until >= now())
    order by a.month
  );
end
$$;

-- Deletes the index of an archived month, whose objects may be deleted from then on. Returns what the audit row of this
-- transaction says: it is the proof of what went. `digest` is the SHA-256 over the hashes of the month's objects in
-- their order.
--
-- Errors: restrict_violation, with the reason in the message and in the name of the constraint.
create function delete_audit_archive(p_month date)
returns table (rows bigint, parts integer, root bytea, digest bytea, rules text[], ends_on date)
language plpgsql security definer set search_path = pg_catalog, public as $$
#variable_conflict use_column
declare
  its_archive audit_archives;
  ends date := audit_archive_ends(p_month);
  locked timestamptz;
begin
  perform require_archiving();
  perform settle_retention();
  perform pg_advisory_xact_lock(hashtext('archive_audit'));
  select * into its_archive from audit_archives a where a.month = p_month for update;
  if its_archive.completed_at is null or its_archive.deleted_at is not null then
    raise exception 'the month % is not archived', p_month
      using errcode = 'restrict_violation', constraint = 'retention_not_archived';
  end if;
  if not (select s.deletes_after_retention from settings s) then
    raise exception 'the operator has not turned deletion on'
      using errcode = 'restrict_violation', constraint = 'retention_deletion_off';
  end if;
  if not is_over(ends) then
    raise exception 'the retention of the month % ends on %, by the rules %', p_month, ends,
      array_to_string((retention_rule('AUDIT_LOG')).rules, ', ')
      using errcode = 'restrict_violation', constraint = 'retention_not_ended';
  end if;
  if holds_audit_month(p_month) then
    raise exception 'a legal hold covers the month %', p_month
      using errcode = 'restrict_violation', constraint = 'retention_legal_hold';
  end if;
  if not exists (
    select from settings s where its_archive.listed_at <= now() - make_interval(days => s.days_to_object)
  ) then
    raise exception 'nobody could object to the deletion of the month % yet', p_month
      using errcode = 'restrict_violation', constraint = 'retention_not_listed';
  end if;
  select max(p.locked_until) into locked from audit_archive_parts p where p.month = p_month;
  if locked >= now() then
    raise exception 'S3 keeps the objects of the month % until %', p_month, locked
      using errcode = 'restrict_violation', constraint = 'audit_archive_locked';
  end if;
  begin
    perform set_config('lock_timeout', '500ms', true);
    lock table only user_profiles in access exclusive mode;
    lock table only audit_archive_rows in access exclusive mode;
    execute format('drop table public.%I', audit_archive_partition(p_month));
  exception when lock_not_available then
    return;
  end;
  update audit_archives set deleted_at = now(), listed_at = null where month = p_month;
  return query
    select its_archive.rows, its_archive.parts, its_archive.root::bytea,
      (
        select sha256(coalesce(string_agg(p.sha256::bytea, ''::bytea order by p.part), ''))
        from audit_archive_parts p where p.month = p_month
      ),
      (retention_rule('AUDIT_LOG')).rules, ends;
end
$$;

-- The deleted months whose objects are still in S3.
create function deleted_audit_archives(out months date[])
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_archiving();
  months := array(
    select a.month from audit_archives a where a.deleted_at is not null and a.objects_deleted_at is null order by a.month
  );
end
$$;

-- Remembers that the objects of a deleted month are gone. Returns false if another run did.
create function end_audit_archive_deletion(p_month date) returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform require_archiving();
  update audit_archives set objects_deleted_at = now()
  where month = p_month and deleted_at is not null and objects_deleted_at is null;
  return found;
end
$$;

grant execute on function
  next_audit_archive(integer), archivable_rows(date, uuid, bigint, bytea, bigint), begin_audit_archive(date, integer),
  add_audit_archive_part(
    date, integer, bigint, bigint, bytea, bytea, bytea, uuid, bigint, bytea, uuid, bigint, bytea, bigint[], bigint[],
    timestamptz
  ),
  audit_archive_entries(date), confirm_audit_archive_part(date, integer, bytea),
  finish_audit_archive(date, integer, bigint, integer, bytea), list_ended_audit_archives(), delete_audit_archive(date),
  deleted_audit_archives(), end_audit_archive_deletion(date)
  to caretrail_jobs;
