"""A provider that there is no key of here: it says so of each inbox, and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.flow import Flow, done
from inbox_lifecycle.providers.port import (
    ActivateAnswer,
    DisableAnswer,
    EnableAnswer,
    Figures,
    Mailbox,
    NoFigures,
    Rejected,
)


@dataclass(frozen=True, slots=True)
class Unserved:
    """Answers in the provider's place, without asking anybody."""

    name: str
    #: In words of ours, with the cure.
    why: str
    #: Seconds that it takes; nobody is waited for.
    budget: float = 1.0

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        """No."""
        return done({mailbox.inbox_id: self._no for mailbox in mailboxes})

    def read_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, WarmupState]]:
        """Nothing is known."""
        return done({mailbox.inbox_id: WarmupState.UNKNOWN for mailbox in mailboxes})

    def disable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, DisableAnswer]]:
        """No."""
        return done({mailbox.inbox_id: self._no for mailbox in mailboxes})

    def read_analytics(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, Figures | NoFigures]]:
        """None."""
        return done({mailbox.inbox_id: NoFigures(self.why) for mailbox in mailboxes})

    def activate_campaign(self, campaign_id: str) -> Flow[ActivateAnswer]:
        """No."""
        del campaign_id
        return done(self._no)

    @property
    def _no(self) -> Rejected:
        return Rejected(None, self.why)
