"""A real PgBouncer in transaction mode between the tests and their PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.support.databases import Postgres

CONFIGURATION = """\
[databases]
* = host={socket_folder} port=5432 user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 100
ignore_startup_parameters = extra_float_digits
logfile = {folder}/log
pidfile = {folder}/pid
"""


class PgBouncer:
    """PgBouncer with four server connections for everybody."""

    def __init__(self, postgres: Postgres, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = folder / "pgbouncer.ini"
        settings.write_text(CONFIGURATION.format(socket_folder=postgres.socket_folder, port=self.port, folder=folder))
        command = [str(shutil.which("pgbouncer")), str(settings)]
        if os.geteuid() == 0:
            # It refuses to run as root; the server's own user may reach the server's socket.
            user = pwd.getpwuid(Path(postgres.socket_folder).stat().st_uid)
            for path in (folder, settings):
                os.chown(path, user.pw_uid, user.pw_gid)
            command[1:1] = ["-u", user.pw_name]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self._wait_until_it_answers()

    def url(self, database: str) -> str:
        """The URL of a database through the pooler."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(10)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return
