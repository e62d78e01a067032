"""A launch step by step: what it asks for in which order, and what every lost answer means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from inbox_lifecycle import Launch, LaunchInProgress, SendersRefused, Status, WarmupStatus
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId
from inbox_lifecycle.errors import ProviderOutcomeUnknown, ProviderRejected, StoreContended, StoreUnavailable
from inbox_lifecycle.flow import Flow, Shield
from inbox_lifecycle.lifecycle.launching import LaunchCall, launch_campaign
from inbox_lifecycle.store.launching import Closing, Holder, Sender
from tests.support.steps import PENDING, Clock, close_after, play, terms

ANA = replace(PENDING, status=Status.ACTIVE, warmup_status=WarmupStatus.ACTIVE)
OWN = AttemptId("018f3b5e-0000-7000-8000-0000000000a1")
RIVAL = AttemptId("018f3b5e-0000-7000-8000-0000000000b1")

HELD = (Sender(ANA, held=True),)
MISSED = (Sender(ANA, held=False),)
LAUNCHED = httpx.Response(200, json={"id": "c-1", "status": 1})
GONE = StoreUnavailable("08006", maybe_applied=True)


def launch(clock: Clock | None = None) -> Flow[Launch]:
    """A launch from one sender."""
    call = LaunchCall(campaign_id="c-1", owner_id="owner", attempts={ANA.id: OWN}, context=Context(owner_id="owner"))
    return launch_campaign(terms(clock), call)


def test_the_shortest_way_is_two_statements_around_one_request() -> None:
    """From the acceptance on it is finished whoever is cancelled."""
    played = play(launch(), HELD, LAUNCHED, None, 1)
    assert played.names == ["open_launch", "Send", "Shield", "close_launch"]
    assert played.value == Launch(campaign_id="c-1", senders=(ANA,))
    assert played.steps[2] == Shield(15.0)
    opening, closing = played.statement(0), played.statement(3)
    assert (opening.claim, opening.lease, opening.owner_id) == ("launch c-1", 25.0, "owner")
    assert (closing.outcome, closing.owner_id) == ("launched", "owner")
    assert closing.closings == (Closing(ANA.id, OWN, {"campaign_id": "c-1"}),)
    assert played.request(1).url.path == "/api/v2/campaigns/c-1/activate"


def test_an_opening_whose_answer_was_lost_is_run_again_as_it_was() -> None:
    """With the same ids, so that it finds its own attempts if the first run took effect."""
    played = play(launch(), GONE, HELD, LAUNCHED, None, 1)
    assert played.names == ["open_launch", "open_launch", "Send", "Shield", "close_launch"]
    assert played.statement(0) is played.statement(1)


def test_an_opening_that_landed_after_its_second_run_began_has_its_claim() -> None:
    """The second run saw neither a free claim nor its own attempt; a newer look does."""
    played = play(launch(), GONE, MISSED, (Holder(ANA.id, OWN, 24.0),), LAUNCHED, None, 1)
    assert played.names == ["open_launch", "open_launch", "launch_holders", "Send", "Shield", "close_launch"]
    assert played.value == Launch(campaign_id="c-1", senders=(ANA,))


def test_a_database_that_cannot_be_asked_sends_nothing() -> None:
    """Two connections in a row."""
    played = play(launch(), GONE, GONE)
    assert isinstance(played.error, StoreUnavailable)


def test_a_launch_that_is_alive_is_let_be() -> None:
    """The caller is told for how long, and what it had opened is closed."""
    played = play(launch(), MISSED, (Holder(ANA.id, RIVAL, 12.5),), 0)
    assert played.names == ["open_launch", "launch_holders", "close_launch"]
    assert isinstance(played.error, LaunchInProgress)
    assert (played.error.campaign_id, played.error.retry_after) == ("c-1", 12.5)
    assert played.statement(2).outcome == "refused"


def test_a_launch_past_its_lease_is_abandoned_and_the_claim_asked_for_once_more() -> None:
    """Its outcome stays unknown, as where `reconcile` gives it up."""
    played = play(launch(), MISSED, (Holder(ANA.id, RIVAL, -0.5),), 1, HELD, LAUNCHED, None, 1)
    assert played.names[1:5] == ["launch_holders", "abandon_launches", "open_launch", "Send"]
    assert played.statement(2).detail == {"outcome": "unknown"}
    assert played.statement(2).inbox_ids == (ANA.id,)


def test_a_launch_that_has_just_ended_leaves_the_claim_to_be_asked_for_once_more() -> None:
    """There is nothing to abandon; and a second miss is told as a launch under way."""
    played = play(launch(), MISSED, (), HELD, LAUNCHED, None, 1)
    assert played.names == ["open_launch", "launch_holders", "open_launch", "Send", "Shield", "close_launch"]
    played = play(launch(), MISSED, (), MISSED, (), 0)
    assert isinstance(played.error, LaunchInProgress)
    assert played.error.retry_after is None


def test_a_sender_that_may_not_send_ends_it_before_any_claim_is_looked_at() -> None:
    """Whether or not its claim was got."""
    played = play(launch(), (Sender(PENDING, held=False),), 0)
    assert played.names == ["open_launch", "close_launch"]
    assert isinstance(played.error, SendersRefused)


def test_a_sender_that_is_not_there_leaves_nothing_to_close() -> None:
    """Not even a statement that would close nothing."""
    played = play(launch(), ())
    assert played.names == ["open_launch"]
    assert isinstance(played.error, SendersRefused)


def test_a_refusal_that_cannot_be_closed_is_the_same_refusal() -> None:
    """Failing to close changes no answer."""
    assert isinstance(play(launch(), HELD, httpx.Response(402), GONE, GONE).error, ProviderRejected)
    assert isinstance(play(launch(), (Sender(PENDING, held=True),), GONE, GONE).error, SendersRefused)


def test_an_unknown_outcome_closes_nothing() -> None:
    """Not even where the database is well."""
    played = play(launch(), HELD, httpx.Response(500))
    assert played.names == ["open_launch", "Send"]
    assert isinstance(played.error, ProviderOutcomeUnknown)


@pytest.mark.parametrize("failure", [GONE, StoreContended("40P01")], ids=["gone", "contended"])
def test_a_closing_that_fails_is_tried_within_its_budget_and_changes_no_answer(failure: Exception) -> None:
    """The campaign runs."""
    clock = Clock()
    flow = launch(clock)
    assert play(launch(), HELD, LAUNCHED, None, failure, 1).value == Launch(campaign_id="c-1", senders=(ANA,))
    for answer in (None, HELD, LAUNCHED, None):
        flow.send(answer)
    clock.seconds = 15.0
    with pytest.raises(StopIteration) as ended:
        flow.throw(failure)
    assert ended.value.value == Launch(campaign_id="c-1", senders=(ANA,))


LONGEST: tuple[Any, ...] = (MISSED, (Holder(ANA.id, RIVAL, -1.0),), 1, HELD, LAUNCHED, None)


@pytest.mark.parametrize("taken", range(len(LONGEST) + 1))
def test_closing_the_flow_at_any_step_does_nothing(taken: int) -> None:
    """An abandoned launch asks for no further step."""
    close_after(launch(), *LONGEST[:taken])
