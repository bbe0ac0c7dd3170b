-- Activity reviews: what officers regularly look at, and what they conclude (45 CFR 164.308(a)(1)(ii)(D)). A review begins
-- with figures that the database counts. An officer signs it with a second factor, and it never changes again.
-- docs/decisions/0041-activity-reviews.md says why it is built so.

create table activity_reviews (
  id uuid primary key,
  -- The first and the last day that it covers (UTC).
  covered_from date not null,
  covered_until date not null,
  -- What `count_activity` counted when the review began.
  figures jsonb not null,
  -- Whoever began it.
  created_by uuid references user_profiles (id),
  created_at timestamptz not null default now(),
  -- What the officer concluded, and what the verifier of the audit log found. All this is null until it is signed.
  conclusion text constraint activity_reviews_conclusion_length check (length(conclusion) between 1 and 4000),
  verification jsonb,
  -- The review as a whole HTML document, as it was signed.
  document text constraint activity_reviews_document_size check (octet_length(document) <= 200000),
  signed_by uuid references user_profiles (id),
  signed_at timestamptz,
  updated_at timestamptz not null default now(),
  version integer not null default 1,
  constraint activity_reviews_period check (covered_until between covered_from and covered_from + 365),
  constraint activity_reviews_signed check (
    (conclusion is null) = (signed_at is null) and (document is null) = (signed_at is null)
    and (signed_at is not null or verification is null)
  )
);

create index activity_reviews_page_idx on activity_reviews (covered_until desc, id desc);
create index activity_reviews_created_by_idx on activity_reviews (created_by) where created_by is not null;
create index activity_reviews_signed_by_idx on activity_reviews (signed_by) where signed_by is not null;

call secure('activity_reviews');
call guard_deletions('activity_reviews');
-- See `alerts_read` for the form of the comparison.
create policy activity_reviews_read on activity_reviews for select to caretrail_app
  using ((select reach('activity-reviews:read') = 'ALL' or reach('activity-reviews:write') = 'ALL'));
create policy activity_reviews_begin on activity_reviews for insert to caretrail_app
  with check ((select reach('activity-reviews:write')) = 'ALL');
create policy activity_reviews_sign on activity_reviews for update to caretrail_app
  using ((select reach('activity-reviews:write')) = 'ALL');
grant select on activity_reviews to caretrail_app;
grant insert (id, covered_from, covered_until), update (conclusion, verification, document) on activity_reviews
  to caretrail_people;

create trigger touch before update on activity_reviews
for each row execute function touch();

-- The rows of the audit log from one time to before another, in groups. Archived months are counted by their index.
create function count_audit_rows(p_from timestamptz, p_until timestamptz)
returns table (
  user_id uuid, action_type audit_action, resource_type audit_resource, outcome audit_outcome,
  purpose_of_use purpose_of_use, rows bigint
)
language sql stable set timezone = 'UTC' as $$
  select a.user_id, a.action_type, a.resource_type, a.outcome, a.purpose_of_use, count(*)
  from audit_logs a
  where a.timestamp >= p_from and a.timestamp < p_until and a.id >= first_audit_id(p_from) and a.id < first_audit_id(p_until)
    and a.month >= audit_month(p_from) and a.month <= audit_month(p_until)
  group by 1, 2, 3, 4, 5
  union all
  select a.user_id, a.action_type, a.resource_type, a.outcome, a.purpose_of_use, count(*)
  from audit_archive_rows a
  where a.timestamp >= p_from and a.timestamp < p_until and a.id >= first_audit_id(p_from) and a.id < first_audit_id(p_until)
    and a.month >= audit_month(p_from) and a.month <= audit_month(p_until)
  group by 1, 2, 3, 4, 5
$$;

