"""What can go wrong, sorted by what the caller can do.

InboxLifecycleError
├── InvalidInput (ValueError)         mend the call: nothing was looked up, nothing moved
│   ├── MalformedId
│   ├── MalformedAddress
│   ├── MalformedText
│   ├── MalformedRows
│   ├── IdempotencyKeyReused
│   └── ActorRequired
├── InboxNotFound (LookupError)       no such inbox for this caller
├── NoSuchPoint (LookupError)         ask for a point between the inbox's birth and now
├── InboxExists                       find the inbox that is there
├── TransitionRefused                 the rules forbid it: read the state, the verdict says which clause failed
│   └── RetryRefused
├── SendersRefused                    some sender may not send: the verdicts say which, and which clause failed
├── LaunchInProgress                  another launch of the campaign is under way: later
├── ApiKeyNotFound (LookupError)      list the keys and name one of them
├── AuthenticationUnavailable         nobody can tell who calls: again after `retry_after` seconds
├── ConcurrencyConflict               somebody was faster: read again and decide again
├── SubscriptionTaken                 another consumer of that name is at work: later
├── ProviderError                     again after a short backoff (`retry_after` where known)
│   ├── ProviderRejected
│   ├── ProviderThrottled
│   ├── ProviderBusy
│   ├── ProviderUnavailable
│   └── ProviderOutcomeUnknown
├── WarmupNotRecorded                 again at once: the second enable is a no-op
├── StoreError                        nothing was sent to the provider
│   ├── StoreUnavailable
│   ├── StoreContended
│   ├── StoreMisconfigured
│   └── SchemaMismatch
├── ProofInvalid (ValueError)         do not trust what came with it
│   └── NoteInvalid
├── HistoryError                      call a human
│   ├── UnknownEvent
│   ├── HistoryBroken
│   ├── HistoryKept
│   └── TreeInconsistent
├── ApiError                          the HTTP API did not serve the client's call
│   ├── Unauthorised                  check the token
│   ├── ApiRefused                    mend the call, the token's rights or the base URL: `status` says more
│   ├── ApiUnreachable                later; `maybe_applied` says whether it may have had its effect
│   └── ApiAnswerUnreadable           check the base URL, and which version serves there
└── StepRefused                       this step cannot run inside a host's transaction

Messages carry ids, states and cures; never an address, a key or a payload.
"""

from collections.abc import Mapping

from inbox_lifecycle.verdict import Verdict

#: Refused senders or malformed rows that a message names at most.
_NAMED = 10


class InboxLifecycleError(Exception):
    """The base of every error this library raises on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are copied by calling their class with the message; ours are made from facts. Worker processes
        # hand them over this way.
        return _made_again, (type(self), self.args, self.__dict__)


class InvalidInput(InboxLifecycleError, ValueError):
    """The call itself is wrong; nothing was looked up and nothing moved."""


class MalformedId(InvalidInput):
    """An id is not a UUID."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not a UUID: pass the 36-character text form, or a uuid.UUID")
        self.name = name


class MalformedAddress(InvalidInput):
    """An email address is not one."""

    def __init__(self, why: str) -> None:
        super().__init__(f"this is not an email address we can keep: {why}")
        self.why = why


class MalformedText(InvalidInput):
    """A text cannot be stored on every database, or proven byte by byte."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} cannot be kept: {why}")
        self.name = name
        self.why = why


class MalformedRows(InvalidInput):
    """Some rows of a list are malformed; nothing was written of the others either."""

    def __init__(self, rows: Mapping[int, str]) -> None:
        named = "; ".join(f"row {number}: {why}" for number, why in list(rows.items())[:_NAMED])
        more = f"; and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
        super().__init__(f"nothing was written: mend these rows, counted from 0, and pass all again: {named}{more}")
        #: What is wrong with each, by its place in the list, from 0 on.
        self.rows = dict(rows)


class IdempotencyKeyReused(InvalidInput):
    """The idempotency key's event was written by another operation on this inbox."""

    def __init__(self, inbox_id: str, event: str) -> None:
        super().__init__(f"inbox {inbox_id}: this idempotency key already stands for {event}; use a new key")
        self.inbox_id = inbox_id
        self.event = event


