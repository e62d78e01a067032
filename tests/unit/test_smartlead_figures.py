"""What Smartlead measured: three shapes, counters as numbers and as texts, and nothing made up."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from inbox_lifecycle import Figures, NoFigures, Smartlead
from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.providers.port import DailyFigures, Mailbox
from tests.support.steps import play

PROVIDER = Smartlead(api_key="k")
MAILBOX = Mailbox(InboxId("id"), "ana@example.com", "101")


def figures_of(stats: object, **details: object) -> Figures | NoFigures:
    """The figures of a mailbox, from its account and its figures."""
    account = httpx.Response(200, json={"warmup_details": {"status": "ACTIVE", **details}})
    said = stats if isinstance(stats, httpx.Response) else httpx.Response(200, json=stats)
    played = play(PROVIDER.read_analytics([MAILBOX]), account, said)
    assert played.request(1).url.path == "/api/v1/email-accounts/101/warmup-stats"
    found: Figures | NoFigures = played.value[InboxId("id")]
    return found


def measured(stats: object, **details: object) -> Figures:
    """Figures that there must be."""
    found = figures_of(stats, **details)
    assert isinstance(found, Figures)
    return found


LIVE = {
    "id": 7,
    "sent_count": "70",
    "spam_count": "3",
    "inbox_count": "67",
    "warmup_email_received_count": "50",
    "stats_by_date": [
        {"id": 2, "date": "2026-03-02", "sent_count": 40, "reply_count": 12, "save_from_spam_count": 1},
        {"id": 1, "date": "2026-03-01", "sent_count": "30", "reply_count": "9", "save_from_spam_count": 0},
    ],
}
DOCUMENTED = {
    "total_sent": 70,
    "spam_count": 3,
    "reputation_score": 95.9,
    "daily_stats": [
        {"date": "2026-03-01", "sent": 30, "spam": 1, "delivered": 29, "opened": 20, "replied": 9},
        {"date": "2026-03-02", "sent": 40, "spam": 2, "delivered": 38, "opened": 20, "replied": 12},
    ],
}
SPEC = {"total_sent": 70, "total_inbox": 67, "total_spam": 3, "warmup_reputation": "95%", "days_in_warmup": 2}

DAYS = (
    DailyFigures(date="2026-03-01", sent=30, received=9),
    DailyFigures(date="2026-03-02", sent=40, received=12),
)


@pytest.mark.parametrize(
    ("stats", "received", "reputation", "daily"),
    [(LIVE, 50, None, DAYS), (DOCUMENTED, 0, 95, DAYS), (SPEC, 0, 95, ())],
    ids=["live", "documented", "spec"],
)
def test_figures_of_every_shape_are_read(
    stats: dict[str, Any], received: int, reputation: int | None, daily: tuple[DailyFigures, ...]
) -> None:
    """What is sent, what the reference has and what the specification has come to the same counts."""
    assert measured(stats) == Figures(
        total_sent=70,
        total_received=received,
        landed_spam=3,
        health_score=None,
        health_score_label=None,
        reputation=reputation,
        warmup=WarmupState.WARMING,
        daily=daily,
    )


def test_account_counts_from_the_beginning_and_the_figures_of_a_week() -> None:
    """The largest count is the nearest to the whole, whichever of the two has it."""
    found = measured(LIVE, total_sent_count=450, total_spam_count="2", warmup_reputation=99)
    assert (found.total_sent, found.landed_spam, found.reputation) == (450, 3, 99)
    assert measured(LIVE, total_sent_count=0).total_sent == 70


@pytest.mark.parametrize(
    "odd", ["many", "", "-1", "1.5", "\uff11", -1, 1.5, True, None, [], {}, "9" * 16, 2**53], ids=repr
)
def test_count_that_is_none_is_not_made_up(odd: object) -> None:
    """A mailbox graduates by what it sent: what is no count does not count, and only null says that none was taken."""
    assert figures_of({"sent_count": odd}) == NoFigures("not_measured_yet" if odd is None else "unreadable")
    assert measured({"sent_count": "5", "spam_count": odd}, total_sent_count=odd).total_sent == 5


@pytest.mark.parametrize(
    ("told", "reputation"),
    [(95, 95), (95.9, 95), ("100%", 100), (" 95.9 % ", 95), ("95", 95), (0, 0)]
    + [(odd, None) for odd in ("high", "", "%", True, None, 101, -1, 2**70, 10**400, "1000%", [90])],
    ids=repr,
)
def test_reputation_is_rounded_down_and_of_a_hundred(told: object, reputation: int | None) -> None:
    """With and without its percent sign; what is no score of a hundred earns nothing."""
    assert measured({"sent_count": 5}, warmup_reputation=told).reputation == reputation


@pytest.mark.parametrize(
    ("stats", "reason"),
    [
        (httpx.Response(200, content=b"<html>"), "unreadable"),
        (httpx.Response(200, json=[]), "unreadable"),
        (httpx.Response(200, json={"ok": False, "message": "zx", "sent_count": "5"}), "refused"),
        (httpx.Response(200, json=LIVE | {"stats_by_date": [{"date": "yesterday"}]}), "unreadable"),
        (httpx.Response(200, json=LIVE | {"stats_by_date": {}}), "unreadable"),
        (httpx.Response(429), "throttled"),
        (httpx.Response(500), "server_error"),
        (httpx.Response(404), "no_such_account"),
        (httpx.Response(200, json={}), "unreadable"),
        (httpx.Response(200, json={"sent_count": None, "total_sent": None}), "not_measured_yet"),
    ],
)
def test_figures_that_cannot_be_had_are_told_in_a_word(stats: httpx.Response, reason: str) -> None:
    """Why there are none, never what the provider wrote."""
    assert figures_of(stats) == NoFigures(reason)


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (httpx.Response(404), "no_such_account"),
        (httpx.Response(200, json={}), "unreadable"),
        (httpx.Response(503), "service_unavailable"),
    ],
)
def test_account_that_cannot_be_read_has_no_figures(account: httpx.Response, reason: str) -> None:
    """And they are not asked for."""
    assert play(PROVIDER.read_analytics([MAILBOX]), account).value == {"id": NoFigures(reason)}


def test_mailbox_that_never_warmed_has_sent_nothing() -> None:
    """Its zeros are the provider's, and its state is a definite no."""
    account = httpx.Response(200, json={"warmup_details": None})
    said = httpx.Response(200, json={"sent_count": "0", "stats_by_date": None})
    (found,) = play(PROVIDER.read_analytics([MAILBOX]), account, said).value.values()
    assert (found.total_sent, found.warmup, found.daily) == (0, WarmupState.NOT_WARMING, ())
    without = play(PROVIDER.read_analytics([MAILBOX]), account, httpx.Response(200, json={}))
    assert without.value == {"id": NoFigures("unreadable")}
    nothing = play(PROVIDER.read_analytics([MAILBOX]), account, httpx.Response(200, json={"sent_count": None}))
    assert nothing.value == {"id": NoFigures("not_measured_yet")}
