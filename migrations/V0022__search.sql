-- Searches by name. A search gives words of a name, or the beginnings of words, in any order. It finds everyone who
-- has all of them.
--
-- Functions that people call reach the words only through the functions below, which are SECURITY DEFINER and check
-- the reach. The statements that ask them read the rows under the caller's own policies.

-- What a search reads. Each word of a name begins one entry, which goes on to the end of the given or family name
-- without separators. So `O'Brien Smith` has the entries `obriensmith`, `briensmith` and `smith`, and is found by
-- `OBrien`, `O Brien`, `smith` and `briensm`. A trigger keeps the entries.
create table name_words (
  user_id uuid not null references user_profiles (id),
  word text collate "C" not null,
  -- The user's `sort_name`.
  name text collate "C" not null,
  primary key (user_id, word)
);

create index name_words_search_idx on name_words (word, name, user_id);

call secure('name_words');

-- The entries of a name. Scripts without spaces write the family name and the given name as one word, so there the
-- whole name is one more entry. An entry has at most 60 letters, so that it fits in an index.
create function words_of(first_name text, last_name text) returns setof text
language sql immutable parallel safe
begin atomic
  select distinct left(entry, 60)
  from (
    values (last_name), (first_name), (
      case
        when last_name ~ '[\u1100-\u11ff\u3005-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]'
          and first_name ~ '[\u1100-\u11ff\u3005-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]'
        then last_name || first_name
      end
    )
  ) as part (name)
  cross join lateral string_to_array(translate(folded(part.name), '''', ' '), ' ') as words
  cross join lateral generate_subscripts(words, 1) as place
  cross join lateral array_to_string(words[place:], '') as entry
  where entry <> '';
end;

create function keep_words() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
  delete from name_words where user_id = new.id;
  insert into name_words (user_id, word, name)
  select new.id, word, new.sort_name from words_of(new.first_name, new.last_name) as word;
  return null;
end
$$;

create trigger keep_words_made after insert on user_profiles
for each row execute function keep_words();

create trigger keep_words_changed after update on user_profiles
for each row when (
  (new.first_name, new.last_name) is distinct from (old.first_name, old.last_name)
) execute function keep_words();

-- The words of a search, the longest first. A word that another one begins with is left out, because everyone who has
-- the other one has it too. Null without a name.
create function words_wanted(name text) returns text[]
language plpgsql immutable parallel safe set search_path = pg_catalog, public as $$
declare
  typed constant text[] := array(
    select distinct left(word, 60) from unnest(string_to_array(replace(folded(name), '''', ''), ' ')) as word
    where word <> ''
  );
begin
  return case when name is not null then array(
    select word from unnest(typed) as word
    where not exists (select from unnest(typed) as other where starts_with(other, word) and other <> word)
    order by length(word) desc, word
  ) end;
end
$$;

-- The word that the fewest entries begin with, and their number. No more than `most` entries are counted for a word.
-- A scan of a bitmap would read all of them before it counts.
create function rarest_word(words text[], most integer, out word text, out entries bigint)
language plpgsql stable set search_path = pg_catalog, public set enable_bitmapscan = off set enable_seqscan = off as $$
begin
  select wanted.word, found.entries into word, entries
  from unnest(words) with ordinality as wanted (word, place)
  cross join lateral (
    select count(*) as entries from (
      select from name_words w where w.word >= wanted.word and w.word < wanted.word || chr(1114111) limit most
    ) as entry
  ) as found
  order by found.entries, wanted.place limit 1;
end
$$;

-- The users who have all of the words, in the order of their first entry for the word `lead`, their name and their id,
-- behind the given place. Only the next 20,000 entries for `lead` are read.
create function people_named(words text[], lead text, after_word text, after_name text, after_id uuid)
returns table (user_id uuid, word text, name text)
language sql stable rows 1000
begin atomic
  select entry.user_id, entry.word, entry.name
  from (
    select w.user_id, w.word, w.name from name_words w
    where w.word >= lead and w.word < lead || chr(1114111)
      and (after_word is null or (w.word, w.name, w.user_id) > (after_word, after_name, after_id))
    order by w.word, w.name, w.user_id limit 20000
  ) as entry
  where not exists (
      select from name_words former
      where former.user_id = entry.user_id and former.word >= lead and former.word < entry.word
    )
    and not exists (
      select from unnest(words) as wanted (word)
      where wanted.word <> lead and not exists (
        select from name_words other
        where other.user_id = entry.user_id
          and other.word >= wanted.word and other.word < wanted.word || chr(1114111)
      )
    );
end;

-- The same users among these candidates. Without words, all of the candidates by name. `offset 0` makes PostgreSQL
-- compare the words before it reads other rows of a candidate.
create function people_among(
  candidates uuid[], words text[], lead text, after_word text, after_name text, after_id uuid
) returns table (user_id uuid, word text, name text)
language sql stable rows 1000
begin atomic
  select u.id, named.word, u.sort_name
  from (
    select first.id, first.word
    from (
      select w.user_id as id, min(w.word) as word from name_words w
      where w.user_id = any (candidates) and w.word >= lead and w.word < lead || chr(1114111)
      group by w.user_id
      union all
      select candidate.id, '' from unnest(candidates) as candidate (id) where lead is null
    ) as first
    where not exists (
      select from unnest(words) as wanted (word)
      where wanted.word <> lead and not exists (
        select from name_words other
        where other.user_id = first.id
          and other.word >= wanted.word and other.word < wanted.word || chr(1114111)
      )
    )
    offset 0
  ) as named
  join user_profiles u on u.id = named.id
  where after_word is null or (named.word, u.sort_name, u.id) > (after_word, after_name, after_id);
end;

-- The same word if all of them have 500 entries or more. It counts as far as it must, up to 20,000 for each word.
create function rarest_of_common(words text[]) returns text
language plpgsql stable set search_path = pg_catalog, public as $$
declare
  most integer := 500;
  rarest record;
begin
  loop
    most := least(most * 4, 20000);
    select * into rarest from rarest_word(words, most);
    exit when rarest.entries < most or most = 20000;
  end loop;
  return rarest.word;
end
$$;

-- Refuses a search that doesn't read all people who may belong on the page.
-- Errors: `search_is_narrow`.
create function refuse_broad_search(
  candidates uuid[], lead text, after_word text, after_name text, after_id uuid
) returns void
language plpgsql stable set search_path = pg_catalog, public set plan_cache_mode = force_custom_plan as $$
begin
  if cardinality(candidates) > 20000 or candidates is null and exists (
    select from (
      select from name_words w
      where w.word >= lead and w.word < lead || chr(1114111)
        and (after_word is null or (w.word, w.name, w.user_id) > (after_word, after_name, after_id))
      limit 1 offset 20000
    ) as rest
  ) then
    raise exception 'too many people match' using errcode = 'check_violation', constraint = 'search_is_narrow';
  end if;
end
$$;

-- A page of `POST /v1/patients/search`: the accounts of the patients who match the criteria within the actor's reach.
-- `led_by` is the word that a search is sorted by. The next page names it, with the place of the last patient.
--
-- If few entries begin with a word, the search reads these. Otherwise it begins with the birth date or the number, with
-- the patients in the actor's care if they are 4,000 at most, or with the most selective word after all. The order is
-- the same each time. PL/pgSQL that plans each call anew, so that a criterion that isn't given costs nothing.
-- Errors: `search_is_narrow`.
create function search_patients(
  p_name text, p_born text, p_number text, p_led_by text, p_word text, p_after text, p_after_id uuid, wanted bigint
) returns table (user_id uuid, led_by text, word text, name text)
language plpgsql stable security definer rows 50
set search_path = pg_catalog, public set plan_cache_mode = force_custom_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
  words constant text[] := words_wanted(p_name);
  far constant text := reach('patients:read');
  lead text;
  entries bigint;
  own uuid[];
  candidates uuid[];
  found_here bigint;
begin
  perform require_actor();
  if words = '{}' then
    return;
  end if;
  select r.word, r.entries into lead, entries
  from rarest_word(case when p_led_by is null then words else array[p_led_by] end, 500) as r;
  if far = 'OWN' then
    own := array(select represented_patients()) || actor_patient();
    candidates := array(select p.user_id from patients p where p.id = any (own));
  elsif entries < 500 then
    candidates := null;
  elsif p_number is not null then
    candidates := array(select p.user_id from patients p where p.patient_number = p_number);
  elsif p_born is not null then
    candidates := array(select p.user_id from born_like(p_born) as p limit 20001);
  elsif far = 'CARE' then
    candidates := array(
      select treated.account_id
      from (
        select distinct c.patient_id, c.account_id from care_relations c
        where c.member_id = actor_user() and c.until > now() and not c.is_suspended limit 4001
      ) as treated
    );
    if cardinality(candidates) > 4000 then
      candidates := null;
    end if;
  end if;
  if candidates is null then
    if entries = 500 and p_led_by is null and cardinality(words) > 1 then
      lead := rarest_of_common(words);
    end if;
    return query
      select n.user_id, lead, n.word, n.name
      from people_named(words, lead, p_word, p_after, p_after_id) as n
      join patients p on p.user_id = n.user_id
      where not p.is_archived and (p_born is null or can_be_same_date(p.date_of_birth, p_born))
        and (p_number is null or p.patient_number = p_number)
        and (far = 'ALL' or (far = 'SOURCE' and p.source_system = actor_source()) or exists (
          select from care_relations c
          where c.member_id = actor_user() and c.patient_id = p.id and c.until > now() and not c.is_suspended
        ))
      order by n.word, n.name, n.user_id limit wanted;
  else
    return query
      select n.user_id, lead, n.word, n.name
      from people_among(candidates, words, lead, p_word, p_after, p_after_id) as n
      join patients p on p.user_id = n.user_id
      where not p.is_archived and (p_born is null or can_be_same_date(p.date_of_birth, p_born))
        and (p_number is null or p.patient_number = p_number)
        and (far = 'ALL' or (far = 'SOURCE' and p.source_system = actor_source()) or p.id = any (own) or exists (
          select from care_relations c
          where c.member_id = actor_user() and c.patient_id = p.id and c.until > now() and not c.is_suspended
        ))
      order by n.word, n.name, n.user_id limit wanted;
  end if;
  get diagnostics found_here = row_count;
  if found_here < wanted or cardinality(candidates) > 20000 then
    perform refuse_broad_search(candidates, lead, p_word, p_after, p_after_id);
  end if;
end
$$;

-- A page of `POST /v1/users/search`, as `search_patients` finds it. If a role has 4,000 users at most, the search
-- begins with these. Errors: `search_is_narrow`.
create function search_users(
  p_name text, p_username text, p_role text, p_archived boolean,
  p_led_by text, p_word text, p_after text, p_after_id uuid, wanted bigint
) returns table (user_id uuid, led_by text, word text, name text)
language plpgsql stable security definer rows 50
set search_path = pg_catalog, public set plan_cache_mode = force_custom_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
  words constant text[] := words_wanted(p_name);
  far constant text := reach('users:list');
  lead text;
  entries bigint;
  candidates uuid[];
  found_here bigint;
begin
  perform require_actor();
  if words = '{}' or far is null or far not in ('SOURCE', 'ALL') then
    return;
  end if;
  select r.word, r.entries into lead, entries
  from rarest_word(case when p_led_by is null then words else array[p_led_by] end, 500) as r;
  if p_username is not null then
    candidates := array(select u.id from user_profiles u where lower(u.username) = lower(p_username));
  elsif entries = 500 and p_role is not null then
    candidates := array(select u.id from user_profiles u where u.role = p_role limit 4001);
    if cardinality(candidates) > 4000 then
      candidates := null;
    end if;
  end if;
  if candidates is null then
    if entries = 500 and p_led_by is null and cardinality(words) > 1 then
      lead := rarest_of_common(words);
    end if;
    return query
      select n.user_id, lead, n.word, n.name
      from people_named(words, lead, p_word, p_after, p_after_id) as n join user_profiles u on u.id = n.user_id
      where (p_role is null or u.role = p_role) and (p_archived or not u.is_archived)
        and (far = 'ALL' or u.source_system = actor_source())
      order by n.word, n.name, n.user_id limit wanted;
  else
    return query
      select n.user_id, lead, n.word, n.name
      from people_among(candidates, words, lead, p_word, p_after, p_after_id) as n join user_profiles u on u.id = n.user_id
      where (p_role is null or u.role = p_role) and (p_archived or not u.is_archived)
        and (far = 'ALL' or u.source_system = actor_source())
      order by n.word, n.name, n.user_id limit wanted;
  end if;
  get diagnostics found_here = row_count;
  if found_here < wanted then
    perform refuse_broad_search(candidates, lead, p_word, p_after, p_after_id);
  end if;
end
$$;

-- The accounts of the providers whose names have all of the words.
create function providers_named(p_name text) returns setof uuid
language plpgsql stable security definer set search_path = pg_catalog, public as $$
declare
  words constant text[] := words_wanted(p_name);
begin
  perform require_actor();
  if words = '{}' or coalesce(reach('providers:read') not in ('SOURCE', 'ALL'), true) then
    return;
  end if;
  return query
    select n.user_id from people_among(array(select v.user_id from providers v), words, words[1], null, null, null) as n;
end
$$;

grant execute on function
  search_patients(text, text, text, text, text, text, uuid, bigint),
  search_users(text, text, text, boolean, text, text, text, uuid, bigint),
  providers_named(text)
  to caretrail_app;
