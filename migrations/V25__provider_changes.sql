-- Who may change a provider and what, the verification of her licence, and her archiving.

insert into role_permissions (role, permission, reach) values
  ('PROVIDER', 'providers:update', 'OWN'),
  ('ADMIN', 'providers:update', 'ALL'),
  ('ADMIN', 'providers:verify', 'ALL');

alter table providers
  add column verified_at timestamptz,
  add column verified_by uuid references user_profiles (id),
  add constraint providers_verified check (is_verified or verified_at is null);

create index providers_verified_by_idx on providers (verified_by) where verified_by is not null;

-- The derived totals and the account are nobody's to write.
revoke update on providers from caretrail_app;
grant update (license_number, specialties, certifications, schedule, is_verified, verified_at, verified_by,
  custom_data, is_archived, archived_at, archived_by) on providers to caretrail_app;

drop policy providers_update on providers;
create policy providers_update on providers for update to caretrail_app
  using (
    'ALL' in ((select reach('providers:write')), (select reach('providers:update')), (select reach('providers:verify')))
    or ((select reach('providers:update')) = 'OWN' and id = (select actor_provider()))
  );

-- A provider keeps her hours and fields; what was verified about her is not hers to change. What
-- was verified was this licence: another number has to be verified again.
create function check_provider_change() returns trigger
language plpgsql as $$
begin
  if reach('providers:update') = 'OWN'
    and (new.license_number, new.certifications, new.is_verified, new.verified_at, new.verified_by, new.is_archived)
      is distinct from
      (old.license_number, old.certifications, old.is_verified, old.verified_at, old.verified_by, old.is_archived)
  then
    raise exception 'a provider changes her hours and fields'
      using errcode = 'insufficient_privilege', constraint = 'providers_own_change';
  end if;
  if new.license_number <> old.license_number then
    new.is_verified := false;
    new.verified_at := null;
    new.verified_by := null;
  end if;
  return new;
end
$$;

create trigger check_provider_change
before update of license_number, certifications, is_verified, verified_at, verified_by, is_archived on providers
for each row execute function check_provider_change();

-- Who leaves leaves no patient waiting.
create function refuse_archiving_with_visits() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if exists (
    select from appointments
    where provider_id = new.id and status = 'SCHEDULED' and not is_archived and scheduled_at > now()
  ) then
    raise exception 'visits are to come'
      using errcode = 'check_violation', constraint = 'providers_without_visits';
  end if;
  return new;
end
$$;

create trigger refuse_archiving_with_visits before update of is_archived on providers
for each row when (new.is_archived and not old.is_archived) execute function refuse_archiving_with_visits();

-- Hours are kept in a zone that the database knows, too: it checks bookings by them.
create function check_schedule() returns trigger
language plpgsql as $$
begin
  perform now() at time zone (new.schedule ->> 'time_zone');
  return new;
exception when invalid_parameter_value then
  raise exception 'an unknown time zone'
    using errcode = 'check_violation', constraint = 'providers_schedule_time_zone';
end
$$;

create trigger check_schedule before insert or update of schedule on providers
for each row when (new.schedule is not null) execute function check_schedule();

create or replace view provider_profiles with (security_invoker = true) as
select
  v.id, v.user_id, u.first_name, u.last_name, v.license_number, v.specialties, v.certifications,
  v.schedule, v.rating::float8 as rating, v.total_reviews, v.is_verified,
  v.created_at, v.updated_at, v.is_archived, v.version, v.verified_at, v.verified_by
from providers v
join user_profiles u on u.id = v.user_id;
