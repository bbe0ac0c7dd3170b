-- Webhooks: business events by HTTP POST, for consumers without AWS. deliver-webhooks sends them, in the order of the
-- feed. docs/decisions/0035-webhooks.md says why it is built so.

create type webhook_status as enum ('ACTIVE', 'DISABLED');

-- A caller asked for it, deliveries failed for three days, or the receiver answered 410.
create type webhook_disabled_reason as enum ('REQUESTED', 'FAILED', 'GONE');

-- What became of an attempt. EXPIRED: events were deleted before they were delivered.
create type webhook_outcome as enum ('ACCEPTED', 'REFUSED', 'TIMED_OUT', 'UNREACHABLE', 'FORBIDDEN', 'EXPIRED');

-- All types of events, as CloudEvents names them.
create function event_type_names() returns text[]
language sql stable
return (select array_agg('caretrail.' || t.label::text) from unnest(enum_range(null::event_type)) as t (label));

grant execute on function event_type_names() to caretrail_app;

-- An archived webhook stays: it concerns no person.
create table webhooks (
  id uuid primary key,
  -- It may contain a secret of the receiver, so no log and no event contains it.
  url text not null
    constraint webhooks_url_length check (length(url) <= 2000)
    constraint webhooks_url_format check (url ~ '^https?://[!-~]+$'),
  description text constraint webhooks_description_length check (length(description) between 1 and 500),
  -- Null for events of all types.
  event_types text[]
    constraint webhooks_event_types_count check (cardinality(event_types) between 1 and 100)
    constraint webhooks_event_types_known check (event_types <@ event_type_names()),
  status webhook_status not null default 'ACTIVE',
  disabled_reason webhook_disabled_reason,
  disabled_at timestamptz,
  -- The secret itself isn't stored: it follows from WEBHOOK_KEY, the id and this number.
  secret_generation integer not null default 1,
  -- Until then the secret of the generation before signs, too.
  former_secret_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  is_archived boolean not null default false,
  archived_at timestamptz,
  archived_by uuid references user_profiles (id),
  version integer not null default 1,
  constraint webhooks_disabled check (
    (status = 'DISABLED') = (disabled_reason is not null) and (status = 'DISABLED') = (disabled_at is not null)
  ),
  constraint webhooks_archived check (is_archived = (archived_at is not null))
);

create index webhooks_archived_by_idx on webhooks (archived_by) where archived_by is not null;

call govern('webhooks');
create policy webhooks_read on webhooks for select to caretrail_app
  using (
    (select reach('webhooks:read')) = 'ALL' or (select reach('webhooks:write')) = 'ALL'
    or (select reach('webhooks:deliver')) = 'ALL'
  );
create policy webhooks_create on webhooks for insert to caretrail_app
  with check ((select reach('webhooks:write')) = 'ALL');
create policy webhooks_change on webhooks for update to caretrail_app
  using ((select reach('webhooks:write')) = 'ALL');
grant select on webhooks to caretrail_app;
grant insert (id, url, description, event_types, status),
  update (
    url, description, event_types, status, secret_generation, former_secret_until, is_archived, archived_at, archived_by
  )
  on webhooks to caretrail_people;

-- How far each webhook's deliveries are. A table of its own, so that deliveries don't change the webhook's version.
create table webhook_progress (
  webhook_id uuid primary key references webhooks (id),
  -- The last event that was delivered or passed over.
  rank xid8 not null,
  number bigint not null,
  -- Only events after this time are delivered.
  since timestamptz not null,
  -- How often the next event failed, since when, and when it is sent again. Null if it didn't fail.
  attempts integer not null default 0,
  first_failed_at timestamptz,
  next_at timestamptz,
  -- Until when a run of deliver-webhooks has events to send.
  busy_until timestamptz not null default '-infinity',
  -- The test event that is sent next.
  test_rank xid8,
  test_number bigint,
  -- From when on delivery starts anew, if a caller asked for it.
  replay_since timestamptz,
  constraint webhook_progress_failing check ((attempts > 0) = (first_failed_at is not null)),
  constraint webhook_progress_test check ((test_rank is null) = (test_number is null))
) with (fillfactor = 80);

