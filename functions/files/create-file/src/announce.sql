-- Inserts no row if the caller may not add files for this owner. Only providers can add files of their own,
-- each for themselves. A file of an appointment belongs to the patient's chart. To attach a file to a medical
-- record, the caller must be able to write the record.
insert into file_metadata
  (id, owner_id, owner_type, patient_id, appointment_id, record_id, bucket, file_path, original_name,
   file_type, file_size, sha256, expires_at, custom_data, custom_data_version, uploaded_by)
select $1, $2, owner.type, patient.id, appointment.id, record.id, $3, $4, $5, $6, $7, $8, $9, $10, $11, actor_user()
from (values ($12::text::file_owner_type)) as owner (type)
left join patients as patient
  on owner.type <> 'PROVIDER' and patient.user_id = $2 and not patient.is_archived
    and reaches('files:write', patient.id)
left join appointments as appointment
  on owner.type = 'APPOINTMENT' and appointment.id = $13 and appointment.patient_id = patient.id
    and not appointment.is_archived
left join medical_records as record
  on record.id = $14 and record.patient_id = patient.id
    and not record.is_archived and reaches('records:write', patient.id)
where (record.id is not null or $14 is null) and case owner.type
  when 'PATIENT' then patient.id is not null
  when 'APPOINTMENT' then appointment.id is not null
  when 'PROVIDER' then actor_provider() is not null and actor_user() = $2
end
