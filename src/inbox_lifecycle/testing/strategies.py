"""Hypothesis strategies for what the library works with; import this module where Hypothesis is installed.

Whatever they give is accepted: addresses can be registered, histories are legal, scripts can be ordered of the sandbox.
All of them shrink towards the short and the harmless: `pending / not_started`, a birth and nothing after it, a provider
that serves.
"""

from __future__ import annotations

import string
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from inbox_lifecycle.address import Address, read_address
from inbox_lifecycle.domain import (
    RULE_OF,
    Adopt,
    Ban,
    Command,
    Correct,
    Erase,
    FailWarmup,
    Graduate,
    Inbox,
    InboxId,
    Pair,
    Register,
    ReputationPolicy,
    RetryWarmup,
    StartWarmup,
    State,
    Status,
    Trigger,
    WarmupState,
    WarmupStatus,
    judge,
)
from inbox_lifecycle.facade.calls import LONGEST_KEY
from inbox_lifecycle.store.schema import DOMAIN_STATUSES
from inbox_lifecycle.testing.happened import Happened, follow
from inbox_lifecycle.testing.scripts import Failure, Kind, Operation

__all__ = [
    "addresses",
    "commands",
    "failures",
    "histories",
    "idempotency_keys",
    "inboxes",
    "legal_commands",
    "owners",
    "pairs",
    "provider_scripts",
]