call secure('webhook_progress');
create policy webhook_progress_read on webhook_progress for select to caretrail_app
  using ((select reach('webhooks:read')) = 'ALL' or (select reach('webhooks:write')) = 'ALL');
grant select on webhook_progress to caretrail_app;

-- The delivery log: one row for each attempt. Kept as long as the events: see `turn_event_partitions`.
create table webhook_deliveries (
  day date not null default (now() at time zone 'UTC')::date,
  id uuid not null default gen_random_uuid(),
  webhook_id uuid not null references webhooks (id),
  -- The event. Null if events were deleted before they were delivered.
  event_id uuid,
  type event_type,
  subject text collate "C",
  sequence bigint,
  -- 1 for the first attempt.
  attempt integer,
  attempted_at timestamptz not null,
  outcome webhook_outcome not null,
  -- The status of the receiver's answer. Null if there was none.
  http_status integer,
  duration_ms integer,
  -- Pages of a webhook's attempts, newest first.
  primary key (webhook_id, attempted_at, id, day),
  constraint webhook_deliveries_event check (
    (outcome = 'EXPIRED') = (event_id is null) and (event_id is null) = (type is null)
    and (event_id is null) = (subject is null) and (event_id is null) = (sequence is null)
    and (event_id is null) = (attempt is null) and (event_id is null) = (duration_ms is null)
  )
) partition by range (day);

call secure('webhook_deliveries');
create policy webhook_deliveries_read on webhook_deliveries for select to caretrail_app
  using ((select reach('webhooks:read')) = 'ALL');
grant select on webhook_deliveries to caretrail_app;

create trigger refuse_ledger_change before update or delete on webhook_deliveries
for each row execute function refuse_ledger_change();

-- Dates a change of the status, and refuses changes of an archived webhook.
create function check_webhook() returns trigger
language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old.is_archived then
    raise exception 'an archived webhook never changes' using errcode = 'restrict_violation';
  end if;
  if new.status = 'ACTIVE' then
    new.disabled_reason := null;
    new.disabled_at := null;
  elsif tg_op = 'INSERT' or old.status = 'ACTIVE' then
    new.disabled_reason := coalesce(new.disabled_reason, 'REQUESTED');
    new.disabled_at := now();
  end if;
  return new;
end
$$;

create trigger check_webhook before insert or update on webhooks
for each row execute function check_webhook();

-- The event has ids, states and names of columns, and never the URL.
create function announce_webhook() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  changed text[];
begin
  if tg_op = 'UPDATE' then
    changed := changed_columns(to_jsonb(old), to_jsonb(new), '{disabled_at,former_secret_until}');
  end if;
  perform add_event(
    lifecycle_event('webhook', 'created', tg_op, old.is_archived, new.is_archived, case
      when new.status <> old.status then case new.status when 'ACTIVE' then 'enabled' else 'disabled' end
      when new.secret_generation <> old.secret_generation then 'secret-rotated'
    end),
    'webhooks/' || new.id,
    event_data(new.version, changed, jsonb_build_object(
      'webhook_id', new.id, 'status', new.status, 'disabled_reason', new.disabled_reason,
      'former_status', case when tg_op = 'UPDATE' and new.status <> old.status then old.status end
    ))
  );
  return null;
end
$$;

create trigger announce after insert or update on webhooks
for each row execute function announce_webhook();

-- A new webhook gets the events after its creation. What older transactions still write may come after it, so the place
-- is before them, and the time decides. A webhook that is enabled or gets another URL is tried at once.
--
-- It runs after `announce`, so the event of its own creation is before its time.
create function begin_webhook() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if tg_op = 'INSERT' then
    insert into webhook_progress (webhook_id, rank, number, since)
    values (new.id, pg_snapshot_xmin(pg_current_snapshot()), 0, clock_timestamp());
  else
    update webhook_progress set attempts = 0, first_failed_at = null, next_at = null where webhook_id = new.id;
  end if;
  return null;
