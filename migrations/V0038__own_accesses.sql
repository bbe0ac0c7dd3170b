-- Who opened a patient's chart, as the patient reads it. It is no accounting of disclosures (45 CFR 164.528), and no law asks
-- for it. docs/decisions/0044-who-opened-my-chart.md says why it is built so.

insert into role_permissions (role, permission, reach) values
  ('PATIENT', 'chart-accesses:read', 'OWN'),
  ('COMPLIANCE_OFFICER', 'chart-accesses:read', 'ALL');

-- Whether patients see the names of the staff who opened their chart. Otherwise they see the roles alone.
alter table settings add column shows_staff_names boolean not null default true;

-- The month of the audit row with this id: see `append_audit`.
create function audit_month(audit_id uuid) returns date
language sql immutable parallel safe
return audit_month(to_timestamp(('x' || left(replace(audit_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0));

-- The first month of which the database has rows of the audit log, or an index of archived ones.
create function oldest_audit_month() returns date
language sql stable
return least(
  (select min(a.month) from audit_archives a where a.completed_at is not null and a.deleted_at is null),
  (
    select min(to_date(right(c.relname, 7), 'YYYY_MM')) from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'audit_logs'::regclass
  )
);

-- Whether a row of the audit log is an access that its patient may know of. Left out are:
--
-- * What did not succeed: nothing was opened.
-- * Oversight and legal holds. Somebody under investigation may be close to the patient, and must not be warned.
-- * What an office does about disclosures, because the accounting of some is suspended.
-- * What concerns records and files that are withheld from the patient (`withheld`), because nothing shows a hold while it
--   lasts: see docs/decisions/0042-past-holds-are-open.md. For a representative, these are also shielded ones.
create function is_shown_access(
  p_outcome audit_outcome, p_resource_type audit_resource, p_resource uuid, p_purpose purpose_of_use, withheld uuid[]
) returns boolean
language sql immutable parallel safe
return p_outcome = 'SUCCESS'
  and p_resource_type not in ('LEGAL_HOLD', 'RETENTION', 'ALERT', 'ALERT_RULE', 'INCIDENT', 'ACTIVITY_REVIEW')
  and (p_resource_type not in ('AUDIT_LOG', 'EMERGENCY_ACCESS', 'DISCLOSURE') or p_purpose is distinct from 'HOPERAT')
  and (p_resource is null or p_resource <> all (withheld));

-- A page of the accesses to a patient's data, newest first, also of archived months. `p_from` and `p_until` are audit ids: the
-- first one, and the one after the last. The index of archived months has
-- neither the function nor the role, so `application` is null there and the role is that of today.
--
-- It goes from month to month back in time. Within a month, the rows about the patient alone are in the order of an index, and
-- the searches that named them among others are not. A page looks at no more than 1,000 rows about the patient alone. If that
-- was not enough, a last row has only `reached`: where the next page goes on.
--
-- Errors: 42501 there is no such patient, or the caller may not see who opened their chart.
create function list_chart_accesses(
  p_patient uuid, p_from uuid, p_until uuid, p_user uuid, p_own boolean, p_after uuid, wanted bigint
) returns table (
  id uuid, accessed_at timestamptz, user_id uuid, user_name text, actor_role text, purpose_of_use text, action_type text,
  resource_type text, resource_id uuid, application text, explanation text, is_readers boolean, reached uuid
)
language plpgsql stable security definer rows 50
set search_path = pg_catalog, public set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
declare
  names_staff constant boolean := (select s.shows_staff_names from settings s);
  low constant uuid := coalesce(p_from, '00000000-0000-0000-0000-000000000000');
  high constant uuid := least(p_after, p_until, first_audit_id(clock_timestamp() + interval '1 day'));
  its_month date := audit_month(high);
  last_month constant date := greatest(audit_month(p_from), oldest_audit_month());
  withheld uuid[];
  room bigint := wanted;
  left_to_look_at bigint := 1000;
  looked record;
  bottom uuid;
  found_here uuid[];
  ids uuid[] := '{}';
  months date[] := '{}';
begin
  perform require_actor();
  if not exists (select from patients p where p.id = p_patient) or not reaches('chart-accesses:read', p_patient) then
    raise exception 'there is no such chart' using errcode = 'insufficient_privilege';
  end if;
  withheld := array(
    select r.id from medical_records r
    where r.patient_id = p_patient and (
      (not r.is_patient_visible and not coalesce(r.release_date <= now(), false))
      or (r.is_shielded and reach('chart-accesses:read') = 'OWN' and p_patient is distinct from actor_patient())
    )
  );
  withheld := withheld || array(select f.id from file_metadata f where f.record_id = any (withheld));

  while its_month >= last_month and room > 0 and reached is null loop
    -- A month is either in the database or in the archive. Each part has an order of its own, so that an index serves it.
    with near as materialized (
      (
        select a.id, a.user_id, a.outcome, a.resource_type, a.resource_id, a.purpose_of_use
        from audit_logs a
        where a.month = its_month and a.patient_id = p_patient and a.id >= low and a.id < high
        order by a.id desc limit left_to_look_at
      )
      union all
      (
        select a.id, a.user_id, a.outcome, a.resource_type, a.resource_id, a.purpose_of_use
        from audit_archive_rows a
        where a.month = its_month and a.patient_id = p_patient and a.id >= low and a.id < high
        order by a.id desc limit left_to_look_at
      )
    )
    select
      array(
        select n.id from near n
        where is_shown_access(n.outcome, n.resource_type, n.resource_id, n.purpose_of_use, withheld)
          and (p_own or n.purpose_of_use is distinct from 'PATRQT')
          and (p_user is null or (n.user_id = p_user and (names_staff or n.purpose_of_use in ('PATRQT', 'FAMRQT'))))
        order by n.id desc limit room
      ) as shown,
      (select count(*) from near n) as rows,
      (select n.id from near n order by n.id limit 1) as lowest
    into looked;
    left_to_look_at := left_to_look_at - looked.rows;
    if cardinality(looked.shown) = room then
      bottom := looked.shown[room];
    elsif left_to_look_at = 0 then
      reached := looked.lowest;
      bottom := reached;
    else
      bottom := low;
    end if;
    -- The index has no order here, so all searches of the month are read that named the patient.
    found_here := array(
      select s.id from (
        select a.id, a.user_id, a.outcome, a.resource_type, a.resource_id, a.purpose_of_use
        from audit_logs a where a.month = its_month and a.patient_ids @> array[p_patient]
        union all
        select a.id, a.user_id, a.outcome, a.resource_type, a.resource_id, a.purpose_of_use
        from audit_archive_rows a where a.month = its_month and a.patient_ids @> array[p_patient]
      ) as s
      where s.id >= bottom and s.id < high
        and is_shown_access(s.outcome, s.resource_type, s.resource_id, s.purpose_of_use, withheld)
        and (p_own or s.purpose_of_use is distinct from 'PATRQT')
        and (p_user is null or (s.user_id = p_user and (names_staff or s.purpose_of_use in ('PATRQT', 'FAMRQT'))))
      order by s.id desc limit room
    );
    found_here := array(select f.id from unnest(looked.shown || found_here) as f (id) order by f.id desc limit room);
    ids := ids || found_here;
    months := months || array_fill(its_month, array[cardinality(found_here)]);
    room := room - cardinality(found_here);
    its_month := its_month - interval '1 month';
  end loop;

  return query
    with page as materialized (
      select a.*
      from unnest(ids, months) as wanted_row (id, month)
      cross join lateral (
        select l.id, l.timestamp, l.user_id, l.actor_role, l.purpose_of_use, l.action_type, l.resource_type, l.resource_id,
          l.application
        from audit_logs l where l.id = wanted_row.id and l.month = wanted_row.month
        union all
        select l.id, l.timestamp, l.user_id, null, l.purpose_of_use, l.action_type, l.resource_type, l.resource_id, null
        from audit_archive_rows l where l.id = wanted_row.id and l.month = wanted_row.month
      ) as a
    ),
    explained as materialized (
      select c.day, c.user_id, c.explanation
      from (select distinct (p.timestamp at time zone 'UTC')::date as day, p.user_id from page p) as d
      join chart_accesses c on c.day = d.day and c.user_id = d.user_id and c.patient_id = p_patient
    ),
    -- Those who wrote something that the patient can see. Whoever wrote only withheld records must not look like an author.
    authors as materialized (
      select e.user_id from (select distinct x.user_id from explained x where x.explanation = 'AUTHOR') as e
      where exists (
        select from medical_records r left join providers v on v.id = r.provider_id
        where r.patient_id = p_patient and r.id <> all (withheld) and (r.changed_by = e.user_id or v.user_id = e.user_id)
      )
    )
    select p.id, p.timestamp,
      case when h.is_named then p.user_id end,
      case when h.is_named then concat_ws(' ', u.first_name, u.last_name) end,
      coalesce(p.actor_role, u.role, 'SYSTEM'), p.purpose_of_use::text, p.action_type::text, p.resource_type::text,
      p.resource_id, p.application::text,
      case
        when e.explanation <> 'AUTHOR' or e.user_id in (select o.user_id from authors o) then e.explanation
      end::text,
      coalesce(p_patient = actor_patient(), false), null::uuid
    from page p
    left join user_profiles u on u.id = p.user_id
    left join explained e on e.user_id = p.user_id and e.day = (p.timestamp at time zone 'UTC')::date
    cross join lateral (
      select u.id is not null and (names_staff or coalesce(p.purpose_of_use in ('PATRQT', 'FAMRQT'), false)) as is_named
    ) as h
    order by p.id desc;
  if reached is not null and room > 0 then
    return query select null::uuid, null::timestamptz, null::uuid, null, null, null, null, null, null::uuid, null, null,
      null::boolean, reached;
  end if;
end
$$;

grant execute on function list_chart_accesses(uuid, uuid, uuid, uuid, boolean, uuid, bigint) to caretrail_people;

comment on column settings.shows_staff_names is 'operational';
