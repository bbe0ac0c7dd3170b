-- User ids of a page, all of them or those within reach. One branch runs: the other's condition on
-- the reach holds for no row, and is asked once.
(
  select u.id
  from user_profiles u
  join patients p on p.user_id = u.id
  where reach('patients:read') = 'ALL'
    and not p.is_archived
    and ($1::text is null
      or (u.search_name >= lower($1) and u.search_name < lower($1) || chr(1114111)))
    and ($2::date is null or p.date_of_birth = $2)
    and ($3::text is null or p.patient_number = $3)
    and ($4::uuid is null
      or (u.search_name, u.id) > ((select search_name from user_profiles where id = $4), $4))
  order by u.search_name, u.id
  limit $5
)
union all
(
  select u.id
  from patients p
  join user_profiles u on u.id = p.user_id
  where reach('patients:read') <> 'ALL'
    and p.id = any (array(select patients_within_reach('patients:read')))
    and not p.is_archived
    and ($1::text is null
      or (u.search_name >= lower($1) and u.search_name < lower($1) || chr(1114111)))
    and ($2::date is null or p.date_of_birth = $2)
    and ($3::text is null or p.patient_number = $3)
    and ($4::uuid is null
      or (u.search_name, u.id) > ((select search_name from user_profiles where id = $4), $4))
  order by u.search_name, u.id
  limit $5
)
