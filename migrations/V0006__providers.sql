-- Clinicians: one row for each user of the role PROVIDER, which the foreign key on the generated
-- `user_role` proves.

create table providers (
  id uuid primary key,
  user_id uuid not null constraint providers_user_id_key unique,
  user_role text not null generated always as ('PROVIDER') stored,
  -- Where the account came from. A trigger copies it.
  source_system text,
  is_changed_here boolean not null default false,
  license_number text not null constraint providers_license_number_key unique
    constraint providers_license_number_form check (is_identifier(license_number, 100)),
  specialties text[] not null default '{}' constraint providers_specialties_count
    check (cardinality(specialties) <= 50 and array_position(specialties, null) is null),
  certifications jsonb constraint providers_certifications_array check (jsonb_typeof(certifications) = 'array'),
  schedule jsonb constraint providers_schedule_object check (jsonb_typeof(schedule) = 'object'),
  -- Derived from the ratings of visits.
  rating numeric(3, 2) constraint providers_rating_range check (rating between 1 and 5),
  total_reviews integer not null default 0 constraint providers_total_reviews_range check (total_reviews >= 0),
  -- Whether the licence was verified, when and by whom.
  is_verified boolean not null default false,
  verified_at timestamptz,
  verified_by uuid references user_profiles (id),
  -- Why the licence no longer counts as verified.
  withdrawal_reason text constraint providers_withdrawal_reason_length
    check (length(withdrawal_reason) between 1 and 500),
  custom_data jsonb constraint providers_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  custom_data_version integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint providers_archived check (is_archived = (archived_at is not null)),
  constraint providers_custom_data_versioned check ((custom_data is null) = (custom_data_version is null)),
  constraint providers_rated check ((rating is null) = (total_reviews = 0)),
  constraint providers_verified check (is_verified or verified_at is null),
  constraint providers_withdrawn check (not is_verified or withdrawal_reason is null),
  constraint providers_user_is_provider foreign key (user_id, user_role) references user_profiles (id, role)
);

create index providers_specialties_idx on providers using gin (specialties);
create index providers_user_role_idx on providers (user_id, user_role);
create index providers_verified_by_idx on providers (verified_by) where verified_by is not null;
create index providers_archived_by_idx on providers (archived_by) where archived_by is not null;

call govern('providers');

create policy providers_read on providers for select to caretrail_app
  using (
    (select reach('providers:read')) = 'ALL' or id = (select actor_provider())
    or ((select reach('providers:read')) = 'SOURCE' and source_system = (select actor_source()))
  );
create policy providers_create on providers for insert to caretrail_app
  with check (
    (select reach('providers:write')) = 'ALL'
    or ((select reach('providers:write')) = 'SOURCE' and is_imported_by_actor(user_id))
  );
create policy providers_update on providers for update to caretrail_app
  using (
    'ALL' in ((select reach('providers:write')), (select reach('providers:update')), (select reach('providers:verify')))
    or ((select reach('providers:update')) = 'OWN' and id = (select actor_provider()))
    or ((select reach('providers:update')) = 'SOURCE' and source_system = (select actor_source()))
  );

-- Functions can't write the derived totals, and can't move a provider to another account.
grant select on providers to caretrail_app;
grant insert (id, user_id, license_number, specialties, certifications, schedule, custom_data, custom_data_version)
  on providers to caretrail_app;
grant update (
  license_number, specialties, certifications, schedule, is_verified, verified_at, verified_by,
  withdrawal_reason, custom_data, custom_data_version, is_archived, archived_at, archived_by
) on providers to caretrail_app;

create trigger follow_source before insert or update of source_system, user_id on providers
for each row execute function follow_source();

create trigger guard_import before update on providers
for each row when (new.source_system is not null) execute function guard_import(
  '{user_role,certifications,schedule,rating,total_reviews,is_verified,verified_at,verified_by,withdrawal_reason}'
);

