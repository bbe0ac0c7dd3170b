-- Identity common to all users (seeds A table 1 and B). `id` is the Supabase `sub`; no
-- credential, session, token or login history is ever stored (seed B).

create type user_status as enum ('ACTIVE', 'INACTIVE', 'SUSPENDED');

create table user_profiles (
  id uuid primary key,
  username text not null constraint user_profiles_username_format
    check (length(username) <= 254 and username ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  notification_email text constraint user_profiles_notification_email_format
    check (length(notification_email) <= 254 and notification_email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
  first_name text not null constraint user_profiles_first_name_length
    check (length(first_name) between 1 and 100),
  last_name text not null constraint user_profiles_last_name_length
    check (length(last_name) between 1 and 100),
  role text not null references roles (name)
    constraint user_profiles_role_personal check (role <> 'SYSTEM'),
  status user_status not null default 'ACTIVE',
  phone text constraint user_profiles_phone_length check (length(phone) between 1 and 50),
  address jsonb constraint user_profiles_address_object check (jsonb_typeof(address) = 'object'),
  preferences jsonb constraint user_profiles_preferences_object check (jsonb_typeof(preferences) = 'object'),
  custom_data jsonb constraint user_profiles_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint user_profiles_archived check (is_archived = (archived_at is not null)),
  -- The target of the role-bound keys in patients and providers.
  constraint user_profiles_id_role_key unique (id, role)
);

create unique index user_profiles_username_key on user_profiles (lower(username));
create index user_profiles_role_idx on user_profiles (role);
create index user_profiles_archived_by_idx on user_profiles (archived_by) where archived_by is not null;

call govern('user_profiles');
