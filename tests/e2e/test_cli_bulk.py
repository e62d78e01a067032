"""Commands for many inboxes at once: what they move, what they say meanwhile and at the end, and how they end."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from inbox_lifecycle import BulkProgress, Inbox
from inbox_lifecycle.cli.commands.bulk import EXITS
from inbox_lifecycle.cli.findings import Look
from inbox_lifecycle.cli.progress import EVERY, Lines
from inbox_lifecycle.facade.assembly import open_database
from inbox_lifecycle.lifecycle.bulk import OUTCOMES
from inbox_lifecycle.store.diagnosis import HeldInboxes, StuckInboxes
from inbox_lifecycle.terms import utc_now
from inbox_lifecycle.testing import Sandbox
from inbox_lifecycle.testing.smartlead import SmartleadSandbox
from tests.support.commands import COMMAND, PATIENCE, Ran, Terminal
from tests.support.contract import UNKNOWN_ID
from tests.support.databases import TestDatabase

OLGA = ("--as-operator", "olga")
AT_ONCE = ("--older-than", "0s", *OLGA)
WARMING = ("warming / warming", 2, 2)


@pytest.fixture
def terminal(tmp_path: Path, database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with a migrated database, SQLite and again PostgreSQL, and a provider."""
    return Terminal(tmp_path, database, provider_sandbox)


