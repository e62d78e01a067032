"""The life of an inbox in the library `transitions`: one machine for all, to which a row is added while it moves."""

from __future__ import annotations

from transitions import Machine

from benchmarks.peers.logged import MailInbox

_MACHINE = Machine(
    model=None,
    states=["pending", "warming", "active", "banned"],
    initial="pending",
    model_attribute="status",
    auto_transitions=False,
    transitions=[
        {"trigger": "retry_warmup", "source": "pending", "dest": "warming"},
        {"trigger": "fail_warmup", "source": "warming", "dest": "pending"},
        {"trigger": "graduate", "source": "warming", "dest": "active"},
        {"trigger": "ban", "source": ["pending", "warming", "active"], "dest": "banned"},
    ],
)


def trigger(inbox: MailInbox, name: str) -> None:
    """Move the inbox, or raise."""
    _MACHINE.add_model(inbox, initial=inbox.status)
    try:
        getattr(inbox, name)()
    finally:
        _MACHINE.remove_model(inbox)
