"""The public face: `Inboxes` and `AsyncInboxes`, mirror images over the same flows."""

from inbox_lifecycle.facade.awaiting import AsyncInboxes, AsyncOperator
from inbox_lifecycle.facade.blocking import Inboxes, Operator

__all__ = ["AsyncInboxes", "AsyncOperator", "Inboxes", "Operator"]
