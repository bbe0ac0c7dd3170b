-- Roles and permissions as data (seed B: easy role expansion): a new role is an INSERT.

create type permission_reach as enum ('OWN', 'CARE', 'ALL');

create table roles (
  name text primary key constraint roles_name_format check (name ~ '^[A-Z][A-Z_]{1,49}$'),
  description text not null constraint roles_description_length check (length(description) between 1 and 500)
);

create table role_permissions (
  role text not null references roles (name),
  permission text not null
    constraint role_permissions_permission_format check (permission ~ '^[a-z-]+:[a-z-]+$'),
  reach permission_reach not null,
  primary key (role, permission)
);

insert into roles (name, description) values
  ('PATIENT', 'A person in care: her own chart'),
  ('PROVIDER', 'A clinician: the patients assigned or treated'),
  ('ADMIN', 'Accounts and operations, no clinical content'),
  ('COMPLIANCE_OFFICER', 'Audit and oversight, no clinical content'),
  ('SYSTEM', 'Scheduled and event-driven functions; never a person');

insert into role_permissions (role, permission, reach) values
  ('PATIENT', 'users:read', 'OWN'),
  ('PATIENT', 'patients:read', 'OWN'),
  ('PATIENT', 'patients:clinical', 'OWN'),
  ('PATIENT', 'providers:read', 'ALL'),
  ('PATIENT', 'appointments:read', 'OWN'),
  ('PATIENT', 'appointments:write', 'OWN'),
  ('PATIENT', 'records:read', 'OWN'),
  ('PATIENT', 'files:read', 'OWN'),
  ('PATIENT', 'files:write', 'OWN'),
  ('PROVIDER', 'users:read', 'OWN'),
  ('PROVIDER', 'patients:read', 'CARE'),
  ('PROVIDER', 'patients:clinical', 'CARE'),
  ('PROVIDER', 'providers:read', 'ALL'),
  ('PROVIDER', 'appointments:read', 'CARE'),
  ('PROVIDER', 'appointments:write', 'CARE'),
  ('PROVIDER', 'appointments:complete', 'CARE'),
  ('PROVIDER', 'records:read', 'CARE'),
  ('PROVIDER', 'records:write', 'CARE'),
  ('PROVIDER', 'files:read', 'CARE'),
  ('PROVIDER', 'files:write', 'CARE'),
  ('ADMIN', 'users:read', 'ALL'),
  ('ADMIN', 'users:write', 'ALL'),
  ('ADMIN', 'patients:read', 'ALL'),
  ('ADMIN', 'patients:write', 'ALL'),
  ('ADMIN', 'patients:assign', 'ALL'),
  ('ADMIN', 'providers:read', 'ALL'),
  ('ADMIN', 'providers:write', 'ALL'),
  ('ADMIN', 'appointments:read', 'ALL'),
  ('ADMIN', 'appointments:write', 'ALL'),
  ('COMPLIANCE_OFFICER', 'users:read', 'OWN'),
  ('COMPLIANCE_OFFICER', 'audit:read', 'ALL'),
  ('SYSTEM', 'files:process', 'ALL');
