"""Syncing: what the provider says, held against what the rows say; what the rules allow is moved, the rest reported.

A page of inboxes is read first, then the provider is asked about all of them in batches, and then each is moved on its
own at the version that was read: whatever moved meanwhile is left to the next run. What the provider's word means for
an inbox stands in `provider_word`. Run twice, the second run moves nothing; any number of runs may work at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from inbox_lifecycle.codec import EVENT_NAMES
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import Inbox, InboxId, Pair, ReputationPolicy, WarmupState
from inbox_lifecycle.errors import ConcurrencyConflict, InboxNotFound, TransitionRefused
from inbox_lifecycle.flow import Flow, again, done
from inbox_lifecycle.lifecycle import moves
from inbox_lifecycle.lifecycle.provider_word import Asked, Differs, Heard, Unread, decide_by_word
from inbox_lifecycle.lifecycle.sending import WarmupAnalytics, by_provider, read_figures, warmed_page
from inbox_lifecycle.providers.port import Figures, NoFigures
from inbox_lifecycle.store.looks import GetInbox
from inbox_lifecycle.terms import Terms

#: Why there are no figures, where asking the account as well would only be the next request to fail.
_NO_USE_ASKING: Final = frozenset(
    {
        "account_not_looked_up",
        "account_unreadable",
        "another_provider_is_configured",
        "forbidden",
        "no_provider",
        "not_reached",
        "payment_required",
        "service_unavailable",
        "throttled",
        "unanswered",
        "unauthorised",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """An inbox that moved."""

    #: As it stands after the move.
    inbox: Inbox
    left: Pair
    reached: Pair
    #: The stored name of the event, such as `inbox.graduated`.
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """An inbox that is one thing here and another at the provider, and that no rule moves."""

    inbox: Inbox
    provider_says: WarmupState
    #: A short word of ours: `paused_at_provider`, `no_such_account`, `spam_folder_unknown`, `moved_meanwhile`, ...
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupSync:
    """What a sync saw and did."""

    #: Inboxes looked at.
    looked: int = 0
    #: The inboxes that moved, by id.
    transitions: Mapping[InboxId, Transition] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()
    #: Inboxes of which nothing could be learnt, and why, in a short word of ours.
    unread: Mapping[InboxId, str] = field(default_factory=dict)
    #: What was measured, by id; empty unless asked for.
    analytics: Mapping[InboxId, WarmupAnalytics] = field(default_factory=dict)

    @classmethod
    def of_pages(cls, pages: Sequence[WarmupSync]) -> WarmupSync:
        """All that was seen and done, page by page."""
        return cls(
            looked=sum(page.looked for page in pages),
            transitions={one: moved for page in pages for one, moved in page.transitions.items()},
            drift=tuple(drift for page in pages for drift in page.drift),
            unread={one: why for page in pages for one, why in page.unread.items()},
            analytics={one: measured for page in pages for one, measured in page.analytics.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a sync is to do, and in whose name."""

    #: Whose inboxes; None for all.
    owner_id: str | None
    policy: ReputationPolicy
    with_analytics: bool
    context: Context


def sync_page(terms: Terms, wish: Wish, *, after: InboxId) -> Flow[tuple[WarmupSync, InboxId | None]]:
    """Sync a page of inboxes: what was seen and done, and where the next page begins (None at the end)."""
    inboxes, following = yield from warmed_page(owner_id=wish.owner_id, after=after)
    figures = yield from read_figures(terms, inboxes)
    says = yield from _read_words(terms, inboxes, figures)
    transitions: dict[InboxId, Transition] = {}
    drift: list[Drift] = []
    unread: dict[InboxId, str] = {}
    for inbox in inboxes:
        heard = Heard(says[inbox.id], figures[inbox.id])
        outcome = yield from _sync(terms, wish, inbox, heard)
        match outcome:
            case Transition():
                transitions[inbox.id] = outcome
            case Drift():
                drift.append(outcome)
            case Unread(why):
                unread[inbox.id] = why
    measured = _measured(inboxes, figures) if wish.with_analytics else {}
    page = WarmupSync(
        looked=len(inboxes), transitions=transitions, drift=tuple(drift), unread=unread, analytics=measured
    )
    return page, following


def _sync(terms: Terms, wish: Wish, inbox: Inbox, heard: Heard) -> Flow[Transition | Drift | Unread | None]:
    decision = decide_by_word(inbox, heard, wish.policy)
    if isinstance(decision, tuple):
        return (yield from _move(terms, wish, inbox, heard, decision))
    if isinstance(decision, Differs):
        return Drift(inbox=inbox, provider_says=heard.says, why=decision.why)
    return decision


def _read_words(
    terms: Terms, inboxes: Iterable[Inbox], figures: Mapping[InboxId, Figures | NoFigures]
) -> Flow[Mapping[InboxId, WarmupState]]:
    """The provider's word on each warmup: with the figures where there are some, asked for besides where not."""
    says: dict[InboxId, WarmupState] = {}
    silent: list[Inbox] = []
    for inbox in inboxes:
        measured = figures[inbox.id]
        if isinstance(measured, Figures):
            says[inbox.id] = measured.warmup
        else:
            says[inbox.id] = WarmupState.UNKNOWN
            silent += [] if measured.reason in _NO_USE_ASKING else [inbox]
    served, _ = by_provider(terms, silent)
    for group in served:
        said = yield from group.provider.read_warmup(group.mailboxes)
        says |= {inbox.id: said.get(inbox.id, WarmupState.UNKNOWN) for inbox in group.inboxes}
    return says


def _move(terms: Terms, wish: Wish, inbox: Inbox, heard: Heard, asked: Asked) -> Flow[Transition | Drift | None]:
    """The inbox as it moved, or what became of it meanwhile; None where it was erased."""
    _, event = asked
    request = moves.Request(inbox_id=inbox.id, context=wish.context, expected_version=inbox.version)
    try:
        moved = yield from moves.move(terms, request, type(event), lambda _terms, _inbox: done(asked))
    except (ConcurrencyConflict, TransitionRefused):
        return (yield from _moved_meanwhile(inbox, heard))
    except InboxNotFound:
        return None
    return Transition(inbox=moved, left=inbox.pair, reached=moved.pair, event=EVENT_NAMES[type(event)][0])


def _moved_meanwhile(inbox: Inbox, heard: Heard) -> Flow[Drift | None]:
    seen = yield from again(GetInbox(inbox_id=inbox.id, owner_id=None))
    # What was read before an erasure is not told after it.
    if seen is None or seen.inbox.erased_at is not None:
        return None
    return Drift(inbox=seen.inbox, provider_says=heard.says, why="moved_meanwhile")


def _measured(
    inboxes: Iterable[Inbox], figures: Mapping[InboxId, Figures | NoFigures]
) -> Mapping[InboxId, WarmupAnalytics]:
    return {inbox.id: WarmupAnalytics(inbox=inbox, figures=figures[inbox.id]) for inbox in inboxes}
