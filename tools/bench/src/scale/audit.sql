-- Adds `bench.audit_rows` rows to this month's audit log. One in five hundred is a search that
-- answered twenty patients, and one in a hundred is a refusal. Their hashes form no chain, because no
-- measured request checks them.
select setseed(0.5);

insert into audit_logs (
  id, month, timestamp, user_id, actor_role, relation, purpose_of_use, action_type, resource_type, resource_id, patient_id,
  patient_ids, outcome, source_ip, application, request_id, chain_id, seq, prev_hash, row_hash,
  form, place, signature, xid
)
select
  (lpad(to_hex(i), 12, '0') || right(md5('audit row ' || i), 20))::uuid,
  date_trunc('month', moment)::date, moment, md5('provider user ' || 1 + i % providers)::uuid, 'PROVIDER', 'CARE', 'TREAT',
  case when search then 'SEARCH' else 'READ' end::audit_action, 'PATIENT',
  case when not search then patient end, case when not search then patient end,
  case when search then (
    select array_agg(md5('patient ' || 1 + (i + 7 * other) % patients)::uuid) from generate_series(0, 19) as other
  ) end,
  case when i % 100 = 0 then 'DENIED' else 'SUCCESS' end::audit_outcome,
  '192.0.2.1', case when search then 'search-patients' else 'get-patient' end,
  md5('request ' || i), md5('chain ' || i / 100000)::uuid, 1 + i % 100000,
  case i % 100000 when 0 then decode(repeat('00', 32), 'hex') else sha256(int8send(i - 1)) end, sha256(int8send(i)),
  3, substring(sha256(int8send(-i)) for 16), sha512(int8send(i)), pg_current_xact_id()
from (
  select
    i, patients, (patients + 999) / 1000 as providers, i % 500 = 0 as search,
    md5('patient ' || 1 + floor(patients * random())::integer)::uuid as patient,
    date_trunc('month', now() at time zone 'UTC') at time zone 'UTC'
      + (now() - date_trunc('month', now() at time zone 'UTC') at time zone 'UTC') * (i::float8 / audit_rows) as moment
  from
    (select current_setting('bench.patients')::integer as patients,
      current_setting('bench.audit_rows')::integer as audit_rows) as size,
    generate_series(1, audit_rows) as i
  offset 0
) as entry;
