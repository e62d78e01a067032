"""Running a flow step by step on a real database, with things that happen between two of its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from inbox_lifecycle.flow import Flow, Once, Step
from tests.support.store import Store

T = TypeVar("T")


def driven(store: Store, flow: Flow[T], meanwhile: dict[str, Callable[[], object]]) -> T:
    """What the flow gives; before the first step of a name something happens, and all of it has to happen."""
    try:
        step = next(flow)
        while True:
            meanwhile.pop(_name(step), _nothing)()
            step = flow.send(store.run(step.statement) if isinstance(step, Once) else None)
    except StopIteration as end:
        assert meanwhile == {}
        given: T = end.value
        return given


def _name(step: Step) -> str:
    return step.statement.name if isinstance(step, Once) else type(step).__name__


def _nothing() -> None:
    pass
