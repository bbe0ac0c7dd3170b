-- Writes the catalog as text. Only catalog functions whose output is the same under every supported
-- version of PostgreSQL are used. That is why views are listed by their columns: `pg_get_viewdef` differs.

set search_path = public;
set timezone = 'UTC';

-- An expression as the migrations would write it: one line, lower case, no casts of literals.
create function pg_temp.plain(sql text) returns text language sql as $$
  select string_agg(case when n % 2 = 1 then lower(part) else part end, '''' order by n)
  from string_to_table(
    replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(sql,
      '\s+', ' ', 'g'),
      'timestamp with time zone', 'timestamptz', 'g'),
      '(''[^'']*'')::\w+(\[\])?', '\1', 'g'),
      '\(?\( SELECT (\w+\([^()]*\)) AS \w+\)\)?', '(select \1)', 'g'),
      'REFERENCES (\w+)\(', 'references \1 (', 'g'),
      '( SELECT', '(select'),
    ''''
  ) with ordinality as parts (part, n)
$$;

-- An expression in parentheses, with a line for each condition if it is long. Null if there is none.
create function pg_temp.block(sql text) returns text language sql as $$
  select case when length(sql) <= 90 then '(' || sql || ')' else (
    select E'(\n    ' || ltrim(string_agg(case
      when depth <= 1 and word in ('and', 'or', 'when', 'else', 'end')
        then E'\n    ' || repeat('  ', depth::integer) || word
      else ' ' || word
    end, '' order by n)) || E'\n  )'
    from (
      select word, n, coalesce(sum(length(replace(word, ')', '')) - length(replace(word, '(', ''))) over (
        order by n rows between unbounded preceding and 1 preceding
      ), 0) as depth
      from string_to_table(trim(sql), ' ') with ordinality as words (word, n)
    ) as nested
  ) end
$$;

-- One statement, on one line if that is not long.
create function pg_temp.statement(variadic clauses text[]) returns text language sql as $$
  select case
    when length(string_agg(clause, ' ')) > 110 then string_agg(clause, E'\n  ') else string_agg(clause, ' ')
  end || ';'
  from unnest(clauses) as clause
$$;

-- Partitions of a month or week depend on the day on which the migrations run.
create temporary view shown as
select c.oid, c.relname as name, c.relkind = 'v' as is_view, c.relispartition as is_partition
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
  and c.relname <> 'schema_history' and c.relname !~ '_\d{4}_w?\d{2}$';

-- The lines about each table and view: `part` orders them within it, `name` within the part.
create temporary view lines as

-- Columns and constraints.
select t.oid, 1 as part, '' as name,
  case
    when t.is_partition then format(
      'create table %s partition of %s %s;', t.name, i.inhparent::regclass,
      lower(pg_get_expr(c.relpartbound, c.oid))
    )
    else format(E'create %s %s%s (\n%s\n)%s;',
      case when t.is_view then 'view' else 'table' end, t.name,
      ' with (' || array_to_string(c.reloptions, ', ') || ')',
      (
        select string_agg('  ' || line, E',\n' order by part, rank, line collate "C")
        from (
          select 1 as part, a.attnum::integer as rank, concat_ws(' ', a.attname,
            replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz'),
            case when a.attcollation <> y.typcollation then 'collate ' || a.attcollation::regcollation end,
            case when a.attnotnull then 'not null' end,
            case
              when a.attidentity = 'a' then 'generated always as identity'
              when a.attgenerated = 's'
                then format('generated always as (%s) stored', pg_temp.plain(pg_get_expr(d.adbin, d.adrelid, true)))
              when d.adbin is not null then 'default ' || pg_temp.plain(pg_get_expr(d.adbin, d.adrelid, true))
            end
          ) as line
          from pg_attribute a
          join pg_type y on y.oid = a.atttypid
          left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
          where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
          union all
          select 2, position(k.contype::text in 'puxfc'), format('constraint %s %s', k.conname, case
            when k.contype = 'c' then 'check ' || pg_temp.block(pg_temp.plain(pg_get_expr(k.conbin, k.conrelid, true)))
            else pg_temp.plain(pg_get_constraintdef(k.oid, true))
          end)
          from pg_constraint k
          where k.conrelid = t.oid and k.contype in ('p', 'u', 'x', 'f', 'c')
        ) as inside
      ),
      ' partition by ' || lower(pg_get_partkeydef(t.oid))
    )
  end as line
from shown t
join pg_class c on c.oid = t.oid
left join pg_inherits i on i.inhrelid = t.oid

