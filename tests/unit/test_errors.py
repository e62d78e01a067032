"""The tree of errors: drawn as it is, each message with its cure and without values."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

import inbox_lifecycle
from inbox_lifecycle import Clause, Verdict, errors
from inbox_lifecycle.errors import (
    ActorRequired,
    ApiAnswerUnreadable,
    ApiKeyNotFound,
    ApiRefused,
    ApiUnreachable,
    AuthenticationUnavailable,
    ConcurrencyConflict,
    HistoryBroken,
    HistoryKept,
    IdempotencyKeyReused,
    InboxExists,
    InboxLifecycleError,
    InboxNotFound,
    LaunchInProgress,
    MalformedAddress,
    MalformedId,
    MalformedRows,
    MalformedText,
    NoSuchPoint,
    NoteInvalid,
    ProviderBusy,
    ProviderOutcomeUnknown,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
    RetryRefused,
    SchemaMismatch,
    SendersRefused,
    StepRefused,
    StoreContended,
    StoreMisconfigured,
    StoreUnavailable,
    SubscriptionTaken,
    TransitionRefused,
    TreeInconsistent,
    Unauthorised,
    UnknownEvent,
    WarmupNotRecorded,
)

VERDICT = Verdict((Clause("status", "pending", "active", held=False),))
HELD = Verdict((Clause("status", "active", "active", held=True),))

#: One of each, with every word of its message. Classes that only group others are never raised themselves.
MESSAGES: dict[InboxLifecycleError, str] = {
    MalformedId("inbox_id"): "inbox_id is not a UUID: pass the 36-character text form, or a uuid.UUID",
    MalformedAddress("its domain has no dot"): "this is not an email address we can keep: its domain has no dot",
    MalformedText("reason", "it holds a NUL character"): "reason cannot be kept: it holds a NUL character",
    MalformedRows({7: "owner_id cannot be kept: it is not text"}): (
        "nothing was written: mend these rows, counted from 0, and pass all again: "
        "row 7: owner_id cannot be kept: it is not text"
    ),
    MalformedRows(dict.fromkeys(range(12), "no")): (
        "nothing was written: mend these rows, counted from 0, and pass all again: row 0: no; row 1: no; row 2: no; "
        "row 3: no; row 4: no; row 5: no; row 6: no; row 7: no; row 8: no; row 9: no; and 2 more"
    ),
    IdempotencyKeyReused("i1", "inbox.banned"): (
        "inbox i1: this idempotency key already stands for inbox.banned; use a new key"
    ),
    ActorRequired(): "nobody said who acts: wrap the call in audit_context(actor=...)",
    InboxNotFound("i1"): "no inbox i1 for this caller: check the id and whose inbox it is",
    NoSuchPoint("i1", "it was born later"): "inbox i1: it was born later",
    NoSuchPoint(None, "the feed ends before"): "the feed ends before",
    InboxExists("address"): "an inbox with this address exists already: find it, or choose another address",
    TransitionRefused("i1", "ban", VERDICT): (
        "inbox i1: ban refused: status should be pending, found active: read its state instead"
    ),
    RetryRefused("i1", "retry_warmup", VERDICT): (
        "inbox i1: retry_warmup refused: status should be pending, found active: read its state instead"
    ),
    SendersRefused({"i1": VERDICT, "i2": HELD}): (
        "not every sender may send: inbox i1: status should be pending, found active: leave those out, "
        "or wait until they are active"
    ),
    LaunchInProgress("c1", 12.5): "a launch of campaign c1 is under way: look at its outcome before the next try",
    ApiKeyNotFound(): "no such API key: list them, and name one by its id or by its visible prefix",
    AuthenticationUnavailable(5.0): "the keys that tokens are checked with could not be fetched: try again in 5 s",
    ConcurrencyConflict("i1", 2, 3): "inbox i1 is at version 3, not at version 2: read it again and decide again",
    ConcurrencyConflict("i1", None, 3): (
        "inbox i1 is at version 3, not at another version: read it again and decide again"
    ),
    SubscriptionTaken("billing"): (
        "subscription billing has another consumer: let it finish, or try again once its lease is over"
    ),
    ProviderRejected("instantly", "payment required", status=402): (
        "provider instantly rejected the request: payment required: mend what it names, then retry"
    ),
    ProviderThrottled("instantly", retry_after=2.5): "provider instantly is throttling us: retry in 2.5 s",
    ProviderBusy("instantly", retry_after=60): "provider instantly is busy with another warmup job: retry in 60 s",
    ProviderUnavailable("instantly", "not reached"): (
        "provider instantly is not available: not reached: retry after a short backoff"
    ),
    ProviderOutcomeUnknown("instantly"): (
        "provider instantly gave no usable answer, so the outcome is unknown: "
        "retry after a short backoff, or let `reconcile` ask for the truth"
    ),
    WarmupNotRecorded("i1"): "Warmup was enabled but failed to update account status",
    StoreUnavailable("08006"): "the database did not answer (08006): try again later",
    StoreContended("40001"): ("the database undid the statement in favour of a concurrent one (40001): run it again"),
    StoreMisconfigured("SQLite has no schemas: leave schema out"): "SQLite has no schemas: leave schema out",
    SchemaMismatch(None, "1.0001"): "the database has no inbox-lifecycle schema: run `inbox-lifecycle db upgrade`",
    SchemaMismatch("0.0001", "1.0001"): (
        "the database's schema is at 0.0001, this library needs 1.0001: run `inbox-lifecycle db upgrade`, "
        "or install the newer library if the schema is ahead"
    ),
    UnknownEvent("i1", 2, "inbox.frozen", 1): (
        "inbox i1, version 2: event inbox.frozen with schema 1 is unknown here: "
        "install the version of inbox-lifecycle that wrote it"
    ),
    HistoryBroken("i1", 2, "it is not an entry"): (
        "inbox i1, version 2: it is not an entry: run `inbox-lifecycle verify`"
    ),
    HistoryKept(2): (
        "this downgrade would drop 2 events for good: export them, then say drop_history=True "
        "(`alembic -x drop_history=yes`)"
    ),
    TreeInconsistent(7, "its first events are others"): (
        "the feed does not extend the checkpoint of size 7: its first events are others: sign nothing, "
        "keep that checkpoint, and run `inbox-lifecycle verify`"
    ),
    NoteInvalid("this is not a signed note: do not trust it"): "this is not a signed note: do not trust it",
    Unauthorised(): "the HTTP API did not take the token: check it, and whether it has expired or was revoked",
    ApiRefused(404, "Campaign not found"): (
        "the HTTP API refused the call with 404 (Campaign not found): check what the call names, what the token may do,"
        " and the base URL"
    ),
    ApiUnreachable("ConnectError"): "the HTTP API did not answer (ConnectError): try again later",
    ApiUnreachable("it failed with 502", maybe_applied=True): (
        "the HTTP API did not answer (it failed with 502), and the call may have taken effect: try again later"
    ),
    ApiAnswerUnreadable("it is no answer", status=204, maybe_applied=True): (
        "the answer with 204 is none of the HTTP API's (it is no answer), and the call may have taken effect: check the"
        " base URL, and which version serves there"
    ),
    StepRefused("Send"): (
        "Send cannot run inside a host's transaction, which would wait for the network: "
        "call it on Inboxes itself, outside the transaction"
    ),
}

IDS = [f"{type(error).__name__}-{number}" for number, error in enumerate(MESSAGES)]

#: The branches whose cure is what the branch itself says, in the tree, to the reader of any of its errors.
CURED_BY_BRANCH = (MalformedAddress, MalformedText, NoSuchPoint, NoteInvalid, WarmupNotRecorded)
CURE = re.compile(r"\b(pass|use|wrap|find|read|try|run|leave|install|export|call|check|retry|list)\b")


def ours(kind: type[InboxLifecycleError]) -> list[type[InboxLifecycleError]]:
    """The direct heirs of an error, in the order they are written."""
    return [heir for heir in kind.__subclasses__() if heir.__module__ == errors.__name__]


def drawn(kind: type[InboxLifecycleError], indent: str = "") -> list[str]:
    """The tree under an error as the docstring draws it, names only."""
    lines = []
    for heir in ours(kind):
        last = heir is ours(kind)[-1]
        lines.append(f"{indent}{'└── ' if last else '├── '}{heir.__name__}")
        lines += drawn(heir, indent + ("    " if last else "│   "))
    return lines


def tree() -> list[str]:
    """The lines of the tree in the docstring."""
    return [line for line in str(errors.__doc__).splitlines() if "──" in line]


def test_the_tree_is_drawn_as_it_is() -> None:
    """Names, order and depth are those of the classes."""
    assert [re.split(r"(?<=\w)\s", line)[0] for line in tree()] == drawn(InboxLifecycleError)


def test_the_tree_names_the_standard_errors_they_are() -> None:
    """What the standard library already has a name for can be caught by that name."""
    named = {line.split()[1]: found[1] for line in tree() if (found := re.search(r"\((\w+Error)\)", line))}
    assert named == {
        "InvalidInput": "ValueError",
        "InboxNotFound": "LookupError",
        "NoSuchPoint": "LookupError",
        "ApiKeyNotFound": "LookupError",
        "ProofInvalid": "ValueError",
    }
    for name, base in named.items():
        assert base in {kind.__name__ for kind in getattr(errors, name).__mro__}


def test_every_branch_says_what_the_caller_can_do() -> None:
    """The tree is sorted by that, so each first-level line says it."""
    branches = [line for line in tree() if line[0] in "├└"]
    assert len(branches) == len(ours(InboxLifecycleError))
    assert [line for line in branches if not re.search(r"\s{2,}\w.{10,}$", line)] == []


@pytest.mark.parametrize(("error", "message"), MESSAGES.items(), ids=IDS)
def test_a_message_is_these_words(error: InboxLifecycleError, message: str) -> None:
    """Operators search for them, and tests of hosts quote them."""
    assert str(error) == message


def test_every_error_that_is_raised_has_its_message_here() -> None:
    """Classes that only group others are left out."""
    grouping = {kind for kind in _all() if ours(kind) and kind is not TransitionRefused}
    assert {type(error) for error in MESSAGES} == _all() - grouping


def _all() -> set[type[InboxLifecycleError]]:
    members = vars(errors).values()
    return {kind for kind in members if inspect.isclass(kind) and issubclass(kind, InboxLifecycleError)}


@pytest.mark.parametrize("error", MESSAGES, ids=IDS)
def test_every_message_has_a_cure(error: InboxLifecycleError) -> None:
    """It tells what to do, or its branch of the tree does."""
    assert CURE.search(str(error)) or isinstance(error, CURED_BY_BRANCH)


@pytest.mark.parametrize("error", MESSAGES, ids=IDS)
@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])  # noqa: S301 - our own bytes
def test_an_error_survives_being_handed_over(error: InboxLifecycleError, again: object) -> None:
    """Process pools and task queues send errors as pickles: the facts arrive with the message."""
    assert callable(again)
    arrived = again(error)
    assert type(arrived) is type(error)
    assert (str(arrived), vars(arrived)) == (str(error), vars(error))


def test_facts_are_attributes() -> None:
    """Nobody has to read a message to learn them."""
    refused = RetryRefused("i1", "retry_warmup", VERDICT)
    assert (refused.inbox_id, refused.trigger, refused.verdict) == ("i1", "retry_warmup", VERDICT)
    throttled = ProviderThrottled("instantly", "slow down", retry_after=2.5)
    assert (throttled.provider, throttled.detail, throttled.retry_after) == ("instantly", "slow down", 2.5)
    assert ProviderRejected("instantly", status=402).status == 402
    assert StoreUnavailable("08006", maybe_applied=True).maybe_applied


def test_no_error_takes_a_value_that_may_be_secret() -> None:
    """No constructor has a parameter for an address, a key, a text or a payload."""
    parameters = {name for kind in _all() for name in inspect.signature(kind.__init__).parameters}
    assert parameters.isdisjoint(
        {"address", "email_address", "email", "api_key", "key", "text", "value", "payload", "body"}
    )


def test_the_errors_that_callers_catch_are_exported() -> None:
    """Each branch of the tree, and what is told apart inside a branch by name in the answers."""
    branches = {kind.__name__ for kind in ours(InboxLifecycleError)}
    assert branches <= set(inbox_lifecycle.__all__)
