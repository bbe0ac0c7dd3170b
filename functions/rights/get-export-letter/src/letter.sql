select e.patient_id, e.received_on, e.due_on, e.extension_reason, e.denial_ground::text as denial_ground, e.denial_basis,
  export_exclusions_of(e) as exclusions, is_denial_reviewable(e) as is_reviewable,
  e.review_outcome::text as review_outcome, e.review_basis,
  h.addressee, h.first_name, h.last_name, h.address, h.written_on, h.clinic_name, h.clinic_phone, h.clinic_email,
  h.clinic_website, h.clinic_address
from exports e
cross join lateral letter_head(e.patient_id, 'exports:read') as h
where e.id = $1 and reaches('exports:read', e.patient_id)
      and owns_export('exports:read', e.patient_id, e.requested_by, e.is_for_representative)