union all
select t.oid, 2, i.indexrelid::regclass::text,
  pg_temp.plain(replace(replace(pg_get_indexdef(i.indexrelid, 0, true), ' USING btree', ''), ' ON ONLY ', ' ON ')) || ';'
from shown t
join pg_index i on i.indrelid = t.oid
where not t.is_partition and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype <> 'f')

union all
select t.oid, 3, '',
  format('alter table %s enable row level security', t.name)
    || case when c.relforcerowsecurity then ', force row level security' else '' end || ';'
from shown t
join pg_class c on c.oid = t.oid
where c.relrowsecurity

union all
select t.oid, 4, p.polname,
  pg_temp.statement(
    format('create policy %s on %s%s for %s to %s', p.polname, t.name,
      case when p.polpermissive then '' else ' as restrictive' end,
      case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
        else 'all' end,
      (select string_agg(case r when 0 then 'public' else r::regrole::text end, ', ' order by r::regrole::text collate "C")
       from unnest(p.polroles) as r)
    ),
    'using ' || pg_temp.block(pg_temp.plain(pg_get_expr(p.polqual, p.polrelid, true))),
    'with check ' || pg_temp.block(pg_temp.plain(pg_get_expr(p.polwithcheck, p.polrelid, true)))
  )
from shown t
join pg_policy p on p.polrelid = t.oid

union all
select t.oid, 5, g.tgname,
  pg_temp.statement(variadic array(
    select case
      when clause like 'when (%)' then 'when ' || pg_temp.block(substr(clause, 7, length(clause) - 7)) else clause
    end
    from regexp_split_to_table(
      pg_temp.plain(pg_get_triggerdef(g.oid, true)), ' (?=for each|when [(]|execute function)'
    ) with ordinality as clauses (clause, n)
    order by n
  ))
from shown t
join pg_trigger g on g.tgrelid = t.oid
where not g.tgisinternal and g.tgparentid = 0

union all
select t.oid, 6, a.grantee::regrole::text || ' 1',
  format('grant %s on %s to %s;',
    string_agg(lower(a.privilege_type), ', ' order by a.privilege_type), t.name, a.grantee::regrole)
from shown t
join pg_class c on c.oid = t.oid
cross join lateral aclexplode(c.relacl) as a
where a.grantee <> c.relowner
group by t.oid, t.name, a.grantee

union all
select t.oid, 6, a.grantee::regrole::text || ' 2 ' || a.privilege_type,
  pg_temp.statement(
    'grant ' || lower(a.privilege_type),
    '(' || string_agg(c.attname, ', ' order by c.attnum) || ')',
    format('on %s to %s', t.name, a.grantee::regrole)
  )
from shown t
join pg_attribute c on c.attrelid = t.oid
cross join lateral aclexplode(c.attacl) as a
group by t.oid, t.name, a.grantee, a.privilege_type;

create temporary view blocks as
select 1 as part, y.typname::text as rank,
  format('create type %s as enum (%s);', y.typname, string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder))
  as text
from pg_type y
join pg_enum e on e.enumtypid = y.oid
where y.typnamespace = 'public'::regnamespace
group by y.typname

union all
-- Tables and views in the order of the migrations.
select 2, to_char(l.oid::bigint, 'FM0000000000'), string_agg(l.line, E'\n' order by l.part, l.name collate "C")
from lines l
group by l.oid

union all
select case when f.prorettype = 'trigger'::regtype then 4 else 3 end, f.oid::regprocedure::text,
  replace(replace(replace(replace(concat_ws(' ',
    format('create %s %s(%s)',
      case f.prokind when 'p' then 'procedure' else 'function' end, f.proname, pg_get_function_arguments(f.oid)
    ),
    'returns ' || pg_get_function_result(f.oid),
    case f.provolatile when 's' then 'stable' when 'i' then 'immutable' end,
    case when f.prosecdef then 'security definer' end
  ), 'timestamp with time zone', 'timestamptz'), 'TABLE(', 'table ('), 'SETOF', 'setof'), '(IN ', '(') || ';'
  || coalesce(
    (
      select ' -- ' || string_agg(
        case a.grantee when 0 then 'public' else a.grantee::regrole::text end, ', ' order by a.grantee::regrole::text collate "C"
      )
      from aclexplode(f.proacl) as a
      where a.grantee <> f.proowner
    ),
    ''
  )
from pg_proc f
where f.pronamespace = 'public'::regnamespace
  and not exists (select from pg_depend d where d.objid = f.oid and d.deptype = 'e');
