"""Each answer that can occur has its exit code and one line that says the cure; and nothing moves."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path

import pytest

from inbox_lifecycle.testing import Operation, Sandbox, SandboxRequest
from tests.support.commands import ANA, PATIENCE, Ran, Terminal, tamper
from tests.support.databases import TestDatabase

PENDING = ("pending / not_started", 1, 1)
WARMING = ("warming / warming", 2, 2)


@pytest.fixture
def terminal(tmp_path: Path, database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with a migrated database, SQLite and again PostgreSQL, and a provider."""
    return Terminal(tmp_path, database, provider_sandbox)


@pytest.fixture
def small_terminal(tmp_path: Path, sqlite_database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with an SQLite database and a provider, for what no database can change."""
    return Terminal(tmp_path, sqlite_database, provider_sandbox)


@pytest.mark.parametrize(
    ("order", "code", "outcome", "cure"),
    [
        ({"kind": "reject", "status": 402}, 20, "rejected", "payment_required"),
        ({"kind": "throttle", "retry_after": 7}, 21, "throttled", "retry in 7 s"),
        ({"kind": "busy"}, 22, "busy", "short backoff"),
        ({"kind": "error", "status": 503}, 23, "unavailable", "short backoff"),
        ({"kind": "error", "status": 500}, 24, None, "let `reconcile` ask"),
    ],
    ids=["rejected", "throttled", "busy", "unavailable", "unknown"],
)
def test_what_the_provider_did_is_the_exit_code(
    small_terminal: Terminal, order: dict[str, object], code: int, outcome: str | None, cure: str
) -> None:
    """Each failure of the provider has a code of its own, a cure and an attempt; the inbox stays where it was."""
    assert small_terminal.sandbox is not None
    inbox = small_terminal.register()
    small_terminal.sandbox.fail_next(**order)  # type: ignore[arg-type]  # the orders above are right by their tests
    ran = small_terminal.run("retry-warmup", "--id", inbox.id, "--owner", "acme")
    assert (ran.code, ran.out) == (code, "")
    assert cure in ran.err
    assert (small_terminal.standing(inbox), small_terminal.outcomes(inbox)) == (PENDING, [outcome])


def test_a_provider_that_is_not_there_is_unavailable(small_terminal: Terminal) -> None:
    """Nothing listens at the provider's URL."""
    inbox = small_terminal.register()
    ran = small_terminal.run("retry-warmup", inbox.id, "--owner", "acme", "--provider-url", "http://127.0.0.1:9")
    assert (ran.code, small_terminal.standing(inbox), small_terminal.outcomes(inbox)) == (23, PENDING, ["unavailable"])


def test_an_acceptance_that_could_not_be_written_down_says_so(terminal: Terminal) -> None:
    """The table of events vanishes while the provider answers: the exit code says that a retry is due at once."""
    database, sandbox = terminal.database, terminal.sandbox
    assert database is not None
    assert sandbox is not None
    inbox = terminal.register()
    sandbox.before_answer(lambda _: _rename(database, "inbox_events", "vanished"))
    with terminal.start("retry-warmup", inbox.id, "--owner", "acme") as process:
        out, err = process.communicate(timeout=PATIENCE)
    _rename(database, "vanished", "inbox_events")
    *warnings, failure = err.splitlines()
    assert (process.returncode, out) == (30, "")
    assert failure.startswith("inbox-lifecycle: Warmup was enabled but failed to update account status: retry at once")
    assert all("accepted but not recorded" in warning for warning in warnings)
    assert (terminal.standing(inbox), terminal.outcomes(inbox)) == (PENDING, [None])


@pytest.mark.parametrize("command", ["history", "retry-warmup"])
def test_another_owners_inbox_is_not_found(small_terminal: Terminal, command: str) -> None:
    """It looks like an id that nobody has, and leaves no attempt."""
    inbox = small_terminal.register()
    ran = small_terminal.run(command, inbox.id, "--owner", "another")
    assert (ran.code, ran.out) == (12, "")
    assert "check the id" in ran.err
    assert (small_terminal.standing(inbox), small_terminal.outcomes(inbox)) == (PENDING, [])


def test_a_retry_of_a_warming_inbox_is_refused_with_its_verdict(terminal: Terminal) -> None:
    """The line says each clause that failed."""
    inbox = terminal.warm()
    ran = terminal.run("retry-warmup", inbox.id, "--owner", "acme")
    assert (ran.code, ran.out) == (13, "")
    assert "status should be pending, found warming" in ran.err
    assert "warmup_status should be not_started, found warming" in ran.err
    assert (terminal.standing(inbox), terminal.outcomes(inbox)) == (WARMING, ["moved", "refused"])


def test_an_address_registered_twice_exists_already(small_terminal: Terminal) -> None:
    """Another owner does not get it either."""
    inbox = small_terminal.register()
    ran = small_terminal.run("register", ANA, "--owner", "another")
    assert (ran.code, ran.out, small_terminal.standing(inbox)) == (14, "", PENDING)


def test_a_move_from_another_version_is_a_conflict(small_terminal: Terminal) -> None:
    """`--expected-version` protects what was decided on an older state."""
    inbox = small_terminal.warm()
    ran = small_terminal.run("ban", inbox.id, "--as-operator", "olga", "--expected-version", "1")
    assert (ran.code, ran.out, small_terminal.standing(inbox)) == (15, "", WARMING)


def test_a_key_of_another_operation_is_reused(small_terminal: Terminal) -> None:
    """An idempotency key stands for one operation on an inbox."""
    inbox = small_terminal.register()
    ban = ("ban", inbox.id, "--as-operator", "olga", "--idempotency-key", "k-1")
    assert small_terminal.run(*ban).code == 0
    pair = ("--status", "pending", "--warmup-status", "not_started", "--reason", "mistaken")
    ran = small_terminal.run("correct", inbox.id, "--as-operator", "olga", "--idempotency-key", "k-1", *pair)
    assert (ran.code, ran.out, small_terminal.standing(inbox)) == (11, "", ("banned / banned", 2, 2))


def test_damage_is_found_and_named(terminal: Terminal) -> None:
    """`verify` ends with 1 and names the inbox, the version and what does not hold there."""
    assert terminal.database is not None
    inbox = terminal.warm()
    tamper(terminal.database, "actor = 'mallory'", inbox, 2)
    ran = terminal.run("verify")
    (finding,) = ran.document["findings"]
    assert (ran.code, ran.document["clean"]) == (1, False)
    assert (finding["kind"], finding["inbox_id"], finding["version"]) == ("commitment", inbox.id, 2)


def test_damage_stands_in_the_table_too(small_terminal: Terminal) -> None:
    """A person reads the same report."""
    assert small_terminal.database is not None
    inbox = small_terminal.warm()
    tamper(small_terminal.database, "actor = 'mallory'", inbox, 2)
    ran = small_terminal.run("verify", "--format", "table")
    assert (ran.code, "commitment" in ran.out, inbox.id in ran.out) == (1, True, True)


def test_an_event_of_a_newer_version_of_the_library_is_not_guessed_at(terminal: Terminal) -> None:
    """`history` says which event it does not know, and to install what wrote it."""
    assert terminal.database is not None
    inbox = terminal.register()
    tamper(terminal.database, "name = 'inbox.dissolved'", inbox)
    ran = terminal.run("history", inbox.id, "--owner", "acme")
    assert (ran.code, ran.out) == (50, "")
    assert "inbox.dissolved" in ran.err


def test_a_schema_ahead_of_the_code_is_a_mismatch(terminal: Terminal) -> None:
    """The line says both revisions and what to do about each."""
    assert terminal.database is not None
    terminal.database.execute("update {s}inbox_lifecycle_alembic_version set version_num = '2.0001'")
    ran = terminal.run("verify")
    assert (ran.code, ran.out) == (41, "")
    assert "2.0001" in ran.err


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """Its URL, which holds a password, is not repeated."""
    terminal = Terminal(tmp_path, settings={"DATABASE_URL": "postgresql://ina:secret@127.0.0.1:9/none"})
    ran = terminal.run("find", "--as-operator", "olga")
    assert (ran.code, ran.out) == (40, "")
    assert "secret" not in ran.err


@pytest.mark.parametrize(
    "url",
    ["postgresql://ina:secret@127.0.0.1:port/none", "secret", "mysql://ina:secret@127.0.0.1/none"],
    ids=["malformed port", "no URL", "another database"],
)
def test_a_database_that_cannot_be_used_is_misconfigured(tmp_path: Path, url: str) -> None:
    """The line does not repeat the URL."""
    ran = Terminal(tmp_path).run("find", "--as-operator", "olga", "--database-url", url)
    assert (ran.code, ran.out) == (42, "")
    assert "secret" not in ran.err


def test_a_schema_on_sqlite_is_misconfigured(small_terminal: Terminal) -> None:
    """SQLite has no schemas."""
    ran = small_terminal.run("find", "--as-operator", "olga", "--schema", "mine")
    assert (ran.code, ran.out) == (42, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "seven", "--owner", "acme"),
        ("register", "ana.at.mail", "--owner", "acme"),
        ("find", "--as-operator", "olga", "--status", "asleep"),
        ("register", ANA, "--owner", "acme", "--reason", "half a letter: \udcff"),
    ],
    ids=["id", "address", "status", "text"],
)
def test_malformed_input_is_said_without_repeating_it(small_terminal: Terminal, arguments: tuple[str, ...]) -> None:
    """Nothing is looked up and nothing is written."""
    ran = small_terminal.run(*arguments)
    assert (ran.code, ran.out) == (10, "")
    assert small_terminal.database is not None
    assert small_terminal.database.count("inboxes") == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_while_the_provider_answers_the_attempt_stays_open(
    small_terminal: Terminal, number: signal.Signals
) -> None:
    """The exit code is that of the signal, the inbox has not moved, and `reconcile` can ask for the truth."""
    assert small_terminal.sandbox is not None
    inbox = small_terminal.register()
    started: list[subprocess.Popen[str]] = []
    known = threading.Event()

    def interrupt(request: SandboxRequest) -> None:
        if request.operation is Operation.ENABLE:
            known.wait(PATIENCE)
            started[0].send_signal(number)
            started[0].wait(PATIENCE)

    small_terminal.sandbox.before_answer(interrupt)
    with small_terminal.start("retry-warmup", inbox.id, "--owner", "acme") as process:
        started.append(process)
        known.set()
        out, err = process.communicate(timeout=PATIENCE)
    ran = Ran(process.returncode, out, err)
    small_terminal.check(ran)
    assert (ran.code, ran.out) == (128 + number, "")
    assert (small_terminal.standing(inbox), small_terminal.outcomes(inbox)) == (PENDING, [None])


def test_output_that_nobody_reads_ends_quietly(small_terminal: Terminal) -> None:
    """`... | head` closes the pipe; there is no traceback and a code of its own."""
    inbox = small_terminal.register()
    with small_terminal.start("history", inbox.id, "--owner", "acme") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        process.wait(PATIENCE)
    assert (process.returncode, err) == (141, "")


def _rename(database: TestDatabase, table: str, name: str) -> None:
    database.execute(f"alter table {{s}}{table} rename to {name}")
