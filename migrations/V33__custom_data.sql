-- Custom data is held to a JSON Schema per table, registered in versions; each row says which version
-- it satisfied.

create table custom_data_schemas (
  table_name text not null constraint custom_data_schemas_table_name_known check (table_name in (
    'user_profiles', 'patients', 'providers', 'appointments', 'medical_records', 'file_metadata'
  )),
  version integer not null constraint custom_data_schemas_version_range check (version >= 1),
  schema jsonb not null constraint custom_data_schemas_schema_object check (jsonb_typeof(schema) = 'object'),
  registered_by uuid not null default actor_user() references user_profiles (id),
  registered_at timestamptz not null default now(),
  primary key (table_name, version)
);

create index custom_data_schemas_registered_by_idx on custom_data_schemas (registered_by);

create trigger refuse_ledger_change before update or delete on custom_data_schemas
for each row execute function refuse_ledger_change();

do $$
declare
  name text;
begin
  foreach name in array array[
    'user_profiles', 'patients', 'providers', 'appointments', 'medical_records', 'file_metadata'
  ] loop
    execute format(
      'alter table %I add column custom_data_version integer,
         add constraint %I check ((custom_data is null) = (custom_data_version is null))',
      name, name || '_custom_data_versioned'
    );
  end loop;
end
$$;
alter table medical_record_versions add column custom_data_version integer;

create or replace function keep_record_version() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  insert into medical_record_versions (
    record_id, version, patient_id, provider_id, appointment_id, record_type, content, diagnosis,
    treatment, notes, is_patient_visible, release_date, custom_data, custom_data_version, is_archived,
    written_at, written_by, change_reason, replaced_by
  ) values (
    old.id, old.version, old.patient_id, old.provider_id, old.appointment_id, old.record_type,
    old.content, old.diagnosis, old.treatment, old.notes, old.is_patient_visible, old.release_date,
    old.custom_data, old.custom_data_version, old.is_archived, old.updated_at, old.changed_by,
    old.change_reason, actor_user()
  );
  return null;
end
$$;

-- What a table's rows hold, for who registers schemas: she learns the ids of those that would not
-- satisfy the next one, and no more. Errors: 42501 without that right.
create function custom_data_rows(p_table text, p_after uuid, p_limit integer)
returns table (id uuid, custom_data jsonb)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  if reach('custom-data:write') is distinct from 'ALL' then
    raise exception 'not for this caller' using errcode = 'insufficient_privilege';
  end if;
  return query execute format(
    'select t.id, t.custom_data from %I t
     where t.custom_data is not null and ($1 is null or t.id > $1) order by t.id limit $2', p_table
  ) using p_after, p_limit;
end
$$;

insert into role_permissions (role, permission, reach) values
  ('ADMIN', 'custom-data:read', 'ALL'),
  ('ADMIN', 'custom-data:write', 'ALL'),
  ('PROVIDER', 'custom-data:read', 'ALL');

call secure('custom_data_schemas');
-- A schema says what fields there are, nobody's data; whoever writes a row needs it.
create policy custom_data_schemas_read on custom_data_schemas for select to caretrail_app
  using ((select actor_user()) is not null);
create policy custom_data_schemas_register on custom_data_schemas for insert to caretrail_app
  with check ((select reach('custom-data:write')) = 'ALL' and registered_by = (select actor_user()));

grant select, insert (table_name, version, schema) on custom_data_schemas to caretrail_app;
grant insert (custom_data, custom_data_version), update (custom_data, custom_data_version)
  on medical_records to caretrail_app;
grant execute on function custom_data_rows(text, uuid, integer) to caretrail_app;