class ActorRequired(InvalidInput):
    """`require_actor=True` and nobody said who acts."""

    def __init__(self) -> None:
        super().__init__("nobody said who acts: wrap the call in audit_context(actor=...)")


class InboxNotFound(InboxLifecycleError, LookupError):
    """There is no such inbox, or it is not the caller's, or it was erased: never told apart."""

    def __init__(self, inbox_id: str) -> None:
        super().__init__(f"no inbox {inbox_id} for this caller: check the id and whose inbox it is")
        self.inbox_id = inbox_id


class NoSuchPoint(InboxLifecycleError, LookupError):
    """The history does not reach the point asked for: before the inbox's birth, past its newest event, the future."""

    def __init__(self, inbox_id: str | None, why: str) -> None:
        super().__init__(f"inbox {inbox_id}: {why}" if inbox_id else why)
        self.inbox_id = inbox_id
        self.why = why


class InboxExists(InboxLifecycleError):
    """Another inbox that is not erased has this address, or some inbox has this id."""

    def __init__(self, what: str) -> None:
        super().__init__(f"an inbox with this {what} exists already: find it, or choose another {what}")
        #: `address` or `id`.
        self.what = what


class TransitionRefused(InboxLifecycleError):
    """The rules forbid this trigger here; nothing moved."""

    def __init__(self, inbox_id: str, trigger: str, verdict: Verdict) -> None:
        super().__init__(f"inbox {inbox_id}: {trigger} refused: {verdict}: read its state instead")
        self.inbox_id = inbox_id
        self.trigger = trigger
        self.verdict = verdict


class RetryRefused(TransitionRefused):
    """The gate of `start_warmup` / `retry_warmup` refused, or another call won the race."""


class SendersRefused(InboxLifecycleError):
    """Not every sender is the caller's and `active`; nothing was launched."""

    def __init__(self, verdicts: Mapping[str, Verdict]) -> None:
        refused = [f"inbox {inbox_id}: {verdict}" for inbox_id, verdict in verdicts.items() if not verdict.holds]
        more = f"; and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
        named = "; ".join(refused[:_NAMED]) + more
        super().__init__(f"not every sender may send: {named}: leave those out, or wait until they are active")
        #: Clause by clause, of every sender asked for; those that may send hold.
        self.verdicts = dict(verdicts)


class LaunchInProgress(InboxLifecycleError):
    """Another launch of this campaign has not ended yet; nothing was sent."""

    def __init__(self, campaign_id: str, retry_after: float | None = None) -> None:
        super().__init__(f"a launch of campaign {campaign_id} is under way: look at its outcome before the next try")
        self.campaign_id = campaign_id
        #: Seconds after which the other launch counts as broken off, where known.
        self.retry_after = retry_after


class ApiKeyNotFound(InboxLifecycleError, LookupError):
    """There is no such API key."""

    def __init__(self) -> None:
        super().__init__("no such API key: list them, and name one by its id or by its visible prefix")


class AuthenticationUnavailable(InboxLifecycleError):
    """Whether a token holds cannot be told: the public keys of whoever issues them could not be had."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"the keys that tokens are checked with could not be fetched: try again in {retry_after:g} s")
        #: Seconds until they are asked for again.
        self.retry_after = retry_after


class ConcurrencyConflict(InboxLifecycleError):
    """The inbox is not at the version the caller expected; nothing moved."""

    def __init__(self, inbox_id: str, expected: int | None, actual: int) -> None:
        wanted = "another version" if expected is None else f"version {expected}"
        super().__init__(f"inbox {inbox_id} is at version {actual}, not at {wanted}: read it again and decide again")
        self.inbox_id = inbox_id
        self.expected = expected
        self.actual = actual


class SubscriptionTaken(InboxLifecycleError):
    """Another consumer works under this name, or took it over while this one was too slow; its lease says how long."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"subscription {name} has another consumer: let it finish, or try again once its lease is over"
        )
        self.name = name