end
$$;

create trigger begin_webhook after insert on webhooks
for each row execute function begin_webhook();
create trigger begin_webhook_again after update on webhooks
for each row when (new.url <> old.url or (new.status = 'ACTIVE' and old.status <> 'ACTIVE'))
execute function begin_webhook();

-- Whether the caller may read the webhook. Errors: 42501 they may not, or it isn't there.
create function require_webhook(p_webhook uuid) returns boolean
language plpgsql stable as $$
begin
  if not exists (select from public.webhooks w where w.id = p_webhook and not w.is_archived) then
    raise exception 'there is no such webhook' using errcode = 'insufficient_privilege';
  end if;
  return true;
end
$$;

grant execute on function require_webhook(uuid) to caretrail_app;

-- Lets deliver-webhooks send a test event next, also to a disabled webhook. Returns the id of the event. While one waits,
-- it is this one. Errors: 42501 the caller may not change webhooks, or it isn't there.
create function request_webhook_test(p_webhook uuid) returns uuid
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  target webhooks;
  waiting business_events;
begin
  perform require_actor();
  select * into target from webhooks w where w.id = p_webhook and not w.is_archived for update;
  if not found or reach('webhooks:write') is distinct from 'ALL' then
    raise exception 'the caller may not test this webhook' using errcode = 'insufficient_privilege';
  end if;
  select b.* into waiting from webhook_progress p
  join business_events b on b.rank = p.test_rank and b.number = p.test_number
  where p.webhook_id = p_webhook;
  if not found then
    perform add_event(
      'webhook.test.v1', 'webhooks/' || p_webhook,
      event_data(target.version, null, jsonb_build_object('webhook_id', p_webhook, 'status', target.status))
    );
    select * into waiting from business_events b
    where b.subject = 'webhooks/' || p_webhook order by b.sequence desc limit 1;
    update webhook_progress p set test_rank = waiting.rank, test_number = waiting.number where p.webhook_id = p_webhook;
  end if;
  return waiting.id;
end
$$;

