"""Facts of a log record: what is known of it by name, beside its message, and never the text of an error."""

from __future__ import annotations

from types import TracebackType
from typing import Final

#: Where a log record has its facts.
FACTS: Final = "inbox_lifecycle_facts"


def facts_of_failure(error: BaseException, request_id: str | None) -> dict[str, str]:
    """Which request an error ended, the error's type, and where it was raised."""
    known = {} if request_id is None else {"request_id": request_id}
    return {**known, "error": type(error).__name__, **place_of(error.__traceback__)}


def place_of(trace: TracebackType | None) -> dict[str, str]:
    """The deepest frame of a trace: module, function and line, and nothing of what stood there."""
    if trace is None:
        return {}
    while trace.tb_next is not None:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "?")
    return {"at": f"{module}:{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"}
