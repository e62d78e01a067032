"""What a forked child must not share with its parent: connections, threads, and locks that nobody will open.

Prefork servers make their facades before they fork. In the child each registered part starts afresh.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Renewable(Protocol):
    """A part that can start afresh."""

    def renew(self) -> None:
        """Forget what belongs to the parent, without closing it."""
        ...


_PARTS: WeakSet[Renewable] = WeakSet()


def renew_after_fork(part: Renewable) -> None:
    """Start the part afresh in every child this process forks from now on."""
    _PARTS.add(part)


def _renew_all() -> None:
    for part in list(_PARTS):
        part.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
