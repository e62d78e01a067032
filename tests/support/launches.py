"""Launches in the words of the contract suite."""

from __future__ import annotations

from inbox_lifecycle import Attempt, Inbox, Launch
from tests.support.contract import ACTIVE, ANA, OWNER, adopted
from tests.support.faces import AnyFace

BO = "bo@mail.example.com"
CY = "cy@mail.example.com"
CAMPAIGN = "campaign-7"


def senders(face: AnyFace, *emails: str) -> list[Inbox]:
    """Active inboxes."""
    return [adopted(face, ACTIVE, email) for email in emails or (ANA, BO)]


def launch(face: AnyFace, inboxes: list[Inbox], campaign_id: str = CAMPAIGN) -> Launch:
    """The owner's launch."""
    launched: Launch = face.launch_campaign(campaign_id, [inbox.id for inbox in inboxes], owner_id=OWNER)
    return launched


def attempts(face: AnyFace, inbox: Inbox) -> list[Attempt]:
    """The attempts on an inbox."""
    found: list[Attempt] = face.operator().attempts(inbox.id)
    return found


def outcomes(face: AnyFace, inboxes: list[Inbox]) -> list[list[str | None]]:
    """How the attempts on each inbox ended, in the order they were opened."""
    return [[attempt.outcome for attempt in attempts(face, inbox)] for inbox in inboxes]


def failed(attempt: Attempt) -> list[tuple[str, str]]:
    """What failed in the verdict that closed an attempt: the field, and what was found."""
    return [(clause["field"], clause["found"]) for clause in attempt.detail if not clause["held"]]
