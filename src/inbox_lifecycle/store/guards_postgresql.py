"""The guards that stand in a PostgreSQL catalog, read in one statement that any role may run.

Columns, letters and flags of the catalog are turned into words here; the expression of a check or of a partial index
is the one thing that the server itself puts into words, and it puts ours into the same ones on every version.
"""

from __future__ import annotations

from inbox_lifecycle.store.session import Session


def _names(numbers: str, table: str) -> str:
    """The columns of a table with these numbers, in their order; null where there are none."""
    return f"""(
        select string_agg(a.attname, ', ' order by u.place)
        from unnest({numbers}) with ordinality u (number, place)
        join pg_catalog.pg_attribute a on a.attrelid = {table} and a.attnum = u.number
    )"""  # noqa: S608 - constants of this file


# A bytes' literal is worded as the session likes bytes to be.
_EXPRESSION = r"replace(pg_catalog.pg_get_expr({tree}, {table}), '\000', '\x00')"

_TABLES = """
select 'table ' || t.relname, array['row-level security ' || case when t.relrowsecurity then 'on' else 'off' end]
from ours t
"""

_COLUMNS = """
select 'column ' || a.attname || ' of ' || t.relname, array['not null']
from ours t join pg_catalog.pg_attribute a on a.attrelid = t.oid
where a.attnum > 0 and a.attnotnull
"""

# Before PostgreSQL 18 every constraint is enforced. A superuser can turn off what a foreign key works by.
_CONSTRAINTS = f"""
select 'constraint ' || k.conname || ' on ' || t.relname, array[
    case k.contype
        when 'p' then 'primary key (' || {_names("k.conkey", "k.conrelid")} || ')'
        when 'u' then 'unique (' || {_names("k.conkey", "k.conrelid")} || ')'
        when 'f' then 'foreign key (' || {_names("k.conkey", "k.conrelid")} || ') references '
            || coalesce((select o.relname from ours o where o.oid = k.confrelid), 'another schema')
            || ' (' || {_names("k.confkey", "k.confrelid")} || ')'
            || case when k.confupdtype <> 'a' or k.confdeltype <> 'a' then ', with actions' else '' end
        else 'check ' || {_EXPRESSION.format(tree="k.conbin", table="k.conrelid")}
    end || case when k.condeferrable then ', deferrable' else '' end,
    case when k.convalidated then 'validated' else 'not validated' end,
    case when coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'false' or exists (
        select from pg_catalog.pg_trigger g where g.tgconstraint = k.oid and g.tgenabled not in ('O', 'A')
    ) then 'not enforced' else 'enforced' end
]
from ours t join pg_catalog.pg_constraint k on k.conrelid = t.oid
where k.contype in ('p', 'u', 'f', 'c')
"""  # noqa: S608 - constants of this file

_INDEXES = f"""
select 'unique index ' || x.relname || ' on ' || t.relname, array[
    '(' || coalesce({_names("i.indkey", "i.indrelid")}, '') || ')'
        || coalesce(' where ' || {_EXPRESSION.format(tree="i.indpred", table="i.indrelid")}, ''),
    case when i.indisvalid and i.indisready and i.indislive then 'valid' else 'invalid' end
]
from ours t join pg_catalog.pg_index i on i.indrelid = t.oid join pg_catalog.pg_class x on x.oid = i.indexrelid
where i.indisunique
"""  # noqa: S608 - constants of this file

_TRIGGERS = f"""
select 'trigger ' || g.tgname || ' on ' || t.relname, array[
    case g.tgenabled when 'A' then 'enabled always' when 'O' then 'enabled' when 'R' then 'enabled on replicas only'
        else 'disabled' end,
    concat_ws(' ',
        case when g.tgtype & 2 <> 0 then 'before' else 'after' end,
        concat_ws(' or ',
            case when g.tgtype & 4 <> 0 then 'insert' end,
            case when g.tgtype & 8 <> 0 then 'delete' end,
            case when g.tgtype & 16 <> 0 then 'update' end,
            case when g.tgtype & 32 <> 0 then 'truncate' end),
        'of ' || {_names("g.tgattr", "g.tgrelid")},
        case when g.tgtype & 1 <> 0 then 'for each row' else 'for each statement' end,
        case when g.tgqual is not null then 'on a condition' end),
    'runs ' || coalesce((
        select p.proname from pg_catalog.pg_proc p where p.oid = g.tgfoid and p.pronamespace = t.relnamespace
    ), 'a function of another schema')
]
from ours t join pg_catalog.pg_trigger g on g.tgrelid = t.oid
where not g.tgisinternal
"""  # noqa: S608 - constants of this file

# A function names our tables with their schema, for which a word stands here that no function could say.
_FUNCTIONS = """
select 'function ' || p.proname, array[
    concat_ws(', ', l.lanname, case when p.prosecdef then 'with the rights of its owner' end,
        'set ' || array_to_string(p.proconfig, ', set ')),
    'source ' || encode(sha256(convert_to(
        replace(replace(p.prosrc, cast(:prefix as text), '<schema>.'), chr(13), ''), 'UTF8')), 'hex')
]
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where n.nspname = cast(:schema as text) and p.prorettype = cast('pg_catalog.trigger' as regtype)
"""

_OURS = """
with ours as (
    select c.oid, c.relname, c.relnamespace, c.relrowsecurity
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = cast(:schema as text) and c.relkind in ('r', 'p')
)"""

_PARTS = (_TABLES, _COLUMNS, _CONSTRAINTS, _INDEXES, _TRIGGERS, _FUNCTIONS)

GUARDS = _OURS + "union all".join(_PARTS)


def read_guards(session: Session) -> dict[str, tuple[str, ...]]:
    """What stands in the catalog: each guard's definition, in clauses, by its name."""
    backend = session.backend
    rows = session.all(GUARDS, {"schema": backend.schema, "prefix": backend.prefix})
    return {name: tuple(clauses) for name, clauses in rows}
