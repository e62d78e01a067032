"""What the provider's word means, over every word and every pair there can be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inbox_lifecycle import Figures, InvalidInput, NoFigures, ReputationPolicy, Status, WarmupState, WarmupStatus
from inbox_lifecycle.domain import (
    Ban,
    FailWarmup,
    Graduate,
    InboxBanned,
    InboxGraduated,
    SpamFolderPolicy,
    WarmupFailed,
)
from inbox_lifecycle.lifecycle.provider_word import Differs, Heard, Unread, decide_by_word
from tests.support.steps import ERASED, WARMING

REPORTS = ReputationPolicy()
BANS = ReputationPolicy(spam_folder_unknown=SpamFolderPolicy.BAN)

EARNED = {"reputation": 90, "total_sent": 200}
UNPROVEN = {"reputation": 89, "total_sent": 200}
NEW = {"reputation": 90, "total_sent": 0}
UNMEASURED = "not_measured_yet"
UNREADABLE = "unreadable"

#: One row for each status, one letter for each warmup status: not_started, warming, active, banned.
#: b: ban, f: fail_warmup, g: graduate, d: drift, u: unread, a dot: left alone.
TABLE = [
    ("warming", EARNED, REPORTS, "d..d dg.d d..d d..d"),
    ("warming", UNPROVEN, REPORTS, "d..d d..d d..d d..d"),
    ("warming", NEW, REPORTS, "d..d d..d d..d d..d"),
    ("warming", UNMEASURED, REPORTS, "d..d d..d d..d d..d"),
    ("job_pending", EARNED, REPORTS, "d..d dg.d d..d d..d"),
    ("job_pending", UNPROVEN, REPORTS, "d..d d..d d..d d..d"),
    ("job_pending", NEW, REPORTS, "d..d d..d d..d d..d"),
    ("job_pending", UNMEASURED, REPORTS, "d..d d..d d..d d..d"),
    ("not_warming", EARNED, REPORTS, ".ddd .gdd .ddd .ddd"),
    ("not_warming", UNPROVEN, REPORTS, ".ddd .ddd .ddd .ddd"),
    ("not_warming", NEW, REPORTS, ".ddd .fdd .ddd .ddd"),
    ("not_warming", UNMEASURED, REPORTS, ".ddd .fdd .ddd .ddd"),
    ("not_warming", UNREADABLE, REPORTS, ".ddd .ddd .ddd .ddd"),
    ("banned", EARNED, REPORTS, "bbbb bbbb bbbb ddd."),
    ("banned", UNMEASURED, REPORTS, "bbbb bbbb bbbb ddd."),
    ("suspended", EARNED, REPORTS, "bbbb bbbb bbbb ddd."),
    ("suspended", UNMEASURED, REPORTS, "bbbb bbbb bbbb ddd."),
    ("spam_folder_unknown", EARNED, REPORTS, "dddd dddd dddd dddd"),
    ("spam_folder_unknown", UNMEASURED, REPORTS, "dddd dddd dddd dddd"),
    ("spam_folder_unknown", EARNED, BANS, "bbbb bbbb bbbb dddd"),
    ("spam_folder_unknown", UNMEASURED, BANS, "bbbb bbbb bbbb dddd"),
    ("absent", UNMEASURED, BANS, ".ddd .ddd .ddd .ddd"),
    ("absent", EARNED, BANS, ".ddd .ddd .ddd .ddd"),
    ("unknown", EARNED, BANS, "uuuu uuuu uuuu uuuu"),
    ("unknown", UNMEASURED, BANS, "uuuu uuuu uuuu uuuu"),
]

LETTERS = {Ban: "b", FailWarmup: "f", Graduate: "g", Differs: "d", Unread: "u", type(None): "."}


def heard(says: str, told: dict[str, int] | str) -> Heard:
    """What the provider said: its word, and the figures or why there are none."""
    word = WarmupState(says)
    if isinstance(told, str):
        return Heard(word, NoFigures(told))
    figures = Figures(
        reputation=told["reputation"],
        total_sent=told["total_sent"],
        total_received=0,
        landed_spam=0,
        health_score=None,
        health_score_label=None,
        warmup=word,
    )
    return Heard(word, figures)


@pytest.mark.parametrize(("says", "told", "policy", "expected"), TABLE)
def test_every_word_means_one_thing_in_every_pair(
    says: str, told: dict[str, int] | str, policy: ReputationPolicy, expected: str
) -> None:
    """All sixteen pairs: what is moved, what is only reported, and what is left alone."""
    rows = []
    for status in Status:
        row = ""
        for warmup_status in WarmupStatus:
            inbox = replace(WARMING, status=status, warmup_status=warmup_status)
            decision = decide_by_word(inbox, heard(says, told), policy)
            row += LETTERS[type(decision[0] if isinstance(decision, tuple) else decision)]
        rows.append(row)
    assert " ".join(rows) == expected


def test_the_table_leaves_no_word_out() -> None:
    """Every word that a provider can say."""
    assert {says for says, *_ in TABLE} == set(WarmupState)


@pytest.mark.parametrize(
    ("says", "told", "event"),
    [
        ("banned", UNMEASURED, InboxBanned()),
        ("not_warming", NEW, WarmupFailed(provider_says="not_warming")),
        ("warming", EARNED, InboxGraduated(reputation=90, total_sent=200)),
    ],
)
def test_a_move_is_recorded_with_what_was_heard(says: str, told: dict[str, int] | str, event: object) -> None:
    """The facts in the event are those that decided."""
    decision = decide_by_word(WARMING, heard(says, told), REPORTS)
    assert isinstance(decision, tuple)
    assert decision[1] == event


@pytest.mark.parametrize(
    ("says", "told", "said"),
    [
        ("not_warming", UNPROVEN, Differs("paused_at_provider")),
        ("not_warming", UNREADABLE, Differs("not_warming")),
        ("absent", UNMEASURED, Differs("no_such_account")),
        ("spam_folder_unknown", UNMEASURED, Differs("spam_folder_unknown")),
        ("unknown", UNMEASURED, Unread("no_usable_answer")),
        ("unknown", EARNED, Unread("no_usable_answer")),
        ("unknown", "throttled", Unread("throttled")),
    ],
)
def test_what_is_not_moved_is_told_in_a_word(says: str, told: dict[str, int] | str, said: object) -> None:
    """A short word of ours that a report can be searched for."""
    assert decide_by_word(WARMING, heard(says, told), REPORTS) == said


def test_an_inbox_that_is_out_differs_from_an_account_that_is_not() -> None:
    """By its warmup status alone, as somebody may have adopted it so."""
    out = replace(WARMING, status=Status.BANNED)
    assert decide_by_word(out, heard("suspended", UNMEASURED), REPORTS) == Differs("suspended_at_provider")
    out = replace(out, warmup_status=WarmupStatus.BANNED)
    assert decide_by_word(out, heard("warming", EARNED), REPORTS) == Differs("warming_at_provider")


def test_an_erased_inbox_is_banned_at_most() -> None:
    """The rules know that, and nobody asks twice."""
    erased = replace(ERASED, status=Status.WARMING, warmup_status=WarmupStatus.WARMING)
    assert decide_by_word(erased, heard("warming", EARNED), REPORTS) is None
    assert decide_by_word(erased, heard("not_warming", NEW), REPORTS) == Differs("not_warming")


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_reputation": -1},
        {"min_reputation": 101},
        {"min_reputation": float("nan")},
        {"min_reputation": True},
        {"min_reputation": "90"},
        {"min_total_sent": -1},
        {"min_total_sent": None},
        {"spam_folder_unknown": "forgive"},
        {"spam_folder_unknown": None},
    ],
    ids=repr,
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    """Where it is made, not months later where it lets the first inbox send."""
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        ReputationPolicy(**wrong)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("edge", [{"min_reputation": 0, "min_total_sent": 0}, {"min_reputation": 100}], ids=repr)
def test_a_policy_may_go_to_the_edges(edge: dict[str, int]) -> None:
    """A host that lets everybody send says so."""
    assert {name: getattr(ReputationPolicy(**edge), name) for name in edge} == edge  # type: ignore[arg-type]  # numbers


def test_a_policy_takes_its_word_as_text() -> None:
    """As settings files have it."""
    policy = ReputationPolicy(spam_folder_unknown="ban")  # type: ignore[arg-type]  # as a settings file has it
    assert policy == BANS
    assert policy.spam_folder_unknown is SpamFolderPolicy.BAN
