-- Creates a clinic of `bench.patients` plainly fictional patients. A caller reaches the same data
-- whatever their number: each provider has a thousand patients, each patient has one visit, one record and
-- one file, and patient 1 has two thousand more of each. Ids are derived from numbers, so they need no
-- look-up.
select setseed(0.5);

-- Care is given, names are indexed and spans are measured at the end in one statement each. These triggers would do it
-- row by row, which takes far longer. Nobody is told of these rows.
alter table user_profiles disable trigger announce;
alter table patients disable trigger announce;
alter table providers disable trigger announce;
alter table appointments disable trigger announce;
alter table medical_records disable trigger announce;
alter table file_metadata disable trigger announce;
alter table care_relations disable trigger announce;
alter table user_profiles disable trigger keep_words_made;
alter table patients disable trigger follow_assignments_made;
alter table appointments disable trigger follow_visit_booked;
alter table appointments disable trigger follow_visit_time;
alter table medical_records disable trigger follow_creation;
alter table file_metadata disable trigger follow_creation;
alter table care_relations disable trigger check_care;
alter table care_relations disable trigger begin_spans;

-- There are five thousand family names and three hundred given names. The first of each is the most
-- common: one patient in seventy has the family name Example. All of these have the given name Zoe, so that nobody has
-- both of the most common names.
insert into user_profiles (id, subject, username, first_name, last_name, role)
select
  md5('patient user ' || i)::uuid, md5('patient user ' || i)::uuid, 'patient-' || i || '@example.org',
  case when family = 0 and i > 20 then 'Zoe' else initcap(
    (array['an','be','cy','do','el','fi','ga','ho','is','jo'])[1 + given % 10]
    || (array['la','mo','ne','ri','su'])[1 + given / 10 % 5]
    || (array['','n','r','s','th','x'])[1 + given / 50]
  ) end,
  case
    when i <= 20 then 'Zyzzyva'
    when family = 0 then 'Example'
    else initcap(
      (array['bar','cor','den','ell','fen','gor','hal','ing','jar','kel','lan','mor','nor','ost','pel','quin','ros'])[1 + family % 17]
      || (array['a','e','i','o','u','ber','den','fel','ger','hol','ker','lin','man','ner','ster','ton','win'])[1 + family / 17 % 17]
      || (array['by','dale','dorf','field','ford','gate','ham','hill','land','ley','more','scu','son','stad','sted','well','wood','worth'])[1 + family / 289]
    )
  end,
  'PATIENT'
from (
  select i, floor(300 * random() ^ 2)::integer as given, floor(5000 * random() ^ 2)::integer as family
  from generate_series(1, current_setting('bench.patients')::integer) as i
  offset 0
) as person;

insert into user_profiles (id, subject, username, first_name, last_name, role)
select md5('provider user ' || i)::uuid, md5('provider user ' || i)::uuid, 'provider-' || i || '@example.org', 'Vera', 'Example', 'PROVIDER'
from generate_series(1, (current_setting('bench.patients')::integer + 999) / 1000) as i;

insert into providers (id, user_id, license_number, is_verified, verified_at)
select md5('provider ' || i)::uuid, md5('provider user ' || i)::uuid, 'L-' || i, true, now()
from generate_series(1, (current_setting('bench.patients')::integer + 999) / 1000) as i;

insert into user_profiles (id, subject, username, first_name, last_name, role)
values
  (md5('admin')::uuid, md5('admin')::uuid, 'admin@example.org', 'Ada', 'Example', 'ADMIN'),
  (md5('officer')::uuid, md5('officer')::uuid, 'officer@example.org', 'Olga', 'Example', 'COMPLIANCE_OFFICER');

-- Birth dates are spread over ninety years. Twenty patients share one earlier day.
insert into patients (id, user_id, patient_number, date_of_birth, gender, allergies, assigned_providers)
select
  md5('patient ' || i)::uuid, md5('patient user ' || i)::uuid, 'P-' || i,
  case when i <= 20 then date '1899-12-31' else date '1930-01-01' + floor(33000 * random())::integer end,
  'unknown',
  '[{"code": {"system": "http://snomed.info/sct", "code": "424213003"}}]',
  array[md5('provider ' || 1 + (i - 1) / 1000)::uuid]
