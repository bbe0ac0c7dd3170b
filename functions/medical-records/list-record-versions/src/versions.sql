with record as (
  select id, version, patient_id, record_type::text as record_type, content, diagnosis, treatment, notes,
    release_date, custom_data, custom_data_version, is_archived, updated_at, changed_by, change_reason
  from medical_records
  where id = $1 and reaches('records:read', patient_id, source_system)
    and (reach('records:read') <> 'OWN'
      or (not is_archived and (is_patient_visible or release_date <= now())
        and (not is_shielded or patient_id = actor_patient())))
), versions as (
  select id as record_id, version, patient_id, record_type, content, diagnosis, treatment, notes,
    release_date, custom_data, custom_data_version, is_archived, updated_at as written_at,
    changed_by as written_by, change_reason
  from record
  union all
  select former.record_id, former.version, former.patient_id, former.record_type::text, former.content,
    former.diagnosis, former.treatment, former.notes, former.release_date, former.custom_data,
    former.custom_data_version, former.is_archived, former.written_at, former.written_by,
    former.change_reason
  from record join medical_record_versions former on former.record_id = record.id
  where reach('records:read') <> 'OWN' or (
    (former.is_patient_visible or former.release_date <= former.replaced_at)
    and (not former.is_shielded or former.patient_id = actor_patient())
  )
)
select record_id, version, patient_id, record_type, content, diagnosis, treatment, notes, release_date,
  custom_data, custom_data_version, is_archived, written_at, written_by,
  -- The patient doesn't learn that there was a decision about a hold or a shield.
  case when reach('records:read') <> 'OWN' or change_reason not in ('held', 'released', 'shielded', 'unshielded')
    then change_reason end as change_reason
from versions where $2::int is null or version < $2
order by version desc limit $3
