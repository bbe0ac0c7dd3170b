-- Ids of a page, all of them or those within reach. One branch runs: the other's condition on the
-- reach holds for no row, and is asked once.
(
  select id
  from patients
  where reach('patients:read') = 'ALL'
    and ($1::uuid is null or user_id = $1)
    and ($2::uuid is null or id = any (array(select patients_assigned_to($2))))
    and ($3::uuid is null or id > $3)
    and ($4 and reach('patients:write') = 'ALL' or not is_archived)
  order by id
  limit $5
)
union all
(
  select id
  from patients
  where reach('patients:read') <> 'ALL'
    and id = any (array(select patients_within_reach('patients:read')))
    and ($1::uuid is null or user_id = $1)
    and ($2::uuid is null or id = any (array(select patients_assigned_to($2))))
    and ($3::uuid is null or id > $3)
    and ($4 and reach('patients:write') = 'ALL' or not is_archived)
  order by id
  limit $5
)
