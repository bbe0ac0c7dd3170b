-- Who may change a file's metadata or archive it, and the order of lists.

-- A patient changes what she uploaded herself: what a provider put into her chart is the chart's.
create function changes_file(patient uuid, owner uuid, uploader uuid) returns boolean
language sql stable parallel safe
return case reach('files:write')
  when 'ALL' then true
  when 'CARE' then (patient is null and owner = actor_user()) or in_care(patient)
  when 'OWN' then uploader = actor_user() and (patient = actor_patient() or owner = actor_user())
  else false
end;

drop policy file_metadata_update on file_metadata;
create policy file_metadata_update on file_metadata for update to caretrail_app
  using (changes_file(patient_id, owner_id, uploaded_by) or (select reach('files:process')) = 'ALL')
  with check (changes_file(patient_id, owner_id, uploaded_by) or (select reach('files:process')) = 'ALL');

grant execute on function changes_file(uuid, uuid, uuid) to caretrail_app;

-- Pages of a chart's files, newest first.
create index file_metadata_patient_page_idx on file_metadata (patient_id, created_at desc, id desc);
create index file_metadata_page_idx on file_metadata (created_at desc, id desc);
