-- Alerts about requests of patients whose answer is due: access (45 CFR 164.524(b)(2)), amendment (164.526(b)(2)) and
-- accounting of disclosures (164.528(c)(1)). All dates are on the clinic's calendar.

-- Open requests for an accounting by their due date, as the other requests have it.
create index accountings_due_idx on accountings (due_on, id) where status <> 'PROVIDED' and status <> 'WITHDRAWN';

-- The requests that are not answered and whose answer is due by this day.
create function requests_due_by(day date) returns table (id uuid, due_on date)
language sql stable as $$
  select e.id, e.due_on from exports e where e.status in ('REQUESTED', 'BUILDING') and e.due_on <= day
  union all
  select a.id, a.due_on from amendments a where a.status = 'REQUESTED' and a.due_on <= day
  union all
  select a.id, a.due_on from accountings a
  where a.status <> 'PROVIDED' and a.status <> 'WITHDRAWN' and a.due_on <= day
$$;

-- Raises an alert when the answer to a request is due soon, once for each due date, and once a day while it is overdue. The
-- alert names the request as its occasion.
create function raise_due_requests() returns bigint
language plpgsql as $$
declare
  today constant date := clinic_day(now());
  rules constant alert_rules[] := array(select r from alert_rules r where r.name in ('request-due', 'request-overdue'));
  raised bigint;
begin
  select count(raise_alert(r.name, null, null, null, '{}', '{}', q.id)) into raised
  from unnest(rules) as r
  cross join lateral requests_due_by(case r.name when 'request-due' then today + r.threshold else today - r.threshold end) as q
  where (r.name = 'request-overdue' or q.due_on >= today) and not exists (
    select from alerts a
    where a.rule = r.name and a.occasion = q.id
      and clinic_day(a.last_at) >= case r.name when 'request-due' then q.due_on - r.threshold else today end
  );
  return raised;
end
$$;

insert into alert_rules (name, meaning, threshold, weight) values
  (
    'request-due',
    'The answer to a patient''s request for access, amendment or accounting is due soon. The threshold counts the days until the due date.',
    7, 60
  ),
  (
    'request-overdue',
    'The answer to a patient''s request for access, amendment or accounting is overdue. The threshold counts the days after the due date.',
    1, 90
  );
