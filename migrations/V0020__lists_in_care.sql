-- Pages of lists for the reach CARE: the ids of the rows of one page. The statement that asks for them filters the
-- rows once more, and so do the policies.
--
-- SECURITY DEFINER, because a policy asks for each row that is read whether its patient is in care. Here that is
-- known already. PL/pgSQL that plans each call anew, so that a filter that isn't given costs nothing.
--
-- No index has the rows of several patients in the order of a list. So a function reads the first row of each
-- patient in care that matches the filters. A page has rows only of the patients whose first rows come first, and
-- no row after the last of these first rows. The function then reads the rows of these patients up to there. So a
-- long chart costs hardly more than a short one.

-- The patients in the care of the actor, or this one of them. PostgreSQL puts the query of an SQL function in the
-- place of the call.
create function care_of_actor(its_patient uuid) returns setof uuid
language sql stable
begin atomic
  select distinct c.patient_id from care_relations c
  where c.member_id = actor_user() and c.until > now() and not c.is_suspended
    and (its_patient is null or c.patient_id = its_patient);
end;

-- Whether the record matches the filters of `GET /v1/medical-records`.
create function matches(
  r medical_records, p_appointment uuid, p_type text, p_source_system text, p_external_id text, p_held boolean, p_archived boolean,
  p_before timestamptz, p_before_id uuid
) returns boolean
language sql stable
return (p_appointment is null or r.appointment_id = p_appointment)
  and (p_type is null or r.record_type = p_type::record_type)
  and (p_source_system is null or r.source_system = p_source_system)
  and (p_external_id is null or r.external_id = p_external_id)
  and (p_held is null or p_held <> r.is_patient_visible)
  and (p_archived or not r.is_archived)
  and (p_before is null or (r.created_at, r.id) < (p_before, p_before_id));

-- The medical records of patients in care, newest first.
create function records_in_care(
  p_patient uuid, p_appointment uuid, p_type text, p_source_system text, p_external_id text, p_held boolean, p_archived boolean,
  p_before timestamptz, p_before_id uuid, wanted bigint
) returns setof uuid
language plpgsql stable security definer rows 50
set search_path = pg_catalog, public set plan_cache_mode = force_custom_plan as $$
begin
  perform require_actor();
  return query
    with chart as materialized (
      select care.patient, first.created_at
      from care_of_actor(p_patient) as care (patient)
      cross join lateral (
        select r.created_at, r.id from medical_records r
        where r.patient_id = care.patient
          and matches(r, p_appointment, p_type, p_source_system, p_external_id, p_held, p_archived, p_before, p_before_id)
        order by r.created_at desc, r.id desc limit 1
      ) as first
      order by first.created_at desc, first.id desc limit wanted
    )
    select found.id
    from chart
    cross join lateral (
      select r.created_at, r.id from medical_records r
      where r.patient_id = chart.patient
        and matches(r, p_appointment, p_type, p_source_system, p_external_id, p_held, p_archived, p_before, p_before_id)
        and r.created_at >= (
          select case when count(*) < wanted then '-infinity' else min(created_at) end from chart
        )
      order by r.created_at desc, r.id desc limit wanted
    ) as found
    order by found.created_at desc, found.id desc limit wanted;
end
$$;

-- Whether the visit matches the filters of `GET /v1/appointments`. A status that has a partial index is repeated,
-- because a parameter can't match a partial index.
create function matches(
  a appointments, p_provider uuid, p_status text, p_source_system text, p_external_id text, p_from timestamptz, p_to timestamptz,
  p_archived boolean, p_after timestamptz, p_after_id uuid
) returns boolean
language sql stable
return (p_provider is null or a.provider_id = p_provider)
  and (p_status is null or a.status = p_status::appointment_status)
  and (p_status is distinct from 'SCHEDULED' or a.status = 'SCHEDULED')
  and (p_status is distinct from 'CANCELLED' or a.status = 'CANCELLED')
  and (p_status is distinct from 'CHECKED_IN' or a.status = 'CHECKED_IN')
  and (p_status is distinct from 'NO_SHOW' or a.status = 'NO_SHOW')
  and (p_source_system is null or a.source_system = p_source_system)
  and (p_external_id is null or a.external_id = p_external_id)
  and (p_from is null or a.scheduled_at >= p_from)
  and (p_to is null or a.scheduled_at < p_to)
  and (p_archived or not a.is_archived)
  and (p_after is null or (a.scheduled_at, a.id) > (p_after, p_after_id));

