select status::text, discovered_on, summary, breach_from, breach_until, nature_level::text, nature, person_level::text,
  person, acquisition_level::text, acquisition, mitigation_level::text, mitigation, decision::text, decision_reason,
  delay_statement::text, delay_stated_on, delay_official, delayed_until, letter_happened, letter_data, letter_steps,
  letter_response, version
from incidents
where id = $1 and reach('incidents:write') = 'ALL'
for update
