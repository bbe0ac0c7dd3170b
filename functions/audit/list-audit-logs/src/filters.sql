-- `month` repeats the condition on `timestamp`, so that only the partitions concerned are read. Two
-- outcomes are repeated as literals, because a parameter can't match a partial index.
($2::uuid is null or user_id = $2)
and ($3::text is null or resource_type = $3)
and ($4::uuid is null or resource_id = $4)
and ($5::text is null or action_type = $5::text::audit_action)
and ($6::text is null or outcome = $6::text::audit_outcome)
and ($6::text is distinct from 'DENIED' or outcome = 'DENIED')
and ($6::text is distinct from 'FAILURE' or outcome = 'FAILURE')
and ($7::text is null or request_id = $7)
and ($8::timestamptz is null
  or (timestamp >= $8 and month >= date_trunc('month', $8 at time zone 'UTC')::date))
and ($9::timestamptz is null
  or (timestamp < $9 and month <= ($9 at time zone 'UTC')::date))
and ($10::timestamptz is null
  or ((timestamp, id) < ($10, $11) and month <= ($10 at time zone 'UTC')::date))
