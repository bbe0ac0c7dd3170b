-- One row for each object in S3 (seed A table 6). `owner_id` is the owning user; `patient_id` and
-- `appointment_id` are proven to belong to that user (seed A's risk: a fragile owner_type).

create type file_owner_type as enum ('PATIENT', 'PROVIDER', 'APPOINTMENT');
create type file_status as enum ('PENDING', 'SCANNING', 'AVAILABLE', 'QUARANTINED', 'REJECTED', 'EXPIRED');

create table file_metadata (
  id uuid primary key,
  owner_id uuid not null references user_profiles (id),
  owner_type file_owner_type not null,
  patient_id uuid,
  appointment_id uuid,
  bucket text not null constraint file_metadata_bucket_length check (length(bucket) between 3 and 63),
  -- The S3 key, made by the server.
  file_path text not null constraint file_metadata_file_path_length check (length(file_path) between 1 and 1024),
  original_name text not null constraint file_metadata_original_name_length
    check (length(original_name) between 1 and 255),
  file_type text not null constraint file_metadata_file_type_length check (length(file_type) between 3 and 127),
  -- Bytes.
  file_size bigint not null constraint file_metadata_file_size_range check (file_size > 0),
  sha256 bytea not null constraint file_metadata_sha256_length check (octet_length(sha256) = 32),
  status file_status not null default 'PENDING',
  status_reason text constraint file_metadata_status_reason_length check (length(status_reason) <= 500),
  upload_date timestamptz,
  expires_at timestamptz not null,
  uploaded_by uuid not null references user_profiles (id),
  custom_data jsonb constraint file_metadata_custom_data_object check (jsonb_typeof(custom_data) = 'object'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint file_metadata_archived check (is_archived = (archived_at is not null)),
  constraint file_metadata_path_key unique (bucket, file_path),
  constraint file_metadata_appointment_owner check ((owner_type = 'APPOINTMENT') = (appointment_id is not null)),
  constraint file_metadata_patient_owner check ((owner_type = 'PROVIDER') = (patient_id is null)),
  constraint file_metadata_uploaded check ((status in ('PENDING', 'EXPIRED')) = (upload_date is null)),
  constraint file_metadata_patient_is_owner foreign key (patient_id, owner_id) references patients (id, user_id),
  constraint file_metadata_appointment_of_patient
    foreign key (appointment_id, patient_id) references appointments (id, patient_id)
);

create index file_metadata_owner_idx on file_metadata (owner_id, created_at desc, id desc);
create index file_metadata_patient_idx on file_metadata (patient_id, owner_id);
create index file_metadata_appointment_idx on file_metadata (appointment_id, patient_id);
create index file_metadata_uploaded_by_idx on file_metadata (uploaded_by);
create index file_metadata_pending_idx on file_metadata (expires_at) where status = 'PENDING';
create index file_metadata_archived_by_idx on file_metadata (archived_by) where archived_by is not null;

call govern('file_metadata');
