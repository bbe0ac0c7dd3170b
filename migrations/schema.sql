-- The schema that the migrations make, for reading; it can't be run. The migrations have the functions'
-- bodies and the reasons, bootstrap.sql the roles. This file is written from the database's catalog:
--
--   UPDATE=1 cargo test --workspace --test scenarios schema_file

-- Types

create type access_explanation as enum ('OWN_CHART', 'REPRESENTATIVE', 'ASSIGNMENT', 'VISIT', 'AUTHOR', 'BOOKING', 'GRANTED_CARE', 'OFFICE', 'EMERGENCY', 'CARE_TEAM');
create type accounting_status as enum ('AWAITING_CONSENT', 'OPEN', 'PROVIDED', 'WITHDRAWN');
create type actor_relation as enum ('SELF', 'CARE', 'REPRESENTATION', 'EMERGENCY', 'OFFICE');
create type administrative_gender as enum ('male', 'female', 'other', 'unknown');
create type alert_disposition as enum ('JUSTIFIED', 'EDUCATION', 'POLICY_VIOLATION', 'FALSE_ALARM');
create type alert_status as enum ('OPEN', 'ACKNOWLEDGED', 'ASSIGNED', 'RESOLVED');
create type amendment_denial_ground as enum ('NOT_CREATED_HERE', 'NOT_IN_RECORD_SET', 'NOT_OPEN_TO_ACCESS', 'ACCURATE_AND_COMPLETE');
create type amendment_field as enum ('NAME', 'DATE_OF_BIRTH', 'GENDER', 'MEDICAL_HISTORY', 'ALLERGIES', 'HEALTH_GOALS', 'RISK_FACTORS');
create type amendment_origin as enum ('REQUEST', 'OTHER_ENTITY');
create type amendment_recipient_source as enum ('NAMED', 'KNOWN');
create type amendment_requester as enum ('PATIENT', 'REPRESENTATIVE', 'STAFF');
create type amendment_status as enum ('REQUESTED', 'ACCEPTED', 'PARTLY_ACCEPTED', 'DENIED');
create type appointment_status as enum ('SCHEDULED', 'CHECKED_IN', 'COMPLETED', 'CANCELLED', 'NO_SHOW');
create type audit_action as enum ('CREATE', 'READ', 'UPDATE', 'DELETE', 'SEARCH', 'DISCLOSE', 'PROCESS');
create type audit_outcome as enum ('SUCCESS', 'DENIED', 'FAILURE');
create type audit_resource as enum ('USER', 'ROLE', 'PATIENT', 'PROVIDER', 'APPOINTMENT', 'MEDICAL_RECORD', 'FILE', 'AUDIT_LOG', 'CUSTOM_DATA_SCHEMA', 'IDEMPOTENCY_KEY', 'LEGAL_HOLD', 'RETENTION', 'EVENT', 'WEBHOOK', 'ALERT', 'ALERT_RULE', 'EMERGENCY_ACCESS', 'INCIDENT', 'ACTIVITY_REVIEW', 'EXPORT', 'AMENDMENT', 'REPRESENTATIVE', 'DISCLOSURE');
create type care_basis as enum ('ASSIGNMENT', 'VISIT', 'REFERRAL', 'COVER', 'EMERGENCY');
create type delay_statement as enum ('WRITTEN', 'ORAL');
create type denial_ground as enum ('PSYCHOTHERAPY_NOTES', 'LEGAL_PROCEEDING', 'INMATE', 'RESEARCH', 'PRIVACY_ACT', 'CONFIDENTIAL_SOURCE', 'ENDANGERS_LIFE', 'HARMS_ANOTHER_PERSON', 'REPRESENTATIVE_MAY_HARM');
create type disclosure_basis as enum ('TREATMENT', 'PAYMENT', 'OPERATIONS', 'INDIVIDUAL', 'INCIDENTAL', 'AUTHORIZATION', 'DIRECTORY', 'NATIONAL_SECURITY', 'CUSTODY', 'LIMITED_DATA_SET', 'REQUIRED_BY_LAW', 'PUBLIC_HEALTH', 'ABUSE_REPORT', 'HEALTH_OVERSIGHT', 'JUDICIAL', 'LAW_ENFORCEMENT', 'DECEDENT', 'ORGAN_DONATION', 'RESEARCH', 'SERIOUS_THREAT', 'GOVERNMENT_FUNCTION', 'WORKERS_COMPENSATION', 'HHS_INVESTIGATION', 'IMPERMISSIBLE');
create type emergency_reason as enum ('LIFE_THREATENING', 'URGENT_TREATMENT', 'PATIENT_UNRESPONSIVE', 'CARE_TEAM_UNAVAILABLE', 'OTHER');
create type emergency_review as enum ('APPROVED', 'INCIDENT_OPENED');
create type event_type as enum ('appointment.booked.v1', 'appointment.moved.v1', 'appointment.checked-in.v1', 'appointment.completed.v1', 'appointment.missed.v1', 'appointment.cancelled.v1', 'appointment.changed.v1', 'appointment.archived.v1', 'appointment.restored.v1', 'appointment.deleted.v1', 'appointment.due.v1', 'record.added.v1', 'record.changed.v1', 'record.held.v1', 'record.released.v1', 'record.archived.v1', 'record.restored.v1', 'record.deleted.v1', 'file.announced.v1', 'file.uploaded.v1', 'file.available.v1', 'file.rejected.v1', 'file.quarantined.v1', 'file.expired.v1', 'file.changed.v1', 'file.archived.v1', 'file.restored.v1', 'file.deleted.v1', 'patient.registered.v1', 'patient.duplicates-found.v1', 'patient.changed.v1', 'patient.archived.v1', 'patient.restored.v1', 'patient.deleted.v1', 'care.given.v1', 'care.changed.v1', 'care.suspended.v1', 'care.resumed.v1', 'care.ended.v1', 'care.deleted.v1', 'provider.registered.v1', 'provider.verified.v1', 'provider.verification-withdrawn.v1', 'provider.changed.v1', 'provider.archived.v1', 'provider.restored.v1', 'provider.deleted.v1', 'account.created.v1', 'account.role-changed.v1', 'account.status-changed.v1', 'account.changed.v1', 'account.archived.v1', 'account.restored.v1', 'account.deleted.v1', 'role.created.v1', 'role.changed.v1', 'webhook.created.v1', 'webhook.changed.v1', 'webhook.enabled.v1', 'webhook.disabled.v1', 'webhook.secret-rotated.v1', 'webhook.test.v1', 'webhook.archived.v1', 'alert.raised.v1', 'alert.changed.v1', 'emergency-access.granted.v1', 'emergency-access.revoked.v1', 'emergency-access.reviewed.v1', 'incident.opened.v1', 'incident.changed.v1', 'representative.entered.v1', 'representative.confirmed.v1', 'representative.ended.v1', 'export.requested.v1', 'export.changed.v1', 'amendment.requested.v1', 'amendment.changed.v1', 'accounting.requested.v1', 'accounting.changed.v1');
create type export_status as enum ('REQUESTED', 'BUILDING', 'READY', 'DENIED', 'ATTACHED');
create type file_owner_type as enum ('PATIENT', 'PROVIDER', 'APPOINTMENT');
create type file_scan as enum ('UNSCANNED', 'CLEAN', 'INFECTED');
create type file_status as enum ('PENDING', 'SCANNING', 'AVAILABLE', 'QUARANTINED', 'REJECTED', 'EXPIRED');
create type hold_reason as enum ('patient_request', 'harm_prevention', 'privacy', 'law');
create type incident_decision as enum ('BREACH', 'LOW_PROBABILITY', 'UNINTENTIONAL_ACCESS', 'INADVERTENT_DISCLOSURE', 'NOT_RETAINED', 'SECURED_DATA', 'PERMITTED_USE');
create type incident_status as enum ('OPEN', 'ASSESSED', 'NOTIFYING', 'CLOSED');
create type key_purpose as enum ('TICKET', 'SEAL');
create type notice_means as enum ('FIRST_CLASS_MAIL', 'EMAIL', 'SUBSTITUTE', 'URGENT_CALL', 'WEB_PORTAL', 'PRESS_RELEASE');
create type notice_recipient as enum ('PATIENT', 'HHS', 'MEDIA');
create type permission_reach as enum ('OWN', 'CARE', 'SOURCE', 'ALL');
create type purpose_of_use as enum ('TREAT', 'ETREAT', 'HPAYMT', 'HOPERAT', 'HSYSADMIN', 'HCOMPL', 'HRESCH', 'PATRQT', 'FAMRQT', 'BTG');
create type record_type as enum ('DIAGNOSIS', 'TREATMENT', 'SUMMARY', 'LAB_RESULT', 'PRESCRIPTION', 'IMAGING', 'NOTE', 'IMMUNIZATION', 'CARE_PLAN');
create type representative_basis as enum ('PARENT', 'GUARDIAN', 'HEALTH_CARE_PROXY', 'EXECUTOR');
create type representative_scope as enum ('ALL', 'READ');
create type retained_type as enum ('FILE', 'MEDICAL_RECORD', 'APPOINTMENT', 'PATIENT', 'PROVIDER', 'USER', 'AUDIT_LOG');
create type review_outcome as enum ('UPHELD', 'OVERTURNED');
create type risk_level as enum ('LOW', 'MEDIUM', 'HIGH');
create type shield_reason as enum ('minor_consent', 'court', 'parent_agreed', 'law', 'endangerment');
create type user_status as enum ('ACTIVE', 'INACTIVE', 'SUSPENDED');
create type webhook_disabled_reason as enum ('REQUESTED', 'FAILED', 'GONE');
create type webhook_outcome as enum ('ACCEPTED', 'REFUSED', 'TIMED_OUT', 'UNREACHABLE', 'FORBIDDEN', 'EXPIRED');
create type webhook_status as enum ('ACTIVE', 'DISABLED');

-- Tables and views
--
-- A view is listed by its columns. audit_logs has a partition for each month, which ensure-audit-partitions
-- makes. business_events and webhook_deliveries have one for each week, which expire-events makes.

create table signing_keys (
  purpose key_purpose not null,
  key bytea not null,
  added_at timestamptz not null default clock_timestamp(),
  constraint signing_keys_pkey primary key (purpose, key),
  constraint signing_keys_key_length check (octet_length(key) = 32)
);
alter table signing_keys enable row level security, force row level security;
create policy actor_proven on signing_keys as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on signing_keys for all to caretrail_owner using (true) with check (true);

create table roles (
  name text not null,
  description text not null,
  version integer not null default 1,
  is_fixed boolean not null default false,
  constraint roles_pkey primary key (name),
  constraint roles_description_length check (length(description) >= 1 and length(description) <= 500),
  constraint roles_name_format check (name ~ '^[A-Z][A-Z_]{1,49}$')
);
alter table roles enable row level security, force row level security;
create policy actor_proven on roles as restrictive for all to caretrail_app using ((select actor_is_proven()));
create policy owner_all on roles for all to caretrail_owner using (true) with check (true);
create policy roles_read on roles for select to caretrail_app using (true);
create trigger announce after insert or update on roles for each row execute function announce_role();
grant select on roles to caretrail_app;

create table permissions (
  name text not null,
  reaches permission_reach[] not null,
  constraint permissions_pkey primary key (name)
);
alter table permissions enable row level security, force row level security;
create policy actor_proven on permissions as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on permissions for all to caretrail_owner using (true) with check (true);
create policy permissions_read on permissions for select to caretrail_app using (true);
grant select on permissions to caretrail_app;

create table role_permissions (
  role text not null,
  permission text not null,
  reach permission_reach not null,
  constraint role_permissions_pkey primary key (role, permission),
  constraint role_permissions_known foreign key (permission) references permissions (name),
  constraint role_permissions_role_fkey foreign key (role) references roles (name),
  constraint role_permissions_permission_format check (permission ~ '^[a-z-]+:[a-z-]+$')
);
create index role_permissions_permission_idx on role_permissions (permission);
alter table role_permissions enable row level security, force row level security;
create policy actor_proven on role_permissions as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on role_permissions for all to caretrail_owner using (true) with check (true);
create policy role_permissions_read on role_permissions for select to caretrail_app using (true);
create trigger check_grant before insert or update on role_permissions
  for each row
  execute function check_grant();
create trigger derive_role_reach after insert or delete or update on role_permissions
  for each row
  execute function derive_role_reach();
grant select on role_permissions to caretrail_app;

create table role_reach (
  role text not null,
  permissions jsonb not null,
  needs_second_factor boolean not null,
  constraint role_reach_pkey primary key (role),
  constraint role_reach_role_fkey foreign key (role) references roles (name)
);
alter table role_reach enable row level security, force row level security;
create policy actor_proven on role_reach as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on role_reach for all to caretrail_owner using (true) with check (true);

