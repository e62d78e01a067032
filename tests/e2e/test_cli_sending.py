"""Commands around sending: syncing with the provider, its figures, who may send, and launching a campaign."""

from __future__ import annotations

from pathlib import Path

import pytest

from inbox_lifecycle import Inbox
from inbox_lifecycle.testing import Sandbox, WarmupCode
from tests.support.commands import ANA, Terminal
from tests.support.contract import UNKNOWN_ID
from tests.support.databases import TestDatabase

BO, CY, DI = "bo@mail.example.com", "cy@mail.example.com", "di@mail.example.com"
OLGA = ("--as-operator", "olga")
CAMPAIGN = "3f6a2d10-8c4e-4b7f-a1d2-5e9c0b7f6a31"


@pytest.fixture
def terminal(tmp_path: Path, database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with a migrated database, SQLite and again PostgreSQL, and a provider."""
    return Terminal(tmp_path, database, provider_sandbox)


@pytest.fixture
def small_terminal(tmp_path: Path, sqlite_database: TestDatabase, provider_sandbox: Sandbox) -> Terminal:
    """A shell with an SQLite database and a provider, for what no database can change."""
    return Terminal(tmp_path, sqlite_database, provider_sandbox)


def active(terminal: Terminal, address: str) -> Inbox:
    """An inbox that may send."""
    inbox = terminal.register(address)
    with terminal.inboxes() as inboxes:
        return inboxes.operator(actor="tess").correct(
            inbox.id, status="active", warmup_status="active", reason="it is known"
        )


def test_syncing_moves_what_the_rules_let_move_and_lists_the_rest(
    terminal: Terminal, provider_sandbox: Sandbox
) -> None:
    """One graduates, one is banned, one is paused over there, of one nothing is known; and again nothing moves."""
    ana, bo, cy, di = (terminal.warm(address) for address in (ANA, BO, CY, DI))
    provider_sandbox.set_account(ANA, reputation=95, total_sent=300)
    provider_sandbox.set_account(BO, warmup_status=WarmupCode.BANNED)
    provider_sandbox.set_account(CY, warmup_status=WarmupCode.PAUSED, total_sent=7)
    provider_sandbox.fail_next("error", on="account", email=DI, times=100)
    ran = terminal.run("sync-warmup", *OLGA, "--reason", "nightly")
    document = ran.document
    assert (ran.code, document["looked"]) == (0, 4)
    moved = {each["id"]: (each["event"], each["to"]["status"]) for each in document["transitions"]}
    assert moved == {ana.id: ("inbox.graduated", "active"), bo.id: ("inbox.banned", "banned")}
    assert [(each["id"], each["provider_says"]) for each in document["drift"]] == [(cy.id, "not_warming")]
    assert [each["id"] for each in document["unread"]] == [di.id]
    assert terminal.standing(ana) == ("active / active", 3, 3)
    again = terminal.run("sync-warmup", *OLGA, "--owner", "acme", "--format", "table")
    lines = [line.split() for line in again.out.splitlines()]
    assert again.code == 0
    assert ["moved", "0"] in lines
    assert any(line[:2] == [cy.id, "not_warming"] for line in lines)


def test_figures_are_shown_and_an_inbox_without_any_is_told_with_the_reason(
    small_terminal: Terminal, provider_sandbox: Sandbox
) -> None:
    """As JSON and as a table; nothing moves by it."""
    ana, bo = small_terminal.warm(ANA), small_terminal.warm(BO)
    provider_sandbox.set_account(ANA, reputation=95, total_sent=300, landed_spam=2, daily={"2026-05-01": (4, 3)})
    ran = small_terminal.run("warmup-analytics", "--owner", "acme")
    figures = ran.document["analytics"][ana.id]
    assert (ran.code, list(ran.document)) == (0, ["analytics", "unavailable", "transitions"])
    assert (figures["total_sent"], figures["landed_spam"], figures["reputation"], figures["warmup"]) == (
        300,
        2,
        95,
        "warming",
    )
    assert figures["daily"] == [{"date": "2026-05-01", "sent": 4, "received": 3}]
    assert ran.document["unavailable"] == {bo.id: "not_measured_yet"}
    table = small_terminal.run("warmup-analytics", *OLGA, "--format", "table")
    lines = [line.split() for line in table.out.splitlines()]
    assert [ana.id, ANA, "300", "0", "2"] in [line[:5] for line in lines]
    assert [bo.id, "not_measured_yet"] in lines
    assert small_terminal.standing(ana) == ("warming / warming", 2, 2)


def test_a_campaign_is_launched_if_every_sender_may_send(terminal: Terminal, provider_sandbox: Sandbox) -> None:
    """`require-active` asks the same beforehand; whoever may not is named with the reason, and nothing is sent."""
    ana, bo, young = active(terminal, ANA), active(terminal, BO), terminal.register(CY)
    provider_sandbox.add_campaign(CAMPAIGN)
    ready = terminal.run("require-active", bo.id, ana.id, "--owner", "acme")
    assert (ready.code, [row["id"] for row in ready.document["accounts"]]) == (0, [bo.id, ana.id])
    senders = ("--sender", ana.id, "--sender", bo.id)
    for command in (
        ("require-active", ana.id, young.id, UNKNOWN_ID, "--owner", "acme"),
        ("launch-campaign", CAMPAIGN, *senders, "--sender", young.id, "--sender", UNKNOWN_ID, "--owner", "acme"),
    ):
        refused = terminal.run(*command)
        assert (refused.code, refused.out) == (13, "")
        assert f"inbox {young.id}: status should be active, found pending" in refused.err
        assert f"inbox {UNKNOWN_ID}: inbox should be yours, found not found" in refused.err
    assert not provider_sandbox.activated(CAMPAIGN)
    launched = terminal.run("launch-campaign", CAMPAIGN, *senders, *OLGA, "--correlation-id", "sale-7")
    assert launched.document == {"campaign_id": CAMPAIGN, "senders": [ana.id, bo.id], "correlation_id": "sale-7"}
    assert (launched.code, provider_sandbox.activated(CAMPAIGN)) == (0, True)
    assert terminal.outcomes(bo) == ["refused", "launched"]


def test_a_launch_says_what_it_lacks_and_what_the_provider_did(
    small_terminal: Terminal, provider_sandbox: Sandbox
) -> None:
    """Without senders it is wrong usage; while another one is under way, it is told to come again."""
    ana = active(small_terminal, ANA)
    assert small_terminal.run("launch-campaign", CAMPAIGN, "--owner", "acme").code == 2
    call = ("launch-campaign", CAMPAIGN, "--sender", ana.id, "--owner", "acme")
    provider_sandbox.fail_next("reject", on="activate", status=404)
    assert small_terminal.run(*call).code == 20
    provider_sandbox.fail_next("cut", on="activate")
    assert small_terminal.run(*call).code == 24
    busy = small_terminal.run(*call)
    assert (busy.code, f"a launch of campaign {CAMPAIGN} is under way" in busy.err) == (18, True)
