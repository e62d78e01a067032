"""The Instantly adapter's smaller promises: its settings, its words for a no, waits it was told, and whole batches."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from inbox_lifecycle import InvalidInput
from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.flow import Unanswered
from inbox_lifecycle.providers.http import refusal
from inbox_lifecycle.providers.instantly import API, BATCH, Instantly
from inbox_lifecycle.providers.port import (
    Busy,
    DailyFigures,
    Disabled,
    Figures,
    Mailbox,
    NoFigures,
    Rejected,
    Unavailable,
)
from tests.support.steps import account, job, play

PROVIDER = Instantly(api_key="key-1", timeout=3.0)
TOLD = {"Retry-After": "7"}


def mailboxes(count: int) -> list[Mailbox]:
    """As many mailboxes."""
    return [Mailbox(InboxId(f"id-{number}"), f"inbox{number}@example.com") for number in range(count)]


def measured(**figures: object) -> httpx.Response:
    """Analytics of the first mailbox."""
    return httpx.Response(200, json={"aggregate_data": {"inbox0@example.com": figures}, "email_date_data": {}})


def figures_of(*answers: object) -> Any:
    """What the figures of the first mailbox come to."""
    return play(PROVIDER.read_analytics(mailboxes(1)), *answers).value[InboxId("id-0")]


def test_the_environment_names_the_key_and_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two variables, of which the second is for sandboxes."""
    monkeypatch.setenv("INSTANTLY_API_KEY", "key-2")
    monkeypatch.setenv("INSTANTLY_BASE_URL", "http://localhost:1")
    assert Instantly.from_environment() == Instantly(api_key="key-2", base_url="http://localhost:1")


def test_without_an_address_in_the_environment_the_service_itself_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable is none."""
    monkeypatch.setenv("INSTANTLY_API_KEY", "key-2")
    monkeypatch.setenv("INSTANTLY_BASE_URL", "")
    assert Instantly.from_environment() == Instantly(api_key="key-2", base_url=API)


@pytest.mark.parametrize("key", [None, ""], ids=["unset", "empty"])
def test_without_a_key_in_the_environment_there_is_no_adapter(key: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable to set."""
    monkeypatch.delenv("INSTANTLY_API_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("INSTANTLY_API_KEY", key)
    with pytest.raises(InvalidInput, match="INSTANTLY_API_KEY"):
        Instantly.from_environment()


def test_a_service_that_is_down_says_when_to_come_again() -> None:
    """A 503 may carry the same header as a 429."""
    assert refusal(httpx.Response(503, headers=TOLD), missing="x") == Unavailable("service_unavailable", 7.0)


def test_a_wait_with_spaces_around_it_is_a_wait() -> None:
    """Headers may be padded."""
    assert refusal(httpx.Response(503, headers={"retry-after": " 7 "}), missing="x") == Unavailable(
        "service_unavailable", 7.0
    )


def test_a_busy_workspace_says_when_to_come_again() -> None:
    """The wait of the 409 reaches the caller once the account was found not to warm."""
    played = play(PROVIDER.enable_warmup(mailboxes(1)), httpx.Response(409, headers=TOLD), account(0))
    assert played.value == {InboxId("id-0"): Busy(7.0)}


def test_only_a_yes_is_looked_for_after_a_doubtful_enable() -> None:
    """An account that is paused changes nothing, so the job list is not asked: one request for each mailbox."""
    played = play(PROVIDER.enable_warmup(mailboxes(2)), Unanswered(), account(0), account(0))
    assert [played.request(position).url.path.rpartition("/")[2] for position in range(3)] == [
        "enable",
        "inbox0@example.com",
        "inbox1@example.com",
    ]


def test_an_account_that_is_not_there_is_a_no_in_our_word() -> None:
    """Whatever the provider calls it."""
    played = play(PROVIDER.enable_warmup(mailboxes(1)), httpx.Response(404))
    assert played.value == {InboxId("id-0"): Rejected(404, "no_such_account")}


def test_batches_are_stopped_each_with_its_own_answer() -> None:
    """None of the first hundred is forgotten over the second."""
    played = play(PROVIDER.disable_warmup(mailboxes(BATCH + 1)), job(id="first"), job(id="second"))
    assert list(played.value.values()) == [Disabled("first")] * BATCH + [Disabled("second")]


def test_figures_come_in_batches_and_a_failed_one_is_not_the_others() -> None:
    """The second hundred is asked for though the first was refused, and the third though the second was."""
    refused = (httpx.Response(402), httpx.Response(503))
    played = play(
        PROVIDER.read_analytics(mailboxes(2 * BATCH + 1)), *refused, httpx.Response(200, json={"aggregate_data": {}})
    )
    answers = list(played.value.values())
    assert answers[:BATCH] == [NoFigures("payment_required")] * BATCH
    assert answers[BATCH:-1] == [NoFigures("service_unavailable")] * BATCH
    assert answers[-1] == NoFigures("not_measured_yet")


def test_figures_of_an_account_that_is_gone_are_none() -> None:
    """What was measured once says nothing of now."""
    assert figures_of(measured(sent=500), httpx.Response(404)) == NoFigures("no_such_account")


def test_a_day_without_counts_is_a_day_of_nothing() -> None:
    """The provider leaves out what is zero."""
    days = {"2030-01-02": {}, "2030-01-01": {"sent": 3, "received": 2}}
    told = {
        "aggregate_data": {"inbox0@example.com": {"sent": 3}},
        "email_date_data": {"inbox0@example.com": days},
    }
    found = figures_of(httpx.Response(200, json=told), account(1))
    assert isinstance(found, Figures)
    assert found.warmup is WarmupState.WARMING
    assert found.daily == (
        DailyFigures(date="2030-01-01", sent=3, received=2),
        DailyFigures(date="2030-01-02", sent=0, received=0),
    )


def test_nothing_but_slashes_is_cut_from_a_base_url() -> None:
    """A proxy's path may end in any letter."""
    provider = Instantly(api_key="key-1", base_url="http://localhost:1/proxyX//")
    played = play(provider.activate_campaign("c"), httpx.Response(404))
    assert str(played.request(0).url) == "http://localhost:1/proxyX/api/v2/campaigns/c/activate"
