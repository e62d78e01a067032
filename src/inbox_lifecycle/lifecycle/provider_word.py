"""What the provider's word means for an inbox: which command it stands for, and what is only reported.

Theory of operation
    The provider is asked for its word on the warmup (`WarmupState`) and for its figures. Each word names the commands
    that may follow from it, the strongest first. The rules of the domain decide: the first command that they allow is
    the decision, so that nothing here compares a status to find out whether an inbox may move.

        banned, suspended                 ban
        spam folder unknown               ban, if the policy says so
        not warming, nothing ever sent    fail_warmup: the accepted job failed
        warming, job pending, not warming graduate, by the figures and the policy
        absent, unknown                   nothing

    Where no command is allowed, the word is held against the warmup status. What agrees is left alone. What does not is
    drift, which is reported and never moved: a mailbox that somebody paused at the provider is no failed job, and an
    account that is missing may only mean the key of another workspace, which would move every inbox at once.

    "Nothing was ever sent" is a figure of zero, or the provider's word that it has measured nothing yet. Figures that
    could not be had say nothing about that, so nothing is taken back on them. A job that is still pending is no "no":
    the account may be about to warm. No usable word at all decides nothing.

    A decision holds for the version that was read before the provider was asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from inbox_lifecycle.domain import (
    Ban,
    Command,
    FailWarmup,
    Graduate,
    Inbox,
    InboxBanned,
    InboxEvent,
    InboxGraduated,
    ReputationPolicy,
    SpamFolderPolicy,
    WarmupFailed,
    WarmupState,
    WarmupStatus,
    judge,
)
from inbox_lifecycle.providers.port import Figures, NoFigures

#: A command, and the event that records it.
Asked = tuple[Command, InboxEvent]

#: Why there are no figures of a mailbox that has not sent yet, as adapters say it.
NOT_MEASURED: Final = "not_measured_yet"


@dataclass(frozen=True, slots=True)
class Heard:
    """What the provider said of an inbox."""

    says: WarmupState
    figures: Figures | NoFigures


@dataclass(frozen=True, slots=True)
class Differs:
    """It is one thing here and another there, and no rule moves it."""

    why: str


@dataclass(frozen=True, slots=True)
class Unread:
    """Nothing could be learnt."""

    why: str


def decide_by_word(inbox: Inbox, heard: Heard, policy: ReputationPolicy) -> Asked | Differs | Unread | None:
    """What is to be done about an inbox; None where it is what the provider says."""
    if heard.says is WarmupState.UNKNOWN:
        return Unread(_why_unread(heard.figures))
    for asked in _candidates(heard, policy):
        if judge(inbox.state, asked[0]).holds:
            return asked
    if heard.says in _AGREES[inbox.warmup_status]:
        return None
    return Differs(_word_for(heard))


def graduation(figures: Figures, policy: ReputationPolicy) -> Asked:
    """Letting an inbox send, on these figures."""
    command = Graduate(reputation=figures.reputation, total_sent=figures.total_sent, policy=policy)
    return command, InboxGraduated(reputation=figures.reputation or 0, total_sent=figures.total_sent)


def failing(said: WarmupState) -> Asked:
    """Taking a warmup back, on this word."""
    return FailWarmup(said), WarmupFailed(provider_says=said.value)


def banning() -> Asked:
    """Taking an inbox out."""
    return Ban(), InboxBanned()


_SAYS_OUT: Final = frozenset({WarmupState.BANNED, WarmupState.SUSPENDED})
_ON_ITS_WAY: Final = frozenset({WarmupState.WARMING, WarmupState.JOB_PENDING})
# The figures of an inbox whose spam folder is not found leave out what landed there: nobody graduates on them.
_EARNS_BY_FIGURES: Final = _ON_ITS_WAY | {WarmupState.NOT_WARMING}

#: The words that say the same as a warmup status.
_AGREES: Final = {
    WarmupStatus.NOT_STARTED: frozenset({WarmupState.NOT_WARMING, WarmupState.ABSENT}),
    WarmupStatus.WARMING: _ON_ITS_WAY,
    WarmupStatus.ACTIVE: _ON_ITS_WAY,
    WarmupStatus.BANNED: _SAYS_OUT,
}

_WORDS: Final = {
    WarmupState.WARMING: "warming_at_provider",
    WarmupState.JOB_PENDING: "warming_at_provider",
    WarmupState.NOT_WARMING: "not_warming",
    WarmupState.BANNED: "banned_at_provider",
    WarmupState.SUSPENDED: "suspended_at_provider",
    WarmupState.SPAM_FOLDER_UNKNOWN: "spam_folder_unknown",
    WarmupState.ABSENT: "no_such_account",
}


def _candidates(heard: Heard, policy: ReputationPolicy) -> Iterator[Asked]:
    bans_unknown = policy.spam_folder_unknown is SpamFolderPolicy.BAN
    if heard.says in _SAYS_OUT or (heard.says is WarmupState.SPAM_FOLDER_UNKNOWN and bans_unknown):
        yield banning()
    if heard.says is WarmupState.NOT_WARMING and _has_sent(heard) is False:
        yield failing(heard.says)
    if heard.says in _EARNS_BY_FIGURES and isinstance(heard.figures, Figures):
        yield graduation(heard.figures, policy)


def _has_sent(heard: Heard) -> bool | None:
    """Whether anything was ever sent; None where that is not known."""
    if isinstance(heard.figures, Figures):
        return heard.figures.total_sent > 0
    return False if heard.figures.reason == NOT_MEASURED else None


def _why_unread(figures: Figures | NoFigures) -> str:
    if isinstance(figures, NoFigures) and figures.reason != NOT_MEASURED:
        return figures.reason
    return "no_usable_answer"


def _word_for(heard: Heard) -> str:
    if heard.says is WarmupState.NOT_WARMING and _has_sent(heard):
        return "paused_at_provider"
    return _WORDS[heard.says]
