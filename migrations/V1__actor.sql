-- No function is callable by everybody: V13 grants what each role calls.
alter default privileges revoke execute on functions from public;

-- Who is acting, as the current transaction knows it. `begin_request` (V9) sets these
-- transaction-locally; outside a request every one of them is null and nothing is reachable.

create function actor_user() returns uuid
language sql stable parallel safe
return nullif(current_setting('caretrail.user_id', true), '')::uuid;

create function actor_patient() returns uuid
language sql stable parallel safe
return nullif(current_setting('caretrail.patient_id', true), '')::uuid;

create function actor_provider() returns uuid
language sql stable parallel safe
return nullif(current_setting('caretrail.provider_id', true), '')::uuid;

-- How far the actor's permission reaches: OWN, CARE (assigned or treated patients), ALL, or null.
create function reach(permission text) returns text
language sql stable parallel safe
return nullif(current_setting('caretrail.permissions', true), '')::jsonb ->> permission;
