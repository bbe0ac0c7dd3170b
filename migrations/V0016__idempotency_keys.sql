-- Answers kept for a day under the caller's Idempotency-Key. A repeated POST gets the kept answer instead
-- of doing its work twice. A row and the work it belongs to commit together.

create table idempotency_keys (
  user_id uuid not null references user_profiles (id),
  key text not null constraint idempotency_keys_key_length check (length(key) between 1 and 255),
  operation text not null,
  -- SHA-256 of path, query and body.
  request_hash bytea not null constraint idempotency_keys_request_hash_length check (octet_length(request_hash) = 32),
  -- The transaction fills these before it commits.
  status integer,
  headers jsonb,
  body text,
  resource_id uuid,
  patient_ids uuid[],
  created_at timestamptz not null default now(),
  primary key (user_id, key)
);

create index idempotency_keys_created_idx on idempotency_keys (created_at);

call secure('idempotency_keys');
create policy idempotency_keys_own on idempotency_keys for select to caretrail_app
  using (user_id = (select actor_user()));
create policy idempotency_keys_answer on idempotency_keys for update to caretrail_app
  using (user_id = (select actor_user())) with check (user_id = (select actor_user()));
grant select, update (status, headers, body, resource_id, patient_ids) on idempotency_keys to caretrail_app;

-- Takes the key for this transaction. A second transaction with the same key waits here for the first.
-- Kept answers hold patient data, so each call also deletes up to 20 expired ones of any user.
-- Errors: CT005 the key's answer is kept, CT006 the key was used for another request.
create function claim_idempotency_key(p_key text, p_operation text, p_request_hash bytea) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  former record;
begin
  perform require_actor();
  delete from idempotency_keys
  where user_id = actor_user() and key = p_key and created_at < now() - interval '24 hours';
  -- Skips rows that another call deletes at the same time.
  delete from idempotency_keys k using (
    select user_id, key from idempotency_keys
    where created_at < now() - interval '24 hours'
    order by created_at
    limit 20
    for update skip locked
  ) as ended
  where k.user_id = ended.user_id and k.key = ended.key;
  insert into idempotency_keys (user_id, key, operation, request_hash)
  values (actor_user(), p_key, p_operation, p_request_hash)
  on conflict do nothing;
  if found then
    return;
  end if;
  select k.operation, k.request_hash into former
  from idempotency_keys k where k.user_id = actor_user() and k.key = p_key;
  if former.operation = p_operation and former.request_hash = p_request_hash then
    raise exception 'the key''s answer is kept' using errcode = 'CT005';
  end if;
  raise exception 'the key was used for another request' using errcode = 'CT006';
end
$$;

grant execute on function claim_idempotency_key(text, text, bytea) to caretrail_app;
