-- The profiles show custom data with what is not clinical: a clinic's own clinical fields are records'.

-- As in V22.
create or replace view patient_profiles with (security_invoker = true) as
select
  p.id, p.user_id, u.first_name, u.last_name, p.patient_number, p.date_of_birth,
  p.gender::text as gender, p.assigned_providers,
  case when clinical.granted then p.medical_history end as medical_history,
  case when clinical.granted then p.allergies end as allergies,
  case when clinical.granted then p.health_goals end as health_goals,
  case when clinical.granted then p.risk_factors end as risk_factors,
  p.created_at, p.updated_at, p.is_archived, p.version, u.search_name,
  p.custom_data, p.custom_data_version
from patients p
join user_profiles u on u.id = p.user_id
cross join lateral (select reaches('patients:clinical', p.id) as granted offset 0) as clinical;

-- As in V25.
create or replace view provider_profiles with (security_invoker = true) as
select
  v.id, v.user_id, u.first_name, u.last_name, v.license_number, v.specialties, v.certifications,
  v.schedule, v.rating::float8 as rating, v.total_reviews, v.is_verified,
  v.created_at, v.updated_at, v.is_archived, v.version, v.verified_at, v.verified_by,
  v.custom_data, v.custom_data_version
from providers v
join user_profiles u on u.id = v.user_id;
