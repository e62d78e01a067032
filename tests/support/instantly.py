"""Asking the Instantly adapter one thing at a time, over real HTTP against a sandbox."""

from typing import Final

from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.providers.instantly import Instantly
from inbox_lifecycle.providers.port import (
    ActivateAnswer,
    DisableAnswer,
    EnableAnswer,
    Figures,
    Mailbox,
    NoFigures,
    Provider,
)
from inbox_lifecycle.testing import Operation, Sandbox
from tests.support.http_driver import drive

ANA: Final = "Ana+1@mail.example.com"
BO: Final = "bo@mail.example.com"


def provider_of(sandbox: Sandbox, *, timeout: float = 5.0) -> Provider:
    """The adapter, pointed at a sandbox."""
    return Instantly(api_key=sandbox.api_key, base_url=sandbox.base_url, timeout=timeout)


def mailboxes(*addresses: str) -> list[Mailbox]:
    """Mailboxes whose ids are their addresses."""
    return [Mailbox(InboxId(address), address) for address in addresses]


def enable(provider: Provider, address: str = ANA) -> EnableAnswer:
    """What the adapter answers to one enable."""
    return drive(provider.enable_warmup(mailboxes(address)))[InboxId(address)]


def disable(provider: Provider, address: str = ANA) -> DisableAnswer:
    """What the adapter answers to one disable."""
    return drive(provider.disable_warmup(mailboxes(address)))[InboxId(address)]


def read(provider: Provider, address: str = ANA) -> WarmupState:
    """What the adapter reads of one account."""
    return drive(provider.read_warmup(mailboxes(address)))[InboxId(address)]


def analytics(provider: Provider, address: str = ANA) -> Figures | NoFigures:
    """The figures of one account."""
    return drive(provider.read_analytics(mailboxes(address)))[InboxId(address)]


def activate(provider: Provider, campaign_id: str) -> ActivateAnswer:
    """What the adapter answers to a launch."""
    return drive(provider.activate_campaign(campaign_id))


def operations(sandbox: Sandbox) -> list[Operation]:
    """What the sandbox was asked, in order."""
    return [request.operation for request in sandbox.requests]