@pytest.fixture
def small_terminal(tmp_path: Path, sqlite_database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with an SQLite database and a provider, for what no database can change."""
    return Terminal(tmp_path, sqlite_database, provider_sandbox)


def registered(terminal: Terminal, count: int, *, owner: str = "acme") -> list[Inbox]:
    """Inboxes that are stuck."""
    return [terminal.register(f"{owner}{number}@mail.example.com", owner=owner) for number in range(count)]


@contextmanager
def looking(terminal: Terminal) -> Iterator[Look]:
    """A look at the database, as doctor's."""
    assert terminal.database is not None
    database = open_database(terminal.database.url, None)
    yield Look(database)
    database.close()


def test_what_is_stuck_is_moved_and_each_inbox_is_accounted_for(terminal: Terminal, provider_sandbox: Sandbox) -> None:
    """With one call for all; what the provider rejects is named, as JSON and as a table, and is the exit code."""
    *good, bad = registered(terminal, 4)
    other, young = terminal.register("o@mail.example.com", owner="another"), ("--older-than", "1h", *OLGA)
    assert terminal.run("retry-stuck", *young).document == {"counts": {}, "inboxes": []}
    provider_sandbox.fail_next("reject", status=404, email=bad.email_address, times=100)
    ran = terminal.run("retry-stuck", *AT_ONCE, "--owner", "acme", "--reason", "was down")
    outcomes = {each["id"]: (each["outcome"], each["reason"]) for each in ran.document["inboxes"]}
    assert ran.document["counts"] == {"moved": 3, "rejected": 1}
    assert outcomes == {**{inbox.id: ("moved", None) for inbox in good}, bad.id: ("rejected", "no_such_account")}
    assert (ran.code, "1 of 4 inboxes were not moved (1 rejected): mend what the reasons name" in ran.err) == (20, True)
    assert [terminal.standing(inbox) for inbox in good] == [WARMING] * 3
    with terminal.inboxes() as inboxes:
        context = list(inboxes.history(good[0].id, owner_id="acme"))[1].context
    assert (context.actor, context.reason) == ("olga", "was down")
    table = terminal.run("retry-stuck", *AT_ONCE, "--format", "table")
    assert (table.code, terminal.standing(other)) == (20, WARMING)
    words = [line.split()[:2] for line in table.out.splitlines() if line.strip()]
    assert ["moved", "1"] in words
    assert ["rejected", "1"] in words
    assert [bad.id, "rejected"] in words


def test_a_list_comes_as_arguments_from_a_file_or_by_a_pipe(small_terminal: Terminal) -> None:
    """Remarks and empty lines are passed over; what is not there, or not stuck, is told and is the exit code."""
    one, two, three, warm = registered(small_terminal, 4)
    assert small_terminal.run("retry-many", warm.id, *OLGA).document["counts"] == {"moved": 1}
    file = small_terminal.folder / "stuck.txt"
    file.write_text(f"\ufeff{one.id}\n\nseven@mail.example.com\n", encoding="utf-8")
    wrong = small_terminal.run("retry-many", "--from-file", "stuck.txt", *OLGA)
    assert (wrong.code, "line 3 of stuck.txt is no inbox's id" in wrong.err, "seven" in wrong.err) == (10, True, False)
    file.write_text(f"# of yesterday\n{one.id}\n\n  {two.id}  # twice\n{two.id.upper()}\n")
    read = small_terminal.run("retry-many", "--from-file", "stuck.txt", *OLGA)
    assert (read.code, read.document["counts"]) == (0, {"moved": 2})
    piped = subprocess.run(
        [*COMMAND, "retry-many", "--from-file", "-", *OLGA],
        input=f"{three.id}\n{warm.id}\n{UNKNOWN_ID}",
        cwd=small_terminal.folder,
        env=small_terminal.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    small_terminal.check(ran := Ran(piped.returncode, piped.stdout, piped.stderr))
    assert ran.document["counts"] == {"moved": 1, "not_found": 1, "refused": 1}
    assert (ran.code, "2 of 3 inboxes were not moved (1 not found, 1 refused): check the ids" in ran.err) == (12, True)
    refused = small_terminal.run("retry-many", warm.id, *OLGA, "--format", "table")
    assert (refused.code, "read their state instead" in refused.err) == (13, True)


def test_every_outcome_but_success_has_an_exit_code() -> None:
    """A new one must not pass for success."""
    assert set(EXITS) == set(OUTCOMES) - {"moved"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("retry-many", *OLGA), 2),
        (("retry-many", UNKNOWN_ID, "--from-file", "x", *OLGA), 2),
        (("retry-many", "--from-file", "nowhere.txt", *OLGA), 2),
        (("retry-many", "--from-file", ".", *OLGA), 2),
        (("retry-many", UNKNOWN_ID, "seven", *OLGA), 10),
        (("retry-many", UNKNOWN_ID), 2),
        (("retry-stuck", "--older-than", "soon", *OLGA), 2),
        (("retry-stuck", "--patience", "1w", *OLGA), 2),
        (("retry-stuck", "--limit", "0", *OLGA), 2),
        (("retry-stuck", "--older-than", "999999999d", *OLGA), 10),
        (("retry-stuck", "--older-than", "1h"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_wrong_lists_and_spans_are_refused_before_anything_is_asked(
    small_terminal: Terminal, provider_sandbox: Sandbox, arguments: tuple[str, ...], code: int
) -> None:
    """One line, and nothing happens."""
    ran = small_terminal.run(*arguments)
    assert (ran.code, ran.out, provider_sandbox.requests) == (code, "", ())


def test_waiting_is_told_on_standard_error_and_nothing_else_is(
    small_terminal: Terminal, provider_sandbox: Sandbox
) -> None:
    """Where nobody watches, one line when it begins to wait; the result is the result alone."""
    registered(small_terminal, 2)
    provider_sandbox.fail_next("throttle", retry_after=0.1)
    with small_terminal.start("retry-stuck", *AT_ONCE) as process:
        out, err = process.communicate(timeout=PATIENCE)
    ran = Ran(process.returncode, out, err)
    assert (ran.code, ran.document["counts"]) == (0, {"moved": 2})
    assert ran.err == "inbox-lifecycle: 0 of 2 inboxes: waits, the provider's rate limit is reached\n"


@pytest.mark.parametrize("colour", [True, False], ids=["colours", "NO_COLOR"])
def test_on_a_terminal_a_bar_shows_the_run_and_leaves_the_result_alone(
    small_terminal: Terminal, provider_sandbox: Sandbox, *, colour: bool
) -> None:
    """With how many are done, the outcomes, and what is waited for; in colours unless they are not wanted."""
    registered(small_terminal, 2)
    provider_sandbox.fail_next("throttle", retry_after=0.3)
    reader, writer = pty.openpty()
    settings = {"TERM": "xterm", "COLUMNS": "120"} | ({} if colour else {"NO_COLOR": "1"})
    with os.fdopen(reader, "rb", buffering=0) as screen:
        ran = subprocess.run(
            [*COMMAND, "retry-stuck", *AT_ONCE],
            env=small_terminal.environment | settings,
            stdout=subprocess.PIPE,
            stderr=writer,
            check=True,
            timeout=PATIENCE,
        )
        os.close(writer)
        seen = screen.read(1_000_000).decode()
    assert ran.stdout.startswith(b'{"counts": {"moved": 2}')
    for shown in ("retrying", "0/2", "waits, the provider's rate limit is reached"):
        assert shown in seen
    assert ("\x1b[3" in seen) == colour


def test_broken_off_by_a_signal_the_run_says_how_to_go_on(small_terminal: Terminal, provider_sandbox: Sandbox) -> None:
    """It ends with the signal's code; the next run, once the claims are over, moves every inbox, and none twice."""
    inboxes = registered(small_terminal, 2)
    provider_sandbox.fail_next("throttle", retry_after=60)
    with small_terminal.start("retry-stuck", *AT_ONCE) as process:
        assert process.stderr is not None
        assert "waits" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    so_far = "0 of 2 inboxes are accounted for, and what it had claimed is free again in about "
    told = re.fullmatch(rf"inbox-lifecycle: interrupted: {so_far}(\d+) s: run it again then\n", err)
    assert (process.returncode, out, told is not None) == (130, "", True)
    with small_terminal.start("retry-stuck", *AT_ONCE) as process:
        out, err = process.communicate(timeout=PATIENCE)
    held = "2 stuck inboxes are held by other runs or calls just now: where those are gone, run it again in about "
    assert (process.returncode, err) == (0, f"inbox-lifecycle: {held}{told and told[1]} s\n")
    with looking(small_terminal) as look:
        assert look.at(StuckInboxes(utc_now() + timedelta(hours=1))).number == 2
        in_an_hour = utc_now() + timedelta(hours=1)
        assert [look.at(HeldInboxes(in_an_hour, owner)).number for owner in (None, "acme", "another")] == [2, 2, 0]
    assert small_terminal.run("retry-many", *(inbox.id for inbox in inboxes), *OLGA).document["counts"] == {"taken": 2}
    assert small_terminal.database is not None
    small_terminal.database.expire_leases()
    assert small_terminal.run("retry-stuck", *AT_ONCE).code == 0
    assert [small_terminal.standing(inbox) for inbox in inboxes] == [WARMING] * 2


def test_a_fleet_of_two_providers_is_served_by_both_and_a_missing_key_stops_one_alone(
    small_terminal: Terminal, smartlead_sandbox: SmartleadSandbox
) -> None:
    """Each inbox is asked for at the provider in its row; where that one's key is missing, it is told of that inbox."""
    smartlead_sandbox.set_account("sue@mail.example.com")
    small_terminal.settings |= {"INBOX_LIFECYCLE_PROVIDER": "smartlead"}
    ran = small_terminal.run("register", "sue@mail.example.com", "--owner", "acme")
    sue, ida = ran.document["account"], small_terminal.register("ida@mail.example.com")
    assert sue["provider"] == "smartlead"
    unserved = small_terminal.run("retry-stuck", *AT_ONCE)
    outcomes = {each["id"]: (each["outcome"], each["reason"]) for each in unserved.document["inboxes"]}
    assert outcomes == {sue["id"]: ("rejected", "no key, set SMARTLEAD_API_KEY"), ida.id: ("moved", None)}
    assert unserved.code == 20
    alone = small_terminal.run("retry-warmup", sue["id"], "--owner", "acme")
    assert (alone.code, "set SMARTLEAD_API_KEY" in alone.err) == (20, True)
    small_terminal.settings |= {
        "SMARTLEAD_API_KEY": smartlead_sandbox.api_key,
        "SMARTLEAD_BASE_URL": smartlead_sandbox.base_url,
    }
    served = small_terminal.run("retry-stuck", *AT_ONCE)
    assert (served.code, served.document["counts"], smartlead_sandbox.warming("sue@mail.example.com")) == (
        0,
        {"moved": 1},
        True,
    )
    malformed = small_terminal.run("retry-stuck", *AT_ONCE, "--provider-url", "smartlead.example.com")
    assert (malformed.code, "--provider-url: base_url needs its scheme" in malformed.err) == (2, True)


def test_lines_are_said_now_and_then_and_when_waiting_begins() -> None:
    """A log of a long run stays short: rate and remaining time are those so far."""
    said: list[str] = []
    now = [0.0]
    lines = Lines(said.append, clock=lambda: now[0])

    def tell(seconds: float, done: int, waiting_for: str | None = None) -> None:
        now[0] = seconds
        lines(BulkProgress(done=done, total=400, counts={"moved": done - 1, "not_found": 1}, waiting_for=waiting_for))

    tell(1.0, 10)
    tell(EVERY, 100)
    tell(EVERY + 1, 110)
    tell(EVERY + 2, 110, "busy")
    tell(EVERY + 3, 110, "busy")
    tell(2 * EVERY + 3, 400)
    assert said == [
        "100 of 400 inboxes, 20.0/s, 15 s left: 99 moved, 1 not found",
        "110 of 400 inboxes, 15.7/s, 18 s left: 109 moved, 1 not found; waits, the provider is busy",
        "400 of 400 inboxes, 30.8/s: 399 moved, 1 not found",
    ]
