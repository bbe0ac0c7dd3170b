-- Alerts about the audit log itself and about duties of officers that are overdue (45 CFR 164.308(a)(1)(ii)(D),
-- 164.312(c)(2)). review-access raises them in each run. A state that lasts is one alert, and another one if it still
-- lasts as long as the threshold says after the alert was resolved. An overdue incident is counted once a day instead.

-- Rows that wait to be sealed, and chains that wait for their open line.
create function raise_unsealed_rows() returns bigint
language sql volatile as $$
  select count(raise_alert(r.name, null, null, r.weight, waiting.evidence, '{}', waiting.id))
  from alert_rules r
  cross join lateral (
    select oldest.id, oldest.timestamp as since, array[oldest.id] as evidence
    from (
      select a.id, a.timestamp from audit_logs a
      where a.xid >= coalesce((select s.horizon from audit_seals s order by s.batch desc limit 1), '0')
      order by a.xid limit 1
    ) as oldest
    union all
    select w.chain_id, w.since, array(
      select a.id from audit_logs a
      where a.month = w.month and a.chain_id = w.chain_id
        and a.seq > coalesce((select c.sealed_seq from audit_chains c where c.chain_id = w.chain_id), 0)
      order by a.seq limit 100
    )
    from audit_waiting_chains w
  ) as waiting
  where r.name = 'unsealed-rows'
    and greatest(waiting.since, alert_settled_at(r.name, waiting.id)) <= now() - make_interval(mins => r.threshold)
$$;

-- Rows that were put in quarantine since the last run, one alert for each chain.
create function raise_quarantined_rows() returns bigint
language plpgsql as $$
declare
  place constant bigint := (select v.leaf from access_review v);
  raised bigint;
begin
  select count(raise_alert(r.name, null, null, r.weight, fresh.evidence, '{}', fresh.chain_id)) into raised
  from (
    select q.chain_id, coalesce(array_agg(q.row_id) filter (where q.row_id is not null), '{}') as evidence
    from audit_quarantine q where q.leaf > place group by q.chain_id
  ) as fresh
  join alert_rules r on r.name = 'quarantined-rows'
  where (select count(*) from audit_quarantine q where q.chain_id = fresh.chain_id) >= r.threshold;
  update access_review v set leaf = newest.leaf
  from (select max(q.leaf) as leaf from audit_quarantine q) as newest where newest.leaf > v.leaf;
  return raised;
end
$$;

-- Emergency accesses that nobody reviewed in time. The alert is about the clinician, so they don't resolve it themself.
create function raise_unreviewed_emergencies() returns bigint
language sql volatile as $$
  select count(raise_alert(r.name, e.member_id, e.patient_id, r.weight, array(
    select a.id from audit_logs a
    where a.patient_id = e.patient_id and a.user_id = e.member_id and a.outcome = 'SUCCESS'
      and a.id >= first_audit_id(e.granted_at) and a.month >= audit_month(e.granted_at)
    order by a.id desc limit 100
  ), '{}', e.id))
  from alert_rules r
  join emergency_accesses e on e.review is null
    and greatest(e.review_due_at, alert_settled_at(r.name, e.id)) <= now() - make_interval(hours => r.threshold)
  where r.name = 'unreviewed-emergency'
$$;

-- Legal holds that are in force for long. A hold has no review of its own: it is reviewed by resolving the alert.
create function raise_unreviewed_holds() returns bigint
language sql volatile as $$
  select count(raise_alert(r.name, null, h.patient_id, r.weight, array(
    select a.id from audit_logs a
    where a.resource_id = h.id and a.resource_id is distinct from a.patient_id
    order by a.id desc limit 100
  ), '{}', h.id))
  from alert_rules r
  join legal_holds h on h.released_at is null
    and greatest(h.placed_at, alert_settled_at(r.name, h.id)) <= now() - make_interval(days => r.threshold)
  where r.name = 'unreviewed-hold'
$$;

create index legal_holds_in_force_idx on legal_holds (placed_at) where released_at is null;

-- Raises what is due. `raise_overdue_review` is in V0035__activity_reviews.sql, and `raise_due_requests` in
-- V0042__request_clocks.sql. Returns how many alerts. Errors: 42501 the caller may not review accesses.
create function raise_due_alerts(out alerts bigint)
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform require_review();
  -- Two runs at once take turns, so none raises what the other does.
  perform from access_review for update;
  alerts := raise_unsealed_rows() + raise_quarantined_rows() + raise_unreviewed_emergencies() + raise_unreviewed_holds()
    + raise_overdue_incidents() + raise_overdue_review() + raise_due_requests();
end
$$;

grant execute on function raise_due_alerts() to caretrail_jobs;

-- Raises an alert if the licence of a member lapses who has patients in care, in the transaction of the change. The
-- evidence is what they accessed within 30 days before, because the licence may have ended earlier than somebody noticed.
create function watch_licence() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its_rule alert_rules;
begin
  select * into strict its_rule from alert_rules r where r.name = 'lapsed-licence';
  if (
    select count(distinct c.patient_id) from care_relations c where c.member_id = new.user_id and c.until > now()
  ) >= its_rule.threshold then
    perform raise_alert(its_rule.name, new.user_id, null, its_rule.weight, array(
      select a.id from audit_logs a
      where a.user_id = new.user_id and a.outcome = 'SUCCESS' and a.patient_id is not null
        and a.id >= first_audit_id(now() - interval '30 days') and a.month >= audit_month(now() - interval '30 days')
      order by a.id desc limit 100
    ));
  end if;
  return null;
end
$$;

create trigger watch_licence after update on providers
for each row when (old.is_verified and not old.is_archived and (not new.is_verified or new.is_archived))
execute function watch_licence();

insert into alert_rules (name, meaning, threshold, weight) values
  (
    'unsealed-rows',
    'Rows of the audit log wait to be sealed. The threshold counts the minutes.',
    30, 80
  ),
  (
    'quarantined-rows',
    'Rows of the audit log did not pass the checks of the sealer. The threshold counts the rows of a chain.',
    1, 100
  ),
  (
    'lapsed-licence',
    'The licence of a person is no longer verified, and they had patients in care. The threshold counts the patients.',
    1, 60
  ),
  (
    'unreviewed-emergency',
    'The review of an emergency access is overdue. The threshold counts the hours since it was due.',
    1, 70
  ),
  (
    'unreviewed-hold',
    'A legal hold is in force for long, and nobody has reviewed whether it is still needed. The threshold counts the days.',
    365, 30
  );
