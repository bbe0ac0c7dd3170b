-- As in V10, but who aims at a person who is no patient aims at something that exists, too: a file for
-- another provider is refused, not amiss.
create or replace function describe_attempt(
  p_user uuid, p_resource_type text, p_resource uuid, p_patient uuid, p_owner uuid
)
returns table (user_id uuid, actor_role text, target_exists boolean, patient_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  named uuid;
begin
  select u.id, u.role into describe_attempt.user_id, describe_attempt.actor_role
  from user_profiles u where u.id = p_user;
  select p.id into named from patients p where p.id = p_patient or p.user_id = p_owner;

  case p_resource_type
    when 'USER' then
      select p.id into describe_attempt.patient_id
      from user_profiles u left join patients p on p.user_id = u.id where u.id = p_resource;
    when 'PATIENT' then
      select p.id into describe_attempt.patient_id from patients p where p.id = p_resource;
    when 'PROVIDER' then
      perform from providers v where v.id = p_resource;
    when 'APPOINTMENT' then
      select a.patient_id into describe_attempt.patient_id from appointments a where a.id = p_resource;
    when 'MEDICAL_RECORD' then
      select r.patient_id into describe_attempt.patient_id from medical_records r where r.id = p_resource;
    when 'FILE' then
      select f.patient_id into describe_attempt.patient_id from file_metadata f where f.id = p_resource;
    else
      perform where false;
  end case;
  describe_attempt.target_exists := found or named is not null
    or exists (select from user_profiles u where u.id = p_owner);
  describe_attempt.patient_id := coalesce(describe_attempt.patient_id, named);
  return next;
end
$$;
