-- Alerts: accesses and changes that somebody must look at (45 CFR 164.308(a)(1)(ii)(D)). The rules are data. An alert has
-- the ids of its evidence, and no value that describes a person. docs/decisions/0037-explained-access.md says why it is
-- built so.

create type alert_status as enum ('OPEN', 'ACKNOWLEDGED', 'ASSIGNED', 'RESOLVED');

-- What the review of an alert found.
create type alert_disposition as enum ('JUSTIFIED', 'EDUCATION', 'POLICY_VIOLATION', 'FALSE_ALARM');

-- What explains that a person accessed a patient's data, the strongest first.
create type access_explanation as enum (
  'OWN_CHART', 'REPRESENTATIVE', 'ASSIGNMENT', 'VISIT', 'AUTHOR', 'BOOKING', 'GRANTED_CARE', 'OFFICE', 'EMERGENCY',
  'CARE_TEAM'
);

-- Each rule that something raises alerts by. Compliance officers change its numbers.
create table alert_rules (
  name text primary key constraint alert_rules_name_format check (name ~ '^[a-z][a-z-]{1,63}$'),
  -- What the rule finds, and what its threshold counts.
  meaning text not null constraint alert_rules_meaning_length check (length(meaning) between 1 and 500),
  -- The rule raises an alert from this number on.
  threshold integer not null constraint alert_rules_threshold_range check (threshold between 1 and 1000000),
  -- The score of an alert by this rule.
  weight integer not null constraint alert_rules_weight_range check (weight between 1 and 100),
  is_enabled boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version integer not null default 1
);

call secure('alert_rules');
call guard_deletions('alert_rules');
create policy alert_rules_read on alert_rules for select to caretrail_app
  using ((select reach('alerts:read')) = 'ALL' or (select reach('alert-rules:write')) = 'ALL');
create policy alert_rules_change on alert_rules for update to caretrail_app
  using ((select reach('alert-rules:write')) = 'ALL');
grant select on alert_rules to caretrail_app;
grant update (threshold, weight, is_enabled) on alert_rules to caretrail_people;

create trigger touch before update on alert_rules
for each row execute function touch();

-- Rows stay for ever. There is no key on `patients`, because an alert must not keep the patient.
create table alerts (
  id uuid primary key default gen_random_uuid(),
  rule text not null references alert_rules (name),
  -- The version of the rule by which it was last raised.
  rule_version integer not null,
  score integer not null constraint alerts_score_range check (score between 1 and 100),
  status alert_status not null default 'OPEN',
  -- The person whose access it is about. Null if it is about several.
  actor_id uuid references user_profiles (id),
  patient_id uuid,
  -- What else tells two alerts of a rule apart, such as the id of a grant.
  occasion uuid,
  -- The newest of the audit rows that it is about, and how often it was raised.
  evidence uuid[] not null constraint alerts_evidence_count check (cardinality(evidence) <= 100),
  occurrences bigint not null default 1 constraint alerts_occurrences_counted check (occurrences > 0),
  -- The explanations that were looked for and not found.
  explanations access_explanation[] not null,
  first_at timestamptz not null default now(),
  last_at timestamptz not null default now(),
  assigned_to uuid references user_profiles (id)
    constraint alerts_assigned_to_another check (assigned_to <> actor_id),
  disposition alert_disposition,
  reason text constraint alerts_reason_length check (length(reason) between 1 and 1000),
  resolved_by uuid references user_profiles (id),
  resolved_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version integer not null default 1,
  constraint alerts_assigned check (
    case status when 'ASSIGNED' then assigned_to is not null when 'RESOLVED' then true else assigned_to is null end
  ),
  constraint alerts_resolved check (
    (status = 'RESOLVED') = (disposition is not null) and (status = 'RESOLVED') = (reason is not null)
    and (status = 'RESOLVED') = (resolved_at is not null)
  )
);

-- While an alert is not resolved, another occurrence is counted there.
create unique index alerts_unresolved_key on alerts (rule, actor_id, patient_id, occasion) nulls not distinct
  where status <> 'RESOLVED';
-- Pages, newest first. The partial index is for lists by status: see appointments_to_come_idx.
create index alerts_page_idx on alerts (first_at desc, id desc);
create index alerts_unresolved_idx on alerts (first_at desc, id desc) where status <> 'RESOLVED';
create index alerts_rule_idx on alerts (rule, first_at desc, id desc);
create index alerts_actor_idx on alerts (actor_id, first_at desc, id desc);
create index alerts_patient_idx on alerts (patient_id, first_at desc, id desc);
create index alerts_assigned_to_idx on alerts (assigned_to, first_at desc, id desc) where assigned_to is not null;
create index alerts_resolved_by_idx on alerts (resolved_by) where resolved_by is not null;

