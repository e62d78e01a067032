"""The lifecycle of sending inboxes as an event-sourced state machine, with a history that can be proven.

Importing this package is cheap: names are loaded when they are first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox_lifecycle.audit.bundles import Bundle, Proven, verify_bundle
    from inbox_lifecycle.audit.checkpoints import Checkpoint, open_checkpoint
    from inbox_lifecycle.audit.notes import Signer, Verifier
    from inbox_lifecycle.audit.travel import Diff, Why
    from inbox_lifecycle.context import audit_context
    from inbox_lifecycle.domain import (
        Inbox,
        InboxId,
        Pair,
        ReputationPolicy,
        SpamFolderPolicy,
        Status,
        WarmupState,
        WarmupStatus,
    )
    from inbox_lifecycle.errors import (
        ActorRequired,
        ApiAnswerUnreadable,
        ApiError,
        ApiKeyNotFound,
        ApiRefused,
        ApiUnreachable,
        AuthenticationUnavailable,
        ConcurrencyConflict,
        HistoryBroken,
        HistoryError,
        HistoryKept,
        IdempotencyKeyReused,
        InboxExists,
        InboxLifecycleError,
        InboxNotFound,
        InvalidInput,
        LaunchInProgress,
        MalformedAddress,
        MalformedId,
        MalformedRows,
        MalformedText,
        NoSuchPoint,
        NoteInvalid,
        ProofInvalid,
        ProviderBusy,
        ProviderError,
        ProviderOutcomeUnknown,
        ProviderRejected,
        ProviderThrottled,
        ProviderUnavailable,
        RetryRefused,
        SchemaMismatch,
        SendersRefused,
        StepRefused,
        StoreContended,
        StoreError,
        StoreMisconfigured,
        StoreUnavailable,
        SubscriptionTaken,
        TransitionRefused,
        TreeInconsistent,
        Unauthorised,
        UnknownEvent,
        WarmupNotRecorded,
    )
    from inbox_lifecycle.facade import AsyncInboxes, AsyncOperator, Inboxes, Operator
    from inbox_lifecycle.lifecycle.bulk import BulkProgress, BulkReport
    from inbox_lifecycle.lifecycle.bulk_births import AdoptedInbox, BirthReport, NewInbox
    from inbox_lifecycle.lifecycle.sending import Launch, WarmupAnalytics
    from inbox_lifecycle.lifecycle.syncing import Drift, Transition, WarmupSync
    from inbox_lifecycle.providers.instantly import Instantly
    from inbox_lifecycle.providers.port import DailyFigures, Figures, NoFigures
    from inbox_lifecycle.providers.smartlead import Smartlead
    from inbox_lifecycle.records import (
        ApiKey,
        Attempt,
        FedEvent,
        FeedPage,
        NewApiKey,
        Page,
        ParkedEvent,
        RecordedEvent,
    )
    from inbox_lifecycle.store.engine import prepare_sqlite
    from inbox_lifecycle.store.migrate import downgrade_schema, upgrade_schema
    from inbox_lifecycle.verdict import Clause, Verdict

__version__ = "0.1.0"

_HOMES = {
    "inbox_lifecycle.audit.bundles": ("Bundle", "Proven", "verify_bundle"),
    "inbox_lifecycle.audit.checkpoints": ("Checkpoint", "open_checkpoint"),
    "inbox_lifecycle.audit.notes": ("Signer", "Verifier"),
    "inbox_lifecycle.audit.travel": ("Diff", "Why"),
    "inbox_lifecycle.context": ("audit_context",),
    "inbox_lifecycle.domain": (
        "Inbox",
        "InboxId",
        "Pair",
        "ReputationPolicy",
        "SpamFolderPolicy",
        "Status",
        "WarmupState",
        "WarmupStatus",
    ),
    "inbox_lifecycle.errors": (
        "ActorRequired",
        "ApiAnswerUnreadable",
        "ApiError",
        "ApiKeyNotFound",
        "ApiRefused",
        "ApiUnreachable",
        "AuthenticationUnavailable",
        "ConcurrencyConflict",
        "HistoryBroken",
        "HistoryError",
        "HistoryKept",
        "IdempotencyKeyReused",
        "InboxExists",
        "InboxLifecycleError",
        "InboxNotFound",
        "InvalidInput",
        "LaunchInProgress",
        "MalformedAddress",
        "MalformedId",
        "MalformedRows",
        "MalformedText",
        "NoSuchPoint",
        "NoteInvalid",
        "ProofInvalid",
        "ProviderBusy",
        "ProviderError",
        "ProviderOutcomeUnknown",
        "ProviderRejected",
        "ProviderThrottled",
        "ProviderUnavailable",
        "RetryRefused",
        "SchemaMismatch",
        "SendersRefused",
        "StepRefused",
        "StoreContended",
        "StoreError",
        "StoreMisconfigured",
        "StoreUnavailable",
        "SubscriptionTaken",
        "TransitionRefused",
        "TreeInconsistent",
        "Unauthorised",
        "UnknownEvent",
        "WarmupNotRecorded",
    ),
    "inbox_lifecycle.facade": ("AsyncInboxes", "AsyncOperator", "Inboxes", "Operator"),
    "inbox_lifecycle.lifecycle.bulk": ("BulkProgress", "BulkReport"),
    "inbox_lifecycle.lifecycle.bulk_births": ("AdoptedInbox", "BirthReport", "NewInbox"),
    "inbox_lifecycle.lifecycle.sending": ("Launch", "WarmupAnalytics"),
    "inbox_lifecycle.lifecycle.syncing": ("Drift", "Transition", "WarmupSync"),
    "inbox_lifecycle.providers.instantly": ("Instantly",),
    "inbox_lifecycle.providers.port": ("DailyFigures", "Figures", "NoFigures"),
    "inbox_lifecycle.providers.smartlead": ("Smartlead",),
    "inbox_lifecycle.records": (
        "ApiKey",
        "Attempt",
        "FedEvent",
        "FeedPage",
        "NewApiKey",
        "Page",
        "ParkedEvent",
        "RecordedEvent",
    ),
    "inbox_lifecycle.store.engine": ("prepare_sqlite",),
    "inbox_lifecycle.store.migrate": ("downgrade_schema", "upgrade_schema"),
    "inbox_lifecycle.verdict": ("Clause", "Verdict"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ActorRequired",
    "AdoptedInbox",
    "ApiAnswerUnreadable",
    "ApiError",
    "ApiKey",
    "ApiKeyNotFound",
    "ApiRefused",
    "ApiUnreachable",
    "AsyncInboxes",
    "AsyncOperator",
    "Attempt",
    "AuthenticationUnavailable",
    "BirthReport",
    "BulkProgress",
    "BulkReport",
    "Bundle",
    "Checkpoint",
    "Clause",
    "ConcurrencyConflict",
    "DailyFigures",
    "Diff",
    "Drift",
    "FedEvent",
    "FeedPage",
    "Figures",
    "HistoryBroken",
    "HistoryError",
    "HistoryKept",
    "IdempotencyKeyReused",
    "Inbox",
    "InboxExists",
    "InboxId",
    "InboxLifecycleError",
    "InboxNotFound",
    "Inboxes",
    "Instantly",
    "InvalidInput",
    "Launch",
    "LaunchInProgress",
    "MalformedAddress",
    "MalformedId",
    "MalformedRows",
    "MalformedText",
    "NewApiKey",
    "NewInbox",
    "NoFigures",
    "NoSuchPoint",
    "NoteInvalid",
    "Operator",
    "Page",
    "Pair",
    "ParkedEvent",
    "ProofInvalid",
    "Proven",
    "ProviderBusy",
    "ProviderError",
    "ProviderOutcomeUnknown",
    "ProviderRejected",
    "ProviderThrottled",
    "ProviderUnavailable",
    "RecordedEvent",
    "ReputationPolicy",
    "RetryRefused",
    "SchemaMismatch",
    "SendersRefused",
    "Signer",
    "Smartlead",
    "SpamFolderPolicy",
    "Status",
    "StepRefused",
    "StoreContended",
    "StoreError",
    "StoreMisconfigured",
    "StoreUnavailable",
    "SubscriptionTaken",
    "Transition",
    "TransitionRefused",
    "TreeInconsistent",
    "Unauthorised",
    "UnknownEvent",
    "Verdict",
    "Verifier",
    "WarmupAnalytics",
    "WarmupNotRecorded",
    "WarmupState",
    "WarmupStatus",
    "WarmupSync",
    "Why",
    "__version__",
    "audit_context",
    "downgrade_schema",
    "open_checkpoint",
    "prepare_sqlite",
    "upgrade_schema",
    "verify_bundle",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
