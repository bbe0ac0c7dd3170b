insert into incident_notices (incident_id, recipient, patient_id, jurisdiction, means, sent_on, note)
select i.id, $2::text::notice_recipient, addressed.patient_id, $4, $5::text::notice_means, $6, $7
from incidents i
cross join lateral (
  select null::uuid as patient_id where $2 <> 'PATIENT'
  union all
  select p.patient_id from incident_patients p
  where $2 = 'PATIENT' and p.incident_id = i.id and not p.is_excluded
    and (p.patient_id = $3 or ($3::uuid is null and not is_notified(p.incident_id, p.patient_id)))
) as addressed
where i.id = $1 and reach('incidents:write') = 'ALL'
