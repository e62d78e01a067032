"""Times on a machine whose own zone is not UTC: what is written and read is the same instant everywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from inbox_lifecycle.canonical import read_time, time_text

PARIS_IN_SUMMER = timezone(timedelta(hours=2))
NOON = datetime(2030, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock hangs on the wall of another continent."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "XXX+7")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
@pytest.mark.parametrize("at", [NOON, NOON.astimezone(PARIS_IN_SUMMER)], ids=["utc", "elsewhere"])
def test_a_time_is_written_in_utc_whatever_the_machines_zone(at: datetime) -> None:
    """Two machines write the same bytes, or hashes would differ."""
    assert time_text(at) == "2030-06-01T12:00:00.000000Z"


@pytest.mark.usefixtures("far_from_utc")
def test_a_time_is_read_as_utc_whatever_the_machines_zone() -> None:
    """The letter at its end says so."""
    assert read_time("2030-06-01T12:00:00.000000Z") == NOON
    assert read_time("2030-06-01T12:00:00.000000Z").utcoffset() == timedelta(0)
