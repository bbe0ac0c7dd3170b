-- Who acts in the current transaction, and the proof of it.
--
-- A password for the database proves nothing about the caller. A function proves the caller with a ticket:
-- an HMAC with a key that no database URL contains (RFC 2104). `begin_request` and its siblings check the
-- ticket, set the actor for one transaction, and seal the settings: an HMAC with a key that only the owner
-- reads. Any role can set these settings, but nobody else can seal them.

create type key_purpose as enum ('TICKET', 'SEAL');

-- The newest key of a purpose signs. The one before it stays valid, so that a key can be replaced while
-- functions run.
create table signing_keys (
  purpose key_purpose not null,
  key bytea not null constraint signing_keys_key_length check (octet_length(key) = 32),
  added_at timestamptz not null default clock_timestamp(),
  primary key (purpose, key)
);

-- Adds a key and forgets all but the newest two of its purpose.
create function add_signing_key(p_purpose key_purpose, p_key bytea) returns void
language plpgsql set search_path = pg_catalog, public as $$
begin
  insert into signing_keys (purpose, key) values (p_purpose, p_key)
  on conflict (purpose, key) do update set added_at = clock_timestamp();
  perform forget_signing_keys(p_purpose, 2);
end
$$;

-- Forgets all keys of a purpose but the newest ones.
create function forget_signing_keys(p_purpose key_purpose, p_kept integer) returns void
language plpgsql set search_path = pg_catalog, public as $$
begin
  delete from signing_keys where purpose = p_purpose and key not in (
    select key from signing_keys where purpose = p_purpose order by added_at desc limit p_kept
  );
end
$$;

-- Whether the message was signed with a valid key of this purpose. Like the other functions that only SECURITY
-- DEFINER functions call in each request, it runs under their search path: setting one of its own costs as much.
create function is_signed(p_purpose key_purpose, message text, signature bytea) returns boolean
language plpgsql stable as $$
begin
  return exists (
    select from signing_keys
    where purpose = p_purpose and hmac(convert_to(message, 'UTF8'), key, 'sha256') = signature
  );
end
$$;

create function actor_user() returns uuid
language sql stable parallel safe
return nullif(current_setting('caretrail.user_id', true), '')::uuid;

create function actor_patient() returns uuid
language sql stable parallel safe
return nullif(current_setting('caretrail.patient_id', true), '')::uuid;

create function actor_provider() returns uuid
language sql stable parallel safe
return nullif(current_setting('caretrail.provider_id', true), '')::uuid;

-- The source system whose rows the actor imports. Null for everyone but importers.
create function actor_source() returns text
language sql stable parallel safe
return nullif(current_setting('caretrail.source_system', true), '');

-- The patients whom the actor reaches only in an emergency, in the order of their ids: see V0030__emergency_access.sql.
create function emergency_patients() returns uuid[]
language sql stable parallel safe
return coalesce(nullif(current_setting('caretrail.emergency_patients', true), '')::uuid[], '{}');

-- How far the actor's permission reaches: OWN (the actor's own rows, and those of a patient whom they
-- represent), CARE (patients in the actor's care), SOURCE (the rows of the actor's source system) or ALL. Null if the
-- actor does not hold the permission.
create function reach(permission text) returns text
language sql stable parallel safe
return nullif(current_setting('caretrail.permissions', true), '')::jsonb ->> permission;

-- What a seal is made of: what the transaction may do (REQUEST: work; ATTEMPT: only record a refusal or a
-- failure), where it runs, and each of the actor's settings. Backend and start make a seal of one
-- transaction worthless in another.
create function actor_claim(standing text) returns text
language sql stable
return concat_ws(
  '|', standing, pg_backend_pid(), timestamptz_send(transaction_timestamp()),
  coalesce(current_setting('caretrail.subject', true), ''),
  coalesce(current_setting('caretrail.user_id', true), ''),
  coalesce(current_setting('caretrail.role', true), ''),
  coalesce(current_setting('caretrail.relation', true), ''),
  coalesce(current_setting('caretrail.patient_id', true), ''),
  coalesce(current_setting('caretrail.provider_id', true), ''),
  coalesce(current_setting('caretrail.source_system', true), ''),
  coalesce(current_setting('caretrail.emergency_patients', true), ''),
  coalesce(current_setting('caretrail.permissions', true), '')
);

-- Sets the actor for this transaction and seals the settings. Only the functions that check a ticket call it.
create function set_actor(
  p_standing text, p_subject uuid, p_user uuid, p_role text, p_relation text, p_patient uuid, p_provider uuid,
  p_source text, p_emergency_patients uuid[], p_permissions jsonb
) returns void
language plpgsql as $$
declare
  its_key bytea;
begin
  select key into its_key from signing_keys where purpose = 'SEAL' order by added_at desc limit 1;
  perform
    set_config('caretrail.subject', coalesce(p_subject::text, ''), true),
    set_config('caretrail.user_id', coalesce(p_user::text, ''), true),
    set_config('caretrail.role', coalesce(p_role, ''), true),
    set_config('caretrail.relation', coalesce(p_relation, ''), true),
    set_config('caretrail.patient_id', coalesce(p_patient::text, ''), true),
    set_config('caretrail.provider_id', coalesce(p_provider::text, ''), true),
    set_config('caretrail.source_system', coalesce(p_source, ''), true),
    set_config('caretrail.emergency_patients', coalesce(nullif(p_emergency_patients, '{}')::text, ''), true),
    set_config('caretrail.permissions', coalesce(p_permissions::text, ''), true);
  perform set_config(
    'caretrail.seal',
    encode(hmac(convert_to(actor_claim(p_standing), 'UTF8'), its_key, 'sha256'), 'hex'),
    true
  );
end
$$;

-- Whether the settings are those that a ticket began in this very transaction, for this standing.
create function has_standing(standing text) returns boolean
language plpgsql stable security definer parallel restricted set search_path = pg_catalog, public as $$
begin
  perform from signing_keys
  where purpose = 'SEAL'
    and encode(hmac(convert_to(actor_claim(standing), 'UTF8'), key, 'sha256'), 'hex')
      = current_setting('caretrail.seal', true);
  return found;
end
$$;

-- Whether a request or a job was begun with a valid ticket in this transaction. Every policy asks it, once a
-- statement. An SQL function, because PostgreSQL then puts the other function in its place.
create function actor_is_proven() returns boolean
language sql stable parallel restricted
return has_standing('REQUEST');

-- For functions that bypass row-level security and that the app role may call. Errors: CT007 the actor is
-- not proven for this standing.
create function require_actor(standing text default 'REQUEST') returns void
language plpgsql stable as $$
begin
  if not has_standing(standing) then
    raise exception 'the actor of this transaction is not proven' using errcode = 'CT007';
  end if;
end
$$;

-- Whether a migration or an operator makes the change, and not a function. The login decides it, because
-- every setting can be missing.
create function by_migration() returns boolean
language sql stable parallel safe
return pg_has_role(session_user, 'caretrail_owner', 'member');

grant execute on function
  actor_user(), actor_patient(), actor_provider(), actor_source(), emergency_patients(), reach(text),
  has_standing(text), actor_is_proven(), by_migration()
  to caretrail_app;

call secure('signing_keys');
insert into signing_keys (purpose, key) values ('SEAL', gen_random_bytes(32));
