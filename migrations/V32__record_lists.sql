-- Newest first over every chart, for a role whose reach is ALL.
create index medical_records_created_idx on medical_records (created_at desc, id desc);
