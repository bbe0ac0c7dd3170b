-- One row for each object in S3. `owner_id` is the owning user. The foreign keys prove that
-- `patient_id`, `appointment_id` and `record_id` belong to that user.

create type file_owner_type as enum ('PATIENT', 'PROVIDER', 'APPOINTMENT');
create type file_status as enum ('PENDING', 'SCANNING', 'AVAILABLE', 'QUARANTINED', 'REJECTED', 'EXPIRED');
-- In order of severity: of two results `greatest` counts.
create type file_scan as enum ('UNSCANNED', 'CLEAN', 'INFECTED');

create table file_metadata (
  id uuid primary key,
  owner_id uuid not null references user_profiles (id),
  owner_type file_owner_type not null,
  patient_id uuid,
  appointment_id uuid,
  -- The medical record this file belongs to. While the record is withheld from the patient, so is the file.
  record_id uuid,
  bucket text not null constraint file_metadata_bucket_length check (length(bucket) between 3 and 63),
  -- The S3 key, which the server makes.
  file_path text not null constraint file_metadata_file_path_length check (length(file_path) between 1 and 1024),
  -- S3's id of the version that is or was inspected. Null before that, and if the bucket keeps no versions.
  object_version text
    constraint file_metadata_object_version_length check (length(object_version) between 1 and 1024),
  original_name text not null constraint file_metadata_original_name_length
    check (length(original_name) between 1 and 255),
  file_type text not null constraint file_metadata_file_type_length check (length(file_type) between 3 and 127),
  -- Bytes.
  file_size bigint not null constraint file_metadata_file_size_range check (file_size > 0),
  sha256 bytea not null constraint file_metadata_sha256_length check (octet_length(sha256) = 32),
  -- S3's id of the multipart upload. Null if the file is sent in one piece, and after the upload was aborted.
  upload_id text constraint file_metadata_upload_id_length check (length(upload_id) between 1 and 1024),
  -- Bytes of each part except the last.
  part_size bigint constraint file_metadata_part_size_range check (part_size > 0),
  status file_status not null default 'PENDING',
  status_reason text constraint file_metadata_status_reason_length check (length(status_reason) <= 500),
  -- What the malware scanner found. UNSCANNED if no scanner looked.
  scan file_scan not null default 'UNSCANNED',
  upload_date timestamptz,
  -- When the inspection found that the bytes match what the client declared.
  inspected_at timestamptz,
  -- When an archived file's object was marked for cheaper storage.
  tagged_at timestamptz,
  expires_at timestamptz not null,
  uploaded_by uuid not null references user_profiles (id),
  custom_data jsonb constraint file_metadata_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  custom_data_version integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint file_metadata_archived check (is_archived = (archived_at is not null)),
  constraint file_metadata_custom_data_versioned check ((custom_data is null) = (custom_data_version is null)),
  constraint file_metadata_path_key unique (bucket, file_path),
  constraint file_metadata_appointment_owner check ((owner_type = 'APPOINTMENT') = (appointment_id is not null)),
  constraint file_metadata_patient_owner check ((owner_type = 'PROVIDER') = (patient_id is null)),
  constraint file_metadata_record_in_chart check (record_id is null or patient_id is not null),
  constraint file_metadata_parts_sized check (upload_id is null or part_size is not null),
  constraint file_metadata_uploaded check ((status in ('PENDING', 'EXPIRED')) = (upload_date is null)),
  constraint file_metadata_inspected check (status <> 'AVAILABLE' or inspected_at is not null),
  constraint file_metadata_infected check (scan <> 'INFECTED' or status = 'QUARANTINED'),
  constraint file_metadata_patient_is_owner foreign key (patient_id, owner_id) references patients (id, user_id),
  constraint file_metadata_appointment_of_patient
    foreign key (appointment_id, patient_id) references appointments (id, patient_id),
  constraint file_metadata_record_of_patient
    foreign key (record_id, patient_id) references medical_records (id, patient_id)
);

create index file_metadata_owner_idx on file_metadata (owner_id, created_at desc, id desc);
create index file_metadata_patient_idx on file_metadata (patient_id, owner_id);
create index file_metadata_appointment_idx on file_metadata (appointment_id, patient_id);
create index file_metadata_record_idx on file_metadata (record_id, patient_id) where record_id is not null;
-- Also serves `check_upload_quota`.
create index file_metadata_uploaded_by_idx on file_metadata (uploaded_by, created_at) include (file_size);
create index file_metadata_archived_by_idx on file_metadata (archived_by) where archived_by is not null;
-- Pages of a chart's files and of all files, newest first.
create index file_metadata_patient_page_idx on file_metadata (patient_id, created_at desc, id desc)
  include (is_archived);
