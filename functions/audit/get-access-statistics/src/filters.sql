-- `month` and the range of ids repeat the conditions on `timestamp`, so that only the rows concerned are read.
-- Two outcomes are repeated as literals, because a parameter can't match a partial index.
reach('audit:read') = 'ALL'
and ($3::uuid is null or user_id = $3)
and ($4::uuid is null or patient_id = $4)
and ($5::text is null or outcome = $5::text::audit_outcome)
and ($5::text is distinct from 'DENIED' or outcome = 'DENIED')
and ($5::text is distinct from 'FAILURE' or outcome = 'FAILURE')
and ($6::text is null or action_type = $6::text::audit_action)
and timestamp >= $7 and id >= $8 and month >= date_trunc('month', $7 at time zone 'UTC')::date
and timestamp < $9 and id < $10 and month <= ($9 at time zone 'UTC')::date
and ($1::text <> 'user_id' or user_id is not null)
and ($1::text <> 'patient_id' or patient_id is not null)