from generate_series(1, current_setting('bench.patients')::integer) as i;

-- These accounts are registered as patients during the measurement.
insert into user_profiles (id, subject, username, first_name, last_name, role)
select md5('newcomer ' || i)::uuid, md5('newcomer ' || i)::uuid, 'newcomer-' || i || '@example.org', 'Nova', 'Newcomer', 'PATIENT'
from generate_series(1, 1000) as i;

create temporary table visit as
select i as patient, 0 as number from generate_series(1, current_setting('bench.patients')::integer) as i
union all
select 1, number from generate_series(1, 2000) as number;

insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes, status)
select
  md5('visit ' || patient || ' ' || number)::uuid, md5('patient ' || patient)::uuid,
  md5('provider ' || 1 + (patient - 1) / 1000)::uuid,
  date_trunc('minute', now() - interval '5 years' * random()), 20, 'COMPLETED'
from visit;

insert into medical_records (id, patient_id, provider_id, record_type, content, created_at)
select
  md5('record ' || patient || ' ' || number)::uuid, md5('patient ' || patient)::uuid,
  md5('provider ' || 1 + (patient - 1) / 1000)::uuid, 'NOTE', '{"text": "Seen."}',
  now() - interval '5 years' * random()
from visit;

insert into file_metadata (
  id, owner_id, owner_type, patient_id, bucket, file_path, original_name, file_type, file_size, sha256, expires_at,
  uploaded_by, created_at
)
select
  md5('file ' || patient || ' ' || number)::uuid, md5('patient user ' || patient)::uuid, 'PATIENT',
  md5('patient ' || patient)::uuid, 'bench', patient || '/' || number, 'letter.pdf', 'application/pdf', 1, sha256(''),
  now(), md5('provider user ' || 1 + (patient - 1) / 1000)::uuid, now() - interval '5 years' * random()
from visit;

insert into name_words (user_id, word, name)
select u.id, word, u.sort_name from user_profiles u cross join words_of(u.first_name, u.last_name) as word;

insert into care_relations (member_id, patient_id, account_id, basis, source, until, counted_from, is_suspended)
select v.user_id, p.id, p.user_id, care.basis::care_basis, care.source, care.until, care.counted_from, false
from (
  select id as patient, assigned_providers[1] as provider, 'ASSIGNMENT' as basis, assigned_providers[1] as source,
    'infinity'::timestamptz as until, null::timestamptz as counted_from
  from patients
  union all
  select patient_id, provider_id, 'VISIT', id, care_after(upper(slot)), upper(slot)
  from appointments where care_after(upper(slot)) > now()
) as care
join providers v on v.id = care.provider
join patients p on p.id = care.patient;

insert into chart_spans (patient_id, part, begins, ends)
select patient_id, 'APPOINTMENT', min(scheduled_at), max(scheduled_at) from appointments group by patient_id
union all
select patient_id, 'RECORD', min(created_at), max(created_at) + interval '1 hour' from medical_records group by patient_id
union all
select patient_id, 'FILE', min(created_at), max(created_at) + interval '1 hour' from file_metadata group by patient_id;

insert into care_spans (patient_id, part, member_id, begins, ends)
select s.patient_id, s.part, c.member_id, s.begins, s.ends
from chart_spans s join care_relations c using (patient_id) where c.basis = 'ASSIGNMENT';

alter table user_profiles enable trigger announce;
alter table patients enable trigger announce;
alter table providers enable trigger announce;
alter table appointments enable trigger announce;
alter table medical_records enable trigger announce;
alter table file_metadata enable trigger announce;
alter table care_relations enable trigger announce;
alter table user_profiles enable trigger keep_words_made;
alter table patients enable trigger follow_assignments_made;
alter table appointments enable trigger follow_visit_booked;
alter table appointments enable trigger follow_visit_time;
alter table medical_records enable trigger follow_creation;
alter table file_metadata enable trigger follow_creation;
alter table care_relations enable trigger check_care;
alter table care_relations enable trigger begin_spans;