class ProviderError(InboxLifecycleError):
    """The provider did not enable the warmup; the inbox did not move."""

    #: What the provider did, as the tail of a sentence.
    did = "failed"
    #: What the caller may do, unless the provider said when.
    cure = "retry after a short backoff"

    def __init__(self, provider: str, detail: str = "", *, retry_after: float | None = None) -> None:
        cure = self.cure if retry_after is None else f"retry in {retry_after:g} s"
        super().__init__(f"provider {provider} {self.did}{': ' + detail if detail else ''}: {cure}")
        self.provider = provider
        self.detail = detail
        #: Seconds to wait before the next try, where the provider said so.
        self.retry_after = retry_after


class ProviderRejected(ProviderError):
    """The provider answered no; `status` is its HTTP status."""

    did = "rejected the request"
    cure = "mend what it names, then retry"

    def __init__(self, provider: str, detail: str = "", *, status: int | None = None) -> None:
        super().__init__(provider, detail)
        self.status = status


class ProviderThrottled(ProviderError):
    """The provider's rate limit is reached."""

    did = "is throttling us"


class ProviderBusy(ProviderError):
    """The provider runs another warmup job and takes no second one meanwhile."""

    did = "is busy with another warmup job"


class ProviderUnavailable(ProviderError):
    """The provider was not reached, or said it cannot serve; the request had no effect."""

    did = "is not available"


class ProviderOutcomeUnknown(ProviderError):
    """The request may have had its effect and may not; the attempt stays open until `reconcile` asks."""

    did = "gave no usable answer, so the outcome is unknown"
    cure = "retry after a short backoff, or let `reconcile` ask for the truth"


class WarmupNotRecorded(InboxLifecycleError):
    """The provider accepted and our write failed; the write may take effect later, or never."""

    def __init__(self, inbox_id: str) -> None:
        super().__init__("Warmup was enabled but failed to update account status")
        self.inbox_id = inbox_id


class StoreError(InboxLifecycleError):
    """The database could not be asked."""


class StoreUnavailable(StoreError):
    """The database did not answer; `maybe_applied` tells whether the statement may have taken effect."""

    def __init__(self, why: str, *, maybe_applied: bool = False) -> None:
        super().__init__(f"the database did not answer ({why}): try again later")
        self.why = why
        self.maybe_applied = maybe_applied


class StoreContended(StoreError):
    """The database undid the statement because of a concurrent one (SQLSTATE 40001, 40P01, or SQLite's busy)."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the database undid the statement in favour of a concurrent one ({code}): run it again")
        self.code = code


class StoreMisconfigured(StoreError):
    """The database, its role or its engine is not set up as the library needs it."""


class SchemaMismatch(StoreError):
    """The database's schema is not the one this version of the library works on."""

    def __init__(self, found: str | None, head: str) -> None:
        if found is None:
            message = "the database has no inbox-lifecycle schema: run `inbox-lifecycle db upgrade`"
        else:
            message = (
                f"the database's schema is at {found}, this library needs {head}: run `inbox-lifecycle db upgrade`, "
                "or install the newer library if the schema is ahead"
            )
        super().__init__(message)
        self.found = found
        self.head = head


class ProofInvalid(InboxLifecycleError, ValueError):
    """A proof does not prove what it came with: it is malformed, or it leads to another root."""


class NoteInvalid(ProofInvalid):
    """A signed note is malformed, is not signed by the key asked for, or its signature does not hold."""


class HistoryError(InboxLifecycleError):
    """The history cannot be read as it stands."""


