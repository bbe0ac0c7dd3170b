-- Whose chart an account belongs to, for the audit row of who reads or changes the account: also for
-- a caller whose role reaches no patients.

create function patient_of(account uuid) returns uuid
language sql stable security definer parallel safe set search_path = pg_catalog, public as $$
  select id from patients where user_id = account
$$;

grant execute on function patient_of(uuid) to caretrail_app;
