"""Something to export: inboxes of two owners with a history, and an export taken piece by piece."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from inbox_lifecycle import Inbox, ProviderError, audit_context
from inbox_lifecycle.audit.forms import Form
from inbox_lifecycle.store.exporting import What
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import STRANGER, Clock, born, lead_back, retry
from tests.support.faces import AnyFace, AwaitedFace
from tests.support.store import Store, opening

WHATS = tuple(What)
FORMS = tuple(Form)

#: Runs in a spreadsheet that divides at commas, and in one that divides at semicolons; and it has every other trap.
TRAP = "=cmd|' /C calc'!A0;\t@x\r\n'quoted', \"twice\" \u00fc＝"  # noqa: RUF001 - a wide one on purpose


@dataclass(frozen=True)
class Scene:
    """Three inboxes of two owners, moved at different times in different names."""

    face: AnyFace
    operator: AnyFace
    #: In order of birth.
    inboxes: tuple[Inbox, Inbox, Inbox]
    #: Between the second hour and the third.
    middle: datetime
    clock: Clock

    def export(self, what: str, **options: Any) -> list[str]:
        """The pieces."""
        pieces: list[str] = self.operator.export(what, **options)
        return pieces

    def records(self, what: str, **options: Any) -> list[dict[str, Any]]:
        """The JSON lines, read."""
        return [json.loads(piece) for piece in self.export(what, **options)]


def make_scene(make: MakeFace, sandbox: Sandbox) -> Scene:
    """Two owners' inboxes, an attempt that failed and two that did not, a ban and a correction, over three hours."""
    clock = Clock()
    face = make(clock=clock)
    with audit_context(actor="zoe", reason=TRAP, correlation_id="request 1", causation_id="message 1"):
        ana = born(face)
        sandbox.fail_next("throttle", retry_after=2)
        with pytest.raises(ProviderError):
            retry(face, ana, key="key 0")
        clock.move(hours=1)
        retry(face, ana, key="key 1")
    bo = face.register(email_address="bo@mail.example.com", owner_id=STRANGER)
    clock.move(hours=1)
    middle = clock.now - timedelta(minutes=30)
    face.start_warmup(bo.id, owner_id=STRANGER)
    cy = born(face, "cy@mail.example.com")
    clock.move(hours=1)
    lead_back(face, ana)
    face.operator(actor="otto").ban(bo.id, reason="spam")
    clock.move(hours=1)
    return Scene(face, face.operator(), (ana, bo, cy), middle, clock)


def left_open(store: Store, inbox: Inbox) -> str:
    """An attempt in flight."""
    statement = opening(inbox, owner=None)
    assert store.run(statement) is not None
    return statement.attempt_id


class Tap:
    """An export taken piece by piece, from either facade."""

    def __init__(self, operator: AnyFace, what: str, **options: Any) -> None:
        self._loop = operator.loop if isinstance(operator, AwaitedFace) else None
        self._pieces: Any = operator.target.export(what, **options)

    def next(self) -> str:
        """One more piece."""
        piece: str = next(self._pieces) if self._loop is None else self._loop.wait(anext(self._pieces))
        return piece

    def rest(self) -> list[str]:
        """All that are left."""
        if self._loop is None:
            return list(self._pieces)
        return list(iter(self._next_or_none, None))

    def close(self) -> None:
        """Leave it as it stands."""
        if self._loop is None:
            self._pieces.close()
        else:
            self._loop.wait(self._pieces.aclose())

    def _next_or_none(self) -> str | None:
        try:
            return self.next()
        except StopAsyncIteration:
            return None
