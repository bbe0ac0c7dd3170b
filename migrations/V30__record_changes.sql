-- Each version of a medical record says who wrote it and why.

alter table medical_records
  add column changed_by uuid references user_profiles (id),
  -- Why this version replaced the one before; the first needs no reason.
  add column change_reason text constraint medical_records_change_reason_length
    check (length(change_reason) between 1 and 500),
  add constraint medical_records_change_explained check (version = 1 or change_reason is not null);

alter table medical_record_versions
  add column written_by uuid references user_profiles (id),
  add column change_reason text;

create index medical_records_changed_by_idx on medical_records (changed_by) where changed_by is not null;
create index medical_record_versions_written_by_idx
  on medical_record_versions (written_by) where written_by is not null;

create function sign_change() returns trigger
language plpgsql as $$
begin
  new.changed_by := actor_user();
  return new;
end
$$;

create trigger sign_change before insert or update on medical_records
for each row execute function sign_change();

create or replace function keep_record_version() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  insert into medical_record_versions (
    record_id, version, patient_id, provider_id, appointment_id, record_type, content, diagnosis,
    treatment, notes, is_patient_visible, release_date, custom_data, is_archived, written_at,
    written_by, change_reason, replaced_by
  ) values (
    old.id, old.version, old.patient_id, old.provider_id, old.appointment_id, old.record_type,
    old.content, old.diagnosis, old.treatment, old.notes, old.is_patient_visible, old.release_date,
    old.custom_data, old.is_archived, old.updated_at, old.changed_by, old.change_reason, actor_user()
  );
  return null;
end
$$;
