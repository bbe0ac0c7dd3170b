-- Uploads in parts that no file waits for any more: their parts are to go.

drop index file_metadata_abandoned_idx;
create index file_metadata_ended_upload_idx on file_metadata (created_at, id)
  where upload_id is not null and (status = 'EXPIRED' or (status = 'PENDING' and is_archived));
