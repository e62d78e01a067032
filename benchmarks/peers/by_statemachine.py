"""The life of an inbox in the library `python-statemachine`: a chart whose model is the row."""

from __future__ import annotations

from statemachine import State, StateChart

from benchmarks.peers.logged import MailInbox


class Life(StateChart[MailInbox]):
    """Pending, warming, active, banned."""

    allow_event_without_transition = False

    pending = State(initial=True)
    warming = State()
    active = State()
    banned = State(final=True)

    retry_warmup = pending.to(warming)
    fail_warmup = warming.to(pending)
    graduate = warming.to(active)
    ban = pending.to(banned) | warming.to(banned) | active.to(banned)


def trigger(inbox: MailInbox, name: str) -> None:
    """Move the inbox, or raise."""
    Life(model=inbox, state_field="status").send(name)
