"""The contract suite is sharp: an adapter that is wrong in one way breaks a promise, and is told which and how."""
# ruff: noqa: D102 - each adapter here says in its own docstring what its one method does wrong

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from inbox_lifecycle import Smartlead
from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.flow import Flow, sleep
from inbox_lifecycle.providers.port import (
    ActivateAnswer,
    Activated,
    DisableAnswer,
    Disabled,
    EnableAnswer,
    Enabled,
    Figures,
    Mailbox,
    NoFigures,
    Rejected,
    Throttled,
    Unavailable,
    Unknown,
)
from inbox_lifecycle.testing import SmartleadSandbox
from inbox_lifecycle.testing.provider_contract import check_provider, promises


class Trusting(Smartlead):
    """Takes every answer for a yes."""

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        yield from Smartlead.enable_warmup(self, mailboxes)
        return {mailbox.inbox_id: Enabled() for mailbox in mailboxes}


class Rash(Smartlead):
    """Calls a lost answer a no."""

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        answers = yield from Smartlead.enable_warmup(self, mailboxes)
        return {one: Rejected(None, "lost") if isinstance(said, Unknown) else said for one, said in answers.items()}


class Stubborn(Smartlead):
    """Asks again when it is refused."""

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        answers = yield from Smartlead.enable_warmup(self, mailboxes)
        if any(isinstance(said, Rejected) for said in answers.values()):
            answers = yield from Smartlead.enable_warmup(self, mailboxes)
        return answers


class Slow(Smartlead):
    """Waits for longer than it says."""

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        if mailboxes:
            yield from sleep(self.budget)
        return (yield from Smartlead.enable_warmup(self, mailboxes))


class Forgetful(Smartlead):
    """Loses a mailbox of each batch."""

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        return (yield from Smartlead.enable_warmup(self, mailboxes[:2]))


class Talkative(Smartlead):
    """Repeats what should stay where it is."""

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        for mailbox in mailboxes:
            logging.getLogger("zx").debug("enabling %s", mailbox.email_address)
        return (yield from Smartlead.enable_warmup(self, mailboxes))


class Wordy(Smartlead):
    """Gives reasons of many words."""

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        answers = yield from Smartlead.enable_warmup(self, mailboxes)
        return {
            one: Rejected(400, "The provider said no!") if isinstance(said, Rejected) else said
            for one, said in answers.items()
        }


class Hurried(Smartlead):
    """Makes up how long to wait."""

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        answers = yield from Smartlead.enable_warmup(self, mailboxes)
        return {one: Throttled(60.0) if said == Throttled(None) else said for one, said in answers.items()}


class Hopeful(Smartlead):
    """Calls every warmup stopped."""

    def disable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, DisableAnswer]]:
        yield from Smartlead.disable_warmup(self, mailboxes)
        return {mailbox.inbox_id: Disabled() for mailbox in mailboxes}


class Guessing(Smartlead):
    """Takes what it cannot read for a no."""

    def read_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, WarmupState]]:
        states = yield from Smartlead.read_warmup(self, mailboxes)
        return {
            one: WarmupState.NOT_WARMING if state is WarmupState.UNKNOWN else state for one, state in states.items()
        }


class Tireless(Smartlead):
    """Asks for each of many, however silent the provider is."""

    def read_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, WarmupState]]:
        states: dict[InboxId, WarmupState] = {}
        for mailbox in mailboxes:
            states |= yield from Smartlead.read_warmup(self, [mailbox])
        return states


class Inventive(Smartlead):
    """Makes up what was sent."""

    def read_analytics(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, Figures | NoFigures]]:
        yield from Smartlead.read_analytics(self, mailboxes)
        made_up = Figures(
            total_sent=200,
            total_received=0,
            landed_spam=0,
            health_score=None,
            health_score_label=None,
            reputation=100,
            warmup=WarmupState.WARMING,
        )
        return {mailbox.inbox_id: made_up for mailbox in mailboxes}


