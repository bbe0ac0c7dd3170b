-- The release ledger (21st Century Cures Act, 45 CFR 171): an entry is the patient's to see at
-- once, unless a hold says why not, by whom and until when. A hold ends by itself.

create type hold_reason as enum ('patient_request', 'harm_prevention', 'privacy', 'law');

alter table medical_records add constraint medical_records_id_patient_id_key unique (id, patient_id);

-- One row for each decision, to hold or to release. The last one stands.
create table record_releases (
  id uuid primary key,
  record_id uuid not null,
  patient_id uuid not null,
  -- Null where it was released.
  hold_reason hold_reason,
  -- When the hold ends by itself.
  expires_at timestamptz,
  note text constraint record_releases_note_length check (length(note) between 1 and 1000),
  decided_by uuid not null default actor_user() references user_profiles (id),
  -- Not now(): two decisions at once are told apart.
  decided_at timestamptz not null default clock_timestamp(),
  constraint record_releases_hold_expires check ((hold_reason is null) = (expires_at is null)),
  -- What is to be held longer is decided anew.
  constraint record_releases_expiry_range
    check (expires_at > decided_at and expires_at <= decided_at + interval '366 days'),
  -- Deferred: what begins held has its hold before it has its row.
  constraint record_releases_of_record foreign key (record_id, patient_id)
    references medical_records (id, patient_id) deferrable initially deferred
);

create index record_releases_record_idx on record_releases (record_id, patient_id, decided_at desc);
create index record_releases_decided_by_idx on record_releases (decided_by);

create function refuse_ledger_change() returns trigger
language plpgsql as $$
begin
  raise exception 'rows of % are never changed', tg_table_name using errcode = 'restrict_violation';
end
$$;

create trigger refuse_ledger_change before update or delete on record_releases
for each row execute function refuse_ledger_change();

-- `is_patient_visible` and `release_date` follow the ledger and nothing else: visible without a hold,
-- or once it has passed. What is not visible keeps its hold's end as `release_date`.
create function follow_ledger() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  update medical_records set
    is_patient_visible = new.hold_reason is null,
    release_date = coalesce(new.expires_at, now()),
    change_reason = case when new.hold_reason is null then 'released' else 'held' end
  where id = new.record_id
    -- What begins held follows already.
    and (is_patient_visible or new.hold_reason is null or release_date <> new.expires_at);
  return null;
end
$$;

create trigger follow_ledger after insert on record_releases
for each row execute function follow_ledger();

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

alter table medical_records add constraint medical_records_visible_is_released
  check (not is_patient_visible or release_date <= updated_at);

create index medical_records_held_idx on medical_records (patient_id, release_date)
  where not is_patient_visible;

-- The functions write neither these two columns nor whose an entry is.
revoke insert, update on medical_records from caretrail_app;
grant insert (
  id, patient_id, provider_id, appointment_id, record_type, content, diagnosis, treatment, notes, external_id
) on medical_records to caretrail_app;
grant update (
  content, diagnosis, treatment, notes, change_reason, is_archived, archived_at, archived_by
) on medical_records to caretrail_app;
grant select, insert (id, record_id, patient_id, hold_reason, expires_at, note)
  on record_releases to caretrail_app;

call secure('record_releases');
-- That there is or was a hold is not the patient's to read: the reason itself may do harm.
create policy record_releases_read on record_releases for select to caretrail_app
  using ((select reach('records:read')) <> 'OWN' and reaches('records:read', patient_id));
create policy record_releases_create on record_releases for insert to caretrail_app
  with check (decided_by = (select actor_user()) and reaches('records:write', patient_id));

alter policy medical_records_read on medical_records
  using (
    case (select reach('records:read'))
      when 'OWN' then patient_id = (select actor_patient()) and not is_archived
        and (is_patient_visible or release_date <= now())
      when 'CARE' then in_care(patient_id)
      when 'ALL' then true
      else false
    end
  );

-- A version that was replaced before its hold had passed was never the patient's to see.
alter policy medical_record_versions_read on medical_record_versions
  using (
    (select reach('records:read')) in ('OWN', 'CARE', 'ALL')
    and exists (select from medical_records r where r.id = record_id)
    and ((select reach('records:read')) <> 'OWN' or is_patient_visible or release_date <= replaced_at)
  );