-- Providers change their own hours and specialties, not what was verified about them. An importer verifies nobody.
-- Verification is of one licence, so a new licence number must be verified again.
create function check_provider_change() returns trigger
language plpgsql as $$
begin
  if reach('providers:update') = 'OWN'
    and (new.license_number, new.certifications, new.is_verified, new.verified_at, new.verified_by,
        new.withdrawal_reason, new.is_archived)
      is distinct from
      (old.license_number, old.certifications, old.is_verified, old.verified_at, old.verified_by,
        old.withdrawal_reason, old.is_archived)
  then
    raise exception 'providers can change only their own hours and specialties'
      using errcode = 'insufficient_privilege', constraint = 'providers_own_change';
  end if;
  if reach('providers:update') = 'SOURCE'
    and (new.is_verified, new.verified_at, new.verified_by, new.withdrawal_reason)
      is distinct from (old.is_verified, old.verified_at, old.verified_by, old.withdrawal_reason)
  then
    raise exception 'an importer verifies nobody' using errcode = 'insufficient_privilege';
  end if;
  if new.license_number <> old.license_number then
    new.is_verified := false;
    new.verified_at := null;
    new.verified_by := null;
    new.withdrawal_reason := null;
  end if;
  return new;
end
$$;

create trigger check_provider_change
before update of license_number, certifications, is_verified, verified_at, verified_by, withdrawal_reason,
  is_archived on providers
for each row execute function check_provider_change();

create function check_provider_custom_data() returns trigger
language plpgsql as $$
begin
  if reach('providers:update') = 'OWN' then
    raise exception 'providers can''t change their own custom data'
      using errcode = 'insufficient_privilege', constraint = 'providers_own_change';
  end if;
  return new;
end
$$;

create trigger check_provider_custom_data before update of custom_data, custom_data_version on providers
for each row when (
  (new.custom_data, new.custom_data_version) is distinct from (old.custom_data, old.custom_data_version)
) execute function check_provider_custom_data();

-- PostgreSQL checks bookings by this schedule, so it must know its time zone. It reads some names, such
-- as CET, as abbreviations of a fixed offset, where elsewhere they are zones with summer time. Those are
-- refused.
create function check_schedule() returns trigger
language plpgsql as $$
begin
  perform now() at time zone (new.schedule ->> 'time_zone');
  if exists (
    select from pg_timezone_abbrevs
    where abbrev = upper(new.schedule ->> 'time_zone') and abbrev not in ('UTC', 'GMT')
  ) then
    raise invalid_parameter_value;
  end if;
  if coalesce((new.schedule ->> 'lead_minutes')::integer, 60)
      >= 1440 * coalesce((new.schedule ->> 'horizon_days')::integer, 548) then
    raise exception 'the minimum notice leaves no time to book'
      using errcode = 'check_violation', constraint = 'providers_schedule_horizon';
  end if;
  return new;
exception when invalid_parameter_value then
  raise exception 'the time zone is unknown'
    using errcode = 'check_violation', constraint = 'providers_schedule_time_zone';
end
$$;

create trigger check_schedule before insert or update of schedule on providers
for each row when (new.schedule is not null) execute function check_schedule();

-- Providers joined with their identity, as the API shows them, under the caller's own policies. Only the
-- provider and users who verify licences see the withdrawal reason.
create view provider_profiles with (security_invoker = true) as
select
  v.id, v.user_id, u.first_name, u.last_name, v.license_number, v.specialties, v.certifications,
  v.schedule, v.rating::float8 as rating, v.total_reviews, v.is_verified,
  v.created_at, v.updated_at, v.is_archived, v.version, v.verified_at, v.verified_by,
  v.custom_data, v.custom_data_version,
  case when v.id = actor_provider() or reach('providers:verify') = 'ALL' then v.withdrawal_reason end
    as withdrawal_reason
from providers v
join user_profiles u on u.id = v.user_id;

grant select on provider_profiles to caretrail_app;

-- For `describe_attempt`: one row if the provider exists. A provider belongs to no patient.
create function target_provider(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select null::uuid from providers v where v.id = target;
end
$$;
