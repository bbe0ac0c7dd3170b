-- Kept answers hold patients' data: they end a day after they were given, also of who never sends
-- another key.

drop index idempotency_keys_created_idx;
create index idempotency_keys_created_idx on idempotency_keys (created_at);

-- As in V14, but each claim clears away more than it adds, whoever's it was.
create or replace function claim_idempotency_key(p_key text, p_operation text, p_request_hash bytea) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  former record;
begin
  delete from idempotency_keys
  where user_id = actor_user() and key = p_key and created_at < now() - interval '24 hours';
  -- What another claim clears away is left to it.
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
    raise exception 'answered before' using errcode = 'CT005';
  end if;
  raise exception 'key used for another request' using errcode = 'CT006';
end
$$;
