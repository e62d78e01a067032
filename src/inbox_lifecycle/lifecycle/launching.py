"""Launching a campaign from its senders: who may send is decided first, then the provider is asked.

Theory of operation
    1. One statement loads the senders that the caller may see, and opens an attempt on each with a claim, which names
       the campaign. A unique index over open attempts lets one launch of a campaign at a time have the claim on a
       sender. Launches of one campaign that share no sender keep nothing from each other and may both ask, which does
       no harm: to launch a campaign that runs is a success. Unknown, foreign and erased senders leave nothing. The
       statement can be run twice.
    2. Every sender gets a verdict. If one may not send, nothing is sent, and the attempts close as refused.
    3. A claim that was not got is another launch's. One past its lease was broken off: it is closed as abandoned, as
       `reconcile` would do, and the claims are asked for once more. One that is alive is let be, and the caller is told
       for how long at most.
    4. The provider is asked. Nothing is held meanwhile but the claims.
    5. One statement closes all attempts. From the acceptance on it is finished even if the caller is cancelled, and
       its failing never changes the answer: the campaign runs.

    A launch moves no inbox, so nothing is fenced here: an attempt says what a caller did. Where the provider's answer
    was lost, the attempts stay open, and keep other launches of this campaign away until their lease is over.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, Inbox, InboxId
from inbox_lifecycle.errors import (
    InvalidInput,
    LaunchInProgress,
    ProviderOutcomeUnknown,
    SendersRefused,
    StoreError,
)
from inbox_lifecycle.flow import Flow, again, shield
from inbox_lifecycle.lifecycle.record import look_until
from inbox_lifecycle.lifecycle.sending import Launch, judge_senders
from inbox_lifecycle.lifecycle.warmup import Failure, failure_of, provider_or_failure
from inbox_lifecycle.providers.port import Activated, Unknown
from inbox_lifecycle.store.launching import (
    AbandonLaunches,
    CloseLaunch,
    Closing,
    Holder,
    LaunchHolders,
    OpenLaunch,
    Sender,
)
from inbox_lifecycle.terms import Terms
from inbox_lifecycle.verdict import Clause, Verdict

logger = logging.getLogger("inbox_lifecycle")

#: How often the claims are asked for: once more after a launch that was broken off, or that ended just then.
_TRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchCall:
    """One call: who launches what, from which senders."""

    campaign_id: str
    #: None for an operator.
    owner_id: str | None
    #: The attempt on each sender, in the order they were named.
    attempts: Mapping[InboxId, AttemptId]
    context: Context

    @property
    def claim(self) -> str:
        """What one launch at a time may have of a sender."""
        return f"launch {self.campaign_id}"


@dataclass(frozen=True, slots=True)
class _Ending:
    """How the attempts of a launch close that was not one, and what its caller is told."""

    outcome: str
    #: JSON-ready, for each attempt.
    details: Mapping[InboxId, Any]
    error: Exception


Senders = dict[InboxId, Inbox]


def launch_campaign(terms: Terms, call: LaunchCall) -> Flow[Launch]:
    """Load, own, claim, judge, ask, record: the launch.

    Raises:
        SendersRefused: a sender is not there for this caller, or not active.
        LaunchInProgress: another launch of this campaign is alive.
        InvalidInput: the senders are with different providers.
        ProviderError: the provider did not accept, or its outcome is unknown.
        StoreUnavailable, SchemaMismatch: the database could not be asked; nothing was sent.
    """
    senders, ending = yield from _claim(terms, call)
    ending = ending or (yield from _ask(terms, call, senders))
    if ending is not None:
        yield from _fail(terms, call, ending)
        raise ending.error
    yield from shield(terms.recording_budget)
    yield from _record_launched(terms, call)
    return Launch(campaign_id=call.campaign_id, senders=tuple(senders[inbox_id] for inbox_id in call.attempts))


def _claim(terms: Terms, call: LaunchCall) -> Flow[tuple[Senders, _Ending | None]]:
    """The senders, every one of them claimed and active; or what stands in the way."""
    statement = OpenLaunch(
        owner_id=call.owner_id,
        attempts=call.attempts,
        claim=call.claim,
        now=terms.clock(),
        lease=terms.call_budget,
        context=call.context,
    )
    senders: Senders = {}
    for _ in range(_TRIES):
        opened = yield from again(statement)
        senders = {sender.inbox.id: sender.inbox for sender in opened}
        refused = _judge(call, senders)
        if refused is not None:
            return senders, refused
        rivals = yield from _rivals(call, opened)
        if rivals is None:
            return senders, _judge_providers(senders)
        left = max((rival.left for rival in rivals), default=0.0)
        if left > 0:
            return senders, _in_progress(call, senders, left)
        yield from _abandon(terms, call, rivals)
    return senders, _in_progress(call, senders, None)


def _judge(call: LaunchCall, senders: Senders) -> _Ending | None:
    verdicts: dict[str, Verdict] = dict(judge_senders(tuple(call.attempts), senders, owner_id=call.owner_id))
    refused = sum(not verdict.holds for verdict in verdicts.values())
    if not refused:
        return None
    told = Clause("senders", "all active", f"{refused} of {len(verdicts)} refused", held=False)
    # Each attempt tells its own sender's verdict, and why one that may send was refused with the others.
    details = {one: [*verdicts[one].as_list(), told.as_dict()] for one in senders}
    return _Ending("refused", details, SendersRefused(verdicts))


def _rivals(call: LaunchCall, opened: Iterable[Sender]) -> Flow[tuple[Holder, ...] | None]:
    """The attempts that have claims which were not got, if they are still open; None where all claims were got."""
    missed = {sender.inbox.id for sender in opened if not sender.held}
    if not missed:
        return None
    statement = LaunchHolders(owner_id=call.owner_id, inbox_ids=tuple(sorted(missed)), claim=call.claim)
    holders = yield from again(statement)
    # A first run of the opening whose answer was lost may have ended after the second one began.
    own = {holder.inbox_id for holder in holders if holder.attempt_id == call.attempts[holder.inbox_id]}
    return None if own == missed else tuple(holder for holder in holders if holder.inbox_id not in own)


def _abandon(terms: Terms, call: LaunchCall, rivals: Iterable[Holder]) -> Flow[None]:
    statement = AbandonLaunches(
        owner_id=call.owner_id,
        inbox_ids=tuple(sorted(rival.inbox_id for rival in rivals)),
        claim=call.claim,
        now=terms.clock(),
        detail={"outcome": "unknown"},
    )
    if statement.inbox_ids:
        yield from again(statement)


def _judge_providers(senders: Senders) -> _Ending | None:
    if len({inbox.provider for inbox in senders.values()}) == 1:
        return None
    details = {
        inbox.id: [Clause("provider", "the same for all senders", inbox.provider, held=False).as_dict()]
        for inbox in senders.values()
    }
    error = InvalidInput("the senders are with different providers: launch with those of one provider")
    return _Ending("refused", details, error)


def _in_progress(call: LaunchCall, senders: Senders, left: float | None) -> _Ending:
    verdict = Verdict((Clause("launch", "none open", "open", held=False),))
    return _Ending("refused", dict.fromkeys(senders, verdict.as_list()), LaunchInProgress(call.campaign_id, left))


def _ask(terms: Terms, call: LaunchCall, senders: Senders) -> Flow[_Ending | None]:
    inbox = next(iter(senders.values()))
    provider = provider_or_failure(terms, inbox)
    if isinstance(provider, Failure):
        return _of_campaign(call, provider)
    answer = yield from provider.activate_campaign(call.campaign_id)
    if isinstance(answer, Activated):
        return None
    if isinstance(answer, Unknown):
        # Not a closing: the attempts stay open until their lease is over.
        raise ProviderOutcomeUnknown(inbox.provider, answer.reason)
    return _of_campaign(call, failure_of(inbox.provider, answer))


def _of_campaign(call: LaunchCall, failure: Failure) -> _Ending:
    said: Any = failure.detail
    detail = {"campaign_id": call.campaign_id, **said}
    return _Ending(failure.outcome, dict.fromkeys(call.attempts, detail), failure.error)


def _fail(terms: Terms, call: LaunchCall, ending: _Ending) -> Flow[None]:
    try:
        if ending.details:
            yield from again(_closing(terms, call, ending.outcome, ending.details))
    except StoreError as late:
        # The answer is known; only its record is late, and `reconcile` will close it.
        logger.warning("the attempts of %s stay open: %s", call.claim, late)


def _record_launched(terms: Terms, call: LaunchCall) -> Flow[None]:
    details = {one: {"campaign_id": call.campaign_id} for one in call.attempts}
    deadline = terms.monotonic() + terms.recording_budget
    try:
        yield from look_until(terms, deadline, _closing(terms, call, "launched", details))
    except StoreError as late:
        logger.warning("the attempts of %s stay open, though it was launched: %s", call.claim, late)


def _closing(terms: Terms, call: LaunchCall, outcome: str, details: Mapping[InboxId, Any]) -> CloseLaunch:
    # In order of id, so that two closings never wait for each other crosswise.
    closings = tuple(Closing(one, call.attempts[one], details[one]) for one in sorted(details))
    return CloseLaunch(owner_id=call.owner_id, outcome=outcome, closings=closings, now=terms.clock())
