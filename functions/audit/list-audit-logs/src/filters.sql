-- `month` and the range of ids repeat the conditions on `timestamp`, so that only the rows concerned are read.
-- Two outcomes and a purpose are repeated as literals, because a parameter can't match a partial index.
($2::uuid is null or user_id = $2)
and ($3::text is null or resource_type = $3::text::audit_resource)
and ($4::uuid is null or resource_id = $4)
and ($5::text is null or action_type = $5::text::audit_action)
and ($6::text is null or outcome = $6::text::audit_outcome)
and ($6::text is distinct from 'DENIED' or outcome = 'DENIED')
and ($6::text is distinct from 'FAILURE' or outcome = 'FAILURE')
and ($8::timestamptz is null
  or (timestamp >= $8 and id >= $9 and month >= date_trunc('month', $8 at time zone 'UTC')::date))
and ($10::timestamptz is null
  or (timestamp < $10 and id < $11 and month <= ($10 at time zone 'UTC')::date))
and ($12::text is null or purpose_of_use = $12::text::purpose_of_use)
and ($12::text is distinct from 'ETREAT' or purpose_of_use = 'ETREAT')
and ($13::uuid is null or id < $13)
