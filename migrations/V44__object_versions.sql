-- The bucket keeps what is overwritten: what was checked is what is served.

alter table file_metadata
  -- S3's id of the version that is being checked or was; null before that, and where a bucket keeps none.
  add column object_version text
    constraint file_metadata_object_version_length check (length(object_version) between 1 and 1024);
