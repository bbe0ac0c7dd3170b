-- Inserts nothing if the patient has no such entry, or the caller can't read it.
insert into amendments (id, patient_id, record_id, file_id, profile_field, origin, told_by, addendum, received_on)
select $1, $2, $3, $4, $5::text::amendment_field, 'OTHER_ENTITY', $6, $7, $8
where reaches('amendments:decide', $2)
  and (
    $5::text is not null
    or exists (select from medical_records r where r.id = $3 and r.patient_id = $2 and not r.is_archived)
    or exists (select from file_metadata f where f.id = $4 and f.patient_id = $2 and not f.is_archived)
  )
