-- Business events (transactional outbox): what changed in the clinic, for other systems. A trigger writes the event in
-- the transaction of the change, so an event exists if and only if its change was committed. No function writes one.
--
-- An event has ids, states and the names of fields, and no value that describes a person.

-- The part of CloudEvents' `type` after `caretrail.`. The last part is the version of the type's data. A version's data
-- may get members, and never loses one.
create type event_type as enum (
  'appointment.booked.v1', 'appointment.moved.v1', 'appointment.checked-in.v1', 'appointment.completed.v1',
  'appointment.missed.v1', 'appointment.cancelled.v1', 'appointment.changed.v1', 'appointment.archived.v1',
  'appointment.restored.v1', 'appointment.deleted.v1', 'appointment.due.v1',
  'record.added.v1', 'record.changed.v1', 'record.held.v1', 'record.released.v1', 'record.archived.v1',
  'record.restored.v1', 'record.deleted.v1',
  'file.announced.v1', 'file.uploaded.v1', 'file.available.v1', 'file.rejected.v1', 'file.quarantined.v1',
  'file.expired.v1', 'file.changed.v1', 'file.archived.v1', 'file.restored.v1', 'file.deleted.v1',
  'patient.registered.v1', 'patient.duplicates-found.v1', 'patient.changed.v1', 'patient.archived.v1',
  'patient.restored.v1', 'patient.deleted.v1',
  'care.given.v1', 'care.changed.v1', 'care.suspended.v1', 'care.resumed.v1', 'care.ended.v1', 'care.deleted.v1',
  'provider.registered.v1', 'provider.verified.v1', 'provider.verification-withdrawn.v1', 'provider.changed.v1',
  'provider.archived.v1', 'provider.restored.v1', 'provider.deleted.v1',
  'account.created.v1', 'account.role-changed.v1', 'account.status-changed.v1', 'account.changed.v1',
  'account.archived.v1', 'account.restored.v1', 'account.deleted.v1',
  'role.created.v1', 'role.changed.v1',
  'webhook.created.v1', 'webhook.changed.v1', 'webhook.enabled.v1', 'webhook.disabled.v1', 'webhook.secret-rotated.v1',
  'webhook.test.v1', 'webhook.archived.v1',
  'alert.raised.v1', 'alert.changed.v1',
  'emergency-access.granted.v1', 'emergency-access.revoked.v1', 'emergency-access.reviewed.v1',
  'incident.opened.v1', 'incident.changed.v1',
  'representative.entered.v1', 'representative.confirmed.v1', 'representative.ended.v1',
  'export.requested.v1', 'export.changed.v1',
  'amendment.requested.v1', 'amendment.changed.v1',
  'accounting.requested.v1', 'accounting.changed.v1'
);

-- The newest event of each subject. Rows stay for ever, so that a sequence never begins anew.
create table event_subjects (
  subject text collate "C" primary key,
  sequence bigint not null,
  rank xid8 not null
) with (fillfactor = 80);

call secure('event_subjects');

create sequence business_event_numbers;

create table business_events (
  -- In the order in which events were written. Of one subject, that is the order of its changes.
  number bigint not null default nextval('business_event_numbers'),
  day date not null default (now() at time zone 'UTC')::date,
  id uuid not null default gen_random_uuid(),
  type event_type not null,
  -- What the event is about, as CloudEvents' `subject` names it: `appointments/{id}`.
  subject text collate "C" not null,
  -- The place among the events of the subject: 1, 2, 3 and so on, without a gap.
  sequence bigint not null,
  -- The transaction after which the event can be read: see `add_event`.
  rank xid8 not null,
  time timestamptz not null default clock_timestamp(),
  -- The trace of the request that made the change (AWS X-Ray). Null if there was none.
  trace_id text,
  data jsonb not null,
  -- The order of the feed. Readers ask for events after a place (rank, number).
  primary key (rank, number, day)
) partition by range (day);

-- The events of one subject, for a reader who misses one.
create index business_events_subject_idx on business_events (subject, sequence);

call secure('business_events');
create policy business_events_read on business_events for select to caretrail_app
  using ((select reach('events:read')) = 'ALL' or (select reach('events:publish')) = 'ALL');
grant select on business_events to caretrail_app;

create trigger refuse_ledger_change before update or delete on business_events
for each row execute function refuse_ledger_change();

-- The last event that is deleted.
create table expired_events (
  is_only_row boolean primary key default true constraint expired_events_one_row check (is_only_row),
  rank xid8 not null default '0',
  number bigint not null default 0
);