-- What happened on these days (UTC) and what is open now, as the figures of a review.
create function count_activity(p_from date, p_until date) returns jsonb
language sql stable set timezone = 'UTC' as $$
  with period as (
    select p_from::timestamptz as begins, (p_until + 1)::timestamptz as ends
  ),
  counted as materialized (
    select c.* from period p cross join count_audit_rows(p.begins, p.ends) as c
  ),
  raised as (
    select a.rule, count(*) as raised,
      count(*) filter (where a.disposition = 'JUSTIFIED') as justified,
      count(*) filter (where a.disposition = 'EDUCATION') as education,
      count(*) filter (where a.disposition = 'POLICY_VIOLATION') as policy_violation,
      count(*) filter (where a.disposition = 'FALSE_ALARM') as false_alarm,
      count(*) filter (where a.status <> 'RESOLVED') as unresolved
    from alerts a cross join period p where a.first_at >= p.begins and a.first_at < p.ends
    group by a.rule
  )
  select jsonb_build_object(
    'audit_rows', (
      select coalesce(jsonb_object_agg(g.field, g.groups), '{}')
      from (
        select k.field, jsonb_agg(jsonb_build_object('key', k.key, 'rows', k.rows) order by k.rows desc, k.key) as groups
        from (
          select f.field, f.key, sum(c.rows) as rows
          from counted c
          cross join lateral (
            values ('by_outcome', c.outcome::text), ('by_action_type', c.action_type::text),
              ('by_resource_type', c.resource_type::text), ('by_purpose_of_use', c.purpose_of_use::text)
          ) as f (field, key)
          where f.key is not null
          group by f.field, f.key
        ) as k
        group by k.field
      ) as g
    ) || jsonb_build_object(
      'total', (select coalesce(sum(c.rows), 0) from counted c),
      'users', (select count(distinct c.user_id) from counted c),
      'deleted_months', (
        select coalesce(jsonb_agg(a.month order by a.month), '[]') from audit_archives a cross join period p
        where a.deleted_at is not null and a.month >= audit_month(p.begins) and a.month < p.ends
      )
    ),
    'alerts', jsonb_build_object(
      'by_rule', (
        select coalesce(jsonb_agg(to_jsonb(r) order by r.raised desc, r.rule), '[]') from raised r
      ),
      'unresolved', (select count(*) from alerts a where a.status <> 'RESOLVED'),
      'oldest_unresolved_at', (select min(a.first_at) from alerts a where a.status <> 'RESOLVED'),
      'disabled_rules', (
        select coalesce(jsonb_agg(r.name order by r.name), '[]') from alert_rules r where not r.is_enabled
      )
    ),
    'emergency_accesses', (
      select jsonb_build_object(
        'granted', count(*),
        'approved', count(*) filter (where e.review = 'APPROVED'),
        'incidents_opened', count(*) filter (where e.review = 'INCIDENT_OPENED'),
        'not_reviewed', count(*) filter (where e.review is null),
        'overdue', (select count(*) from emergency_accesses o where o.review is null and o.review_due_at <= now())
      )
      from emergency_accesses e cross join period p where e.granted_at >= p.begins and e.granted_at < p.ends
    ),
    'incidents', (
      select jsonb_build_object(
        'opened', count(*) filter (where i.created_at >= p.begins and i.created_at < p.ends),
        'breaches', count(*) filter (
          where i.decided_at >= p.begins and i.decided_at < p.ends and i.decision = 'BREACH'
        ),
        'other_decisions', count(*) filter (
          where i.decided_at >= p.begins and i.decided_at < p.ends and i.decision <> 'BREACH'
        ),
        'closed', count(*) filter (where i.closed_at >= p.begins and i.closed_at < p.ends),
        'not_closed', count(*) filter (where i.status <> 'CLOSED'),
        'overdue', count(*) filter (where i.status <> 'CLOSED' and (incident_clock(i)).is_overdue)
      )
      from incidents i cross join period p
    ),
    'legal_holds_in_force', (select count(*) from legal_holds h where h.released_at is null),
    'integrity', jsonb_build_object(
      'sealed_rows', coalesce((select s.size from audit_seals s order by s.batch desc limit 1), 0),
      'sealed_at', (select s.sealed_at from audit_seals s order by s.batch desc limit 1),
      'waiting_chains', (select count(*) from audit_waiting_chains),
      'quarantined_rows', (
        select count(*) from audit_quarantine q join audit_seals s on s.batch = q.batch cross join period p
        where s.sealed_at >= p.begins and s.sealed_at < p.ends
      ),
      'minutes_reconciled', (
        select count(*) from audit_reconciliations r cross join period p where r.minute >= p.begins and r.minute < p.ends
      ),
      'minutes_with_missing_rows', (
        select count(*) from audit_reconciliations r cross join period p
        where r.minute >= p.begins and r.minute < p.ends and r.missing <> '{}'
      )
    )
  )
$$;

-- Counts what a new review is about, and signs it once. Errors: activity_reviews_over the last day isn't over,
-- activity_reviews_once it is signed.
create function sign_activity_review() returns trigger
language plpgsql security definer set search_path = pg_catalog, public set timezone = 'UTC' as $$
begin
  if not by_migration() and reach('activity-reviews:write') is distinct from 'ALL' then
    raise exception 'the caller may not review' using errcode = 'insufficient_privilege';
  end if;
  if tg_op = 'INSERT' then
    if new.covered_until >= now()::date then
      raise exception 'the period is not over' using errcode = 'check_violation', constraint = 'activity_reviews_over';
    end if;
    new.figures := count_activity(new.covered_from, new.covered_until);
    new.created_by := actor_user();
    new.created_at := now();
    return new;
  end if;
  if old.signed_at is not null then
    raise exception 'the review is signed' using errcode = 'check_violation', constraint = 'activity_reviews_once';
  end if;
  new.signed_by := actor_user();
  new.signed_at := now();
  return new;
end
$$;

create trigger sign_activity_review before insert or update on activity_reviews
for each row execute function sign_activity_review();

-- Who signs a document: the clinic, if its name is set, and the actor's name and role.
create function signing_party(out clinic text, out name text, out role text)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  select s.clinic_name, concat_ws(' ', u.first_name, u.last_name), u.role into clinic, name, role
  from user_profiles u cross join settings s where u.id = actor_user();
end
$$;

grant execute on function signing_party() to caretrail_people;

-- The review is overdue if the last signed one ended long ago. Before the first, the time counts from the installation.
-- There is one such state, so the hash of the rule's name is its occasion.
create function raise_overdue_review() returns bigint
language sql volatile as $$
  select count(raise_alert(r.name, null, null, r.weight, '{}', '{}', md5(r.name)::uuid))
  from alert_rules r
  where r.name = 'overdue-review'
    and greatest(
      coalesce((select max(v.covered_until) + 1 from activity_reviews v where v.signed_at is not null), r.created_at),
      alert_settled_at(r.name, md5(r.name)::uuid)
    ) <= now() - make_interval(days => r.threshold)
$$;

insert into alert_rules (name, meaning, threshold, weight) values
  (
    'overdue-review',
    'No activity review was signed for long. The threshold counts the days since the end of the last one.',
    45, 50
  );

-- For `describe_attempt`.
create function target_activity_review(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select null::uuid from activity_reviews v where v.id = target;
end
$$;
