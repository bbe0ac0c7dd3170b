-- The class of each column, and the purpose and retention of each table. docs/data.md is written from these comments. A test
-- fails for a table or a column without one, so a later migration calls `classify` for each table that it creates, and
-- comments each column that it adds.
--
-- ePHI says something of a patient's health, care or payment, or links a row to a patient (45 CFR 160.103).
-- Identifying names or describes a person, and says nothing of care.
-- Operational is all else, such as times of changes, states of jobs and numbers of versions.

-- Classifies all columns of a table. Those that neither list names are operational. Errors: a list names something else, or both name a column.
create procedure classify(target regclass, purpose text, retention text, ephi text[] default '{}', identifying text[] default '{}')
language plpgsql as $$
declare
  its_columns constant text[] := array(
    select a.attname::text from pg_attribute a where a.attrelid = target and a.attnum > 0 and not a.attisdropped
  );
  name text;
begin
  if not its_columns @> (ephi || identifying) or ephi && identifying then
    raise exception 'a class names a column that % doesn''t have, or one twice', target;
  end if;
  execute format('comment on table %s is %L', target, format(E'%s.\nRetention: %s.', purpose, retention));
  foreach name in array its_columns loop
    execute format('comment on column %s.%I is %L', target, name, case
      when name = any (ephi) then 'ePHI' when name = any (identifying) then 'identifying' else 'operational'
    end);
  end loop;
end
$$;

