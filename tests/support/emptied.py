"""A PostgreSQL database that is emptied for the next test: copying one takes fifty times as long."""

from __future__ import annotations

import psycopg

from tests.support.databases import TestDatabase

# Where there are rows they are deleted, with the guards off in this one transaction: those of most triggers by
# `session_replication_role`, those that fire even then (`always`) one by one. Then every trigger is as the migrations
# made it, as a test may have disabled some. The one row that is never dropped is the one that gives positions.
_EMPTY = r"""
do $$
declare
  standing constant text := '(_events_frozen|_events_kept|_append_only|_not_emptied)$';
  home constant regnamespace := 'inbox_lifecycle'::regnamespace;
  filled boolean;
  place record;
  guard record;
begin
  -- One that a test has left in the middle of a transaction would keep us waiting for its locks.
  perform pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid();
  set local session_replication_role = replica;
  for place in
    select c.relname as name, array(select t.tgname from pg_trigger t where t.tgrelid = c.oid and t.tgenabled = 'A')
      as always
    from pg_class c where c.relnamespace = home and c.relkind = 'r'
      and c.relname not in ('inbox_lifecycle_alembic_version', 'inbox_feed_head')
  loop
    execute format('select exists (select from inbox_lifecycle.%I)', place.name) into filled;
    continue when not filled;
    for i in 1 .. cardinality(place.always) loop
      execute format('alter table inbox_lifecycle.%I disable trigger %I', place.name, place.always[i]);
    end loop;
    execute format('delete from inbox_lifecycle.%I', place.name);
  end loop;
  update inbox_lifecycle.inbox_feed_head set next_position = 0 where next_position <> 0;
  for guard in
    select c.relname as place, t.tgname as name,
      case when not t.tgisinternal and t.tgname ~ standing then 'always' else '' end as always
    from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = home
      and t.tgenabled <> case when not t.tgisinternal and t.tgname ~ standing then 'A' else 'O' end
  loop
    execute format('alter table inbox_lifecycle.%I enable %s trigger %I', guard.place, guard.always, guard.name);
  end loop;
end $$
"""


class Emptied:
    """A database that many tests share, one after another."""

    def __init__(self, database: TestDatabase) -> None:
        self.database = database
        self._connection: psycopg.Connection | None = None

    def empty(self) -> None:
        """Drop every row of ours, as the superuser, and end whoever else is connected."""
        # Kept, as most of what a new connection would take is reading the catalogue; a test may have ended it.
        if self._connection is None or _is_gone(self._connection):
            self.close()
            self._connection = psycopg.connect(self.database.url, autocommit=True)
        self._connection.execute(_EMPTY)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


def _is_gone(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("select")
    except psycopg.OperationalError:
        return True
    return False