class UnknownEvent(HistoryError):
    """An event's name or schema is unknown to this version of the library."""

    def __init__(self, inbox_id: str, version: int, name: str, schema: int) -> None:
        super().__init__(
            f"inbox {inbox_id}, version {version}: event {name} with schema {schema} is unknown here: "
            "install the version of inbox-lifecycle that wrote it"
        )
        self.inbox_id = inbox_id
        self.version = version
        self.name = name
        self.schema = schema


class HistoryBroken(HistoryError):
    """A stored event is not what was written; run `inbox-lifecycle verify`."""

    def __init__(self, inbox_id: str, version: int, why: str) -> None:
        super().__init__(f"inbox {inbox_id}, version {version}: {why}: run `inbox-lifecycle verify`")
        self.inbox_id = inbox_id
        self.version = version
        self.why = why


class HistoryKept(HistoryError):
    """A downgrade would drop the history."""

    def __init__(self, events: int) -> None:
        super().__init__(
            f"this downgrade would drop {events} events for good: export them, then say drop_history=True "
            "(`alembic -x drop_history=yes`)"
        )
        self.events = events


class TreeInconsistent(HistoryError):
    """The feed does not extend what was signed before: it was rewritten, or an old backup was restored."""

    def __init__(self, size: int, why: str) -> None:
        super().__init__(
            f"the feed does not extend the checkpoint of size {size}: {why}: sign nothing, keep that checkpoint, "
            "and run `inbox-lifecycle verify`"
        )
        self.size = size
        self.why = why


class ApiError(InboxLifecycleError):
    """The HTTP API did not serve a call of `inbox_lifecycle.client`; it raises the other errors as the library does."""


class Unauthorised(ApiError):
    """The HTTP API did not take the token; why is not said."""

    def __init__(self) -> None:
        super().__init__("the HTTP API did not take the token: check it, and whether it has expired or was revoked")


class ApiRefused(ApiError):
    """The HTTP API said no, in a way that has no error of its own here."""

    def __init__(self, status: int, said: str, *, retry_after: float | None = None) -> None:
        super().__init__(
            f"the HTTP API refused the call with {status} ({said or 'it does not say why'}): check what the call names,"
            " what the token may do, and the base URL"
        )
        #: The HTTP status.
        self.status = status
        self.said = said
        #: Seconds to wait before the next try, where it said so.
        self.retry_after = retry_after


class ApiUnreachable(ApiError):
    """No answer came from the HTTP API, or it failed; `maybe_applied` tells whether the call may have taken effect."""

    def __init__(self, why: str, *, maybe_applied: bool = False, retry_after: float | None = None) -> None:
        doubt = ", and the call may have taken effect" if maybe_applied else ""
        super().__init__(f"the HTTP API did not answer ({why}){doubt}: try again later")
        self.why = why
        self.maybe_applied = maybe_applied
        #: Seconds to wait before the next try, where it said so.
        self.retry_after = retry_after


class ApiAnswerUnreadable(ApiError):
    """What answered is not this API, or speaks another version of it."""

    def __init__(self, why: str, *, status: int, maybe_applied: bool = False) -> None:
        doubt = ", and the call may have taken effect" if maybe_applied else ""
        super().__init__(
            f"the answer with {status} is none of the HTTP API's ({why}){doubt}: check the base URL, and which version"
            " serves there"
        )
        self.why = why
        #: The HTTP status.
        self.status = status
        self.maybe_applied = maybe_applied


class StepRefused(InboxLifecycleError):
    """A step that waits for the network, or cannot be taken back, was asked for inside a host's transaction."""

    def __init__(self, step: str, why: str = "which would wait for the network") -> None:
        super().__init__(
            f"{step} cannot run inside a host's transaction, {why}: call it on Inboxes itself, outside the transaction"
        )
        self.step = step


def _made_again(kind: type[InboxLifecycleError], args: tuple[object, ...], facts: dict[str, object]) -> object:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error