-- Lets delivery start anew from the first event since this time, which is at most 30 days ago.
-- Errors: 42501 the caller may not change webhooks, or it isn't there; webhooks_replay_since.
create function replay_webhook(p_webhook uuid, p_since timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  perform from webhooks w where w.id = p_webhook and not w.is_archived for update;
  if not found or reach('webhooks:write') is distinct from 'ALL' then
    raise exception 'the caller may not change this webhook' using errcode = 'insufficient_privilege';
  end if;
  if p_since not between now() - interval '30 days' and now() then
    raise exception 'the time is not within the last 30 days'
      using errcode = 'check_violation', constraint = 'webhooks_replay_since';
  end if;
  -- `since` leaves out the events of its own microsecond.
  update webhook_progress p set replay_since = p_since - interval '1 microsecond',
    attempts = 0, first_failed_at = null, next_at = null
  where p.webhook_id = p_webhook;
end
$$;

grant execute on function request_webhook_test(uuid), replay_webhook(uuid, timestamptz) to caretrail_people;

-- Whether a webhook for these types of events after this time gets the event. A test is sent only to the webhook that is
-- tested.
create function webhook_gets(event_types text[], since timestamptz, type event_type, at timestamptz) returns boolean
language sql stable parallel safe
return type <> 'webhook.test.v1' and at > since
  and (event_types is null or 'caretrail.' || type::text = any (event_types));

-- Errors: 42501 the caller may not deliver events.
create function require_delivery() returns void
language plpgsql stable as $$
begin
  perform require_actor();
  if reach('webhooks:deliver') is distinct from 'ALL' then
    raise exception 'the caller may not deliver events' using errcode = 'insufficient_privilege';
  end if;
end
$$;

-- The webhooks with something to do: an event or a test to send, or a place to move. The place moves over events that the
-- webhook doesn't get once there are many or the first is a day old, so that nobody reads them again and again, and none
-- is deleted before.
create function due_webhooks() returns setof uuid
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  horizon constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
  perform require_delivery();
  return query
    select w.id from webhooks w join webhook_progress p on p.webhook_id = w.id
    where not w.is_archived and p.busy_until <= clock_timestamp()
      and (
        p.test_number is not null
        or (
          w.status = 'ACTIVE' and (p.next_at is null or p.next_at <= clock_timestamp())
          and (
            p.replay_since is not null
            or exists (select from expired_events e where (e.rank, e.number) > (p.rank, p.number))
            or exists (
              select from business_events b
              where (b.rank, b.number) > (p.rank, p.number) and b.rank < horizon
                and webhook_gets(w.event_types, p.since, b.type, b.time)
            )
            or exists (
              select from business_events b
              where (b.rank, b.number) > (p.rank, p.number) and b.rank < horizon
              offset 1000
            )
            or (
              select b.time from business_events b
              where (b.rank, b.number) > (p.rank, p.number) and b.rank < horizon
              order by b.rank, b.number limit 1
            ) < clock_timestamp() - interval '1 day'
          )
        )
      )
    -- Whoever waits longest comes first.
    order by p.busy_until, w.id;
end
$$;

-- Begins a run's turn with a webhook. Returns whether no other run is busy with it. A run that doesn't come back is
-- forgotten after two minutes, and its events are sent again.
create function begin_webhook_turn(p_webhook uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform require_delivery();
  update webhook_progress p set busy_until = clock_timestamp() + interval '2 minutes'
  where p.webhook_id = p_webhook and p.busy_until <= clock_timestamp();
  return found;
end
$$;

-- Settles what a run has sent, in the order in which it was sent, and writes the delivery log. Each attempt has the rank
-- and number of its event, attempted_at, outcome, http_status, duration_ms and, if the receiver asked for it, retry_after
-- in seconds. Returns why the webhook was disabled, or null if it wasn't.
--
-- An event that fails is sent again after 10 s, 20 s and so on up to an hour, a little earlier at random. After three days
-- of failures the webhook is disabled.
create function settle_webhook(p_webhook uuid, p_attempts jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its webhook_progress;
  event business_events;
  sent record;
  attempt_number integer;
  reason webhook_disabled_reason;
begin
  perform require_delivery();
  -- In the order in which a change of the webhook locks them.
  perform from webhooks w where w.id = p_webhook for update;
  select * into its from webhook_progress p where p.webhook_id = p_webhook for update;
  for sent in
    select a.*
    from jsonb_array_elements(p_attempts) with ordinality as e (value, place)
    cross join lateral jsonb_to_record(e.value) as a (
      rank text, number bigint, attempted_at timestamptz, outcome webhook_outcome, http_status integer,
      duration_ms integer, retry_after integer
    )
    order by e.place
  loop
    select * into event from business_events b where b.rank = sent.rank::xid8 and b.number = sent.number;
    -- Its partition was dropped while it was sent.
    continue when not found;
    attempt_number := 1;
    if event.type = 'webhook.test.v1' then
      if (its.test_rank, its.test_number) = (event.rank, event.number) then
        its.test_rank := null;
        its.test_number := null;
      end if;
    else
      attempt_number := its.attempts + 1;
      if sent.outcome = 'ACCEPTED' then
        its.rank := event.rank;
        its.number := event.number;
        its.attempts := 0;
        its.first_failed_at := null;
        its.next_at := null;
      else
        its.attempts := attempt_number;
        its.first_failed_at := coalesce(its.first_failed_at, sent.attempted_at);
        its.next_at := clock_timestamp() + greatest(
          least(interval '10 seconds' * power(2, least(attempt_number - 1, 10)), interval '1 hour')
            * (1 - random() * 0.2),
          case when sent.retry_after is not null then make_interval(secs => least(sent.retry_after, 3600)) end
        );
        reason := case
          when sent.http_status = 410 then 'GONE'
          when its.first_failed_at <= clock_timestamp() - interval '3 days' then 'FAILED'
        end;
      end if;
    end if;
    insert into webhook_deliveries (
      webhook_id, event_id, type, subject, sequence, attempt, attempted_at, outcome, http_status, duration_ms
    ) values (
      p_webhook, event.id, event.type, event.subject, event.sequence, attempt_number, sent.attempted_at, sent.outcome,
      sent.http_status, sent.duration_ms
    );
  end loop;
  update webhook_progress p set rank = its.rank, number = its.number, attempts = its.attempts,
    first_failed_at = its.first_failed_at, next_at = its.next_at, test_rank = its.test_rank,
    test_number = its.test_number
  where p.webhook_id = p_webhook;
  if reason is not null then
    update webhooks w set status = 'DISABLED', disabled_reason = reason
    where w.id = p_webhook and w.status = 'ACTIVE' and not w.is_archived;
    if found then
      return reason;
    end if;
  end if;
  return null;
end
$$;

-- Takes the next events for a webhook: a test if one waits, and then those of the feed. With `p_most` 0, or if there are
-- none, the run's turn ends.
--
-- The events whose rank is below every open transaction are the same in all statements of this function. So no event can
-- appear among those that are passed over.
create function take_webhook_events(p_webhook uuid, p_most integer) returns setof business_events
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  horizon constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
  target webhooks;
  its webhook_progress;
  gone expired_events;
  last record;
  tests integer := 0;
  taken integer := 0;
begin
  perform require_delivery();
  select * into target from webhooks w where w.id = p_webhook;
  select * into its from webhook_progress p where p.webhook_id = p_webhook for update;
  if p_most > 0 and not target.is_archived then
    return query select b.* from business_events b where b.rank = its.test_rank and b.number = its.test_number;
    get diagnostics tests = row_count;
    if tests = 0 then
      its.test_rank := null;
      its.test_number := null;
    end if;
  end if;
  if p_most > 0 and not target.is_archived and target.status = 'ACTIVE'
    and (its.next_at is null or its.next_at <= clock_timestamp())
  then
    select * into gone from expired_events;
    if its.replay_since is not null then
      its.rank := gone.rank;
      its.number := gone.number;
      its.since := its.replay_since;
      its.replay_since := null;
    elsif (gone.rank, gone.number) > (its.rank, its.number) then
      its.rank := gone.rank;
      its.number := gone.number;
      insert into webhook_deliveries (webhook_id, attempted_at, outcome) values (p_webhook, clock_timestamp(), 'EXPIRED');
    end if;
    return query
      select b.* from business_events b
      where (b.rank, b.number) > (its.rank, its.number) and b.rank < horizon
        and webhook_gets(target.event_types, its.since, b.type, b.time)
      order by b.rank, b.number limit p_most;
    get diagnostics taken = row_count;
    if taken = 0 then
      select b.rank, b.number into last from business_events b
      where b.rank < horizon order by b.rank desc, b.number desc limit 1;
      if (last.rank, last.number) > (its.rank, its.number) then
        its.rank := last.rank;
        its.number := last.number;
      end if;
    end if;
  end if;
  update webhook_progress p set rank = its.rank, number = its.number, since = its.since, test_rank = its.test_rank,
    test_number = its.test_number, replay_since = its.replay_since,
    busy_until = case
      when tests + taken > 0 then clock_timestamp() + interval '2 minutes' else clock_timestamp()
    end
  where p.webhook_id = p_webhook;
end
$$;

grant execute on function
  due_webhooks(), begin_webhook_turn(uuid), settle_webhook(uuid, jsonb), take_webhook_events(uuid, integer)
  to caretrail_jobs;

-- For `describe_attempt`: one row if the webhook exists. It concerns no patient.
create function target_webhook(target uuid) returns setof uuid
language plpgsql stable as $$
begin
  return query select null::uuid from webhooks w where w.id = target;
end
$$;
