-- Pages of lists for the reach CARE: the ids of the rows of one page. The statement that asks for them filters the
-- rows once more, and so do the policies.
--
-- No index has the rows of several patients in the order of a list, and a member may have thousands of patients in
-- care. So each member has a span of each chart: the times between which the patient has rows. A list reads the
-- charts whose spans reach furthest to the beginning of the list, and no chart that can't have a row on the page.

-- The times between which all visits of a patient begin, or all records or files are created. A span only grows, so it
-- may be too long but not too short. Both times are null if there is no such row yet. Functions can't read it.
create table chart_spans (
  patient_id uuid not null references patients (id),
  -- Not an enum: under row-level security an index gives the order of rows only if it compares the columns before it
  -- with leakproof operators.
  part text collate "C" not null constraint chart_spans_part_known check (part in ('APPOINTMENT', 'FILE', 'RECORD')),
  begins timestamptz,
  ends timestamptz,
  primary key (patient_id, part)
);

-- The same spans, once for each member who has or had the patient in care. Whoever changes one has locked the row of
-- `chart_spans` before.
create table care_spans (
  patient_id uuid not null,
  part text collate "C" not null,
  member_id uuid not null references user_profiles (id),
  begins timestamptz,
  ends timestamptz,
  primary key (patient_id, part, member_id),
  foreign key (patient_id, part) references chart_spans (patient_id, part)
);

-- In the order of lists that begin with the newest row, and of those that begin with the earliest.
create index care_spans_newest_idx on care_spans (member_id, part, ends desc) include (patient_id, begins);
create index care_spans_earliest_idx on care_spans (member_id, begins) include (patient_id, ends)
  where part = 'APPOINTMENT';

call secure('chart_spans');
call guard_deletions('chart_spans');
call secure('care_spans');

-- The triggers below are deferred, so PostgreSQL runs them while it commits. A transaction whose function has fallen
-- silent then holds no lock that another writer of the chart waits for.

-- Makes the spans contain this time. A span that doesn't contain it yet ends at `until` afterwards, or later. Most times
-- are inside already, and then nothing is locked.
create function widen_spans(p_patient uuid, p_part text, moment timestamptz, until timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if exists (
    select from chart_spans s where s.patient_id = p_patient and s.part = p_part and moment between s.begins and s.ends
  ) then
    return;
  end if;
  insert into chart_spans as s (patient_id, part, begins, ends) values (p_patient, p_part, moment, until)
  on conflict (patient_id, part) do update
    set begins = least(s.begins, excluded.begins), ends = greatest(s.ends, excluded.ends);
  update care_spans s set begins = least(s.begins, moment), ends = greatest(s.ends, until)
  where s.patient_id = p_patient and s.part = p_part;
end
$$;

create function follow_visit_time() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform widen_spans(new.patient_id, 'APPOINTMENT', new.scheduled_at, new.scheduled_at);
  return null;
end
$$;

create constraint trigger follow_visit_time after insert or update of scheduled_at on appointments
deferrable initially deferred for each row execute function follow_visit_time();

-- A span of records or files ends an hour after a row, because a visit writes several of them. Otherwise each of them
-- would write the span of each member.
create function follow_creation() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform widen_spans(new.patient_id, tg_argv[0], new.created_at, new.created_at + interval '1 hour');
  return null;
end
$$;

create constraint trigger follow_creation after insert on medical_records
deferrable initially deferred for each row execute function follow_creation('RECORD');

create constraint trigger follow_creation after insert on file_metadata
deferrable initially deferred for each row when (new.patient_id is not null) execute function follow_creation('FILE');

-- Gives a new member the spans of the chart. The lock waits for transactions that widen them, and such a transaction
-- waits for this one and then finds the member's row. A booking locks the span of appointments first, so all lock the
-- spans in the order of their parts.
create function begin_spans() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if exists (select from care_spans s where s.patient_id = new.patient_id and s.member_id = new.member_id) then
    return null;
  end if;
  insert into chart_spans (patient_id, part)
  select new.patient_id, part from unnest(array['APPOINTMENT', 'FILE', 'RECORD']) as part
  on conflict (patient_id, part) do nothing;
  insert into care_spans (patient_id, part, member_id, begins, ends)
  select s.patient_id, s.part, new.member_id, s.begins, s.ends from chart_spans s
  where s.patient_id = new.patient_id order by s.part for update
  on conflict (patient_id, part, member_id) do nothing;
  return null;
end
$$;

create constraint trigger begin_spans after insert on care_relations
deferrable initially deferred for each row execute function begin_spans();

-- The spans in the care of the actor. PostgreSQL puts the query of an SQL function in the place of the call. `offset 0`
-- makes it look for the relation of one span after another, so it reads no more spans than the page needs, in the order
-- of an index.
create function spans_of_actor(its_part text)
returns table (patient uuid, begins timestamptz, ends timestamptz)
language sql stable
begin atomic
  select s.patient_id, s.begins, s.ends from care_spans s
  where s.member_id = actor_user() and s.part = its_part and exists (
    select from care_relations c
    where c.member_id = s.member_id and c.patient_id = s.patient_id and c.until > now() and not c.is_suspended offset 0
  );
end;

-- The patients in the care of the actor, or this one of them. A patient in an emergency is in no list but their own.
create function care_of_actor(its_patient uuid) returns setof uuid
language sql stable
begin atomic
  select c.patient_id from care_relations c
  where c.member_id = actor_user() and c.until > now() and not c.is_suspended
    and (its_patient is null or c.patient_id = its_patient)
  union
  select its_patient where in_emergency(its_patient);
end;

-- The functions below are SECURITY DEFINER, because a policy asks for each row that is read whether its patient is in
-- care. Here that is known already. Each has these steps:
--
-- 1. Without filters, it guesses where the page ends from the spans that come first. There are half as many again as the
--    page has rows, because the rows of some may be archived. A filter makes the guess worthless.
-- 2. `chart` has the first row of each chart whose span comes before the guess. A page has rows only of the charts whose
--    first rows come first, and no row after the last of these first rows.
-- 3. It reads the rows of these charts up to there. So a long chart costs hardly more than a short one.
-- 4. If the page isn't full, because many rows are archived for example, it repeats steps 2 and 3 for all charts.
--
-- PL/pgSQL plans each call anew, so that a filter that isn't given costs nothing.

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
declare
  start constant timestamptz := coalesce(p_before, 'infinity');
  guessed constant bigint := wanted + wanted / 2;
  page_end timestamptz;
  charts uuid[];
  page uuid[];
begin
  perform require_actor();
  if num_nonnulls(p_patient, p_appointment, p_type, p_source_system, p_external_id, p_held) = 0 then
    select case when count(*) = guessed then min(near.ends) - interval '1 hour' else '-infinity' end into page_end
    from (
      select c.ends from spans_of_actor('RECORD') as c where c.ends <= start order by c.ends desc limit guessed
    ) as near;
  end if;
  loop
    if page_end is null then
      charts := array(select patient from care_of_actor(p_patient) as patient);
    else
      charts := array(select s.patient from spans_of_actor('RECORD') as s where s.ends >= page_end and s.begins <= start);
    end if;
    page := array(
      with chart as materialized (
        select care.patient, first.created_at
        from unnest(charts) as care (patient)
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
            select coalesce(greatest(page_end, case when count(*) = wanted then min(created_at) end), '-infinity') from chart
          )
        order by r.created_at desc, r.id desc limit wanted
      ) as found
      order by found.created_at desc, found.id desc limit wanted
    );
    exit when page_end is null or page_end = '-infinity' or cardinality(page) = wanted;
    page_end := null;
  end loop;
  return query select unnest(page);
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
declare
  start constant timestamptz := coalesce(greatest(p_from, p_after), '-infinity');
  latest constant timestamptz := coalesce(p_to, 'infinity');
  guessed constant bigint := wanted + wanted / 2;
  page_end timestamptz;
  charts uuid[];
  page uuid[];