call classify('signing_keys', 'The keys of tickets and seals', 'Until the operator replaces them');
call classify('roles', 'The roles that users have', 'For ever');
call classify('permissions', 'Every permission that a role can hold, with its greatest reach', 'For ever');
call classify('role_permissions', 'The permissions of each role, with their reach', 'While the role has them');
call classify(
  'role_reach', 'The permissions of each role in one row, derived from role_permissions',
  'As long as role_permissions'
);
call classify('role_keepers', 'Which role may give and take which other role', 'While it may');
call classify(
  'user_profiles', 'The identity of each user',
  'As long as the retention rule for USER says after it was archived',
  identifying => '{id, subject, username, notification_email, first_name, last_name, sort_name, made_by,
    proposed_subject, proposed_by, external_id, phone, address, preferences, custom_data, archived_by}'
);
call classify(
  'name_words', 'The words of each name, for searches by name',
  'As long as the user',
  identifying => '{user_id, word, name}'
);
call classify(
  'providers', 'The professional data of each provider',
  'As long as the retention rule for PROVIDER says after it was archived',
  identifying => '{id, user_id, license_number, certifications, verified_by, withdrawal_reason, custom_data,
    archived_by}'
);
call classify(
  'patients', 'The health data that belong to the patient as a whole',
  'As long as the retention rule for PATIENT says after it was archived',
  ephi => '{id, user_id, patient_number, date_of_birth, gender, deceased, medical_history, allergies,
    assigned_providers, health_goals, risk_factors, custom_data}',
  identifying => '{archived_by}'
);
call classify(
  'appointments', 'The visits of patients',
  'As long as the retention rule for APPOINTMENT says after it was archived',
  ephi => '{patient_id, provider_id, scheduled_at, duration_minutes, slot, status, location, notes,
    change_reason, rating, rated_at, external_id, custom_data}',
  identifying => '{archived_by}'
);
call classify(
  'appointment_changes', 'The history of each visit',
  'As long as the visit',
  ephi => '{appointment_id, old_scheduled_at, new_scheduled_at, old_duration_minutes, new_duration_minutes,
    old_status, new_status, reason}',
  identifying => '{changed_by}'
);
call classify(
  'appointment_reminders', 'The reminders of visits to come',
  'Until the visit begins or is cancelled',
  ephi => '{appointment_id, due_at}'
);
call classify(
  'medical_records', 'The entries of medical records',
  'As long as the retention rule for MEDICAL_RECORD says after it was archived',
  ephi => '{patient_id, provider_id, appointment_id, record_type, content, diagnosis, treatment, notes,
    is_patient_visible, release_date, is_shielded, change_reason, external_id, custom_data}',
  identifying => '{changed_by, archived_by}'
);
call classify(
  'medical_record_versions', 'The former versions of each medical record',
  'As long as the medical record',
  ephi => '{record_id, patient_id, provider_id, appointment_id, record_type, content, diagnosis, treatment,
    notes, is_patient_visible, release_date, is_shielded, custom_data, change_reason}',
  identifying => '{written_by, replaced_by}'
);
call classify(
  'record_releases', 'The decisions to withhold or release a medical record',
  'As long as the medical record',
  ephi => '{record_id, patient_id, hold_reason, expires_at, note}',
  identifying => '{decided_by}'
);
call classify(
  'file_metadata', 'One row for each file in S3',
  'As long as the retention rule for FILE says after it was archived',
  ephi => '{patient_id, appointment_id, record_id, original_name, sha256, custom_data}',
  identifying => '{owner_id, file_path, uploaded_by, archived_by}'
);
call classify(
  'custom_data_schemas', 'The versions of the JSON Schema for the custom data of each table',
  'For ever',
  identifying => '{registered_by}'
);
call classify(
  'audit_logs', 'Who did what to which resource, with the outcome',
  'As long as the retention rule for AUDIT_LOG says. Older months are in S3',
  ephi => '{resource_id, patient_id, patient_ids, details}',
  identifying => '{user_id, source_ip, user_agent}'
);
call classify(
  'idempotency_keys', 'Which work was done under an Idempotency-Key',
  'A day',
  ephi => '{resource_id}',
  identifying => '{user_id}'
);
call classify(
  'refusals', 'How many requests of a subject were refused in a minute',
  'An hour after the minute',
  identifying => '{subject}'
);
call classify('settings', 'The decisions of the clinic for the whole installation', 'Until they change');
call classify(
  'care_relations', 'Who has which patient in care, on what basis and until when',
  'As long as the patient',
  ephi => '{member_id, patient_id, basis, source, since, until, counted_from, is_suspended, reason}',
  identifying => '{account_id, created_by}'
);
call classify(
  'chart_spans', 'The times between which a patient has visits, records and files',
  'As long as the patient',
  ephi => '{patient_id, part, begins, ends}'
);
call classify(
  'care_spans', 'The same times for each member of the care team',
  'As long as the patient',
  ephi => '{patient_id, part, member_id, begins, ends}'
);
call classify(
  'representatives', 'Who represents which patient, on what basis, how far and until when',
  'As long as the patient',
  ephi => '{patient_id, basis, scope, since, until, evidence, end_reason, acts_until}',
  identifying => '{user_id, created_by, confirmed_by, ended_by}'
);
call classify(
  'retention_rules', 'How long each kind of data is kept, in versions',
  'For ever',
  identifying => '{set_by}'
);
call classify(
  'legal_holds', 'What is kept beyond its retention, and for which reason',
  'For ever',
  ephi => '{patient_id, reason, release_reason}',
  identifying => '{account_id, placed_by, released_by}'
);
call classify(
  'retention_listings', 'The archived rows with an ended retention',
  'Until the row is deleted',
  ephi => '{resource_id, patient_id}',
  identifying => '{held_by}'
);
call classify('audit_seals', 'The batches of the sealed audit log', 'As long as the audit log');
call classify('audit_chains', 'The hash chains of the audit log, with their keys', 'As long as the audit log');
call classify(
  'audit_sealed_runs', 'Which leaves of the sealed log the rows of a chain are',
  'As long as the audit log'
);
call classify(
  'audit_quarantine', 'The audit rows that did not pass the checks of the sealer',
  'As long as the audit log'
);
call classify(
  'audit_reconciliations', 'How the requests of each minute compare with their audit rows',
  'As long as the audit log'
);
call classify('audit_incarnations', 'What operators stated about restored databases', 'As long as the audit log');
call classify('audit_waiting_chains', 'The chains with rows that wait to be sealed', 'Until the rows are sealed');
call classify('audit_archives', 'The months of the audit log that are archived in S3', 'For ever');
call classify('audit_archive_parts', 'The parts of each archived month', 'As long as the month');
call classify(
  'audit_archive_rows', 'The index of archived audit rows',
  'As long as the month',
  ephi => '{patient_id, patient_ids, resource_id}',
  identifying => '{user_id}'
);
call classify(
  'event_subjects', 'The newest event of each subject',
  'As long as the subject has events',
  ephi => '{subject}'
);
call classify(
  'business_events', 'What happened in the clinic, for other systems',
  '30 days',
  ephi => '{subject, data}'
);
call classify('expired_events', 'The last business event that was deleted', 'Until the next deletion');
call classify('event_publisher', 'Up to where events were sent to EventBridge', 'Until the next event');
call classify('event_retries', 'The events that EventBridge did not accept', 'Until it accepts them');
call classify(
  'webhooks', 'The receivers of business events by HTTP POST',
  'For ever',
  identifying => '{archived_by}'
);
call classify('webhook_progress', 'Up to where each webhook has the events', 'As long as the webhook');
call classify(
  'webhook_deliveries', 'The attempts to deliver an event to a webhook',
  '30 days',
  ephi => '{subject}'
);
call classify('alert_rules', 'The rules by which alerts are raised', 'For ever');
call classify(
  'alerts', 'Accesses and changes that somebody must look at',
  'For ever',
  ephi => '{patient_id, occasion, reason}',
  identifying => '{actor_id, network, assigned_to, resolved_by}'
);
call classify(
  'emergency_accesses', 'The emergency accesses of clinicians',
  'For ever',
  ephi => '{patient_id, reason, explanation, review_note}',
  identifying => '{member_id, revoked_by, reviewed_by}'
);
call classify(
  'emergency_searches', 'Whom clinicians looked for to get emergency access',
  'An hour',
  ephi => '{patient_id}',
  identifying => '{member_id}'
);
call classify(
  'chart_accesses', 'Who accessed which patient on which day, with the explanation',
  '400 days',
  ephi => '{patient_id, explanation}',
  identifying => '{user_id}'
);
call classify('access_review', 'Up to where the audit log was reviewed', 'Until the next review');
call classify(
  'refused_tokens', 'How many tokens from each network were refused in an hour',
  'A day',
  identifying => '{network}'
);
call classify('refused_tokens_review', 'Up to where the log was searched for refused tokens', 'Until the next search');
call classify(
  'incidents', 'What may be a breach, from its discovery to the last notice',
  'For ever',
  ephi => '{summary, nature, person, acquisition, mitigation, decision_reason, letter_happened, letter_data,
    letter_steps, letter_response}',
  identifying => '{actor_id, delay_official, opened_by, decided_by, closed_by}'
);
call classify(
  'incident_accesses', 'The audit rows that an incident is about',
  'For ever',
  ephi => '{patient_id, resource_type, accessed_at}',
  identifying => '{user_id}'
);
call classify(
  'incident_patients', 'The affected patients of an incident',
  'For ever',
  ephi => '{patient_id, residence, reason}',
  identifying => '{changed_by}'
);
call classify(
  'incident_notices', 'The notices of an incident that were sent',
  'For ever',
  ephi => '{patient_id, note}',
  identifying => '{recorded_by}'
);
call classify(
  'activity_reviews', 'What officers reviewed, with figures, conclusion and document',
  'For ever',
  identifying => '{created_by, signed_by, document}'
);
