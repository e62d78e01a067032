"""The command line through the HTTP API: what it prints and how it ends is as it is on a database."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

import pytest

from inbox_lifecycle import Inboxes, Signer
from inbox_lifecycle.cli.options import Reach, WrongUsage
from inbox_lifecycle.cli.remote import client_of
from inbox_lifecycle.testing import ProviderSandbox, Sandbox
from tests.fix_face import MakeFace
from tests.support.canned import canned
from tests.support.commands import PATIENCE, Ran, Terminal
from tests.support.contract import ACTIVE, ANA, OWNER, UNKNOWN_ID, adopted, born, crosswise, outcomes, warming
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, Face
from tests.support.hosting import DRAFT, TOKEN, Host, site_of
from tests.support.serving import Web

SIGNER = Signer.generate("example.com/inboxes")
BO = "bo@mail.example.com"


@dataclass(frozen=True)
class Shells:
    """Two shells: one whose environment names a database and a provider, and one that has an API and a token."""

    here: Terminal
    there: Terminal

    def run(self, *arguments: str) -> tuple[Ran, Ran]:
        """The same command in both."""
        return self.here.run(*arguments, "--owner", OWNER), self.there.run(*arguments)


@pytest.fixture
def face(make: MakeFace) -> AnyFace:
    """A facade that signs."""
    return make(signer=SIGNER)


@pytest.fixture
def shells(  # noqa: PLR0917 - pytest passes fixtures by name
    tmp_path: Path, web: Web, host: Host, face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> Iterator[Shells]:
    """A shell on the database, and one that knows nothing but the API over it."""
    signing = {"INBOX_LIFECYCLE_SIGNING_KEY": SIGNER.text}
    here = Terminal(tmp_path, database, provider_sandbox, settings=signing)
    with site_of(web, host.application(face)) as site:
        settings = {"INBOX_LIFECYCLE_API": f"{site.url}/api", "INBOX_LIFECYCLE_TOKEN": TOKEN}
        yield Shells(here, Terminal(tmp_path, settings=settings))


@crosswise
def test_what_is_shown_is_the_same_to_the_letter(face: AnyFace, shells: Shells) -> None:
    """One inbox, many, a history, its attempts, as JSON and as tables; and a proof of it."""
    ana = warming(face)
    born(face, BO, provider_ref="ref-7")
    for command in (
        ("show", ana.id),
        ("find", "--status", "pending"),
        ("find", "--limit", "1"),
        ("find", "--format", "table"),
        ("history", ana.id),
        ("history", ana.id, "--format", "table"),
        ("attempts", ana.id),
        ("attempts", ana.id, "--format", "table"),
        ("prove", ana.id),
    ):
        here, there = shells.run(*command)
        assert (there.code, there.out) == (0, here.out), command


@crosswise
def test_a_retry_prints_the_moved_row_and_names_its_caller(face: AnyFace, shells: Shells) -> None:
    """The person on record is the token's; the correlation id goes along, and a key gives the same success again."""
    inbox = born(face)
    said = ("--idempotency-key", "k-1", "--correlation-id", "ticket-7")
    first, second = (shells.there.run("retry-warmup", inbox.id, *said) for _ in range(2))
    assert (first.code, second.code, second.out) == (0, 0, first.out)
    assert shells.here.run("show", inbox.id, "--owner", OWNER).out == first.out
    context = face.history(inbox.id, owner_id=OWNER)[1].context
    assert (context.actor, context.correlation_id, context.idempotency_key) == ("ana", "ticket-7", "k-1")


@crosswise
def test_what_fails_ends_with_the_same_code_and_the_same_line(
    face: AnyFace, shells: Shells, provider_sandbox: ProviderSandbox
) -> None:
    """Not there, refused, malformed, and what a provider did: whoever reads the line needs no other help."""
    warm, stuck = warming(face), born(face, BO)
    for command, code in (
        (("show", UNKNOWN_ID), 12),
        (("history", UNKNOWN_ID), 12),
        (("show", "seven"), 10),
        (("retry-warmup", warm.id), 13),
    ):
        here, there = shells.run(*command)
        assert (there.code, there.out, there.err) == (code, "", here.err) == (here.code, here.out, here.err)
    for order, code in (("busy", 22), ("throttle", 21), ("cut", 24)):
        provider_sandbox.fail_next(order, times=2, after_effect=False, retry_after=7)
        provider_sandbox.fail_next("error", on="account", times=2)
        here, there = shells.run("retry-warmup", stuck.id)
        provider_sandbox.clear_failures()
        assert (there.code, there.err) == (code, here.err)
        assert here.code == code
    assert face.get(stuck.id, owner_id=OWNER).version == 1


