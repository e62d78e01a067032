"""Whether the database still guards the history: its triggers, constraints and keys against those the migrations made.

A history that is sound may stand in a database that would let anybody change it unseen; this tells.
"""

from __future__ import annotations

from inbox_lifecycle.audit.checks import Finding
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.store.guards import FallenGuards


def check_guards() -> Flow[list[Finding]]:
    """One finding for each guard that is missing, switched off, or another than it should be."""
    fallen = yield from again(FallenGuards())
    return [
        Finding(kind="guard", guard=one.guard, expected=f"{one.guard}, {one.expected}", found=one.found)
        for one in fallen
    ]