create index file_metadata_page_idx on file_metadata (created_at desc, id desc);
-- For the clean-up: uploads that never came, files whose inspection or scan never ended, archived objects
-- to tag, and multipart uploads that no file waits for.
create index file_metadata_pending_idx on file_metadata (expires_at) where status = 'PENDING';
create index file_metadata_scanning_idx on file_metadata (upload_date) where status = 'SCANNING';
create index file_metadata_untagged_idx on file_metadata (archived_at) where is_archived and tagged_at is null;
create index file_metadata_ended_upload_idx on file_metadata (created_at, id)
  where upload_id is not null and (status = 'EXPIRED' or (status = 'PENDING' and is_archived));

call govern('file_metadata');

-- Whether a file is withheld from the actor together with the entry it belongs to: from the patient, who owns
-- it, and from whoever reads it in their place. If the entry is shielded, the file is withheld only from the latter.
-- SECURITY DEFINER, because reading the entry needs another permission than reading the file.
create function is_withheld(owner uuid, entry uuid) returns boolean
language plpgsql stable security definer parallel safe set search_path = pg_catalog, public as $$
begin
  return (owner is not distinct from actor_user() or reach('files:read') = 'OWN') and not exists (
    select from medical_records r
    where r.id = entry and not r.is_archived and (r.is_patient_visible or r.release_date <= now())
      and (not r.is_shielded or owner is not distinct from actor_user())
  );
end
$$;

-- Whether the actor changes or archives the file. Patients and their representatives change only what they
-- uploaded themselves.
-- A file that belongs to an entry of the chart requires `records:write`, whoever uploaded it.
create function changes_file(patient uuid, owner uuid, uploader uuid, entry uuid) returns boolean
language sql stable parallel safe
return case reach('files:write')
    when 'ALL' then true
    when 'CARE' then (patient is null and owner = actor_user()) or in_care(patient)
    when 'OWN' then uploader = actor_user()
      and (owner = actor_user() or patient = actor_patient() or acts_for(patient))
    else false
  end
  and (entry is null or reaches('records:write', patient));

grant execute on function is_withheld(uuid, uuid), changes_file(uuid, uuid, uuid, uuid) to caretrail_app;

create policy file_metadata_read on file_metadata for select to caretrail_app
  using (
    (
      ((select reach('files:read')) is not null and owner_id = (select actor_user()))
      or reaches('files:read', patient_id)
      or (select reach('files:process')) = 'ALL'
    )
    and (record_id is null or not is_withheld(owner_id, record_id))
  );
-- A file of an entry requires `records:write`.
create policy file_metadata_create on file_metadata for insert to caretrail_app
  with check (
    uploaded_by = (select actor_user())
    and (
      ((select reach('files:write')) is not null and owner_id = (select actor_user()))
      or reaches('files:write', patient_id)
    )
    and (record_id is null or reaches('records:write', patient_id))
  );
-- Checked on the old and the new row, so attaching a file to an entry and detaching it both require
-- `records:write`.
create policy file_metadata_update on file_metadata for update to caretrail_app
  using (changes_file(patient_id, owner_id, uploaded_by, record_id) or (select reach('files:process')) = 'ALL')
  with check (changes_file(patient_id, owner_id, uploaded_by, record_id) or (select reach('files:process')) = 'ALL');

-- Refuses an upload beyond what an account may announce within a day, so that nobody fills the bucket. Simultaneous
-- announcements of one account take turns. SECURITY DEFINER, because archived files count, too.
create function check_upload_quota() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  announced record;
  quota record;
begin
  perform pg_advisory_xact_lock(hashtextextended('uploads of ' || new.uploaded_by, 0));
  select count(*) as files, coalesce(sum(f.file_size), 0) as bytes into announced
  from file_metadata f
  where f.uploaded_by = new.uploaded_by and f.created_at > now() - interval '24 hours';
  select s.uploads_a_day as files, s.upload_bytes_a_day as bytes into quota from settings s;
  if announced.files >= quota.files or announced.bytes + new.file_size > quota.bytes then
    raise exception 'too many uploads' using errcode = 'CT013';
  end if;
  return new;
end
$$;

create trigger check_upload_quota before insert on file_metadata
for each row when (not by_migration()) execute function check_upload_quota();

-- Functions can't change whose file it is, where its object is, and what the client declared. Only functions without
-- a caller say what became of an upload: nobody else makes a file AVAILABLE.
grant select on file_metadata to caretrail_app;
grant insert (
  id, owner_id, owner_type, patient_id, appointment_id, record_id, bucket, file_path, original_name, file_type,
  file_size, sha256, expires_at, uploaded_by, custom_data, custom_data_version
) on file_metadata to caretrail_people;
grant update (
  record_id, original_name, custom_data, custom_data_version, upload_id, part_size, expires_at, is_archived,
  archived_at, archived_by
) on file_metadata to caretrail_people;
grant update (
  status, status_reason, scan, upload_date, inspected_at, object_version, upload_id, tagged_at
) on file_metadata to caretrail_jobs;

-- For `describe_attempt`: one row if the file exists, with the patient it belongs to or null.
create function target_file(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select f.patient_id from file_metadata f where f.id = target;
end
$$;
