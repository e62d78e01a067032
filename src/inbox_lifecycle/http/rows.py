"""From what the library returns to what the answers' bodies hold."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi.responses import Response
from pydantic import TypeAdapter

from inbox_lifecycle.audit.forms import attempt_record, event_record
from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.domain import Inbox, WarmupState
from inbox_lifecycle.http.facts import FACTS, facts_of_failure
from inbox_lifecycle.http.hooks import Present
from inbox_lifecycle.http.models import (
    CampaignLaunchAnswer,
    InboxAccount,
    InboxAttemptRecord,
    InboxEventRecord,
    Model,
    WarmupAnalyticsAnswer,
)
from inbox_lifecycle.lifecycle.sending import Launch
from inbox_lifecycle.lifecycle.syncing import WarmupSync
from inbox_lifecycle.providers.port import Figures, NoFigures
from inbox_lifecycle.records import Attempt, RecordedEvent

logger = logging.getLogger("inbox_lifecycle.http")

_ADDED: Final = TypeAdapter(dict[str, object])

#: The provider's own codes, which the original API passes on. A job that still runs has not switched anything yet.
WARMUP_CODES: Final[Mapping[WarmupState, int]] = {
    WarmupState.WARMING: 1,
    WarmupState.NOT_WARMING: 0,
    WarmupState.JOB_PENDING: 0,
    WarmupState.BANNED: -1,
    WarmupState.SPAM_FOLDER_UNKNOWN: -2,
    WarmupState.SUSPENDED: -3,
}


class JsonLines(Response):
    """A document a line."""

    media_type = "application/jsonl"


def account_of(inbox: Inbox, added: Mapping[str, object]) -> InboxAccount:
    """The inbox's row, with what its host adds."""
    ours = {
        "id": inbox.id,
        "user_id": inbox.owner_id,
        "type": "email",
        "domain_id": inbox.email_domain_id,
        "email_address": inbox.email_address,
        "instantly_account_id": inbox.provider_ref or inbox.email_address,
        "provider": inbox.provider,
        "status": inbox.status.value,
        "warmup_status": inbox.warmup_status.value,
        "version": inbox.version,
        "created_at": time_text(inbox.created_at),
        "updated_at": time_text(inbox.updated_at),
        "email_domains": {
            "id": inbox.email_domain_id,
            "domain": inbox.email_domain,
            "status": inbox.email_domain_status,
        },
    }
    return InboxAccount.model_validate({**added, **ours})


def accounts_of(
    inboxes: Sequence[Inbox], present: Present | None = None, request_id: str | None = None
) -> list[InboxAccount]:
    """The inboxes' rows, with what their host adds; without it where the host fails, as what was done is done."""
    if present is None:
        return [account_of(inbox, {}) for inbox in inboxes]
    built, failure, bare = [], None, 0
    for inbox in inboxes:
        try:
            added = dict(present(inbox))
            # Whether it can be sent at all shows only here.
            _ADDED.dump_json(added)
            built.append(account_of(inbox, added))
        except Exception as error:  # noqa: BLE001 - whatever a host's code raises
            failure, bare = error, bare + 1
            built.append(account_of(inbox, {}))
    if failure is not None:
        # Once, however many rows there are; its text may hold anything.
        logger.error(
            "the host's fields could not be had for %d of %d accounts: %s",
            bare,
            len(inboxes),
            type(failure).__name__,
            extra={FACTS: facts_of_failure(failure, request_id)},
        )
    return built


def event_of(event: RecordedEvent) -> InboxEventRecord:
    """The event."""
    return InboxEventRecord.model_validate(event_record(event))


def attempt_of(attempt: Attempt) -> InboxAttemptRecord:
    """The attempt."""
    return InboxAttemptRecord.model_validate(attempt_record(attempt))


def analytics_of(sync: WarmupSync) -> WarmupAnalyticsAnswer:
    """The figures that a sync read, what it moved, and of which inboxes it could learn nothing."""
    measured, unavailable = {}, {inbox_id: {"reason": why} for inbox_id, why in sync.unread.items()}
    for inbox_id, found in sync.analytics.items():
        if isinstance(found.figures, NoFigures):
            unavailable[inbox_id] = {"reason": found.figures.reason}
        else:
            measured[inbox_id] = _figures(found.inbox, found.figures)
    moved = {
        inbox_id: {"warmup_status": moved.reached.warmup_status.value, "status": moved.reached.status.value}
        for inbox_id, moved in sync.transitions.items()
    }
    return WarmupAnalyticsAnswer.model_validate(
        {"analytics": measured, "transitions": moved, "unavailable": unavailable}
    )


def _figures(inbox: Inbox, figures: Figures) -> dict[str, Any]:
    return {
        "email": inbox.email_address,
        "total_sent": figures.total_sent,
        "total_received": figures.total_received,
        "landed_spam": figures.landed_spam,
        "health_score": figures.health_score,
        "health_score_label": figures.health_score_label,
        "warmup_reputation": figures.reputation,
        "instantly_warmup_status": WARMUP_CODES.get(figures.warmup),
        "daily_data": [{"date": day.date, "sent": day.sent, "received": day.received} for day in figures.daily],
    }


def launch_of(launch: Launch, correlation_id: str) -> CampaignLaunchAnswer:
    """The launch."""
    count = len(launch.senders)
    return CampaignLaunchAnswer(
        success=True,
        message=f"Campaign launched with {count} sender{'' if count == 1 else 's'}",
        runId=correlation_id,
        prospectsToProcess=0,
        warning=None,
        skippedProspects=[],
        skippedCount=0,
    )


def send(model: Model) -> Response:
    """A body as an answer: what was not set is left out."""
    return Response(model.model_dump_json(by_alias=True, exclude_unset=True), media_type="application/json")