call secure('alerts');
call guard_deletions('alerts');
create policy alerts_read on alerts for select to caretrail_app
  using ((select reach('alerts:read')) = 'ALL' or (select reach('alerts:write')) = 'ALL');
create policy alerts_change on alerts for update to caretrail_app
  using ((select reach('alerts:write')) = 'ALL');
grant select on alerts to caretrail_app;
grant update (status, assigned_to, disposition, reason) on alerts to caretrail_people;

-- Checks a step of the work on an alert, and signs its end. What an alert doesn't need in its new status is removed.
-- Another occurrence is no such step.
create function check_alert() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  broken text;
begin
  if (new.status, new.assigned_to, new.disposition, new.reason)
    is not distinct from (old.status, old.assigned_to, old.disposition, old.reason)
  then
    return new;
  end if;
  if new.status in ('OPEN', 'ACKNOWLEDGED') then
    new.assigned_to := null;
  end if;
  broken := case
    when new.actor_id = actor_user() then 'alerts_of_another'
    when old.status = 'RESOLVED' or (new.status = 'OPEN' and old.status <> 'OPEN') then 'alerts_transition'
    when new.assigned_to is distinct from old.assigned_to and new.assigned_to is not null and not exists (
      select from user_profiles u
      join role_permissions p on p.role = u.role
      where u.id = new.assigned_to and u.status = 'ACTIVE' and not u.is_archived and not u.awaits_approval
        and p.permission = 'alerts:write' and p.reach = 'ALL'
    ) then 'alerts_assignee_may_act'
  end;
  if broken is not null then
    raise exception 'the alert can''t be changed so' using errcode = 'check_violation', constraint = broken;
  end if;
  if new.status = 'RESOLVED' then
    new.resolved_by := actor_user();
    new.resolved_at := now();
  end if;
  return new;
end
$$;

create trigger check_alert before update on alerts
for each row execute function check_alert();
create trigger touch before update on alerts
for each row execute function touch();

-- The event names neither the person nor the patient: its readers need not know whom officers look at.
create function announce_alert() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  changed text[];
begin
  if tg_op = 'UPDATE' then
    changed := changed_columns(
      to_jsonb(old), to_jsonb(new), '{evidence,explanations,last_at,occurrences,resolved_at,resolved_by,rule_version}'
    );
    if changed = '{}' then
      return null;
    end if;
  end if;
  perform add_event(
    (case tg_op when 'INSERT' then 'alert.raised.v1' else 'alert.changed.v1' end)::event_type,
    'alerts/' || new.id,
    event_data(new.version, changed, jsonb_build_object(
      'alert_id', new.id, 'rule', new.rule, 'status', new.status, 'score', new.score,
      'former_status', case when tg_op = 'UPDATE' and new.status <> old.status then old.status end
    ))
  );
  return null;
end
$$;

create trigger announce after insert or update on alerts
for each row execute function announce_alert();

-- Raises an alert by this rule, or counts another occurrence of one that is not resolved. Returns its id, or null if the
-- rule is disabled. It is the one way to raise. Triggers call it in the transaction of a change, and functions can't.
--
-- `p_score` is 1 to 100, or null for the rule's weight; an alert keeps its highest. `p_evidence` has the ids of audit
-- rows, of which the 100 newest are kept. `p_explanations` are those that were looked for and not found. `p_occasion`
-- tells alerts of the same rule, actor and patient apart. Errors: alerts_rule_known.
create function raise_alert(
  p_rule text, p_actor uuid, p_patient uuid, p_score integer, p_evidence uuid[],
  p_explanations access_explanation[] default '{}', p_occasion uuid default null
) returns uuid
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its_rule alert_rules;
  its_id uuid;
begin
  select * into its_rule from alert_rules r where r.name = p_rule;
  if not found then
    raise exception 'there is no such rule' using errcode = 'foreign_key_violation', constraint = 'alerts_rule_known';
  end if;
  if not its_rule.is_enabled then
    return null;
  end if;
  insert into alerts as a (rule, rule_version, score, actor_id, patient_id, occasion, evidence, explanations)
  values (
    p_rule, its_rule.version, coalesce(p_score, its_rule.weight), p_actor, p_patient, p_occasion,
    -- The ids of audit rows are in the order of time.
    array(select distinct e.id from unnest(p_evidence) as e (id) order by e.id desc limit 100), p_explanations
  )
  on conflict (rule, actor_id, patient_id, occasion) where status <> 'RESOLVED' do update set
    rule_version = excluded.rule_version,
    score = greatest(a.score, excluded.score),
    occurrences = a.occurrences + 1,
    evidence = array(
      select distinct e.id from unnest(a.evidence || excluded.evidence) as e (id) order by e.id desc limit 100
    ),
    explanations = excluded.explanations,
    last_at = now()
  returning a.id into its_id;
  return its_id;
end
$$;

-- For `describe_attempt`.
create function target_alert(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select a.patient_id from alerts a where a.id = target;
end
$$;