begin
  perform require_actor();
  if num_nonnulls(p_patient, p_provider, p_status, p_source_system, p_external_id) = 0 then
    select least(latest, case when count(*) = guessed then max(near.begins) end) into page_end
    from (
      select c.begins from spans_of_actor('APPOINTMENT') as c where c.begins > start order by c.begins limit guessed
    ) as near;
  end if;
  loop
    if page_end is null then
      charts := array(select patient from care_of_actor(p_patient) as patient);
    else
      charts := array(select s.patient from spans_of_actor('APPOINTMENT') as s where s.begins <= page_end and s.ends >= start);
    end if;
    page := array(
      with chart as materialized (
        select care.patient, first.scheduled_at
        from unnest(charts) as care (patient)
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
            and (page_end is null or a.scheduled_at <= page_end)
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
              select coalesce(least(page_end, case when count(*) = wanted then max(scheduled_at) end), 'infinity') from chart
            )
          order by a.scheduled_at, a.id limit wanted
        ) as visit
      ) as found
      order by found.scheduled_at, found.id limit wanted
    );
    exit when page_end is null or page_end = latest or cardinality(page) = wanted;
    page_end := null;
  end loop;
  return query select unnest(page);
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
declare
  start constant timestamptz := coalesce(p_before, 'infinity');
  guessed constant bigint := wanted + wanted / 2;
  page_end timestamptz;
  charts uuid[];
  page uuid[];
begin
  perform require_actor();
  if num_nonnulls(p_patient, p_owner, p_record, p_status) = 0 then
    select case when count(*) = guessed then min(near.ends) - interval '1 hour' else '-infinity' end into page_end
    from (
      select c.ends from spans_of_actor('FILE') as c where c.ends <= start order by c.ends desc limit guessed
    ) as near;
  end if;
  loop
    if page_end is null then
      charts := array(select patient from care_of_actor(p_patient) as patient);
    else
      charts := array(select s.patient from spans_of_actor('FILE') as s where s.ends >= page_end and s.begins <= start);
    end if;
    page := array(
      with chart as materialized (
        select care.patient, first.created_at
        from unnest(charts) as care (patient)
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
            select coalesce(greatest(page_end, case when count(*) = wanted then min(created_at) end), '-infinity') from chart
          )
        order by f.created_at desc, f.id desc limit wanted
      ) as found
      order by found.created_at desc, found.id desc limit wanted
    );
    exit when page_end is null or page_end = '-infinity' or cardinality(page) = wanted;
    page_end := null;
  end loop;
  return query select unnest(page);
end
$$;

grant execute on function
  records_in_care(uuid, uuid, text, text, text, boolean, boolean, timestamptz, uuid, bigint),
  visits_in_care(uuid, uuid, text, text, text, timestamptz, timestamptz, boolean, timestamptz, uuid, bigint),
  files_in_care(uuid, uuid, uuid, text, boolean, timestamptz, uuid, bigint)
  to caretrail_app;
