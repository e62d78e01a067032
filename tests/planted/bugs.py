"""The planted bugs, and by which sign each is caught.

What each bug is stands at the head of its patch. A sign is a checker on a database, with the database's own guards or
with them taken away, and words of what the checker then says. Where the guards stay, they refuse most of what a bad
swap would do: the history stays whole, and what is noticed is that they had to. Where they are gone, the checkers
themselves must see the harm.

Some bugs can only be on one database: SQLite has one writer, so nothing waits there in the middle of a statement; and
PostgreSQL begins no transaction that a faster writer could make fail.
"""

from __future__ import annotations

from dataclasses import dataclass

SQLITE = "sqlite"
POSTGRESQL = "postgresql"

#: What the checker of histories says of an answer.
UNLINEAR = "no one-at-a-time run gives the answer"


@dataclass(frozen=True)
class Sign:
    """What gives a bug away."""

    checker: str
    kind: str
    #: Part of what it says.
    says: str
    #: Whether the database's own guards stay.
    guarded: bool = True

    def __str__(self) -> str:
        return f"{self.checker} on {self.kind}{'' if self.guarded else ' without guards'}"


def on_both(checker: str, says: str) -> tuple[Sign, Sign]:
    """The same sign on either database."""
    return Sign(checker, SQLITE, says), Sign(checker, POSTGRESQL, says)


def bare(checker: str, kind: str, says: str) -> Sign:
    """A sign that shows with the guards taken away."""
    return Sign(checker, kind, says, guarded=False)


#: Bugs of the one statement that moves an inbox.
SWAPS: dict[str, tuple[Sign, ...]] = {
    "swap_by_id_alone": (
        Sign("crowd", SQLITE, "a guard had to refuse: inbox_events_head"),
        Sign("crowd", POSTGRESQL, "a guard had to refuse: inbox_events_chain"),
        bare("schedules", SQLITE, UNLINEAR),
        bare("queue_at_the_lock", POSTGRESQL, UNLINEAR),
    ),
    "swap_without_version": (
        Sign("there_and_back", SQLITE, "a guard had to refuse: inbox_events_head"),
        Sign("there_and_back", POSTGRESQL, "a guard had to refuse: inbox_events_chain"),
        bare("there_and_back", SQLITE, "a stale call moved the inbox"),
        bare("there_and_back", POSTGRESQL, "a stale call moved the inbox"),
    ),
    "rowcount_ignored": (
        Sign("crowd", SQLITE, "a guard had to refuse: UNIQUE constraint failed: inbox_feed_queue"),
        Sign("crowd", POSTGRESQL, UNLINEAR),
        bare("schedules", SQLITE, UNLINEAR),
    ),
    # The guards know no rules: only the checkers see that a warming inbox was set to warm.
    "gate_only_before_the_call": (
        Sign("schedules", SQLITE, UNLINEAR),
        Sign("there_and_back", POSTGRESQL, "a stale call moved the inbox"),
    ),
    "gate_in_a_cte": (
        Sign("queue_at_the_lock", POSTGRESQL, "a guard had to refuse: inbox_events_chain"),
        bare("queue_at_the_lock", POSTGRESQL, UNLINEAR),
    ),
    "event_in_another_transaction": (
        Sign("schedules", SQLITE, "a guard had to refuse: inboxes_stepped"),
        Sign("crowd", POSTGRESQL, "a guard had to refuse: inboxes_explained"),
        bare("schedules", SQLITE, UNLINEAR),
        bare("schedules", POSTGRESQL, UNLINEAR),
    ),
    "deferred_begin": (
        Sign("intruder", SQLITE, "a call: the database did not answer (SQLITE_BUSY_SNAPSHOT)"),
        Sign("intruder", SQLITE, "a host's transaction: database is locked"),
    ),
    "group_swap_without_version": (
        Sign("late_group", POSTGRESQL, "a guard had to refuse: inbox_events_chain"),
        bare("late_group", POSTGRESQL, "committed with others: at version 4, which should be 3"),
    ),
    "event_not_queued": on_both("walk", "evidence: assert sorted(evidence.queue) == sorted(written)"),
}

#: Bugs of recording an acceptance, and of what its caller is told.
RECORDING: dict[str, tuple[Sign, ...]] = {
    "commit_not_fenced": on_both("late_commit", "an attempt was closed as abandoned, and is moved now"),
    "fence_ignores_outcome": on_both("late_commit", "an attempt was closed as abandoned, and is moved now"),
    "group_fence_ignores_outcome": (
        Sign("late_group", POSTGRESQL, "an attempt was closed as abandoned, and is moved now"),
    ),
    "fence_without_lock": (
        Sign("closed_at_the_lock", POSTGRESQL, "an attempt was closed as abandoned, and is moved now"),
    ),
    "single_look_after_lost_commit": (Sign("schedules", SQLITE, "nothing excuses the answer"),),
    "single_look_after_lost_move": (Sign("schedules", SQLITE, UNLINEAR),),
    "own_success_not_recognised": (Sign("schedules", SQLITE, UNLINEAR),),
    "key_ignored_for_losers": (Sign("schedules", SQLITE, UNLINEAR), Sign("crowd", POSTGRESQL, UNLINEAR)),
    "key_of_another_operation": (Sign("schedules", SQLITE, UNLINEAR),),
    "shield_missing": (Sign("interrupted", SQLITE, "accepted by the provider, and Standing(status='pending'"),),
}

#: Bugs in how attempts end.
SETTLING: dict[str, tuple[Sign, ...]] = {
    "closed_on_unknown": on_both("settled", "an inbox that the provider warms is left behind"),
    "reconcile_ignores_lease": (Sign("schedules", SQLITE, "nothing excuses the answer"),),
    "reconcile_ignores_version": on_both("settled", "an inbox that had moved on is moved once more"),
    # How many of the losers are hit depends on who comes first; without the bug none of them is.
    "live_attempts_superseded": on_both("crowd", "'superseded'"),
    "closing_overwrites": (Sign("closed_at_the_lock", POSTGRESQL, "verify: attempt: expected moved"),),
    "mark_forgotten": on_both("settled", "a banned inbox warms on"),
}

#: Bugs in what is written down, and in who may read it.
ENTRIES: dict[str, tuple[Sign, ...]] = {
    "hash_without_previous": (
        *on_both("walk", "verify: chain: "),
        Sign("walk", SQLITE, 'evidence: assert (event.previous_hash, event.said["previous"])'),
    ),
    # The library's own verification computes it by the same wrong function: only the second computation sees it.
    "commitment_without_key": on_both("walk", 'evidence: assert said["commitment"] == hmac.new('),
    "address_in_an_entry": on_both("walk", "secrecy: zx-local-part stands in the entry of inbox.registered"),
    "owner_left_out_of_retry": on_both("walk", "isolation: retry_warmup told a stranger Inbox"),
    "owner_left_out_of_get": on_both("walk", "isolation: get told a stranger Inbox"),
    "owner_left_out_of_history": on_both("walk", "isolation: history told a stranger list"),
    "time_not_clamped": on_both("walk", "verify: time: expected not before"),
}

#: Bugs in how positions are given.
FEEDING: dict[str, tuple[Sign, ...]] = {
    "sealed_by_number_alone": (Sign("tail", POSTGRESQL, "events came out of order"),),
    "sealed_without_the_earlier_ones": (Sign("tail", POSTGRESQL, "events came out of order"),),
}

BUGS = SWAPS | RECORDING | SETTLING | ENTRIES | FEEDING
