-- Refused tokens by network (45 CFR 164.308(a)(5)(ii)(C)). Nobody knows whose they are, so there is no history of
-- anybody's sign-ins. count-refused-tokens reads them from the functions' log. docs/decisions/0039-refused-tokens.md says why.

-- How many tokens from a network were refused in an hour, for a day.
create table refused_tokens (
  network cidr not null,
  -- The begin of the hour.
  hour timestamptz not null,
  tokens bigint not null constraint refused_tokens_counted check (tokens > 0),
  primary key (network, hour)
);

create index refused_tokens_hour_idx on refused_tokens (hour);

call secure('refused_tokens');

-- Up to where the log was read.
create table refused_tokens_review (
  is_only_row boolean primary key default true constraint refused_tokens_review_one_row check (is_only_row),
  until timestamptz not null default now()
);

call secure('refused_tokens_review');
insert into refused_tokens_review default values;

-- The next part of the log to be counted, in one hour: `since` is in it and `until` is not. `is_whole` says that it reaches
-- to the end of the hour. A line may come late, so it ends `p_wait` seconds ago. What is older than a day is left out.
-- Errors: 42501 the caller may not review accesses.
create function next_refused_tokens(p_wait integer, out since timestamptz, out until timestamptz, out is_whole boolean)
language plpgsql stable security definer set search_path = pg_catalog, public set timezone = 'UTC' as $$
begin
  perform require_review();
  select greatest(r.until, date_trunc('hour', now() - interval '1 day')) into since from refused_tokens_review r;
  until := date_trunc('hour', since) + interval '1 hour';
  is_whole := until <= now() - make_interval(secs => p_wait);
  if not is_whole then
    -- CloudWatch Logs counts milliseconds.
    until := date_trunc('milliseconds', now() - make_interval(secs => p_wait));
  end if;
end
$$;

-- Counts a part of the log, and raises an alert for each network with many tokens in the hour. Nothing is counted if
-- another run has counted it. Errors: 42501 the caller may not review accesses.
create function count_refused_tokens(
  p_since timestamptz, p_until timestamptz, p_addresses text[], p_tokens bigint[],
  out networks bigint, out tokens bigint, out alerts bigint
)
language plpgsql security definer set search_path = pg_catalog, public set timezone = 'UTC' as $$
begin
  perform require_review();
  update refused_tokens_review r set until = p_until where r.until <= p_since;
  if not found then
    select 0, 0, 0 into networks, tokens, alerts;
    return;
  end if;
  delete from refused_tokens r where r.hour < date_trunc('hour', now() - interval '1 day');
  with counted as (
    insert into refused_tokens as r (network, hour, tokens)
    select source_network(s.address::inet), date_trunc('hour', p_since), sum(s.tokens)
    from unnest(p_addresses, p_tokens) as s (address, tokens)
    group by 1
    on conflict (network, hour) do update set tokens = r.tokens + excluded.tokens
    returning r.network, r.tokens
  ),
  raised as (
    -- A hash tells the networks apart, because an occasion is a UUID.
    select raise_alert(a.name, null, null, null, '{}', '{}', md5(c.network::text)::uuid, c.network) as id
    from counted c join alert_rules a on a.name = 'failed-sign-ins' and c.tokens >= a.threshold
  )
  select (select count(*) from counted), (select coalesce(sum(s.tokens), 0) from unnest(p_tokens) as s (tokens)),
    (select count(r.id) from raised r)
  into networks, tokens, alerts;
end
$$;

grant execute on function
  next_refused_tokens(integer), count_refused_tokens(timestamptz, timestamptz, text[], bigint[])
  to caretrail_jobs;

insert into alert_rules (name, meaning, threshold, weight) values
  (
    'failed-sign-ins',
    'Requests from one network had tokens that were never valid. The threshold counts the tokens within an hour of the clock.',
    50, 40
  );
