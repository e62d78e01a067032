"""What was released stays readable: each schema of each event, from the first to the current one, has its way up."""

from __future__ import annotations

from dataclasses import is_dataclass

from inbox_lifecycle.codec import EVENT_NAMES, EVENT_SCHEMAS, EVENT_TYPES
from inbox_lifecycle.upcasting import UPCASTERS
from tests.archive.rows import ARCHIVES, Archive


def _older() -> set[tuple[str, int]]:
    return {(name, older) for name, current in EVENT_TYPES for older in range(1, current)}


def test_every_older_schema_has_its_upcaster() -> None:
    """From 1 to the one before the current one, and no upcaster stands beside the chain."""
    assert set(UPCASTERS) == _older()


def test_every_schema_there_ever_was_can_be_read() -> None:
    """The codec's own register holds the older ones and those of today."""
    assert set(EVENT_SCHEMAS) == _older() | set(EVENT_TYPES)


def test_every_event_is_written_in_its_current_schema() -> None:
    """One name, one type, one schema to write."""
    assert sorted(EVENT_NAMES.values()) == sorted(EVENT_TYPES)
    assert len({name for name, _ in EVENT_TYPES}) == len(EVENT_TYPES)


def test_every_upcaster_reads_a_form_of_its_own() -> None:
    """A form that is a type of today would change with it."""
    forms = [upcaster.form for upcaster in UPCASTERS.values()]
    assert all(is_dataclass(form) for form in forms)
    assert len(set(forms)) == len(forms)
    assert not set(forms) & set(EVENT_TYPES.values())


def test_every_older_schema_stands_in_an_archive() -> None:
    """Rows as they were released are the only witness of what an upcaster has to read."""
    archived = {known for archive in ARCHIVES for known in _stored(archive)}
    assert _older() <= archived
    assert archived <= set(EVENT_SCHEMAS)


def _stored(archive: Archive) -> set[tuple[str, int]]:
    return {(row["name"], row["schema"]) for row in archive.rows("inbox_events")}
