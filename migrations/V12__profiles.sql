-- Seed B's profiles: identity joined with role data, as the API shows them. The invoker's
-- policies apply; enums leave as text so that no client needs a type lookup.

create view patient_profiles with (security_invoker = true) as
select
  p.id, p.user_id, u.first_name, u.last_name, p.patient_number, p.date_of_birth,
  p.gender::text as gender, p.assigned_providers,
  case when clinical.granted then p.medical_history end as medical_history,
  case when clinical.granted then p.allergies end as allergies,
  case when clinical.granted then p.health_goals end as health_goals,
  case when clinical.granted then p.risk_factors end as risk_factors,
  p.created_at, p.updated_at, p.is_archived, p.version
from patients p
join user_profiles u on u.id = p.user_id
-- `offset 0` keeps the planner from asking once a column.
cross join lateral (select reaches('patients:clinical', p.id) as granted offset 0) as clinical;

create view provider_profiles with (security_invoker = true) as
select
  v.id, v.user_id, u.first_name, u.last_name, v.license_number, v.specialties, v.certifications,
  v.schedule, v.rating::float8 as rating, v.total_reviews, v.is_verified,
  v.created_at, v.updated_at, v.is_archived, v.version
from providers v
join user_profiles u on u.id = v.user_id;
