-- What the sealer knows of the sealed log. The log itself is in S3. These tables can be made again from its batches, so
-- they are an index and no evidence.

create domain ed25519_public_key as bytea constraint ed25519_public_key_length check (octet_length(value) = 32);

-- The batches, in their order.
create table audit_seals (
  batch bigint primary key,
  -- The number of leaves in the log after the batch, and the root of the tree over them (RFC 6962).
  size bigint not null,
  root sha256_hash not null,
  -- All rows of transactions before this one are in the log, in quarantine or wait.
  horizon xid8 not null,
  sealed_at timestamptz not null
);

-- The chains that an open line in a function's log announced, with the last of their rows that is sealed.
create table audit_chains (
  chain_id uuid primary key,
  public_key ed25519_public_key not null,
  function function_name not null,
  version text not null,
  opened_at timestamptz not null,
  -- Null until a row of it is sealed.
  month date,
  sealed_seq bigint not null default 0,
  sealed_hash sha256_hash not null default '\x0000000000000000000000000000000000000000000000000000000000000000',
  -- A row of it is in quarantine, so no later row of it is sealed.
  is_broken boolean not null default false
);

-- Which leaves the rows of a chain are: rows `first_seq` to `last_seq` are leaves `first_leaf` and following.
create table audit_sealed_runs (
  chain_id uuid not null,
  first_seq bigint not null,
  last_seq bigint not null,
  month date not null,
  first_leaf bigint not null,
  batch bigint not null references audit_seals,
  primary key (chain_id, first_seq)
);
create index audit_sealed_runs_batch_idx on audit_sealed_runs (batch);

-- The rows, and the places without row, that are in quarantine. A sealer puts none there twice.
create table audit_quarantine (
  leaf bigint primary key,
  batch bigint not null,
  -- Why, as the leaf names it: snake_case, such as invalid_signature.
  reason text not null,
  month date not null,
  chain_id uuid not null,
  seq bigint not null,
  -- Null for a place without row.
  row_id uuid
);
create index audit_quarantine_row_idx on audit_quarantine (row_id, month);
create index audit_quarantine_chain_idx on audit_quarantine (chain_id);

-- How the requests of each minute compare with their rows, by the newest leaf about the minute.
create table audit_reconciliations (
  minute timestamptz primary key,
  revision integer not null,
  audited bigint not null,
  invocations bigint not null,
  failed bigint not null,
  rows bigint not null,
  missing text[] not null,
  leaf bigint not null,
  batch bigint not null
);

-- What operators stated about restored databases: leaves from `kept_size` up to `old_size` may have lost their rows.
create table audit_incarnations (
  leaf bigint primary key,
  batch bigint not null,
  old_size bigint not null,
  kept_size bigint not null,
  database uuid not null,
  statement text not null
);

-- The chains with rows before the horizon that wait: for their open line, or for a row of a transaction that isn't
-- before the horizon. The only table here that can't be made from the batches: the sealer finds such rows again.
create table audit_waiting_chains (
  month date not null,
  chain_id uuid not null,
  -- When the sealer first found a row that waits.
  since timestamptz not null default now(),
  primary key (month, chain_id)
);

do $$
declare
  name text;
begin
  foreach name in array array[
    'audit_seals', 'audit_chains', 'audit_sealed_runs', 'audit_quarantine', 'audit_reconciliations',
    'audit_incarnations', 'audit_waiting_chains'
  ] loop
    execute format('call secure(%L)', name);
    execute format('create policy %I on %I for all to caretrail_sealer using (true) with check (true)', name || '_seal', name);
    execute format('create policy %I on %I for select to caretrail_auditor using (true)', name || '_audit', name);
    execute format('grant select, insert, update on %I to caretrail_sealer', name);
    execute format('grant select on %I to caretrail_auditor', name);
  end loop;
end
$$;
grant delete on audit_waiting_chains to caretrail_sealer;

-- Officers find the leaf of a row, and the checkpoints.
create policy audit_seals_read on audit_seals for select to caretrail_app
  using ((select reach('audit:read')) = 'ALL');
create policy audit_sealed_runs_read on audit_sealed_runs for select to caretrail_app
  using ((select reach('audit:read')) = 'ALL');
grant select on audit_seals, audit_sealed_runs to caretrail_app;
