-- Who acts in the current transaction. `begin_request` and `begin_job` set these values for one
-- transaction. Outside of a request each of them is null, so no policy lets a row through.

-- By default PostgreSQL lets everybody execute a function. Each migration grants its own functions.
alter default privileges revoke execute on functions from public;

create function actor_user() returns uuid
language sql stable parallel safe
return nullif(current_setting('caretrail.user_id', true), '')::uuid;

create function actor_patient() returns uuid
language sql stable parallel safe
return nullif(current_setting('caretrail.patient_id', true), '')::uuid;

create function actor_provider() returns uuid
language sql stable parallel safe
return nullif(current_setting('caretrail.provider_id', true), '')::uuid;

-- How far the actor's permission reaches: OWN (the actor's own rows), CARE (patients in the actor's
-- care) or ALL. Null if the actor does not hold the permission.
create function reach(permission text) returns text
language sql stable parallel safe
return nullif(current_setting('caretrail.permissions', true), '')::jsonb ->> permission;

grant execute on function actor_user(), actor_patient(), actor_provider(), reach(text) to caretrail_app;
