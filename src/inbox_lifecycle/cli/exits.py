"""Exit codes: one for each answer there can be, each with its cure. The only place where they are assigned.

0, 1, 2   done, damage found, wrong usage
1x        the call is wrong, or not possible as things stand: nothing moved
2x        the provider did not enable the warmup: nothing moved
30        the provider did and our write failed
4x        the database could not be asked: nothing was sent
5x        the history cannot be read as it stands, or a proof does not hold
6x        the HTTP API (--api) did not serve the call
7x        this program, or where its output goes, is at fault
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from inbox_lifecycle import errors


class Exit(IntEnum):
    """What the command ends with."""

    DONE = 0
    DAMAGE_FOUND = 1
    USAGE = 2
    MALFORMED = 10
    KEY_REUSED = 11
    NOT_FOUND = 12
    REFUSED = 13
    EXISTS = 14
    CONFLICT = 15
    NO_SUCH_POINT = 16
    SUBSCRIPTION_TAKEN = 17
    LAUNCH_IN_PROGRESS = 18
    PROVIDER_REJECTED = 20
    PROVIDER_THROTTLED = 21
    PROVIDER_BUSY = 22
    PROVIDER_UNAVAILABLE = 23
    PROVIDER_UNKNOWN = 24
    NOT_RECORDED = 30
    STORE_UNAVAILABLE = 40
    SCHEMA_MISMATCH = 41
    STORE_MISCONFIGURED = 42
    HISTORY_UNREADABLE = 50
    TREE_INCONSISTENT = 51
    PROOF_INVALID = 52
    UNAUTHORISED = 60
    API_REFUSED = 61
    API_UNREACHABLE = 62
    API_UNREADABLE = 63
    BUG = 70
    #: As EX_IOERR of sysexits.h.
    OUTPUT_FAILED = 74
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141
    TERMINATED = 143


#: What each code says, for `--help`.
MEANINGS: Final[Mapping[Exit, str]] = {
    Exit.DONE: "done",
    Exit.DAMAGE_FOUND: "verify found damage, doctor an error, or the demo failed",
    Exit.USAGE: "wrong usage: unknown command or option, missing argument, missing setting",
    Exit.MALFORMED: "malformed input: an id, an address, a text, a word",
    Exit.KEY_REUSED: "the idempotency key stands for another operation",
    Exit.NOT_FOUND: "no such inbox for this caller, or no such API key",
    Exit.REFUSED: "the rules refuse it, or another call won the race",
    Exit.EXISTS: "an inbox with this address exists already",
    Exit.CONFLICT: "the inbox is not at the expected version",
    Exit.NO_SUCH_POINT: "the inbox's history does not reach that point",
    Exit.SUBSCRIPTION_TAKEN: "another consumer of that name is at work",
    Exit.LAUNCH_IN_PROGRESS: "another launch of the campaign is under way",
    Exit.PROVIDER_REJECTED: "the provider said no",
    Exit.PROVIDER_THROTTLED: "the provider's rate limit is reached",
    Exit.PROVIDER_BUSY: "the provider runs another warmup job",
    Exit.PROVIDER_UNAVAILABLE: "the provider was not reached, or cannot serve",
    Exit.PROVIDER_UNKNOWN: "the provider gave no usable answer; the outcome is unknown",
    Exit.NOT_RECORDED: "the provider accepted, and our write failed",
    Exit.STORE_UNAVAILABLE: "the database, or whoever says who calls, did not answer; nothing was sent",
    Exit.SCHEMA_MISMATCH: "the database's schema is missing, older or newer",
    Exit.STORE_MISCONFIGURED: "the database, its role or its driver is not set up",
    Exit.HISTORY_UNREADABLE: "the history cannot be read as it stands",
    Exit.TREE_INCONSISTENT: "the history does not extend what was signed before; nothing is signed",
    Exit.PROOF_INVALID: "a note, a proof or a bundle does not hold: do not trust it",
    Exit.UNAUTHORISED: "the HTTP API did not take the token",
    Exit.API_REFUSED: "the HTTP API refused the call: its message says why",
    Exit.API_UNREACHABLE: "the HTTP API did not answer, or failed",
    Exit.API_UNREADABLE: "what answered is not the HTTP API, or of another version",
    Exit.BUG: "a bug in this program",
    Exit.OUTPUT_FAILED: "the output cannot be written",
    Exit.INTERRUPTED: "interrupted by Ctrl-C",
    Exit.OUTPUT_CLOSED: "nobody reads the output any more",
    Exit.TERMINATED: "terminated by SIGTERM",
}

#: The code of each error; one that is not named has its nearest parent's.
CODES: Final[Mapping[type[Exception], Exit]] = {
    errors.InvalidInput: Exit.MALFORMED,
    errors.IdempotencyKeyReused: Exit.KEY_REUSED,
    errors.InboxNotFound: Exit.NOT_FOUND,
    errors.ApiKeyNotFound: Exit.NOT_FOUND,
    errors.TransitionRefused: Exit.REFUSED,
    errors.SendersRefused: Exit.REFUSED,
    errors.LaunchInProgress: Exit.LAUNCH_IN_PROGRESS,
    errors.InboxExists: Exit.EXISTS,
    errors.ConcurrencyConflict: Exit.CONFLICT,
    errors.NoSuchPoint: Exit.NO_SUCH_POINT,
    errors.SubscriptionTaken: Exit.SUBSCRIPTION_TAKEN,
    errors.ProviderRejected: Exit.PROVIDER_REJECTED,
    errors.ProviderThrottled: Exit.PROVIDER_THROTTLED,
    errors.ProviderBusy: Exit.PROVIDER_BUSY,
    errors.ProviderUnavailable: Exit.PROVIDER_UNAVAILABLE,
    errors.ProviderOutcomeUnknown: Exit.PROVIDER_UNKNOWN,
    errors.WarmupNotRecorded: Exit.NOT_RECORDED,
    errors.StoreUnavailable: Exit.STORE_UNAVAILABLE,
    errors.StoreContended: Exit.STORE_UNAVAILABLE,
    errors.AuthenticationUnavailable: Exit.STORE_UNAVAILABLE,
    errors.SchemaMismatch: Exit.SCHEMA_MISMATCH,
    errors.StoreError: Exit.STORE_MISCONFIGURED,
    errors.HistoryError: Exit.HISTORY_UNREADABLE,
    errors.TreeInconsistent: Exit.TREE_INCONSISTENT,
    errors.ProofInvalid: Exit.PROOF_INVALID,
    errors.Unauthorised: Exit.UNAUTHORISED,
    errors.ApiRefused: Exit.API_REFUSED,
    errors.ApiUnreachable: Exit.API_UNREACHABLE,
    errors.ApiAnswerUnreadable: Exit.API_UNREADABLE,
    # Nothing on the command line runs inside a host's transaction.
    errors.StepRefused: Exit.BUG,
}


#: What the library says to Python, and what says it on the command line.
_WORDS: Final[tuple[tuple[str, str], ...]] = (
    (", or a uuid.UUID", ""),
    ("wrap the call in audit_context(actor=...)", "say --actor NAME"),
    ("pass actor=...", "say --as-operator NAME"),
    ("pass reason=...", "say --reason TEXT"),
    ("pass provider=...", "say --provider NAME"),
    ("version=..., at=... or position=...", "--version N, --at TIME or --position N"),
    ("pass an int or an aware datetime", "such as 3 or 2026-05-01T09:00:00Z"),
    ("pass an aware datetime", "such as 2026-05-01T09:00:00Z"),
    ("older_than", "--older-than"),
    ("expires_in", "--expires-in"),
)
_SPAN: Final = re.compile(r"timedelta\((minute|day)s=(\d+)\)")


def exit_for(error: BaseException) -> Exit:
    """The code of an error; a bug's where it is none of ours."""
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), Exit.BUG)


def message_for(error: errors.InboxLifecycleError) -> str:
    """The error and its cure, on one line."""
    said = _SPAN.sub(lambda span: f"{span[2]}{span[1][0]}", " ".join(str(error).split()))
    for python, typed in _WORDS:
        said = said.replace(python, typed)
    # Its message is fixed by the original API, and says no cure.
    return f"{said}: retry at once, a second enable is a no-op" if isinstance(error, errors.WarmupNotRecorded) else said