call secure('expired_events');
insert into expired_events default values;

-- Whether all events after this place are kept. Errors: CT015 some are deleted.
create function require_kept_events(p_rank xid8, p_number bigint) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  if exists (select from expired_events e where (e.rank, e.number) > (p_rank, p_number)) then
    raise exception 'events after this place are deleted' using errcode = 'CT015';
  end if;
  return true;
end
$$;

grant execute on function require_kept_events(xid8, bigint) to caretrail_app;

-- Adds an event.
--
-- Readers see the events whose `rank` is below every running transaction (`pg_snapshot_xmin`). So a transaction that
-- commits late can't add an event before one that somebody has read: its events have its own number or a greater one as
-- rank. The rank is at least that of the subject's event before. So the order by rank and number is, for each subject,
-- that of its sequence, even if a transaction with a lower number made the later change.
--
-- The row in `event_subjects` is locked until the transaction ends. The change of the subject itself has locked the
-- subject already, so nobody waits here who didn't wait before.
create function add_event(p_type event_type, p_subject text, p_data jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  own constant xid8 := pg_current_xact_id();
  its record;
begin
  insert into event_subjects as s (subject, sequence, rank) values (p_subject, 1, own)
  on conflict (subject) do update set
    sequence = s.sequence + 1,
    -- A database that was restored from a dump counts its transactions anew.
    rank = case when s.rank > own and s.rank < pg_snapshot_xmax(pg_current_snapshot()) then s.rank else own end
  returning s.sequence, s.rank into its;
  insert into business_events (type, subject, sequence, rank, trace_id, data)
  values (p_type, p_subject, its.sequence, its.rank, nullif(current_setting('caretrail.trace_id', true), ''), p_data);
end
$$;

-- A time as the API writes it: RFC 3339 in UTC. Null for none and for infinity.
create function event_time(at timestamptz) returns text
language sql stable parallel safe
return case when isfinite(at) then to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end;

-- The names of the columns that differ, in the order of the alphabet. Without what each change sets, what no caller sees,
-- and the columns in `others`.
create function changed_columns(former jsonb, present jsonb, others text[] default '{}') returns text[]
language sql immutable parallel safe
return (
  select coalesce(array_agg(p.key order by p.key collate "C"), '{}')
  from jsonb_each(present) p
  where p.value is distinct from former -> p.key
    and p.key <> all (others || array['version', 'updated_at', 'archived_at', 'archived_by', 'is_changed_here'])
);

-- What all events of a resource have: its version, if it has one, and, of a change, the columns that changed.
create function event_data(version integer, changed text[], data jsonb) returns jsonb
language sql immutable parallel safe
return jsonb_strip_nulls(data || jsonb_build_object('version', version, 'changed', to_jsonb(changed)));

-- The type of the event about a change of a resource that can be archived. `begins` is what its first event is called, and
-- `other` what a change is called that neither archives nor restores it: null for `changed`.
create function lifecycle_event(
  noun text, begins text, operation text, was_archived boolean, is_archived boolean, other text
) returns event_type
language sql stable
return (
  noun || '.' || case
    when operation = 'INSERT' then begins
    when operation = 'DELETE' then 'deleted'
    when is_archived and not was_archived then 'archived'
    when was_archived and not is_archived then 'restored'
    else coalesce(other, 'changed')
  end || '.v1'
)::event_type;

-- Announces a request of a patient about their chart. The arguments are what such a request is called, and the columns whose
-- change is no event.
create function announce_request() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  noun constant text := tg_argv[0];
  changed text[];
begin
  if tg_op = 'UPDATE' then
    changed := changed_columns(to_jsonb(old), to_jsonb(new), tg_argv[1]::text[]);
    if changed = '{}' then
      return null;
    end if;
  end if;
  perform add_event(
    (noun || case tg_op when 'INSERT' then '.requested.v1' else '.changed.v1' end)::event_type,
    tg_table_name || '/' || new.id,
    event_data(null, changed, jsonb_build_object(
      noun || '_id', new.id, 'patient_id', new.patient_id, 'status', new.status,
      'former_status', case when tg_op = 'UPDATE' and new.status <> old.status then old.status end
    ))
  );
  return null;
end
$$;

create function announce_appointment() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its appointments := case when tg_op = 'DELETE' then old else new end;
  changed text[];
begin
  if tg_op = 'UPDATE' then
    changed := changed_columns(to_jsonb(old), to_jsonb(new), '{slot}');
  end if;
  perform add_event(
    lifecycle_event('appointment', 'booked', tg_op, old.is_archived, new.is_archived, case
      when new.status <> old.status then case new.status
        when 'CHECKED_IN' then 'checked-in'
        when 'COMPLETED' then 'completed'
        when 'NO_SHOW' then 'missed'
        when 'CANCELLED' then 'cancelled'
      end
      when (new.scheduled_at, new.duration_minutes) is distinct from (old.scheduled_at, old.duration_minutes)
        then 'moved'
    end),
    'appointments/' || its.id,
    event_data(its.version, changed, jsonb_build_object(
      'appointment_id', its.id, 'patient_id', its.patient_id, 'provider_id', its.provider_id, 'status', its.status,
      'former_status', case when tg_op = 'UPDATE' and new.status <> old.status then old.status end
    ))
  );
  return null;
end
$$;

create trigger announce after insert or update or delete on appointments
for each row execute function announce_appointment();

-- A hold ends by itself, without a change: at `held_until`.
create function announce_record() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its medical_records := case when tg_op = 'DELETE' then old else new end;
  changed text[];
begin
  if tg_op = 'UPDATE' then
    changed := changed_columns(
      to_jsonb(old), to_jsonb(new), '{is_patient_visible,release_date,changed_by,change_reason}'
    );
  end if;
  perform add_event(
    lifecycle_event('record', 'added', tg_op, old.is_archived, new.is_archived, case
      when (new.is_patient_visible, new.release_date) is distinct from (old.is_patient_visible, old.release_date)
        then case when new.is_patient_visible then 'released' else 'held' end
    end),
    'medical-records/' || its.id,
    event_data(its.version, changed, jsonb_build_object(
      'record_id', its.id, 'patient_id', its.patient_id, 'provider_id', its.provider_id,
      'appointment_id', its.appointment_id, 'record_type', its.record_type,
      'held_until', case when not its.is_patient_visible then event_time(its.release_date) end
    ))
  );
  return null;
end
$$;

create trigger announce after insert or update or delete on medical_records
for each row execute function announce_record();

-- Steps of an upload that change nothing for anybody else are no events.
create function announce_file() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its file_metadata := case when tg_op = 'DELETE' then old else new end;
  changed text[];
begin
  if tg_op = 'UPDATE' then
    changed := changed_columns(
      to_jsonb(old), to_jsonb(new),
      '{upload_id,part_size,expires_at,tagged_at,object_version,inspected_at,upload_date,status_reason}'
    );
    if changed = '{}' then
      return null;
    end if;
  end if;
  perform add_event(
    lifecycle_event('file', 'announced', tg_op, old.is_archived, new.is_archived, case
      when new.status <> old.status then case new.status
        when 'SCANNING' then 'uploaded'
        when 'AVAILABLE' then 'available'
        when 'REJECTED' then 'rejected'
        when 'QUARANTINED' then 'quarantined'
        when 'EXPIRED' then 'expired'
      end
    end),
    'files/' || its.id,
    event_data(its.version, changed, jsonb_build_object(
      'file_id', its.id, 'owner_id', its.owner_id, 'owner_type', its.owner_type, 'patient_id', its.patient_id,
      'appointment_id', its.appointment_id, 'record_id', its.record_id, 'status', its.status, 'scan', its.scan
    ))
  );
  return null;
end
$$;

create trigger announce after insert or update or delete on file_metadata
for each row execute function announce_file();

create function announce_patient() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its patients := case when tg_op = 'DELETE' then old else new end;
  changed text[];
begin
  if tg_op = 'UPDATE' then
    changed := changed_columns(to_jsonb(old), to_jsonb(new));
  end if;
  perform add_event(
    lifecycle_event('patient', 'registered', tg_op, old.is_archived, new.is_archived, null),
    'patients/' || its.id,
    event_data(its.version, changed, jsonb_build_object('patient_id', its.id, 'user_id', its.user_id))
  );
  return null;
end
$$;

create trigger announce after insert or update or delete on patients
for each row execute function announce_patient();

create function announce_care() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its care_relations := case when tg_op = 'DELETE' then old else new end;
  type event_type;
begin
  type := case
    when tg_op = 'INSERT' then 'care.given.v1'
    when tg_op = 'DELETE' then 'care.deleted.v1'
    when new.until <= now() and old.until > now() then 'care.ended.v1'
    when new.until > now() and old.until <= now() then 'care.given.v1'
    when new.is_suspended and not old.is_suspended then 'care.suspended.v1'
    when old.is_suspended and not new.is_suspended then 'care.resumed.v1'
    when new.until <> old.until then 'care.changed.v1'
  end;
  if type is not null then
    perform add_event(
      type,
      concat_ws('/', 'patients', its.patient_id, 'care', lower(its.basis::text), its.source, its.member_id),
      jsonb_strip_nulls(jsonb_build_object(
        'patient_id', its.patient_id, 'member_id', its.member_id, 'basis', its.basis, 'source', its.source,
        'until', event_time(its.until), 'is_suspended', its.is_suspended
      ))
    );
  end if;
  return null;
end
$$;

create trigger announce after insert or update or delete on care_relations
for each row execute function announce_care();

create function announce_provider() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its providers := case when tg_op = 'DELETE' then old else new end;
  changed text[];
begin
  if tg_op = 'UPDATE' then
    changed := changed_columns(to_jsonb(old), to_jsonb(new));
  end if;
  perform add_event(
    lifecycle_event('provider', 'registered', tg_op, old.is_archived, new.is_archived, case
      when new.is_verified and not old.is_verified then 'verified'
      when old.is_verified and not new.is_verified then 'verification-withdrawn'
    end),
    'providers/' || its.id,
    event_data(its.version, changed, jsonb_build_object(
      'provider_id', its.id, 'user_id', its.user_id, 'is_verified', its.is_verified
    ))
  );
  return null;
end
$$;

create trigger announce after insert or update or delete on providers
for each row execute function announce_provider();

create function announce_account() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  its user_profiles := case when tg_op = 'DELETE' then old else new end;
  changed text[];
begin
  if tg_op = 'UPDATE' then
    changed := changed_columns(to_jsonb(old), to_jsonb(new), '{sort_name}');
  end if;
  perform add_event(
    lifecycle_event('account', 'created', tg_op, old.is_archived, new.is_archived, case
      when new.role <> old.role then 'role-changed'
      when new.status <> old.status then 'status-changed'
    end),
    'users/' || its.id,
    event_data(its.version, changed, jsonb_build_object(
      'user_id', its.id, 'role', its.role, 'status', its.status,
      'former_role', case when tg_op = 'UPDATE' and new.role <> old.role then old.role end,
      'former_status', case when tg_op = 'UPDATE' and new.status <> old.status then old.status end
    ))
  );
  return null;
end
$$;

create trigger announce after insert or update or delete on user_profiles
for each row execute function announce_account();

create function announce_role() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  perform add_event(
    (case tg_op when 'INSERT' then 'role.created.v1' else 'role.changed.v1' end)::event_type,
    'roles/' || new.name,
    event_data(new.version, null, jsonb_build_object('role', new.name))
  );
  return null;
end
$$;

create trigger announce after insert or update on roles
for each row execute function announce_role();

-- Up to where the events were sent to EventBridge, and until when a run of publish-events has events to send.
create table event_publisher (
  is_only_row boolean primary key default true constraint event_publisher_one_row check (is_only_row),
  rank xid8 not null default '0',
  number bigint not null default 0,
  busy_until timestamptz not null default '-infinity'
);

call secure('event_publisher');
insert into event_publisher default values;

-- The events that EventBridge did not accept. They are sent again for a day.
create table event_retries (
  rank xid8 not null,
  number bigint not null,
  attempts integer not null,
  -- What EventBridge answered, such as InternalFailure.
  error_code text not null,
  first_failed_at timestamptz not null default now(),
  -- When the event is sent again. Null if it isn't.
  next_at timestamptz,
  primary key (rank, number)
);

create index event_retries_next_idx on event_retries (next_at) where next_at is not null;

call secure('event_retries');

-- Settles the events that a run has sent, and takes the next ones: those to send again, and new ones. `p_codes` has
-- what EventBridge answered to each event: null if it accepted it. With `p_most` 0 the run ends.
--
-- Returns no events while another run has some, unless that run has not come back for two minutes. So an event is sent at
-- least once.
--
-- Errors: 42501 the caller may not publish.
create function take_events(p_ranks bigint[], p_numbers bigint[], p_codes text[], p_most integer)
returns setof business_events
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  place record;
  last record;
  again integer;
  new integer;
begin
  perform require_actor();
  if reach('events:publish') is distinct from 'ALL' then
    raise exception 'the caller may not publish events' using errcode = 'insufficient_privilege';
  end if;
  select rank, number, busy_until into place from event_publisher for update;
  if p_ranks = '{}' and p_most > 0 and place.busy_until > clock_timestamp() then
    return;
  end if;
  delete from event_retries r
  using unnest(p_ranks, p_numbers, p_codes) as sent (rank, number, code)
  where r.rank = sent.rank::text::xid8 and r.number = sent.number and sent.code is null;
  insert into event_retries as r (rank, number, attempts, error_code, next_at)
  select sent.rank::text::xid8, sent.number, 1, sent.code, now() + interval '10 seconds'
  from unnest(p_ranks, p_numbers, p_codes) as sent (rank, number, code)
  where sent.code is not null
  on conflict (rank, number) do update set
    attempts = r.attempts + 1,
    error_code = excluded.error_code,
    next_at = case
      when r.first_failed_at > now() - interval '1 day'
      then now() + least(interval '10 seconds' * power(2, r.attempts), interval '1 hour')
    end;
  select sent.rank::text::xid8 as rank, sent.number into last
  from unnest(p_ranks, p_numbers) as sent (rank, number)
  order by sent.rank desc, sent.number desc limit 1;
  if (last.rank, last.number) > (place.rank, place.number) then
    place.rank := last.rank;
    place.number := last.number;
  end if;
  return query
    select b.* from event_retries r join business_events b on b.rank = r.rank and b.number = r.number
    where r.next_at <= now() order by r.next_at limit p_most;
  get diagnostics again = row_count;
  return query
    select b.* from business_events b
    where (b.rank, b.number) > (place.rank, place.number) and b.rank < pg_snapshot_xmin(pg_current_snapshot())
    order by b.rank, b.number limit p_most - again;
  get diagnostics new = row_count;
  update event_publisher set rank = place.rank, number = place.number,
    busy_until = case when again + new > 0 then clock_timestamp() + interval '2 minutes' else '-infinity' end;
end
$$;

-- How old the oldest event is that EventBridge has not accepted, in seconds, and how many are not sent again.
create function event_backlog(out oldest_seconds bigint, out dead bigint)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  perform require_actor();
  select coalesce(extract(epoch from clock_timestamp() - min(waiting.time)), 0)::bigint into oldest_seconds
  from (
    (
      select b.time from event_publisher p join business_events b on (b.rank, b.number) > (p.rank, p.number)
      order by b.rank, b.number limit 1
    )
    union all
    select r.first_failed_at from event_retries r where r.next_at is not null
  ) as waiting;
  select count(*) into dead from event_retries r where r.next_at is null;
end
$$;

grant execute on function take_events(bigint[], bigint[], text[], integer), event_backlog() to caretrail_jobs;

-- Makes the missing partitions of this week and the next `ahead` weeks, and drops those whose last day is more than 30
-- days ago, for the events and for the log of their deliveries (V0027__webhooks.sql). A week begins on Monday (UTC).
-- Returns how many were made and dropped, and how many weeks after this one had all their partitions before, without a gap.
create function turn_event_partitions(ahead integer, out made integer, out dropped integer, out weeks integer)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  parent text;
  first date;
  name text;
  its_weeks integer;
  has_gap boolean;
begin
  if not by_migration() then
    perform require_actor();
    if reach('events:publish') is distinct from 'ALL' or ahead > 60 then
      raise exception 'the caller may not make partitions' using errcode = 'insufficient_privilege';
    end if;
  end if;
  perform pg_advisory_xact_lock(hashtext('turn_event_partitions'));
  made := 0;
  dropped := 0;
  foreach parent in array array['business_events', 'webhook_deliveries'] loop
    its_weeks := -1;
    has_gap := false;
    for first in
      select generate_series(
        date_trunc('week', now() at time zone 'UTC'),
        date_trunc('week', now() at time zone 'UTC') + make_interval(weeks => ahead),
        interval '1 week'
      )::date
    loop
      name := parent || to_char(first, '_IYYY_"w"IW');
      if to_regclass(format('public.%I', name)) is null then
        call add_partition(parent, name, first, (first + interval '1 week')::date);
        made := made + 1;
        has_gap := true;
      elsif not has_gap then
        its_weeks := its_weeks + 1;
      end if;
    end loop;
    weeks := least(weeks, its_weeks);
    for name in
      select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = format('public.%I', parent)::regclass
        and to_date(right(c.relname, 8), 'IYYY_"w"IW') + 37 <= (now() at time zone 'UTC')::date
    loop
      if parent = 'business_events' then
        execute format(
          'update expired_events e set rank = last.rank, number = last.number '
          'from (select rank, number from public.%I order by rank desc, number desc limit 1) as last '
          'where (last.rank, last.number) > (e.rank, e.number)', name
        );
      end if;
      execute format('drop table public.%I', name);
      dropped := dropped + 1;
    end loop;
  end loop;
end
$$;

grant execute on function turn_event_partitions(integer) to caretrail_jobs;
