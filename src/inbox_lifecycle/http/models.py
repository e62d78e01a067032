"""The answers' bodies, as they are documented and as they are sent: one set of models serves both.

Envelopes and names of fields are those of the original API. Names of models begin with words of ours, so that no model
of a host's is renamed in its OpenAPI document because of them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
# Written out and not taken from the enums, which would become named schemas in a host's document.
StatusWord = Literal["pending", "warming", "active", "banned"]
WarmupStatusWord = Literal["not_started", "warming", "active", "banned"]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="UTC, with microseconds.")]


class Model(BaseModel):
    """What all models share."""

    # Fields have names from elsewhere, `schema` and `model_...` among them.
    model_config = ConfigDict(populate_by_name=True, protected_namespaces=())


class InboxDomain(Model):
    """The domain of an inbox's address."""

    id: Id
    domain: str
    status: Literal["pending", "verifying", "verified", "failed"]


class InboxAccount(Model):
    """An inbox, as the original API calls its row; a host may add fields."""

    # What only the host knows of an inbox comes through its hook.
    model_config = ConfigDict(extra="allow")

    id: Id
    user_id: str = Field(description="The owner.")
    type: Literal["email"]
    domain_id: Id
    email_address: str
    instantly_account_id: str = Field(description="How the provider knows the mailbox.")
    provider: str = Field(description="The warmup provider.")
    status: StatusWord
    warmup_status: WarmupStatusWord
    version: int = Field(ge=1, description="The number of events in the inbox's history.")
    created_at: Time
    updated_at: Time
    email_domains: InboxDomain


class InboxAccountAnswer(Model):
    """One inbox."""

    account: InboxAccount


class InboxAccountsAnswer(Model):
    """Inboxes, newest first."""

    accounts: list[InboxAccount]
    next_after: str | None = Field(
        default=None,
        description="Only where `limit` was given: pass it as `after` for the next page; null when there is none.",
    )


class WarmupDay(Model):
    """One day of warmup mail."""

    date: str = Field(json_schema_extra={"format": "date"})
    sent: int
    received: int


class WarmupFigures(Model):
    """What the provider measured for an inbox."""

    email: str
    total_sent: int
    total_received: int
    landed_spam: int
    health_score: int | None = Field(description="Of 100.")
    health_score_label: str | None
    warmup_reputation: int | None = Field(description="Of 100.")
    instantly_warmup_status: Literal[1, 0, -1, -2, -3] | None = Field(
        description="1 warming, 0 not warming, -1 banned, -2 spam folder unknown, -3 suspended for good; null: unknown."
    )
    daily_data: list[WarmupDay]


class WarmupMove(Model):
    """The state that an inbox moved to."""

    warmup_status: WarmupStatusWord
    status: StatusWord


class WarmupUnread(Model):
    """Why there are no figures of an inbox."""

    reason: str = Field(description="A short word, such as `not_measured_yet` or `account_unreadable`.")


class WarmupAnalyticsAnswer(Model):
    """The figures, and what they moved; all by inbox id."""

    analytics: dict[str, WarmupFigures]
    transitions: dict[str, WarmupMove] = Field(description="Only the inboxes that moved.")
    unavailable: dict[str, WarmupUnread] = Field(description="The inboxes of which there are no figures.")


class CampaignLaunchAnswer(Model):
    """A campaign that was launched."""

    success: Literal[True]
    message: str
    runId: str = Field(description="The correlation id under which the senders have this launch on record.")  # noqa: N815 - the original's
    prospectsToProcess: int = Field(description="Always 0: prospects are the provider's affair.")  # noqa: N815 - as above
    warning: str | None = Field(default=None, description="Always null.")
    skippedProspects: list[Any]  # noqa: N815 - as above
    skippedCount: int  # noqa: N815 - as above


class InboxPair(Model):
    """Both state columns of an inbox."""

    status: StatusWord
    warmup_status: WarmupStatusWord


class InboxEventRecord(Model):
    """An event of an inbox's history, as exports have it."""

    inbox_id: Id
    version: int = Field(ge=1)
    event_id: Id
    name: str
    schema_: int = Field(alias="schema", description="The stored form of the payload.")
    payload: dict[str, Any]
    from_: InboxPair | None = Field(alias="from", description="Null for the birth.")
    to: InboxPair
    recorded_at: Time
    owner_id: str | None
    actor: str | None = Field(description="Who acted; null, as all that follows, where it was not said or is erased.")
    reason: str | None
    correlation_id: str | None
    causation_id: str | None
    idempotency_key: str | None
    hash: str = Field(description="The RFC 6962 leaf hash of `entry`, in hexadecimal.")
    previous_hash: str | None = Field(description="The hash of the event before it; null for the birth.")
    entry: str = Field(description="The canonical text of the event, as it was written.")


class InboxHistoryAnswer(Model):
    """Events of an inbox, in order of version."""

    history: list[InboxEventRecord]
    next_after: int | None = Field(description="Pass it as `after` for the next page; null when there is none.")


class InboxAttemptRecord(Model):
    """A call that asked the provider for something, and how it ended, as exports have it."""

    id: Id
    inbox_id: Id
    kind: Literal["start", "retry", "launch"]
    seen_version: int = Field(ge=1, description="The inbox as the call saw it.")
    opened_at: Time
    lease_until: Time = Field(description="Until then the call may still be alive.")
    outcome: str | None = Field(description="Null while it is open.")
    closed_at: Time | None
    event_version: int | None = Field(description="The event that it made, or whose success it was answered with.")
    to_disable: bool
    detail: Any = Field(description="The verdict of a refusal, or the provider's answer.")
    seen: InboxPair
    owner_id: str | None
    actor: str | None = Field(description="Who acted; null, as all that follows, where it was not said or is erased.")
    reason: str | None
    correlation_id: str | None
    causation_id: str | None
    idempotency_key: str | None


class InboxAttemptsAnswer(Model):
    """Attempts on an inbox, in the order they were opened."""

    attempts: list[InboxAttemptRecord]
    next_after: Id | None = Field(description="Pass it as `after` for the next page; null when there is none.")
