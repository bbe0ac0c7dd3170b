select a.patient_id, a.origin::text as origin, a.status::text as status, a.received_on, a.due_on, a.extension_reason,
  a.statement, a.correction, a.addendum, a.denial_ground::text as denial_ground, a.denial_basis,
  a.profile_field::text as profile_field, r.record_type::text as record_type, clinic_day(r.created_at) as record_day,
  f.original_name as file_name,
  h.addressee, h.first_name, h.last_name, h.address, h.written_on, h.clinic_name, h.clinic_phone, h.clinic_email,
  h.clinic_website, h.clinic_address
from amendments a
cross join lateral letter_head(a.patient_id, 'amendments:read') as h
left join medical_records r on r.id = a.record_id
left join file_metadata f on f.id = a.file_id
where a.id = $1 and reaches('amendments:read', a.patient_id) and shows_entry(a.record_id, a.file_id)