class Careless(Smartlead):
    """Launches whatever it is told to, and believes it."""

    def activate_campaign(self, campaign_id: str) -> Flow[ActivateAnswer]:
        answer = yield from Smartlead.activate_campaign(self, campaign_id)
        return Activated() if isinstance(answer, Unknown | Unavailable) else answer


class Raising(Smartlead):
    """Raises where it should answer."""

    def read_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, WarmupState]]:
        states = yield from Smartlead.read_warmup(self, mailboxes)
        if WarmupState.UNKNOWN in states.values():
            raise LookupError
        return states


WRONG: dict[type[Smartlead], set[str]] = {
    Trusting: {"a_clear_no_is_rejected_and_not_repeated", "each_mailbox_of_a_batch_is_told_the_truth"},
    Rash: {"an_answer_lost_without_an_effect_stays_unknown", "a_doubt_that_reading_cannot_settle_stays_unknown"},
    Stubborn: {"a_clear_no_is_rejected_and_not_repeated"},
    Slow: {"enable_makes_the_mailbox_warm"},
    Forgetful: {"each_mailbox_of_a_batch_is_told_the_truth"},
    Talkative: {"nothing_is_given_away_whatever_goes_wrong"},
    Wordy: {"a_clear_no_is_rejected_and_not_repeated"},
    Hurried: {"a_throttle_says_how_long_to_wait"},
    Hopeful: {"a_refused_disable_is_told", "a_lost_disable_is_judged_by_the_mailbox"},
    Guessing: {"a_mailbox_that_cannot_be_read_is_unknown", "a_success_with_an_odd_body_is_no_success"},
    Tireless: {"a_provider_that_answers_nothing_is_not_asked_for_ever"},
    Inventive: {"figures_are_never_made_up", "figures_that_cannot_be_read_are_none"},
    Careless: {"a_launch_that_fails_is_told_apart"},
    Raising: {"a_mailbox_that_cannot_be_read_is_unknown"},
}


def sandbox_of(adapter: type[Smartlead]) -> type[SmartleadSandbox]:
    """The sandbox, which gives this adapter for its own."""

    class Giving(SmartleadSandbox):
        def provider(self, *, base_url: str | None = None, timeout: float = 20.0) -> Smartlead:
            return adapter(api_key=self.api_key, base_url=base_url or self.base_url, timeout=timeout)

    return Giving


@pytest.mark.parametrize(("adapter", "broken"), WRONG.items(), ids=[adapter.__name__ for adapter in WRONG])
def test_adapter_that_is_wrong_breaks_its_promise(adapter: type[Smartlead], broken: set[str]) -> None:
    """Each of these is a mistake that somebody makes."""
    kept = [promise for promise in promises(sandbox_of(adapter)) if promise.name in broken]
    assert {promise.name for promise in kept} == broken
    for promise in kept:
        with pytest.raises((AssertionError, LookupError)):
            promise.check()


def test_broken_promise_is_told_with_what_was_ordered_asked_and_found() -> None:
    """Whoever reads it need not look into the suite."""
    (promise,) = (
        one for one in promises(sandbox_of(Stubborn)) if one.name == "a_clear_no_is_rejected_and_not_repeated"
    )
    with pytest.raises(AssertionError) as told:
        promise.check()
    assert str(told.value) == (
        "A refusal reaches the caller with its status, at once, and nothing warms.\n"
        "ordered  reject {'status': 302}\n"
        "asked    enable_warmup of 1 mailbox\n"
        "expected Rejected with 302\n"
        "found    Enabled(job_id=None)\n"
        "requests accounts, enable, accounts, enable"
    )


def test_whole_contract_is_checked_by_one_call_and_leaves_logging_as_it_was() -> None:
    """For those who want one test and no parametrizing."""
    before: list[Any] = [logging.getLogger().level, *logging.getLogger().handlers]
    assert check_provider(SmartleadSandbox) == len({promise.name for promise in promises(SmartleadSandbox)})
    assert [logging.getLogger().level, *logging.getLogger().handlers] == before


def test_every_promise_says_what_it_promises() -> None:
    """In a sentence, which is what a broken one is told with."""
    assert [str(promise) for promise in promises(SmartleadSandbox) if not promise.text.endswith(".")] == []
