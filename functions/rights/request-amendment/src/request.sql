-- Inserts nothing if the patient has no such entry, or the caller can't read it.
insert into amendments (id, patient_id, record_id, file_id, profile_field, statement, correction, reason, received_on)
select $1, $2, $3, $4, $5::text::amendment_field, $6, $7, $8, $9
where reaches('amendments:request', $2)
  and (
    $5::text is not null
    or exists (
      select from medical_records r
      where r.id = $3 and r.patient_id = $2 and not r.is_archived
        and (reach('records:read') <> 'OWN' or r.is_patient_visible or r.release_date <= now())
    )
    or exists (select from file_metadata f where f.id = $4 and f.patient_id = $2 and not f.is_archived)
  )
