"""What each error is to a client: the one table from errors to statuses, types and titles of problem documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fastapi.exceptions import RequestValidationError

from inbox_lifecycle import errors
from inbox_lifecycle.http.hooks import CampaignNotLaunchable
from inbox_lifecycle.terms import NoProvider

#: Before the word of a problem's type; no document stands behind it.
TYPE: Final = "urn:inbox-lifecycle:problem:"

#: Bytes that a request's body may have at most; nobody reads what it says.
BODY_BOUND: Final = 64 * 1024


class NotAuthenticated(errors.InboxLifecycleError):
    """There is no bearer token, or it is not good; which of the two, and why, is nobody's business."""


class BodyTooLarge(errors.InboxLifecycleError):
    """The body is larger than any that could be meant."""


class NoSuchCampaign(errors.InboxLifecycleError):
    """The host knows no such campaign of this caller."""


class LaunchPostponed(errors.InboxLifecycleError):
    """The provider could not launch the campaign now, or its answer was lost; launching it again is safe."""

    def __init__(self, provider: str, retry_after: float | None = None) -> None:
        super().__init__(f"provider {provider} could not launch the campaign now")
        self.provider = provider
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What an error is to a client."""

    status: int
    #: The last word of `type`.
    word: str
    title: str
    #: What clients of the original API are told; the error's own message where None.
    error: str | None = None
    #: The error's own message where None.
    detail: str | None = None
    #: Seconds to wait where the error does not know; None for an answer without `Retry-After`.
    retry_after: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The problem's type."""
        return TYPE + self.word


_PROVIDER_FAILED = "Provider request failed"
_UNAVAILABLE = "Service temporarily unavailable"
_INTERNAL = "Internal server error"

UNFORESEEN: Final = Row(
    status=500,
    word="internal-error",
    title="Something went wrong here",
    error=_INTERNAL,
    detail="Something went wrong that was not foreseen: tell the operators the X-Request-ID of this answer.",
)

#: An error that is not named has its nearest parent's row.
ROWS: Final[Mapping[type[Exception], Row]] = {
    NotAuthenticated: Row(
        status=401,
        word="not-authenticated",
        title="Not authenticated",
        error="Unauthorized",
        detail="This needs a bearer token that is good.",
        headers={"WWW-Authenticate": "Bearer"},
    ),
    errors.AuthenticationUnavailable: Row(
        status=503,
        word="authentication-unavailable",
        title="Tokens cannot be checked now",
        error=_UNAVAILABLE,
        detail="What says whether a token is good could not be asked. Nothing was done: try again later.",
        retry_after=30,
    ),
    BodyTooLarge: Row(
        status=413,
        word="body-too-large",
        title="The body is too large",
        error="Request body too large",
        detail=f"No body is needed here, and none of more than {BODY_BOUND} bytes is taken.",
    ),
    errors.InvalidInput: Row(
        status=422, word="malformed-input", title="The request is malformed", error="Invalid request"
    ),
    RequestValidationError: Row(
        status=422,
        word="malformed-parameters",
        title="Parameters are malformed",
        error="Invalid request",
        detail="Some parameters are malformed: `errors` names them.",
    ),
    # The host's omission, and not the client's.
    NoProvider: replace(UNFORESEEN),
    errors.IdempotencyKeyReused: Row(
        status=422,
        word="idempotency-key-reused",
        title="The idempotency key stands for another operation",
        error="Idempotency key already used",
    ),
    errors.InboxNotFound: Row(
        status=404, word="account-not-found", title="There is no such account", error="Account not found"
    ),
    NoSuchCampaign: Row(
        status=404,
        word="campaign-not-found",
        title="There is no such campaign",
        error="Campaign not found",
        detail="There is no such campaign for this caller: check the id and whose campaign it is.",
    ),
    errors.TransitionRefused: Row(
        status=409,
        word="transition-refused",
        title="The account's state does not allow this",
        error="Account is not in a state that allows this",
    ),
    errors.RetryRefused: Row(
        status=409,
        word="retry-refused",
        title="The account's state does not allow a retry",
        error="Account is not waiting for its warmup to be retried",
    ),
    CampaignNotLaunchable: Row(
        status=400, word="campaign-not-launchable", title="The campaign cannot be launched as it is"
    ),
    errors.SendersRefused: Row(
        status=400,
        word="senders-refused",
        title="Not every sender may send",
        error="Every sender must be active before the campaign can be launched",
    ),
    errors.LaunchInProgress: Row(
        status=409,
        word="launch-in-progress",
        title="Another launch of the campaign is under way",
        error="Campaign launch already in progress",
        retry_after=120,
    ),
    LaunchPostponed: Row(
        status=503,
        word="launch-postponed",
        title="The provider could not launch the campaign now",
        error=_UNAVAILABLE,
        detail="The provider could not launch the campaign now. Launching it again is safe: try again later.",
        retry_after=30,
    ),
    errors.ProviderError: Row(
        status=502,
        word="provider-failed",
        title="The provider failed",
        error=_PROVIDER_FAILED,
        retry_after=10,
    ),
    errors.ProviderRejected: Row(
        status=502,
        word="provider-rejected",
        title="The provider rejected the request",
        error=_PROVIDER_FAILED,
        retry_after=10,
    ),
    errors.ProviderThrottled: Row(
        status=502,
        word="provider-throttled",
        title="The provider's rate limit is reached",
        error=_PROVIDER_FAILED,
        retry_after=30,
    ),
    errors.ProviderBusy: Row(
        status=502,
        word="provider-busy",
        title="The provider runs another warmup job",
        error=_PROVIDER_FAILED,
        retry_after=60,
    ),
    errors.ProviderUnavailable: Row(
        status=502,
        word="provider-unavailable",
        title="The provider is not available",
        error=_PROVIDER_FAILED,
        retry_after=10,
    ),
    errors.ProviderOutcomeUnknown: Row(
        status=502,
        word="provider-outcome-unknown",
        title="The provider gave no usable answer",
        error=_PROVIDER_FAILED,
        retry_after=10,
    ),
    errors.WarmupNotRecorded: Row(
        status=500,
        word="warmup-not-recorded",
        title="The warmup was enabled and not recorded",
    ),
    errors.StoreError: Row(
        status=503,
        word="store-unavailable",
        title="The database could not be asked",
        error=_UNAVAILABLE,
        detail="The database could not be asked, and nothing was sent to the provider: try again later.",
        retry_after=30,
    ),
    errors.HistoryError: Row(
        status=500,
        word="history-unreadable",
        title="The history cannot be read as it stands",
        error=_INTERNAL,
        detail="What is on record cannot be read as it stands: tell the operators the X-Request-ID of this answer.",
    ),
}
