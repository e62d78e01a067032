"""Exports as flows: where one begins and ends, and its pages; between two pages nothing is held."""

from __future__ import annotations

from dataclasses import dataclass

from inbox_lifecycle.audit import forms
from inbox_lifecycle.audit.forms import Form
from inbox_lifecycle.audit.replaying import feed_size
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.store.exporting import Exported, ExportEnd, ExportPage, Filters, Mark, What, beginning, mark_of

#: Records per page.
PAGE = 1000

_HEADERS = {
    What.HISTORY: forms.EVENT_HEADER,
    What.ATTEMPTS: forms.ATTEMPT_HEADER,
    What.FEED: forms.FEED_HEADER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is exported, and in which form."""

    what: What
    form: Form
    filters: Filters
    #: The `source` of CloudEvents.
    source: str

    def header(self) -> tuple[str, ...]:
        """What stands before the records: in CSV the names of the columns."""
        return (forms.csv_line(_HEADERS[self.what]),) if self.form is Form.CSV else ()

    def line(self, record: Exported) -> str:
        """A record in the form, with its line end."""
        return forms.line_of(record, self.form, self.source)


@dataclass(frozen=True, slots=True)
class Span:
    """What is still to be read: after one mark, up to another."""

    after: Mark
    until: Mark


def begin(export: Export) -> Flow[Span | None]:
    """All there is as the export begins; None where there is nothing. Of the feed it first seals what it can."""
    until: Mark | None
    if export.what is What.FEED:
        size = yield from feed_size()
        until = (size - 1,) if size else None
    else:
        attempts = export.what is What.ATTEMPTS
        until = yield from again(ExportEnd(attempts=attempts, inbox_id=export.filters.inbox_id))
    return None if until is None else Span(beginning(export.what), until)


def next_page(export: Export, span: Span, *, limit: int = PAGE) -> Flow[tuple[tuple[Exported, ...], Span | None]]:
    """The next records, and what is left after them; None where nothing is."""
    records = yield from again(
        ExportPage(what=export.what, filters=export.filters, after=span.after, until=span.until, limit=limit)
    )
    return records, Span(mark_of(records[-1]), span.until) if len(records) == limit else None
