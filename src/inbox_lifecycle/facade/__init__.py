"""The public face: `Inboxes` and `AsyncInboxes`, mirror images over the same flows; each is loaded when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox_lifecycle.facade.awaiting import AsyncInboxes
    from inbox_lifecycle.facade.awaiting_operator import AsyncOperator
    from inbox_lifecycle.facade.blocking import Inboxes
    from inbox_lifecycle.facade.blocking_operator import Operator

__all__ = ["AsyncInboxes", "AsyncOperator", "Inboxes", "Operator"]

_HOME_OF = {
    "AsyncInboxes": "inbox_lifecycle.facade.awaiting",
    "AsyncOperator": "inbox_lifecycle.facade.awaiting_operator",
    "Inboxes": "inbox_lifecycle.facade.blocking",
    "Operator": "inbox_lifecycle.facade.blocking_operator",
}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = globals()[name] = getattr(import_module(home), name)
    return value
