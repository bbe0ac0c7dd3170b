-- The JSON Schema of each table's custom data, in versions. Each row of those tables says in
-- `custom_data_version` which version it satisfied.

create table custom_data_schemas (
  table_name text not null constraint custom_data_schemas_table_name_known check (table_name in (
    'user_profiles', 'patients', 'providers', 'appointments', 'medical_records', 'file_metadata'
  )),
  version integer not null constraint custom_data_schemas_version_range check (version >= 1),
  schema jsonb not null constraint custom_data_schemas_schema_object check (jsonb_typeof(schema) = 'object')
    constraint custom_data_schemas_schema_size check (octet_length(schema::text) <= 131072),
  registered_by uuid not null default actor_user() references user_profiles (id),
  registered_at timestamptz not null default now(),
  primary key (table_name, version)
);

create index custom_data_schemas_registered_by_idx on custom_data_schemas (registered_by);

call secure('custom_data_schemas');
-- Everybody who writes a row needs its schema, and a schema holds nobody's data.
create policy custom_data_schemas_read on custom_data_schemas for select to caretrail_app
  using ((select actor_user()) is not null);
create policy custom_data_schemas_register on custom_data_schemas for insert to caretrail_app
  with check ((select reach('custom-data:write')) = 'ALL' and registered_by = (select actor_user()));
grant select, insert (table_name, version, schema) on custom_data_schemas to caretrail_app;

create trigger refuse_ledger_change before update or delete on custom_data_schemas
for each row execute function refuse_ledger_change();

-- The custom data of a table's rows, in pages, to check it against a new schema. The API answers only
-- with the ids of rows that don't satisfy it. Errors: 42501 without the right to register schemas.
create function custom_data_rows(p_table text, p_after uuid, p_limit integer)
returns table (id uuid, custom_data jsonb)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  if reach('custom-data:write') is distinct from 'ALL' then
    raise exception 'the caller may not register schemas' using errcode = 'insufficient_privilege';
  end if;
  return query execute format(
    'select t.id, t.custom_data from %I t
     where t.custom_data is not null and ($1 is null or t.id > $1) order by t.id limit $2', p_table
  ) using p_after, p_limit;
end
$$;

grant execute on function custom_data_rows(text, uuid, integer) to caretrail_app;
