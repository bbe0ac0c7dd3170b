-- A file may belong to an entry of the chart, as an image or a report does: what holds the entry back
-- from its patient holds the file back with it.

alter table file_metadata
  add column record_id uuid,
  add constraint file_metadata_record_in_chart check (record_id is null or patient_id is not null),
  add constraint file_metadata_record_of_patient
    foreign key (record_id, patient_id) references medical_records (id, patient_id);

create index file_metadata_record_idx on file_metadata (record_id, patient_id) where record_id is not null;

-- Whether a file of this owner is kept from the caller with the entry it belongs to. Only its owner is
-- its patient. SECURITY DEFINER: the entry's own policy asks for another permission than the file's.
create function is_withheld(owner uuid, entry uuid) returns boolean
language plpgsql stable security definer parallel safe set search_path = pg_catalog, public as $$
begin
  return owner is not distinct from actor_user() and not exists (
    select from medical_records r
    where r.id = entry and not r.is_archived and (r.is_patient_visible or r.release_date <= now())
  );
end
$$;
grant execute on function is_withheld(uuid, uuid) to caretrail_app;

alter policy file_metadata_read on file_metadata
  using (
    (
      ((select reach('files:read')) is not null and owner_id = (select actor_user()))
      or reaches('files:read', patient_id)
      or (select reach('files:process')) = 'ALL'
    )
    and (record_id is null or not is_withheld(owner_id, record_id))
  );
-- Whose files are an entry's writes entries.
alter policy file_metadata_create on file_metadata
  with check (
    uploaded_by = (select actor_user())
    and (
      ((select reach('files:write')) is not null and owner_id = (select actor_user()))
      or reaches('files:write', patient_id)
    )
    and (record_id is null or reaches('records:write', patient_id))
  );
