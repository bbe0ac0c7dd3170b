-- CARE is of who treats: patients are assigned to a provider and have visits with her. Held by a role
-- whose users are no providers, it would reach nothing and look as if it did.
alter table role_permissions
  add constraint role_permissions_care check (reach <> 'CARE' or role = 'PROVIDER');
