-- A large file is sent in parts: a multipart upload of S3.

alter table file_metadata
  -- S3's id of the upload; null where the file goes in one piece, and once the upload was aborted.
  add column upload_id text constraint file_metadata_upload_id_length check (length(upload_id) between 1 and 1024),
  -- Bytes of each part but the last.
  add column part_size bigint constraint file_metadata_part_size_range check (part_size > 0),
  add constraint file_metadata_parts_sized check (upload_id is null or part_size is not null);

-- Uploads whose file was deleted before it was whole.
create index file_metadata_abandoned_idx on file_metadata (archived_at)
  where is_archived and status = 'PENDING' and upload_id is not null;
