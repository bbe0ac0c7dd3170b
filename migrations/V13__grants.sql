-- What each role may touch at all. DELETE and DDL are granted to nobody who logs in.

revoke all on all tables in schema public from public;

grant select on roles, role_permissions, medical_record_versions, patient_profiles, provider_profiles
  to caretrail_app;
grant select, insert, update
  on user_profiles, patients, providers, appointments, medical_records, file_metadata to caretrail_app;
grant select, insert on audit_logs to caretrail_app;

grant execute on function
  actor_user(), actor_patient(), actor_provider(), reach(text), in_care(uuid), reaches(text, uuid),
  patients_in_care(), begin_request(uuid, boolean, text), begin_job(text),
  describe_attempt(uuid, text, uuid, uuid, uuid), audit_link(date, uuid, bigint)
  to caretrail_app;

grant select on audit_logs to caretrail_sealer, caretrail_auditor;
grant execute on function ensure_audit_partitions(integer) to caretrail_sealer;