@crosswise
def test_figures_and_launches_go_through_the_api(
    face: AnyFace, shells: Shells, host: Host, provider_sandbox: Sandbox
) -> None:
    """Figures are the same, and what they moved is told too; whose campaign it is, the API's host knows."""
    ana, bo = warming(face), adopted(face, ACTIVE, BO)
    provider_sandbox.set_account(ANA, reputation=50, total_sent=7, total_received=5, daily={"2026-05-01": (4, 3)})
    here, there = shells.run("warmup-analytics")
    assert (there.code, there.document) == (0, here.document)
    assert (there.document["analytics"][ana.id]["total_sent"], list(there.document["unavailable"])) == (7, [bo.id])
    provider_sandbox.set_account(ANA, reputation=95, total_sent=300)
    graduated = shells.there.run("warmup-analytics", "--format", "table")
    assert (graduated.code, [ana.id, "active", "/", "active"] in _words(graduated)) == (0, True)
    host.senders = [bo.id]
    provider_sandbox.add_campaign(DRAFT)
    launched = shells.there.run("launch-campaign", DRAFT, "--correlation-id", "sale-7")
    assert (launched.code, launched.document) == (
        0,
        {"campaign_id": DRAFT, "senders": None, "correlation_id": "sale-7"},
    )
    assert (provider_sandbox.activated(DRAFT), outcomes(face, bo)) == (True, ["launched"])
    host.senders = [bo.id, born(face, "cy@mail.example.com").id]
    refused = shells.there.run("launch-campaign", DRAFT)
    assert (refused.code, "status should be active, found pending" in refused.err) == (13, True)


def _words(ran: Ran) -> list[list[str]]:
    return [line.split() for line in ran.out.splitlines()]


def test_a_call_broken_off_on_its_way_says_that_it_may_have_taken_effect(tmp_path: Path) -> None:
    """Ctrl-C ends the command, and not what the server does."""
    started: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()

    def interrupt(_: object) -> None:
        process = started.get(timeout=PATIENCE)
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)

    with canned(interrupt) as server:
        terminal = Terminal(tmp_path, settings={"INBOX_LIFECYCLE_API": server.url, "INBOX_LIFECYCLE_TOKEN": TOKEN})
        with terminal.start("retry-warmup", UNKNOWN_ID) as process:
            started.put(process)
            out, err = process.communicate(timeout=PATIENCE)
    said = "the call may have taken effect at the HTTP API: look before you call again"
    assert (process.returncode, out, err) == (130, "", f"inbox-lifecycle: interrupted: {said}\n")


def test_the_way_there_has_exit_codes_of_its_own(
    tmp_path: Path, web: Web, host: Host, sqlite_database: TestDatabase
) -> None:
    """A token that is not good, a server that is not there, a wrong base URL: each its code, and never the token."""
    with Inboxes(sqlite_database.url) as inboxes, site_of(web, host.application(Face(inboxes))) as site:
        terminal = Terminal(tmp_path, settings={"INBOX_LIFECYCLE_TOKEN": TOKEN})
        codes = []
        for arguments in (
            ("--api", f"{site.url}/api", "--token", "pk_live_nobodys"),
            ("--api", f"{site.url}/elsewhere"),
            ("--api", "http://127.0.0.1:9/api"),
            ("--api", f"{site.url}/api", "--database-url", "sqlite:///inboxes.db"),
            ("--api", f"{site.url}/api", "--owner", OWNER),
            ("--api", f"{site.url}/api", "--as-of", "2026-05-01T09:00:00Z"),
            ("--api", "http://host.example.com/api"),
            ("--api", "host.example.com"),
            ("--api", f"{site.url}/api", "--token", "pk live"),
        ):
            ran = terminal.run("find", *arguments)
            assert (ran.out, "pk_live" in ran.err, list(tmp_path.iterdir())) == ("", False, [])
            codes.append(ran.code)
    assert codes == [60, 61, 62, 2, 2, 2, 2, 2, 2]


def test_what_works_on_a_database_alone_says_so(tmp_path: Path, sqlite_database: TestDatabase) -> None:
    """Rather than work on another place than was meant; a database that is typed beats an API that is not."""
    settings = {"INBOX_LIFECYCLE_API": "https://host.example.com/api", "DATABASE_URL": sqlite_database.url}
    terminal = Terminal(tmp_path, settings=settings)
    for command in (("register", ANA, "--owner", OWNER), ("verify",), ("retry-stuck", "--as-operator", "olga")):
        refused = terminal.run(*command)
        assert (refused.code, "the HTTP API does not serve this command" in refused.err) == (2, True)
        assert terminal.run(*command, "--api", "https://host.example.com/api").code == 2
    assert "set INBOX_LIFECYCLE_TOKEN" in terminal.run("find").err
    typed = ("--database-url", sqlite_database.url)
    assert terminal.run("register", ANA, "--owner", OWNER, *typed).code == 0
    assert len(terminal.run("find", "--owner", OWNER, *typed).document["accounts"]) == 1


def test_plain_http_to_another_host_has_to_be_asked_for() -> None:
    """The token could be read on the way; the line says how to ask for it all the same."""
    there = Reach(api="http://host.example.com/api", token=TOKEN)
    with pytest.raises(WrongUsage, match="use https, or say --insecure"):
        client_of(there)
    client_of(replace(there, insecure=True)).close()
