-- The release ledger (45 CFR 171, 21st Century Cures Act). A patient sees an entry at once, unless a
-- hold gives a reason, an author and an end. A hold ends by itself.

create type hold_reason as enum ('patient_request', 'harm_prevention', 'privacy', 'law');

-- One row for each decision to hold or to release. The last decision counts.
create table record_releases (
  id uuid primary key,
  record_id uuid not null,
  patient_id uuid not null,
  -- Null for a release.
  hold_reason hold_reason,
  -- When the hold ends by itself. Null for a release.
  expires_at timestamptz,
  note text constraint record_releases_note_length check (length(note) between 1 and 1000),
  decided_by uuid not null default actor_user() references user_profiles (id),
  -- Not now(): two decisions in one transaction must have an order.
  decided_at timestamptz not null default clock_timestamp(),
  constraint record_releases_hold_expires check ((hold_reason is null) = (expires_at is null)),
  -- A longer hold needs a new decision.
  constraint record_releases_expiry_range
    check (expires_at > decided_at and expires_at <= decided_at + interval '366 days'),
  -- Deferred: the hold of a new entry is written before the entry.
  constraint record_releases_of_record foreign key (record_id, patient_id)
    references medical_records (id, patient_id) deferrable initially deferred
);

create index record_releases_record_idx on record_releases (record_id, patient_id, decided_at desc);
create index record_releases_decided_by_idx on record_releases (decided_by);

call secure('record_releases');
-- Patients don't read the ledger: the reason for a hold may itself do harm.
create policy record_releases_read on record_releases for select to caretrail_app
  using (
    case (select reach('records:read'))
      when 'OWN' then false
      when 'SOURCE' then exists (select from medical_records r where r.id = record_id)
      else reaches('records:read', patient_id)
    end
  );
-- The hold of a new entry is written before the entry, so `follow_ledger` asks where the entry came from. In an emergency
-- only new entries are held.
create policy record_releases_create on record_releases for insert to caretrail_app
  with check (
    decided_by = (select actor_user())
    and (
      reaches('records:write', patient_id)
      or (adds_records(patient_id) and not exists (select from medical_records r where r.id = record_id))
    )
  );
grant select, insert (id, record_id, patient_id, hold_reason, expires_at, note)
  on record_releases to caretrail_app;

call guard_deletions('record_releases', 'record_id');
create trigger refuse_ledger_change before update on record_releases
for each row execute function refuse_ledger_change();

-- Writes a decision to its entry.
create function follow_ledger() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  if actor_source() is not null and exists (
    select from medical_records where id = new.record_id and source_system is distinct from actor_source()
  ) then
    raise exception 'the entry came from elsewhere' using errcode = 'insufficient_privilege';
  end if;
  update medical_records set
    is_patient_visible = new.hold_reason is null,
    release_date = coalesce(new.expires_at, now()),
    change_reason = case when new.hold_reason is null then 'released' else 'held' end
  where id = new.record_id
    -- An entry that begins with this hold has its values already.
    and (is_patient_visible or new.hold_reason is null or release_date <> new.expires_at);
  return null;
end
$$;

create trigger follow_ledger after insert on record_releases
for each row execute function follow_ledger();

-- Begins an entry as held if the ledger has a hold of it, and as released otherwise.
create function begin_with_ledger() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  select expires_at into new.release_date from record_releases
  where record_id = new.id and hold_reason is not null
  order by decided_at desc limit 1;
  new.is_patient_visible := not found;
  new.release_date := coalesce(new.release_date, now());
  return new;
end
$$;

create trigger begin_with_ledger before insert on medical_records
for each row execute function begin_with_ledger();