create table user_profiles (
  id uuid not null,
  subject uuid,
  username text,
  notification_email text,
  first_name text,
  last_name text,
  sort_name text collate "C" not null generated always as (("left"(replace(folded(coalesce(last_name, first_name, '')), '''', ''), 100) || ' ') || case when last_name is null or first_name is null then '' else "left"(replace(folded(first_name), '''', ''), 100) end) stored,
  role text not null,
  made_by uuid,
  proposed_subject uuid,
  proposed_by uuid,
  awaits_approval boolean not null default false,
  status user_status not null default 'ACTIVE',
  source_system text,
  external_id text,
  is_changed_here boolean not null default false,
  imports_from text,
  access_ends_at timestamptz,
  visits_give_care boolean not null default false,
  phone text,
  address jsonb,
  preferences jsonb,
  custom_data jsonb,
  custom_data_version integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid,
  version integer not null default 1,
  constraint user_profiles_pkey primary key (id),
  constraint user_profiles_id_role_key unique (id, role),
  constraint user_profiles_subject_key unique (subject),
  constraint user_profiles_archived_by_fkey foreign key (archived_by) references user_profiles (id),
  constraint user_profiles_made_by_fkey foreign key (made_by) references user_profiles (id),
  constraint user_profiles_proposed_by_fkey foreign key (proposed_by) references user_profiles (id),
  constraint user_profiles_role_fkey foreign key (role) references roles (name),
  constraint user_profiles_address_object check (jsonb_typeof(address) = 'object'),
  constraint user_profiles_archived check (is_archived = (archived_at is not null)),
  constraint user_profiles_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  constraint user_profiles_custom_data_versioned check ((custom_data is null) = (custom_data_version is null)),
  constraint user_profiles_documents_size check (
    (coalesce(octet_length(address::text), 0) + coalesce(octet_length(preferences::text), 0) + coalesce(octet_length(custom_data::text), 0)) <= 262144
  ),
  constraint user_profiles_external_id_form check (is_identifier(external_id, 255)),
  constraint user_profiles_first_name_length check (length(first_name) >= 1 and length(first_name) <= 100),
  constraint user_profiles_imported check ((external_id is null) = (source_system is null)),
  constraint user_profiles_imports_from_form check (is_identifier(imports_from, 255)),
  constraint user_profiles_last_name_length check (length(last_name) >= 1 and length(last_name) <= 100),
  constraint user_profiles_named check (first_name is not null or last_name is not null),
  constraint user_profiles_notification_email_format check (
    length(notification_email) <= 254
    and notification_email ~ '^[^@[:space:]]+@[^@[:space:]]+$'
  ),
  constraint user_profiles_phone_length check (length(phone) >= 1 and length(phone) <= 50),
  constraint user_profiles_preferences_object check (jsonb_typeof(preferences) = 'object'),
  constraint user_profiles_proposed check ((proposed_by is not null) = (awaits_approval or proposed_subject is not null)),
  constraint user_profiles_role_personal check (role <> 'SYSTEM'),
  constraint user_profiles_source_system_form check (is_identifier(source_system, 255)),
  constraint user_profiles_username_format check (length(username) <= 254 and username ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  constraint user_profiles_visits_give_care check (not visits_give_care or imports_from is not null)
);
create index user_profiles_archived_by_idx on user_profiles (archived_by) where archived_by is not null;
create index user_profiles_archived_idx on user_profiles (archived_at, id) where is_archived;
create unique index user_profiles_external_id_key on user_profiles (external_id, source_system, archived_at) nulls not distinct where external_id is not null;
create index user_profiles_made_by_idx on user_profiles (made_by) where made_by is not null;
create index user_profiles_proposed_idx on user_profiles (proposed_by, id) where proposed_by is not null;
create index user_profiles_role_idx on user_profiles (role, id);
create index user_profiles_sort_name_idx on user_profiles (role, sort_name, id);
create index user_profiles_source_idx on user_profiles (source_system, id) where source_system is not null;
create unique index user_profiles_username_key on user_profiles (lower(username));
alter table user_profiles enable row level security, force row level security;
create policy actor_proven on user_profiles as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on user_profiles for all to caretrail_owner using (true) with check (true);
create policy user_profiles_create on user_profiles for insert to caretrail_app
  with check (
    (select reach('users:write')) = 'ALL'
    or (select reach('users:write')) = 'SOURCE'
    and source_system = (select actor_source())
    and subject is null
    and username is null
  );
create policy user_profiles_read on user_profiles for select to caretrail_app
  using (sees_user(id, role, source_system));
create policy user_profiles_update on user_profiles for update to caretrail_app
  using (
    ('ALL' = any (array[(select reach('users:write')), (select reach('users:update'))]))
    and (id = (select actor_user())
      or keeps_role(role))
    or id = (select actor_user())
    and (select reach('users:update')) = 'OWN'
    or source_system = (select actor_source())
    and (select reach('users:update')) = 'SOURCE'
  )
  with check (
    ('ALL' = any (array[(select reach('users:write')), (select reach('users:update'))]))
    or id = (select actor_user())
    and (select reach('users:update')) = 'OWN'
    or source_system = (select actor_source())
    and (select reach('users:update')) = 'SOURCE'
  );
create trigger announce after insert or delete or update on user_profiles
  for each row
  execute function announce_account();
create trigger check_account_changed before update of role, subject, access_ends_at, visits_give_care on user_profiles
  for each row
  when (
    not by_migration()
    and current_user <> 'caretrail_owner'
    and (new.role is distinct from old.role
      or new.subject is distinct from old.subject
      or new.access_ends_at is distinct from old.access_ends_at
      or new.visits_give_care is distinct from old.visits_give_care)
  )
  execute function check_account();
create trigger check_account_made before insert on user_profiles
  for each row
  when (not by_migration())
  execute function check_account();
create trigger check_import before insert on user_profiles
  for each row
  when (new.external_id is not null)
  execute function check_import();
create trigger check_importer before insert or update of role, imports_from, access_ends_at on user_profiles
  for each row
  execute function check_importer();
create trigger follow_role after update on user_profiles
  for each row
  when (new.role <> old.role)
  execute function follow_role();
create trigger guard_deletion before delete on user_profiles for each row execute function guard_deletion();
create trigger guard_import before update on user_profiles
  for each row
  when (new.source_system is not null)
  execute function guard_import('{sort_name,role,subject,username,made_by,proposed_subject,proposed_by,awaits_approval,status}');
create trigger guard_user before update on user_profiles for each row execute function guard_user();
create trigger hold_standing before update of subject, role, status, is_archived on user_profiles
  for each row
  when (
    not by_migration()
    and (new.subject is distinct from old.subject
      or new.role is distinct from old.role
      or new.status is distinct from old.status
      or new.is_archived is distinct from old.is_archived)
  )
  execute function hold_standing();
create trigger keep_external_id before insert on user_profiles
  for each row
  when (new.external_id is not null)
  execute function keep_external_id();
create trigger keep_words_changed after update on user_profiles
  for each row
  when (
    new.first_name is distinct from old.first_name
    or new.last_name is distinct from old.last_name
  )
  execute function keep_words();
create trigger keep_words_made after insert on user_profiles for each row execute function keep_words();
create trigger refuse_archiving_with_visits before update of is_archived on user_profiles
  for each row
  when (new.is_archived and not old.is_archived)
  execute function refuse_archiving_with_visits();
create trigger refuse_truncate before truncate on user_profiles
  for each statement
  execute function refuse_truncate();
create trigger touch before update on user_profiles for each row execute function touch();
grant select on user_profiles to caretrail_app;
grant insert
  (id, subject, username, notification_email, first_name, last_name, role, source_system, external_id, imports_from, access_ends_at, visits_give_care, phone, address, preferences, custom_data, custom_data_version)
  on user_profiles to caretrail_app;
grant update
  (subject, username, notification_email, first_name, last_name, role, status, access_ends_at, visits_give_care, phone, address, preferences, custom_data, custom_data_version, is_archived, archived_at, archived_by)
  on user_profiles to caretrail_app;

create table role_keepers (
  keeper text not null,
  kept text not null,
  constraint role_keepers_pkey primary key (keeper, kept),
  constraint role_keepers_keeper_fkey foreign key (keeper) references roles (name),
  constraint role_keepers_kept_fkey foreign key (kept) references roles (name)
);
create index role_keepers_kept_idx on role_keepers (kept);
alter table role_keepers enable row level security, force row level security;
create policy actor_proven on role_keepers as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on role_keepers for all to caretrail_owner using (true) with check (true);

create table providers (
  id uuid not null,
  user_id uuid not null,
  user_role text not null generated always as ('PROVIDER') stored,
  source_system text,
  is_changed_here boolean not null default false,
  license_number text not null,
  specialties text[] not null default '{}',
  certifications jsonb,
  schedule jsonb,
  rating numeric(3,2),
  total_reviews integer not null default 0,
  is_verified boolean not null default false,
  verified_at timestamptz,
  verified_by uuid,
  withdrawal_reason text,
  custom_data jsonb,
  custom_data_version integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid,
  version integer not null default 1,
  constraint providers_pkey primary key (id),
  constraint providers_license_number_key unique (license_number),
  constraint providers_user_id_key unique (user_id),
  constraint providers_archived_by_fkey foreign key (archived_by) references user_profiles (id),
  constraint providers_user_is_provider foreign key (user_id, user_role) references user_profiles (id, role),
  constraint providers_verified_by_fkey foreign key (verified_by) references user_profiles (id),
  constraint providers_archived check (is_archived = (archived_at is not null)),
  constraint providers_certifications_array check (jsonb_typeof(certifications) = 'array'),
  constraint providers_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  constraint providers_custom_data_versioned check ((custom_data is null) = (custom_data_version is null)),
  constraint providers_documents_size check (
    (coalesce(octet_length(specialties::text), 0) + coalesce(octet_length(certifications::text), 0) + coalesce(octet_length(schedule::text), 0) + coalesce(octet_length(custom_data::text), 0)) <= 262144
  ),
  constraint providers_license_number_form check (is_identifier(license_number, 100)),
  constraint providers_rated check ((rating is null) = (total_reviews = 0)),
  constraint providers_rating_range check (rating >= 1::numeric and rating <= 5::numeric),
  constraint providers_schedule_object check (jsonb_typeof(schedule) = 'object'),
  constraint providers_specialties_count check (cardinality(specialties) <= 50 and array_position(specialties, null::text) is null),
  constraint providers_total_reviews_range check (total_reviews >= 0),
  constraint providers_verified check (is_verified or verified_at is null),
  constraint providers_withdrawal_reason_length check (length(withdrawal_reason) >= 1 and length(withdrawal_reason) <= 500),
  constraint providers_withdrawn check (not is_verified or withdrawal_reason is null)
);
create index providers_archived_by_idx on providers (archived_by) where archived_by is not null;
create index providers_archived_idx on providers (archived_at, id) where is_archived;
create index providers_specialties_idx on providers using gin (specialties);
create index providers_user_role_idx on providers (user_id, user_role);
create index providers_verified_by_idx on providers (verified_by) where verified_by is not null;
alter table providers enable row level security, force row level security;
create policy actor_proven on providers as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on providers for all to caretrail_owner using (true) with check (true);
create policy providers_create on providers for insert to caretrail_app
  with check (
    (select reach('providers:write')) = 'ALL'
    or (select reach('providers:write')) = 'SOURCE'
    and is_imported_by_actor(user_id)
  );
create policy providers_read on providers for select to caretrail_app
  using (
    (select reach('providers:read')) = 'ALL'
    or id = (select actor_provider())
    or (select reach('providers:read')) = 'SOURCE'
    and source_system = (select actor_source())
  );
create policy providers_update on providers for update to caretrail_app
  using (
    ('ALL' = any (array[(select reach('providers:write')), (select reach('providers:update')), (select reach('providers:verify'))]))
    or (select reach('providers:update')) = 'OWN'
    and id = (select actor_provider())
    or (select reach('providers:update')) = 'SOURCE'
    and source_system = (select actor_source())
  );
create trigger announce after insert or delete or update on providers
  for each row
  execute function announce_provider();
create trigger check_provider_change before update of license_number, certifications, is_verified, verified_at, verified_by, withdrawal_reason, is_archived on providers
  for each row
  execute function check_provider_change();
create trigger check_provider_custom_data before update of custom_data, custom_data_version on providers
  for each row
  when (
    new.custom_data is distinct from old.custom_data
    or new.custom_data_version is distinct from old.custom_data_version
  )
  execute function check_provider_custom_data();
create trigger check_schedule before insert or update of schedule on providers
  for each row
  when (new.schedule is not null)
  execute function check_schedule();
create trigger follow_licence_changed after update on providers
  for each row
  when (
    new.user_id is distinct from old.user_id
    or new.is_verified is distinct from old.is_verified
    or new.is_archived is distinct from old.is_archived
  )
  execute function follow_licence();
create trigger follow_licence_registered after insert on providers
  for each row
  execute function follow_licence();
create trigger follow_source before insert or update of source_system, user_id on providers
  for each row
  execute function follow_source();
create trigger guard_deletion before delete on providers for each row execute function guard_deletion();
create trigger guard_import before update on providers
  for each row
  when (new.source_system is not null)
  execute function guard_import('{user_role,certifications,schedule,rating,total_reviews,is_verified,verified_at,verified_by,withdrawal_reason}');
create trigger refuse_archiving_with_visits before update of is_archived on providers
  for each row
  when (new.is_archived and not old.is_archived)
  execute function refuse_archiving_with_visits();
create trigger refuse_truncate before truncate on providers
  for each statement
  execute function refuse_truncate();
create trigger touch before update on providers for each row execute function touch();
create trigger watch_licence after update on providers
  for each row
  when (old.is_verified and not old.is_archived and (not new.is_verified or new.is_archived))
  execute function watch_licence();
grant select on providers to caretrail_app;
grant insert
  (id, user_id, license_number, specialties, certifications, schedule, custom_data, custom_data_version)
  on providers to caretrail_app;
grant update
  (license_number, specialties, certifications, schedule, is_verified, verified_at, verified_by, withdrawal_reason, custom_data, custom_data_version, is_archived, archived_at, archived_by)
  on providers to caretrail_app;

create view provider_profiles with (security_invoker=true) (
  id uuid,
  user_id uuid,
  first_name text,
  last_name text,
  license_number text,
  specialties text[],
  certifications jsonb,
  schedule jsonb,
  rating double precision,
  total_reviews integer,
  is_verified boolean,
  created_at timestamptz,
  updated_at timestamptz,
  is_archived boolean,
  version integer,
  verified_at timestamptz,
  verified_by uuid,
  custom_data jsonb,
  custom_data_version integer,
  withdrawal_reason text
);
grant select on provider_profiles to caretrail_app;

create table patients (
  id uuid not null,
  user_id uuid not null,
  user_role text not null generated always as ('PATIENT') stored,
  source_system text,
  is_changed_here boolean not null default false,
  patient_number text not null,
  date_of_birth text collate "C" not null,
  gender administrative_gender not null,
  deceased jsonb,
  medical_history jsonb,
  allergies jsonb,
  assigned_providers uuid[] not null default '{}',
  health_goals jsonb,
  risk_factors jsonb,
  custom_data jsonb,
  custom_data_version integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid,
  version integer not null default 1,
  constraint patients_pkey primary key (id),
  constraint patients_id_user_id_key unique (id, user_id),
  constraint patients_patient_number_key unique (patient_number),
  constraint patients_user_id_key unique (user_id),
  constraint patients_archived_by_fkey foreign key (archived_by) references user_profiles (id),
  constraint patients_user_is_patient foreign key (user_id, user_role) references user_profiles (id, role),
  constraint patients_allergies_array check (jsonb_typeof(allergies) = 'array'),
  constraint patients_archived check (is_archived = (archived_at is not null)),
  constraint patients_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  constraint patients_custom_data_versioned check ((custom_data is null) = (custom_data_version is null)),
  constraint patients_date_of_birth_range check (
    case
    when date_of_birth ~ '^[0-9]{4}(-[0-9]{2}){0,2}$' then first_day(date_of_birth) >= '1850-01-01'
    else false
    end
  ),
  constraint patients_deceased_object check (jsonb_typeof(deceased) = 'object'),
  constraint patients_documents_size check (
    (coalesce(octet_length(deceased::text), 0) + coalesce(octet_length(medical_history::text), 0) + coalesce(octet_length(allergies::text), 0) + coalesce(octet_length(health_goals::text), 0) + coalesce(octet_length(risk_factors::text), 0) + coalesce(octet_length(custom_data::text), 0)) <= 262144
  ),
  constraint patients_health_goals_array check (jsonb_typeof(health_goals) = 'array'),
  constraint patients_medical_history_array check (jsonb_typeof(medical_history) = 'array'),
  constraint patients_patient_number_form check (is_identifier(patient_number, 100)),
  constraint patients_risk_factors_array check (jsonb_typeof(risk_factors) = 'array')
);
create index patients_archived_by_idx on patients (archived_by) where archived_by is not null;
create index patients_archived_idx on patients (archived_at, id) where is_archived;
create index patients_assigned_providers_idx on patients using gin (assigned_providers);
create index patients_date_of_birth_idx on patients (date_of_birth);
create index patients_source_idx on patients (source_system, id) where source_system is not null;
create index patients_user_role_idx on patients (user_id, user_role);
alter table patients enable row level security, force row level security;
create policy actor_proven on patients as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on patients for all to caretrail_owner using (true) with check (true);
create policy patients_create on patients for insert to caretrail_app
  with check (
    (select reach('patients:write')) = 'ALL'
    or (select reach('patients:write')) = 'SOURCE'
    and is_imported_by_actor(user_id)
  );
create policy patients_read on patients for select to caretrail_app using (reaches('patients:read', id));
create policy patients_update on patients for update to caretrail_app
  using (
    reaches('patients:write', id)
    or reaches('patients:update', id)
    or (select reach('patients:assign')) = 'ALL'
  )
  with check (
    reaches('patients:write', id)
    or reaches('patients:update', id)
    or (select reach('patients:assign')) = 'ALL'
  );
create trigger announce after insert or delete or update on patients
  for each row
  execute function announce_patient();
create trigger check_assigned_providers before insert or update of assigned_providers on patients
  for each row
  when (new.assigned_providers <> '{}')
  execute function check_assigned_providers();
create trigger check_birth before insert or update of date_of_birth, deceased on patients
  for each row
  execute function check_birth();
create trigger follow_assignments_changed after update on patients
  for each row
  when (
    new.assigned_providers is distinct from old.assigned_providers
    or new.is_archived is distinct from old.is_archived
  )
  execute function follow_assignments();
create trigger follow_assignments_made after insert on patients
  for each row
  when (new.assigned_providers <> '{}')
  execute function follow_assignments();
create trigger follow_represented after update of date_of_birth, deceased on patients
  for each row
  when (new.date_of_birth <> old.date_of_birth or (new.deceased is null) <> (old.deceased is null))
  execute function follow_represented();
create trigger follow_source before insert or update of source_system, user_id on patients
  for each row
  execute function follow_source();
create trigger guard_deletion before delete on patients for each row execute function guard_deletion();
create trigger guard_import before update on patients
  for each row
  when (new.source_system is not null)
  execute function guard_import('{user_role,assigned_providers}');
create trigger guard_patient before update on patients for each row execute function guard_patient();
create trigger refuse_archiving_with_visits before update of is_archived on patients
  for each row
  when (new.is_archived and not old.is_archived)
  execute function refuse_archiving_with_visits();
create trigger refuse_truncate before truncate on patients
  for each statement
  execute function refuse_truncate();
create trigger touch before update on patients for each row execute function touch();
grant insert, select, update on patients to caretrail_app;

create view patient_profiles with (security_invoker=true) (
  id uuid,
  user_id uuid,
  first_name text,
  last_name text,
  patient_number text,
  date_of_birth text collate "C",
  gender text,
  deceased jsonb,
  assigned_providers uuid[],
  medical_history jsonb,
  allergies jsonb,
  health_goals jsonb,
  risk_factors jsonb,
  created_at timestamptz,
  updated_at timestamptz,
  is_archived boolean,
  version integer,
  custom_data jsonb,
  custom_data_version integer
);
grant select on patient_profiles to caretrail_app;

create table appointments (
  id uuid not null,
  patient_id uuid not null,
  provider_id uuid not null,
  scheduled_at timestamptz not null,
  duration_minutes integer not null,
  slot tstzrange not null,
  status appointment_status not null default 'SCHEDULED',
  location jsonb,
  notes text,
  change_reason text,
  rating integer,
  rated_at timestamptz,
  is_changed_here boolean not null default false,
  source_system text,
  external_id text,
  custom_data jsonb,
  custom_data_version integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid,
  version integer not null default 1,
  constraint appointments_pkey primary key (id),
  constraint appointments_external_id_key unique (external_id, source_system),
  constraint appointments_id_patient_id_key unique (id, patient_id),
  constraint appointments_patient_no_overlap exclude using gist (patient_id with =, slot with &&) where (status = any (array['SCHEDULED', 'CHECKED_IN'])),
  constraint appointments_provider_no_overlap exclude using gist (provider_id with =, slot with &&) where (status = any (array['SCHEDULED', 'CHECKED_IN'])),
  constraint appointments_archived_by_fkey foreign key (archived_by) references user_profiles (id),
  constraint appointments_patient_id_fkey foreign key (patient_id) references patients (id),
  constraint appointments_provider_id_fkey foreign key (provider_id) references providers (id),
  constraint appointments_archived check (is_archived = (archived_at is not null)),
  constraint appointments_archived_settled check (not (is_archived and (status = any (array['SCHEDULED', 'CHECKED_IN'])))),
  constraint appointments_change_reason_length check (length(change_reason) >= 1 and length(change_reason) <= 500),
  constraint appointments_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  constraint appointments_custom_data_versioned check ((custom_data is null) = (custom_data_version is null)),
  constraint appointments_documents_size check (
    (coalesce(octet_length(location::text), 0) + coalesce(octet_length(custom_data::text), 0)) <= 262144
  ),
  constraint appointments_duration_minutes_range check (duration_minutes >= 1 and duration_minutes <= 1440),
  constraint appointments_external_id_form check (is_identifier(external_id, 255)),
  constraint appointments_imported check ((external_id is null) = (source_system is null)),
  constraint appointments_location_object check (jsonb_typeof(location) = 'object'),
  constraint appointments_notes_length check (length(notes) <= 10000),
  constraint appointments_rated check ((rating is null) = (rated_at is null)),
  constraint appointments_rated_completed check (rating is null or status = 'COMPLETED'),
  constraint appointments_rating_range check (rating >= 1 and rating <= 5),
  constraint appointments_scheduled_at_range check (scheduled_at >= '1850-01-01 00:00:00+00' and scheduled_at < '2200-01-01 00:00:00+00'),
  constraint appointments_source_system_form check (is_identifier(source_system, 255))
);
create index appointments_archived_by_idx on appointments (archived_by) where archived_by is not null;
create index appointments_archived_idx on appointments (archived_at, id) where is_archived;
create index appointments_cancelled_idx on appointments (scheduled_at, id) where status = 'CANCELLED';
create index appointments_checked_in_idx on appointments (scheduled_at, id) where status = 'CHECKED_IN';
create index appointments_no_show_idx on appointments (scheduled_at, id) where status = 'NO_SHOW';
create index appointments_patient_idx on appointments (patient_id, scheduled_at, id) include (is_archived);
create index appointments_patient_to_come_idx on appointments (patient_id, scheduled_at, id) where status = 'SCHEDULED';
create index appointments_provider_idx on appointments (provider_id, scheduled_at, id);
create index appointments_provider_to_come_idx on appointments (provider_id, scheduled_at, id) where status = 'SCHEDULED';
create index appointments_rated_idx on appointments (provider_id) include (rating) where rating is not null and not is_archived;
create index appointments_scheduled_idx on appointments (scheduled_at, id);
create index appointments_source_idx on appointments (source_system, scheduled_at, id) where source_system is not null;
create index appointments_to_come_idx on appointments (scheduled_at, id) where status = 'SCHEDULED';
alter table appointments enable row level security, force row level security;
create policy actor_proven on appointments as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy appointments_create on appointments for insert to caretrail_app
  with check (
    reaches('appointments:write', patient_id)
    and writes_from('appointments:write', provider_id, source_system)
  );
create policy appointments_read on appointments for select to caretrail_app
  using (
    reach('appointments:read') is not null
    and provider_id = (select actor_provider())
    or case (select reach('appointments:read'))
    when 'SOURCE' then source_system = (select actor_source())
    else reaches('appointments:read', patient_id)
    end
  );
create policy appointments_update on appointments for update to caretrail_app
  using (
    changes_visit(patient_id, provider_id, source_system)
    or records_attendance(patient_id, provider_id, source_system)
    or completes_visit(provider_id, source_system)
    or reach('appointments:rate') = 'OWN'
    and (patient_id = (select actor_patient())
      or acts_for(patient_id))
    or archives_visit(source_system)
  );
create policy owner_all on appointments for all to caretrail_owner using (true) with check (true);
create trigger announce after insert or delete or update on appointments
  for each row
  execute function announce_appointment();
create trigger check_booking before insert on appointments
  for each row
  when (
    new.status = 'SCHEDULED'
    and new.scheduled_at > now()
    and new.scheduled_at < '2200-01-01 00:00:00+00'
    and new.duration_minutes >= 1
    and new.duration_minutes <= 1440
    and not by_migration()
  )
  execute function check_booking();
create trigger check_import before insert on appointments
  for each row
  when (new.external_id is not null)
  execute function check_import();
create trigger check_move before update of scheduled_at, duration_minutes on appointments
  for each row
  when (
    (new.scheduled_at is distinct from old.scheduled_at
      or new.duration_minutes is distinct from old.duration_minutes)
    and new.status = 'SCHEDULED'
    and new.scheduled_at > now()
    and new.scheduled_at < '2200-01-01 00:00:00+00'
    and new.duration_minutes >= 1
    and new.duration_minutes <= 1440
    and not by_migration()
  )
  execute function check_booking();
create trigger check_rating before update of rating, rated_at on appointments
  for each row
  execute function check_rating();
create trigger check_visit_change before update of scheduled_at, duration_minutes, status, location, notes, custom_data, custom_data_version on appointments
  for each row
  execute function check_visit_change();
create trigger derive_provider_rating after update on appointments
  for each row
  when (
    new.rating is distinct from old.rating
    or new.rating is not null
    and new.is_archived <> old.is_archived
  )
  execute function derive_provider_rating();
create trigger fill_slot before insert or update of scheduled_at, duration_minutes, slot on appointments
  for each row
  execute function fill_slot();
create trigger follow_visit_booked after insert on appointments for each row execute function follow_visit();
create trigger follow_visit_changed after update on appointments
  for each row
  when (
    new.slot is distinct from old.slot
    or (new.status = any (array['CANCELLED', 'NO_SHOW'])) is distinct from (old.status = any (array['CANCELLED', 'NO_SHOW']))
    or new.is_archived is distinct from old.is_archived
  )
  execute function follow_visit();
create constraint trigger follow_visit_time after insert or update of scheduled_at on appointments deferrable initially deferred
  for each row
  execute function follow_visit_time();
create trigger guard_deletion before delete on appointments for each row execute function guard_deletion();
create trigger guard_import before update on appointments
  for each row
  when (new.source_system is not null)
  execute function guard_import('{slot,change_reason,rating,rated_at}');
create trigger guard_visit before update on appointments for each row execute function guard_visit();
create trigger plan_reminders_of_booking after insert on appointments
  for each row
  when (new.status = 'SCHEDULED' and new.scheduled_at > now())
  execute function plan_reminders();
create trigger plan_reminders_of_change after update on appointments
  for each row
  when (
    new.scheduled_at is distinct from old.scheduled_at
    or new.status is distinct from old.status
  )
  execute function plan_reminders();
create trigger record_booking after insert on appointments for each row execute function record_visit_change();
create trigger record_visit_change after update on appointments
  for each row
  when (
    new.scheduled_at is distinct from old.scheduled_at
    or new.duration_minutes is distinct from old.duration_minutes
    or new.status is distinct from old.status
    or new.is_archived is distinct from old.is_archived
  )
  execute function record_visit_change();
create trigger refuse_past_booking before insert or update of scheduled_at on appointments
  for each row
  execute function refuse_past_booking();
create trigger refuse_truncate before truncate on appointments
  for each statement
  execute function refuse_truncate();
create trigger refuse_visit_before_birth before insert or update of scheduled_at on appointments
  for each row
  execute function refuse_visit_before_birth();
create trigger touch before update on appointments for each row execute function touch();
grant select on appointments to caretrail_app;
grant insert
  (id, patient_id, provider_id, scheduled_at, duration_minutes, location, notes, source_system, external_id, custom_data, custom_data_version)
  on appointments to caretrail_app;
grant update
  (scheduled_at, duration_minutes, status, location, notes, change_reason, rating, rated_at, custom_data, custom_data_version, is_archived, archived_at, archived_by)
  on appointments to caretrail_app;

create table appointment_changes (
  id bigint not null generated always as identity,
  appointment_id uuid not null,
  changed_at timestamptz not null default now(),
  changed_by uuid,
  old_scheduled_at timestamptz,
  new_scheduled_at timestamptz not null,
  old_duration_minutes integer,
  new_duration_minutes integer not null,
  old_status appointment_status,
  new_status appointment_status not null,
  is_archived boolean not null,
  reason text,
  constraint appointment_changes_pkey primary key (id),
  constraint appointment_changes_appointment_id_fkey foreign key (appointment_id) references appointments (id),
  constraint appointment_changes_changed_by_fkey foreign key (changed_by) references user_profiles (id),
  constraint appointment_changes_old check (num_nulls(old_scheduled_at, old_duration_minutes, old_status) = any (array[0, 3]))
);
create index appointment_changes_appointment_idx on appointment_changes (appointment_id, id);
create index appointment_changes_changed_by_idx on appointment_changes (changed_by) where changed_by is not null;
alter table appointment_changes enable row level security, force row level security;
create policy actor_proven on appointment_changes as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy appointment_changes_read on appointment_changes for select to caretrail_app
  using ((exists (select from appointments a where a.id = appointment_changes.appointment_id)));
create policy owner_all on appointment_changes for all to caretrail_owner using (true) with check (true);
create trigger guard_deletion after delete on appointment_changes referencing old table as deleted
  for each statement
  execute function guard_deletion_of_parts('appointment_id');
create trigger refuse_ledger_change before update on appointment_changes
  for each row
  execute function refuse_ledger_change();
create trigger refuse_truncate before truncate on appointment_changes
  for each statement
  execute function refuse_truncate();
grant select on appointment_changes to caretrail_app;

create table medical_records (
  id uuid not null,
  patient_id uuid not null,
  provider_id uuid,
  appointment_id uuid,
  record_type record_type not null,
  content jsonb not null,
  diagnosis text,
  treatment text,
  notes text,
  is_patient_visible boolean not null default true,
  release_date timestamptz not null default now(),
  is_shielded boolean not null default false,
  changed_by uuid,
  change_reason text,
  is_changed_here boolean not null default false,
  source_system text,
  external_id text,
  custom_data jsonb,
  custom_data_version integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid,
  version integer not null default 1,
  constraint medical_records_pkey primary key (id),
  constraint medical_records_external_id_key unique (external_id, source_system),
  constraint medical_records_id_patient_id_key unique (id, patient_id),
  constraint medical_records_appointment_of_patient foreign key (appointment_id, patient_id) references appointments (id, patient_id),
  constraint medical_records_archived_by_fkey foreign key (archived_by) references user_profiles (id),
  constraint medical_records_changed_by_fkey foreign key (changed_by) references user_profiles (id),
  constraint medical_records_patient_id_fkey foreign key (patient_id) references patients (id),
  constraint medical_records_provider_id_fkey foreign key (provider_id) references providers (id),
  constraint medical_records_archived check (is_archived = (archived_at is not null)),
  constraint medical_records_change_explained check (version = 1 or change_reason is not null),
  constraint medical_records_change_reason_length check (length(change_reason) >= 1 and length(change_reason) <= 500),
  constraint medical_records_content_object check (jsonb_typeof(content) = 'object'),
  constraint medical_records_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  constraint medical_records_custom_data_versioned check ((custom_data is null) = (custom_data_version is null)),
  constraint medical_records_diagnosis_length check (length(diagnosis) <= 10000),
  constraint medical_records_documents_size check (
    (coalesce(octet_length(content::text), 0) + coalesce(octet_length(custom_data::text), 0)) <= 262144
  ),
  constraint medical_records_external_id_form check (is_identifier(external_id, 255)),
  constraint medical_records_imported check ((external_id is null) = (source_system is null)),
  constraint medical_records_notes_length check (length(notes) <= 10000),
  constraint medical_records_source_system_form check (is_identifier(source_system, 255)),
  constraint medical_records_treatment_length check (length(treatment) <= 10000),
  constraint medical_records_visible_is_released check (not is_patient_visible or release_date <= updated_at)
);
create index medical_records_appointment_idx on medical_records (appointment_id, patient_id);
create index medical_records_archived_by_idx on medical_records (archived_by) where archived_by is not null;
create index medical_records_archived_idx on medical_records (archived_at, id) where is_archived;
create index medical_records_changed_by_idx on medical_records (changed_by) where changed_by is not null;
create index medical_records_created_idx on medical_records (created_at desc, id desc);
create index medical_records_held_idx on medical_records (patient_id, release_date) where not is_patient_visible;
create index medical_records_patient_idx on medical_records (patient_id, created_at desc, id desc) include (is_archived);
create index medical_records_provider_idx on medical_records (provider_id, created_at desc, id desc);
create index medical_records_source_idx on medical_records (source_system, created_at desc, id desc) where source_system is not null;
alter table medical_records enable row level security, force row level security;
create policy actor_proven on medical_records as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy medical_records_create on medical_records for insert to caretrail_app
  with check (
    adds_records(patient_id)
    and case (select reach('records:write'))
    when 'SOURCE' then writes_from('records:write', provider_id, source_system)
    else not provider_id is distinct from (select actor_provider())
    end
  );
create policy medical_records_read on medical_records for select to caretrail_app
  using (
    case (select reach('records:read'))
    when 'OWN' then (patient_id = (select actor_patient())
      or not is_shielded
      and represents(patient_id))
    and not is_archived
    and (is_patient_visible
      or release_date <= now())
    when 'CARE' then in_care(patient_id)
    or in_emergency(patient_id)
    when 'SOURCE' then source_system = (select actor_source())
    when 'ALL' then true
    else false
    end
  );
create policy medical_records_update on medical_records for update to caretrail_app
  using (reaches('records:write', patient_id, source_system))
  with check (reaches('records:write', patient_id, source_system));
create policy owner_all on medical_records for all to caretrail_owner using (true) with check (true);
create trigger announce after insert or delete or update on medical_records
  for each row
  execute function announce_record();
create trigger begin_with_ledger before insert on medical_records
  for each row
  execute function begin_with_ledger();
create trigger begin_with_shield before insert on medical_records
  for each row
  execute function begin_with_shield();
create trigger check_import before insert on medical_records
  for each row
  when (new.external_id is not null)
  execute function check_import();
create constraint trigger follow_creation after insert on medical_records deferrable initially deferred
  for each row
  execute function follow_creation('RECORD');
create trigger guard_deletion before delete on medical_records for each row execute function guard_deletion();
create trigger guard_import before update on medical_records
  for each row
  when (new.source_system is not null)
  execute function guard_import('{is_patient_visible,release_date,is_shielded,changed_by,change_reason}');
create trigger keep_record_version after update on medical_records
  for each row
  execute function keep_record_version();
create trigger refuse_truncate before truncate on medical_records
  for each statement
  execute function refuse_truncate();
create trigger sign_change before insert or update on medical_records
  for each row
  execute function sign_change();
create trigger touch before update on medical_records for each row execute function touch();
grant select on medical_records to caretrail_app;
grant insert
  (id, patient_id, provider_id, appointment_id, record_type, content, diagnosis, treatment, notes, source_system, external_id, custom_data, custom_data_version)
  on medical_records to caretrail_app;
grant update
  (content, diagnosis, treatment, notes, change_reason, custom_data, custom_data_version, is_archived, archived_at, archived_by)
  on medical_records to caretrail_app;

create table medical_record_versions (
  record_id uuid not null,
  version integer not null,
  patient_id uuid not null,
  provider_id uuid,
  appointment_id uuid,
  record_type record_type not null,
  content jsonb not null,
  diagnosis text,
  treatment text,
  notes text,
  is_patient_visible boolean not null,
  release_date timestamptz not null,
  is_shielded boolean not null,
  custom_data jsonb,
  custom_data_version integer,
  is_archived boolean not null,
  written_at timestamptz not null,
  written_by uuid,
  change_reason text,
  replaced_at timestamptz not null default now(),
  replaced_by uuid,
  constraint medical_record_versions_pkey primary key (record_id, version),
  constraint medical_record_versions_patient_id_fkey foreign key (patient_id) references patients (id),
  constraint medical_record_versions_provider_id_fkey foreign key (provider_id) references providers (id),
  constraint medical_record_versions_record_id_fkey foreign key (record_id) references medical_records (id),
  constraint medical_record_versions_replaced_by_fkey foreign key (replaced_by) references user_profiles (id),
  constraint medical_record_versions_written_by_fkey foreign key (written_by) references user_profiles (id)
);
create index medical_record_versions_patient_idx on medical_record_versions (patient_id);
create index medical_record_versions_provider_idx on medical_record_versions (provider_id);
create index medical_record_versions_replaced_by_idx on medical_record_versions (replaced_by) where replaced_by is not null;
create index medical_record_versions_written_by_idx on medical_record_versions (written_by) where written_by is not null;
alter table medical_record_versions enable row level security, force row level security;
create policy actor_proven on medical_record_versions as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy medical_record_versions_read on medical_record_versions for select to caretrail_app
  using (
    ((select reach('records:read')) = any (array['OWN', 'CARE', 'SOURCE', 'ALL']))
    and (exists (select from medical_records r where r.id = medical_record_versions.record_id))
    and ((select reach('records:read')) <> 'OWN'
      or (is_patient_visible or release_date <= replaced_at)
      and (not is_shielded or patient_id = (select actor_patient())))
  );
create policy owner_all on medical_record_versions for all to caretrail_owner using (true) with check (true);
create trigger guard_deletion after delete on medical_record_versions referencing old table as deleted
  for each statement
  execute function guard_deletion_of_parts('record_id');
create trigger refuse_truncate before truncate on medical_record_versions
  for each statement
  execute function refuse_truncate();
grant select on medical_record_versions to caretrail_app;

create table record_releases (
  id uuid not null,
  record_id uuid not null,
  patient_id uuid not null,
  hold_reason hold_reason,
  expires_at timestamptz,
  note text,
  decided_by uuid not null default actor_user(),
  decided_at timestamptz not null default clock_timestamp(),
  constraint record_releases_pkey primary key (id),
  constraint record_releases_decided_by_fkey foreign key (decided_by) references user_profiles (id),
  constraint record_releases_of_record foreign key (record_id, patient_id) references medical_records (id, patient_id) deferrable initially deferred,
  constraint record_releases_expiry_range check (expires_at > decided_at and expires_at <= (decided_at + '366 days')),
  constraint record_releases_hold_expires check ((hold_reason is null) = (expires_at is null)),
  constraint record_releases_note_length check (length(note) >= 1 and length(note) <= 1000)
);
create index record_releases_decided_by_idx on record_releases (decided_by);
create index record_releases_record_idx on record_releases (record_id, patient_id, decided_at desc);
alter table record_releases enable row level security, force row level security;
create policy actor_proven on record_releases as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on record_releases for all to caretrail_owner using (true) with check (true);
create policy record_releases_create on record_releases for insert to caretrail_app
  with check (
    decided_by = (select actor_user())
    and (reaches('records:write', patient_id)
      or adds_records(patient_id)
      and not (exists (select from medical_records r where r.id = record_releases.record_id)))
  );
create policy record_releases_read on record_releases for select to caretrail_app
  using (
    case (select reach('records:read'))
    when 'OWN' then false
    when 'SOURCE' then (exists (select from medical_records r where r.id = record_releases.record_id))
    else reaches('records:read', patient_id)
    end
  );
create trigger follow_ledger after insert on record_releases for each row execute function follow_ledger();
create trigger guard_deletion after delete on record_releases referencing old table as deleted
  for each statement
  execute function guard_deletion_of_parts('record_id');
create trigger refuse_ledger_change before update on record_releases
  for each row
  execute function refuse_ledger_change();
create trigger refuse_truncate before truncate on record_releases
  for each statement
  execute function refuse_truncate();
grant select on record_releases to caretrail_app;
grant insert (id, record_id, patient_id, hold_reason, expires_at, note) on record_releases to caretrail_app;

create table file_metadata (
  id uuid not null,
  owner_id uuid not null,
  owner_type file_owner_type not null,
  patient_id uuid,
  appointment_id uuid,
  record_id uuid,
  bucket text not null,
  file_path text not null,
  object_version text,
  original_name text not null,
  file_type text not null,
  file_size bigint not null,
  sha256 bytea not null,
  upload_id text,
  part_size bigint,
  status file_status not null default 'PENDING',
  status_reason text,
  scan file_scan not null default 'UNSCANNED',
  upload_date timestamptz,
  inspected_at timestamptz,
  tagged_at timestamptz,
  expires_at timestamptz not null,
  uploaded_by uuid not null,
  custom_data jsonb,
  custom_data_version integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid,
  version integer not null default 1,
  constraint file_metadata_pkey primary key (id),
  constraint file_metadata_path_key unique (bucket, file_path),
  constraint file_metadata_appointment_of_patient foreign key (appointment_id, patient_id) references appointments (id, patient_id),
  constraint file_metadata_archived_by_fkey foreign key (archived_by) references user_profiles (id),
  constraint file_metadata_owner_id_fkey foreign key (owner_id) references user_profiles (id),
  constraint file_metadata_patient_is_owner foreign key (patient_id, owner_id) references patients (id, user_id),
  constraint file_metadata_record_of_patient foreign key (record_id, patient_id) references medical_records (id, patient_id),
  constraint file_metadata_uploaded_by_fkey foreign key (uploaded_by) references user_profiles (id),
  constraint file_metadata_appointment_owner check ((owner_type = 'APPOINTMENT') = (appointment_id is not null)),
  constraint file_metadata_archived check (is_archived = (archived_at is not null)),
  constraint file_metadata_bucket_length check (length(bucket) >= 3 and length(bucket) <= 63),
  constraint file_metadata_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  constraint file_metadata_custom_data_versioned check ((custom_data is null) = (custom_data_version is null)),
  constraint file_metadata_documents_size check (coalesce(octet_length(custom_data::text), 0) <= 262144),
  constraint file_metadata_file_path_length check (length(file_path) >= 1 and length(file_path) <= 1024),
  constraint file_metadata_file_size_range check (file_size > 0),
  constraint file_metadata_file_type_length check (length(file_type) >= 3 and length(file_type) <= 127),
  constraint file_metadata_infected check (scan <> 'INFECTED' or status = 'QUARANTINED'),
  constraint file_metadata_inspected check (status <> 'AVAILABLE' or inspected_at is not null),
  constraint file_metadata_object_version_length check (length(object_version) >= 1 and length(object_version) <= 1024),
  constraint file_metadata_original_name_length check (length(original_name) >= 1 and length(original_name) <= 255),
  constraint file_metadata_part_size_range check (part_size > 0),
  constraint file_metadata_parts_sized check (upload_id is null or part_size is not null),
  constraint file_metadata_patient_owner check ((owner_type = 'PROVIDER') = (patient_id is null)),
  constraint file_metadata_record_in_chart check (record_id is null or patient_id is not null),
  constraint file_metadata_sha256_length check (octet_length(sha256) = 32),
  constraint file_metadata_status_reason_length check (length(status_reason) <= 500),
  constraint file_metadata_upload_id_length check (length(upload_id) >= 1 and length(upload_id) <= 1024),
  constraint file_metadata_uploaded check ((status = any (array['PENDING', 'EXPIRED'])) = (upload_date is null))
);
create index file_metadata_appointment_idx on file_metadata (appointment_id, patient_id);
create index file_metadata_archived_by_idx on file_metadata (archived_by) where archived_by is not null;
create index file_metadata_archived_idx on file_metadata (archived_at, id) where is_archived;
create index file_metadata_ended_upload_idx on file_metadata (created_at, id) where upload_id is not null and (status = 'EXPIRED' or status = 'PENDING' and is_archived);
create index file_metadata_owner_idx on file_metadata (owner_id, created_at desc, id desc);
create index file_metadata_page_idx on file_metadata (created_at desc, id desc);
create index file_metadata_patient_idx on file_metadata (patient_id, owner_id);
create index file_metadata_patient_page_idx on file_metadata (patient_id, created_at desc, id desc) include (is_archived);
create index file_metadata_pending_idx on file_metadata (expires_at) where status = 'PENDING';
create index file_metadata_record_idx on file_metadata (record_id, patient_id) where record_id is not null;
create index file_metadata_scanning_idx on file_metadata (upload_date) where status = 'SCANNING';
create index file_metadata_untagged_idx on file_metadata (archived_at) where is_archived and tagged_at is null;
create index file_metadata_uploaded_by_idx on file_metadata (uploaded_by, created_at) include (file_size);
alter table file_metadata enable row level security, force row level security;
create policy actor_proven on file_metadata as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy file_metadata_create on file_metadata for insert to caretrail_app
  with check (
    uploaded_by = (select actor_user())
    and ((select reach('files:write')) is not null
      and owner_id = (select actor_user())
      or reaches('files:write', patient_id))
    and (record_id is null
      or reaches('records:write', patient_id))
  );
create policy file_metadata_read on file_metadata for select to caretrail_app
  using (
    ((select reach('files:read')) is not null
      and owner_id = (select actor_user())
      or reaches('files:read', patient_id)
      or (select reach('files:process')) = 'ALL')
    and (record_id is null
      or not is_withheld(owner_id, record_id))
  );
create policy file_metadata_update on file_metadata for update to caretrail_app
  using (
    changes_file(patient_id, owner_id, uploaded_by, record_id)
    or (select reach('files:process')) = 'ALL'
  )
  with check (
    changes_file(patient_id, owner_id, uploaded_by, record_id)
    or (select reach('files:process')) = 'ALL'
  );
create policy owner_all on file_metadata for all to caretrail_owner using (true) with check (true);
create trigger announce after insert or delete or update on file_metadata
  for each row
  execute function announce_file();
create trigger check_upload_quota before insert on file_metadata
  for each row
  when (not by_migration())
  execute function check_upload_quota();
create constraint trigger follow_creation after insert on file_metadata deferrable initially deferred
  for each row
  when (new.patient_id is not null)
  execute function follow_creation('FILE');
create trigger guard_deletion before delete on file_metadata for each row execute function guard_deletion();
create trigger refuse_truncate before truncate on file_metadata
  for each statement
  execute function refuse_truncate();
create trigger touch before update on file_metadata for each row execute function touch();
grant select on file_metadata to caretrail_app;
grant update
  (object_version, upload_id, status, status_reason, scan, upload_date, inspected_at, tagged_at)
  on file_metadata to caretrail_jobs;
grant insert
  (id, owner_id, owner_type, patient_id, appointment_id, record_id, bucket, file_path, original_name, file_type, file_size, sha256, expires_at, uploaded_by, custom_data, custom_data_version)
  on file_metadata to caretrail_people;
grant update
  (record_id, original_name, upload_id, part_size, expires_at, custom_data, custom_data_version, is_archived, archived_at, archived_by)
  on file_metadata to caretrail_people;

create table custom_data_schemas (
  table_name text not null,
  version integer not null,
  schema jsonb not null,
  registered_by uuid not null default actor_user(),
  registered_at timestamptz not null default now(),
  constraint custom_data_schemas_pkey primary key (table_name, version),
  constraint custom_data_schemas_registered_by_fkey foreign key (registered_by) references user_profiles (id),
  constraint custom_data_schemas_schema_object check (jsonb_typeof(schema) = 'object'),
  constraint custom_data_schemas_schema_size check (octet_length(schema::text) <= 131072),
  constraint custom_data_schemas_table_name_known check (
    table_name = any (array['user_profiles', 'patients', 'providers', 'appointments', 'medical_records', 'file_metadata'])
  ),
  constraint custom_data_schemas_version_range check (version >= 1)
);
create index custom_data_schemas_registered_by_idx on custom_data_schemas (registered_by);
alter table custom_data_schemas enable row level security, force row level security;
create policy actor_proven on custom_data_schemas as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy custom_data_schemas_read on custom_data_schemas for select to caretrail_app
  using ((select actor_user()) is not null);
create policy custom_data_schemas_register on custom_data_schemas for insert to caretrail_app
  with check ((select reach('custom-data:write')) = 'ALL' and registered_by = (select actor_user()));
create policy owner_all on custom_data_schemas for all to caretrail_owner using (true) with check (true);
create trigger refuse_ledger_change before delete or update on custom_data_schemas
  for each row
  execute function refuse_ledger_change();
grant select on custom_data_schemas to caretrail_app;
grant insert (table_name, version, schema) on custom_data_schemas to caretrail_app;

create table audit_logs (
  id uuid not null,
  month date not null,
  timestamp timestamptz not null,
  user_id uuid,
  actor_role text,
  relation actor_relation,
  purpose_of_use purpose_of_use,
  action_type audit_action not null,
  resource_type audit_resource not null,
  resource_id uuid,
  patient_id uuid,
  patient_ids uuid[],
  outcome audit_outcome not null,
  source_ip cidr,
  user_agent text,
  application function_name not null,
  request_id text collate "C" not null,
  trace_id text,
  details jsonb,
  chain_id uuid not null,
  seq bigint not null,
  prev_hash sha256_hash not null,
  row_hash sha256_hash not null,
  form smallint not null,
  place chain_place not null,
  signature ed25519_signature not null,
  xid xid8 not null,
  constraint audit_logs_pkey primary key (id, month),
  constraint audit_logs_chain_key unique (month, chain_id, seq, place),
  constraint audit_logs_user_id_fkey foreign key (user_id) references user_profiles (id)
) partition by range (month);
create index audit_logs_denied_idx on audit_logs (id desc) where outcome = 'DENIED';
create index audit_logs_emergency_idx on audit_logs (id desc) where purpose_of_use = 'ETREAT';
create index audit_logs_failed_idx on audit_logs (id desc) where outcome = 'FAILURE';
create index audit_logs_patient_idx on audit_logs (patient_id, id desc) where patient_id is not null;
create index audit_logs_patients_idx on audit_logs using gin (patient_ids) where patient_ids is not null;
create index audit_logs_request_idx on audit_logs (request_id);
create index audit_logs_resource_idx on audit_logs (resource_id, id desc) where resource_id is distinct from patient_id;
create index audit_logs_user_idx on audit_logs (user_id, id desc);
create index audit_logs_xid_idx on audit_logs (xid);
alter table audit_logs enable row level security, force row level security;
create policy actor_proven on audit_logs as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy audit_logs_read on audit_logs for select to caretrail_app
  using ((select reach('audit:read')) = 'ALL');
create policy audit_logs_seal on audit_logs for select to caretrail_auditor, caretrail_sealer using (true);
create policy owner_all on audit_logs for all to caretrail_owner using (true) with check (true);
create trigger refuse_audit_change before delete or update on audit_logs
  for each row
  execute function refuse_audit_change();
create trigger refuse_audit_truncate before truncate on audit_logs
  for each statement
  execute function refuse_audit_change();
grant select on audit_logs to caretrail_app;
grant select on audit_logs to caretrail_auditor;
grant select on audit_logs to caretrail_sealer;

create table idempotency_keys (
  user_id uuid not null,
  key text not null,
  operation text not null,
  request_hash bytea not null,
  status integer not null,
  resource_id uuid not null,
  created_at timestamptz not null default now(),
  constraint idempotency_keys_pkey primary key (user_id, key),
  constraint idempotency_keys_user_id_fkey foreign key (user_id) references user_profiles (id),
  constraint idempotency_keys_key_length check (length(key) >= 1 and length(key) <= 255),
  constraint idempotency_keys_request_hash_length check (octet_length(request_hash) = 32)
);
create index idempotency_keys_created_idx on idempotency_keys (created_at);
alter table idempotency_keys enable row level security, force row level security;
create policy actor_proven on idempotency_keys as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy idempotency_keys_own on idempotency_keys for select to caretrail_app
  using (user_id = (select actor_user()));
create policy owner_all on idempotency_keys for all to caretrail_owner using (true) with check (true);
grant select on idempotency_keys to caretrail_app;

create table refusals with (fillfactor=50) (
  subject uuid not null,
  since timestamptz not null,
  refused bigint not null,
  left_out bigint not null default 0,
  constraint refusals_pkey primary key (subject),
  constraint refusals_left_out_counted check (left_out >= 0)
);
alter table refusals enable row level security, force row level security;
create policy actor_proven on refusals as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on refusals for all to caretrail_owner using (true) with check (true);

create table settings (
  is_only_row boolean not null default true,
  care_after_visit interval not null default '2 years',
  two_person_rule boolean not null default true,
  uploads_a_day bigint not null default 1000,
  upload_bytes_a_day bigint not null default '107374182400',
  refusals_per_minute bigint not null default 20,
  emergency_searches_an_hour integer not null default 10,
  emergency_review_hours integer not null default 72,
  retention_jurisdiction text not null default 'US',
  deletes_after_retention boolean not null default false,
  days_to_object integer not null default 30,
  time_zone text not null default 'UTC',
  reminder_offsets interval[] not null default '{"2 days",02:00:00}',
  days_to_explain integer not null default 30,
  off_hours_weight integer not null default 10,
  clinic_name text,
  clinic_phone text,
  clinic_email text,
  clinic_website text,
  clinic_address text,
  shows_staff_names boolean not null default true,
  accounting_fee_cents integer not null default 0,
  constraint settings_pkey primary key (is_only_row),
  constraint settings_accounting_fee_range check (accounting_fee_cents >= 0 and accounting_fee_cents <= 10000),
  constraint settings_care_after_visit_range check (care_after_visit >= '1 day' and care_after_visit <= '10 years'),
  constraint settings_clinic_address_length check (length(clinic_address) >= 1 and length(clinic_address) <= 500),
  constraint settings_clinic_contact check (
    (clinic_name is null) = (coalesce(clinic_phone, clinic_email, clinic_website, clinic_address) is null)
  ),
  constraint settings_clinic_email_format check (length(clinic_email) <= 254 and clinic_email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  constraint settings_clinic_name_length check (length(clinic_name) >= 1 and length(clinic_name) <= 200),
  constraint settings_clinic_phone_length check (length(clinic_phone) >= 1 and length(clinic_phone) <= 50),
  constraint settings_clinic_website_format check (length(clinic_website) <= 200 and clinic_website ~ '^https://[^[:space:]]+$'),
  constraint settings_days_to_explain_range check (days_to_explain >= 1 and days_to_explain <= 365),
  constraint settings_days_to_object_range check (days_to_object >= 7 and days_to_object <= 3650),
  constraint settings_emergency_review_hours_range check (emergency_review_hours >= 1 and emergency_review_hours <= 72),
  constraint settings_emergency_searches_an_hour_range check (emergency_searches_an_hour >= 1 and emergency_searches_an_hour <= 1000),
  constraint settings_off_hours_weight_range check (off_hours_weight >= 0 and off_hours_weight <= 99),
  constraint settings_one_row check (is_only_row),
  constraint settings_refusals_per_minute_range check (refusals_per_minute >= 1 and refusals_per_minute <= 100000),
  constraint settings_reminder_offsets_valid check (are_reminder_offsets(reminder_offsets)),
  constraint settings_retention_jurisdiction_format check (retention_jurisdiction ~ '^[A-Z]{2}(-[A-Z0-9]{1,3})?$'),
  constraint settings_upload_bytes_a_day_range check (upload_bytes_a_day > 0),
  constraint settings_uploads_a_day_range check (uploads_a_day >= 1 and uploads_a_day <= 1000000)
);
alter table settings enable row level security, force row level security;
create policy actor_proven on settings as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on settings for all to caretrail_owner using (true) with check (true);
create trigger check_jurisdiction before insert or update of retention_jurisdiction on settings
  for each row
  execute function check_jurisdiction();
create trigger check_time_zone before update of time_zone on settings
  for each row
  execute function check_time_zone();
create trigger follow_majority after update on settings
  for each row
  when (
    new.retention_jurisdiction is distinct from old.retention_jurisdiction
    or new.time_zone is distinct from old.time_zone
  )
  execute function follow_majority();
create trigger follow_reminder_settings after update of time_zone, reminder_offsets on settings
  for each row
  execute function follow_reminder_settings();
create trigger follow_settings after update on settings
  for each row
  when (new.care_after_visit <> old.care_after_visit)
  execute function follow_settings();

create table care_relations (
  member_id uuid not null,
  patient_id uuid not null,
  account_id uuid,
  basis care_basis not null,
  source uuid not null,
  since timestamptz not null default now(),
  until timestamptz not null,
  counted_from timestamptz,
  is_suspended boolean not null,
  reason text,
  created_by uuid,
  constraint care_relations_pkey primary key (member_id, patient_id, basis, source),
  constraint care_relations_created_by_fkey foreign key (created_by) references user_profiles (id),
  constraint care_relations_member_id_fkey foreign key (member_id) references user_profiles (id),
  constraint care_relations_patient_id_fkey foreign key (patient_id) references patients (id),
  constraint care_relations_granted_once check ((basis = any (array['ASSIGNMENT', 'VISIT'])) or source = member_id),
  constraint care_relations_no_emergency check (basis <> 'EMERGENCY'),
  constraint care_relations_not_oneself check (basis = 'VISIT' or created_by is distinct from member_id),
  constraint care_relations_reason_length check (length(reason) >= 1 and length(reason) <= 500)
);
create index care_relations_created_by_idx on care_relations (created_by) where created_by is not null;
create index care_relations_member_idx on care_relations (member_id, patient_id, account_id) include (until, is_suspended);
create index care_relations_patient_idx on care_relations (patient_id, basis, source);
alter table care_relations enable row level security, force row level security;
create policy actor_proven on care_relations as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy care_relations_create on care_relations for insert to caretrail_app
  with check ((basis = any (array['REFERRAL', 'COVER'])) and reaches('care:write', patient_id));
create policy care_relations_read on care_relations for select to caretrail_app
  using (reaches('care:read', patient_id) or reaches('care:write', patient_id));
create policy care_relations_update on care_relations for update to caretrail_app
  using ((basis = any (array['REFERRAL', 'COVER'])) and reaches('care:write', patient_id));
create policy owner_all on care_relations for all to caretrail_owner using (true) with check (true);
create trigger announce after insert or delete or update on care_relations
  for each row
  execute function announce_care();
create constraint trigger begin_spans after insert on care_relations deferrable initially deferred
  for each row
  execute function begin_spans();
create trigger check_care before insert or update of until on care_relations
  for each row
  execute function check_care();
create trigger guard_deletion after delete on care_relations referencing old table as deleted
  for each statement
  execute function guard_deletion_of_parts('patient_id');
create trigger refuse_truncate before truncate on care_relations
  for each statement
  execute function refuse_truncate();
create trigger watch_short_care after update on care_relations
  for each row
  when (
    new.until <= now()
    and old.until > now()
    and new.since > (new.until - '1 day')
    and (new.basis <> 'VISIT'
      or old.counted_from < new.since)
  )
  execute function watch_short_care();
grant select on care_relations to caretrail_app;
grant insert (member_id, patient_id, basis, source, until, reason) on care_relations to caretrail_app;
grant update (until, reason) on care_relations to caretrail_app;

create table chart_spans (
  patient_id uuid not null,
  part text collate "C" not null,
  begins timestamptz,
  ends timestamptz,
  constraint chart_spans_pkey primary key (patient_id, part),
  constraint chart_spans_patient_id_fkey foreign key (patient_id) references patients (id),
  constraint chart_spans_part_known check (part = any (array['APPOINTMENT', 'FILE', 'RECORD']))
);
alter table chart_spans enable row level security, force row level security;
create policy actor_proven on chart_spans as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on chart_spans for all to caretrail_owner using (true) with check (true);
create trigger guard_deletion before delete on chart_spans for each row execute function guard_deletion();
create trigger refuse_truncate before truncate on chart_spans
  for each statement
  execute function refuse_truncate();

create table care_spans (
  patient_id uuid not null,
  part text collate "C" not null,
  member_id uuid not null,
  begins timestamptz,
  ends timestamptz,
  constraint care_spans_pkey primary key (patient_id, part, member_id),
  constraint care_spans_member_id_fkey foreign key (member_id) references user_profiles (id),
  constraint care_spans_patient_id_part_fkey foreign key (patient_id, part) references chart_spans (patient_id, part)
);
create index care_spans_earliest_idx on care_spans (member_id, begins) include (patient_id, ends) where part = 'APPOINTMENT';
create index care_spans_newest_idx on care_spans (member_id, part, ends desc) include (patient_id, begins);
alter table care_spans enable row level security, force row level security;
create policy actor_proven on care_spans as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on care_spans for all to caretrail_owner using (true) with check (true);

create table representatives (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  patient_id uuid not null,
  basis representative_basis not null,
  scope representative_scope not null default 'ALL',
  since timestamptz not null default now(),
  until timestamptz,
  evidence text not null,
  created_at timestamptz not null default now(),
  created_by uuid default actor_user(),
  confirmed_at timestamptz,
  confirmed_by uuid,
  ended_at timestamptz,
  ended_by uuid,
  end_reason text,
  acts_until timestamptz not null default 'infinity',
  constraint representatives_pkey primary key (id),
  constraint representatives_confirmed_by_fkey foreign key (confirmed_by) references user_profiles (id),
  constraint representatives_created_by_fkey foreign key (created_by) references user_profiles (id),
  constraint representatives_ended_by_fkey foreign key (ended_by) references user_profiles (id),
  constraint representatives_patient_id_fkey foreign key (patient_id) references patients (id),
  constraint representatives_user_id_fkey foreign key (user_id) references user_profiles (id),
  constraint representatives_confirmed_by_another check (confirmed_by <> created_by),
  constraint representatives_end_reason_length check (length(end_reason) >= 1 and length(end_reason) <= 1000),
  constraint representatives_ended check ((ended_at is null) = (end_reason is null) and (ended_at is not null or ended_by is null)),
  constraint representatives_evidence_length check (length(evidence) >= 1 and length(evidence) <= 1000),
  constraint representatives_not_oneself check (created_by is distinct from user_id and confirmed_by is distinct from user_id),
  constraint representatives_period check (until > since)
);
create index representatives_confirmed_by_idx on representatives (confirmed_by) where confirmed_by is not null;
create index representatives_created_by_idx on representatives (created_by) where created_by is not null;
create index representatives_ended_by_idx on representatives (ended_by) where ended_by is not null;
create unique index representatives_once on representatives (user_id, patient_id) where ended_at is null;
create index representatives_page_idx on representatives (created_at desc, id desc);
create index representatives_patient_idx on representatives (patient_id, created_at desc, id desc);
create index representatives_unconfirmed_idx on representatives (created_at desc, id desc) where confirmed_at is null and ended_at is null;
create index representatives_user_idx on representatives (user_id, created_at desc, id desc);
alter table representatives enable row level security, force row level security;
create policy actor_proven on representatives as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on representatives for all to caretrail_owner using (true) with check (true);
create policy representatives_change on representatives for update to caretrail_app
  using (
    (select reach('representatives:write') = 'ALL'
      or reach('representatives:end') = 'ALL')
    or (select reach('representatives:end')) = 'OWN'
    and (patient_id = (select actor_patient())
      or user_id = (select actor_user()))
  );
create policy representatives_link on representatives for insert to caretrail_app
  with check ((select reach('representatives:write')) = 'ALL');
create policy representatives_read on representatives for select to caretrail_app
  using (
    case (select reach('representatives:read'))
    when 'ALL' then true
    when 'OWN' then patient_id = (select actor_patient())
    or user_id = (select actor_user())
    else false
    end
  );
create trigger admit_representative before insert on representatives
  for each row
  execute function admit_representative();
create trigger announce after insert or update on representatives
  for each row
  execute function announce_representative();
create trigger guard_deletion after delete on representatives referencing old table as deleted
  for each statement
  execute function guard_deletion_of_parts('patient_id');
create trigger refuse_truncate before truncate on representatives
  for each statement
  execute function refuse_truncate();
create trigger sign_representative before update on representatives
  for each row
  when (not by_migration() and current_user <> 'caretrail_owner')
  execute function sign_representative();
create trigger time_representative before update on representatives
  for each row
  execute function time_representative();
grant select on representatives to caretrail_app;
grant insert
  (id, user_id, patient_id, basis, scope, since, until, evidence)
  on representatives to caretrail_app;
grant update (confirmed_at, ended_at, end_reason) on representatives to caretrail_app;

create table name_words (
  user_id uuid not null,
  word text collate "C" not null,
  name text collate "C" not null,
  constraint name_words_pkey primary key (user_id, word),
  constraint name_words_user_id_fkey foreign key (user_id) references user_profiles (id)
);
create index name_words_search_idx on name_words (word, name, user_id);
alter table name_words enable row level security, force row level security;
create policy actor_proven on name_words as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on name_words for all to caretrail_owner using (true) with check (true);

create table retention_rules (
  jurisdiction text not null,
  resource_type retained_type not null,
  version integer not null,
  adult_years integer not null,
  majority_age integer not null,
  minor_years integer not null,
  reason text not null,
  set_by uuid,
  set_at timestamptz not null default now(),
  constraint retention_rules_pkey primary key (jurisdiction, resource_type, version),
  constraint retention_rules_set_by_fkey foreign key (set_by) references user_profiles (id),
  constraint retention_rules_adult_years_range check (adult_years >= 1 and adult_years <= 200),
  constraint retention_rules_jurisdiction_format check (jurisdiction ~ '^[A-Z]{2}(-[A-Z0-9]{1,3})?$'),
  constraint retention_rules_majority_age_range check (majority_age >= 18 and majority_age <= 30),
  constraint retention_rules_minor_years_range check (minor_years >= 0 and minor_years <= 200),
  constraint retention_rules_reason_length check (length(reason) >= 1 and length(reason) <= 1000),
  constraint retention_rules_six_years check (resource_type <> 'AUDIT_LOG' or adult_years >= 6)
);
create index retention_rules_set_by_idx on retention_rules (set_by) where set_by is not null;
alter table retention_rules enable row level security, force row level security;
create policy actor_proven on retention_rules as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on retention_rules for all to caretrail_owner using (true) with check (true);
create policy retention_rules_read on retention_rules for select to caretrail_app
  using ((select reach('retention:write')) = 'ALL' or (select reach('retention:read')) = 'ALL');
create policy retention_rules_set on retention_rules for insert to caretrail_app
  with check ((select reach('retention:write')) = 'ALL' and set_by = (select actor_user()));
create trigger check_retention_rule before insert on retention_rules
  for each row
  execute function check_retention_rule();
create trigger follow_majority after insert on retention_rules
  for each row
  when (new.set_by is null)
  execute function follow_majority();
create trigger refuse_ledger_change before delete or update on retention_rules
  for each row
  execute function refuse_ledger_change();
grant select on retention_rules to caretrail_people;
grant insert
  (jurisdiction, resource_type, adult_years, majority_age, minor_years, reason)
  on retention_rules to caretrail_people;

create view archived_rows with (security_invoker=true) (
  resource_type retained_type,
  id uuid,
  patient_id uuid,
  archived_at timestamptz,
  born text collate "C",
  counted_from timestamptz
);

create table legal_holds (
  id uuid not null,
  patient_id uuid,
  account_id uuid,
  resource_type retained_type,
  reason text not null,
  placed_by uuid,
  placed_at timestamptz not null default now(),
  released_by uuid,
  released_at timestamptz,
  release_reason text,
  constraint legal_holds_pkey primary key (id),
  constraint legal_holds_placed_by_fkey foreign key (placed_by) references user_profiles (id),
  constraint legal_holds_released_by_fkey foreign key (released_by) references user_profiles (id),
  constraint legal_holds_reason_length check (length(reason) >= 1 and length(reason) <= 1000),
  constraint legal_holds_release_reason_length check (length(release_reason) >= 1 and length(release_reason) <= 1000),
  constraint legal_holds_released check ((released_at is null) = (release_reason is null))
);
create index legal_holds_in_force_idx on legal_holds (placed_at) where released_at is null;
create index legal_holds_page_idx on legal_holds (placed_at desc, id desc);
create index legal_holds_patient_idx on legal_holds (patient_id);
create index legal_holds_placed_by_idx on legal_holds (placed_by) where placed_by is not null;
create index legal_holds_released_by_idx on legal_holds (released_by) where released_by is not null;
alter table legal_holds enable row level security, force row level security;
create policy actor_proven on legal_holds as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy legal_holds_place on legal_holds for insert to caretrail_app
  with check ((select reach('legal-holds:write')) = 'ALL');
create policy legal_holds_read on legal_holds for select to caretrail_app
  using ((select reach('legal-holds:read')) = 'ALL' or (select reach('legal-holds:write')) = 'ALL');
create policy legal_holds_release on legal_holds for update to caretrail_app
  using ((select reach('legal-holds:write')) = 'ALL');
create policy owner_all on legal_holds for all to caretrail_owner using (true) with check (true);
create trigger refuse_ledger_change before delete on legal_holds
  for each row
  execute function refuse_ledger_change();
create trigger sign_legal_hold before insert or update on legal_holds
  for each row
  execute function sign_legal_hold();
grant select on legal_holds to caretrail_people;
grant insert (id, patient_id, resource_type, reason) on legal_holds to caretrail_people;
grant update (release_reason) on legal_holds to caretrail_people;

create table retention_listings (
  resource_type retained_type not null,
  resource_id uuid not null,
  patient_id uuid,
  ends_on date not null,
  rules text[] not null,
  listed_at timestamptz not null default now(),
  held_by uuid,
  referred_from text,
  begun_at timestamptz,
  constraint retention_listings_pkey primary key (resource_type, resource_id),
  constraint retention_listings_held_by_fkey foreign key (held_by) references legal_holds (id)
);
create index retention_listings_due_idx on retention_listings (resource_type, listed_at, resource_id) where held_by is null and referred_from is null;
create index retention_listings_held_by_idx on retention_listings (held_by) where held_by is not null;
alter table retention_listings enable row level security, force row level security;
create policy actor_proven on retention_listings as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on retention_listings for all to caretrail_owner using (true) with check (true);

create table audit_seals (
  batch bigint not null,
  size bigint not null,
  root sha256_hash not null,
  horizon xid8 not null,
  sealed_at timestamptz not null,
  constraint audit_seals_pkey primary key (batch)
);
alter table audit_seals enable row level security, force row level security;
create policy actor_proven on audit_seals as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy audit_seals_audit on audit_seals for select to caretrail_auditor using (true);
create policy audit_seals_read on audit_seals for select to caretrail_app
  using ((select reach('audit:read')) = 'ALL');
create policy audit_seals_seal on audit_seals for all to caretrail_sealer using (true) with check (true);
create policy owner_all on audit_seals for all to caretrail_owner using (true) with check (true);
grant select on audit_seals to caretrail_app;
grant select on audit_seals to caretrail_auditor;
grant insert, select, update on audit_seals to caretrail_sealer;

create table audit_chains (
  chain_id uuid not null,
  public_key ed25519_public_key not null,
  function function_name not null,
  version text not null,
  opened_at timestamptz not null,
  month date,
  sealed_seq bigint not null default 0,
  sealed_hash sha256_hash not null default '\x0000000000000000000000000000000000000000000000000000000000000000',
  is_broken boolean not null default false,
  constraint audit_chains_pkey primary key (chain_id)
);
alter table audit_chains enable row level security, force row level security;
create policy actor_proven on audit_chains as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy audit_chains_audit on audit_chains for select to caretrail_auditor using (true);
create policy audit_chains_seal on audit_chains for all to caretrail_sealer using (true) with check (true);
create policy owner_all on audit_chains for all to caretrail_owner using (true) with check (true);
grant select on audit_chains to caretrail_auditor;
grant insert, select, update on audit_chains to caretrail_sealer;

create table audit_sealed_runs (
  chain_id uuid not null,
  first_seq bigint not null,
  last_seq bigint not null,
  month date not null,
  first_leaf bigint not null,
  batch bigint not null,
  constraint audit_sealed_runs_pkey primary key (chain_id, first_seq),
  constraint audit_sealed_runs_batch_fkey foreign key (batch) references audit_seals (batch)
);
create index audit_sealed_runs_batch_idx on audit_sealed_runs (batch);
alter table audit_sealed_runs enable row level security, force row level security;
create policy actor_proven on audit_sealed_runs as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy audit_sealed_runs_audit on audit_sealed_runs for select to caretrail_auditor using (true);
create policy audit_sealed_runs_read on audit_sealed_runs for select to caretrail_app
  using ((select reach('audit:read')) = 'ALL');
create policy audit_sealed_runs_seal on audit_sealed_runs for all to caretrail_sealer
  using (true)
  with check (true);
create policy owner_all on audit_sealed_runs for all to caretrail_owner using (true) with check (true);
grant select on audit_sealed_runs to caretrail_app;
grant select on audit_sealed_runs to caretrail_auditor;
grant insert, select, update on audit_sealed_runs to caretrail_sealer;

create table audit_quarantine (
  leaf bigint not null,
  batch bigint not null,
  reason text not null,
  month date not null,
  chain_id uuid not null,
  seq bigint not null,
  row_id uuid,
  constraint audit_quarantine_pkey primary key (leaf)
);
create index audit_quarantine_chain_idx on audit_quarantine (chain_id);
create index audit_quarantine_row_idx on audit_quarantine (row_id, month);
alter table audit_quarantine enable row level security, force row level security;
create policy actor_proven on audit_quarantine as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy audit_quarantine_audit on audit_quarantine for select to caretrail_auditor using (true);
create policy audit_quarantine_seal on audit_quarantine for all to caretrail_sealer
  using (true)
  with check (true);
create policy owner_all on audit_quarantine for all to caretrail_owner using (true) with check (true);
grant select on audit_quarantine to caretrail_auditor;
grant insert, select, update on audit_quarantine to caretrail_sealer;

create table audit_reconciliations (
  minute timestamptz not null,
  revision integer not null,
  audited bigint not null,
  invocations bigint not null,
  failed bigint not null,
  rows bigint not null,
  missing text[] not null,
  leaf bigint not null,
  batch bigint not null,
  constraint audit_reconciliations_pkey primary key (minute)
);
alter table audit_reconciliations enable row level security, force row level security;
create policy actor_proven on audit_reconciliations as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy audit_reconciliations_audit on audit_reconciliations for select to caretrail_auditor
  using (true);
create policy audit_reconciliations_seal on audit_reconciliations for all to caretrail_sealer
  using (true)
  with check (true);
create policy owner_all on audit_reconciliations for all to caretrail_owner using (true) with check (true);
grant select on audit_reconciliations to caretrail_auditor;
grant insert, select, update on audit_reconciliations to caretrail_sealer;

create table audit_incarnations (
  leaf bigint not null,
  batch bigint not null,
  old_size bigint not null,
  kept_size bigint not null,
  database uuid not null,
  statement text not null,
  constraint audit_incarnations_pkey primary key (leaf)
);
alter table audit_incarnations enable row level security, force row level security;
create policy actor_proven on audit_incarnations as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy audit_incarnations_audit on audit_incarnations for select to caretrail_auditor using (true);
create policy audit_incarnations_seal on audit_incarnations for all to caretrail_sealer
  using (true)
  with check (true);
create policy owner_all on audit_incarnations for all to caretrail_owner using (true) with check (true);
grant select on audit_incarnations to caretrail_auditor;
grant insert, select, update on audit_incarnations to caretrail_sealer;

create table audit_waiting_chains (
  month date not null,
  chain_id uuid not null,
  since timestamptz not null default now(),
  constraint audit_waiting_chains_pkey primary key (month, chain_id)
);
alter table audit_waiting_chains enable row level security, force row level security;
create policy actor_proven on audit_waiting_chains as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy audit_waiting_chains_audit on audit_waiting_chains for select to caretrail_auditor using (true);
create policy audit_waiting_chains_seal on audit_waiting_chains for all to caretrail_sealer
  using (true)
  with check (true);
create policy owner_all on audit_waiting_chains for all to caretrail_owner using (true) with check (true);
grant select on audit_waiting_chains to caretrail_auditor;
grant delete, insert, select, update on audit_waiting_chains to caretrail_sealer;

create table audit_archives (
  month date not null,
  begun_at timestamptz not null default now(),
  completed_at timestamptz,
  rows bigint,
  parts integer,
  root sha256_hash,
  listed_at timestamptz,
  deleted_at timestamptz,
  objects_deleted_at timestamptz,
  constraint audit_archives_pkey primary key (month),
  constraint audit_archives_complete check (
    (num_nulls(completed_at, rows, parts, root) = any (array[0, 4]))
    and (completed_at is not null
      or listed_at is null)
    and (completed_at is not null
      or deleted_at is null)
    and (deleted_at is not null
      or objects_deleted_at is null)
  ),
  constraint audit_archives_month_first_day check (extract(day from month) = 1::numeric)
);
alter table audit_archives enable row level security, force row level security;
create policy actor_proven on audit_archives as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy audit_archives_audit on audit_archives for select to caretrail_auditor, caretrail_sealer
  using (true);
create policy audit_archives_read on audit_archives for select to caretrail_app
  using ((select reach('audit:read')) = 'ALL');
create policy owner_all on audit_archives for all to caretrail_owner using (true) with check (true);
grant select on audit_archives to caretrail_app;
grant select on audit_archives to caretrail_auditor;
grant select on audit_archives to caretrail_sealer;

create table audit_archive_parts (
  month date not null,
  part integer not null,
  rows bigint not null,
  bytes bigint not null,
  sha256 sha256_hash not null,
  root sha256_hash not null,
  first_chain uuid not null,
  first_seq bigint not null,
  first_place bytea not null,
  last_chain uuid not null,
  last_seq bigint not null,
  last_place bytea not null,
  block_offsets bigint[] not null,
  locked_until timestamptz not null,
  confirmed_at timestamptz,
  constraint audit_archive_parts_pkey primary key (month, part),
  constraint audit_archive_parts_month_fkey foreign key (month) references audit_archives (month)
);
alter table audit_archive_parts enable row level security, force row level security;
create policy actor_proven on audit_archive_parts as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy audit_archive_parts_audit on audit_archive_parts for select to caretrail_auditor, caretrail_sealer
  using (true);
create policy audit_archive_parts_read on audit_archive_parts for select to caretrail_app
  using ((select reach('audit:read')) = 'ALL');
create policy owner_all on audit_archive_parts for all to caretrail_owner using (true) with check (true);
grant select on audit_archive_parts to caretrail_app;
grant select on audit_archive_parts to caretrail_auditor;
grant select on audit_archive_parts to caretrail_sealer;

create table audit_archive_rows (
  id uuid not null,
  month date not null,
  timestamp timestamptz not null,
  user_id uuid,
  patient_id uuid,
  patient_ids uuid[],
  resource_id uuid,
  action_type audit_action not null,
  resource_type audit_resource not null,
  outcome audit_outcome not null,
  purpose_of_use purpose_of_use,
  request_hash bigint not null,
  step_hash bigint,
  part integer not null,
  block smallint not null,
  constraint audit_archive_rows_pkey primary key (id, month),
  constraint audit_archive_rows_user_id_fkey foreign key (user_id) references user_profiles (id)
) partition by range (month);
create index audit_archive_rows_denied_idx on audit_archive_rows (id desc) where outcome = 'DENIED';
create index audit_archive_rows_emergency_idx on audit_archive_rows (id desc) where purpose_of_use = 'ETREAT';
create index audit_archive_rows_failed_idx on audit_archive_rows (id desc) where outcome = 'FAILURE';
create index audit_archive_rows_patient_idx on audit_archive_rows (patient_id, id desc) where patient_id is not null;
create index audit_archive_rows_patients_idx on audit_archive_rows using gin (patient_ids) where patient_ids is not null;
create index audit_archive_rows_request_idx on audit_archive_rows (request_hash);
create index audit_archive_rows_resource_idx on audit_archive_rows (resource_id, id desc) where resource_id is distinct from patient_id and resource_id is not null;
create index audit_archive_rows_user_idx on audit_archive_rows (user_id, id desc) where user_id is not null;
alter table audit_archive_rows enable row level security, force row level security;
create policy actor_proven on audit_archive_rows as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy audit_archive_rows_audit on audit_archive_rows for select to caretrail_auditor, caretrail_sealer
  using (true);
create policy audit_archive_rows_read on audit_archive_rows for select to caretrail_app
  using ((select reach('audit:read')) = 'ALL');
create policy owner_all on audit_archive_rows for all to caretrail_owner using (true) with check (true);
create trigger refuse_audit_change before delete or update on audit_archive_rows
  for each row
  execute function refuse_audit_change();
create trigger refuse_audit_truncate before truncate on audit_archive_rows
  for each statement
  execute function refuse_audit_change();
grant select on audit_archive_rows to caretrail_app;
grant select on audit_archive_rows to caretrail_auditor;
grant select on audit_archive_rows to caretrail_sealer;

create table event_subjects with (fillfactor=80) (
  subject text collate "C" not null,
  sequence bigint not null,
  rank xid8 not null,
  constraint event_subjects_pkey primary key (subject)
);
alter table event_subjects enable row level security, force row level security;
create policy actor_proven on event_subjects as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on event_subjects for all to caretrail_owner using (true) with check (true);

create table business_events (
  number bigint not null default nextval('business_event_numbers'),
  day date not null default (now() at time zone 'UTC')::date,
  id uuid not null default gen_random_uuid(),
  type event_type not null,
  subject text collate "C" not null,
  sequence bigint not null,
  rank xid8 not null,
  time timestamptz not null default clock_timestamp(),
  trace_id text,
  data jsonb not null,
  constraint business_events_pkey primary key (rank, number, day)
) partition by range (day);
create index business_events_subject_idx on business_events (subject, sequence);
alter table business_events enable row level security, force row level security;
create policy actor_proven on business_events as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy business_events_read on business_events for select to caretrail_app
  using ((select reach('events:read')) = 'ALL' or (select reach('events:publish')) = 'ALL');
create policy owner_all on business_events for all to caretrail_owner using (true) with check (true);
create trigger refuse_ledger_change before delete or update on business_events
  for each row
  execute function refuse_ledger_change();
grant select on business_events to caretrail_app;

create table expired_events (
  is_only_row boolean not null default true,
  rank xid8 not null default '0',
  number bigint not null default 0,
  constraint expired_events_pkey primary key (is_only_row),
  constraint expired_events_one_row check (is_only_row)
);
alter table expired_events enable row level security, force row level security;
create policy actor_proven on expired_events as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on expired_events for all to caretrail_owner using (true) with check (true);

create table event_publisher (
  is_only_row boolean not null default true,
  rank xid8 not null default '0',
  number bigint not null default 0,
  busy_until timestamptz not null default '-infinity',
  constraint event_publisher_pkey primary key (is_only_row),
  constraint event_publisher_one_row check (is_only_row)
);
alter table event_publisher enable row level security, force row level security;
create policy actor_proven on event_publisher as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on event_publisher for all to caretrail_owner using (true) with check (true);

create table event_retries (
  rank xid8 not null,
  number bigint not null,
  attempts integer not null,
  error_code text not null,
  first_failed_at timestamptz not null default now(),
  next_at timestamptz,
  constraint event_retries_pkey primary key (rank, number)
);
create index event_retries_next_idx on event_retries (next_at) where next_at is not null;
alter table event_retries enable row level security, force row level security;
create policy actor_proven on event_retries as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on event_retries for all to caretrail_owner using (true) with check (true);

create table webhooks (
  id uuid not null,
  url text not null,
  description text,
  event_types text[],
  status webhook_status not null default 'ACTIVE',
  disabled_reason webhook_disabled_reason,
  disabled_at timestamptz,
  secret_generation integer not null default 1,
  former_secret_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid,
  version integer not null default 1,
  constraint webhooks_pkey primary key (id),
  constraint webhooks_archived_by_fkey foreign key (archived_by) references user_profiles (id),
  constraint webhooks_archived check (is_archived = (archived_at is not null)),
  constraint webhooks_description_length check (length(description) >= 1 and length(description) <= 500),
  constraint webhooks_disabled check (
    (status = 'DISABLED') = (disabled_reason is not null)
    and (status = 'DISABLED') = (disabled_at is not null)
  ),
  constraint webhooks_documents_size check (coalesce(octet_length(event_types::text), 0) <= 262144),
  constraint webhooks_event_types_count check (cardinality(event_types) >= 1 and cardinality(event_types) <= 100),
  constraint webhooks_event_types_known check (event_types <@ event_type_names()),
  constraint webhooks_url_format check (url ~ '^https?://[!-~]+$'),
  constraint webhooks_url_length check (length(url) <= 2000)
);
create index webhooks_archived_by_idx on webhooks (archived_by) where archived_by is not null;
alter table webhooks enable row level security, force row level security;
create policy actor_proven on webhooks as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on webhooks for all to caretrail_owner using (true) with check (true);
create policy webhooks_change on webhooks for update to caretrail_app
  using ((select reach('webhooks:write')) = 'ALL');
create policy webhooks_create on webhooks for insert to caretrail_app
  with check ((select reach('webhooks:write')) = 'ALL');
create policy webhooks_read on webhooks for select to caretrail_app
  using (
    (select reach('webhooks:read')) = 'ALL'
    or (select reach('webhooks:write')) = 'ALL'
    or (select reach('webhooks:deliver')) = 'ALL'
  );
create trigger announce after insert or update on webhooks for each row execute function announce_webhook();
create trigger begin_webhook after insert on webhooks for each row execute function begin_webhook();
create trigger begin_webhook_again after update on webhooks
  for each row
  when (new.url <> old.url or new.status = 'ACTIVE' and old.status <> 'ACTIVE')
  execute function begin_webhook();
create trigger check_webhook before insert or update on webhooks for each row execute function check_webhook();
create trigger guard_deletion before delete on webhooks for each row execute function guard_deletion();
create trigger refuse_truncate before truncate on webhooks
  for each statement
  execute function refuse_truncate();
create trigger touch before update on webhooks for each row execute function touch();
grant select on webhooks to caretrail_app;
grant insert (id, url, description, event_types, status) on webhooks to caretrail_people;
grant update
  (url, description, event_types, status, secret_generation, former_secret_until, is_archived, archived_at, archived_by)
  on webhooks to caretrail_people;

create table webhook_progress with (fillfactor=80) (
  webhook_id uuid not null,
  rank xid8 not null,
  number bigint not null,
  since timestamptz not null,
  attempts integer not null default 0,
  first_failed_at timestamptz,
  next_at timestamptz,
  busy_until timestamptz not null default '-infinity',
  test_rank xid8,
  test_number bigint,
  replay_since timestamptz,
  constraint webhook_progress_pkey primary key (webhook_id),
  constraint webhook_progress_webhook_id_fkey foreign key (webhook_id) references webhooks (id),
  constraint webhook_progress_failing check ((attempts > 0) = (first_failed_at is not null)),
  constraint webhook_progress_test check ((test_rank is null) = (test_number is null))
);
alter table webhook_progress enable row level security, force row level security;
create policy actor_proven on webhook_progress as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on webhook_progress for all to caretrail_owner using (true) with check (true);
create policy webhook_progress_read on webhook_progress for select to caretrail_app
  using ((select reach('webhooks:read')) = 'ALL' or (select reach('webhooks:write')) = 'ALL');
grant select on webhook_progress to caretrail_app;

create table webhook_deliveries (
  day date not null default (now() at time zone 'UTC')::date,
  id uuid not null default gen_random_uuid(),
  webhook_id uuid not null,
  event_id uuid,
  type event_type,
  subject text collate "C",
  sequence bigint,
  attempt integer,
  attempted_at timestamptz not null,
  outcome webhook_outcome not null,
  http_status integer,
  duration_ms integer,
  constraint webhook_deliveries_pkey primary key (webhook_id, attempted_at, id, day),
  constraint webhook_deliveries_webhook_id_fkey foreign key (webhook_id) references webhooks (id),
  constraint webhook_deliveries_event check (
    (outcome = 'EXPIRED') = (event_id is null)
    and (event_id is null) = (type is null)
    and (event_id is null) = (subject is null)
    and (event_id is null) = (sequence is null)
    and (event_id is null) = (attempt is null)
    and (event_id is null) = (duration_ms is null)
  )
) partition by range (day);
alter table webhook_deliveries enable row level security, force row level security;
create policy actor_proven on webhook_deliveries as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on webhook_deliveries for all to caretrail_owner using (true) with check (true);
create policy webhook_deliveries_read on webhook_deliveries for select to caretrail_app
  using ((select reach('webhooks:read')) = 'ALL');
create trigger refuse_ledger_change before delete or update on webhook_deliveries
  for each row
  execute function refuse_ledger_change();
grant select on webhook_deliveries to caretrail_app;

create table appointment_reminders (
  appointment_id uuid not null,
  reminder_offset interval not null,
  due_at timestamptz not null,
  constraint appointment_reminders_pkey primary key (appointment_id, reminder_offset),
  constraint appointment_reminders_appointment_id_fkey foreign key (appointment_id) references appointments (id)
);
create index appointment_reminders_due_idx on appointment_reminders (due_at, appointment_id);
alter table appointment_reminders enable row level security, force row level security;
create policy actor_proven on appointment_reminders as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on appointment_reminders for all to caretrail_owner using (true) with check (true);

create table alert_rules (
  name text not null,
  meaning text not null,
  threshold integer not null,
  weight integer not null,
  is_enabled boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version integer not null default 1,
  constraint alert_rules_pkey primary key (name),
  constraint alert_rules_meaning_length check (length(meaning) >= 1 and length(meaning) <= 500),
  constraint alert_rules_name_format check (name ~ '^[a-z][a-z-]{1,63}$'),
  constraint alert_rules_threshold_range check (threshold >= 1 and threshold <= 1000000),
  constraint alert_rules_weight_range check (weight >= 1 and weight <= 100)
);
alter table alert_rules enable row level security, force row level security;
create policy actor_proven on alert_rules as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy alert_rules_change on alert_rules for update to caretrail_app
  using ((select reach('alert-rules:write')) = 'ALL');
create policy alert_rules_read on alert_rules for select to caretrail_app
  using ((select reach('alerts:read')) = 'ALL' or (select reach('alert-rules:write')) = 'ALL');
create policy owner_all on alert_rules for all to caretrail_owner using (true) with check (true);
create trigger guard_deletion before delete on alert_rules for each row execute function guard_deletion();
create trigger refuse_truncate before truncate on alert_rules
  for each statement
  execute function refuse_truncate();
create trigger touch before update on alert_rules for each row execute function touch();
grant select on alert_rules to caretrail_app;
grant update (threshold, weight, is_enabled) on alert_rules to caretrail_people;

create table alerts (
  id uuid not null default gen_random_uuid(),
  rule text not null,
  rule_version integer not null,
  score integer not null,
  status alert_status not null default 'OPEN',
  actor_id uuid,
  patient_id uuid,
  occasion uuid,
  network cidr,
  evidence uuid[] not null,
  occurrences bigint not null default 1,
  explanations access_explanation[] not null,
  first_at timestamptz not null default now(),
  last_at timestamptz not null default now(),
  assigned_to uuid,
  disposition alert_disposition,
  reason text,
  resolved_by uuid,
  resolved_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version integer not null default 1,
  constraint alerts_pkey primary key (id),
  constraint alerts_actor_id_fkey foreign key (actor_id) references user_profiles (id),
  constraint alerts_assigned_to_fkey foreign key (assigned_to) references user_profiles (id),
  constraint alerts_resolved_by_fkey foreign key (resolved_by) references user_profiles (id),
  constraint alerts_rule_fkey foreign key (rule) references alert_rules (name),
  constraint alerts_assigned check (
    case status
    when 'ASSIGNED' then assigned_to is not null
    when 'RESOLVED' then true
    else assigned_to is null
    end
  ),
  constraint alerts_assigned_to_another check (assigned_to <> actor_id),
  constraint alerts_evidence_count check (cardinality(evidence) <= 100),
  constraint alerts_occurrences_counted check (occurrences > 0),
  constraint alerts_reason_length check (length(reason) >= 1 and length(reason) <= 1000),
  constraint alerts_resolved check (
    (status = 'RESOLVED') = (disposition is not null)
    and (status = 'RESOLVED') = (reason is not null)
    and (status = 'RESOLVED') = (resolved_at is not null)
  ),
  constraint alerts_score_range check (score >= 1 and score <= 100)
);
create index alerts_actor_idx on alerts (actor_id, first_at desc, id desc);
create index alerts_assigned_to_idx on alerts (assigned_to, first_at desc, id desc) where assigned_to is not null;
create index alerts_occasion_idx on alerts (rule, occasion) where occasion is not null;
create index alerts_page_idx on alerts (first_at desc, id desc);
create index alerts_patient_idx on alerts (patient_id, first_at desc, id desc);
create index alerts_resolved_by_idx on alerts (resolved_by) where resolved_by is not null;
create index alerts_rule_idx on alerts (rule, first_at desc, id desc);
create index alerts_unresolved_idx on alerts (first_at desc, id desc) where status <> 'RESOLVED';
create unique index alerts_unresolved_key on alerts (rule, actor_id, patient_id, occasion) nulls not distinct where status <> 'RESOLVED';
alter table alerts enable row level security, force row level security;
create policy actor_proven on alerts as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy alerts_change on alerts for update to caretrail_app
  using ((select reach('alerts:write')) = 'ALL');
create policy alerts_read on alerts for select to caretrail_app
  using ((select reach('alerts:read') = 'ALL' or reach('alerts:write') = 'ALL'));
create policy owner_all on alerts for all to caretrail_owner using (true) with check (true);
create trigger announce after insert or update on alerts for each row execute function announce_alert();
create trigger check_alert before update on alerts for each row execute function check_alert();
create trigger guard_deletion before delete on alerts for each row execute function guard_deletion();
create trigger refuse_truncate before truncate on alerts for each statement execute function refuse_truncate();
create trigger touch before update on alerts for each row execute function touch();
grant select on alerts to caretrail_app;
grant update (status, assigned_to, disposition, reason) on alerts to caretrail_people;

create table emergency_accesses (
  id uuid not null,
  member_id uuid not null default actor_user(),
  patient_id uuid not null,
  reason emergency_reason not null,
  explanation text not null,
  hours integer not null,
  granted_at timestamptz not null default now(),
  ends_at timestamptz not null,
  review_due_at timestamptz not null,
  revoked_at timestamptz,
  revoked_by uuid,
  review emergency_review,
  review_note text,
  reviewed_at timestamptz,
  reviewed_by uuid,
  constraint emergency_accesses_pkey primary key (id),
  constraint emergency_accesses_once exclude using gist (member_id with =, patient_id with =, tstzrange(granted_at, ends_at) with &&) where (revoked_at is null),
  constraint emergency_accesses_member_id_fkey foreign key (member_id) references user_profiles (id),
  constraint emergency_accesses_patient_id_fkey foreign key (patient_id) references patients (id),
  constraint emergency_accesses_reviewed_by_fkey foreign key (reviewed_by) references user_profiles (id),
  constraint emergency_accesses_revoked_by_fkey foreign key (revoked_by) references user_profiles (id),
  constraint emergency_accesses_end check (ends_at > granted_at and ends_at <= (granted_at + '04:00:00')),
  constraint emergency_accesses_explanation_length check (length(explanation) >= 1 and length(explanation) <= 1000),
  constraint emergency_accesses_hours_range check (hours >= 1 and hours <= 4),
  constraint emergency_accesses_incident_explained check (review <> 'INCIDENT_OPENED' or review_note is not null),
  constraint emergency_accesses_note_of_review check (review is not null or review_note is null),
  constraint emergency_accesses_review_note_length check (length(review_note) >= 1 and length(review_note) <= 1000),
  constraint emergency_accesses_reviewed check ((review is null) = (reviewed_at is null)),
  constraint emergency_accesses_reviewed_by_another check (reviewed_by <> member_id)
);
create index emergency_accesses_member_idx on emergency_accesses (member_id, granted_at desc, id desc);
create index emergency_accesses_page_idx on emergency_accesses (granted_at desc, id desc);
create index emergency_accesses_patient_idx on emergency_accesses (patient_id, granted_at desc, id desc);
create index emergency_accesses_reviewed_by_idx on emergency_accesses (reviewed_by) where reviewed_by is not null;
create index emergency_accesses_revoked_by_idx on emergency_accesses (revoked_by) where revoked_by is not null;
create index emergency_accesses_unreviewed_idx on emergency_accesses (granted_at desc, id desc) where review is null;
alter table emergency_accesses enable row level security, force row level security;
create policy actor_proven on emergency_accesses as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy emergency_accesses_end on emergency_accesses for update to caretrail_app
  using (
    (select reach('emergency-access:revoke')) = 'ALL'
    or (select reach('emergency-access:review')) = 'ALL'
    or (select reach('emergency-access:revoke')) = 'OWN'
    and member_id = (select actor_user())
  );
create policy emergency_accesses_grant on emergency_accesses for insert to caretrail_app
  with check ((select reach('emergency-access:write')) = 'ALL' and member_id = (select actor_user()));
create policy emergency_accesses_read on emergency_accesses for select to caretrail_app
  using (
    case (select reach('emergency-access:read'))
    when 'ALL' then true
    when 'CARE' then member_id = (select actor_user())
    when 'OWN' then patient_id = (select actor_patient())
    or represents(patient_id)
    else false
    end
  );
create policy owner_all on emergency_accesses for all to caretrail_owner using (true) with check (true);
create trigger announce after insert or update on emergency_accesses
  for each row
  execute function announce_emergency_access();
create trigger guard_deletion after delete on emergency_accesses referencing old table as deleted
  for each statement
  execute function guard_deletion_of_parts('patient_id');
create trigger open_incident after update on emergency_accesses
  for each row
  when (old.review is null and new.review = 'INCIDENT_OPENED')
  execute function open_incident_of_emergency();
create trigger raise_alert after insert on emergency_accesses
  for each row
  execute function alert_emergency_access();
create trigger refuse_truncate before truncate on emergency_accesses
  for each statement
  execute function refuse_truncate();
create trigger sign_emergency_access before insert or update on emergency_accesses
  for each row
  execute function sign_emergency_access();
grant select on emergency_accesses to caretrail_app;
grant insert (id, patient_id, reason, explanation, hours) on emergency_accesses to caretrail_app;
grant update (revoked_at, review, review_note) on emergency_accesses to caretrail_app;

create table emergency_searches (
  member_id uuid not null,
  searched_at timestamptz not null default clock_timestamp(),
  patient_id uuid,
  constraint emergency_searches_pkey primary key (member_id, searched_at)
);
create index emergency_searches_at_idx on emergency_searches (searched_at);
alter table emergency_searches enable row level security, force row level security;
create policy actor_proven on emergency_searches as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on emergency_searches for all to caretrail_owner using (true) with check (true);

create table chart_accesses (
  day date not null,
  user_id uuid not null,
  patient_id uuid not null,
  accesses bigint not null,
  unexplained bigint not null,
  unexplained_at timestamptz,
  evidence uuid[] not null,
  explanation access_explanation,
  constraint chart_accesses_pkey primary key (day, user_id, patient_id),
  constraint chart_accesses_counted check (unexplained >= 0 and unexplained <= accesses),
  constraint chart_accesses_evidence_count check (cardinality(evidence) <= 100),
  constraint chart_accesses_unexplained check ((unexplained = 0) = (unexplained_at is null))
);
create index chart_accesses_patient_idx on chart_accesses (patient_id, user_id, day);
alter table chart_accesses enable row level security, force row level security;
create policy actor_proven on chart_accesses as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on chart_accesses for all to caretrail_owner using (true) with check (true);

create table access_review (
  is_only_row boolean not null default true,
  xid xid8 not null default '0',
  id uuid not null default '00000000-0000-0000-0000-000000000000',
  since uuid not null default '00000000-0000-0000-0000-000000000000',
  leaf bigint not null default '-1',
  constraint access_review_pkey primary key (is_only_row),
  constraint access_review_one_row check (is_only_row)
);
alter table access_review enable row level security, force row level security;
create policy actor_proven on access_review as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on access_review for all to caretrail_owner using (true) with check (true);

create table refused_tokens (
  network cidr not null,
  hour timestamptz not null,
  tokens bigint not null,
  constraint refused_tokens_pkey primary key (network, hour),
  constraint refused_tokens_counted check (tokens > 0)
);
create index refused_tokens_hour_idx on refused_tokens (hour);
alter table refused_tokens enable row level security, force row level security;
create policy actor_proven on refused_tokens as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on refused_tokens for all to caretrail_owner using (true) with check (true);

create table refused_tokens_review (
  is_only_row boolean not null default true,
  until timestamptz not null default now(),
  constraint refused_tokens_review_pkey primary key (is_only_row),
  constraint refused_tokens_review_one_row check (is_only_row)
);
alter table refused_tokens_review enable row level security, force row level security;
create policy actor_proven on refused_tokens_review as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on refused_tokens_review for all to caretrail_owner using (true) with check (true);

create table incidents (
  id uuid not null,
  alert_id uuid,
  emergency_access_id uuid,
  actor_id uuid,
  status incident_status not null default 'OPEN',
  discovered_on date not null,
  summary text not null,
  breach_from date,
  breach_until date,
  nature_level risk_level,
  nature text,
  person_level risk_level,
  person text,
  acquisition_level risk_level,
  acquisition text,
  mitigation_level risk_level,
  mitigation text,
  decision incident_decision,
  decision_reason text,
  delay_statement delay_statement,
  delay_stated_on date,
  delay_official text,
  delayed_until date,
  letter_happened text,
  letter_data text,
  letter_steps text,
  letter_response text,
  opened_by uuid,
  decided_by uuid,
  decided_at timestamptz,
  closed_by uuid,
  closed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version integer not null default 1,
  constraint incidents_pkey primary key (id),
  constraint incidents_alert_key unique (alert_id),
  constraint incidents_emergency_access_key unique (emergency_access_id),
  constraint incidents_actor_id_fkey foreign key (actor_id) references user_profiles (id),
  constraint incidents_alert_id_fkey foreign key (alert_id) references alerts (id),
  constraint incidents_closed_by_fkey foreign key (closed_by) references user_profiles (id),
  constraint incidents_decided_by_fkey foreign key (decided_by) references user_profiles (id),
  constraint incidents_opened_by_fkey foreign key (opened_by) references user_profiles (id),
  constraint incidents_acquisition_length check (length(acquisition) >= 1 and length(acquisition) <= 2000),
  constraint incidents_breach_days check (
    (breach_from is null) = (breach_until is null)
    and (breach_from is null
      or breach_from <= breach_until)
  ),
  constraint incidents_breach_notified check (status <> 'NOTIFYING' or decision = 'BREACH'),
  constraint incidents_breach_presumed check (
    decision = 'BREACH'
    or decision is null
    or nature is not null
    and person is not null
    and acquisition is not null
    and mitigation is not null
  ),
  constraint incidents_decided check (
    (decision is null) = (decision_reason is null)
    and (status = 'OPEN'
      or decision is not null)
  ),
  constraint incidents_decision_reason_length check (length(decision_reason) >= 1 and length(decision_reason) <= 2000),
  constraint incidents_delay_official_length check (length(delay_official) >= 1 and length(delay_official) <= 300),
  constraint incidents_delay_oral check (delay_statement <> 'ORAL' or delayed_until <= (delay_stated_on + 30)),
  constraint incidents_delay_whole check (
    (delay_statement is null) = (delayed_until is null)
    and (delay_stated_on is null) = (delayed_until is null)
    and (delay_official is null) = (delayed_until is null)
    and (delayed_until is null
      or delayed_until >= delay_stated_on)
  ),
  constraint incidents_factors_whole check (
    (nature is null) = (nature_level is null)
    and (person is null) = (person_level is null)
    and (acquisition is null) = (acquisition_level is null)
    and (mitigation is null) = (mitigation_level is null)
  ),
  constraint incidents_letter_complete check (
    (status = any (array['OPEN', 'ASSESSED']))
    or decision <> 'BREACH'
    or letter_happened is not null
    and letter_data is not null
    and letter_steps is not null
    and letter_response is not null
  ),
  constraint incidents_letter_data_length check (length(letter_data) >= 1 and length(letter_data) <= 2000),
  constraint incidents_letter_happened_length check (length(letter_happened) >= 1 and length(letter_happened) <= 2000),
  constraint incidents_letter_response_length check (length(letter_response) >= 1 and length(letter_response) <= 2000),
  constraint incidents_letter_steps_length check (length(letter_steps) >= 1 and length(letter_steps) <= 2000),
  constraint incidents_mitigation_length check (length(mitigation) >= 1 and length(mitigation) <= 2000),
  constraint incidents_nature_length check (length(nature) >= 1 and length(nature) <= 2000),
  constraint incidents_person_length check (length(person) >= 1 and length(person) <= 2000),
  constraint incidents_signed check ((status = 'OPEN') = (decided_at is null) and (status = 'CLOSED') = (closed_at is not null)),
  constraint incidents_summary_length check (length(summary) >= 1 and length(summary) <= 4000)
);
create index incidents_actor_idx on incidents (actor_id, created_at desc, id desc) where actor_id is not null;
create index incidents_closed_by_idx on incidents (closed_by) where closed_by is not null;
create index incidents_decided_by_idx on incidents (decided_by) where decided_by is not null;
create index incidents_opened_by_idx on incidents (opened_by) where opened_by is not null;
create index incidents_page_idx on incidents (created_at desc, id desc);
create index incidents_unclosed_idx on incidents (created_at desc, id desc) where status <> 'CLOSED';
alter table incidents enable row level security, force row level security;
create policy actor_proven on incidents as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy incidents_add on incidents for insert to caretrail_app
  with check ((select reach('incidents:write')) = 'ALL');
create policy incidents_change on incidents for update to caretrail_app
  using ((select reach('incidents:write')) = 'ALL');
create policy incidents_read on incidents for select to caretrail_app
  using ((select reach('incidents:read') = 'ALL' or reach('incidents:write') = 'ALL'));
create policy owner_all on incidents for all to caretrail_owner using (true) with check (true);
create trigger add_evidence after insert on incidents
  for each row
  when (new.alert_id is not null or new.emergency_access_id is not null)
  execute function add_evidence();
create trigger announce after insert or update on incidents for each row execute function announce_incident();
create trigger check_incident before update on incidents for each row execute function check_incident();
create trigger guard_deletion before delete on incidents for each row execute function guard_deletion();
create trigger refuse_truncate before truncate on incidents
  for each statement
  execute function refuse_truncate();
create trigger sign_incident before insert on incidents for each row execute function sign_incident();
create trigger touch before update on incidents for each row execute function touch();
grant select on incidents to caretrail_app;
grant insert (id, alert_id, actor_id, discovered_on, summary) on incidents to caretrail_people;
grant update
  (status, discovered_on, summary, breach_from, breach_until, nature_level, nature, person_level, person, acquisition_level, acquisition, mitigation_level, mitigation, decision, decision_reason, delay_statement, delay_stated_on, delay_official, delayed_until, letter_happened, letter_data, letter_steps, letter_response)
  on incidents to caretrail_people;

create table incident_accesses (
  incident_id uuid not null,
  patient_id uuid not null,
  audit_id uuid not null,
  user_id uuid not null,
  resource_type audit_resource not null,
  accessed_at timestamptz not null,
  constraint incident_accesses_pkey primary key (incident_id, patient_id, audit_id),
  constraint incident_accesses_incident_id_fkey foreign key (incident_id) references incidents (id)
);
create index incident_accesses_user_idx on incident_accesses (incident_id, user_id);
alter table incident_accesses enable row level security, force row level security;
create policy actor_proven on incident_accesses as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy incident_accesses_read on incident_accesses for select to caretrail_app
  using ((select reach('incidents:read') = 'ALL' or reach('incidents:write') = 'ALL'));
create policy owner_all on incident_accesses for all to caretrail_owner using (true) with check (true);
create trigger guard_deletion before delete on incident_accesses
  for each row
  execute function guard_deletion();
create trigger refuse_ledger_change before update on incident_accesses
  for each row
  execute function refuse_ledger_change();
create trigger refuse_truncate before truncate on incident_accesses
  for each statement
  execute function refuse_truncate();
grant select on incident_accesses to caretrail_app;

create table incident_patients (
  incident_id uuid not null,
  patient_id uuid not null,
  residence text,
  is_excluded boolean not null default false,
  reason text,
  changed_by uuid,
  added_at timestamptz not null default now(),
  constraint incident_patients_pkey primary key (incident_id, patient_id),
  constraint incident_patients_changed_by_fkey foreign key (changed_by) references user_profiles (id),
  constraint incident_patients_incident_id_fkey foreign key (incident_id) references incidents (id),
  constraint incident_patients_exclusion_explained check (not is_excluded or reason is not null),
  constraint incident_patients_reason_length check (length(reason) >= 1 and length(reason) <= 1000)
);
create index incident_patients_changed_by_idx on incident_patients (changed_by) where changed_by is not null;
create index incident_patients_patient_idx on incident_patients (patient_id, incident_id);
alter table incident_patients enable row level security, force row level security;
create policy actor_proven on incident_patients as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy incident_patients_add on incident_patients for insert to caretrail_app
  with check ((select reach('incidents:write')) = 'ALL');
create policy incident_patients_change on incident_patients for update to caretrail_app
  using ((select reach('incidents:write')) = 'ALL');
create policy incident_patients_read on incident_patients for select to caretrail_app
  using ((select reach('incidents:read') = 'ALL' or reach('incidents:write') = 'ALL'));
create policy owner_all on incident_patients for all to caretrail_owner using (true) with check (true);
create trigger guard_deletion before delete on incident_patients
  for each row
  execute function guard_deletion();
create trigger refuse_truncate before truncate on incident_patients
  for each statement
  execute function refuse_truncate();
create trigger settle_incident after update on incident_patients
  for each row
  when (new.is_excluded and not old.is_excluded)
  execute function settle_after_patient();
create trigger sign_incident_patient before insert or update on incident_patients
  for each row
  execute function sign_incident_patient();
grant select on incident_patients to caretrail_app;
grant insert (incident_id, patient_id, is_excluded, reason) on incident_patients to caretrail_people;
grant update (is_excluded, reason) on incident_patients to caretrail_people;

create table incident_notices (
  id uuid not null default gen_random_uuid(),
  incident_id uuid not null,
  recipient notice_recipient not null,
  patient_id uuid,
  jurisdiction text,
  means notice_means not null,
  sent_on date not null,
  note text,
  recorded_by uuid,
  recorded_at timestamptz not null default now(),
  constraint incident_notices_pkey primary key (id),
  constraint incident_notices_incident_id_fkey foreign key (incident_id) references incidents (id),
  constraint incident_notices_patient foreign key (incident_id, patient_id) references incident_patients (incident_id, patient_id),
  constraint incident_notices_recorded_by_fkey foreign key (recorded_by) references user_profiles (id),
  constraint incident_notices_addressed check (
    (recipient = 'PATIENT') = (patient_id is not null)
    and (recipient = 'MEDIA') = (jurisdiction is not null)
  ),
  constraint incident_notices_jurisdiction_length check (length(jurisdiction) >= 1 and length(jurisdiction) <= 100),
  constraint incident_notices_means check (
    case recipient
    when 'PATIENT' then means = any (array['FIRST_CLASS_MAIL', 'EMAIL', 'SUBSTITUTE', 'URGENT_CALL'])
    when 'HHS' then means = 'WEB_PORTAL'
    when 'MEDIA' then means = 'PRESS_RELEASE'
    else null::boolean
    end
  ),
  constraint incident_notices_note_length check (length(note) >= 1 and length(note) <= 1000),
  constraint incident_notices_substitute_explained check (means <> 'SUBSTITUTE' or note is not null)
);
create index incident_notices_incident_idx on incident_notices (incident_id, patient_id);
create index incident_notices_recorded_by_idx on incident_notices (recorded_by) where recorded_by is not null;
alter table incident_notices enable row level security, force row level security;
create policy actor_proven on incident_notices as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy incident_notices_add on incident_notices for insert to caretrail_app
  with check ((select reach('incidents:write')) = 'ALL');
create policy incident_notices_read on incident_notices for select to caretrail_app
  using ((select reach('incidents:read') = 'ALL' or reach('incidents:write') = 'ALL'));
create policy owner_all on incident_notices for all to caretrail_owner using (true) with check (true);
create trigger guard_deletion before delete on incident_notices for each row execute function guard_deletion();
create trigger refuse_ledger_change before update on incident_notices
  for each row
  execute function refuse_ledger_change();
create trigger refuse_truncate before truncate on incident_notices
  for each statement
  execute function refuse_truncate();
create trigger settle_incident after insert on incident_notices referencing new table as added
  for each statement
  execute function settle_after_notices();
create trigger sign_incident_notice before insert on incident_notices
  for each row
  execute function sign_incident_notice();
grant select on incident_notices to caretrail_app;
grant insert
  (incident_id, recipient, patient_id, jurisdiction, means, sent_on, note)
  on incident_notices to caretrail_people;

create table activity_reviews (
  id uuid not null,
  covered_from date not null,
  covered_until date not null,
  figures jsonb not null,
  created_by uuid,
  created_at timestamptz not null default now(),
  conclusion text,
  verification jsonb,
  document text,
  signed_by uuid,
  signed_at timestamptz,
  updated_at timestamptz not null default now(),
  version integer not null default 1,
  constraint activity_reviews_pkey primary key (id),
  constraint activity_reviews_created_by_fkey foreign key (created_by) references user_profiles (id),
  constraint activity_reviews_signed_by_fkey foreign key (signed_by) references user_profiles (id),
  constraint activity_reviews_conclusion_length check (length(conclusion) >= 1 and length(conclusion) <= 4000),
  constraint activity_reviews_document_size check (octet_length(document) <= 200000),
  constraint activity_reviews_period check (covered_until >= covered_from and covered_until <= (covered_from + 365)),
  constraint activity_reviews_signed check (
    (conclusion is null) = (signed_at is null)
    and (document is null) = (signed_at is null)
    and (signed_at is not null
      or verification is null)
  )
);
create index activity_reviews_created_by_idx on activity_reviews (created_by) where created_by is not null;
create index activity_reviews_page_idx on activity_reviews (covered_until desc, id desc);
create index activity_reviews_signed_by_idx on activity_reviews (signed_by) where signed_by is not null;
alter table activity_reviews enable row level security, force row level security;
create policy activity_reviews_begin on activity_reviews for insert to caretrail_app
  with check ((select reach('activity-reviews:write')) = 'ALL');
create policy activity_reviews_read on activity_reviews for select to caretrail_app
  using ((select reach('activity-reviews:read') = 'ALL' or reach('activity-reviews:write') = 'ALL'));
create policy activity_reviews_sign on activity_reviews for update to caretrail_app
  using ((select reach('activity-reviews:write')) = 'ALL');
create policy actor_proven on activity_reviews as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on activity_reviews for all to caretrail_owner using (true) with check (true);
create trigger guard_deletion before delete on activity_reviews for each row execute function guard_deletion();
create trigger refuse_truncate before truncate on activity_reviews
  for each statement
  execute function refuse_truncate();
create trigger sign_activity_review before insert or update on activity_reviews
  for each row
  execute function sign_activity_review();
create trigger touch before update on activity_reviews for each row execute function touch();
grant select on activity_reviews to caretrail_app;
grant insert (id, covered_from, covered_until) on activity_reviews to caretrail_people;
grant update (conclusion, verification, document) on activity_reviews to caretrail_people;

create table record_shields (
  id uuid not null,
  record_id uuid not null,
  patient_id uuid not null,
  reason shield_reason,
  note text,
  decided_by uuid not null default actor_user(),
  decided_at timestamptz not null default clock_timestamp(),
  constraint record_shields_pkey primary key (id),
  constraint record_shields_decided_by_fkey foreign key (decided_by) references user_profiles (id),
  constraint record_shields_of_record foreign key (record_id, patient_id) references medical_records (id, patient_id) deferrable initially deferred,
  constraint record_shields_note_length check (length(note) >= 1 and length(note) <= 1000)
);
create index record_shields_decided_by_idx on record_shields (decided_by);
create index record_shields_record_idx on record_shields (record_id, patient_id, decided_at desc);
alter table record_shields enable row level security, force row level security;
create policy actor_proven on record_shields as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on record_shields for all to caretrail_owner using (true) with check (true);
create policy record_shields_create on record_shields for insert to caretrail_app
  with check (
    decided_by = (select actor_user())
    and (reaches('records:write', patient_id)
      or adds_records(patient_id)
      and not (exists (select from medical_records r where r.id = record_shields.record_id)))
  );
create policy record_shields_read on record_shields for select to caretrail_app
  using (
    case (select reach('records:read'))
    when 'OWN' then false
    when 'SOURCE' then (exists (select from medical_records r where r.id = record_shields.record_id))
    else reaches('records:read', patient_id)
    end
  );
create trigger follow_shields after insert on record_shields for each row execute function follow_shields();
create trigger guard_deletion after delete on record_shields referencing old table as deleted
  for each statement
  execute function guard_deletion_of_parts('record_id');
create trigger refuse_ledger_change before update on record_shields
  for each row
  execute function refuse_ledger_change();
create trigger refuse_truncate before truncate on record_shields
  for each statement
  execute function refuse_truncate();
grant select on record_shields to caretrail_app;
grant insert (id, record_id, patient_id, reason, note) on record_shields to caretrail_app;

create table amendments (
  id uuid not null,
  patient_id uuid not null,
  record_id uuid,
  file_id uuid,
  profile_field amendment_field,
  origin amendment_origin not null default 'REQUEST',
  status amendment_status not null default 'REQUESTED',
  statement text,
  correction text,
  reason text,
  requester amendment_requester,
  recorded_by uuid,
  told_by text,
  received_on date not null,
  due_on date,
  extension_reason text,
  extended_by uuid,
  extended_at timestamptz,
  addendum text,
  denial_ground amendment_denial_ground,
  denial_basis text,
  decided_by uuid,
  decided_at timestamptz,
  disagreement text,
  disagreed_by uuid,
  disagreed_at timestamptz,
  rebuttal text,
  rebutted_by uuid,
  rebutted_at timestamptz,
  created_at timestamptz not null default now(),
  constraint amendments_pkey primary key (id),
  constraint amendments_id_patient_id_key unique (id, patient_id),
  constraint amendments_decided_by_fkey foreign key (decided_by) references user_profiles (id),
  constraint amendments_disagreed_by_fkey foreign key (disagreed_by) references user_profiles (id),
  constraint amendments_extended_by_fkey foreign key (extended_by) references user_profiles (id),
  constraint amendments_patient_id_fkey foreign key (patient_id) references patients (id),
  constraint amendments_rebutted_by_fkey foreign key (rebutted_by) references user_profiles (id),
  constraint amendments_recorded_by_fkey foreign key (recorded_by) references user_profiles (id),
  constraint amendments_accepted check ((status = any (array['ACCEPTED', 'PARTLY_ACCEPTED'])) = (addendum is not null)),
  constraint amendments_addendum_length check (length(addendum) >= 1 and length(addendum) <= 4000),
  constraint amendments_correction_length check (length(correction) >= 1 and length(correction) <= 4000),
  constraint amendments_decided check ((status = 'REQUESTED') = (decided_at is null)),
  constraint amendments_denial_basis_length check (length(denial_basis) >= 1 and length(denial_basis) <= 2000),
  constraint amendments_denied check (
    (status = any (array['DENIED', 'PARTLY_ACCEPTED'])) = (denial_ground is not null)
    and (denial_ground is null) = (denial_basis is null)
  ),
  constraint amendments_disagreed_whole check (
    (disagreement is null) = (disagreed_at is null)
    and (disagreement is null
      or denial_ground is not null)
  ),
  constraint amendments_disagreement_length check (length(disagreement) >= 1 and length(disagreement) <= 4000),
  constraint amendments_extended_whole check ((extension_reason is null) = (extended_at is null)),
  constraint amendments_extension_reason_length check (length(extension_reason) >= 1 and length(extension_reason) <= 1000),
  constraint amendments_one_entry check (num_nonnulls(record_id, file_id, profile_field) = 1),
  constraint amendments_origin_whole check (
    case origin
    when 'REQUEST' then num_nonnulls(statement, correction, reason, requester, due_on) = 5
    and told_by is null
    when 'OTHER_ENTITY' then num_nonnulls(statement, correction, reason, requester, due_on) = 0
    and told_by is not null
    else null::boolean
    end
  ),
  constraint amendments_reason_length check (length(reason) >= 1 and length(reason) <= 2000),
  constraint amendments_rebuttal_length check (length(rebuttal) >= 1 and length(rebuttal) <= 4000),
  constraint amendments_rebutted_whole check (
    (rebuttal is null) = (rebutted_at is null)
    and (rebuttal is null
      or disagreement is not null)
  ),
  constraint amendments_statement_length check (length(statement) >= 1 and length(statement) <= 4000),
  constraint amendments_told_accepted check (origin = 'REQUEST' or status = 'ACCEPTED'),
  constraint amendments_told_by_length check (length(told_by) >= 1 and length(told_by) <= 300)
);
create index amendments_decided_by_idx on amendments (decided_by) where decided_by is not null;
create index amendments_disagreed_by_idx on amendments (disagreed_by) where disagreed_by is not null;
create index amendments_due_idx on amendments (due_on, id) where status = 'REQUESTED';
create index amendments_extended_by_idx on amendments (extended_by) where extended_by is not null;
create index amendments_file_idx on amendments (file_id, created_at desc, id desc) where file_id is not null;
create index amendments_open_of_patient_idx on amendments (patient_id, created_at desc, id desc) where status = 'REQUESTED';
create index amendments_patient_idx on amendments (patient_id, created_at desc, id desc);
create index amendments_rebutted_by_idx on amendments (rebutted_by) where rebutted_by is not null;
create index amendments_record_idx on amendments (record_id, created_at desc, id desc) where record_id is not null;
create index amendments_recorded_by_idx on amendments (recorded_by) where recorded_by is not null;
alter table amendments enable row level security, force row level security;
create policy actor_proven on amendments as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy amendments_add on amendments for insert to caretrail_app
  with check (
    case origin
    when 'REQUEST' then reaches('amendments:request', patient_id)
    when 'OTHER_ENTITY' then reaches('amendments:decide', patient_id)
    else null::boolean
    end
    and shows_entry(record_id, file_id)
  );
create policy amendments_read on amendments for select to caretrail_app
  using (reaches('amendments:read', patient_id) and shows_entry(record_id, file_id));
create policy amendments_step on amendments for update to caretrail_app
  using (
    (reaches('amendments:request', patient_id)
      or reaches('amendments:decide', patient_id))
    and shows_entry(record_id, file_id)
  );
create policy owner_all on amendments for all to caretrail_owner using (true) with check (true);
create trigger announce after insert or update on amendments
  for each row
  execute function announce_request('amendment', '{decided_at,decided_by,disagreed_by,rebutted_by,extended_by}');
create trigger check_amendment_step before update on amendments
  for each row
  execute function check_amendment_step();
create trigger guard_deletion after delete on amendments referencing old table as deleted
  for each statement
  execute function guard_deletion_of_parts('patient_id');
create trigger refuse_truncate before truncate on amendments
  for each statement
  execute function refuse_truncate();
create trigger sign_amendment before insert on amendments for each row execute function sign_amendment();
grant select on amendments to caretrail_app;
grant insert
  (id, patient_id, record_id, file_id, profile_field, origin, statement, correction, reason, told_by, received_on, addendum)
  on amendments to caretrail_app;
grant update
  (status, extension_reason, addendum, denial_ground, denial_basis, disagreement, rebuttal)
  on amendments to caretrail_app;

create table amendment_recipients (
  id uuid not null default gen_random_uuid(),
  amendment_id uuid not null,
  patient_id uuid not null,
  source amendment_recipient_source not null,
  name text not null,
  contact text,
  added_by uuid,
  added_at timestamptz not null default now(),
  informed_on date,
  informed_by_means text,
  informed_by uuid,
  informed_at timestamptz,
  constraint amendment_recipients_pkey primary key (id),
  constraint amendment_recipients_added_by_fkey foreign key (added_by) references user_profiles (id),
  constraint amendment_recipients_informed_by_fkey foreign key (informed_by) references user_profiles (id),
  constraint amendment_recipients_of_amendment foreign key (amendment_id, patient_id) references amendments (id, patient_id),
  constraint amendment_recipients_contact_length check (length(contact) >= 1 and length(contact) <= 500),
  constraint amendment_recipients_informed_by_means_length check (length(informed_by_means) >= 1 and length(informed_by_means) <= 200),
  constraint amendment_recipients_informed_whole check (
    (informed_on is null) = (informed_by_means is null)
    and (informed_on is null) = (informed_at is null)
  ),
  constraint amendment_recipients_name_length check (length(name) >= 1 and length(name) <= 300)
);
create index amendment_recipients_added_by_idx on amendment_recipients (added_by) where added_by is not null;
create index amendment_recipients_amendment_idx on amendment_recipients (amendment_id, patient_id, added_at, id);
create index amendment_recipients_informed_by_idx on amendment_recipients (informed_by) where informed_by is not null;
create index amendment_recipients_patient_idx on amendment_recipients (patient_id);
alter table amendment_recipients enable row level security, force row level security;
create policy actor_proven on amendment_recipients as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy amendment_recipients_add on amendment_recipients for insert to caretrail_app
  with check (
    reaches('amendments:request', patient_id)
    and (exists (select from amendments a where a.id = amendment_recipients.amendment_id))
  );
create policy amendment_recipients_inform on amendment_recipients for update to caretrail_app
  using (
    reaches('amendments:decide', patient_id)
    and (exists (select from amendments a where a.id = amendment_recipients.amendment_id))
  );
create policy amendment_recipients_read on amendment_recipients for select to caretrail_app
  using ((exists (select from amendments a where a.id = amendment_recipients.amendment_id)));
create policy owner_all on amendment_recipients for all to caretrail_owner using (true) with check (true);
create trigger guard_deletion after delete on amendment_recipients referencing old table as deleted
  for each statement
  execute function guard_deletion_of_parts('patient_id');
create trigger refuse_truncate before truncate on amendment_recipients
  for each statement
  execute function refuse_truncate();
create trigger sign_amendment_recipient before insert or update on amendment_recipients
  for each row
  execute function sign_amendment_recipient();
grant select on amendment_recipients to caretrail_app;
grant insert (id, amendment_id, source, name, contact) on amendment_recipients to caretrail_app;
grant update (informed_on, informed_by_means) on amendment_recipients to caretrail_app;

create table disclosures (
  id uuid not null,
  corrects_id uuid,
  correction_reason text,
  is_withdrawn boolean not null default false,
  patient_id uuid not null,
  disclosed_on date not null,
  last_on date,
  times integer,
  frequency text,
  recipient_name text not null,
  recipient_address text,
  description text not null,
  purpose text,
  request_file_id uuid,
  basis disclosure_basis not null,
  suspension_statement delay_statement,
  suspension_stated_on date,
  suspension_official text,
  suspended_until date,
  recorded_by uuid,
  recorded_at timestamptz not null default now(),
  constraint disclosures_pkey primary key (id),
  constraint disclosures_corrects_key unique (corrects_id),
  constraint disclosures_corrects_id_fkey foreign key (corrects_id) references disclosures (id),
  constraint disclosures_recorded_by_fkey foreign key (recorded_by) references user_profiles (id),
  constraint disclosures_correction check (
    (corrects_id is null) = (correction_reason is null)
    and (corrects_id is not null
      or not is_withdrawn)
  ),
  constraint disclosures_correction_reason_length check (length(correction_reason) >= 1 and length(correction_reason) <= 1000),
  constraint disclosures_description_length check (length(description) >= 1 and length(description) <= 2000),
  constraint disclosures_frequency_length check (length(frequency) >= 1 and length(frequency) <= 200),
  constraint disclosures_purpose_given check (purpose is not null or request_file_id is not null),
  constraint disclosures_purpose_length check (length(purpose) >= 1 and length(purpose) <= 2000),
  constraint disclosures_recipient_address_length check (length(recipient_address) >= 1 and length(recipient_address) <= 500),
  constraint disclosures_recipient_name_length check (length(recipient_name) >= 1 and length(recipient_name) <= 300),
  constraint disclosures_recurring check (
    (last_on is null) = (times is null
      and frequency is null)
    and (last_on is null
      or last_on >= disclosed_on)
  ),
  constraint disclosures_suspension_basis check (suspended_until is null or basis = 'HEALTH_OVERSIGHT' or basis = 'LAW_ENFORCEMENT'),
  constraint disclosures_suspension_official_length check (length(suspension_official) >= 1 and length(suspension_official) <= 300),
  constraint disclosures_suspension_oral check (suspension_statement <> 'ORAL' or suspended_until <= (suspension_stated_on + 30)),
  constraint disclosures_suspension_whole check (
    (suspension_statement is null) = (suspended_until is null)
    and (suspension_stated_on is null) = (suspended_until is null)
    and (suspension_official is null) = (suspended_until is null)
    and (suspended_until is null
      or suspended_until >= suspension_stated_on)
  ),
  constraint disclosures_times_range check (times >= 2 and times <= 100000)
);
create index disclosures_page_idx on disclosures (recorded_at desc, id desc);
create index disclosures_patient_idx on disclosures (patient_id, recorded_at desc, id desc);
create index disclosures_recorded_by_idx on disclosures (recorded_by) where recorded_by is not null;
alter table disclosures enable row level security, force row level security;
create policy actor_proven on disclosures as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy disclosures_read on disclosures for select to caretrail_app
  using ((select reach('disclosures:read') = 'ALL' or reach('disclosures:write') = 'ALL'));
create policy disclosures_record on disclosures for insert to caretrail_app
  with check ((select reach('disclosures:write')) = 'ALL');
create policy owner_all on disclosures for all to caretrail_owner using (true) with check (true);
create trigger guard_deletion before delete on disclosures for each row execute function guard_deletion();
create trigger refuse_ledger_change before update on disclosures
  for each row
  execute function refuse_ledger_change();
create trigger refuse_truncate before truncate on disclosures
  for each statement
  execute function refuse_truncate();
create trigger sign_disclosure before insert on disclosures for each row execute function sign_disclosure();
grant select on disclosures to caretrail_app;
grant insert
  (id, corrects_id, correction_reason, is_withdrawn, patient_id, disclosed_on, last_on, times, frequency, recipient_name, recipient_address, description, purpose, request_file_id, basis, suspension_statement, suspension_stated_on, suspension_official, suspended_until)
  on disclosures to caretrail_people;

create table accountings (
  id uuid not null,
  patient_id uuid not null,
  covered_from date not null,
  covered_until date not null,
  status accounting_status not null default 'OPEN',
  received_on date not null,
  due_on date not null,
  extended_at timestamptz,
  extended_by uuid,
  extension_reason text,
  fee_cents integer not null,
  fee_accepted_at timestamptz,
  requested_by uuid,
  entries jsonb,
  provided_by uuid,
  provided_at timestamptz,
  withdrawn_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version integer not null default 1,
  constraint accountings_pkey primary key (id),
  constraint accountings_extended_by_fkey foreign key (extended_by) references user_profiles (id),
  constraint accountings_provided_by_fkey foreign key (provided_by) references user_profiles (id),
  constraint accountings_requested_by_fkey foreign key (requested_by) references user_profiles (id),
  constraint accountings_entries_size check (octet_length(entries::text) <= 2000000),
  constraint accountings_extension check (
    (extension_reason is null) = (extended_at is null)
    and due_on = (received_on + case
      when extended_at is null then 60
      else 90 end)
  ),
  constraint accountings_extension_reason_length check (length(extension_reason) >= 1 and length(extension_reason) <= 1000),
  constraint accountings_period check (
    covered_from <= covered_until
    and covered_until <= received_on
    and covered_from >= (received_on - '6 years')
  ),
  constraint accountings_provided check (
    (status = 'PROVIDED') = (provided_at is not null)
    and (entries is null) = (provided_at is null)
    and (status = 'WITHDRAWN') = (withdrawn_at is not null)
  )
);
create index accountings_due_idx on accountings (due_on, id) where status <> 'PROVIDED' and status <> 'WITHDRAWN';
create index accountings_extended_by_idx on accountings (extended_by) where extended_by is not null;
create index accountings_page_idx on accountings (created_at desc, id desc);
create index accountings_patient_idx on accountings (patient_id, created_at desc, id desc);
create index accountings_provided_by_idx on accountings (provided_by) where provided_by is not null;
create index accountings_requested_by_idx on accountings (requested_by) where requested_by is not null;
create index accountings_unanswered_idx on accountings (created_at desc, id desc) where status <> 'PROVIDED' and status <> 'WITHDRAWN';
alter table accountings enable row level security, force row level security;
create policy accountings_change on accountings for update to caretrail_app
  using ((select reach('accountings:answer')) = 'ALL' or reaches('accountings:write', patient_id));
create policy accountings_read on accountings for select to caretrail_app
  using (
    case (select coalesce(reach('accountings:read'), reach('accountings:write'), reach('accountings:answer')) as "coalesce")
    when 'ALL' then true
    when 'OWN' then patient_id = (select actor_patient())
    or represents(patient_id)
    else false
    end
  );
create policy accountings_request on accountings for insert to caretrail_app
  with check (reaches('accountings:write', patient_id));
create policy actor_proven on accountings as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy owner_all on accountings for all to caretrail_owner using (true) with check (true);
create trigger announce after insert or update on accountings
  for each row
  execute function announce_request('accounting', '{entries,extended_by,provided_by}');
create trigger check_accounting before insert or update on accountings
  for each row
  execute function check_accounting();
create trigger guard_deletion before delete on accountings for each row execute function guard_deletion();
create trigger refuse_truncate before truncate on accountings
  for each statement
  execute function refuse_truncate();
create trigger touch before update on accountings for each row execute function touch();
grant select on accountings to caretrail_app;
grant insert (id, patient_id, covered_from, covered_until, received_on) on accountings to caretrail_app;
grant update (covered_from, covered_until, status, extension_reason) on accountings to caretrail_app;

create table exports (
  id uuid not null,
  patient_id uuid not null,
  requested_by uuid not null,
  is_for_representative boolean not null default false,
  status export_status not null default 'REQUESTED',
  attached_to uuid,
  received_on date not null,
  due_on date not null,
  extended_at timestamptz,
  extended_by uuid,
  extension_reason text,
  recipient_name text,
  recipient_address text,
  directive_signed_on date,
  fee_cents integer not null default 0,
  fee_reason text,
  denial_ground denial_ground,
  denial_basis text,
  denied_by uuid,
  denied_at timestamptz,
  review_requested_by uuid,
  review_requested_at timestamptz,
  review_outcome review_outcome,
  review_basis text,
  reviewed_by uuid,
  reviewed_at timestamptz,
  attempts integer not null default 0,
  lease_until timestamptz,
  entries_total integer,
  entries_done integer not null default 0,
  contents jsonb,
  package_size bigint,
  package_sha256 bytea,
  ready_at timestamptz,
  available_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version integer not null default 1,
  constraint exports_pkey primary key (id),
  constraint exports_attached_to_fkey foreign key (attached_to) references exports (id),
  constraint exports_denied_by_fkey foreign key (denied_by) references user_profiles (id),
  constraint exports_extended_by_fkey foreign key (extended_by) references user_profiles (id),
  constraint exports_patient_id_fkey foreign key (patient_id) references patients (id),
  constraint exports_requested_by_fkey foreign key (requested_by) references user_profiles (id),
  constraint exports_review_requested_by_fkey foreign key (review_requested_by) references user_profiles (id),
  constraint exports_reviewed_by_fkey foreign key (reviewed_by) references user_profiles (id),
  constraint exports_attached check ((status = 'ATTACHED') = (attached_to is not null)),
  constraint exports_denial_basis_length check (length(denial_basis) >= 1 and length(denial_basis) <= 2000),
  constraint exports_denied check (
    (denial_ground is null) = (denial_basis is null)
    and (denial_ground is null) = (denied_at is null)
    and (status <> 'DENIED'
      or denial_ground is not null)
  ),
  constraint exports_directive_whole check (
    (recipient_name is null) = (directive_signed_on is null)
    and (recipient_name is null) = (recipient_address is null)
  ),
  constraint exports_extended check (
    (extended_at is null) = (extension_reason is null)
    and (extended_at is null) = (extended_by is null)
  ),
  constraint exports_extension_reason_length check (length(extension_reason) >= 1 and length(extension_reason) <= 1000),
  constraint exports_fee_explained check ((fee_cents = 0) = (fee_reason is null)),
  constraint exports_fee_range check (fee_cents >= 0 and fee_cents <= 100000),
  constraint exports_fee_reason_length check (length(fee_reason) >= 1 and length(fee_reason) <= 300),
  constraint exports_package_sha256_length check (octet_length(package_sha256) = 32),
  constraint exports_package_size_range check (package_size > 0),
  constraint exports_ready check (
    (package_size is null) = (ready_at is null)
    and (package_sha256 is null) = (ready_at is null)
    and (contents is null) = (ready_at is null)
    and (available_until is null) = (ready_at is null)
    and (status <> 'READY'
      or ready_at is not null)
  ),
  constraint exports_recipient_address_length check (length(recipient_address) >= 1 and length(recipient_address) <= 500),
  constraint exports_recipient_name_length check (length(recipient_name) >= 1 and length(recipient_name) <= 300),
  constraint exports_review_basis_length check (length(review_basis) >= 1 and length(review_basis) <= 2000),
  constraint exports_reviewed check (
    (review_outcome is null) = (review_basis is null)
    and (review_outcome is null) = (reviewed_at is null)
    and (reviewed_at is null
      or review_requested_at is not null)
  )
);
create index exports_attached_to_idx on exports (attached_to) where attached_to is not null;
create index exports_denied_by_idx on exports (denied_by) where denied_by is not null;
create index exports_extended_by_idx on exports (extended_by) where extended_by is not null;
create index exports_open_idx on exports (created_at desc, id desc) where status = any (array['REQUESTED', 'BUILDING']);
create index exports_page_idx on exports (created_at desc, id desc);
create index exports_patient_idx on exports (patient_id, created_at desc, id desc);
create index exports_requested_by_idx on exports (requested_by);
create index exports_review_requested_by_idx on exports (review_requested_by) where review_requested_by is not null;
create index exports_reviewed_by_idx on exports (reviewed_by) where reviewed_by is not null;
alter table exports enable row level security, force row level security;
create policy actor_proven on exports as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy exports_add on exports for insert to caretrail_app
  with check (reaches('exports:request', patient_id));
create policy exports_change on exports for update to caretrail_app
  using (
    reaches('exports:request', patient_id)
    or reaches('exports:decide', patient_id)
    or reaches('exports:review', patient_id)
    or (select reach('exports:extend')) = 'ALL'
  );
create policy exports_read on exports for select to caretrail_app
  using (
    case (select reach('exports:read'))
    when 'OWN' then (patient_id = (select actor_patient())
      or represents(patient_id))
    and owns_export('exports:read', patient_id, requested_by, is_for_representative)
    when 'CARE' then in_care(patient_id)
    when 'ALL' then true
    else (select reach('exports:build')) = 'ALL'
    end
  );
create policy owner_all on exports for all to caretrail_owner using (true) with check (true);
create trigger announce after insert or update on exports
  for each row
  execute function announce_request('export', '{attempts,lease_until,entries_total,entries_done}');
create trigger check_export before update on exports for each row execute function check_export();
create trigger guard_deletion after delete on exports referencing old table as deleted
  for each statement
  execute function guard_deletion_of_parts('patient_id');
create trigger refuse_truncate before truncate on exports
  for each statement
  execute function refuse_truncate();
create trigger sign_export before insert on exports for each row execute function sign_export();
create trigger touch before update on exports for each row execute function touch();
grant select on exports to caretrail_app;
grant insert
  (id, patient_id, received_on, recipient_name, recipient_address, directive_signed_on, fee_cents, fee_reason)
  on exports to caretrail_app;
grant update
  (extended_at, extension_reason, denial_ground, denial_basis, denied_at, review_requested_at, review_outcome, review_basis, reviewed_at)
  on exports to caretrail_app;

create table export_exclusions (
  export_id uuid not null,
  record_id uuid not null,
  patient_id uuid not null,
  ground denial_ground not null,
  basis text,
  decided_by uuid,
  decided_at timestamptz not null default now(),
  constraint export_exclusions_pkey primary key (export_id, record_id),
  constraint export_exclusions_decided_by_fkey foreign key (decided_by) references user_profiles (id),
  constraint export_exclusions_export_id_fkey foreign key (export_id) references exports (id),
  constraint export_exclusions_of_record foreign key (record_id, patient_id) references medical_records (id, patient_id),
  constraint export_exclusions_basis_length check (length(basis) >= 1 and length(basis) <= 2000)
);
create index export_exclusions_decided_by_idx on export_exclusions (decided_by) where decided_by is not null;
create index export_exclusions_record_idx on export_exclusions (record_id, patient_id);
alter table export_exclusions enable row level security, force row level security;
create policy actor_proven on export_exclusions as restrictive for all to caretrail_app
  using ((select actor_is_proven()));
create policy export_exclusions_add on export_exclusions for insert to caretrail_app
  with check (reaches('exports:decide', patient_id));
create policy export_exclusions_read on export_exclusions for select to caretrail_app
  using (reaches('exports:decide', patient_id));
create policy owner_all on export_exclusions for all to caretrail_owner using (true) with check (true);
create trigger guard_deletion after delete on export_exclusions referencing old table as deleted
  for each statement
  execute function guard_deletion_of_parts('record_id');
create trigger refuse_ledger_change before update on export_exclusions
  for each row
  execute function refuse_ledger_change();
create trigger refuse_truncate before truncate on export_exclusions
  for each statement
  execute function refuse_truncate();
create trigger sign_export_exclusion before insert on export_exclusions
  for each row
  execute function sign_export_exclusion();
grant select on export_exclusions to caretrail_app;
grant insert (export_id, record_id, patient_id, ground, basis) on export_exclusions to caretrail_people;

-- Functions
--
-- A comment names the roles that can execute the function. Without one, only the owner can.

create function accesses_of(p_incident uuid, p_user uuid, p_from timestamptz, p_until timestamptz, p_patient uuid) returns incident_accesses[] stable;
create function accesses_with(p_incident uuid, p_ids uuid[]) returns incident_accesses[] stable;
create function accounting_entries(p_patient uuid, p_from date, p_until date) returns jsonb stable;
create function accounting_parties(p_accounting uuid, OUT first_name text, OUT last_name text, OUT clinic_name text, OUT clinic_phone text, OUT clinic_email text, OUT clinic_website text, OUT clinic_address text) returns record stable security definer; -- caretrail_people
create function actor_claim(standing text) returns text stable;
create function actor_is_proven() returns boolean stable; -- caretrail_app
create function actor_patient() returns uuid stable; -- caretrail_app
create function actor_provider() returns uuid stable; -- caretrail_app
create function actor_source() returns text stable; -- caretrail_app
create function actor_user() returns uuid stable; -- caretrail_app
create function acts_for(patient uuid) returns boolean stable security definer; -- caretrail_app
create function add_accesses(accesses incident_accesses[]) returns bigint;
create function add_accesses_of(p_incident uuid, p_user uuid, p_from timestamptz, p_until timestamptz, p_patient uuid) returns bigint security definer; -- caretrail_people
create function add_audit_archive_part(p_month date, p_part integer, p_rows bigint, p_bytes bigint, p_sha256 bytea, p_root bytea, p_digest bytea, p_first_chain uuid, p_first_seq bigint, p_first_place bytea, p_last_chain uuid, p_last_seq bigint, p_last_place bytea, p_block_offsets bigint[], p_block_rows bigint[], p_locked_until timestamptz) returns boolean security definer; -- caretrail_jobs
create function add_event(p_type event_type, p_subject text, p_data jsonb) returns void security definer;
create procedure add_partition(parent text, IN name text, IN first date, IN next date);
create function add_signing_key(p_purpose key_purpose, p_key bytea) returns void;
create function adds_records(patient uuid) returns boolean stable; -- caretrail_app
create function age_of_majority() returns integer stable;
create function alert_settled_at(p_rule text, p_occasion uuid) returns timestamptz stable;
create function amendments_in_travel(p_patient uuid) returns table (amendment_id uuid, record_id uuid, file_id uuid, profile_field text, amendment jsonb) stable; -- caretrail_app
create function anniversary(day date, years integer) returns date immutable;
create function announced_file(p_id uuid, OUT bucket text, OUT file_path text) returns record security definer; -- caretrail_jobs
create function append_audit(entry audit_logs) returns void security definer; -- caretrail_app
create function append_fence(entry audit_logs) returns bytea security definer; -- caretrail_app
create function archivable_rows(p_month date, p_chain uuid, p_seq bigint, p_place bytea, p_limit bigint) returns table (line text, is_quarantined boolean, is_sealed boolean, follows boolean, public_key bytea, function text) stable security definer; -- caretrail_jobs
create function archives_visit(source text) returns boolean stable; -- caretrail_app
create function are_of_one_family(one user_profiles, other user_profiles) returns boolean stable;
create function are_reminder_offsets(offsets interval[]) returns boolean immutable;
create function audit_archive_ends(p_month date) returns date stable;
create function audit_archive_entries(p_month date) returns table (part integer, rows bigint, bytes bigint, sha256 bytea, root bytea, first_chain uuid, first_seq bigint, first_place bytea, last_chain uuid, last_seq bigint, last_place bytea, is_confirmed boolean) stable security definer; -- caretrail_jobs
create function audit_archive_floor() returns integer immutable;
create function audit_archive_partition(p_month date) returns text immutable;
create function audit_month(at timestamptz) returns date immutable;
create function audit_month(audit_id uuid) returns date immutable;
create function audit_months_ahead() returns integer stable security definer; -- caretrail_jobs
create function audit_partition(p_month date) returns text immutable;
create function audit_retention_floor() returns integer immutable;
create function audit_rows_digest(p_month date, p_first_chain uuid, p_first_seq bigint, p_first_place bytea, p_last_chain uuid, p_last_seq bigint, p_last_place bytea, OUT rows bigint, OUT digest bytea) returns record stable;
create function audit_time(id uuid) returns timestamptz immutable;
create function begin_attempt(p_subject uuid, p_assured boolean, p_permission text, p_clock bigint, p_ticket bytea, OUT user_id uuid, OUT role text, OUT refusal text, OUT left_out bigint, OUT source_system text) returns record security definer; -- caretrail_app
create function begin_audit_archive(p_month date, p_months integer) returns boolean security definer; -- caretrail_jobs
create function begin_file_deletion(p_limit bigint, OUT ids uuid[]) returns uuid[] security definer; -- caretrail_jobs
create function begin_job(p_permission text, p_clock bigint, p_ticket bytea, p_trace text DEFAULT NULL::text, OUT role text) returns text security definer; -- caretrail_jobs
create function begin_next_export() returns table (id uuid, patient_id uuid, attempt integer, entries integer) security definer; -- caretrail_jobs
create function begin_request(p_subject uuid, p_assured boolean, p_permission text, p_clock bigint, p_ticket bytea, p_trace text DEFAULT NULL::text, OUT user_id uuid, OUT role text, OUT relation text, OUT patient_id uuid, OUT left_out bigint, OUT source_system text, OUT sealed_size bigint, OUT emergency_patients uuid[]) returns record security definer; -- caretrail_people
create function begin_webhook_turn(p_webhook uuid) returns boolean security definer; -- caretrail_jobs
create function born_like(born text) returns setof patients stable;
create function by_migration() returns boolean stable; -- caretrail_app
create function can_be_same_date(one text, other text) returns boolean immutable;
create function care_after(begins timestamptz) returns timestamptz stable security definer;
create function care_given(patient uuid, source uuid) returns table (care_user_id uuid, care_basis text, care_until timestamptz) stable security definer; -- caretrail_app
create function care_of_actor(its_patient uuid) returns setof uuid stable;
create function care_page(after uuid, account uuid, provider uuid, wanted bigint) returns setof uuid stable security definer; -- caretrail_app
create function care_team(patient uuid) returns table (user_id uuid, first_name text, last_name text, role text, basis care_basis, since timestamptz, until timestamptz, is_suspended boolean, reason text) stable security definer; -- caretrail_app
create function changed_columns(former jsonb, present jsonb, others text[] DEFAULT '{}'::text[]) returns text[] immutable;
create function changes_file(patient uuid, owner uuid, uploader uuid, entry uuid) returns boolean stable; -- caretrail_app
create function changes_visit(patient uuid, provider uuid, source text) returns boolean stable; -- caretrail_app
create function charts_with_amendments(only_open boolean) returns setof uuid stable security definer; -- caretrail_people
create function check_keeper(its_role text) returns void stable;
create function check_ticket(p_subject uuid, p_assured boolean, p_permission text, p_clock bigint, p_ticket bytea) returns void stable;
create function claim_idempotency_key(p_key text, p_operation text, p_request_hash bytea, p_status integer, p_resource uuid) returns void security definer; -- caretrail_people
create procedure classify(target regclass, IN purpose text, IN retention text, IN ephi text[] DEFAULT '{}'::text[], IN identifying text[] DEFAULT '{}'::text[]);
create function clinic_day(at timestamptz) returns date stable security definer; -- caretrail_app
create function comes_of_age(born text) returns timestamptz stable;
create function completes_visit(provider uuid, source text) returns boolean stable; -- caretrail_app
create function confirm_audit_archive_part(p_month date, p_part integer, p_digest bytea) returns boolean security definer; -- caretrail_jobs
create function count_activity(p_from date, p_until date) returns jsonb stable;
create function count_audit_rows(p_from timestamptz, p_until timestamptz) returns table (user_id uuid, action_type audit_action, resource_type audit_resource, outcome audit_outcome, purpose_of_use purpose_of_use, rows bigint) stable;
create function count_refusal(OUT retry_after integer, OUT left_out bigint) returns record security definer; -- caretrail_people
create function count_refused_tokens(p_since timestamptz, p_until timestamptz, p_addresses text[], p_tokens bigint[], OUT networks bigint, OUT tokens bigint, OUT alerts bigint) returns record security definer; -- caretrail_jobs
create function covers(hold legal_holds, listing retention_listings) returns boolean immutable;
create function current_hold(entry medical_records) returns hold_reason stable;
create function custom_data_rows(p_table text, p_after uuid, p_limit integer) returns table (id uuid, custom_data jsonb) stable security definer; -- caretrail_app
create function day_begins(day date) returns timestamptz immutable;
create function decide_on_user(p_user uuid, p_approve boolean) returns void security definer; -- caretrail_app
create function delete_audit_archive(p_month date) returns table (rows bigint, parts integer, root bytea, digest bytea, rules text[], ends_on date) security definer; -- caretrail_jobs
create function delete_retained(p_type retained_type, p_ids uuid[], p_limit bigint, OUT taken bigint, OUT ids uuid[], OUT patients uuid[], OUT rules text[], OUT parts jsonb, OUT digest text) returns record security definer; -- caretrail_jobs
create function deleted_audit_archives(OUT months date[]) returns date[] stable security definer; -- caretrail_jobs
create function describe_attempt(p_resource_type text, p_resource uuid, p_patient uuid, p_owner uuid) returns table (target_exists boolean, patient_id uuid) stable security definer; -- caretrail_app
create function due_webhooks() returns setof uuid stable security definer; -- caretrail_jobs
create function emergency_patients() returns uuid[] stable; -- caretrail_app
create function end_audit_archive_deletion(p_month date) returns boolean security definer; -- caretrail_jobs
create function ensure_audit_partitions(ahead integer) returns integer security definer; -- caretrail_jobs
create function event_backlog(OUT oldest_seconds bigint, OUT dead bigint) returns record stable security definer; -- caretrail_jobs
create function event_data(version integer, changed text[], data jsonb) returns jsonb immutable;
create function event_time(at timestamptz) returns text stable;
create function event_type_names() returns text[] stable; -- caretrail_app
create function expire_idempotency_keys(p_limit bigint) returns bigint security definer; -- caretrail_jobs
create function expire_refusals(p_limit bigint, OUT expired bigint, OUT left_out jsonb) returns record security definer; -- caretrail_jobs
create function explain_access(p_user uuid, p_patient uuid, p_at timestamptz, p_relation actor_relation, p_action audit_action, p_resource audit_resource, window_length interval) returns access_explanation stable;
create function export_exclusions_of(its exports) returns jsonb stable security definer; -- caretrail_app
create function export_in_work(p_export uuid, p_attempt integer, OUT its exports) returns exports stable;
create function exported_about(p_export uuid, p_attempt integer) returns table (patient_id uuid, recipient_name text, exclusions jsonb, time_zone text, clinic_name text, clinic_phone text, clinic_email text, clinic_website text, clinic_address text) stable security definer; -- caretrail_jobs
create function exported_amendments(p_export uuid, p_attempt integer) returns table (entry uuid, amendment jsonb) stable security definer; -- caretrail_jobs
create function exported_appointments(p_export uuid, p_attempt integer, p_after timestamptz, p_after_id uuid, p_most integer) returns setof appointments stable security definer; -- caretrail_jobs
create function exported_files(p_export uuid, p_attempt integer, p_after timestamptz, p_after_id uuid, p_most integer) returns setof file_metadata stable security definer; -- caretrail_jobs
create function exported_patient(p_export uuid, p_attempt integer) returns setof patient_profiles stable security definer; -- caretrail_jobs
create function exported_providers(p_export uuid, p_attempt integer, p_after uuid, p_most integer) returns setof provider_profiles stable security definer; -- caretrail_jobs
create function exported_records(p_export uuid, p_attempt integer, p_types record_type[], p_after timestamptz, p_after_id uuid, p_most integer) returns setof medical_records stable security definer; -- caretrail_jobs
create function exported_user(p_export uuid, p_attempt integer) returns setof user_profiles stable security definer; -- caretrail_jobs
create function files_in_care(p_patient uuid, p_owner uuid, p_record uuid, p_status text, p_archived boolean, p_before timestamptz, p_before_id uuid, wanted bigint) returns setof uuid stable security definer; -- caretrail_app
create function find_emergency_patient(p_first_name text, p_last_name text, p_born text) returns table (id uuid, first_name text, last_name text, date_of_birth text, patient_number text) security definer; -- caretrail_people
create function finish_audit_archive(p_month date, p_months integer, p_rows bigint, p_parts integer, p_root bytea) returns boolean security definer; -- caretrail_jobs
create function finish_export(p_export uuid, p_attempt integer, p_contents jsonb, p_size bigint, p_sha256 bytea) returns void security definer; -- caretrail_jobs
create function first_audit_id(at timestamptz) returns uuid immutable;
create function first_day(partial_date text) returns date immutable; -- caretrail_app
create function folded(name text) returns text immutable; -- caretrail_app
create function forget_listings(p_type retained_type) returns bigint security definer; -- caretrail_jobs
create function forget_signing_keys(p_purpose key_purpose, p_kept integer) returns void;
create function found_lately(patient uuid) returns boolean stable security definer; -- caretrail_people
create function give_care(p_member uuid, p_patient uuid, p_basis care_basis, p_source uuid, p_until timestamptz, p_counted_from timestamptz) returns void security definer;
create function gives_care(member uuid, patient uuid, begins timestamptz) returns boolean stable security definer;
create procedure govern(target regclass);
create function ground_of_hold(reason hold_reason) returns denial_ground immutable;
create procedure guard_deletions(target regclass, IN part_of text DEFAULT NULL::text);
create function has_clinic_contact() returns boolean stable security definer;
create function has_standing(standing text) returns boolean stable security definer; -- caretrail_app
create function holds_audit_month(p_month date) returns boolean stable;
create function in_care(patient uuid) returns boolean stable security definer; -- caretrail_app
create function in_emergency(patient uuid) returns boolean stable; -- caretrail_app
create function incident_clock(its incidents, OUT affected bigint, OUT notified bigint, OUT patients_by date, OUT hhs_by date, OUT media_by date, OUT media_in text[], OUT hhs_notified_on date, OUT next_by date, OUT is_complete boolean, OUT is_overdue boolean) returns record stable; -- caretrail_app
create function incident_letter(p_incident uuid, p_patient uuid) returns table (addressee text, first_name text, last_name text, address jsonb, written_on date, discovered_on date, breach_from date, breach_until date, seen text[], letter_happened text, letter_data text, letter_steps text, letter_response text, clinic_name text, clinic_phone text, clinic_email text, clinic_website text, clinic_address text) stable security definer; -- caretrail_people
create function is_about_actor(its incidents) returns boolean stable;
create function is_accounted(p_action audit_action, p_outcome audit_outcome, p_resource_type audit_resource, p_purpose purpose_of_use) returns boolean stable;
create function is_accounted(basis disclosure_basis) returns boolean immutable; -- caretrail_app
create function is_amendment_of_actor(its amendments) returns boolean stable;
create function is_denial_reviewable(its exports) returns boolean stable security definer; -- caretrail_app
create function is_excluded(its exports, entry uuid) returns boolean stable;
create function is_identifier(identifier text, longest integer) returns boolean immutable; -- caretrail_app
create function is_imported_by_actor(person uuid) returns boolean stable security definer; -- caretrail_app
create function is_notified(p_incident uuid, p_patient uuid) returns boolean stable; -- caretrail_app
create function is_off_hours(at timestamptz) returns boolean stable;
create function is_over(day date) returns boolean stable;
create function is_reviewable(ground denial_ground) returns boolean immutable;
create function is_sensitive_role(its_role text) returns boolean stable;
create function is_shown_access(p_outcome audit_outcome, p_resource_type audit_resource, p_resource uuid, p_purpose purpose_of_use, withheld uuid[]) returns boolean immutable;
create function is_signed(p_purpose key_purpose, message text, signature bytea) returns boolean stable;
create function is_withheld(owner uuid, entry uuid) returns boolean stable security definer; -- caretrail_app
create function keeps_role(its_role text) returns boolean stable security definer; -- caretrail_app
create function lacks_licence(member uuid) returns boolean stable security definer;
create function last_day(partial_date text) returns date immutable;
create function legal_holds_on(p_type retained_type, p_id uuid, p_patient uuid, OUT in_force uuid, OUT released_at timestamptz) returns record stable;
create function letter_head(p_patient uuid, p_permission text) returns table (addressee text, first_name text, last_name text, address jsonb, written_on date, clinic_name text, clinic_phone text, clinic_email text, clinic_website text, clinic_address text) stable security definer; -- caretrail_people
create function lifecycle_event(noun text, begins text, operation text, was_archived boolean, is_archived boolean, other text) returns event_type stable;
create function likely_duplicates(patient uuid) returns uuid[] security definer; -- caretrail_app
create function list_chart_accesses(p_patient uuid, p_from uuid, p_until uuid, p_user uuid, p_own boolean, p_after uuid, wanted bigint) returns table (id uuid, accessed_at timestamptz, user_id uuid, user_name text, actor_role text, purpose_of_use text, action_type text, resource_type text, resource_id uuid, application text, explanation text, is_readers boolean, reached uuid) stable security definer; -- caretrail_people
create function list_ended(p_type retained_type, p_after_time timestamptz, p_after uuid, p_limit bigint, OUT read bigint, OUT ended bigint, OUT listed bigint, OUT changed bigint, OUT after_time timestamptz, OUT after_id uuid) returns record security definer; -- caretrail_jobs
create function list_ended_audit_archives(OUT changed bigint, OUT due date[]) returns record security definer; -- caretrail_jobs
create function matches(a appointments, p_provider uuid, p_status text, p_source_system text, p_external_id text, p_from timestamptz, p_to timestamptz, p_archived boolean, p_after timestamptz, p_after_id uuid) returns boolean stable;
create function matches(f file_metadata, p_owner uuid, p_record uuid, p_status text, p_archived boolean, p_before timestamptz, p_before_id uuid) returns boolean stable;
create function matches(r medical_records, p_appointment uuid, p_type text, p_source_system text, p_external_id text, p_held boolean, p_archived boolean, p_before timestamptz, p_before_id uuid) returns boolean stable;
create function next_audit_archive(p_months integer) returns table (month date, parts integer, after_chain uuid, after_seq bigint, after_place bytea, has_more boolean, locked_until timestamptz) stable security definer; -- caretrail_jobs
create function next_refused_tokens(p_wait integer, OUT since timestamptz, OUT until timestamptz, OUT is_whole boolean) returns record stable security definer; -- caretrail_jobs
create function note_alone() returns void;
create function note_export_progress(p_export uuid, p_attempt integer, p_done integer) returns void security definer; -- caretrail_jobs
create function oldest_audit_month() returns date stable;
create function oldest_unlisted(p_type retained_type) returns timestamptz stable;
create function open_alerts(OUT alerts bigint, OUT oldest_seconds bigint) returns record stable security definer; -- caretrail_jobs
create function owns_export(permission text, patient uuid, requester uuid, is_for_representative boolean) returns boolean stable; -- caretrail_app
create function patient_of(account uuid) returns uuid stable security definer; -- caretrail_app
create function patients_assigned_to(provider uuid) returns setof uuid stable security definer; -- caretrail_app
create function patients_in_emergency(member uuid) returns uuid[] stable;
create function people_among(candidates uuid[], words text[], lead text, after_word text, after_name text, after_id uuid) returns table (user_id uuid, word text, name text) stable;
create function people_named(words text[], lead text, after_word text, after_name text, after_id uuid) returns table (user_id uuid, word text, name text) stable;
create function providers_named(p_name text) returns setof uuid stable security definer; -- caretrail_app
create function purpose_of(relation actor_relation) returns purpose_of_use immutable;
create function put_role(p_name text, p_description text, p_permissions jsonb, p_version integer) returns void security definer; -- caretrail_app
create function raise_alert(p_rule text, p_actor uuid, p_patient uuid, p_score integer, p_evidence uuid[], p_explanations access_explanation[] DEFAULT '{}'::access_explanation[], p_occasion uuid DEFAULT NULL::uuid, p_network cidr DEFAULT NULL::cidr) returns uuid security definer;
create function raise_due_alerts(OUT alerts bigint) returns bigint security definer; -- caretrail_jobs
create function raise_due_requests() returns bigint;
create function raise_hourly(rules text[], users uuid[], times timestamptz[]) returns bigint;
create function raise_many_patients(written chart_accesses[]) returns bigint;
create function raise_overdue_incidents() returns bigint;
create function raise_overdue_review() returns bigint;
create function raise_own_charts(written chart_accesses[]) returns bigint;
create function raise_quarantined_rows() returns bigint;
create function raise_sought_patients(strange chart_accesses[]) returns bigint;
create function raise_two_networks(acting uuid[], first_at timestamptz[], last_at timestamptz[]) returns bigint;
create function raise_unexplained(strange chart_accesses[]) returns bigint;
create function raise_unreviewed_emergencies() returns bigint;
create function raise_unreviewed_holds() returns bigint;
create function raise_unsealed_rows() returns bigint;
create function rarest_of_common(words text[]) returns text stable;
create function rarest_word(words text[], most integer, OUT word text, OUT entries bigint) returns record stable;
create function reach(permission text) returns text stable; -- caretrail_app
create function reaches(permission text, patient uuid) returns boolean stable security definer; -- caretrail_app
create function reaches(permission text, patient uuid, source text) returns boolean stable; -- caretrail_app
create function reaches_person(person uuid) returns boolean stable security definer; -- caretrail_app
create function records_attendance(patient uuid, provider uuid, source text) returns boolean stable; -- caretrail_app
create function records_in_care(p_patient uuid, p_appointment uuid, p_type text, p_source_system text, p_external_id text, p_held boolean, p_archived boolean, p_before timestamptz, p_before_id uuid, wanted bigint) returns setof uuid stable security definer; -- caretrail_app
create function referring(p_type retained_type, p_ids uuid[]) returns table (resource_id uuid, referrer text) stable;
create function refuse_broad_search(candidates uuid[], lead text, after_word text, after_name text, after_id uuid) returns void stable;
create function relation_to(patients uuid[]) returns text stable;
create function release_export(p_export uuid, p_attempt integer) returns void security definer; -- caretrail_jobs
create function relist(p_type retained_type, p_ids uuid[]) returns bigint;
create function reminder_at(visit timestamptz, before interval, zone text) returns timestamptz stable;
create function replay_webhook(p_webhook uuid, p_since timestamptz) returns void security definer; -- caretrail_people
create function report_left_out(p_count bigint) returns void;
create function representation_end(its representatives) returns timestamptz;
create function representative_name(its representatives, OUT first_name text, OUT last_name text) returns record stable security definer; -- caretrail_app
create function representative_status(its representatives) returns text stable; -- caretrail_app
create function represented_patients() returns setof uuid stable security definer; -- caretrail_app
create function represents(patient uuid) returns boolean stable security definer; -- caretrail_app
create function request_hash(request_id text) returns bigint immutable; -- caretrail_app
create function request_webhook_test(p_webhook uuid) returns uuid security definer; -- caretrail_people
create function requests_due_by(day date) returns table (id uuid, due_on date) stable;
create function require_actor(standing text DEFAULT 'REQUEST'::text) returns void stable;
create function require_archiving() returns void stable;
create function require_deletable(p_table text, p_row jsonb) returns void;
create function require_delivery() returns void stable;
create function require_emergency_clinician() returns void stable;
create function require_exporter() returns void stable;
create function require_incident(p_incident uuid) returns boolean stable; -- caretrail_app
create function require_kept_events(p_rank xid8, p_number bigint) returns boolean stable security definer; -- caretrail_app
create function require_old_month(p_month date, p_months integer) returns void stable;
create function require_retention_job() returns void stable;
create function require_review() returns void stable;
create function require_webhook(p_webhook uuid) returns boolean stable; -- caretrail_app
create function require_workable(p_incident uuid, OUT its incidents) returns incidents;
create function retained_parts() returns table (place integer, resource_type retained_type, part text, key text) immutable;
create function retention_end(counted_from timestamptz, born text, adult_years integer, majority_age integer, minor_years integer) returns date immutable;
create function retention_jurisdiction() returns text stable security definer; -- caretrail_people
create function retention_proof(p_type retained_type, p_ids uuid[], OUT parts jsonb, OUT digest text) returns record stable;
create function retention_report(p_limit integer) returns table (jurisdiction text, is_deletion_on boolean, days_to_object integer, rules jsonb, counts jsonb, holds jsonb, listed jsonb, audit_months jsonb) stable security definer; -- caretrail_people
create function retention_rule(p_type retained_type, OUT adult_years integer, OUT majority_age integer, OUT minor_years integer, OUT rules text[]) returns record stable;
create function review_access(p_limit integer, OUT rows bigint, OUT persons bigint, OUT accesses bigint, OUT unexplained bigint, OUT alerts bigint) returns record security definer; -- caretrail_jobs
create function role_imports(its_role text) returns boolean stable security definer;
create function role_reaches_beyond_actor(its_role text) returns boolean stable;
create function search_patients(p_name text, p_born text, p_number text, p_led_by text, p_word text, p_after text, p_after_id uuid, wanted bigint) returns table (user_id uuid, led_by text, word text, name text) stable security definer; -- caretrail_app
create function search_users(p_name text, p_username text, p_role text, p_archived boolean, p_led_by text, p_word text, p_after text, p_after_id uuid, wanted bigint) returns table (user_id uuid, led_by text, word text, name text) stable security definer; -- caretrail_app
create function searches_naming(patient uuid) returns table (month date, id uuid) stable security definer; -- caretrail_app
create procedure secure(target regclass);
create function sees_user(person uuid, its_role text, its_source text) returns boolean stable security definer; -- caretrail_app
create function set_actor(p_standing text, p_subject uuid, p_user uuid, p_role text, p_relation text, p_patient uuid, p_provider uuid, p_source text, p_emergency_patients uuid[], p_permissions jsonb) returns void;
create function settle_incident(p_incident uuid) returns void;
create function settle_retention() returns void;
create function settle_webhook(p_webhook uuid, p_attempts jsonb) returns text security definer; -- caretrail_jobs
create function shows_entry(record uuid, file uuid) returns boolean stable; -- caretrail_app
create function signing_party(OUT clinic text, OUT name text, OUT role text) returns record stable security definer; -- caretrail_people
create function source_network(address inet) returns cidr immutable;
create function spans_of_actor(its_part text) returns table (patient uuid, begins timestamptz, ends timestamptz) stable;
create function step_hash(request_id text) returns bigint immutable; -- caretrail_app
create function suspend_care(member uuid) returns void security definer;
create function take_deletable(p_type retained_type, p_ids uuid[], p_limit bigint, OUT ids uuid[], OUT taken bigint) returns record;
create function take_events(p_ranks bigint[], p_numbers bigint[], p_codes text[], p_most integer) returns setof business_events security definer; -- caretrail_jobs
create function take_webhook_events(p_webhook uuid, p_most integer) returns setof business_events security definer; -- caretrail_jobs
create function taken_times(p_provider uuid, p_from timestamptz, p_to timestamptz) returns table (begins timestamptz, ends timestamptz) stable security definer; -- caretrail_app
create function target_activity_review(target uuid) returns setof uuid stable;
create function target_alert(target uuid) returns setof uuid stable;
create function target_amendment(target uuid) returns setof uuid stable;
create function target_appointment(target uuid) returns setof uuid stable;
create function target_disclosure(target uuid) returns setof uuid stable;
create function target_emergency_access(target uuid) returns setof uuid stable;
create function target_export(target uuid) returns setof uuid stable;
create function target_file(target uuid) returns setof uuid stable;
create function target_incident(target uuid) returns setof uuid stable;
create function target_legal_hold(target uuid) returns setof uuid stable;
create function target_medical_record(target uuid) returns setof uuid stable;
create function target_patient(target uuid) returns setof uuid stable;
create function target_provider(target uuid) returns setof uuid stable;
create function target_representative(target uuid) returns setof uuid stable;
create function target_user(target uuid) returns setof uuid stable;
create function target_webhook(target uuid) returns setof uuid stable;
create function took_part_in_denial(its exports) returns boolean stable security definer;
create function turn_event_partitions(ahead integer, OUT made integer, OUT dropped integer, OUT weeks integer) returns record security definer; -- caretrail_jobs
create function usual_patients(p_user uuid, p_day date) returns numeric stable;
create function visits_in_care(p_patient uuid, p_provider uuid, p_status text, p_source_system text, p_external_id text, p_from timestamptz, p_to timestamptz, p_archived boolean, p_after timestamptz, p_after_id uuid, wanted bigint) returns setof uuid stable security definer; -- caretrail_app
create function webhook_gets(event_types text[], since timestamptz, type event_type, at timestamptz) returns boolean stable;
create function widen_spans(p_patient uuid, p_part text, moment timestamptz, until timestamptz) returns void security definer;
create function within_hours(schedule jsonb, begins timestamptz, minutes integer) returns boolean stable;
create function words_of(first_name text, last_name text) returns setof text immutable;
create function words_wanted(name text) returns text[] immutable;
create function write_due_reminders(p_limit integer, OUT visits integer, OUT reminders integer, OUT patients uuid[]) returns record security definer; -- caretrail_jobs
create function writes_from(permission text, provider uuid, source text) returns boolean stable security definer; -- caretrail_app

-- Trigger functions

create function add_evidence() returns trigger security definer;
create function admit_representative() returns trigger security definer;
create function alert_emergency_access() returns trigger security definer;
create function announce_account() returns trigger security definer;
create function announce_alert() returns trigger security definer;
create function announce_appointment() returns trigger security definer;
create function announce_care() returns trigger security definer;
create function announce_emergency_access() returns trigger security definer;
create function announce_file() returns trigger security definer;
create function announce_incident() returns trigger security definer;
create function announce_patient() returns trigger security definer;
create function announce_provider() returns trigger security definer;
create function announce_record() returns trigger security definer;
create function announce_representative() returns trigger security definer;
create function announce_request() returns trigger security definer;
create function announce_role() returns trigger security definer;
create function announce_webhook() returns trigger security definer;
create function begin_spans() returns trigger security definer;
create function begin_webhook() returns trigger security definer;
create function begin_with_ledger() returns trigger security definer;
create function begin_with_shield() returns trigger security definer;
create function check_account() returns trigger security definer;
create function check_accounting() returns trigger security definer;
create function check_alert() returns trigger security definer;
create function check_amendment_step() returns trigger security definer;
create function check_assigned_providers() returns trigger security definer;
create function check_birth() returns trigger security definer;
create function check_booking() returns trigger security definer;
create function check_care() returns trigger security definer;
create function check_export() returns trigger security definer;
create function check_grant() returns trigger;
create function check_import() returns trigger;
create function check_importer() returns trigger security definer;
create function check_incident() returns trigger security definer;
create function check_jurisdiction() returns trigger;
create function check_provider_change() returns trigger;
create function check_provider_custom_data() returns trigger;
create function check_rating() returns trigger;
create function check_retention_rule() returns trigger security definer;
create function check_schedule() returns trigger;
create function check_time_zone() returns trigger;
create function check_upload_quota() returns trigger security definer;
create function check_visit_change() returns trigger;
create function check_webhook() returns trigger;
create function derive_provider_rating() returns trigger security definer;
create function derive_role_reach() returns trigger security definer;
create function fill_slot() returns trigger;
create function follow_assignments() returns trigger security definer;
create function follow_creation() returns trigger security definer;
create function follow_ledger() returns trigger security definer;
create function follow_licence() returns trigger security definer;
create function follow_majority() returns trigger security definer;
create function follow_reminder_settings() returns trigger security definer;
create function follow_represented() returns trigger security definer;
create function follow_role() returns trigger security definer;
create function follow_settings() returns trigger security definer;
create function follow_shields() returns trigger security definer;
create function follow_source() returns trigger security definer;
create function follow_visit() returns trigger security definer;
create function follow_visit_time() returns trigger security definer;
create function guard_deletion() returns trigger;
create function guard_deletion_of_parts() returns trigger;
create function guard_import() returns trigger;
create function guard_patient() returns trigger;
create function guard_user() returns trigger;
create function guard_visit() returns trigger;
create function hold_standing() returns trigger security definer;
create function keep_external_id() returns trigger security definer;
create function keep_record_version() returns trigger security definer;
create function keep_words() returns trigger security definer;
create function open_incident_of_emergency() returns trigger security definer;
create function plan_reminders() returns trigger security definer;
create function record_visit_change() returns trigger security definer;
create function refuse_archiving_with_visits() returns trigger security definer;
create function refuse_audit_change() returns trigger;
create function refuse_ledger_change() returns trigger;
create function refuse_past_booking() returns trigger;
create function refuse_truncate() returns trigger;
create function refuse_visit_before_birth() returns trigger security definer;
create function settle_after_notices() returns trigger security definer;
create function settle_after_patient() returns trigger security definer;
create function sign_activity_review() returns trigger security definer;
create function sign_amendment() returns trigger security definer;
create function sign_amendment_recipient() returns trigger security definer;
create function sign_change() returns trigger;
create function sign_disclosure() returns trigger security definer;
create function sign_emergency_access() returns trigger security definer;
create function sign_export() returns trigger security definer;
create function sign_export_exclusion() returns trigger security definer;
create function sign_incident() returns trigger security definer;
create function sign_incident_notice() returns trigger security definer;
create function sign_incident_patient() returns trigger security definer;
create function sign_legal_hold() returns trigger security definer;
create function sign_representative() returns trigger security definer;
create function time_representative() returns trigger security definer;
create function touch() returns trigger;
create function watch_licence() returns trigger security definer;
create function watch_short_care() returns trigger security definer;
