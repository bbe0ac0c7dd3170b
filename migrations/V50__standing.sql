-- Who changes another's standing keeps her own until then: of two administrators who suspend each
-- other at once, one is refused, so that one is left.

create function hold_standing() returns trigger
language plpgsql as $$
begin
  -- Locked, so that it can't change before this does.
  perform from user_profiles u
  where u.id = actor_user() and u.status = 'ACTIVE' and not u.is_archived
    and exists (
      select from role_permissions p
      where p.role = u.role and p.permission in ('users:update', 'users:write') and p.reach = 'ALL'
    )
  for share of u;
  if not found then
    raise exception 'the caller''s standing changed' using errcode = 'CT003';
  end if;
  return new;
end
$$;

create trigger hold_standing before update of role, status, is_archived on user_profiles
for each row when (
  actor_user() is not null
  and (new.role, new.status, new.is_archived) is distinct from (old.role, old.status, old.is_archived)
) execute function hold_standing();