#: What every database can keep: no NUL, no half of a surrogate pair.
_TEXT: Final = st.characters(codec="utf-8", exclude_characters="\x00")
_ATOM: Final = string.ascii_lowercase + string.digits + string.ascii_uppercase + "!#$%&'*+/=?^_`{|}~-"
_LABEL: Final = string.ascii_lowercase + string.digits + string.ascii_uppercase
_PAIRS: Final = st.builds(Pair, st.sampled_from(Status), st.sampled_from(WarmupStatus))
_POLICY: Final = ReputationPolicy()
_IDS: Final = st.uuids().map(str)
_TIMES: Final = st.integers(1_577_836_800, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
_EITHER: Final = st.booleans()
_WAITS: Final = st.none() | st.integers(0, 120)
_LETTERS: Final = st.characters(categories=("Ll", "Lu", "Lo", "Nd"))
_LABELS: Final = ("bücher", "почта", "例え", "δοκιμή", "straße", "my-host")
_HOSTS: Final = st.lists(
    st.text(_LABEL, min_size=1, max_size=20) | st.sampled_from(_LABELS), min_size=1, max_size=3
).map(".".join)
_LOCAL: Final = st.lists(st.text(_ATOM, min_size=1, max_size=20), min_size=1, max_size=3).map(".".join)
_ADDRESSES: Final = st.builds(
    "{}@{}.{}".format,
    _LOCAL | st.text(_LETTERS, min_size=1, max_size=16),
    _HOSTS,
    st.sampled_from(("com", "example", "io", "co.uk")),
)
_OWNERS: Final = st.text(_LABEL, min_size=1, max_size=8) | _IDS | st.text(_TEXT, min_size=1, max_size=64)
_KEYS: Final = st.text(_LABEL, min_size=1, max_size=16) | st.text(_TEXT, min_size=1, max_size=LONGEST_KEY)

#: Strategies of commands that the rules allow somewhere; those whose facts decide have the facts they need.
_LEGAL: Final[dict[Trigger, SearchStrategy[Command]]] = {
    Trigger.REGISTER: st.builds(Register),
    Trigger.ADOPT: st.builds(Adopt, _PAIRS),
    Trigger.START_WARMUP: st.builds(StartWarmup),
    Trigger.RETRY_WARMUP: st.builds(RetryWarmup),
    Trigger.FAIL_WARMUP: st.builds(
        FailWarmup, st.sampled_from([said for said in WarmupState if said.definitely_not_warming])
    ),
    Trigger.GRADUATE: st.builds(
        Graduate,
        reputation=st.integers(_POLICY.min_reputation, 100),
        total_sent=st.integers(_POLICY.min_total_sent, 10 * _POLICY.min_total_sent),
    ),
    Trigger.BAN: st.builds(Ban),
    Trigger.CORRECT: st.builds(Correct, _PAIRS),
    Trigger.ERASE: st.builds(Erase),
}
_BY_FACTS: Final = frozenset({Trigger.FAIL_WARMUP, Trigger.GRADUATE})
_BIRTHS: Final = st.one_of(*(strategy for trigger, strategy in _LEGAL.items() if not RULE_OF[trigger].sources))
_MOVES: Final = st.one_of(*(strategy for trigger, strategy in _LEGAL.items() if RULE_OF[trigger].sources))

#: What each kind of failure has a choice of. What a provider that keeps its word never does is left out: to refuse, or
#: to answer 503, after the effect.
_CHOICES: Final[dict[Kind, dict[str, SearchStrategy[Any]]]] = {
    Kind.REJECT: {"status": st.sampled_from((400, 401, 402, 403, 404, 422))},
    Kind.THROTTLE: {"retry_after": _WAITS},
    Kind.BUSY: {"retry_after": _WAITS},
    Kind.ERROR: {"status": st.sampled_from((500, 502, 503, 504)), "after_effect": _EITHER},
    Kind.HANG: {"after_effect": _EITHER},
    Kind.CUT: {"after_effect": _EITHER, "mid_body": st.booleans()},
    Kind.NOT_JSON: {"after_effect": _EITHER},
    Kind.TRUNCATED: {"after_effect": _EITHER},
}
_LASTING: Final = frozenset({Kind.HANG, Kind.JOB_PENDING, Kind.JOB_FAILS})

#: The operations by which warmup is switched on and looked at.
WARMUP_OPERATIONS: Final = (Operation.ENABLE, Operation.ACCOUNT, Operation.JOBS)


def addresses() -> SearchStrategy[str]:
    """Email addresses as people write them: any legal case, dots, and letters beyond ASCII on either side of the @."""
    return _ADDRESSES


def owners() -> SearchStrategy[str]:
    """Ids of owners: names, numbers, UUIDs, and texts that only a fuzzer would call an id."""
    return _OWNERS


def idempotency_keys() -> SearchStrategy[str]:
    """Keys of every length that is accepted."""
    return _KEYS


def pairs() -> SearchStrategy[Pair]:
    """All sixteen; `pending / not_started` is the simplest."""
    return _PAIRS


def commands() -> SearchStrategy[Command]:
    """Every command with any facts, legal somewhere or not."""
    return st.one_of(
        *(strategy for trigger, strategy in _LEGAL.items() if trigger not in _BY_FACTS),
        st.builds(FailWarmup, st.sampled_from(WarmupState)),
        st.builds(Graduate, reputation=st.none() | st.integers(0, 100), total_sent=st.integers(0, 10_000)),
    )


def legal_commands(state: State | None) -> SearchStrategy[Command]:
    """The commands that the rules allow in this state; None is an inbox that is not born yet. There always are some."""
    legal = [strategy for trigger, strategy in _LEGAL.items() if _may(state, trigger)]
    return st.one_of(*legal).filter(lambda command: judge(state, command).holds)


def histories(*, min_size: int = 1, max_size: int = 10) -> SearchStrategy[list[Happened]]:
    """Legal histories from birth on, move by move: the command, its event, the pairs, and the state after it.

    Args:
        min_size: moves at least, 1 or more.
        max_size: moves at most.
    """
    return _walks(st.lists(_MOVES, max_size=2 * max_size), min_size, max_size)


def inboxes() -> SearchStrategy[Inbox]:
    """Inboxes as the library gives them, in every state that a legal history leads to, erased ones included."""
    return _INBOXES


def failures(
    *, kinds: Collection[Kind] = tuple(Kind), on: Collection[Operation] = WARMUP_OPERATIONS, seconds: float = 60.0
) -> SearchStrategy[Failure]:
    """Failures to order of the sandbox, `Kind.SERVE` being the simplest.

    Args:
        kinds: kinds of failure to choose from.
        on: operations to strike.
        seconds: how long hangs and jobs last at most. Hangs really wait where the sandbox is asked over its server.
    """
    struck = st.sampled_from([operation for operation in Operation if operation in on])
    return st.one_of(*(_failure(kind, struck, seconds) for kind in Kind if kind in kinds))


def provider_scripts(
    *,
    kinds: Collection[Kind] = tuple(Kind),
    on: Collection[Operation] = WARMUP_OPERATIONS,
    seconds: float = 60.0,
    max_size: int = 6,
) -> SearchStrategy[list[Failure]]:
    """What a provider does, request by request, for `sandbox.script(*script)`; after it the provider serves.

    Args:
        kinds: as for `failures`.
        on: as for `failures`.
        seconds: as for `failures`.
        max_size: failures at most.
    """
    return st.lists(failures(kinds=kinds, on=on, seconds=seconds), max_size=max_size)


@st.composite
def _walks(draw: DrawFn, intentions: SearchStrategy[list[Command]], min_size: int, max_size: int) -> list[Happened]:
    history = [follow(None, draw(_BIRTHS))]
    # Of what is intended the legal happens: so anything can be left out, and little is left of a failing example.
    for command in draw(intentions):
        if len(history) < max_size and judge(history[-1].state, command).holds:
            history.append(follow(history[-1].state, command))
    while len(history) < min_size:
        history.append(follow(history[-1].state, draw(legal_commands(history[-1].state))))
    return history


def _inbox(history: list[Happened], address: Address, created: datetime, later: timedelta, **known: Any) -> Inbox:
    state = history[-1].state
    updated = created if len(history) == 1 else created + later
    inbox = Inbox(
        email_address=address.text,
        email_domain=address.domain,
        provider="instantly",
        status=state.pair.status,
        warmup_status=state.pair.warmup_status,
        version=state.version,
        created_at=created,
        updated_at=updated,
        erased_at=updated if state.erased else None,
        **known,
    )
    return _blank(inbox) if state.erased else inbox


def _blank(inbox: Inbox) -> Inbox:
    return replace(
        inbox,
        owner_id=None,
        email_address=None,
        email_domain=None,
        email_domain_id=None,
        email_domain_status=None,
        provider_ref=None,
    )


def _may(state: State | None, trigger: Trigger) -> bool:
    rule = RULE_OF[trigger]
    return rule.admits(state) and (state is None or rule.judge_state(state).holds)


def _failure(kind: Kind, on: SearchStrategy[Operation], seconds: float) -> SearchStrategy[Failure]:
    lasting = {"seconds": st.floats(0, seconds)} if kind in _LASTING else {}
    choices = {"on": on, "times": st.integers(1, 3), **_CHOICES.get(kind, {}), **lasting}
    return st.builds(Failure, kind=st.just(kind), **choices).filter(_keeps_its_word)


def _keeps_its_word(failure: Failure) -> bool:
    # Refusals are never late here; a 503 says as well that there was no effect.
    return not (failure.late and failure.status == HTTPStatus.SERVICE_UNAVAILABLE)


_INBOXES: Final = st.builds(
    _inbox,
    histories(),
    _ADDRESSES.map(read_address),
    created=_TIMES,
    later=st.integers(0, 10**7).map(lambda seconds: timedelta(seconds=seconds)),
    id=_IDS.map(InboxId),
    owner_id=_OWNERS,
    email_domain_id=_IDS,
    email_domain_status=st.sampled_from(DOMAIN_STATUSES),
    provider_ref=st.none() | _ADDRESSES,
)
