-- Who keeps custom data: a person's who keeps the register, as V20 and V22 say of users and patients; a
-- visit's who changes the visit, while she may.

grant update (custom_data_version) on providers to caretrail_app;

create function check_provider_custom_data() returns trigger
language plpgsql as $$
begin
  if reach('providers:update') = 'OWN' then
    raise exception 'custom data is not the provider''s to change'
      using errcode = 'insufficient_privilege', constraint = 'providers_own_change';
  end if;
  return new;
end
$$;

create trigger check_provider_custom_data before update of custom_data, custom_data_version on providers
for each row when (
  (new.custom_data, new.custom_data_version) is distinct from (old.custom_data, old.custom_data_version)
) execute function check_provider_custom_data();

drop trigger check_visit_change on appointments;
create trigger check_visit_change
before update of scheduled_at, duration_minutes, status, location, notes, custom_data, custom_data_version
on appointments
for each row execute function check_visit_change();
