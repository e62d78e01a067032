"""Every command once, run as a user runs it, on SQLite and on PostgreSQL."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from inbox_lifecycle.testing import Sandbox
from tests.support.commands import ANA, Terminal
from tests.support.databases import TestDatabase

WARMING = ("warming / warming", 2, 2)
PENDING = ("pending / not_started", 1, 1)


@pytest.fixture
def terminal(tmp_path: Path, database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with a migrated database, SQLite and again PostgreSQL, and a provider."""
    return Terminal(tmp_path, database, provider_sandbox)


@pytest.fixture
def small_terminal(tmp_path: Path, sqlite_database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with an SQLite database and a provider, for what no database can change."""
    return Terminal(tmp_path, sqlite_database, provider_sandbox)


def test_registering_puts_a_pending_inbox_on_record(terminal: Terminal) -> None:
    """`register` prints the row that the database then has."""
    ran = terminal.run("register", ANA, "--owner", "acme")
    row = ran.document["account"]
    assert (ran.code, row["email_address"], row["owner_id"], row["provider"]) == (0, ANA, "acme", "instantly")
    with terminal.inboxes() as inboxes:
        assert inboxes.get(row["id"], owner_id="acme").version == row["version"] == 1


def test_registering_with_a_failing_first_attempt_succeeds_and_keeps_it_on_record(terminal: Terminal) -> None:
    """`register --start-warmup` prints the pending inbox although the provider throttled."""
    assert terminal.sandbox is not None
    terminal.sandbox.fail_next("throttle", retry_after=2)
    ran = terminal.run("register", ANA, "--owner", "acme", "--start-warmup")
    row = ran.document["account"]
    assert (ran.code, row["status"], row["warmup_status"]) == (0, "pending", "not_started")
    with terminal.inboxes() as inboxes:
        assert [attempt.outcome for attempt in inboxes.attempts(row["id"], owner_id="acme")] == ["throttled"]


def test_retrying_moves_the_inbox_and_prints_its_row(terminal: Terminal) -> None:
    """`retry-warmup` asks the provider once and prints the moved row, all of its fields under `account`."""
    inbox = terminal.register()
    ran = terminal.run("retry-warmup", "--id", inbox.id, "--owner", "acme", "--format", "json")
    row = ran.document["account"]
    assert (ran.code, list(ran.document)) == (0, ["account"])
    assert set(row) == set(inbox.__slots__)
    assert (row["id"], row["status"], row["warmup_status"], row["version"]) == (inbox.id, "warming", "warming", 2)
    assert terminal.standing(inbox) == WARMING
    assert terminal.sandbox is not None
    assert terminal.sandbox.enable_calls(ANA) == 1


def test_a_call_repeated_with_its_key_gives_the_same_success(small_terminal: Terminal) -> None:
    """The second `retry-warmup` with the same --idempotency-key prints what the first one printed."""
    inbox = small_terminal.register()
    call = ("retry-warmup", "--id", inbox.id, "--owner", "acme", "--idempotency-key", "k-1")
    first, second = small_terminal.run(*call), small_terminal.run(*call)
    assert (first.code, second.code, second.document) == (0, 0, first.document)
    assert small_terminal.standing(inbox) == WARMING


def test_starting_as_an_operator_puts_its_name_on_record(terminal: Terminal) -> None:
    """`start-warmup --as-operator` works across owners, and the event names operator, reason and request."""
    inbox = terminal.register()
    said = ("--as-operator", "olga", "--reason", "by hand", "--correlation-id", "r-7")
    ran = terminal.run("start-warmup", inbox.id, *said)
    assert (ran.code, terminal.standing(inbox), terminal.outcomes(inbox)) == (0, WARMING, ["moved"])
    with terminal.inboxes() as inboxes:
        context = list(inboxes.history(inbox.id, owner_id="acme"))[1].context
    assert (context.actor, context.reason, context.correlation_id) == ("olga", "by hand", "r-7")


def test_showing_prints_the_row(terminal: Terminal) -> None:
    """`show` prints it under `account`."""
    inbox = terminal.register()
    ran = terminal.run("show", inbox.id, "--owner", "acme")
    assert (ran.code, ran.document["account"]["id"], ran.document["account"]["version"]) == (0, inbox.id, 1)


def test_showing_as_a_table_names_each_field(small_terminal: Terminal) -> None:
    """`show --format table` prints a field a line."""
    inbox = small_terminal.register()
    ran = small_terminal.run("show", inbox.id, "--owner", "acme", "--format", "table")
    fields = dict(line.split("  ", 1) for line in ran.out.splitlines())
    assert (ran.code, fields["id"].strip(), fields["status"].strip()) == (0, inbox.id, "pending")


def test_finding_keeps_to_the_filters_and_pages_on(terminal: Terminal) -> None:
    """`find` gives the operator the pending inboxes of one domain, a page at a time."""
    terminal.warm("wes@mail.example.com")
    terminal.register("ned@post.example.com")
    wanted = [terminal.register(f"{name}@mail.example.com", owner=name).id for name in ("ana", "bo")]
    query = ("find", "--as-operator", "olga", "--status", "pending", "--domain", "mail.example.com", "--limit", "1")
    first = terminal.run(*query).document
    second = terminal.run(*query, "--after", first["next_after"]).document
    assert [row["id"] for page in (second, first) for row in page["accounts"]] == wanted
    assert second["next_after"] is None


def test_an_owner_finds_its_own_inboxes_only(small_terminal: Terminal) -> None:
    """`find --owner` leaves out the inboxes of others."""
    small_terminal.register("bo@mail.example.com", owner="another")
    inbox = small_terminal.register()
    ran = small_terminal.run("find", "--owner", "acme")
    assert [row["id"] for row in ran.document["accounts"]] == [inbox.id]


def test_the_history_comes_as_one_event_a_line_with_what_its_hash_covers(terminal: Terminal) -> None:
    """`history` prints the entries as written, so that anybody can compute the hashes and the chain again."""
    inbox = terminal.warm()
    ran = terminal.run("history", inbox.id, "--owner", "acme")
    events = ran.lines
    assert (ran.code, [event["name"] for event in events]) == (0, ["inbox.registered", "inbox.warmup_started"])
    assert [event["hash"] for event in events] == [
        hashlib.sha256(b"\x00" + event["entry"].encode()).hexdigest() for event in events
    ]
    assert [event["previous_hash"] for event in events] == [None, events[0]["hash"]]


def test_the_attempts_come_as_one_a_line_with_their_outcomes(terminal: Terminal) -> None:
    """`attempts` prints a refused one with its verdict."""
    inbox = terminal.warm()
    assert terminal.run("retry-warmup", inbox.id, "--owner", "acme").code == 13
    ran = terminal.run("attempts", inbox.id, "--as-operator", "olga")
    assert (ran.code, [attempt["outcome"] for attempt in ran.lines]) == (0, ["moved", "refused"])
    assert [clause["field"] for clause in ran.lines[1]["detail"]] == ["status", "warmup_status"]


def test_verifying_a_sound_database_finds_nothing(terminal: Terminal) -> None:
    """`verify` counts what it looked at."""
    terminal.warm()
    terminal.register("bo@mail.example.com")
    ran = terminal.run("verify")
    report = ran.document
    assert (ran.code, report["clean"], report["findings"]) == (0, True, [])
    assert (report["inboxes"], report["events"], report["attempts"]) == (2, 3, 1)


def test_verifying_one_inbox_looks_at_no_other(small_terminal: Terminal) -> None:
    """`verify ID` counts the events of that inbox alone."""
    inbox = small_terminal.warm()
    small_terminal.register("bo@mail.example.com")
    report = small_terminal.run("verify", inbox.id).document
    assert (report["inboxes"], report["events"]) == (1, 2)


def test_reconciling_rolls_an_inbox_forward_whose_outcome_was_unknown(terminal: Terminal) -> None:
    """`reconcile` asks the provider for the truth about an attempt past its lease."""
    assert terminal.database is not None
    assert terminal.sandbox is not None
    inbox = terminal.register()
    terminal.sandbox.fail_next("cut", email=ANA)
    terminal.sandbox.fail_next("error", on="account", email=ANA)
    assert terminal.run("retry-warmup", inbox.id, "--owner", "acme").code == 24
    assert (terminal.standing(inbox), terminal.outcomes(inbox)) == (PENDING, [None])
    terminal.database.expire_leases()
    ran = terminal.run("reconcile")
    assert (ran.code, ran.document["moved"]) == (0, 1)
    assert (terminal.standing(inbox), terminal.outcomes(inbox)) == (WARMING, ["moved"])


def test_banning_takes_the_inbox_out(terminal: Terminal) -> None:
    """`ban` moves to banned / banned in the operator's name."""
    inbox = terminal.register()
    ran = terminal.run("ban", inbox.id, "--as-operator", "olga", "--reason", "spam", "--expected-version", "1")
    assert (ran.code, ran.document["account"]["status"]) == (0, "banned")
    assert terminal.standing(inbox) == ("banned / banned", 2, 2)


def test_correcting_sets_the_named_pair(terminal: Terminal) -> None:
    """`correct` moves to any other pair, with a reason."""
    inbox = terminal.warm()
    pair = ("--status", "pending", "--warmup-status", "not_started")
    ran = terminal.run("correct", inbox.id, "--as-operator", "olga", "--reason", "it does not warm", *pair)
    assert (ran.code, terminal.standing(inbox)) == (0, ("pending / not_started", 3, 3))


def test_taking_back_a_failed_warmup_makes_the_inbox_pending_again(terminal: Terminal) -> None:
    """`fail-warmup` goes by what the provider says."""
    assert terminal.sandbox is not None
    inbox = terminal.warm()
    terminal.sandbox.set_account(ANA, warmup_status=0)
    ran = terminal.run("fail-warmup", inbox.id, "--as-operator", "olga")
    assert (ran.code, terminal.standing(inbox)) == (0, ("pending / not_started", 3, 3))


def test_graduating_goes_by_the_figures_of_the_provider(terminal: Terminal) -> None:
    """`graduate` moves an inbox with a good reputation to active / active."""
    assert terminal.sandbox is not None
    inbox = terminal.warm()
    terminal.sandbox.set_account(ANA, reputation=95, total_sent=300)
    ran = terminal.run("graduate", inbox.id, "--as-operator", "olga")
    assert (ran.code, terminal.standing(inbox)) == (0, ("active / active", 3, 3))


def test_asked_for_one_inbox_in_both_ways_the_answer_is_the_same(small_terminal: Terminal) -> None:
    """`ID` and `--id ID` are the same."""
    inbox = small_terminal.register()
    one = small_terminal.run("show", inbox.id, "--owner", "acme")
    other = small_terminal.run("show", "--id", inbox.id, "--owner", "acme")
    assert (one.code, other.code, one.out) == (0, 0, other.out)
