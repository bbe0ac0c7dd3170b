-- A file is attached to an entry of its chart after it came, or detached, by who writes entries. While
-- it belongs to one it is the chart's, whoever sent it: with that, nobody else renames or deletes it.

create function changes_file(patient uuid, owner uuid, uploader uuid, entry uuid) returns boolean
language sql stable parallel safe
return changes_file(patient, owner, uploader) and (entry is null or reaches('records:write', patient));
grant execute on function changes_file(uuid, uuid, uuid, uuid) to caretrail_app;

-- Asked of the row as it was and as it becomes: who attaches writes entries, and who detaches does.
alter policy file_metadata_update on file_metadata
  using (changes_file(patient_id, owner_id, uploaded_by, record_id) or (select reach('files:process')) = 'ALL')
  with check (changes_file(patient_id, owner_id, uploaded_by, record_id) or (select reach('files:process')) = 'ALL');

-- Whose a file is, where its object is and what was announced of it are nobody's to write again.
revoke update on file_metadata from caretrail_app;
grant update (
  record_id, original_name, custom_data, custom_data_version, status, status_reason, scan, upload_date,
  inspected_at, object_version, upload_id, part_size, expires_at, tagged_at, is_archived, archived_at, archived_by
) on file_metadata to caretrail_app;