-- The visits of patients in care and the visits with the actor as provider, earliest first. A visit can be both.
create function visits_in_care(
  p_patient uuid, p_provider uuid, p_status text, p_source_system text, p_external_id text, p_from timestamptz, p_to timestamptz,
  p_archived boolean, p_after timestamptz, p_after_id uuid, wanted bigint
) returns setof uuid
language plpgsql stable security definer rows 50
set search_path = pg_catalog, public set plan_cache_mode = force_custom_plan as $$
begin
  perform require_actor();
  return query
    with chart as materialized (
      select care.patient, first.scheduled_at
      from care_of_actor(p_patient) as care (patient)
      cross join lateral (
        select a.scheduled_at, a.id from appointments a
        where a.patient_id = care.patient
          and matches(a, p_provider, p_status, p_source_system, p_external_id, p_from, p_to, p_archived, p_after, p_after_id)
        order by a.scheduled_at, a.id limit 1
      ) as first
      -- The visits with the actor are found below.
      where p_provider is null or p_provider is distinct from actor_provider()
      order by first.scheduled_at, first.id limit wanted
    )
    select found.id
    from (
      (
        select a.scheduled_at, a.id from appointments a
        where a.provider_id = actor_provider() and (p_patient is null or a.patient_id = p_patient)
          and matches(a, p_provider, p_status, p_source_system, p_external_id, p_from, p_to, p_archived, p_after, p_after_id)
        order by a.scheduled_at, a.id limit wanted
      )
      union
      select visit.scheduled_at, visit.id
      from chart
      cross join lateral (
        select a.scheduled_at, a.id from appointments a
        where a.patient_id = chart.patient
          and matches(a, p_provider, p_status, p_source_system, p_external_id, p_from, p_to, p_archived, p_after, p_after_id)
          and a.scheduled_at <= (
            select case when count(*) < wanted then 'infinity' else max(scheduled_at) end from chart
          )
        order by a.scheduled_at, a.id limit wanted
      ) as visit
    ) as found
    order by found.scheduled_at, found.id limit wanted;
end
$$;

-- Whether the file matches the filters of `GET /v1/files`.
create function matches(
  f file_metadata, p_owner uuid, p_record uuid, p_status text, p_archived boolean, p_before timestamptz,
  p_before_id uuid
) returns boolean
language sql stable
return (p_owner is null or f.owner_id = p_owner)
  and (p_record is null or f.record_id = p_record)
  and (p_status is null or f.status = p_status::file_status)
  and (not f.is_archived or (p_archived and changes_file(f.patient_id, f.owner_id, f.uploaded_by, f.record_id)))
  and (p_before is null or (f.created_at, f.id) < (p_before, p_before_id));

-- The files of patients in care, newest first.
create function files_in_care(
  p_patient uuid, p_owner uuid, p_record uuid, p_status text, p_archived boolean, p_before timestamptz,
  p_before_id uuid, wanted bigint
) returns setof uuid
language plpgsql stable security definer rows 50
set search_path = pg_catalog, public set plan_cache_mode = force_custom_plan as $$
begin
  perform require_actor();
  return query
    with chart as materialized (
      select care.patient, first.created_at
      from care_of_actor(p_patient) as care (patient)
      cross join lateral (
        select f.created_at, f.id from file_metadata f
        where f.patient_id = care.patient
          and matches(f, p_owner, p_record, p_status, p_archived, p_before, p_before_id)
        order by f.created_at desc, f.id desc limit 1
      ) as first
      order by first.created_at desc, first.id desc limit wanted
    )
    select found.id
    from chart
    cross join lateral (
      select f.created_at, f.id from file_metadata f
      where f.patient_id = chart.patient
        and matches(f, p_owner, p_record, p_status, p_archived, p_before, p_before_id)
        and f.created_at >= (
          select case when count(*) < wanted then '-infinity' else min(created_at) end from chart
        )
      order by f.created_at desc, f.id desc limit wanted
    ) as found
    order by found.created_at desc, found.id desc limit wanted;
end
$$;

grant execute on function
  records_in_care(uuid, uuid, text, text, text, boolean, boolean, timestamptz, uuid, bigint),
  visits_in_care(uuid, uuid, text, text, text, timestamptz, timestamptz, boolean, timestamptz, uuid, bigint),
  files_in_care(uuid, uuid, uuid, text, boolean, timestamptz, uuid, bigint)
  to caretrail_app;
