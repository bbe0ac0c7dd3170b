-- An administrator's standing is an administrator's to change: a role that was given the accounts to
-- keep makes no administrator out of a friend, and so gets no further than it was given.

create function keep_administrator() returns trigger
language plpgsql as $$
begin
  if reach('roles:write') is distinct from 'ALL' then
    raise exception 'only an administrator makes, changes or suspends one' using errcode = 'CT003';
  end if;
  return new;
end
$$;

create trigger keep_administrator_made before insert on user_profiles
for each row when (actor_user() is not null and new.role = 'ADMIN')
execute function keep_administrator();

create trigger keep_administrator_changed before update of role, status, is_archived on user_profiles
for each row when (
  actor_user() is not null and 'ADMIN' in (old.role, new.role)
  and (new.role, new.status, new.is_archived) is distinct from (old.role, old.status, old.is_archived)
) execute function keep_administrator();
