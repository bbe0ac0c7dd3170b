-- Who may give a role or a sign-in, and which of these steps a second person must approve. One
-- administrator alone could otherwise make a clinician of themselves, or sign in as a patient.

-- Whether an account of this role can reach charts, import them, approve what others propose, or enter and confirm who
-- represents a patient. Such an account needs a second person.
create function is_sensitive_role(its_role text) returns boolean
language sql stable set search_path = pg_catalog, public as $$
  select exists (
    select from role_permissions
    where role = its_role and (
      reach in ('CARE', 'SOURCE') or (permission in ('users:approve', 'representatives:write') and reach = 'ALL')
    )
  )
$$;

-- Notes for the audit row that one person did alone what should need two.
create function note_alone() returns void
language sql set search_path = pg_catalog, public as $$
  select set_config('caretrail.alone', 'true', true)
$$;

-- Raises CT009 if the actor manages accounts and doesn't keep the role. A policy refuses all other actors, and a
-- CHECK the role SYSTEM.
create function check_keeper(its_role text) returns void
language plpgsql stable set search_path = pg_catalog, public as $$
begin
  if (reach('users:write') in ('SOURCE', 'ALL') or reach('users:update') in ('SOURCE', 'ALL')) and its_role <> 'SYSTEM' and not keeps_role(its_role)
  then
    raise exception 'the actor does not keep the role' using errcode = 'CT009';
  end if;
end
$$;

-- Checks a new account, a change of the role, or a link to a sign-in. A sensitive role waits for a second person.
-- So does a longer time for an importer, or that the visits that they import give care.
-- So does a sign-in for an account that has a chart or care, could have, or represents a patient. Errors: CT009 the actor doesn't keep
-- the role.
create function check_account() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  is_new constant boolean := tg_op = 'INSERT';
  by_two boolean;
begin
  select two_person_rule into by_two from settings;
  if is_new then
    new.made_by := actor_user();
  end if;
  if is_new or new.role <> old.role or new.access_ends_at > old.access_ends_at
    or new.visits_give_care > old.visits_give_care
  then
    perform check_keeper(new.role);
    new.awaits_approval := false;
    if is_sensitive_role(new.role) then
      if by_two then
        new.awaits_approval := true;
        new.proposed_by := actor_user();
      else
        perform note_alone();
      end if;
    end if;
  end if;
  if not is_new and new.subject is distinct from old.subject then
    -- `guard_user` comes later and would see a proposal only.
    if reach('users:write') is distinct from 'ALL' and reach('users:update') is distinct from 'ALL' then
      raise exception 'only an administrator can link a sign-in' using errcode = 'insufficient_privilege';
    end if;
    new.proposed_subject := null;
    if new.subject is not null and (
      is_sensitive_role(new.role)
      or exists (select from patients where user_id = new.id)
      or exists (select from care_relations where member_id = new.id)
      or exists (select from representatives where user_id = new.id and acts_until > now())
    ) then
      if not by_two then
        perform note_alone();
      else
        new.proposed_by := actor_user();
        if not new.awaits_approval then
          new.proposed_subject := new.subject;
          new.subject := old.subject;
        end if;
      end if;
    end if;
  end if;
  if not new.awaits_approval and new.proposed_subject is null then
    new.proposed_by := null;
  end if;
  return new;
end
$$;

create trigger check_account_made before insert on user_profiles
for each row when (not by_migration()) execute function check_account();

create trigger check_account_changed before update of role, subject, access_ends_at, visits_give_care on user_profiles
for each row when (
  -- `decide_on_user` writes as the owner what was approved.
  not by_migration() and current_user <> 'caretrail_owner'
  and (new.role, new.subject, new.access_ends_at, new.visits_give_care)
    is distinct from (old.role, old.subject, old.access_ends_at, old.visits_give_care)
) execute function check_account();

-- Decides on what another person proposed: `p_approve` lets the account act and links the proposed sign-in;
-- otherwise the proposed sign-in is dropped, and an account that waits is closed. Neither of the two may have
-- made the other's account. Does nothing if nothing is proposed.
-- Errors: CT009 the actor doesn't keep the role, CT012 the actor is not a second person.
create function decide_on_user(p_user uuid, p_approve boolean) returns void
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  account record;
  proposer record;
begin
  perform require_actor();
  if reach('users:approve') is distinct from 'ALL' then
    raise exception 'the actor may not approve' using errcode = 'CT003';
  end if;
  select * into account from user_profiles where id = p_user for update;
  if account.proposed_by is null then
    return;
  end if;
  if not keeps_role(account.role) then
    raise exception 'the actor does not keep the role' using errcode = 'CT009';
  end if;
  select id, made_by into proposer from user_profiles where id = account.proposed_by;
  if p_approve and (
    proposer.id = actor_user() or p_user = actor_user() or proposer.made_by = actor_user()
    or proposer.id = (select made_by from user_profiles where id = actor_user())
  ) then
    raise exception 'the actor is not a second person' using errcode = 'CT012';
  end if;
  update user_profiles set
    subject = case when p_approve then coalesce(proposed_subject, subject) else subject end,
    status = case when awaits_approval and not p_approve then 'INACTIVE' else status end,
    awaits_approval = awaits_approval and not p_approve,
    proposed_subject = null,
    proposed_by = case when awaits_approval and not p_approve then proposed_by end
  where id = p_user;
end
$$;

grant execute on function decide_on_user(uuid, boolean) to caretrail_app;
