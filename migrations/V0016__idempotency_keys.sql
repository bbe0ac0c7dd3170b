-- Which work was done under a caller's Idempotency-Key. A repeated POST doesn't do its work twice: its answer is
-- read again from the resource, under the rights that the caller has then. A row and the work it belongs to
-- commit together. expire-idempotency-keys deletes it after a day.

create table idempotency_keys (
  user_id uuid not null references user_profiles (id),
  key text not null constraint idempotency_keys_key_length check (length(key) between 1 and 255),
  operation text not null,
  -- SHA-256 of path, query and body.
  request_hash bytea not null constraint idempotency_keys_request_hash_length check (octet_length(request_hash) = 32),
  -- The HTTP status of the answer.
  status integer not null,
  -- The resource whose row is the body of the answer.
  resource_id uuid not null,
  created_at timestamptz not null default now(),
  primary key (user_id, key)
);

create index idempotency_keys_created_idx on idempotency_keys (created_at);

call secure('idempotency_keys');
create policy idempotency_keys_own on idempotency_keys for select to caretrail_app
  using (user_id = (select actor_user()));
grant select on idempotency_keys to caretrail_app;

-- Takes the key for this transaction. A second transaction with the same key waits here for the first.
-- Errors: CT005 the work was done under this key, CT006 the key was used for another request, CT010 the
-- caller has used too many keys.
create function claim_idempotency_key(
  p_key text, p_operation text, p_request_hash bytea, p_status integer, p_resource uuid
) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  former record;
begin
  perform require_actor();
  insert into idempotency_keys (user_id, key, operation, request_hash, status, resource_id)
  values (actor_user(), p_key, p_operation, p_request_hash, p_status, p_resource)
  on conflict do nothing;
  if found then
    if exists (select from idempotency_keys k where k.user_id = actor_user() offset 1000) then
      raise exception 'too many keys' using errcode = 'CT010';
    end if;
    return;
  end if;
  select k.operation, k.request_hash into former
  from idempotency_keys k where k.user_id = actor_user() and k.key = p_key;
  if former.operation = p_operation and former.request_hash = p_request_hash then
    raise exception 'the work was done under this key' using errcode = 'CT005';
  end if;
  raise exception 'the key was used for another request' using errcode = 'CT006';
end
$$;

-- Deletes up to `p_limit` keys that are older than a day, of any caller. Returns how many.
create function expire_idempotency_keys(p_limit bigint) returns bigint
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  expired bigint;
begin
  perform require_actor();
  if reach('idempotency-keys:expire') is distinct from 'ALL' then
    raise exception 'the caller may not delete keys' using errcode = 'insufficient_privilege';
  end if;
  delete from idempotency_keys where (user_id, key) in (
    select k.user_id, k.key from idempotency_keys k
    where k.created_at < now() - interval '24 hours'
    order by k.created_at
    limit p_limit
    -- Another run may be deleting them.
    for update skip locked
  );
  get diagnostics expired = row_count;
  return expired;
end
$$;

grant execute on function claim_idempotency_key(text, text, bytea, integer, uuid) to caretrail_people;
grant execute on function expire_idempotency_keys(bigint) to caretrail_jobs;
