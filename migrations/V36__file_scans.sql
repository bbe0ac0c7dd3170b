-- What a scanner said of a file, and what the clean-up looks for.

-- In this order: of two words the graver stands (`greatest`).
create type file_scan as enum ('UNSCANNED', 'CLEAN', 'INFECTED');

alter table file_metadata
  -- What a malware scanner said; UNSCANNED where none looked.
  add column scan file_scan not null default 'UNSCANNED',
  -- When its bytes were found to be what was announced.
  add column inspected_at timestamptz,
  -- When an archived file's object was marked for cheaper storage.
  add column tagged_at timestamptz,
  add constraint file_metadata_infected check (scan <> 'INFECTED' or status = 'QUARANTINED'),
  add constraint file_metadata_inspected check (status <> 'AVAILABLE' or inspected_at is not null) not valid;

-- Left by a crash, or still waiting for a scanner's word.
create index file_metadata_scanning_idx on file_metadata (upload_date) where status = 'SCANNING';
create index file_metadata_untagged_idx on file_metadata (archived_at) where is_archived and tagged_at is null;
