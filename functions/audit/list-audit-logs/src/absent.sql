-- The columns of a row that the archive has and its index hasn't, in the order of select_audit_log!.
null::timestamptz, null::uuid, null, null, null, null, null, null::uuid, null::uuid, null::uuid[], null, null, null, null,
null, null, null::jsonb, null::uuid, null::bigint, null, null, null::smallint, null, null
