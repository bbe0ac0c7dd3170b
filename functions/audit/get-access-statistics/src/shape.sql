-- The groups of `counted` in one row, the largest first.
totals as (
  select key, sum(count)::bigint as count, row_number() over (order by sum(count) desc, key) as place
  from counted group by key
),
shown as (
  select t.place, t.key, t.count, jsonb_agg(jsonb_build_object('day', c.day, 'count', c.count) order by c.day) as days
  from totals t join counted c on c.key = t.key
  where t.place <= $11
  group by t.place, t.key, t.count
)
select
  (select coalesce(sum(count), 0)::bigint from totals) as total,
  (
    select coalesce(jsonb_agg(jsonb_build_object('key', key, 'count', count, 'days', days) order by place), '[]')
    from shown
  ) as groups,
  (select count(*) from totals where place > $11) as other_groups,
  (select coalesce(sum(count), 0)::bigint from totals where place > $11) as other_count,
  (
    select jsonb_agg(
      jsonb_build_object(
        'month', m.month,
        'state', case
          when a.deleted_at is not null then 'DELETED' when a.completed_at is not null then 'ARCHIVED' else 'LIVE'
        end,
        'is_counted', a.completed_at is null
          or (a.deleted_at is null and $1::text <> 'application' and $2::text is null)
      ) order by m.month
    )
    from (
      select generate_series(
        date_trunc('month', $7 at time zone 'UTC'), $9 at time zone 'UTC' - interval '1 day', interval '1 month'
      )::date as month
    ) as m
    left join audit_archives a on a.month = m.month
  ) as months
