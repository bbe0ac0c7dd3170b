-- Writes no row where the caller may not add files to this owner. A provider's own files are hers
-- alone; a visit's belong to its patient's chart, an entry's are for who writes the chart.
insert into file_metadata
  (id, owner_id, owner_type, patient_id, appointment_id, record_id, bucket, file_path, original_name,
   file_type, file_size, sha256, expires_at, custom_data, custom_data_version, uploaded_by)
select $1, $2, owner.type, patient.id, visit.id, entry.id, $5, $6, $7, $8, $9, $10, $11, $12, $13, actor_user()
from (values ($3::text::file_owner_type)) as owner (type)
left join patients as patient
  on owner.type <> 'PROVIDER' and patient.user_id = $2 and not patient.is_archived
    and reaches('files:write', patient.id)
left join appointments as visit
  on owner.type = 'APPOINTMENT' and visit.id = $4 and visit.patient_id = patient.id
    and not visit.is_archived
left join medical_records as entry
  on entry.id = $14 and entry.patient_id = patient.id
    and not entry.is_archived and reaches('records:write', patient.id)
where (entry.id is not null or $14 is null) and case owner.type
  when 'PATIENT' then patient.id is not null
  when 'APPOINTMENT' then visit.id is not null
  when 'PROVIDER' then actor_provider() is not null and actor_user() = $2
end
